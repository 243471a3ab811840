// Tasks: started by RunTask or a service, moved by the outcomes of their effect.
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

Result<json::object> run_task(Context& context, const json::object& input);
Result<json::object> stop_task(Context& context, const json::object& input);
Result<json::object> describe_tasks(Context& context, const json::object& input);
Result<json::object> list_tasks(Context& context, const json::object& input);

// The id behind an ARN or id of a request that named `cluster`. Error InvalidParameterException
// when the ARN is of another cluster.
Result<std::string> task_id(std::string_view arn_or_id, std::string_view cluster);

// Starts one task of a checked request; `group` is "family:…" or "service:…"; the request's
// member capacityProviderName is what it was given to. Returns its row.
json::object start_task(Context& context, const json::object& input, const json::object& registered,
                        std::string_view cluster, std::string_view group);
void request_stop(Context& context, json::object& task, std::string_view code,
                  std::string_view reason);

// The reason of a service's stop that counts as a failure of the task.
constexpr std::string_view failed_health_checks = "Task failed container health checks";
constexpr std::string_view failed_target_checks = "Task failed ELB health checks in";

// Erases the row KIND/NAME of what has ended an hour later, and those whose hour is over.
void forget_later(Context& context, std::string_view kind, std::string_view name);

// What `task.run` reported. Returns the task's row after it; nothing when the task is unknown.
std::optional<json::object> on_task_outcome(Context& context, const json::object& payload,
                                            const Outcome& outcome);

}  // namespace kiban::services::ecs
