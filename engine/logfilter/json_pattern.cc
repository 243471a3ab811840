#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "logfilter/condition.h"
#include "logfilter/patterns.h"

namespace kiban::logfilter {
namespace {

constexpr std::size_t wildcards_max = 3;  // Of a pattern; a selector has one at most.

struct AnyElement {
  bool operator==(const AnyElement&) const = default;
};
using Step = std::variant<std::string, std::size_t, AnyElement>;
using Selector = std::vector<Step>;

enum class Test : std::uint8_t { Compare, IsNull, IsTrue, IsFalse, NotExists };

struct Condition {
  Selector selector{};
  Test test{Test::Compare};
  Comparison comparison{};
};

bool in_selector(char c) { return is_word(c) || c == '-'; }

// Unquoted texts: the page shows 123.123.* beside letters, digits and '_'.
bool in_text(char c) { return is_word(c) || c == '.' || c == '*' || c == '-' || c == '+'; }

// Between brackets: a number, '*', or a name in quotes. The bracket is open.
std::optional<Step> read_bracket(Scanner& scanner) {
  std::optional<Step> step;
  if (scanner.take("*")) {
    step = AnyElement{};
  } else if (scanner.take("'")) {
    const std::string name = scanner.take_while([](char c) { return c != '\''; });
    if (name.empty() || !scanner.take("'")) return std::nullopt;
    step = name;
  } else if (scanner.peek() == '"') {
    auto name = scanner.quoted();
    if (!name || name->empty()) return std::nullopt;
    step = *std::move(name);
  } else {
    const std::string digits = scanner.take_while([](char c) { return c >= '0' && c <= '9'; });
    if (digits.empty() || digits.size() > 9) return std::nullopt;
    step = static_cast<std::size_t>(std::stoul(digits));
  }
  if (!scanner.take("]")) return std::nullopt;
  return step;
}

// "$.users[0].id", "$.['cluster.name']", "$.*"; nullopt also for a second wildcard.
std::optional<Selector> read_selector(Scanner& scanner) {
  if (!scanner.take("$")) return std::nullopt;
  Selector selector;
  while (true) {
    if (scanner.take(".")) {
      if (scanner.take("[")) {
        auto step = read_bracket(scanner);
        if (!step) return std::nullopt;
        selector.push_back(*std::move(step));
      } else if (scanner.take("*")) {
        selector.emplace_back(AnyElement{});
      } else {
        std::string name = scanner.take_while(in_selector);
        if (name.empty()) return std::nullopt;
        selector.emplace_back(std::move(name));
      }
    } else if (scanner.take("[")) {
      auto step = read_bracket(scanner);
      // "Place arrays after property selectors."
      if (!step || (selector.empty() && !std::holds_alternative<std::string>(*step)))
        return std::nullopt;
      selector.push_back(*std::move(step));
    } else {
      break;
    }
  }
  if (selector.empty() || std::ranges::count(selector, Step{AnyElement{}}) > 1) return std::nullopt;
  return selector;
}

// All that the selector points to.
std::vector<const json::value*> select(const json::object& event, const Selector& selector) {
  std::vector<const json::value*> found;
  std::vector<const json::value*> next;
  for (std::size_t i = 0; i < selector.size(); ++i) {
    next.clear();
    const auto step_into = [&](const json::object* object, const json::array* array) {
      if (const auto* name = std::get_if<std::string>(&selector[i])) {
        const json::value* member = object ? object->if_contains(*name) : nullptr;
        if (member) next.push_back(member);
      } else if (const auto* index = std::get_if<std::size_t>(&selector[i])) {
        if (array && *index < array->size()) next.push_back(&(*array)[*index]);
      } else if (object) {
        for (const auto& member : *object) next.push_back(&member.value());
      } else if (array) {
        for (const json::value& element : *array) next.push_back(&element);
      }
    };
    if (i == 0) {
      step_into(&event, nullptr);
    } else {
      for (const json::value* value : found) step_into(value->if_object(), value->if_array());
    }
    std::swap(found, next);
  }
  return found;
}

// nullopt for arrays, objects and null: "Value nodes can be strings or numbers."
std::optional<std::string> scalar_text(const json::value& value) {
  if (value.is_string()) return to_string(value.get_string());
  if (value.is_number() || value.is_bool()) return print_json(value);
  return std::nullopt;
}

bool holds(const Condition& condition, const json::value& value) {
  switch (condition.test) {
    case Test::IsNull:
      return value.is_null();
    case Test::IsTrue:
      return value.is_bool() && value.get_bool();
    case Test::IsFalse:
      return value.is_bool() && !value.get_bool();
    case Test::NotExists:
      return false;
    case Test::Compare:
      break;
  }
  const auto text = scalar_text(value);
  if (!text) return false;
  const std::optional<double> number =
      value.is_number() ? std::optional(value.to_number<double>()) : std::nullopt;
  return condition.comparison.holds(*text, number);
}

class JsonPattern : public Pattern {
 public:
  static std::unique_ptr<JsonPattern> parse(std::string_view text) {
    Scanner scanner(text);
    if (!scanner.take("{")) return nullptr;
    auto pattern = std::make_unique<JsonPattern>();
    auto expression = read_expression(scanner, [&] { return pattern->read_test(scanner); });
    scanner.skip_spaces();
    if (!expression || !scanner.take("}") || !scanner.done() || !pattern->within_quotas())
      return nullptr;
    pattern->expression_ = *std::move(expression);
    return pattern;
  }

  bool matches(const Message& message) const override {
    const json::object* event = message.object();
    return event && expression_.holds([&](std::size_t test) {
      const Condition& condition = conditions_[test];
      const auto values = select(*event, condition.selector);
      if (condition.test == Test::NotExists) return values.empty();
      return std::ranges::any_of(
          values, [&](const json::value* value) { return holds(condition, *value); });
    });
  }
  bool has_fields() const override { return true; }
  bool names(std::string_view reference) const override {
    Scanner scanner(reference);
    const auto selector = read_selector(scanner);
    return selector && scanner.done() &&
           std::ranges::any_of(conditions_, [&](const Condition& condition) {
             return condition.selector == *selector;
           });
  }
  std::optional<std::string> field(const Message& message,
                                   std::string_view reference) const override {
    Scanner scanner(reference);
    const auto selector = read_selector(scanner);
    const json::object* event = message.object();
    if (!selector || !event) return std::nullopt;
    const auto values = select(*event, *selector);
    return values.empty() ? std::nullopt : scalar_text(*values.front());
  }
  std::size_t regex_count() const override {
    return static_cast<std::size_t>(std::ranges::count_if(conditions_, [](const Condition& each) {
      return std::holds_alternative<Regex>(each.comparison.operand);
    }));
  }
  std::size_t shared_cost() const override { return 10; }  // Parsing.
  std::size_t cost() const override {
    std::size_t sum = shared_cost();
    for (const Condition& condition : conditions_) {
      const auto* regex = std::get_if<Regex>(&condition.comparison.operand);
      sum += regex ? regex->steps() : 1;
    }
    return sum;
  }

 private:
  std::optional<std::size_t> read_test(Scanner& scanner) {
    auto selector = read_selector(scanner);
    if (!selector) return std::nullopt;
    scanner.skip_spaces();
    Condition condition{.selector = *std::move(selector)};
    if (scanner.take_keyword("IS")) {
      scanner.skip_spaces();
      if (scanner.take_keyword("NULL"))
        condition.test = Test::IsNull;
      else if (scanner.take_keyword("TRUE"))
        condition.test = Test::IsTrue;
      else if (scanner.take_keyword("FALSE"))
        condition.test = Test::IsFalse;
      else
        return std::nullopt;
    } else if (scanner.take_keyword("NOT")) {
      scanner.skip_spaces();
      if (!scanner.take_keyword("EXISTS")) return std::nullopt;
      condition.test = Test::NotExists;
    } else {
      auto comparison = read_comparison(scanner, in_text);
      if (!comparison) return std::nullopt;
      condition.comparison = *std::move(comparison);
    }
    conditions_.push_back(std::move(condition));
    return conditions_.size() - 1;
  }

  bool within_quotas() const {
    const auto wildcards = std::ranges::count_if(conditions_, [](const Condition& condition) {
      return std::ranges::count(condition.selector, Step{AnyElement{}}) > 0;
    });
    return std::cmp_less_equal(wildcards, wildcards_max) && regex_count() <= regexes_max;
  }

  std::vector<Condition> conditions_{};
  Expression expression_{};
};

}  // namespace

std::unique_ptr<Pattern> parse_json_pattern(std::string_view pattern) {
  return JsonPattern::parse(pattern);
}

bool is_json_reference(std::string_view reference) {
  Scanner scanner(reference);
  const auto selector = read_selector(scanner);
  return selector && scanner.done() && std::ranges::count(*selector, Step{AnyElement{}}) == 0;
}

}  // namespace kiban::logfilter
