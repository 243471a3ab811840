// Reads a pattern from left to right. Functions that read something return nullopt or false, and
// leave the position where it was or behind the fault, when it is not there.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "logfilter/regex.h"

namespace kiban::logfilter {

bool is_word(char c);  // Alphanumeric, '_', or a part of a multi-byte character.

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }
  void skip_spaces();
  bool take(std::string_view expected);
  // An upper-case keyword, with no word character behind it.
  bool take_keyword(std::string_view keyword);
  template <typename Accepts>
  std::string take_while(Accepts accepts) {
    const std::size_t from = at_;
    while (!done() && accepts(text_[at_])) ++at_;
    return std::string(text_.substr(from, at_ - from));
  }
  // "…" with the escapes \" \\ \n \t … and \uXXXX; other characters behind a backslash stand for
  // themselves. The opening quote is where the scanner is.
  std::optional<std::string> quoted();
  // %…%
  std::optional<Regex> regex();

 private:
  std::optional<std::string> unicode_escape();

  std::string_view text_;
  std::size_t at_{0};
};

}  // namespace kiban::logfilter
