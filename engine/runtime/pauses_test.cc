#include "runtime/pauses.h"

#include <gtest/gtest.h>

#include <future>

namespace kiban::runtime {
namespace {

TEST(Pauses, ReportTheirEnd) {
  std::promise<bool> ended;
  Pauses pauses;
  pauses.performer()(
      {.id = "p", .payload = {{"Milliseconds", 1}}},
      Report{[&ended](const services::Outcome& outcome) { ended.set_value(outcome.final); }});
  EXPECT_TRUE(ended.get_future().get());
}

TEST(Pauses, TheShorterEndsFirst) {
  std::promise<void> ended;
  Pauses pauses;
  pauses.start(std::chrono::hours{1}, Report{[](const services::Outcome&) { FAIL(); }});
  pauses.start(std::chrono::milliseconds{0},
               Report{[&ended](const services::Outcome&) { ended.set_value(); }});
  ended.get_future().get();
}  // And the other is dropped.

}  // namespace
}  // namespace kiban::runtime
