#include "services/scheduler/names.h"

#include <fmt/format.h>

#include <cstdlib>

namespace kiban::services::scheduler {
namespace {

std::string region_key(const Context& context, std::string_view rest) {
  return fmt::format("scheduler/{}/{}", context.caller().region, rest);
}

std::unexpected<Error> not_found(std::string cause) {
  return fail("ResourceNotFoundException", std::move(cause));
}

}  // namespace

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationException", std::move(cause));
}
std::unexpected<Error> conflict(std::string cause) {
  return fail("ConflictException", std::move(cause));
}
std::unexpected<Error> over_quota(std::string cause) {
  return fail("ServiceQuotaExceededException", std::move(cause));
}

std::int64_t milliseconds_of(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp timestamp_of(std::int64_t milliseconds) { return Timestamp{Duration{milliseconds}}; }

std::string group_key(const Context& context, std::string_view group) {
  return region_key(context, fmt::format("group/{}", group));
}
std::string schedules_prefix(const Context& context) { return region_key(context, "schedule/"); }
std::string schedule_key(const Context& context, std::string_view group, std::string_view name) {
  return fmt::format("{}{}/{}", schedules_prefix(context), group, name);
}
std::string count_key(const Context& context) { return region_key(context, "count"); }

std::string group_arn(const Context& context, std::string_view group) {
  return make_arn(context, "scheduler", fmt::format("schedule-group/{}", group));
}
std::string schedule_arn(const Context& context, std::string_view group, std::string_view name) {
  return make_arn(context, "scheduler", fmt::format("schedule/{}/{}", group, name));
}

std::string group_of(const json::object& input) { return text(input, "GroupName", default_group); }

Result<json::object> load_group(const Context& context, std::string_view group) {
  if (auto row = get_json(context, group_key(context, group))) return *std::move(row);
  if (group == default_group) return json::object{{"Name", group}, {"State", "ACTIVE"}};
  return not_found(fmt::format("Schedule group {} does not exist.", group));
}

// The text is AWS's: github.com/aws/aws-sdk-js-v3/issues/5720
Result<json::object> load_schedule(const Context& context, std::string_view group,
                                   std::string_view name) {
  if (auto row = get_json(context, schedule_key(context, group, name))) return *std::move(row);
  return not_found(fmt::format("Schedule {} does not exist.", name));
}

void erase_schedule(Context& context, std::string_view group, std::string_view name) {
  context.erase(schedule_key(context, group, name));
  context.cancel_timer("scheduler", timer_id(context, group, name));
  add_to_count(context, -1);
}

std::int64_t count_schedules(const Context& context) {
  const auto row = context.get(count_key(context));
  return row ? std::strtoll(row->c_str(), nullptr, 10) : 0;
}

void add_to_count(Context& context, std::int64_t change) {
  const std::int64_t count = count_schedules(context) + change;
  if (count == 0) return context.erase(count_key(context));
  context.put(count_key(context), std::to_string(count));
}

std::string timer_id(const Context& context, std::string_view group, std::string_view name) {
  return fmt::format("schedule/{}/{}/{}", context.caller().region, group, name);
}

}  // namespace kiban::services::scheduler
