// What PutMetricAlarm demands of an alarm.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::cloudwatch {

// Errors: ValidationError, MissingParameter, InvalidParameterCombination, InvalidParameterValue.
Result<void> check_alarm(const Context& context, const json::object& input);

// By a ComparisonOperator of static thresholds; ValidationError for the others.
Result<bool> breaches(double value, std::string_view comparison, double threshold);

}  // namespace kiban::services::cloudwatch
