#include "asl/query.h"

#include <fmt/format.h>

#include "asl/query_jsonata.h"
#include "core/exact_json.h"

namespace kiban::asl {
namespace {

constexpr std::size_t nesting_max = 64;  // Our own bound on calls in calls.

bool name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Where a path that begins at `at` ends: at a comma, a bracket or a space outside [ ] and quotes.
std::size_t path_end(std::string_view text, std::size_t at) {
  std::size_t brackets = 0;
  std::size_t parentheses = 0;
  char quote = '\0';
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quote != '\0') {
      if (c == '\\') {
        ++at;
      } else if (c == quote) {
        quote = '\0';
      }
    } else if (brackets > 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '[') {
      ++brackets;
    } else if (c == ']' && brackets > 0) {
      --brackets;
    } else if (c == '(' && brackets == 0) {
      ++parentheses;
    } else if (c == ')' && brackets == 0) {
      if (parentheses == 0) return at;
      --parentheses;
    } else if (c == ',' && brackets == 0) {
      return at;
    }
  }
  return at;
}

struct Reader {
  std::string_view text;
  std::size_t at{0};

  // A call may be written over several lines: github.com/aws/aws-cdk/issues/29299.
  static bool space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  void spaces() {
    while (at < text.size() && space(text[at])) ++at;
  }
  std::unexpected<Error> wrong(std::string_view what) const {
    return fail("InvalidDefinition", fmt::format("{} at position {}", what, at));
  }

  Result<Expression> quoted() {
    Expression out;
    std::string literal;
    for (++at; at < text.size() && text[at] != '\''; ++at) {
      // "' \ { }" alone can be escaped, and an escape that is none of these is refused. Recorded:
      // test_illegal_escapes[ESCAPE_SEQUENCES_ILLEGAL_INTRINSIC_FUNCTION].
      // https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
      if (text[at] == '\\') {
        ++at;
        if (at >= text.size() || std::string_view("'\\{}").find(text[at]) == std::string_view::npos)
          return wrong("illegal escape");
        if (text[at] != '\'') out.text += '\\';
      }
      literal += text[at];
      out.text += text[at];
    }
    if (at >= text.size()) return wrong("unterminated string");
    ++at;
    out.literal = json::string(literal);
    return out;
  }

  Result<Expression> argument(std::size_t depth) {
    spaces();
    if (at >= text.size()) return wrong("an argument is missing");
    if (text[at] == '\'') return quoted();
    if (text[at] == '$') {
      std::size_t last = path_end(text, at);
      std::string_view path = text.substr(at, last - at);
      at = last;
      while (space(path.back())) path.remove_suffix(1);  // Not beyond the $.
      Expression out{.kind = Expression::Kind::Path};
      KIBAN_TRY(out.reference, Reference::parse(path));
      return out;
    }
    if (text.substr(at, 7) == "States.") return call(depth + 1);
    std::size_t last = at;
    while (last < text.size() && text[last] != ',' && text[last] != ')' && !space(text[last]))
      ++last;
    auto literal = parse_json_exactly(text.substr(at, last - at));
    if (!literal || literal->is_structured())
      return wrong(
          "an argument must be a string in single "
          "quotes, a number, a path or a call");
    at = last;
    Expression out;
    out.literal = *std::move(literal);
    return out;
  }

  Result<Expression> call(std::size_t depth) {
    if (depth > nesting_max) return wrong("intrinsic functions nested too deep");
    const std::size_t from = at;
    while (at < text.size() && (name_char(text[at]) || text[at] == '.')) ++at;
    Expression out{.kind = Expression::Kind::Call,
                   .function = std::string(text.substr(from, at - from))};
    if (!known_intrinsic(out.function))
      return wrong(fmt::format("unknown intrinsic function '{}'", out.function.substr(0, 100)));
    spaces();
    if (at >= text.size() || text[at] != '(') return wrong("expected '('");
    ++at;
    spaces();
    if (at < text.size() && text[at] == ')') {
      ++at;
      out.text = std::string(text.substr(from, at - from));
      return out;
    }
    while (true) {
      KIBAN_TRY(Expression next, argument(depth));
      out.arguments.push_back(std::move(next));
      spaces();
      if (at < text.size() && text[at] == ',') {
        ++at;
        continue;
      }
      if (at < text.size() && text[at] == ')') break;
      return wrong("expected ',' or ')'");
    }
    ++at;
    out.text = std::string(text.substr(from, at - from));
    return out;
  }
};

// What States.Format takes for a template: a literal keeps its escapes; in other texts a backslash
// escapes a brace alone.
json::value format_template(const Expression& argument, const json::value& value) {
  if (argument.kind == Expression::Kind::Literal) return json::value(json::string(argument.text));
  if (!is_text(value)) return value;
  const std::string_view text(value.get_string());
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = i + 1 < text.size() && (text[i + 1] == '{' || text[i + 1] == '}');
    if (text[i] == '\\') out += escape ? "\\" : "\\\\";
    if (text[i] != '\\' || escape) out += text[text[i] == '\\' ? ++i : i];
  }
  return json::value(json::string(out));
}

QueryFailure missing(std::string_view text, std::string_view field, const json::value& base) {
  // Recorded by AWS: test_invalid_jsonpath.
  return {
      .error = "States.Runtime",
      .cause = fmt::format("The JSONPath '{}' specified for the field '{}' could not be found in "
                           "the input '{}'",
                           text, field, print_json(base))};
}

std::string_view kind_name(const json::value& value) {
  if (is_text(value)) return "string";
  if (value.is_bool()) return "boolean";
  if (value.is_null()) return "null";
  if (value.is_array()) return "array";
  return value.is_object() ? "object" : "number";
}

}  // namespace

QueryFailure unexpected_type(std::string_view expression, std::string_view location,
                             std::string_view expected, const json::value& value) {
  return {.error = "States.QueryEvaluationError",
          .cause = fmt::format("The JSONata expression '{}' specified for the field '{}' returned "
                               "an unexpected result type. Expected '{}', but was '{}' for value: "
                               "{}",
                               expression, location, expected, kind_name(value), print_json(value)),
          .location = std::string(location)};
}

Result<Reference> Reference::parse(std::string_view text) {
  Reference out{.text = std::string(text)};
  std::string_view rest = text;
  if (text.starts_with("$$")) {
    out.root = Root::Context;
    rest = text.substr(1);
  } else if (text.size() > 1 && text[0] == '$' && name_char(text[1])) {
    out.root = Root::Variable;
    std::size_t last = 1;
    // Names may contain Unicode letters as well; any other character ends the name.
    while (last < text.size() && (name_char(text[last]) || (text[last] & 0x80) != 0)) ++last;
    out.variable = std::string(text.substr(1, last - 1));
    KIBAN_TRY(out.path, jsonpath::Path::parse("$" + std::string(text.substr(last))));
    return out;
  }
  KIBAN_TRY(out.path, jsonpath::Path::parse(rest));
  return out;
}

const json::value* Reference::base(const Environment& environment) const {
  switch (root) {
    case Root::Input:
      return &environment.input();
    case Root::Context:
      return &environment.context();
    case Root::Variable:
      return environment.variable(variable);
  }
  return nullptr;
}

const json::value* Reference::find(const Environment& environment) const {
  const json::value* from = base(environment);
  return from ? path.find(*from) : nullptr;
}

Result<json::value> Reference::select(const Environment& environment) const {
  const json::value* from = base(environment);
  if (!from)
    return fail("PathNotFound", fmt::format("The variable '${}' is not defined", variable));
  if (root == Root::Input && from->is_null())
    return fail(std::string(null_input), std::string(null_input_text));
  if (path.definite()) return path.select(*from);
  Budget budget{jsonpath::evaluation_steps_max, jsonpath::evaluation_bytes_max};
  auto found = path.select(*from, budget);
  environment.add_work(jsonpath::evaluation_steps_max - budget.steps_left());
  return found;
}

QueryResult<json::value> read_path(const Reference& reference, const Environment& environment,
                                   std::string_view field) {
  auto value = reference.select(environment);
  if (value) return *std::move(value);
  if (value.error().name == "BudgetExceeded")
    return std::unexpected(QueryFailure{
        .error = "States.Runtime",
        .cause = fmt::format("The JSONPath '{}' specified for the field '{}' could not be "
                             "evaluated: {}",
                             reference.text, field, value.error().cause)});
  if (value.error().name == null_input)
    return std::unexpected(
        QueryFailure{.error = "States.Runtime", .cause = std::string(null_input_text)});
  const json::value* base = reference.base(environment);
  return std::unexpected(missing(reference.text, field, base ? *base : environment.input()));
}

Result<Expression> Expression::parse(std::string_view text) {
  if (text.starts_with('$')) {
    Expression out{.kind = Kind::Path, .text = std::string(text)};
    KIBAN_TRY(out.reference, Reference::parse(text));
    return out;
  }
  Reader reader{.text = text};
  KIBAN_TRY(Expression out, reader.call(0));
  reader.spaces();
  if (reader.at != text.size()) return reader.wrong("something stands behind the call");
  return out;
}

QueryResult<json::value> Expression::evaluate(const Environment& environment,
                                              std::string_view field) const {
  switch (kind) {
    case Kind::Literal:
      return literal;
    case Kind::Path:
      return read_path(reference, environment, field);
    case Kind::Call:
      break;
  }
  std::vector<json::value> values;
  values.reserve(arguments.size());
  for (const Expression& argument : arguments) {
    auto value = argument.evaluate(environment, field);
    if (!value) return value;
    values.push_back(values.empty() && function == "States.Format"
                         ? format_template(argument, *value)
                         : *std::move(value));
  }
  auto result = call_intrinsic(function, values, environment.random());
  if (!result) {
    QueryFailure failure = std::move(result).error();
    failure.cause =
        fmt::format("The function '{}' had the following error: {}", text, failure.cause);
    return std::unexpected(std::move(failure));
  }
  return result;
}

Result<Template> Template::compile(const json::value& value, Language language,
                                   std::string_view location) {
  Template out;
  out.location_ = std::string(location);
  if (value.is_string() && language == Language::Jsonata) {
    if (const auto text = asl::query_text(std::string_view(value.get_string()))) {
      out.kind_ = Kind::Query;
      out.location_text_ = std::string(*text);
      KIBAN_TRY(out.query_, compile_query(*text));
      return out;
    }
  } else if (value.is_object()) {
    bool constant = true;
    for (const auto& member : value.get_object()) {
      std::string_view key = member.key();
      Template part;
      if (language == Language::JsonPath && key.ends_with(".$")) {
        if (!member.value().is_string())
          return fail("InvalidDefinition",
                      fmt::format("The value for the field '{}' must be a STRING", key));
        auto expression = Expression::parse(std::string_view(member.value().get_string()));
        if (!expression)
          return fail(
              "InvalidDefinition",
              fmt::format("The value for the field '{}' must be a valid JSONPath or a valid "
                          "intrinsic function call ({})",
                          key, expression.error().cause));
        part.kind_ = Kind::Expression;
        part.field_ = std::string(key);
        part.expression_ = std::make_shared<const Expression>(*std::move(expression));
        key.remove_suffix(2);
      } else {
        const std::string below = language == Language::Jsonata
                                      ? fmt::format("{}/{}", location, key)
                                      : std::string(location);
        KIBAN_TRY(part, Template::compile(member.value(), language, below));
      }
      constant = constant && part.constant();
      out.members_.emplace_back(std::string(key), std::move(part));
    }
    if (!constant) {
      out.kind_ = Kind::Object;
      return out;
    }
    out.members_.clear();
  } else if (value.is_array()) {
    bool constant = true;
    std::size_t index = 0;
    for (const json::value& element : value.get_array()) {
      const std::string below = language == Language::Jsonata
                                    ? fmt::format("{}[{}]", location, index)
                                    : std::string(location);
      ++index;
      KIBAN_TRY(Template part, compile(element, language, below));
      constant = constant && part.constant();
      out.elements_.push_back(std::move(part));
    }
    if (!constant) {
      out.kind_ = Kind::Array;
      return out;
    }
    out.elements_.clear();
  }
  out.literal_ = value;
  return out;
}

QueryResult<json::value> Template::evaluate(const Environment& environment) const {
  switch (kind_) {
    case Kind::Literal:
      return literal_;
    case Kind::Expression:
      return expression_->evaluate(environment, field_);
    case Kind::Query:
      return evaluate_query(*query_, environment, location_);
    case Kind::Object: {
      json::object out;
      out.reserve(members_.size());
      for (const auto& [name, part] : members_) {
        auto value = part.evaluate(environment);
        if (!value) return value;
        out.insert_or_assign(name, *std::move(value));
      }
      return json::value(std::move(out));
    }
    case Kind::Array: {
      json::array out;
      out.reserve(elements_.size());
      for (const Template& part : elements_) {
        auto value = part.evaluate(environment);
        if (!value) return value;
        out.push_back(*std::move(value));
      }
      return json::value(std::move(out));
    }
  }
  return json::value();
}

}  // namespace kiban::asl
