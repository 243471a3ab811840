// Tasks of services that scaling in and deployments leave alone for a while.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

Result<json::object> get_task_protection(Context& context, const json::object& input);
Result<json::object> update_task_protection(Context& context, const json::object& input);
// `task`'s row, now.
bool is_protected(const Context& context, const json::object& task);

}  // namespace kiban::services::ecs
