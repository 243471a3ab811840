// The Condition element of a statement.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "iam/pattern.h"

namespace kiban::iam {

// A condition operator by its parts: ForAnyValue:StringNotLikeIfExists.
struct Operator {
  enum class Type : std::uint8_t { String, Number, Date, Bool, Binary, Ip, Arn, Null };
  enum class Comparison : std::uint8_t {
    Equals,
    EqualsIgnoreCase,
    Like,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
  };
  enum class Set : std::uint8_t { None, All, Any };
  Type type{Type::String};
  Comparison comparison{Comparison::Equals};
  bool negated{false};
  Set set{Set::None};
  bool if_exists{false};
};
// Names are compared without case. nullopt: the operator does not exist.
std::optional<Operator> parse_operator(std::string_view name);

// One operator with one key. Values of another type than the operator's never match, neither those
// of the policy nor those of the request; that holds for negated operators too.
class Condition {
 public:
  // `values` is one value or a list, as the grammar allows it.
  Condition(const Operator& given, std::string_view key, const json::value& values,
            Variables variables);

  bool holds(const Scope& scope) const;

  // The keys that it reads: its own and those of its variables, as they are written.
  std::vector<std::string> context_keys() const;

 private:
  struct Network {
    std::array<unsigned char, 16> address{};
    std::size_t bytes{4};
    std::size_t bits{32};
  };
  static std::optional<Network> parse_network(std::string_view text);
  static bool contains(const Network& network, const Network& address);

  void add(const std::string& value, Variables variables);
  // Whether a value is equal to one of the policy's; nothing when its type is another.
  std::optional<bool> is_one_of(const std::string& value, const Scope& scope) const;
  bool compares(double value) const;

  Operator operator_;
  std::string name_;
  std::string key_;    // name_ in lower case.
  bool usable_{true};  // Unless the policy has values, all of another type.
  std::vector<Pattern> patterns_{};
  std::vector<double> numbers_{};  // Dates are seconds since 1970.
  std::vector<std::string> texts_{};
  std::vector<Network> networks_{};
};

// A value of JSON as a text: booleans and numbers as they are written.
std::string value_text(const json::value& value);

// Seconds since 1970 of a time in one of the W3C's forms of ISO 8601, or of a number of seconds. A
// time without a zone is UTC; four digits are a year.
std::optional<double> parse_date(std::string_view text);
std::optional<double> parse_number(std::string_view text);

}  // namespace kiban::iam
