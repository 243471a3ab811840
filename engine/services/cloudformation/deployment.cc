#include "services/cloudformation/deployment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "services/base/rights.h"
#include "services/cloudformation/machine.h"
#include "services/cloudformation/refusals.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

using namespace std::chrono_literals;

constexpr Duration poll_interval{1'000};  // In the first minute.
constexpr Duration later_poll_interval{10'000};

void begin(Context& context, Stack& stack, StackOperation operation) {
  stack.caller = context.caller();
  stack.operation = operation;
  stack.began = context.now();
  stack.done.clear();
  stack.touched.clear();
  stack.doomed.clear();
  stack.rolled_back = false;
  stack.failure.clear();
  stack.retain_except_on_create = false;
}

}  // namespace

std::string reason_of(Context& context, const Error& error) {
  if (is_refusal(error)) return refusal_reason(context, error);
  const bool own =
      error.name == "ValidationError" && error.cause.find("(Service: ") == std::string::npos;
  if (own) return error.cause;
  return fmt::format("Resource handler returned message: \"{}\"", error.cause);
}

void Machine::cancel() {
  give_up_waiting();
  stack_.operation = StackOperation::UpdateRollback;
  set_status(context_, stack_, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated");
}

void Machine::run() {
  while (stack_.operation != StackOperation::None) {
    const auto caller = acting(context_, stack_);
    if (!caller) {
      failed("Failed to assume the stack's role: " + caller.error().cause);
      // A role that is gone can't roll back either.
      if (stack_.operation != StackOperation::None) failed("the stack's role can't be assumed");
      break;
    }
    as_ = *caller;
    if (!phase()) break;
  }
  save_stack(context_, stack_);
  const std::string active = row_key(stack_.region, "active", stack_.uuid);
  if (stack_.operation == StackOperation::None) {
    context_.erase(active);
    wake_parent();
    return;
  }
  context_.put(active, "{}");
  const bool early = stack_.began && context_.now() - *stack_.began < 1min;
  set_poll(context_, stack_, early ? poll_interval : later_poll_interval);
}

// The stack that waits for this one goes on right after this command.
void Machine::wake_parent() {
  if (stack_.parent_id.empty()) return;
  const auto parent =
      get_stack(context_, stack_.region, stack_.parent_id.substr(stack_.parent_id.rfind('/') + 1));
  if (parent && parent->operation != StackOperation::None) set_poll(context_, *parent, {});
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html,
// TimeoutInMinutes.
bool Machine::timed_out() const {
  const std::chrono::minutes most(stack_.timeout_in_minutes);
  return most > 0min && stack_.began && context_.now() - *stack_.began >= most;
}

// False: something takes its time.
bool Machine::phase() {
  switch (stack_.operation) {
    case StackOperation::Create:
    case StackOperation::Update: {
      if (stack_.operation == StackOperation::Create && timed_out()) {
        give_up_waiting();
        failed("Stack creation time exceeded the specified timeout. ");
        return true;
      }
      const auto done = apply();
      if (!done) failed(done.error().cause);
      return !done || *done;
    }
    case StackOperation::UpdateRollback: {
      const auto done = revert();
      if (!done) end_operation("UPDATE_ROLLBACK_FAILED", done.error().cause);
      return !done || *done;
    }
    case StackOperation::Rollback:
    case StackOperation::Delete:
    case StackOperation::Cleanup:
      return sweep();
    case StackOperation::None:
      break;
  }
  return true;
}

void Machine::end_operation(const std::string& status, const std::string& why) {
  stack_.operation = StackOperation::None;
  set_status(context_, stack_, status, why);
}

void Machine::failed(const std::string& why) {
  const StackOperation now = stack_.operation;
  stack_.failure = why;
  if (now == StackOperation::Create) {
    if (stack_.on_failure == "DO_NOTHING") return end_operation("CREATE_FAILED", why);
    const bool all = stack_.on_failure == "DELETE";
    stack_.operation = all ? StackOperation::Delete : StackOperation::Rollback;
    doom_everything(!all);
    set_status(context_, stack_, all ? "DELETE_IN_PROGRESS" : "ROLLBACK_IN_PROGRESS",
               why + (all ? "Delete requested by user." : "Rollback requested by user."));
  } else if (now == StackOperation::Update) {
    if (stack_.keep_on_failure) return end_operation("UPDATE_FAILED", why);
    stack_.operation = StackOperation::UpdateRollback;
    set_status(context_, stack_, "UPDATE_ROLLBACK_IN_PROGRESS", why);
  } else if (now == StackOperation::Cleanup) {
    end_operation(stack_.rolled_back ? "UPDATE_ROLLBACK_COMPLETE" : "UPDATE_COMPLETE", why);
  } else {
    end_operation(std::string(text_of(now)) + "_FAILED", why);
  }
}

void Machine::set_resource(Resource& resource, const std::string& status, const std::string& why) {
  resource.status = status;
  resource.reason = why;
  resource.time = context_.now();
  add_event(context_, stack_, &resource, status, why);
}

Result<Caller> acting(Context& context, const Stack& stack) {
  if (stack.desired.role_arn.empty()) {
    Caller caller = stack.caller;
    caller.acts_for = stack.id;
    return caller;
  }
  KIBAN_TRY(Caller caller, assume_stack_role(context, stack.desired.role_arn, stack.id));
  caller.region = stack.region;
  return caller;
}

void set_poll(Context& context, const Stack& stack, Duration after) {
  context.set_timer("cloudformation", stack.uuid, context.now() + after, {{"Uuid", stack.uuid}});
}

void begin_create(Context& context, Stack& stack, const Desired& desired) {
  stack.desired = desired;
  begin(context, stack, StackOperation::Create);
  set_status(context, stack, "CREATE_IN_PROGRESS", "User Initiated");
}

void begin_update(Context& context, Stack& stack, const Desired& desired) {
  stack.previous = stack.desired;
  stack.backup = stack.resources;
  stack.last_updated_time = context.now();
  stack.desired = desired;
  begin(context, stack, StackOperation::Update);
  set_status(context, stack, "UPDATE_IN_PROGRESS", "User Initiated");
}

void cancel_update(Context& context, Stack& stack) {
  stack.caller = context.caller();
  Machine(context, stack).cancel();
}

void begin_rollback(Context& context, Stack& stack, const std::vector<std::string>& skipped) {
  stack.caller = context.caller();
  if (stack.status == "CREATE_FAILED") {
    const Stack before = stack;
    begin(context, stack, StackOperation::Rollback);
    stack.doomed = stack.resources;
    for (Resource& row : stack.doomed) row.policy = policy_of_created(before, row);
    set_status(context, stack, "ROLLBACK_IN_PROGRESS", "User Initiated");
    return;
  }
  for (const std::string& id : skipped) {
    const auto touched =
        std::ranges::find(stack.touched, id, &std::pair<std::string, Touch>::first);
    if (touched != stack.touched.end()) touched->second = Touch::Reverted;
    const Resource* before = find_resource(stack.backup, id);
    Resource* row = find_resource(stack.resources, id);
    if (!before || !row) continue;
    // It counts as rolled back from then on.
    row->properties = before->properties;
    row->attempted.reset();
    row->status = "UPDATE_COMPLETE";
    row->reason.clear();
    row->time = context.now();
    add_event(context, stack, row, "UPDATE_COMPLETE");
  }
  stack.operation = StackOperation::UpdateRollback;
  set_status(context, stack, "UPDATE_ROLLBACK_IN_PROGRESS", "User Initiated");
}

void begin_delete(Context& context, Stack& stack, const std::vector<std::string>& retained) {
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-exports.html:
  // a stack whose exports are imported can't be deleted. It keeps its status and says why.
  for (const std::string& exported : exports_of(stack)) {
    const auto used = importers(context, stack.region, exported);
    if (used.empty()) continue;
    set_status(context, stack, stack.status,
               fmt::format("Delete canceled. Cannot delete export {} as it is in use by {}.",
                           exported, fmt::join(used, ", ")));
    return;
  }
  begin(context, stack, StackOperation::Delete);
  for (const Resource& one : stack.resources) {
    if (one.status == "DELETE_COMPLETE" || one.status == "DELETE_SKIPPED") continue;
    Resource row = one;
    const bool keep = std::ranges::find(retained, one.logical_id) != retained.end();
    row.policy = keep ? "Retain" : row.deletion_policy;
    row.deleting = false;
    stack.doomed.push_back(std::move(row));
  }
  set_status(context, stack, "DELETE_IN_PROGRESS", "User Initiated");
}

void advance(Context& context, Stack& stack) { Machine(context, stack).run(); }

}  // namespace kiban::services::cloudformation
