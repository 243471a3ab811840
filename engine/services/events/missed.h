// Missed firings of scheduled rules (services/base/missed.h).
//
// The timer of the rule is what waits over the outage: its first late firing decides, in the batch
// that also starts the targets, so a crash neither repeats nor loses one. With MissedSchedules::All
// each firing sets the timer of the next one, which is due at once. A rule that is made, enabled or
// changed sets its timer anew and so has nothing to make up for.
//
// Row missed/RULE, of the last outage that the rule slept through: Policy ("last", "all", "none"),
// Due (firings of the last 24 hours), Starts (how many of them start), First, Last (their times,
// ms), At (ms, when it was decided), Older (there were firings before those 24 hours).
#pragma once

#include <optional>

#include "services/base/service.h"
#include "services/events/service.h"

namespace kiban::services::events {

// What the timer of a rule leads to.
struct Turn {
  std::optional<Timestamp> starts{};  // The scheduled time of the firing that starts now.
  Timestamp next_after{};             // The next firing is the first one after it.
  // Of MissedSchedules::All: up to here firings are already in the row missed/RULE.
  std::optional<Timestamp> caught_up_until{};
};

// `payload` is the timer's: At (ms), CaughtUpUntil (ms). Tells of missed firings in the server's
// log, in the row missed/RULE and in the metrics MissedFirings and CaughtUpFirings of the namespace
// kiban/Events, by RuleName.
Turn take_turn(Context& context, const json::object& rule, const json::object& payload,
               MissedSchedules missed);

}  // namespace kiban::services::events
