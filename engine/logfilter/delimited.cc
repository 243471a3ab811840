#include <algorithm>
#include <string>
#include <vector>

#include "logfilter/condition.h"
#include "logfilter/patterns.h"

namespace kiban::logfilter {
namespace {

bool in_name(char c) { return is_word(c) || c == '-'; }
bool in_text(char c) {
  constexpr std::string_view delimiters = " \t\r\n,[]\"%&|()=<>!";
  return !delimiters.contains(c);
}

// A field of an event: its text without quotes or brackets, and where it begins.
struct Token {
  std::string_view text{};
  std::size_t at{};
};

// "Characters between brackets and double quotation marks are considered single fields."
std::vector<Token> tokens_of(std::string_view event) {
  std::vector<Token> tokens;
  std::size_t at = 0;
  while (true) {
    at = event.find_first_not_of(" \t\r\n", at);
    if (at == std::string_view::npos) return tokens;
    const char opening = event[at];
    if (opening == '"' || opening == '[') {
      const std::size_t end = event.find(opening == '"' ? '"' : ']', at + 1);
      if (end != std::string_view::npos) {
        tokens.push_back({event.substr(at + 1, end - at - 1), at});
        at = end + 1;
        continue;
      }
    }
    const std::size_t end = std::min(event.find_first_of(" \t\r\n", at), event.size());
    tokens.push_back({event.substr(at, end - at), at});
    at = end;
  }
}

struct Condition {
  std::string name{};
  std::size_t field{};
  Comparison comparison{};
};

class Delimited : public Pattern {
 public:
  static std::unique_ptr<Delimited> parse(std::string_view text) {
    Scanner scanner(text);
    if (!scanner.take("[")) return nullptr;
    auto pattern = std::make_unique<Delimited>();
    do {
      if (!pattern->read_field(scanner)) return nullptr;
      scanner.skip_spaces();
    } while (scanner.take(","));
    if (!scanner.take("]") || !scanner.done() || !pattern->resolve()) return nullptr;
    return pattern;
  }

  bool matches(const Message& message) const override {
    const auto values = values_of(message);
    if (!values) return false;
    return std::ranges::all_of(expressions_, [&](const Expression& expression) {
      return expression.holds([&](std::size_t test) {
        const Condition& condition = conditions_[test];
        const std::string_view text = (*values)[position_of(condition.field, values->size())];
        return condition.comparison.holds(text, parse_number(text));
      });
    });
  }
  Fields fields(const Message& message) const override {
    Fields named;
    const auto values = values_of(message);
    if (!values) return named;
    for (std::size_t i = 0; i < values->size(); ++i)
      named["$" + std::to_string(i + 1)] = (*values)[i];
    for (std::size_t field = 0; field < names_.size(); ++field) {
      if (names_[field].empty()) continue;
      const std::size_t position = position_of(field, values->size());
      named.erase("$" + std::to_string(position + 1));
      named["$" + names_[field]] = (*values)[position];
    }
    return named;
  }
  bool has_fields() const override { return true; }
  bool names(std::string_view reference) const override {
    return reference.size() > 1 && reference.front() == '$' &&
           std::ranges::find(names_, reference.substr(1)) != names_.end();
  }
  std::optional<std::string> field(const Message& message,
                                   std::string_view reference) const override {
    const Fields all = fields(message);
    const auto found = all.find(std::string(reference));
    return found == all.end() ? std::nullopt : std::optional(found->second);
  }
  std::size_t regex_count() const override {
    return static_cast<std::size_t>(std::ranges::count_if(conditions_, [](const Condition& each) {
      return std::holds_alternative<Regex>(each.comparison.operand);
    }));
  }
  std::size_t cost() const override {
    std::size_t sum = 3;  // Finding the fields.
    for (const Condition& condition : conditions_) {
      const auto* regex = std::get_if<Regex>(&condition.comparison.operand);
      sum += regex ? regex->steps() : 1;
    }
    return sum;
  }

 private:
  bool read_field(Scanner& scanner) {
    scanner.skip_spaces();
    names_.emplace_back();
    if (scanner.take("...")) {
      if (ellipsis_) return false;
      ellipsis_ = names_.size() - 1;
      return true;
    }
    if (scanner.peek() == ',' || scanner.peek() == ']') return true;  // Without a name.
    bool condition_seen = false;
    auto expression = read_expression(scanner, [&]() -> std::optional<std::size_t> {
      std::string name = scanner.take_while(in_name);
      if (name.empty()) return std::nullopt;
      if (names_.back().empty()) names_.back() = name;
      scanner.skip_spaces();
      if (scanner.peek() == ',' || scanner.peek() == ']') return no_test;
      auto comparison = read_comparison(scanner, in_text);
      if (!comparison) return std::nullopt;
      condition_seen = true;
      conditions_.push_back({.name = std::move(name), .comparison = *std::move(comparison)});
      return conditions_.size() - 1;
    });
    if (!expression) return false;
    const bool name_only = expression->kind == Expression::Kind::Test && !condition_seen;
    if (name_only) return true;
    if (has_bare_name(*expression)) return false;
    expressions_.push_back(*std::move(expression));
    return true;
  }

  static bool has_bare_name(const Expression& expression) {
    if (expression.kind == Expression::Kind::Test) return expression.test == no_test;
    return std::ranges::any_of(expression.parts, has_bare_name);
  }

  // Which field each condition is about: "status_code = 4* && bytes > 1000" may be about two.
  bool resolve() {
    if (names_.size() == 1 && names_[0].empty()) ellipsis_ = 0;  // "[]" takes any event.
    for (Condition& condition : conditions_) {
      const auto found = std::ranges::find(names_, condition.name);
      if (found == names_.end()) return false;
      condition.field = static_cast<std::size_t>(found - names_.begin());
    }
    return regex_count() <= regexes_max;
  }

  // Of a field among `count` values.
  std::size_t position_of(std::size_t field, std::size_t count) const {
    return ellipsis_ && field > *ellipsis_ ? count - (names_.size() - field) : field;
  }

  // nullopt: the event has too few fields. Without an ellipsis the last field takes all that is
  // left, as [w1=ERROR, w2] of the page finds "ERROR 09/25/2014 12:00:02 Failed to process".
  std::optional<std::vector<std::string>> values_of(const Message& message) const {
    const std::vector<Token> tokens = tokens_of(message.text());
    const std::size_t needed = ellipsis_ ? names_.size() - 1 : names_.size();
    if (tokens.size() < needed) return std::nullopt;
    std::vector<std::string> values;
    values.reserve(tokens.size());
    for (const Token& token : tokens) values.emplace_back(token.text);
    if (ellipsis_ || tokens.size() == needed) return values;
    values.resize(needed);
    std::string_view rest = message.text().substr(tokens[needed - 1].at);
    rest = rest.substr(0, rest.find_last_not_of(" \t\r\n") + 1);
    values.back() = rest;
    return values;
  }

  static constexpr std::size_t no_test = SIZE_MAX;
  std::vector<std::string> names_{};  // Empty: without a name.
  std::optional<std::size_t> ellipsis_{};
  std::vector<Condition> conditions_{};
  std::vector<Expression> expressions_{};
};

}  // namespace

std::unique_ptr<Pattern> parse_delimited(std::string_view pattern) {
  return Delimited::parse(pattern);
}

}  // namespace kiban::logfilter
