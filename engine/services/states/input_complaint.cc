#include "services/states/input_complaint.h"

#include <fmt/format.h>

namespace kiban::services::states {
namespace {

constexpr std::string_view blank = " \t\r\n";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

}  // namespace

// Recorded by AWS: test_invalid_start_execution_input.
std::optional<std::string> input_complaint(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(blank);
  if (begin == std::string_view::npos) return std::nullopt;
  text.remove_prefix(begin);
  if (is_letter(text[0])) {
    std::size_t end = 0;
    while (end < text.size() && is_letter(text[end])) ++end;
    return fmt::format(
        "Unrecognized token '{}': was expecting (JSON String, Number, Array, Object "
        "or token 'null', 'true' or 'false')",
        text.substr(0, end));
  }
  if (text[0] != '{') return std::nullopt;
  const std::size_t next = text.find_first_not_of(blank, 1);
  if (next == std::string_view::npos || text[next] == '"' || text[next] == '}') return std::nullopt;
  return fmt::format(
      "Unexpected character ('{}' (code {})): was expecting double-quote to start field name",
      text[next], static_cast<int>(static_cast<unsigned char>(text[next])));
}

}  // namespace kiban::services::states
