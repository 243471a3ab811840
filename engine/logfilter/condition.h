// Conditions on one value, and expressions of them with && and ||.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "logfilter/regex.h"
#include "logfilter/scanner.h"

namespace kiban::logfilter {

enum class Operator : std::uint8_t { Equal, Unequal, Less, LessOrEqual, Greater, GreaterOrEqual };

// '*' at the ends stands for any text. "Ev*ent" means that very text:
// docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
struct TextOperand {
  std::string text{};
  bool any_before{false};
  bool any_behind{false};
};
struct NumberOperand {
  double value{};
  std::string literal{};
};

struct Comparison {
  Operator op{Operator::Equal};
  std::variant<TextOperand, NumberOperand, Regex> operand{};

  // Of a value that has this text, and this number if it is one.
  bool holds(std::string_view text, std::optional<double> number) const;
};

// "= 400", ">= 1e3", "!= \"a*\"", "= %…%". `accepts` says which characters an unquoted text may
// have. Only numbers can be more or less.
std::optional<Comparison> read_comparison(Scanner& scanner, bool (*accepts)(char));

// Tests are numbered in the order of their reading.
struct Expression {
  enum class Kind : std::uint8_t { Test, All, Any };
  Kind kind{Kind::Test};
  std::size_t test{};
  std::vector<Expression> parts{};

  bool holds(const std::function<bool(std::size_t)>& test_holds) const;
};

// () before && before ||. `read_test` reads one test and gives its number, or nullopt for a fault.
// Parentheses nest at most 50 levels (our limit).
std::optional<Expression> read_expression(
    Scanner& scanner, const std::function<std::optional<std::size_t>()>& read_test);

}  // namespace kiban::logfilter
