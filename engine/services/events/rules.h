// Buses and rules: what they are, and when a scheduled one fires next.
#pragma once

#include <optional>

#include "services/base/service.h"

namespace kiban::services::events {

Result<json::object> create_bus(Context& context, const json::object& input);
Result<json::object> update_bus(Context& context, const json::object& input);
Result<json::object> delete_bus(Context& context, const json::object& input);
Result<json::object> describe_bus(Context& context, const json::object& input);
Result<json::object> list_buses(Context& context, const json::object& input);

Result<json::object> put_rule(Context& context, const json::object& input);
Result<json::object> describe_rule(Context& context, const json::object& input);
Result<json::object> list_rules(Context& context, const json::object& input);
Result<json::object> enable_rule(Context& context, const json::object& input);
Result<json::object> disable_rule(Context& context, const json::object& input);
Result<json::object> delete_rule(Context& context, const json::object& input);

// Sets the one timer of a scheduled rule to its first firing after that instant; drops it when the
// rule is disabled or has no schedule. `caught_up_until` goes into the timer (missed.h).
void schedule(Context& context, const json::object& rule, Timestamp after,
              std::optional<Timestamp> caught_up_until = std::nullopt);

}  // namespace kiban::services::events
