#include <gmock/gmock.h>

#include "api/codec.h"
#include "services/iam/service.h"
#include "services/sts/service.h"
#include "testing/service_fixture.h"

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

class Sts : public ServiceTest {
 protected:
  explicit Sts(kernel::Auth auth = kernel::Auth::Sigv4)
      : ServiceTest("sts", {iam::make_iam, make_sts}, {.auth = auth}) {}
  void create_role(std::string_view name, std::string_view trust) {
    call("iam", "CreateRole", {{"RoleName", name}, {"AssumeRolePolicyDocument", trust}});
  }
  static std::string role_arn(std::string_view name) {
    return "arn:aws:iam::000000000000:role/" + std::string(name);
  }
};

class WithoutEnforcement : public Sts {
 protected:
  WithoutEnforcement() : Sts(kernel::Auth::Any) {}
};

TEST_F(Sts, ASessionOfATrustingRole) {
  create_role("deploy", trusting_account);
  const json::object reply =
      call("AssumeRole", {{"RoleArn", role_arn("deploy")}, {"RoleSessionName", "me"}});
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
        refusal("AssumeRole", {{"RoleArn", role_arn(name)}, {"RoleSessionName", "me"}});
    EXPECT_EQ(error.name, "AccessDenied");
    EXPECT_THAT(error.cause, HasSubstr("is not authorized to perform: sts:AssumeRole"));
  }
  create_role("deploy", trusting_account);
  EXPECT_THAT(
      refusal("AssumeRole",
              {{"RoleArn", role_arn("deploy")}, {"RoleSessionName", "me"}, {"Policy", "{}"}})
          .cause,
      "Syntax errors in policy.");
  EXPECT_EQ(refusal("AssumeRole", {{"RoleArn", role_arn("deploy")},
                                   {"RoleSessionName", "me"},
                                   {"DurationSeconds", 7'200}})
                .name,
            "ValidationError");
}

TEST_F(Sts, WhatASessionBringsAlongIsChecked) {
  create_role("deploy", trusting_account);
  const auto refused_with = [&](std::string_view member, json::value value) {
    json::object input{{"RoleArn", role_arn("deploy")}, {"RoleSessionName", "me"}};
    input[member] = std::move(value);
    return refusal("AssumeRole", std::move(input)).cause;
  };
  const json::array twice{{{"Key", "a"}, {"Value", "1"}}, {{"Key", "A"}, {"Value", "2"}}};
  EXPECT_THAT(refused_with("Tags", twice), HasSubstr("Duplicate tag keys"));
  EXPECT_THAT(refused_with("TransitiveTagKeys", {"a"}), HasSubstr("transitive tag key"));
  const json::array none{{{"arn", "arn:aws:iam::000000000000:policy/none"}}};
  EXPECT_THAT(refused_with("PolicyArns", none), HasSubstr("does not exist"));
  EXPECT_THAT(refused_with("SerialNumber", "arn:aws:iam::000000000000:mfa/me"),
              HasSubstr("SerialNumber"));
  EXPECT_EQ(call("AssumeRole", {{"RoleArn", role_arn("deploy")},
                                {"RoleSessionName", "me"},
                                {"SourceIdentity", "alice"}})
                .at("SourceIdentity"),
            "alice");
}

TEST_F(Sts, AnExplicitDenyWins) {
  create_role("denied", R"({"Statement":[
      {"Effect":"Allow","Action":"sts:AssumeRole","Principal":"*"},
      {"Effect":"Deny","Action":"sts:*","Principal":{"AWS":"000000000000"}}]})");
  EXPECT_EQ(
      refusal("AssumeRole", {{"RoleArn", role_arn("denied")}, {"RoleSessionName", "me"}}).cause,
      "User: arn:aws:iam::000000000000:root is not authorized to perform: sts:AssumeRole on "
      "resource: arn:aws:iam::000000000000:role/denied");
}

TEST_F(WithoutEnforcement, AnyWellFormedRoleWillDo) {
  call("AssumeRole", {{"RoleArn", role_arn("absent")}, {"RoleSessionName", "me"}});
}

TEST_F(Sts, TheRootIsItsAccount) {
  EXPECT_EQ(call("GetCallerIdentity", {}),
            (json::object{{"UserId", "000000000000"},
                          {"Account", "000000000000"},
                          {"Arn", "arn:aws:iam::000000000000:root"}}));
}

TEST_F(Sts, DecodesOnlyAuthorizationMessages) {
  const std::string encoded = api::encode_base64(R"({"allowed":false})");
  EXPECT_EQ(call("DecodeAuthorizationMessage", {{"EncodedMessage", encoded}}),
            (json::object{{"DecodedMessage", R"({"allowed":false})"}}));
  for (const std::string& other : {std::string("%"), api::encode_base64("[]"),
                                   api::encode_base64("{}"), api::encode_base64("x")})
    EXPECT_EQ(refusal("DecodeAuthorizationMessage", {{"EncodedMessage", other}}).name,
              "InvalidAuthorizationMessageException");
}

TEST_F(Sts, ASessionKeepsThePoliciesThatLimitIt) {
  create_role("deploy", trusting_account);
  constexpr std::string_view limit =
      R"({"Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}})";
  const json::object reply =
      call("AssumeRole",
           {{"RoleArn", role_arn("deploy")},
            {"RoleSessionName", "me"},
            {"Policy", limit},
            {"PolicyArns", {{{"arn", "arn:aws:iam::aws:policy/AmazonSQSReadOnlyAccess"}}}}});
  const std::string id = text(reply.at("Credentials").as_object(), "AccessKeyId");
  const auto row = parse_json(store_->get("sts/session/" + id).value_or(""));
  ASSERT_TRUE(row);
  ASSERT_EQ(row->at("Policies").as_array().size(), 2);
  EXPECT_EQ(std::string(row->at("Policies").at(0).as_string()), limit);
  EXPECT_THAT(std::string(row->at("Policies").at(1).as_string()), HasSubstr("sqs:ListQueues"));
}

}  // namespace
}  // namespace kiban::services::sts
