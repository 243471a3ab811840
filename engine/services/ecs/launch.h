// What RunTask and CreateService say of where and how a task runs: launch type, capacity
// providers, placement, overrides.
#pragma once

#include <map>
#include <string>

#include "services/base/service.h"

namespace kiban::services::ecs {

// Only Fargate, by launch type or by the providers FARGATE and FARGATE_SPOT. Error
// InvalidParameterException.
Result<void> check_launch(const json::object& input, const json::object& cluster);
// Names of providers that the cluster is associated with.
Result<void> check_strategy(const json::array& strategy, const json::object& cluster);
// A request that names neither launch type nor strategy takes the cluster's default strategy, which
// must be able to place tasks. Error InvalidParameterException.
Result<void> check_default_strategy(const json::object& input, const json::object& cluster);
// The request's strategy, or else the cluster's default; empty: launch type FARGATE.
json::array strategy_of(const json::object& input, const json::object& cluster);
// The provider that is due when `have` tasks run with each already; empty without a strategy.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
std::string next_provider(const json::array& strategy,
                          const std::map<std::string, std::int64_t>& have);

// The request's network, launch type and platform fit the definition. Errors
// InvalidParameterException, PlatformUnknownException.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
Result<void> check_placement(Context& context, const json::object& input,
                             const json::object& definition);
// "LATEST", and none, are 1.4.0.
std::string platform_version(const json::object& input);

Result<void> check_overrides(const json::object& input, const json::object& definition);
// The definition with the overrides' cpu, memory and roles.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html
json::object with_overrides(const json::object& input, json::object definition);

}  // namespace kiban::services::ecs
