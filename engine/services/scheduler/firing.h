// What a schedule does when its time has come: the target's operation, retries, the dead-letter
// queue, the metrics, and the end of a schedule that deletes itself.
//
// A firing, the call of its target and the timer of the next firing are one batch: each firing
// starts once, also over a crash. A call that fails is made again, after backoff(), within
// RetryPolicy, unless the error can't pass: no permission, or an input that the target refuses. A
// retry calls the target as the schedule has it then; it ends with the schedule, and when the
// schedule is disabled.
#pragma once

#include "services/base/service.h"
#include "services/scheduler/calendar.h"

namespace kiban::services::scheduler {

// Sets the schedule's one timer to its first firing after that instant (within a flexible window: a
// random moment behind it), or drops it when the schedule is disabled or never fires again.
// `schedule`: its content, as rows have it.
void set_next(Context& context, const json::object& schedule, const Calendar& calendar,
              Timestamp after);

// The timers that set_next and a failed call set.
void fire(Context& context, const json::object& payload, MissedSchedules missed);
void retry(Context& context, const json::object& payload);

}  // namespace kiban::services::scheduler
