#include "cli/frozen_clock.h"

#include <gtest/gtest.h>

namespace kiban::cli {
namespace {

TEST(FrozenClock, SaysWhatItHoldsUp) {
  const json::object first{{"what", "the schedule of rule daily"}, {"at", "2026-12-01T00:00:00Z"}};
  const json::object second{{"what", "a timer of sts"}, {"at", "2026-12-02T00:00:00Z"}};
  const json::object clock{{"waiting", {first, second}}, {"waiting_count", 3}};
  EXPECT_EQ(frozen_clock_words(clock, 1),
            "The clock is frozen; 3 timers wait: the schedule of rule daily, due "
            "2026-12-01T00:00:00Z; ...");
  EXPECT_EQ(frozen_clock_words({{"waiting", {first}}, {"waiting_count", 1}}, 3),
            "The clock is frozen; 1 timer waits: the schedule of rule daily, due "
            "2026-12-01T00:00:00Z");
  EXPECT_EQ(frozen_clock_words({{"waiting", json::array{}}}, 3), "");
  EXPECT_EQ(frozen_clock_words({{"clock", "real"}}, 3), "");
}

}  // namespace
}  // namespace kiban::cli
