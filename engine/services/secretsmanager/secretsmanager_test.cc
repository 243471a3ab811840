#include <gmock/gmock.h>

#include "services/kms/service.h"
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
  SecretsManager() : ServiceTest("secretsmanager", {make_secretsmanager, kms::make_kms}) {}
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
  // A version without a label is deprecated: it is there until there are a hundred.
  EXPECT_EQ(value({{"SecretId", "s"}, {"VersionId", token("v1")}}), "one");
  EXPECT_THAT(call("ListSecretVersionIds", {{"SecretId", "s"}}).at("Versions").as_array(),
              testing::SizeIs(2));
  EXPECT_THAT(call("ListSecretVersionIds", {{"SecretId", "s"}, {"IncludeDeprecated", true}})
                  .at("Versions")
                  .as_array(),
              testing::SizeIs(3));
  EXPECT_EQ(
      refused("UpdateSecret",
              {{"SecretId", "s"}, {"SecretString", "three"}, {"ClientRequestToken", token("v3")}}),
      "ResourceExistsException");
  for (int i = 0; i < 100; ++i) {
    now_ += 1s;
    call("PutSecretValue", {{"SecretId", "s"}, {"SecretString", std::to_string(i)}});
  }
  EXPECT_EQ(refused("GetSecretValue", {{"SecretId", "s"}, {"VersionId", token("v1")}}),
            "ResourceNotFoundException");
}

TEST_F(SecretsManager, LabelsAreMovedByHand) {
  call("CreateSecret",
       {{"Name", "s"}, {"SecretString", "one"}, {"ClientRequestToken", token("v1")}});
  call("PutSecretValue", {{"SecretId", "s"},
                          {"SecretString", "two"},
                          {"ClientRequestToken", token("v2")},
                          {"VersionStages", {"AWSPENDING"}}});
  EXPECT_EQ(value({{"SecretId", "s"}}), "one");
  const auto move = [](const char* stage, const std::string& from, const std::string& to) {
    json::object input{{"SecretId", "s"}, {"VersionStage", stage}};
    if (!from.empty()) input["RemoveFromVersionId"] = from;
    if (!to.empty()) input["MoveToVersionId"] = to;
    return input;
  };
  for (const auto& bad : {move("AWSCURRENT", "", token("v2")), move("AWSCURRENT", token("v1"), ""),
                          move("AWSCURRENT", token("v2"), token("v1")), move("X", "", "")})
    EXPECT_EQ(refused("UpdateSecretVersionStage", bad), "InvalidParameterException");
  EXPECT_EQ(refused("UpdateSecretVersionStage", move("X", "", token("v9"))),
            "ResourceNotFoundException");
  call("UpdateSecretVersionStage", move("AWSCURRENT", token("v1"), token("v2")));
  EXPECT_EQ(
      call("DescribeSecret", {{"SecretId", "s"}}).at("VersionIdsToStages"),
      (json::object{{token("v1"), {"AWSPREVIOUS"}}, {token("v2"), {"AWSPENDING", "AWSCURRENT"}}}));
  call("UpdateSecretVersionStage", move("AWSPENDING", token("v2"), ""));
  EXPECT_EQ(refused("GetSecretValue", {{"SecretId", "s"}, {"VersionStage", "AWSPENDING"}}),
            "ResourceNotFoundException");
}

TEST_F(SecretsManager, TheFirstValueIsCurrent) {
  call("CreateSecret", {{"Name", "s"}});
  call("PutSecretValue", {{"SecretId", "s"}, {"SecretString", "one"}, {"VersionStages", {"X"}}});
  EXPECT_EQ(value({{"SecretId", "s"}}), "one");
}

TEST_F(SecretsManager, APolicyIsKeptWithTheSecret) {
  call("CreateSecret", {{"Name", "s"}});
  const json::object secret{{"SecretId", "s"}};
  EXPECT_FALSE(call("GetResourcePolicy", secret).contains("ResourcePolicy"));
  const std::string open =
      R"({"Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]})";
  const auto put = [](std::string policy, bool block) {
    return json::object{
        {"SecretId", "s"}, {"ResourcePolicy", std::move(policy)}, {"BlockPublicPolicy", block}};
  };
  EXPECT_EQ(refused("PutResourcePolicy", put("{", false)), "MalformedPolicyDocumentException");
  EXPECT_EQ(refused("PutResourcePolicy", put(open, true)), "PublicPolicyException");
  call("PutResourcePolicy", put(open, false));
  EXPECT_EQ(text(call("GetResourcePolicy", secret), "ResourcePolicy"), open);
  EXPECT_EQ(call("ValidateResourcePolicy", {{"ResourcePolicy", open}}).at("PolicyValidationPassed"),
            false);
  EXPECT_FALSE(call("DescribeSecret", secret).contains("Policy"));
  call("DeleteResourcePolicy", secret);
  EXPECT_FALSE(call("GetResourcePolicy", secret).contains("ResourcePolicy"));
}

TEST_F(SecretsManager, ManySecretsAreListedAndRead) {
  call("CreateSecret", {{"Name", "dev/one"}, {"SecretString", "1"}, {"Description", "Batch"}});
  now_ += 1s;
  call("CreateSecret", {{"Name", "dev/two"},
                        {"SecretString", "2"},
                        {"Tags", json::array{{{"Key", "team"}, {"Value", "night"}}}}});
  now_ += 1s;
  call("CreateSecret", {{"Name", "prod/one"}});
  const auto names = [&](json::object filter) {
    std::string out;
    const json::object got = call("ListSecrets", {{"Filters", json::array{std::move(filter)}}});
    for (const json::value& each : got.at("SecretList").as_array())
      out += text(each.as_object(), "Name") + " ";
    return out;
  };
  EXPECT_EQ(names({{"Key", "name"}, {"Values", {"dev/"}}}), "dev/one dev/two ");
  EXPECT_EQ(names({{"Key", "name"}, {"Values", {"!dev/"}}}), "prod/one ");
  EXPECT_EQ(names({{"Key", "description"}, {"Values", {"bat"}}}), "dev/one ");
  EXPECT_EQ(names({{"Key", "tag-value"}, {"Values", {"night"}}}), "dev/two ");
  EXPECT_EQ(names({{"Key", "all"}, {"Values", {"one"}}}), "dev/one prod/one ");
  const json::object last = call("ListSecrets", {{"SortBy", "name"}, {"SortOrder", "desc"}});
  EXPECT_EQ(last.at("SecretList").at(0).at("Name"), "prod/one");
  const json::object batch =
      call("BatchGetSecretValue", {{"SecretIdList", {"dev/one", "prod/one", "none"}}});
  EXPECT_EQ(batch.at("SecretValues").at(0).at("SecretString"), "1");
  EXPECT_THAT(batch.at("Errors").as_array(), testing::SizeIs(2));
  EXPECT_EQ(refused("BatchGetSecretValue", {}), "InvalidParameterException");
  EXPECT_EQ(refused("BatchGetSecretValue", {{"SecretIdList", {"dev/one"}}, {"MaxResults", 2}}),
            "InvalidParameterException");
}

TEST_F(SecretsManager, AForcedDeletionOfNothingSucceeds) {
  call("DeleteSecret", {{"SecretId", "none"}, {"ForceDeleteWithoutRecovery", true}});
  EXPECT_EQ(refused("DeleteSecret", {{"SecretId", "none"}}), "ResourceNotFoundException");
  call("CreateSecret", {{"Name", "s"}});
  call("DeleteSecret", {{"SecretId", "s"}});
  for (const char* operation : {"DeleteSecret", "GetResourcePolicy"})
    EXPECT_EQ(refused(operation, {{"SecretId", "s"}}), "InvalidRequestException");
  EXPECT_EQ(refused("DeleteSecret", {{"SecretId", "s"},
                                     {"ForceDeleteWithoutRecovery", true},
                                     {"RecoveryWindowInDays", 7}}),
            "InvalidParameterException");
}

TEST_F(SecretsManager, KeyMustBeUsable) {
  const std::string key = text(call("kms", "CreateKey", {}).at("KeyMetadata").as_object(), "Arn");
  const auto with = [](std::string_view name, std::string_view id) {
    return json::object{{"Name", name}, {"KmsKeyId", id}};
  };
  call("CreateSecret", with("a", key));
  call("CreateSecret", with("b", "arn:aws:kms:us-east-1:999999999999:key/elsewhere"));
  EXPECT_EQ(refused("CreateSecret", with("c", "alias/nope")), "EncryptionFailure");
  call("kms", "DisableKey", {{"KeyId", key}});
  EXPECT_EQ(refused("UpdateSecret", {{"SecretId", "b"}, {"KmsKeyId", key}}), "EncryptionFailure");
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
