#include <gmock/gmock.h>

#include <algorithm>

#include "services/cloudformation/fixture.h"

namespace kiban::services::cloudformation {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A topic, a queue that is named after it, and outputs of both.
std::string two_resources(const std::string& topic, const std::string& display,
                          const std::string& extra = {}) {
  return fmt::format(
      R"({{"Resources":{{"T":{{"Type":"AWS::SNS::Topic","Properties":{{"TopicName":"{}","DisplayName":"{}"}}}},)"
      R"("Q":{{"Type":"AWS::SQS::Queue","Properties":{{"QueueName":{{"Fn::Join":["-",["q",{{"Ref":"T"}}]]}}}}}}{}}},)"
      R"("Outputs":{{"A":{{"Value":{{"Ref":"T"}},"Export":{{"Name":"topic"}}}}}}}})",
      topic, display, extra);
}

// SNS and SQS as far as a deployment sees them; "bad" is refused.
void answer(World& world) {
  world.script.answers["sns:CreateTopic"] = [](Context&,
                                               const json::object& in) -> Result<json::object> {
    if (text(in, "Name") == "bad") return fail("InvalidParameter", "no such name");
    return json::object{{"TopicArn", "arn-" + text(in, "Name")}};
  };
  world.script.answers["sqs:CreateQueue"] = [](Context&,
                                               const json::object& in) -> Result<json::object> {
    const std::string name = text(in, "QueueName");
    if (name.find("full") != std::string::npos) return fail("OverLimit", "too many");
    return json::object{{"QueueUrl", "http://q/" + name}};
  };
  world.script.answers["sqs:SetQueueAttributes"] = [](Context&, const json::object&) {
    return Result<json::object>(json::object{});
  };
}

json::object with_template(const std::string& stack, const std::string& body) {
  return {{"StackName", stack}, {"TemplateBody", body}};
}

TEST(Stack, IsMadeInOrderAndDeletedInReverse) {
  World world;
  answer(world);
  ASSERT_TRUE(world.call("CreateStack", with_template("s", two_resources("t", "x"))));
  const json::object stack = world.stack("s");
  EXPECT_EQ(text(stack, "StackStatus"), "CREATE_COMPLETE");
  EXPECT_EQ(print_json(stack.at("Outputs")),
            R"([{"OutputKey":"A","OutputValue":"arn-t","ExportName":"topic"}])");
  EXPECT_THAT(world.events("s"),
              ElementsAre("s CREATE_IN_PROGRESS", "T CREATE_IN_PROGRESS", "T CREATE_COMPLETE",
                          "Q CREATE_IN_PROGRESS", "Q CREATE_COMPLETE", "s CREATE_COMPLETE"));
  EXPECT_EQ(text(world.script.calls.at(1).input, "QueueName"), "q-arn-t");
  const std::string id = text(stack, "StackId");
  world.script.calls.clear();
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_THAT(world.script.operations(), ElementsAre("sqs:DeleteQueue", "sns:DeleteTopic"));
  EXPECT_EQ(world.status("s"), "Stack with id s does not exist");
  EXPECT_EQ(world.status(id), "DELETE_COMPLETE");
  EXPECT_THAT(world.events(id), Contains("s DELETE_COMPLETE"));
  EXPECT_THAT(world.events("s"), ElementsAre("Stack [s] does not exist"));
  // Whoever deletes what is gone succeeds; the name is free again.
  EXPECT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_TRUE(world.call("CreateStack", with_template("s", two_resources("t", "x"))));
  EXPECT_EQ(world.call("CreateStack", with_template("s", "{}")).error().name,
            "AlreadyExistsException");
}

TEST(Stack, RollsAFailedCreationBack) {
  World world;
  answer(world);
  ASSERT_TRUE(world.call("CreateStack", with_template("s", two_resources("full", "x"))));
  EXPECT_EQ(world.status("s"), "ROLLBACK_COMPLETE");
  EXPECT_EQ(world.reason("s", "s", "ROLLBACK_IN_PROGRESS"),
            "The following resource(s) failed to create: [Q]. Rollback requested by user.");
  EXPECT_THAT(world.reason("s", "Q", "CREATE_FAILED"), HasSubstr("too many"));
  EXPECT_THAT(world.script.operations(), Contains("sns:DeleteTopic"));
  EXPECT_THAT(world.script.operations(), Not(Contains("sqs:DeleteQueue")));
  EXPECT_THAT(world.call("UpdateStack", with_template("s", two_resources("t", "x"))).error().cause,
              HasSubstr("is in ROLLBACK_COMPLETE state and can not be updated."));
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  ASSERT_TRUE(world.call("CreateStack", with_template("s", two_resources("t", "x"))));
  EXPECT_EQ(world.status("s"), "CREATE_COMPLETE");
}

TEST(Stack, KeepsAFailedCreationOnDemand) {
  World world;
  answer(world);
  json::object wanted = with_template("s", two_resources("full", "x"));
  wanted["OnFailure"] = "DO_NOTHING";
  ASSERT_TRUE(world.call("CreateStack", wanted));
  EXPECT_EQ(world.status("s"), "CREATE_FAILED");
  EXPECT_THAT(world.script.operations(), Not(Contains("sns:DeleteTopic")));
  wanted["StackName"] = "gone";
  wanted["OnFailure"] = "DELETE";
  const auto made = world.call("CreateStack", wanted);
  ASSERT_TRUE(made);
  EXPECT_EQ(world.status(text(*made, "StackId")), "DELETE_COMPLETE");
}

TEST(Stack, UpdatesInPlaceAndReplaces) {
  World world;
  answer(world);
  ASSERT_TRUE(world.call("CreateStack", with_template("s", two_resources("t", "x"))));
  EXPECT_EQ(world.call("UpdateStack", with_template("s", two_resources("t", "x"))).error().cause,
            "No updates are to be performed.");
  world.script.calls.clear();
  ASSERT_TRUE(world.call("UpdateStack", with_template("s", two_resources("t", "y"))));
  EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE");
  EXPECT_THAT(world.script.operations(), ElementsAre("sns:SetTopicAttributes"));
  world.script.calls.clear();
  ASSERT_TRUE(world.call("UpdateStack", with_template("s", two_resources("u", "y"))));
  // The new ones first; the queue follows its topic; the old ones go in the clean-up.
  EXPECT_THAT(world.script.operations(), ElementsAre("sns:CreateTopic", "sqs:CreateQueue",
                                                     "sqs:DeleteQueue", "sns:DeleteTopic"));
  EXPECT_EQ(text(world.script.calls.back().input, "TopicArn"), "arn-t");
  const std::vector<std::string> events = world.events("s");
  EXPECT_THAT(events, Contains("s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"));
  EXPECT_EQ(events.back(), "s UPDATE_COMPLETE");
}

TEST(Stack, RollsAFailedUpdateBack) {
  World world;
  answer(world);
  ASSERT_TRUE(world.call("CreateStack", with_template("s", two_resources("t", "x"))));
  const json::object before = world.stack("s");
  world.script.calls.clear();
  const std::string more = R"(,"N":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"new"}})";
  ASSERT_TRUE(world.call("UpdateStack", with_template("s", two_resources("full", "x", more))));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_COMPLETE");
  EXPECT_EQ(world.reason("s", "s", "UPDATE_ROLLBACK_IN_PROGRESS"),
            "The following resource(s) failed to update: [Q]. ");
  EXPECT_EQ(world.stack("s").at("Outputs"), before.at("Outputs"));
  std::vector<std::string> deleted;
  for (const Call& call : world.script.calls) {
    if (call.operation == "DeleteTopic") deleted.push_back(text(call.input, "TopicArn"));
  }
  std::ranges::sort(deleted);
  EXPECT_THAT(deleted, testing::IsSubsetOf({"arn-full", "arn-new"}));
  EXPECT_THAT(deleted, Contains("arn-full"));
  // As it was: the same template again changes nothing.
  EXPECT_EQ(world.call("UpdateStack", with_template("s", two_resources("t", "x"))).error().cause,
            "No updates are to be performed.");
  world.script.calls.clear();
  ASSERT_TRUE(world.call("UpdateStack", with_template("s", two_resources("t", "z"))));
  EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE");
}

TEST(Stack, GoesOnAfterAFailureThatWasNotRolledBack) {
  World world;
  answer(world);
  const auto with_topic = [](const std::string& id, const std::string& name) {
    return fmt::format(R"(,"{}":{{"Type":"AWS::SNS::Topic","Properties":{{"TopicName":"{}"}}}})",
                       id, name);
  };
  json::object wanted = with_template("s", two_resources("t", "x", with_topic("B", "bad")));
  wanted["DisableRollback"] = true;
  ASSERT_TRUE(world.call("CreateStack", wanted));
  EXPECT_EQ(world.status("s"), "CREATE_FAILED");
  wanted["TemplateBody"] = two_resources("t", "x", with_topic("B", "good"));
  ASSERT_TRUE(world.call("UpdateStack", wanted));
  EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE") << world.failures("s");
  wanted["TemplateBody"] = two_resources("t", "x", with_topic("C", "bad"));
  ASSERT_TRUE(world.call("UpdateStack", wanted));
  EXPECT_EQ(world.status("s"), "UPDATE_FAILED");
  ASSERT_TRUE(world.call("RollbackStack", {{"StackName", "s"}}));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_COMPLETE");
  EXPECT_THAT(world.call("RollbackStack", {{"StackName", "s"}}).error().cause,
              HasSubstr("cannot be performed when the stack is in state UPDATE_ROLLBACK_COMPLETE"));
}

TEST(Stack, RollsAFailedCreationBackLater) {
  World world;
  answer(world);
  json::object wanted = with_template("s", two_resources("full", "x"));
  wanted["DisableRollback"] = true;
  ASSERT_TRUE(world.call("CreateStack", wanted));
  ASSERT_TRUE(world.call("RollbackStack", {{"StackName", "s"}}));
  EXPECT_EQ(world.status("s"), "ROLLBACK_COMPLETE");
  EXPECT_THAT(world.script.operations(), Contains("sns:DeleteTopic"));
}

TEST(Stack, RefersToNothingWhoseConditionIsFalse) {
  World world;
  answer(world);
  const auto made = [&](const std::string& value, const std::string& outputs = "{}") {
    const std::string body = R"({"Conditions":{"On":{"Fn::Equals":["a","b"]}},"Outputs":)" +
                             outputs + R"(,"Resources":{)" +
                             R"("C":{"Type":"AWS::SQS::Queue","Condition":"On"},)" +
                             R"("T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"t",)" +
                             R"("DisplayName":)" + value + "}}}}";
    const auto reply = world.call("CreateStack", with_template("s", body));
    return reply ? std::string("made") : reply.error().cause;
  };
  const std::string refused =
      "Template format error: Unresolved resource dependencies [C] in the Resources block of the "
      "template";
  for (const char* value : {R"({"Ref":"C"})", R"({"Fn::GetAtt":["C","Arn"]})",
                            R"({"Fn::Sub":"x-${C}"})", R"({"Fn::If":["On","x",{"Ref":"C"}]})"})
    EXPECT_EQ(made(value), refused) << value;
  EXPECT_EQ(made(R"("x")", R"({"O":{"Value":{"Ref":"C"}}})"),
            "Template format error: Unresolved resource dependencies [C] in the Outputs block of "
            "the template");
  EXPECT_TRUE(world.script.calls.empty());
  EXPECT_EQ(made(R"({"Fn::If":["On",{"Ref":"C"},"x"]})",
                 R"({"O":{"Condition":"On","Value":{"Ref":"C"}}})"),
            "made");
}

TEST(Stack, ScalarsTakeTheTypeOfTheirProperty) {
  World world;
  ASSERT_TRUE(world.call(
      "CreateStack",
      with_template("s", R"({"Resources":{"D":{"Type":"AWS::ECS::TaskDefinition","Properties":{
          "Family":"f","ContainerDefinitions":[{"Name":"c","Image":"i","Essential":"true",
          "Command":["echo",1,true],"Environment":[{"Name":"PORT","Value":8080}]}]}}}})")));
  const json::value container = world.script.calls.at(0).input.at("containerDefinitions").at(0);
  EXPECT_EQ(container.at("essential"), true);
  EXPECT_EQ(container.at("command"), json::value({"echo", "1", "true"}));
  EXPECT_EQ(container.at("environment").at(0).at("value"), "8080");
}

// `cdk rollback` always sends RetainExceptOnCreate.
TEST(Stack, RollsBackWhatIsRetainedIfAsked) {
  const std::string retained =
      R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","DeletionPolicy":"Retain",)"
      R"("Properties":{"TopicName":"t"}},"Q":{"Type":"AWS::SQS::Queue","DependsOn":"T",)"
      R"("Properties":{"QueueName":"full"}}}})";
  const std::string first = R"({"Resources":{"O":{"Type":"AWS::SNS::Topic"}}})";
  const auto old_and = [&](std::string body) {
    return body.replace(0, 14, R"({"Resources":{"O":{"Type":"AWS::SNS::Topic"},)");
  };
  for (const bool update : {false, true}) {
    for (const bool all : {false, true}) {
      World world;
      answer(world);
      if (update) ASSERT_TRUE(world.call("CreateStack", with_template("s", first)));
      json::object wanted = with_template("s", update ? old_and(retained) : retained);
      wanted["DisableRollback"] = true;
      ASSERT_TRUE(world.call(update ? "UpdateStack" : "CreateStack", wanted));
      ASSERT_TRUE(world.call("RollbackStack", {{"StackName", "s"}, {"RetainExceptOnCreate", all}}));
      EXPECT_EQ(world.status("s"), update ? "UPDATE_ROLLBACK_COMPLETE" : "ROLLBACK_COMPLETE");
      const auto operations = world.script.operations();
      EXPECT_EQ(std::ranges::count(operations, "sns:DeleteTopic"), all ? 1 : 0) << update;
    }
  }
}

TEST(Stack, ContinuesARollbackThatFailed) {
  World world;
  answer(world);
  ASSERT_TRUE(world.call("CreateStack", with_template("s", two_resources("t", "x"))));
  bool broken = true;
  world.script.answers["sns:SetTopicAttributes"] =
      [&broken](Context&, const json::object& in) -> Result<json::object> {
    if (broken && text(in, "AttributeValue") == "x") return fail("InternalError", "not now");
    return json::object{};
  };
  const std::string more = R"(,"Bad":{"Type":"AWS::SNS::Topic","DependsOn":"T",)"
                           R"("Properties":{"TopicName":"bad"}})";
  ASSERT_TRUE(world.call("UpdateStack", with_template("s", two_resources("t", "y", more))));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_FAILED");
  broken = false;
  ASSERT_TRUE(world.call("ContinueUpdateRollback", {{"StackName", "s"}}));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_COMPLETE") << world.failures("s");
  EXPECT_EQ(world.call("UpdateStack", with_template("s", two_resources("t", "x"))).error().cause,
            "No updates are to be performed.");
}

TEST(Stack, PutsChangedPropertiesBack) {
  World world;
  answer(world);
  ASSERT_TRUE(world.call("CreateStack", with_template("s", two_resources("t", "x"))));
  world.script.calls.clear();
  const std::string more = R"(,"Bad":{"Type":"AWS::SNS::Topic","DependsOn":"T",)"
                           R"("Properties":{"TopicName":"bad"}})";
  ASSERT_TRUE(world.call("UpdateStack", with_template("s", two_resources("t", "y", more))));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_COMPLETE");
  std::vector<std::string> set;
  for (const Call& call : world.script.calls) {
    if (call.operation == "SetTopicAttributes") set.push_back(text(call.input, "AttributeValue"));
  }
  EXPECT_THAT(set, ElementsAre("y", "x"));
  const auto rows = world.call("ListStackResources", {{"StackName", "s"}});
  EXPECT_EQ(rows->at("StackResourceSummaries").as_array().size(), 2U);
}

TEST(Stack, WaitsForWhatTakesItsTime) {
  World world;
  std::string state = "creating";
  world.script.answers["rds:DescribeDBInstances"] =
      [&state](Context&, const json::object&) -> Result<json::object> {
    if (state == "gone") return fail("DBInstanceNotFound", "gone");
    return json::object{{"DBInstances", json::array{{{"DBInstanceStatus", state}}}}};
  };
  const std::string body =
      R"({"Resources":{"D":{"Type":"AWS::RDS::DBInstance","Properties":{"DBInstanceClass":"db.serverless","Engine":"aurora-postgresql","DBInstanceIdentifier":"d"}},)"
      R"("T":{"Type":"AWS::SNS::Topic","DependsOn":"D"}}})";
  ASSERT_TRUE(world.call("CreateStack", with_template("s", body)));
  EXPECT_EQ(world.status("s"), "CREATE_IN_PROGRESS");
  world.pass(std::chrono::seconds(10));
  EXPECT_EQ(world.status("s"), "CREATE_IN_PROGRESS");
  EXPECT_THAT(world.script.operations(), Not(Contains("sns:CreateTopic")));
  state = "available";
  world.pass(std::chrono::seconds(2));
  EXPECT_EQ(world.status("s"), "CREATE_COMPLETE") << world.failures("s");
  const std::string id = text(world.stack("s"), "StackId");
  state = "deleting";
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  world.pass(std::chrono::seconds(5));
  EXPECT_EQ(world.status("s"), "DELETE_IN_PROGRESS");
  state = "gone";
  world.pass(std::chrono::seconds(2));
  EXPECT_EQ(world.status(id), "DELETE_COMPLETE");
  const auto all = world.script.operations();
  EXPECT_EQ(std::ranges::count(all, "rds:DeleteDBInstance"), 1);
}

constexpr const char* database =
    R"({"Resources":{"D":{"Type":"AWS::RDS::DBInstance","Properties":{"DBInstanceClass":"db.serverless","Engine":"aurora-postgresql","DBInstanceIdentifier":"d"}}}})";

Script::Answer instance_in(const std::string& state) {
  return [&state](Context&, const json::object&) -> Result<json::object> {
    return json::object{{"DBInstances", json::array{{{"DBInstanceStatus", state}}}}};
  };
}

TEST(Stack, GoesOnAfterARestart) {
  World world;
  std::string state = "creating";
  world.script.answers["rds:DescribeDBInstances"] = instance_in(state);
  ASSERT_TRUE(world.call("CreateStack", with_template("s", database)));
  EXPECT_EQ(world.status("s"), "CREATE_IN_PROGRESS");
  world.start();
  state = "available";
  world.pass(std::chrono::seconds(2));
  EXPECT_EQ(world.status("s"), "CREATE_COMPLETE");
  const auto all = world.script.operations();
  EXPECT_EQ(std::ranges::count(all, "rds:CreateDBInstance"), 1);
}

TEST(Stack, GoesOnAtAnEventWithoutWaitingForTheClock) {
  World world;
  std::string state = "creating";
  world.script.answers["rds:DescribeDBInstances"] = instance_in(state);
  world.script.answers["rds:DescribeEvents"] = [](Context& context, const json::object&) {
    context.publish({.source = "aws.rds", .detail_type = "RDS DB Instance Event"});
    return Result<json::object>(json::object{});
  };
  ASSERT_TRUE(world.call("CreateStack", with_template("s", database)));
  state = "available";
  ASSERT_TRUE(world.call_other("rds", "DescribeEvents"));
  EXPECT_EQ(world.status("s"), "CREATE_COMPLETE");
}

TEST(Stack, TriesADeletionAgainThatOthersHoldUp) {
  World world;
  answer(world);
  int held = 3;
  world.script.answers["ec2:DeleteVpc"] = [&held](Context&,
                                                  const json::object&) -> Result<json::object> {
    if (held-- > 0) return fail("DependencyViolation", "an interface is still there");
    return json::object{};
  };
  const auto made = world.call(
      "CreateStack",
      with_template(
          "s",
          R"({"Resources":{"V":{"Type":"AWS::EC2::VPC","Properties":{"CidrBlock":"10.0.0.0/16"}}}})"));
  ASSERT_TRUE(made);
  ASSERT_EQ(world.status("s"), "CREATE_COMPLETE") << world.failures("s");
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_EQ(world.status("s"), "DELETE_IN_PROGRESS");
  world.pass(std::chrono::seconds(5));
  EXPECT_EQ(world.status(text(*made, "StackId")), "DELETE_COMPLETE");
  // Not for ever.
  ASSERT_TRUE(world.call(
      "CreateStack",
      with_template(
          "s",
          R"({"Resources":{"V":{"Type":"AWS::EC2::VPC","Properties":{"CidrBlock":"10.0.0.0/16"}}}})")));
  held = 1'000;
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  world.pass(std::chrono::minutes(30));
  EXPECT_EQ(world.status("s"), "DELETE_FAILED");
}

TEST(Stack, CancelsTheOthersWhenOneFails) {
  World world;
  answer(world);
  world.script.answers["rds:DescribeDBInstances"] = [](Context&, const json::object&) {
    return Result<json::object>(
        json::object{{"DBInstances", json::array{{{"DBInstanceStatus", "creating"}}}}});
  };
  const std::string body =
      R"({"Resources":{"D":{"Type":"AWS::RDS::DBInstance","Properties":{"DBInstanceClass":"c","Engine":"e","DBInstanceIdentifier":"d"}},)"
      R"("T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"bad"}}}})";
  ASSERT_TRUE(world.call("CreateStack", with_template("s", body)));
  EXPECT_EQ(world.reason("s", "D", "CREATE_FAILED"), "Resource creation cancelled");
  EXPECT_EQ(world.status("s"), "ROLLBACK_IN_PROGRESS");  // The instance is still going.
  EXPECT_THAT(world.script.operations(), Contains("rds:DeleteDBInstance"));
}

TEST(Stack, RetainsWhatItsPolicySays) {
  World world;
  answer(world);
  const std::string body =
      R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","DeletionPolicy":"Retain"}}})";
  const auto made = world.call("CreateStack", with_template("s", body));
  ASSERT_TRUE(made);
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_EQ(world.status(text(*made, "StackId")), "DELETE_COMPLETE");
  EXPECT_THAT(world.script.operations(), Not(Contains("sns:DeleteTopic")));
  EXPECT_THAT(world.events(text(*made, "StackId")), Contains("T DELETE_SKIPPED"));
}

TEST(Stack, TellsWhatItCouldNotDelete) {
  World world;
  answer(world);
  ASSERT_TRUE(world.call("CreateStack", with_template("s", two_resources("t", "x"))));
  world.script.answers["sqs:DeleteQueue"] = [](Context&, const json::object&) {
    return Result<json::object>(fail("Oops", "not now"));
  };
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_EQ(world.status("s"), "DELETE_FAILED");
  // The topic is needed by the queue that stays.
  EXPECT_THAT(world.script.operations(), Not(Contains("sns:DeleteTopic")));
  ASSERT_TRUE(
      world.call("DeleteStack", {{"StackName", "s"}, {"RetainResources", json::array{"Q"}}}));
  EXPECT_EQ(world.status("s"), "Stack with id s does not exist");
  EXPECT_THAT(world.script.operations(), Contains("sns:DeleteTopic"));
}

TEST(Stack, IsProtected) {
  World world;
  answer(world);
  ASSERT_TRUE(world.call("CreateStack", with_template("s", two_resources("t", "x"))));
  const auto protect = [&](bool on) {
    return world.call("UpdateTerminationProtection",
                      {{"StackName", "s"}, {"EnableTerminationProtection", on}});
  };
  ASSERT_TRUE(protect(true));
  EXPECT_EQ(world.stack("s").at("EnableTerminationProtection"), true);
  EXPECT_EQ(world.call("DeleteStack", {{"StackName", "s"}}).error().cause,
            "Stack [s] cannot be deleted while TerminationProtection is enabled");
  ASSERT_TRUE(protect(false));
  EXPECT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
}

TEST(Exports, AreNotChangedWhileOthersImportThem) {
  World world;
  answer(world);
  ASSERT_TRUE(world.call("CreateStack", with_template("s", two_resources("t", "x"))));
  const std::string importing =
      R"({"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":{"Fn::ImportValue":"topic"}}}}})";
  ASSERT_TRUE(world.call("CreateStack", with_template("user", importing)));
  EXPECT_EQ(world.call("ListImports", {{"ExportName", "topic"}})->at("Imports").at(0), "user");
  EXPECT_EQ(text(world.call("ListExports", {})->at("Exports").at(0).as_object(), "Value"), "arn-t");
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_EQ(world.status("s"), "CREATE_COMPLETE");
  EXPECT_EQ(text(world.stack("s"), "StackStatusReason"),
            "Delete canceled. Cannot delete export topic as it is in use by user.");
  ASSERT_TRUE(world.call("UpdateStack", with_template("s", two_resources("u", "x"))));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_COMPLETE");
  EXPECT_EQ(world.reason("s", "s", "UPDATE_ROLLBACK_IN_PROGRESS"),
            "Export topic cannot be updated as it is in use by user");
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "user"}}));
  EXPECT_EQ(world.call("ListImports", {{"ExportName", "topic"}}).error().cause,
            "Export 'topic' is not imported by any stack.");
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_TRUE(world.call("ListExports", {})->at("Exports").as_array().empty());
  // Two stacks can't export one name.
  ASSERT_TRUE(world.call("CreateStack", with_template("a", two_resources("t", "x"))));
  ASSERT_TRUE(world.call("CreateStack", with_template("b", two_resources("t2", "x"))));
  EXPECT_EQ(world.status("b"), "ROLLBACK_COMPLETE");
}

TEST(Parameters, KeepPreviousValuesAndResolveThoseOfSsm) {
  World world;
  answer(world);
  const std::string body =
      R"({"Parameters":{"N":{"Type":"String","Default":"d"},"V":{"Type":"AWS::SSM::Parameter::Value<String>","Default":"/v"}},)"
      R"("Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":{"Fn::Sub":"${N}-${V}"}}}}})";
  json::object wanted = with_template("s", body);
  wanted["Parameters"] = json::array{{{"ParameterKey", "N"}, {"ParameterValue", "n"}}};
  ASSERT_TRUE(world.call("CreateStack", wanted));
  EXPECT_EQ(print_json(world.stack("s").at("Parameters")),
            R"([{"ParameterKey":"N","ParameterValue":"n"},)"
            R"({"ParameterKey":"V","ParameterValue":"/v","ResolvedValue":"33"}])");
  EXPECT_EQ(text(world.script.calls.at(1).input, "Name"), "n-33");
  wanted["Parameters"] = json::array{{{"ParameterKey", "N"}, {"UsePreviousValue", true}},
                                     {{"ParameterKey", "V"}, {"UsePreviousValue", true}}};
  EXPECT_EQ(world.call("UpdateStack", wanted).error().cause, "No updates are to be performed.");
  wanted["Parameters"] = json::array{{{"ParameterKey", "X"}, {"ParameterValue", "n"}}};
  EXPECT_EQ(world.call("UpdateStack", wanted).error().cause,
            "Parameters: [X] do not exist in the template");
}

TEST(Role, IsAssumedForTheDeployment) {
  World world;
  answer(world);
  json::object wanted = with_template("s", two_resources("t", "x"));
  wanted["RoleARN"] = "arn:aws:iam::000000000000:role/deployer";
  ASSERT_TRUE(world.call("CreateStack", wanted));
  EXPECT_EQ(world.script.calls.at(0).caller,
            "arn:aws:sts::000000000000:assumed-role/deployer/AWSCloudFormation");
  EXPECT_EQ(text(world.stack("s"), "RoleARN"), text(wanted, "RoleARN"));
}

TEST(Tags, OfTheStackReachItsResources) {
  World world;
  answer(world);
  json::object wanted = with_template("s", two_resources("t", "x"));
  wanted["Tags"] = json::array{{{"Key", "Stage"}, {"Value", "dev"}}};
  ASSERT_TRUE(world.call("CreateStack", wanted));
  EXPECT_EQ(print_json(world.script.calls.at(0).input.at("Tags").at(0)),
            R"({"Key":"Stage","Value":"dev"})");
  const json::object& tags = world.script.calls.at(1).input.at("tags").as_object();
  EXPECT_EQ(text(tags, "Stage"), "dev");
  // And CloudFormation's own.
  EXPECT_EQ(text(tags, "aws:cloudformation:stack-name"), "s");
  EXPECT_EQ(text(tags, "aws:cloudformation:logical-id"), "Q");
  EXPECT_EQ(text(tags, "aws:cloudformation:stack-id"), text(world.stack("s"), "StackId"));
  EXPECT_EQ(world.script.calls.at(0).input.at("Tags").as_array().size(), 4U);
  world.script.calls.clear();
  wanted["Tags"] = json::array{{{"Key", "Owner"}, {"Value", "us"}}};
  ASSERT_TRUE(world.call("UpdateStack", wanted));
  EXPECT_THAT(world.script.operations(), ElementsAre("sns:UntagResource", "sns:TagResource",
                                                     "sqs:UntagQueue", "sqs:TagQueue"));
}

TEST(Template, ComesFromOurS3) {
  World world;
  answer(world);
  const std::string body = two_resources("t", "x");
  world.script.answers["s3:GetObject"] = [&body](Context& context,
                                                 const json::object& in) -> Result<json::object> {
    if (text(in, "Bucket") != "b" || text(in, "Key") != "dir/a b.json") {
      return fail("NoSuchKey", "The specified key does not exist.");
    }
    return json::object{{"Body", {{"Digest", context.put_blob(body)}, {"Size", body.size()}}}};
  };
  ASSERT_TRUE(world.call(
      "CreateStack", {{"StackName", "s"}, {"TemplateURL", "http://127.0.0.1:1/b/dir/a%20b.json"}}));
  EXPECT_EQ(text(*world.call("GetTemplate", {{"StackName", "s"}}), "TemplateBody"), body);
  EXPECT_TRUE(
      world.call("ValidateTemplate",
                 {{"TemplateURL", "https://b.s3.ap-northeast-1.amazonaws.com/dir/a%20b.json"}}));
  EXPECT_THAT(
      world
          .call("CreateStack", {{"StackName", "x"}, {"TemplateURL", "https://127.0.0.1/b/nothing"}})
          .error()
          .cause,
      HasSubstr("The specified key does not exist."));
  EXPECT_EQ(world.call("CreateStack", {{"StackName", "x"}}).error().cause,
            "Either Template URL or Template Body must be specified.");
}

TEST(Template, IsRefusedBeforeAnythingIsMade) {
  World world;
  const auto refused = [&](const std::string& body) {
    const auto reply = world.call("CreateStack", with_template("s", body));
    EXPECT_TRUE(world.script.calls.empty());
    return reply ? "accepted" : reply.error().cause;
  };
  EXPECT_EQ(refused(R"({"Resources":{"A":{"Type":"AWS::No::Such"}}})"),
            "Template format error: Unrecognized resource types: [AWS::No::Such]");
  EXPECT_EQ(
      refused(
          R"({"Resources":{"A":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Fn::GetAtt":["A","Nope"]}}}}})"),
      "Template error: resource A does not support attribute type Nope in Fn::GetAtt");
  EXPECT_EQ(
      refused(
          R"({"Resources":{"R":{"Type":"AWS::IAM::Role","Properties":{"RoleName":"r","AssumeRolePolicyDocument":{}}}}})"),
      "Requires capabilities : [CAPABILITY_NAMED_IAM]");
  EXPECT_EQ(refused(R"({"Resources":{"A":{"Type":"AWS::SNS::Topic"}},"Outputs":{"O":{}}})"),
            "Template format error: [/Outputs/O] Every Outputs member must contain a Value object");
}

}  // namespace
}  // namespace kiban::services::cloudformation
