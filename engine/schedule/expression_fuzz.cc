// Any text as an expression: refused with a reason, or each firing is later than the one before.
#include <cstdlib>

#include "schedule/expression.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace kiban;
  static const auto zone = schedule::Zone::load("America/New_York").value();
  static const auto after = parse_iso8601("2027-03-13T00:00:00Z").value();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto expression = schedule::Expression::parse(text, schedule::Dialect::Scheduler);
  if (!expression) {
    if (expression.error().name != "ValidationException") std::abort();
    return 0;
  }
  auto last = after;
  for (const auto time : expression->next_few(after, zone, after, 3)) {
    if (time <= last) std::abort();
    last = time;
  }
  return 0;
}
