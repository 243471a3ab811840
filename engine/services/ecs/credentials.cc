#include "services/ecs/credentials.h"

#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/ecs/names.h"

namespace kiban::services::ecs {
namespace {

// "Valid for at most 6 hours":
// docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
constexpr std::int64_t session_seconds = std::int64_t{6} * 60 * 60;
// SDKs ask anew 15 minutes before the end; they must get others then.
constexpr double renewed_before = 30 * 60;

// Without a region: the one who asks shows the id only.
std::string key_of(std::string_view id) { return fmt::format("ecs/credentials/{}", id); }

Result<json::object> open_session(Context& context, const json::object& row) {
  KIBAN_TRY(const json::object reply, context.call("sts", "AssumeRole",
                                                   {{"RoleArn", row.at("RoleArn")},
                                                    {"RoleSessionName", row.at("Session")},
                                                    {"DurationSeconds", session_seconds}},
                                                   {.account = text(row, "Account"),
                                                    .region = text(row, "Region"),
                                                    .arn = "ecs-tasks.amazonaws.com",
                                                    .source_arn = text(row, "TaskArn"),
                                                    .acts_for = text(row, "TaskArn")}));
  const json::object* credentials = find_object(reply, "Credentials");
  if (!credentials) return fail("NotFound", "STS gave no credentials");
  return *credentials;
}

}  // namespace

std::string offer_credentials(Context& context, const json::object& task,
                              std::string_view role_arn) {
  const std::string id = context.secrets().uuid();
  put_json(context, key_of(id),
           {{"RoleArn", role_arn},
            {"Session", last_part(text(task, "taskArn"))},
            {"TaskArn", task.at("taskArn")},
            {"Account", context.caller().account},
            {"Region", context.caller().region}});
  return id;
}

void withdraw_credentials(Context& context, std::string_view id) {
  if (!id.empty()) context.erase(key_of(id));
}

Result<json::object> task_credentials(Context& context, const json::object& input) {
  const std::string key = key_of(text(input, "Id"));
  auto row = get_json(context, key);
  const json::string* task = find_string(input, "Task");
  // Told apart, the two cases would tell another task which ids exist.
  if (!row || (task && *task != text(*row, "Session")))
    return fail("NotFound", "no task has credentials of this id");
  const json::object* held = find_object(*row, "Credentials");
  const json::value* ends = held ? find(*held, "Expiration") : nullptr;
  if (!ends || ends->to_number<double>() < epoch_seconds(context.now()) + renewed_before) {
    KIBAN_TRY(json::object fresh, open_session(context, *row));
    (*row)["Credentials"] = std::move(fresh);
    put_json(context, key, *row);
    held = find_object(*row, "Credentials");
  }
  return json::object{
      {"RoleArn", row->at("RoleArn")},
      {"AccessKeyId", held->at("AccessKeyId")},
      {"SecretAccessKey", held->at("SecretAccessKey")},
      {"Token", held->at("SessionToken")},
      {"Expiration",
       format_iso8601(from_epoch_seconds(held->at("Expiration").to_number<double>()))}};
}

}  // namespace kiban::services::ecs
