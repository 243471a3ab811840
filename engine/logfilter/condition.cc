#include "logfilter/condition.h"

#include <algorithm>

#include "logfilter/filter.h"

namespace kiban::logfilter {
namespace {

constexpr int depth_max = 50;

bool compare(Operator op, double left, double right) {
  switch (op) {
    case Operator::Equal:
      return left == right;
    case Operator::Unequal:
      return left != right;
    case Operator::Less:
      return left < right;
    case Operator::LessOrEqual:
      return left <= right;
    case Operator::Greater:
      return left > right;
    case Operator::GreaterOrEqual:
      return left >= right;
  }
  return false;
}

bool fits(const TextOperand& operand, std::string_view text) {
  if (operand.any_before && operand.any_behind) return text.contains(operand.text);
  if (operand.any_before) return text.ends_with(operand.text);
  if (operand.any_behind) return text.starts_with(operand.text);
  return text == operand.text;
}

std::optional<Operator> read_operator(Scanner& scanner) {
  constexpr std::pair<std::string_view, Operator> operators[] = {
      {"!=", Operator::Unequal}, {"<=", Operator::LessOrEqual}, {">=", Operator::GreaterOrEqual},
      {"=", Operator::Equal},    {"<", Operator::Less},         {">", Operator::Greater},
  };
  for (const auto& [sign, op] : operators)
    if (scanner.take(sign)) return op;
  return std::nullopt;
}

TextOperand text_operand(std::string text) {
  TextOperand operand;
  operand.any_before = text.starts_with('*');
  if (operand.any_before) text.erase(0, 1);
  operand.any_behind = text.ends_with('*') || (operand.any_before && text.empty());
  if (text.ends_with('*')) text.pop_back();
  operand.text = std::move(text);
  return operand;
}

class ExpressionReader {
 public:
  ExpressionReader(Scanner& scanner, const std::function<std::optional<std::size_t>()>& read_test)
      : scanner_(scanner), read_test_(read_test) {}

  std::optional<Expression> any(int depth) {
    return series(Expression::Kind::Any, "||", [&] { return all(depth); });
  }

 private:
  std::optional<Expression> all(int depth) {
    return series(Expression::Kind::All, "&&", [&] { return primary(depth); });
  }

  template <typename Part>
  std::optional<Expression> series(Expression::Kind kind, std::string_view sign, Part read_part) {
    Expression expression{.kind = kind};
    do {
      auto part = read_part();
      if (!part) return std::nullopt;
      expression.parts.push_back(*std::move(part));
      scanner_.skip_spaces();
    } while (scanner_.take(sign));
    if (expression.parts.size() > 1) return expression;
    Expression only = std::move(expression.parts.front());
    return only;
  }

  std::optional<Expression> primary(int depth) {
    scanner_.skip_spaces();
    if (scanner_.take("(")) {
      if (depth == depth_max) return std::nullopt;
      auto inner = any(depth + 1);
      scanner_.skip_spaces();
      if (!inner || !scanner_.take(")")) return std::nullopt;
      return inner;
    }
    const auto test = read_test_();
    if (!test) return std::nullopt;
    return Expression{.kind = Expression::Kind::Test, .test = *test};
  }

  Scanner& scanner_;
  const std::function<std::optional<std::size_t>()>& read_test_;
};

}  // namespace

bool Comparison::holds(std::string_view text, std::optional<double> number) const {
  if (const auto* wanted = std::get_if<NumberOperand>(&operand)) {
    if (number) return compare(op, *number, wanted->value);
    if (op == Operator::Equal) return text == wanted->literal;
    return op == Operator::Unequal && text != wanted->literal;
  }
  const auto* regex = std::get_if<Regex>(&operand);
  const bool found = regex ? regex->found_in(text) : fits(std::get<TextOperand>(operand), text);
  return found == (op == Operator::Equal);
}

std::optional<Comparison> read_comparison(Scanner& scanner, bool (*accepts)(char)) {
  const auto op = read_operator(scanner);
  if (!op) return std::nullopt;
  const bool equality = *op == Operator::Equal || *op == Operator::Unequal;
  scanner.skip_spaces();
  if (scanner.peek() == '"') {
    auto content = scanner.quoted();
    if (!content || !equality) return std::nullopt;
    return Comparison{*op, text_operand(*std::move(content))};
  }
  if (scanner.peek() == '%') {
    auto regex = scanner.regex();
    if (!regex || !equality) return std::nullopt;
    return Comparison{*op, *std::move(regex)};
  }
  std::string literal = scanner.take_while(accepts);
  if (literal.empty()) return std::nullopt;
  if (const auto number = parse_number(literal))
    return Comparison{*op, NumberOperand{*number, std::move(literal)}};
  if (!equality) return std::nullopt;
  return Comparison{*op, text_operand(std::move(literal))};
}

bool Expression::holds(const std::function<bool(std::size_t)>& test_holds) const {
  const auto part_holds = [&](const Expression& part) { return part.holds(test_holds); };
  switch (kind) {
    case Kind::Test:
      return test_holds(test);
    case Kind::All:
      return std::ranges::all_of(parts, part_holds);
    case Kind::Any:
      return std::ranges::any_of(parts, part_holds);
  }
  return false;
}

std::optional<Expression> read_expression(
    Scanner& scanner, const std::function<std::optional<std::size_t>()>& read_test) {
  return ExpressionReader(scanner, read_test).any(0);
}

}  // namespace kiban::logfilter
