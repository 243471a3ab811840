#include "services/ecs/deployment.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"

namespace kiban::services::ecs {
namespace {

constexpr std::size_t events_kept = 100;
// "Half the desired count, at least 3 and at most 200": the page above.
constexpr std::int64_t failures_min = 3;
constexpr std::int64_t failures_max = 200;

const json::object* breaker_of(const json::object& service) {
  const json::object* configuration = find_object(service, "deploymentConfiguration");
  const json::object* breaker =
      configuration ? find_object(*configuration, "deploymentCircuitBreaker") : nullptr;
  return breaker && flag(*breaker, "enable") ? breaker : nullptr;
}

// The last one that completed, other than `failed`.
const json::object* last_good(const json::object& service, std::string_view failed) {
  for (const json::value& value : service.at("deployments").as_array()) {
    const json::object& one = value.as_object();
    if (text(one, "id") != failed && text(one, "rolloutState") == "COMPLETED") return &one;
  }
  return nullptr;
}

}  // namespace

void begin_deployment(Context& context, json::object& service, std::string_view reason) {
  const double now = epoch_seconds(context.now());
  json::array& all = service["deployments"].as_array();
  for (json::value& one : all) one.as_object()["status"] = "ACTIVE";
  const std::string id = fmt::format("ecs-svc/{}", context.random().pick("0123456789", 19));
  json::object fresh{{"id", id},
                     {"status", "PRIMARY"},
                     {"taskDefinition", service.at("taskDefinition")},
                     {"desiredCount", service.at("desiredCount")},
                     {"failedTasks", 0},
                     {"createdAt", now},
                     {"updatedAt", now},
                     {"platformVersion", "1.4.0"},
                     {"platformFamily", "Linux"}};
  for (const auto* member : {"networkConfiguration", "launchType", "capacityProviderStrategy"}) {
    if (const json::value* value = find(service, member)) fresh[member] = *value;
  }
  set_rollout(
      context, service, fresh, "IN_PROGRESS",
      reason.empty() ? fmt::format("ECS deployment {} in progress.", id) : std::string(reason));
  all.insert(all.begin(), std::move(fresh));
}

json::object& primary_of(json::object& service) {
  return service["deployments"].as_array().at(0).as_object();
}

json::object* find_deployment(json::object& service, std::string_view id) {
  for (json::value& one : service["deployments"].as_array()) {
    if (text(one.as_object(), "id") == id) return &one.as_object();
  }
  return nullptr;
}

void set_rollout(Context& context, const json::object& service, json::object& deployment,
                 std::string_view state, const std::string& reason) {
  deployment["rolloutState"] = state;
  deployment["updatedAt"] = epoch_seconds(context.now());
  context.publish({.source = "aws.ecs",
                   .detail_type = "ECS Deployment State Change",
                   .region = context.caller().region,
                   .account = context.caller().account,
                   .resources = {text(service, "serviceArn")},
                   .detail = {{"eventType", state == "FAILED" ? "ERROR" : "INFO"},
                              {"eventName", fmt::format("SERVICE_DEPLOYMENT_{}", state)},
                              {"deploymentId", deployment.at("id")},
                              {"updatedAt", format_iso8601(context.now())},
                              {"reason", reason}}});
  deployment["rolloutStateReason"] = reason;
}

void publish_action(Context& context, const json::object& service, std::string_view type,
                    std::string_view name) {
  context.publish({.source = "aws.ecs",
                   .detail_type = "ECS Service Action",
                   .region = context.caller().region,
                   .account = context.caller().account,
                   .resources = {text(service, "serviceArn")},
                   .detail = {{"eventType", type},
                              {"eventName", name},
                              {"clusterArn", service.at("clusterArn")},
                              {"createdAt", format_iso8601(context.now())}}});
}

void note(Context& context, json::object& service, std::string message) {
  json::array& events = service["events"].as_array();
  events.insert(events.begin(), json::object{{"id", context.random().uuid()},
                                             {"createdAt", epoch_seconds(context.now())},
                                             {"message", std::move(message)}});
  if (events.size() > events_kept) events.pop_back();
}

bool count_failure(Context& context, json::object& service, json::object& deployment) {
  const std::int64_t failures = number(deployment, "failedTasks", 0) + 1;
  deployment["failedTasks"] = failures;
  const json::object* breaker = breaker_of(service);
  const std::int64_t desired = number(service, "desiredCount", 0);
  if (!breaker || text(deployment, "rolloutState") != "IN_PROGRESS" ||
      failures < std::clamp((desired + 1) / 2, failures_min, failures_max))
    return false;
  const std::string id = text(deployment, "id");
  set_rollout(context, service, deployment, "FAILED",
              "ECS deployment circuit breaker: tasks failed to start.");
  note(context, service,
       fmt::format("(service {}) (deployment {}) deployment failed: tasks failed to start.",
                   text(service, "serviceName"), id));
  const json::object* good = last_good(service, id);
  if (!flag(*breaker, "rollback") || !good || text(deployment, "status") != "PRIMARY") return true;
  const std::string good_id = text(*good, "id");
  service["taskDefinition"] = good->at("taskDefinition");
  if (const json::value* network = find(*good, "networkConfiguration"))
    service["networkConfiguration"] = *network;
  note(context, service,
       fmt::format("(service {}) rolling back to deployment {}.", text(service, "serviceName"),
                   good_id));
  begin_deployment(
      context, service,
      fmt::format("ECS deployment circuit breaker: rolling back to deploymentId {}.", good_id));
  primary_of(service)["kibanRollback"] = true;
  return true;
}

}  // namespace kiban::services::ecs
