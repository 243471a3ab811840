// Puts back what an update changed, and deletes what a stack no longer has.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "services/cloudformation/machine.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {

using namespace std::chrono_literals;

std::string policy_of_created(const Stack& stack, const Resource& resource) {
  const std::string& policy = resource.deletion_policy;
  const bool goes =
      policy == "RetainExceptOnCreate" || (policy == "Retain" && stack.retain_except_on_create);
  return goes ? "Delete" : policy;
}

// What the update made is doomed.
void Machine::undo_creation(const std::string& id) {
  Resource* row = find_resource(stack_.resources, id);
  if (!row) return;
  Resource made = *row;
  made.policy = "Delete";
  if (const Resource* old = find_resource(stack_.backup, id)) {
    *row = *old;
    std::erase_if(stack_.doomed, [&](const Resource& one) { return one.logical_id == id; });
    set_resource(*row, "UPDATE_COMPLETE");
  } else {
    made.policy = policy_of_created(stack_, made);
    std::erase_if(stack_.resources, [&](const Resource& one) { return one.logical_id == id; });
  }
  if (!made.physical_id.empty()) stack_.doomed.push_back(std::move(made));
}

Result<bool> Machine::revert() {
  bool waiting = false;
  for (auto& [id, touch] : stack_.touched) {
    if (touch == Touch::Reverted) continue;
    if (touch != Touch::Updated) {
      undo_creation(id);
      touch = Touch::Reverted;
      continue;
    }
    KIBAN_TRY(const Progress progress,
              revert_update(id, find_resource(stack_.backup, id)->properties));
    waiting = waiting || progress == Progress::Waiting;
    if (progress == Progress::Done) touch = Touch::Reverted;
  }
  if (waiting) return false;
  for (const Resource& old : stack_.backup) {
    Resource& row = *find_resource(stack_.resources, old.logical_id);
    row.deletion_policy = old.deletion_policy;
    row.update_replace_policy = old.update_replace_policy;
    row.needs = old.needs;
  }
  if (stack_.previous) stack_.desired = *stack_.previous;
  stack_.operation = StackOperation::Cleanup;
  stack_.rolled_back = true;
  set_status(context_, stack_, "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS");
  return true;
}

Result<Progress> Machine::revert_update(const std::string& id, const json::object& properties) {
  Resource& resource = *find_resource(stack_.resources, id);
  Lifecycle lifecycle(context_, stack_, as_);
  resource.verb = Verb::Update;
  if (resource.reverting) {
    auto progress = settle(resource, lifecycle.settled(resource));
    if (progress && *progress == Progress::Done) resource.reverting = false;
    return progress;
  }
  set_resource(resource, "UPDATE_IN_PROGRESS");
  resource.reverting = true;
  resource.waiting = false;
  const auto progress = settle(resource, lifecycle.update(resource, properties));
  if (!progress) {
    resource.reverting = false;
    set_resource(resource, "UPDATE_FAILED", reason_of(context_, progress.error()));
    return fail("ResourceFailed",
                fmt::format("The following resource(s) failed to update: [{}]. ", id));
  }
  if (*progress == Progress::Done) resource.reverting = false;
  return progress;
}

void Machine::doom_everything(bool created_only) {
  stack_.doomed = stack_.resources;
  for (Resource& row : stack_.doomed)
    row.policy = created_only ? policy_of_created(stack_, row) : row.deletion_policy;
}

// Deletes what is doomed, dependents first. True: the phase is over.
bool Machine::sweep() {
  bool waiting = false;
  for (bool moved = true; moved;) {
    moved = false;
    waiting = false;
    for (Resource& row : stack_.doomed) {
      if (row.end != End::Open || is_needed(row)) continue;
      const auto progress = remove(row);
      moved = moved || !progress || *progress == Progress::Done;
      waiting = waiting || (progress && *progress == Progress::Waiting);
    }
  }
  if (waiting) return false;
  std::vector<std::string> left;
  for (const Resource& row : stack_.doomed)
    if (row.end == End::Failed) left.push_back(row.logical_id);
  swept(left);
  return true;
}

// By another one that is not gone.
bool Machine::is_needed(const Resource& resource) const {
  return std::ranges::any_of(stack_.doomed, [&](const Resource& other) {
    return &other != &resource && other.end != End::Gone &&
           std::ranges::find(other.needs, resource.logical_id) != other.needs.end();
  });
}

// The resource that a doomed row is, if it is not an old or removed one, has its status.
void Machine::mirror(const Resource& resource) {
  Resource* row = find_resource(stack_.resources, resource.logical_id);
  if (stack_.operation == StackOperation::Cleanup || !row) return;
  row->status = resource.status;
  row->reason = resource.reason;
  row->time = resource.time;
}

Result<Progress> Machine::remove(Resource& resource) {
  const auto tell = [&](const std::string& status, const std::string& why = {}) {
    set_resource(resource, status, why);
    mirror(resource);
  };
  const bool retained = resource.policy == "Retain" || resource.policy == "RetainExceptOnCreate";
  if (retained || resource.physical_id.empty()) {
    tell(retained ? "DELETE_SKIPPED" : "DELETE_COMPLETE");
    resource.end = End::Gone;
    return Progress::Done;
  }
  const bool already = resource.status == "DELETE_IN_PROGRESS";
  if (!already) tell("DELETE_IN_PROGRESS");
  auto progress = Lifecycle(context_, stack_, as_).remove(resource, resource.policy);
  if (progress && *progress == Progress::Waiting && overdue(resource, already)) {
    progress =
        fail("NotStabilized", fmt::format("{} was not gone after {} hours", resource.logical_id,
                                          std::chrono::hours(settle_max / 1h).count()));
  }
  if (!progress) {
    tell("DELETE_FAILED", reason_of(context_, progress.error()));
    const bool forced = stack_.operation == StackOperation::Delete && stack_.force_delete;
    resource.end = forced ? End::Gone : End::Failed;
  } else if (*progress == Progress::Done) {
    tell("DELETE_COMPLETE");
    resource.end = End::Gone;
  }
  return progress;
}

void Machine::swept(const std::vector<std::string>& left) {
  const StackOperation operation = stack_.operation;
  const std::string why = left.empty()
                              ? ""
                              : fmt::format("The following resource(s) failed to delete: [{}]. ",
                                            fmt::join(left, ", "));
  if (operation == StackOperation::Cleanup) {
    // AWS leaves what it could not clean up, and completes.
    end_operation(stack_.rolled_back ? "UPDATE_ROLLBACK_COMPLETE" : "UPDATE_COMPLETE", why);
  } else if (!left.empty()) {
    end_operation(std::string(text_of(operation)) + "_FAILED", why);
  } else if (operation == StackOperation::Rollback) {
    end_operation("ROLLBACK_COMPLETE");
  } else {
    finish_deletion();
  }
  stack_.doomed.clear();
  stack_.done.clear();
  stack_.touched.clear();
  stack_.backup.clear();
  stack_.previous.reset();
}

void Machine::finish_deletion() {
  Stack after = stack_;
  after.outputs.clear();
  after.imports.clear();
  stack_.deletion_time = context_.now();
  end_operation("DELETE_COMPLETE");
  context_.erase(row_key(stack_.region, "name", stack_.name));
  index_exports(context_, stack_, after);
  for (const store::Row& row :
       context_.scan(row_key(stack_.region, "changeset", stack_.uuid + "/")))
    context_.erase(row.key);
}

}  // namespace kiban::services::cloudformation
