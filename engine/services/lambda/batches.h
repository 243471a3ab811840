// The batches of an event source mapping: received, filtered, held for the batching window, run,
// and deleted when the function has done with them.
#pragma once

#include <string>

#include "services/base/service.h"

namespace kiban::services::lambda {

// The mapping polls with the next batch.
void poll_soon(Context& context, const std::string& uuid);

// Keys lambda/REGION/starved/FUNCTION/UUID: mappings that wait for room of the function.
std::string starved_prefix(const Context& context, std::string_view function);

// What the function's filters see of a message, and what it gets: a record of the event.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html#sample-event
json::object record_of(const Context& context, const json::object& message,
                       std::string_view queue_arn);

// Message ids that the function reports as failed; nullopt: the report is not valid, so the whole
// batch failed. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
std::optional<std::vector<std::string>> failed_items(const std::string& payload);

}  // namespace kiban::services::lambda
