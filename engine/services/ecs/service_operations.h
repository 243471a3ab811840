// CreateService and the other operations of services; scheduler.h keeps them at their count.
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

Result<json::object> create_service(Context& context, const json::object& input);
Result<json::object> update_service(Context& context, const json::object& input);
Result<json::object> delete_service(Context& context, const json::object& input);
Result<json::object> describe_services(Context& context, const json::object& input);
Result<json::object> list_services(Context& context, const json::object& input);

// {"cluster", "service"} to {"State", "Reason"} of the service's deployment, for CloudFormation:
// FAILED also while, and after, the circuit breaker rolls back, until the next UpdateService.
Result<json::object> service_rollout(Context& context, const json::object& input);

}  // namespace kiban::services::ecs
