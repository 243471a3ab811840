// The steps of one stack's operation; deployment.h says what each operation does.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cfn/evaluate.h"
#include "cfn/plan.h"
#include "cfn/template.h"
#include "services/cloudformation/lifecycle.h"
#include "services/cloudformation/stack.h"

namespace kiban::services::cloudformation {

// How long a resource may take to settle or to go: as long as AWS waits for an ECS service.
// https://repost.aws/knowledge-center/cloudformation-ecs-service-stabilize
// Nested stacks and wait conditions end by their own limits.
constexpr Duration settle_max = std::chrono::hours(3);

class Machine {
 public:
  // Both outlive it.
  Machine(Context& context, Stack& stack) : context_(context), stack_(stack) {}

  // Does what can be done now, saves the row, and sets a timer while something is in progress.
  void run();
  // Ends an update on its way: what still waits has failed, and all of it is rolled back.
  void cancel();

 private:
  bool phase();
  void failed(const std::string& why);
  bool timed_out() const;
  void wake_parent();
  void end_operation(const std::string& status, const std::string& why = {});
  void set_resource(Resource& resource, const std::string& status, const std::string& why = {});
  bool overdue(Resource& resource, bool already);

  // Create and Update (machine_apply.cc).
  Result<bool> apply();
  Result<void> check_imports();
  Result<Progress> one(const cfn::Graph& graph, cfn::Evaluator& evaluator, const std::string& id);
  Result<void> declare(Resource& resource, const cfn::Graph& graph, cfn::Evaluator& evaluator);
  Result<Progress> change(Resource& resource, const json::object& properties);
  Result<Progress> replace(Resource& resource, const json::object& properties);
  Result<void> check_name(const json::object& type, const Resource& resource,
                          const std::vector<cfn::PropertyChange>& changes) const;
  Result<Progress> settle(Resource& resource, Result<Progress> progress);
  void doom_replaced(Resource& resource);
  void give_up_waiting(std::vector<std::string>* given_up = nullptr);
  void give_up(Resource& resource, const std::string& why);
  void complete(const std::set<std::string>& present);
  void touch(const std::string& id, Touch touch);

  // UpdateRollback (machine_rollback.cc).
  Result<bool> revert();
  Result<Progress> revert_update(const std::string& id, const json::object& properties);
  void undo_creation(const std::string& id);

  // Rollback, Delete and Cleanup (machine_rollback.cc).
  void doom_everything(bool created_only);
  bool sweep();
  bool is_needed(const Resource& resource) const;
  void mirror(const Resource& resource);
  Result<Progress> remove(Resource& resource);
  void swept(const std::vector<std::string>& left);
  void finish_deletion();

  Context& context_;
  Stack& stack_;
  Caller as_{};
};

// A validation error's cause as it is; a handler's message is quoted.
std::string reason_of(Context& context, const Error& error);
// What becomes of a resource that the operation created when it is rolled back. With the option
// RetainExceptOnCreate all go, those of the policy Retain too:
// docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html
std::string policy_of_created(const Stack& stack, const Resource& resource);

}  // namespace kiban::services::cloudformation
