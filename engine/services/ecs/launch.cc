#include "services/ecs/launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/base/checked_service.h"
#include "services/ecs/definition_checks.h"
#include "services/ecs/interface.h"
#include "services/ecs/task_definition.h"

namespace kiban::services::ecs {
namespace {

constexpr std::size_t container_override_bytes_max = 8'192;
// docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html
constexpr std::size_t subnets_max = 16;
constexpr std::size_t security_groups_max = 5;
// docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
constexpr std::size_t strategy_items_max = 20;
constexpr std::string_view current_platform = "1.4.0";

std::unexpected<Error> refuse(std::string cause) {
  return fail("InvalidParameterException", std::move(cause));
}

json::array list_of(const json::object& object, std::string_view key) {
  const json::array* found = find_array(object, key);
  return found ? *found : json::array{};
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
Result<void> check_shares(const json::array& strategy) {
  if (strategy.size() > strategy_items_max)
    return refuse("A capacity provider strategy can contain a maximum of 20 capacity providers.");
  std::set<std::string> names;
  int bases = 0;
  std::int64_t weights = 0;
  for (const json::value& value : strategy) {
    const json::object& item = value.as_object();
    if (!names.insert(text(item, "capacityProvider")).second)
      return refuse(
          "The specified capacity provider strategy cannot contain duplicate capacity providers. "
          "Remove the duplicates and try again.");
    bases += number(item, "base", 0) > 0 ? 1 : 0;
    weights += number(item, "weight", 0);
  }
  if (bases > 1)
    return refuse(
        "Only one capacity provider in a capacity provider strategy can have a base defined.");
  if (strategy.size() > 1 && weights == 0)
    return refuse(
        "The specified capacity provider strategy must have at least one capacity provider with a "
        "weight greater than zero.");
  return {};
}

Result<void> check_subnets(const json::object& network) {
  const json::array subnets = list_of(network, "subnets");
  if (subnets.empty()) return refuse("subnets can not be empty.");
  if (subnets.size() > subnets_max)
    return refuse(fmt::format("subnets can have at most {} items.", subnets_max));
  if (list_of(network, "securityGroups").size() > security_groups_max)
    return refuse(fmt::format("securityGroups can have at most {} items.", security_groups_max));
  return {};
}

// Whether the request says that it wants Fargate. One that says nothing runs as if it had, whatever
// the definition is for.
bool names_fargate(const json::object& input) {
  return text(input, "launchType") == "FARGATE" ||
         !list_of(input, "capacityProviderStrategy").empty();
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
  return check_shares(strategy);
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

Result<void> check_default_strategy(const json::object& input, const json::object& cluster) {
  if (input.contains("launchType") || !list_of(input, "capacityProviderStrategy").empty())
    return {};
  const json::array strategy = list_of(cluster, "defaultCapacityProviderStrategy");
  const bool places = std::ranges::any_of(
      strategy, [](const json::value& item) { return number(item.as_object(), "weight", 0) > 0; });
  if (strategy.empty() || places) return {};
  return refuse(
      "There are no capacity providers with a weight value greater than zero defined in the "
      "default capacity provider strategy. At least one capacity provider must have a weight value "
      "greater than zero specified. Update the cluster's default capacity provider strategy or "
      "specify a valid capacity provider strategy and try again.");
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

std::string platform_version(const json::object& input) {
  const std::string given = text(input, "platformVersion", "LATEST");
  return given == "LATEST" ? std::string(current_platform) : given;
}

Result<void> check_placement(Context& context, const json::object& input,
                             const json::object& definition) {
  const std::string mode = text(definition, "networkMode");
  const json::object* configuration = find_object(input, "networkConfiguration");
  const json::object* network =
      configuration ? find_object(*configuration, "awsvpcConfiguration") : nullptr;
  if (mode == "awsvpc" && !network)
    return refuse("Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  if (mode != "awsvpc" && network)
    return refuse(
        "Network Configuration is not valid for the given networkMode of this task definition.");
  if (names_fargate(input) && !is_for_fargate(definition))
    return refuse("Task definition does not support launch_type FARGATE.");
  for (const auto* other : {"host", "none"})
    if (mode == other)
      return refuse(fmt::format("kiban does not run tasks in the network mode '{}'", mode));
  const std::string version = platform_version(input);
  if (version != current_platform && version != "1.3.0")
    return fail("PlatformUnknownException", "The specified platform does not exist.");
  if (network) KIBAN_TRY_VOID(check_subnets(*network));
  return check_network(context, input);
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
  if (is_for_fargate(definition) && !is_for_fargate(with_overrides(input, definition)))
    return refuse("No Fargate configuration exists for given values.");
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
