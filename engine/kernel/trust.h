#pragma once

#include <string_view>

#include "core/json.h"

namespace kiban::kernel {

// Whether the trust policy in IAM's GetRole reply lets the service `principal` assume the role.
// Conditions are not evaluated yet. The Error's cause says why not.
Result<void> trusts(const json::object& get_role_reply, std::string_view principal);

}  // namespace kiban::kernel
