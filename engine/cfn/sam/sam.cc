#include "cfn/sam/sam.h"

#include <fmt/format.h>

#include <algorithm>

#include "cfn/sam/parts.h"

namespace kiban::cfn::sam {
namespace {

constexpr std::size_t value_depth_max = 200;  // Our own bound.

// The part of "${ID.Property.Rest}" or of a Ref that `renamed` knows, replaced.
std::string renamed_text(const std::string& name, const Scope& scope) {
  const std::size_t dot = name.find('.');
  const std::size_t second = dot == std::string::npos ? dot : name.find('.', dot + 1);
  const auto property = scope.properties.find(name.substr(0, second));
  if (property != scope.properties.end())
    return property->second + (second == std::string::npos ? "" : name.substr(second));
  const auto id = scope.ids.find(name.substr(0, dot));
  if (id == scope.ids.end()) return name;
  return id->second + (dot == std::string::npos ? "" : name.substr(dot));
}

std::string renamed_sub(std::string_view text, const Scope& scope) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t open = text.find("${", at);
    const std::size_t end = open == std::string_view::npos ? open : text.find('}', open);
    if (end == std::string_view::npos) return out.append(text.substr(at));
    out.append(text.substr(at, open - at));
    out += "${" + renamed_text(std::string(text.substr(open + 2, end - open - 2)), scope) + "}";
    at = end + 1;
  }
}

void rename_in_call(json::object& call, const Scope& scope) {
  if (json::value* name = call.if_contains("Ref"); name && name->is_string())
    *name = json::string(renamed_text(to_string(name->get_string()), scope));
  if (json::value* sub = call.if_contains("Fn::Sub")) {
    json::value* text = sub->is_array() && !sub->get_array().empty() ? &sub->get_array()[0] : sub;
    if (text->is_string()) *text = json::string(renamed_sub(text->get_string(), scope));
  }
  json::value* target = call.if_contains("Fn::GetAtt");
  if (!target || !target->is_array() || target->get_array().size() != 2) return;
  json::array& pair = target->get_array();
  if (!pair[0].is_string() || !pair[1].is_string()) return;
  const std::string whole =
      renamed_text(to_string(pair[0].get_string()) + "." + to_string(pair[1].get_string()), scope);
  const std::size_t dot = whole.find('.');
  if (dot != std::string::npos)
    pair = {json::string(whole.substr(0, dot)), json::string(whole.substr(dot + 1))};
}

void rename(json::value& value, const Scope& scope, std::size_t depth) {
  if (depth > value_depth_max) return;
  if (value.is_array())
    for (json::value& one : value.get_array()) rename(one, scope, depth + 1);
  if (!value.is_object()) return;
  if (is_intrinsic(value)) rename_in_call(value.get_object(), scope);
  for (auto& member : value.get_object()) {
    rename(member.value(), scope, depth + 1);
    if (member.key() != "DependsOn") continue;
    const auto of = [&](json::value& id) {
      if (id.is_string()) id = json::string(renamed_text(to_string(id.get_string()), scope));
    };
    if (member.value().is_array()) std::ranges::for_each(member.value().get_array(), of);
    of(member.value());
  }
}

std::map<std::string, json::value> values_of(const json::object& tree,
                                             const std::map<std::string, std::string>& given,
                                             const std::string& region) {
  std::map<std::string, json::value> out{{"AWS::Region", json::string(region)},
                                         {"AWS::Partition", "aws"}};
  const json::object* parameters = find_object(tree, "Parameters");
  for (const auto& entry : parameters ? *parameters : json::object{}) {
    if (!entry.value().is_object()) continue;
    if (const json::value* fallback = find(entry.value().get_object(), "Default"))
      out[entry.key()] = *fallback;
  }
  for (const auto& [name, value] : given) out[name] = json::string(value);
  return out;
}

Result<void> add(Scope& scope, const std::string& id, const json::object& resource) {
  const std::string type = text(resource, "Type");
  const json::value* properties = find(resource, "Properties");
  if (properties && !properties->is_object())
    return invalid(id, "Properties of a resource must be an object.");
  if (resource.contains("Connectors"))
    return invalid(id, "kiban does not serve the attribute Connectors");
  if (type == "AWS::Serverless::Function") return add_function(scope, id, resource);
  if (type == "AWS::Serverless::StateMachine") return add_state_machine(scope, id, resource);
  if (type == "AWS::Serverless::LayerVersion") return add_layer_version(scope, id, resource);
  return invalid(id, fmt::format("kiban does not serve the resource type {}", type));
}

Result<void> add_all(Scope& scope, const json::object& sources) {
  // Functions come first: what they do to buckets is there when the rest is looked at.
  for (const bool functions : {true, false}) {
    for (const auto& entry : sources) {
      if (!entry.value().is_object()) continue;
      const std::string type = text(entry.value().get_object(), "Type");
      if (!type.starts_with("AWS::Serverless::") ||
          (type == "AWS::Serverless::Function") != functions)
        continue;
      KIBAN_TRY_VOID(add(scope, entry.key(), entry.value().get_object()));
      scope.resources.erase(entry.key());
    }
  }
  for (Made& made : scope.made) {
    const json::object* there = find_object(sources, made.id);
    const std::string type = there ? text(*there, "Type") : "";
    if (there && !type.starts_with("AWS::Serverless::"))
      return invalid(made.id, fmt::format("The transform makes a {} of this logical id, which the "
                                          "template has already.",
                                          text(made.body, "Type")));
    scope.resources[made.id] = std::move(made.body);
  }
  return {};
}

Result<json::object> transformed(json::object tree, const std::map<std::string, std::string>& given,
                                 const std::string& region) {
  json::value* section = tree.if_contains("Resources");
  if (!section || !section->is_object() || section->get_object().empty())
    return fail("ValidationError", "'Resources' section is required");
  KIBAN_TRY_VOID(merge_globals(tree));
  const std::map<std::string, json::value> values = values_of(tree, given, region);
  json::object& resources = tree["Resources"].as_object();
  const json::object sources = resources;
  Scope scope{.resources = resources, .values = values};
  KIBAN_TRY_VOID(add_all(scope, sources));
  if (!scope.conditions.empty()) {
    json::value& conditions = tree["Conditions"];
    if (!conditions.is_object()) conditions.emplace_object();
    for (const auto& one : scope.conditions) conditions.get_object()[one.key()] = one.value();
  }
  json::value whole(std::move(tree));
  if (!scope.properties.empty() || !scope.ids.empty()) rename(whole, scope, 0);
  return std::move(whole.get_object());
}

}  // namespace

Result<json::object> transform(json::object tree, const std::map<std::string, std::string>& given,
                               const std::string& region) {
  auto out = transformed(std::move(tree), given, region);
  if (out) return out;
  return fail("ValidationError",
              fmt::format("Transform {} failed with: Invalid Serverless Application Specification "
                          "document. Number of errors found: 1. {}",
                          transform_name, out.error().cause));
}

}  // namespace kiban::cfn::sam
