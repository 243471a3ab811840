#include "jsonata/evaluator.h"

#include <cmath>

#include "jsonata/messages.h"

namespace kiban::jsonata {
namespace {

constexpr double range_max = 1e7;  // docs.jsonata.org/numeric-operators#-range-1

bool is_lambda(const Value& value) { return value.is(Kind::Function); }

}  // namespace

Value Evaluator::fail(std::string_view code, std::size_t position, std::string_view token,
                      const Value& value, std::string_view extra) {
  const bool big = value.is(Kind::Array) || value.is(Kind::Object);
  error_ =
      make_error(code, position, std::string(token), big ? std::nullopt : to_json(value), extra);
  return Value::error();
}

Value Evaluator::limit(std::string_view what) { return fail("U1001", 0, what, {}, what); }

bool Evaluator::out_of_bounds(std::uint64_t before) {
  if (before < fuel_) {  // It went below zero.
    fuel_ = 0;
    limit("fuel");
  } else if (arena.exhausted()) {
    limit("memory");
  } else if (limits_.past_deadline && limits_.past_deadline()) {
    limit("time");
  } else {
    return false;
  }
  return true;
}

std::optional<bool> Evaluator::same(const Value& a, const Value& b) {
  const std::uint64_t before = fuel_;
  const bool result = equal(a, b, fuel_);
  if (fuel_ == 0 && before > 0) {
    limit("fuel");
    return std::nullopt;
  }
  return result;
}

OrError<ExpressionPtr> Evaluator::keep(std::string_view text) {
  auto parsed = parse(text);
  if (parsed) kept_.push_back(*parsed);
  return parsed;
}

Frame* Evaluator::make_frame(const Frame* parent, std::size_t capacity) {
  auto* frame = arena.make<Frame>();
  frame->parent = parent;
  if (capacity > 0) {
    frame->items = static_cast<Binding*>(arena.take(capacity * sizeof(Binding)));
    frame->capacity = static_cast<std::uint32_t>(capacity);
  }
  return frame;
}

void Evaluator::bind(Frame& frame, std::string_view name, const Value& value) {
  for (std::uint32_t i = 0; i < frame.size; ++i) {
    if (frame.items[i].name == name) {
      frame.items[i].value = value;
      return;
    }
  }
  if (frame.size == frame.capacity) {
    const std::uint32_t capacity = std::max(4U, frame.capacity * 2);
    auto* items = static_cast<Binding*>(arena.take(capacity * sizeof(Binding)));
    std::copy_n(frame.items, frame.size, items);
    frame.items = items;
    frame.capacity = capacity;
  }
  frame.items[frame.size++] = {.name = name, .value = value};
}

Value Evaluator::variable(const Node* node, const Value& input, const Frame* frame) const {
  const std::string_view name = node->text;
  if (name.empty()) {
    return input.is(Kind::Array) && !input.json && input.array->outer_wrapper
               ? input.array->items[0]
               : input;
  }
  for (; frame != nullptr; frame = frame->parent) {
    for (std::uint32_t i = 0; i < frame->size; ++i) {
      if (same_text(frame->items[i].name, name)) return frame->items[i].value;
    }
  }
  if (name == "$") return root_;
  if (node->builtin != nullptr && (!node->builtin->step_functions_only || options.step_functions)) {
    return Value::of(builtin_function(node->builtin));
  }
  return {};
}

Value Evaluator::run(const Expression& expression, const json::value* input, const Scope& scope) {
  Value start = input != nullptr ? Value::of_json(*input) : Value();
  if (start.is(Kind::Array)) {
    Array* wrapper = arena.sequence(1);
    arena.push(*wrapper, start);
    wrapper->outer_wrapper = true;
    start = Value::of(wrapper);
  }
  root_ = start;
  Frame* frame = make_frame(nullptr, scope.variables.size() + scope.objects.size());
  for (const auto& [name, value] : scope.variables) bind(*frame, name, Value::of_json(*value));
  for (const auto& [name, members] : scope.objects) {
    Object* object = arena.object();
    for (const auto& [key, value] : members) arena.set(*object, key, Value::of_json(*value));
    bind(*frame, name, Value::of(object));
  }
  return evaluate(expression.root, start, frame);
}

Value Evaluator::evaluate(const Node* node, const Value& input, Frame* frame) {
  if (node->plain) {
    if (node->type == NodeType::Number) return Value::of(node->number);
    if (node->type == NodeType::String) return Value::of(node->text);
    if (node->type == NodeType::Variable) {
      const Value found = variable(node, input, frame);
      if (!found.sequence()) return found;
    }
  } else if (node->names && input.is(Kind::Object)) {
    if (!spend(1)) return Value::error();
    const Value found = follow(node, input);
    if (!found.failed()) return found;
  }
  if (++depth_ > limits_.depth_max) {
    --depth_;
    return limit("depth");
  }
  if (!spend(1)) {
    --depth_;
    return Value::error();
  }
  Value result = dispatch(node, input, frame);
  if (!node->plain || result.sequence()) result = finish(node, result, input, frame);
  --depth_;
  return result;
}

Value Evaluator::finish(const Node* node, Value result, const Value& input, Frame* frame) {
  (void)input;
  if (result.failed()) return result;
  for (const Stage& predicate : node->predicates) {
    result = filter(predicate.filter, result, frame);
    if (result.failed()) return result;
  }
  if (node->group && node->type != NodeType::Path && node->type != NodeType::Object) {
    result = group(*node->group, result, frame);
    if (result.failed()) return result;
  }
  if (!result.sequence() || result.array->tuple_stream) return result;
  if (node->keep_array) result.array->keep_singleton = true;
  if (result.array->size == 0) return {};
  if (result.array->size == 1 && !result.array->keep_singleton) return result.array->items[0];
  return result;
}

Value Evaluator::dispatch(const Node* node, const Value& input, Frame* frame) {
  switch (node->type) {
    case NodeType::Path:
      return path(node, input, frame);
    case NodeType::Name:
      return name(node->text, input);
    case NodeType::Variable:
      return variable(node, input, frame);
    case NodeType::String:
      return Value::of(node->text);
    case NodeType::Number:
      return Value::of(node->number);
    case NodeType::Literal:
      return node->is_null ? Value::null() : Value::of(node->boolean);
    case NodeType::Binary:
      return binary(node, input, frame);
    case NodeType::Function:
      return call(node, input, frame, nullptr);
    case NodeType::Condition: {
      const Value condition = evaluate(node->left, input, frame);
      if (condition.failed()) return condition;
      if (truthy(condition)) return evaluate(node->right, input, frame);
      return node->third != nullptr ? evaluate(node->third, input, frame) : Value();
    }
    case NodeType::Block:
      return block(node, input, frame);
    case NodeType::Bind: {
      const Value value = evaluate(node->right, input, frame);
      if (!value.failed()) bind(*frame, node->left->text, value);
      return value;
    }
    case NodeType::Object:
      return input.is(Kind::Array) ? group(*node->group, input, frame)
                                   : single_group(*node->group, input, frame);
    case NodeType::Array:
      return array(node, input, frame);
    case NodeType::Negate: {
      const Value value = evaluate(node->left, input, frame);
      if (!value.defined() || value.failed()) return value;
      if (!value.is(Kind::Number)) return fail("D1002", node->position, node->text, value);
      return Value::of(-value.number);
    }
    case NodeType::Lambda:
      return closure(node, input, frame, Function::Type::Lambda);
    case NodeType::Transform:
      return closure(node, input, frame, Function::Type::Transform);
    case NodeType::Regex:
      return closure(node, input, frame, Function::Type::Regex);
    case NodeType::Partial:
      return partial(node, input, frame);
    case NodeType::Apply:
      return chain(node, input, frame);
    case NodeType::Wildcard:
      return wildcard(input);
    case NodeType::Descendant:
      return descendants(input);
    case NodeType::Parent:
      return ancestor(node->slot->label, frame);
    default:
      return {};
  }
}

Value Evaluator::block(const Node* node, const Value& input, Frame* frame) {
  Frame* inner = make_frame(frame, 0);
  Value result;
  for (const Node* item : node->items) {
    result = evaluate(item, input, inner);
    if (result.failed()) break;
  }
  return result;
}

Value Evaluator::ancestor(std::string_view label, const Frame* frame) {
  for (const Frame* at = frame; at != nullptr; at = at->parent) {
    for (std::uint32_t i = 0; i < at->size; ++i) {
      if (at->items[i].name == label) return at->items[i].value;
    }
  }
  return {};
}

// Follows names from object to object, which needs no sequences. Returns Kind::Error without
// setting error_ when a step yields an array; the caller falls back to the general path.
Value Evaluator::follow(const Node* path, const Value& input) {
  Value at = input;
  for (const Node* step : path->items) {
    if (!at.is(Kind::Object)) return at.is(Kind::Array) ? Value::error() : Value();
    at = member(at, step->text);
  }
  return at.sequence() ? Value::error() : at;
}

Value Evaluator::name(std::string_view key, const Value& input) {
  if (input.is(Kind::Object)) return member(input, key);
  if (!input.is(Kind::Array)) return {};
  const Elements elements(input);
  Array* out = arena.sequence();
  if (!spend(elements.size())) return Value::error();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const Value found = name(key, elements[i]);
    if (found.is(Kind::Array)) {
      const Elements parts(found);
      for (std::size_t j = 0; j < parts.size(); ++j) arena.push(*out, parts[j]);
    } else if (found.defined()) {
      arena.push(*out, found);
    }
  }
  return out->size == 0 ? Value() : Value::of(out);
}

namespace {

bool flatten(Evaluator& run, Array& out, const Value& value, int depth) {
  if (!value.is(Kind::Array) || depth > nesting_max) {
    run.arena.push(out, value);
    return run.spend(1);
  }
  const Elements parts(value);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!flatten(run, out, parts[i], depth + 1)) return false;
  }
  return true;
}

}  // namespace

Value Evaluator::wildcard(const Value& given) {
  Value input = given;
  if (input.is(Kind::Array) && !input.json && input.array->outer_wrapper && input.array->size > 0) {
    input = input.array->items[0];
  }
  Array* out = arena.sequence();
  bool good = true;
  if (input.is(Kind::Object)) {
    each_member(input, [&](std::string_view, const Value& value) {
      good = flatten(*this, *out, value, 0);
      return good;
    });
  } else if (input.is(Kind::Array)) {
    good = flatten(*this, *out, input, 0);
  }
  if (!good) return Value::error();
  return Value::of(out);
}

void Evaluator::descend(const Value& input, Array& out, int depth) {
  if (depth > nesting_max || !spend(1)) return;
  if (input.is(Kind::Array)) {
    const Elements parts(input);
    for (std::size_t i = 0; i < parts.size(); ++i) descend(parts[i], out, depth + 1);
    return;
  }
  arena.push(out, input);
  if (!input.is(Kind::Object)) return;
  each_member(input, [&](std::string_view, const Value& value) {
    descend(value, out, depth + 1);
    return true;
  });
}

Value Evaluator::descendants(const Value& input) {
  if (!input.defined()) return {};
  Array* out = arena.sequence();
  descend(input, *out, 0);
  return spend(0) ? Value::of(out) : Value::error();
}

Value Evaluator::append(const Value& a, const Value& b) {
  if (!a.defined()) return b;
  if (!b.defined()) return a;
  const Elements left(a);
  const Elements right(b);
  Array* out = arena.array(left.size() + right.size());
  for (std::size_t i = 0; i < left.size(); ++i) arena.push(*out, left[i]);
  for (std::size_t i = 0; i < right.size(); ++i) arena.push(*out, right[i]);
  // One that was not an array becomes a sequence, as in JavaScript concat() keeps neither mark.
  return Value::of(out);
}

Value Evaluator::array(const Node* node, const Value& input, Frame* frame) {
  Array* out = arena.array(node->items.size());
  for (const Node* item : node->items) {
    const Value value = evaluate(item, input, frame);
    if (value.failed()) return value;
    if (!value.defined()) continue;
    if (item->type != NodeType::Array && value.is(Kind::Array)) {
      const Elements parts(value);
      if (!spend(parts.size() / 8)) return Value::error();
      if (out->size == 0) arena.reserve(*out, parts.size());
      for (std::size_t i = 0; i < parts.size(); ++i) arena.push(*out, parts[i]);
    } else {
      arena.push(*out, value);
    }
  }
  out->cons = node->cons_array;
  return Value::of(out);
}

Value Evaluator::numeric(const Node* node, const Value& left, const Value& right) {
  const bool usual = left.is(Kind::Number) && right.is(Kind::Number) && finite(left.number) &&
                     finite(right.number);
  for (const Value* side : {&left, &right}) {
    if (usual) break;
    if (side->defined() && !side->is(Kind::Number)) {
      return fail(side == &left ? "T2001" : "T2002", node->position, node->text, *side);
    }
    if (side->is(Kind::Number) && !finite(side->number)) {
      return fail("D1001", node->position, node->text, *side);
    }
  }
  if (!left.defined() || !right.defined()) return {};
  switch (node->op) {
    case Op::Add:
      return Value::of(left.number + right.number);
    case Op::Subtract:
      return Value::of(left.number - right.number);
    case Op::Multiply:
      return Value::of(left.number * right.number);
    case Op::Divide:
      return Value::of(left.number / right.number);
    default:
      return Value::of(std::fmod(left.number, right.number));
  }
}

Value Evaluator::comparison(const Node* node, const Value& left, const Value& right) {
  for (const Value* side : {&left, &right}) {
    if (side->defined() && !side->is(Kind::Number) && !side->is(Kind::String)) {
      return fail("T2010", node->position, node->text, *side);
    }
  }
  if (!left.defined() || !right.defined()) return {};
  if (left.kind != right.kind) return fail("T2009", node->position, node->text, left);
  if (!spend_for_text(std::array{left, right})) return Value::error();
  const double a = left.is(Kind::Number) ? left.number : compare_text(left.text(), right.text());
  const double b = left.is(Kind::Number) ? right.number : 0;
  switch (node->op) {
    case Op::Less:
      return Value::of(a < b);
    case Op::LessEqual:
      return Value::of(a <= b);
    case Op::Greater:
      return Value::of(a > b);
    default:
      return Value::of(a >= b);
  }
}

Value Evaluator::concat(const Node* node, const Value& left, const Value& right) {
  std::string made;
  for (const Value* side : {&left, &right}) {
    if (!side->defined()) continue;
    if (side->is(Kind::String)) {
      made += side->text();
    } else if (side->is(Kind::Number) && !finite(side->number)) {
      return fail("D3001", node->position, node->text, *side);
    } else if (!print_value(made, *side, false, digits())) {
      return limit("nesting");
    }
  }
  return Value::of(arena.copy(made));
}

Value Evaluator::range(const Node* node, const Value& left, const Value& right) {
  for (const Value* side : {&left, &right}) {
    const bool whole =
        side->is(Kind::Number) && finite(side->number) && std::floor(side->number) == side->number;
    if (side->defined() && !whole) {
      return fail(side == &left ? "T2003" : "T2004", node->position, node->text, *side);
    }
  }
  if (!left.defined() || !right.defined() || left.number > right.number) return {};
  const double count = right.number - left.number + 1;
  if (count > range_max) return fail("D2014", node->position, node->text, Value::of(count));
  const auto size = static_cast<std::size_t>(count);
  if (!spend(size / 8)) return Value::error();
  Array* out = arena.sequence(size);
  for (std::size_t i = 0; i < size; ++i) {
    out->items[i] = Value::of(left.number + static_cast<double>(i));
  }
  out->size = static_cast<std::uint32_t>(size);
  return Value::of(out);
}

Value Evaluator::binary(const Node* node, const Value& input, Frame* frame) {
  const Value left = evaluate(node->left, input, frame);
  if (left.failed()) return left;
  if (node->op == Op::And || node->op == Op::Or) {
    const bool decided = node->op == Op::Or;
    if (truthy(left) == decided) return Value::of(decided);
    const Value right = evaluate(node->right, input, frame);
    return right.failed() ? right : Value::of(truthy(right));
  }
  const Value right = evaluate(node->right, input, frame);
  if (right.failed()) return right;
  switch (node->op) {
    case Op::Equal:
    case Op::NotEqual: {
      if (!left.defined() || !right.defined()) return Value::of(false);
      const auto result = same(left, right);
      return result ? Value::of(*result == (node->op == Op::Equal)) : Value::error();
    }
    case Op::Less:
    case Op::LessEqual:
    case Op::Greater:
    case Op::GreaterEqual:
      return comparison(node, left, right);
    case Op::Concat:
      return concat(node, left, right);
    case Op::Range:
      return range(node, left, right);
    case Op::In: {
      if (!left.defined() || !right.defined()) return Value::of(false);
      const Elements parts(right);
      if (!spend(parts.size() / 8)) return Value::error();
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const auto result = same(left, parts[i]);
        if (!result) return Value::error();
        if (*result) return Value::of(true);
      }
      return Value::of(false);
    }
    default:
      return numeric(node, left, right);
  }
}

Value Evaluator::closure(const Node* node, const Value& input, Frame* frame, Function::Type type) {
  auto* function = arena.make<Function>();
  function->type = type;
  function->node = node;
  function->frame = frame;
  function->input = input;
  return Value::of(static_cast<const Function*>(function));
}

Value Evaluator::chain(const Node* node, const Value& input, Frame* frame) {
  const Value left = evaluate(node->left, input, frame);
  if (left.failed()) return left;
  if (node->right->type == NodeType::Function) {
    const Value result = call(node->right, input, frame, &left);
    return node->right->plain && !result.sequence() ? result
                                                    : finish(node->right, result, input, frame);
  }
  const Value right = evaluate(node->right, input, frame);
  if (right.failed()) return right;
  if (!is_lambda(right)) return fail("T2006", node->position, node->text, right);
  if (!is_lambda(left)) return apply(right.function, {&left, 1}, input);
  auto* made = arena.make<Function>();
  made->type = Function::Type::Chain;
  made->first = left.function;
  made->second = right.function;
  return Value::of(static_cast<const Function*>(made));
}

OrError<std::optional<json::value>> evaluate_in(const Expression& expression,
                                                const json::value* input, const Scope& scope,
                                                const Limits& limits, const Options& options) {
  Evaluator evaluator(limits, options);
  const Value result = evaluator.run(expression, input, scope);
  if (limits.fuel_used) *limits.fuel_used = limits.fuel - evaluator.fuel();
  if (result.failed()) return std::unexpected(std::move(evaluator.error()));
  if (result.is(Kind::Function) && options.step_functions)
    return std::unexpected(
        Error{.code = std::string(unsupported_result), .message = "The result is a function"});
  auto out = to_json(result);
  if (!out && !result.is(Kind::Undefined) && !result.is(Kind::Function)) {
    evaluator.limit("size or nesting of the result");
    return std::unexpected(std::move(evaluator.error()));
  }
  return out;
}

OrError<std::optional<json::value>> evaluate(const Expression& expression, const json::value* input,
                                             const Bindings& bindings, const Limits& limits,
                                             const Options& options) {
  Scope scope;
  for (const auto& [name, value] : bindings) scope.variables.emplace_back(name, &value);
  return evaluate_in(expression, input, scope, limits, options);
}

}  // namespace kiban::jsonata
