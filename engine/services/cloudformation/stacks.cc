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
Result<bool> repeated(const json::object& stack, const json::object& input,
                      std::string_view operation) {
  const std::string token = text(input, "ClientRequestToken");
  if (token.empty() || text(stack, "Token") != token) return false;
  if (text(stack, "TokenOf") == operation) return true;
  return fail("TokenAlreadyExistsException",
              fmt::format("A client request token already exists: {} was used with {}", token,
                          text(stack, "TokenOf", "another operation")));
}

void keep_token(json::object& stack, const json::object& input, std::string_view operation) {
  stack["Token"] = text(input, "ClientRequestToken");
  stack["TokenOf"] = operation;
}

json::object id_of(const json::object& stack) { return {{"StackId", stack.at("StackId")}}; }

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
  json::object stack = new_stack(context, name);
  KIBAN_TRY(const json::object desired, make_desired(context, stack, input, false));
  keep_token(stack, input, "CreateStack");
  stack["TerminationProtection"] = flag(input, "EnableTerminationProtection");
  stack["OnFailure"] =
      flag(input, "DisableRollback") ? "DO_NOTHING" : text(input, "OnFailure", "ROLLBACK");
  // With the option, what is kept can be updated; with OnFailure it can't.
  stack["DisableRollback"] = flag(input, "DisableRollback");
  begin_create(context, stack, desired);
  stack["RetainExceptOnCreate"] = flag(input, "RetainExceptOnCreate");
  if (input.contains("TimeoutInMinutes")) stack["TimeoutInMinutes"] = input.at("TimeoutInMinutes");
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
  json::object& stack = *found;
  KIBAN_TRY(const bool again, repeated(stack, input, "UpdateStack"));
  if (again) return id_of(stack);
  if (!may_update(text(stack, "Status"))) {
    return fail("ValidationError", fmt::format("Stack:{} is in {} state and can not be updated.",
                                               text(stack, "StackId"), text(stack, "Status")));
  }
  KIBAN_TRY_VOID(check_failed_stack(stack, flag(input, "DisableRollback")));
  KIBAN_TRY(const json::object desired, make_desired(context, stack, input, true));
  KIBAN_TRY(const auto changes, changes_of(context, stack, desired));
  if (!changes) return fail("ValidationError", "No updates are to be performed.");
  keep_token(stack, input, "UpdateStack");
  stack["KeepOnFailure"] = flag(input, "DisableRollback");
  make_obsolete(context, stack);
  begin_update(context, stack, desired);
  stack["RetainExceptOnCreate"] = flag(input, "RetainExceptOnCreate");
  advance(context, stack);
  return id_of(stack);
}

// A role given with an operation is the stack's from then on.
Result<void> take_role(Context& context, json::object& stack, const json::object& input) {
  const std::string role = text(input, "RoleARN");
  if (role.empty()) return {};
  const auto session = assume_stack_role(context, role, text(stack, "StackId"));
  if (!session) {
    return fail("ValidationError", fmt::format("Role {} is invalid or cannot be assumed ({})", role,
                                               session.error().cause));
  }
  stack["RoleARN"] = role;
  return {};
}

Result<json::object> delete_stack(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_others(
      input, "DeleteStack",
      {"StackName", "RetainResources", "RoleARN", "ClientRequestToken", "DeletionMode"}));
  auto found = find_stack(context, text(input, "StackName"));
  if (!found || text(*found, "Status") == "DELETE_COMPLETE") return json::object{};
  json::object& stack = *found;
  const std::string status = text(stack, "Status");
  if (flag(stack, "TerminationProtection")) {
    return fail("ValidationError",
                fmt::format("Stack [{}] cannot be deleted while TerminationProtection is enabled",
                            text(stack, "StackName")));
  }
  if (status == "DELETE_IN_PROGRESS") return json::object{};
  if (text(stack, "Kind") == "UPDATE" || text(stack, "Kind") == "UPDATE_ROLLBACK" ||
      text(stack, "Kind") == "CLEANUP") {
    return fail("ValidationError", fmt::format("Stack [{}] cannot be deleted while in status {}",
                                               text(stack, "StackId"), status));
  }
  const json::array* retained = find_array(input, "RetainResources");
  if (retained && !retained->empty() && status != "DELETE_FAILED") {
    return fail("ValidationError",
                fmt::format("Invalid operation on stack [{}]. When you delete a stack, specify "
                            "which resources to retain only when the stack is in the "
                            "DELETE_FAILED state.",
                            text(stack, "StackId")));
  }
  const bool force = text(input, "DeletionMode") == "FORCE_DELETE_STACK";
  if (force && status != "DELETE_FAILED") {
    return fail("ValidationError",
                fmt::format("Invalid operation on stack [{}]. When you delete a stack, specify "
                            "the deletion mode FORCE_DELETE_STACK only when the stack is in the "
                            "DELETE_FAILED state.",
                            text(stack, "StackId")));
  }
  for (const json::value& id : retained ? *retained : json::array{}) {
    if (stack.at("Resources").as_object().contains(id.as_string())) continue;
    return fail("ValidationError",
                fmt::format("Resource [{}] does not exist in stack [{}]",
                            std::string_view(id.as_string()), text(stack, "StackId")));
  }
  KIBAN_TRY_VOID(take_role(context, stack, input));
  keep_token(stack, input, "DeleteStack");
  begin_delete(context, stack, retained ? *retained : json::array{});
  // What can't be deleted stays, and the stack goes.
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
  stack["ForceDelete"] = force;
  advance(context, stack);
  return json::object{};
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
Result<json::object> rollback_stack(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(
      refuse_others(input, "RollbackStack",
                    {"StackName", "RoleARN", "ClientRequestToken", "RetainExceptOnCreate"}));
  KIBAN_TRY(json::object stack, find_stack(context, text(input, "StackName")));
  KIBAN_TRY(const bool again, repeated(stack, input, "RollbackStack"));
  if (again) return id_of(stack);
  const std::string status = text(stack, "Status");
  if (status != "CREATE_FAILED" && status != "UPDATE_FAILED") {
    return fail("ValidationError",
                fmt::format("RollbackStack operation cannot be performed when the stack is in "
                            "state {} for stack {}",
                            status, text(stack, "StackId")));
  }
  keep_token(stack, input, "RollbackStack");
  KIBAN_TRY_VOID(take_role(context, stack, input));
  stack["RetainExceptOnCreate"] = flag(input, "RetainExceptOnCreate");
  begin_rollback(context, stack, {});
  advance(context, stack);
  return id_of(stack);
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ContinueUpdateRollback.html
Result<json::object> continue_update_rollback(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_others(input, "ContinueUpdateRollback",
                               {"StackName", "ResourcesToSkip", "RoleARN", "ClientRequestToken"}));
  KIBAN_TRY(json::object stack, find_stack(context, text(input, "StackName")));
  KIBAN_TRY(const bool again, repeated(stack, input, "ContinueUpdateRollback"));
  if (again) return json::object{};
  if (text(stack, "Status") != "UPDATE_ROLLBACK_FAILED") {
    return fail("ValidationError",
                fmt::format("Stack:{} is in {} state and can not continue to roll back.",
                            text(stack, "StackId"), text(stack, "Status")));
  }
  const json::array* skipped = find_array(input, "ResourcesToSkip");
  for (const json::value& id : skipped ? *skipped : json::array{}) {
    // Only what could not be rolled back can be skipped.
    const json::object* row = find_object(stack.at("Resources").as_object(), id.as_string());
    if (row && text(*row, "Status") == "UPDATE_FAILED") continue;
    return fail("ValidationError",
                fmt::format("Resource [{}] can not be skipped: only resources in the state "
                            "UPDATE_FAILED because the rollback failed can be.",
                            std::string_view(id.as_string())));
  }
  keep_token(stack, input, "ContinueUpdateRollback");
  KIBAN_TRY_VOID(take_role(context, stack, input));
  begin_rollback(context, stack, skipped ? *skipped : json::array{});
  advance(context, stack);
  return json::object{};
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CancelUpdateStack.html
Result<json::object> cancel_update_stack(Context& context, const json::object& input) {
  KIBAN_TRY(json::object stack, find_stack(context, text(input, "StackName")));
  KIBAN_TRY(const bool again, repeated(stack, input, "CancelUpdateStack"));
  if (again) return json::object{};
  if (text(stack, "Status") != "UPDATE_IN_PROGRESS") {
    return fail("ValidationError", "CancelUpdateStack cannot be called from current stack status");
  }
  keep_token(stack, input, "CancelUpdateStack");
  cancel_update(context, stack);
  advance(context, stack);
  return json::object{};
}

Result<json::object> update_termination_protection(Context& context, const json::object& input) {
  KIBAN_TRY(json::object stack, find_stack(context, text(input, "StackName")));
  stack["TerminationProtection"] = flag(input, "EnableTerminationProtection");
  save_stack(context, stack);
  return json::object{{"StackId", stack.at("StackId")}};
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
