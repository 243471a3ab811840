// JSONata 2 (docs.jsonata.org): parse once, evaluate often. Pure: time and seed are arguments.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/time.h"

namespace kiban::jsonata {

// Codes are JSONata's own (T2001, S0202 ...); U1001 means that a limit was reached, which `token`
// names: depth, nesting, fuel, time, memory, or a size.
struct Error {
  std::string code{};
  std::string message{};
  std::string token{};
  std::size_t position{0};             // Bytes into the expression, behind the token.
  std::optional<json::value> value{};  // The value that was refused, unless array or object.
};

template <typename T>
using OrError = std::expected<T, Error>;

class Expression;  // Immutable; threads may share it.
using ExpressionPtr = std::shared_ptr<const Expression>;

constexpr std::size_t expression_bytes_max = 1U << 20U;  // Our own bound.

OrError<ExpressionPtr> parse(std::string_view text);

using Bindings = std::map<std::string, json::value, std::less<>>;  // Names without `$`.

// Bindings that are referenced where they lie, not copied; all must outlive the evaluation.
using References = std::vector<std::pair<std::string_view, const json::value*>>;
struct Scope {
  References variables{};
  // Objects put together from members that lie elsewhere, such as Step Functions' $states.
  std::vector<std::pair<std::string_view, References>> objects{};
};

// The code of the error which, with Options::step_functions, a function as the result is.
constexpr std::string_view unsupported_result = "K0001";

struct Limits {
  std::size_t depth_max{2'000};               // Nested evaluations; each costs native stack.
  std::uint64_t fuel{50'000'000};             // Evaluations of a node, and elements touched.
  std::size_t memory_bytes_max{512U << 20U};  // The memory that one evaluation may allocate.
  std::function<bool()> past_deadline{};  // Called repeatedly; true ends the evaluation with U1001.
  std::uint64_t* fuel_used{nullptr};      // Set when the evaluation is over.
};

struct Options {
  // As Step Functions: $eval is refused; $partition, $range, $hash, $random(seed), $uuid and $parse
  // are added. docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
  bool step_functions{false};
  Timestamp now{};
  std::uint64_t seed{0};
};

// Undefined input is nullptr; an undefined result is nullopt. Input and bindings are referenced,
// not copied, while it runs.
OrError<std::optional<json::value>> evaluate(const Expression& expression, const json::value* input,
                                             const Bindings& bindings = {},
                                             const Limits& limits = {},
                                             const Options& options = {});
OrError<std::optional<json::value>> evaluate_in(const Expression& expression,
                                                const json::value* input, const Scope& scope,
                                                const Limits& limits, const Options& options);

}  // namespace kiban::jsonata
