#include "runtime/clock.h"

#include <gtest/gtest.h>

namespace kiban::runtime {
namespace {

using namespace std::chrono_literals;

constexpr Timestamp start{Duration{1'700'000'000'000}};

// A clock whose host time and work in flight the test sets.
struct Fixture {
  Timestamp host{};
  std::vector<std::string> in_flight{};
  std::vector<std::string> log{};
  VirtualClock clock;

  explicit Fixture(double scale = 0, Duration hold = 60s)
      : clock{{.now = start, .scale = scale, .hold = hold},
              {.in_flight = [this] { return in_flight; },
               .host_now = [this] { return host; },
               .log = [this](const std::string& line) { log.push_back(line); }}} {}

  Duration at(std::optional<Timestamp> next = {}, Work work = Work::None) {
    return clock.step(next, work) - start;
  }
};

TEST(RealClock, GoesOnWhileTheHostsStepsBack) {
  Timestamp host = start;
  Timestamp steady{};
  const auto ports =
      RealClockPorts{.host_now = [&] { return host; }, .steady_now = [&] { return steady; }};
  const auto clock = make_real_clock({}, ports);
  EXPECT_EQ(clock->step({}, Work::None), start);
  host -= 20s;
  EXPECT_EQ(clock->step({}, Work::None), start);
  host += 2s;
  steady += 2s;
  EXPECT_EQ(clock->until(start + 3s), 1s);
  EXPECT_EQ(clock->step({}, Work::None), start + 2s);
  host = start + 1h;  // Set right again.
  EXPECT_EQ(clock->step({}, Work::None), start + 1h);
}

TEST(RealClock, StartsNoEarlierThanWhatIsKept) {
  Timestamp host = start;
  Timestamp steady{};
  const auto clock = make_real_clock(
      start + 20s, {.host_now = [&] { return host; }, .steady_now = [&] { return steady; }});
  EXPECT_EQ(clock->step({}, Work::None), start + 20s);
  steady += 1s;
  EXPECT_EQ(clock->step({}, Work::None), start + 21s);
}

TEST(FrozenClock, StandsWhateverTheHostDoes) {
  Fixture f;
  f.host += 24h;
  EXPECT_EQ(f.at(start + 1s), 0s);
  EXPECT_EQ(f.clock.until(start + 1s), std::nullopt);
  EXPECT_EQ(f.clock.until(start), 0s);  // Timers due at this instant fire.
}

TEST(FrozenClock, MovesFromTimerToTimer) {
  Fixture f;
  ASSERT_TRUE(f.clock.move_to(start + 1h, 60s));
  EXPECT_EQ(f.at(start + 10min), 10min);
  EXPECT_EQ(f.at(start + 10min, Work::Waits), 10min);  // First what waits at this instant.
  EXPECT_EQ(f.at(start + 20min), 20min);
  EXPECT_TRUE(f.clock.moving());
  EXPECT_EQ(f.at(start + 2h), 1h);
  EXPECT_FALSE(f.clock.moving());
  EXPECT_FALSE(f.clock.move_to(start + 59min, 60s));
  EXPECT_TRUE(f.clock.move_to(start + 1h, 60s));
}

TEST(FrozenClock, IsHeldAtAnInstantByWhatIsInFlight) {
  Fixture f;
  ASSERT_TRUE(f.clock.move_to(start + 1h, 60s));
  EXPECT_EQ(f.at(start + 10min), 10min);
  f.in_flight = {"task"};
  EXPECT_EQ(f.at(start + 20min), 10min);
  f.host += 59s;
  EXPECT_EQ(f.at(start + 20min), 10min);
  EXPECT_EQ(f.clock.until(start + 20min), 1s);
  f.in_flight = {"another"};  // Has a patience of its own.
  f.host += 30s;
  EXPECT_EQ(f.at(start + 20min), 10min);
  EXPECT_TRUE(f.clock.moving());
  f.in_flight.clear();
  EXPECT_EQ(f.at(start + 20min), 20min);
  EXPECT_TRUE(f.clock.overdue().empty());
}

TEST(FrozenClock, GivesUpAMoveThatIsHeldTooLongAndNamesWhy) {
  Fixture f;
  ASSERT_TRUE(f.clock.move_to(start + 1h, 5s));
  f.in_flight = {"task"};
  EXPECT_EQ(f.at(), 0s);
  f.host += 5s;
  EXPECT_EQ(f.at(), 0s);
  EXPECT_FALSE(f.clock.moving());
  EXPECT_EQ(f.clock.overdue(), std::vector<std::string>{"task"});
  f.in_flight.clear();
  EXPECT_EQ(f.at(), 0s);  // The move has ended.
  ASSERT_TRUE(f.clock.move_to(start + 1h, 5s));
  EXPECT_EQ(f.at(), 1h);
  EXPECT_TRUE(f.clock.overdue().empty());
}

TEST(FrozenClock, HasArrivedWhenWhatWasBegunAtTheEndIsOver) {
  Fixture f;
  ASSERT_TRUE(f.clock.move_to(start + 1h, 60s));
  EXPECT_EQ(f.at(start + 1h), 1h);
  EXPECT_TRUE(f.clock.moving());  // The timer has yet to fire.
  f.in_flight = {"task"};
  EXPECT_EQ(f.at(), 1h);
  EXPECT_TRUE(f.clock.moving());
  f.in_flight.clear();
  EXPECT_EQ(f.at(), 1h);
  EXPECT_FALSE(f.clock.moving());
}

TEST(RunningClock, RunsTimesTheHosts) {
  Fixture f{3600};
  f.host += 1s;
  EXPECT_EQ(f.at(), 1h);
  EXPECT_EQ(f.clock.until(start + 3h), 2s);
  f.host += 10s;  // Late: each timer still fires at its own time.
  EXPECT_EQ(f.at(start + 2h), 2h);
  EXPECT_EQ(f.at(start + 3h), 3h);
  EXPECT_EQ(f.at(start + 24h), 11h);
}

TEST(RunningClock, StandsWhileSomethingIsInFlight) {
  Fixture f{3600};
  f.in_flight = {"task"};
  EXPECT_EQ(f.at(), 0s);
  f.host += 10s;
  EXPECT_EQ(f.at({}, Work::Waits), 0s);  // Its outcome is decided at the instant that it held.
  f.in_flight.clear();
  f.host += 1s;
  EXPECT_EQ(f.at(), 1h);
}

TEST(RunningClock, GoesOnWithoutWhatHoldsItTooLong) {
  Fixture f{60, 5s};
  f.in_flight = {"task"};
  EXPECT_EQ(f.at(), 0s);
  EXPECT_EQ(f.clock.until(start + 24h), 5s);
  f.host += 5s;
  EXPECT_EQ(f.at(), 5min);
  f.host += 1s;
  EXPECT_EQ(f.at(), 6min);
  EXPECT_EQ(f.log, std::vector<std::string>{"the clock goes on without task, in flight for 5 s"});
}

TEST(RunningClock, JumpsAndRunsOnFromThere) {
  Fixture f{60};
  ASSERT_TRUE(f.clock.move_to(start + 24h, 60s));
  EXPECT_EQ(f.at(), 24h);
  f.host += 1s;
  EXPECT_EQ(f.at(), 24h + 1min);
}

TEST(RunningClock, IsFrozenAndRunsAgainWithoutAJump) {
  Fixture f{60};
  f.host += 1s;
  EXPECT_EQ(f.at(), 1min);
  f.clock.run_at(0, 60s);
  f.host += 1h;
  EXPECT_EQ(f.at(), 1min);
  f.clock.run_at(1, 60s);
  f.host += 1s;
  EXPECT_EQ(f.at(), 1min + 1s);
  EXPECT_EQ(f.clock.state(),
            (VirtualClock::State{.now = start + 1min + 1s, .scale = 1, .hold = 60s}));
}

}  // namespace
}  // namespace kiban::runtime
