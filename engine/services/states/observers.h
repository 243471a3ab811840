// What an execution tells others: CloudWatch Logs, metrics of AWS/States, status change events.
#pragma once

#include "asl/interpreter.h"
#include "services/base/service.h"

namespace kiban::services::states {

// Writes the events that the machine's logging level selects, one JSON line each.
// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
void log_events(Context& context, const json::object& machine, const json::object& execution,
                const std::vector<asl::HistoryEvent>& events);

// ExecutionsStarted, ExecutionsSucceeded, …; ExecutionTime when it ended.
// https://docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html
void count_started(Context& context, std::string_view machine_arn);
void count_finished(Context& context, std::string_view machine_arn, asl::Status status,
                    Duration took);

// "Step Functions Execution Status Change".
// https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
void publish_status(Context& context, const json::object& execution);

}  // namespace kiban::services::states
