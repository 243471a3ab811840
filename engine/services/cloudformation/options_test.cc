// What a request asks for beside a template: what happens after a failure, how long it may take,
// what is looked up anew.
#include <gmock/gmock.h>

#include "services/cloudformation/fixture.h"

namespace kiban::services::cloudformation {
namespace {

using namespace std::chrono_literals;

json::object asked(const std::string& body) { return {{"StackName", "s"}, {"TemplateBody", body}}; }

std::string topic(const std::string& name) {
  return R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":")" + name +
         "\"}}}}";
}

TEST(DisableRollback, RefusesReplacements) {
  World world;
  ASSERT_TRUE(world.call("CreateStack", asked(topic("a"))));
  json::object keep = asked(topic("b"));
  keep["DisableRollback"] = true;
  ASSERT_TRUE(world.call("UpdateStack", keep));
  EXPECT_EQ(world.status("s"), "UPDATE_FAILED");
  EXPECT_EQ(world.reason("s", "T", "UPDATE_FAILED"),
            "Replacement type updates not supported on stack with disable-rollback.");
  ASSERT_TRUE(world.call("RollbackStack", {{"StackName", "s"}}));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_COMPLETE");
}

TEST(TagsOfATemplate, AreNotThoseOfAws) {
  World world;
  ASSERT_TRUE(world.call(
      "CreateStack", asked(R"({"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"Tags":)"
                           R"([{"Key":"aws:cloudformation:stack-name","Value":"forged"}]}}}})")));
  EXPECT_EQ(world.reason("s", "Q", "CREATE_FAILED"),
            "aws: prefixed tag key names are not allowed for external use.");
  json::object own = asked(topic("a"));
  own["StackName"] = "t";
  own["Tags"] = json::array{{{"Key", "AWS:x"}, {"Value", "v"}}};
  EXPECT_EQ(world.call("CreateStack", own).error().cause,
            "aws: prefixed tag key names are not allowed for external use.");
}

TEST(OnFailure, LeavesAStackThatIsNotUpdated) {
  World world;
  world.script.answers["sns:CreateTopic"] = [](Context&,
                                               const json::object&) -> Result<json::object> {
    return fail("InvalidParameter", "no");
  };
  json::object wanted = asked(topic("a"));
  wanted["OnFailure"] = "DO_NOTHING";
  ASSERT_TRUE(world.call("CreateStack", wanted));
  EXPECT_EQ(world.status("s"), "CREATE_FAILED");
  json::object keep = asked(topic("b"));
  keep["DisableRollback"] = true;
  EXPECT_EQ(world.call("UpdateStack", keep).error().cause,
            "This stack cannot be updated from [CREATE_FAILED] state because it contains "
            "[on-failure: DO_NOTHING]. Please use disable-rollback option instead during stack "
            "creation.");
}

TEST(TimeoutInMinutes, RollsBackWhatTakesLonger) {
  World world;
  world.script.answers["rds:DescribeDBClusters"] = [](Context&,
                                                      const json::object&) -> Result<json::object> {
    return json::object{{"DBClusters", json::array{{{"Status", "creating"}}}}};
  };
  json::object wanted = asked(
      R"({"Resources":{"C":{"Type":"AWS::RDS::DBCluster","DeletionPolicy":"Retain","Properties":)"
      R"({"Engine":"aurora-postgresql","MasterUsername":"u","MasterUserPassword":"password"}}}})");
  wanted["TimeoutInMinutes"] = 5;
  ASSERT_TRUE(world.call("CreateStack", wanted));
  world.pass(4min);
  EXPECT_EQ(world.status("s"), "CREATE_IN_PROGRESS");
  world.pass(2min);
  EXPECT_EQ(world.status("s"), "ROLLBACK_COMPLETE") << world.failures("s");
  EXPECT_EQ(world.reason("s", "s", "ROLLBACK_IN_PROGRESS"),
            "Stack creation time exceeded the specified timeout. Rollback requested by user.");
  EXPECT_EQ(world.stack("s").at("TimeoutInMinutes"), 5);
}

// The Parameter Store, with one parameter.
struct Store {
  std::string value{"one"};
  Script::Answer answer() {
    return [this](Context&, const json::object& in) -> Result<json::object> {
      const bool pinned = text(in, "Name") == "/p:1";
      return json::object{{"Parameter", {{"Type", "String"}, {"Value", pinned ? "one" : value}}}};
    };
  }
};

TEST(DynamicReference, IsResolvedAnewByEveryUpdate) {
  World world;
  Store parameters;
  world.script.answers["ssm:GetParameter"] = parameters.answer();
  const auto body = [](const std::string& more) {
    return R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":)"
           R"({"DisplayName":"{{resolve:ssm:/p}} {{resolve:ssm:/p:1}}"}})" +
           more + "}}";
  };
  // The value that the topic was given last.
  const auto shown = [&] {
    std::string last;
    for (const Call& call : world.script.calls) {
      if (call.operation == "CreateTopic")
        last = text(call.input.at("Attributes").as_object(), "DisplayName");
      if (call.operation == "SetTopicAttributes") last = text(call.input, "AttributeValue");
    }
    return last;
  };
  ASSERT_TRUE(world.call("CreateStack", asked(body(""))));
  EXPECT_EQ(shown(), "one one");
  parameters.value = "two";
  // Nothing of the template differs.
  ASSERT_TRUE(world.call("UpdateStack", asked(body(""))));
  EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE");
  EXPECT_EQ(shown(), "two one");
  parameters.value = "three";
  ASSERT_TRUE(world.call("UpdateStack", asked(body(R"(,"Q":{"Type":"AWS::SQS::Queue"})"))));
  EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE");
  EXPECT_EQ(shown(), "three one");
}

TEST(Parameter, OfAnEc2TypeNamesWhatIsThere) {
  World world;
  world.script.answers["ec2:DescribeSubnets"] = [](Context&,
                                                   const json::object& in) -> Result<json::object> {
    if (in.at("SubnetIds").at(0) == "subnet-1") return json::object{};
    return fail("InvalidSubnetID.NotFound", "no such subnet");
  };
  json::object wanted = asked(R"({"Parameters":{"S":{"Type":"List<AWS::EC2::Subnet::Id>"}},)"
                              R"("Resources":{"T":{"Type":"AWS::SNS::Topic"}}})");
  wanted["Parameters"] =
      json::array{{{"ParameterKey", "S"}, {"ParameterValue", "subnet-1,subnet-2"}}};
  EXPECT_EQ(world.call("CreateStack", wanted).error().cause,
            "Parameter validation failed: parameter value subnet-2 for parameter name S does not "
            "exist");
  wanted["Parameters"] = json::array{{{"ParameterKey", "S"}, {"ParameterValue", "subnet-1"}}};
  EXPECT_TRUE(world.call("CreateStack", wanted));
}

// What the object in S3 becomes, and why it fails.
std::string definition_of(const std::string& body, std::string& failures) {
  World world;
  world.script.answers["s3:GetObject"] = [&](Context& context,
                                             const json::object&) -> Result<json::object> {
    return json::object{{"Body", {{"Digest", context.put_blob(body)}, {"Size", body.size()}}}};
  };
  EXPECT_TRUE(world.call(
      "CreateStack",
      asked(R"({"Resources":{"M":{"Type":"AWS::StepFunctions::StateMachine","Properties":{)"
            R"("RoleArn":"arn:aws:iam::000000000000:role/r",)"
            R"("DefinitionS3Location":{"Bucket":"b","Key":"k"},)"
            R"("DefinitionSubstitutions":{"seconds":5}}}}})")));
  failures = world.failures("s");
  for (const Call& call : world.script.calls)
    if (call.operation == "CreateStateMachine") return text(call.input, "definition");
  return {};
}

TEST(Definition, OfS3IsJsonOrYaml) {
  std::string failures;
  EXPECT_EQ(definition_of("# waits\nStartAt: W\nStates:\n  W:\n    Type: Wait\n    Seconds: "
                          "${seconds}\n    End: true\n",
                          failures),
            R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}})");
  EXPECT_EQ(definition_of(R"({ "StartAt": "${seconds}" })", failures), R"({ "StartAt": "5" })");
  EXPECT_EQ(definition_of("a: [", failures), "");
  EXPECT_THAT(failures, testing::HasSubstr("M: Invalid StateMachine definition file."));
}

TEST(Definition, IsGivenOnce) {
  const auto failure = [](const std::string& properties) {
    World world;
    EXPECT_TRUE(world.call(
        "CreateStack",
        asked(R"({"Resources":{"M":{"Type":"AWS::StepFunctions::StateMachine","Properties":{)"
              R"("RoleArn":"arn:aws:iam::000000000000:role/r")" +
              properties + "}}}}")));
    return world.reason("s", "M", "CREATE_FAILED");
  };
  EXPECT_EQ(failure(""),
            "Property validation failed. Required key [DefinitionS3Location], [Definition] or "
            "[DefinitionString] not found.");
  EXPECT_EQ(failure(R"(,"DefinitionString":"{}","Definition":{"StartAt":"A"})"),
            "Property validation failed. Please use either [DefinitionS3Location], [Definition] or "
            "[DefinitionString] but not both.");
}

TEST(Topic, SubscribesAndUnsubscribesInline) {
  World world;
  const auto body = [](const std::string& endpoints) {
    return R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"TopicName":"t",)"
           R"("Subscription":[)" +
           endpoints + "]}}}}";
  };
  const std::string one = R"({"Protocol":"https","Endpoint":"https://one.example"})";
  const std::string two = R"({"Protocol":"https","Endpoint":"https://two.example"})";
  world.script.answers["sns:ListSubscriptionsByTopic"] =
      [](Context&, const json::object&) -> Result<json::object> {
    return json::object{{"Subscriptions", json::array{{{"SubscriptionArn", "arn:2"},
                                                       {"Protocol", "https"},
                                                       {"Endpoint", "https://two.example"}},
                                                      {{"SubscriptionArn", "arn:1"},
                                                       {"Protocol", "https"},
                                                       {"Endpoint", "https://one.example"}}}}};
  };
  ASSERT_TRUE(world.call("CreateStack", asked(body(one))));
  EXPECT_THAT(world.script.operations(), testing::ElementsAre("sns:CreateTopic", "sns:Subscribe"));
  world.script.calls.clear();
  ASSERT_TRUE(world.call("UpdateStack", asked(body(two))));
  EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE") << world.failures("s");
  EXPECT_THAT(world.script.operations(), testing::ElementsAre("sns:ListSubscriptionsByTopic",
                                                              "sns:Unsubscribe", "sns:Subscribe"));
  EXPECT_EQ(text(world.script.calls.at(1).input, "SubscriptionArn"), "arn:1");
}

TEST(NotificationARNs, HearOfEveryEvent) {
  World world;
  json::object wanted = asked(topic("a"));
  wanted["NotificationARNs"] = json::array{"arn:aws:sns:ap-northeast-1:000000000000:told"};
  ASSERT_TRUE(world.call("CreateStack", wanted));
  EXPECT_EQ(world.stack("s").at("NotificationARNs"), wanted.at("NotificationARNs"));
  std::vector<std::string> told;
  for (const Call& call : world.script.calls) {
    if (call.operation != "Publish") continue;
    EXPECT_EQ(text(call.input, "Subject"), "AWS CloudFormation Notification");
    const std::string message = text(call.input, "Message");
    for (const char* name : {"LogicalResourceId='", "ResourceStatus='"}) {
      const std::size_t at = message.find(name) + std::string_view(name).size();
      told.push_back(message.substr(at, message.find('\'', at) - at));
    }
  }
  EXPECT_THAT(told, testing::ElementsAre("s", "CREATE_IN_PROGRESS", "T", "CREATE_IN_PROGRESS", "T",
                                         "CREATE_COMPLETE", "s", "CREATE_COMPLETE"));
  world.script.answers["sns:GetTopicAttributes"] = [](Context&,
                                                      const json::object&) -> Result<json::object> {
    return fail("NotFound", "Topic does not exist");
  };
  wanted["StackName"] = "other";
  EXPECT_EQ(world.call("CreateStack", wanted).error().cause,
            "Invalid notification ARN arn:aws:sns:ap-northeast-1:000000000000:told: Topic does not "
            "exist");
}

TEST(DeletionMode, ForcesWhatFailedToDelete) {
  World world;
  world.script.answers["sns:DeleteTopic"] = [](Context&,
                                               const json::object&) -> Result<json::object> {
    return fail("InvalidParameter", "no");
  };
  const auto made = world.call("CreateStack", asked(topic("a")));
  ASSERT_TRUE(made);
  json::object force{{"StackName", "s"}, {"DeletionMode", "FORCE_DELETE_STACK"}};
  EXPECT_EQ(world.call("DeleteStack", force).error().name, "ValidationError");
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}, {"DeletionMode", "STANDARD"}}));
  EXPECT_EQ(world.status("s"), "DELETE_FAILED");
  EXPECT_THAT(world.call("DeleteStack", {{"StackName", "s"}, {"RetainResources", json::array{"X"}}})
                  .error()
                  .cause,
              testing::HasSubstr("Resource [X] does not exist"));
  ASSERT_TRUE(world.call("DeleteStack", force));
  EXPECT_EQ(world.status(text(*made, "StackId")), "DELETE_COMPLETE");
}

TEST(Parameters, HaveAValueOrThePreviousOne) {
  World world;
  json::object wanted = asked(
      R"({"Parameters":{"P":{"Type":"String"}},"Resources":{"T":{"Type":"AWS::SNS::Topic"}}})");
  wanted["Parameters"] = json::array{{{"ParameterKey", "P"}}};
  EXPECT_EQ(world.call("CreateStack", wanted).error().cause,
            "Invalid input for parameter key P. Need to specify either usePreviousValue as true or "
            "a value for the parameter");
  wanted["Parameters"] =
      json::array{{{"ParameterKey", "P"}, {"ParameterValue", "x"}, {"UsePreviousValue", true}}};
  EXPECT_EQ(world.call("CreateStack", wanted).error().cause,
            "Invalid input for parameter key P. Cannot specify usePreviousValue as true while also "
            "specifying a value for the parameter");
  wanted["Parameters"] = json::array{{{"ParameterKey", "my_p"}, {"ParameterValue", "x"}},
                                     {{"ParameterKey", "X"}, {"ParameterValue", "x"}}};
  EXPECT_EQ(world.call("CreateStack", wanted).error().cause,
            "Parameters: [X, my_p] do not exist in the template");
}

TEST(ValidateTemplate, LooksAtReferencesAndCircles) {
  World world;
  const auto refused = [&](const std::string& body) {
    const auto reply = world.call("ValidateTemplate", {{"TemplateBody", body}});
    return reply ? "" : reply.error().cause;
  };
  EXPECT_EQ(refused(R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","DependsOn":"U"},)"
                    R"("U":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Ref":"T"}}}}})"),
            "Circular dependency between resources: [T, U]");
  EXPECT_EQ(refused(R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","DependsOn":"U"}}})"),
            "Template format error: Unresolved resource dependencies [U] in the Resources block of "
            "the template");
  EXPECT_EQ(world.call("GetTemplateSummary", {{"TemplateBody", topic("a")}, {"StackName", "s"}})
                .error()
                .cause,
            "You must specify only one of the following parameters: StackName, TemplateBody, or "
            "TemplateURL.");
}

TEST(ImportValue, OfWhatIsNotExportedFailsTheStackAtOnce) {
  World world;
  const std::string body =
      R"({"Resources":{"T":{"Type":"AWS::SNS::Topic"},"U":{"Type":"AWS::SNS::Topic","Properties":)"
      R"({"DisplayName":{"Fn::ImportValue":"none"}}}}})";
  ASSERT_TRUE(world.call("CreateStack", asked(body)));
  EXPECT_THAT(world.events("s"),
              testing::ElementsAre("s CREATE_IN_PROGRESS", "s ROLLBACK_IN_PROGRESS",
                                   "s ROLLBACK_COMPLETE"));
  EXPECT_EQ(world.reason("s", "s", "ROLLBACK_IN_PROGRESS"),
            "No export named none found. Rollback requested by user.");
  json::object wanted = asked(body);
  wanted["StackName"] = "other";
  wanted["ChangeSetName"] = "c";
  wanted["ChangeSetType"] = "CREATE";
  ASSERT_TRUE(world.call("CreateChangeSet", wanted));
  const auto planned =
      world.call("DescribeChangeSet", {{"StackName", "other"}, {"ChangeSetName", "c"}});
  ASSERT_TRUE(planned);
  EXPECT_EQ(text(*planned, "Status"), "FAILED");
  EXPECT_EQ(text(*planned, "StatusReason"), "No export named none found.");
}

}  // namespace
}  // namespace kiban::services::cloudformation
