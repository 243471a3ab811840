// One resource's life in operations of our services, as the type catalogue tells it.
#pragma once

#include <map>
#include <string>

#include "cfn/evaluate.h"
#include "cfn/types.h"
#include "services/cloudformation/handler.h"
#include "services/cloudformation/stack.h"

namespace kiban::services::cloudformation {

// What evaluating a template asks for in `region`, as `as`; `ssm`: values of the Parameter Store
// that are known already.
cfn::Ports make_ports(Context& context, const std::string& region,
                      std::map<std::string, std::string> ssm, const Caller& as);

// Works on a resource's row. What was made is in the row even when a later step failed. Waiting:
// call settled() again later; the row's reason says what for.
class Lifecycle {
 public:
  Lifecycle(Context& context, const Stack& stack, Caller as)
      : context_(context), stack_(stack), as_(std::move(as)) {}

  Result<Progress> create(Resource& resource, const json::object& properties);
  Result<Progress> update(Resource& resource, const json::object& properties);
  Result<Progress> settled(Resource& resource);
  // By DeletionPolicy "Snapshot" with a last snapshot, where the type has such. Waiting: call
  // again.
  Result<Progress> remove(Resource& resource, const std::string& policy);
  // Whether an update has something to do though no property changed.
  bool is_outdated(const Resource& resource);

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
  json::array system_tags(const Resource& resource) const;
  Result<void> change_tags(Work& work);
  Result<void> prune_versions(const Work& work, std::size_t kept);
  HandlerScope scope() { return {.context = context_, .stack = stack_, .as = as_}; }
  Result<json::object> resolved(const json::object& properties);
  Result<Progress> create_by(const Handler& handler, Resource& resource,
                             const json::object& properties);
  Result<Progress> update_by(const Handler& handler, Resource& resource,
                             const json::object& properties);
  Result<Progress> settled_by(const Handler& handler, Resource& resource);
  Result<Progress> remove_by(const Handler& handler, Resource& resource);
  Result<Work> work_on(const Resource& resource, const json::object& properties);

  Context& context_;
  const Stack& stack_;
  Caller as_;
};

}  // namespace kiban::services::cloudformation
