#include "services/ecs/service_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/ecs/interface.h"
#include "services/ecs/launch.h"
#include "services/ecs/names.h"

namespace kiban::services::ecs {
namespace {

constexpr std::int64_t desired_count_max = 100;  // Our own bound on one machine.
// docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
constexpr std::size_t target_groups_max = 5;

std::unexpected<Error> refuse(std::string cause) {
  return fail("InvalidParameterException", std::move(cause));
}

json::array list_of(const json::object& object, std::string_view key) {
  const json::array* found = find_array(object, key);
  return found ? *found : json::array{};
}

// What a service would have to obey, and nobody here does.
Result<void> check_not_served(const json::object& input) {
  for (const auto* member :
       {"volumeConfigurations", "serviceRegistries", "vpcLatticeConfigurations"})
    if (!list_of(input, member).empty())
      return refuse(fmt::format("kiban does not honour {}", member));
  const json::object* connect = find_object(input, "serviceConnectConfiguration");
  if (connect && flag(*connect, "enabled"))
    return refuse("kiban does not honour serviceConnectConfiguration");
  const json::object* controller = find_object(input, "deploymentController");
  if (controller && text(*controller, "type", "ECS") != "ECS")
    return refuse(fmt::format("kiban has the deployment controller ECS only, not {}",
                              text(*controller, "type")));
  if (text(input, "schedulingStrategy", "REPLICA") != "REPLICA")
    return refuse("The daemon scheduling strategy is not supported on Fargate.");
  if (input.contains("role"))
    return refuse(
        "You cannot specify an IAM role for services that require a service linked role.");
  return {};
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
Result<void> check_deployment(const json::object& input) {
  const json::object* configuration = find_object(input, "deploymentConfiguration");
  if (!configuration) return {};
  const std::string strategy = text(*configuration, "strategy", "ROLLING");
  if (strategy != "ROLLING")
    return refuse(fmt::format("kiban has the deployment strategy ROLLING only, not {}", strategy));
  for (const auto* member : {"linearConfiguration", "canaryConfiguration"})
    if (configuration->contains(member))
      return refuse(fmt::format("kiban does not honour {} of deploymentConfiguration", member));
  if (!list_of(*configuration, "lifecycleHooks").empty())
    return refuse("kiban does not honour lifecycleHooks of deploymentConfiguration");
  if (number(*configuration, "bakeTimeInMinutes", 0) != 0)
    return refuse("kiban does not honour bakeTimeInMinutes of deploymentConfiguration");
  const json::object* alarms = find_object(*configuration, "alarms");
  if (alarms && flag(*alarms, "enable"))
    return refuse("kiban does not honour alarms of deploymentConfiguration");
  const std::int64_t healthy_min = number(*configuration, "minimumHealthyPercent", 100);
  const std::int64_t running_max = number(*configuration, "maximumPercent", 200);
  if (healthy_min < 0 || running_max < 0)
    return refuse("minimumHealthyPercent and maximumPercent cannot be negative.");
  if (healthy_min == 100 && running_max == 100)
    return refuse(
        "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block "
        "deployments.");
  if (running_max < healthy_min)
    return refuse("maximumPercent cannot be lower than minimumHealthyPercent.");
  return {};
}

const json::object* container_named(const json::object& definition, std::string_view name) {
  for (const json::value& container : definition.at("containerDefinitions").as_array())
    if (text(container.as_object(), "name") == name) return &container.as_object();
  return nullptr;
}

// Without a load balancing service nothing can be said about the group.
Result<void> check_target_group(Context& context, const std::string& arn, bool awsvpc) {
  const auto reply = context.call("elbv2", "DescribeTargetGroups", {{"TargetGroupArns", {arn}}},
                                  principal(context, "ecs.amazonaws.com"));
  if (!reply && reply.error().name == "UnknownOperationException") return {};
  const json::array groups = reply ? list_of(*reply, "TargetGroups") : json::array{};
  if (groups.empty())
    return refuse(
        "Unable to assume role and validate the specified targetGroupArn. Please verify that the "
        "ECS service role being passed has the proper permissions.");
  const json::object& group = groups.front().as_object();
  const std::string type = text(group, "TargetType", "instance");
  if (awsvpc && type != "ip")
    return refuse(
        fmt::format("The provided target group {} has target type {}, which is "
                    "incompatible with the awsvpc network mode specified in the task "
                    "definition.",
                    arn, type));
  if (list_of(group, "LoadBalancerArns").empty())
    return refuse(fmt::format(
        "The target group with targetGroupArn {} does not have an associated load balancer.", arn));
  return {};
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LoadBalancer.html
Result<void> check_load_balancers(Context& context, const json::object& service,
                                  const json::object& definition) {
  const json::array balancers = list_of(service, "loadBalancers");
  if (balancers.size() > target_groups_max)
    return refuse(fmt::format("load balancers can have at most {} items.", target_groups_max));
  for (const json::value& value : balancers) {
    const json::object& balancer = value.as_object();
    const std::string arn = text(balancer, "targetGroupArn");
    const std::string classic = text(balancer, "loadBalancerName");
    if (!arn.empty() && !classic.empty())
      return refuse("targetGroupArn and loadBalancerName cannot both be specified.");
    if (!classic.empty())
      return refuse("kiban has no Classic Load Balancers: specify a targetGroupArn.");
    if (arn.empty()) return refuse("loadBalancerName or targetGroupArn must be specified.");
    if (balancer.contains("advancedConfiguration"))
      return refuse("kiban does not honour advancedConfiguration of loadBalancers");
    const std::string name = text(balancer, "containerName");
    if (name.empty()) return refuse("Container name cannot be blank for a load balancer.");
    const json::object* container = container_named(definition, name);
    if (!container)
      return refuse(fmt::format("The container {} does not exist in the task definition.", name));
    const std::int64_t port = number(balancer, "containerPort", 0);
    const bool mapped =
        std::ranges::any_of(list_of(*container, "portMappings"), [&](const json::value& mapping) {
          return number(mapping.as_object(), "containerPort", -1) == port;
        });
    if (!mapped)
      return refuse(
          fmt::format("The container {} did not have a container port {} defined.", name, port));
    KIBAN_TRY_VOID(check_target_group(context, arn, text(definition, "networkMode") == "awsvpc"));
  }
  return {};
}

// The grace period is that of load balancers and of containers' health checks.
Result<void> check_grace_period(const json::object& service, const json::object& definition) {
  if (number(service, "healthCheckGracePeriodSeconds", 0) == 0 ||
      !list_of(service, "loadBalancers").empty() ||
      std::ranges::any_of(definition.at("containerDefinitions").as_array(),
                          [](const json::value& container) {
                            return container.as_object().contains("healthCheck");
                          }))
    return {};
  return refuse(
      "Health check grace period is only valid for services configured to use load balancers");
}

}  // namespace

Result<void> check_service_request(const json::object& input) {
  KIBAN_TRY_VOID(check_not_served(input));
  KIBAN_TRY_VOID(check_deployment(input));
  if (number(input, "healthCheckGracePeriodSeconds", 0) < 0)
    return refuse("Health check grace period must be between 0 and 2147483647.");
  const std::int64_t count = number(input, "desiredCount", 0);
  if (count < 0) return refuse("desiredCount cannot be negative.");
  if (count > desired_count_max)
    return refuse(fmt::format("desiredCount must be between 0 and {} here", desired_count_max));
  return {};
}

Result<void> check_service_tasks(Context& context, const json::object& service,
                                 const json::object& definition) {
  if (text(definition, "status") != "ACTIVE")
    return fail("ClientException", "TaskDefinition is inactive");
  KIBAN_TRY_VOID(check_placement(context, service, definition));
  if (flag(service, "enableExecuteCommand") && text(definition, "taskRoleArn").empty())
    return refuse(
        "The service couldn't be created because a valid taskRoleArn is not being used. Specify a "
        "valid task role in your task definition and try again.");
  KIBAN_TRY_VOID(check_grace_period(service, definition));
  return check_load_balancers(context, service, definition);
}

}  // namespace kiban::services::ecs
