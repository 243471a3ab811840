// Counting in UTF-8: characters as JSONata counts them, UTF-16 units as JavaScript does.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace kiban::jsonata {

inline bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

// As string_view::find, in linear time: glibc's memmem searches by the two-way algorithm.
inline std::size_t find_text(std::string_view text, std::string_view mark, std::size_t from = 0) {
  if (from > text.size()) return std::string_view::npos;
  const void* found = ::memmem(text.data() + from, text.size() - from, mark.data(), mark.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

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
