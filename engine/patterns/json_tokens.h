// JSON as a stream of tokens with places, as the parser behind EventBridge sees it: its error texts
// quote the line and column at which that parser (Jackson's, on text) stood.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace kiban::patterns {

enum class Token : std::uint8_t {
  ObjectStart,
  ObjectEnd,
  ArrayStart,
  ArrayEnd,
  Name,
  String,
  Integer,
  Float,
  True,
  False,
  Null,
  End
};

class JsonTokens {
 public:
  // The text must outlive this object.
  explicit JsonTokens(std::string_view text) : source_(text) {}

  // The error's cause is a whole message, place included.
  Result<Token> next();

  // Of the current token: a name or string without escapes, a number or literal as written. Reading
  // a string moves the place behind it, as it does in Jackson, which reads strings late.
  const std::string& text();

  // The message with the current place behind it:
  // `<message>\n at [Source: (String)"..."; line: 1, column: 2]`.
  std::string with_place(std::string_view message) const { return with_place_at(message, place_); }

 private:
  struct Scanned {
    Token token{Token::End};
    std::string text{};
    std::size_t place{0};       // The parser's position once it has noticed the token.
    std::size_t read_place{0};  // The position once the text was read.
  };

  std::string with_place_at(std::string_view message, std::size_t offset) const;
  std::unexpected<Error> error_at(std::string_view message, std::size_t offset) const;
  std::unexpected<Error> unexpected_character(std::string_view expected) const;
  void skip_spaces();
  char peek() const { return offset_ < source_.size() ? source_[offset_] : '\0'; }
  bool at_end() const { return offset_ >= source_.size(); }

  Token accept(Scanned scanned);
  Result<Token> next_in_object();
  Result<Token> next_in_array();
  Result<Token> name();
  Result<Scanned> value();
  Result<Scanned> literal();
  Result<Scanned> number();
  Result<std::string>
  string_text();  // Begins behind the opening quote, ends behind the closing one.
  Result<std::uint32_t> hex4();

  std::string_view source_;
  std::size_t offset_{0};
  std::size_t place_{0};
  Scanned current_{};
  std::optional<Scanned> pending_{};  // The value behind a name, noticed together with it.
  std::vector<bool> in_object_{};     // Of each open container.
  bool first_{true};                  // Nothing was read yet in the innermost container.
};

}  // namespace kiban::patterns
