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
       {{"PolicyArn", arn}, {"PolicyDocument", R"({"Statement":[{}]})"}, {"SetAsDefault", true}});
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
