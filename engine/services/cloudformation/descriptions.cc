// What stacks, their events, resources, templates and exports look like.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cfn/template.h"
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

json::object described(const json::object& stack) {
  json::object out{
      {"StackId", stack.at("StackId")},
      {"StackName", stack.at("StackName")},
      {"StackStatus", stack.at("Status")},
      {"CreationTime", stack.at("CreationTime")},
      {"Parameters", stack.at("Parameters")},
      {"Tags", stack.at("Tags")},
      {"DisableRollback", text(stack, "OnFailure") == "DO_NOTHING"},
      {"RollbackConfiguration", json::object{}},
      {"NotificationARNs", stack.contains("NotificationARNs") ? stack.at("NotificationARNs")
                                                              : json::value(json::array{})},
      {"EnableTerminationProtection", flag(stack, "TerminationProtection")},
      {"DriftInformation", {{"StackDriftStatus", "NOT_CHECKED"}}}};
  // Outputs are there once an operation completed.
  if (text(stack, "Status") != "DELETE_COMPLETE") out["Outputs"] = stack.at("Outputs");
  copy_if(out, "StackStatusReason", stack, "Reason");
  for (const std::string_view member : {"LastUpdatedTime", "DeletionTime", "RoleARN", "Description",
                                        "Capabilities", "ChangeSetId", "TimeoutInMinutes"}) {
    copy_if(out, member, stack, member);
  }
  return out;
}

Result<json::object> describe_stacks(Context& context, const json::object& input) {
  const std::string name = text(input, "StackName");
  json::array all;
  if (!name.empty()) {
    KIBAN_TRY(const json::object stack, find_stack(context, name));
    all.push_back(described(stack));
  } else {
    for (const json::object& stack : list_json(context, stack_key(context.caller().region, ""))) {
      if (text(stack, "Status") != "DELETE_COMPLETE") all.push_back(described(stack));
    }
  }
  return page_of(all, input, "Stacks");
}

Result<json::object> list_stacks(Context& context, const json::object& input) {
  const json::array* filter = find_array(input, "StackStatusFilter");
  json::array all;
  for (const json::object& stack : list_json(context, stack_key(context.caller().region, ""))) {
    if (filter && !filter->empty() &&
        std::ranges::find(*filter, stack.at("Status")) == filter->end()) {
      continue;
    }
    json::object out{{"StackId", stack.at("StackId")},
                     {"StackName", stack.at("StackName")},
                     {"StackStatus", stack.at("Status")},
                     {"CreationTime", stack.at("CreationTime")},
                     {"DriftInformation", {{"StackDriftStatus", "NOT_CHECKED"}}}};
    copy_if(out, "StackStatusReason", stack, "Reason");
    copy_if(out, "TemplateDescription", stack, "Description");
    copy_if(out, "LastUpdatedTime", stack, "LastUpdatedTime");
    copy_if(out, "DeletionTime", stack, "DeletionTime");
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
  const std::string prefix = row_key(text(*stack, "Region"), "event", text(*stack, "Uuid") + "/");
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

json::object resource_of(const json::object& stack, const json::object& row,
                         std::string_view time_member) {
  json::object out{{"StackId", stack.at("StackId")},
                   {"StackName", stack.at("StackName")},
                   {"LogicalResourceId", row.at("LogicalId")},
                   {"ResourceType", row.at("Type")},
                   {"ResourceStatus", text(row, "Status")},
                   {time_member, row.contains("Time") ? row.at("Time") : stack.at("CreationTime")},
                   {"DriftInformation", {{"StackResourceDriftStatus", "NOT_CHECKED"}}}};
  copy_if(out, "PhysicalResourceId", row, "PhysicalId");
  copy_if(out, "ResourceStatusReason", row, "Reason");
  return out;
}

Result<json::object> describe_stack_resources(Context& context, const json::object& input) {
  const std::string physical = text(input, "PhysicalResourceId");
  if (input.contains("StackName") == !physical.empty()) {
    return fail("ValidationError",
                "You must specify either StackName or PhysicalResourceId, but not both.");
  }
  std::vector<json::object> stacks;
  if (physical.empty()) {
    KIBAN_TRY(json::object stack, find_stack(context, text(input, "StackName")));
    stacks.push_back(std::move(stack));
  } else {
    for (json::object& stack : list_json(context, stack_key(context.caller().region, ""))) {
      const json::object& rows = stack.at("Resources").as_object();
      const bool owns = std::ranges::any_of(rows, [&](const auto& row) {
        return text(row.value().as_object(), "PhysicalId") == physical;
      });
      if (owns && text(stack, "Status") != "DELETE_COMPLETE") stacks.push_back(std::move(stack));
    }
    if (stacks.empty()) {
      return fail("ValidationError", fmt::format("Stack for {} does not exist", physical));
    }
  }
  const std::string logical = text(input, "LogicalResourceId");
  json::array out;
  for (const auto& row : stacks.front().at("Resources").as_object()) {
    if (!logical.empty() && logical != std::string_view(row.key())) continue;
    out.push_back(resource_of(stacks.front(), row.value().as_object(), "Timestamp"));
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
  const json::object* row = find_object(stack->at("Resources").as_object(), id);
  if (!row) {
    return fail("ValidationError", fmt::format("Resource {} does not exist for stack {}", id,
                                               text(*stack, "StackName")));
  }
  json::object detail = resource_of(*stack, *row, "LastUpdatedTimestamp");
  detail["Metadata"] = "{}";
  if (const auto tree = cfn::parse_template(text(*stack, "Template"))) {
    const json::object* declared = find_object(tree->at("Resources").as_object(), id);
    const json::value* metadata = declared ? find(*declared, "Metadata") : nullptr;
    if (metadata) detail["Metadata"] = print_json(*metadata);
  }
  return json::object{{"StackResourceDetail", std::move(detail)}};
}

Result<json::object> list_stack_resources(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object stack, find_stack(context, text(input, "StackName")));
  json::array all;
  for (const auto& row : stack.at("Resources").as_object()) {
    json::object out = resource_of(stack, row.value().as_object(), "LastUpdatedTimestamp");
    out.erase("StackId");
    out.erase("StackName");
    all.push_back(std::move(out));
  }
  return page_of(all, input, "StackResourceSummaries");
}

Result<json::object> get_template(Context& context, const json::object& input) {
  std::string body;
  if (input.contains("ChangeSetName")) {
    KIBAN_TRY(body, template_of_change_set(context, input));
  } else {
    KIBAN_TRY(const json::object stack, find_stack(context, text(input, "StackName")));
    body = text(stack, "Template");
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
  KIBAN_TRY(json::object tree, cfn::parse_template(body));
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
    KIBAN_TRY(const json::object stack, find_stack(context, text(input, "StackName")));
    body = text(stack, "Template");
  } else {
    KIBAN_TRY(body, template_of(context, input, nullptr));
  }
  KIBAN_TRY(const json::object tree, checked_template(body));
  std::set<std::string> types;
  for (const auto& resource : tree.at("Resources").as_object()) {
    types.insert(text(resource.value().as_object(), "Type"));
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
                         {"ListStacks", list_stacks},
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
