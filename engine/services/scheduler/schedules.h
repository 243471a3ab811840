// Schedules: what they are. firing.h serves them.
#pragma once

#include "services/base/service.h"

namespace kiban::services::scheduler {

Result<json::object> create_schedule(Context& context, const json::object& input);
// Members that the request leaves out take their defaults, as AWS has it. A rate goes on counting
// when expression, StartDate and State stay as they were; otherwise it starts anew.
Result<json::object> update_schedule(Context& context, const json::object& input);
Result<json::object> get_schedule(Context& context, const json::object& input);
Result<json::object> delete_schedule(Context& context, const json::object& input);
// In the order of groups, then names. A page reads a bounded number of rows: one that filters by
// State may have fewer entries than asked for, even none, and a token all the same.
Result<json::object> list_schedules(Context& context, const json::object& input);

}  // namespace kiban::services::scheduler
