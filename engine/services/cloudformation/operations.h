// Operation tables of cloudformation/, and what their files share.
#pragma once

#include <string>
#include <string_view>

#include "services/base/table_service.h"
#include "services/cloudformation/stack.h"

namespace kiban::services::cloudformation {

const OperationTable& change_set_operations();
const OperationTable& stack_operations();
const OperationTable& description_operations();

// Whether a stack in that state may be updated.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html
bool may_update(std::string_view status);
// What a failed operation left is updated only with DisableRollback. ValidationError.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html
Result<void> check_failed_stack(const Stack& stack, bool disable_rollback);
// Change sets that were made of a stack as it no longer is.
void make_obsolete(Context& context, const Stack& stack);
Result<Desired> desired_of_change_set(Context& context, const json::object& input);

}  // namespace kiban::services::cloudformation
