#include "logfilter/filter.h"

#include <charconv>

#include "logfilter/patterns.h"

namespace kiban::logfilter {

const json::object* Message::object() const {
  if (!parsed_) {
    auto parsed = parse_json(text_);
    parsed_ = parsed && parsed->is_object() ? *std::move(parsed) : json::value(nullptr);
  }
  return parsed_->if_object();
}

Result<std::unique_ptr<Pattern>> parse(std::string_view pattern) {
  constexpr std::string_view spaces = " \t\r\n";
  const std::size_t from = std::min(pattern.find_first_not_of(spaces), pattern.size());
  pattern = pattern.substr(from, pattern.find_last_not_of(spaces) + 1 - from);
  std::unique_ptr<Pattern> parsed;
  if (pattern.starts_with('{'))
    parsed = parse_json_pattern(pattern);
  else if (pattern.starts_with('['))
    parsed = parse_delimited(pattern);
  else
    parsed = parse_terms(pattern);
  if (parsed) return parsed;
  return fail("InvalidParameterException", "Invalid filter pattern");
}

std::optional<double> parse_number(std::string_view text) {
  const bool plus = text.starts_with('+');
  if (plus) text.remove_prefix(1);
  const std::size_t digit = text.starts_with('-') && !plus ? 1 : 0;
  // from_chars also reads "inf" and "nan".
  if (digit >= text.size() || !((text[digit] >= '0' && text[digit] <= '9') || text[digit] == '.'))
    return std::nullopt;
  double value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace kiban::logfilter
