#include "cfn/transform.h"

#include <fmt/format.h>

#include <algorithm>

#include "cfn/check.h"
#include "cfn/sam/sam.h"
#include "cfn/template.h"

namespace kiban::cfn {
namespace {

constexpr const char* extensions = "AWS::LanguageExtensions";

bool mentions(const json::value& value, std::string_view key) {
  if (value.is_array())
    return std::ranges::any_of(value.get_array(),
                               [&](const json::value& one) { return mentions(one, key); });
  return value.is_object() && std::ranges::any_of(value.get_object(), [&](const auto& member) {
           return std::string_view(member.key()).starts_with(key) || mentions(member.value(), key);
         });
}

json::array transforms_of(const json::object& tree) {
  const json::value* transform = find(tree, "Transform");
  if (!transform) return {};
  return transform->is_array() ? transform->get_array() : json::array{*transform};
}

bool is_served(const json::value& name) {
  return name == extensions || name == sam::transform_name ||
         (name.is_object() && text(name.get_object(), "Name") == "AWS::Include");
}

bool includes(const json::object& tree) {
  return std::ranges::any_of(transforms_of(tree),
                             [](const json::value& one) { return one.is_object(); }) ||
         mentions(json::value(tree), "Fn::Transform");
}

bool loops(const json::object& tree) {
  return has_transform(tree, extensions) && mentions(json::value(tree), "Fn::ForEach::");
}

// What transforms may refer to: parameters, mappings and pseudo parameters.
Result<json::object> known_beforehand(const json::object& tree) {
  json::object known{{"Resources", json::object{}}};
  for (const std::string_view name : {"Parameters", "Mappings"}) {
    const json::value* section = find(tree, name);
    if (!section) continue;
    if (!section->is_object())
      return fail("ValidationError",
                  fmt::format("Template format error: {} must be an object.", name));
    known[name] = *section;
  }
  KIBAN_TRY_VOID(check_template(known, true));
  return known;
}

}  // namespace

bool needs_transform(const json::object& tree) {
  return includes(tree) || loops(tree) || has_transform(tree, sam::transform_name);
}

Result<void> check_transforms(const json::object& tree) {
  for (const json::value& name : transforms_of(tree)) {
    if (is_served(name)) continue;
    return fail("ValidationError",
                fmt::format("kiban does not run the transform (macro) {}", print_json(name)));
  }
  return {};
}

Result<json::object> apply_transforms(json::object tree,
                                      const std::map<std::string, std::string>& given,
                                      const TransformInput& input) {
  KIBAN_TRY_VOID(check_transforms(tree));
  if (!needs_transform(tree)) return tree;
  KIBAN_TRY(const json::object known, known_beforehand(tree));
  Evaluator evaluator(known, input.stack, input.ports);
  KIBAN_TRY_VOID(evaluator.prepare(given));
  const auto evaluate = [&](const json::value& value) -> Result<json::value> {
    KIBAN_TRY(auto result, evaluator.evaluate(value));
    return std::move(result).value_or(nullptr);
  };
  if (includes(tree)) KIBAN_TRY_VOID(include_snippets(tree, evaluate, input.fetch));
  if (loops(tree)) KIBAN_TRY_VOID(expand_loops(tree, evaluate));
  if (has_transform(tree, sam::transform_name))
    return sam::transform(std::move(tree), given, input.stack.region);
  return tree;
}

}  // namespace kiban::cfn
