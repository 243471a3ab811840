#include "jsonpath/path.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

#include "jsonpath/filter.h"

namespace kiban::jsonpath {

struct Parser {
  std::string_view text;
  std::size_t at{0};
  std::size_t depth{0};

  bool end() const { return at >= text.size(); }
  char peek() const { return end() ? '\0' : text[at]; }
  bool take(std::string_view word) {
    if (text.substr(at, word.size()) != word) return false;
    at += word.size();
    return true;
  }
  void spaces() {
    while (!end() && (text[at] == ' ' || text[at] == '\t')) ++at;
  }
  std::unexpected<Error> wrong(std::string_view what) const {
    return fail("InvalidPath",
                fmt::format("{} at position {} of '{}'", what, at, text.substr(0, 1000)));
  }

  Result<std::string> quoted() {
    const char quote = text[at++];
    std::string out;
    while (!end() && text[at] != quote) {
      if (text[at] == '\\' && at + 1 < text.size()) {
        ++at;
        const char c = text[at];
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      } else {
        out += text[at];
      }
      ++at;
    }
    if (end()) return wrong("unterminated string");
    ++at;
    return out;
  }

  Result<std::int64_t> integer() {
    std::int64_t number = 0;
    const char* first = text.data() + at;
    const auto [last, code] = std::from_chars(first, text.data() + text.size(), number);
    if (code != std::errc()) return wrong("expected an integer");
    at += static_cast<std::size_t>(last - first);
    return number;
  }

  static bool name_char(char c) {
    return std::string_view(" .[]()'\"*?@,:<>=!&|{}~\t\n\r").find(c) == std::string_view::npos;
  }

  // Steps up to the end, or in a filter up to what cannot belong to a path.
  Result<Path> steps(bool in_filter) {
    Path path;
    while (!end()) {
      if (path.steps_.size() >= steps_max) return wrong("too many steps");
      if (take("..")) {
        path.steps_.emplace_back(Descend{});
        path.definite_ = path.reference_ = false;
        if (peek() == '[') continue;
        KIBAN_TRY_VOID(dotted(path));
      } else if (take(".")) {
        KIBAN_TRY_VOID(dotted(path));
      } else if (peek() == '[') {
        KIBAN_TRY_VOID(bracket(path));
      } else if (in_filter) {
        break;
      } else {
        return wrong("unexpected character");
      }
    }
    if (!path.steps_.empty() && std::holds_alternative<Descend>(path.steps_.back()))
      return wrong("a path must not end with '.'");
    return path;
  }

  Result<void> dotted(Path& path) {
    if (take("*")) {
      path.steps_.emplace_back(Wildcard{});
      path.definite_ = path.reference_ = false;
      return {};
    }
    const std::size_t from = at;
    while (!end() && name_char(text[at])) ++at;
    if (at == from) return wrong("a path must not end with '.' and needs a name");
    std::string name(text.substr(from, at - from));
    if (take("()")) {
      path.steps_.emplace_back(Function{std::move(name)});
      path.reference_ = false;
      return {};
    }
    path.steps_.emplace_back(Names{{std::move(name)}});
    return {};
  }

  Result<void> bracket(Path& path) {
    ++at;
    spaces();
    if (take("*")) {
      path.steps_.emplace_back(Wildcard{});
      path.definite_ = path.reference_ = false;
    } else if (peek() == '\'' || peek() == '"') {
      Names names;
      do {
        spaces();
        if (peek() != '\'' && peek() != '"') return wrong("expected a quoted name");
        KIBAN_TRY(std::string name, quoted());
        names.names.push_back(std::move(name));
        spaces();
      } while (take(","));
      if (names.names.size() > 1) path.definite_ = path.reference_ = false;
      path.steps_.emplace_back(std::move(names));
    } else if (take("?")) {
      spaces();
      if (!take("(")) return wrong("expected '(' behind '?'");
      KIBAN_TRY(Filter filter, any());
      spaces();
      if (!take(")")) return wrong("expected ')'");
      path.steps_.emplace_back(Where{std::make_shared<const Filter>(std::move(filter))});
      path.definite_ = path.reference_ = false;
    } else {
      KIBAN_TRY_VOID(numbers(path));
    }
    spaces();
    if (!take("]")) return wrong("expected ']'");
    return {};
  }

  Result<void> numbers(Path& path) {
    std::optional<std::int64_t> first;
    if (peek() != ':') {
      KIBAN_TRY(first, integer());
    }
    spaces();
    if (take(":")) {
      Slice slice{.from = first};
      spaces();
      if (peek() != ']' && peek() != ':') {
        KIBAN_TRY(slice.to, integer());
      }
      spaces();
      if (take(":")) {
        KIBAN_TRY(slice.step, integer());
        if (slice.step < 1) return wrong("a slice's step must be positive");
      }
      path.steps_.emplace_back(slice);
      path.definite_ = path.reference_ = false;
      return {};
    }
    Indices indices{{*first}};
    while (take(",")) {
      spaces();
      KIBAN_TRY(const std::int64_t next, integer());
      indices.indices.push_back(next);
      spaces();
    }
    if (indices.indices.size() > 1) path.definite_ = path.reference_ = false;
    if (indices.indices[0] < 0) path.reference_ = false;
    path.steps_.emplace_back(std::move(indices));
    return {};
  }

  Result<Filter> any() {
    if (++depth > filter_depth_max) return wrong("filter nested too deep");
    KIBAN_TRY(Filter first, all());
    Filter list{.op = Operator::Or};
    list.parts.push_back(std::move(first));
    for (spaces(); take("||"); spaces()) {
      KIBAN_TRY(Filter next, all());
      list.parts.push_back(std::move(next));
    }
    --depth;
    if (list.parts.size() == 1) return Filter(list.parts[0]);
    return list;
  }

  Result<Filter> all() {
    KIBAN_TRY(Filter first, one());
    Filter list{.op = Operator::And};
    list.parts.push_back(std::move(first));
    for (spaces(); take("&&"); spaces()) {
      KIBAN_TRY(Filter next, one());
      list.parts.push_back(std::move(next));
    }
    if (list.parts.size() == 1) return Filter(list.parts[0]);
    return list;
  }

  Result<Filter> one() {
    spaces();
    if (peek() == '!' && text.substr(at, 2) != "!=") {
      ++at;
      if (++depth > filter_depth_max) return wrong("filter nested too deep");
      KIBAN_TRY(Filter inner, one());
      --depth;
      Filter negated{.op = Operator::Not};
      negated.parts.push_back(std::move(inner));
      return negated;
    }
    if (take("(")) {
      KIBAN_TRY(Filter inner, any());
      spaces();
      if (!take(")")) return wrong("expected ')'");
      return inner;
    }
    Filter filter;
    KIBAN_TRY(filter.left, operand());
    spaces();
    static constexpr std::pair<std::string_view, Operator> operators[] = {
        {"==", Operator::Equal},           {"!=", Operator::NotEqual}, {"<=", Operator::LessEqual},
        {">=", Operator::GreaterEqual},    {"<", Operator::Less},      {">", Operator::Greater},
        {"=~", Operator::Matches},         {"in ", Operator::In},      {"nin ", Operator::NotIn},
        {"contains ", Operator::Contains}, {"size ", Operator::Size},  {"empty ", Operator::Empty},
    };
    for (const auto& [word, op] : operators) {
      if (!take(word)) continue;
      filter.op = op;
      KIBAN_TRY(filter.right, operand());
      return filter;
    }
    if (filter.left.kind == Operand::Kind::Literal) return wrong("expected an operator");
    return filter;
  }

  Result<Operand> operand() {
    spaces();
    Operand out;
    if (peek() == '@' || peek() == '$') {
      out.kind = peek() == '@' ? Operand::Kind::Node : Operand::Kind::Root;
      ++at;
      if (++depth > filter_depth_max) return wrong("filter nested too deep");
      KIBAN_TRY(out.path, steps(true));
      --depth;
      return out;
    }
    if (peek() == '\'' || peek() == '"') {
      KIBAN_TRY(const std::string literal, quoted());
      out.literal = json::string(literal);
      return out;
    }
    if (peek() == '/') return regex();
    std::size_t last = at;
    if (peek() == '[') {
      last = text.find(']', at);
      if (last == std::string_view::npos) return wrong("unterminated list");
      ++last;
    } else {
      while (last < text.size() && (std::isalnum(static_cast<unsigned char>(text[last])) ||
                                    text[last] == '.' || text[last] == '-' || text[last] == '+'))
        ++last;
    }
    std::string literal(text.substr(at, last - at));
    if (peek() == '[') {
      for (char& c : literal) c = c == '\'' ? '"' : c;
    }
    auto parsed = parse_json(literal);
    if (!parsed) return wrong("expected a value");
    out.literal = *std::move(parsed);
    at = last;
    return out;
  }

  Result<Operand> regex() {
    const std::size_t from = ++at;
    while (!end() && text[at] != '/') at += text[at] == '\\' ? 2 : 1;
    if (end()) return wrong("unterminated regular expression");
    std::string pattern(text.substr(from, at - from));
    ++at;
    if (take("i")) pattern = "(?i)" + pattern;
    Operand out;
    out.literal = json::string(pattern);
    return out;
  }
};

namespace {

std::optional<std::size_t> position(const json::array& array, std::int64_t index) {
  const auto size = static_cast<std::int64_t>(array.size());
  if (index < -size || index >= size) return std::nullopt;
  return static_cast<std::size_t>(index < 0 ? index + size : index);
}

const json::value* child(const json::value& node, const Step& step) {
  if (const auto* names = std::get_if<Names>(&step)) {
    return node.is_object() ? node.get_object().if_contains(names->names[0]) : nullptr;
  }
  if (const auto* indices = std::get_if<Indices>(&step)) {
    if (!node.is_array()) return nullptr;
    const auto index = position(node.get_array(), indices->indices[0]);
    return index ? &node.get_array()[*index] : nullptr;
  }
  return nullptr;
}

using Nodes = std::vector<const json::value*>;

std::unexpected<Error> too_costly() {
  return fail("BudgetExceeded", fmt::format("The path visits more than {} nodes or copies more "
                                            "than {} bytes",
                                            evaluation_steps_max, evaluation_bytes_max));
}

Result<json::value> copied(const json::value& value, Budget& budget) {
  if (!budget.spend(1, copy_bytes(value))) return too_costly();
  return value;
}

void descend(const json::value& node, Nodes& out, Budget& budget) {
  if (!budget.spend(1)) return;
  out.push_back(&node);
  if (node.is_object()) {
    for (const auto& member : node.get_object()) descend(member.value(), out, budget);
  } else if (node.is_array()) {
    for (const json::value& element : node.get_array()) descend(element, out, budget);
  }
}

void slice(const json::array& array, const Slice& range, Nodes& out) {
  const auto size = static_cast<std::int64_t>(array.size());
  const auto clamp = [&](std::int64_t at) {
    return std::min(std::max<std::int64_t>(at < 0 ? at + size : at, 0), size);
  };
  const std::int64_t to = clamp(range.to.value_or(size));
  for (std::int64_t i = clamp(range.from.value_or(0)); i < to; i += range.step)
    out.push_back(&array[static_cast<std::size_t>(i)]);
}

// Once the budget is spent `out` is not whole any more.
void apply(const Step& step, const json::value& node, const json::value& root, Nodes& out,
           Budget& budget) {
  if (const auto* names = std::get_if<Names>(&step)) {
    if (!node.is_object()) return;
    for (const std::string& name : names->names) {
      if (const auto* value = node.get_object().if_contains(name)) out.push_back(value);
    }
  } else if (const auto* indices = std::get_if<Indices>(&step)) {
    if (!node.is_array()) return;
    for (const std::int64_t index : indices->indices) {
      if (const auto at = position(node.get_array(), index)) out.push_back(&node.get_array()[*at]);
    }
  } else if (const auto* range = std::get_if<Slice>(&step)) {
    if (node.is_array()) slice(node.get_array(), *range, out);
  } else if (std::holds_alternative<Wildcard>(step)) {
    if (node.is_object()) {
      for (const auto& member : node.get_object()) out.push_back(&member.value());
    } else if (node.is_array()) {
      for (const json::value& element : node.get_array()) out.push_back(&element);
    }
  } else if (std::holds_alternative<Descend>(step)) {
    descend(node, out, budget);
  } else if (const auto* where = std::get_if<Where>(&step)) {
    if (node.is_array()) {
      for (const json::value& element : node.get_array()) {
        if (budget.spent()) return;
        if (matches(*where->filter, element, root, budget)) out.push_back(&element);
      }
    } else if (node.is_object() && matches(*where->filter, node, root, budget)) {
      out.push_back(&node);
    }
  }
}

Result<json::value> call(const std::string& name, const json::value& value) {
  if (name == "length" || name == "size") {
    if (value.is_array()) return json::value(value.get_array().size());
    if (value.is_object()) return json::value(value.get_object().size());
    if (value.is_string()) return json::value(value.get_string().size());
    return json::value(nullptr);
  }
  if (name == "keys" && value.is_object()) {
    json::array keys;
    for (const auto& member : value.get_object()) keys.emplace_back(member.key());
    return json::value(std::move(keys));
  }
  if ((name == "min" || name == "max" || name == "avg" || name == "sum" || name == "stddev") &&
      value.is_array()) {
    double sum = 0;
    double squares = 0;
    double least = std::numeric_limits<double>::max();
    double most = std::numeric_limits<double>::lowest();
    double count = 0;
    for (const json::value& element : value.get_array()) {
      if (!element.is_number()) continue;
      const double x = element.to_number<double>();
      sum += x;
      squares += x * x;
      least = std::min(least, x);
      most = std::max(most, x);
      ++count;
    }
    if (count == 0)
      return fail("PathNotFound",
                  "Aggregation function attempted to calculate value using empty array");
    const double mean = sum / count;
    if (name == "min") return json::value(least);
    if (name == "max") return json::value(most);
    if (name == "sum") return json::value(sum);
    if (name == "avg") return json::value(mean);
    return json::value(std::sqrt(squares / count - mean * mean));
  }
  return fail("PathNotFound", fmt::format("Function with name: {} does not exist.", name));
}

std::string print_steps(const std::vector<Step>& steps, std::size_t count) {
  std::string out = "$";
  for (std::size_t i = 0; i < count; ++i) {
    const Step& step = steps[i];
    if (const auto* names = std::get_if<Names>(&step)) {
      out += '[';
      for (std::size_t n = 0; n < names->names.size(); ++n)
        out += fmt::format("{}'{}'", n ? "," : "", names->names[n]);
      out += ']';
    } else if (const auto* indices = std::get_if<Indices>(&step)) {
      out += fmt::format("[{}]", fmt::join(indices->indices, ","));
    } else if (const auto* range = std::get_if<Slice>(&step)) {
      out += fmt::format("[{}:{}]", range->from ? std::to_string(*range->from) : "",
                         range->to ? std::to_string(*range->to) : "");
    } else if (std::holds_alternative<Wildcard>(step)) {
      out += "[*]";
    } else if (std::holds_alternative<Descend>(step)) {
      out += "..";
    } else if (std::holds_alternative<Where>(step)) {
      out += "[?]";
    } else {
      out += fmt::format(".{}()", std::get<Function>(step).name);
    }
  }
  return out;
}

}  // namespace

Result<Path> Path::parse(std::string_view text) {
  Parser parser{.text = text};
  if (!parser.take("$")) return parser.wrong("a path must begin with '$'");
  return parser.steps(false);
}

const json::value* Path::find(const json::value& root) const {
  const json::value* node = &root;
  for (const Step& step : steps_) {
    node = child(*node, step);
    if (!node) return nullptr;
  }
  return node;
}

Result<json::value> Path::select(const json::value& root) const {
  // What a definite path finds is no larger than the root.
  if (const json::value* node = definite_ ? find(root) : nullptr) return *node;
  Budget budget{evaluation_steps_max, evaluation_bytes_max};
  return select(root, budget);
}

Result<json::value> Path::select(const json::value& root, Budget& budget) const {
  auto found = visit(root, budget);
  // A filter that ran out in the middle has found what it must not.
  if (budget.spent()) return too_costly();
  return found;
}

Result<json::value> Path::visit(const json::value& root, Budget& budget) const {
  const bool function = !steps_.empty() && std::holds_alternative<Function>(steps_.back());
  const std::size_t count = steps_.size() - (function ? 1 : 0);
  if (definite_) {
    const json::value* node = &root;
    for (std::size_t i = 0; i < count; ++i) {
      if (std::holds_alternative<Function>(steps_[i]))
        return fail("PathNotFound", "A function may only stand at the end of a path");
      const json::value* next = child(*node, steps_[i]);
      if (!next) {
        // The two wordings are Jayway's: the last step, or one on the way.
        return fail("PathNotFound",
                    i + 1 == steps_.size()
                        ? fmt::format("No results for path: {}", normalised())
                        : fmt::format("Missing property in path {}", print_steps(steps_, i + 1)));
      }
      node = next;
    }
    if (function) return call(std::get<Function>(steps_.back()).name, *node);
    return copied(*node, budget);
  }
  Nodes nodes{&root};
  for (std::size_t i = 0; i < count; ++i) {
    Nodes next;
    for (const json::value* node : nodes) {
      const std::size_t before = next.size();
      apply(steps_[i], *node, root, next, budget);
      if (!budget.spend(1 + next.size() - before)) return too_costly();
    }
    nodes = std::move(next);
  }
  json::array found;
  found.reserve(nodes.size());
  for (const json::value* node : nodes) {
    KIBAN_TRY(json::value one, copied(*node, budget));
    found.push_back(std::move(one));
  }
  if (function) return call(std::get<Function>(steps_.back()).name, json::value(std::move(found)));
  return json::value(std::move(found));
}

Result<void> Path::assign(json::value& root, json::value value) const {
  if (!reference_)
    return fail("PathNotWritable", fmt::format("{} is not a reference path", normalised()));
  json::value* node = &root;
  for (const Step& step : steps_) {
    if (const auto* names = std::get_if<Names>(&step)) {
      if (node->is_null()) *node = json::object();
      if (!node->is_object())
        return fail("PathNotWritable", fmt::format("no object to hold '{}'", names->names[0]));
      node = &node->get_object()[names->names[0]];
      continue;
    }
    const std::int64_t index = std::get<Indices>(step).indices[0];
    if (node->is_null() && index == 0) *node = json::array();
    if (!node->is_array())
      return fail("PathNotWritable", fmt::format("no array to hold [{}]", index));
    json::array& array = node->get_array();
    const auto size = static_cast<std::int64_t>(array.size());
    if (index > size)
      return fail("PathNotWritable", fmt::format("the array ends before [{}]", index));
    if (index == size) array.emplace_back(nullptr);
    node = &array[static_cast<std::size_t>(index)];
  }
  *node = std::move(value);
  return {};
}

std::string Path::normalised() const { return print_steps(steps_, steps_.size()); }

}  // namespace kiban::jsonpath
