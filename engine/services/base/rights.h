// What a service asks the authoriser about a principal that is not its caller: a state machine's
// role before the machine is made, a task's execution role before the task runs.
#pragma once

#include <string_view>
#include <vector>

#include "services/base/service.h"

namespace kiban::services {

// Whether an operation failed because the authoriser refused it. The names are those that AWS's
// services give to a refusal: AccessDenied, AccessDeniedException, AuthorizationError,
// UnauthorizedOperation.
bool is_refusal(const Error& error);

// The operation of a service that decides requests as its caller. No model has it, so the wire
// cannot reach it. A service that calls decide_as lists it in its table with decide_given. The
// input is {"Requests": [{"Action", "Resource", "Keys": {name: [value]}}]}.
constexpr std::string_view decide_operation = "kiban:Decide";
Result<json::object> decide_given(Context& context, const json::object& input);

// Decides the requests in their order as the principal `as`, by the `decide_operation` of
// `service`. Returns the first refusal.
Result<void> decide_as(Context& context, std::string_view service,
                       const std::vector<AccessRequest>& requests, const Caller& as);

// A session name of 32 letters that belongs to `subject`: as those that Step Functions gives to the
// sessions of a state machine's role. The same subject has the same name, so that the record of
// decisions shows one session for one execution.
std::string session_name_of(std::string_view subject);

}  // namespace kiban::services
