#include "cli/frozen_clock.h"

#include <fmt/core.h>

namespace kiban::cli {

std::string frozen_clock_words(const json::object& clock, std::size_t most) {
  const json::array* waiting = find_array(clock, "waiting");
  if (!waiting || waiting->empty()) return "";
  const std::int64_t count = number(clock, "waiting_count", std::ssize(*waiting));
  std::string words =
      fmt::format("The clock is frozen; {} timer{}: ", count, count == 1 ? " waits" : "s wait");
  for (std::size_t i = 0; i < waiting->size() && i < most; ++i) {
    const json::object& timer = (*waiting)[i].as_object();
    words +=
        fmt::format("{}{}, due {}", i == 0 ? "" : "; ", text(timer, "what"), text(timer, "at"));
  }
  return words + (std::cmp_greater(count, most) ? "; ..." : "");
}

}  // namespace kiban::cli
