// Activities: tasks that workers fetch by long poll and answer by token.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-activities.html
#pragma once

#include "services/base/service.h"
#include "services/states/executions.h"

namespace kiban::services::states {

Result<json::object> create_activity(Context& context, const json::object& input);
Result<json::object> describe_activity(Context& context, const json::object& input);
Result<json::object> delete_activity(Context& context, const json::object& input);
Result<json::object> list_activities(Context& context, const json::object& input);
// Waits up to 60 seconds; then an empty reply.
Result<json::object> get_activity_task(Context& context, Executions& executions,
                                       const json::object& input);
// {"Execution", "Task", "Activity", "Token", "Input"} for the next worker.
Result<json::object> queue_activity_task(Context& context, const json::object& input);

}  // namespace kiban::services::states
