// Resource types whose life is code of ours instead of steps of the catalogue: its "Handler" names
// one.
#pragma once

#include <string_view>

#include "services/cloudformation/stack.h"

namespace kiban::services::cloudformation {

enum class Progress { Done, Waiting };

struct HandlerScope {
  Context& context;
  const Stack& stack;
  const Caller& as;  // The stack's role, or who asked for the operation.
};

// `properties` are evaluated, dynamic references resolved. A Waiting resource is asked by settled()
// again; its reason says what for. The row's "properties" are set by the caller.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual Result<Progress> create(const HandlerScope& scope, Resource& resource,
                                  const json::object& properties) const = 0;
  // `before`: the properties last applied, or those of an update that failed on its way.
  virtual Result<Progress> update(const HandlerScope& scope, Resource& resource,
                                  const json::object& properties,
                                  const json::object& before) const = 0;
  // Of what create() or update() left Waiting.
  virtual Result<Progress> settled(const HandlerScope& scope, Resource& resource) const = 0;
  // Waiting: called again.
  virtual Result<Progress> remove(const HandlerScope& scope, Resource& resource,
                                  const json::object& properties) const = 0;
  // Whether an update has something to do though no property changed.
  virtual bool is_outdated(const HandlerScope&, const Resource&) const { return false; }
};

// nullptr: the steps of the type's entry are its life.
const Handler* handler_of(const json::object& type);

// What an update left behind that gave the resource another physical id: to be deleted when the
// update is complete. It is told once.
std::optional<Resource> take_replaced(Resource& resource);

const Handler& custom_resource_handler();
const Handler& nested_stack_handler();
const Handler& wait_handle_handler();
const Handler& wait_condition_handler();

}  // namespace kiban::services::cloudformation
