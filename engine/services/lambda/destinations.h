// Where Lambda tells the end of asynchronous invocations: destinations get a record of it,
// dead-letter queues the event itself.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
#pragma once

#include <string>

#include "core/arn.h"
#include "services/lambda/names.h"

namespace kiban::services::lambda {

struct Ended {
  std::string id{};
  FunctionName function{};
  std::string payload{};
  std::int64_t attempts{0};
  std::string condition{};  // Success, RetriesExhausted, EventAgeExceeded.
  json::object outcome{};   // Of the last attempt; empty: there was none.
  json::object config{};    // The event invoke config; empty: none.
};

bool is_destination(const Arn& arn);
void tell_success(Context& context, const Ended& ended);
void tell_failure(Context& context, const Ended& ended);

// A message to a queue or topic, a Lambda event or an event of EventBridge.
Result<void> send_record(Context& context, const std::string& destination,
                         const json::object& record, std::string_view detail_type,
                         const Caller& as);

}  // namespace kiban::services::lambda
