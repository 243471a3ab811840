// Stacks made, changed and deleted without a change set.
#include <fmt/format.h>

#include "services/cloudformation/deployment.h"
#include "services/cloudformation/desired.h"
#include "services/cloudformation/operations.h"
#include "services/cloudformation/refusals.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

// Asked for once more with the same token an operation is not done again.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStack.html
Result<bool> repeated(const Stack& stack, const json::object& input, std::string_view operation) {
  const std::string token = text(input, "ClientRequestToken");
  if (token.empty() || stack.token != token) return false;
  if (stack.token_of == operation) return true;
  return fail("TokenAlreadyExistsException",
              fmt::format("A client request token already exists: {} was used with {}", token,
                          stack.token_of));
}

void keep_token(Stack& stack, const json::object& input, std::string_view operation) {
  stack.token = text(input, "ClientRequestToken");
  stack.token_of = operation;
}

std::vector<std::string> ids_in(const json::object& input, std::string_view member) {
  std::vector<std::string> out;
  const json::array* list = find_array(input, member);
  for (const json::value& id : list ? *list : json::array{}) out.emplace_back(id.as_string());
  return out;
}

json::object id_of(const Stack& stack) { return {{"StackId", stack.id}}; }

Result<json::object> create_stack(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_others(
      input, "CreateStack",
      {"StackName", "TemplateBody", "TemplateURL", "Parameters", "Capabilities", "RoleARN", "Tags",
       "ClientRequestToken", "NotificationARNs", "DisableRollback", "OnFailure",
       "EnableTerminationProtection", "TimeoutInMinutes", "RetainExceptOnCreate"}));
  const std::string name = text(input, "StackName");
  if (const auto old = find_stack(context, name)) {
    KIBAN_TRY(const bool again, repeated(*old, input, "CreateStack"));
    if (again) return id_of(*old);
    return fail("AlreadyExistsException", fmt::format("Stack [{}] already exists", name));
  }
  if (input.contains("DisableRollback") && input.contains("OnFailure")) {
    return fail("ValidationError", "You can specify only one of OnFailure and DisableRollback.");
  }
  Stack stack = new_stack(context, name);
  KIBAN_TRY(const Desired desired, make_desired(context, stack, input, false));
  keep_token(stack, input, "CreateStack");
  stack.termination_protection = flag(input, "EnableTerminationProtection");
  stack.on_failure =
      flag(input, "DisableRollback") ? "DO_NOTHING" : text(input, "OnFailure", "ROLLBACK");
  // With the option, what is kept can be updated; with OnFailure it can't.
  stack.disable_rollback = flag(input, "DisableRollback");
  begin_create(context, stack, desired);
  stack.retain_except_on_create = flag(input, "RetainExceptOnCreate");
  stack.timeout_in_minutes = number(input, "TimeoutInMinutes", 0);
  advance(context, stack);
  return id_of(stack);
}

Result<json::object> update_stack(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(
      refuse_others(input, "UpdateStack",
                    {"StackName", "TemplateBody", "TemplateURL", "UsePreviousTemplate",
                     "Parameters", "Capabilities", "RoleARN", "Tags", "ClientRequestToken",
                     "NotificationARNs", "DisableRollback", "RetainExceptOnCreate"}));
  auto found = find_stack(context, text(input, "StackName"));
  if (!found) {
    return fail("ValidationError",
                fmt::format("Stack [{}] does not exist", text(input, "StackName")));
  }
  Stack& stack = *found;
  KIBAN_TRY(const bool again, repeated(stack, input, "UpdateStack"));
  if (again) return id_of(stack);
  if (!may_update(stack.status)) {
    return fail("ValidationError", fmt::format("Stack:{} is in {} state and can not be updated.",
                                               stack.id, stack.status));
  }
  KIBAN_TRY_VOID(check_failed_stack(stack, flag(input, "DisableRollback")));
  KIBAN_TRY(const Desired desired, make_desired(context, stack, input, true));
  KIBAN_TRY(const auto changes, changes_of(context, stack, desired));
  if (!changes) return fail("ValidationError", "No updates are to be performed.");
  keep_token(stack, input, "UpdateStack");
  stack.keep_on_failure = flag(input, "DisableRollback");
  make_obsolete(context, stack);
  begin_update(context, stack, desired);
  stack.retain_except_on_create = flag(input, "RetainExceptOnCreate");
  advance(context, stack);
  return id_of(stack);
}

// A role given with an operation is the stack's from then on.
Result<void> take_role(Context& context, Stack& stack, const json::object& input) {
  const std::string role = text(input, "RoleARN");
  if (role.empty()) return {};
  const auto session = assume_stack_role(context, role, stack.id);
  if (!session) {
    return fail("ValidationError", fmt::format("Role {} is invalid or cannot be assumed ({})", role,
                                               session.error().cause));
  }
  stack.desired.role_arn = role;
  return {};
}

Result<json::object> delete_stack(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_others(
      input, "DeleteStack",
      {"StackName", "RetainResources", "RoleARN", "ClientRequestToken", "DeletionMode"}));
  auto found = find_stack(context, text(input, "StackName"));
  if (!found || found->status == "DELETE_COMPLETE") return json::object{};
  Stack& stack = *found;
  const std::string status = stack.status;
  if (stack.termination_protection) {
    return fail("ValidationError",
                fmt::format("Stack [{}] cannot be deleted while TerminationProtection is enabled",
                            stack.name));
  }
  if (status == "DELETE_IN_PROGRESS") return json::object{};
  if (stack.operation == StackOperation::Update ||
      stack.operation == StackOperation::UpdateRollback ||
      stack.operation == StackOperation::Cleanup) {
    return fail("ValidationError",
                fmt::format("Stack [{}] cannot be deleted while in status {}", stack.id, status));
  }
  const std::vector<std::string> retained = ids_in(input, "RetainResources");
  if (!retained.empty() && status != "DELETE_FAILED") {
    return fail("ValidationError",
                fmt::format("Invalid operation on stack [{}]. When you delete a stack, specify "
                            "which resources to retain only when the stack is in the "
                            "DELETE_FAILED state.",
                            stack.id));
  }
  const bool force = text(input, "DeletionMode") == "FORCE_DELETE_STACK";
  if (force && status != "DELETE_FAILED") {
    return fail("ValidationError",
                fmt::format("Invalid operation on stack [{}]. When you delete a stack, specify "
                            "the deletion mode FORCE_DELETE_STACK only when the stack is in the "
                            "DELETE_FAILED state.",
                            stack.id));
  }
  for (const std::string& id : retained) {
    if (find_resource(stack.resources, id)) continue;
    return fail("ValidationError",
                fmt::format("Resource [{}] does not exist in stack [{}]", id, stack.id));
  }
  KIBAN_TRY_VOID(take_role(context, stack, input));
  keep_token(stack, input, "DeleteStack");
  begin_delete(context, stack, retained);
  // What can't be deleted stays, and the stack goes.
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
  stack.force_delete = force;
  advance(context, stack);
  return json::object{};
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
Result<json::object> rollback_stack(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(
      refuse_others(input, "RollbackStack",
                    {"StackName", "RoleARN", "ClientRequestToken", "RetainExceptOnCreate"}));
  KIBAN_TRY(Stack stack, find_stack(context, text(input, "StackName")));
  KIBAN_TRY(const bool again, repeated(stack, input, "RollbackStack"));
  if (again) return id_of(stack);
  const std::string status = stack.status;
  if (status != "CREATE_FAILED" && status != "UPDATE_FAILED") {
    return fail("ValidationError",
                fmt::format("RollbackStack operation cannot be performed when the stack is in "
                            "state {} for stack {}",
                            status, stack.id));
  }
  keep_token(stack, input, "RollbackStack");
  KIBAN_TRY_VOID(take_role(context, stack, input));
  stack.retain_except_on_create = flag(input, "RetainExceptOnCreate");
  begin_rollback(context, stack, {});
  advance(context, stack);
  return id_of(stack);
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
Result<json::object> continue_update_rollback(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_others(input, "ContinueUpdateRollback",
                               {"StackName", "ResourcesToSkip", "RoleARN", "ClientRequestToken"}));
  KIBAN_TRY(Stack stack, find_stack(context, text(input, "StackName")));
  KIBAN_TRY(const bool again, repeated(stack, input, "ContinueUpdateRollback"));
  if (again) return json::object{};
  if (stack.status != "UPDATE_ROLLBACK_FAILED") {
    return fail("ValidationError",
                fmt::format("Stack:{} is in {} state and can not continue to roll back.", stack.id,
                            stack.status));
  }
  const std::vector<std::string> skipped = ids_in(input, "ResourcesToSkip");
  for (const std::string& id : skipped) {
    // Only what could not be rolled back can be skipped.
    const Resource* row = find_resource(stack.resources, id);
    if (row && row->status == "UPDATE_FAILED") continue;
    return fail("ValidationError",
                fmt::format("Resource [{}] can not be skipped: only resources in the state "
                            "UPDATE_FAILED because the rollback failed can be.",
                            id));
  }
  keep_token(stack, input, "ContinueUpdateRollback");
  KIBAN_TRY_VOID(take_role(context, stack, input));
  begin_rollback(context, stack, skipped);
  advance(context, stack);
  return json::object{};
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html
Result<json::object> cancel_update_stack(Context& context, const json::object& input) {
  KIBAN_TRY(Stack stack, find_stack(context, text(input, "StackName")));
  KIBAN_TRY(const bool again, repeated(stack, input, "CancelUpdateStack"));
  if (again) return json::object{};
  if (stack.status != "UPDATE_IN_PROGRESS") {
    return fail("ValidationError", "CancelUpdateStack cannot be called from current stack status");
  }
  keep_token(stack, input, "CancelUpdateStack");
  cancel_update(context, stack);
  advance(context, stack);
  return json::object{};
}

Result<json::object> update_termination_protection(Context& context, const json::object& input) {
  KIBAN_TRY(Stack stack, find_stack(context, text(input, "StackName")));
  stack.termination_protection = flag(input, "EnableTerminationProtection");
  save_stack(context, stack);
  return json::object{{"StackId", stack.id}};
}

}  // namespace

const OperationTable& stack_operations() {
  static const auto* const table =
      new OperationTable{{"CancelUpdateStack", cancel_update_stack},
                         {"CreateStack", create_stack},
                         {"UpdateStack", update_stack},
                         {"DeleteStack", delete_stack},
                         {"RollbackStack", rollback_stack},
                         {"ContinueUpdateRollback", continue_update_rollback},
                         {"UpdateTerminationProtection", update_termination_protection}};
  return *table;
}

}  // namespace kiban::services::cloudformation
