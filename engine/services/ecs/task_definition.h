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
Result<json::object> describe_task_definition(Context& context, const json::object& input);
Result<json::object> list_task_definitions(Context& context, const json::object& input);
Result<json::object> list_families(Context& context, const json::object& input);

}  // namespace kiban::services::ecs
