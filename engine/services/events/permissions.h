// The policy of a bus, statement by statement or as a whole.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPermission.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::events {

Result<json::object> put_permission(Context& context, const json::object& input);
Result<json::object> remove_permission(Context& context, const json::object& input);

}  // namespace kiban::services::events
