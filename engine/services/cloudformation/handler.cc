#include "services/cloudformation/handler.h"

#include "cfn/types.h"
#include "services/cloudformation/lifecycle.h"

namespace kiban::services::cloudformation {

const Handler* handler_of(const json::object& type) {
  const std::string name = text(type, "Handler");
  if (name == "custom") return &custom_resource_handler();
  if (name == "stack") return &nested_stack_handler();
  if (name == "handle") return &wait_handle_handler();
  if (name == "wait") return &wait_condition_handler();
  return nullptr;
}

bool Lifecycle::is_outdated(const Resource& resource) {
  const Handler* handler = handler_of(*cfn::find_type(resource.type));
  return handler && handler->is_outdated(scope(), resource);
}

Result<json::object> Lifecycle::resolved(const json::object& properties) {
  return cfn::resolve_references(properties,
                                 make_ports(context_, stack_.region, stack_.desired.ssm, as_));
}

Result<Progress> Lifecycle::update_by(const Handler& handler, Resource& resource,
                                      const json::object& properties) {
  KIBAN_TRY(const json::object whole, resolved(properties));
  KIBAN_TRY(const json::object before, resolved(resource.attempted.value_or(resource.properties)));
  resource.attempted = properties;
  KIBAN_TRY(const Progress progress, handler.update(scope(), resource, whole, before));
  if (progress == Progress::Waiting) return progress;
  resource.properties = properties;
  resource.attempted.reset();
  return progress;
}

Result<Progress> Lifecycle::settled_by(const Handler& handler, Resource& resource) {
  KIBAN_TRY(const Progress progress, handler.settled(scope(), resource));
  if (progress == Progress::Done && resource.attempted) {
    resource.properties = *resource.attempted;
    resource.attempted.reset();
  }
  return progress;
}

Result<Progress> Lifecycle::remove_by(const Handler& handler, Resource& resource) {
  // What they refer to may be gone already.
  const auto whole = resolved(resource.properties);
  return handler.remove(scope(), resource, whole ? *whole : resource.properties);
}

}  // namespace kiban::services::cloudformation
