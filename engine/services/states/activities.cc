#include "services/states/activities.h"

#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/states/machines.h"
#include "services/states/names.h"

namespace kiban::services::states {
namespace {

constexpr std::chrono::seconds poll_max{60};

Result<json::object> load_activity(const Context& context, std::string_view arn) {
  KIBAN_TRY(const std::string name, resource_of(arn, "activity"));
  auto row = get_json(context, row_key(context, "activity", name));
  if (!row) return fail("ActivityDoesNotExist", fmt::format("Activity Does Not Exist: '{}'", arn));
  return *std::move(row);
}

std::string channel(std::string_view activity_arn) {
  return fmt::format("states/activity/{}", activity_arn);
}

}  // namespace

Result<json::object> create_activity(Context& context, const json::object& input) {
  const std::string name = text(input, "name");
  KIBAN_TRY_VOID(check_name(name));
  KIBAN_TRY_VOID(check_encryption(input));
  const std::string key = row_key(context, "activity", name);
  if (const auto old = get_json(context, key))
    return json::object{{"activityArn", old->at("activityArn")},
                        {"creationDate", old->at("creationDate")}};
  json::object activity{{"activityArn", make_arn(context, "states", "activity:" + name)},
                        {"name", name},
                        {"creationDate", epoch_seconds(context.now())}};
  json::object tagged = activity;
  tagged["tags"] = tags_of(input);
  put_json(context, key, tagged);
  activity.erase("name");
  return activity;
}

Result<json::object> describe_activity(Context& context, const json::object& input) {
  KIBAN_TRY(json::object activity, load_activity(context, text(input, "activityArn")));
  activity["encryptionConfiguration"] = {{"type", "AWS_OWNED_KEY"}};
  activity.erase("tags");
  return activity;
}

Result<json::object> delete_activity(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string name, resource_of(text(input, "activityArn"), "activity"));
  context.erase(row_key(context, "activity", name));
  return json::object{};
}

Result<json::object> list_activities(Context& context, const json::object& input) {
  return page_of_rows(context, input, "activities", row_key(context, "activity", ""),
                      [](const store::Row& row) -> std::optional<json::value> {
                        auto activity = parse_json(row.value);
                        if (!activity) return std::nullopt;
                        activity->as_object().erase("tags");
                        return std::move(activity->as_object());
                      });
}

Result<json::object> queue_activity_task(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object activity, load_activity(context, text(input, "Activity")));
  const std::string counter = row_key(context, "sequence", text(activity, "name"));
  const auto last = context.get(counter);
  const std::string next = fmt::format("{:020}", last ? std::stoull(*last) + 1 : 1);
  context.put(counter, next);
  put_json(context, row_key(context, "pending", text(activity, "name") + "/" + next), input);
  context.notify(channel(text(input, "Activity")));
  return json::object{};
}

Result<json::object> get_activity_task(Context& context, Executions& executions,
                                       const json::object& input) {
  KIBAN_TRY(const json::object activity, load_activity(context, text(input, "activityArn")));
  const std::string prefix = row_key(context, "pending", text(activity, "name") + "/");
  for (auto first = context.scan(prefix, {}, 1); !first.empty();
       first = context.scan(prefix, {}, 1)) {
    KIBAN_TRY(const json::value pending, parse_json(first[0].value));
    context.erase(first[0].key);
    const std::string path = execution_path(text(pending.get_object(), "Execution"));
    if (!context.get(row_key(context, "live", path))) continue;  // Its execution ended.
    const auto owner =
        get_json(context, row_key(context, "token", text(pending.get_object(), "Token")));
    if (!owner || flag(*owner, "Over")) continue;  // It timed out.
    std::optional<std::string> worker;
    if (input.contains("workerName")) worker = text(input, "workerName");
    executions.on_activity_started(context, pending.get_object(), std::move(worker));
    return json::object{{"taskToken", text(pending.get_object(), "Token")},
                        {"input", text(pending.get_object(), "Input")}};
  }
  if (!context.last_attempt())
    context.defer(channel(text(input, "activityArn")), context.now() + poll_max);
  return json::object{};
}

}  // namespace kiban::services::states
