#include "services/scheduler/schedules.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/codec.h"
#include "services/base/table_service.h"
#include "services/scheduler/calendar.h"
#include "services/scheduler/firing.h"
#include "services/scheduler/groups.h"
#include "services/scheduler/names.h"
#include "services/scheduler/targets.h"

namespace kiban::services::scheduler {
namespace {

// https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html
constexpr std::int64_t schedules_max = 1'000'000;  // Of one region.
constexpr Duration start_age_max = std::chrono::minutes{5};
// ISO 8601 and the clients' dates end there. Ours: AWS publishes no such bound.
constexpr Timestamp date_max{std::chrono::sys_days{std::chrono::year{9999} / 12 / 31} +
                             std::chrono::hours{24} - std::chrono::seconds{1}};
constexpr std::size_t page_max = 100;
constexpr std::size_t rows_per_page_max = 2'000;

// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_RetryPolicy.html
constexpr std::int64_t event_age_seconds_default = 86'400;
constexpr std::int64_t retries_default = 185;

// What the request says, with the defaults of what it leaves out.
// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html
json::object content_of(const json::object& input) {
  json::object content{
      {"Name", input.at("Name")},
      {"GroupName", group_of(input)},
      {"State", text(input, "State", "ENABLED")},
      {"ScheduleExpression", input.at("ScheduleExpression")},
      {"ScheduleExpressionTimezone", text(input, "ScheduleExpressionTimezone", "UTC")},
      {"FlexibleTimeWindow", input.at("FlexibleTimeWindow")},
      {"ActionAfterCompletion", text(input, "ActionAfterCompletion", "NONE")},
      {"Target", input.at("Target")}};
  for (const char* member : {"Description", "StartDate", "EndDate", "KmsKeyArn"})
    if (input.contains(member)) content[member] = input.at(member);
  json::object& target = content["Target"].as_object();
  const json::object* given = find_object(target, "RetryPolicy");
  json::object policy = given ? *given : json::object{};
  if (!policy.contains("MaximumEventAgeInSeconds"))
    policy["MaximumEventAgeInSeconds"] = event_age_seconds_default;
  if (!policy.contains("MaximumRetryAttempts")) policy["MaximumRetryAttempts"] = retries_default;
  target["RetryPolicy"] = std::move(policy);
  return content;
}

// The first text is AWS's: github.com/getmoto/moto/pull/8172. Dates that a schedule has already may
// be in the past.
Result<void> check_dates(const Context& context, const json::object& content,
                         const json::object& old) {
  const auto date = [&](std::string_view member) {
    const json::value* given = find(content, member);
    return given ? std::optional(from_epoch_seconds(given->to_number<double>())) : std::nullopt;
  };
  const auto is_new = [&](std::string_view member) {
    const json::value* before = find(old, member);
    return !before || *before != content.at(member);
  };
  const auto start = date("StartDate");
  const auto end = date("EndDate");
  if (start > date_max || end > date_max)
    return invalid("StartDate and EndDate must be before the year 10000.");
  if (start && is_new("StartDate") && *start < context.now() - start_age_max)
    return invalid("The StartDate you specify cannot be earlier than 5 minutes ago.");
  if (start && end && *end <= *start)
    return invalid("The EndDate you specify must come after the StartDate.");
  if (end && is_new("EndDate") && *end <= context.now())
    return invalid("The EndDate you specify must be in the future.");
  return {};
}

Result<void> check_window(const json::object& window) {
  const bool flexible = text(window, "Mode") == "FLEXIBLE";
  if (flexible == window.contains("MaximumWindowInMinutes")) return {};
  return invalid(flexible ? "FlexibleTimeWindow needs MaximumWindowInMinutes in mode FLEXIBLE."
                          : "FlexibleTimeWindow takes MaximumWindowInMinutes in mode FLEXIBLE "
                            "only.");
}

Result<void> check_key(Context& context, const json::object& content) {
  const std::string key = text(content, "KmsKeyArn");
  if (key.empty()) return {};
  Caller own = context.caller();
  own.arn = principal;
  const auto found = context.call("kms", "DescribeKey", {{"KeyId", key}}, own);
  const json::object* metadata = found ? find_object(*found, "KeyMetadata") : nullptr;
  if (metadata && text(*metadata, "KeyState") == "Enabled") return {};
  return invalid(fmt::format("The KMS key {} does not exist or is not enabled.", key));
}

// Everything that can be wrong with a schedule, but its name. `old`: what it was before.
Result<Calendar> check_content(Context& context, const json::object& content,
                               const json::object& old, Timestamp anchor) {
  KIBAN_TRY(const Calendar calendar, Calendar::read(content, anchor));
  if (!calendar.is_once()) KIBAN_TRY_VOID(check_dates(context, content, old));
  if (calendar.next(calendar.before_first(context.now())) > date_max)
    return invalid("The schedule must fire before the year 10000.");
  KIBAN_TRY_VOID(check_window(content.at("FlexibleTimeWindow").as_object()));
  KIBAN_TRY_VOID(check_target(context, content.at("Target").as_object(),
                              text(content, "GroupName", "default")));
  KIBAN_TRY_VOID(check_key(context, content));
  return calendar;
}

json::object shown_schedule(const Context& context, const json::object& row) {
  json::object shown = row.at("Schedule").as_object();
  shown["Arn"] = schedule_arn(context, text(shown, "GroupName"), text(shown, "Name"));
  shown["CreationDate"] = epoch_seconds(timestamp_of(number(row, "Created")));
  shown["LastModificationDate"] = epoch_seconds(timestamp_of(number(row, "Modified")));
  return shown;
}

json::object summary(const Context& context, const json::object& row) {
  const json::object shown = shown_schedule(context, row);
  json::object out;
  for (const char* member :
       {"Arn", "CreationDate", "GroupName", "LastModificationDate", "Name", "State"})
    out[member] = shown.at(member);
  out["Target"] = {{"Arn", shown.at("Target").at("Arn")}};
  return out;
}

bool same_members(const json::object& one, const json::object& other,
                  std::initializer_list<std::string_view> members) {
  return std::ranges::all_of(members, [&](std::string_view member) {
    const json::value* a = find(one, member);
    const json::value* b = find(other, member);
    return a && b ? *a == *b : a == b;
  });
}

}  // namespace

Result<json::object> create_schedule(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  const std::string group = group_of(input);
  const std::string token = text(input, "ClientToken");
  const json::object content = content_of(input);
  KIBAN_TRY(const json::object group_row, load_group(context, group));
  const json::object reply{{"ScheduleArn", schedule_arn(context, group, name)}};
  if (const auto old = get_json(context, schedule_key(context, group, name))) {
    if (!token.empty() && text(*old, "Token") == token && old->at("Schedule") == content)
      return reply;
    return conflict(fmt::format("Schedule {} already exists.", name));
  }
  if (text(group_row, "State") == "DELETING")
    return conflict(fmt::format("Schedule group {} is being deleted.", group));
  KIBAN_TRY(const Calendar calendar, check_content(context, content, {}, context.now()));
  if (count_schedules(context) >= schedules_max)
    return over_quota(fmt::format("The region has {} schedules already.", schedules_max));
  if (group == default_group) use_default_group(context);
  const std::int64_t now = milliseconds_of(context.now());
  const json::object row{{"Schedule", content},
                         {"Created", now},
                         {"Modified", now},
                         {"Anchor", now},
                         {"Id", context.random().hex(16)},
                         {"Token", token}};
  put_json(context, schedule_key(context, group, name), row);
  add_to_count(context, 1);
  set_next(context, content, calendar, calendar.before_first(context.now()));
  return reply;
}

Result<json::object> update_schedule(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  const std::string group = group_of(input);
  KIBAN_TRY_VOID(load_group(context, group));
  KIBAN_TRY(json::object row, load_schedule(context, group, name));
  const json::object content = content_of(input);
  const json::object old = row.at("Schedule").as_object();
  const bool goes_on = same_members(
      old, content,
      {"ScheduleExpression", "ScheduleExpressionTimezone", "StartDate", "EndDate", "State"});
  if (!goes_on) row["Anchor"] = milliseconds_of(context.now());
  KIBAN_TRY(const Calendar calendar,
            check_content(context, content, old, timestamp_of(number(row, "Anchor"))));
  row["Schedule"] = content;
  row["Modified"] = milliseconds_of(context.now());
  put_json(context, schedule_key(context, group, name), row);
  // A schedule that goes on keeps its timer, whose firing may be under way: within its window, or
  // late. A new window counts from the firing after it.
  if (!goes_on) set_next(context, content, calendar, calendar.before_first(context.now()));
  return json::object{{"ScheduleArn", schedule_arn(context, group, name)}};
}

Result<json::object> get_schedule(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(load_group(context, group_of(input)));
  KIBAN_TRY(const json::object row, load_schedule(context, group_of(input), text(input, "Name")));
  return shown_schedule(context, row);
}

Result<json::object> delete_schedule(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(load_group(context, group_of(input)));
  KIBAN_TRY_VOID(load_schedule(context, group_of(input), text(input, "Name")));
  erase_schedule(context, group_of(input), text(input, "Name"));
  return json::object{};
}

namespace {

// Rows of several prefixes, one after the other, by their keys.
struct Listing {
  const Context& context;
  std::string state{};
  std::size_t limit{page_max};
  std::size_t rows_left{rows_per_page_max};
  std::string last{};  // The key of the row that was read last.
  json::array entries{};
  bool more{false};

  // False once the page is complete.
  bool read(const std::string& prefix) {
    constexpr std::size_t chunk = 101;
    for (;;) {
      const std::vector<store::Row> rows =
          context.scan(prefix, last, std::min(chunk, rows_left + 1));
      for (const store::Row& row : rows) {
        const json::object content = object_of(row.key, row.value);
        const bool fits =
            state.empty() || text(content.at("Schedule").as_object(), "State") == state;
        if (rows_left == 0 || (fits && entries.size() == limit)) {
          more = true;
          return false;
        }
        if (fits) entries.push_back(summary(context, content));
        last = row.key;
        --rows_left;
      }
      if (rows.size() < chunk) return true;
    }
  }
};

Result<std::string> key_after(const Context& context, const json::object& input) {
  const std::string token = text(input, "NextToken");
  if (token.empty()) return std::string();
  const auto place = api::decode_base64(token);
  if (!place || place->find('/') == std::string::npos) return invalid("Invalid NextToken.");
  return schedules_prefix(context) + *place;
}

}  // namespace

Result<json::object> list_schedules(Context& context, const json::object& input) {
  const std::string name_prefix = text(input, "NamePrefix");
  std::vector<std::string> groups;
  if (input.contains("GroupName")) {
    KIBAN_TRY_VOID(load_group(context, group_of(input)));
    groups.push_back(group_of(input));
  } else if (!name_prefix.empty()) {
    groups = group_names(context);
    // As their keys are ordered, in which a slash follows the name.
    std::ranges::sort(groups, {}, [](const std::string& name) { return name + '/'; });
  }
  Listing listing{.context = context,
                  .state = text(input, "State"),
                  .limit = static_cast<std::size_t>(number(input, "MaxResults", page_max))};
  KIBAN_TRY(listing.last, key_after(context, input));
  if (groups.empty()) listing.read(schedules_prefix(context));
  for (const std::string& group : groups)
    if (!listing.read(schedule_key(context, group, name_prefix))) break;
  json::object reply{{"Schedules", std::move(listing.entries)}};
  if (listing.more)
    reply["NextToken"] = api::encode_base64(listing.last.substr(schedules_prefix(context).size()));
  return reply;
}

}  // namespace kiban::services::scheduler
