#include <gmock/gmock.h>

#include "services/kms/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::kms {
namespace {

using namespace std::chrono_literals;
using testing::SizeIs;

class Kms : public ServiceTest {
 protected:
  Kms() : ServiceTest("kms", {make_kms}) {}
  std::string make_key() {
    return text(call("CreateKey", {{"Description", "d"}}).at("KeyMetadata").as_object(), "KeyId");
  }
  std::string describe(const std::string& key, std::string_view member) {
    return text(call("DescribeKey", {{"KeyId", key}}).at("KeyMetadata").as_object(), member);
  }
};

TEST_F(Kms, AKeyIsFoundByItsFourNames) {
  const std::string id = make_key();
  const std::string arn = "arn:aws:kms:ap-northeast-1:000000000000:";
  const std::string key = arn + "key/" + id;
  call("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", key}});
  for (const std::string& name : {id, key, std::string("alias/a"), arn + "alias/a"}) {
    EXPECT_EQ(describe(name, "KeyId"), id) << name;
  }
  for (const std::string& name : {std::string("x"), arn + "key/x", std::string("alias/b"),
                                  "arn:aws:kms:us-east-1:000000000000:key/" + id}) {
    EXPECT_EQ(refused("DescribeKey", {{"KeyId", name}}), "NotFoundException") << name;
  }
  EXPECT_EQ(describe(id, "KeyState"), "Enabled");
  EXPECT_THAT(call("ListKeys", {}).at("Keys").as_array(), SizeIs(1));
}

TEST_F(Kms, OnlySymmetricKeysAreMade) {
  EXPECT_EQ(refused("CreateKey", {{"KeySpec", "RSA_2048"}}), "UnsupportedOperationException");
  EXPECT_EQ(refused("CreateKey", {{"MultiRegion", true}}), "UnsupportedOperationException");
  EXPECT_EQ(refused("CreateKey", {{"Policy", "{"}}), "MalformedPolicyDocumentException");
}

TEST_F(Kms, AliasesMove) {
  const std::string one = make_key();
  const std::string two = make_key();
  const json::object alias{{"AliasName", "alias/a"}, {"TargetKeyId", one}};
  call("CreateAlias", alias);
  EXPECT_EQ(refused("CreateAlias", alias), "AlreadyExistsException");
  EXPECT_EQ(refused("CreateAlias", {{"AliasName", "a"}, {"TargetKeyId", one}}),
            "ValidationException");
  EXPECT_EQ(refused("CreateAlias", {{"AliasName", "alias/aws/x"}, {"TargetKeyId", one}}),
            "InvalidAliasNameException");
  call("UpdateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", two}});
  EXPECT_THAT(call("ListAliases", {{"KeyId", one}}).at("Aliases").as_array(), SizeIs(0));
  EXPECT_THAT(call("ListAliases", {{"KeyId", two}}).at("Aliases").as_array(), SizeIs(1));
  call("DeleteAlias", {{"AliasName", "alias/a"}});
  EXPECT_EQ(refused("DeleteAlias", {{"AliasName", "alias/a"}}), "NotFoundException");
}

TEST_F(Kms, AKeyIsDeletedWhenItsTimeHasCome) {
  const std::string id = make_key();
  call("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", id}});
  EXPECT_EQ(refused("ScheduleKeyDeletion", {{"KeyId", id}, {"PendingWindowInDays", 6}}),
            "ValidationException");
  call("ScheduleKeyDeletion", {{"KeyId", id}, {"PendingWindowInDays", 7}});
  EXPECT_EQ(describe(id, "KeyState"), "PendingDeletion");
  EXPECT_EQ(refused("EnableKey", {{"KeyId", id}}), "KMSInvalidStateException");
  call("CancelKeyDeletion", {{"KeyId", id}});
  EXPECT_EQ(describe(id, "KeyState"), "Disabled");
  kernel_->run_until_idle(now_);
  EXPECT_EQ(describe(id, "KeyState"), "Disabled");  // The timer is gone.
  call("ScheduleKeyDeletion", {{"KeyId", id}});
  EXPECT_EQ(kernel_->run_until_idle(now_), now_ + std::chrono::days{30});
  EXPECT_EQ(refused("DescribeKey", {{"KeyId", id}}), "NotFoundException");
  EXPECT_EQ(refused("DescribeKey", {{"KeyId", "alias/a"}}), "NotFoundException");
}

TEST_F(Kms, PolicyRotationAndTags) {
  const std::string id = make_key();
  const json::object key{{"KeyId", id}};
  EXPECT_THAT(text(call("GetKeyPolicy", key), "Policy"),
              testing::HasSubstr("arn:aws:iam::000000000000:root"));
  const std::string deny = R"({"Statement":[{"Effect":"Deny","Principal":"*","Action":"*"}]})";
  const json::object locked{{"KeyId", id}, {"Policy", deny}};
  EXPECT_EQ(refused("PutKeyPolicy", locked), "MalformedPolicyDocumentException");
  json::object bypassed = locked;
  bypassed["BypassPolicyLockoutSafetyCheck"] = true;
  call("PutKeyPolicy", bypassed);
  EXPECT_EQ(text(call("GetKeyPolicy", key), "Policy"), deny);
  call("PutKeyPolicy", {{"KeyId", id}, {"Policy", R"({"Statement":[]})"}});
  EXPECT_EQ(call("GetKeyRotationStatus", key).at("KeyRotationEnabled"), false);
  call("EnableKeyRotation", key);
  EXPECT_EQ(call("GetKeyRotationStatus", key).at("RotationPeriodInDays"), 365);
  const json::object tag{{"TagKey", "a"}, {"TagValue", "1"}};
  call("TagResource", {{"KeyId", id}, {"Tags", json::array{tag}}});
  EXPECT_EQ(call("ListResourceTags", key).at("Tags"), json::value(json::array{tag}));
  call("UntagResource", {{"KeyId", id}, {"TagKeys", {"a"}}});
  EXPECT_EQ(call("ListResourceTags", key).at("Tags"), json::value(json::array{}));
  EXPECT_EQ(refused("Encrypt", key), "UnknownOperationException");
}

TEST_F(Kms, ManagementTakesNoAlias) {
  const std::string id = make_key();
  call("CreateAlias", {{"AliasName", "alias/a"}, {"TargetKeyId", id}});
  for (const char* operation : {"EnableKey", "DisableKey", "ScheduleKeyDeletion", "GetKeyPolicy",
                                "EnableKeyRotation", "GetKeyRotationStatus", "ListResourceTags"})
    EXPECT_EQ(refused(operation, {{"KeyId", "alias/a"}}), "NotFoundException") << operation;
}

TEST_F(Kms, APolicyMustLeaveTheKeyManageable) {
  const auto policy = [](const std::string& principal, const std::string& action) {
    return json::object{{"Policy", R"({"Statement":{"Effect":"Allow","Resource":"*","Principal":)" +
                                       principal + R"(,"Action":")" + action + R"("}})"}};
  };
  const std::string root = R"({"AWS":"arn:aws:iam::000000000000:root"})";
  call("CreateKey", policy(root, "kms:*"));
  call("CreateKey", policy(R"({"AWS":["000000000000"]})", "kms:PutKeyPolicy"));
  call("CreateKey", policy(R"("*")", "*"));
  EXPECT_EQ(refused("CreateKey", policy(root, "kms:Encrypt")), "MalformedPolicyDocumentException");
  EXPECT_EQ(refused("CreateKey", policy(R"({"AWS":"arn:aws:iam::111111111111:root"})", "kms:*")),
            "MalformedPolicyDocumentException");
}

TEST_F(Kms, AwsManagesKeysOfItsOwn) {
  const std::string id = describe("alias/aws/ssm", "KeyId");
  EXPECT_EQ(describe("alias/aws/ssm", "KeyId"), id);
  EXPECT_EQ(describe(id, "KeyManager"), "AWS");
  EXPECT_EQ(refused("DisableKey", {{"KeyId", id}}), "UnsupportedOperationException");
  EXPECT_EQ(refused("DescribeKey", {{"KeyId", "alias/aws/none"}}), "NotFoundException");
  EXPECT_EQ(refused("DeleteAlias", {{"AliasName", "alias/aws/ssm"}}), "InvalidAliasNameException");
}

TEST_F(Kms, RotationsAreTold) {
  const std::string id = make_key();
  const json::object key{{"KeyId", id}};
  call("EnableKeyRotation", {{"KeyId", id}, {"RotationPeriodInDays", 90}});
  const double first = epoch_seconds(now_ + std::chrono::days{90});
  EXPECT_EQ(call("GetKeyRotationStatus", key).at("NextRotationDate"), first);
  now_ += std::chrono::days{100};
  EXPECT_EQ(call("GetKeyRotationStatus", key).at("NextRotationDate"), first + 90 * 24 * 3'600);
  call("RotateKeyOnDemand", key);
  const json::object got = call("ListKeyRotations", key);
  EXPECT_EQ(got.at("Rotations").at(0).at("RotationType"), "AUTOMATIC");
  EXPECT_EQ(got.at("Rotations").at(1).at("RotationType"), "ON_DEMAND");
  for (int i = 1; i < 25; ++i) call("RotateKeyOnDemand", key);
  EXPECT_EQ(refused("RotateKeyOnDemand", key), "LimitExceededException");
  call("DisableKey", key);
  EXPECT_EQ(refused("EnableKeyRotation", key), "DisabledException");
}

TEST_F(Kms, KeysHaveLimits) {
  EXPECT_EQ(refused("CreateKey", {{"KeySpec", "SYMMETRIC_DEFAULT"},
                                  {"CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"}}),
            "ValidationException");
  const std::string id = make_key();
  json::array tags;
  for (int i = 0; i < 50; ++i) tags.push_back({{"TagKey", std::to_string(i)}, {"TagValue", "v"}});
  call("TagResource", {{"KeyId", id}, {"Tags", tags}});
  EXPECT_EQ(refused("TagResource",
                    {{"KeyId", id}, {"Tags", json::array{{{"TagKey", "x"}, {"TagValue", "v"}}}}}),
            "TagException");
  for (int i = 0; i < 50; ++i)
    call("CreateAlias", {{"AliasName", "alias/" + std::to_string(i)}, {"TargetKeyId", id}});
  EXPECT_EQ(refused("CreateAlias", {{"AliasName", "alias/more"}, {"TargetKeyId", id}}),
            "LimitExceededException");
}

}  // namespace
}  // namespace kiban::services::kms
