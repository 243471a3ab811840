// Calling functions: signatures, lambdas with tail calls, partial application, the transform
// operator, matchers. docs.jsonata.org/programming
#include <algorithm>

#include "jsonata/evaluator.h"
#include "jsonata/strings.h"

namespace kiban::jsonata {
namespace {

constexpr std::size_t arguments_max = 64;  // Our own bound, for checking against a signature.

char symbol(const Value& value) {
  switch (value.kind) {
    case Kind::Null:
      return 'l';
    case Kind::Boolean:
      return 'b';
    case Kind::Number:
      return 'n';
    case Kind::String:
      return 's';
    case Kind::Array:
      return 'a';
    case Kind::Object:
      return 'o';
    case Kind::Function:
      return 'f';
    default:
      return 'm';
  }
}

bool fits(const Parameter& parameter, char given) { return parameter.types.contains(given); }

// How many arguments each parameter takes, as the regular expression that JSONata builds of a
// signature would: as many as possible, giving back when the rest does not fit.
class Matcher {
 public:
  Matcher(const std::vector<Parameter>& parameters, std::string_view given)
      : parameters_(parameters), given_(given), counts(parameters.size(), 0) {}

  bool match(std::size_t parameter, std::size_t at, bool whole) {
    furthest = std::max(furthest, at);
    if (++tries_ > 10'000) return false;
    if (parameter == parameters_.size()) return !whole || at == given_.size();
    const Parameter& p = parameters_[parameter];
    std::size_t most = 0;
    const std::size_t cap = p.repeated ? given_.size() : 1;
    while (most < cap && at + most < given_.size() && fits(p, given_[at + most])) ++most;
    const std::size_t least = p.optional ? 0 : 1;
    for (std::size_t count = most + 1; count-- > least;) {
      counts[parameter] = count;
      if (match(parameter + 1, at + count, whole)) return true;
    }
    return false;
  }

 private:
  const std::vector<Parameter>& parameters_;
  std::string_view given_;
  int tries_{0};

 public:
  std::vector<std::size_t> counts;
  std::size_t furthest{0};
};

bool right_elements(const Parameter& parameter, const Value& argument) {
  if (parameter.subtype == 0) return true;
  if (!argument.is(Kind::Array)) return symbol(argument) == parameter.subtype;
  const Elements elements(argument);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    if (symbol(elements[i]) != parameter.subtype) return false;
  }
  return true;
}

}  // namespace

std::size_t arity(const Function& function) {
  switch (function.type) {
    case Function::Type::Builtin:
      return function.builtin->arity;
    case Function::Type::Lambda:
      return function.node->items.size();
    case Function::Type::Partial: {
      std::size_t holes = 0;
      for (std::size_t i = 0; i < function.bound_count; ++i) holes += function.bound[i].failed();
      return holes;
    }
    case Function::Type::Regex:
      return 2;  // Text, and where to start.
    case Function::Type::NextMatch:
      return 0;
    default:
      return 1;
  }
}

void Evaluator::blame(std::size_t position, std::string_view token) {
  if (error_.position == 0) error_.position = position;
  if (error_.token.empty() && !token.empty()) {
    error_.token = token;
    const bool generated =
        error_.code != "D3137" && error_.code != "D3141" && error_.code != "U1001";
    if (generated) {
      const auto at = error_.message.find("\"\"");
      if (at != std::string::npos) error_.message.insert(at + 1, token);
    }
  }
}

bool Evaluator::check(const Signature& signature, std::span<const Value>& arguments,
                      const Value& context) {
  const auto& parameters = signature.parameters;
  bool direct = arguments.size() == parameters.size();
  for (std::size_t i = 0; direct && i < parameters.size(); ++i) {
    const char given = symbol(arguments[i]);
    direct = fits(parameters[i], given) && parameters[i].kind != 'a';
  }
  if (direct) return true;
  if (arguments.size() > arguments_max) {
    limit("arguments");
    return false;
  }
  std::string given;
  for (const Value& argument : arguments) given.push_back(symbol(argument));
  const auto ordinal = [](std::size_t i) { return std::to_string(i + 1); };
  Matcher matcher(parameters, given);
  if (!matcher.match(0, 0, true)) {
    // The first argument that no reading of the signature reaches is to blame.
    std::size_t good = 0;
    for (std::size_t count = 1; count <= parameters.size(); ++count) {
      const std::vector<Parameter> some(parameters.begin(),
                                        parameters.begin() + static_cast<std::ptrdiff_t>(count));
      Matcher partial(some, given);
      if (!partial.match(0, 0, false)) break;
      good = 0;
      for (const std::size_t taken : partial.counts) good += taken;
    }
    fail("T0410", 0, {}, good < arguments.size() ? arguments[good] : Value(), ordinal(good));
    return false;
  }
  Array* out = arena.array(arguments.size() + parameters.size());
  std::size_t at = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& parameter = parameters[i];
    if (matcher.counts[i] == 0) {
      if (parameter.context) {
        if (!fits(parameter, symbol(context))) {
          fail("T0411", 0, {}, context, ordinal(at));
          return false;
        }
        arena.push(*out, context);
      } else {
        arena.push(*out, at < arguments.size() ? arguments[at] : Value());
        ++at;
      }
      continue;
    }
    for (std::size_t taken = 0; taken < matcher.counts[i]; ++taken, ++at) {
      Value argument = arguments[at];
      if (parameter.kind == 'a' && argument.defined()) {
        if (!right_elements(parameter, argument)) {
          fail("T0412", 0, {}, argument, ordinal(at));
          return false;
        }
        if (!argument.is(Kind::Array)) {
          Array* one = arena.array(1);
          arena.push(*one, argument);
          argument = Value::of(one);
        }
      }
      arena.push(*out, argument);
    }
  }
  arguments = {out->items, out->size};
  return true;
}

Value Evaluator::call(const Node* node, const Value& input, Frame* frame, const Value* applied) {
  const Value procedure = evaluate(node->left, input, frame);
  if (procedure.failed()) return procedure;
  const bool named = node->left->type == NodeType::Path;
  const std::string_view name = named ? node->left->items[0]->text : node->left->text;
  if (!procedure.defined() && named) {
    Node probe;
    probe.type = NodeType::Variable;
    probe.text = name;
    probe.builtin = find_builtin(name);
    if (variable(&probe, Value(), frame).defined()) return fail("T1005", node->position, name);
  }
  const std::size_t count = node->items.size() + (applied != nullptr ? 1 : 0);
  auto* arguments =
      static_cast<Value*>(arena.take(std::max<std::size_t>(count, 1) * sizeof(Value)));
  std::size_t at = 0;
  if (applied != nullptr) arguments[at++] = *applied;
  for (const Node* item : node->items) {
    const Value argument = evaluate(item, input, frame);
    if (argument.failed()) return argument;
    arguments[at++] = argument;
  }
  if (!procedure.is(Kind::Function)) return fail("T1006", node->position, name, procedure);
  Value result;
  if (procedure.function->type == Function::Type::Builtin) {
    std::span<const Value> checked(arguments, count);
    const Builtin& builtin = *procedure.function->builtin;
    result =
        check(builtin.signature, checked, input) && spend_for_text(checked)
            ? builtin.run(Call{.run = *this, .arguments = checked, .input = input, .frame = frame})
            : Value::error();
  } else {
    result = apply(procedure.function, {arguments, count}, input);
  }
  if (result.failed()) blame(node->position, name);
  return result;
}

Value Evaluator::apply(const Function* function, std::span<const Value> arguments,
                       const Value& input) {
  if (function == nullptr) return fail("T1006");
  Value result = apply_once(function, arguments, input);
  // A call in tail position comes back as a thunk, so that it costs no native stack.
  while (result.is(Kind::Function) && result.function->type == Function::Type::Lambda &&
         result.function->node->thunk) {
    const Function& thunk = *result.function;
    const Node* body = thunk.node->right;
    const Value next = evaluate(body->left, thunk.input, thunk.frame);
    if (next.failed()) return next;
    auto* passed = static_cast<Value*>(
        arena.take(std::max<std::size_t>(body->items.size(), 1) * sizeof(Value)));
    for (std::size_t i = 0; i < body->items.size(); ++i) {
      passed[i] = evaluate(body->items[i], thunk.input, thunk.frame);
      if (passed[i].failed()) return passed[i];
    }
    const std::string_view name =
        body->left->type == NodeType::Path ? body->left->items[0]->text : body->left->text;
    if (!next.is(Kind::Function)) return fail("T1006", body->position, name, next);
    result = apply_once(next.function, {passed, body->items.size()}, thunk.input);
    if (result.failed()) {
      blame(body->position, name);
      return result;
    }
    if (body->keep_array && result.sequence()) result.array->keep_singleton = true;
  }
  return result;
}

Value Evaluator::apply_once(const Function* function, std::span<const Value> arguments,
                            const Value& input) {
  if (!spend(1)) return Value::error();
  switch (function->type) {
    case Function::Type::Builtin: {
      if (!check(function->builtin->signature, arguments, input) || !spend_for_text(arguments))
        return Value::error();
      Frame* frame = make_frame(nullptr, 0);
      return function->builtin->run(
          Call{.run = *this, .arguments = arguments, .input = input, .frame = frame});
    }
    case Function::Type::Lambda: {
      const Node* node = function->node;
      if (node->signature && !check(*node->signature, arguments, input)) return Value::error();
      Frame* frame = make_frame(function->frame, node->items.size());
      for (std::size_t i = 0; i < node->items.size(); ++i) {
        frame->items[i] = {.name = node->items[i]->text,
                           .value = i < arguments.size() ? arguments[i] : Value()};
      }
      frame->size = static_cast<std::uint32_t>(node->items.size());
      return evaluate(node->right, function->input, frame);
    }
    case Function::Type::Partial: {
      Array* all = arena.array(function->bound_count + arguments.size());
      std::size_t at = 0;
      for (std::size_t i = 0; i < function->bound_count; ++i) {
        const Value& bound = function->bound[i];
        arena.push(*all, !bound.failed() ? bound : at < arguments.size() ? arguments[at] : Value());
        if (bound.failed()) ++at;
      }
      for (; at < arguments.size(); ++at) arena.push(*all, arguments[at]);
      return apply(function->first, {all->items, all->size}, input);
    }
    case Function::Type::Chain: {
      const Value middle = apply(function->first, arguments, input);
      if (middle.failed()) return middle;
      return apply(function->second, {&middle, 1}, input);
    }
    case Function::Type::Regex: {
      if (arguments.empty() || !arguments[0].is(Kind::String)) return {};
      std::size_t from = 0;
      if (arguments.size() > 1 && arguments[1].is(Kind::Number) && arguments[1].number > 0) {
        from = byte_of_unit(arguments[0].text(), arguments[1].number);
      }
      return match(*function, arguments[0].text(), from);
    }
    case Function::Type::NextMatch:
      if (function->offset >= function->text.size()) return {};
      return match(*function, function->text, function->offset);
    case Function::Type::Transform:
      return transform(*function, arguments.empty() ? Value() : arguments[0]);
  }
  return {};
}

Value Evaluator::call_back(const Function* function, Value item, Value index, Value whole) {
  if (function == nullptr) return fail("T1006");
  const Value arguments[] = {item, index, whole};
  const std::size_t count = std::clamp<std::size_t>(arity(*function), 1, 3);
  return apply(function, {arguments, count}, Value());
}

Value Evaluator::partial(const Node* node, const Value& input, Frame* frame) {
  const Value procedure = evaluate(node->left, input, frame);
  if (procedure.failed()) return procedure;
  Array* bound = arena.array(node->items.size());
  for (const Node* item : node->items) {
    if (item->type == NodeType::Operator) {
      arena.push(*bound, Value::error());
      continue;
    }
    const Value argument = evaluate(item, input, frame);
    if (argument.failed()) return argument;
    arena.push(*bound, argument);
  }
  const bool named = node->left->type == NodeType::Path;
  const std::string_view name = named ? node->left->items[0]->text : node->left->text;
  if (!procedure.is(Kind::Function)) {
    Node probe;
    probe.type = NodeType::Variable;
    probe.text = name;
    probe.builtin = find_builtin(name);
    const bool meant = !procedure.defined() && named && variable(&probe, Value(), frame).defined();
    return fail(meant ? "T1007" : "T1008", node->position, name, procedure);
  }
  // Parameters beyond the arguments given stay open.
  for (std::size_t i = bound->size; i < arity(*procedure.function); ++i) {
    if (procedure.function->type == Function::Type::Lambda) arena.push(*bound, Value::error());
  }
  auto* made = arena.make<Function>();
  made->type = Function::Type::Partial;
  made->first = procedure.function;
  made->bound = bound->items;
  made->bound_count = bound->size;
  return Value::of(static_cast<const Function*>(made));
}

namespace {

Value deep_copy(Arena& arena, const Value& value, int depth) {
  if (depth > nesting_max) return Value::error();
  if (value.is(Kind::Array)) {
    const Elements elements(value);
    Array* out = arena.array(elements.size());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      const Value copy = deep_copy(arena, elements[i], depth + 1);
      if (copy.failed()) return copy;
      arena.push(*out, copy);
    }
    return Value::of(out);
  }
  if (value.is(Kind::Object)) {
    Object* out = arena.object();
    bool failed = false;
    each_member(value, [&](std::string_view key, const Value& item) {
      const Value copy = deep_copy(arena, item, depth + 1);
      failed = copy.failed();
      if (!failed) arena.set(*out, key, copy);
      return !failed;
    });
    return failed ? Value::error() : Value::of(out);
  }
  return value;
}

}  // namespace

Value Evaluator::change(const Node* node, const Value& match, Frame* frame) {
  const Value update = evaluate(node->right, match, frame);
  if (update.failed()) return update;
  if (update.defined()) {
    if (!update.is(Kind::Object)) return fail("T2011", node->right->position, {}, update);
    if (match.is(Kind::Object) && !match.json) {
      each_member(update, [&](std::string_view key, const Value& value) {
        arena.set(*match.object, key, value);
        return true;
      });
    }
  }
  if (node->third == nullptr) return {};
  const Value deletions = evaluate(node->third, match, frame);
  if (deletions.failed() || !deletions.defined()) return deletions;
  const Elements keys(deletions);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (!keys[i].is(Kind::String)) return fail("T2012", node->third->position, {}, deletions);
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (match.is(Kind::Object) && !match.json) arena.remove(*match.object, keys[i].text());
  }
  return {};
}

Value Evaluator::transform(const Function& function, const Value& target) {
  if (!target.defined()) return {};
  if (!target.is(Kind::Object) && !target.is(Kind::Array)) {
    return fail("T0410", function.node->position, {}, target, "1");
  }
  const Value copy = deep_copy(arena, target, 0);
  if (copy.failed()) return limit("nesting");
  const Value matches = evaluate(function.node->left, copy, function.frame);
  if (matches.failed()) return matches;
  if (matches.defined()) {
    const Elements found(matches);
    for (std::size_t i = 0; i < found.size(); ++i) {
      const Value changed = change(function.node, found[i], function.frame);
      if (changed.failed()) return changed;
    }
  }
  return copy;
}

// A match as an object: {match, start, end, groups, next}.
Value Evaluator::match(const Function& function, std::string_view text, std::size_t from) {
  if (!spend(1 + text.size() / 64)) return Value::error();
  std::uint64_t steps = 0;
  const auto found = function.node->regex->find(text, from, &steps);
  if (found && !spend(steps / regex_steps_per_fuel)) return Value::error();
  if (!found) return limit("steps of a regular expression");
  if (!*found) return {};
  const RegexMatch& hit = **found;
  if (hit.end == hit.start && function.type == Function::Type::NextMatch) return fail("D1004");
  Object* out = arena.object();
  Array* groups = arena.array(hit.groups.size());
  for (const std::string_view group : hit.groups) {
    arena.push(*groups, group.data() != nullptr ? Value::of(group) : Value());
  }
  auto* next = arena.make<Function>();
  next->type = Function::Type::NextMatch;
  next->node = function.node;
  next->text = text;
  next->offset = hit.end;
  arena.set(*out, "match", Value::of(text.substr(hit.start, hit.end - hit.start)));
  arena.set(*out, "start", Value::of(units(text.substr(0, hit.start))));
  arena.set(*out, "end", Value::of(units(text.substr(0, hit.end))));
  arena.set(*out, "groups", Value::of(groups));
  arena.set(*out, "next", Value::of(static_cast<const Function*>(next)));
  return Value::of(out);
}

}  // namespace kiban::jsonata
