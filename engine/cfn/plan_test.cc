#include "cfn/plan.h"

#include <gmock/gmock.h>

#include "cfn/template.h"
#include "cfn/types.h"

namespace kiban::cfn {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

json::object tree_of(const std::string& text) {
  const auto tree = parse_template(text);
  EXPECT_TRUE(tree) << tree.error().cause;
  return tree ? *tree : json::object{};
}

// "A:Add", "B:Modify(Name!,Other~)": ! replaces, ~ is known afterwards only.
std::vector<std::string> planned(const std::string& now, const std::string& before,
                                 const std::map<std::string, Existing>& existing) {
  const json::object tree = tree_of(now);
  const json::object old = tree_of(before);
  Evaluator evaluator(tree, {.region = "ap-northeast-1"}, {});
  EXPECT_TRUE(evaluator.prepare({}));
  evaluator.plan_only(true);
  const auto changes = plan(tree, old, evaluator, existing, {});
  if (!changes) return {changes.error().cause};
  std::vector<std::string> out;
  for (const ResourceChange& change : *changes) {
    std::string line = change.logical_id + ":";
    line += change.action == ResourceChange::Action::Add      ? "Add"
            : change.action == ResourceChange::Action::Remove ? "Remove"
                                                              : "Modify";
    for (const PropertyChange& property : change.properties) {
      line +=
          " " + property.name + (property.replaces ? "!" : "") + (property.dynamic() ? "~" : "");
    }
    for (const std::string& attribute : change.attributes) line += " @" + attribute;
    out.push_back(line);
  }
  return out;
}

const std::string topic_and_queue =
    R"({"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":{"Ref":"T"}}},)"
    R"("T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"t"}}}})";

std::map<std::string, Existing> both() {
  return {
      {"T",
       {.type = "AWS::SNS::Topic", .physical_id = "arn:t", .properties = {{"TopicName", "t"}}}},
      {"Q",
       {.type = "AWS::SQS::Queue", .physical_id = "q", .properties = {{"QueueName", "arn:t"}}}}};
}

TEST(Plan, OfWhatIsThereIsEmpty) {
  EXPECT_THAT(planned(topic_and_queue, topic_and_queue, both()), ElementsAre());
  EXPECT_THAT(planned(topic_and_queue, topic_and_queue, {}), ElementsAre("T:Add", "Q:Add"));
}

TEST(Plan, FollowsReplacementThroughReferences) {
  const std::string renamed =
      R"({"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":{"Ref":"T"}}},)"
      R"("T":{"Type":"AWS::SNS::Topic","DeletionPolicy":"Retain","Properties":{"TopicName":"u","DisplayName":"x"}}}})";
  EXPECT_THAT(
      planned(renamed, topic_and_queue, both()),
      ElementsAre("T:Modify TopicName! DisplayName @DeletionPolicy", "Q:Modify QueueName!~"));
}

TEST(Plan, RemovesWhatIsNotThereAnyMore) {
  EXPECT_THAT(
      planned(R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"t"}}}})",
              topic_and_queue, both()),
      ElementsAre("Q:Remove"));
}

TEST(Plan, RefusesWhatItCannotDo) {
  EXPECT_THAT(planned(R"({"Resources":{"T":{"Type":"AWS::SQS::Queue"}}})", topic_and_queue,
                      {{"T", both()["T"]}}),
              ElementsAre(HasSubstr("Update of resource type is not permitted.")));
  const std::string key =
      R"({"Resources":{"K":{"Type":"AWS::KMS::Key","Properties":{"KeyUsage":"ENCRYPT_DECRYPT"}}}})";
  EXPECT_THAT(
      planned(key, key, {{"K", {.type = "AWS::KMS::Key", .physical_id = "k", .properties = {}}}}),
      ElementsAre("kiban does not update the property KeyUsage of AWS::KMS::Key (K)"));
}

TEST(Given, TagsOfAwsTagsGivenTwiceAndSecureStringsAreRefused) {
  const auto refused = [](std::string_view type, const json::object& properties) -> std::string {
    const auto checked = check_given(*find_type(type), properties);
    return checked ? "" : checked.error().cause;
  };
  const auto tags = [](const json::array& keys) {
    json::array list;
    for (const json::value& key : keys) list.push_back({{"Key", key}, {"Value", "v"}});
    return json::object{{"Tags", list}};
  };
  const std::string reserved = "aws: prefixed tag key names are not allowed for external use.";
  EXPECT_EQ(refused("AWS::SQS::Queue", tags({"aws:cloudformation:stack-name"})), reserved);
  EXPECT_EQ(refused("AWS::SQS::Queue", tags({"AWS:x"})), reserved);
  EXPECT_EQ(refused("AWS::SSM::Parameter", {{"Tags", {{"aws:x", "v"}}}}), reserved);
  EXPECT_EQ(refused("AWS::SQS::Queue", tags({"a", "a"})), "Duplicate tag keys found: a");
  EXPECT_EQ(refused("AWS::SQS::Queue", tags({"a", "A", "awsome"})), "");
  EXPECT_THAT(refused("AWS::SSM::Parameter", {{"Type", "SecureString"}}),
              HasSubstr("SecureString is not a valid enum value"));
  EXPECT_EQ(refused("AWS::SSM::Parameter", {{"Type", "StringList"}}), "");
}

TEST(Tags, OfTheResourceWinOverThoseOfTheStack) {
  const json::array stack{{{"Key", "a"}, {"Value", "stack"}}, {{"Key", "b"}, {"Value", "stack"}}};
  EXPECT_EQ(
      print_json(with_stack_tags(*find_type("AWS::SNS::Topic"),
                                 {{"Tags", json::array{{{"Key", "a"}, {"Value", "own"}}}}}, stack)),
      R"({"Tags":[{"Key":"a","Value":"own"},{"Key":"b","Value":"stack"}]})");
  EXPECT_EQ(print_json(with_stack_tags(*find_type("AWS::SSM::Parameter"),
                                       {{"Tags", {{"a", "own"}}}}, stack)),
            R"({"Tags":{"a":"own","b":"stack"}})");
  EXPECT_EQ(print_json(with_stack_tags(*find_type("AWS::IAM::Policy"), {}, stack)), "{}");
}

const std::vector<std::string> steps_may_have{"op",    "in",    "each",    "gone",    "new",
                                              "key",   "when",  "fresh",   "if",      "ignore",
                                              "again", "retry", "dropped", "changed", "find"};

TEST(Catalogue, HoldsTogether) {
  for (const std::string& name : type_names()) {
    const json::object& type = *find_type(name);
    for (const char* member :
         {"Service", "Known", "Replace", "Create", "Delete", "Id", "Attributes"})
      EXPECT_TRUE(type.contains(member)) << name << " lacks " << member;
    const json::array& known = type.at("Known").as_array();
    for (const char* list : {"Only", "Defaults"}) {
      const json::object* values = find_object(type, list);
      for (const auto& one : values ? *values : json::object{}) {
        const std::string path = one.key();  // Of a property, or of a member of one.
        const json::value property(json::string(path.substr(0, path.find('.'))));
        EXPECT_TRUE(std::ranges::find(known, property) != known.end())
            << name << ": " << list << " names " << path;
      }
    }
    for (const char* list : {"Create", "Update", "Delete", "Snapshot"}) {
      const json::array* steps = find_array(type, list);
      for (const json::value& step : steps ? *steps : json::array{}) {
        for (const auto& member : step.as_object()) {
          EXPECT_THAT(steps_may_have, Contains(std::string(member.key()))) << name << " " << list;
        }
      }
    }
    for (const char* list : {"Replace", "Updates"}) {
      const json::array* names = find_array(type, list);
      for (const json::value& property : names ? *names : json::array{}) {
        EXPECT_NE(std::ranges::find(known, property), known.end())
            << name << ": " << list << " names " << property;
      }
    }
    EXPECT_EQ(type.contains("Updates"), type.contains("Update")) << name;
    EXPECT_TRUE(!type.contains("TagId") || find_tag_steps(type)) << name;
  }
}

}  // namespace
}  // namespace kiban::cfn
