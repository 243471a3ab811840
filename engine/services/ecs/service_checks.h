// What CreateService and UpdateService demand of a request.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// The members of a request alone. Error InvalidParameterException.
Result<void> check_service_request(const json::object& input);

// The service as it would be, with the revision that its tasks would have: network, launch type,
// platform, load balancers, execute command. Errors InvalidParameterException, ClientException,
// PlatformUnknownException.
Result<void> check_service_tasks(Context& context, const json::object& service,
                                 const json::object& definition);

}  // namespace kiban::services::ecs
