#include <gmock/gmock.h>

#include "services/secretsmanager/password.h"
#include "services/secretsmanager/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::secretsmanager {
namespace {

using namespace std::chrono_literals;

// At least 32 characters, as the model demands.
std::string token(std::string name) {
  name.resize(32, '0');
  return name;
}

class SecretsManager : public ServiceTest {
 protected:
  SecretsManager() : ServiceTest("secretsmanager", {make_secretsmanager}) {}
  std::string value(json::object input) {
    return text(call("GetSecretValue", std::move(input)), "SecretString");
  }
};

TEST_F(SecretsManager, FindsASecretByEveryName) {
  const std::string arn =
      text(call("CreateSecret", {{"Name", "db/main"}, {"SecretString", "one"}}), "ARN");
  EXPECT_THAT(arn, testing::MatchesRegex(
                       "arn:aws:secretsmanager:ap-northeast-1:000000000000:secret:db/main-[A-Za-z0-"
                       "9]+"));
  EXPECT_EQ(value({{"SecretId", "db/main"}}), "one");
  EXPECT_EQ(value({{"SecretId", arn}}), "one");
  EXPECT_EQ(value({{"SecretId", arn.substr(0, arn.size() - 7)}}), "one");
  EXPECT_EQ(refused("GetSecretValue", {{"SecretId", arn + "x"}}), "ResourceNotFoundException");
  EXPECT_EQ(refused("GetSecretValue", {{"SecretId", "db"}}), "ResourceNotFoundException");
  EXPECT_EQ(refused("CreateSecret", {{"Name", "db/main"}}), "ResourceExistsException");
}

TEST_F(SecretsManager, LabelsMoveWithNewValues) {
  call("CreateSecret",
       {{"Name", "s"}, {"SecretString", "one"}, {"ClientRequestToken", token("v1")}});
  call("PutSecretValue",
       {{"SecretId", "s"}, {"SecretString", "two"}, {"ClientRequestToken", token("v2")}});
  EXPECT_EQ(value({{"SecretId", "s"}}), "two");
  EXPECT_EQ(value({{"SecretId", "s"}, {"VersionStage", "AWSPREVIOUS"}}), "one");
  EXPECT_EQ(value({{"SecretId", "s"}, {"VersionId", token("v1")}}), "one");
  call("UpdateSecret",
       {{"SecretId", "s"}, {"SecretString", "three"}, {"ClientRequestToken", token("v3")}});
  EXPECT_EQ(call("DescribeSecret", {{"SecretId", "s"}}).at("VersionIdsToStages"),
            (json::object{{token("v2"), {"AWSPREVIOUS"}}, {token("v3"), {"AWSCURRENT"}}}));
  EXPECT_EQ(refused("GetSecretValue", {{"SecretId", "s"}, {"VersionId", token("v1")}}),
            "ResourceNotFoundException");
}

TEST_F(SecretsManager, ARequestTokenCountsOnce) {
  call("CreateSecret",
       {{"Name", "s"}, {"SecretString", "one"}, {"ClientRequestToken", token("v1")}});
  call("PutSecretValue",
       {{"SecretId", "s"}, {"SecretString", "one"}, {"ClientRequestToken", token("v1")}});
  EXPECT_EQ(
      refused("PutSecretValue",
              {{"SecretId", "s"}, {"SecretString", "x"}, {"ClientRequestToken", token("v1")}}),
      "ResourceExistsException");
}

TEST_F(SecretsManager, DeletionWaitsAndCanBeTakenBack) {
  call("CreateSecret", {{"Name", "s"}, {"SecretString", "one"}});
  call("DeleteSecret", {{"SecretId", "s"}, {"RecoveryWindowInDays", 7}});
  EXPECT_EQ(refused("GetSecretValue", {{"SecretId", "s"}}), "InvalidRequestException");
  EXPECT_EQ(refused("CreateSecret", {{"Name", "s"}}), "InvalidRequestException");
  call("RestoreSecret", {{"SecretId", "s"}});
  EXPECT_EQ(value({{"SecretId", "s"}}), "one");
  call("DeleteSecret", {{"SecretId", "s"}, {"RecoveryWindowInDays", 7}});
  kernel_->run_until_idle(now_, now_ + std::chrono::days{8});
  EXPECT_EQ(refused("DescribeSecret", {{"SecretId", "s"}}), "ResourceNotFoundException");
  call("CreateSecret", {{"Name", "s"}, {"SecretString", "two"}});
  call("DeleteSecret", {{"SecretId", "s"}, {"ForceDeleteWithoutRecovery", true}});
  EXPECT_EQ(refused("DescribeSecret", {{"SecretId", "s"}}), "ResourceNotFoundException");
}

TEST_F(SecretsManager, CreateSecretIsIdempotentByToken) {
  const std::string once(36, 't');
  const json::object request{{"Name", "k"}, {"SecretString", "a"}, {"ClientRequestToken", once}};
  const json::object first = call("CreateSecret", request);
  EXPECT_EQ(call("CreateSecret", request), first);
  json::object other = request;
  other["SecretString"] = "b";
  EXPECT_EQ(refused("CreateSecret", other), "ResourceExistsException");
  EXPECT_EQ(refused("CreateSecret", {{"Name", "k"}, {"SecretString", "a"}}),
            "ResourceExistsException");
}

TEST(Password, KeepsToTheRules) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SecretRandom random(seed);
    const std::string made =
        make_password(random, {{"PasswordLength", 30}, {"ExcludeCharacters", "/@\"' \\"}}).value();
    EXPECT_EQ(made.size(), 30U);
    EXPECT_EQ(made.find_first_of("/@\"' \\"), std::string::npos);
    EXPECT_NE(made.find_first_of("0123456789"), std::string::npos);
    EXPECT_NE(made.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), std::string::npos);
  }
  SecretRandom random(1);
  EXPECT_EQ(make_password(random, {}).value().size(), 32U);
  EXPECT_FALSE(make_password(random, {{"PasswordLength", 3}}));
  EXPECT_TRUE(make_password(random, {{"PasswordLength", 3}, {"ExcludePunctuation", true}}));
  EXPECT_FALSE(make_password(random, {{"ExcludeLowercase", true},
                                      {"ExcludeUppercase", true},
                                      {"ExcludeNumbers", true},
                                      {"ExcludePunctuation", true}}));
}

}  // namespace
}  // namespace kiban::services::secretsmanager
