// What RegisterTaskDefinition demands of one container.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "services/base/service.h"

namespace kiban::services::ecs {

// What the rest of the definition means for its containers.
struct DefinitionFacts {
  bool fargate{false};  // requiresCompatibilities names it.
  bool execution_role{false};
  std::string network_mode{};
  std::int64_t memory{0};  // Of the task, in MiB; 0: none is given.
};

// Error ClientException.
Result<void> check_container(const json::object& container, const DefinitionFacts& facts);

// Whether a value asks for nothing: [], {}, false, or objects of such.
bool asks_for_nothing(const json::value& value);

// As Docker takes a size: a number, and perhaps b, k, m or g. nullopt: not a size.
std::optional<std::uint64_t> size_of(const std::string& given);

}  // namespace kiban::services::ecs
