#include "services/events/missed.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "schedule/expression.h"
#include "services/base/table_service.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

// Two firings of a rule are a minute apart, or more.
constexpr std::size_t firings_max = missed_age_max / std::chrono::minutes{1} + 1;

Timestamp timestamp_of(std::int64_t milliseconds) { return Timestamp{Duration{milliseconds}}; }
std::int64_t milliseconds_of(Timestamp time) { return time.time_since_epoch().count(); }

std::string_view policy_name(MissedSchedules missed) {
  switch (missed) {
    case MissedSchedules::Last:
      return "last";
    case MissedSchedules::All:
      return "all";
    case MissedSchedules::None:
      return "none";
  }
  return "";
}

// The firings from `first` to now, at most 24 hours old, in order.
std::vector<Timestamp> due_firings(const json::object& rule, Timestamp first, Timestamp now) {
  const auto expression =
      schedule::Expression::parse(text(rule, "ScheduleExpression"), schedule::Dialect::Rule);
  if (!expression) return {};
  const Timestamp after = std::max(first, now - missed_age_max) - Duration{1};
  std::vector<Timestamp> due = expression->next_few(
      after, schedule::Zone{}, timestamp_of(number(rule, "Anchor", 0)), firings_max);
  std::erase_if(due, [now](Timestamp at) { return at > now; });
  return due;
}

std::size_t starts_of(const std::vector<Timestamp>& due, Timestamp now, MissedSchedules missed) {
  if (due.empty()) return 0;
  if (missed == MissedSchedules::All) return due.size();
  if (missed == MissedSchedules::Last) return 1;
  return now - due.back() <= late_max ? 1 : 0;
}

std::string log_words(const json::object& rule, const json::object& row, Timestamp at,
                      MissedSchedules missed) {
  const std::int64_t due = number(row, "Due", 0);
  if (due == 0)
    return fmt::format("rule {}: the firing of {} was missed more than 24 hours ago: it is dropped",
                       text(rule, "Name"), format_event_time(at));
  return fmt::format(
      "rule {}: {} firing{} missed, from {} to {}; {} of them start{} now (--missed-schedules {})",
      text(rule, "Name"), due, due == 1 ? " was" : "s were",
      format_event_time(timestamp_of(number(row, "First", 0))),
      format_event_time(timestamp_of(number(row, "Last", 0))), number(row, "Starts", 0),
      number(row, "Starts", 0) == 1 ? "s" : "", policy_name(missed));
}

void count_missed(Context& context, const json::object& rule, const json::object& row) {
  const json::array dimensions{{{"Name", "RuleName"}, {"Value", rule.at("Name")}}};
  const auto metric = [&](std::string_view name, std::string_view member) {
    return json::object{{"MetricName", name},
                        {"Value", static_cast<double>(number(row, member, 0))},
                        {"Unit", "Count"},
                        {"Dimensions", dimensions}};
  };
  (void)context.call(
      "cloudwatch", "PutMetricData",
      {{"Namespace", "kiban/Events"},
       {"MetricData", {metric("MissedFirings", "Due"), metric("CaughtUpFirings", "Starts")}}},
      events_caller(context.caller().account, context.caller().region));
}

void tell(Context& context, const json::object& rule, Timestamp at,
          const std::vector<Timestamp>& due, MissedSchedules missed) {
  const std::string name = text(rule, "Name");
  json::object row{{"Policy", policy_name(missed)},
                   {"Due", due.size()},
                   {"Starts", starts_of(due, context.now(), missed)},
                   {"First", milliseconds_of(due.empty() ? at : due.front())},
                   {"Last", milliseconds_of(due.empty() ? at : due.back())},
                   {"At", milliseconds_of(context.now())},
                   {"Older", context.now() - at > missed_age_max}};
  put_json(context, missed_key(context, name), row);
  count_missed(context, rule, row);
  context.perform({.service = "events",
                   .kind = "server.log",
                   .id = fmt::format("missed/{}/{}", context.caller().region, name),
                   .payload = {{"Message", log_words(rule, row, at, missed)}}});
}

}  // namespace

Turn take_turn(Context& context, const json::object& rule, const json::object& payload,
               MissedSchedules missed) {
  const Timestamp now = context.now();
  const Timestamp at = timestamp_of(number(payload, "At", 0));
  if (now - at <= late_max) return {.starts = at, .next_after = at};
  const Timestamp told = timestamp_of(number(payload, "CaughtUpUntil", 0));
  if (missed == MissedSchedules::All && at <= told && now - at <= missed_age_max)
    return {.starts = at, .next_after = at, .caught_up_until = told};
  const std::vector<Timestamp> due = due_firings(rule, at, now);
  if (at > told) tell(context, rule, at, due, missed);
  if (due.empty()) return {.next_after = now};
  if (missed == MissedSchedules::All)
    return {.starts = due.front(),
            .next_after = due.front(),
            .caught_up_until = at > told ? due.back() : told};
  if (starts_of(due, now, missed) == 0) return {.next_after = now};
  return {.starts = due.back(), .next_after = now};
}

}  // namespace kiban::services::events
