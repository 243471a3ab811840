#include "jsonpath/filter.h"

#include <optional>

#include "core/exact_json.h"
#include "core/regex_budget.h"

namespace kiban::jsonpath {
namespace {

// Backtracking steps of one match of a regular expression. Most need few. PCRE does not report the
// steps taken, so a match that needs more is repeated with the larger limit and charged for it.
constexpr std::uint32_t match_steps_few = 500;
constexpr std::uint32_t match_steps_most = 10'000;
constexpr std::size_t match_steps_charged = 50;
// Of the steps that core/regex_budget.h counts, which include the bytes that backreferences
// compare.
constexpr std::uint64_t counted_steps_per_charge = 100;

// The pattern of a filter is compiled once for all nodes.
const BudgetedRegex* compiled(std::string_view pattern) {
  struct Last {
    std::string pattern{};
    std::optional<BudgetedRegex> regex{};
  };
  thread_local Last last;
  if (last.regex && last.pattern == pattern) return &*last.regex;
  auto regex =
      BudgetedRegex::compile(pattern, PCRE2_ANCHORED | PCRE2_ENDANCHORED, BudgetedRegex::Jit::No);
  if (!regex) return nullptr;
  last = {.pattern = std::string(pattern), .regex = *std::move(regex)};
  return &*last.regex;
}

bool regex_matches(std::string_view pattern, std::string_view text, Budget& budget) {
  if (!budget.spend(match_steps_charged + pattern.size() + text.size() / 8)) return false;
  const BudgetedRegex* regex = compiled(pattern);
  if (!regex) return false;
  std::uint64_t counted = 0;
  auto found = regex->matches(text, match_steps_few, &counted);
  if (!found) {
    if (!budget.spend(match_steps_most)) return false;
    found = regex->matches(text, match_steps_most, &counted);
  }
  if (!budget.spend(counted / counted_steps_per_charge)) return false;
  // An expression that goes on for ever neither matches nor differs.
  if (!found && !budget.spend(SIZE_MAX)) return false;
  return found.value_or(false);
}

std::optional<json::value> value_of(const Operand& operand, const json::value& node,
                                    const json::value& root, Budget& budget) {
  if (operand.kind == Operand::Kind::Literal) {
    if (!budget.spend(1, copy_bytes(operand.literal))) return std::nullopt;
    return operand.literal;
  }
  auto found = operand.path.select(operand.kind == Operand::Kind::Node ? node : root, budget);
  if (!found) return std::nullopt;
  return *std::move(found);
}

std::optional<int> order(const json::value& a, const json::value& b) {
  if (is_any_number(a) && is_any_number(b)) {
    const double x = number_of(a);
    const double y = number_of(b);
    return x < y ? -1 : x > y ? 1 : 0;
  }
  if (is_text(a) && is_text(b)) {
    const int order = a.get_string().compare(b.get_string());
    return order < 0 ? -1 : order > 0 ? 1 : 0;
  }
  return std::nullopt;
}

bool contains(const json::array& list, const json::value& value) {
  for (const json::value& element : list) {
    if (same(element, value)) return true;
  }
  return false;
}

std::optional<std::size_t> size_of(const json::value& value) {
  if (value.is_array()) return value.get_array().size();
  if (is_text(value)) return value.get_string().size();
  if (value.is_object()) return value.get_object().size();
  return std::nullopt;
}

bool compare(const Filter& filter, const json::value& left, const json::value& right,
             Budget& budget) {
  switch (filter.op) {
    case Operator::Equal:
      return same(left, right);
    case Operator::NotEqual:
      return !same(left, right);
    case Operator::Less:
      return order(left, right).value_or(1) < 0;
    case Operator::LessEqual:
      return order(left, right).value_or(1) <= 0;
    case Operator::Greater:
      return order(left, right).value_or(-1) > 0;
    case Operator::GreaterEqual:
      return order(left, right).value_or(-1) >= 0;
    case Operator::Matches:
      return is_text(left) && is_text(right) &&
             regex_matches(std::string_view(right.get_string()),
                           std::string_view(left.get_string()), budget);
    case Operator::In:
      return right.is_array() && contains(right.get_array(), left);
    case Operator::NotIn:
      return !right.is_array() || !contains(right.get_array(), left);
    case Operator::Contains:
      if (left.is_array()) return contains(left.get_array(), right);
      return is_text(left) && is_text(right) &&
             left.get_string().find(right.get_string()) != json::string::npos;
    case Operator::Size: {
      const auto size = size_of(left);
      return size && is_any_number(right) && same(json::value(*size), right);
    }
    case Operator::Empty: {
      const auto size = size_of(left);
      return size && right.is_bool() && (*size == 0) == right.get_bool();
    }
    default:
      return false;
  }
}

}  // namespace

bool same(const json::value& a, const json::value& b) {
  if (is_any_number(a) && is_any_number(b)) return order(a, b) == 0;
  return a == b;
}

bool matches(const Filter& filter, const json::value& node, const json::value& root,
             Budget& budget) {
  if (!budget.spend(1)) return false;
  switch (filter.op) {
    case Operator::And:
      for (const Filter& part : filter.parts) {
        if (!matches(part, node, root, budget)) return false;
      }
      return true;
    case Operator::Or:
      for (const Filter& part : filter.parts) {
        if (matches(part, node, root, budget)) return true;
      }
      return false;
    case Operator::Not:
      return !matches(filter.parts.front(), node, root, budget);
    case Operator::Exists: {
      if (!filter.left.present(node)) return false;
      // A member that is null counts as missing. github.com/floci-io/floci/issues/3480, the answer
      // of Step Functions Local 2.0.0.
      const auto value = value_of(filter.left, node, root, budget);
      if (!value || value->is_null()) return false;
      return filter.left.path.definite() || !value->is_array() || !value->get_array().empty();
    }
    default: {
      // "The @ operator [...] does not match scalar values. It only matches objects".
      // https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
      if (!filter.left.present(node) || !filter.right.present(node)) return false;
      const auto left = value_of(filter.left, node, root, budget);
      const auto right = value_of(filter.right, node, root, budget);
      if (!left || !right) return filter.op == Operator::NotEqual && (left || right);
      return compare(filter, *left, *right, budget);
    }
  }
}

}  // namespace kiban::jsonpath
