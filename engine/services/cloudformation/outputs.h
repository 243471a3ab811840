// What a stack tells others: outputs, exports, and what it imports itself.
#pragma once

#include <map>
#include <string>

#include "cfn/evaluate.h"
#include "services/cloudformation/stack.h"

namespace kiban::services::cloudformation {

cfn::Stack identity(const Stack& stack);

// Fills outputs and imports once every resource is made. Errors: an export of a name that
// another stack exports, or one changed or gone that other stacks import.
Result<void> finish_outputs(Context& context, Stack& stack, cfn::Evaluator& evaluator);

}  // namespace kiban::services::cloudformation
