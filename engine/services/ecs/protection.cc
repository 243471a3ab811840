#include "services/ecs/protection.h"

#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/ecs/names.h"
#include "services/ecs/task.h"

namespace kiban::services::ecs {
namespace {

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateTaskProtection.html
constexpr std::int64_t minutes_default = 120;
constexpr std::int64_t minutes_max = 2'880;
constexpr std::size_t tasks_max = 10;

std::string protection_key(const Context& context, std::string_view cluster, std::string_view id) {
  return row_key(context, "protection", fmt::format("{}/{}", cluster, id));
}

std::optional<double> protected_until(const Context& context, const std::string& key) {
  const auto row = get_json(context, key);
  if (!row) return std::nullopt;
  const double until = row->at("Until").to_number<double>();
  return until > epoch_seconds(context.now()) ? std::optional(until) : std::nullopt;
}

// Does `each` to the tasks of the request that belong to services, and answers with what they have
// then.
template <typename Each>
Result<json::object> for_tasks(Context& context, const json::object& input, const Each& each) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  json::array tasks;
  json::array failures;
  const json::array* wanted = find_array(input, "tasks");
  if (wanted && wanted->size() > tasks_max)
    return fail("InvalidParameterException", "Tasks length should be at most 10.");
  for (const json::value& name : wanted ? *wanted : json::array{}) {
    KIBAN_TRY(const std::string id, task_id(std::string_view(name.as_string()), cluster));
    const std::string path = fmt::format("{}/{}", cluster, id);
    const auto task = get_json(context, row_key(context, "task", path));
    const std::string arn = make_arn(context, "ecs", "task/" + path);
    if (!task || text(*task, "lastStatus") == "STOPPED") {
      failures.push_back({{"arn", arn}, {"reason", "MISSING"}});
    } else if (!text(*task, "group").starts_with("service:")) {
      failures.push_back({{"arn", arn}, {"reason", "TASK_NOT_VALID"}});
    } else {
      each(*task, id);
      const auto until = protected_until(context, protection_key(context, cluster, id));
      json::object shown{{"taskArn", arn}, {"protectionEnabled", until.has_value()}};
      if (until) shown["expirationDate"] = *until;
      tasks.push_back(std::move(shown));
    }
  }
  return json::object{{"protectedTasks", std::move(tasks)}, {"failures", std::move(failures)}};
}

}  // namespace

Result<json::object> get_task_protection(Context& context, const json::object& input) {
  return for_tasks(context, input, [](const json::object&, const std::string&) {});
}

Result<json::object> update_task_protection(Context& context, const json::object& input) {
  const json::array* tasks = find_array(input, "tasks");
  if (!tasks || tasks->empty()) return fail("InvalidParameterException", "Tasks cannot be empty.");
  const std::int64_t minutes = number(input, "expiresInMinutes", minutes_default);
  if (minutes < 1 || minutes > minutes_max)
    return fail("InvalidParameterException",
                fmt::format("expiresInMinutes must be between 1 and {}", minutes_max));
  const std::string cluster = cluster_name(input);
  return for_tasks(context, input, [&](const json::object& task, const std::string& id) {
    const std::string key = protection_key(context, cluster, id);
    const bool enabled = flag(input, "protectionEnabled");
    const Timestamp until = context.now() + std::chrono::minutes{enabled ? minutes : 0};
    if (enabled)
      put_json(context, key, {{"Until", epoch_seconds(until)}});
    else
      context.erase(key);
    // The service goes on with what had to wait.
    context.set_timer("ecs", fmt::format("protection/{}/{}", cluster, id), until,
                      {{"Cluster", cluster},
                       {"Service", text(task, "group").substr(8)},
                       {"Region", context.caller().region},
                       {"Account", context.caller().account}});
  });
}

bool is_protected(const Context& context, const json::object& task) {
  return protected_until(context, protection_key(context, last_part(text(task, "clusterArn")),
                                                 last_part(text(task, "taskArn"))))
      .has_value();
}

}  // namespace kiban::services::ecs
