// The grammar of lifecycle policies, which are kept and not run.
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
#pragma once

#include <string>

#include "core/json.h"

namespace kiban::services::ecr {

// Why AWS would refuse the policy; empty: it would not.
std::string lifecycle_fault(const json::object& policy);

}  // namespace kiban::services::ecr
