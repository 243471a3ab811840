// What stacks, their events, resources, templates and exports look like.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cfn/template.h"
#include "cfn/transform.h"
#include "cfn/types.h"
#include "services/cloudformation/desired.h"
#include "services/cloudformation/operations.h"
#include "services/cloudformation/rows.h"

namespace kiban::services::cloudformation {
namespace {

constexpr std::size_t entries_per_page = 100;

void copy_if(json::object& out, std::string_view as, const json::object& from,
             std::string_view member) {
  const json::value* value = find(from, member);
  const bool empty =
      !value || value->is_null() || (value->is_string() && value->get_string().empty());
  if (!empty) out[as] = *value;
}

Result<json::object> page_of(const json::array& all, const json::object& input,
                             std::string_view member) {
  auto page = paginate(all, entries_per_page, find_string(input, "NextToken"));
  if (!page) return fail("ValidationError", page.error().cause);
  json::object out{{member, std::move(page->entries)}};
  if (page->next_token) out["NextToken"] = *page->next_token;
  return out;
}

void set_if(json::object& out, std::string_view member, const std::string& value) {
  if (!value.empty()) out[member] = value;
}

void set_if(json::object& out, std::string_view member, const std::optional<Timestamp>& value) {
  if (value) out[member] = epoch_seconds(*value);
}

// Of DescribeStacks and ListStacks.
json::object identified(const Stack& stack) {
  json::object out{{"StackId", stack.id},
                   {"StackName", stack.name},
                   {"StackStatus", stack.status},
                   {"CreationTime", epoch_seconds(stack.creation_time)},
                   {"DriftInformation", {{"StackDriftStatus", "NOT_CHECKED"}}}};
  set_if(out, "StackStatusReason", stack.reason);
  set_if(out, "LastUpdatedTime", stack.last_updated_time);
  set_if(out, "DeletionTime", stack.deletion_time);
  set_if(out, "ParentId", stack.parent_id);
  set_if(out, "RootId", stack.root_id);
  return out;
}

json::object described(const Stack& stack) {
  json::object out = identified(stack);
  out["Parameters"] = stack.desired.parameters;
  out["Tags"] = stack.desired.tags;
  out["DisableRollback"] = stack.on_failure == "DO_NOTHING";
  out["RollbackConfiguration"] = json::object{};
  out["NotificationARNs"] = stack.desired.notification_arns;
  out["EnableTerminationProtection"] = stack.termination_protection;
  // Outputs are there once an operation completed.
  if (stack.status != "DELETE_COMPLETE") out["Outputs"] = stack.outputs;
  set_if(out, "RoleARN", stack.desired.role_arn);
  set_if(out, "Description", stack.desired.description);
  if (!stack.desired.body.empty()) out["Capabilities"] = stack.desired.capabilities;
  set_if(out, "ChangeSetId", stack.change_set_id);
  if (stack.timeout_in_minutes > 0) out["TimeoutInMinutes"] = stack.timeout_in_minutes;
  return out;
}

Result<json::object> describe_stacks(Context& context, const json::object& input) {
  const std::string name = text(input, "StackName");
  json::array all;
  if (!name.empty()) {
    KIBAN_TRY(const Stack stack, find_stack(context, name));
    all.push_back(described(stack));
  } else {
    for (const Stack& stack : list_stacks(context))
      if (stack.status != "DELETE_COMPLETE") all.push_back(described(stack));
  }
  return page_of(all, input, "Stacks");
}

Result<json::object> list_stack_summaries(Context& context, const json::object& input) {
  const json::array* filter = find_array(input, "StackStatusFilter");
  json::array all;
  for (const Stack& stack : list_stacks(context)) {
    if (filter && !filter->empty() &&
        std::ranges::find(*filter, json::value(json::string(stack.status))) == filter->end()) {
      continue;
    }
    json::object out = identified(stack);
    set_if(out, "TemplateDescription", stack.desired.description);
    all.push_back(std::move(out));
  }
  return page_of(all, input, "StackSummaries");
}

Result<json::object> describe_stack_events(Context& context, const json::object& input) {
  const std::string name = text(input, "StackName");
  const auto stack = find_stack(context, name);
  if (!stack) return fail("ValidationError", fmt::format("Stack [{}] does not exist", name));
  // The newest first. A token is the number of the oldest event shown, so that new events move
  // nothing from one page to another.
  const std::string prefix = row_key(stack->region, "event", stack->uuid + "/");
  const std::string before = text(input, "NextToken");
  std::vector<store::Row> rows = context.scan(prefix);
  if (!before.empty()) {
    const auto known = std::ranges::find(rows, prefix + before, &store::Row::key);
    if (known == rows.end()) return fail("ValidationError", "Invalid NextToken");
    rows.erase(known, rows.end());
  }
  const std::size_t shown = std::min(rows.size(), entries_per_page);
  json::object out{{"StackEvents", json::array{}}};
  for (std::size_t i = 0; i < shown; ++i) {
    const store::Row& row = rows[rows.size() - 1 - i];
    KIBAN_TRY(json::value event, parse_json(row.value));
    out["StackEvents"].as_array().push_back(std::move(event));
  }
  if (shown < rows.size()) {
    out["NextToken"] = rows[rows.size() - shown].key.substr(prefix.size());
  }
  return out;
}

json::object resource_of(const Stack& stack, const Resource& row, std::string_view time_member) {
  json::object out{{"StackId", stack.id},
                   {"StackName", stack.name},
                   {"LogicalResourceId", row.logical_id},
                   {"ResourceType", row.type},
                   {"ResourceStatus", row.status},
                   {time_member, epoch_seconds(row.time.value_or(stack.creation_time))},
                   {"DriftInformation", {{"StackResourceDriftStatus", "NOT_CHECKED"}}}};
  set_if(out, "PhysicalResourceId", row.physical_id);
  set_if(out, "ResourceStatusReason", row.reason);
  return out;
}

Result<Stack> owner_of(const Context& context, const std::string& physical_id) {
  for (Stack& stack : list_stacks(context)) {
    const bool owns = std::ranges::any_of(
        stack.resources, [&](const Resource& row) { return row.physical_id == physical_id; });
    if (owns && stack.status != "DELETE_COMPLETE") return std::move(stack);
  }
  return fail("ValidationError", fmt::format("Stack for {} does not exist", physical_id));
}

Result<json::object> describe_stack_resources(Context& context, const json::object& input) {
  const std::string physical = text(input, "PhysicalResourceId");
  if (input.contains("StackName") == !physical.empty()) {
    return fail("ValidationError",
                "You must specify either StackName or PhysicalResourceId, but not both.");
  }
  KIBAN_TRY(const Stack stack, physical.empty() ? find_stack(context, text(input, "StackName"))
                                                : owner_of(context, physical));
  const std::string logical = text(input, "LogicalResourceId");
  json::array out;
  for (const Resource& row : stack.resources) {
    if (!logical.empty() && logical != row.logical_id) continue;
    out.push_back(resource_of(stack, row, "Timestamp"));
  }
  return json::object{{"StackResources", std::move(out)}};
}

Result<json::object> describe_stack_resource(Context& context, const json::object& input) {
  const auto stack = find_stack(context, text(input, "StackName"));
  if (!stack) {
    return fail("ValidationError",
                fmt::format("Stack '{}' does not exist", text(input, "StackName")));
  }
  const std::string id = text(input, "LogicalResourceId");
  const Resource* row = find_resource(stack->resources, id);
  if (!row) {
    return fail("ValidationError",
                fmt::format("Resource {} does not exist for stack {}", id, stack->name));
  }
  json::object detail = resource_of(*stack, *row, "LastUpdatedTimestamp");
  detail["Metadata"] = "{}";
  const json::object* resources = find_object(stack->desired.tree, "Resources");
  const json::object* declared = resources ? find_object(*resources, id) : nullptr;
  const json::value* metadata = declared ? find(*declared, "Metadata") : nullptr;
  if (metadata) detail["Metadata"] = print_json(*metadata);
  return json::object{{"StackResourceDetail", std::move(detail)}};
}

Result<json::object> list_stack_resources(Context& context, const json::object& input) {
  KIBAN_TRY(const Stack stack, find_stack(context, text(input, "StackName")));
  json::array all;
  for (const Resource& row : stack.resources) {
    json::object out = resource_of(stack, row, "LastUpdatedTimestamp");
    out.erase("StackId");
    out.erase("StackName");
    all.push_back(std::move(out));
  }
  return page_of(all, input, "StackResourceSummaries");
}

// The template as given, or with its transforms applied.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html
Result<json::object> get_template(Context& context, const json::object& input) {
  Desired desired;
  if (input.contains("ChangeSetName")) {
    KIBAN_TRY(desired, desired_of_change_set(context, input));
  } else {
    KIBAN_TRY(Stack stack, find_stack(context, text(input, "StackName")));
    desired = std::move(stack.desired);
  }
  std::string body = desired.body;
  if (text(input, "TemplateStage") == "Processed" && desired.tree.contains("Transform")) {
    desired.tree.erase("Transform");
    body = print_json(desired.tree);
  }
  // A stack in review has no template yet; AWS answers with an empty one.
  return json::object{{"TemplateBody", body},
                      {"StagesAvailable", json::array{"Original", "Processed"}}};
}

Result<json::object> list_exports(Context& context, const json::object& input) {
  json::array all;
  for (json::object& row : list_json(context, row_key(context.caller().region, "export", ""))) {
    all.push_back(std::move(row));
  }
  return page_of(all, input, "Exports");
}

Result<json::object> list_imports(Context& context, const json::object& input) {
  const std::string name = text(input, "ExportName");
  if (!context.get(row_key(context.caller().region, "export", name))) {
    return fail("ValidationError", fmt::format("Export '{}' does not exist.", name));
  }
  json::array all;
  for (const std::string& stack : importers(context, context.caller().region, name)) {
    all.push_back(json::string(stack));
  }
  if (all.empty()) {
    return fail("ValidationError", fmt::format("Export '{}' is not imported by any stack.", name));
  }
  return page_of(all, input, "Imports");
}

// Of ValidateTemplate and GetTemplateSummary.
json::array declared_parameters(const json::object& tree, bool with_type) {
  json::array out;
  const json::object* parameters = find_object(tree, "Parameters");
  for (const auto& entry : parameters ? *parameters : json::object{}) {
    if (!entry.value().is_object()) continue;
    const json::object& declared = entry.value().get_object();
    json::object one{{"ParameterKey", entry.key()},
                     {"NoEcho", text(declared, "NoEcho") == "true" || flag(declared, "NoEcho")}};
    if (const json::value* value = find(declared, "Default")) {
      one["DefaultValue"] = value->is_string() ? *value : json::value(print_json(*value));
    }
    copy_if(one, "Description", declared, "Description");
    if (with_type) {
      one["ParameterType"] = text(declared, "Type");
      const json::array* allowed = find_array(declared, "AllowedValues");
      json::array values;
      for (const json::value& value : allowed ? *allowed : json::array{}) {
        values.push_back(value.is_string() ? value : json::value(print_json(value)));
      }
      one["ParameterConstraints"] = {{"AllowedValues", std::move(values)}};
    }
    out.push_back(std::move(one));
  }
  return out;
}

void tell_capabilities(json::object& out, const json::object& tree) {
  const Needed needed = needed_capability(tree);
  if (needed.capability.empty()) return;
  out["Capabilities"] = json::array{needed.capability};
  std::string types;
  for (const std::string& type : needed.types) types += (types.empty() ? "" : ", ") + type;
  out["CapabilitiesReason"] =
      fmt::format("The following resource(s) require capabilities: [{}]", types);
}

// A template without parameters' values: every resource counts, whatever its condition.
Result<json::object> checked_template(std::string_view body) {
  KIBAN_TRY(json::object tree, cfn::read_template(body));
  KIBAN_TRY_VOID(cfn::check_transforms(tree));
  // Such a template is checked when its parameters have values.
  if (cfn::needs_transform(tree)) return tree;
  KIBAN_TRY_VOID(cfn::check_tree(tree));
  KIBAN_TRY_VOID(cfn::check_resources(tree));
  std::set<std::string> all;
  for (const auto& resource : tree.at("Resources").as_object()) all.emplace(resource.key());
  KIBAN_TRY_VOID(cfn::make_graph(tree, all));
  return tree;
}

void tell_transforms(json::object& out, const json::object& tree) {
  const json::value* transform = find(tree, "Transform");
  if (!transform) return;
  out["DeclaredTransforms"] = transform->is_array() ? *transform : json::array{*transform};
}

Result<json::object> validate_template(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string body, template_of(context, input, nullptr));
  KIBAN_TRY(const json::object tree, checked_template(body));
  json::object out{{"Parameters", declared_parameters(tree, false)}};
  copy_if(out, "Description", tree, "Description");
  tell_capabilities(out, tree);
  tell_transforms(out, tree);
  return out;
}

Result<json::object> get_template_summary(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(
      refuse_others(input, "GetTemplateSummary",
                    {"TemplateBody", "TemplateURL", "StackName", "TemplateSummaryConfig"}));
  std::string body;
  if (input.contains("StackName")) {
    if (input.contains("TemplateBody") || input.contains("TemplateURL"))
      return fail("ValidationError",
                  "You must specify only one of the following parameters: StackName, TemplateBody, "
                  "or TemplateURL.");
    KIBAN_TRY(const Stack stack, find_stack(context, text(input, "StackName")));
    body = stack.desired.body;
  } else {
    KIBAN_TRY(body, template_of(context, input, nullptr));
  }
  KIBAN_TRY(const json::object tree, checked_template(body));
  std::set<std::string> types;
  const json::object* resources = find_object(tree, "Resources");
  for (const auto& resource : resources ? *resources : json::object{}) {
    if (!resource.value().is_object()) continue;  // A loop.
    types.insert(text(resource.value().get_object(), "Type"));
  }
  json::array names;
  for (const std::string& type : types) names.push_back(json::string(type));
  json::object out{{"Parameters", declared_parameters(tree, true)},
                   {"ResourceTypes", std::move(names)}};
  copy_if(out, "Description", tree, "Description");
  copy_if(out, "Version", tree, "AWSTemplateFormatVersion");
  if (const json::value* metadata = find(tree, "Metadata")) out["Metadata"] = print_json(*metadata);
  tell_capabilities(out, tree);
  tell_transforms(out, tree);
  return out;
}

}  // namespace

const OperationTable& description_operations() {
  static const auto* const table =
      new OperationTable{{"DescribeStacks", describe_stacks},
                         {"ListStacks", list_stack_summaries},
                         {"DescribeStackEvents", describe_stack_events},
                         {"DescribeStackResources", describe_stack_resources},
                         {"DescribeStackResource", describe_stack_resource},
                         {"ListStackResources", list_stack_resources},
                         {"GetTemplate", get_template},
                         {"ListExports", list_exports},
                         {"ListImports", list_imports},
                         {"ValidateTemplate", validate_template},
                         {"GetTemplateSummary", get_template_summary}};
  return *table;
}

}  // namespace kiban::services::cloudformation
