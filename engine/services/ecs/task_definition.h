// Task definitions: immutable revisions of a family.
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// FAMILY (its latest active revision), FAMILY:REVISION or an ARN. Error ClientException "Unable to
// describe task definition."; RunTask says "TaskDefinition not found." instead.
Result<json::object> load_task_definition(const Context& context, std::string_view name);

// How a container's output is kept: {"Mode": "blocking" or "non-blocking", "BufferBytes"?}.
json::object log_plan(const json::object& container);

Result<json::object> register_task_definition(Context& context, const json::object& input);
Result<json::object> deregister_task_definition(Context& context, const json::object& input);
// INACTIVE ones only; one that a service or a task still uses stays as DELETE_IN_PROGRESS.
Result<json::object> delete_task_definitions(Context& context, const json::object& input);
Result<json::object> describe_task_definition(Context& context, const json::object& input);
Result<json::object> list_task_definitions(Context& context, const json::object& input);
Result<json::object> list_families(Context& context, const json::object& input);

// GiB of a task's writable storage: sizes that may be asked for, and that of a task on Fargate that
// asks for none.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_EphemeralStorage.html
inline constexpr std::int64_t ephemeral_gib_min = 21;
inline constexpr std::int64_t ephemeral_gib_max = 200;
inline constexpr std::int64_t ephemeral_gib_default = 20;

// Checks the member ephemeralStorage of a definition or of overrides. Its Error is named `error`.
Result<void> check_ephemeral_storage(const json::object& holder, const char* error);
std::int64_t ephemeral_gib(const json::object& definition);

}  // namespace kiban::services::ecs
