// Values back to text and to JSON.
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

void newline(std::string& out, int depth) {
  out.push_back('\n');
  out.append(static_cast<std::size_t>(depth) * 2, ' ');
}

struct Budget {
  std::size_t bytes{result_bytes_max};
  bool take(std::size_t wanted) {
    if (bytes < wanted) return false;
    bytes -= wanted;
    return true;
  }
};

// Parts of the input are copied, as many times as the result names them: that counts too.
std::optional<json::value> copy(const json::value& value, int depth, Budget& budget) {
  if (depth > nesting_max || !budget.take(node_bytes)) return std::nullopt;
  if (const json::string* text = value.if_string()) {
    if (!budget.take(text->size())) return std::nullopt;
    return json::value(*text);
  }
  if (const json::array* array = value.if_array()) {
    json::array out;
    out.reserve(array->size());
    for (const json::value& item : *array) {
      auto made = copy(item, depth + 1, budget);
      if (!made) return std::nullopt;
      out.push_back(std::move(*made));
    }
    return json::value(std::move(out));
  }
  if (const json::object* object = value.if_object()) {
    json::object out;
    out.reserve(object->size());
    for (const auto& member : *object) {
      auto made = copy(member.value(), depth + 1, budget);
      if (!made || !budget.take(member.key().size())) return std::nullopt;
      out.emplace(member.key(), std::move(*made));
    }
    return json::value(std::move(out));
  }
  return value;
}

std::optional<json::value> convert(const Value& value, int depth, Budget& budget) {
  if (depth > nesting_max || !budget.take(node_bytes)) return std::nullopt;
  switch (value.kind) {
    case Kind::Null:
      return json::value(nullptr);
    case Kind::Boolean:
      return json::value(value.boolean);
    case Kind::Number: {
      const double x = value.number;
      if (!finite(x)) return json::value(nullptr);
      if (std::floor(x) == x && std::fabs(x) < 9'007'199'254'740'992.0) {
        return json::value(static_cast<std::int64_t>(x));
      }
      return json::value(x);
    }
    case Kind::String:
      if (!budget.take(value.length)) return std::nullopt;
      return json::value(json::string(value.text()));
    case Kind::Array: {
      json::array out;
      if (value.json) {
        out.reserve(value.json_array->size());
        for (const json::value& item : *value.json_array) {
          auto made = copy(item, depth + 1, budget);
          if (!made) return std::nullopt;
          out.push_back(std::move(*made));
        }
        return json::value(std::move(out));
      }
      out.reserve(value.array->size);
      for (std::uint32_t i = 0; i < value.array->size; ++i) {
        const Value& item = value.array->items[i];
        if (item.is(Kind::Function) || !item.defined()) {
          out.emplace_back(nullptr);
          continue;
        }
        auto made = convert(item, depth + 1, budget);
        if (!made) return std::nullopt;
        out.push_back(std::move(*made));
      }
      return json::value(std::move(out));
    }
    case Kind::Object: {
      json::object out;
      if (value.json) {
        out.reserve(value.json_object->size());
        for (const auto& member : *value.json_object) {
          auto made = copy(member.value(), depth + 1, budget);
          if (!made) return std::nullopt;
          out.emplace(member.key(), std::move(*made));
        }
        return json::value(std::move(out));
      }
      out.reserve(value.object->size);
      for (std::uint32_t i = 0; i < value.object->size; ++i) {
        const Member& item = value.object->items[i];
        if (item.value.is(Kind::Function) || !item.value.defined()) continue;
        auto made = convert(item.value, depth + 1, budget);
        if (!made) return std::nullopt;
        out.emplace(item.key, std::move(*made));
      }
      return json::value(std::move(out));
    }
    default:
      return std::nullopt;
  }
}

}  // namespace

// $string rounds to 15 significant digits: docs.jsonata.org/string-functions#string
std::string number_text(double number) {
  if (std::floor(number) == number && std::fabs(number) < 1e15) {
    return std::to_string(static_cast<std::int64_t>(number));
  }
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.15g", number);
  double rounded = number;
  std::from_chars(buffer, buffer + std::char_traits<char>::length(buffer), rounded);
  return rounded == 0 ? "0" : shortest(rounded);
}

bool print_value(std::string& out, const Value& value, bool pretty, int depth) {
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
      out += finite(value.number) ? number_text(value.number) : "null";
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
          good = print_value(out, element, pretty, depth + 1);
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
                                       : print_value(out, item, pretty, depth + 1);
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
  Budget budget;
  return convert(value, depth, budget);
}

}  // namespace kiban::jsonata
