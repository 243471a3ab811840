#include "core/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>

#include "core/exact_json.h"

namespace kiban {
namespace {

// Java's Double.toString: plain between 1e-3 and 1e7, otherwise d.dddE±n; always a digit behind the
// point.
void print_double(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  const double size = std::fabs(number);
  char buffer[64];
  if (size == 0 || (size >= 1e-3 && size < 1e7)) {
    const auto end =
        std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed).ptr;
    const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
    out += text;
    if (text.find('.') == std::string_view::npos) out += ".0";
    return;
  }
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific).ptr;
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const auto e = text.find('e');
  const std::string_view digits = text.substr(0, e);
  out += digits;
  if (digits.find('.') == std::string_view::npos) out += ".0";
  out += 'E';
  std::string_view exponent = text.substr(e + 1);
  if (exponent[0] == '-') out += '-';
  exponent.remove_prefix(1);
  while (exponent.size() > 1 && exponent[0] == '0') exponent.remove_prefix(1);
  out += exponent;
}

void print(std::string& out, const json::value& value);

void print(std::string& out, const json::array& array) {
  out += '[';
  bool first = true;
  for (const json::value& element : array) {
    if (!first) out += ',';
    first = false;
    print(out, element);
  }
  out += ']';
}

void print(std::string& out, const json::object& object) {
  out += '{';
  bool first = true;
  for (const auto& member : object) {
    if (!first) out += ',';
    first = false;
    append_json_string(out, member.key());
    out += ':';
    print(out, member.value());
  }
  out += '}';
}

void append_integer(std::string& out, const fmt::format_int& integer) {
  out.append(integer.data(), integer.size());
}

void print(std::string& out, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      break;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      append_integer(out, fmt::format_int(value.get_int64()));
      break;
    case json::kind::uint64:
      append_integer(out, fmt::format_int(value.get_uint64()));
      break;
    case json::kind::double_:
      print_double(out, value.get_double());
      break;
    case json::kind::string:
      if (is_exact_number(value))
        out += exact_digits(value);
      else
        append_json_string(out, value.get_string());
      break;
    case json::kind::array:
      print(out, value.get_array());
      break;
    case json::kind::object:
      print(out, value.get_object());
      break;
  }
}

}  // namespace

Result<json::value> parse_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = json_depth_max;
  json::error_code code;
  unsigned char stack[2048];  // Spares small documents the allocations of the parser's stack.
  json::stream_parser parser({}, options, stack);
  const std::size_t consumed = parser.write_some(text, code);
  if (!code && consumed < text.size()) code = json::error::extra_data;
  if (!code) parser.finish(code);
  if (!code) return parser.release();
  std::size_t line = 1;
  std::size_t column = 1;
  for (const char c : text.substr(0, consumed)) {
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n' ? 1 : 0;
  }
  return fail("InvalidJson", fmt::format("{} at line {}, column {}", code.message(), line, column));
}

std::string print_json(const json::value& value) {
  std::string out;
  print(out, value);
  return out;
}

void append_json(std::string& out, const json::value& value) { print(out, value); }

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  std::size_t copied = 0;  // What needs no escape is copied in runs.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text, copied, i - copied);
    copied = i + 1;
    out += '\\';
    constexpr std::string_view escaped{"\"\\\b\f\n\r\t"};
    constexpr std::string_view letters{"\"\\bfnrt"};
    if (const std::size_t at = escaped.find(c); at != std::string_view::npos) {
      out += letters[at];
    } else {
      out += "u00";
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
    }
  }
  out.append(text, copied, text.size() - copied);
  out += '"';
}

const json::value* find(const json::object& object, std::string_view key) {
  return object.if_contains(key);
}

const json::string* find_string(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_string() : nullptr;
}

const json::object* find_object(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_object() : nullptr;
}

const json::array* find_array(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value ? value->if_array() : nullptr;
}

std::string text(const json::object& object, std::string_view key, std::string_view fallback) {
  const json::string* found = find_string(object, key);
  return found ? to_string(*found) : std::string(fallback);
}

namespace {

std::int64_t clamped(double number) {
  constexpr double beyond = 9'223'372'036'854'775'808.0;  // 2^63
  if (number >= beyond) return INT64_MAX;
  if (!(number > -beyond)) return INT64_MIN;
  return static_cast<std::int64_t>(number);
}

}  // namespace

std::int64_t number(const json::object& object, std::string_view key, std::int64_t fallback) {
  const json::value* found = find(object, key);
  if (found && found->is_int64()) return found->get_int64();
  if (found && found->is_uint64())
    return static_cast<std::int64_t>(std::min<std::uint64_t>(found->get_uint64(), INT64_MAX));
  if (found && found->is_double()) return clamped(found->get_double());
  return fallback;
}

bool flag(const json::object& object, std::string_view key, bool fallback) {
  const json::value* found = find(object, key);
  return found && found->is_bool() ? found->get_bool() : fallback;
}

}  // namespace kiban
