// docs.jsonata.org/array-functions, aggregation-functions, higher-order-functions
#include <algorithm>
#include <cmath>

#include "jsonata/functions.h"

namespace kiban::jsonata {
namespace {

Value count(const Call& call) {
  if (!call.has(0)) return Value::of(0.0);
  return Value::of(static_cast<double>(Elements(call[0]).size()));
}

template <typename F>
Value aggregate(const Call& call, double start, F&& step) {
  if (!call.has(0)) return {};
  const Elements items(call[0]);
  double total = start;
  for (std::size_t i = 0; i < items.size(); ++i) total = step(total, items[i].number);
  return Value::of(total);
}

Value sum(const Call& call) {
  return aggregate(call, 0, [](double a, double b) { return a + b; });
}

Value extreme(const Call& call, bool greatest) {
  if (!call.has(0) || Elements(call[0]).size() == 0) return {};
  return aggregate(call, Elements(call[0])[0].number,
                   [&](double a, double b) { return greatest ? std::max(a, b) : std::min(a, b); });
}

Value average(const Call& call) {
  if (!call.has(0)) return {};
  const auto size = static_cast<double>(Elements(call[0]).size());
  if (size == 0) return {};
  return Value::of(sum(call).number / size);
}

Value map(const Call& call) {
  if (!call.has(0)) return {};
  const Elements items(call[0]);
  Array* out = call.run.arena.sequence(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Value value =
        call.run.call_back(call[1].function, items[i], Value::of(static_cast<double>(i)), call[0]);
    if (value.failed()) return value;
    if (value.defined()) call.run.arena.push(*out, value);
  }
  return Value::of(out);
}

Value filter(const Call& call) {
  if (!call.has(0)) return {};
  const Elements items(call[0]);
  Array* out = call.run.arena.sequence();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Value value =
        call.run.call_back(call[1].function, items[i], Value::of(static_cast<double>(i)), call[0]);
    if (value.failed()) return value;
    if (truthy(value)) call.run.arena.push(*out, items[i]);
  }
  return Value::of(out);
}

Value single(const Call& call) {
  if (!call.has(0)) return {};
  const Elements items(call[0]);
  Value found;
  std::size_t hits = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    bool hit = true;
    if (call.has(1)) {
      const Value value = call.run.call_back(call[1].function, items[i],
                                             Value::of(static_cast<double>(i)), call[0]);
      if (value.failed()) return value;
      hit = truthy(value);
    }
    if (!hit) continue;
    if (++hits > 1) return call.run.fail("D3138");
    found = items[i];
  }
  return hits == 0 ? call.run.fail("D3139") : found;
}

Value reduce(const Call& call) {
  if (!call.has(0)) return {};
  if (!call.has(1)) return call.run.fail("T1006");
  const std::size_t taken = arity(*call[1].function);
  if (taken < 2) return call.run.fail("D3050");
  const Elements items(call[0]);
  std::size_t i = 0;
  Value result = call[2];
  if (!call.has(2) && items.size() > 0) result = items[i++];
  for (; i < items.size(); ++i) {
    const Value arguments[] = {result, items[i], Value::of(static_cast<double>(i)), call[0]};
    result =
        call.run.apply(call[1].function, {arguments, std::min<std::size_t>(taken, 4)}, Value());
    if (result.failed()) return result;
  }
  return result;
}

Value zip(const Call& call) {
  Arena& arena = call.run.arena;
  Array* out = arena.array();
  std::size_t shortest = call.arguments.empty() ? 0 : SIZE_MAX;
  for (const Value& argument : call.arguments) {
    shortest = std::min(shortest, argument.defined() ? Elements(argument).size() : 0);
  }
  if (!call.run.spend(shortest)) return Value::error();
  for (std::size_t i = 0; i < shortest; ++i) {
    Array* tuple = arena.array(call.arguments.size());
    for (const Value& argument : call.arguments) arena.push(*tuple, Elements(argument)[i]);
    arena.push(*out, Value::of(tuple));
  }
  return Value::of(out);
}

Value append(const Call& call) {
  if (!call.run.spend(1)) return Value::error();
  return call.run.append(call[0], call[1]);
}

Value reverse(const Call& call) {
  if (!call.has(0)) return {};
  const Elements items(call[0]);
  Array* out = call.run.arena.array(items.size());
  for (std::size_t i = items.size(); i-- > 0;) call.run.arena.push(*out, items[i]);
  return Value::of(out);
}

Value shuffle(const Call& call) {
  if (!call.has(0)) return {};
  const Elements items(call[0]);
  Array* out = call.run.arena.array(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    call.run.arena.push(*out, items[i]);
    std::swap(out->items[i], out->items[call.run.random.below(i + 1)]);
  }
  return Value::of(out);
}

Value distinct(const Call& call) {
  if (!call.has(0) || !call[0].is(Kind::Array)) return call[0];
  const Elements items(call[0]);
  if (items.size() <= 1) return call[0];
  Arena& arena = call.run.arena;
  Array* out = call[0].sequence() ? arena.sequence() : arena.array();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!call.run.spend(1 + out->size / 8)) return Value::error();
    const Value item = items[i];
    bool known = false;
    for (std::uint32_t j = 0; j < out->size && !known; ++j) {
      const auto same = call.run.same(item, out->items[j]);
      if (!same) return Value::error();
      known = *same;
    }
    if (!known) arena.push(*out, item);
  }
  return Value::of(out);
}

Value sort(const Call& call) {
  if (!call.has(0)) return {};
  const Elements items(call[0]);
  if (items.size() <= 1) return call[0];
  std::vector<Value> sorted;
  sorted.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) sorted.push_back(items[i]);
  bool done = false;
  if (call.has(1)) {
    done = merge_sort(sorted, [&](const Value& a, const Value& b) {
      const Value behind = call.run.apply(call[1].function, {a, b});
      return behind.failed() ? -1 : truthy(behind) ? 1 : 0;
    });
  } else {
    const Kind kind = sorted[0].kind;
    const bool uniform = std::all_of(sorted.begin(), sorted.end(),
                                     [&](const Value& item) { return item.kind == kind; });
    if (!uniform || (kind != Kind::Number && kind != Kind::String)) return call.run.fail("D3070");
    if (!call.run.spend(sorted.size())) return Value::error();
    done = merge_sort(sorted, [&](const Value& a, const Value& b) {
      return kind == Kind::Number ? a.number > b.number : compare_text(a.text(), b.text()) > 0;
    });
  }
  if (!done) return Value::error();
  Array* out = call.run.arena.array(sorted.size());
  for (const Value& item : sorted) call.run.arena.push(*out, item);
  return Value::of(out);
}

}  // namespace

std::vector<Builtin> array_functions() {
  return {
      {"count", "<a:n>", 1, count},
      {"sum", "<a<n>:n>", 1, sum},
      {"max", "<a<n>:n>", 1, [](const Call& c) { return extreme(c, true); }},
      {"min", "<a<n>:n>", 1, [](const Call& c) { return extreme(c, false); }},
      {"average", "<a<n>:n>", 1, average},
      {"map", "<af>", 2, map},
      {"filter", "<af>", 2, filter},
      {"single", "<af?>", 2, single},
      {"reduce", "<afj?:j>", 3, reduce},
      {"zip", "<a+>", 0, zip},
      {"append", "<xx:a>", 2, append},
      {"reverse", "<a:a>", 1, reverse},
      {"shuffle", "<a:a>", 1, shuffle},
      {"distinct", "<x:x>", 1, distinct},
      {"sort", "<af?:a>", 2, sort},
  };
}

}  // namespace kiban::jsonata
