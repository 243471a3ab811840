// Walks the tree. Errors are values (Kind::Error); `error()` has the details. Nothing throws.
#pragma once

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/random.h"
#include "jsonata/ast.h"
#include "jsonata/value.h"

namespace kiban::jsonata {

class Evaluator;

struct Binding {
  std::string_view name{};
  Value value{};
};

struct Frame {
  const Frame* parent{nullptr};
  Binding* items{nullptr};
  std::uint32_t size{0};
  std::uint32_t capacity{0};
};

// The arguments of a built-in function, checked against its signature.
struct Call {
  Evaluator& run;
  std::span<const Value> arguments;
  const Value& input;
  Frame* frame;

  Value operator[](std::size_t i) const { return i < arguments.size() ? arguments[i] : Value(); }
  bool has(std::size_t i) const { return i < arguments.size() && arguments[i].defined(); }
};

struct Builtin {
  std::string_view name{};
  std::string_view signature_text{};
  std::size_t arity{1};  // How many arguments a higher-order function hands it.
  Value (*run)(const Call&){nullptr};
  bool step_functions_only{false};
  Signature signature{};
  const Function* value{nullptr};
};

struct Function {
  enum class Type : std::uint8_t { Builtin, Lambda, Partial, Regex, NextMatch, Transform, Chain };
  Type type{Type::Lambda};
  const Builtin* builtin{nullptr};
  const Node* node{nullptr};  // Lambda, transform, regular expression.
  Frame* frame{nullptr};
  Value input{};
  const Function* first{nullptr};  // Of a chain; the function that a partial application applies.
  const Function* second{nullptr};
  const Value* bound{nullptr};  // Of a partial application; holes are Kind::Error.
  std::size_t bound_count{0};
  std::string_view text{};  // Of the next match.
  std::size_t offset{0};
};

const Builtin* find_builtin(std::string_view name);
const Function* builtin_function(const Builtin* builtin);
std::size_t arity(const Function& function);

// How $string prints a number: JSONata rounds to 15 significant digits, Step Functions prints the
// shortest digits that read back as the same number.
enum class Digits : std::uint8_t { Fifteen, Shortest };

class Evaluator {
 public:
  Evaluator(const Limits& limits, const Options& options)
      : arena(limits.memory_bytes_max),
        options(options),
        random(options.seed),
        limits_(limits),
        fuel_(limits.fuel) {}

  Value run(const Expression& expression, const json::value* input, const Scope& scope);
  Value evaluate(const Node* node, const Value& input, Frame* frame);
  Value apply(const Function* function, std::span<const Value> arguments, const Value& input);
  Value apply(const Function* function, std::initializer_list<Value> arguments) {
    return apply(function, {arguments.begin(), arguments.size()}, Value());
  }
  // Hands a higher-order function's callback as many arguments as it takes.
  Value call_back(const Function* function, Value item, Value index, Value whole);

  Value fail(std::string_view code, std::size_t position = 0, std::string_view token = {},
             const Value& value = {}, std::string_view extra = {});
  Value limit(std::string_view what);
  Error& error() { return error_; }
  Digits digits() const { return options.step_functions ? Digits::Shortest : Digits::Fifteen; }
  bool spend(std::uint64_t steps) {  // False when a limit is reached; then the error is set.
    const std::uint64_t before = fuel_;
    fuel_ -= steps;
    if ((before >> 12U) == (fuel_ >> 12U) && !arena.exhausted()) return true;
    return !out_of_bounds(before);
  }

  // Functions read their texts at least once, so a step is also this many bytes of text.
  static constexpr std::size_t text_bytes_per_step = 128;
  bool spend_for_text(std::span<const Value> arguments) {
    std::uint64_t bytes = 0;
    for (const Value& argument : arguments)
      if (argument.is(Kind::String)) bytes += argument.text().size();
    return spend(bytes / text_bytes_per_step);
  }
  std::uint64_t fuel() const { return fuel_; }  // The remaining steps.
  // Deep equality at the cost of fuel; nullopt: a limit was reached.
  std::optional<bool> same(const Value& a, const Value& b);
  Value append(const Value& a, const Value& b);
  Value text(std::string&& made) { return Value::of(arena.copy(made)); }
  void bind(Frame& frame, std::string_view name, const Value& value);
  Frame* make_frame(const Frame* parent, std::size_t capacity);
  OrError<ExpressionPtr> keep(std::string_view text);
  const json::value& keep(json::value&& tree) {
    return *trees_.emplace_back(std::make_unique<json::value>(std::move(tree)));
  }

  Arena arena;
  const Options& options;
  Random random;

 private:
  bool out_of_bounds(std::uint64_t before);
  Value dispatch(const Node* node, const Value& input, Frame* frame);
  Value finish(const Node* node, Value result, const Value& input, Frame* frame);
  Value variable(const Node* node, const Value& input, const Frame* frame) const;
  Value name(std::string_view key, const Value& input);
  static Value follow(const Node* path, const Value& input);
  Value wildcard(const Value& input);
  Value descendants(const Value& input);
  void descend(const Value& input, Array& out, int depth);
  Value binary(const Node* node, const Value& input, Frame* frame);
  Value numeric(const Node* node, const Value& left, const Value& right);
  Value comparison(const Node* node, const Value& left, const Value& right);
  Value concat(const Node* node, const Value& left, const Value& right);
  Value range(const Node* node, const Value& left, const Value& right);
  Value array(const Node* node, const Value& input, Frame* frame);
  Value block(const Node* node, const Value& input, Frame* frame);
  Value path(const Node* node, const Value& input, Frame* frame);
  // The focus of each tuple.
  Value focused_items(const Array& tuples);
  // The value as an array that is kept when it has one item.
  Value kept_singleton(Value value);
  static Value ancestor(std::string_view label, const Frame* frame);
  Value step(const Node* node, const Elements& elements, Frame* frame, bool last);
  Value tuple_step(const Node* node, const Value& input, bool whole, Array* tuples, Frame* frame);
  Value stages(const Node* node, Value result, Frame* frame);
  Value filter(const Node* predicate, const Value& input, Frame* frame);
  Value group(const Grouping& grouping, const Value& input, Frame* frame);
  Value single_group(const Grouping& grouping, const Value& item, Frame* frame);
  Value order(const Node* node, const Value& input, Frame* frame);
  int compare_keys(const Node* node, const Value& a, const Value& b);
  Value call(const Node* node, const Value& input, Frame* frame, const Value* applied);
  Value apply_once(const Function* function, std::span<const Value> arguments, const Value& input);
  Value partial(const Node* node, const Value& input, Frame* frame);
  Value chain(const Node* node, const Value& input, Frame* frame);
  Value closure(const Node* node, const Value& input, Frame* frame, Function::Type type);
  Value transform(const Function& function, const Value& target);
  Value change(const Node* node, const Value& match, Frame* frame);
  Value match(const Function& function, std::string_view text, std::size_t from);
  bool check(const Signature& signature, std::span<const Value>& arguments, const Value& context);
  Frame* tuple_frame(const Frame* parent, const Object& tuple);
  void blame(std::size_t position, std::string_view token);

  const Limits& limits_;
  std::uint64_t fuel_;
  std::size_t depth_{0};
  Value root_{};
  Error error_{};
  std::vector<ExpressionPtr> kept_{};
  std::vector<std::unique_ptr<json::value>> trees_{};
};

// Stable merge sort; `behind(a, b)`: whether a sorts after b. A negative result ends it (an error).
template <typename T, typename F>
bool merge_sort(std::vector<T>& items, F&& behind) {
  std::vector<T> other(items.size());
  for (std::size_t width = 1; width < items.size(); width *= 2) {
    for (std::size_t start = 0; start < items.size(); start += 2 * width) {
      const std::size_t middle = std::min(start + width, items.size());
      const std::size_t end = std::min(start + 2 * width, items.size());
      std::size_t left = start;
      std::size_t right = middle;
      for (std::size_t out = start; out < end; ++out) {
        int take_right = left >= middle ? 1 : 0;
        if (left < middle && right < end) take_right = behind(items[left], items[right]);
        if (take_right < 0) return false;
        other[out] = items[take_right > 0 ? right++ : left++];
      }
    }
    items.swap(other);
  }
  return true;
}

// Text as $string and & give it.
std::string number_text(double number, Digits digits);
bool print_value(std::string& out, const Value& value, bool pretty, Digits digits, int depth = 0);
std::optional<json::value> to_json(const Value& value, int depth = 0);  // nullopt: undefined.
inline bool finite(double x) { return x - x == 0; }

}  // namespace kiban::jsonata
