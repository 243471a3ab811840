// Rows of EventBridge Scheduler and how they are found.
//
//   scheduler/REGION/group/GROUP              Name, Created and Modified (ms), State, Tags, Token;
//                                             the group "default" has no row until it has tags or a
//                                             schedule
//   scheduler/REGION/schedule/GROUP/SCHEDULE  Schedule (as GetSchedule shows it, without what
//                                             follows), Created and Modified (ms), Anchor (ms: from
//                                             when a rate counts), Id (another one for a schedule
//                                             made again under the same name), Token
//   scheduler/REGION/count                    how many schedules the region has; no row: none
//
// Neither groups nor schedules have a slash in their names.
#pragma once

#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::scheduler {

constexpr std::string_view default_group = "default";
constexpr std::string_view principal = "scheduler.amazonaws.com";

std::unexpected<Error> invalid(std::string cause);   // ValidationException
std::unexpected<Error> conflict(std::string cause);  // ConflictException
std::unexpected<Error> over_quota(std::string cause);

std::int64_t milliseconds_of(Timestamp time);
Timestamp timestamp_of(std::int64_t milliseconds);

std::string group_key(const Context& context, std::string_view group);
// With an empty name: the prefix of the group's schedules.
std::string schedule_key(const Context& context, std::string_view group, std::string_view name);
std::string schedules_prefix(const Context& context);
std::string count_key(const Context& context);

std::string group_arn(const Context& context, std::string_view group);
std::string schedule_arn(const Context& context, std::string_view group, std::string_view name);

std::string group_of(const json::object& input);  // GroupName; absent: default.

// Errors: ResourceNotFoundException.
Result<json::object> load_group(const Context& context, std::string_view group);
Result<json::object> load_schedule(const Context& context, std::string_view group,
                                   std::string_view name);

// Erases the row of a schedule and its timer, and counts it out. It must be there.
void erase_schedule(Context& context, std::string_view group, std::string_view name);
std::int64_t count_schedules(const Context& context);
void add_to_count(Context& context, std::int64_t change);

// The id of a schedule's one timer.
std::string timer_id(const Context& context, std::string_view group, std::string_view name);

}  // namespace kiban::services::scheduler
