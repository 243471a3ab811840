// Alarms on one metric: evaluated every period, and again when a datapoint arrives.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html
#pragma once

#include "services/base/service.h"
#include "services/cloudwatch/metrics.h"

namespace kiban::services::cloudwatch {

Result<json::object> put_alarm(Context& context, const json::object& input);
Result<json::object> describe_alarms(Context& context, const json::object& input);
Result<json::object> describe_alarms_for_metric(Context& context, const json::object& input);
Result<json::object> delete_alarms(Context& context, const json::object& input);
Result<json::object> set_alarm_state(Context& context, const json::object& input);
Result<json::object> enable_actions(Context& context, const json::object& input);
Result<json::object> disable_actions(Context& context, const json::object& input);

// The timer of one alarm.
void evaluate_timer(Context& context, const json::object& payload);
// All alarms on this metric, now.
void evaluate_metric(Context& context, const Metric& metric);

}  // namespace kiban::services::cloudwatch
