// ARNs and instants: refused, or printed as a text that reads as the same again. Of JSON only that
// it can be read again: Boost.JSON 1.81 reads the last bit of a long number now this way, now that.
#include "core/arn.h"
#include "core/exact_json.h"
#include "core/json.h"
#include "core/time.h"
#include "core/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (const auto exact = parse_json_exactly(text)) {
    const std::string printed = print_json(*exact);
    const auto again = parse_json_exactly(printed);
    KIBAN_CHECK(again && print_json(*again) == printed,
                "exact numbers are printed as they are read");
    KIBAN_CHECK(parse_json(text).has_value(), "both parsers take the same texts");
  }
  if (const auto tree = parse_json(text)) {
    const auto again = parse_json(print_json(*tree));
    KIBAN_CHECK(again.has_value(), "printed JSON can be read");
  }
  if (const auto arn = parse_arn(text)) {
    const auto again = parse_arn(print_arn(*arn));
    KIBAN_CHECK(again && *again == *arn, "a printed ARN reads as the same");
  }
  if (const auto time = parse_iso8601(text)) {
    const auto again = parse_iso8601(format_iso8601(*time));
    KIBAN_CHECK(again && *again == *time, "a printed instant reads as the same");
  }
  const std::string repaired = to_utf8(text);
  KIBAN_CHECK(is_utf8(repaired), "what was repaired is UTF-8");
  KIBAN_CHECK(is_utf8(text) == (repaired == text), "valid text stays as it is");
  KIBAN_CHECK(is_utf8(json::value(text)) == parse_json(print_json(json::value(text))).has_value(),
              "Boost.JSON takes the same texts");
  return 0;
}
