#include "logfilter/scanner.h"

#include <charconv>
#include <cstdint>

namespace kiban::logfilter {
namespace {

std::string utf8_of(std::uint32_t code) {
  const auto tail = [&](unsigned shift) {
    return static_cast<char>(0x80U | ((code >> shift) & 0x3FU));
  };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0U | (code >> 6U)), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0U | (code >> 12U)), tail(6), tail(0)};
  return {static_cast<char>(0xF0U | (code >> 18U)), tail(12), tail(6), tail(0)};
}

}  // namespace

bool is_word(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}

void Scanner::skip_spaces() {
  constexpr std::string_view spaces = " \t\r\n";
  while (!done() && spaces.contains(text_[at_])) ++at_;
}

bool Scanner::take(std::string_view expected) {
  if (!text_.substr(at_).starts_with(expected)) return false;
  at_ += expected.size();
  return true;
}

bool Scanner::take_keyword(std::string_view keyword) {
  const std::size_t from = at_;
  if (!take(keyword)) return false;
  if (done() || !is_word(text_[at_])) return true;
  at_ = from;
  return false;
}

std::optional<std::string> Scanner::quoted() {
  if (!take("\"")) return std::nullopt;
  std::string content;
  while (!done()) {
    const char c = text_[at_++];
    if (c == '"') return content;
    if (c != '\\') {
      content += c;
      continue;
    }
    if (done()) return std::nullopt;
    const char escaped = text_[at_++];
    switch (escaped) {
      case 'n':
        content += '\n';
        break;
      case 't':
        content += '\t';
        break;
      case 'r':
        content += '\r';
        break;
      case 'b':
        content += '\b';
        break;
      case 'f':
        content += '\f';
        break;
      case 'u': {
        const auto character = unicode_escape();
        if (!character) return std::nullopt;
        content += *character;
        break;
      }
      default:
        content += escaped;
    }
  }
  return std::nullopt;
}

// Behind "\u": four hexadecimal digits, and a second escape when they are half of a pair.
std::optional<std::string> Scanner::unicode_escape() {
  const auto unit = [&]() -> std::optional<std::uint32_t> {
    if (text_.size() - at_ < 4) return std::nullopt;
    const std::string_view digits = text_.substr(at_, 4);
    std::uint32_t code = 0;
    const auto [end, fault] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (fault != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    at_ += 4;
    return code;
  };
  const auto first = unit();
  if (!first) return std::nullopt;
  if (*first < 0xD800 || *first > 0xDFFF) return utf8_of(*first);
  if (*first > 0xDBFF || !take("\\u")) return std::nullopt;
  const auto second = unit();
  if (!second || *second < 0xDC00 || *second > 0xDFFF) return std::nullopt;
  return utf8_of(0x10000 + ((*first - 0xD800) << 10U) + (*second - 0xDC00));
}

std::optional<Regex> Scanner::regex() {
  if (!take("%")) return std::nullopt;
  const std::size_t end = text_.find('%', at_);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view body = text_.substr(at_, end - at_);
  at_ = end + 1;
  return Regex::compile(body);
}

}  // namespace kiban::logfilter
