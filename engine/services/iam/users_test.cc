#include <gmock/gmock.h>

#include "services/iam/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::iam {
namespace {

constexpr std::string_view reads_topics =
    R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sns:ListTopics",)"
    R"("Resource":"*"}]})";

class Users : public ServiceTest {
 protected:
  Users() : ServiceTest("iam", {make_iam}) {}
  Error conflict(const std::string& operation, json::object input) {
    const Error error = refusal(operation, std::move(input));
    EXPECT_EQ(error.name, "DeleteConflictException");
    return error;
  }
};

TEST_F(Users, AUserIsMadeRenamedAndDeletedOnceEmpty) {
  const json::object made = call("CreateUser", {{"UserName", "ada"}, {"Path", "/team/"}});
  EXPECT_EQ(text(made.at("User").as_object(), "Arn"), "arn:aws:iam::000000000000:user/team/ada");
  EXPECT_FALSE(made.at("User").as_object().contains("Groups"));
  EXPECT_EQ(refusal("CreateUser", {{"UserName", "ADA"}}),
            (Error{"EntityAlreadyExistsException", "User with name ADA already exists."}));
  call("PutUserPolicy",
       {{"UserName", "ada"}, {"PolicyName", "p"}, {"PolicyDocument", reads_topics}});
  call("CreateAccessKey", {{"UserName", "ada"}});
  call("UpdateUser", {{"UserName", "ada"}, {"NewUserName", "grace"}});
  EXPECT_EQ(refusal("GetUser", {{"UserName", "ada"}}),
            (Error{"NoSuchEntityException", "The user with name ada cannot be found."}));
  EXPECT_EQ(conflict("DeleteUser", {{"UserName", "grace"}}).cause,
            "Cannot delete entity, must delete policies first.");
  call("DeleteUserPolicy", {{"UserName", "grace"}, {"PolicyName", "p"}});
  EXPECT_EQ(conflict("DeleteUser", {{"UserName", "grace"}}).cause,
            "Cannot delete entity, must delete access keys first.");
  const json::object keys = call("ListAccessKeys", {{"UserName", "grace"}});
  const json::object& key = keys.at("AccessKeyMetadata").as_array().at(0).as_object();
  EXPECT_FALSE(key.contains("SecretAccessKey"));
  call("DeleteAccessKey", {{"UserName", "grace"}, {"AccessKeyId", key.at("AccessKeyId")}});
  call("DeleteUser", {{"UserName", "grace"}});
  EXPECT_TRUE(call("ListUsers", {}).at("Users").as_array().empty());
}

TEST_F(Users, AGroupHoldsUsers) {
  call("CreateUser", {{"UserName", "ada"}});
  call("CreateGroup", {{"GroupName", "dev"}});
  call("AddUserToGroup", {{"UserName", "ada"}, {"GroupName", "dev"}});
  call("AddUserToGroup", {{"UserName", "ada"}, {"GroupName", "dev"}});
  call("UpdateGroup", {{"GroupName", "dev"}, {"NewGroupName", "ops"}});
  const json::object group = call("GetGroup", {{"GroupName", "ops"}});
  ASSERT_EQ(group.at("Users").as_array().size(), 1U);
  EXPECT_EQ(text(group.at("Group").as_object(), "Arn"), "arn:aws:iam::000000000000:group/ops");
  const json::object groups = call("ListGroupsForUser", {{"UserName", "ada"}});
  EXPECT_EQ(groups.at("Groups").as_array().size(), 1U);
  for (const auto& [operation, input] : std::vector<std::pair<std::string, json::object>>{
           {"DeleteUser", {{"UserName", "ada"}}}, {"DeleteGroup", {{"GroupName", "ops"}}}})
    EXPECT_EQ(conflict(operation, input).cause,
              "Cannot delete entity, must remove users from group first.");
  call("RemoveUserFromGroup", {{"UserName", "ada"}, {"GroupName", "ops"}});
  EXPECT_EQ(refused("RemoveUserFromGroup", {{"UserName", "ada"}, {"GroupName", "ops"}}),
            "NoSuchEntityException");
  call("DeleteGroup", {{"GroupName", "ops"}});
}

TEST_F(Users, QuotasAreThoseOfIam) {
  call("CreateUser", {{"UserName", "ada"}});
  call("CreateAccessKey", {{"UserName", "ada"}});
  call("CreateAccessKey", {{"UserName", "ada"}});
  EXPECT_EQ(refusal("CreateAccessKey", {{"UserName", "ada"}}),
            (Error{"LimitExceededException", "Cannot exceed quota for AccessKeysPerUser: 2"}));
  const std::string large = R"({"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":")"
                            R"(sns:ListTopics","Resource":"arn:aws:sns:*:*:)" +
                            std::string(2'000, 'x') + "\"}]}";
  const auto put = [&](const std::string& kind, const std::string& name) {
    return try_call("iam", "Put" + kind + "Policy",
                    {{kind + "Name", name}, {"PolicyName", "p"}, {"PolicyDocument", large}});
  };
  EXPECT_EQ(
      put("User", "ada").error(),
      (Error{"LimitExceededException", "Maximum policy size of 2048 bytes exceeded for user ada"}));
  call("CreateGroup", {{"GroupName", "dev"}});
  EXPECT_TRUE(put("Group", "dev"));
  for (int i = 0; i < 11; ++i) {
    const std::string name = "g" + std::to_string(i);
    call("CreateGroup", {{"GroupName", name}});
    if (i < 10) call("AddUserToGroup", {{"UserName", "ada"}, {"GroupName", name}});
  }
  EXPECT_EQ(refusal("AddUserToGroup", {{"UserName", "ada"}, {"GroupName", "g10"}}),
            (Error{"LimitExceededException", "Cannot exceed quota for GroupsPerUser: 10"}));
}

TEST_F(Users, AManagedPolicyCountsItsUsersAndGroups) {
  const std::string arn =
      text(call("CreatePolicy", {{"PolicyName", "p"}, {"PolicyDocument", reads_topics}})
               .at("Policy")
               .as_object(),
           "Arn");
  call("CreateUser", {{"UserName", "ada"}, {"PermissionsBoundary", arn}});
  call("CreateGroup", {{"GroupName", "dev"}});
  call("AttachGroupPolicy", {{"GroupName", "dev"}, {"PolicyArn", arn}});
  const json::object policy = call("GetPolicy", {{"PolicyArn", arn}}).at("Policy").as_object();
  EXPECT_EQ(policy.at("AttachmentCount"), 1);
  EXPECT_EQ(policy.at("PermissionsBoundaryUsageCount"), 1);
  const json::object entities = call("ListEntitiesForPolicy", {{"PolicyArn", arn}});
  EXPECT_EQ(entities.at("PolicyUsers").as_array().size(), 1U);
  EXPECT_EQ(entities.at("PolicyGroups").as_array().size(), 1U);
  EXPECT_TRUE(entities.at("PolicyRoles").as_array().empty());
  EXPECT_EQ(conflict("DeletePolicy", {{"PolicyArn", arn}}).cause,
            "Cannot delete a policy attached to entities.");
}

TEST_F(Users, TheSimulatorReadsAUsersGroups) {
  call("CreateUser", {{"UserName", "ada"}});
  call("CreateGroup", {{"GroupName", "dev"}});
  call("PutGroupPolicy",
       {{"GroupName", "dev"}, {"PolicyName", "read"}, {"PolicyDocument", reads_topics}});
  const json::object request{{"PolicySourceArn", "arn:aws:iam::000000000000:user/ada"},
                             {"ActionNames", json::array{"sns:ListTopics"}}};
  const auto result = [&] {
    return call("SimulatePrincipalPolicy", request)
        .at("EvaluationResults")
        .as_array()
        .at(0)
        .as_object();
  };
  EXPECT_EQ(text(result(), "EvalDecision"), "implicitDeny");
  call("AddUserToGroup", {{"UserName", "ada"}, {"GroupName", "dev"}});
  EXPECT_EQ(text(result(), "EvalDecision"), "allowed");
  EXPECT_EQ(text(result().at("MatchedStatements").as_array().at(0).as_object(), "SourcePolicyId"),
            "group_dev_read");
}

}  // namespace
}  // namespace kiban::services::iam
