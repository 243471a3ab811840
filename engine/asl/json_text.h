// JSON as a text: its faults, in the words of the parser that AWS uses (Jackson), and the positions
// of its members.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace kiban::asl {

struct TextPosition {
  std::size_t offset{0};  // Bytes from the start.
  std::size_t line{1};
  std::size_t column{1};  // In characters (code points).
  std::size_t length{0};  // Bytes of the token there.
};
TextPosition position_at(std::string_view text, std::size_t offset, std::size_t length);

struct JsonProblem {
  std::string message{};  // "Unrecognized token 'not': was expecting (JSON String, ..."
  std::size_t line{1};
  std::size_t column{
      1};  // Where the parser stopped, as Jackson counts: behind the last character read.
  std::size_t offset{0};
  // "[Source: (String)"..."; line: 1, column: 4]"
  std::string source(std::string_view text) const;
};

// nullopt when the text is one JSON value and white space.
std::optional<JsonProblem> json_problem(std::string_view text);

// The member or element that a diagnostic's location names, such as /States/A/Choices[0]/Next: its
// name's place for a member, else its value's. nullopt when there is none. The text is good JSON.
std::optional<TextPosition> find_location(std::string_view text, std::string_view location);

}  // namespace kiban::asl
