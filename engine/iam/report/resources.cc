#include "iam/report/resources.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/arn.h"

namespace kiban::iam::report {

namespace {

// How the ARN of a type's resource ends where its physical id is not an ARN: PREFIX and the id, or
// the id's last part. What follows after a slash or a colon lies within the resource.
struct Shape {
  std::string_view type{};
  std::string_view service{};
  std::string_view prefix{};
};
constexpr std::array shapes{
    Shape{"AWS::ApplicationAutoScaling::ScalableTarget", "application-autoscaling", ""},
    Shape{"AWS::CloudWatch::Alarm", "cloudwatch", "alarm:"},
    Shape{"AWS::DynamoDB::Table", "dynamodb", "table/"},
    Shape{"AWS::ECR::Repository", "ecr", "repository/"},
    Shape{"AWS::ECS::Cluster", "ecs", "cluster/"},
    Shape{"AWS::ECS::Cluster", "ecs", "task/"},
    Shape{"AWS::ECS::Cluster", "ecs", "service/"},
    Shape{"AWS::Events::EventBus", "events", "event-bus/"},
    Shape{"AWS::Events::Rule", "events", "rule/"},
    Shape{"AWS::IAM::ManagedPolicy", "iam", "policy/"},
    Shape{"AWS::IAM::Role", "iam", "role/"},
    Shape{"AWS::IAM::User", "iam", "user/"},
    Shape{"AWS::KMS::Key", "kms", "key/"},
    Shape{"AWS::Lambda::Function", "lambda", "function:"},
    Shape{"AWS::Logs::LogGroup", "logs", "log-group:"},
    Shape{"AWS::RDS::DBCluster", "rds", "cluster:"},
    Shape{"AWS::RDS::DBInstance", "rds", "db:"},
    Shape{"AWS::S3::Bucket", "s3", ""},
    Shape{"AWS::SQS::Queue", "sqs", ""},
    Shape{"AWS::SSM::Parameter", "ssm", "parameter/"},
    Shape{"AWS::Scheduler::ScheduleGroup", "scheduler", "schedule-group/"},
};

// Of a queue's URL the queue's name, of a rule's "BUS|NAME" the name.
std::string_view name_of(const Resource& resource) {
  const std::string_view id = resource.physical_id;
  if (resource.type == "AWS::SQS::Queue") return id.substr(id.rfind('/') + 1);
  if (resource.type == "AWS::Events::Rule") return id.substr(id.rfind('|') + 1);
  return resource.type == "AWS::SSM::Parameter" && id.starts_with('/') ? id.substr(1) : id;
}

bool is_or_is_within(std::string_view text, std::string_view whole) {
  return text.starts_with(whole) &&
         (text.size() == whole.size() || text[whole.size()] == ':' || text[whole.size()] == '/');
}

// Whether a physical id, which may itself be an ARN, names the ARN.
bool names_arn(std::string_view physical, const Arn& arn, std::string_view text) {
  if (is_or_is_within(text, physical)) return true;
  // Task definitions without their revision; executions by the name of their machine.
  const std::size_t colon = physical.rfind(':');
  if (physical.find(":task-definition/") != std::string_view::npos)
    return is_or_is_within(text, physical.substr(0, colon));
  if (arn.service != "states" || physical.find(":stateMachine:") == std::string_view::npos)
    return false;
  const std::string name(physical.substr(colon + 1));
  return arn.resource.starts_with("execution:" + name + ":") ||
         arn.resource.starts_with("express:" + name + ":");
}

bool names(const Resource& resource, const Arn& arn, std::string_view text) {
  if (resource.physical_id.empty()) return false;
  if (resource.physical_id.starts_with("arn:")) return names_arn(resource.physical_id, arn, text);
  return std::ranges::any_of(shapes, [&](const Shape& shape) {
    if (shape.type != resource.type || shape.service != arn.service) return false;
    std::string_view rest = arn.resource;
    if (!rest.starts_with(shape.prefix)) return false;
    rest.remove_prefix(shape.prefix.size());
    // Names of roles, users and policies follow their path.
    if (shape.service == "iam") rest.remove_prefix(rest.rfind('/') + 1);
    return is_or_is_within(rest, name_of(resource));
  });
}

}  // namespace

std::string Resource::place() const {
  return path.empty() ? fmt::format("{}.{}", stack, logical_id) : path;
}

const Resource* Resources::find(std::string_view text) const {
  const auto arn = parse_arn(text);
  if (!arn) return nullptr;
  const Resource* best = nullptr;  // Of names that begin alike the longest.
  for (const Resource& resource : all_)
    if (names(resource, *arn, text) &&
        (best == nullptr || resource.physical_id.size() > best->physical_id.size()))
      best = &resource;
  return best;
}

json::value reference_to(const Resource& resource) {
  constexpr std::array by_ref{"AWS::SNS::Topic", "AWS::StepFunctions::StateMachine",
                              "AWS::SecretsManager::Secret", "AWS::ECS::TaskDefinition",
                              "AWS::IAM::ManagedPolicy"};
  if (std::ranges::find(by_ref, resource.type) != by_ref.end())
    return json::object{{"Ref", resource.logical_id}};
  return json::object{{"Fn::GetAtt", json::array{resource.logical_id, "Arn"}}};
}

}  // namespace kiban::iam::report
