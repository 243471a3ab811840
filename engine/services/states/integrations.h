// Calls a Task state's resource as one of our services' operations.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "api/model.h"
#include "asl/validate.h"
#include "services/base/service.h"

namespace kiban::services::states {

struct Called {  // The call was accepted.
  json::object output{};
  // .sync, StartSyncExecution and HTTP Tasks: the ECS task, execution or call whose end is the
  // task's.
  std::string waits_for{};
  // Of a function that runs: what read_function_answer (lambda_task.h) needs of the task.
  json::object waiting{};
  // A long poll that found nothing: the task may call again for so long.
  std::optional<Duration> poll{};
};

// Whose task it is.
struct Origin {
  std::string machine_arn{};
  std::string execution_arn{};
};

struct Refused {  // error and cause as the state machine sees them.
  std::string error{};
  std::string cause{};
};

// Parameters and reply are converted between the integration's upper camel case and the API's own
// names. `as` is the state machine's role. What no service here serves is refused by name.
std::variant<Called, Refused> call_integration(Context& context, const asl::StartTask& task,
                                               const Origin& origin, const Caller& as);

// An operation's error in the integration's words.
Refused refused_by(Context& context, const api::Service& model, const api::Operation* operation,
                   const asl::TaskResource& resource, const Error& error);

// Parameters as the operation of our own service `folder` names them; nullopt when they are no
// object, or there is no such operation.
std::optional<json::object> request_of(std::string_view folder, std::string_view action,
                                       const json::value& parameters);

// "taskArn" to "TaskArn", all the way down: how outputs of integrations read.
json::value upper_camel(const json::value& value);

// Is there an operation of a service here behind the resource, or of AWS's at all?
asl::Answer answer_of(const asl::TaskResource& resource);

}  // namespace kiban::services::states
