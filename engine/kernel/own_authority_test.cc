#include <gtest/gtest.h>

#include "kernel/authoriser.h"

namespace kiban::kernel {
namespace {

TEST(OwnAuthority, CoversAServicesOwnOperationsAndTheActionsOfItsLinkedRole) {
  EXPECT_TRUE(acts_on_own_authority("ecs.amazonaws.com", "ecs", "ecs:UpdateService"));
  EXPECT_TRUE(acts_on_own_authority("elasticloadbalancing.amazonaws.com", "elbv2",
                                    "elasticloadbalancing:DescribeListeners"));
  EXPECT_TRUE(
      acts_on_own_authority("ecs.amazonaws.com", "elbv2", "elasticloadbalancing:RegisterTargets"));
  EXPECT_TRUE(acts_on_own_authority("application-autoscaling.amazonaws.com", "ecs",
                                    "ecs:DescribeServices"));
  EXPECT_TRUE(acts_on_own_authority("sqs.amazonaws.com", "kms", "kms:DescribeKey"));
}

TEST(OwnAuthority, LeavesTheRestToPolicies) {
  // Deliveries need the policy of the queue, topic or key.
  EXPECT_FALSE(acts_on_own_authority("sns.amazonaws.com", "sqs", "sqs:SendMessage"));
  EXPECT_FALSE(acts_on_own_authority("events.amazonaws.com", "sns", "sns:Publish"));
  EXPECT_FALSE(acts_on_own_authority("sns.amazonaws.com", "sqs", "kms:GenerateDataKey"));
  EXPECT_FALSE(acts_on_own_authority("ecs.amazonaws.com", "elbv2",
                                     "elasticloadbalancing:DeleteTargetGroup"));
  // A Fargate task's own role is not ECS itself.
  EXPECT_FALSE(
      acts_on_own_authority("ecs-tasks.amazonaws.com", "ecs", "ecr:GetAuthorizationToken"));
  EXPECT_FALSE(acts_on_own_authority("ecs-tasks.amazonaws.com", "logs", "logs:PutLogEvents"));
}

TEST(OwnAuthority, IsOfServicesAlone) {
  EXPECT_FALSE(acts_on_own_authority("ecs", "ecs", "ecs:RunTask"));
  EXPECT_FALSE(acts_on_own_authority("arn:aws:sts::000000000000:assumed-role/ecs/ecs", "ecs",
                                     "ecs:RunTask"));
}

}  // namespace
}  // namespace kiban::kernel
