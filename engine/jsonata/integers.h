// Integer pictures, as in XPath's fn:format-integer: "000", "#,##0;o", "Ww", "i", "A".
// www.w3.org/TR/xpath-functions-31/#formatting-integers
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jsonata/jsonata.h"

namespace kiban::jsonata {

struct IntegerFormat {
  enum class Style : std::uint8_t { Decimal, Letters, Roman, Words, Unknown };
  enum class Case : std::uint8_t { Lower, Upper, Title };
  struct Separator {
    std::size_t position{0};  // Digits to its right.
    char32_t character{0};
  };

  Style style{Style::Decimal};
  Case letter_case{Case::Lower};
  bool ordinal{false};
  char32_t zero{U'0'};
  std::size_t mandatory{0};
  std::size_t optional{0};
  std::size_t regular{0};  // Digits a group; 0: the separators have fixed places.
  std::vector<Separator> separators{};
  std::size_t parse_width{0};  // Digits to read where another number follows at once.
  std::string picture{};
};

// Error: D3131.
OrError<IntegerFormat> parse_integer_format(std::string_view picture);
// Error: D3130.
OrError<std::string> print_integer(double value, const IntegerFormat& format);
OrError<std::optional<double>> read_integer(std::string_view text, const IntegerFormat& format);
// A regular expression for what print_integer makes.
OrError<std::string> integer_pattern(const IntegerFormat& format);

std::u32string to_wide(std::string_view text);
std::string to_narrow(std::u32string_view text);

}  // namespace kiban::jsonata
