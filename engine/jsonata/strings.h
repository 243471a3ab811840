// Counting in UTF-8: characters as JSONata counts them, UTF-16 units as JavaScript does.
#pragma once

#include <cstddef>
#include <string_view>

namespace kiban::jsonata {

inline bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

inline std::size_t characters(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += continues(c) ? 0 : 1;
  return count;
}

inline double units(std::string_view text) {
  double count = 0;
  for (const char c : text) {
    if (!continues(c)) count += static_cast<unsigned char>(c) >= 0xF0U ? 2 : 1;
  }
  return count;
}

// Where the character begins that has `index` others before it; the size if there are fewer.
inline std::size_t byte_of_character(std::string_view text, std::size_t index) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (continues(text[i])) continue;
    if (index-- == 0) return i;
  }
  return text.size();
}

inline std::size_t byte_of_unit(std::string_view text, double index) {
  double count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (continues(text[i])) continue;
    if (count >= index) return i;
    count += static_cast<unsigned char>(text[i]) >= 0xF0U ? 2 : 1;
  }
  return text.size();
}

}  // namespace kiban::jsonata
