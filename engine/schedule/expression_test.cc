#include "schedule/expression.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace kiban::schedule {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

Timestamp at(std::string_view text) { return parse_iso8601(text).value(); }

struct Firings {
  std::string expression{};
  std::string zone{"UTC"};
  std::string after{};
  std::vector<std::string> expected{};  // As the zone writes them; "never" ends the list.
};

void expect_firings(const std::vector<Firings>& rows) {
  for (const auto& row : rows) {
    SCOPED_TRACE(row.expression + " in " + row.zone + " after " + row.after);
    const auto expression = Expression::parse(row.expression, Dialect::Scheduler);
    ASSERT_TRUE(expression) << expression.error().cause;
    const auto zone = Zone::load(row.zone);
    ASSERT_TRUE(zone);
    std::vector<std::string> found;
    const auto times =
        expression->next_few(at(row.after), *zone, at(row.after), row.expected.size());
    found.reserve(times.size());
    for (const auto time : times) found.push_back(zone->format(time));
    if (found.size() < row.expected.size()) found.emplace_back("never");
    EXPECT_EQ(found, row.expected);
  }
}

TEST(Schedule, TwoInTokyo) {
  const auto rule = Expression::parse("cron(0 17 * * ? *)", Dialect::Rule);
  ASSERT_TRUE(rule);
  const auto next = rule->next(at("2026-11-24T12:00:00Z"), Zone(), Timestamp{});
  ASSERT_TRUE(next);
  EXPECT_EQ(format_iso8601(*next), "2026-11-24T17:00:00.000Z");
  EXPECT_EQ(Zone::load("Asia/Tokyo")->format(*next), "2026-11-25T02:00:00+09:00");
  expect_firings({{"cron(0 2 * * ? *)",
                   "Asia/Tokyo",
                   "2026-11-24T17:00:00Z",
                   {"2026-11-26T02:00:00+09:00", "2026-11-27T02:00:00+09:00"}}});
}

// The examples of the user guide, and each special character.
TEST(Schedule, Cron) {
  const std::string utc = "UTC";
  expect_firings({
      {"cron(15 10 * * ? *)", utc, "2026-11-24T10:14:59.999Z", {"2026-11-24T10:15:00Z"}},
      {"cron(15 10 * * ? *)", utc, "2026-11-24T10:15:00Z", {"2026-11-25T10:15:00Z"}},
      {"cron(0 18 ? * MON-FRI *)",
       utc,
       "2026-11-27T12:00:00Z",
       {"2026-11-27T18:00:00Z", "2026-11-30T18:00:00Z"}},
      {"cron(0 8 1 * ? *)", utc, "2026-11-24T00:00:00Z", {"2026-12-01T08:00:00Z"}},
      {"cron(0/15 * * * ? *)",
       utc,
       "2026-11-24T10:40:00Z",
       {"2026-11-24T10:45:00Z", "2026-11-24T11:00:00Z"}},
      {"cron(5-7,50 23 ? * tue *)",
       utc,
       "2026-11-24T00:00:00Z",
       {"2026-11-24T23:05:00Z", "2026-11-24T23:06:00Z", "2026-11-24T23:07:00Z",
        "2026-11-24T23:50:00Z", "2026-12-01T23:05:00Z"}},
      {"cron(0 0 L * ? *)",
       utc,
       "2028-01-31T00:00:00Z",
       {"2028-02-29T00:00:00Z", "2028-03-31T00:00:00Z"}},
      {"cron(0 0 LW * ? *)", utc, "2027-01-01T00:00:00Z", {"2027-01-29T00:00:00Z"}},
      {"cron(0 0 15W * ? *)", utc, "2026-11-01T00:00:00Z", {"2026-11-16T00:00:00Z"}},
      {"cron(0 0 1W * ? *)", utc, "2026-07-31T00:00:00Z", {"2026-08-03T00:00:00Z"}},
      {"cron(0 0 ? * 6#3 *)", utc, "2026-11-01T00:00:00Z", {"2026-11-20T00:00:00Z"}},
      {"cron(0 0 ? * MON#5 *)", utc, "2026-12-01T00:00:00Z", {"2027-03-29T00:00:00Z"}},
      {"cron(0 0 ? * 5L *)", utc, "2026-11-01T00:00:00Z", {"2026-11-26T00:00:00Z"}},
      {"cron(0 0 ? * L *)", utc, "2026-11-24T00:00:00Z", {"2026-11-28T00:00:00Z"}},
      {"cron(0 0 29 FEB ? *)", utc, "2026-11-24T00:00:00Z", {"2028-02-29T00:00:00Z"}},
      {"cron(0 0 1 1 ? 2027/2)",
       utc,
       "2026-01-01T00:00:00Z",
       {"2027-01-01T00:00:00Z", "2029-01-01T00:00:00Z"}},
      {"cron(0 0 30 2 ? *)", utc, "2026-11-24T00:00:00Z", {"never"}},
      {"cron(0 0 1 1 ? 2026)", utc, "2026-11-24T00:00:00Z", {"never"}},
      {"cron(59 23 31 12 ? 2199)", utc, "2026-11-24T00:00:00Z", {"2199-12-31T23:59:00Z", "never"}},
  });
}

TEST(Schedule, FollowsDaylightSavingTime) {
  const std::string new_york = "America/New_York";
  expect_firings({
      // 02:30 does not exist on 14 March 2027: skipped.
      {"cron(30 2 * * ? *)",
       new_york,
       "2027-03-13T08:00:00Z",
       {"2027-03-15T02:30:00-04:00", "2027-03-16T02:30:00-04:00"}},
      // 01:30 exists twice on 7 November 2027: once.
      {"cron(30 1 * * ? *)",
       new_york,
       "2027-11-06T06:00:00Z",
       {"2027-11-07T01:30:00-04:00", "2027-11-08T01:30:00-05:00"}},
      {"cron(0 9 * * ? *)",
       new_york,
       "2027-11-06T12:00:00Z",
       {"2027-11-06T09:00:00-04:00", "2027-11-07T09:00:00-05:00"}},
      {"at(2027-03-14T02:30:00)",
       new_york,
       "2027-01-01T00:00:00Z",
       {"2027-03-14T03:00:00-04:00", "never"}},
      {"at(2027-11-07T01:30:00)", new_york, "2027-01-01T00:00:00Z", {"2027-11-07T01:30:00-04:00"}},
  });
}

TEST(Schedule, RateCountsFromItsAnchor) {
  const auto rate = Expression::parse("rate(5 minutes)", Dialect::Rule).value();
  const auto anchor = at("2026-11-24T10:01:30Z");
  const auto next = [&](Timestamp after) { return rate.next(after, Zone(), anchor); };
  EXPECT_EQ(next(anchor), anchor + minutes(5));
  EXPECT_EQ(next(anchor - hours(1)), anchor + minutes(5));
  EXPECT_EQ(next(anchor + minutes(5)), anchor + minutes(10));
  EXPECT_EQ(next(anchor + minutes(14)), anchor + minutes(15));
  EXPECT_TRUE(rate.is_rate());
}

TEST(Schedule, ReadsRates) {
  for (const auto* text : {"rate(1 minute)", "rate(2 minutes)", "rate(1 hour)", "rate(24 hours)",
                           "rate(1 day)", "rate(7 days)"}) {
    EXPECT_TRUE(Expression::parse(text, Dialect::Rule)) << text;
  }
}

// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
TEST(Schedule, SchedulerTakesEitherNumberOfAUnit) {
  for (const auto* text : {"rate(1 days)", "rate(5 minute)", "rate(2 hour)"}) {
    EXPECT_TRUE(Expression::parse(text, Dialect::Scheduler)) << text;
    EXPECT_FALSE(Expression::parse(text, Dialect::Rule)) << text;
  }
}

TEST(Schedule, Refuses) {
  for (const auto* text : {"",
                           "rate",
                           "rate()",
                           "rate(0 minutes)",
                           "rate(1 minutes)",
                           "rate(5 minute)",
                           "rate(-5 minutes)",
                           "rate(5  minutes)",
                           "rate(5 seconds)",
                           "rate(1.5 hours)",
                           "rate(5 minutes",
                           "Rate(5 minutes)",
                           "rate(99999999999 days)",
                           "rate(999999999 days)",
                           "cron()",
                           "cron(0 17 * * ?)",
                           "cron(0 17 * * * *)",
                           "cron(0 17 ? * ? *)",
                           "cron(60 17 * * ? *)",
                           "cron(0 24 * * ? *)",
                           "cron(0 0 0 * ? *)",
                           "cron(0 0 32 * ? *)",
                           "cron(0 0 * 13 ? *)",
                           "cron(0 0 ? * 8 *)",
                           "cron(0 0 ? * 0 *)",
                           "cron(0 0 * * ? 1969)",
                           "cron(0 0 * * ? 2200)",
                           "cron(0 0 ? * MON#6 *)",
                           "cron(0 0 ? * 3#1,6#3 *)",
                           "cron(0 0 ? * MON/2 *)",
                           "cron(5-1 0 * * ? *)",
                           "cron(*/0 0 * * ? *)",
                           "cron(a 0 * * ? *)",
                           "cron(1, 0 * * ? *)",
                           "cron(0 0 ? FOO MON *)",
                           "cron(0 0 W * ? *)",
                           "at(2026-11-24T17:00:00)"}) {
    const auto expression = Expression::parse(text, Dialect::Rule);
    ASSERT_FALSE(expression) << text;
    EXPECT_EQ(expression.error().name, "ValidationException");
    EXPECT_TRUE(expression.error().cause.starts_with("Parameter ScheduleExpression is not valid."))
        << expression.error().cause;
  }
  for (const auto* text : {"at(2026-11-24)", "at(2026-02-30T00:00:00)", "at(2026-11-24T24:00:00)",
                           "at(2026-11-24T17:00:00Z)"}) {
    EXPECT_FALSE(Expression::parse(text, Dialect::Scheduler)) << text;
  }
  EXPECT_EQ(Expression::parse("cron(0 17 * * ?)", Dialect::Scheduler).error().cause,
            "Invalid Schedule Expression cron(0 17 * * ?). Reason: it has 5 fields and needs six: "
            "minutes hours day-of-month month day-of-week year");
}

TEST(Zone, RefusesWhatIsNone) {
  for (const auto* name : {"", "Mars/Olympus", "/etc/localtime", "../UTC", "JST-9:00", "./UTC",
                           "Asia//Tokyo", "posixrules", "localtime"}) {
    EXPECT_FALSE(Zone::load(name)) << name;
  }
  EXPECT_FALSE(Zone::load(std::string("Asia/Tokyo\0x", 12)));
}

// After 2037 zones follow their rule, not the table.
TEST(Zone, KnowsTheFarFuture) {
  expect_firings({{"cron(0 9 1 7 ? 2150)",
                   "Europe/Berlin",
                   "2026-01-01T00:00:00Z",
                   {"2150-07-01T09:00:00+02:00"}}});
}

}  // namespace
}  // namespace kiban::schedule
