#include "services/cloudformation/nested.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/cloudformation/deployment.h"
#include "services/cloudformation/desired.h"
#include "services/cloudformation/handler.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

json::object id_of(const Stack& stack) { return {{"StackId", stack.id}}; }

Result<json::object> create_nested(Context& context, const json::object& input) {
  Stack stack = new_stack(context, text(input, "StackName"));
  stack.parent_id = text(input, "ParentId");
  stack.root_id = text(input, "RootId");
  KIBAN_TRY(const Desired desired, make_desired(context, stack, input, false));
  // What was made stays until the parent deletes the stack.
  stack.on_failure = "DO_NOTHING";
  stack.timeout_in_minutes = number(input, "TimeoutInMinutes", 0);
  begin_create(context, stack, desired);
  advance(context, stack);
  return id_of(stack);
}

// "Changed": false when there was nothing to do.
Result<json::object> update_nested(Context& context, const json::object& input) {
  KIBAN_TRY(Stack stack, find_stack(context, text(input, "StackName")));
  json::object out = id_of(stack);
  out["Changed"] = true;
  if (stack.status == "UPDATE_IN_PROGRESS") {  // The parent gave its update up.
    cancel_update(context, stack);
    advance(context, stack);
    return out;
  }
  if (stack.operation != StackOperation::None) return out;
  if (stack.status == "UPDATE_ROLLBACK_FAILED") {
    begin_rollback(context, stack, {});
    advance(context, stack);
    return out;
  }
  KIBAN_TRY(const Desired desired, make_desired(context, stack, input, true));
  KIBAN_TRY(const auto changes, changes_of(context, stack, desired));
  if (!changes) {
    out["Changed"] = false;
    return out;
  }
  make_obsolete(context, stack);
  begin_update(context, stack, desired);
  advance(context, stack);
  return out;
}

Result<json::object> delete_nested(Context& context, const json::object& input) {
  auto stack = find_stack(context, text(input, "StackName"));
  if (!stack || stack->status == "DELETE_COMPLETE") return json::object{};
  begin_delete(context, *stack, {});
  advance(context, *stack);
  return json::object{};
}

std::string uuid_in(const std::string& arn) { return arn.substr(arn.rfind('/') + 1); }

std::string joined(const json::value& value) {
  if (value.is_string()) return to_string(value.get_string());
  if (!value.is_array()) return print_json(value);
  std::string out;
  for (const json::value& one : value.get_array()) out += (out.empty() ? "" : ",") + joined(one);
  return out;
}

// Its own tags and those of the stacks around it.
json::array tags_of(const Stack& parent, const json::object& properties) {
  const json::array* own = find_array(properties, "Tags");
  json::array out = own ? *own : json::array{};
  for (const json::value& tag : parent.desired.tags) {
    const bool there = std::ranges::any_of(
        out, [&](const json::value& one) { return one.at("Key") == tag.at("Key"); });
    if (!there) out.push_back(tag);
  }
  return out;
}

std::unexpected<Error> embedded(const Stack& child, std::string_view what) {
  return fail("ValidationError",
              fmt::format("Embedded stack {} was not successfully {}", child.id, what));
}

class NestedStack final : public Handler {
 public:
  Result<Progress> create(const HandlerScope& scope, Resource& resource,
                          const json::object& properties) const override {
    KIBAN_TRY(const json::object made,
              scope.context.call("cloudformation", "kiban:CreateNested",
                                 nested_input(scope.stack, resource.name, properties), scope.as));
    resource.physical_id = text(made, "StackId");
    return settled(scope, resource);
  }

  Result<Progress> update(const HandlerScope& scope, Resource& resource,
                          const json::object& properties, const json::object&) const override {
    KIBAN_TRY(
        const json::object done,
        scope.context.call("cloudformation", "kiban:UpdateNested",
                           nested_input(scope.stack, resource.physical_id, properties), scope.as));
    if (flag(done, "Changed")) return settled(scope, resource);
    const auto child = get_stack(scope.context, scope.stack.region, uuid_in(resource.physical_id));
    if (child) show_outputs(*child, resource);
    return Progress::Done;
  }

  Result<Progress> settled(const HandlerScope& scope, Resource& resource) const override {
    const auto child = get_stack(scope.context, scope.stack.region, uuid_in(resource.physical_id));
    if (!child || child->status == "DELETE_COMPLETE")
      return fail("ValidationError",
                  fmt::format("Stack with id {} does not exist", resource.physical_id));
    if (child->operation != StackOperation::None) {
      resource.reason = fmt::format("waits for the stack, which is {}", child->status);
      return Progress::Waiting;
    }
    const std::string& status = child->status;
    const bool undone = status == "UPDATE_ROLLBACK_COMPLETE";
    if (status == "CREATE_COMPLETE" || status == "UPDATE_COMPLETE" ||
        (undone && resource.reverting)) {
      show_outputs(*child, resource);
      return Progress::Done;
    }
    if (resource.verb == Verb::Create)
      return embedded(*child, fmt::format("created: {}", child->reason));
    return embedded(*child, fmt::format("updated. Currently in {} with reason: {}",
                                        undone ? "UPDATE_ROLLBACK_IN_PROGRESS" : status,
                                        child->failure.empty() ? child->reason : child->failure));
  }

  Result<Progress> remove(const HandlerScope& scope, Resource& resource,
                          const json::object&) const override {
    if (!resource.deleting) {
      KIBAN_TRY_VOID(scope.context.call("cloudformation", "kiban:DeleteNested",
                                        {{"StackName", resource.physical_id}}, scope.as));
      resource.deleting = true;
    }
    const auto child = get_stack(scope.context, scope.stack.region, uuid_in(resource.physical_id));
    if (!child || child->status == "DELETE_COMPLETE") return Progress::Done;
    if (child->operation != StackOperation::None) return Progress::Waiting;
    return embedded(*child, fmt::format("deleted: {}", child->reason));
  }

  // The template behind the same URL changed, or the tags of the stack around it.
  bool is_outdated(const HandlerScope& scope, const Resource& resource) const override {
    const auto child = get_stack(scope.context, scope.stack.region, uuid_in(resource.physical_id));
    if (!child) return true;
    if (child->desired.tags != tags_of(scope.stack, resource.properties)) return true;
    const auto body =
        template_at(scope.context, text(resource.properties, "TemplateURL"), scope.as);
    return body && *body != child->desired.body;
  }

 private:
  static void show_outputs(const Stack& child, Resource& resource) {
    resource.attributes = {};
    for (const json::value& output : child.outputs)
      resource.attributes["Outputs." + text(output.as_object(), "OutputKey")] =
          output.at("OutputValue");
  }
};

}  // namespace

json::object nested_input(const Stack& parent, const std::string& name,
                          const json::object& properties) {
  json::array parameters;
  const json::object* given = find_object(properties, "Parameters");
  for (const auto& one : given ? *given : json::object{})
    parameters.push_back(
        json::object{{"ParameterKey", one.key()}, {"ParameterValue", joined(one.value())}});
  json::object out{{"StackName", name},
                   {"TemplateURL", text(properties, "TemplateURL")},
                   {"Parameters", std::move(parameters)},
                   {"Tags", tags_of(parent, properties)},
                   {"Capabilities", parent.desired.capabilities},
                   {"ParentId", parent.id},
                   {"RootId", parent.root_id.empty() ? parent.id : parent.root_id}};
  if (!parent.desired.role_arn.empty()) out["RoleARN"] = parent.desired.role_arn;
  const json::array* topics = find_array(properties, "NotificationARNs");
  out["NotificationARNs"] = topics ? *topics : json::array{};
  if (const json::value* minutes = find(properties, "TimeoutInMinutes")) {
    const auto parsed = parse_json(joined(*minutes));
    if (parsed && parsed->is_int64()) out["TimeoutInMinutes"] = *parsed;
  }
  return out;
}

const Handler& nested_stack_handler() {
  static const NestedStack handler;
  return handler;
}

const OperationTable& nested_operations() {
  static const auto* const table = new OperationTable{{"kiban:CreateNested", create_nested},
                                                      {"kiban:UpdateNested", update_nested},
                                                      {"kiban:DeleteNested", delete_nested}};
  return *table;
}

}  // namespace kiban::services::cloudformation
