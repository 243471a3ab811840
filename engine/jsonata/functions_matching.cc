// $match, $contains, $split, $replace: with a text, a regular expression, or any matcher function.
// docs.jsonata.org/regex
#include <charconv>
#include <cmath>

#include "jsonata/functions.h"
#include "jsonata/strings.h"

namespace kiban::jsonata {
namespace {

constexpr std::size_t text_bytes_max = 100'000'000;

// Walks the matches of a pattern, one by one.
class Matches {
 public:
  Matches(const Call& call, std::string_view text, const Function* pattern)
      : run_(call.run), text_(text), pattern_(pattern) {}

  std::size_t start{0};  // Bytes.
  std::size_t end{0};
  double index{0};  // UTF-16 units.
  std::string_view match{};
  Value groups{};
  Value whole() {  // As a replacing function gets it.
    if (whole_.defined()) return whole_;
    Object* out = run_.arena.object();
    run_.arena.set(*out, "match", Value::of(match));
    run_.arena.set(*out, "start", Value::of(index));
    run_.arena.set(*out, "end", Value::of(index + units(match)));
    run_.arena.set(*out, "groups", groups);
    return Value::of(out);
  }

  bool failed{false};
  bool next() { return pattern_->type == Function::Type::Regex ? next_native() : next_called(); }

 private:
  // An empty match is one, but none can follow it: there would be no end.
  bool next_native() {
    const bool first = !started_;
    started_ = true;
    if (!first && end >= text_.size()) return false;
    if (!run_.spend(1 + (text_.size() - end) / 1024)) return fails();
    std::uint64_t steps = 0;
    const auto found = pattern_->node->regex->find(text_, end, &steps);
    if (found && !run_.spend(steps / regex_steps_per_fuel)) return fails();
    if (!found) {
      run_.limit("steps of a regular expression");
      return fails();
    }
    if (!*found) return false;
    const RegexMatch& hit = **found;
    if (hit.start >= hit.end && !first) {
      run_.fail("D1004");
      return fails();
    }
    index += units(text_.substr(start, hit.start - start));
    start = hit.start;
    end = hit.end;
    match = text_.substr(start, end - start);
    Array* list = run_.arena.array(hit.groups.size());
    for (const std::string_view group : hit.groups) {
      run_.arena.push(*list, group.data() != nullptr ? Value::of(group) : Value());
    }
    groups = Value::of(list);
    return true;
  }

  bool next_called() {
    const Value result =
        continue_ != nullptr ? run_.apply(continue_, {}) : run_.apply(pattern_, {Value::of(text_)});
    if (result.failed()) return fails();
    if (!result.defined()) return false;
    const auto part = [&](std::string_view name) {
      return result.is(Kind::Object) ? member(result, name) : Value();
    };
    const Value from = part("start");
    const Value to = part("end");
    groups = part("groups");
    const Value following = part("next");
    if (!from.is(Kind::Number) || !to.is(Kind::Number) || !groups.is(Kind::Array) ||
        !following.is(Kind::Function)) {
      run_.fail("T1010", 0, {}, result);
      return fails();
    }
    const Value matched = part("match");
    whole_ = result;
    index = from.number;
    start = byte_of_unit(text_, from.number);
    match = matched.is(Kind::String) ? matched.text() : std::string_view();
    end = std::max(start, byte_of_unit(text_, to.number));
    continue_ = following.function;
    return true;
  }

  bool fails() {
    failed = true;
    return false;
  }

  Evaluator& run_;
  std::string_view text_;
  const Function* pattern_;
  const Function* continue_{nullptr};
  bool started_{false};
  Value whole_{};
};

double limit_of(const Call& call, std::size_t at) {
  return call.has(at) ? call[at].number : HUGE_VAL;
}

Value match(const Call& call) {
  if (!call.has(0)) return {};
  const double limit = limit_of(call, 2);
  if (limit < 0) return call.run.fail("D3040", 0, {}, call[2]);
  if (!call.has(1)) return call.run.fail("T1006");
  Arena& arena = call.run.arena;
  Array* out = arena.sequence();
  Matches matches(call, call[0].text(), call[1].function);
  // As the reference does, the next match is sought before the limit is looked at.
  for (bool more = matches.next(); more && out->size < limit; more = matches.next()) {
    Object* one = arena.object();
    arena.set(*one, "match", Value::of(matches.match));
    arena.set(*one, "index", Value::of(matches.index));
    arena.set(*one, "groups", matches.groups);
    arena.push(*out, Value::of(one));
  }
  return matches.failed ? Value::error() : Value::of(out);
}

Value contains(const Call& call) {
  if (!call.has(0)) return {};
  if (!call.has(1)) return {};
  if (call[1].is(Kind::String))
    return Value::of(find_text(call[0].text(), call[1].text()) != std::string_view::npos);
  Matches matches(call, call[0].text(), call[1].function);
  const bool found = matches.next();
  return matches.failed ? Value::error() : Value::of(found);
}

Value split(const Call& call) {
  if (!call.has(0)) return {};
  const double limit = limit_of(call, 2);
  if (limit < 0) return call.run.fail("D3020", 0, {}, call[2]);
  const std::string_view text = call[0].text();
  Arena& arena = call.run.arena;
  Array* out = arena.array();
  if (call[1].is(Kind::Function)) {
    Matches matches(call, text, call[1].function);
    std::size_t start = 0;
    for (bool more = matches.next(); more && out->size < limit; more = matches.next()) {
      arena.push(*out, Value::of(text.substr(start, matches.start - start)));
      start = matches.end;
    }
    if (matches.failed) return Value::error();
    if (out->size < limit) arena.push(*out, Value::of(text.substr(start)));
    return Value::of(out);
  }
  const double most = std::trunc(limit);
  const std::string_view mark = call.has(1) ? call[1].text() : "undefined";
  if (!call.run.spend(text.size() / 8)) return Value::error();
  if (mark.empty()) {
    for (std::size_t i = 0; i < text.size() && out->size < most;) {
      std::size_t end = i + 1;
      while (end < text.size() && continues(text[end])) ++end;
      arena.push(*out, Value::of(text.substr(i, end - i)));
      i = end;
    }
    return Value::of(out);
  }
  for (std::size_t start = 0; out->size < most;) {
    const auto at = find_text(text, mark, start);
    arena.push(*out, Value::of(text.substr(start, at == std::string_view::npos ? at : at - start)));
    if (at == std::string_view::npos) break;
    start = at + mark.size();
  }
  return Value::of(out);
}

// $0 to $n stand for the match and its groups, $$ for a dollar.
void substitute(std::string& out, std::string_view by, const Matches& matches) {
  const Elements groups(matches.groups);
  const std::size_t digits_max = groups.size() < 10 ? 1 : std::to_string(groups.size()).size();
  for (std::size_t i = 0; i < by.size(); ++i) {
    if (by[i] != '$') {
      out.push_back(by[i]);
      continue;
    }
    const char mark = i + 1 < by.size() ? by[i + 1] : '\0';
    if (mark == '$') {
      out.push_back('$');
      ++i;
      continue;
    }
    if (mark == '0') {
      out += matches.match;
      ++i;
      continue;
    }
    const auto read = [&](std::size_t digits, std::size_t& number) {
      const std::string_view part = by.substr(i + 1, digits);
      const auto end = std::from_chars(part.data(), part.data() + part.size(), number);
      return static_cast<std::size_t>(end.ptr - part.data());
    };
    std::size_t number = 0;
    std::size_t used = read(digits_max, number);
    if (used > 1 && number > groups.size()) used = read(used - 1, number);
    if (used == 0) {
      out.push_back('$');
      continue;
    }
    if (number >= 1 && number <= groups.size() && groups[number - 1].is(Kind::String)) {
      out += groups[number - 1].text();
    }
    i += used;
  }
}

bool replacement(const Call& call, Matches& matches, std::string& out) {
  if (call[2].is(Kind::String)) {
    substitute(out, call[2].text(), matches);
    return true;
  }
  const Value by = call.run.apply(call[2].function, {matches.whole()});
  if (by.failed()) return false;
  if (!by.is(Kind::String)) {
    call.run.fail("D3012", 0, {}, by);
    return false;
  }
  out += by.text();
  return true;
}

Value replace(const Call& call) {
  if (!call.has(0)) return {};
  if (call[1].is(Kind::String) && call[1].length == 0)
    return call.run.fail("D3010", 0, {}, call[1]);
  const double limit = limit_of(call, 3);
  if (limit < 0) return call.run.fail("D3011", 0, {}, call[3]);
  const std::string_view text = call[0].text();
  if (!call.has(1) || !call.has(2)) return call[0];
  std::string out;
  std::size_t position = 0;
  double count = 0;
  if (call[1].is(Kind::String)) {
    const std::string_view pattern = call[1].text();
    for (auto at = find_text(text, pattern); at != std::string_view::npos && count < limit;
         at = find_text(text, pattern, position)) {
      out += text.substr(position, at - position);
      if (!call[2].is(Kind::String)) return call.run.fail("D3012", 0, {}, call[2]);
      out += call[2].text();
      position = at + pattern.size();
      ++count;
      if (out.size() > text_bytes_max) return call.run.limit("size of a text");
    }
  } else {
    Matches matches(call, text, call[1].function);
    for (bool more = matches.next(); more && count < limit; more = matches.next(), ++count) {
      if (matches.start < position) break;
      out += text.substr(position, matches.start - position);
      if (!replacement(call, matches, out)) return Value::error();
      position = matches.start + matches.match.size();
      if (position > text.size()) position = text.size();
      if (out.size() > text_bytes_max) return call.run.limit("size of a text");
    }
    if (matches.failed) return Value::error();
  }
  out += text.substr(position);
  return call.run.text(std::move(out));
}

}  // namespace

std::vector<Builtin> matching_functions() {
  return {
      {"match", "<s-f<s:o>n?:a<o>>", 3, match},
      {"contains", "<s-(sf):b>", 2, contains},
      {"split", "<s-(sf)n?:a<s>>", 3, split},
      {"replace", "<s-(sf)(sf)n?:s>", 4, replace},
  };
}

}  // namespace kiban::jsonata
