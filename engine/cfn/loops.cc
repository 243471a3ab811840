// Fn::ForEach.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cfn/transform.h"
#include "core/budget.h"

namespace kiban::cfn {
namespace {

constexpr std::string_view prefix = "Fn::ForEach::";
constexpr std::size_t loops_deep_max = 5;
// Our own bounds: a template has at most 500 resources.
constexpr std::size_t value_depth_max = 200;
constexpr std::size_t steps_max = 100'000;
constexpr std::size_t bytes_max = std::size_t{4} << 20;

std::unexpected<Error> failed(std::string why) {
  return fail("ValidationError",
              "Transform AWS::LanguageExtensions failed with: " + std::move(why));
}

using Variables = std::map<std::string, std::string>;  // Identifiers of the loops around.

class Loops {
 public:
  explicit Loops(const Evaluate& evaluate) : evaluate_(evaluate) {}

  Result<json::value> expand(const json::value& value, const Variables& variables,
                             std::size_t loops, std::size_t depth) {
    if (depth > value_depth_max) return failed("values are nested too deep");
    KIBAN_TRY_VOID(spend(1, 0));
    if (value.is_string()) {
      KIBAN_TRY(const std::string text, substituted(value.get_string(), variables));
      return json::value(json::string(text));
    }
    if (value.is_array()) {
      json::array out;
      for (const json::value& one : value.get_array()) {
        KIBAN_TRY(json::value expanded, expand(one, variables, loops, depth + 1));
        out.push_back(std::move(expanded));
      }
      return out;
    }
    if (!value.is_object()) return value;
    const json::object& object = value.get_object();
    const json::string* name = object.size() == 1 ? find_string(object, "Ref") : nullptr;
    if (name) {
      const auto found = variables.find(to_string(*name));
      if (found != variables.end()) return json::value(json::string(found->second));
    }
    return members(object, variables, loops, depth);
  }

 private:
  Result<void> spend(std::size_t steps, std::size_t bytes) {
    if (budget_.spend(steps, bytes)) return {};
    return failed("the loops make too much");
  }

  // `text` with `value` in place of each `mark`.
  Result<std::string> replaced(std::string_view text, std::string_view mark,
                               std::string_view value) {
    std::string out;
    for (std::size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark)) {
      KIBAN_TRY_VOID(spend(0, value.size()));
      out.append(text.substr(0, at)).append(value);
      text.remove_prefix(at + mark.size());
    }
    return out.append(text);
  }

  // "${Identifier}" is the value, "&{Identifier}" its letters and digits.
  Result<std::string> substituted(std::string_view text, const Variables& variables) {
    KIBAN_TRY_VOID(spend(0, text.size()));
    std::string out{text};
    for (const auto& [name, value] : variables) {
      std::string letters = value;
      std::erase_if(letters,
                    [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; });
      KIBAN_TRY(out, replaced(out, "${" + name + "}", value));
      KIBAN_TRY(out, replaced(out, "&{" + name + "}", letters));
    }
    return out;
  }

  Result<json::value> members(const json::object& object, const Variables& variables,
                              std::size_t loops, std::size_t depth) {
    json::object out;
    for (const auto& member : object) {
      if (std::string_view(member.key()).starts_with(prefix)) {
        KIBAN_TRY_VOID(run(member.key(), member.value(), variables, loops, depth, out));
        continue;
      }
      KIBAN_TRY(json::value expanded, expand(member.value(), variables, loops, depth + 1));
      KIBAN_TRY(const std::string key, substituted(member.key(), variables));
      KIBAN_TRY_VOID(add(out, key, std::move(expanded)));
    }
    return out;
  }

  static Result<void> add(json::object& out, const std::string& key, json::value value) {
    if (out.emplace(key, std::move(value)).second) return {};
    return failed(fmt::format("the name {} is there more than once", key));
  }

  Result<std::vector<std::string>> collection(std::string_view name, const json::value& given,
                                              const Variables& variables) {
    KIBAN_TRY(const json::value shown, expand(given, variables, loops_deep_max, 0));
    KIBAN_TRY(const json::value value, evaluate_(shown));
    const bool good = value.is_array() && std::ranges::all_of(value.get_array(), [](const auto& x) {
                        return x.is_string() || x.is_number() || x.is_bool();
                      });
    if (!good) return failed(fmt::format("{}: the collection must be a list of strings", name));
    std::vector<std::string> out;
    for (const json::value& one : value.get_array())
      out.push_back(one.is_string() ? to_string(one.get_string()) : print_json(one));
    return out;
  }

  Result<void> run(std::string_view name, const json::value& given, const Variables& around,
                   std::size_t loops, std::size_t depth, json::object& out) {
    const json::array* list = given.if_array();
    const bool good = list && list->size() == 3 && (*list)[0].is_string() &&
                      (*list)[2].is_object() && !(*list)[2].get_object().empty();
    if (!good) return failed(fmt::format("{} layout is incorrect", name));
    if (loops >= loops_deep_max)
      return failed(
          fmt::format("{}: more than {} loops inside of each other", name, loops_deep_max));
    const std::string identifier = to_string((*list)[0].get_string());
    if (around.contains(identifier))
      return failed(
          fmt::format("{}: the identifier {} is one of a loop around it", name, identifier));
    for (const auto& member : (*list)[2].get_object()) {
      const std::string_view key = member.key();
      const bool marked = key.find("${" + identifier + "}") != std::string_view::npos ||
                          key.find("&{" + identifier + "}") != std::string_view::npos;
      if (!marked && !key.starts_with(prefix))
        return failed(fmt::format("{}: the key {} lacks ${{{}}}", name, key, identifier));
    }
    KIBAN_TRY(const std::vector<std::string> values, collection(name, (*list)[1], around));
    for (const std::string& value : values) {
      Variables variables = around;
      variables[identifier] = value;
      KIBAN_TRY(json::value made,
                members((*list)[2].get_object(), variables, loops + 1, depth + 1));
      for (auto& member : made.get_object())
        KIBAN_TRY_VOID(add(out, std::string(member.key()), std::move(member.value())));
    }
    return {};
  }

  const Evaluate& evaluate_;
  Budget budget_{steps_max, bytes_max};
};

}  // namespace

Result<void> expand_loops(json::object& tree, const Evaluate& evaluate) {
  Loops loops(evaluate);
  for (const std::string_view name : {"Conditions", "Resources", "Outputs"}) {
    json::value* section = tree.if_contains(name);
    if (!section || !section->is_object()) continue;
    KIBAN_TRY(json::value expanded, loops.expand(*section, {}, 0, 0));
    *section = std::move(expanded);
  }
  return {};
}

}  // namespace kiban::cfn
