// How long a delivery waits before it is tried again.
#pragma once

#include <algorithm>

#include "core/random.h"
#include "core/time.h"

namespace kiban::services {

// 1 s, 2 s, 4 s ... at most 10 min before the first, second, third ... retry, half of it random.
// AWS says "exponential backoff" and "jitter" and no numbers.
inline Duration backoff(std::int64_t retry, Random& random) {
  constexpr Duration first = std::chrono::seconds{1};
  constexpr Duration longest = std::chrono::minutes{10};
  Duration delay = first;
  for (std::int64_t i = 1; i < retry && delay < longest; ++i) delay *= 2;
  delay = std::min(delay, longest);
  const auto half = static_cast<std::uint64_t>(delay.count()) / 2;
  return delay - Duration{static_cast<std::int64_t>(random.below(half + 1))};
}

}  // namespace kiban::services
