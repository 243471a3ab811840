// Pattern::parse. The texts are those that AWS answers (recorded), and where no recording exists
// those of aws/event-ruler, the library that EventBridge runs.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>

#include "patterns/json_tokens.h"
#include "patterns/pattern.h"

namespace kiban::patterns {
namespace {

constexpr std::string_view one_key = "Only one key allowed in match expression";
constexpr std::string_view too_many_elements = "Too many elements in numeric expression";

std::unexpected<Error> refuse(std::string_view reason) {
  return fail("InvalidEventPatternException",
              fmt::format("Event pattern is not valid. Reason: {}", reason));
}

double double_of(const std::string& text) {
  double value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

bool is_number(Token token) { return token == Token::Integer || token == Token::Float; }

}  // namespace

class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : tokens_(text) {}

  Result<Pattern> run() {
    KIBAN_TRY(const Token start, tokens_.next());
    if (start != Token::ObjectStart) return invalid("Filter is not an object");
    std::vector<Pattern::Keys> alternatives(1);
    KIBAN_TRY_VOID(object(alternatives, ""));
    Pattern pattern;
    pattern.alternatives_ = std::move(alternatives);
    return pattern;
  }

 private:
  using Alternatives = std::vector<Pattern::Keys>;

  // Errors of this class carry the bare reason; Pattern::parse puts AWS's words around it.
  std::unexpected<Error> invalid(std::string_view message) const {
    return fail("InvalidPattern", tokens_.with_place(message));
  }
  std::unexpected<Error> invalid_without_place(std::string message) const {
    return fail("InvalidPattern", std::move(message));
  }

  Result<void> end_of_object(std::string_view message) {
    KIBAN_TRY(const Token token, tokens_.next());
    if (token != Token::ObjectEnd) return invalid(message);
    return {};
  }

  Result<void> object(Alternatives& alternatives, const std::string& path) {
    bool empty = true;
    while (true) {
      KIBAN_TRY(const Token token, tokens_.next());
      if (token == Token::ObjectEnd) break;
      empty = false;
      const std::string name = tokens_.text();
      if (name == "$or") {
        KIBAN_TRY_VOID(alternation(alternatives, path));
        continue;
      }
      std::string below = path;
      if (!below.empty()) below += '.';
      below += name;
      KIBAN_TRY(const Token value, tokens_.next());
      if (value == Token::ObjectStart) {
        KIBAN_TRY_VOID(object(alternatives, below));
      } else if (value == Token::ArrayStart) {
        KIBAN_TRY(const auto matchers, values());
        for (auto& keys : alternatives) keys[below] = matchers;
      } else {
        return invalid(fmt::format("\"{}\" must be an object or an array", name));
      }
    }
    if (empty) return invalid("Empty objects are not allowed");
    return {};
  }

  Result<void> alternation(Alternatives& alternatives, const std::string& path) {
    KIBAN_TRY(const Token start, tokens_.next());
    if (start != Token::ArrayStart) return invalid("It must be an Array followed with $or.");
    Alternatives all;
    std::size_t choices = 0;
    while (true) {
      KIBAN_TRY(const Token token, tokens_.next());
      if (token == Token::ArrayEnd) break;
      if (token != Token::ObjectStart) {
        return invalid("Only JSON object is allowed in array of $or relationship.");
      }
      ++choices;
      Alternatives choice = alternatives;
      KIBAN_TRY_VOID(object(choice, path));
      if (all.size() + choice.size() > alternatives_max) {  // The text is ours.
        return invalid_without_place(fmt::format(
            "Rule is too complex - $or makes more than {} combinations", alternatives_max));
      }
      std::ranges::move(choice, std::back_inserter(all));
    }
    if (choices < 2) return invalid("There must have at least 2 Objects in $or relationship.");
    alternatives = std::move(all);
    return {};
  }

  // Behind the opening bracket of a key's values.
  Result<std::vector<Matcher>> values() {
    std::vector<Matcher> matchers;
    while (true) {
      KIBAN_TRY(const Token token, tokens_.next());
      if (token == Token::ArrayEnd) break;
      if (token == Token::ObjectStart) {
        KIBAN_TRY(Matcher matcher, expression());
        matchers.push_back(std::move(matcher));
        continue;
      }
      if (token == Token::ArrayStart) {
        return invalid("Match value must be String, number, true, false, or null");
      }
      matchers.push_back({.kind = Matcher::Kind::AnyOf, .tests = {value(token)}});
    }
    if (matchers.empty()) return invalid("Empty arrays are not allowed");
    return matchers;
  }

  Test value(Token token) {
    const std::string& text = tokens_.text();
    if (token == Token::String) return Text{.text = text};
    if (is_number(token)) return Number{.value = double_of(text)};
    if (token == Token::Null) return Literal{.kind = json::kind::null};
    return Literal{.kind = json::kind::bool_, .value = token == Token::True};
  }

  // Behind the opening brace of {"operator": ...}.
  Result<Matcher> expression() {
    KIBAN_TRY(const Token token, tokens_.next());
    if (token != Token::Name) return invalid("Match expression name not found");
    const std::string name = tokens_.text();
    if (name == "anything-but") return anything_but();
    if (name == "exists") return exists();
    Matcher matcher;
    if (name == "numeric") {
      KIBAN_TRY(const Token start, tokens_.next());
      if (start != Token::ArrayStart) return invalid("Value of numeric must be an array.");
      KIBAN_TRY(const Range range, numeric());
      matcher.tests.emplace_back(range);
      KIBAN_TRY_VOID(end_of_object(too_many_elements));
      return matcher;
    }
    if (name == "prefix" || name == "suffix") {
      KIBAN_TRY(Test test, affix(name));
      matcher.tests.push_back(std::move(test));
    } else {
      KIBAN_TRY(Test test, plain(name));
      matcher.tests.push_back(std::move(test));
    }
    KIBAN_TRY_VOID(end_of_object(one_key));
    return matcher;
  }

  Result<Matcher> exists() {
    KIBAN_TRY(const Token token, tokens_.next());
    if (token != Token::True && token != Token::False) {
      return invalid("exists match pattern must be either true or false.");
    }
    KIBAN_TRY_VOID(end_of_object(one_key));
    return Matcher{.kind = token == Token::True ? Matcher::Kind::Exists : Matcher::Kind::Absent};
  }

  // {"prefix": "a"} or {"prefix": {"equals-ignore-case": "a"}}.
  Result<Test> affix(const std::string& name) {
    KIBAN_TRY(Token token, tokens_.next());
    Case letters = Case::Exact;
    const std::string must_be_string = name + " match pattern must be a string";
    if (token == Token::ObjectStart) {
      KIBAN_TRY(const Token inner, tokens_.next());
      if (inner != Token::Name || tokens_.text() != "equals-ignore-case") {
        return invalid(must_be_string);
      }
      KIBAN_TRY(token, tokens_.next());
      letters = Case::Ignored;
    }
    if (token != Token::String) return invalid(must_be_string);
    std::string text = letters == Case::Ignored ? fold_case(tokens_.text()) : tokens_.text();
    if (letters == Case::Ignored) KIBAN_TRY_VOID(end_of_object(one_key));
    if (name == "prefix") return Prefix{.text = std::move(text), .letters = letters};
    return Suffix{.text = std::move(text), .letters = letters};
  }

  // Operators that take one string.
  Result<Test> plain(const std::string& name) {
    if (name != "cidr" && name != "equals-ignore-case" && name != "wildcard" && name != "exactly") {
      return invalid("Unrecognized match type " + name);
    }
    KIBAN_TRY(const Token token, tokens_.next());
    if (token != Token::String) {
      // AWS says "prefix" of cidr too (recorded).
      const auto named = name == "cidr" ? "prefix" : name == "exactly" ? "exact" : name;
      return invalid(named + " match pattern must be a string");
    }
    const std::string& text = tokens_.text();
    if (name == "exactly") return Text{.text = text};
    if (name == "equals-ignore-case") return IgnoreCase{.folded = fold_case(text)};
    if (name == "wildcard") return wildcard(text);
    auto cidr = parse_cidr(text);
    if (!cidr) return invalid_without_place(cidr.error().cause);
    return *cidr;
  }

  Result<Test> wildcard(const std::string& text) const {
    auto parsed = parse_wildcard(text);
    if (!parsed) return invalid_without_place(parsed.error().cause);
    return *std::move(parsed);
  }

  Result<Matcher> anything_but() {
    KIBAN_TRY(const Token token, tokens_.next());
    Matcher matcher{.kind = Matcher::Kind::NoneOf};
    if (token == Token::ObjectStart) {
      KIBAN_TRY(const Token inner, tokens_.next());
      if (inner != Token::Name) return invalid("Anything-But expression name not found");
      const std::string name = tokens_.text();
      KIBAN_TRY(matcher.tests, anything_but_operator(name));
      KIBAN_TRY_VOID(end_of_object(name == "equals-ignore-case" ? too_many_elements : one_key));
      KIBAN_TRY_VOID(end_of_object(name == "equals-ignore-case" ? too_many_elements : one_key));
      return matcher;
    }
    if (token == Token::ArrayStart) {
      KIBAN_TRY(matcher.tests, anything_but_list());
    } else if (token == Token::String || is_number(token)) {
      matcher.tests.push_back(value(token));
    } else {
      return invalid(anything_but_kinds);
    }
    KIBAN_TRY_VOID(end_of_object(too_many_elements));
    return matcher;
  }

  static constexpr std::string_view anything_but_kinds =
      "Value of anything-but must be an array or single string/number value.";

  // A fault inside a list is reported with its place twice (recorded).
  template <typename T>
  Result<T> placed_again(Result<T> result) const {
    if (result) return result;
    return invalid(result.error().cause);
  }

  Result<std::vector<Test>> anything_but_list() {
    bool numbers = false;
    bool strings = false;
    const auto member = [&](Token token) -> Result<Test> {
      if (token != Token::String && !is_number(token)) {
        return invalid("Inside anything but list, start|null|boolean is not supported.");
      }
      (token == Token::String ? strings : numbers) = true;
      return value(token);
    };
    KIBAN_TRY(auto tests, placed_again(list(member)));
    if (numbers == strings) {
      return invalid(
          "Inside anything but list, either all values are number or string, mixed type is not "
          "supported");
    }
    return tests;
  }

  Result<std::vector<Test>> list(const std::function<Result<Test>(Token)>& member) {
    std::vector<Test> tests;
    while (true) {
      KIBAN_TRY(const Token token, tokens_.next());
      if (token == Token::ArrayEnd) return tests;
      KIBAN_TRY(Test test, member(token));
      tests.push_back(std::move(test));
    }
  }

  Result<std::vector<Test>> anything_but_operator(const std::string& name) {
    const bool affix = name == "prefix" || name == "suffix";
    if (!affix && name != "wildcard" && name != "equals-ignore-case") {
      return invalid("Unsupported anything-but pattern: " + name);
    }
    const auto member = [&](Token token) -> Result<Test> {
      if (token != Token::String) {
        if (affix) return invalid("prefix/suffix match pattern must be a string");
        if (name == "wildcard") return invalid("wildcard match pattern must be a string");
        return invalid(
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not "
            "supported.");
      }
      const std::string& text = tokens_.text();
      if (affix && text.empty()) return invalid("Null prefix/suffix not allowed");
      if (name == "prefix") return Prefix{.text = text};
      if (name == "suffix") return Suffix{.text = text};
      if (name == "equals-ignore-case") return IgnoreCase{.folded = fold_case(text)};
      return wildcard(text);
    };
    KIBAN_TRY(const Token token, tokens_.next());
    if (token != Token::ArrayStart) {
      if (token != Token::String && !is_number(token)) return invalid(anything_but_kinds);
      KIBAN_TRY(Test test, member(token));
      return std::vector<Test>{std::move(test)};
    }
    KIBAN_TRY(auto tests, placed_again(list(member)));
    if (tests.empty()) return invalid("Empty arrays are not allowed");
    return tests;
  }

  Result<double> bound(std::string_view operation) {
    KIBAN_TRY(const Token token, tokens_.next());
    if (!is_number(token)) return invalid(fmt::format("Value of {} must be numeric", operation));
    return double_of(tokens_.text());
  }

  // Behind the opening bracket of ["=", 5] or [">", 0, "<=", 5].
  Result<Range> numeric() {
    KIBAN_TRY(const Token token, tokens_.next());
    if (token != Token::String) return invalid("Invalid member in numeric match: " + shown(token));
    const std::string operation = tokens_.text();
    if (operation != "=" && operation != "<" && operation != "<=" && operation != ">" &&
        operation != ">=") {
      KIBAN_TRY(const Token skipped, tokens_.next());
      static_cast<void>(skipped);
      return invalid("Unrecognized numeric range operator: " + operation);
    }
    KIBAN_TRY(const double value, bound(operation == "=" ? "equals" : operation));
    Range range;
    if (operation != "<" && operation != "<=") {
      range.bottom = value;
      range.has_bottom = true;
      range.open_bottom = operation == ">";
    }
    if (operation != ">" && operation != ">=") {
      range.top = value;
      range.has_top = true;
      range.open_top = operation == "<";
    }
    KIBAN_TRY(const Token next, tokens_.next());
    if (next == Token::ArrayEnd) return range;
    if (range.has_top) return invalid(too_many_elements);
    return upper_bound(range, next);
  }

  Result<Range> upper_bound(Range range, Token token) {
    if (token != Token::String) return invalid("Bad value in numeric range: " + shown(token));
    const std::string operation = tokens_.text();
    if (operation != "<" && operation != "<=") {
      return invalid("Bad numeric range operator: " + operation);
    }
    KIBAN_TRY(range.top, bound(operation));
    range.has_top = true;
    range.open_top = operation == "<";
    KIBAN_TRY(const Token end, tokens_.next());
    if (end != Token::ArrayEnd) return invalid("Too many terms in numeric range expression");
    if (range.bottom >= range.top) return invalid("Bottom must be less than top");
    return range;
  }

  std::string shown(Token token) {
    switch (token) {
      case Token::ObjectStart:
        return "{";
      case Token::ObjectEnd:
        return "}";
      case Token::ArrayStart:
        return "[";
      case Token::ArrayEnd:
        return "]";
      default:
        return tokens_.text();
    }
  }

  JsonTokens tokens_;
};

Result<Pattern> Pattern::parse(std::string_view text) {
  auto pattern = PatternParser(text).run();
  if (!pattern) return refuse(pattern.error().cause);
  return pattern;
}

}  // namespace kiban::patterns
