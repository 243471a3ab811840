// What clients ask for twice, at the wrong time, or take back.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "services/cloudformation/fixture.h"

namespace kiban::services::cloudformation {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::string topic(const std::string& display, const std::string& extra = {}) {
  return fmt::format(
      R"({{"Resources":{{"T":{{"Type":"AWS::SNS::Topic","Properties":{{"DisplayName":"{}"}}}}{}}}}})",
      display, extra);
}

json::object asked(const std::string& body, const std::string& token = {}) {
  json::object out{{"StackName", "s"}, {"TemplateBody", body}};
  if (!token.empty()) out["ClientRequestToken"] = token;
  return out;
}

TEST(Token, MakesARepeatedRequestTheSame) {
  World world;
  const auto made = world.call("CreateStack", asked(topic("a"), "one"));
  ASSERT_TRUE(made);
  EXPECT_EQ(world.call("CreateStack", asked(topic("a"), "one")), made);
  EXPECT_EQ(world.call("CreateStack", asked(topic("a"), "two")).error().name,
            "AlreadyExistsException");
  ASSERT_TRUE(world.call("UpdateStack", asked(topic("b"), "three")));
  world.script.calls.clear();
  EXPECT_TRUE(world.call("UpdateStack", asked(topic("b"), "three")));
  EXPECT_THAT(world.script.operations(), testing::IsEmpty());
  EXPECT_EQ(world.call("UpdateStack", asked(topic("b"), "four")).error().cause,
            "No updates are to be performed.");
  EXPECT_EQ(world.call("CreateStack", asked(topic("b"), "three")).error().name,
            "TokenAlreadyExistsException");
}

TEST(Token, MakesARepeatedExecutionTheSame) {
  World world;
  json::object wanted = asked(topic("a"));
  wanted["ChangeSetName"] = "c";
  wanted["ChangeSetType"] = "CREATE";
  wanted["ClientToken"] = "x";
  const auto made = world.call("CreateChangeSet", wanted);
  ASSERT_TRUE(made);
  EXPECT_EQ(world.call("CreateChangeSet", wanted), made);
  wanted["ClientToken"] = "y";
  EXPECT_EQ(world.call("CreateChangeSet", wanted).error().name, "AlreadyExistsException");
  const json::object execute{
      {"StackName", "s"}, {"ChangeSetName", "c"}, {"ClientRequestToken", "e"}};
  ASSERT_TRUE(world.call("ExecuteChangeSet", execute));
  EXPECT_TRUE(world.call("ExecuteChangeSet", execute));
  json::object other = execute;
  other["ClientRequestToken"] = "f";
  EXPECT_THAT(world.call("ExecuteChangeSet", other).error().cause,
              HasSubstr("cannot be executed in its current status of [EXECUTE_COMPLETE]"));
}

TEST(ChangeSet, IsObsoleteOnceTheStackWasUpdated) {
  World world;
  ASSERT_TRUE(world.call("CreateStack", asked(topic("a"))));
  json::object wanted = asked(topic("b"));
  wanted["ChangeSetName"] = "c";
  ASSERT_TRUE(world.call("CreateChangeSet", wanted));
  ASSERT_TRUE(world.call("UpdateStack", asked(topic("c"))));
  const json::object named{{"StackName", "s"}, {"ChangeSetName", "c"}};
  EXPECT_EQ(text(*world.call("DescribeChangeSet", named), "ExecutionStatus"), "OBSOLETE");
  EXPECT_EQ(world.call("ExecuteChangeSet", named).error().name, "InvalidChangeSetStatus");
}

constexpr const char* instance =
    R"(,"D":{"Type":"AWS::RDS::DBInstance","Properties":{"DBInstanceClass":"c","Engine":"e"}})";

void keep_instances(World& world, const std::string& state) {
  world.script.answers["rds:DescribeDBInstances"] = [&state](Context&, const json::object&) {
    return Result<json::object>(
        json::object{{"DBInstances", json::array{{{"DBInstanceStatus", state}}}}});
  };
}

TEST(CancelUpdateStack, RollsAnUpdateOnItsWayBack) {
  World world;
  std::string state = "creating";
  keep_instances(world, state);
  ASSERT_TRUE(world.call("CreateStack", asked(topic("a"))));
  const json::object named{{"StackName", "s"}};
  EXPECT_EQ(world.call("CancelUpdateStack", named).error().cause,
            "CancelUpdateStack cannot be called from current stack status");
  ASSERT_TRUE(world.call("UpdateStack", asked(topic("b", instance))));
  EXPECT_EQ(world.status("s"), "UPDATE_IN_PROGRESS");
  EXPECT_THAT(world.call("UpdateStack", asked(topic("c"))).error().cause,
              HasSubstr("is in UPDATE_IN_PROGRESS state and can not be updated."));
  EXPECT_THAT(world.call("DeleteStack", named).error().cause,
              HasSubstr("cannot be deleted while in status UPDATE_IN_PROGRESS"));
  world.script.calls.clear();
  ASSERT_TRUE(world.call("CancelUpdateStack", named));
  EXPECT_EQ(world.reason("s", "D", "CREATE_FAILED"), "Resource creation cancelled");
  EXPECT_THAT(world.script.operations(), Contains("rds:DeleteDBInstance"));
  EXPECT_EQ(text(world.script.calls.at(0).input, "AttributeValue"), "a");
  world.script.answers["rds:DescribeDBInstances"] = [](Context&, const json::object&) {
    return Result<json::object>(fail("DBInstanceNotFound", "gone"));
  };
  world.pass(std::chrono::seconds(3));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_COMPLETE") << world.failures("s");
}

TEST(Deployment, TellsWhatItWaitsForAndNotForEver) {
  World world;
  std::string state = "creating";
  keep_instances(world, state);
  ASSERT_TRUE(world.call("CreateStack", asked(topic("a", instance))));
  const auto row =
      world.call("DescribeStackResource", {{"StackName", "s"}, {"LogicalResourceId", "D"}});
  EXPECT_EQ(text(row->at("StackResourceDetail").as_object(), "ResourceStatusReason"),
            R"(waits for DBInstances.0.DBInstanceStatus to be ["available"]; it is "creating")");
  world.pass(std::chrono::hours(2));
  EXPECT_EQ(world.status("s"), "CREATE_IN_PROGRESS");
  world.pass(std::chrono::hours(2));
  EXPECT_EQ(world.status("s"), "ROLLBACK_IN_PROGRESS");
  EXPECT_THAT(world.reason("s", "D", "CREATE_FAILED"),
              HasSubstr("did not stabilize within 3 hours"));
  world.pass(std::chrono::hours(4));
  EXPECT_EQ(world.status("s"), "ROLLBACK_FAILED");  // It never goes, either.
}

TEST(Events, ComeInPagesThatNewOnesDoNotMove) {
  World world;
  std::string body = R"({"Resources":{)";
  for (int i = 0; i < 60; ++i) {
    body += fmt::format(R"({}"T{}":{{"Type":"AWS::SNS::Topic"}})", i == 0 ? "" : ",", i);
  }
  body += "}}";
  ASSERT_TRUE(world.call("CreateStack", asked(body)));  // 2 events a topic and 2 of the stack.
  const auto first = world.call("DescribeStackEvents", {{"StackName", "s"}});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->at("StackEvents").as_array().size(), 100U);
  ASSERT_TRUE(world.call("UpdateTerminationProtection",
                         {{"StackName", "s"}, {"EnableTerminationProtection", false}}));
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  const auto second = world.call("DescribeStackEvents",
                                 {{"StackName", first->at("StackEvents").at(0).at("StackId")},
                                  {"NextToken", first->at("NextToken")}});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->at("StackEvents").as_array().size(), 22U);
  EXPECT_FALSE(second->contains("NextToken"));
  std::set<std::string> ids;
  for (const auto* page : {&*first, &*second}) {
    for (const json::value& event : page->at("StackEvents").as_array()) {
      ids.insert(text(event.as_object(), "EventId"));
    }
  }
  EXPECT_EQ(ids.size(), 122U);
}

// Fails the second step of an update, once it is told to.
struct Failing {
  bool on{false};
  Script::Answer answer() {
    return [this](Context&, const json::object&) -> Result<json::object> {
      if (on) return fail("Oops", "not now");
      return json::object{};
    };
  }
};

std::string group(const std::string& ports) {
  return R"({"Resources":{"G":{"Type":"AWS::EC2::SecurityGroup","Properties":{"VpcId":"v","GroupDescription":"d","SecurityGroupIngress":[)" +
         ports + "]}}}}";
}

constexpr const char* web =
    R"({"IpProtocol":"tcp","FromPort":80,"ToPort":80,"CidrIp":"0.0.0.0/0"})";
constexpr const char* safe =
    R"({"IpProtocol":"tcp","FromPort":443,"ToPort":443,"CidrIp":"0.0.0.0/0"})";

TEST(Rollback, UndoesWhatAnUpdateThatFailedHadDone) {
  World world;
  Failing failing;
  world.script.answers["ec2:AuthorizeSecurityGroupIngress"] =
      [&failing](Context&, const json::object& in) -> Result<json::object> {
    const json::value& port = in.at("IpPermissions").at(0).at("FromPort");
    if (failing.on && port == 443) return fail("Oops", "not now");
    return json::object{};
  };
  ASSERT_TRUE(world.call("CreateStack", asked(group(web))));
  failing.on = true;
  world.script.calls.clear();
  ASSERT_TRUE(world.call("UpdateStack", asked(group(safe))));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_COMPLETE") << world.failures("s");
  // Port 80 was taken away before the new rule failed: it is there again.
  EXPECT_THAT(world.script.operations(),
              ElementsAre("ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress",
                          "ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"));
  EXPECT_EQ(world.script.calls.back().input.at("IpPermissions").at(0).at("FromPort"), 80);
}

TEST(Create, GivesARuleOfItsOwnAnIpv6Range) {
  World world;
  world.script.answers["ec2:AuthorizeSecurityGroupIngress"] =
      [](Context&, const json::object&) -> Result<json::object> {
    return json::object{{"SecurityGroupRules", json::array{{{"SecurityGroupRuleId", "sgr-1"}}}}};
  };
  ASSERT_TRUE(world.call("CreateStack", asked(R"({"Resources":{"R":{
      "Type":"AWS::EC2::SecurityGroupIngress",
      "Properties":{"GroupId":"sg-1","IpProtocol":"tcp","FromPort":443,"ToPort":443,
                    "CidrIpv6":"::/0"}}}})")));
  EXPECT_EQ(world.status("s"), "CREATE_COMPLETE") << world.failures("s");
  EXPECT_EQ(world.script.calls.front().input.at("IpPermissions").at(0).at("Ipv6Ranges"),
            json::value(json::array{{{"CidrIpv6", "::/0"}}}));
}

TEST(Create, FailsWithANatGatewayThatFails) {
  World world;
  world.script.answers["ec2:CreateNatGateway"] = [](Context&,
                                                    const json::object&) -> Result<json::object> {
    return json::object{{"NatGateway", {{"NatGatewayId", "nat-1"}}}};
  };
  world.script.answers["ec2:DescribeNatGateways"] =
      [](Context&, const json::object&) -> Result<json::object> {
    return json::object{
        {"NatGateways",
         json::array{{{"State", "failed"}, {"FailureMessage", "no Internet gateway attached"}}}}};
  };
  ASSERT_TRUE(world.call("CreateStack", asked(R"({"Resources":{"N":{
      "Type":"AWS::EC2::NatGateway","Properties":{"SubnetId":"subnet-1"}}}})")));
  EXPECT_THAT(world.failures("s"), HasSubstr("no Internet gateway attached"));
}

TEST(Update, DoesAgainWhatFailedBefore) {
  World world;
  Failing failing;
  world.script.answers["sns:SetTopicAttributes"] = failing.answer();
  ASSERT_TRUE(world.call("CreateStack", asked(topic("a"))));
  failing.on = true;
  json::object keep = asked(topic("b"));
  keep["DisableRollback"] = true;
  ASSERT_TRUE(world.call("UpdateStack", keep));
  EXPECT_EQ(world.status("s"), "UPDATE_FAILED");
  failing.on = false;
  world.script.calls.clear();
  EXPECT_EQ(world.call("UpdateStack", asked(topic("a"))).error().cause,
            "This stack is currently in a non-terminal [UPDATE_FAILED] state. To update the stack "
            "from this state, please use the disable-rollback parameter with update-stack API. To "
            "rollback to the last known good state, use the rollback-stack API");
  // Back to what was there: nothing differs, and yet it is not known what the failed one did.
  keep["TemplateBody"] = topic("a");
  ASSERT_TRUE(world.call("UpdateStack", keep));
  EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE");
  EXPECT_THAT(world.script.operations(), ElementsAre("sns:SetTopicAttributes"));
}

TEST(ContinueUpdateRollback, SkipsOnlyWhatFailed) {
  World world;
  Failing failing;
  world.script.answers["sns:SetTopicAttributes"] = failing.answer();
  ASSERT_TRUE(world.call("CreateStack", asked(topic("a"))));
  failing.on = true;
  ASSERT_TRUE(world.call("UpdateStack", asked(topic("b"))));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_FAILED");
  json::object go{{"StackName", "s"}, {"ResourcesToSkip", json::array{"Other"}}};
  EXPECT_THAT(world.call("ContinueUpdateRollback", go).error().cause, HasSubstr("[Other]"));
  go["ResourcesToSkip"] = json::array{"T"};
  ASSERT_TRUE(world.call("ContinueUpdateRollback", go));
  EXPECT_EQ(world.status("s"), "UPDATE_ROLLBACK_COMPLETE");
  EXPECT_EQ(world.call("UpdateStack", asked(topic("a"))).error().cause,
            "No updates are to be performed.");
}

TEST(Templates, AreRefusedBeforeAnythingIsMade) {
  World world;
  const std::pair<const char*, const char*> refused[] = {
      {R"({"Transform":"Own::Macro","Resources":{"T":{"Type":"AWS::SNS::Topic"}}})",
       "kiban does not run the transform (macro) \"Own::Macro\""},
      {R"({"Resources":{"Fn::ForEach::Topics":["X",["a"],{"T${X}":{"Type":"AWS::SNS::Topic"}}]}})",
       "Template format error: Resource name Fn::ForEach::Topics is non alphanumeric."},
      {R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Fn::Transform":{}}}}}})",
       "kiban does not honour the function Fn::Transform"},
      {R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Fn::ToJsonString":{}}}}}})",
       "Fn::ToJsonString needs the transform AWS::LanguageExtensions"},
      {R"({"Resources":{"T":{"Type":"AWS::SNS::Topic"},"U":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Fn::Sub":"${T.Nope}"}}}}})",
       "resource T does not support attribute type Nope in Fn::GetAtt"},
      {R"({"Resources":{"T":{"Type":"AWS::SNS::Topic"},"U":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Fn::GetAtt":"T.Nope"}}}}})",
       "resource T does not support attribute type Nope in Fn::GetAtt"},
      {R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","DeletionPolicy":"Snapshot"}}})",
       "resource type AWS::SNS::Topic does not support DeletionPolicy Snapshot"},
      {R"({"Resources":{"B":{"Type":"AWS::S3::Bucket","Properties":{"AccessControl":"AwsExecRead"}}}})",
       "kiban does not honour AccessControl \"AwsExecRead\""},
      {R"({"Resources":{"M":{"Type":"AWS::StepFunctions::StateMachine","Properties":{"EncryptionConfiguration":{"Type":"CUSTOMER_MANAGED_KMS_KEY"}}}}})",
       "kiban does not honour EncryptionConfiguration.Type"},
      {R"({"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":{"Fn::Select":[2,["a","b"]]}}}}})",
       "Template error: Fn::Select cannot select nonexistent value at index 2"},
      {R"({"Mappings":{"M":{"a":{"b":"c"}}},"Resources":{"Q":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":{"Fn::FindInMap":["M","x","b"]}}}}})",
       "Template error: Unable to get mapping for M::x::b"},
      {R"({"Resources":{"Q":{"Type":"AWS::SQS::Queue"}},"Outputs":{"O":{"Value":{"Fn::Split":[",","a,b"]}}}})",
       "Template format error: The Value field of every Outputs member must evaluate to a String."},
      {R"({"Resources":{"Q":{"Type":"AWS::SQS::Queue"}},"Outputs":{"O":{"Value":"a","Export":{"Name":{"Fn::Sub":"${AWS::StackName}-x"}}},"P":{"Value":"b","Export":{"Name":"s-x"}}}})",
       "Template format error: The Outputs section contains duplicate Export names: [s-x]. Specify "
       "a unique name for each export."},
      {R"({"Resources":{"F":{"Type":"AWS::Glue::Job"},"C":{"Type":"AWS::Nothing::Thing"}}})",
       "Unrecognized resource types: [AWS::Glue::Job, AWS::Nothing::Thing]"}};
  for (const auto& [body, why] : refused) {
    const auto reply = world.call("CreateStack", asked(body));
    ASSERT_FALSE(reply) << body;
    EXPECT_THAT(reply.error().cause, HasSubstr(why));
  }
  json::object policy = asked(topic("a"));
  policy["StackPolicyBody"] = "{}";
  EXPECT_EQ(world.call("CreateStack", policy).error().cause,
            "kiban does not honour StackPolicyBody of CreateStack");
  EXPECT_THAT(world.script.operations(), testing::IsEmpty());
}

TEST(LanguageExtensions, AreFunctionsThatAreAcknowledged) {
  World world;
  json::object wanted = asked(
      R"({"Transform":["AWS::LanguageExtensions"],"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"DisplayName":{"Fn::ToJsonString":{"n":{"Fn::Length":["a","b"]}}}}}}})");
  EXPECT_EQ(world.call("CreateStack", wanted).error().cause,
            "Requires capabilities : [CAPABILITY_AUTO_EXPAND]");
  wanted["Capabilities"] = json::array{"CAPABILITY_AUTO_EXPAND"};
  ASSERT_TRUE(world.call("CreateStack", wanted));
  EXPECT_EQ(world.script.calls.at(0).input.at("Attributes").at("DisplayName"), R"({"n":2})");
}

TEST(ManagedPolicy, KeepsFiveVersionsAndGoesWithAll) {
  World world;
  std::vector<std::string> versions{"v1", "v2", "v3", "v4", "v5"};
  world.script.answers["iam:CreatePolicy"] = [](Context&, const json::object&) {
    return Result<json::object>(
        json::object{{"Policy", {{"Arn", "arn:aws:iam::000000000000:policy/p"}}}});
  };
  world.script.answers["iam:ListPolicyVersions"] = [&](Context&, const json::object&) {
    json::array all;
    for (const std::string& id : versions) {
      all.push_back(json::object{{"VersionId", id}, {"IsDefaultVersion", id == versions.back()}});
    }
    return Result<json::object>(json::object{{"Versions", all}});
  };
  world.script.answers["iam:DeletePolicyVersion"] = [&](Context&, const json::object& in) {
    std::erase(versions, text(in, "VersionId"));
    return Result<json::object>(json::object{});
  };
  world.script.answers["iam:CreatePolicyVersion"] = [&](Context&, const json::object&) {
    versions.push_back("v6");
    return Result<json::object>(json::object{});
  };
  const auto policy = [](const std::string& sid) {
    json::object in = asked(
        R"({"Resources":{"P":{"Type":"AWS::IAM::ManagedPolicy","Properties":{"PolicyDocument":{"Id":")" +
        sid + R"("}}}}})");
    in["Capabilities"] = json::array{"CAPABILITY_IAM"};
    return in;
  };
  ASSERT_TRUE(world.call("CreateStack", policy("a")));
  ASSERT_TRUE(world.call("UpdateStack", policy("b")));
  EXPECT_EQ(world.status("s"), "UPDATE_COMPLETE") << world.failures("s");
  EXPECT_THAT(versions, ElementsAre("v2", "v3", "v4", "v5", "v6"));
  ASSERT_TRUE(world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_THAT(versions, ElementsAre("v6"));
}

}  // namespace
}  // namespace kiban::services::cloudformation
