// What a rule invokes: operations on targets, and which targets are served.
#pragma once

#include "services/base/service.h"

namespace kiban::services::events {

Result<json::object> put_targets(Context& context, const json::object& input);
Result<json::object> remove_targets(Context& context, const json::object& input);
Result<json::object> list_targets(Context& context, const json::object& input);
Result<json::object> list_rules_by_target(Context& context, const json::object& input);

}  // namespace kiban::services::events
