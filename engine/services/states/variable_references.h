// Which variables a definition's states read: DescribeStateMachine's `variableReferences`.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeStateMachine.html
#pragma once

#include <string_view>

#include "core/json.h"

namespace kiban::services::states {

// State names to sorted variable names; only states that read one. Empty when the text is no
// definition.
json::object variable_references(std::string_view definition);

}  // namespace kiban::services::states
