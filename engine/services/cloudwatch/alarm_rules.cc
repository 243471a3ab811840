#include "services/cloudwatch/alarm_rules.h"

#include <fmt/format.h>

#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/cloudwatch/metrics.h"

namespace kiban::services::cloudwatch {
namespace {

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationError", std::move(cause));
}

Result<void> check_source(const json::object& input) {
  // "For each PutMetricAlarm operation, you must specify either MetricName, a Metrics array, or an
  // EvaluationCriteria."
  const int sources = (input.contains("MetricName") ? 1 : 0) + (input.contains("Metrics") ? 1 : 0) +
                      (input.contains("EvaluationCriteria") ? 1 : 0);
  if (sources != 1)
    return invalid(
        "Exactly one of MetricName, Metrics and EvaluationCriteria must be specified for an "
        "alarm.");
  if (input.contains("Metrics")) {
    for (const char* member :
         {"Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic"}) {
      if (input.contains(member))
        return fail("InvalidParameterCombination",
                    fmt::format("The parameters Metrics and {} cannot both be specified.", member));
    }
  }
  for (const char* member :
       {"Metrics", "EvaluationCriteria", "EvaluationInterval", "ThresholdMetricId",
        "ExtendedStatistic", "EvaluateLowSampleCountPercentile"}) {
    if (input.contains(member))
      return invalid(fmt::format("kiban does not honour {} of PutMetricAlarm", member));
  }
  for (const char* member :
       {"Namespace", "Statistic", "Period", "EvaluationPeriods", "Threshold"}) {
    if (!input.contains(member))
      return fail("MissingParameter", fmt::format("The parameter {} is required.", member));
  }
  return check_dimensions(input);
}

// "EvaluationPeriods multiplied by Period": one day, or a week with periods of an hour and more.
Result<void> check_periods(const json::object& input) {
  constexpr std::int64_t hour = 3'600;
  constexpr std::int64_t day = 86'400;
  const std::int64_t period = number(input, "Period", 0);
  const std::int64_t periods = number(input, "EvaluationPeriods", 0);
  if (period != 10 && period != 20 && period != 30 && period % 60 != 0)
    return invalid("Period must be 10, 20, 30 or a multiple of 60");
  if (period < 60) return invalid("kiban keeps minutes: Period must be a multiple of 60");
  const std::int64_t most = period >= hour ? 7 * day : day;
  if (periods > most / period)
    return invalid(fmt::format(
        "Metrics cannot be checked across more than {} (EvaluationPeriods * Period must be <= {}).",
        period >= hour ? "a week" : "a day", most));
  if (number(input, "DatapointsToAlarm", periods) > periods)
    return invalid("DatapointsToAlarm must be less than or equal to EvaluationPeriods.");
  return {};
}

Result<void> check_actions(const Context& context, const json::object& input) {
  for (const auto* list : {"AlarmActions", "OKActions", "InsufficientDataActions"}) {
    const json::array* actions = find_array(input, list);
    for (const json::value& action : actions ? *actions : json::array{}) {
      const std::string_view text = action.as_string();
      const auto arn = parse_arn(text);
      if (!arn) return invalid(fmt::format("Invalid arn syntax: {}", text));
      if (!arn->region.empty() && arn->region != context.caller().region)
        return invalid(fmt::format("Invalid region {} specified. Only {} is supported.",
                                   arn->region, context.caller().region));
      if (arn->service != "sns" && arn->service != "lambda")
        return invalid(
            fmt::format("kiban notifies SNS topics and Lambda functions only, not '{}'", text));
    }
  }
  return {};
}

}  // namespace

Result<bool> breaches(double value, std::string_view comparison, double threshold) {
  if (comparison == "GreaterThanOrEqualToThreshold") return value >= threshold;
  if (comparison == "GreaterThanThreshold") return value > threshold;
  if (comparison == "LessThanThreshold") return value < threshold;
  if (comparison == "LessThanOrEqualToThreshold") return value <= threshold;
  return invalid(fmt::format("kiban does not compare by '{}'", comparison));
}

Result<void> check_alarm(const Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_source(input));
  KIBAN_TRY_VOID(check_periods(input));
  KIBAN_TRY_VOID(check_actions(context, input));
  if (!input.contains("ComparisonOperator"))
    return fail("MissingParameter", "The parameter ComparisonOperator is required.");
  KIBAN_TRY_VOID(breaches(0, text(input, "ComparisonOperator"), 0));
  return {};
}

}  // namespace kiban::services::cloudwatch
