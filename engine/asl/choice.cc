#include "asl/choice.h"

#include <fmt/format.h>

#include "core/exact_json.h"

namespace kiban::asl {
namespace {

constexpr std::size_t depth_max = 64;  // Our own bound on And in Or in Not...

struct Comparer {
  std::string_view suffix{};
  Comparison comparison{};
};
constexpr Comparer comparers[] = {
    {"Equals", Comparison::Equal},
    {"LessThan", Comparison::Less},
    {"LessThanEquals", Comparison::LessEqual},
    {"GreaterThan", Comparison::Greater},
    {"GreaterThanEquals", Comparison::GreaterEqual},
};
constexpr std::pair<std::string_view, Comparand> comparands[] = {
    {"String", Comparand::String},
    {"Numeric", Comparand::Number},
    {"Boolean", Comparand::Boolean},
    {"Timestamp", Comparand::Timestamp},
};
constexpr std::pair<std::string_view, Test> tests[] = {
    {"IsNull", Test::Null},     {"IsPresent", Test::Present}, {"IsNumeric", Test::Numeric},
    {"IsString", Test::String}, {"IsBoolean", Test::Boolean}, {"IsTimestamp", Test::Timestamp},
};

bool read_operator(Condition& out, std::string_view key) {
  if (key == "StringMatches") {
    out.kind = Condition::Kind::Compare;
    out.comparison = Comparison::Matches;
    return true;
  }
  for (const auto& [prefix, comparand] : comparands) {
    if (!key.starts_with(prefix)) continue;
    std::string_view rest = key.substr(prefix.size());
    if (rest.ends_with("Path")) rest.remove_suffix(4);
    for (const Comparer& comparer : comparers) {
      if (rest != comparer.suffix) continue;
      if (comparand == Comparand::Boolean && comparer.comparison != Comparison::Equal) return false;
      out.kind = Condition::Kind::Compare;
      out.comparand = comparand;
      out.comparison = comparer.comparison;
      return true;
    }
  }
  return false;
}

// `*` stands for any run of characters, `\*` for itself, `\\` for a backslash.
bool wildcard(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
      continue;
    }
    const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
    const std::size_t at = escaped ? p + 1 : p;
    if (at < pattern.size() && pattern[at] == text[t]) {
      p = at + 1;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

bool decide(Comparison comparison, int order) {
  switch (comparison) {
    case Comparison::Equal:
      return order == 0;
    case Comparison::Less:
      return order < 0;
    case Comparison::LessEqual:
      return order <= 0;
    case Comparison::Greater:
      return order > 0;
    case Comparison::GreaterEqual:
      return order >= 0;
    case Comparison::Matches:
      break;
  }
  return false;
}

template <typename T>
int order_of(const T& a, const T& b) {
  return a < b ? -1 : b < a ? 1 : 0;
}

// False when either is of another kind.
bool compare(const Condition& condition, const json::value& left, const json::value& right) {
  switch (condition.comparand) {
    case Comparand::Number:
      return is_any_number(left) && is_any_number(right) &&
             decide(condition.comparison, order_of(number_of(left), number_of(right)));
    case Comparand::Boolean:
      return left.is_bool() && right.is_bool() && left.get_bool() == right.get_bool();
    case Comparand::String: {
      if (!is_text(left) || !is_text(right)) return false;
      const std::string_view a(left.get_string());
      const std::string_view b(right.get_string());
      if (condition.comparison == Comparison::Matches) return wildcard(b, a);
      return decide(condition.comparison, order_of(a, b));
    }
    case Comparand::Timestamp: {
      if (!left.is_string() || !right.is_string()) return false;
      const auto a = strict_timestamp(std::string_view(left.get_string()));
      const auto b = strict_timestamp(std::string_view(right.get_string()));
      return a && b && decide(condition.comparison, order_of(*a, *b));
    }
  }
  return false;
}

bool is(Test test, const json::value& value) {
  switch (test) {
    case Test::Null:
      return value.is_null();
    case Test::Present:
      return true;
    case Test::Numeric:
      return is_any_number(value);
    case Test::String:
      return is_text(value);
    case Test::Boolean:
      return value.is_bool();
    case Test::Timestamp:
      return value.is_string() && strict_timestamp(std::string_view(value.get_string()));
  }
  return false;
}

std::unexpected<QueryFailure> invalid_path(const Reference& reference,
                                           std::string_view error = {}) {
  if (error == null_input)
    return std::unexpected(
        QueryFailure{.error = "States.Runtime", .cause = std::string(null_input_text)});
  return std::unexpected(QueryFailure{
      .error = "States.Runtime",
      .cause =
          fmt::format("Invalid path '{}': The choice state's condition path references an invalid "
                      "value.",
                      reference.text)});
}

}  // namespace

std::optional<Timestamp> strict_timestamp(std::string_view text) {
  if (text.size() < 20 || text[10] != 'T') return std::nullopt;
  const auto time = parse_iso8601(text);
  if (!time) return std::nullopt;
  return *time;
}

Result<Condition> compile_condition(const json::object& rule, std::size_t depth) {
  if (depth > depth_max) return fail("InvalidDefinition", "Choice rules nested too deep");
  Condition out;
  for (const auto& [name, kind] :
       {std::pair{"And", Condition::Kind::And}, std::pair{"Or", Condition::Kind::Or}}) {
    const json::array* parts = find_array(rule, name);
    if (!parts) continue;
    out.kind = kind;
    for (const json::value& part : *parts) {
      if (!part.is_object())
        return fail("InvalidDefinition", fmt::format("{} holds no object", name));
      KIBAN_TRY(Condition inner, compile_condition(part.get_object(), depth + 1));
      out.parts.push_back(std::move(inner));
    }
    return out;
  }
  if (const json::object* part = find_object(rule, "Not")) {
    KIBAN_TRY(Condition inner, compile_condition(*part, depth + 1));
    out.kind = Condition::Kind::Not;
    out.parts.push_back(std::move(inner));
    return out;
  }
  const json::string* variable = find_string(rule, "Variable");
  if (!variable)
    return fail("InvalidDefinition", "A Choice rule needs 'Variable', 'And', 'Or' or 'Not'");
  KIBAN_TRY(out.variable, Reference::parse(std::string_view(*variable)));
  for (const auto& member : rule) {
    const std::string_view key = member.key();
    for (const auto& [name, test] : tests) {
      if (key != name || !member.value().is_bool()) continue;
      out.kind = Condition::Kind::Is;
      out.test = test;
      out.expected = member.value().get_bool();
      return out;
    }
    if (!read_operator(out, key)) continue;
    if (key.ends_with("Path")) {
      if (!member.value().is_string())
        return fail("InvalidDefinition", fmt::format("The field '{}' must be a path", key));
      KIBAN_TRY(out.path, Reference::parse(std::string_view(member.value().get_string())));
    } else {
      out.literal = member.value();
    }
    return out;
  }
  return fail("InvalidDefinition", "A Choice rule has no comparison operator");
}

QueryResult<bool> holds(const Condition& condition, const Environment& environment) {
  switch (condition.kind) {
    case Condition::Kind::And:
    case Condition::Kind::Or: {
      const bool all = condition.kind == Condition::Kind::And;
      for (const Condition& part : condition.parts) {
        const auto result = holds(part, environment);
        if (!result) return result;
        if (*result != all) return !all;
      }
      return all;
    }
    case Condition::Kind::Not: {
      const auto result = holds(condition.parts.front(), environment);
      if (!result) return result;
      return !*result;
    }
    case Condition::Kind::Is:
    case Condition::Kind::Compare:
      break;
  }
  const Reference& variable = condition.variable;
  if (variable.root == Reference::Root::Input && environment.input().is_null())
    return invalid_path(variable, null_input);
  const json::value* value = variable.find(environment);
  json::value selected;
  if (!value && !condition.variable.path.single()) {
    auto found = condition.variable.select(environment);
    if (found) {
      selected = *std::move(found);
      value = &selected;
    }
  }
  if (condition.kind == Condition::Kind::Is) {
    if (condition.test == Test::Present) return (value != nullptr) == condition.expected;
    if (!value) return invalid_path(condition.variable);
    return is(condition.test, *value) == condition.expected;
  }
  if (!value) return invalid_path(condition.variable);
  if (!condition.path) return compare(condition, *value, condition.literal);
  const auto right = condition.path->select(environment);
  if (!right) return invalid_path(*condition.path, right.error().name);
  return compare(condition, *value, *right);
}

}  // namespace kiban::asl
