#include "patterns/json_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace kiban::patterns {
namespace {

constexpr std::size_t depth_max = 1000;         // Jackson's StreamReadConstraints.
constexpr std::size_t quoted_source_max = 500;  // Characters of the source in an error, Jackson's.

bool is_continuation(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

// UTF-16 units, which is what Java counts.
std::size_t utf16_length(std::string_view text) {
  std::size_t units = 0;
  for (const char byte : text) {
    if (is_continuation(byte)) continue;
    units += static_cast<unsigned char>(byte) >= 0xF0U ? 2U : 1U;
  }
  return units;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string JsonTokens::with_place_at(std::string_view message, std::size_t offset) const {
  std::size_t line = 1;
  std::size_t line_start = 0;
  for (std::size_t i = 0; i < offset; ++i) {
    if (source_[i] != '\n') continue;
    ++line;
    line_start = i + 1;
  }
  const auto column = utf16_length(source_.substr(line_start, offset - line_start)) + 1;
  std::size_t shown = std::min(quoted_source_max, source_.size());
  while (shown < source_.size() && shown > 0 && is_continuation(source_[shown])) --shown;
  std::string rest;
  if (shown < source_.size()) {
    rest = fmt::format("[truncated {} chars]", utf16_length(source_.substr(shown)));
  }
  return fmt::format("{}\n at [Source: (String)\"{}\"{}; line: {}, column: {}]", message,
                     source_.substr(0, shown), rest, line, column);
}

std::unexpected<Error> JsonTokens::error_at(std::string_view message, std::size_t offset) const {
  return fail("InvalidJson", with_place_at(message, std::min(offset, source_.size())));
}

std::unexpected<Error> JsonTokens::unexpected_character(std::string_view expected) const {
  if (at_end()) return error_at("Unexpected end-of-input", offset_);
  std::size_t length = 1;
  while (offset_ + length < source_.size() && is_continuation(source_[offset_ + length])) ++length;
  const auto shown = source_.substr(offset_, length);
  const auto code = static_cast<unsigned char>(source_[offset_]);
  return error_at(fmt::format("Unexpected character ('{}' (code {})): {}", shown, code, expected),
                  offset_);
}

void JsonTokens::skip_spaces() {
  while (!at_end() && (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r')) {
    ++offset_;
  }
}

const std::string& JsonTokens::text() {
  if (current_.token == Token::String) place_ = current_.read_place;
  return current_.text;
}

Token JsonTokens::accept(Scanned scanned) {
  current_ = std::move(scanned);
  place_ = std::max(place_, current_.place);
  if (current_.token == Token::ObjectStart || current_.token == Token::ArrayStart) {
    in_object_.push_back(current_.token == Token::ObjectStart);
    first_ = true;
  }
  return current_.token;
}

Result<Token> JsonTokens::next() {
  if (pending_) {
    Scanned value = *std::move(pending_);
    pending_.reset();
    return accept(std::move(value));
  }
  skip_spaces();
  if (!in_object_.empty()) return in_object_.back() ? next_in_object() : next_in_array();
  if (at_end()) return accept({.token = Token::End, .place = offset_});
  KIBAN_TRY(Scanned scanned, value());
  return accept(std::move(scanned));
}

Result<Token> JsonTokens::next_in_object() {
  if (peek() == '}') {
    in_object_.pop_back();
    first_ = false;
    return accept({.token = Token::ObjectEnd, .place = ++offset_});
  }
  if (!first_) {
    if (at_end()) {
      return error_at("Unexpected end-of-input: expected close marker for Object", offset_);
    }
    if (peek() != ',') {
      return unexpected_character("was expecting comma to separate Object entries");
    }
    ++offset_;
    skip_spaces();
  }
  first_ = false;
  return name();
}

Result<Token> JsonTokens::name() {
  if (at_end()) {
    return error_at("Unexpected end-of-input within/between Object entries", offset_);
  }
  if (peek() != '"') {
    return unexpected_character("was expecting double-quote to start field name");
  }
  ++offset_;
  KIBAN_TRY(std::string text, string_text());
  skip_spaces();
  if (peek() != ':') {
    return unexpected_character("was expecting a colon to separate field name and value");
  }
  ++offset_;
  skip_spaces();
  KIBAN_TRY(Scanned following, value());
  const std::size_t place = following.place;
  pending_ = std::move(following);
  return accept({.token = Token::Name, .text = std::move(text), .place = place});
}

Result<Token> JsonTokens::next_in_array() {
  if (peek() == ']') {
    in_object_.pop_back();
    first_ = false;
    return accept({.token = Token::ArrayEnd, .place = ++offset_});
  }
  if (!first_) {
    if (at_end()) {
      return error_at("Unexpected end-of-input: expected close marker for Array", offset_);
    }
    if (peek() != ',') {
      return unexpected_character("was expecting comma to separate Array entries");
    }
    ++offset_;
    skip_spaces();
  }
  first_ = false;
  KIBAN_TRY(Scanned scanned, value());
  return accept(std::move(scanned));
}

Result<JsonTokens::Scanned> JsonTokens::value() {
  if (at_end()) return error_at("Unexpected end-of-input", offset_);
  const char c = peek();
  if (c == '{' || c == '[') {
    ++offset_;
    if (in_object_.size() >= depth_max) {
      return error_at(fmt::format("Document nesting depth ({}) exceeds the maximum allowed ({})",
                                  depth_max + 1, depth_max),
                      offset_);
    }
    return Scanned{.token = c == '{' ? Token::ObjectStart : Token::ArrayStart, .place = offset_};
  }
  if (c == '"') {
    const std::size_t place = ++offset_;
    KIBAN_TRY(std::string text, string_text());
    return Scanned{
        .token = Token::String, .text = std::move(text), .place = place, .read_place = offset_};
  }
  if (c == '-' || is_digit(c)) return number();
  return literal();
}

Result<JsonTokens::Scanned> JsonTokens::literal() {
  std::size_t length = 0;
  while (offset_ + length < source_.size() &&
         (std::isalnum(static_cast<unsigned char>(source_[offset_ + length])) != 0 ||
          source_[offset_ + length] == '_' || source_[offset_ + length] == '$')) {
    ++length;
  }
  const auto word = source_.substr(offset_, length);
  if (word.empty()) {
    return unexpected_character(
        "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or "
        "'false')");
  }
  offset_ += length;
  const auto scanned = [&](Token token) {
    return Scanned{.token = token, .text = std::string(word), .place = offset_};
  };
  if (word == "true") return scanned(Token::True);
  if (word == "false") return scanned(Token::False);
  if (word == "null") return scanned(Token::Null);
  return error_at(fmt::format("Unrecognized token '{}': was expecting (JSON String, Number, Array, "
                              "Object or token 'null', 'true' or 'false')",
                              word),
                  offset_);
}

Result<JsonTokens::Scanned> JsonTokens::number() {
  const std::size_t start = offset_;
  const auto digits = [this] {
    const std::size_t before = offset_;
    while (is_digit(peek())) ++offset_;
    return offset_ > before;
  };
  if (peek() == '-') ++offset_;
  const bool leading_zero = peek() == '0';
  const std::size_t whole = offset_;
  if (!digits()) {
    return unexpected_character(
        "expected digit (0-9) to follow minus sign, for valid numeric value");
  }
  if (leading_zero && offset_ - whole > 1) {
    return error_at("Invalid numeric value: Leading zeroes not allowed", whole + 1);
  }
  bool is_float = false;
  if (peek() == '.') {
    ++offset_;
    is_float = true;
    if (!digits()) return unexpected_character("Decimal point not followed by a digit");
  }
  if (peek() == 'e' || peek() == 'E') {
    ++offset_;
    is_float = true;
    if (peek() == '+' || peek() == '-') ++offset_;
    if (!digits()) return unexpected_character("Exponent indicator not followed by a digit");
  }
  return Scanned{.token = is_float ? Token::Float : Token::Integer,
                 .text = std::string(source_.substr(start, offset_ - start)),
                 .place = offset_};
}

Result<std::uint32_t> JsonTokens::hex4() {
  std::uint32_t code = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = peek();
    if (at_end() || std::isxdigit(static_cast<unsigned char>(c)) == 0) {
      return unexpected_character("expected a hex-digit for character escape sequence");
    }
    const auto digit = is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
    code = code * 16 + static_cast<std::uint32_t>(digit);
    ++offset_;
  }
  return code;
}

Result<std::string> JsonTokens::string_text() {
  std::string out;
  while (true) {
    if (at_end()) {
      return error_at("Unexpected end-of-input: was expecting closing quote for a string value",
                      offset_);
    }
    const char c = source_[offset_];
    if (c == '"') {
      ++offset_;
      return out;
    }
    if (static_cast<unsigned char>(c) < 0x20) {
      return error_at(fmt::format("Illegal unquoted character ((CTRL-CHAR, code {})): has to be "
                                  "escaped using backslash to be included in string value",
                                  static_cast<int>(c)),
                      offset_ + 1);
    }
    ++offset_;
    if (c != '\\') {
      out.push_back(c);
      continue;
    }
    static constexpr std::string_view names = "\"\\/bfnrt";
    static constexpr std::string_view means = "\"\\/\b\f\n\r\t";
    const char escape = peek();
    if (const auto index = names.find(escape); !at_end() && index != std::string_view::npos) {
      out.push_back(means[index]);
      ++offset_;
      continue;
    }
    if (escape != 'u') return error_at("Unrecognized character escape", offset_ + 1);
    ++offset_;
    KIBAN_TRY(std::uint32_t code, hex4());
    if (code >= 0xD800 && code < 0xDC00 && source_.substr(offset_, 2) == "\\u") {
      offset_ += 2;
      KIBAN_TRY(const std::uint32_t low, hex4());
      if (low >= 0xDC00 && low < 0xE000) {
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      } else {
        append_utf8(out, 0xFFFD);
        code = low;
      }
    }
    append_utf8(out, code >= 0xD800 && code < 0xE000 ? 0xFFFD : code);
  }
}

}  // namespace kiban::patterns
