// docs.jsonata.org/object-functions, boolean-functions
#include "jsonata/functions.h"
#include "jsonata/messages.h"

namespace kiban::jsonata {
namespace {

void add_keys(const Value& value, Evaluator& run, Object& keys) {
  if (value.is(Kind::Array)) {
    const Elements items(value);
    for (std::size_t i = 0; i < items.size() && run.spend(1); ++i) {
      if (items[i].is(Kind::Object)) add_keys(items[i], run, keys);
    }
  } else if (value.is(Kind::Object)) {
    each_member(value, [&](std::string_view key, const Value&) {
      run.arena.set(keys, key, Value());
      return true;
    });
  }
}

Value keys(const Call& call) {
  Object* found = call.run.arena.object();
  add_keys(call[0], call.run, *found);
  Array* out = call.run.arena.sequence(found->size);
  for (std::uint32_t i = 0; i < found->size; ++i) {
    call.run.arena.push(*out, Value::of(found->items[i].key));
  }
  return call.run.spend(0) ? Value::of(out) : Value::error();
}

Value lookup_in(const Call& call, const Value& input, std::string_view key, int depth) {
  if (input.is(Kind::Object)) return member(input, key);
  if (!input.is(Kind::Array) || depth > nesting_max) return {};
  const Elements items(input);
  Array* out = call.run.arena.sequence();
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Value found = lookup_in(call, items[i], key, depth + 1);
    if (!found.defined()) continue;
    const Elements parts(found);
    for (std::size_t j = 0; j < parts.size(); ++j) call.run.arena.push(*out, parts[j]);
  }
  return Value::of(out);
}

Value lookup(const Call& call) { return lookup_in(call, call[0], call[1].text(), 0); }

Value spread_of(const Call& call, const Value& input, int depth) {
  if (input.is(Kind::Function)) return Value::of(std::string_view(""));
  if (depth > nesting_max) return call.run.limit("nesting");
  if (input.is(Kind::Array)) {
    const Elements items(input);
    Array* out = call.run.arena.sequence();
    for (std::size_t i = 0; i < items.size(); ++i) {
      const Value parts = spread_of(call, items[i], depth + 1);
      if (parts.failed()) return parts;
      const Elements spread(parts);
      for (std::size_t j = 0; j < spread.size(); ++j) call.run.arena.push(*out, spread[j]);
    }
    return Value::of(out);
  }
  if (!input.is(Kind::Object)) return input;
  Array* out = call.run.arena.sequence();
  each_member(input, [&](std::string_view key, const Value& value) {
    Object* one = call.run.arena.object();
    call.run.arena.set(*one, key, value);
    call.run.arena.push(*out, Value::of(one));
    return true;
  });
  return Value::of(out);
}

Value spread(const Call& call) { return spread_of(call, call[0], 0); }

Value merge(const Call& call) {
  if (!call.has(0)) return {};
  const Elements items(call[0]);
  Object* out = call.run.arena.object();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!items[i].is(Kind::Object)) continue;
    each_member(items[i], [&](std::string_view key, const Value& value) {
      call.run.arena.set(*out, key, value);
      return true;
    });
  }
  return Value::of(out);
}

Value each(const Call& call) {
  Array* out = call.run.arena.sequence();
  if (!call[0].is(Kind::Object)) return {};
  Value failure;
  each_member(call[0], [&](std::string_view key, const Value& value) {
    const Value made = call.run.call_back(call[1].function, value, Value::of(key), call[0]);
    if (made.failed()) failure = made;
    if (made.defined() && !made.failed()) call.run.arena.push(*out, made);
    return !made.failed();
  });
  return failure.failed() ? failure : Value::of(out);
}

Value sift(const Call& call) {
  if (!call[0].is(Kind::Object)) return {};
  Object* out = call.run.arena.object();
  Value failure;
  each_member(call[0], [&](std::string_view key, const Value& value) {
    const Value kept = call.run.call_back(call[1].function, value, Value::of(key), call[0]);
    if (kept.failed()) failure = kept;
    if (truthy(kept)) call.run.arena.set(*out, key, value);
    return !kept.failed();
  });
  if (failure.failed()) return failure;
  return out->size == 0 ? Value() : Value::of(out);
}

std::string_view name_of(const Value& value) {
  switch (value.kind) {
    case Kind::Null:
      return "null";
    case Kind::Boolean:
      return "boolean";
    case Kind::Number:
      return "number";
    case Kind::String:
      return "string";
    case Kind::Array:
      return "array";
    case Kind::Function:
      return "function";
    default:
      return "object";
  }
}

Value type(const Call& call) { return call.has(0) ? Value::of(name_of(call[0])) : Value(); }

Value with_message(const Call& call, std::string_view code, const Value& message) {
  const Value failure = call.run.fail(code);
  if (message.is(Kind::String)) call.run.error().message = message.text();
  return failure;
}

Value error(const Call& call) { return with_message(call, "D3137", call[0]); }

Value assert_true(const Call& call) {
  return truthy(call[0]) ? Value() : with_message(call, "D3141", call[1]);
}

Value boolean(const Call& call) { return call.has(0) ? Value::of(truthy(call[0])) : Value(); }

Value negate(const Call& call) { return call.has(0) ? Value::of(!truthy(call[0])) : Value(); }

Value exists(const Call& call) { return Value::of(call.has(0)); }

Value evaluate_text(const Call& call) {
  if (call.run.options.step_functions) {
    return call.run.fail("T1006");  // As AWS: github.com/floci-io/floci/issues/2737.
  }
  if (!call.has(0)) return {};
  Value input = call.has(1) ? call[1] : call.input;
  if (call.has(1) && input.is(Kind::Array) && !input.sequence()) {
    Array* wrapper = call.run.arena.sequence(1);
    call.run.arena.push(*wrapper, input);
    wrapper->outer_wrapper = true;
    input = Value::of(wrapper);
  }
  const auto parsed = call.run.keep(call[0].text());
  if (!parsed) return call.run.fail("D3120", 0, {}, call[0], parsed.error().message);
  const Value result = call.run.evaluate((*parsed)->root, input, call.frame);
  if (result.failed() && call.run.error().code != "U1001") {
    const std::string message = call.run.error().message;
    return call.run.fail("D3121", 0, {}, call[0], message);
  }
  return result;
}

Value clone(const Call& call) { return call[0]; }

}  // namespace

std::vector<Builtin> object_functions() {
  return {
      {"keys", "<x-:a<s>>", 1, keys},
      {"lookup", "<x-s:x>", 2, lookup},
      {"spread", "<x-:a<o>>", 1, spread},
      {"merge", "<a<o>:o>", 1, merge},
      {"each", "<o-f:a>", 2, each},
      {"sift", "<o-f?:o>", 2, sift},
      {"type", "<x:s>", 1, type},
      {"error", "<s?:x>", 1, error},
      {"assert", "<bs?:x>", 2, assert_true},
      {"boolean", "<x-:b>", 1, boolean},
      {"not", "<x-:b>", 1, negate},
      {"exists", "<x:b>", 1, exists},
      {"eval", "<sx?:x>", 2, evaluate_text},
      {"clone", "<(oa)-:o>", 1, clone},
  };
}

}  // namespace kiban::jsonata
