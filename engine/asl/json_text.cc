#include "asl/json_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/json.h"

namespace kiban::asl {
namespace {

constexpr std::string_view values =
    "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

bool word_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9') || c == '_' || c == '$';
}
bool digit(char c) { return c >= '0' && c <= '9'; }

// One pass over the text. It stops at the first thing wrong; on the way it compares each place with
// `wanted`.
struct Scanner {
  std::string_view text;
  std::string_view wanted{};
  std::size_t at{0};
  std::string path{};
  std::optional<TextPosition> found{};
  std::optional<JsonProblem> problem{};
  std::size_t depth{0};

  bool fail(std::string message, std::size_t behind) {
    if (problem) return false;
    const TextPosition place = position_at(text, std::min(behind, text.size()), 0);
    problem = JsonProblem{.message = std::move(message),
                          .line = place.line,
                          .column = place.column,
                          .offset = behind > 0 ? behind - 1 : 0};
    return false;
  }
  bool unexpected(std::string_view expected) {
    if (at >= text.size()) return fail(fmt::format("Unexpected end-of-input: {}", expected), at);
    const auto code = static_cast<unsigned>(static_cast<unsigned char>(text[at]));
    const std::string shown = code < 0x20 ? fmt::format("(CTRL-CHAR, code {})", code)
                                          : fmt::format("'{}' (code {})", text[at], code);
    return fail(fmt::format("Unexpected character ({}): {}", shown, expected), at + 1);
  }
  void spaces() {
    while (at < text.size() && std::string_view(" \t\r\n").contains(text[at])) ++at;
  }

  bool string(std::string* out) {
    const std::size_t from = at++;
    while (at < text.size() && text[at] != '"') {
      const auto code = static_cast<unsigned>(static_cast<unsigned char>(text[at]));
      if (code < 0x20)
        return fail(fmt::format("Illegal unquoted character ((CTRL-CHAR, code {})): has to be "
                                "escaped using backslash to be included in string value",
                                code),
                    at + 1);
      if (text[at] == '\\') {
        ++at;
        if (at < text.size() && !std::string_view("\"\\/bfnrtu").contains(text[at]))
          return fail(fmt::format("Unrecognized character escape '{}' (code {})", text[at],
                                  static_cast<unsigned>(static_cast<unsigned char>(text[at]))),
                      at + 1);
      }
      ++at;
    }
    if (at >= text.size())
      return fail("Unexpected end-of-input: was expecting closing quote for a string value",
                  text.size());
    ++at;
    if (!out) return true;
    const std::string_view raw = text.substr(from, at - from);
    if (!raw.contains('\\')) {
      *out = std::string(raw.substr(1, raw.size() - 2));
    } else if (const auto read = parse_json(raw); read && read->is_string()) {
      *out = kiban::to_string(read->get_string());
    }
    return true;
  }

  bool number() {
    if (text[at] == '-') ++at;
    if (at >= text.size() || !digit(text[at]))
      return unexpected("expected digit (0-9) to follow minus sign, for valid numeric value");
    if (text[at] == '0' && at + 1 < text.size() && digit(text[at + 1]))
      return fail("Invalid numeric value: Leading zeroes not allowed", at + 2);
    while (at < text.size() && digit(text[at])) ++at;
    if (at < text.size() && text[at] == '.') {
      ++at;
      if (at >= text.size() || !digit(text[at]))
        return unexpected("Decimal point not followed by a digit");
      while (at < text.size() && digit(text[at])) ++at;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
      ++at;
      if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
      if (at >= text.size() || !digit(text[at]))
        return unexpected("Exponent indicator not followed by a digit");
      while (at < text.size() && digit(text[at])) ++at;
    }
    return true;
  }

  bool word() {
    const std::size_t from = at;
    while (at < text.size() && word_char(text[at])) ++at;
    const std::string_view token = text.substr(from, at - from);
    if (token == "true" || token == "false" || token == "null") return true;
    return fail(fmt::format("Unrecognized token '{}': was expecting {}", token, values), at);
  }

  bool close(std::string_view kind, std::size_t start) {
    const TextPosition place = position_at(text, start, 1);
    return fail(fmt::format("Unexpected end-of-input: expected close marker for {} (start marker "
                            "at [Source: (String)\"{}\"; line: {}, column: {}])",
                            kind, text.substr(0, 500), place.line, place.column),
                text.size());
  }

  void place(std::size_t from) {
    if (!found && !wanted.empty() && path == wanted) found = position_at(text, from, at - from);
  }

  bool object() {
    const std::size_t start = at++;
    for (bool first = true;; first = false) {
      spaces();
      if (at >= text.size()) return close("Object", start);
      if (text[at] == '}' && first) break;
      if (!first) {
        if (text[at] == '}') break;
        if (text[at] != ',') return unexpected("was expecting comma to separate Object entries");
        ++at;
        spaces();
        if (at >= text.size()) return close("Object", start);
      }
      if (text[at] != '"') return unexpected("was expecting double-quote to start field name");
      std::string name;
      const std::size_t key = at;
      if (!string(wanted.empty() ? nullptr : &name)) return false;
      const std::size_t outer = path.size();
      if (!wanted.empty()) path += '/';
      path += name;
      place(key);
      spaces();
      if (at >= text.size() || text[at] != ':')
        return unexpected("was expecting a colon to separate field name and value");
      ++at;
      if (!value()) return false;
      path.resize(outer);
    }
    ++at;
    return true;
  }

  bool array() {
    const std::size_t start = at++;
    for (std::size_t index = 0;; ++index) {
      spaces();
      if (at >= text.size()) return close("Array", start);
      if (text[at] == ']' && index == 0) break;
      if (index > 0) {
        if (text[at] == ']') break;
        if (text[at] != ',') return unexpected("was expecting comma to separate Array entries");
        ++at;
        spaces();
      }
      const std::size_t outer = path.size();
      if (!wanted.empty()) path += fmt::format("[{}]", index);
      const std::size_t from = at;
      if (!value()) return false;
      place(from);
      path.resize(outer);
    }
    ++at;
    return true;
  }

  bool value() {
    spaces();
    if (at >= text.size()) return fail("Unexpected end-of-input", at);
    if (++depth > json_depth_max) return fail("The document is nested too deep", at);
    const char c = text[at];
    bool good = false;
    if (c == '{') {
      good = object();
    } else if (c == '[') {
      good = array();
    } else if (c == '"') {
      good = string(nullptr);
    } else if (digit(c) || c == '-') {
      good = number();
    } else if (word_char(c)) {
      good = word();
    } else {
      good = unexpected(fmt::format("expected a valid value {}", values));
    }
    --depth;
    return good;
  }

  void run() {
    if (!value()) return;
    spaces();
    if (at < text.size()) (void)unexpected("something stands behind the value");
  }
};

}  // namespace

TextPosition position_at(std::string_view text, std::size_t offset, std::size_t length) {
  TextPosition out{.offset = offset, .length = length};
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++out.line;
      out.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      ++out.column;
    }
  }
  return out;
}

std::string JsonProblem::source(std::string_view text) const {
  return fmt::format("[Source: (String)\"{}\"; line: {}, column: {}]", text, line, column);
}

std::optional<JsonProblem> json_problem(std::string_view text) {
  Scanner scanner{.text = text};
  scanner.run();
  return std::move(scanner.problem);
}

std::optional<TextPosition> find_location(std::string_view text, std::string_view location) {
  Scanner scanner{.text = text, .wanted = location};
  scanner.run();
  return scanner.found;
}

}  // namespace kiban::asl
