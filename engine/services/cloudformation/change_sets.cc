// Change sets: what would change, looked at before it does.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/cloudformation/deployment.h"
#include "services/cloudformation/desired.h"
#include "services/cloudformation/nested.h"
#include "services/cloudformation/operations.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

constexpr std::size_t changes_per_page = 100;
constexpr std::string_view no_changes =
    "The submitted information didn't contain changes. Submit different information to create a "
    "change set.";

std::string change_set_key(const Stack& stack, std::string_view name) {
  return row_key(stack.region, "changeset", fmt::format("{}/{}", stack.uuid, name));
}

std::string text_of(const json::value& value) {
  return value.is_string() ? to_string(value.get_string()) : print_json(value);
}

json::object property_detail(const cfn::PropertyChange& change, bool with_values) {
  json::object target{{"Attribute", change.name == "Tags" ? "Tags" : "Properties"},
                      {"RequiresRecreation", change.replaces ? "Always" : "Never"},
                      {"Path", "/Properties/" + change.name},
                      {"AttributeChangeType", !change.before  ? "Add"
                                              : !change.after ? "Remove"
                                                              : "Modify"}};
  if (change.name != "Tags") target["Name"] = change.name;
  if (with_values) {
    if (change.before) target["BeforeValue"] = text_of(*change.before);
    if (change.after) target["AfterValue"] = text_of(*change.after);
  } else {
    target.erase("Path");
    target.erase("AttributeChangeType");
  }
  return {{"Target", std::move(target)},
          {"Evaluation", change.dynamic() ? "Dynamic" : "Static"},
          {"ChangeSource", change.dynamic() ? "ResourceReference" : "DirectModification"}};
}

json::object shown(const cfn::ResourceChange& change, const Resource& resource, bool with_values) {
  using Action = cfn::ResourceChange::Action;
  json::object out{{"LogicalResourceId", change.logical_id},
                   {"ResourceType", change.type},
                   {"Scope", json::array{}},
                   {"Details", json::array{}}};
  if (!change.physical_id.empty()) out["PhysicalResourceId"] = change.physical_id;
  if (!change.change_set_id.empty()) out["ChangeSetId"] = change.change_set_id;
  const auto context = [&](const json::object& properties) {
    return json::string(print_json(json::object{{"Properties", properties}}));
  };
  if (with_values && change.action != Action::Add) out["BeforeContext"] = context(change.before);
  if (with_values && change.action != Action::Remove) out["AfterContext"] = context(change.after);
  if (change.action == Action::Add) {
    out["Action"] = "Add";
    return out;
  }
  if (change.action == Action::Remove) {
    const std::string policy = resource.deletion_policy;
    out["Action"] = "Remove";
    out["PolicyAction"] = policy.starts_with("Retain") ? "Retain"
                          : policy == "Snapshot"       ? "Snapshot"
                                                       : "Delete";
    return out;
  }
  out["Action"] = "Modify";
  json::array scope;
  json::array details;
  bool certain = false;
  bool possible = false;
  for (const cfn::PropertyChange& property : change.properties) {
    const json::value attribute(property.name == "Tags" ? "Tags" : "Properties");
    if (std::ranges::find(scope, attribute) == scope.end()) scope.push_back(attribute);
    details.push_back(property_detail(property, with_values));
    certain = certain || (property.replaces && !property.dynamic());
    possible = possible || property.replaces;
  }
  for (const std::string& attribute : change.attributes) {
    scope.push_back(json::string(attribute));
    details.push_back(
        json::object{{"Target", {{"Attribute", attribute}, {"RequiresRecreation", "Never"}}},
                     {"Evaluation", "Static"},
                     {"ChangeSource", "DirectModification"}});
  }
  out["Replacement"] = certain ? "True" : possible ? "Conditional" : "False";
  if (possible) {
    const std::string policy = resource.update_replace_policy;
    out["PolicyAction"] = policy == "Retain"     ? "ReplaceAndRetain"
                          : policy == "Snapshot" ? "ReplaceAndSnapshot"
                                                 : "ReplaceAndDelete";
  }
  out["Scope"] = std::move(scope);
  out["Details"] = std::move(details);
  return out;
}

// The texts among the attributes of custom resources that asked for NoEcho.
std::set<std::string> masked_texts(const Stack& stack) {
  std::set<std::string> out;
  for (const Resource& resource : stack.resources) {
    if (!resource.no_echo) continue;
    for (const auto& one : resource.attributes)
      if (one.value().is_string() && !one.value().get_string().empty())
        out.emplace(one.value().get_string());
  }
  return out;
}

void mask(json::value& value, const std::set<std::string>& texts) {
  if (value.is_string()) {
    std::string text = to_string(value.get_string());
    for (const std::string& secret : texts)
      for (std::size_t at = text.find(secret); at != std::string::npos;
           at = text.find(secret, at + 1))
        text.replace(at, secret.size(), "*****");
    value = json::string(text);
  }
  if (value.is_array())
    for (json::value& one : value.get_array()) mask(one, texts);
  if (value.is_object())
    for (auto& member : value.get_object()) mask(member.value(), texts);
}

// Both faces are kept, so that describing it later tells what was planned then.
void keep_changes(json::object& change_set, const std::vector<cfn::ResourceChange>& changes,
                  const Stack& stack) {
  json::array brief;
  json::array full;
  for (const cfn::ResourceChange& change : changes) {
    const Resource* row = find_resource(stack.resources, change.logical_id);
    for (const bool with_values : {false, true}) {
      (with_values ? full : brief)
          .push_back(json::object{
              {"Type", "Resource"},
              {"ResourceChange", shown(change, row ? *row : Resource{}, with_values)}});
    }
  }
  json::value shown_values(std::move(full));
  if (const auto texts = masked_texts(stack); !texts.empty()) mask(shown_values, texts);
  change_set["Changes"] = std::move(brief);
  change_set["FullChanges"] = std::move(shown_values);
}

Result<Stack> stack_for(Context& context, const json::object& input, bool create) {
  const std::string name = text(input, "StackName");
  auto stack = find_stack(context, name);
  if (!create) {
    if (!stack) return fail("ValidationError", fmt::format("Stack [{}] does not exist", name));
    const std::string status = stack->status;
    if (!may_update(status)) {
      return fail("ValidationError", fmt::format("Stack:{} is in {} state and can not be updated.",
                                                 stack->id, status));
    }
    return stack;
  }
  if (!stack) {
    if (name.starts_with("arn:")) return stack;
    return new_stack(context, name);
  }
  if (stack->status != "REVIEW_IN_PROGRESS") {
    return fail("ValidationError", fmt::format("Stack [{}] already exists and cannot be created "
                                               "again with the changeSet [{}].",
                                               name, text(input, "ChangeSetName")));
  }
  return stack;
}

// Of a nested stack's change set.
struct Origin {
  std::string parent{};  // ARN of the change set that asked for it.
  std::string root{};
};

Result<std::string> make_change_set(Context& context, const Stack& stack, const Desired& desired,
                                    const json::object& input, const Origin& origin);

// Change sets of the nested stacks that are there and change; each change names its own. What is
// nested in a stack that is still to be made is planned when it is made.
Result<void> plan_nested(Context& context, const Stack& stack, const Desired& desired,
                         const json::object& input, const Origin& origin,
                         std::vector<cfn::ResourceChange>& changes) {
  Stack parent = stack;
  parent.desired = desired;
  for (cfn::ResourceChange& change : changes) {
    if (change.type != "AWS::CloudFormation::Stack" ||
        change.action != cfn::ResourceChange::Action::Modify)
      continue;
    json::object asked = nested_input(parent, change.physical_id, change.after);
    asked["ChangeSetName"] = fmt::format("{}-{}-{}", text(input, "ChangeSetName"),
                                         change.logical_id, context.random().hex(8));
    asked["IncludeNestedStacks"] = true;
    KIBAN_TRY(const Stack child, find_stack(context, change.physical_id));
    KIBAN_TRY(const Desired wanted, make_desired(context, child, asked, true));
    KIBAN_TRY(change.change_set_id, make_change_set(context, child, wanted, asked, origin));
  }
  return {};
}

Result<std::string> make_change_set(Context& context, const Stack& stack, const Desired& desired,
                                    const json::object& input, const Origin& origin) {
  const std::string name = text(input, "ChangeSetName");
  const std::string id = make_arn(context, "cloudformation",
                                  fmt::format("changeSet/{}/{}", name, context.random().uuid()));
  json::object change_set{{"ChangeSetName", name},
                          {"ChangeSetId", id},
                          {"StackId", stack.id},
                          {"StackName", stack.name},
                          {"CreationTime", epoch_seconds(context.now())},
                          {"Type", text(input, "ChangeSetType", "UPDATE")},
                          {"Desired", print_desired(desired)},
                          {"IncludeNestedStacks", flag(input, "IncludeNestedStacks")},
                          {"Status", "CREATE_COMPLETE"},
                          {"ExecutionStatus", "AVAILABLE"},
                          {"Changes", json::array{}},
                          {"FullChanges", json::array{}}};
  if (input.contains("ClientToken")) change_set["Token"] = input.at("ClientToken");
  for (const std::string_view member : {"Description", "OnStackFailure"}) {
    if (input.contains(member)) change_set[member] = input.at(member);
  }
  if (!origin.parent.empty()) {
    change_set["ParentChangeSetId"] = origin.parent;
    change_set["RootChangeSetId"] = origin.root;
  }
  const auto fail_with = [&](const std::string& why) {
    change_set["Status"] = "FAILED";
    change_set["StatusReason"] = why;
    change_set["ExecutionStatus"] = "UNAVAILABLE";
  };
  auto changes = changes_of(context, stack, desired);
  const bool no_import = !changes && changes.error().cause.starts_with("No export named");
  if (!changes && !no_import) return std::unexpected(changes.error());
  if (!changes || !*changes) {
    fail_with(no_import ? changes.error().cause : std::string(no_changes));
  } else {
    if (flag(input, "IncludeNestedStacks")) {
      const Origin own{.parent = id, .root = origin.root.empty() ? id : origin.root};
      const auto nested = plan_nested(context, stack, desired, input, own, **changes);
      if (!nested) fail_with(nested.error().cause);
    }
    keep_changes(change_set, **changes, stack);
  }
  put_json(context, change_set_key(stack, name), change_set);
  return id;
}

Result<json::object> create_change_set(Context& context, const json::object& input) {
  const std::string type = text(input, "ChangeSetType", "UPDATE");
  if (type == "IMPORT") return fail("ValidationError", "kiban does not import resources");
  // ImportExistingResources, which `cdk bootstrap` sets, imports nothing here: what exists already
  // makes its creation fail, by its service's own error.
  KIBAN_TRY_VOID(
      refuse_others(input, "CreateChangeSet",
                    {"StackName", "ChangeSetName", "ChangeSetType", "TemplateBody", "TemplateURL",
                     "UsePreviousTemplate", "Parameters", "Capabilities", "RoleARN", "Tags",
                     "ClientToken", "Description", "IncludeNestedStacks", "NotificationARNs",
                     "OnStackFailure", "ImportExistingResources"}));
  const bool update = type == "UPDATE";
  KIBAN_TRY(Stack stack, stack_for(context, input, !update));
  const std::string name = text(input, "ChangeSetName");
  const std::string key = change_set_key(stack, name);
  if (const auto old = get_json(context, key);
      old && text(*old, "ExecutionStatus") != "EXECUTE_COMPLETE") {
    const std::string token = text(input, "ClientToken");
    if (!token.empty() && token == text(*old, "Token")) {
      return json::object{{"Id", old->at("ChangeSetId")}, {"StackId", stack.id}};
    }
    return fail("AlreadyExistsException", fmt::format("ChangeSet {} already exists", name));
  }
  KIBAN_TRY(const Desired desired, make_desired(context, stack, input, update));
  if (stack.status.empty()) {
    stack.desired.description = desired.description;
    stack.desired.parameters = desired.parameters;
    stack.desired.tags = desired.tags;
    stack.token = text(input, "ClientToken");
    set_status(context, stack, "REVIEW_IN_PROGRESS", "User Initiated");
    save_stack(context, stack);
  }
  KIBAN_TRY(const std::string id, make_change_set(context, stack, desired, input, {}));
  return json::object{{"Id", id}, {"StackId", stack.id}};
}

struct Found {
  json::object change_set{};
  std::string key{};
};

Result<Found> find_change_set(Context& context, const json::object& input) {
  const std::string name = text(input, "ChangeSetName");
  const std::string in = text(input, "StackName");
  std::string prefix = row_key(context.caller().region, "changeset", "");
  if (!in.empty()) {
    const auto stack = find_stack(context, in);
    if (!stack && name.starts_with("arn:"))
      return fail("ChangeSetNotFound", fmt::format("ChangeSet [{}] does not exist", name));
    if (!stack) return std::unexpected(stack.error());
    prefix += stack->uuid + "/";
  } else if (!name.starts_with("arn:")) {
    return fail("ValidationError",
                "StackName must be specified if ChangeSetName is not specified as an ARN.");
  }
  for (const store::Row& row : context.scan(prefix)) {
    auto change_set = get_json(context, row.key);
    if (!change_set) continue;
    if (text(*change_set, "ChangeSetId") == name || text(*change_set, "ChangeSetName") == name) {
      return Found{.change_set = *std::move(change_set), .key = row.key};
    }
  }
  return fail("ChangeSetNotFound", fmt::format("ChangeSet [{}] does not exist", name));
}

json::object summary(const json::object& change_set) {
  json::object out;
  for (const std::string_view member :
       {"ChangeSetName", "ChangeSetId", "StackId", "StackName", "CreationTime", "Description",
        "Status", "StatusReason", "ExecutionStatus", "IncludeNestedStacks", "ParentChangeSetId",
        "RootChangeSetId"}) {
    if (change_set.contains(member)) out[member] = change_set.at(member);
  }
  return out;
}

Result<json::object> describe_change_set(Context& context, const json::object& input) {
  KIBAN_TRY(const Found found, find_change_set(context, input));
  const json::object& change_set = found.change_set;
  const Desired desired = read_desired(found.key, change_set.at("Desired").as_object());
  json::object out = summary(change_set);
  if (change_set.contains("OnStackFailure"))
    out["OnStackFailure"] = change_set.at("OnStackFailure");
  out["Parameters"] = desired.parameters;
  out["Capabilities"] = desired.capabilities;
  out["NotificationARNs"] = desired.notification_arns;
  out["Tags"] = desired.tags;
  const bool values = flag(input, "IncludePropertyValues");
  auto page = paginate(change_set.at(values ? "FullChanges" : "Changes").as_array(),
                       changes_per_page, find_string(input, "NextToken"));
  if (!page) return fail("ValidationError", page.error().cause);
  out["Changes"] = std::move(page->entries);
  if (page->next_token) out["NextToken"] = *page->next_token;
  return out;
}

Result<json::object> execute_change_set(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_others(input, "ExecuteChangeSet",
                               {"StackName", "ChangeSetName", "ClientRequestToken",
                                "DisableRollback", "RetainExceptOnCreate"}));
  KIBAN_TRY(Found found, find_change_set(context, input));
  json::object& change_set = found.change_set;
  if (change_set.contains("RootChangeSetId"))
    return fail("InvalidChangeSetStatus",
                fmt::format("ChangeSet [{}] is of a nested stack: execute its root change set {}",
                            text(change_set, "ChangeSetId"), text(change_set, "RootChangeSetId")));
  KIBAN_TRY(Stack stack, find_stack(context, text(change_set, "StackId")));
  const std::string token = text(input, "ClientRequestToken");
  if (text(change_set, "ExecutionStatus") == "EXECUTE_COMPLETE" && !token.empty() &&
      stack.token == token && stack.token_of == "ExecuteChangeSet") {
    return json::object{};  // Asked for once more.
  }
  if (text(change_set, "ExecutionStatus") != "AVAILABLE") {
    const bool made = text(change_set, "Status") == "CREATE_COMPLETE";
    return fail("InvalidChangeSetStatus",
                fmt::format("ChangeSet [{}] cannot be executed in its current status of [{}]",
                            text(change_set, "ChangeSetId"),
                            text(change_set, made ? "ExecutionStatus" : "Status")));
  }
  const bool create = text(change_set, "Type") == "CREATE";
  const std::string status = stack.status;
  if (create ? status != "REVIEW_IN_PROGRESS" : !may_update(status)) {
    return fail("ValidationError",
                fmt::format("Stack:{} is in {} state and can not be updated.", stack.id, status));
  }
  const bool keep = flag(input, "DisableRollback");
  if (!create) KIBAN_TRY_VOID(check_failed_stack(stack, keep));
  // The others were made for a stack that is no more.
  for (const store::Row& row : context.scan(row_key(stack.region, "changeset", stack.uuid + "/"))) {
    if (row.key != found.key) context.erase(row.key);
  }
  change_set["ExecutionStatus"] = "EXECUTE_COMPLETE";
  put_json(context, found.key, change_set);
  stack.change_set_id = text(change_set, "ChangeSetId");
  stack.token = token;
  stack.token_of = "ExecuteChangeSet";
  stack.keep_on_failure = keep;
  if (create) stack.disable_rollback = keep;
  stack.on_failure = keep ? "DO_NOTHING" : text(change_set, "OnStackFailure", "ROLLBACK");
  const Desired desired = read_desired(found.key, change_set.at("Desired").as_object());
  if (create) {
    begin_create(context, stack, desired);
  } else {
    begin_update(context, stack, desired);
  }
  stack.retain_except_on_create = flag(input, "RetainExceptOnCreate");
  advance(context, stack);
  return json::object{};
}

Result<json::object> delete_change_set(Context& context, const json::object& input) {
  // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html:
  // what is gone counts as deleted.
  const auto found = find_change_set(context, input);
  if (found) context.erase(found->key);
  if (!found && found.error().name != "ChangeSetNotFound") return std::unexpected(found.error());
  return json::object{};
}

Result<json::object> list_change_sets(Context& context, const json::object& input) {
  KIBAN_TRY(const Stack stack, find_stack(context, text(input, "StackName")));
  json::array all;
  for (const json::object& change_set : list_json(context, change_set_key(stack, ""))) {
    if (text(change_set, "ExecutionStatus") != "EXECUTE_COMPLETE")
      all.push_back(summary(change_set));
  }
  auto page = paginate(all, changes_per_page, find_string(input, "NextToken"));
  if (!page) return fail("ValidationError", page.error().cause);
  json::object out{{"Summaries", std::move(page->entries)}};
  if (page->next_token) out["NextToken"] = *page->next_token;
  return out;
}

}  // namespace

bool may_update(std::string_view status) {
  return status == "CREATE_COMPLETE" || status == "UPDATE_COMPLETE" ||
         status == "UPDATE_ROLLBACK_COMPLETE" || status == "UPDATE_FAILED" ||
         status == "CREATE_FAILED";
}

Result<void> check_failed_stack(const Stack& stack, bool disable_rollback) {
  const std::string status = stack.status;
  if (status != "CREATE_FAILED" && status != "UPDATE_FAILED") return {};
  if (status == "CREATE_FAILED" && !stack.disable_rollback) {
    return fail("ValidationError",
                fmt::format("This stack cannot be updated from [{}] state because it contains "
                            "[on-failure: DO_NOTHING]. Please use disable-rollback option instead "
                            "during stack creation.",
                            status));
  }
  if (disable_rollback) return {};
  return fail("ValidationError",
              fmt::format("This stack is currently in a non-terminal [{}] state. To update the "
                          "stack from this state, please use the disable-rollback parameter with "
                          "update-stack API. To rollback to the last known good state, use the "
                          "rollback-stack API",
                          status));
}

void make_obsolete(Context& context, const Stack& stack) {
  for (const store::Row& row : context.scan(change_set_key(stack, ""))) {
    auto change_set = get_json(context, row.key);
    if (!change_set || text(*change_set, "ExecutionStatus") != "AVAILABLE") continue;
    (*change_set)["ExecutionStatus"] = "OBSOLETE";
    put_json(context, row.key, *change_set);
  }
}

Result<Desired> desired_of_change_set(Context& context, const json::object& input) {
  KIBAN_TRY(const Found found, find_change_set(context, input));
  return read_desired(found.key, found.change_set.at("Desired").as_object());
}

const OperationTable& change_set_operations() {
  static const auto* const table = new OperationTable{{"CreateChangeSet", create_change_set},
                                                      {"DescribeChangeSet", describe_change_set},
                                                      {"ExecuteChangeSet", execute_change_set},
                                                      {"DeleteChangeSet", delete_change_set},
                                                      {"ListChangeSets", list_change_sets}};
  return *table;
}

}  // namespace kiban::services::cloudformation
