// What a stack tells others: outputs, exports, and what it imports itself.
#pragma once

#include <map>
#include <string>

#include "cfn/evaluate.h"
#include "services/base/service.h"

namespace kiban::services::cloudformation {

cfn::Stack identity(const json::object& stack);
std::map<std::string, std::string> given_of(const json::object& stack);

// Fills "Outputs" and "Imports" once every resource is made. Errors: an export of a name that
// another stack exports, or one changed or gone that other stacks import.
Result<void> finish_outputs(Context& context, json::object& stack, const json::object& tree,
                            cfn::Evaluator& evaluator);

}  // namespace kiban::services::cloudformation
