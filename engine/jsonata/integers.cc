#include "jsonata/integers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include "core/letters.h"
#include "jsonata/lexer.h"
#include "jsonata/messages.h"

namespace kiban::jsonata {
namespace {

// Where Unicode's groups of ten digits begin.
constexpr std::array<char32_t, 37> digit_groups = {
    0x30,   0x660,  0x6F0,  0x7C0,  0x966,  0x9E6,  0xA66,  0xAE6,  0xB66,  0xBE6,
    0xC66,  0xCE6,  0xD66,  0xDE6,  0xE50,  0xED0,  0xF20,  0x1040, 0x1090, 0x17E0,
    0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620,
    0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10};

constexpr std::array<std::string_view, 20> few = {
    "Zero",     "One",     "Two",     "Three",     "Four",     "Five",    "Six",
    "Seven",    "Eight",   "Nine",    "Ten",       "Eleven",   "Twelve",  "Thirteen",
    "Fourteen", "Fifteen", "Sixteen", "Seventeen", "Eighteen", "Nineteen"};
constexpr std::array<std::string_view, 20> ordinals = {
    "Zeroth",     "First",     "Second",    "Third",       "Fourth",     "Fifth",     "Sixth",
    "Seventh",    "Eighth",    "Ninth",     "Tenth",       "Eleventh",   "Twelfth",   "Thirteenth",
    "Fourteenth", "Fifteenth", "Sixteenth", "Seventeenth", "Eighteenth", "Nineteenth"};
constexpr std::array<std::string_view, 8> decades = {"Twenty", "Thirty",  "Forty",  "Fifty",
                                                     "Sixty",  "Seventy", "Eighty", "Ninety"};
constexpr std::array<std::string_view, 4> magnitudes = {"Thousand", "Million", "Billion",
                                                        "Trillion"};
constexpr double roman_max = 1e7;   // Our own bound: ten thousand M.
constexpr double words_max = 1e60;  // Our own bound; the words repeat "trillion" beyond 10^15.

std::string in_words(double number, bool behind, bool ordinal) {
  const auto at = [](double x) { return static_cast<std::size_t>(x); };
  if (number <= 19) {
    return (behind ? " and " : "") + std::string(ordinal ? ordinals[at(number)] : few[at(number)]);
  }
  if (number < 100) {
    std::string words = (behind ? " and " : "") + std::string(decades[at(number / 10) - 2]);
    const double rest = std::fmod(number, 10);
    if (rest > 0) return words + "-" + in_words(rest, false, ordinal);
    if (ordinal) words.replace(words.size() - 1, 1, "ieth");
    return words;
  }
  std::string words = behind ? ", " : "";
  double rest = 0;
  if (number < 1000) {
    words += std::string(few[at(number / 100)]) + " Hundred";
    rest = std::fmod(number, 100);
  } else {
    // The nudge keeps log10 of exact powers from falling short.
    const auto magnitude =
        std::min<std::size_t>(at(std::log10(number) / 3 + 1e-12), magnitudes.size());
    const double factor = std::pow(10.0, static_cast<double>(magnitude) * 3);
    const double mantissa = std::floor(number / factor);
    words += in_words(mantissa, false, false) + " " + std::string(magnitudes[magnitude - 1]);
    rest = number - mantissa * factor;
  }
  if (rest > 0) return words + in_words(rest, true, ordinal);
  return ordinal ? words + "th" : words;
}

std::optional<double> word_value(std::string_view word) {
  for (std::size_t i = 0; i < few.size(); ++i) {
    if (word == lower_case(few[i]) || word == lower_case(ordinals[i])) {
      return static_cast<double>(i);
    }
  }
  for (std::size_t i = 0; i < decades.size(); ++i) {
    const std::string decade = lower_case(decades[i]);
    if (word == decade || word == decade.substr(0, decade.size() - 1) + "ieth") {
      return static_cast<double>(10 * (i + 2));
    }
  }
  if (word == "hundred" || word == "hundredth") return 100;
  for (std::size_t i = 0; i < magnitudes.size(); ++i) {
    const std::string magnitude = lower_case(magnitudes[i]);
    if (word == magnitude || word == magnitude + "th") {
      return std::pow(10.0, static_cast<double>(3 * (i + 1)));
    }
  }
  return std::nullopt;
}

// Any of the words that word_value knows, and what joins them.
std::string words_pattern() {
  std::string out = "(?:[-, ]|and|hundred(?:th)?";
  for (const std::string_view word : few) out += "|" + lower_case(word);
  for (const std::string_view word : ordinals) out += "|" + lower_case(word);
  for (const std::string_view word : magnitudes) out += "|" + lower_case(word) + "(?:th)?";
  for (const std::string_view word : decades)
    out += "|" + lower_case(word.substr(0, word.size() - 1)) + "(?:y|ieth)";
  return out + ")+";
}

std::optional<double> from_words(std::string_view text) {
  std::vector<double> parts{0};
  std::string word;
  bool any = false;
  for (const char c : lower_case(text) + " ") {
    if (c >= 'a' && c <= 'z') {
      word.push_back(c);
      continue;
    }
    if (c != ' ' && c != ',' && c != '-') return std::nullopt;
    if (!word.empty() && word != "and") {
      const auto value = word_value(word);
      if (!value) return std::nullopt;
      any = true;
      if (*value < 100) {
        if (parts.back() >= 1000) parts.push_back(0);
        parts.back() += *value;
      } else {
        parts.back() *= *value;
      }
    }
    word.clear();
  }
  if (!any) return std::nullopt;
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

constexpr std::array<std::pair<int, std::string_view>, 13> roman = {{{1000, "M"},
                                                                     {900, "CM"},
                                                                     {500, "D"},
                                                                     {400, "CD"},
                                                                     {100, "C"},
                                                                     {90, "XC"},
                                                                     {50, "L"},
                                                                     {40, "XL"},
                                                                     {10, "X"},
                                                                     {9, "IX"},
                                                                     {5, "V"},
                                                                     {4, "IV"},
                                                                     {1, "I"}}};

std::string in_roman(double value) {
  std::string out;
  for (const auto& [worth, letters] : roman) {
    while (value >= worth) {
      out += letters;
      value -= worth;
    }
  }
  return out;
}

double from_roman(std::string_view text) {
  double total = 0;
  double greatest = 1;
  const std::string letters = upper_case(text);
  for (std::size_t i = letters.size(); i-- > 0;) {
    double worth = 0;
    for (const auto& [value, name] : roman) {
      if (name.size() == 1 && name[0] == letters[i]) worth = value;
    }
    total += worth < greatest ? -worth : worth;
    greatest = std::max(greatest, worth);
  }
  return total;
}

std::string in_letters(double value, char first) {
  std::string out;
  while (value > 0) {
    out.insert(out.begin(), static_cast<char>(first + static_cast<int>(std::fmod(value - 1, 26))));
    value = std::floor((value - 1) / 26);
  }
  return out;
}

double from_letters(std::string_view text, char first) {
  double value = 0;
  for (const char c : text) value = value * 26 + (c - first + 1);
  return value;
}

// A repeated separator at every n digits counts as one rule for numbers of any length.
std::size_t regular_group(const std::vector<IntegerFormat::Separator>& separators) {
  std::size_t factor = 0;
  for (const auto& separator : separators) {
    if (separator.character != separators[0].character) return 0;
    factor = std::gcd(factor, separator.position);
  }
  for (std::size_t i = 1; i <= separators.size(); ++i) {
    const bool there =
        std::any_of(separators.begin(), separators.end(),
                    [&](const auto& separator) { return separator.position == i * factor; });
    if (!there) return 0;
  }
  return factor;
}

std::u32string in_digits(double value, const IntegerFormat& format) {
  char buffer[400];
  std::snprintf(buffer, sizeof buffer, "%.0f", value);
  std::u32string digits;
  for (const char* c = buffer; *c != '\0'; ++c) {
    digits.push_back(format.zero + static_cast<char32_t>(*c - '0'));
  }
  if (digits.size() < format.mandatory) {
    digits.insert(0, format.mandatory - digits.size(), format.zero);
  }
  std::u32string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const std::size_t right = digits.size() - i;
    if (i > 0 && format.regular > 0 && right % format.regular == 0) {
      out.push_back(format.separators[0].character);
    }
    for (const auto& separator : format.separators) {
      if (format.regular == 0 && i > 0 && separator.position == right) {
        out.push_back(separator.character);
      }
    }
    out.push_back(digits[i]);
  }
  return out;
}

Error unknown(const IntegerFormat& format) {
  return make_error("D3130", 0, {}, json::value(format.picture));
}

}  // namespace

std::u32string to_wide(std::string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i++]);
    const unsigned more = first < 0xC0 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    char32_t c = more == 0 ? first : first & (0x3FU >> more);
    for (unsigned j = 0; j < more && i < text.size(); ++j) {
      c = c << 6U | (static_cast<unsigned char>(text[i++]) & 0x3FU);
    }
    out.push_back(c);
  }
  return out;
}

std::string to_narrow(std::u32string_view text) {
  std::string out;
  for (const char32_t c : text) append_utf8(out, c);
  return out;
}

OrError<IntegerFormat> parse_integer_format(std::string_view picture) {
  IntegerFormat format;
  const auto semicolon = picture.rfind(';');
  const std::string_view primary = picture.substr(0, semicolon);
  format.ordinal =
      semicolon != std::string_view::npos && picture.substr(semicolon + 1).starts_with('o');
  format.picture = primary;
  using Style = IntegerFormat::Style;
  using Case = IntegerFormat::Case;
  if (primary == "A" || primary == "a") {
    format.style = Style::Letters;
  } else if (primary == "I" || primary == "i") {
    format.style = Style::Roman;
  } else if (primary == "W" || primary == "w" || primary == "Ww") {
    format.style = Style::Words;
  }
  if (format.style != Style::Decimal) {
    format.letter_case = primary == "Ww"                          ? Case::Title
                         : primary[0] >= 'A' && primary[0] <= 'Z' ? Case::Upper
                                                                  : Case::Lower;
    return format;
  }
  const std::u32string wide = to_wide(primary);
  std::optional<char32_t> zero;
  std::size_t places = 0;
  for (std::size_t i = wide.size(); i-- > 0;) {
    const char32_t c = wide[i];
    const auto group = std::find_if(digit_groups.begin(), digit_groups.end(),
                                    [&](char32_t start) { return c >= start && c < start + 10; });
    if (group != digit_groups.end()) {
      if (zero && *zero != *group) return std::unexpected(make_error("D3131", 0));
      zero = *group;
      ++format.mandatory;
      ++places;
    } else if (c == U'#') {
      ++format.optional;
      ++places;
    } else {
      format.separators.push_back({.position = places, .character = c});
    }
  }
  if (!zero) {
    format.style = Style::Unknown;
    return format;
  }
  format.zero = *zero;
  format.regular = regular_group(format.separators);
  return format;
}

OrError<std::string> print_integer(double value, const IntegerFormat& format) {
  value = std::floor(value);
  const bool negative = value < 0;
  value = std::fabs(value);
  std::string out;
  using Case = IntegerFormat::Case;
  const bool capital = format.letter_case == Case::Upper;
  switch (format.style) {
    case IntegerFormat::Style::Letters:
      out = in_letters(value, capital ? 'A' : 'a');
      break;
    case IntegerFormat::Style::Roman:
      if (value > roman_max)
        return std::unexpected(make_error("U1001", 0, {}, {}, "size of a Roman number"));
      out = capital ? in_roman(value) : lower_case(in_roman(value));
      break;
    case IntegerFormat::Style::Words:
      if (!(value < words_max)) return std::unexpected(unknown(format));
      out = in_words(value, false, format.ordinal);
      if (format.letter_case == Case::Lower) out = lower_case(out);
      if (capital) out = upper_case(out);
      break;
    case IntegerFormat::Style::Decimal: {
      if (!(value < 1e300)) return std::unexpected(unknown(format));
      const std::u32string digits = in_digits(value, format);
      out = to_narrow(digits);
      if (format.ordinal) {
        const char32_t last = digits.back() - format.zero;
        const bool teen = digits.size() > 1 && digits[digits.size() - 2] == format.zero + 1;
        out += teen || last > 3 || last == 0 ? "th" : last == 1 ? "st" : last == 2 ? "nd" : "rd";
      }
      break;
    }
    case IntegerFormat::Style::Unknown:
      return std::unexpected(unknown(format));
  }
  return negative ? "-" + out : out;
}

OrError<std::optional<double>> read_integer(std::string_view text, const IntegerFormat& format) {
  const bool capital = format.letter_case == IntegerFormat::Case::Upper;
  switch (format.style) {
    case IntegerFormat::Style::Letters:
      return from_letters(text, capital ? 'A' : 'a');
    case IntegerFormat::Style::Roman:
      return from_roman(text);
    case IntegerFormat::Style::Words:
      return from_words(text);
    case IntegerFormat::Style::Unknown:
      return std::unexpected(unknown(format));
    case IntegerFormat::Style::Decimal:
      break;
  }
  std::u32string wide = to_wide(text);
  if (format.ordinal && wide.size() > 2) wide.resize(wide.size() - 2);
  std::string digits;
  for (std::size_t i = 0; i < wide.size(); ++i) {
    const char32_t c = wide[i];
    if (c >= format.zero && c < format.zero + 10) {
      digits.push_back(static_cast<char>('0' + (c - format.zero)));
    } else if (i == 0 && c == U'-') {
      digits.push_back('-');
    } else if (c != U',' && std::none_of(format.separators.begin(), format.separators.end(),
                                         [&](const auto& s) { return s.character == c; })) {
      break;
    }
  }
  if (digits.empty() || digits == "-") return std::nullopt;
  return std::strtod(digits.c_str(), nullptr);
}

OrError<std::string> integer_pattern(const IntegerFormat& format) {
  switch (format.style) {
    case IntegerFormat::Style::Letters:
      return "[A-Za-z]+";
    case IntegerFormat::Style::Roman:
      return "[IVXLCDM]+";
    case IntegerFormat::Style::Words:
      return words_pattern();
    case IntegerFormat::Style::Unknown:
      return std::unexpected(unknown(format));
    case IntegerFormat::Style::Decimal:
      break;
  }
  std::u32string set = U"[";
  set += format.zero;
  set += U'-';
  set += static_cast<char32_t>(format.zero + 9);
  for (const auto& separator : format.separators) {
    set += U'\\';
    set += separator.character;
  }
  std::string out = to_narrow(set) + "]";
  out += format.parse_width > 0 ? "{" + std::to_string(format.parse_width) + "}" : "+";
  if (format.ordinal) out += "(?:th|st|nd|rd)";
  return out;
}

}  // namespace kiban::jsonata
