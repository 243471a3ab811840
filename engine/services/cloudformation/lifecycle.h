// One resource's life in operations of our services, as the type catalogue tells it.
#pragma once

#include <string>

#include "cfn/evaluate.h"
#include "cfn/types.h"
#include "services/base/service.h"

namespace kiban::services::cloudformation {

// What evaluating a template asks for, as `as`.
cfn::Ports make_ports(Context& context, const json::object& stack, const Caller& as);

enum class Progress { Done, Waiting };

// Works on a resource's row: "LogicalId", "Type", "PhysicalId"?, "Name", "Properties" (as applied,
// dynamic references unresolved), "Attributes", "Attempted"? (the properties of an update that
// failed on its way). What was made is in the row even when a later step failed. Waiting: call
// settled() again later; the row's "Reason" says what for.
class Lifecycle {
 public:
  Lifecycle(Context& context, const json::object& stack, Caller as)
      : context_(context), stack_(stack), as_(std::move(as)) {}

  Result<Progress> create(json::object& resource, const json::object& properties);
  Result<Progress> update(json::object& resource, const json::object& properties);
  Result<Progress> settled(json::object& resource);
  // By DeletionPolicy "Snapshot" with a last snapshot, where the type has such. Waiting: call
  // again.
  Result<Progress> remove(json::object& resource, const std::string& policy);

 private:
  struct Work;
  Result<void> run(Work& work, std::string_view list);
  Result<bool> found(Work& work, const json::object& step);
  Result<void> once(Work& work, const json::object& step);
  Result<json::object> ask(const Work& work, const json::object& step);
  Result<void> prepare(Work& work);
  static void name_rule(Work& work);
  Result<void> generate_secret(Work& work);
  Result<void> attach_secret(Work& work);
  Result<void> load_definition(Work& work);
  Result<std::string> read_definition(const json::object& place);
  json::array system_tags(const json::object& resource) const;
  Result<void> change_tags(Work& work);
  Result<void> prune_versions(const Work& work, std::size_t kept);
  Result<Work> work_on(const json::object& resource, const json::object& properties);

  Context& context_;
  const json::object& stack_;
  Caller as_;
};

}  // namespace kiban::services::cloudformation
