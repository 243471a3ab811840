// API destinations: somebody's HTTP API as the target of a rule.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html
//
// A call has 5 seconds. 401, 407, 409, 429, 5xx and calls that got no answer are tried again like
// any other delivery, not before the seconds that Retry-After names; a negative one, and any other
// answer but 2xx, is final.
#pragma once

#include <optional>

#include "services/base/service.h"
#include "services/events/delivery.h"
#include "services/events/invoke.h"

namespace kiban::services::events {

Result<json::object> create_destination(Context& context, const json::object& input);
Result<json::object> update_destination(Context& context, const json::object& input);
Result<json::object> describe_destination(Context& context, const json::object& input);
Result<json::object> list_destinations(Context& context, const json::object& input);
Result<json::object> delete_destination(Context& context, const json::object& input);

bool is_destination_arn(std::string_view arn);

// When it may be called for this delivery, by its rate limit: that many calls a second.
Result<Timestamp> turn_of(Context& context, const Delivery& delivery);
// Begins the call; nothing: its end is told by on_delivered.
std::optional<Failure> call_destination(Context& context, const Delivery& delivery);

// Not in the API: called as the target's role, {"Arn", "Call"}; and by http_calls.h.
constexpr std::string_view invoke_operation = "kiban:InvokeApiDestination";
constexpr std::string_view delivered_operation = "kiban:Delivered";
Result<json::object> invoke_destination(Context& context, const json::object& input);
void on_delivered(Context& context, const json::object& input);

}  // namespace kiban::services::events
