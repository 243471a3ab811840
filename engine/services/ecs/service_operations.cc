#include "services/ecs/service_operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "services/base/table_service.h"
#include "services/ecs/definition_checks.h"
#include "services/ecs/deployment.h"
#include "services/ecs/launch.h"
#include "services/ecs/names.h"
#include "services/ecs/scheduler.h"
#include "services/ecs/service_checks.h"
#include "services/ecs/service_row.h"
#include "services/ecs/tags.h"
#include "services/ecs/task.h"
#include "services/ecs/task_definition.h"
#include "store/blobs.h"

namespace kiban::services::ecs {
namespace {

constexpr std::size_t services_described_max = 10;
// What its tasks are made of: a change of one begins a deployment.
constexpr std::array of_tasks{"taskDefinition", "networkConfiguration",     "platformVersion",
                              "loadBalancers",  "capacityProviderStrategy", "launchType"};

// The service of a request that named `cluster`, which the ARN must agree with.
Result<std::string> service_name(std::string_view arn_or_name, std::string_view cluster) {
  return name_in_cluster(arn_or_name, ":service/", cluster);
}

// The revision that the tasks of a service are to have.
Result<json::object> definition_of(const Context& context, const json::object& input) {
  const std::string name = text(input, "taskDefinition");
  if (name.empty()) return fail("InvalidParameterException", "TaskDefinition can not be blank.");
  auto definition = load_task_definition(context, name);
  if (!definition) return fail("ClientException", "TaskDefinition not found.");
  return *std::move(definition);
}

json::object new_service(Context& context, const json::object& input,
                         const json::object& cluster_row, const json::object& definition) {
  const std::string cluster = text(cluster_row, "clusterName");
  const std::string name = text(input, "serviceName");
  json::object service = input;
  for (const auto* gone : {"cluster", "clientToken", "tags"}) service.erase(gone);
  service["serviceArn"] = make_arn(context, "ecs", fmt::format("service/{}/{}", cluster, name));
  service["clusterArn"] = cluster_arn(context, cluster);
  service["taskDefinition"] = definition.at("taskDefinitionArn");
  service["desiredCount"] = number(input, "desiredCount", 1);
  if (json::array strategy = strategy_of(input, cluster_row); !strategy.empty())
    service["capacityProviderStrategy"] = std::move(strategy);
  else
    service["launchType"] = "FARGATE";
  service["platformVersion"] = platform_version(input);
  service["platformFamily"] = "Linux";
  for (const auto* list :
       {"loadBalancers", "serviceRegistries", "placementConstraints", "placementStrategy"})
    if (!service.contains(list)) service[list] = json::array{};
  if (!service.contains("propagateTags")) service["propagateTags"] = "NONE";
  for (const auto* off : {"enableECSManagedTags", "enableExecuteCommand"})
    if (!service.contains(off)) service[off] = false;
  service["deploymentController"] = {{"type", "ECS"}};
  service["status"] = "ACTIVE";
  service["schedulingStrategy"] = "REPLICA";
  service["createdAt"] = epoch_seconds(context.now());
  service["createdBy"] = context.caller().arn;
  service["events"] = json::array{};
  service["deployments"] = json::array{};
  return service;
}

// Whether the service was made by this very request before.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
Result<void> check_same_request(const json::object& service, const std::string& token) {
  if (text(service, "status") == "DRAINING")
    return fail("InvalidParameterException", "Unable to Start a service that is still Draining.");
  if (!token.empty() && text(service, "kibanToken") == token) return {};
  return fail("InvalidParameterException", "Creation of service was not idempotent.");
}

}  // namespace

Result<json::object> create_service(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY(const json::object cluster_row, load_cluster(context, cluster));
  const std::string name = text(input, "serviceName");
  const std::string given = text(input, "clientToken");
  const std::string token =
      given.empty() ? "" : fmt::format("{}/{}", given, store::sha256_hex(print_json(input)));
  if (const auto before = load_service(context, cluster, name)) {
    KIBAN_TRY_VOID(check_same_request(*before, token));
    return json::object{{"service", described_service(context, *before)}};
  }
  KIBAN_TRY_VOID(check_launch(input, cluster_row));
  KIBAN_TRY_VOID(check_default_strategy(input, cluster_row));
  KIBAN_TRY_VOID(check_service_request(input));
  KIBAN_TRY(const json::object definition, definition_of(context, input));
  KIBAN_TRY_VOID(check_tags(input));
  json::object service = new_service(context, input, cluster_row, definition);
  KIBAN_TRY_VOID(check_service_tasks(context, input, definition));
  if (!token.empty()) service["kibanToken"] = token;
  put_tags(context, text(service, "serviceArn"), input);
  begin_deployment(context, service);
  put_json(context, service_key(context, cluster, name), service);
  reconcile(context, cluster, name);
  KIBAN_TRY(service, load_service(context, cluster, name));
  json::object shown = described_service(context, service);
  shown["tags"] = tags_of(context, text(service, "serviceArn"));
  return json::object{{"service", std::move(shown)}};
}

namespace {

void apply(json::object& service, const json::object& input) {
  for (const auto& member : input) {
    const std::string_view key = member.key();
    if (key != "cluster" && key != "service" && key != "forceNewDeployment")
      service[key] = member.value();
  }
  if (input.contains("platformVersion")) service["platformVersion"] = platform_version(input);
  const json::array* strategy = find_array(input, "capacityProviderStrategy");
  if (strategy && !strategy->empty()) service.erase("launchType");
  if (strategy && strategy->empty()) {  // Back to the launch type.
    service.erase("capacityProviderStrategy");
    service["launchType"] = "FARGATE";
  }
}

// The service without the launch type that it has because none was named: its tasks did not fit
// Fargate before either.
json::object as_requested(const Context& context, json::object service,
                          const json::object& before) {
  const auto definition = load_task_definition(context, text(before, "taskDefinition"));
  if (definition && !is_for_fargate(*definition)) service.erase("launchType");
  return service;
}

Result<json::object> load_active_service(const Context& context, std::string_view cluster,
                                         std::string_view name) {
  auto service = get_json(context, service_key(context, cluster, name));
  if (!service) return fail("ServiceNotFoundException", "Service not found.");
  if (text(*service, "status") != "ACTIVE")
    return fail("ServiceNotActiveException", "Service was not ACTIVE.");
  return *std::move(service);
}

}  // namespace

Result<json::object> update_service(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY(const json::object cluster_row, load_cluster(context, cluster));
  KIBAN_TRY(const std::string name, service_name(text(input, "service"), cluster));
  KIBAN_TRY(json::object service, load_active_service(context, cluster, name));
  KIBAN_TRY_VOID(check_launch(input, cluster_row));
  KIBAN_TRY_VOID(check_service_request(input));
  const json::object before = service;
  apply(service, input);
  KIBAN_TRY(const json::object definition, definition_of(context, service));
  service["taskDefinition"] = definition.at("taskDefinitionArn");
  const auto changed = [&](std::string_view member) {
    const json::value* was = find(before, member);
    const json::value* is = find(service, member);
    return (was == nullptr) != (is == nullptr) || (is && *was != *is);
  };
  if (changed("capacityProviderStrategy") && !flag(input, "forceNewDeployment"))
    return fail("InvalidParameterException",
                "When switching from launch type to capacity provider strategy on an existing "
                "service, or making a change to a capacity provider strategy on a service that is "
                "already using one, you must force a new deployment.");
  if (input.contains("taskDefinition") || input.contains("networkConfiguration") ||
      input.contains("loadBalancers") || input.contains("platformVersion") ||
      input.contains("enableExecuteCommand") || input.contains("healthCheckGracePeriodSeconds"))
    KIBAN_TRY_VOID(
        check_service_tasks(context, as_requested(context, service, before), definition));
  json::object& primary = primary_of(service);
  primary.erase("kibanRollback");
  if (std::ranges::any_of(of_tasks, changed) || flag(input, "forceNewDeployment")) {
    begin_deployment(context, service);
  } else if (changed("desiredCount")) {
    primary["desiredCount"] = service.at("desiredCount");
    set_rollout(context, service, primary, "IN_PROGRESS",
                fmt::format("ECS deployment {} in progress.", text(primary, "id")));
  }
  put_json(context, service_key(context, cluster, name), service);
  reconcile(context, cluster, name);
  KIBAN_TRY(service, load_service(context, cluster, name));
  return json::object{{"service", described_service(context, service)}};
}

// "If there are still running tasks that require cleanup, the service status moves from ACTIVE to
// DRAINING": docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteService.html
Result<json::object> delete_service(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  KIBAN_TRY(const std::string name, service_name(text(input, "service"), cluster));
  KIBAN_TRY(json::object service, load_service(context, cluster, name));
  if (number(service, "desiredCount", 0) > 0 && !flag(input, "force"))
    return fail("InvalidParameterException",
                "The service cannot be stopped while it is scaled above 0.");
  for (json::object& task : count_tasks(context, cluster, name).live)
    request_stop(context, task, "ServiceSchedulerInitiated", "The service was deleted");
  service["desiredCount"] = 0;
  service["status"] = "DRAINING";
  const std::string key = service_key(context, cluster, name);
  put_json(context, key, service);
  end_if_drained(context, service);
  return json::object{
      {"service", described_service(context, get_json(context, key).value_or(service))}};
}

Result<json::object> describe_services(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  json::array services;
  json::array failures;
  const json::array* names = find_array(input, "services");
  if (!names || names->empty())
    return fail("InvalidParameterException", "Services cannot be empty.");
  if (names->size() > services_described_max)
    return fail("InvalidParameterException", "Services length should be at most 10.");
  for (const json::value& value : *names) {
    KIBAN_TRY(const std::string name, service_name(std::string_view(value.as_string()), cluster));
    const auto service = get_json(context, service_key(context, cluster, name));
    if (!service) {
      failures.push_back(
          {{"arn", make_arn(context, "ecs", fmt::format("service/{}/{}", cluster, name))},
           {"reason", "MISSING"}});
      continue;
    }
    json::object shown = described_service(context, *service);
    if (wants_tags(input)) shown["tags"] = tags_of(context, text(*service, "serviceArn"));
    services.push_back(std::move(shown));
  }
  return json::object{{"services", std::move(services)}, {"failures", std::move(failures)}};
}

// "ListServices returns up to 10 results" unless maxResults says more; services that are DRAINING
// are not listed.
Result<json::object> list_services(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  const std::string launch = text(input, "launchType");
  const auto entry = [&](const store::Row& row) -> std::optional<json::value> {
    const json::object service = object_of(row.key, row.value);
    if (text(service, "status") != "ACTIVE") return std::nullopt;
    if (!launch.empty() && text(service, "launchType") != launch) return std::nullopt;
    if (text(input, "schedulingStrategy", "REPLICA") != "REPLICA") return std::nullopt;
    return service.at("serviceArn");
  };
  return arn_page(context, input, "serviceArns",
                  row_key(context, "service", fmt::format("{}/", cluster)), entry,
                  services_described_max);
}

Result<json::object> service_rollout(Context& context, const json::object& input) {
  const std::string name = last_part(text(input, "service"));
  KIBAN_TRY(json::object service, load_service(context, cluster_name(input), name));
  const json::object& primary = primary_of(service);
  return json::object{
      {"State", flag(primary, "kibanRollback") ? "FAILED" : text(primary, "rolloutState")},
      {"Reason", text(primary, "rolloutStateReason")}};
}

}  // namespace kiban::services::ecs
