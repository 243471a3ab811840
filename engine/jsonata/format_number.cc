// $formatNumber: the pictures of XPath's fn:format-number.
// www.w3.org/TR/xpath-functions-31/#formatting-numbers
#include <cmath>
#include <cstdio>
#include <numeric>

#include "jsonata/functions.h"
#include "jsonata/lexer.h"
#include "jsonata/strings.h"

namespace kiban::jsonata {
namespace {

constexpr double exponent_steps_max = 400;

using Text = std::u32string;

Text wide(std::string_view text) {
  Text out;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const int more = first < 0xC0 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    char32_t c = more == 0 ? first : first & (0x3FU >> static_cast<unsigned>(more));
    ++i;
    for (int j = 0; j < more && i < text.size(); ++j) {
      c = c << 6U | (static_cast<unsigned char>(text[i++]) & 0x3FU);
    }
    out.push_back(c);
  }
  return out;
}

std::string narrow(const Text& text) {
  std::string out;
  for (const char32_t c : text) append_utf8(out, c);
  return out;
}

struct Format {
  Text decimal{U"."};
  Text grouping{U","};
  Text exponent{U"e"};
  Text minus{U"-"};
  Text percent{U"%"};
  Text per_mille{U"\u2030"};
  Text zero{U"0"};
  Text digit{U"#"};
  Text separator{U";"};
  Text infinity{U"Infinity"};
  Text not_a_number{U"NaN"};

  bool in_family(char32_t c) const { return !zero.empty() && c >= zero[0] && c < zero[0] + 10; }
  bool active(char32_t c) const {
    for (const Text* text : {&decimal, &exponent, &grouping, &digit, &separator}) {
      if (!text->empty() && (*text)[0] == c) return true;
    }
    return in_family(c);
  }
  std::size_t digits(const Text& part) const {
    return static_cast<std::size_t>(
        std::count_if(part.begin(), part.end(), [&](char32_t c) { return in_family(c); }));
  }
};

struct Parts {
  Text whole{};
  Text prefix{};
  Text suffix{};
  Text active{};
  Text mantissa{};
  std::optional<Text> exponent{};
  Text integer{};
  Text fraction{};
};

Parts split_parts(const Format& format, const Text& picture) {
  Parts parts{.whole = picture};
  const auto counts = [&](char32_t c) { return format.active(c) && c != format.exponent[0]; };
  std::size_t start = 0;
  while (start < picture.size() && !counts(picture[start])) ++start;
  std::size_t end = picture.size();
  while (end > start && !counts(picture[end - 1])) --end;
  parts.prefix = picture.substr(0, start);
  parts.suffix = picture.substr(end);
  parts.active = picture.substr(start, end - start);
  const auto e = parts.active.find(format.exponent);
  parts.mantissa = parts.active.substr(0, e);
  if (e != Text::npos) parts.exponent = parts.active.substr(e + format.exponent.size());
  const auto point = parts.mantissa.find(format.decimal);
  parts.integer = parts.mantissa.substr(0, point);
  if (point != Text::npos) parts.fraction = parts.mantissa.substr(point + format.decimal.size());
  return parts;
}

// The error code of the rule that the picture violates, or an empty text.
std::string_view refuse(const Format& format, const Parts& parts) {
  const Text& picture = parts.whole;
  const auto twice = [&](const Text& mark) { return picture.find(mark) != picture.rfind(mark); };
  const auto has = [](const Text& text, const Text& mark) { return text.find(mark) != Text::npos; };
  if (parts.active.empty()) return "D3086";  // No digit at all.
  if (twice(format.decimal)) return "D3081";
  if (twice(format.percent)) return "D3082";
  if (twice(format.per_mille)) return "D3083";
  if (has(picture, format.percent) && has(picture, format.per_mille)) return "D3084";
  if (format.digits(parts.mantissa) == 0 && !has(parts.mantissa, format.digit)) return "D3085";
  for (const char32_t c : parts.active) {
    if (!format.active(c)) return "D3086";
  }
  if (has(picture, format.grouping + format.decimal) ||
      has(picture, format.decimal + format.grouping)) {
    return "D3087";
  }
  if (!has(picture, format.decimal) && parts.integer.ends_with(format.grouping)) return "D3088";
  if (has(picture, format.grouping + format.grouping)) return "D3089";
  const auto optional = parts.integer.find(format.digit);
  if (optional != Text::npos && format.digits(parts.integer.substr(0, optional)) > 0) {
    return "D3090";
  }
  const auto last = parts.fraction.rfind(format.digit);
  if (last != Text::npos && format.digits(parts.fraction.substr(last)) > 0) return "D3091";
  if (parts.exponent) {
    if (!parts.exponent->empty() &&
        (has(picture, format.percent) || has(picture, format.per_mille))) {
      return "D3092";
    }
    if (parts.exponent->empty() || format.digits(*parts.exponent) != parts.exponent->size()) {
      return "D3093";
    }
  }
  return {};
}

struct Shape {
  std::vector<std::size_t> integer_groups{};
  std::vector<std::size_t> fraction_groups{};
  std::size_t regular_group{0};
  std::size_t integer_min{0};
  std::size_t scaling{0};
  std::size_t fraction_min{0};
  std::size_t fraction_max{0};
  std::size_t exponent_min{0};
};

std::size_t regular(const std::vector<std::size_t>& positions) {
  std::size_t factor = 0;
  for (const std::size_t position : positions) factor = std::gcd(factor, position);
  for (std::size_t i = 1; i <= positions.size(); ++i) {
    if (std::find(positions.begin(), positions.end(), i * factor) == positions.end()) return 0;
  }
  return factor;
}

Shape analyse(const Format& format, const Parts& parts) {
  Shape shape;
  const auto places = [&](const Text& part) {
    return format.digits(part) +
           static_cast<std::size_t>(std::count(part.begin(), part.end(), format.digit[0]));
  };
  for (std::size_t i = 0; i < parts.integer.size(); ++i) {
    if (parts.integer[i] == format.grouping[0]) {
      shape.integer_groups.push_back(places(parts.integer.substr(i)));
    }
  }
  for (std::size_t i = 0; i < parts.fraction.size(); ++i) {
    if (parts.fraction[i] == format.grouping[0]) {
      shape.fraction_groups.push_back(places(parts.fraction.substr(0, i)));
    }
  }
  shape.regular_group = regular(shape.integer_groups);
  shape.integer_min = format.digits(parts.integer);
  shape.scaling = shape.integer_min;
  shape.fraction_min = format.digits(parts.fraction);
  shape.fraction_max = places(parts.fraction);
  if (shape.integer_min == 0 && shape.fraction_max == 0) {
    if (parts.exponent) {
      shape.fraction_min = shape.fraction_max = 1;
    } else {
      shape.integer_min = 1;
    }
  }
  if (parts.exponent && shape.integer_min == 0 && parts.integer.contains(format.digit[0])) {
    shape.integer_min = 1;
  }
  if (shape.integer_min == 0 && shape.fraction_min == 0) shape.fraction_min = 1;
  if (parts.exponent) shape.exponent_min = format.digits(*parts.exponent);
  return shape;
}

// Half to even on the decimal digits; without sign.
Text digits_of(const Format& format, double value, std::size_t places) {
  char buffer[800];
  std::snprintf(buffer, sizeof buffer, "%.*f", static_cast<int>(std::min<std::size_t>(places, 300)),
                std::fabs(value));
  Text out;
  for (const char* c = buffer; *c != '\0'; ++c) {
    out.push_back(*c == '.' ? format.decimal[0] : format.zero[0] + static_cast<char32_t>(*c - '0'));
  }
  return out;
}

void group_digits(const Format& format, const Shape& shape, Text& text) {
  auto point = text.find(format.decimal);
  if (shape.regular_group > 0) {
    const std::size_t count = point == 0 ? 0 : (point - 1) / shape.regular_group;
    for (std::size_t i = 1; i <= count; ++i) {
      text.insert(point - i * shape.regular_group, format.grouping);
    }
  } else {
    for (const std::size_t position : shape.integer_groups) {
      if (position > point) continue;
      text.insert(point - position, format.grouping);
      ++point;
    }
  }
  point = text.find(format.decimal);
  for (const std::size_t position : shape.fraction_groups) {
    if (position + point + 1 <= text.size()) text.insert(position + point + 1, format.grouping);
  }
}

Text print(const Format& format, const Parts& parts, const Shape& shape, double value) {
  double number = value;
  if (parts.whole.find(format.percent) != Text::npos) number *= 100;
  if (parts.whole.find(format.per_mille) != Text::npos) number *= 1000;
  double mantissa = std::fabs(number);
  int exponent = 0;
  if (shape.exponent_min > 0 && mantissa > 0) {
    const double most = std::pow(10.0, static_cast<double>(shape.scaling));
    const double least = most / 10;
    while (mantissa < least && exponent > -exponent_steps_max) mantissa *= 10, --exponent;
    while (mantissa > most && exponent < exponent_steps_max) mantissa /= 10, ++exponent;
  }
  Text text = digits_of(format, round_to(mantissa, static_cast<int>(shape.fraction_max)),
                        shape.fraction_max);
  if (text.find(format.decimal) == Text::npos) text += format.decimal;
  while (!text.empty() && text.front() == format.zero[0]) text.erase(0, 1);
  while (!text.empty() && text.back() == format.zero[0]) text.pop_back();
  auto point = text.find(format.decimal);
  if (point < shape.integer_min) text.insert(0, shape.integer_min - point, format.zero[0]);
  point = text.find(format.decimal);
  const std::size_t behind = text.size() - point - 1;
  if (behind < shape.fraction_min) text.append(shape.fraction_min - behind, format.zero[0]);
  group_digits(format, shape, text);
  if (parts.whole.find(format.decimal) == Text::npos || text.ends_with(format.decimal)) {
    const auto at = text.find(format.decimal);
    if (at != Text::npos) text.erase(at, format.decimal.size());
  }
  if (parts.exponent) {
    Text digits = digits_of(format, exponent, 0);
    if (digits.size() < shape.exponent_min) {
      digits.insert(0, shape.exponent_min - digits.size(), format.zero[0]);
    }
    text += format.exponent + (exponent < 0 ? format.minus : Text()) + digits;
  }
  return parts.prefix + text + parts.suffix;
}

}  // namespace

Value format_number(const Call& call) {
  if (!call.has(0)) return {};
  Format format;
  if (call.has(2) && call[2].is(Kind::Object)) {
    const std::pair<std::string_view, Text*> names[] = {{"decimal-separator", &format.decimal},
                                                        {"grouping-separator", &format.grouping},
                                                        {"exponent-separator", &format.exponent},
                                                        {"minus-sign", &format.minus},
                                                        {"percent", &format.percent},
                                                        {"per-mille", &format.per_mille},
                                                        {"zero-digit", &format.zero},
                                                        {"digit", &format.digit},
                                                        {"pattern-separator", &format.separator},
                                                        {"infinity", &format.infinity},
                                                        {"NaN", &format.not_a_number}};
    for (const auto& [name, text] : names) {
      const Value given = member(call[2], name);
      if (given.is(Kind::String) && given.length > 0) *text = wide(given.text());
    }
  }
  const Text picture = wide(call[1].text());
  if (picture.size() > 1'000) return call.run.limit("length of a picture");
  std::vector<Text> pictures;
  for (std::size_t start = 0;;) {
    const auto at = picture.find(format.separator, start);
    pictures.push_back(picture.substr(start, at == Text::npos ? at : at - start));
    if (at == Text::npos) break;
    start = at + format.separator.size();
  }
  if (pictures.size() > 2) return call.run.fail("D3080", 0, {}, call[1]);
  std::vector<Parts> parts;
  for (const Text& sub : pictures) {
    parts.push_back(split_parts(format, sub));
    const auto code = refuse(format, parts.back());
    if (!code.empty()) return call.run.fail(code, 0, {}, call[1]);
  }
  if (parts.size() == 1) {
    parts.push_back(parts[0]);
    parts[1].prefix = format.minus + parts[0].prefix;
  }
  const double value = call[0].number;
  const Parts& chosen = parts[value >= 0 ? 0 : 1];
  if (!finite(value)) {
    return call.run.text(narrow(chosen.prefix + format.infinity + chosen.suffix));
  }
  return call.run.text(narrow(print(format, chosen, analyse(format, chosen), value)));
}

}  // namespace kiban::jsonata
