// What RegisterTaskDefinition demands of a definition as a whole.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
#pragma once

#include <cstdint>
#include <string>

#include "services/base/service.h"

namespace kiban::services::ecs {

// Error ClientException. What no task here obeys is refused by name.
Result<void> check_definition(const json::object& input);

// CPU units or MiB: "1 vCPU" and "2 GB" are 1024 and 2048. 0: not a size.
std::int64_t units_of(const std::string& given);

// Network mode awsvpc, and a size that Fargate has.
bool is_for_fargate(const json::object& definition);

}  // namespace kiban::services::ecs
