// API_SimulateCustomPolicy, API_SimulatePrincipalPolicy, API_GetContextKeysForCustomPolicy.
#include <gmock/gmock.h>

#include "services/iam/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::iam {
namespace {

using testing::HasSubstr;

constexpr std::string_view list_bucket =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket",)"
    R"("Resource":"arn:aws:s3:::teambucket","Condition":{"StringEquals":)"
    R"({"s3:prefix":"${aws:username}"}}}]})";
constexpr std::string_view only_queues =
    R"({"Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}})";

class Simulator : public ServiceTest {
 protected:
  Simulator() : ServiceTest("iam", {make_iam}) {}

  static json::object entry(std::string_view key, std::string_view value) {
    return {{"ContextKeyName", key},
            {"ContextKeyType", "string"},
            {"ContextKeyValues", json::array{value}}};
  }
  json::array results(const std::string& operation, json::object input) {
    return call(operation, std::move(input)).at("EvaluationResults").as_array();
  }
  void create_role(std::string_view name) {
    call("CreateRole",
         {{"RoleName", name},
          {"AssumeRolePolicyDocument",
           R"({"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"}})"}});
  }
  static std::string role_arn(std::string_view name) {
    return "arn:aws:iam::000000000000:role/" + std::string(name);
  }
};

TEST_F(Simulator, TellsTheStatementsOfACustomPolicy) {
  json::object input{{"PolicyInputList", json::array{list_bucket}},
                     {"ActionNames", {"s3:ListBucket", "s3:GetObject"}},
                     {"ResourceArns", {"arn:aws:s3:::teambucket"}},
                     {"ContextEntries", {entry("S3:Prefix", "bob"), entry("aws:username", "bob")}}};
  const json::array both = results("SimulateCustomPolicy", input);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(
      print_json(both[0]),
      R"({"EvalActionName":"s3:ListBucket","EvalResourceName":"arn:aws:s3:::teambucket",)"
      R"("EvalDecision":"allowed","MatchedStatements":[{"SourcePolicyId":"PolicyInputList.1",)"
      R"("SourcePolicyType":"IAM Policy","StartPosition":{"Line":1,"Column":38},)"
      R"("EndPosition":{"Line":1,"Column":179}}],"MissingContextValues":[],)"
      R"("ResourceSpecificResults":[{"EvalResourceName":"arn:aws:s3:::teambucket",)"
      R"("EvalResourceDecision":"allowed","MatchedStatements":[)"
      R"({"SourcePolicyId":"PolicyInputList.1","SourcePolicyType":"IAM Policy",)"
      R"("StartPosition":{"Line":1,"Column":38},"EndPosition":{"Line":1,"Column":179}}],)"
      R"("MissingContextValues":[]}]})");
  EXPECT_EQ(both[1].at("EvalDecision"), "implicitDeny");
  EXPECT_TRUE(both[1].at("MatchedStatements").as_array().empty());

  input.erase("ContextEntries");
  input.erase("ResourceArns");
  const json::array without = results("SimulateCustomPolicy", input);
  EXPECT_EQ(without[0].at("EvalResourceName"), "*");
  EXPECT_EQ(without[0].at("MissingContextValues"), (json::array{"s3:prefix", "aws:username"}));

  input["MaxItems"] = 1;
  const json::object page = call("SimulateCustomPolicy", input);
  EXPECT_EQ(page.at("IsTruncated"), true);
  input["Marker"] = page.at("Marker");
  EXPECT_EQ(results("SimulateCustomPolicy", input)[0].at("EvalActionName"), "s3:GetObject");
}

TEST_F(Simulator, WeighsBoundariesAndResourcePolicies) {
  json::object input{
      {"PolicyInputList", {R"({"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}})"}},
      {"PermissionsBoundaryPolicyInputList", json::array{only_queues}},
      {"ActionNames", {"sqs:SendMessage", "s3:GetObject"}}};
  const json::array bounded = results("SimulateCustomPolicy", input);
  EXPECT_EQ(bounded[0].at("EvalDecision"), "allowed");
  EXPECT_EQ(bounded[0].at("PermissionsBoundaryDecisionDetail").at("AllowedByPermissionsBoundary"),
            true);
  EXPECT_EQ(bounded[1].at("EvalDecision"), "implicitDeny");
  EXPECT_EQ(bounded[1].at("PermissionsBoundaryDecisionDetail").at("AllowedByPermissionsBoundary"),
            false);

  json::object shared{
      {"PolicyInputList", {R"({"Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*"}})"}},
      {"ActionNames", {"s3:GetObject"}},
      {"ResourceArns", {"arn:aws:s3:::b/x"}},
      {"ResourceOwner", "arn:aws:iam::111122223333:root"},
      {"CallerArn", "arn:aws:iam::111122223333:user/bob"},
      {"ResourcePolicy", R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*",)"
                         R"("Principal":{"AWS":"arn:aws:iam::111122223333:user/bob"}}})"}};
  const json::array granted = results("SimulateCustomPolicy", shared);
  EXPECT_EQ(granted[0].at("EvalDecision"), "allowed");
  EXPECT_EQ(granted[0].at("MatchedStatements").at(0).at("SourcePolicyType"), "Resource Policy");
  shared["ResourceOwner"] = "arn:aws:iam::444455556666:root";
  EXPECT_EQ(results("SimulateCustomPolicy", shared)[0].at("EvalDecision"), "implicitDeny");
  shared.erase("CallerArn");
  EXPECT_EQ(refused("SimulateCustomPolicy", shared), "InvalidInputException");
}

TEST_F(Simulator, KnowsThePoliciesOfARole) {
  create_role("app");
  call("PutRolePolicy",
       {{"RoleName", "app"}, {"PolicyName", "own"}, {"PolicyDocument", list_bucket}});
  const std::string arn =
      text(call("CreatePolicy", {{"PolicyName", "queues"}, {"PolicyDocument", only_queues}})
               .at("Policy")
               .as_object(),
           "Arn");
  call("AttachRolePolicy", {{"RoleName", "app"}, {"PolicyArn", arn}});
  json::object input{{"PolicySourceArn", role_arn("app")},
                     {"ActionNames", {"sqs:SendMessage", "s3:ListBucket"}},
                     {"ResourceArns", {"arn:aws:s3:::teambucket"}},
                     {"ContextEntries", {entry("s3:prefix", "a"), entry("aws:username", "a")}}};
  const json::array found = results("SimulatePrincipalPolicy", input);
  EXPECT_EQ(found[0].at("MatchedStatements").at(0).at("SourcePolicyId"), "queues");
  EXPECT_EQ(found[1].at("MatchedStatements").at(0).at("SourcePolicyId"), "role_app_own");
  call("PutRolePermissionsBoundary", {{"RoleName", "app"}, {"PermissionsBoundary", arn}});
  const json::array bounded = results("SimulatePrincipalPolicy", input);
  EXPECT_EQ(bounded[0].at("EvalDecision"), "allowed");
  EXPECT_EQ(bounded[1].at("EvalDecision"), "implicitDeny");
  EXPECT_EQ(call("GetContextKeysForPrincipalPolicy", {{"PolicySourceArn", role_arn("app")}}),
            (json::object{{"ContextKeyNames", {"s3:prefix", "aws:username"}}}));

  // A policy of AWS's whose document is not here: nothing is decided without it.
  call("AttachRolePolicy",
       {{"RoleName", "app"}, {"PolicyArn", "arn:aws:iam::aws:policy/AWSThinkboxAssetServerPolicy"}});
  EXPECT_THAT(refusal("SimulatePrincipalPolicy", input).cause,
              HasSubstr("arn:aws:iam::aws:policy/AWSThinkboxAssetServerPolicy"));
}

TEST_F(Simulator, RefusesWhatItDoesNotKnow) {
  const json::object keys = call("GetContextKeysForCustomPolicy",
                                 {{"PolicyInputList", json::array{list_bucket, list_bucket}}});
  EXPECT_EQ(keys.at("ContextKeyNames"), (json::array{"s3:prefix", "aws:username"}));
  EXPECT_EQ(refusal("GetContextKeysForCustomPolicy", {{"PolicyInputList", {"{"}}}),
            (Error{"InvalidInputException", "Syntax errors in policy."}));
  const json::array actions{"s3:GetObject"};
  EXPECT_EQ(refused("SimulatePrincipalPolicy",
                    {{"PolicySourceArn", role_arn("none")}, {"ActionNames", actions}}),
            "NoSuchEntityException");
  EXPECT_EQ(
      refused("SimulatePrincipalPolicy", {{"PolicySourceArn", "arn:aws:iam::000000000000:user/bob"},
                                          {"ActionNames", actions}}),
      "NoSuchEntityException");
  EXPECT_EQ(refused("SimulatePrincipalPolicy",
                    {{"PolicySourceArn", "arn:aws:sns:us-east-1:000000000000:t"},
                     {"ActionNames", actions}}),
            "InvalidInputException");
  json::array many;
  for (int i = 0; i < 101; ++i) many.emplace_back("s3:A" + std::to_string(i));
  EXPECT_EQ(refused("SimulateCustomPolicy", {{"PolicyInputList", json::array{list_bucket}},
                                             {"ActionNames", many},
                                             {"ResourceArns", many}}),
            "InvalidInputException");
  EXPECT_EQ(refused("SimulateCustomPolicy", {{"PolicyInputList", json::array{list_bucket}},
                                             {"ActionNames", actions},
                                             {"ResourceHandlingOption", "EC2-VPC-EBS"}}),
            "InvalidInputException");
}

}  // namespace
}  // namespace kiban::services::iam
