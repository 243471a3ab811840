// AWS::Include.
#include <fmt/format.h>

#include <vector>

#include "cfn/template.h"
#include "cfn/transform.h"

namespace kiban::cfn {
namespace {

constexpr std::size_t snippets_max = 100;  // Our own bound.
constexpr std::size_t value_depth_max = 200;

using Fetch = std::function<Result<std::string>(const std::string& location)>;

std::unexpected<Error> failed(std::string why) {
  return fail("ValidationError", "Transform AWS::Include failed with: " + std::move(why));
}

bool is_include(const json::value& value) {
  return value.is_object() && text(value.get_object(), "Name") == "AWS::Include";
}

class Includes {
 public:
  Includes(const Evaluate& evaluate, const Fetch& fetch) : evaluate_(evaluate), fetch_(fetch) {}

  // Snippets do not include others.
  Result<void> visit(json::value& value, std::size_t depth) {
    if (depth > value_depth_max) return failed("values are nested too deep");
    if (value.is_array()) {
      for (json::value& one : value.get_array()) KIBAN_TRY_VOID(visit(one, depth + 1));
      return {};
    }
    if (!value.is_object()) return {};
    for (auto& member : value.get_object())
      if (member.key() != "Fn::Transform") KIBAN_TRY_VOID(visit(member.value(), depth + 1));
    const json::value* call = find(value.get_object(), "Fn::Transform");
    if (!call) return {};
    if (!is_include(*call))
      return fail("ValidationError", fmt::format("kiban does not honour the function Fn::Transform "
                                                 "other than AWS::Include: {}",
                                                 print_json(*call)));
    const json::object spec = call->get_object();
    value.get_object().erase("Fn::Transform");
    return merge(value.get_object(), spec);
  }

  // The members of the snippet join `target`.
  Result<void> merge(json::object& target, const json::object& spec) {
    if (++snippets_ > snippets_max)
      return failed(fmt::format("more than {} snippets", snippets_max));
    const json::object* parameters = find_object(spec, "Parameters");
    const json::value* given = parameters ? find(*parameters, "Location") : nullptr;
    if (!given) return failed("The location parameter is missing");
    KIBAN_TRY(const json::value location, evaluate_(*given));
    if (!location.is_string()) return failed("The location parameter is not a valid S3 uri.");
    KIBAN_TRY(const std::string text, fetch_(to_string(location.get_string())));
    auto parsed = parse_json(text);
    if (!parsed) parsed = parse_yaml(text);
    if (!parsed || !parsed->is_object())
      return failed("The specified S3 object's content should be valid Yaml/JSON");
    for (auto& member : parsed->get_object()) {
      if (target.emplace(member.key(), std::move(member.value())).second) continue;
      return failed(fmt::format("the name {} is there already", std::string(member.key())));
    }
    return {};
  }

 private:
  const Evaluate& evaluate_;
  const Fetch& fetch_;
  std::size_t snippets_{0};
};

}  // namespace

Result<void> include_snippets(json::object& tree, const Evaluate& evaluate, const Fetch& fetch) {
  Includes includes(evaluate, fetch);
  for (auto& section : tree) {
    if (section.key() == "Transform" || section.key() == "Metadata") continue;
    KIBAN_TRY_VOID(includes.visit(section.value(), 0));
  }
  const json::value* transform = find(tree, "Transform");
  std::vector<json::object> specs;
  if (transform && transform->is_array()) {
    for (const json::value& one : transform->get_array())
      if (is_include(one)) specs.push_back(one.get_object());
  } else if (transform && is_include(*transform)) {
    specs.push_back(transform->get_object());
  }
  for (const json::object& spec : specs) KIBAN_TRY_VOID(includes.merge(tree, spec));
  return {};
}

}  // namespace kiban::cfn
