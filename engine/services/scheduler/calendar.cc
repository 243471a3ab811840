#include "services/scheduler/calendar.h"

#include <algorithm>

namespace kiban::services::scheduler {
namespace {

constexpr Duration instant{1};

std::optional<Timestamp> date_of(const json::object& schedule, std::string_view member) {
  const json::value* date = find(schedule, member);
  if (!date || !date->is_number()) return std::nullopt;
  return from_epoch_seconds(date->to_number<double>());
}

}  // namespace

Result<Calendar> Calendar::read(const json::object& schedule, Timestamp anchor) {
  KIBAN_TRY(const auto expression, schedule::Expression::parse(text(schedule, "ScheduleExpression"),
                                                               schedule::Dialect::Scheduler));
  Calendar calendar(expression);
  KIBAN_TRY(calendar.zone_,
            schedule::Zone::load(text(schedule, "ScheduleExpressionTimezone", "UTC")));
  calendar.anchor_ = anchor;
  if (calendar.is_once()) return calendar;
  calendar.start_ = date_of(schedule, "StartDate");
  calendar.end_ = date_of(schedule, "EndDate");
  if (calendar.start_) calendar.anchor_ = *calendar.start_;
  return calendar;
}

std::optional<Timestamp> Calendar::next(Timestamp after) const {
  const Timestamp from = start_ ? std::max(after, *start_ - instant) : after;
  const std::optional<Timestamp> time = expression_.is_rate() && from < anchor_
                                            ? std::optional(anchor_)
                                            : expression_.next(from, zone_, anchor_);
  return time && end_ && *time > *end_ ? std::nullopt : time;
}

Timestamp Calendar::before_first(Timestamp made) const {
  return expression_.is_rate() || is_once() ? made - instant : made;
}

// next() never decreases, so the newest is found by bisection.
std::optional<Timestamp> Calendar::newest(Timestamp after, Timestamp until) const {
  std::optional<Timestamp> found = next(after);
  if (!found || *found > until) return std::nullopt;
  Timestamp none_after = until;
  while (*found < none_after) {
    const Timestamp middle = *found + (none_after - *found) / 2;
    const std::optional<Timestamp> later = next(middle);
    if (later && *later <= until)
      found = later;
    else
      none_after = middle;
  }
  return found;
}

std::optional<Timestamp> missed_firing(const Calendar& calendar, Timestamp first, Timestamp due,
                                       Timestamp now, MissedSchedules missed) {
  const Timestamp from =
      now - due <= missed_age_max ? first : std::max(first, now - missed_age_max);
  const Timestamp after = from - instant;
  switch (missed) {
    case MissedSchedules::Last:
      return calendar.newest(after, now);
    case MissedSchedules::All: {
      const std::optional<Timestamp> oldest = calendar.next(after);
      return oldest && *oldest <= now ? oldest : std::nullopt;
    }
    case MissedSchedules::None:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace kiban::services::scheduler
