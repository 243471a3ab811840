#include "jsonata/value.h"

#include <algorithm>
#include <functional>

namespace kiban::jsonata {
namespace {

constexpr std::size_t block_bytes = 4'096;
constexpr std::uint32_t hash_from = 12;  // Fewer members are searched one by one.

std::uint32_t hash(std::string_view key) {
  return static_cast<std::uint32_t>(std::hash<std::string_view>{}(key));
}

}  // namespace

Value Value::of_whole(__int128 x) {
  Value v = of(static_cast<double>(x));
  constexpr __int128 whole_max = __int128{1} << 53U;
  if (x <= whole_max && x >= -whole_max) return v;
  const __int128 rest = x - static_cast<__int128>(v.number);
  if (rest > INT32_MAX || rest < INT32_MIN) return v;
  v.json = true;
  v.length = static_cast<std::uint32_t>(static_cast<std::int32_t>(rest));
  return v;
}

Value Value::of_exact(const json::value& x) {
  const std::string_view digits = exact_digits(x);
  constexpr std::size_t digits_max = 37;  // Of __int128.
  if (digits.size() > digits_max || digits.find_first_of(".eE") != std::string_view::npos)
    return of(number_of(x));
  __int128 whole = 0;
  for (const char c : digits) {
    if (c != '-') whole = whole * 10 + (c - '0');
  }
  return of_whole(digits.starts_with('-') ? -whole : whole);
}

void Arena::grow(std::size_t bytes) {
  // Blocks double, so that a small evaluation stays small and a big one allocates rarely.
  const std::size_t next = std::min<std::size_t>(
      block_bytes << std::min(blocks_.size(), std::size_t{11}), std::size_t{1} << 22U);
  const std::size_t size = std::max(bytes, next);
  blocks_.push_back(std::make_unique_for_overwrite<char[]>(size));
  at_ = blocks_.back().get();
  left_ = size;
  taken_ += size;
}

Array* Arena::array(std::size_t capacity) {
  Array* made = make<Array>();
  if (capacity > 0) {
    made->items = static_cast<Value*>(take(capacity * sizeof(Value)));
    made->capacity = static_cast<std::uint32_t>(capacity);
  }
  return made;
}

void Arena::grow(Array& array) { reserve(array, std::max(4U, array.capacity * 2)); }

void Arena::reserve(Array& array, std::size_t capacity) {
  if (capacity <= array.capacity) return;
  auto* items = static_cast<Value*>(take(capacity * sizeof(Value)));
  if (array.size > 0)
    std::memcpy(static_cast<void*>(items), array.items, array.size * sizeof(Value));
  array.items = items;
  array.capacity = static_cast<std::uint32_t>(capacity);
}

Value* Object::find(std::string_view key) const {
  if (slots == nullptr) {
    for (std::uint32_t i = 0; i < size; ++i) {
      if (same_text(items[i].key, key)) return &items[i].value;
    }
    return nullptr;
  }
  for (std::uint32_t i = hash(key) & (slot_count - 1);; i = (i + 1) & (slot_count - 1)) {
    if (slots[i] == 0) return nullptr;
    Member& found = items[slots[i] - 1];
    if (found.key == key) return &found.value;
  }
}

void Arena::rehash(Object& object) {
  if (object.size < hash_from) {
    object.slots = nullptr;
    return;
  }
  if (object.slots == nullptr || object.size * 2 > object.slot_count) {
    object.slot_count = 32;
    while (object.slot_count < object.size * 4) object.slot_count *= 2;
    object.slots = static_cast<std::uint32_t*>(take(object.slot_count * sizeof(std::uint32_t)));
  }
  std::fill_n(object.slots, object.slot_count, 0U);
  for (std::uint32_t index = 0; index < object.size; ++index) {
    std::uint32_t i = hash(object.items[index].key) & (object.slot_count - 1);
    while (object.slots[i] != 0) i = (i + 1) & (object.slot_count - 1);
    object.slots[i] = index + 1;
  }
}

void Arena::set(Object& object, std::string_view key, Value value) {
  if (Value* found = object.find(key)) {
    *found = value;
    return;
  }
  add(object, key, value);
}

void Arena::reserve(Object& object, std::size_t capacity) {
  if (capacity <= object.capacity) return;
  auto* items = static_cast<Member*>(take(capacity * sizeof(Member)));
  if (object.size > 0)
    std::memcpy(static_cast<void*>(items), object.items, object.size * sizeof(Member));
  object.items = items;
  object.capacity = static_cast<std::uint32_t>(capacity);
}

void Arena::add(Object& object, std::string_view key, Value value) {
  if (object.size == object.capacity) reserve(object, std::max(4U, object.capacity * 2));
  object.items[object.size++] = {.key = key, .value = value};
  if (object.size < hash_from) return;
  if (object.slots == nullptr || object.size * 2 > object.slot_count) {
    rehash(object);
    return;
  }
  std::uint32_t i = hash(key) & (object.slot_count - 1);
  while (object.slots[i] != 0) i = (i + 1) & (object.slot_count - 1);
  object.slots[i] = object.size;
}

void Arena::remove(Object& object, std::string_view key) {
  for (std::uint32_t i = 0; i < object.size; ++i) {
    if (object.items[i].key != key) continue;
    std::copy(object.items + i + 1, object.items + object.size, object.items + i);
    --object.size;
    rehash(object);
    return;
  }
}

std::size_t member_count(const Value& object) {
  return object.json ? object.json_object->size() : object.object->size;
}

bool truthy(const Value& value, int depth, std::size_t& budget) {
  if (depth > nesting_max || budget == 0) return false;
  --budget;
  switch (value.kind) {
    case Kind::Boolean:
      return value.boolean;
    case Kind::Number:
      return value.number != 0 && value.number == value.number;
    case Kind::String:
      return value.length > 0;
    case Kind::Array: {
      const Elements elements(value);
      for (std::size_t i = 0; i < elements.size(); ++i) {
        if (truthy(elements[i], depth + 1, budget)) return true;
      }
      return false;
    }
    case Kind::Object:
      return member_count(value) > 0;
    default:
      return false;
  }
}

bool equal(const Value& a, const Value& b, std::uint64_t& budget, int depth) {
  if (a.kind != b.kind || budget == 0) return false;
  if (depth > nesting_max) {
    budget = 0;
    return false;
  }
  --budget;
  switch (a.kind) {
    case Kind::Boolean:
      return a.boolean == b.boolean;
    case Kind::Number:
      return a.number == b.number;
    case Kind::String: {
      if (a.text().size() != b.text().size()) return false;
      constexpr std::size_t bytes_per_step = 128;
      const std::uint64_t cost = a.text().size() / bytes_per_step;
      if (cost >= budget) {
        budget = 0;
        return false;
      }
      budget -= cost;
      return a.text() == b.text();
    }
    case Kind::Array: {
      if (a.json == b.json && a.array == b.array) return true;
      const Elements left(a);
      const Elements right(b);
      if (left.size() != right.size()) return false;
      for (std::size_t i = 0; i < left.size(); ++i) {
        if (!equal(left[i], right[i], budget, depth + 1)) return false;
      }
      return true;
    }
    case Kind::Object: {
      if (a.json == b.json && a.object == b.object) return true;
      if (member_count(a) != member_count(b)) return false;
      bool same = true;
      each_member(a, [&](std::string_view key, const Value& value) {
        const Value other = member(b, key);
        same = other.kind == value.kind && equal(value, other, budget, depth + 1);
        return same;
      });
      return same;
    }
    case Kind::Function:
      return a.function == b.function;
    default:
      return true;
  }
}

int compare_text(std::string_view a, std::string_view b) {
  const std::size_t shared = std::min(a.size(), b.size());
  for (std::size_t i = 0; i < shared; ++i) {
    const auto x = static_cast<unsigned char>(a[i]);
    const auto y = static_cast<unsigned char>(b[i]);
    if (x == y) continue;
    // Characters beyond U+FFFF are surrogate pairs in UTF-16, which sort below U+E000.
    if (x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0)) return x >= 0xF0 ? -1 : 1;
    return x < y ? -1 : 1;
  }
  return a.size() == b.size() ? 0 : a.size() < b.size() ? -1 : 1;
}

}  // namespace kiban::jsonata
