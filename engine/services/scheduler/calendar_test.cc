#include "services/scheduler/calendar.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <set>

#include "core/random.h"

namespace kiban::services::scheduler {
namespace {

using namespace std::chrono_literals;

Timestamp at(std::string_view text) { return parse_iso8601(text).value(); }

Calendar calendar(std::string_view expression, std::string_view zone, Timestamp anchor = {},
                  std::optional<Timestamp> start = {}, std::optional<Timestamp> end = {}) {
  json::object schedule{{"ScheduleExpression", expression}, {"ScheduleExpressionTimezone", zone}};
  if (start) schedule["StartDate"] = epoch_seconds(*start);
  if (end) schedule["EndDate"] = epoch_seconds(*end);
  return Calendar::read(schedule, anchor).value();
}

// "When time shifts forward in the Spring, if a cron expression falls on a non-existent date and
// time, your schedule invocation is skipped. When time shifts backwards in the Fall, your schedule
// runs only once and does not repeat its invocation." "For rate-based schedules that use days as
// the unit, such as rate(1 days), days represents a 24-hour duration on the clock":
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
TEST(Calendar, FollowsAYearOfChangesInThreeZones) {
  struct Row {
    std::string_view zone{};
    std::string_view expression{};
    std::string_view after{};
    std::vector<std::string> firings{};
  };
  const std::vector<Row> rows{
      // New York, 14 March 2027: 02:00 becomes 03:00. Skipped; the next day it runs again.
      {"America/New_York",
       "cron(30 2 * * ? *)",
       "2027-03-13T00:00:00-05:00",
       {"2027-03-13T02:30:00-05:00", "2027-03-15T02:30:00-04:00"}},
      // The first and the last minute of what is skipped, and their neighbours, which are not.
      {"America/New_York",
       "cron(59 1 * * ? *)",
       "2027-03-14T00:00:00-05:00",
       {"2027-03-14T01:59:00-05:00", "2027-03-15T01:59:00-04:00"}},
      {"America/New_York",
       "cron(0 2 * * ? *)",
       "2027-03-14T00:00:00-05:00",
       {"2027-03-15T02:00:00-04:00"}},
      {"America/New_York",
       "cron(0 3 * * ? *)",
       "2027-03-14T00:00:00-05:00",
       {"2027-03-14T03:00:00-04:00", "2027-03-15T03:00:00-04:00"}},
      // A day of 23 hours: the rate keeps its 24 hours, the cron its hour.
      {"America/New_York",
       "rate(1 days)",
       "2027-03-13T12:00:00-05:00",
       {"2027-03-14T13:00:00-04:00", "2027-03-15T13:00:00-04:00"}},
      {"America/New_York",
       "cron(0 12 * * ? *)",
       "2027-03-13T12:00:00-05:00",
       {"2027-03-14T12:00:00-04:00", "2027-03-15T12:00:00-04:00"}},
      // 7 November 2027: 02:00 becomes 01:00. Once, before the change.
      {"America/New_York",
       "cron(30 1 * * ? *)",
       "2027-11-07T00:00:00-04:00",
       {"2027-11-07T01:30:00-04:00", "2027-11-08T01:30:00-05:00"}},
      {"America/New_York",
       "cron(0/30 1-2 * * ? *)",
       "2027-11-07T00:00:00-04:00",
       {"2027-11-07T01:00:00-04:00", "2027-11-07T01:30:00-04:00", "2027-11-07T02:00:00-05:00",
        "2027-11-07T02:30:00-05:00", "2027-11-08T01:00:00-05:00"}},
      {"America/New_York",
       "rate(1 days)",
       "2027-11-06T12:00:00-04:00",
       {"2027-11-07T11:00:00-05:00", "2027-11-08T11:00:00-05:00"}},
      // Berlin, 28 March 2027: 02:00 becomes 03:00; 31 October: 03:00 becomes 02:00.
      {"Europe/Berlin",
       "cron(15 2 * * ? *)",
       "2027-03-27T12:00:00Z",
       {"2027-03-29T02:15:00+02:00"}},
      {"Europe/Berlin",
       "cron(0 0/3 * * ? *)",
       "2027-03-28T00:00:00+01:00",
       {"2027-03-28T03:00:00+02:00", "2027-03-28T06:00:00+02:00"}},
      {"Europe/Berlin",
       "cron(15 2 * * ? *)",
       "2027-10-31T00:00:00+02:00",
       {"2027-10-31T02:15:00+02:00", "2027-11-01T02:15:00+01:00"}},
      // Lord Howe moves by 30 minutes: 4 April 2027 02:00 becomes 01:30, 3 October 02:00 02:30.
      {"Australia/Lord_Howe",
       "cron(45 1 * * ? *)",
       "2027-04-04T00:00:00+11:00",
       {"2027-04-04T01:45:00+11:00", "2027-04-05T01:45:00+10:30"}},
      {"Australia/Lord_Howe",
       "cron(15 2 * * ? *)",
       "2027-10-03T00:00:00+10:30",
       {"2027-10-04T02:15:00+11:00"}},
      {"Australia/Lord_Howe",
       "cron(30 2 * * ? *)",
       "2027-10-03T00:00:00+10:30",
       {"2027-10-03T02:30:00+11:00"}},
      // "Some time zones do not observe daylight savings time": the same all year.
      {"Asia/Tokyo",
       "cron(30 2 * * ? *)",
       "2027-03-14T00:00:00+09:00",
       {"2027-03-14T02:30:00+09:00", "2027-03-15T02:30:00+09:00"}},
      // Our choice, as the page tells of cron expressions alone: a one-time schedule is not lost.
      {"America/New_York",
       "at(2027-03-14T02:30:00)",
       "2027-03-01T00:00:00Z",
       {"2027-03-14T03:00:00-04:00"}},
      {"America/New_York",
       "at(2027-11-07T01:30:00)",
       "2027-03-01T00:00:00Z",
       {"2027-11-07T01:30:00-04:00"}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(fmt::format("{} in {} after {}", row.expression, row.zone, row.after));
    const Calendar each = calendar(row.expression, row.zone, at(row.after));
    Timestamp last = at(row.after);
    for (const std::string& wanted : row.firings) {
      const auto next = each.next(last);
      ASSERT_TRUE(next);
      EXPECT_EQ(schedule::Zone::load(std::string(row.zone))->format(*next), wanted);
      last = *next;
    }
  }
}

TEST(Calendar, ARateFiresAtItsStart) {
  const Timestamp made = at("2026-11-24T10:00:30Z");
  const Calendar bare = calendar("rate(5 minutes)", "UTC", made);
  EXPECT_EQ(bare.next(made - 1ms), made);
  EXPECT_EQ(bare.next(made), made + 5min);
  const Timestamp start = made + 1h;
  const Calendar bounded = calendar("rate(5 minutes)", "UTC", made, start, start + 10min);
  EXPECT_EQ(bounded.next(made), start);
  EXPECT_EQ(bounded.next(start + 5min), start + 10min);
  EXPECT_EQ(bounded.next(start + 10min), std::nullopt);
  EXPECT_TRUE(bounded.ends());
  EXPECT_FALSE(bare.ends());
}

TEST(Calendar, DatesBoundACronAndNoOneTimeSchedule) {
  const Timestamp start = at("2026-11-24T10:00:00Z");
  const Calendar cron = calendar("cron(0 * * * ? *)", "UTC", {}, start, start + 2h);
  EXPECT_EQ(cron.next(start - 100h), start);
  EXPECT_EQ(cron.next(start + 1h), start + 2h);
  EXPECT_EQ(cron.next(start + 2h), std::nullopt);
  const Calendar once = calendar("at(2026-01-01T00:00:00)", "UTC", {}, start, start + 2h);
  EXPECT_EQ(once.next(at("2025-01-01T00:00:00Z")), at("2026-01-01T00:00:00Z"));
  EXPECT_TRUE(once.ends());
}

TEST(Calendar, ACronFiresAfterItIsMade) {
  const Timestamp noon = at("2026-11-24T12:00:00Z");
  const auto first = [&](std::string_view expression) {
    const Calendar each = calendar(expression, "UTC", noon);
    return each.next(each.before_first(noon));
  };
  EXPECT_EQ(first("cron(0 * * * ? *)"), noon + 1h);
  EXPECT_EQ(first("rate(2 hours)"), noon);
  EXPECT_EQ(first("at(2026-11-24T12:00:00)"), noon);
}

TEST(Calendar, TheNewestMissedFiringIsServed) {
  const Timestamp noon = at("2026-11-24T12:00:00Z");
  const auto served = [&](std::string_view expression, Duration down) {
    return missed_firing(calendar(expression, "UTC", noon), noon, noon, noon + down,
                         MissedSchedules::Last);
  };
  EXPECT_EQ(served("rate(1 minute)", 3h + 20s), noon + 3h);
  EXPECT_EQ(served("cron(0 * * * ? *)", 3h + 20min), noon + 3h);
  EXPECT_EQ(served("cron(0 12 * * ? *)", 23h), noon);
  EXPECT_EQ(served("at(2026-11-24T12:00:00)", 24h), noon);
  EXPECT_EQ(served("at(2026-11-24T12:00:00)", 24h + 1ms), std::nullopt);
  EXPECT_EQ(served("cron(0 12 1 * ? *)", 168h), noon + 168h);  // The 1st of December.
  EXPECT_EQ(served("cron(0 12 1 * ? *)", 200h), std::nullopt);
}

TEST(Calendar, ThePolicyChoosesAmongMissedFirings) {
  const Timestamp noon = at("2026-11-24T12:00:00Z");
  const auto served = [&](Duration down, MissedSchedules missed) {
    return missed_firing(calendar("rate(1 hour)", "UTC", noon), noon, noon, noon + down, missed);
  };
  EXPECT_EQ(served(5h + 10min, MissedSchedules::Last), noon + 5h);
  EXPECT_EQ(served(5h + 10min, MissedSchedules::All), noon);
  EXPECT_EQ(served(5h + 10min, MissedSchedules::None), std::nullopt);
  EXPECT_EQ(served(30h + 10min, MissedSchedules::All), noon + 7h);  // Older ones do not start.
}

// The oracle: it walks minute by minute through UTC, with rules of its own for three zones.
struct OracleZone {
  std::string_view name{};
  std::chrono::minutes standard{};
  std::chrono::minutes saving{};
  // First instant of summer time, and of standard time, in that year.
  std::chrono::sys_seconds (*begins)(std::chrono::year){};
  std::chrono::sys_seconds (*ends)(std::chrono::year){};
  bool southern{false};
};

std::chrono::sys_days nth_sunday(std::chrono::year year, unsigned month, unsigned n) {
  return year / std::chrono::month{month} / std::chrono::Sunday[n];
}
std::chrono::sys_days last_sunday(std::chrono::year year, unsigned month) {
  return year / std::chrono::month{month} / std::chrono::Sunday[std::chrono::last];
}

const std::array<OracleZone, 3> oracle_zones{{
    {"America/New_York", -300min, 60min,
     [](std::chrono::year y) -> std::chrono::sys_seconds { return nth_sunday(y, 3, 2) + 7h; },
     [](std::chrono::year y) -> std::chrono::sys_seconds { return nth_sunday(y, 11, 1) + 6h; }},
    {"Europe/Berlin", 60min, 60min,
     [](std::chrono::year y) -> std::chrono::sys_seconds { return last_sunday(y, 3) + 1h; },
     [](std::chrono::year y) -> std::chrono::sys_seconds { return last_sunday(y, 10) + 1h; }},
    {"Australia/Lord_Howe", 630min, 30min,
     [](std::chrono::year y) -> std::chrono::sys_seconds { return nth_sunday(y, 10, 1) - 510min; },
     [](std::chrono::year y) -> std::chrono::sys_seconds { return nth_sunday(y, 4, 1) - 540min; },
     true},
}};

struct Fields {
  std::set<unsigned> minutes{};
  std::set<unsigned> hours{};
  std::set<unsigned> month_days{};  // Empty: any.
  std::set<unsigned> weekdays{};    // 1 is Sunday; empty: any.
  bool last_day{false};
};

bool is_summer(const OracleZone& zone, std::chrono::sys_seconds t) {
  const auto year = std::chrono::year_month_day{std::chrono::floor<std::chrono::days>(t)}.year();
  const bool within = t >= zone.begins(year) && t < zone.ends(year);
  return zone.southern ? t >= zone.begins(year) || t < zone.ends(year) : within;
}

std::optional<Timestamp> oracle(const Fields& fields, const OracleZone& zone, Timestamp after,
                                std::chrono::minutes horizon) {
  const auto first = std::chrono::ceil<std::chrono::minutes>(after + 1ms);
  for (auto t = first; t <= after + horizon; t += 1min) {
    const bool summer = is_summer(zone, t);
    const auto local = t + zone.standard + (summer ? zone.saving : 0min);
    const auto day = std::chrono::floor<std::chrono::days>(local);
    const auto minute = static_cast<unsigned>((local - day).count());
    if (!fields.minutes.contains(minute % 60) || !fields.hours.contains(minute / 60)) continue;
    const std::chrono::year_month_day date{day};
    const bool is_last = date == date.year() / date.month() / std::chrono::last;
    if (fields.last_day && !is_last) continue;
    if (!fields.month_days.empty() && !fields.month_days.contains(unsigned{date.day()})) continue;
    if (!fields.weekdays.empty() &&
        !fields.weekdays.contains(std::chrono::weekday{day}.c_encoding() + 1))
      continue;
    // The clock showed that already, before it was set back.
    if (!summer && is_summer(zone, t - zone.saving)) continue;
    return Timestamp{t};
  }
  return std::nullopt;
}

std::string random_field(Random& random, unsigned low, unsigned high, std::set<unsigned>& set) {
  const auto pick = [&] { return low + static_cast<unsigned>(random.below(high - low + 1)); };
  switch (random.below(4)) {
    case 0: {
      const unsigned a = pick();
      set.insert(a);
      return std::to_string(a);
    }
    case 1: {
      const unsigned a = pick();
      const unsigned b = pick();
      set = {a, b};
      return fmt::format("{},{}", a, b);
    }
    case 2: {
      const unsigned a = pick();
      const unsigned b = std::min(high, a + static_cast<unsigned>(random.below(10)));
      for (unsigned i = a; i <= b; ++i) set.insert(i);
      return fmt::format("{}-{}", a, b);
    }
    default: {
      const unsigned a = pick();
      const unsigned step = 1 + static_cast<unsigned>(random.below(9));
      for (unsigned i = a; i <= high; i += step) set.insert(i);
      return fmt::format("{}/{}", a, step);
    }
  }
}

std::string random_cron(Random& random, Fields& fields) {
  const std::string minutes = random_field(random, 0, 59, fields.minutes);
  const std::string hours = random_field(random, 0, 23, fields.hours);
  std::string month_day = "*";
  std::string weekday = "?";
  switch (random.below(4)) {
    case 0:
      month_day = random_field(random, 1, 31, fields.month_days);
      break;
    case 1:
      month_day = "?";
      do {
        fields.weekdays.clear();
        weekday = random_field(random, 1, 7, fields.weekdays);
      } while (weekday.find('/') != std::string::npos);
      break;
    case 2:
      fields.last_day = random.below(4) == 0;
      if (fields.last_day) month_day = "L";
      break;
    default:
      break;
  }
  return fmt::format("cron({} {} {} * {} *)", minutes, hours, month_day, weekday);
}

TEST(Calendar, AgreesWithAnOracleOnTenThousandSchedules) {
  Random random(2027);
  constexpr std::chrono::minutes horizon = 48h;
  const std::array<std::string_view, 6> changes{"2027-03-14T07:00:00Z", "2027-11-07T06:00:00Z",
                                                "2027-03-28T01:00:00Z", "2027-10-31T01:00:00Z",
                                                "2027-04-03T15:00:00Z", "2027-10-02T15:30:00Z"};
  int fired = 0;
  for (int i = 0; i < 10'000; ++i) {
    Fields fields;
    const std::string cron = random_cron(random, fields);
    const OracleZone& zone = oracle_zones[random.below(oracle_zones.size())];
    // Half of them near a change of some zone.
    const Timestamp after =
        random.below(2) == 0
            ? at(changes[random.below(changes.size())]) - 36h +
                  Duration{static_cast<std::int64_t>(random.below(48 * 3'600'000))}
            : at("2026-06-01T00:00:00Z") +
                  Duration{static_cast<std::int64_t>(random.below(730ULL * 24 * 3'600'000))};
    const auto expected = oracle(fields, zone, after, horizon);
    const auto found = calendar(cron, zone.name).next(after);
    if (expected) {
      ++fired;
      ASSERT_TRUE(found) << cron << " in " << zone.name << " after " << format_iso8601(after);
      ASSERT_EQ(format_iso8601(*found), format_iso8601(*expected))
          << cron << " in " << zone.name << " after " << format_iso8601(after);
    } else {
      ASSERT_TRUE(!found || *found > after + horizon)
          << cron << " in " << zone.name << " after " << format_iso8601(after);
    }
  }
  EXPECT_GT(fired, 5'000);
}

}  // namespace
}  // namespace kiban::services::scheduler
