#include "services/cloudformation/stack.h"

#include <algorithm>
#include <type_traits>

#include "cfn/template.h"

namespace kiban::services::cloudformation {
namespace {

constexpr std::pair<StackOperation, std::string_view> operation_names[] = {
    {StackOperation::None, ""},          {StackOperation::Create, "CREATE"},
    {StackOperation::Update, "UPDATE"},  {StackOperation::Rollback, "ROLLBACK"},
    {StackOperation::Delete, "DELETE"},  {StackOperation::UpdateRollback, "UPDATE_ROLLBACK"},
    {StackOperation::Cleanup, "CLEANUP"}};
constexpr std::pair<Verb, std::string_view> verb_names[] = {{Verb::Create, "CREATE"},
                                                            {Verb::Update, "UPDATE"}};
constexpr std::pair<End, std::string_view> end_names[] = {
    {End::Open, ""}, {End::Gone, "GONE"}, {End::Failed, "FAILED"}};
constexpr std::pair<Touch, std::string_view> touch_names[] = {{Touch::Created, "created"},
                                                              {Touch::Updated, "updated"},
                                                              {Touch::Replaced, "replaced"},
                                                              {Touch::Reverted, "reverted"}};
constexpr const auto& names_of(StackOperation) { return operation_names; }
constexpr const auto& names_of(Verb) { return verb_names; }
constexpr const auto& names_of(End) { return end_names; }
constexpr const auto& names_of(Touch) { return touch_names; }

template <typename E>
std::string_view name_of(E value) {
  for (const auto& [one, name] : names_of(value))
    if (one == value) return name;
  return {};
}

template <typename E>
E value_named(std::string_view key, std::string_view name) {
  for (const auto& [value, known] : names_of(E{}))
    if (known == name) return value;
  throw DamagedRow(key, "unknown name: " + std::string(name));
}

// The member tables: `visit` is called with each member's name in the row and the member.

template <typename R, typename V>
void resource_members(R& resource, V&& visit) {
  visit("LogicalId", resource.logical_id);
  visit("Type", resource.type);
  visit("PhysicalId", resource.physical_id);
  visit("Name", resource.name);
  visit("Properties", resource.properties);
  visit("Attributes", resource.attributes);
  visit("Attempted", resource.attempted);
  visit("Status", resource.status);
  visit("Reason", resource.reason);
  visit("Time", resource.time);
  visit("DeletionPolicy", resource.deletion_policy);
  visit("UpdateReplacePolicy", resource.update_replace_policy);
  visit("Needs", resource.needs);
  visit("Verb", resource.verb);
  visit("Waiting", resource.waiting);
  visit("Partial", resource.partial);
  visit("Reverting", resource.reverting);
  visit("Since", resource.since);
  visit("Handler", resource.handler);
  visit("NoEcho", resource.no_echo);
  visit("Policy", resource.policy);
  visit("End", resource.end);
  visit("Deleting", resource.deleting);
  visit("Tries", resource.tries);
}

template <typename R, typename V>
void desired_members(R& desired, V&& visit) {
  visit("Template", desired.body);
  visit("Tree", desired.tree);
  visit("Given", desired.given);
  visit("Ssm", desired.ssm);
  visit("Parameters", desired.parameters);
  visit("Tags", desired.tags);
  visit("RoleARN", desired.role_arn);
  visit("Capabilities", desired.capabilities);
  visit("NotificationARNs", desired.notification_arns);
  visit("Description", desired.description);
}

template <typename R, typename V>
void caller_members(R& caller, V&& visit) {
  visit("account", caller.account);
  visit("region", caller.region);
  visit("arn", caller.arn);
  visit("key", caller.access_key_id);
  visit("policies", caller.session_policies);
}

template <typename R, typename V>
void stack_members(R& stack, V&& visit) {
  visit("Uuid", stack.uuid);
  visit("StackName", stack.name);
  visit("StackId", stack.id);
  visit("Account", stack.account);
  visit("Region", stack.region);
  visit("ParentId", stack.parent_id);
  visit("RootId", stack.root_id);
  visit("CreationTime", stack.creation_time);
  visit("LastUpdatedTime", stack.last_updated_time);
  visit("DeletionTime", stack.deletion_time);
  visit("Status", stack.status);
  visit("Reason", stack.reason);
  desired_members(stack.desired, visit);
  visit("Resources", stack.resources);
  visit("Outputs", stack.outputs);
  visit("Imports", stack.imports);
  visit("TerminationProtection", stack.termination_protection);
  visit("DisableRollback", stack.disable_rollback);
  visit("OnFailure", stack.on_failure);
  visit("TimeoutInMinutes", stack.timeout_in_minutes);
  visit("ChangeSetId", stack.change_set_id);
  visit("Token", stack.token);
  visit("TokenOf", stack.token_of);
  visit("Events", stack.events);
  visit("EventTime", stack.event_time);
  visit("Kind", stack.operation);
  visit("Caller", stack.caller);
  visit("Began", stack.began);
  visit("Done", stack.done);
  visit("Touched", stack.touched);
  visit("Doomed", stack.doomed);
  visit("Backup", stack.backup);
  visit("Previous", stack.previous);
  visit("Failure", stack.failure);
  visit("RolledBack", stack.rolled_back);
  visit("RetainExceptOnCreate", stack.retain_except_on_create);
  visit("KeepOnFailure", stack.keep_on_failure);
  visit("ForceDelete", stack.force_delete);
}

using Resources = std::vector<Resource>;
using Touched = std::vector<std::pair<std::string, Touch>>;

class Reader {
 public:
  Reader(std::string_view key, const json::object& row) : key_(key), row_(row) {}

  template <typename T>
  void operator()(std::string_view name, T& member) const {
    const json::value* value = find(row_, name);
    if (value && !value->is_null()) read(*value, member);
  }

 private:
  static void read(const json::value& value, std::string& out) {
    if (value.is_string()) out = to_string(value.get_string());
  }
  static void read(const json::value& value, bool& out) { out = value == true || value == "yes"; }
  static void read(const json::value& value, std::int64_t& out) {
    if (value.is_number()) out = value.to_number<std::int64_t>();
  }
  static void read(const json::value& value, Timestamp& out) {
    if (value.is_number()) out = from_epoch_seconds(value.to_number<double>());
  }
  static void read(const json::value& value, json::object& out) {
    if (value.is_object()) out = value.get_object();
  }
  static void read(const json::value& value, json::array& out) {
    if (value.is_array()) out = value.get_array();
  }
  static void read(const json::value& value, std::vector<std::string>& out) {
    for (const json::value& one : value.as_array()) out.emplace_back(one.as_string());
  }
  // As the keys of an object; the values are true.
  static void read(const json::value& value, std::set<std::string>& out) {
    for (const auto& one : value.as_object()) out.emplace(one.key());
  }
  static void read(const json::value& value, std::map<std::string, std::string>& out) {
    for (const auto& one : value.as_object())
      out.emplace(one.key(), to_string(one.value().as_string()));
  }
  void read(const json::value& value, Caller& out) const {
    caller_members(out, Reader(key_, value.as_object()));
  }
  void read(const json::value& value, Desired& out) const {
    out = read_desired(key_, value.as_object());
  }
  // A list, or an object by logical id.
  void read(const json::value& value, Resources& out) const {
    const auto add = [&](const json::value& one) {
      resource_members(out.emplace_back(), Reader(key_, one.as_object()));
    };
    if (value.is_object())
      for (const auto& one : value.get_object()) add(one.value());
    if (value.is_array())
      for (const json::value& one : value.get_array()) add(one);
  }
  void read(const json::value& value, Touched& out) const {
    for (const auto& one : value.as_object())
      out.emplace_back(one.key(), value_named<Touch>(key_, one.value().as_string()));
  }
  template <typename E>
    requires std::is_enum_v<E>
  void read(const json::value& value, E& out) const {
    out = value_named<E>(key_, value.as_string());
  }
  template <typename T>
  void read(const json::value& value, std::optional<T>& out) const {
    read(value, out.emplace());
  }

  std::string_view key_;
  const json::object& row_;
};

class Printer {
 public:
  explicit Printer(json::object& out) : out_(out) {}

  template <typename T>
  void operator()(std::string_view name, const T& member) const {
    json::value value = printed(member);
    if (!value.is_null()) out_[name] = std::move(value);
  }

 private:
  // null: the default, which is left out.
  static json::value printed(const std::string& value) {
    return value.empty() ? json::value() : json::value(json::string(value));
  }
  static json::value printed(bool value) { return value ? json::value(true) : json::value(); }
  static json::value printed(std::int64_t value) {
    return value == 0 ? json::value() : json::value(value);
  }
  static json::value printed(Timestamp value) { return epoch_seconds(value); }
  static json::value printed(const json::object& value) {
    return value.empty() ? json::value() : json::value(value);
  }
  static json::value printed(const json::array& value) {
    return value.empty() ? json::value() : json::value(value);
  }
  static json::value printed(const std::vector<std::string>& value) {
    json::array out;
    for (const std::string& one : value) out.push_back(json::string(one));
    return printed(out);
  }
  static json::value printed(const std::set<std::string>& value) {
    json::object out;
    for (const std::string& one : value) out[one] = true;
    return printed(out);
  }
  static json::value printed(const std::map<std::string, std::string>& value) {
    json::object out;
    for (const auto& [key, one] : value) out[key] = json::string(one);
    return printed(out);
  }
  static json::value printed(const Caller& value) {
    json::object out;
    caller_members(value, Printer(out));
    return printed(out);
  }
  static json::value printed(const Desired& value) { return print_desired(value); }
  static json::value printed(const Resources& value) {
    json::array out;
    for (const Resource& one : value) {
      json::object row;
      resource_members(one, Printer(row));
      out.push_back(std::move(row));
    }
    return printed(out);
  }
  static json::value printed(const Touched& value) {
    json::object out;
    for (const auto& [id, touch] : value) out[id] = name_of(touch);
    return printed(out);
  }
  template <typename E>
    requires std::is_enum_v<E>
  static json::value printed(E value) {
    return value == E{} ? json::value() : json::value(name_of(value));
  }
  template <typename T>
  static json::value printed(const std::optional<T>& value) {
    if (!value) return {};
    json::value out = printed(*value);
    return out.is_null() ? json::value(json::object{}) : out;  // An empty object is a value, too.
  }

  json::object& out_;
};

}  // namespace

std::string_view text_of(StackOperation operation) { return name_of(operation); }
std::string_view text_of(Verb verb) { return name_of(verb); }

Resource* find_resource(std::vector<Resource>& all, std::string_view logical_id) {
  const auto found = std::ranges::find(all, logical_id, &Resource::logical_id);
  return found == all.end() ? nullptr : &*found;
}

const Resource* find_resource(const std::vector<Resource>& all, std::string_view logical_id) {
  const auto found = std::ranges::find(all, logical_id, &Resource::logical_id);
  return found == all.end() ? nullptr : &*found;
}

json::object print_stack(const Stack& stack) {
  json::object out;
  stack_members(stack, Printer(out));
  return out;
}

Stack read_stack(std::string_view key, const json::object& row) {
  Stack stack;
  stack_members(stack, Reader(key, row));
  stack.desired = read_desired(key, row);
  return stack;
}

json::object print_desired(const Desired& desired) {
  json::object out;
  desired_members(desired, Printer(out));
  return out;
}

Desired read_desired(std::string_view key, const json::object& row) {
  Desired desired;
  desired_members(desired, Reader(key, row));
  // Rows of earlier releases have the text alone.
  if (desired.tree.empty() && !desired.body.empty()) {
    if (auto tree = cfn::parse_template(desired.body)) desired.tree = *std::move(tree);
  }
  return desired;
}

}  // namespace kiban::services::cloudformation
