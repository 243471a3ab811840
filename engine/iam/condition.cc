#include "iam/condition.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "core/letters.h"
#include "core/time.h"

namespace kiban::iam {
namespace {

using Type = Operator::Type;
using Comparison = Operator::Comparison;

struct Named {
  std::string_view name;
  Type type;
  Comparison comparison;
  bool negated;
};

constexpr std::array operators = {
    Named{"stringequals", Type::String, Comparison::Equals, false},
    Named{"stringnotequals", Type::String, Comparison::Equals, true},
    Named{"stringequalsignorecase", Type::String, Comparison::EqualsIgnoreCase, false},
    Named{"stringnotequalsignorecase", Type::String, Comparison::EqualsIgnoreCase, true},
    Named{"stringlike", Type::String, Comparison::Like, false},
    Named{"stringnotlike", Type::String, Comparison::Like, true},
    Named{"numericequals", Type::Number, Comparison::Equals, false},
    Named{"numericnotequals", Type::Number, Comparison::Equals, true},
    Named{"numericlessthan", Type::Number, Comparison::Less, false},
    Named{"numericlessthanequals", Type::Number, Comparison::LessOrEqual, false},
    Named{"numericgreaterthan", Type::Number, Comparison::Greater, false},
    Named{"numericgreaterthanequals", Type::Number, Comparison::GreaterOrEqual, false},
    Named{"dateequals", Type::Date, Comparison::Equals, false},
    Named{"datenotequals", Type::Date, Comparison::Equals, true},
    Named{"datelessthan", Type::Date, Comparison::Less, false},
    Named{"datelessthanequals", Type::Date, Comparison::LessOrEqual, false},
    Named{"dategreaterthan", Type::Date, Comparison::Greater, false},
    Named{"dategreaterthanequals", Type::Date, Comparison::GreaterOrEqual, false},
    Named{"bool", Type::Bool, Comparison::Equals, false},
    Named{"binaryequals", Type::Binary, Comparison::Equals, false},
    Named{"ipaddress", Type::Ip, Comparison::Equals, false},
    Named{"notipaddress", Type::Ip, Comparison::Equals, true},
    // ArnEquals and ArnLike behave identically.
    Named{"arnequals", Type::Arn, Comparison::Like, false},
    Named{"arnlike", Type::Arn, Comparison::Like, false},
    Named{"arnnotequals", Type::Arn, Comparison::Like, true},
    Named{"arnnotlike", Type::Arn, Comparison::Like, true},
    Named{"null", Type::Null, Comparison::Equals, false},
};

std::optional<std::string> parse_bool(std::string_view text) {
  std::string low = lower_case(text);
  if (low != "true" && low != "false") return std::nullopt;
  return low;
}

// Base64, without what pads it; nothing when it is not base64.
std::optional<std::string> parse_binary(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  const bool good = std::ranges::all_of(text, [](char c) {
    const char low = lower_case(c);
    return (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  });
  if (!good || text.size() % 4 == 1) return std::nullopt;
  return std::string(text);
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_arn(std::string_view text) {
  return text.starts_with("arn:") && arn_parts(text).has_value();
}

}  // namespace

std::optional<Operator> parse_operator(std::string_view name) {
  std::string low = lower_case(name);
  Operator found;
  for (const auto& [prefix, set] :
       {std::pair{std::string_view("forallvalues:"), Operator::Set::All},
        {std::string_view("foranyvalue:"), Operator::Set::Any}}) {
    if (found.set != Operator::Set::None || !low.starts_with(prefix)) continue;
    found.set = set;
    low.erase(0, prefix.size());
  }
  if (low.ends_with("ifexists")) {
    found.if_exists = true;
    low.erase(low.size() - std::string_view("ifexists").size());
  }
  const auto* named = std::ranges::find(operators, std::string_view(low), &Named::name);
  if (named == operators.end() || (named->type == Type::Null && found.if_exists))
    return std::nullopt;
  found.type = named->type;
  found.comparison = named->comparison;
  found.negated = named->negated;
  return found;
}

std::string value_text(const json::value& value) {
  return value.is_string() ? to_string(value.get_string()) : print_json(value);
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number))
    return std::nullopt;
  return number;
}

std::optional<double> parse_date(std::string_view text) {
  if (text.size() != 4 && text.find('-', 1) == std::string_view::npos) return parse_number(text);
  // 2026, 2026-11, 2026-11-24, 2026-11-24T02:55Z, 2026-11-24T02:55:09.140+09:00.
  std::string full(text);
  if (all_digits(full) && full.size() == 4) full += "-01";
  if (full.size() == 7) full += "-01";
  if (full.size() == 10) full += "T00:00:00Z";
  const bool without_seconds =
      full.size() >= 16 && full[13] == ':' && (full.size() == 16 || full[16] != ':');
  if (without_seconds) full.insert(16, ":00");
  const std::size_t zone = full.find_first_of("Zz+-", 19);
  if (full.size() >= 19 && zone == std::string::npos) full += 'Z';
  const auto time = parse_iso8601(full);
  if (!time) return std::nullopt;
  return epoch_seconds(*time);
}

std::optional<Condition::Network> Condition::parse_network(std::string_view text) {
  Network network;
  const std::size_t slash = text.find('/');
  const std::string address(text.substr(0, slash));
  if (address.contains('\0')) return std::nullopt;
  if (inet_pton(AF_INET, address.c_str(), network.address.data()) != 1) {
    if (inet_pton(AF_INET6, address.c_str(), network.address.data()) != 1) return std::nullopt;
    network.bytes = 16;
  }
  network.bits = network.bytes * 8;
  if (slash == std::string_view::npos) return network;
  const std::string_view bits = text.substr(slash + 1);
  const auto parsed = all_digits(bits) && bits.size() <= 3 ? parse_number(bits) : std::nullopt;
  if (!parsed || *parsed > static_cast<double>(network.bits)) return std::nullopt;
  network.bits = static_cast<std::size_t>(*parsed);
  return network;
}

bool Condition::contains(const Network& network, const Network& address) {
  if (network.bytes != address.bytes || address.bits < network.bits) return false;
  const std::size_t whole = network.bits / 8;
  if (!std::equal(network.address.begin(),
                  network.address.begin() + static_cast<std::ptrdiff_t>(whole),
                  address.address.begin()))
    return false;
  const std::size_t rest = network.bits % 8;
  return rest == 0 ||
         (network.address[whole] >> (8 - rest)) == (address.address[whole] >> (8 - rest));
}

Condition::Condition(const Operator& given, std::string_view key, const json::value& values,
                     Variables variables)
    : operator_(given), name_(key), key_(lower_case(key)) {
  if (values.is_array()) {
    for (const json::value& value : values.get_array()) add(value_text(value), variables);
    usable_ = values.get_array().empty();
  } else {
    add(value_text(values), variables);
    usable_ = false;
  }
  usable_ =
      usable_ || !patterns_.empty() || !numbers_.empty() || !texts_.empty() || !networks_.empty();
}

void Condition::add(const std::string& value, Variables variables) {
  switch (operator_.type) {
    case Type::String:
      patterns_.emplace_back(
          value, operator_.comparison == Comparison::Like ? Wildcards::Yes : Wildcards::No,
          variables);
      break;
    case Type::Arn:
      patterns_.emplace_back(value, Wildcards::Yes, variables);
      break;
    case Type::Number:
      if (const auto number = parse_number(value)) numbers_.push_back(*number);
      break;
    case Type::Date:
      if (const auto date = parse_date(value)) numbers_.push_back(*date);
      break;
    case Type::Ip:
      if (const auto network = parse_network(value)) networks_.push_back(*network);
      break;
    case Type::Bool:
    case Type::Null:
      if (auto text = parse_bool(value)) texts_.push_back(*std::move(text));
      break;
    case Type::Binary:
      if (auto text = parse_binary(value)) texts_.push_back(*std::move(text));
      break;
  }
}

bool Condition::compares(double value) const {
  return std::ranges::any_of(numbers_, [&](double wanted) {
    switch (operator_.comparison) {
      case Comparison::Less:
        return value < wanted;
      case Comparison::LessOrEqual:
        return value <= wanted;
      case Comparison::Greater:
        return value > wanted;
      case Comparison::GreaterOrEqual:
        return value >= wanted;
      default:
        return value == wanted;
    }
  });
}

std::optional<bool> Condition::is_one_of(const std::string& value, const Scope& scope) const {
  if (!scope.budget.spend(1 + value.size() + numbers_.size() + texts_.size() + networks_.size()))
    return std::nullopt;
  switch (operator_.type) {
    case Type::String:
      return std::ranges::any_of(patterns_, [&](const Pattern& pattern) {
        return operator_.comparison == Comparison::EqualsIgnoreCase
                   ? pattern.equals_ignoring_case(value, scope)
                   : pattern.matches(value, scope);
      });
    case Type::Arn:
      if (!is_arn(value)) return std::nullopt;
      return std::ranges::any_of(
          patterns_, [&](const Pattern& pattern) { return pattern.matches_arn(value, scope); });
    case Type::Number:
    case Type::Date: {
      const auto number = operator_.type == Type::Number ? parse_number(value) : parse_date(value);
      if (!number) return std::nullopt;
      return compares(*number);
    }
    case Type::Ip: {
      const auto address = parse_network(value);
      if (!address) return std::nullopt;
      return std::ranges::any_of(networks_,
                                 [&](const Network& n) { return contains(n, *address); });
    }
    default: {
      const auto text = operator_.type == Type::Binary ? parse_binary(value) : parse_bool(value);
      if (!text) return std::nullopt;
      return std::ranges::find(texts_, *text) != texts_.end();
    }
  }
}

bool Condition::holds(const Scope& scope) const {
  const std::vector<std::string>* values = scope.context.find(key_);
  if (operator_.type == Type::Null)
    return std::ranges::find(texts_, values ? "false" : "true") != texts_.end();
  // For sets an empty text is a null data set, as if the key were absent.
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
  const bool empty_set =
      values && operator_.set != Operator::Set::None &&
      std::ranges::all_of(*values, [](const std::string& value) { return value.empty(); });
  if (!values || empty_set) {
    if (operator_.if_exists || operator_.set == Operator::Set::All) return true;
    return operator_.set == Operator::Set::None && operator_.negated;
  }
  if (!usable_) return false;
  const auto matches = [&](const std::string& value) {
    const auto found = is_one_of(value, scope);
    return found && *found != operator_.negated;
  };
  // Without a set operator several values match like any of them, negated like none of them.
  const bool all = operator_.set == Operator::Set::All ||
                   (operator_.set == Operator::Set::None && operator_.negated);
  return all ? std::ranges::all_of(*values, matches) : std::ranges::any_of(*values, matches);
}

std::vector<std::string> Condition::context_keys() const {
  std::vector<std::string> keys{name_};
  for (const Pattern& pattern : patterns_)
    for (std::string& key : pattern.variables()) keys.push_back(std::move(key));
  return keys;
}

}  // namespace kiban::iam
