// What became of alarms: cloudwatch/REGION/history/ALARM, the last hundred entries. "CloudWatch
// retains the history of an alarm even if you delete the alarm": DescribeAlarmHistory.
#pragma once

#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::cloudwatch {

// `type`: StateUpdate, ConfigurationUpdate or Action.
void note(Context& context, std::string_view alarm, std::string_view type,
          const std::string& summary, const json::object& data);
Result<json::object> describe_alarm_history(Context& context, const json::object& input);

}  // namespace kiban::services::cloudwatch
