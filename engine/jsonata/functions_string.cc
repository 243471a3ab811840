// docs.jsonata.org/string-functions
#include <algorithm>
#include <charconv>
#include <cmath>

#include "jsonata/functions.h"
#include "jsonata/lexer.h"
#include "jsonata/strings.h"

namespace kiban::jsonata {
namespace {

constexpr double pad_max = 10'000'000;

Value string(const Call& call) {
  const Value value = call[0];
  if (!value.defined() || value.is(Kind::String)) return value;
  if (value.is(Kind::Function)) return Value::of(std::string_view(""));
  if (value.is(Kind::Number) && !finite(value.number)) return call.run.fail("D3001", 0, {}, value);
  std::string out;
  const bool pretty = call.has(1) && truthy(call[1]);
  if (!print_value(out, value, pretty, call.run.digits())) return call.run.limit("nesting");
  return call.run.text(std::move(out));
}

Value length(const Call& call) {
  if (!call.has(0)) return {};
  return Value::of(static_cast<double>(characters(call[0].text())));
}

Value substring(const Call& call) {
  if (!call.has(0)) return {};
  const std::string_view text = call[0].text();
  const auto size = static_cast<double>(characters(text));
  double start = std::trunc(call.has(1) ? call[1].number : 0);
  if (size + start < 0) start = 0;
  double from = start < 0 ? size + start : start;
  double to = size;
  if (call.has(2)) {
    if (call[2].number <= 0) return Value::of(std::string_view(""));
    to = start >= 0 ? start + call[2].number : size + start + call[2].number;
    to = std::trunc(to);
  }
  from = std::clamp(from, 0.0, size);
  to = std::clamp(to, 0.0, size);
  if (from >= to) return Value::of(std::string_view(""));
  const std::size_t first = byte_of_character(text, static_cast<std::size_t>(from));
  const std::size_t last = byte_of_character(text, static_cast<std::size_t>(to));
  return Value::of(text.substr(first, last - first));
}

Value substring_before(const Call& call) {
  if (!call.has(0)) return {};
  const std::string_view text = call[0].text();
  const auto at = find_text(text, call.has(1) ? call[1].text() : "undefined");
  return at == std::string_view::npos ? call[0] : Value::of(text.substr(0, at));
}

Value substring_after(const Call& call) {
  if (!call.has(0)) return {};
  const std::string_view text = call[0].text();
  const std::string_view mark = call.has(1) ? call[1].text() : "undefined";
  const auto at = find_text(text, mark);
  return at == std::string_view::npos ? call[0] : Value::of(text.substr(at + mark.size()));
}

std::uint32_t decode(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])) : 0U;
  };
  const std::uint32_t first = byte(at);
  if (first < 0x80) return ++at, first;
  if (first < 0xE0) return at += 2, ((first & 31U) << 6U) | (byte(at - 1) & 63U);
  if (first < 0xF0) {
    at += 3;
    return ((first & 15U) << 12U) | ((byte(at - 2) & 63U) << 6U) | (byte(at - 1) & 63U);
  }
  at += 4;
  return ((first & 7U) << 18U) | ((byte(at - 3) & 63U) << 12U) | ((byte(at - 2) & 63U) << 6U) |
         (byte(at - 1) & 63U);
}

// Latin, Greek and Cyrillic; what lies beyond stays as it is.
std::uint32_t upper(std::uint32_t c) {
  if (c >= 'a' && c <= 'z') return c - 32;
  if ((c >= 0xE0 && c <= 0xFE && c != 0xF7) || (c >= 0x3B1 && c <= 0x3C9 && c != 0x3C2) ||
      (c >= 0x430 && c <= 0x44F)) {
    return c - 32;
  }
  if (c == 0xFF) return 0x178;
  if (c >= 0x450 && c <= 0x45F) return c - 80;
  if ((c >= 0x100 && c <= 0x137 && c != 0x131) || (c >= 0x14A && c <= 0x177)) return c & ~1U;
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) return c % 2 == 0 ? c - 1 : c;
  return c;
}

std::uint32_t lower(std::uint32_t c) {
  if (c >= 'A' && c <= 'Z') return c + 32;
  if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
      (c >= 0x410 && c <= 0x42F)) {
    return c + 32;
  }
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  if ((c >= 0x100 && c <= 0x137 && c != 0x130) || (c >= 0x14A && c <= 0x177)) return c | 1U;
  if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E)) return c % 2 == 1 ? c + 1 : c;
  return c;
}

Value change_case(const Call& call, std::uint32_t (*change)(std::uint32_t)) {
  if (!call.has(0)) return {};
  const std::string_view text = call[0].text();
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const std::uint32_t c = decode(text, at);
    if (c == 0xDF && change == upper) {
      out += "SS";
    } else {
      append_utf8(out, change(c));
    }
  }
  return call.run.text(std::move(out));
}

Value lowercase(const Call& call) { return change_case(call, lower); }
Value uppercase(const Call& call) { return change_case(call, upper); }

Value trim(const Call& call) {
  if (!call.has(0)) return {};
  std::string out;
  for (const char c : call[0].text()) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!blank) {
      out.push_back(c);
    } else if (!out.empty() && out.back() != ' ') {
      out.push_back(' ');
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return call.run.text(std::move(out));
}

Value pad(const Call& call) {
  if (!call.has(0)) return {};
  const std::string_view text = call[0].text();
  const double width = call.has(1) ? call[1].number : 0;
  const std::string_view mark =
      call.has(2) && characters(call[2].text()) > 0 ? call[2].text() : " ";
  const double missing = std::fabs(width) - static_cast<double>(characters(text));
  if (!(missing > 0)) return call[0];
  if (missing > pad_max || !call.run.spend(static_cast<std::uint64_t>(missing / 8))) {
    return call.run.limit("size of a text");
  }
  std::string filling;
  const std::size_t units_in_mark = std::max<std::size_t>(characters(mark), 1);
  const auto count = static_cast<std::size_t>(missing);
  for (std::size_t i = 0; i < count / units_in_mark; ++i) filling += mark;
  filling += mark.substr(0, byte_of_character(mark, count % units_in_mark));
  std::string out(width > 0 ? text : std::string_view(filling));
  out += width > 0 ? std::string_view(filling) : text;
  return call.run.text(std::move(out));
}

Value join(const Call& call) {
  if (!call.has(0)) return {};
  const Elements parts(call[0]);
  const std::string_view between = call.has(1) ? call[1].text() : "";
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += between;
    if (parts[i].is(Kind::String)) out += parts[i].text();
    if (out.size() > 100'000'000) return call.run.limit("size of a text");
  }
  return call.run.text(std::move(out));
}

constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Characters are bytes, as in JavaScript's btoa.
Value base64_encode(const Call& call) {
  if (!call.has(0)) return {};
  const std::string_view text = call[0].text();
  std::string bytes;
  for (std::size_t at = 0; at < text.size();) bytes.push_back(static_cast<char>(decode(text, at)));
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8U | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out.push_back(i + j > bytes.size() ? '=' : base64_digits[(group >> (18 - 6 * j)) & 63U]);
    }
  }
  return call.run.text(std::move(out));
}

Value base64_decode(const Call& call) {
  if (!call.has(0)) return {};
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : call[0].text()) {
    const auto digit = base64_digits.find(c == '-' ? '+' : c == '_' ? '/' : c);
    if (digit == std::string_view::npos) continue;
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      append_utf8(out, (bits >> static_cast<unsigned>(count)) & 255U);
    }
  }
  return call.run.text(std::move(out));
}

bool lone_surrogate(std::string_view text) {
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == '\xED' && static_cast<unsigned char>(text[i + 1]) >= 0xA0) return true;
  }
  return false;
}

Value malformed(const Call& call, std::string_view name) {
  std::string quoted;
  print_value(quoted, call[0], false, call.run.digits());
  return call.run.fail("D3140", 0, name, call[0]);
}

Value encode(const Call& call, std::string_view name, std::string_view kept) {
  if (!call.has(0)) return {};
  const std::string_view text = call[0].text();
  if (lone_surrogate(text)) return malformed(call, name);
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (plain || kept.contains(c)) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(hex[byte >> 4U]);
      out.push_back(hex[byte & 15U]);
    }
  }
  return call.run.text(std::move(out));
}

bool valid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
    if (size == 0 || at + size > text.size()) return false;
    for (std::size_t i = 1; i < size; ++i) {
      if (!continues(text[at + i])) return false;
    }
    at += size;
  }
  return !lone_surrogate(text);
}

Value decode_percent(const Call& call, std::string_view name, std::string_view kept) {
  if (!call.has(0)) return {};
  const std::string_view text = call[0].text();
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    unsigned byte = 0;
    if (i + 2 >= text.size()) return malformed(call, name);
    const auto end = std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16);
    if (end.ptr != text.data() + i + 3) return malformed(call, name);
    if (kept.contains(static_cast<char>(byte))) {
      out += text.substr(i, 3);
    } else {
      out.push_back(static_cast<char>(byte));
    }
    i += 2;
  }
  if (!valid_utf8(out)) return malformed(call, name);
  return call.run.text(std::move(out));
}

constexpr std::string_view component_marks = "-_.!~*'()";
constexpr std::string_view url_marks = "-_.!~*'();/?:@&=+$,#";
constexpr std::string_view url_reserved = ";/?:@&=+$,#";

}  // namespace

std::vector<Builtin> string_functions() {
  return {
      {"string", "<x-b?:s>", 1, string},
      {"length", "<s-:n>", 1, length},
      {"substring", "<s-nn?:s>", 3, substring},
      {"substringBefore", "<s-s:s>", 2, substring_before},
      {"substringAfter", "<s-s:s>", 2, substring_after},
      {"lowercase", "<s-:s>", 1, lowercase},
      {"uppercase", "<s-:s>", 1, uppercase},
      {"trim", "<s-:s>", 1, trim},
      {"pad", "<s-ns?:s>", 3, pad},
      {"join", "<a<s>s?:s>", 2, join},
      {"base64encode", "<s-:s>", 1, base64_encode},
      {"base64decode", "<s-:s>", 1, base64_decode},
      {"encodeUrlComponent", "<s-:s>", 1,
       [](const Call& c) { return encode(c, "encodeUrlComponent", component_marks); }},
      {"encodeUrl", "<s-:s>", 1, [](const Call& c) { return encode(c, "encodeUrl", url_marks); }},
      {"decodeUrlComponent", "<s-:s>", 1,
       [](const Call& c) { return decode_percent(c, "decodeUrlComponent", ""); }},
      {"decodeUrl", "<s-:s>", 1,
       [](const Call& c) { return decode_percent(c, "decodeUrl", url_reserved); }},
  };
}

}  // namespace kiban::jsonata
