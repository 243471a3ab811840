#include "jsonpath/filter.h"

#include "core/exact_json.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace kiban::jsonpath {
namespace {

// Backtracking steps of one match of a regular expression. Most need few; how many a match took
// PCRE does not tell, so that one that needs more begins again and counts for the larger limit.
constexpr std::uint32_t match_steps_few = 500;
constexpr std::uint32_t match_steps_most = 10'000;
constexpr std::size_t match_steps_charged = 50;

bool regex_matches(std::string_view pattern, std::string_view text, Budget& budget) {
  if (!budget.spend(match_steps_charged + pattern.size() + text.size() / 8)) return false;
  int code = 0;
  PCRE2_SIZE offset = 0;
  const std::unique_ptr<pcre2_code, void (*)(pcre2_code*)> compiled(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                    PCRE2_ANCHORED | PCRE2_ENDANCHORED, &code, &offset, nullptr),
      [](pcre2_code* c) { pcre2_code_free(c); });
  if (!compiled) return false;
  const std::unique_ptr<pcre2_match_data, void (*)(pcre2_match_data*)> data(
      pcre2_match_data_create_from_pattern(compiled.get(), nullptr),
      [](pcre2_match_data* d) { pcre2_match_data_free(d); });
  const std::unique_ptr<pcre2_match_context, void (*)(pcre2_match_context*)> context(
      pcre2_match_context_create(nullptr),
      [](pcre2_match_context* c) { pcre2_match_context_free(c); });
  const auto match = [&](std::uint32_t limit) {
    pcre2_set_match_limit(context.get(), limit);
    return pcre2_match(compiled.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), 0, 0,
                       data.get(), context.get());
  };
  int found = match(match_steps_few);
  if (found == PCRE2_ERROR_MATCHLIMIT) {
    if (!budget.spend(match_steps_most)) return false;
    found = match(match_steps_most);
  }
  // An expression that goes on for ever neither matches nor differs.
  if (found == PCRE2_ERROR_MATCHLIMIT && !budget.spend(SIZE_MAX)) return false;
  return found >= 0;
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
