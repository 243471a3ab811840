#include "core/exact_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <charconv>
#include <cmath>

namespace kiban {
namespace {

// Marks a number that is kept as text. These bytes are not valid UTF-8, so no JSON text has them.
// Bytes that a user decoded begin with all four only on purpose, and must then be a number.
constexpr std::string_view mark = "\xFF\xFE\xFD\xFC";

// JSON's grammar of numbers. Bytes that a user decoded may begin with the mark too; only a number
// is printed without quotes.
bool is_number_text(std::string_view text) {
  const auto digits = [&] {
    const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(end);
    return end;
  };
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool zero = text.starts_with('0');
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
    if (digits() == 0) return false;
  }
  return text.empty();
}

// A decimal's digits without zeros at either end, and the power of ten of the first.
struct Decimal {
  std::string digits{};
  std::int64_t exponent{0};
  bool operator==(const Decimal&) const = default;
};

Decimal decimal_of(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const std::size_t e = std::min(text.find_first_of("eE"), text.size());
  std::int64_t exponent = 0;
  if (e < text.size()) {
    const std::size_t from = text[e + 1] == '+' ? e + 2 : e + 1;
    std::from_chars(text.data() + from, text.data() + text.size(), exponent);
  }
  const std::string_view mantissa = text.substr(0, e);
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  Decimal out;
  for (const char c : mantissa) {
    if (c != '.') out.digits += c;
  }
  const std::size_t zeros = std::min(out.digits.find_first_not_of('0'), out.digits.size());
  out.digits.erase(0, zeros);
  while (out.digits.ends_with('0')) out.digits.pop_back();
  if (out.digits.empty()) return {};
  out.exponent = exponent + static_cast<std::int64_t>(point) - static_cast<std::int64_t>(zeros);
  return out;
}

// Whether the shortest text of the double is the same decimal.
bool lossless(double number, std::string_view text) {
  // Any 15 digits come back from a double of the usual range.
  constexpr std::size_t short_text = 16;
  if (text.size() <= short_text && text.find_first_of("eE") == std::string_view::npos) return true;
  if (!std::isfinite(number)) return false;
  char buffer[64];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
  return decimal_of({buffer, static_cast<std::size_t>(end - buffer)}) == decimal_of(text);
}

// Receives the events of Boost.JSON's parser and builds the value on its stack.
struct Handler {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using Code = json::error_code;
  using Text = json::string_view;

  json::value_stack stack{};
  std::string number{};  // The parts of a number before its last.

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(std::size_t size, Code&) { return stack.push_object(size), true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t size, Code&) { return stack.push_array(size), true; }
  bool on_key_part(Text text, std::size_t, Code&) { return stack.push_chars(text), true; }
  bool on_key(Text text, std::size_t, Code&) { return stack.push_key(text), true; }
  bool on_string_part(Text text, std::size_t, Code&) { return stack.push_chars(text), true; }
  bool on_string(Text text, std::size_t, Code&) { return stack.push_string(text), true; }
  bool on_number_part(Text text, Code&) { return number.append(text.data(), text.size()), true; }
  bool on_int64(std::int64_t value, Text, Code&) {
    number.clear();
    return stack.push_int64(value), true;
  }
  bool on_uint64(std::uint64_t value, Text, Code&) {
    number.clear();
    return stack.push_uint64(value), true;
  }
  bool on_double(double value, Text text, Code&) {
    number.append(text.data(), text.size());
    const bool whole = number.find_first_of(".eE") == std::string::npos;
    // Boost.JSON 1.81 may miss the last bit of a long number.
    std::from_chars(number.data(), number.data() + number.size(), value);
    if (!whole && lossless(value, number)) {
      stack.push_double(value);
    } else {
      number.insert(0, mark);
      stack.push_string(number);
    }
    number.clear();
    return true;
  }
  bool on_bool(bool value, Code&) { return stack.push_bool(value), true; }
  bool on_null(Code&) { return stack.push_null(), true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }
};

}  // namespace

Result<json::value> parse_json_exactly(std::string_view text) {
  json::parse_options options;
  options.max_depth = json_depth_max;
  json::basic_parser<Handler> parser(options);
  json::error_code code;
  parser.handler().stack.reset();
  const std::size_t consumed = parser.write_some(false, text.data(), text.size(), code);
  // parse_json makes the error text.
  if (code || consumed < text.size()) return parse_json(text);
  return parser.handler().stack.release();
}

bool is_exact_number(const json::value& value) {
  const json::string* text = value.if_string();
  if (!text || !std::string_view(*text).starts_with(mark)) return false;
  return is_number_text(std::string_view(*text).substr(mark.size()));
}

json::value exact_number(std::string_view digits) {
  json::string text;
  text.reserve(mark.size() + digits.size());
  text.append(mark);
  text.append(digits);
  return json::value(std::move(text));
}

std::string_view exact_digits(const json::value& value) {
  return std::string_view(value.get_string()).substr(mark.size());
}

bool is_any_number(const json::value& value) { return value.is_number() || is_exact_number(value); }

bool is_text(const json::value& value) { return value.is_string() && !is_exact_number(value); }

double number_of(const json::value& value) {
  if (value.is_number()) return value.to_number<double>();
  if (!is_exact_number(value)) return 0;
  const std::string_view digits = exact_digits(value);
  double out = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  // Out of range: std::from_chars leaves the number as it was.
  if (read.ec == std::errc::result_out_of_range && decimal_of(digits).exponent > 0)
    out = digits.starts_with('-') ? -HUGE_VAL : HUGE_VAL;
  return out;
}

json::value rounded(json::value value) {
  if (is_exact_number(value)) return json::value(number_of(value));
  return value;
}

}  // namespace kiban
