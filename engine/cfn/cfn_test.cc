#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>

#include "cfn/evaluate.h"
#include "cfn/template.h"
#include "cfn/types.h"

namespace kiban::cfn {
namespace {

TEST(Template, ReadsYamlWithShortTags) {
  const auto tree = parse_template(
      "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      TopicName: "
      "000000000000\n"
      "      DisplayName: !Sub 'x-${AWS::Region}'\n");
  ASSERT_TRUE(tree) << tree.error().cause;
  EXPECT_TRUE(check_resources(*tree));
  Evaluator evaluator(*tree, {.region = "ap-northeast-1"}, {});
  ASSERT_TRUE(evaluator.prepare({}));
  const auto properties = evaluator.properties("T");
  ASSERT_TRUE(properties) << properties.error().cause;
  EXPECT_EQ(*properties,
            (json::object{{"TopicName", "000000000000"}, {"DisplayName", "x-ap-northeast-1"}}));
}

TEST(Template, KeepsTheTextOfNumbers) {
  const std::string head = R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":)";
  const auto json =
      parse_template(head + R"({"A":1e400,"B":123456789012345678901234567890,"C":1.5,"D":7}}}})");
  ASSERT_TRUE(json) << json.error().cause;
  EXPECT_EQ(print_json(json->at("Resources").at("T").at("Properties")),
            R"({"A":"1e400","B":"123456789012345678901234567890","C":1.5,"D":7})");
  const auto yaml = parse_template(
      "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      A: 1e400\n"
      "      B: 123456789012345678901234567890\n      C: 1.12345678901234567890\n      D: 1.50\n   "
      "   E: 7\n");
  ASSERT_TRUE(yaml) << yaml.error().cause;
  EXPECT_EQ(
      print_json(yaml->at("Resources").at("T").at("Properties")),
      R"({"A":"1e400","B":"123456789012345678901234567890","C":"1.12345678901234567890","D":1.5,"E":7})");
}

TEST(Template, NamesWhatIsUnresolvedOrUnknown) {
  const auto tree = parse_template(
      R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"Nope":{"Ref":"X"}}}}})");
  ASSERT_TRUE(tree);
  EXPECT_EQ(make_graph(*tree, {"T"}).error().cause,
            "Template format error: Unresolved resource dependencies [X] in the Resources block of "
            "the template");
  EXPECT_TRUE(
      check_resources(*tree).error().cause.starts_with("Encountered unsupported property Nope"));
  EXPECT_FALSE(parse_template("{}"));
}

TEST(Types, AnEmptyTypeIsRefused) {
  const auto tree = parse_template(R"({"Resources":{"A":{"Type":""},"B":{"Type":"AWS::X::Y"}}})");
  ASSERT_TRUE(tree);
  EXPECT_EQ(check_resources(*tree).error().cause,
            "Template format error: Unrecognized resource types: [, AWS::X::Y]");
  EXPECT_FALSE(check_resources(*parse_template(R"({"Resources":{"A":{"Type":""}}})")));
}

TEST(Template, IsCheckedForShape) {
  const std::pair<const char*, const char*> table[] = {
      {R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","DeletionPolicy":"Keep"}}})",
       "Template format error: Unrecognized DeletionPolicy \"Keep\" for resource T"},
      {R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Propertys":{}}}})",
       "Invalid template resource property 'Propertys'"},
      {R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","CreationPolicy":{}}}})",
       "kiban does not honour CreationPolicy (of T)"},
      {R"({"Resources":{"T-1":{"Type":"AWS::SNS::Topic"}}})",
       "Template format error: Resource name T-1 is non alphanumeric."},
      {R"({"Resources":{"":{"Type":"AWS::SNS::Topic"}}})",
       "Template format error: Resource name  is non alphanumeric."},
      {R"({"Resources":{"T":{}}})",
       "Template format error: [/Resources/T] Every Resources object must contain a Type member."},
      {R"({"Resources":{"T":{"Type":"AWS::SNS::Topic"}},"Outputs":{"O":{}}})",
       "Template format error: [/Outputs/O] Every Outputs member must contain a Value object"},
      {R"({"Resources":{"T":{"Type":"AWS::SNS::Topic"}},"Surplus":{}})",
       "Invalid template property or properties [Surplus]"},
  };
  for (const auto& [text, why] : table) {
    const auto tree = parse_template(text);
    ASSERT_FALSE(tree) << text;
    EXPECT_EQ(tree.error().cause, why);
  }
}

TEST(Template, NamesConditionsAndTypesThatAreNot) {
  const auto prepared = [](const std::string& text) {
    const auto tree = parse_template(text);
    if (!tree) return tree.error().cause;
    Evaluator evaluator(*tree, {}, {});
    const auto ready = evaluator.prepare({});
    return ready ? std::string() : ready.error().cause;
  };
  EXPECT_EQ(prepared(R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Condition":"C"}}})"),
            "Template format error: Unresolved condition dependency C in the Resources block of "
            "the template");
  EXPECT_EQ(prepared(R"({"Parameters":{"P":{"Type":"Text","Default":"x"}},)"
                     R"("Resources":{"T":{"Type":"AWS::SNS::Topic"}}})"),
            "Template format error: Unrecognized parameter type: Text");
  for (const char* type : {"List<AWS::EC2::Subnet::Id>", "AWS::SSM::Parameter::Name"}) {
    EXPECT_EQ(prepared(std::string(R"({"Parameters":{"P":{"Type":")") + type +
                       R"(","Default":"x"}},"Resources":{"T":{"Type":"AWS::SNS::Topic"}}})"),
              "")
        << type;
  }
}

TEST(Template, HasAtMostSoManyOfEach) {
  const json::object topic{{"Type", "AWS::SNS::Topic"}};
  const json::object output{{"Value", "x"}};
  const json::object parameter{{"Type", "String"}, {"Default", "x"}};
  const std::map<std::string_view, json::object> kinds{
      {"Resources", topic},
      {"Parameters", parameter},
      {"Outputs", output},
      {"Mappings", {{"a", json::object{{"b", "c"}}}}}};
  for (const auto& [section, most] :
       {std::pair{"Resources", 500}, {"Parameters", 200}, {"Outputs", 200}, {"Mappings", 200}}) {
    const json::object& entry = kinds.at(section);
    json::object entries;
    for (int i = 0; i < most; ++i) entries[fmt::format("E{}", i)] = entry;
    json::object tree;
    tree["Resources"] = json::object{{"T", topic}};
    tree[section] = entries;
    const auto full = parse_template(print_json(tree));
    EXPECT_TRUE(full) << section << (full ? "" : full.error().cause);
    entries["More"] = entry;
    tree[section] = entries;
    const auto parsed = parse_template(print_json(tree));
    ASSERT_FALSE(parsed) << section;
    EXPECT_NE(parsed.error().cause.find(
                  fmt::format("{}, is greater than maximum allowed, {}", most + 1, most)),
              std::string::npos)
        << parsed.error().cause;
  }
}

TEST(Template, IsBoundedInDepthAndSize) {
  EXPECT_FALSE(parse_template(std::string(50'000, '[')));
  EXPECT_FALSE(parse_template("{\"a\":" + std::string(50'000, '[')));
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c < 'j'; ++c) {
    const char before = static_cast<char>(c - 1);
    bomb += std::string(1, c) + ": &" + c + " [*" + before;
    for (int i = 0; i < 9; ++i) bomb += std::string(",*") + before;
    bomb += "]\n";
  }
  const auto tree = parse_template(bomb);
  ASSERT_FALSE(tree);
  EXPECT_NE(tree.error().cause.find("too many"), std::string::npos);
}

}  // namespace
}  // namespace kiban::cfn
