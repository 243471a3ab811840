// Values back to text and to JSON.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdio>

#include "jsonata/evaluator.h"

namespace kiban::jsonata {
namespace {

constexpr std::size_t text_bytes_max = 256U << 20U;
constexpr std::size_t result_bytes_max = 256U << 20U;
constexpr std::size_t node_bytes = 32;  // Of a json::value and its place.

void escape(std::string& out, std::string_view text) {
  static constexpr std::string_view digits = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    constexpr std::string_view special = "\"\\\b\f\n\r\t";
    if (const auto at = special.find(c); at != std::string_view::npos) {
      out.push_back('\\');
      out.push_back("\"\\bfnrt"[at]);
    } else if (byte < 0x20) {
      out += "\\u00";
      out.push_back(digits[byte >> 4U]);
      out.push_back(digits[byte & 15U]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

// As JavaScript prints a number.
std::string shortest(double number) {
  char buffer[40];
  const auto end =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  const auto e = text.find('e');
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c != '.' && c != '-') digits.push_back(c);
  }
  int exponent = 0;
  const char* start = buffer + e + 1;
  if (*start == '+') ++start;
  std::from_chars(start, end.ptr, exponent);
  std::string out = text[0] == '-' ? "-" : "";
  const int count = static_cast<int>(digits.size());
  if (exponent >= 21 || exponent < -6) {
    out += digits[0];
    if (count > 1) out += "." + digits.substr(1);
    return out + (exponent < 0 ? "e-" : "e+") + std::to_string(std::abs(exponent));
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<std::size_t>(-exponent) - 1, '0') + digits;
  if (count <= exponent + 1) {
    return out + digits + std::string(static_cast<std::size_t>(exponent) + 1 - digits.size(), '0');
  }
  const auto point = static_cast<std::size_t>(exponent) + 1;
  return out + digits.substr(0, point) + "." + digits.substr(point);
}

std::string digits_of(__int128 x) { return fmt::format("{}", x); }

void newline(std::string& out, int depth) {
  out.push_back('\n');
  out.append(static_cast<std::size_t>(depth) * 2, ' ');
}

// Builds the tree in place. Parts of the input are copied, as many times as the result names them:
// that counts against the budget too.
class Converter {
 public:
  explicit Converter(json::storage_ptr storage) : storage_(std::move(storage)) {}

  std::optional<json::value> run(const Value& value, int depth) {
    json::value out(storage_);
    if (!convert(value, depth, out)) return std::nullopt;
    return out;
  }

 private:
  bool take(std::size_t wanted) {
    if (bytes_ < wanted) return false;
    bytes_ -= wanted;
    return true;
  }

  bool copy(const json::value& value, int depth, json::value& out) {
    if (depth > nesting_max || !take(node_bytes)) return false;
    if (const json::array* array = value.if_array()) return copy(*array, depth, out);
    if (const json::object* object = value.if_object()) return copy(*object, depth, out);
    if (const json::string* text = value.if_string()) {
      if (!take(text->size())) return false;
      out.emplace_string() = std::string_view(*text);
      return true;
    }
    out = value;
    return true;
  }
  bool copy(const json::array& array, int depth, json::value& out) {
    json::array& made = out.emplace_array();
    made.reserve(array.size());
    for (const json::value& item : array) {
      if (!copy(item, depth + 1, made.emplace_back(nullptr))) return false;
    }
    return true;
  }
  bool copy(const json::object& object, int depth, json::value& out) {
    json::object& made = out.emplace_object();
    made.reserve(object.size());
    for (const auto& member : object) {
      if (!take(member.key().size())) return false;
      if (!copy(member.value(), depth + 1, made.emplace(member.key(), nullptr).first->value()))
        return false;
    }
    return true;
  }

  static void whole(__int128 x, json::value& out) {
    if (x >= INT64_MIN && x <= INT64_MAX)
      out.emplace_int64() = static_cast<std::int64_t>(x);
    else if (x > 0 && x <= UINT64_MAX)
      out.emplace_uint64() = static_cast<std::uint64_t>(x);
    else
      out = exact_number(digits_of(x));
  }

  static void number(double x, json::value& out) {
    constexpr double whole_max = 9'007'199'254'740'992.0;  // 2^53
    const bool small = x > -whole_max && x < whole_max;
    const std::int64_t whole = small ? static_cast<std::int64_t>(x) : 0;
    if (small && static_cast<double>(whole) == x) {
      out.emplace_int64() = whole;
    } else if (finite(x)) {
      out.emplace_double() = x;
    } else {
      out = nullptr;
    }
  }

  bool convert(const Value& value, int depth, json::value& out) {
    if (depth > nesting_max || !take(node_bytes)) return false;
    switch (value.kind) {
      case Kind::Null:
        out = nullptr;
        return true;
      case Kind::Boolean:
        out = value.boolean;
        return true;
      case Kind::Number:
        if (value.whole()) return whole(value.exact(), out), true;
        number(value.number, out);
        return true;
      case Kind::String:
        if (!take(value.length)) return false;
        out.emplace_string() = value.text();
        return true;
      case Kind::Array: {
        if (value.json) return copy(*value.json_array, depth, out);
        json::array& made = out.emplace_array();
        made.reserve(value.array->size);
        for (std::uint32_t i = 0; i < value.array->size; ++i) {
          const Value& item = value.array->items[i];
          json::value& slot = made.emplace_back(nullptr);
          const bool nothing = item.is(Kind::Function) || !item.defined();
          if (!nothing && !convert(item, depth + 1, slot)) return false;
        }
        return true;
      }
      case Kind::Object: {
        if (value.json) return copy(*value.json_object, depth, out);
        json::object& made = out.emplace_object();
        made.reserve(value.object->size);
        for (std::uint32_t i = 0; i < value.object->size; ++i) {
          const Member& item = value.object->items[i];
          if (item.value.is(Kind::Function) || !item.value.defined()) continue;
          if (!convert(item.value, depth + 1, made.emplace(item.key, nullptr).first->value()))
            return false;
        }
        return true;
      }
      default:
        return false;
    }
  }

  json::storage_ptr storage_;
  std::size_t bytes_{result_bytes_max};
};

// A result of some size lies in one block, made and freed at once.
json::storage_ptr storage_for(const Value& value) {
  constexpr std::size_t elements_min = 16;
  constexpr std::size_t bytes_per_element = 128;
  std::size_t size = 0;
  if (value.is(Kind::Array)) size = Elements(value).size();
  if (value.is(Kind::Object)) size = member_count(value);
  if (size < elements_min) return {};
  return json::make_shared_resource<json::monotonic_resource>(size * bytes_per_element);
}

}  // namespace

// $string rounds to 15 significant digits: docs.jsonata.org/string-functions#string. In Step
// Functions it does not, measured on AWS: github.com/floci-io/floci/pull/2683.
std::string number_text(double number, Digits digits) {
  if (digits == Digits::Shortest) return number == 0 ? "0" : shortest(number);
  if (std::floor(number) == number && std::fabs(number) < 1e15) {
    return std::to_string(static_cast<std::int64_t>(number));
  }
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.15g", number);
  double rounded = number;
  std::from_chars(buffer, buffer + std::char_traits<char>::length(buffer), rounded);
  return rounded == 0 ? "0" : shortest(rounded);
}

bool print_value(std::string& out, const Value& value, bool pretty, Digits digits, int depth) {
  if (depth > nesting_max || out.size() > text_bytes_max) return false;
  bool good = true;
  switch (value.kind) {
    case Kind::Null:
      out += "null";
      break;
    case Kind::Boolean:
      out += value.boolean ? "true" : "false";
      break;
    case Kind::Number:
      if (value.whole())
        out += digits_of(value.exact());
      else
        out += finite(value.number) ? number_text(value.number, digits) : "null";
      break;
    case Kind::String:
      escape(out, value.text());
      break;
    case Kind::Array: {
      const Elements elements(value);
      out.push_back('[');
      for (std::size_t i = 0; i < elements.size() && good; ++i) {
        if (i > 0) out.push_back(',');
        if (pretty) newline(out, depth + 1);
        const Value element = elements[i];
        if (element.is(Kind::Function)) {
          out += "\"\"";
        } else if (!element.defined()) {
          out += "null";
        } else {
          good = print_value(out, element, pretty, digits, depth + 1);
        }
      }
      if (pretty && elements.size() > 0) newline(out, depth);
      out.push_back(']');
      break;
    }
    case Kind::Object: {
      out.push_back('{');
      bool first = true;
      each_member(value, [&](std::string_view key, const Value& item) {
        if (!item.defined()) return true;
        if (!first) out.push_back(',');
        first = false;
        if (pretty) newline(out, depth + 1);
        escape(out, key);
        out += pretty ? ": " : ":";
        good = item.is(Kind::Function) ? (out += "\"\"", true)
                                       : print_value(out, item, pretty, digits, depth + 1);
        return good;
      });
      if (pretty && !first) newline(out, depth);
      out.push_back('}');
      break;
    }
    default:
      break;
  }
  return good;
}

std::optional<json::value> to_json(const Value& value, int depth) {
  return Converter(storage_for(value)).run(value, depth);
}

}  // namespace kiban::jsonata
