// Paths, predicates, grouping and sorting: docs.jsonata.org/processing
#include <cmath>

#include "jsonata/evaluator.h"

namespace kiban::jsonata {
namespace {

// Collects the results of one step: flattened by one level, unless the last step yielded a single
// array, which is kept.
class Collector {
 public:
  Collector(Arena& arena, std::size_t expected) : arena_(arena), expected_(expected) {}

  void add(const Value& value) {
    if (!value.defined()) return;
    if (count_++ == 0) {
      first_ = value;
      return;
    }
    if (out_ == nullptr) {
      out_ = arena_.sequence(expected_);
      flatten(first_);
    }
    flatten(value);
  }

  Value result(bool last) {
    if (count_ == 0) return {};
    if (out_ != nullptr) return Value::of(out_);
    if (!first_.is(Kind::Array)) return first_;  // Treated as a sequence of one.
    if (last && !first_.sequence()) return first_;
    if (!last && (first_.json || !first_.array->cons)) return first_;  // Read element by element.
    out_ = arena_.sequence();
    flatten(first_);
    return Value::of(out_);
  }

 private:
  void flatten(const Value& value) {
    if (!value.is(Kind::Array) || (!value.json && value.array->cons)) {
      arena_.push(*out_, value);
      return;
    }
    const Elements parts(value);
    for (std::size_t i = 0; i < parts.size(); ++i) arena_.push(*out_, parts[i]);
  }

  Arena& arena_;
  std::size_t expected_;  // How many values there will be, roughly.
  Value first_{};
  std::size_t count_{0};
  Array* out_{nullptr};
};

bool empty(const Value& value) {
  if (!value.defined()) return true;
  return value.is(Kind::Array) && Elements(value).size() == 0;
}

constexpr std::string_view at = "@";

}  // namespace

Value Evaluator::path(const Node* node, const Value& input, Frame* frame) {
  Value current = input;
  bool whole = node->items.front()->type == NodeType::Variable;
  bool streaming = false;
  Array* tuples = nullptr;
  // Names that lead from object to object need no sequences.
  std::size_t done = 0;
  if (whole && node->items.size() > 1 && node->items[0]->plain && node->items[0]->stages.empty() &&
      !node->items[0]->tuple) {
    const Value start = evaluate(node->items[0], input, frame);
    if (start.failed()) return start;
    if (start.is(Kind::Object)) {
      current = start;
      whole = false;
      done = 1;
    }
  }
  while (!whole && done < node->items.size() && node->items[done]->simple &&
         current.is(Kind::Object)) {
    current = member(current, node->items[done++]->text);
  }
  if (done > 0 && !spend(done)) return Value::error();
  if (done > 0 && !current.defined()) done = node->items.size();
  for (std::size_t i = done; i < node->items.size(); ++i) {
    const Node* part = node->items[i];
    streaming = streaming || part->tuple;
    if (i == 0 && part->cons_array) {
      current = evaluate(part, current, frame);
    } else if (streaming) {
      const Value stream = tuple_step(part, current, whole, tuples, frame);
      if (stream.failed()) return stream;
      tuples = stream.array;
    } else {
      current =
          step(part, Elements(current, whole ? Elements::Take::Whole : Elements::Take::Elements),
               frame, i + 1 == node->items.size());
    }
    if (current.failed()) return current;
    if (!streaming && empty(current)) {
      // Nothing is left to step through; an array written as [] is kept.
      const bool written = i == 0 && part->cons_array;
      if (!written && i + 1 < node->items.size()) current = Value();
      break;
    }
    whole = false;
  }
  if (streaming && tuples != nullptr)
    current = node->tuple ? Value::of(tuples) : focused_items(*tuples);
  if (node->keep_singleton && current.defined()) current = kept_singleton(current);
  if (node->group) {
    current = group(*node->group, streaming ? Value::of(tuples) : current, frame);
  }
  return current;
}

Value Evaluator::focused_items(const Array& tuples) {
  Array* out = arena.sequence(tuples.size);
  for (std::uint32_t i = 0; i < tuples.size; ++i) {
    const Value* item = tuples.items[i].object->find(at);
    arena.push(*out, item != nullptr ? *item : Value());
  }
  return Value::of(out);
}

Value Evaluator::kept_singleton(Value value) {
  const bool constructed =
      value.is(Kind::Array) && !value.json && value.array->cons && !value.array->sequence;
  if (!value.is(Kind::Array) || constructed) {
    Array* out = arena.sequence(1);
    arena.push(*out, value);
    value = Value::of(out);
  }
  if (!value.json) value.array->keep_singleton = true;
  return value;
}

Value Evaluator::step(const Node* node, const Elements& elements, Frame* frame, bool last) {
  if (node->type == NodeType::Sort) {
    Array* all = arena.sequence(elements.size());
    for (std::size_t i = 0; i < elements.size(); ++i) arena.push(*all, elements[i]);
    return stages(node, order(node, Value::of(all), frame), frame);
  }
  Collector collector(arena, elements.size());
  const bool simple =
      node->type == NodeType::Name && node->plain && node->stages.empty() && elements.size() > 0;
  if (simple && !spend(elements.size())) return Value::error();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const Value element = elements[i];
    Value value;
    if (simple && element.is(Kind::Object)) {
      value = member(element, node->text);
    } else {
      value = evaluate(node, element, frame);
      for (const Stage& stage : node->stages) {
        if (value.failed()) return value;
        if (stage.filter != nullptr) value = filter(stage.filter, value, frame);
      }
      if (value.failed()) return value;
    }
    collector.add(value);
  }
  return collector.result(last);
}

Value Evaluator::stages(const Node* node, Value result, Frame* frame) {
  for (const Stage& stage : node->stages) {
    if (result.failed()) return result;
    if (stage.filter != nullptr) {
      result = filter(stage.filter, result, frame);
      continue;
    }
    for (std::uint32_t i = 0; result.is(Kind::Array) && i < result.array->size; ++i) {
      arena.set(*result.array->items[i].object, stage.index, Value::of(static_cast<double>(i)));
    }
  }
  return result;
}

Frame* Evaluator::tuple_frame(const Frame* parent, const Object& tuple) {
  Frame* frame = make_frame(parent, tuple.size);
  for (std::uint32_t i = 0; i < tuple.size; ++i) {
    frame->items[i] = {.name = tuple.items[i].key, .value = tuple.items[i].value};
  }
  frame->size = tuple.size;
  return frame;
}

Value Evaluator::tuple_step(const Node* node, const Value& input, bool whole, Array* tuples,
                            Frame* frame) {
  if (node->type == NodeType::Sort) {
    if (tuples != nullptr) return stages(node, order(node, Value::of(tuples), frame), frame);
    const Elements elements(input);
    Array* all = arena.sequence(elements.size());
    for (std::size_t i = 0; i < elements.size(); ++i) arena.push(*all, elements[i]);
    const Value sorted = order(node, Value::of(all), frame);
    if (sorted.failed()) return sorted;
    Array* out = arena.sequence(sorted.array->size);
    out->tuple_stream = true;
    for (std::uint32_t i = 0; i < sorted.array->size; ++i) {
      Object* tuple = arena.object();
      arena.set(*tuple, at, sorted.array->items[i]);
      if (!node->index.empty()) {
        arena.set(*tuple, node->index, Value::of(static_cast<double>(i)));
      }
      arena.push(*out, Value::of(tuple));
    }
    return stages(node, Value::of(out), frame);
  }
  if (tuples == nullptr) {
    const Elements elements(input, whole ? Elements::Take::Whole : Elements::Take::Elements);
    tuples = arena.sequence(elements.size());
    for (std::size_t i = 0; i < elements.size(); ++i) {
      Object* tuple = arena.object();
      arena.set(*tuple, at, elements[i]);
      arena.push(*tuples, Value::of(tuple));
    }
  }
  Array* out = arena.sequence();
  out->tuple_stream = true;
  for (std::uint32_t t = 0; t < tuples->size; ++t) {
    const Object& source = *tuples->items[t].object;
    const Value* context = source.find(at);
    const Value here = context != nullptr ? *context : Value();
    const Value found = evaluate(node, here, tuple_frame(frame, source));
    if (found.failed()) return found;
    if (!found.defined()) continue;
    const Elements parts(found);
    const bool stream = found.is(Kind::Array) && !found.json && found.array->tuple_stream;
    if (!spend(parts.size())) return Value::error();
    for (std::size_t i = 0; i < parts.size(); ++i) {
      Object* tuple = arena.object();
      for (std::uint32_t m = 0; m < source.size; ++m) {
        arena.set(*tuple, source.items[m].key, source.items[m].value);
      }
      if (stream) {
        const Object& inner = *parts[i].object;
        for (std::uint32_t m = 0; m < inner.size; ++m) {
          arena.set(*tuple, inner.items[m].key, inner.items[m].value);
        }
      } else {
        if (!node->focus.empty()) {
          arena.set(*tuple, node->focus, parts[i]);
        } else {
          arena.set(*tuple, at, parts[i]);
        }
        if (!node->index.empty()) {
          arena.set(*tuple, node->index, Value::of(static_cast<double>(i)));
        }
        if (node->ancestor != nullptr) arena.set(*tuple, node->ancestor->label, here);
      }
      arena.push(*out, Value::of(tuple));
    }
  }
  return stages(node, Value::of(out), frame);
}

Value Evaluator::filter(const Node* predicate, const Value& input, Frame* frame) {
  if (!input.defined()) {  // The reference evaluates the predicate once all the same.
    const Value result = evaluate(predicate, input, frame);
    return result.failed() ? result : Value();
  }
  Array* out = arena.sequence();
  const bool stream = input.is(Kind::Array) && !input.json && input.array->tuple_stream;
  out->tuple_stream = stream;
  const Elements elements(input);
  const auto size = static_cast<double>(elements.size());
  if (predicate->type == NodeType::Number && predicate->plain) {
    double index = std::floor(predicate->number);
    if (index < 0) index += size;
    if (!(index >= 0 && index < size)) return Value::of(out);
    const Value item = elements[static_cast<std::size_t>(index)];
    if (item.is(Kind::Array)) return item;
    if (item.defined()) arena.push(*out, item);
    return Value::of(out);
  }
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const Value item = elements[i];
    Value result;
    if (stream) {
      const Value* context = item.object->find(at);
      result = evaluate(predicate, context != nullptr ? *context : Value(),
                        tuple_frame(frame, *item.object));
    } else {
      result = evaluate(predicate, item, frame);
    }
    if (result.failed()) return result;
    const auto selects = [&](const Value& number) {
      double index = std::floor(number.number);
      if (index < 0) index += size;
      return index == static_cast<double>(i);
    };
    if (result.is(Kind::Number)) {
      if (selects(result)) arena.push(*out, item);
      continue;
    }
    if (result.is(Kind::Array)) {
      const Elements parts(result);
      bool numbers = true;
      for (std::size_t j = 0; j < parts.size() && numbers; ++j) {
        numbers = parts[j].is(Kind::Number);
      }
      if (numbers) {
        if (!spend(parts.size() / 8)) return Value::error();
        for (std::size_t j = 0; j < parts.size(); ++j) {
          if (selects(parts[j])) arena.push(*out, item);
        }
        continue;
      }
    }
    if (truthy(result)) arena.push(*out, item);
  }
  return Value::of(out);
}

// The usual case, {"a": x, "b": y} over one value: no groups to gather.
Value Evaluator::single_group(const Grouping& grouping, const Value& item, Frame* frame) {
  if (grouping.literal) {
    Object* made = arena.object();
    arena.reserve(*made, grouping.pairs.size());
    for (const auto& [key, node] : grouping.pairs) {
      const Value value = evaluate(node, item, frame);
      if (value.failed()) return value;
      if (value.defined()) arena.add(*made, key->text, value);
    }
    return Value::of(made);
  }
  Object* keys = arena.object();
  for (std::size_t pair = 0; pair < grouping.pairs.size(); ++pair) {
    const Value key = evaluate(grouping.pairs[pair].first, item, frame);
    if (key.failed()) return key;
    if (!key.defined()) continue;
    if (!key.is(Kind::String)) return fail("T1003", grouping.position, {}, key);
    if (keys->find(key.text()) != nullptr) return fail("D1009", grouping.position, {}, key);
    arena.set(*keys, key.text(), Value::of(static_cast<double>(pair)));
  }
  Object* out = arena.object();
  for (std::uint32_t i = 0; i < keys->size; ++i) {
    const auto index = static_cast<std::size_t>(keys->items[i].value.number);
    const Value value = evaluate(grouping.pairs[index].second, item, frame);
    if (value.failed()) return value;
    if (value.defined()) arena.set(*out, keys->items[i].key, value);
  }
  return Value::of(out);
}

Value Evaluator::group(const Grouping& grouping, const Value& input, Frame* frame) {
  const bool stream = input.is(Kind::Array) && !input.json && input.array->tuple_stream;
  const Elements elements(input);
  if (elements.size() == 0) return single_group(grouping, Value(), frame);
  if (!input.is(Kind::Array)) return single_group(grouping, input, frame);
  struct Entry {
    Value data{};
    std::size_t pair{0};
    Array* many{nullptr};
  };
  std::vector<Entry> entries;
  Object* groups = arena.object();
  for (std::size_t i = 0; i < elements.size(); ++i) {
    const Value item = elements[i];
    Frame* inner = stream ? tuple_frame(frame, *item.object) : frame;
    const Value* context = stream ? item.object->find(at) : &item;
    for (std::size_t pair = 0; pair < grouping.pairs.size(); ++pair) {
      const Value key =
          evaluate(grouping.pairs[pair].first, context != nullptr ? *context : Value(), inner);
      if (key.failed()) return key;
      if (!key.defined()) continue;
      if (!key.is(Kind::String)) return fail("T1003", grouping.position, {}, key);
      if (const Value* known = groups->find(key.text())) {
        Entry& entry = entries[static_cast<std::size_t>(known->number)];
        if (entry.pair != pair) return fail("D1009", grouping.position, {}, key);
        if (entry.many == nullptr) {
          const Value first = entry.data;
          entry.many = append(Value::of(arena.array()), first).array;
        }
        const Elements parts(item);
        for (std::size_t j = 0; j < parts.size(); ++j) arena.push(*entry.many, parts[j]);
        entry.data = Value::of(entry.many);
      } else {
        arena.set(*groups, key.text(), Value::of(static_cast<double>(entries.size())));
        entries.push_back({.data = item, .pair = pair});
      }
    }
  }
  Object* out = arena.object();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Value context = entries[i].data;
    Frame* inner = frame;
    if (stream) {
      // Tuples of one group are merged member by member.
      Object* merged = arena.object();
      const Elements parts(context);
      for (std::size_t j = 0; j < parts.size(); ++j) {
        const Object& tuple = *parts[j].object;
        for (std::uint32_t m = 0; m < tuple.size; ++m) {
          const Value* before = merged->find(tuple.items[m].key);
          arena.set(
              *merged, tuple.items[m].key,
              before != nullptr ? append(*before, tuple.items[m].value) : tuple.items[m].value);
        }
      }
      const Value* merged_context = merged->find(at);
      context = merged_context != nullptr ? *merged_context : Value();
      inner = tuple_frame(frame, *merged);
    }
    const Value value = evaluate(grouping.pairs[entries[i].pair].second, context, inner);
    if (value.failed()) return value;
    if (value.defined()) arena.set(*out, groups->items[i].key, value);
  }
  return Value::of(out);
}

int Evaluator::compare_keys(const Node* node, const Value& a, const Value& b) {
  for (std::size_t i = 0; i < node->terms.size(); ++i) {
    const Value& x = a.array->items[i];
    const Value& y = b.array->items[i];
    if (!x.defined() || !y.defined()) {
      if (!x.defined() && !y.defined()) continue;
      return x.defined() ? 0 : 1;  // Missing values sort last in both directions.
    }
    for (const Value* side : {&x, &y}) {
      if (!side->is(Kind::Number) && !side->is(Kind::String)) {
        fail("T2008", node->position, {}, *side);
        return -1;
      }
    }
    if (x.kind != y.kind) {
      fail("T2007", node->position, {}, x);
      return -1;
    }
    int order = 0;
    if (x.is(Kind::Number)) {
      order = x.number < y.number ? -1 : x.number > y.number ? 1 : 0;
    } else {
      order = compare_text(x.text(), y.text());
    }
    if (order != 0) return (order > 0) != node->terms[i].descending ? 1 : 0;
  }
  return 0;
}

Value Evaluator::order(const Node* node, const Value& input, Frame* frame) {
  const Array& items = *input.array;
  std::vector<std::pair<Value, Value>> keyed;  // Keys, element.
  keyed.reserve(items.size);
  for (std::uint32_t i = 0; i < items.size && items.size > 1; ++i) {
    const Value item = items.items[i];
    Frame* inner = frame;
    Value context = item;
    if (items.tuple_stream) {
      const Value* found = item.object->find(at);
      context = found != nullptr ? *found : Value();
      inner = tuple_frame(frame, *item.object);
    }
    Array* keys = arena.array(node->terms.size());
    for (const SortTerm& term : node->terms) {
      const Value key = evaluate(term.expression, context, inner);
      if (key.failed()) return key;
      arena.push(*keys, key);
    }
    keyed.emplace_back(Value::of(keys), item);
  }
  const bool sorted = merge_sort(keyed, [&](const auto& a, const auto& b) {
    return spend(1) ? compare_keys(node, a.first, b.first) : -1;
  });
  if (!sorted) return Value::error();
  Array* out = arena.sequence(items.size);
  out->tuple_stream = items.tuple_stream;
  for (std::uint32_t i = 0; i < items.size; ++i) {
    arena.push(*out, items.size > 1 ? keyed[i].second : items.items[i]);
  }
  return Value::of(out);
}

}  // namespace kiban::jsonata
