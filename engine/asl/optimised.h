// The integrations that Step Functions has of its own: which services, actions and patterns, and
// which parameters each needs.
#pragma once

#include <string_view>

#include "asl/interpreter.h"

namespace kiban::asl {

// False for what AWS calls "not recognized". Of aws-sdk integrations only the pattern is looked at.
bool recognised(const TaskResource& resource);

// Names that Parameters or Arguments must have, each between spaces; empty when none are known.
std::string_view required_parameters(const TaskResource& resource);

}  // namespace kiban::asl
