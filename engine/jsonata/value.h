// Values while an expression runs: small, trivially copied, made in an arena that lives as long as
// the evaluation. Parts of the input are referenced, never copied.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "core/exact_json.h"
#include "core/json.h"

namespace kiban::jsonata {

enum class Kind : std::uint8_t {
  Undefined,
  Error,  // The evaluator holds which.
  Null,
  Boolean,
  Number,
  String,
  Array,
  Object,
  Function,
};

struct Array;
struct Object;
struct Function;

// Keys and names are short: comparing them in place is cheaper than a call.
inline bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const auto word = [](const char* from) {
    std::uint32_t bytes = 0;
    std::memcpy(&bytes, from, sizeof bytes);
    return bytes;
  };
  const std::size_t size = a.size();
  if (size > 8) return std::memcmp(a.data(), b.data(), size) == 0;
  if (size >= 4) {  // Two words that may overlap.
    return word(a.data()) == word(b.data()) &&
           word(a.data() + size - 4) == word(b.data() + size - 4);
  }
  for (std::size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

struct Value {
  Kind kind{Kind::Undefined};
  bool json{false};  // Array or object of the input; a whole number that a double can't hold.
  std::uint32_t length{0};  // Of such a number: the offset to add.
  union {
    double number{0};
    bool boolean;
    const char* chars;
    Array* array;
    Object* object;
    const Function* function;
    const json::array* json_array;
    const json::object* json_object;
  };

  static Value of(double x) {
    Value v;
    v.kind = Kind::Number;
    v.number = x;
    return v;
  }
  static Value of(bool x) {
    Value v;
    v.kind = Kind::Boolean;
    v.boolean = x;
    return v;
  }
  static Value of(std::string_view text) {  // The text must outlive the evaluation.
    Value v;
    v.kind = Kind::String;
    v.length = static_cast<std::uint32_t>(text.size());
    v.chars = text.data();
    return v;
  }
  static Value of(Array* x) {
    Value v;
    v.kind = Kind::Array;
    v.array = x;
    return v;
  }
  static Value of(Object* x) {
    Value v;
    v.kind = Kind::Object;
    v.object = x;
    return v;
  }
  static Value of(const Function* x) {
    Value v;
    v.kind = Kind::Function;
    v.function = x;
    return v;
  }
  static Value null() {
    Value v;
    v.kind = Kind::Null;
    return v;
  }
  static Value error() {
    Value v;
    v.kind = Kind::Error;
    return v;
  }
  static Value of_json(const json::value& x);
  // Whole numbers beyond 2^53 keep their digits until something is calculated with them.
  static Value of_whole(__int128 x);
  static Value of_exact(const json::value& x);  // One that is_exact_number.
  bool whole() const { return kind == Kind::Number && json; }
  __int128 exact() const {  // Of one that is whole().
    return static_cast<__int128>(number) + static_cast<std::int32_t>(length);
  }

  bool is(Kind k) const { return kind == k; }
  bool failed() const { return kind == Kind::Error; }
  bool defined() const { return kind != Kind::Undefined; }
  std::string_view text() const { return {chars, length}; }
  bool sequence() const;
};

inline Value Value::of_json(const json::value& x) {
  Value v;
  switch (x.kind()) {
    case json::kind::null:
      v.kind = Kind::Null;
      break;
    case json::kind::bool_:
      v.kind = Kind::Boolean;
      v.boolean = x.get_bool();
      break;
    case json::kind::int64:
      return of_whole(x.get_int64());
    case json::kind::uint64:
      return of_whole(x.get_uint64());
    case json::kind::double_:
      return of(x.get_double());
    case json::kind::string:
      if (is_exact_number(x)) return of_exact(x);
      return of(std::string_view(x.get_string()));
    case json::kind::array:
      v.kind = Kind::Array;
      v.json = true;
      v.json_array = &x.get_array();
      break;
    case json::kind::object:
      v.kind = Kind::Object;
      v.json = true;
      v.json_object = &x.get_object();
      break;
  }
  return v;
}

static_assert(sizeof(Value) == 16);

struct Array {
  Value* items{nullptr};
  std::uint32_t size{0};
  std::uint32_t capacity{0};
  bool sequence{false};        // Made by a path, not written as an array: collapses when single.
  bool keep_singleton{false};  // But not then.
  bool outer_wrapper{false};
  bool tuple_stream{false};
  bool cons{false};  // Written as [...] at the end of a path: not flattened.
};

inline bool Value::sequence() const { return kind == Kind::Array && !json && array->sequence; }

struct Member {
  std::string_view key{};
  Value value{};
};

// Members in the order in which they were set; looked up through a hash once there are many.
struct Object {
  Member* items{nullptr};
  std::uint32_t size{0};
  std::uint32_t capacity{0};
  std::uint32_t* slots{nullptr};  // Index + 1 of the member; 0: free.
  std::uint32_t slot_count{0};

  Value* find(std::string_view key) const;
};

class Arena {
 public:
  explicit Arena(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void* take(std::size_t bytes) {
    bytes = (bytes + 7U) & ~std::size_t{7};
    if (bytes > left_) grow(bytes);
    void* at = at_;
    at_ += bytes;
    left_ -= bytes;
    return at;
  }
  template <typename T>
  T* make() {
    static_assert(std::is_trivially_destructible_v<T>);
    return new (take(sizeof(T))) T();
  }
  std::string_view copy(std::string_view text) {
    char* at = static_cast<char*>(take(text.size()));
    std::memcpy(at, text.data(), text.size());
    return {at, text.size()};
  }
  bool exhausted() const { return taken_ > bytes_max_; }

  Array* array(std::size_t capacity = 0);
  Array* sequence(std::size_t capacity = 0) {
    Array* made = array(capacity);
    made->sequence = true;
    return made;
  }
  void push(Array& array, Value value) {
    if (array.size == array.capacity) grow(array);
    array.items[array.size++] = value;
  }
  void reserve(Array& array, std::size_t capacity);
  Object* object() { return make<Object>(); }
  void set(Object& object, std::string_view key, Value value);
  void add(Object& object, std::string_view key, Value value);  // A key that it lacks.
  void reserve(Object& object, std::size_t capacity);
  void remove(Object& object, std::string_view key);

 private:
  void grow(std::size_t bytes);
  void grow(Array& array);
  void rehash(Object& object);

  static constexpr std::size_t first_bytes = 2'048;

  // What most evaluations need costs no allocation.
  alignas(16) std::array<char, first_bytes> first_;  // NOLINT: left as it is, never read unwritten.
  std::vector<std::unique_ptr<char[]>> blocks_{};
  char* at_{first_.data()};
  std::size_t left_{first_bytes};
  std::size_t taken_{0};
  std::size_t bytes_max_;
};

// Elements of either kind of array, or one value taken as an array of one.
class Elements {
 public:
  enum class Take : std::uint8_t { Elements, Whole };
  explicit Elements(const Value& value, Take take = Take::Elements) {
    if (value.kind != Kind::Array || take == Take::Whole) {
      single_ = value;
      values_ = &single_;
      size_ = 1;
    } else if (value.json) {
      json_ = value.json_array->data();
      size_ = value.json_array->size();
    } else {
      values_ = value.array->items;
      size_ = value.array->size;
    }
  }
  Elements(const Elements&) = delete;
  Elements& operator=(const Elements&) = delete;
  std::size_t size() const { return size_; }
  Value operator[](std::size_t i) const {
    return values_ != nullptr ? values_[i] : Value::of_json(json_[i]);
  }

 private:
  Value single_{};
  const Value* values_{nullptr};
  const json::value* json_{nullptr};
  std::size_t size_{0};
};

template <typename F>  // f(key, value) -> bool: go on?
void each_member(const Value& object, F&& f) {
  if (object.json) {
    for (const auto& member : *object.json_object) {
      if (!f(std::string_view(member.key()), Value::of_json(member.value()))) return;
    }
  } else {
    const Object& own = *object.object;
    for (std::uint32_t i = 0; i < own.size; ++i) {
      if (!f(own.items[i].key, own.items[i].value)) return;
    }
  }
}

std::size_t member_count(const Value& object);
// Small objects are searched from end to end, as Boost.JSON does, but without a call.
inline const json::value* find_member(const json::object& object, std::string_view key) {
  constexpr std::size_t small_max = 16;
  if (object.size() > small_max) return object.if_contains(key);
  for (const auto& member : object) {
    if (same_text(member.key(), key)) return &member.value();
  }
  return nullptr;
}

inline Value member(const Value& object, std::string_view key) {  // Undefined when absent.
  if (object.json) {
    const json::value* found = find_member(*object.json_object, key);
    return found != nullptr ? Value::of_json(*found) : Value();
  }
  const Value* found = object.object->find(key);
  return found != nullptr ? *found : Value();
}

constexpr int nesting_max = 1'000;  // Of values that are compared, printed or returned.

// $boolean's table: docs.jsonata.org/boolean-functions#boolean
// An array is true when some element is; the search ends with `budget` elements.
bool truthy(const Value& value, int depth, std::size_t& budget);
inline bool truthy(const Value& value) {
  if (value.kind == Kind::Boolean) return value.boolean;
  std::size_t budget = 1'000'000;
  return truthy(value, 0, budget);
}
// Counts `budget` down for each pair that is compared; at 0 the answer means nothing.
bool equal(const Value& a, const Value& b, std::uint64_t& budget, int depth = 0);
int compare_text(std::string_view a, std::string_view b);  // By UTF-16 units, as JavaScript does.

}  // namespace kiban::jsonata
