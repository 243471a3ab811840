// What Step Functions finds in a task's parameters before it schedules it.
#pragma once

#include <optional>
#include <string>

#include "api/model.h"
#include "asl/interpreter.h"

namespace kiban::services::states {

// The model of the service that the resource names, served here or not.
const api::Service* model_of(const asl::TaskResource& resource);

// "[The field "X" is not supported by Step Functions]"; nothing when they are good, or when kiban
// does not know the operation.
std::optional<std::string> check_parameters(const asl::TaskResource& resource,
                                            const json::value& parameters);

}  // namespace kiban::services::states
