// cron(minutes hours day-of-month month day-of-week year), as EventBridge reads it.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
//
// Minutes 0-59, hours 0-23, days 1-31 (also ?, L, W, LW), months 1-12 or JAN-DEC, weekdays 1-7 from
// Sunday or SUN-SAT (also ?, L, 5L, 6#3), years 1970-2199. All take , - * and, weekdays excepted,
// /. Exactly one of the two day fields is ?. A range does not wrap around (22-2: write 22-23,0-2).
#pragma once

#include <absl/time/civil_time.h>

#include <bitset>
#include <optional>
#include <string_view>

#include "core/result.h"
#include "core/time.h"
#include "schedule/zone.h"

namespace kiban::schedule {

constexpr int year_first = 1970;
constexpr int year_last = 2199;

class Cron {
 public:
  // The six fields, without `cron(` and `)`. Error InvalidCron: the cause names the field and its
  // valid values.
  static Result<Cron> parse(std::string_view fields);

  // The first firing after that instant, on a whole minute of the zone's wall clock; nothing when
  // there is none until 2199. A wall time that the clock skips in spring does not fire; one that it
  // shows twice in autumn fires the first time alone.
  // https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#daylist-savings-time
  std::optional<Timestamp> next(Timestamp after, const Zone& zone) const;

 private:
  // The forms of a day field beside a set of numbers.
  enum class Day : std::uint8_t { Set, Any, Last, LastWorkday, NearestWorkday, LastWeekday, Nth };

  Result<void> parse_month_day(std::string_view text);
  Result<void> parse_weekday(std::string_view text);
  bool fires_on(absl::CivilDay day) const;
  bool month_day_fits(absl::CivilDay day) const;
  bool weekday_fits(absl::CivilDay day) const;

  std::bitset<60> minutes_{};
  std::bitset<24> hours_{};
  std::bitset<32> month_days_{};
  std::bitset<13> months_{};
  std::bitset<8> weekdays_{};
  std::bitset<year_last + 1> years_{};
  Day month_day_{Day::Any};
  Day weekday_{Day::Any};
  int number_{0};   // Of NearestWorkday the day; of LastWeekday and Nth the weekday.
  int ordinal_{0};  // Of Nth.
};

}  // namespace kiban::schedule
