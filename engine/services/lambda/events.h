// Asynchronous invocations: events wait in a durable queue, are run, tried again, and told to a
// destination or a dead-letter queue at the end.
// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
//
// A row lambda/event/REQUEST lives until then: Region, Account, Function, Qualifier, Payload,
// ClientContext, Received (ms), Attempts (how often the function ran), Throttles (how often there
// was no room, or the service failed).
#pragma once

#include "services/base/table_service.h"
#include "services/lambda/invocations.h"

namespace kiban::services::lambda {

OperationTable event_config_operations();

void accept_event(Context& context, const Invocation& invocation);
// An attempt ended.
void event_ended(Context& context, const std::string& id, const json::object& outcome);
// The timer of an event that waits.
void try_event(Context& context, const std::string& id);

}  // namespace kiban::services::lambda
