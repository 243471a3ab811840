// The running tasks of a service are targets of its target groups.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-load-balancing.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// Registers the task by its private address, and tells the service's events of it once.
void register_targets(Context& context, json::object& service, const json::object& task);
// The task has ended.
void deregister_targets(Context& context, json::object& service, const json::object& task);

}  // namespace kiban::services::ecs
