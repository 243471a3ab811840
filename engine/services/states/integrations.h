// Calls a Task state's resource as one of our services' operations.
#pragma once

#include <string>
#include <variant>

#include "asl/interpreter.h"
#include "services/base/service.h"

namespace kiban::services::states {

struct Called {  // The call was accepted.
  json::object output{};
  std::string waits_for{};  // .sync: the ECS task or child execution whose end is the task's.
};

struct Refused {  // error and cause as the state machine sees them.
  std::string error{};
  std::string cause{};
};

// Parameters and reply are converted between the integration's upper camel case and the API's own
// names. `as` is the state machine's role. What no service here serves is refused by name.
std::variant<Called, Refused> call_integration(Context& context, const asl::StartTask& task,
                                               const Caller& as);

// "taskArn" to "TaskArn", all the way down: how outputs of integrations read.
json::value upper_camel(const json::value& value);

}  // namespace kiban::services::states
