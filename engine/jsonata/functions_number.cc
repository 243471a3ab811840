// docs.jsonata.org/numeric-functions
#include <bit>
#include <charconv>
#include <cmath>

#include "jsonata/functions.h"

namespace kiban::jsonata {
namespace {

std::optional<double> radix_number(std::string_view text) {
  if (text.size() < 3 || text[0] != '0') return std::nullopt;
  const char mark = static_cast<char>(text[1] | 0x20);
  const int radix = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
  if (radix == 0) return std::nullopt;
  std::uint64_t value = 0;
  const auto end = std::from_chars(text.data() + 2, text.data() + text.size(), value, radix);
  if (end.ec != std::errc() || end.ptr != text.data() + text.size()) return std::nullopt;
  return static_cast<double>(value);
}

std::optional<double> json_number(std::string_view text) {
  std::size_t i = text.starts_with('-') ? 1 : 0;
  const auto digit = [&](std::size_t at) {
    return at < text.size() && text[at] >= '0' && text[at] <= '9';
  };
  if (!digit(i)) return std::nullopt;
  while (digit(i)) ++i;
  if (i < text.size() && text[i] == '.') {
    if (!digit(i + 1)) return std::nullopt;
    while (digit(++i)) {
    }
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!digit(i)) return std::nullopt;
    while (digit(i)) ++i;
  }
  double value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  if (i != text.size() || end.ec != std::errc()) return std::nullopt;
  return value;
}

Value number(const Call& call) {
  const Value value = call[0];
  if (!value.defined() || value.is(Kind::Number)) return value;
  if (value.is(Kind::Boolean)) return Value::of(value.boolean ? 1.0 : 0.0);
  auto parsed = json_number(value.text());
  if (!parsed) parsed = radix_number(value.text());
  return parsed ? Value::of(*parsed) : call.run.fail("D3030", 0, {}, value);
}

template <double (*F)(double)>
Value apply(const Call& call) {
  return call.has(0) ? Value::of(F(call[0].number)) : Value();
}

// Half to even, decided on the decimal form.
// value * 10^by, without the error of multiplying.
double shifted(double value, int by) {
  char buffer[400];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  const auto e = text.find('e');
  int exponent = 0;
  const char* start = buffer + e + 1;
  if (*start == '+') ++start;
  std::from_chars(start, end.ptr, exponent);
  const std::string moved = std::string(text.substr(0, e)) + "e" + std::to_string(exponent + by);
  double result = value;
  std::from_chars(moved.data(), moved.data() + moved.size(), result);
  return result;
}

Value round(const Call& call) {
  if (!call.has(0)) return {};
  const double digits = call.has(1) ? std::clamp(call[1].number, -400.0, 400.0) : 0;
  return Value::of(round_to(call[0].number, static_cast<int>(digits)));
}

Value square_root(const Call& call) {
  if (!call.has(0)) return {};
  if (call[0].number < 0) return call.run.fail("D3060", 0, {}, call[0]);
  return Value::of(std::sqrt(call[0].number));
}

Value power(const Call& call) {
  if (!call.has(0)) return {};
  const double result = std::pow(call[0].number, call.has(1) ? call[1].number : NAN);
  return finite(result) ? Value::of(result) : call.run.fail("D3061", 0, {}, call[0]);
}

// java.util.Random(seed).nextDouble(): a linear congruential generator of 48 bits.
// https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/Random.html
double java_random(std::int64_t seed) {
  constexpr std::uint64_t multiplier = 0x5DEECE66D;
  constexpr std::uint64_t mask = (1ULL << 48U) - 1;
  std::uint64_t state = (static_cast<std::uint64_t>(seed) ^ multiplier) & mask;
  const auto next = [&](unsigned bits) {
    state = (state * multiplier + 0xB) & mask;
    return state >> (48U - bits);
  };
  const std::uint64_t high = next(26) << 27U;
  return static_cast<double>(high + next(27)) * 0x1.0p-53;
}

// Step Functions lets $random take a seed. It is Java's: measured on AWS bit for bit,
// github.com/floci-io/floci/issues/2662.
Value random(const Call& call) {
  if (!call.has(0)) return Value::of(call.run.random.unit());
  if (!call.run.options.step_functions) return call.run.fail("T0410", 0, {}, call[0], "1");
  // Java's cast to long: truncated, and held within its range.
  const double seed = std::clamp(std::trunc(call[0].number), -0x1.0p63, 0x1.fffffffffffffp62);
  return Value::of(java_random(static_cast<std::int64_t>(seed)));
}

Value format_base(const Call& call) {
  if (!call.has(0)) return {};
  const double radix = std::nearbyint(call.has(1) ? call[1].number : 10);
  const double value = std::nearbyint(call[0].number);
  if (radix < 2 || radix > 36) return call.run.fail("D3100", 0, {}, Value::of(radix));
  if (!finite(value) || std::fabs(value) > 9.2e18)
    return call.run.text(number_text(value, call.run.digits()));
  char buffer[80];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, static_cast<std::int64_t>(value),
                                 static_cast<int>(radix));
  return call.run.text(std::string(buffer, end.ptr));
}

double ceiling(double x) { return std::ceil(x) + 0.0; }
double floored(double x) { return std::floor(x); }
double absolute(double x) { return std::fabs(x); }

}  // namespace

double round_to(double value, int digits) {
  if (!finite(value)) return value;
  const double moved = digits != 0 ? shifted(value, digits) : value;
  double rounded = std::floor(moved + 0.5);
  if (std::fabs(rounded - moved) == 0.5 && std::fmod(std::fabs(rounded), 2) == 1) rounded -= 1;
  if (digits != 0) rounded = shifted(rounded, -digits);
  return rounded == 0 ? 0.0 : rounded;
}

std::vector<Builtin> number_functions() {
  return {
      {"number", "<(nsb)-:n>", 1, number},
      {"abs", "<n-:n>", 1, apply<absolute>},
      {"floor", "<n-:n>", 1, apply<floored>},
      {"ceil", "<n-:n>", 1, apply<ceiling>},
      {"round", "<n-n?:n>", 1, round},
      {"sqrt", "<n-:n>", 1, square_root},
      {"power", "<n-n:n>", 2, power},
      {"random", "<n?:n>", 0, random},
      {"formatBase", "<n-n?:s>", 2, format_base},
      {"formatNumber", "<n-so?:s>", 3, format_number},
  };
}

}  // namespace kiban::jsonata
