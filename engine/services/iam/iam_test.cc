#include <gmock/gmock.h>

#include "services/iam/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::iam {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view trusting_account =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",)"
    R"("Principal":{"AWS":"arn:aws:iam::000000000000:root"}}]})";

class Iam : public ServiceTest {
 protected:
  Iam() : ServiceTest("iam", {make_iam}) {}
  void create_role(std::string_view name, std::string_view trust) {
    call("CreateRole", {{"RoleName", name}, {"AssumeRolePolicyDocument", trust}});
  }
  static std::string role_arn(std::string_view name) {
    return "arn:aws:iam::000000000000:role/" + std::string(name);
  }
};

TEST_F(Iam, RolesComeAndGo) {
  create_role("r", trusting_account);
  const json::object role = call("GetRole", {{"RoleName", "r"}}).at("Role").as_object();
  EXPECT_EQ(text(role, "Arn"), role_arn("r"));
  EXPECT_THAT(text(role, "RoleId"), testing::MatchesRegex("AROA[A-Z2-7]+"));
  EXPECT_THAT(text(role, "AssumeRolePolicyDocument"), testing::StartsWith("%7B%22Version%22"));
  EXPECT_FALSE(role.contains("Attached"));
  EXPECT_EQ(
      refusal("CreateRole", {{"RoleName", "r"}, {"AssumeRolePolicyDocument", trusting_account}}),
      (Error{"EntityAlreadyExistsException", "Role with name r already exists."}));
  call("DeleteRole", {{"RoleName", "r"}});
  EXPECT_EQ(refusal("GetRole", {{"RoleName", "r"}}),
            (Error{"NoSuchEntityException", "The role with name r cannot be found."}));
  EXPECT_EQ(refusal("CreateRole", {{"RoleName", "x"}, {"AssumeRolePolicyDocument", "{"}}).name,
            "MalformedPolicyDocumentException");
}

TEST_F(Iam, PoliciesKeepARoleFromBeingDeleted) {
  create_role("r", trusting_account);
  call("PutRolePolicy",
       {{"RoleName", "r"}, {"PolicyName", "p"}, {"PolicyDocument", R"({"Statement":[]})"}});
  EXPECT_EQ(refusal("DeleteRole", {{"RoleName", "r"}}).name, "DeleteConflictException");
  EXPECT_EQ(call("GetRolePolicy", {{"RoleName", "r"}, {"PolicyName", "p"}}).at("PolicyDocument"),
            "%7B%22Statement%22%3A%5B%5D%7D");
  call("DeleteRolePolicy", {{"RoleName", "r"}, {"PolicyName", "p"}});
  const std::string admin = "arn:aws:iam::aws:policy/AdministratorAccess";
  call("AttachRolePolicy", {{"RoleName", "r"}, {"PolicyArn", admin}});
  EXPECT_EQ(refusal("DeleteRole", {{"RoleName", "r"}}).name, "DeleteConflictException");
  call("DetachRolePolicy", {{"RoleName", "r"}, {"PolicyArn", admin}});
  call("DeleteRole", {{"RoleName", "r"}});
}

TEST_F(Iam, RolesHaveBoundaries) {
  create_role("r", trusting_account);
  const std::string arn = "arn:aws:iam::aws:policy/PowerUserAccess";
  call("PutRolePermissionsBoundary", {{"RoleName", "r"}, {"PermissionsBoundary", arn}});
  const auto boundary = [&] {
    return find(call("GetRole", {{"RoleName", "r"}}).at("Role").as_object(), "PermissionsBoundary")
               ? "there"
               : "none";
  };
  EXPECT_STREQ(boundary(), "there");
  call("DeleteRolePermissionsBoundary", {{"RoleName", "r"}});
  EXPECT_STREQ(boundary(), "none");
  EXPECT_EQ(refusal("DeleteRolePermissionsBoundary", {{"RoleName", "r"}}).name,
            "NoSuchEntityException");
}

TEST_F(Iam, ManagedPoliciesHaveVersions) {
  const std::string arn =
      text(call("CreatePolicy", {{"PolicyName", "p"}, {"PolicyDocument", R"({"Statement":[]})"}})
               .at("Policy")
               .as_object(),
           "Arn");
  EXPECT_EQ(arn, "arn:aws:iam::000000000000:policy/p");
  call("CreatePolicyVersion",
       {{"PolicyArn", arn}, {"PolicyDocument", R"({"Statement":[]})"}, {"SetAsDefault", true}});
  EXPECT_EQ(call("GetPolicy", {{"PolicyArn", arn}}).at("Policy").at("DefaultVersionId"), "v2");
  EXPECT_EQ(refusal("DeletePolicy", {{"PolicyArn", arn}}).name, "DeleteConflictException");
  call("DeletePolicyVersion", {{"PolicyArn", arn}, {"VersionId", "v1"}});
  create_role("r", trusting_account);
  call("AttachRolePolicy", {{"RoleName", "r"}, {"PolicyArn", arn}});
  EXPECT_EQ(refusal("DeletePolicy", {{"PolicyArn", arn}}).name, "DeleteConflictException");
  call("DetachRolePolicy", {{"RoleName", "r"}, {"PolicyArn", arn}});
  call("DeletePolicy", {{"PolicyArn", arn}});
  EXPECT_EQ(refusal("AttachRolePolicy", {{"RoleName", "r"}, {"PolicyArn", arn}}).name,
            "NoSuchEntityException");
}

TEST_F(Iam, TrustPoliciesHaveAGrammar) {
  const auto cause = [&](std::string_view statement) {
    return refusal("CreateRole",
                   {{"RoleName", "r"},
                    {"AssumeRolePolicyDocument",
                     R"({"Version":"2012-10-17","Statement":[)" + std::string(statement) + "]}"}})
        .cause;
  };
  EXPECT_EQ(cause(R"({"Effect":"deny","Principal":"*","Action":"sts:AssumeRole"})"),
            "Invalid effect: deny");
  EXPECT_EQ(cause(R"({"Effect":"Allow","Principal":"*","Action":"s3:GetObject"})"),
            "AssumeRole policy may only specify STS AssumeRole actions.");
  EXPECT_EQ(cause(R"({"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole","Resource":"*"})"),
            "Has prohibited field Resource");
  EXPECT_EQ(cause(R"({"Effect":"Allow","Action":"sts:AssumeRole"})"),
            "Missing required field Principal");
  EXPECT_EQ(cause(R"({"Effect":"Allow","Principal":{"Service":"ecs"},"Action":"sts:AssumeRole"})"),
            R"(Invalid principal in policy: "SERVICE":"ecs")");
  EXPECT_EQ(
      cause(
          R"({"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::000000000000:role/none"},"Action":"sts:AssumeRole"})"),
      R"(Invalid principal in policy: "AWS":"arn:aws:iam::000000000000:role/none")");
  create_role(
      "wild",
      R"({"Statement":{"Effect":"Deny","Principal":"*","Action":["sts:?ssumeRole","sts:TagSession"]}})");
}

TEST_F(Iam, IdentityPoliciesHaveAGrammar) {
  create_role("r", trusting_account);
  const auto cause = [&](std::string_view statement) {
    return refusal("PutRolePolicy", {{"RoleName", "r"},
                                     {"PolicyName", "p"},
                                     {"PolicyDocument", R"({"Version":"2012-10-17","Statement":)" +
                                                            std::string(statement) + "}"}})
        .cause;
  };
  EXPECT_EQ(cause(R"({"Effect":"allow","Action":"s3:*","Resource":"*"})"),
            "Syntax errors in policy.");
  EXPECT_EQ(cause(R"({"Effect":"Allow","Resource":"*"})"),
            "Policy statement must contain actions.");
  EXPECT_EQ(cause(R"({"Effect":"Allow","Action":"s3:*"})"),
            "Policy statement must contain resources.");
  EXPECT_EQ(cause(R"({"Effect":"Allow","Action":"everything","Resource":"*"})"),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
  EXPECT_EQ(cause(R"({"Effect":"Allow","Action":"s3:*","Resource":"bucket"})"),
            R"(Resource bucket must be in ARN format or "*".)");
  EXPECT_EQ(cause(R"({"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"*"})"),
            "Policy document should not specify a principal.");
  EXPECT_EQ(cause(R"([{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"},)"
                  R"({"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"}])"),
            "Statement IDs (SID) in a single policy must be unique.");
  EXPECT_EQ(
      cause(
          R"({"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"Equals":{"aws:a":"b"}}})"),
      "Invalid Condition type : Equals");
}

TEST_F(Iam, QuotasOfARole) {
  create_role("r", trusting_account);
  EXPECT_EQ(
      refused("CreateRole", {{"RoleName", "R"}, {"AssumeRolePolicyDocument", trusting_account}}),
      "EntityAlreadyExistsException");
  for (int i = 0; i < 10; ++i)
    call("AttachRolePolicy",
         {{"RoleName", "r"}, {"PolicyArn", "arn:aws:iam::aws:policy/P" + std::to_string(i)}});
  EXPECT_EQ(refused("AttachRolePolicy",
                    {{"RoleName", "r"}, {"PolicyArn", "arn:aws:iam::aws:policy/P10"}}),
            "LimitExceededException");
  const std::string large =
      R"({"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::)" +
      std::string(10'200, 'a') + "\"}}";
  EXPECT_EQ(
      refused("PutRolePolicy", {{"RoleName", "r"}, {"PolicyName", "p"}, {"PolicyDocument", large}}),
      "LimitExceededException");
  const json::array twice{{{"Key", "a"}, {"Value", ""}}, {{"Key", "A"}, {"Value", ""}}};
  EXPECT_EQ(refused("TagRole", {{"RoleName", "r"}, {"Tags", twice}}), "InvalidInputException");
  EXPECT_EQ(refused("PutRolePermissionsBoundary",
                    {{"RoleName", "r"},
                     {"PermissionsBoundary", "arn:aws:iam::000000000000:policy/none"}}),
            "NoSuchEntityException");
}

TEST_F(Iam, ListsAreFiltered) {
  constexpr std::string_view none = R"({"Version":"2012-10-17","Statement":[]})";
  call("CreatePolicy", {{"PolicyName", "p"}, {"Path", "/team/"}, {"PolicyDocument", none}});
  EXPECT_EQ(refused("CreatePolicy", {{"PolicyName", "P"}, {"PolicyDocument", none}}),
            "EntityAlreadyExistsException");
  const std::string arn = "arn:aws:iam::000000000000:policy/team/p";
  const auto policies = [&](json::object input) {
    return call("ListPolicies", std::move(input)).at("Policies").as_array().size();
  };
  EXPECT_EQ(policies({{"PathPrefix", "/team/"}}), 1U);
  EXPECT_EQ(policies({{"PathPrefix", "/other/"}}), 0U);
  EXPECT_EQ(policies({{"OnlyAttached", true}}), 0U);
  create_role("r", trusting_account);
  call("PutRolePermissionsBoundary", {{"RoleName", "r"}, {"PermissionsBoundary", arn}});
  EXPECT_EQ(policies({{"PolicyUsageFilter", "PermissionsBoundary"}}), 1U);
  EXPECT_EQ(refused("DeletePolicy", {{"PolicyArn", arn}}), "DeleteConflictException");
  EXPECT_EQ(call("ListEntitiesForPolicy",
                 {{"PolicyArn", arn}, {"PolicyUsageFilter", "PermissionsPolicy"}})
                .at("PolicyRoles"),
            json::array{});
  call("TagPolicy", {{"PolicyArn", arn}, {"Tags", {{{"Key", "k"}, {"Value", "v"}}}}});
  EXPECT_EQ(call("ListPolicyTags", {{"PolicyArn", arn}}).at("Tags").at(0).at("Value"), "v");
  EXPECT_EQ(refused("SetDefaultPolicyVersion", {{"PolicyArn", arn}, {"VersionId", "v9"}}),
            "NoSuchEntityException");
}

TEST_F(Iam, ListsComeInPages) {
  for (const std::string_view name : {"a", "b", "c"}) create_role(name, trusting_account);
  const json::object first = call("ListRoles", {{"MaxItems", 2}});
  EXPECT_EQ(first.at("Roles").as_array().size(), 2U);
  EXPECT_EQ(first.at("IsTruncated"), true);
  const json::object second = call("ListRoles", {{"MaxItems", 2}, {"Marker", first.at("Marker")}});
  EXPECT_EQ(second.at("Roles").as_array().size(), 1U);
  EXPECT_EQ(second.at("IsTruncated"), false);
}

}  // namespace
}  // namespace kiban::services::iam
