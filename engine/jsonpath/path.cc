#include "jsonpath/path.h"

#include <fmt/format.h>

#include <charconv>

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
  static bool space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  void spaces() {
    while (!end() && space(text[at])) ++at;
  }
  std::unexpected<Error> wrong(std::string_view what) const {
    return fail("InvalidPath",
                fmt::format("{} at position {} of '{}'", what, at, text.substr(0, 1000)));
  }

  // A backslash escapes a quote; before any other character it is an ordinary character. Recorded
  // by AWS: test_escape_sequence_parsing[ESCAPE_SEQUENCES_JSONPATH].
  Result<std::string> quoted() {
    const char quote = text[at++];
    std::string out;
    while (!end() && text[at] != quote) {
      if (text[at] == '\\' && at + 1 < text.size()) {
        if (text[at + 1] != quote) out += '\\';
        ++at;
      }
      out += text[at++];
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

  // The characters of a name behind a dot; in a filter, none that belongs to the filter's syntax.
  static bool name_char(char c, bool in_filter) {
    const std::string_view other =
        in_filter ? " .[]()'\"*?@,:<>=!&|{}~\t\n\r" : " .[]'\"*?@,<>=!&|{}~\t\n\r";
    return other.find(c) == std::string_view::npos;
  }

  static void several(Path& path) { path.definite_ = path.reference_ = path.single_ = false; }

  // Steps up to the end, or in a filter up to what cannot belong to a path.
  Result<Path> steps(bool in_filter) {
    Path path;
    while (!end()) {
      if (path.steps_.size() >= steps_max) return wrong("too many steps");
      if (take("..")) {
        path.steps_.emplace_back(Descend{});
        several(path);
        if (peek() == '[') continue;
        KIBAN_TRY_VOID(dotted(path, in_filter));
      } else if (take(".")) {
        // $.abc.['def ghi'], AWS's own way to write such names.
        // https://docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html
        if (peek() == '[') continue;
        KIBAN_TRY_VOID(dotted(path, in_filter));
      } else if (peek() == '[') {
        KIBAN_TRY_VOID(bracket(path));
      } else if (in_filter) {
        break;
      } else {
        spaces();
        if (!end()) return wrong("unexpected character");
      }
    }
    if (!path.steps_.empty() && std::holds_alternative<Descend>(path.steps_.back()))
      return wrong("a path must not end with '.'");
    return path;
  }

  // A function such as length() is not supported: it is read as the name "length()".
  // github.com/awsdocs/aws-step-functions-developer-guide/pull/5 quotes AWS's answer.
  Result<void> dotted(Path& path, bool in_filter) {
    if (take("*")) {
      path.steps_.emplace_back(Wildcard{});
      several(path);
      return {};
    }
    const std::size_t from = at;
    while (!end() && name_char(text[at], in_filter)) ++at;
    if (at == from) return wrong("a path must not end with '.' and needs a name");
    if (in_filter) take("()");
    path.steps_.emplace_back(Names{{std::string(text.substr(from, at - from))}});
    return {};
  }

  Result<void> bracket(Path& path) {
    ++at;
    spaces();
    if (take("*")) {
      path.steps_.emplace_back(Wildcard{});
      several(path);
    } else if (peek() == '\'' || peek() == '"') {
      Names names;
      do {
        spaces();
        if (peek() != '\'' && peek() != '"') return wrong("expected a quoted name");
        KIBAN_TRY(std::string name, quoted());
        names.names.push_back(std::move(name));
        spaces();
      } while (take(","));
      if (names.names.size() > 1) path.reference_ = path.single_ = false;
      path.steps_.emplace_back(std::move(names));
    } else if (take("?")) {
      spaces();
      if (!take("(")) return wrong("expected '(' behind '?'");
      KIBAN_TRY(Filter filter, any());
      spaces();
      if (!take(")")) return wrong("expected ')'");
      path.steps_.emplace_back(Where{std::make_shared<const Filter>(std::move(filter))});
      several(path);
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
        spaces();
        KIBAN_TRY(slice.step, integer());
        if (slice.step < 1) return wrong("a slice's step must be positive");
      }
      path.steps_.emplace_back(slice);
      several(path);
      return {};
    }
    Indices indices{{*first}};
    while (take(",")) {
      spaces();
      KIBAN_TRY(const std::int64_t next, integer());
      indices.indices.push_back(next);
      spaces();
    }
    if (indices.indices.size() > 1) several(path);
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
        {"==", Operator::Equal},          {"!=", Operator::NotEqual}, {"<=", Operator::LessEqual},
        {">=", Operator::GreaterEqual},   {"<", Operator::Less},      {">", Operator::Greater},
        {"=~", Operator::Matches},        {"in", Operator::In},       {"nin", Operator::NotIn},
        {"contains", Operator::Contains}, {"size", Operator::Size},   {"empty", Operator::Empty},
    };
    for (const auto& [word, op] : operators) {
      const std::size_t before = at;
      if (!take(word)) continue;
      if (std::isalpha(static_cast<unsigned char>(word[0])) && !space(peek()) && peek() != '[') {
        at = before;  // The beginning of a longer word.
        continue;
      }
      filter.op = op;
      KIBAN_TRY(filter.right, operand(op));
      return filter;
    }
    if (filter.left.kind == Operand::Kind::Literal) return wrong("expected an operator");
    return filter;
  }

  // An unquoted literal: JSON, or a text up to what may follow it. Users' machines hold such texts
  // (github.com/aws-samples/aws-batch-runtime-monitoring/issues/6, getmoto/moto/issues/7825): AWS
  // accepts them.
  Result<json::value> bare() {
    const std::size_t from = at;
    if (peek() == '[' || peek() == '{') {
      const char last = peek() == '[' ? ']' : '}';
      const std::size_t to = text.find(last, at);
      if (to == std::string_view::npos) return wrong("unterminated list");
      at = to + 1;
      std::string literal(text.substr(from, at - from));
      for (char& c : literal) c = c == '\'' ? '"' : c;
      auto parsed = parse_json(literal);
      if (!parsed) return wrong("expected a value");
      return *std::move(parsed);
    }
    while (!end() && !space(peek()) &&
           std::string_view("()[]'\"=!<>&|,").find(peek()) == std::string_view::npos)
      ++at;
    const std::string_view literal = text.substr(from, at - from);
    if (literal.empty()) return wrong("expected a value");
    if (auto parsed = parse_json(literal)) return *std::move(parsed);
    return json::value(json::string(literal));
  }

  Result<Operand> operand(Operator op = Operator::Exists) {
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
    if (op == Operator::Matches && peek() == '/') return regex();
    if (peek() == '\'' || peek() == '"') {
      KIBAN_TRY(const std::string literal, quoted());
      out.literal = json::string(literal);
      return out;
    }
    KIBAN_TRY(out.literal, bare());
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

const json::value null_node{};

const json::value* element(const json::array& array, std::int64_t index) {
  // Behind the end there is null, as Jackson's get(index) answers. Run against AWS by TestState:
  // github.com/ministackorg/ministack/pull/1217.
  const auto at = position(array, index);
  return at ? &array[*at] : &null_node;
}

void slice(const json::array& array, const Slice& range, Nodes& out) {
  const auto size = static_cast<std::int64_t>(array.size());
  const auto clamp = [&](std::int64_t at) {
    return std::min(std::max<std::int64_t>(at < 0 ? at + size : at, 0), size);
  };
  const std::int64_t to = clamp(range.to.value_or(size));
  for (std::int64_t i = clamp(range.from.value_or(0)); i < to;) {
    out.push_back(&array[static_cast<std::size_t>(i)]);
    if (__builtin_add_overflow(i, range.step, &i)) break;
  }
}

void children(const json::value& node, Nodes& out) {
  if (node.is_object()) {
    for (const auto& member : node.get_object()) out.push_back(&member.value());
  } else if (node.is_array()) {
    for (const json::value& one : node.get_array()) out.push_back(&one);
  }
}

// Once the budget is spent `out` is not complete. `scanned`: the node is one of those that `..`
// visits. A filter then asks the objects alone, as the elements of each array are visited
// themselves.
void apply(const Step& step, const json::value& node, const json::value& root, bool scanned,
           Nodes& out, Budget& budget) {
  if (const auto* names = std::get_if<Names>(&step)) {
    if (!node.is_object()) return;
    if (const auto* value = node.get_object().if_contains(names->names[0])) out.push_back(value);
  } else if (const auto* indices = std::get_if<Indices>(&step)) {
    if (!node.is_array()) return;
    for (const std::int64_t index : indices->indices)
      out.push_back(element(node.get_array(), index));
  } else if (const auto* range = std::get_if<Slice>(&step)) {
    if (node.is_array()) slice(node.get_array(), *range, out);
  } else if (std::holds_alternative<Wildcard>(step)) {
    children(node, out);
  } else if (std::holds_alternative<Descend>(step)) {
    descend(node, out, budget);
  } else if (const auto* where = std::get_if<Where>(&step)) {
    if (node.is_array() && !scanned) {
      for (const json::value& one : node.get_array()) {
        if (budget.spent()) return;
        if (matches(*where->filter, one, root, budget)) out.push_back(&one);
      }
    } else if (node.is_object() && matches(*where->filter, node, root, budget)) {
      out.push_back(&node);
    }
  }
}

// Several names at the end of a path: one object of those that are there.
// gist.github.com/deric4/733eb129a10b13530cebaa3b70031c77 shows AWS's answers.
json::object merge(const json::object& from, const Names& names) {
  json::object out;
  for (const std::string& name : names.names) {
    if (const auto* value = from.if_contains(name)) out.insert_or_assign(name, *value);
  }
  return out;
}

const Names* several_names(const Step& step) {
  const auto* names = std::get_if<Names>(&step);
  return names && names->names.size() > 1 ? names : nullptr;
}

std::string print_steps(const std::vector<Step>& steps, std::size_t count) {
  std::string out = "$";
  for (std::size_t i = 0; i < count; ++i) {
    const Step& step = steps[i];
    if (const auto* names = std::get_if<Names>(&step)) {
      out += '[';
      for (std::size_t n = 0; n < names->names.size(); ++n)
        out += fmt::format("{}'{}'", n ? ", " : "", names->names[n]);
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
    } else {
      out += "[?]";
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
  if (!single_) return nullptr;
  const json::value* node = &root;
  for (const Step& step : steps_) {
    node = child(*node, step);
    if (!node) return nullptr;
  }
  return node;
}

// One node after the other; the texts for missing members are Jayway's.
Result<json::value> Path::select_one(const json::value& root, Budget& budget) const {
  const json::value* node = &root;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const bool last = i + 1 == steps_.size();
    if (const auto* names = std::get_if<Names>(&steps_[i])) {
      if (!node->is_object())
        return fail("PathNotFound",
                    fmt::format("Property {} not found in path {}",
                                print_steps({steps_[i]}, 1).substr(1), print_steps(steps_, i)));
      if (names->names.size() > 1) {
        if (!last) return leaf_only(i);
        return copied(merge(node->get_object(), *names), budget);
      }
      const json::value* next = node->get_object().if_contains(names->names[0]);
      if (!next)
        return fail("PathNotFound",
                    fmt::format("{} path{} {}", last ? "No results for" : "Missing property in",
                                last ? ":" : "", print_steps(steps_, i + 1)));
      node = next;
      continue;
    }
    if (!node->is_array())
      return fail("PathNotFound",
                  fmt::format("Filter: {} can only be applied to arrays. Current context is: {}",
                              print_steps({steps_[i]}, 1).substr(1), print_json(*node)));
    node = element(node->get_array(), std::get<Indices>(steps_[i]).indices[0]);
  }
  return copied(*node, budget);
}

std::unexpected<Error> Path::leaf_only(std::size_t step) const {
  return fail("PathNotFound", fmt::format("Multi properties can only be used as path leafs: {}",
                                          print_steps(steps_, step + 1)));
}

Result<json::value> Path::select(const json::value& root) const {
  // The result of a definite path is not larger than the root.
  if (const json::value* node = find(root)) return *node;
  Budget budget{evaluation_steps_max, evaluation_bytes_max};
  return select(root, budget);
}

Result<json::value> Path::select(const json::value& root, Budget& budget) const {
  auto found = visit(root, budget);
  // A filter that spent the budget in the middle has an incomplete result.
  if (budget.spent()) return too_costly();
  return found;
}

Result<json::value> Path::visit(const json::value& root, Budget& budget) const {
  if (definite_) return select_one(root, budget);
  Nodes nodes{&root};
  json::array found;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const bool scanned = i > 0 && std::holds_alternative<Descend>(steps_[i - 1]);
    const Names* several = several_names(steps_[i]);
    Nodes next;
    for (const json::value* node : nodes) {
      if (several && node->is_object()) {
        if (i + 1 < steps_.size()) return leaf_only(i);
        KIBAN_TRY(json::value merged, copied(merge(node->get_object(), *several), budget));
        if (!scanned || merged.get_object().size() == several->names.size())
          found.push_back(std::move(merged));
        continue;
      }
      const std::size_t before = next.size();
      if (!several) apply(steps_[i], *node, root, scanned, next, budget);
      if (!budget.spend(1 + next.size() - before)) return too_costly();
    }
    nodes = std::move(next);
  }
  found.reserve(found.size() + nodes.size());
  for (const json::value* node : nodes) {
    KIBAN_TRY(json::value one, copied(*node, budget));
    found.push_back(std::move(one));
  }
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
