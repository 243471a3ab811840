// Services: as many tasks as desired, of the service's task definition.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_scheduler_concepts.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

Result<json::object> create_service(Context& context, const json::object& input);
Result<json::object> update_service(Context& context, const json::object& input);
Result<json::object> delete_service(Context& context, const json::object& input);
Result<json::object> describe_services(Context& context, const json::object& input);
Result<json::object> list_services(Context& context, const json::object& input);

// Starts or stops tasks until the count fits. A start that follows a failed one waits.
void reconcile(Context& context, std::string_view cluster, std::string_view service);
// A task stopped: replace it if it belongs to a service.
void on_service_task_stopped(Context& context, const json::object& task);

}  // namespace kiban::services::ecs
