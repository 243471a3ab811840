// Any text as a pattern: refused with a reason, or a pattern that matches the same way twice, and
// in an index.
#include <cstdlib>

#include "patterns/index.h"
#include "patterns/pattern.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto split = text.find('\n');  // A pattern, and perhaps an event behind a line break.
  const auto pattern = patterns::Pattern::parse(text.substr(0, split));
  if (!pattern) {
    if (pattern.error().name != "InvalidEventPatternException") std::abort();
    return 0;
  }
  if (split == std::string_view::npos) return 0;
  const auto event = patterns::parse_event(text.substr(split + 1));
  if (!event) return 0;
  const patterns::EventFields fields(*event);
  if (pattern->matches(fields) != pattern->matches(*event)) std::abort();
  const patterns::PatternIndex index({*pattern});
  if (index.matches(*event).size() != (pattern->matches(fields) ? 1 : 0)) std::abort();
  return 0;
}
