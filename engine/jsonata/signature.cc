#include "jsonata/signature.h"

#include "jsonata/messages.h"

namespace kiban::jsonata {
namespace {

std::size_t closing(std::string_view text, std::size_t start, char open, char close) {
  int depth = 0;
  for (std::size_t i = start; i < text.size(); ++i) {
    if (text[i] == open) ++depth;
    if (text[i] == close && --depth == 0) return i;
  }
  return std::string_view::npos;
}

std::string symbols_of(char kind) {
  switch (kind) {
    case 'a':
    case 'x':
      return "asnblfom";
    case 'j':
    case 'u':
      return "asnblom";
    case 'f':
      return "f";  // Which cannot be missing, unless it is optional.
    default:
      return {kind, 'm'};
  }
}

}  // namespace

OrError<Signature> parse_signature(std::string_view text) {
  Signature signature;
  auto& list = signature.parameters;
  for (std::size_t i = 1; i < text.size(); ++i) {
    const char c = text[i];
    if (c == ':' || c == '>') break;
    if (c == '-' || c == '?' || c == '+') {
      if (list.empty()) continue;
      list.back().context |= c == '-';
      list.back().optional |= c != '+';
      list.back().repeated |= c == '+';
    } else if (c == '(') {
      const std::size_t end = closing(text, i, '(', ')');
      if (end == std::string_view::npos) break;
      const std::string_view choice = text.substr(i + 1, end - i - 1);
      if (choice.contains('<')) {
        return std::unexpected(make_error("S0402", i, std::string(choice)));
      }
      std::string types;
      for (const char kind : choice) types += symbols_of(kind);
      list.push_back({.types = types + "m", .kind = '('});
      i = end;
    } else if (c == '<') {
      if (list.empty() || (list.back().kind != 'a' && list.back().kind != 'f')) {
        return std::unexpected(
            make_error("S0401", i, list.empty() ? "" : std::string(1, list.back().kind)));
      }
      const std::size_t end = closing(text, i, '<', '>');
      if (end == std::string_view::npos) break;
      if (end > i + 1) list.back().subtype = text[i + 1];
      i = end;
    } else if (std::string_view("snbloafjxu").contains(c)) {
      list.push_back({.types = symbols_of(c), .kind = c});
    }
  }
  return signature;
}

}  // namespace kiban::jsonata
