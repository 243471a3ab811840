// Text to tokens.
#pragma once

#include <deque>
#include <string>
#include <string_view>

#include "jsonata/jsonata.h"

namespace kiban::jsonata {

enum class TokenType : std::uint8_t {
  End,
  Name,
  Variable,
  Operator,
  String,
  Number,
  Literal,
  Regex
};

struct Token {
  TokenType type{TokenType::End};
  std::string_view text{};   // Operators and names as written, strings decoded, patterns.
  std::string_view flags{};  // Of a regular expression.
  double number{0};
  std::size_t position{0};  // Behind the token, as JSONata reports positions.

  bool is(std::string_view op) const { return type == TokenType::Operator && text == op; }
};

class Lexer {
 public:
  Lexer(std::string_view text, std::deque<std::string>& texts) : text_(text), texts_(texts) {}
  // Behind an operand a slash divides; elsewhere it begins a regular expression.
  OrError<Token> next(bool behind_operand);

 private:
  OrError<Token> string(char quote);
  OrError<Token> regex();
  OrError<Token> quoted_name();
  OrError<bool> skip_blanks();
  bool number(Token& token, std::size_t& end) const;
  Token name();

  std::string_view text_;
  std::size_t at_{0};
  std::deque<std::string>& texts_;
};

void append_utf8(std::string& out, std::uint32_t code_point);

}  // namespace kiban::jsonata
