// Documents of AWS's managed policies, those that templates commonly attach;
// tools/managed_policies.py has the list and their source. Others can be attached; a decision that
// needs one says so.
#pragma once

#include <span>
#include <string_view>

namespace kiban::services::iam {

struct ManagedPolicy {
  std::string_view name{};  // With its path: "service-role/AWSLambdaBasicExecutionRole".
  std::string_view document{};
};

std::span<const ManagedPolicy> managed_policies();  // By name, ascending.

}  // namespace kiban::services::iam
