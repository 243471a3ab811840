#include <gmock/gmock.h>

#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/iam/service.h"
#include "services/sts/service.h"

namespace kiban::services::sts {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr std::string_view trusting_account =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",)"
    R"("Principal":{"AWS":"arn:aws:iam::000000000000:root"}}]})";
constexpr std::string_view trusting_states =
    R"({"Statement":{"Effect":"Allow","Action":"sts:AssumeRole",)"
    R"("Principal":{"Service":"states.amazonaws.com"}}})";

class Sts : public testing::Test {
 protected:
  explicit Sts(kernel::Auth auth = kernel::Auth::Sigv4) {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(iam::make_iam());
    services.push_back(make_sts());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services),
                                               kernel::Options{.auth = auth});
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

class WithoutEnforcement : public Sts {
 protected:
  WithoutEnforcement() : Sts(kernel::Auth::Any) {}
};

TEST_F(Sts, ASessionOfATrustingRole) {
  create_role("deploy", trusting_account);
  const json::object reply =
      call("sts", "AssumeRole", {{"RoleArn", role_arn("deploy")}, {"RoleSessionName", "me"}});
  EXPECT_EQ(reply.at("AssumedRoleUser").at("Arn"),
            "arn:aws:sts::000000000000:assumed-role/deploy/me");
  const std::string id = text(reply.at("Credentials").as_object(), "AccessKeyId");
  EXPECT_THAT(id, testing::StartsWith("ASIA"));
  EXPECT_EQ(reply.at("Credentials").at("Expiration").as_double(), epoch_seconds(now_ + 1h));
  const auto row = parse_json(store_->get("sts/session/" + id).value_or(""));
  ASSERT_TRUE(row);
  EXPECT_EQ(row->at("SecretAccessKey"), reply.at("Credentials").at("SecretAccessKey"));
  kernel_->run_until_idle(now_ + 3h);
  EXPECT_FALSE(store_->get("sts/session/" + id));
}

TEST_F(Sts, NoSessionOfARoleThatIsAbsentOrTrustsAnother) {
  create_role("machine", trusting_states);
  for (const std::string_view name : {"machine", "absent"}) {
    const Error error =
        refused("sts", "AssumeRole", {{"RoleArn", role_arn(name)}, {"RoleSessionName", "me"}});
    EXPECT_EQ(error.name, "AccessDenied");
    EXPECT_THAT(error.cause, HasSubstr("is not authorized to perform: sts:AssumeRole"));
  }
  create_role("deploy", trusting_account);
  EXPECT_THAT(
      refused("sts", "AssumeRole",
              {{"RoleArn", role_arn("deploy")}, {"RoleSessionName", "me"}, {"Policy", "{}"}})
          .cause,
      HasSubstr("Policy"));
  EXPECT_EQ(
      refused(
          "sts", "AssumeRole",
          {{"RoleArn", role_arn("deploy")}, {"RoleSessionName", "me"}, {"DurationSeconds", 7'200}})
          .name,
      "ValidationError");
}

TEST_F(WithoutEnforcement, AnyWellFormedRoleWillDo) {
  call("sts", "AssumeRole", {{"RoleArn", role_arn("absent")}, {"RoleSessionName", "me"}});
}

TEST_F(Sts, TheRootIsItsAccount) {
  EXPECT_EQ(call("sts", "GetCallerIdentity", {}),
            (json::object{{"UserId", "000000000000"},
                          {"Account", "000000000000"},
                          {"Arn", "arn:aws:iam::000000000000:root"}}));
}

}  // namespace
}  // namespace kiban::services::sts
