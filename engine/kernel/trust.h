#pragma once

#include <string_view>

#include "core/json.h"

namespace kiban::kernel {

// Whether IAM's GetRole reply is that of the role `role_arn`, path and account included, and its
// trust policy lets `principal` assume it: a service (states.amazonaws.com), or the ARN of a user,
// of a session of a role, or of an account's root. Conditions are not evaluated. The Error's cause
// says why not.
Result<void> trusts(const json::object& get_role_reply, std::string_view role_arn,
                    std::string_view principal);

}  // namespace kiban::kernel
