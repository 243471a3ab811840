// What a container asks about itself and its task: the task metadata endpoint, version 4.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// The ID in ECS_CONTAINER_METADATA_URI_V4 of the container at `index` of the task's definition.
std::string metadata_id(const json::object& task, std::size_t index);
// Answers for the task from now on; `interface` as take_interface gave it. Returns a secret: a task
// without an address of its own asks for ID.SECRET instead of ID.
std::string offer_metadata(Context& context, const json::object& task,
                           const json::object& interface);
void withdraw_metadata(Context& context, const json::object& task);

// kiban:TaskMetadata {"Path": "ID", "ID/task" or "ID/taskWithTags", "Task"?: the id of the task
// that asks, by its address; without it ID needs the secret}. Errors: NotFound, NotServed (stats).
Result<json::object> task_metadata(Context& context, const json::object& input);

}  // namespace kiban::services::ecs
