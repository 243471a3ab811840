#include "kernel/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiban::kernel {
namespace {

using services::AccessRequest;
using services::ConditionKey;
using testing::ElementsAre;
using testing::IsEmpty;

const services::Caller caller{.account = "111122223333", .region = "eu-west-1"};

std::vector<std::string> expand(std::string_view text, const json::object& input) {
  return expand_template(text, input, caller);
}

std::vector<AccessRequest> requests(std::string_view folder, std::string_view operation,
                                    const json::object& input) {
  std::vector<AccessRequest> all;
  for (const api::AccessRule& rule : api::access_rules(folder, operation))
    for (AccessRequest& each : access_requests(rule, input, caller).value())
      all.push_back(std::move(each));
  return all;
}

TEST(Template, PutsMembersIn) {
  EXPECT_THAT(expand("arn:aws:sqs:{region}:{account}:{Name}", {{"Name", "q"}}),
              ElementsAre("arn:aws:sqs:eu-west-1:111122223333:q"));
  EXPECT_THAT(expand("{A|B}", {{"B", "b"}}), ElementsAre("b"));
  EXPECT_THAT(expand("{A.B[].C}", {{"A", {{"B", {{{"C", 1}}, {{"C", true}}}}}}}),
              ElementsAre("1", "true"));
  EXPECT_THAT(expand("x/{A=default}", {}), ElementsAre("x/default"));
  EXPECT_THAT(expand("x/{A}", {}), IsEmpty());
}

TEST(Template, AnArnReplacesATemplateOfOne) {
  EXPECT_THAT(expand("arn:aws:secretsmanager:{region}:{account}:secret:{Id[]}",
                     {{"Id", {"arn:aws:secretsmanager:eu-west-1:111122223333:secret:a", "b"}}}),
              ElementsAre("arn:aws:secretsmanager:eu-west-1:111122223333:secret:b",
                          "arn:aws:secretsmanager:eu-west-1:111122223333:secret:a"));
  // A task is looked up in the cluster of the request, whatever its ARN says.
  EXPECT_THAT(expand("arn:aws:ecs:{region}:{account}:task/{cluster=default:last}/{tasks[]:last}",
                     {{"tasks", {"arn:aws:ecs:eu-west-1:111122223333:task/c/1", "2"}}}),
              ElementsAre("arn:aws:ecs:eu-west-1:111122223333:task/default/1",
                          "arn:aws:ecs:eu-west-1:111122223333:task/default/2"));
}

TEST(Template, WhatOnlyLooksLikeAnArnOfTheTypeIsAName) {
  constexpr std::string_view cluster = "arn:aws:ecs:{region}:{account}:cluster/{c}";
  for (const std::string name :
       {"arn:/c", "arn:aws:zz:eu-west-1:111122223333:cluster/c",
        "arn:aws:ecs:eu-west-1:1:cluster/c", "arn:aws:ecs:us-east-1:111122223333:cluster/c",
        "arn:aws:ecs:eu-west-1:111122223333:x/c",
        "arn:aws-cn:ecs:eu-west-1:111122223333:cluster/c"})
    EXPECT_THAT(expand(cluster, {{"c", name}}),
                ElementsAre("arn:aws:ecs:eu-west-1:111122223333:cluster/" + name));
}

TEST(AccessTable, ANameThatIsAnArnNamesTheObjectAndAlarmThatHasIt) {
  const auto object =
      requests("s3", "GetObject", {{"Bucket", "b"}, {"Key", "arn:aws:s3:::mine/k"}});
  ASSERT_EQ(object.size(), 1);
  EXPECT_EQ(object[0].resource, "arn:aws:s3:::b/arn:aws:s3:::mine/k");
  const std::string alarm = "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a";
  EXPECT_EQ(requests("cloudwatch", "PutMetricAlarm", {{"AlarmName", alarm}})[0].resource,
            "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:" + alarm);
}

TEST(AccessTable, RepetitionsDisplaceNothing) {
  json::array ids(1'000, json::value("vpc-1"));
  ids.emplace_back("vpc-2");
  EXPECT_EQ(requests("ec2", "CreateTags", {{"Resources", ids}}).size(), 2);
  for (int i = 0; i < 1'000; ++i) ids.emplace_back("vpc-x" + std::to_string(i));
  const auto refused = access_requests(api::access_rules("ec2", "CreateTags").front(),
                                       {{"Resources", std::move(ids)}}, caller);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "ValidationException");
}

TEST(AccessTable, WithoutANameAUserMeansItself) {
  const services::Caller ann{.account = "111122223333",
                             .region = "eu-west-1",
                             .arn = "arn:aws:iam::111122223333:user/team/ann"};
  const api::AccessRule& rule = api::access_rules("iam", "CreateAccessKey").front();
  EXPECT_EQ(access_requests(rule, {}, ann)->front().resource, "arn:aws:iam::111122223333:user/ann");
  EXPECT_EQ(access_requests(rule, {{"UserName", "bob"}}, ann)->front().resource,
            "arn:aws:iam::111122223333:user/bob");
  EXPECT_EQ(access_requests(rule, {}, caller)->front().resource, "*");
}

TEST(Template, Filters) {
  const std::string machine = "arn:aws:states:r:1:stateMachine:m";
  EXPECT_THAT(expand("{A:machine}", {{"A", machine + ":PROD"}}), ElementsAre(machine));
  EXPECT_THAT(expand("{A:machine}", {{"A", machine + "#Case"}}), ElementsAre(machine));
  EXPECT_THAT(expand("{A:qualifier}", {{"A", machine + ":PROD"}}), ElementsAre("PROD"));
  EXPECT_THAT(expand("{A:qualifier}", {{"A", machine}}), IsEmpty());
  EXPECT_THAT(expand("{A:object}", {{"A", "/b/k%20x?versionId=1"}}), ElementsAre("b/k x"));
  EXPECT_THAT(expand("rule/{A:bus}{B}", {{"B", "r"}}), ElementsAre("rule/r"));
  EXPECT_THAT(expand("rule/{A:bus}{B}", {{"A", "orders"}, {"B", "r"}}),
              ElementsAre("rule/orders/r"));
  EXPECT_THAT(expand("{A:group}", {{"A", "arn:aws:logs:r:1:log-group:/g:*"}}), ElementsAre("/g"));
  EXPECT_THAT(expand("{A:ec2}", {{"A", "vpc-1"}}), ElementsAre("vpc/vpc-1"));
  for (const char* given : {"f", "f:live", "function:f", "111122223333:function:f",
                            "arn:aws:lambda:r:1:function:f", "arn:aws:lambda:r:1:function:f:7"})
    EXPECT_THAT(expand("arn:aws:lambda:r:1:function:{A:function}", {{"A", given}}),
                ElementsAre("arn:aws:lambda:r:1:function:f"));
  EXPECT_THAT(expand("{A:function}", {{"A", "my-function:live"}}), ElementsAre("my-function"));
  EXPECT_THAT(expand("{A:function}:{B}", {{"A", "arn:aws:lambda:r:1:layer:l"}, {"B", 7}}),
              ElementsAre("l:7"));
  EXPECT_THAT(expand("{A:sources}", {{"A", R"({"source":["a",{"prefix":"b"}]})"}}),
              ElementsAre("a"));
}

TEST(AccessTable, NamesActionsResourcesAndKeys) {
  const auto lists = requests("s3", "ListObjectsV2", {{"Bucket", "b"}, {"Prefix", "p/"}});
  ASSERT_EQ(lists.size(), 1);
  EXPECT_EQ(lists[0].action, "s3:ListBucket");
  EXPECT_EQ(lists[0].resource, "arn:aws:s3:::b");
  EXPECT_THAT(lists[0].keys, ElementsAre(ConditionKey{"s3:prefix", {"p/"}}));
  const auto tasks = requests("ecs", "ListTasks", {{"cluster", "c"}});
  ASSERT_EQ(tasks.size(), 1);
  EXPECT_EQ(tasks[0].resource, "*");
  EXPECT_THAT(tasks[0].keys, ElementsAre(ConditionKey{
                                 "ecs:cluster", {"arn:aws:ecs:eu-west-1:111122223333:cluster/c"}}));
}

TEST(AccessTable, PassedRolesAreAskedForWhereTheyAreGiven) {
  const std::string role = "arn:aws:iam::111122223333:role/r";
  const auto with =
      requests("ecs", "RegisterTaskDefinition", {{"family", "f"}, {"executionRoleArn", role}});
  ASSERT_EQ(with.size(), 2);
  EXPECT_EQ(with[1].action, "iam:PassRole");
  EXPECT_EQ(with[1].resource, role);
  EXPECT_THAT(with[1].keys,
              ElementsAre(ConditionKey{"iam:PassedToService", {"ecs-tasks.amazonaws.com"}}));
  EXPECT_EQ(requests("ecs", "RegisterTaskDefinition", {{"family", "f"}}).size(), 1);
}

TEST(AccessTable, TagsBecomeKeys) {
  const auto made = requests("sns", "CreateTopic",
                             {{"Name", "t"}, {"Tags", {{{"Key", "Stage"}, {"Value", "dev"}}}}});
  ASSERT_EQ(made.size(), 1);
  EXPECT_THAT(made[0].keys, ElementsAre(ConditionKey{"aws:RequestTag/Stage", {"dev"}},
                                        ConditionKey{"aws:TagKeys", {"Stage"}}));
  const auto taken =
      requests("sqs", "UntagQueue", {{"QueueUrl", "http://h/1/q"}, {"TagKeys", {"Stage"}}});
  ASSERT_EQ(taken.size(), 1);
  EXPECT_EQ(taken[0].resource, "arn:aws:sqs:eu-west-1:111122223333:q");
  EXPECT_THAT(taken[0].keys, ElementsAre(ConditionKey{"aws:TagKeys", {"Stage"}}));
}

}  // namespace
}  // namespace kiban::kernel
