// What services do on their own authority: docs/iam.md lists it too ("Hops").
#include <algorithm>
#include <array>

#include "kernel/authoriser.h"

namespace kiban::kernel {

namespace {

struct Entry {
  std::string_view principal{};  // Without ".amazonaws.com".
  std::string_view action{};
};

constexpr auto entries = std::to_array<Entry>({
    // AWSServiceRoleForApplicationAutoScaling_ECSService
    {"application-autoscaling", "ecs:DescribeServices"},
    {"application-autoscaling", "ecs:UpdateService"},
    // Notifications of a stack: whether whoever makes the stack may publish is decided when the
    // topics are named.
    {"cloudformation", "sns:GetTopicAttributes"},
    {"cloudformation", "sns:Publish"},
    // AWSServiceRoleForECS: interfaces, load balancers.
    {"ecs", "ec2:DescribeSecurityGroups"},
    {"ecs", "ec2:DescribeSubnets"},
    {"ecs", "ec2:DescribeVpcs"},
    {"ecs", "ec2:DescribeRouteTables"},
    {"ecs", "ec2:DescribeNetworkInterfaces"},
    {"ecs", "elasticloadbalancing:DescribeTargetGroups"},
    {"ecs", "elasticloadbalancing:DescribeTargetHealth"},
    {"ecs", "elasticloadbalancing:RegisterTargets"},
    {"ecs", "elasticloadbalancing:DeregisterTargets"},
    // Tasks without an execution role that are not for Fargate: the container instance's role.
    {"ecs", "ecr:BatchGetImage"},
    {"ecs", "logs:CreateLogGroup"},
    {"ecs", "logs:CreateLogStream"},
    {"ecs", "logs:PutLogEvents"},
    // Credentials of a task: the role's trust policy decides.
    {"ecs-tasks", "sts:AssumeRole"},
    // The names of databases that a task's network leads to: kiban's own matter.
    {"ecs-tasks", "rds:DescribeDBClusters"},
    {"ecs-tasks", "rds:DescribeDBInstances"},
    // AWSServiceRoleForAmazonEventBridgeApiDestinations
    {"events", "secretsmanager:CreateSecret"},
    {"events", "secretsmanager:DeleteSecret"},
    {"events", "secretsmanager:DescribeSecret"},
    {"events", "secretsmanager:GetSecretValue"},
    {"events", "secretsmanager:PutSecretValue"},
    {"events", "secretsmanager:UpdateSecret"},
    // Credentials of a function: the role's trust policy decides.
    {"lambda", "sts:AssumeRole"},
    // Metrics about the service itself, and those of metric filters.
    {"events", "cloudwatch:PutMetricData"},
    {"logs", "cloudwatch:PutMetricData"},
    {"scheduler", "cloudwatch:PutMetricData"},
    // AWSServiceRoleForRDS
    {"rds", "ec2:DescribeSecurityGroups"},
    {"rds", "ec2:DescribeSubnets"},
    {"rds", "ec2:DescribeVpcs"},
    {"rds", "logs:CreateLogGroup"},
    {"rds", "logs:CreateLogStream"},
    {"rds", "logs:PutLogEvents"},
    // Log delivery: the machine's role is checked when it is configured.
    {"states", "logs:CreateLogStream"},
    {"states", "logs:DescribeLogGroups"},
    {"states", "logs:PutLogEvents"},
});

// Services that look up a customer's key, which their caller must be allowed to use.
constexpr auto users_of_keys = std::to_array<std::string_view>(
    {"logs", "s3", "scheduler", "secretsmanager", "sns", "sqs", "ssm"});

}  // namespace

bool acts_on_own_authority(std::string_view principal, std::string_view folder,
                           std::string_view action) {
  if (!principal.ends_with(".amazonaws.com")) return false;
  std::string_view name = principal.substr(0, principal.find('.'));
  if (name == "applicationautoscaling") name = "application-autoscaling";
  if (name == folder) return true;
  if (name == "application-autoscaling" && folder == "applicationautoscaling") return true;
  if (name == "elasticloadbalancing" && folder == "elbv2") return true;
  if (action == "kms:DescribeKey")
    return std::ranges::find(users_of_keys, name) != users_of_keys.end();
  return std::ranges::any_of(
      entries, [&](const Entry& each) { return each.principal == name && each.action == action; });
}

}  // namespace kiban::kernel
