#include "jsonata/lexer.h"

#include <charconv>
#include <cmath>

#include "jsonata/messages.h"

namespace kiban::jsonata {
namespace {

constexpr std::string_view blanks = " \t\n\r\v";
constexpr std::string_view single_operators = ".[]{}(),@#;:?+-*/%|=<>^&!~";

bool digit(char c) { return c >= '0' && c <= '9'; }

std::optional<std::uint32_t> hex4(std::string_view text) {
  std::uint32_t value = 0;
  if (text.size() < 4) return std::nullopt;
  const auto end = std::from_chars(text.data(), text.data() + 4, value, 16);
  if (end.ec != std::errc() || end.ptr != text.data() + 4) return std::nullopt;
  return value;
}

}  // namespace

// Lone surrogates come out as three bytes (WTF-8).
void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6U));
    put(0x80 | (c & 0x3FU));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12U));
    put(0x80 | ((c >> 6U) & 0x3FU));
    put(0x80 | (c & 0x3FU));
  } else {
    put(0xF0 | (c >> 18U));
    put(0x80 | ((c >> 12U) & 0x3FU));
    put(0x80 | ((c >> 6U) & 0x3FU));
    put(0x80 | (c & 0x3FU));
  }
}

OrError<bool> Lexer::skip_blanks() {
  for (;;) {
    while (at_ < text_.size() && blanks.contains(text_[at_])) ++at_;
    if (!text_.substr(at_).starts_with("/*")) return true;
    const std::size_t start = at_;
    const std::size_t end = text_.find("*/", at_ + 2);
    if (end == std::string_view::npos) return std::unexpected(make_error("S0106", start));
    at_ = end + 2;
  }
}

OrError<Token> Lexer::regex() {
  const std::size_t start = ++at_;
  int depth = 0;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    std::size_t slashes = 0;
    while (at_ > start + slashes && text_[at_ - 1 - slashes] == '\\') ++slashes;
    const bool escaped = slashes % 2 == 1;
    if (c == '/' && !escaped && depth == 0) {
      const std::string_view pattern = text_.substr(start, at_ - start);
      if (pattern.empty()) return std::unexpected(make_error("S0301", at_));
      const std::size_t flags = ++at_;
      while (at_ < text_.size() && (text_[at_] == 'i' || text_[at_] == 'm')) ++at_;
      return Token{.type = TokenType::Regex,
                   .text = pattern,
                   .flags = text_.substr(flags, at_ - flags),
                   .position = at_};
    }
    if (!escaped && (c == '(' || c == '[' || c == '{')) ++depth;
    if (!escaped && (c == ')' || c == ']' || c == '}')) --depth;
  }
  return std::unexpected(make_error("S0302", at_));
}

OrError<Token> Lexer::string(char quote) {
  ++at_;
  std::string out;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == quote) {
      ++at_;
      return Token{
          .type = TokenType::String, .text = texts_.emplace_back(std::move(out)), .position = at_};
    }
    if (c != '\\') {
      out.push_back(c);
      ++at_;
      continue;
    }
    if (++at_ >= text_.size()) break;
    const char escape = text_[at_];
    constexpr std::string_view from = "\"'\\/bfnrt";
    constexpr std::string_view to = "\"'\\/\b\f\n\r\t";
    if (const auto known = from.find(escape); known != std::string_view::npos) {
      out.push_back(to[known]);
      ++at_;
    } else if (escape == 'u') {
      auto unit = hex4(text_.substr(at_ + 1));
      if (!unit) return std::unexpected(make_error("S0104", at_));
      at_ += 5;
      if (*unit >= 0xD800 && *unit < 0xDC00 && text_.substr(at_).starts_with("\\u")) {
        const auto low = hex4(text_.substr(at_ + 2));
        if (low && *low >= 0xDC00 && *low < 0xE000) {
          unit = 0x10000 + ((*unit - 0xD800) << 10U) + (*low - 0xDC00);
          at_ += 6;
        }
      }
      append_utf8(out, *unit);
    } else {
      return std::unexpected(make_error("S0103", at_, std::string(1, escape)));
    }
  }
  return std::unexpected(make_error("S0101", at_));
}

bool Lexer::number(Token& token, std::size_t& end) const {
  std::size_t i = at_;
  const auto digits = [&] {
    const std::size_t start = i;
    while (i < text_.size() && digit(text_[i])) ++i;
    return i > start;
  };
  if (i < text_.size() && text_[i] == '0') {
    ++i;
  } else if (!digits()) {
    return false;
  }
  if (i + 1 < text_.size() && text_[i] == '.' && digit(text_[i + 1])) {
    ++i;
    digits();
  }
  if (i < text_.size() && (text_[i] == 'e' || text_[i] == 'E')) {
    const std::size_t before = i++;
    if (i < text_.size() && (text_[i] == '+' || text_[i] == '-')) ++i;
    if (!digits()) i = before;
  }
  token.type = TokenType::Number;
  token.text = text_.substr(at_, i - at_);
  const auto result = std::from_chars(text_.data() + at_, text_.data() + i, token.number);
  if (result.ec == std::errc::result_out_of_range) {
    // Too small reads as zero, as JavaScript does; too great is refused by the caller.
    const auto exponent = token.text.find_first_of("eE");
    const bool tiny = (exponent != std::string_view::npos && token.text[exponent + 1] == '-') ||
                      token.text.starts_with("0.");
    token.number = tiny ? 0 : HUGE_VAL;
  }
  end = i;
  return true;
}

Token Lexer::name() {
  const std::size_t start = at_;
  while (at_ < text_.size() && !blanks.contains(text_[at_]) &&
         !single_operators.contains(text_[at_])) {
    ++at_;
  }
  const std::string_view word = text_.substr(start, at_ - start);
  Token token{.type = TokenType::Name, .text = word, .position = at_};
  if (word.starts_with('$')) {
    token.type = TokenType::Variable;
    token.text.remove_prefix(1);
  } else if (word == "and" || word == "or" || word == "in") {
    token.type = TokenType::Operator;
  } else if (word == "true" || word == "false" || word == "null") {
    token.type = TokenType::Literal;
  }
  return token;
}

OrError<Token> Lexer::quoted_name() {
  const std::size_t end = text_.find('`', ++at_);
  if (end == std::string_view::npos) return std::unexpected(make_error("S0105", text_.size()));
  const std::string_view word = text_.substr(at_, end - at_);
  at_ = end + 1;
  return Token{.type = TokenType::Name, .text = word, .position = at_};
}

OrError<Token> Lexer::next(bool behind_operand) {
  if (auto skipped = skip_blanks(); !skipped) return std::unexpected(skipped.error());
  if (at_ >= text_.size()) {
    return Token{.type = TokenType::End, .text = "(end)", .position = text_.size()};
  }
  const char c = text_[at_];
  if (c == '/' && !behind_operand) return regex();
  for (const std::string_view two : {"..", ":=", "!=", ">=", "<=", "**", "~>", "?:", "??"}) {
    if (text_.substr(at_).starts_with(two)) {
      at_ += 2;
      return Token{.type = TokenType::Operator, .text = two, .position = at_};
    }
  }
  if (single_operators.contains(c)) {
    ++at_;
    return Token{.type = TokenType::Operator, .text = text_.substr(at_ - 1, 1), .position = at_};
  }
  if (c == '"' || c == '\'') return string(c);
  Token token;
  std::size_t end = 0;
  if (number(token, end)) {
    at_ = end;
    token.position = at_;
    if (!std::isfinite(token.number)) {
      return std::unexpected(make_error("S0102", at_, std::string(token.text)));
    }
    return token;
  }
  if (c == '`') return quoted_name();
  return name();
}

}  // namespace kiban::jsonata
