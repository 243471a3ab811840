#include <gmock/gmock.h>

#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/iam/service.h"

namespace kiban::services::iam {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view trusting_account =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",)"
    R"("Principal":{"AWS":"arn:aws:iam::000000000000:root"}}]})";

class Iam : public testing::Test {
 protected:
  Iam() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(make_iam());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services));
  }
  json::object call(std::string service, const std::string& operation, json::object input) {
    auto reply = kernel_->call(std::move(service), operation, std::move(input), now_, ++seed_);
    EXPECT_TRUE(reply) << operation << ": " << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  }
  Error refused(std::string service, std::string operation, json::object input) {
    const auto reply =
        kernel_->call(std::move(service), std::move(operation), std::move(input), now_, ++seed_);
    EXPECT_FALSE(reply);
    return reply ? Error{} : reply.error();
  }
  void create_role(std::string_view name, std::string_view trust) {
    call("iam", "CreateRole", {{"RoleName", name}, {"AssumeRolePolicyDocument", trust}});
  }
  static std::string role_arn(std::string_view name) {
    return "arn:aws:iam::000000000000:role/" + std::string(name);
  }

  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{1'700'000'000'000ms};
  std::uint64_t seed_{0};
};

TEST_F(Iam, RolesComeAndGo) {
  create_role("r", trusting_account);
  const json::object role = call("iam", "GetRole", {{"RoleName", "r"}}).at("Role").as_object();
  EXPECT_EQ(text(role, "Arn"), role_arn("r"));
  EXPECT_THAT(text(role, "RoleId"), testing::MatchesRegex("AROA[A-Z2-7]+"));
  EXPECT_THAT(text(role, "AssumeRolePolicyDocument"), testing::StartsWith("%7B%22Version%22"));
  EXPECT_FALSE(role.contains("Attached"));
  EXPECT_EQ(refused("iam", "CreateRole",
                    {{"RoleName", "r"}, {"AssumeRolePolicyDocument", trusting_account}}),
            (Error{"EntityAlreadyExistsException", "Role with name r already exists."}));
  call("iam", "DeleteRole", {{"RoleName", "r"}});
  EXPECT_EQ(refused("iam", "GetRole", {{"RoleName", "r"}}),
            (Error{"NoSuchEntityException", "The role with name r cannot be found."}));
  EXPECT_EQ(
      refused("iam", "CreateRole", {{"RoleName", "x"}, {"AssumeRolePolicyDocument", "{"}}).name,
      "MalformedPolicyDocumentException");
}

TEST_F(Iam, PoliciesKeepARoleFromBeingDeleted) {
  create_role("r", trusting_account);
  call("iam", "PutRolePolicy",
       {{"RoleName", "r"}, {"PolicyName", "p"}, {"PolicyDocument", R"({"Statement":[]})"}});
  EXPECT_EQ(refused("iam", "DeleteRole", {{"RoleName", "r"}}).name, "DeleteConflictException");
  EXPECT_EQ(
      call("iam", "GetRolePolicy", {{"RoleName", "r"}, {"PolicyName", "p"}}).at("PolicyDocument"),
      "%7B%22Statement%22%3A%5B%5D%7D");
  call("iam", "DeleteRolePolicy", {{"RoleName", "r"}, {"PolicyName", "p"}});
  const std::string admin = "arn:aws:iam::aws:policy/AdministratorAccess";
  call("iam", "AttachRolePolicy", {{"RoleName", "r"}, {"PolicyArn", admin}});
  EXPECT_EQ(refused("iam", "DeleteRole", {{"RoleName", "r"}}).name, "DeleteConflictException");
  call("iam", "DetachRolePolicy", {{"RoleName", "r"}, {"PolicyArn", admin}});
  call("iam", "DeleteRole", {{"RoleName", "r"}});
}

TEST_F(Iam, ManagedPoliciesHaveVersions) {
  const std::string arn = text(
      call("iam", "CreatePolicy", {{"PolicyName", "p"}, {"PolicyDocument", R"({"Statement":[]})"}})
          .at("Policy")
          .as_object(),
      "Arn");
  EXPECT_EQ(arn, "arn:aws:iam::000000000000:policy/p");
  call("iam", "CreatePolicyVersion",
       {{"PolicyArn", arn}, {"PolicyDocument", R"({"Statement":[{}]})"}, {"SetAsDefault", true}});
  EXPECT_EQ(call("iam", "GetPolicy", {{"PolicyArn", arn}}).at("Policy").at("DefaultVersionId"),
            "v2");
  EXPECT_EQ(refused("iam", "DeletePolicy", {{"PolicyArn", arn}}).name, "DeleteConflictException");
  call("iam", "DeletePolicyVersion", {{"PolicyArn", arn}, {"VersionId", "v1"}});
  create_role("r", trusting_account);
  call("iam", "AttachRolePolicy", {{"RoleName", "r"}, {"PolicyArn", arn}});
  EXPECT_EQ(refused("iam", "DeletePolicy", {{"PolicyArn", arn}}).name, "DeleteConflictException");
  call("iam", "DetachRolePolicy", {{"RoleName", "r"}, {"PolicyArn", arn}});
  call("iam", "DeletePolicy", {{"PolicyArn", arn}});
  EXPECT_EQ(refused("iam", "AttachRolePolicy", {{"RoleName", "r"}, {"PolicyArn", arn}}).name,
            "NoSuchEntityException");
}

TEST_F(Iam, ListsComeInPages) {
  for (const std::string_view name : {"a", "b", "c"}) create_role(name, trusting_account);
  const json::object first = call("iam", "ListRoles", {{"MaxItems", 2}});
  EXPECT_EQ(first.at("Roles").as_array().size(), 2U);
  EXPECT_EQ(first.at("IsTruncated"), true);
  const json::object second =
      call("iam", "ListRoles", {{"MaxItems", 2}, {"Marker", first.at("Marker")}});
  EXPECT_EQ(second.at("Roles").as_array().size(), 1U);
  EXPECT_EQ(second.at("IsTruncated"), false);
}

}  // namespace
}  // namespace kiban::services::iam
