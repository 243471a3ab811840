#include "cfn/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "cfn/template.h"
#include "cfn/types.h"
#include "core/letters.h"

namespace kiban::cfn {
namespace {

bool mentions(const json::value& value, std::string_view text) {
  if (value.is_string()) return value.get_string().find(text) != json::string::npos;
  if (value.is_array()) {
    return std::ranges::any_of(value.get_array(),
                               [&](const json::value& one) { return mentions(one, text); });
  }
  return value.is_object() && std::ranges::any_of(value.get_object(), [&](const auto& member) {
           return mentions(member.value(), text);
         });
}

std::vector<std::string> changed_attributes(const json::object& before, const json::object& after) {
  std::vector<std::string> out;
  for (const std::string_view name : {"DeletionPolicy", "UpdateReplacePolicy", "Metadata"}) {
    const json::value* a = find(before, name);
    const json::value* b = find(after, name);
    const bool same = a && b ? *a == *b : a == b;
    if (!same) out.emplace_back(name);
  }
  return out;
}

Result<void> check_updatable(const json::object& type, const ResourceChange& change) {
  for (const PropertyChange& property : change.properties) {
    if (property.replaces || can_update(type, property.name)) continue;
    return fail("ValidationError", fmt::format("kiban does not update the property {} of {} ({})",
                                               property.name, change.type, change.logical_id));
  }
  return {};
}

}  // namespace

bool PropertyChange::dynamic() const { return after && mentions(*after, known_after_apply); }

Result<void> check_given(const json::object& type, const json::object& properties) {
  const json::string* kind = find_string(properties, "Type");
  if (type.at("Type") == "AWS::SSM::Parameter" && kind && *kind == "SecureString")
    return fail("ValidationError",
                "Properties validation failed for resource of type AWS::SSM::Parameter with "
                "message: #/Type: SecureString is not a valid enum value");
  const json::value* tags = has_tags(type) ? find(properties, "Tags") : nullptr;
  std::vector<std::string> keys;
  if (tags && tags->is_object())
    for (const auto& tag : tags->get_object()) keys.emplace_back(tag.key());
  if (tags && tags->is_array()) {
    for (const json::value& tag : tags->get_array()) {
      const json::string* key = tag.is_object() ? find_string(tag.get_object(), "Key") : nullptr;
      if (key) keys.push_back(to_string(*key));
    }
  }
  std::set<std::string> seen;
  for (const std::string& key : keys) {
    if (lower_case(key).starts_with("aws:"))
      return fail("ValidationError",
                  "aws: prefixed tag key names are not allowed for external use.");
    if (!seen.insert(key).second)
      return fail("ValidationError", "Duplicate tag keys found: " + key);
  }
  return {};
}

json::object with_stack_tags(const json::object& type, json::object properties,
                             const json::array& stack_tags) {
  if (stack_tags.empty() || !has_tags(type)) return properties;
  json::value& tags = properties["Tags"];
  // AWS::SSM::Parameter has a map where others have a list of Key and Value.
  if (find(type, "TagMap")) {
    if (!tags.is_object()) tags.emplace_object();
    for (const json::value& tag : stack_tags) {
      tags.get_object().emplace(tag.at("Key").as_string(), tag.at("Value"));
    }
    return properties;
  }
  if (!tags.is_array()) tags.emplace_array();
  for (const json::value& tag : stack_tags) {
    const bool own = std::ranges::any_of(tags.get_array(), [&](const json::value& one) {
      const json::value* key = one.is_object() ? find(one.get_object(), "Key") : nullptr;
      return key && *key == tag.at("Key");
    });
    if (!own) tags.get_array().push_back(tag);
  }
  return properties;
}

std::vector<PropertyChange> compare(const json::object& type, const json::object& before,
                                    const json::object& after) {
  std::vector<PropertyChange> out;
  const auto add = [&](std::string name, const json::value* a, const json::value* b) {
    PropertyChange change{.name = std::move(name)};
    if (a) change.before = *a;
    if (b) change.after = *b;
    change.replaces = forces_replacement(type, change.name);
    out.push_back(std::move(change));
  };
  for (const auto& property : before) {
    const json::value* now = find(after, property.key());
    if (!now || *now != property.value()) add(property.key(), &property.value(), now);
  }
  for (const auto& property : after) {
    if (!before.contains(property.key())) add(property.key(), nullptr, &property.value());
  }
  return out;
}

Result<std::vector<ResourceChange>> plan(const json::object& tree, const json::object& old_tree,
                                         Evaluator& evaluator,
                                         const std::map<std::string, Existing>& existing,
                                         const json::array& stack_tags) {
  KIBAN_TRY(const Graph graph, make_graph(tree, evaluator.present()));
  const json::object none;
  const json::object* old_resources = find_object(old_tree, "Resources");
  std::vector<ResourceChange> out;
  std::vector<std::string> other_type;
  for (const std::string& id : graph.order) {
    const json::object& declared = tree.at("Resources").at(id).as_object();
    ResourceChange change{.logical_id = id, .type = std::string(declared.at("Type").as_string())};
    const json::object& type = *find_type(change.type);
    KIBAN_TRY(change.after, evaluator.properties(id));
    change.after = with_stack_tags(type, std::move(change.after), stack_tags);
    const auto there = existing.find(id);
    if (there == existing.end()) {
      out.push_back(std::move(change));
      continue;
    }
    const Existing& old = there->second;
    change.action = ResourceChange::Action::Modify;
    change.physical_id = old.physical_id;
    if (old.type != change.type) {
      other_type.push_back(id);
      continue;
    }
    change.before = old.properties;
    change.properties = compare(type, old.properties, change.after);
    KIBAN_TRY_VOID(check_updatable(type, change));
    const json::object* before = old_resources ? find_object(*old_resources, id) : nullptr;
    change.attributes = changed_attributes(before ? *before : none, declared);
    const bool replaced = std::ranges::any_of(
        change.properties, [](const PropertyChange& property) { return property.replaces; });
    // What refers to one that is replaced sees its new id only afterwards.
    if (!replaced) {
      evaluator.made()[id] = {.physical_id = old.physical_id, .attributes = old.attributes};
    }
    if (!change.properties.empty() || !change.attributes.empty()) out.push_back(std::move(change));
  }
  if (!other_type.empty()) {
    return fail("ValidationError",
                fmt::format("Update of resource type is not permitted. The new template modifies "
                            "resource type of the following resources: [{}]",
                            fmt::join(other_type, ", ")));
  }
  for (const auto& [id, old] : existing) {
    if (std::ranges::find(graph.order, id) != graph.order.end()) continue;
    out.push_back({.action = ResourceChange::Action::Remove,
                   .logical_id = id,
                   .physical_id = old.physical_id,
                   .type = old.type,
                   .before = old.properties});
  }
  return out;
}

}  // namespace kiban::cfn
