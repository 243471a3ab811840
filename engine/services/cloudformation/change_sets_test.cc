#include <gmock/gmock.h>

#include "services/cloudformation/fixture.h"

namespace kiban::services::cloudformation {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string body_of(const std::string& name, const std::string& display) {
  return fmt::format(
      R"({{"Resources":{{"T":{{"Type":"AWS::SNS::Topic","Properties":{{"TopicName":"{}","DisplayName":"{}"}}}},)"
      R"("Q":{{"Type":"AWS::SQS::Queue","Properties":{{"QueueName":{{"Ref":"T"}}}}}}}}}})",
      name, display);
}

json::object change_set(const std::string& type, const std::string& body) {
  return {{"StackName", "s"},
          {"ChangeSetName", "cs"},
          {"ChangeSetType", type},
          {"TemplateBody", body},
          {"Parameters", json::array{}},
          {"Tags", json::array{}},
          {"IncludeNestedStacks", true},
          {"ImportExistingResources", false}};
}

// The queue is named by the topic's Ref, so the answer has to be a name of a queue.
std::string execute(World& world) {
  world.script.answers["sns:CreateTopic"] = [](Context&, const json::object& input) {
    return Result<json::object>(json::object{{"TopicArn", "arn-" + text(input, "Name")}});
  };
  const auto done = world.call("ExecuteChangeSet", {{"StackName", "s"}, {"ChangeSetName", "cs"}});
  return done ? world.status("s") : done.error().name;
}

json::object describe(World& world, bool values = false) {
  const auto reply =
      world.call("DescribeChangeSet",
                 {{"StackName", "s"}, {"ChangeSetName", "cs"}, {"IncludePropertyValues", values}});
  return reply ? *reply : json::object{{"Status", reply.error().name}};
}

const json::object& change(const json::object& described, std::size_t index) {
  return described.at("Changes").at(index).at("ResourceChange").as_object();
}

TEST(ChangeSet, CreatesAStackAfterReview) {
  World world;
  const auto made = world.call("CreateChangeSet", change_set("CREATE", body_of("t", "x")));
  ASSERT_TRUE(made) << made.error().cause;
  EXPECT_THAT(text(*made, "Id"), HasSubstr(":changeSet/cs/"));
  EXPECT_EQ(world.status("s"), "REVIEW_IN_PROGRESS");
  EXPECT_TRUE(world.script.calls.empty());
  const json::object seen = describe(world);
  EXPECT_EQ(text(seen, "Status"), "CREATE_COMPLETE");
  EXPECT_EQ(text(seen, "ExecutionStatus"), "AVAILABLE");
  ASSERT_EQ(seen.at("Changes").as_array().size(), 2U);
  EXPECT_EQ(text(change(seen, 0), "Action"), "Add");
  EXPECT_EQ(text(change(seen, 0), "LogicalResourceId"), "T");
  // By its ARN, as the CDK CLI asks.
  EXPECT_TRUE(world.call("DescribeChangeSet", {{"StackName", text(*made, "StackId")},
                                               {"ChangeSetName", text(*made, "Id")}}));
  EXPECT_EQ(execute(world), "CREATE_COMPLETE");
  EXPECT_EQ(text(describe(world), "ExecutionStatus"), "EXECUTE_COMPLETE");
  EXPECT_EQ(execute(world), "InvalidChangeSetStatus");
  EXPECT_THAT(world.call("CreateChangeSet", change_set("CREATE", body_of("t", "x"))).error().cause,
              HasSubstr("already exists and cannot be created again with the changeSet [cs]"));
}

TEST(ChangeSet, TellsThatNothingChanges) {
  World world;
  ASSERT_TRUE(world.call("CreateChangeSet", change_set("CREATE", body_of("t", "x"))));
  ASSERT_EQ(execute(world), "CREATE_COMPLETE");
  ASSERT_TRUE(world.call("CreateChangeSet", change_set("UPDATE", body_of("t", "x"))));
  const json::object seen = describe(world);
  EXPECT_EQ(text(seen, "Status"), "FAILED");
  EXPECT_EQ(text(seen, "StatusReason"),
            "The submitted information didn't contain changes. Submit different information to "
            "create a change set.");
  EXPECT_EQ(execute(world), "InvalidChangeSetStatus");
  EXPECT_EQ(world.call("CreateChangeSet", change_set("UPDATE", body_of("t", "y"))).error().name,
            "AlreadyExistsException");
  ASSERT_TRUE(world.call("DeleteChangeSet", {{"StackName", "s"}, {"ChangeSetName", "cs"}}));
  EXPECT_EQ(text(describe(world), "Status"), "ChangeSetNotFound");
  EXPECT_TRUE(world.call("DeleteChangeSet", {{"StackName", "s"}, {"ChangeSetName", "cs"}}));
  EXPECT_EQ(world.status("s"), "CREATE_COMPLETE");
}

TEST(ChangeSet, TellsWhatIsReplacedAndWhy) {
  World world;
  ASSERT_TRUE(world.call("CreateChangeSet", change_set("CREATE", body_of("t", "x"))));
  ASSERT_EQ(execute(world), "CREATE_COMPLETE");
  ASSERT_TRUE(world.call("CreateChangeSet", change_set("UPDATE", body_of("t", "y"))));
  EXPECT_EQ(world.call("ListChangeSets", {{"StackName", "s"}})->at("Summaries").as_array().size(),
            1U);
  json::object seen = describe(world, true);
  ASSERT_EQ(seen.at("Changes").as_array().size(), 1U);
  EXPECT_EQ(text(change(seen, 0), "Replacement"), "False");
  EXPECT_EQ(
      print_json(change(seen, 0).at("Details").at(0)),
      R"({"Target":{"Attribute":"Properties","RequiresRecreation":"Never","Path":"/Properties/DisplayName","AttributeChangeType":"Modify","Name":"DisplayName","BeforeValue":"x","AfterValue":"y"},"Evaluation":"Static","ChangeSource":"DirectModification"})");
  ASSERT_TRUE(world.call("DeleteChangeSet", {{"StackName", "s"}, {"ChangeSetName", "cs"}}));
  // A new name: the topic is replaced, the queue perhaps.
  ASSERT_TRUE(world.call("CreateChangeSet", change_set("UPDATE", body_of("u", "x"))));
  seen = describe(world);
  ASSERT_EQ(seen.at("Changes").as_array().size(), 2U);
  EXPECT_EQ(text(change(seen, 0), "Replacement"), "True");
  EXPECT_EQ(text(change(seen, 1), "Replacement"), "Conditional");
  EXPECT_EQ(change(seen, 1).at("Details").at(0).at("Evaluation"), "Dynamic");
  EXPECT_EQ(execute(world), "UPDATE_COMPLETE");
  ASSERT_TRUE(world.call(
      "CreateChangeSet",
      change_set("UPDATE", R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{)"
                           R"("TopicName":"u","DisplayName":"x"}}}})")));
  seen = describe(world);
  ASSERT_EQ(seen.at("Changes").as_array().size(), 1U);
  EXPECT_EQ(text(change(seen, 0), "Action"), "Remove");
  EXPECT_EQ(text(change(seen, 0), "PolicyAction"), "Delete");
}

TEST(ChangeSet, OfAStackInReviewGoesWithIt) {
  World world;
  EXPECT_EQ(world.call("CreateChangeSet", change_set("UPDATE", body_of("t", "x"))).error().cause,
            "Stack [s] does not exist");
  ASSERT_TRUE(world.call("CreateChangeSet", change_set("CREATE", body_of("t", "x"))));
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_EQ(world.status("s"), "Stack with id s does not exist");
  EXPECT_TRUE(world.script.calls.empty());
  // Wrong templates leave no stack behind.
  EXPECT_FALSE(world.call("CreateChangeSet", change_set("CREATE", "{}")));
  EXPECT_EQ(world.status("s"), "Stack with id s does not exist");
}

TEST(ChangeSet, DeliversTheTemplateAsItWasSent) {
  World world;
  const std::string body = "Resources:\n  T:   # <&>\n    Type: AWS::SNS::Topic\n";
  ASSERT_TRUE(world.call("CreateChangeSet", change_set("CREATE", body)));
  EXPECT_EQ(text(*world.call("GetTemplate", {{"StackName", "s"}, {"ChangeSetName", "cs"}}),
                 "TemplateBody"),
            body);
  ASSERT_EQ(execute(world), "CREATE_COMPLETE");
  EXPECT_EQ(text(*world.call("GetTemplate", {{"StackName", "s"}}), "TemplateBody"), body);
}

}  // namespace
}  // namespace kiban::services::cloudformation
