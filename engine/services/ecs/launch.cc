#include "services/ecs/launch.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/checked_service.h"
#include "services/ecs/task_definition.h"

namespace kiban::services::ecs {
namespace {

constexpr std::size_t container_override_bytes_max = 8'192;

std::unexpected<Error> refuse(std::string cause) {
  return fail("InvalidParameterException", std::move(cause));
}

json::array list_of(const json::object& object, std::string_view key) {
  const json::array* found = find_array(object, key);
  return found ? *found : json::array{};
}

}  // namespace

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-capacity-providers.html
Result<void> check_strategy(const json::array& strategy, const json::object& cluster) {
  const json::array associated = list_of(cluster, "capacityProviders");
  for (const json::value& item : strategy) {
    const std::string name = text(item.as_object(), "capacityProvider");
    if (name != "FARGATE" && name != "FARGATE_SPOT")
      return refuse(
          "The specified capacity provider was not found. Specify a valid name or ARN and try "
          "again.");
    if (std::ranges::find(associated, json::value(name)) == associated.end())
      return refuse(
          "The specified capacity provider strategy cannot contain a capacity provider that is not "
          "associated with the cluster. Associate the capacity provider with the cluster and try "
          "again.");
  }
  return {};
}

Result<void> check_launch(const json::object& input, const json::object& cluster) {
  const std::string launch = text(input, "launchType");
  const json::array strategy = list_of(input, "capacityProviderStrategy");
  if (!launch.empty() && !strategy.empty())
    return refuse(
        "Specifying both a launch type and capacity provider strategy is not supported. Remove one "
        "and try again.");
  if (!launch.empty() && launch != "FARGATE")
    return refuse(fmt::format("kiban runs the launch type FARGATE only, not '{}'", launch));
  KIBAN_TRY_VOID(check_strategy(strategy, cluster));
  // "Not supported for tasks using the Fargate launch type":
  // docs.aws.amazon.com/AmazonECS/latest/developerguide/task-placement.html
  for (const auto& [member, noun] : {std::pair("placementStrategy", "strategies"),
                                     std::pair("placementConstraints", "constraints")}) {
    if (!list_of(input, member).empty())
      return refuse(fmt::format("Placement {} are not supported with FARGATE launch type.", noun));
  }
  return {};
}

json::array strategy_of(const json::object& input, const json::object& cluster) {
  json::array own = list_of(input, "capacityProviderStrategy");
  if (!own.empty() || input.contains("launchType")) return own;
  return list_of(cluster, "defaultCapacityProviderStrategy");
}

std::string next_provider(const json::array& strategy,
                          const std::map<std::string, std::int64_t>& have) {
  std::string best;
  double best_load = 0;
  for (const json::value& value : strategy) {
    const json::object& item = value.as_object();
    const std::string name = text(item, "capacityProvider");
    const auto found = have.find(name);
    const std::int64_t count = found == have.end() ? 0 : found->second;
    const std::int64_t base = number(item, "base", 0);
    if (count < base) return name;
    // Alone in a strategy it takes all, whatever its weight.
    const std::int64_t weight = number(item, "weight", strategy.size() == 1 ? 1 : 0);
    if (weight <= 0) continue;
    const double load = static_cast<double>(count - base + 1) / static_cast<double>(weight);
    if (best.empty() || load < best_load) {
      best = name;
      best_load = load;
    }
  }
  return best;
}

Result<void> check_overrides(const json::object& input, const json::object& definition) {
  const json::object* overrides = find_object(input, "overrides");
  if (!overrides) return {};
  if (print_json(*overrides).size() > container_override_bytes_max)
    return refuse("Container Overrides length must be at most 8192");
  for (const auto& member : *overrides) {
    const bool empty = member.value().is_array() && member.value().get_array().empty();
    if (!empty &&
        !lists("containerOverrides cpu memory taskRoleArn executionRoleArn ephemeralStorage",
               member.key()))
      return refuse(
          fmt::format("kiban does not honour {} of overrides", std::string_view(member.key())));
  }
  KIBAN_TRY_VOID(check_ephemeral_storage(*overrides, "InvalidParameterException"));
  for (const json::value& one : list_of(*overrides, "containerOverrides")) {
    const std::string name = text(one.as_object(), "name");
    const auto& containers = definition.at("containerDefinitions").as_array();
    const bool known = std::ranges::any_of(containers, [&](const json::value& container) {
      return text(container.as_object(), "name") == name;
    });
    if (!known)
      return refuse(fmt::format(
          "Override for container named {} is not a container in the TaskDefinition.", name));
    for (const auto& member : one.as_object()) {
      const bool empty = member.value().is_array() && member.value().get_array().empty();
      if (!empty && !lists("name command environment cpu memory memoryReservation", member.key()))
        return refuse(fmt::format("kiban does not honour {} of the override for container '{}'",
                                  std::string_view(member.key()), name));
    }
  }
  return {};
}

json::object with_overrides(const json::object& input, json::object definition) {
  if (const json::object* overrides = find_object(input, "overrides")) {
    for (const auto* member :
         {"cpu", "memory", "taskRoleArn", "executionRoleArn", "ephemeralStorage"}) {
      if (const json::value* value = find(*overrides, member)) definition[member] = *value;
    }
  }
  return definition;
}

}  // namespace kiban::services::ecs
