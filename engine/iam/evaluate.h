// The lines of `kiban iam evaluate`.
#pragma once

#include <string>
#include <string_view>

namespace kiban::iam {

// {"principal", "action", "resource", "resourceAccount", "context", "identityPolicies",
// "resourcePolicy", "permissionBoundaries", "sessionPolicy"} to {"decision", "statements"}, or
// {"error", "policy"} for what is malformed. docs/iam.md documents the members.
std::string evaluate_line(std::string_view line);

}  // namespace kiban::iam
