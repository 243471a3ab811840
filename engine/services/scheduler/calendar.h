// When a schedule fires: its expression, read in its zone, between StartDate and EndDate. Pure.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
#pragma once

#include <optional>

#include "core/json.h"
#include "core/result.h"
#include "core/time.h"
#include "schedule/expression.h"
#include "services/base/missed.h"

namespace kiban::services::scheduler {

class Calendar {
 public:
  // Of ScheduleExpression, ScheduleExpressionTimezone, StartDate and EndDate. `anchor`: when a rate
  // without a StartDate fires first. Errors: ValidationException.
  static Result<Calendar> read(const json::object& schedule, Timestamp anchor);

  // The first firing strictly after that instant. StartDate and EndDate bound recurring schedules
  // alone; a rate fires at its StartDate, or at once when it has none.
  std::optional<Timestamp> next(Timestamp after) const;
  // What next() is asked for the first firing of a schedule that is made at that instant: a cron
  // fires later only, a rate and a one-time schedule at the instant itself too.
  Timestamp before_first(Timestamp made) const;
  // The newest firing after `after`, which is at or before `until`.
  std::optional<Timestamp> newest(Timestamp after, Timestamp until) const;

  bool is_once() const { return expression_.is_once(); }
  // Whether there is a last firing that ActionAfterCompletion waits for.
  // https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-delete.html
  bool ends() const { return is_once() || end_.has_value(); }

 private:
  explicit Calendar(const schedule::Expression& expression) : expression_(expression) {}

  schedule::Expression expression_;
  schedule::Zone zone_{};
  Timestamp anchor_{};
  std::optional<Timestamp> start_{};
  std::optional<Timestamp> end_{};
};

// Which of the firings from `first` on, all missed until `now`, starts then: with Last the newest,
// with All the oldest, unless it is more than missed_age_max ago; with None nothing. `due` is the
// moment of `first` within its window, from which its age counts.
std::optional<Timestamp> missed_firing(const Calendar& calendar, Timestamp first, Timestamp due,
                                       Timestamp now, MissedSchedules missed);

}  // namespace kiban::services::scheduler
