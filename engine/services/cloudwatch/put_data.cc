#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "services/base/table_service.h"
#include "services/cloudwatch/alarms.h"
#include "services/cloudwatch/metrics.h"
#include "services/cloudwatch/operations.h"
#include "services/cloudwatch/tags.h"

namespace kiban::services::cloudwatch {
namespace {

constexpr std::size_t metrics_per_put_max = 1'000;

// "Values must be in the range of -2^360 to 2^360. In addition, special values (for example, NaN,
// +Infinity, -Infinity) are not supported":
// docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html
const double value_max = std::ldexp(1.0, 360);

Result<double> checked(const json::value& value, std::string_view member, std::size_t at) {
  const double given = value.to_number<double>();
  if (std::abs(given) <= value_max) return given;  // False for NaN.
  return fail("InvalidParameterValue",
              fmt::format("The value {} for parameter MetricData.member.{}.{} is invalid.", given,
                          at + 1, member));
}

Result<Minute> statistics_of(const json::object& set, std::size_t at) {
  Minute out;
  KIBAN_TRY(out.count, checked(set.at("SampleCount"), "StatisticValues.SampleCount", at));
  KIBAN_TRY(out.sum, checked(set.at("Sum"), "StatisticValues.Sum", at));
  KIBAN_TRY(out.min, checked(set.at("Minimum"), "StatisticValues.Minimum", at));
  KIBAN_TRY(out.max, checked(set.at("Maximum"), "StatisticValues.Maximum", at));
  if (out.count >= 0 && out.min <= out.max) return out;
  return fail("InvalidParameterCombination",
              fmt::format("MetricData.member.{}.StatisticValues needs a SampleCount that is not "
                          "negative, and a Minimum that is not above the Maximum.",
                          at + 1));
}

// A datum has one of Value, Values (with Counts) and StatisticValues.
Result<void> check_forms(const json::object& datum, std::size_t at) {
  constexpr std::pair<const char*, const char*> exclusive[] = {
      {"Value", "StatisticValues"}, {"Values", "StatisticValues"}, {"Value", "Values"}};
  for (const auto& [one, other] : exclusive) {
    if (datum.contains(one) && datum.contains(other))
      return fail("InvalidParameterCombination",
                  fmt::format("The parameters MetricData.member.{0}.{1} and "
                              "MetricData.member.{0}.{2} are mutually exclusive and you have "
                              "specified both.",
                              at + 1, one, other));
  }
  if (datum.contains("Counts") && !datum.contains("Values"))
    return fail("MissingParameter",
                fmt::format("The parameter MetricData.member.{}.Values is required.", at + 1));
  const json::array* values = find_array(datum, "Values");
  constexpr std::size_t values_max = 150;  // "up to 150 values per metric": PutMetricData.
  if (values && values->size() > values_max)
    return fail("InvalidParameterValue",
                fmt::format("The collection MetricData.member.{}.Values must not have a size "
                            "greater than {}.",
                            at + 1, values_max));
  const std::int64_t resolution = number(datum, "StorageResolution", 60);
  if (resolution != 1 && resolution != 60)
    return fail("InvalidParameterValue",
                fmt::format("The parameter MetricData.member.{}.StorageResolution must be 1 or 60.",
                            at + 1));
  return {};
}

Result<Minute> values_of(const json::object& datum, std::size_t at) {
  const json::object* set = find_object(datum, "StatisticValues");
  KIBAN_TRY_VOID(check_forms(datum, at));
  if (set) return statistics_of(*set, at);
  json::array values;
  if (const json::array* given = find_array(datum, "Values")) values = *given;
  if (const json::value* one = find(datum, "Value")) values.push_back(*one);
  if (values.empty())
    return fail("MissingParameter",
                fmt::format("The parameter MetricData.member.{}.Value is required.", at + 1));
  const json::array* counts = find_array(datum, "Counts");
  if (counts && counts->size() != values.size())
    return fail("InvalidParameterValue",
                fmt::format("The parameters MetricData.member.{0}.Values and "
                            "MetricData.member.{0}.Counts must be of the same size.",
                            at + 1));
  Minute merged;
  for (std::size_t i = 0; i < values.size(); ++i) {
    KIBAN_TRY(const double value, checked(values[i], "Value", at));
    double count = 1;
    if (counts) {
      KIBAN_TRY(count, checked((*counts)[i], "Counts", at));
    }
    if (count < 0)
      return fail("InvalidParameterValue",
                  fmt::format("The parameter MetricData.member.{}.Counts is negative.", at + 1));
    merged.min = i == 0 ? value : std::min(merged.min, value);
    merged.max = i == 0 ? value : std::max(merged.max, value);
    merged.sum += value * count;
    merged.count += count;
  }
  return merged;
}

// "The time stamp can be up to two weeks in the past and up to two hours into the future":
// docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
Result<Timestamp> time_of_datum(const Context& context, const json::object& datum, std::size_t at) {
  constexpr std::chrono::hours past_max{24 * 14};
  constexpr std::chrono::hours future_max{2};
  const json::value* given = find(datum, "Timestamp");
  if (!given) return context.now();
  const double ahead = given->to_number<double>() - epoch_seconds(context.now());
  constexpr double hour = 3'600;
  if (ahead <= hour * future_max.count() && ahead >= -hour * past_max.count())
    return from_epoch_seconds(given->to_number<double>());
  return fail(
      "InvalidParameterValue",
      fmt::format(
          "The parameter MetricData.member.{}.Timestamp must specify a time {}.", at + 1,
          ahead > 0 ? "no more than two hours in the future" : "within the past two weeks"));
}

}  // namespace

Result<json::object> put_metric_data(Context& context, const json::object& input) {
  const json::array* data = find_array(input, "MetricData");
  if (!data || data->empty())
    return fail("MissingParameter", "The parameter MetricData is required.");
  if (data->size() > metrics_per_put_max)
    return fail("InvalidParameterValue", "A request holds at most 1000 metrics.");
  std::vector<Metric> touched;
  for (std::size_t i = 0; i < data->size(); ++i) {
    const json::object& datum = (*data)[i].as_object();
    KIBAN_TRY_VOID(check_dimensions(datum));
    Metric metric = metric_from(datum);
    metric.metric_namespace = text(input, "Namespace");
    KIBAN_TRY(Minute values, values_of(datum, i));
    values.unit = text(datum, "Unit", "None");
    KIBAN_TRY(const Timestamp time, time_of_datum(context, datum, i));
    add(context, metric, time, values);
    if (std::ranges::find(touched, metric) == touched.end()) touched.push_back(std::move(metric));
  }
  for (const Metric& metric : touched) evaluate_metric(context, metric);
  return json::object{};
}

void put_metric_sum(Context& context, const MetricSum& sum) {
  Metric metric{.metric_namespace = std::string(sum.datum.metric_namespace),
                .name = std::string(sum.datum.name)};
  for (const auto& [name, value] : sum.datum.dimensions) {
    // A machine's name may have characters that keep CloudWatch from counting it:
    // docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
    if (!is_dimension_value(value)) return;
    metric.dimensions.emplace(name, value);
  }
  add(context, metric, context.now(),
      {.count = sum.count,
       .sum = sum.sum,
       .min = sum.min,
       .max = sum.max,
       .unit = std::string(sum.datum.unit)});
  evaluate_metric(context, metric);
}

}  // namespace kiban::services::cloudwatch
