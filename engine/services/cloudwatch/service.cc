#include "services/cloudwatch/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "services/base/table_service.h"
#include "services/cloudwatch/alarms.h"
#include "services/cloudwatch/metrics.h"
#include "services/cloudwatch/tags.h"

namespace kiban::services::cloudwatch {
namespace {

constexpr std::size_t page_size = 500;
constexpr std::size_t metrics_per_put_max = 1'000;

Timestamp time_of(const json::object& input, std::string_view key, Timestamp fallback) {
  const json::value* seconds = find(input, key);
  return seconds ? from_epoch_seconds(seconds->to_number<double>()) : fallback;
}

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

Result<Minute> values_of(const json::object& datum, std::size_t at) {
  const json::object* set = find_object(datum, "StatisticValues");
  if (set && (datum.contains("Value") || datum.contains("Values")))
    return fail("InvalidParameterCombination",
                fmt::format("The parameters MetricData.member.{0}.Value and "
                            "MetricData.member.{0}.StatisticValues are mutually exclusive and you "
                            "have specified both.",
                            at + 1));
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

Result<json::object> put_metric_data(Context& context, const json::object& input) {
  const json::array* data = find_array(input, "MetricData");
  if (!data || data->empty())
    return fail("MissingParameter", "The parameter MetricData is required.");
  if (data->size() > metrics_per_put_max)
    return fail("InvalidParameterValue", "A request holds at most 1000 metrics.");
  std::vector<Metric> touched;
  for (std::size_t i = 0; i < data->size(); ++i) {
    const json::object& datum = (*data)[i].as_object();
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

Result<std::chrono::seconds> period_of(const json::object& input) {
  const std::int64_t period = number(input, "Period", 0);
  if (period < 60 || period % 60 != 0)
    return fail("InvalidParameterValue",
                "The parameter Period must be a multiple of 60: kiban keeps minutes.");
  return std::chrono::seconds{period};
}

Result<json::object> get_metric_statistics(Context& context, const json::object& input) {
  KIBAN_TRY(const std::chrono::seconds period, period_of(input));
  if (input.contains("ExtendedStatistics"))
    return fail("InvalidParameterValue", "kiban does not compute ExtendedStatistics (percentiles)");
  const json::array* statistics = find_array(input, "Statistics");
  json::array datapoints;
  const auto periods = read(context, metric_from(input), time_of(input, "StartTime", {}),
                            time_of(input, "EndTime", context.now()), period);
  for (const Period& one : periods) {
    json::object datapoint{{"Timestamp", epoch_seconds(one.start)}, {"Unit", one.values.unit}};
    for (const json::value& name : statistics ? *statistics : json::array{}) {
      KIBAN_TRY(datapoint[name.as_string()],
                statistic(one.values, std::string_view(name.as_string())));
    }
    datapoints.push_back(std::move(datapoint));
  }
  return json::object{{"Label", text(input, "MetricName")}, {"Datapoints", std::move(datapoints)}};
}

Result<json::object> query_result(Context& context, const json::object& input,
                                  const json::object& query) {
  const json::object* stat = find_object(query, "MetricStat");
  if (!stat)
    return fail("ValidationError",
                fmt::format("kiban does not evaluate expressions (query '{}'): use MetricStat",
                            text(query, "Id")));
  KIBAN_TRY(const std::chrono::seconds period, period_of(*stat));
  const Metric metric = metric_from(*find_object(*stat, "Metric"));
  auto periods = read(context, metric, time_of(input, "StartTime", {}),
                      time_of(input, "EndTime", context.now()), period);
  if (text(input, "ScanBy") != "TimestampAscending") std::ranges::reverse(periods);
  json::array times;
  json::array values;
  for (const Period& one : periods) {
    KIBAN_TRY(const double value, statistic(one.values, text(*stat, "Stat")));
    times.push_back(epoch_seconds(one.start));
    values.push_back(value);
  }
  return json::object{{"Id", text(query, "Id")},
                      {"Label", text(query, "Label", metric.name)},
                      {"Timestamps", std::move(times)},
                      {"Values", std::move(values)},
                      {"StatusCode", "Complete"}};
}

Result<json::object> get_metric_data(Context& context, const json::object& input) {
  json::array results;
  const json::array* queries = find_array(input, "MetricDataQueries");
  for (const json::value& query : queries ? *queries : json::array{}) {
    KIBAN_TRY(json::object result, query_result(context, input, query.as_object()));
    if (flag(query.as_object(), "ReturnData", true)) results.push_back(std::move(result));
  }
  return json::object{{"MetricDataResults", std::move(results)}, {"Messages", json::array{}}};
}

bool selected(const json::object& input, const Metric& metric) {
  const std::string wanted_namespace = text(input, "Namespace");
  const std::string wanted_name = text(input, "MetricName");
  if (!wanted_namespace.empty() && wanted_namespace != metric.metric_namespace) return false;
  if (!wanted_name.empty() && wanted_name != metric.name) return false;
  const json::array* filters = find_array(input, "Dimensions");
  return std::ranges::all_of(filters ? *filters : json::array{}, [&](const json::value& filter) {
    const auto found = metric.dimensions.find(text(filter.as_object(), "Name"));
    return found != metric.dimensions.end() &&
           text(filter.as_object(), "Value", found->second) == found->second;
  });
}

Result<json::object> list_metrics_page(Context& context, const json::object& input) {
  json::array all;
  for (const Metric& metric : list_metrics(context)) {
    if (selected(input, metric)) all.push_back(to_json(metric));
  }
  KIBAN_TRY(Page page, paginate(all, page_size, find_string(input, "NextToken")));
  json::object reply{{"Metrics", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

Result<json::object> put_dashboard(Context& context, const json::object& input) {
  const auto body = parse_json(text(input, "DashboardBody"));
  if (!body || !body->is_object())
    return fail("DashboardInvalidInputError", "The field DashboardBody must be a JSON object");
  const std::string key = dashboard_key(context, text(input, "DashboardName"));
  // Only of a new one, as with alarms.
  if (!context.get(key))
    set_tags(context, dashboard_arn(context, text(input, "DashboardName")), input);
  put_json(context, key,
           {{"Body", text(input, "DashboardBody")}, {"Modified", epoch_seconds(context.now())}});
  return json::object{{"DashboardValidationMessages", json::array{}}};
}

Result<json::object> get_dashboard(Context& context, const json::object& input) {
  const std::string name = text(input, "DashboardName");
  const auto row = get_json(context, dashboard_key(context, name));
  if (!row) return fail("DashboardNotFoundError", fmt::format("Dashboard {} does not exist", name));
  return json::object{{"DashboardName", name},
                      {"DashboardArn", json::value(dashboard_arn(context, name))},
                      {"DashboardBody", row->at("Body")}};
}

Result<json::object> list_dashboards(Context& context, const json::object& input) {
  json::array entries;
  const std::string base = dashboard_key(context, "");
  for (const store::Row& row : context.scan(base + text(input, "DashboardNamePrefix"))) {
    KIBAN_TRY(const json::value fields, parse_json(row.value));
    const std::string name = row.key.substr(base.size());
    entries.push_back({{"DashboardName", name},
                       {"DashboardArn", json::value(dashboard_arn(context, name))},
                       {"LastModified", fields.at("Modified")},
                       {"Size", fields.at("Body").as_string().size()}});
  }
  return json::object{{"DashboardEntries", std::move(entries)}};
}

Result<json::object> delete_dashboards(Context& context, const json::object& input) {
  const json::array* names = find_array(input, "DashboardNames");
  for (const json::value& name : names ? *names : json::array{}) {
    const std::string_view dashboard = name.as_string();
    context.erase(dashboard_key(context, dashboard));
    drop_tags(context, dashboard_arn(context, dashboard));
  }
  return json::object{};
}

constexpr std::string_view evaluate_alarm = "kiban:EvaluateAlarm";

const OperationTable operations = {
    {evaluate_alarm,
     [](Context& context, const json::object& input) -> Result<json::object> {
       evaluate_timer(context, input);
       return json::object{};
     }},
    {"DeleteAlarms", delete_alarms},
    {"DeleteDashboards", delete_dashboards},
    {"DescribeAlarmHistory", describe_alarm_history},
    {"DescribeAlarms", describe_alarms},
    {"DescribeAlarmsForMetric", describe_alarms_for_metric},
    {"DisableAlarmActions", disable_actions},
    {"EnableAlarmActions", enable_actions},
    {"GetDashboard", get_dashboard},
    {"GetMetricData", get_metric_data},
    {"GetMetricStatistics", get_metric_statistics},
    {"ListDashboards", list_dashboards},
    {"ListMetrics", list_metrics_page},
    {"ListTagsForResource", list_tags},
    {"PutDashboard", put_dashboard},
    {"PutMetricAlarm", put_alarm},
    {"PutMetricData", put_metric_data},
    {"SetAlarmState", set_alarm_state},
    {"TagResource", tag_resource},
    {"UntagResource", untag_resource},
};

class CloudWatch : public TableService {
 public:
  CloudWatch() : TableService("cloudwatch", operations) {}
  // As an operation of the alarm's own region; no model has it, so the wire cannot reach it.
  void on_timer(Context& context, const json::object& payload) override {
    const Caller self{.account = text(payload, "Account"),
                      .region = text(payload, "Region"),
                      .arn = "cloudwatch.amazonaws.com"};
    (void)context.call("cloudwatch", evaluate_alarm, payload, self);
  }
};

}  // namespace

std::unique_ptr<Service> make_cloudwatch() { return std::make_unique<CloudWatch>(); }

}  // namespace kiban::services::cloudwatch
