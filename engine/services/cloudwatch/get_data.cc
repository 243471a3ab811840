#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/base/table_service.h"
#include "services/cloudwatch/alarms.h"
#include "services/cloudwatch/metrics.h"
#include "services/cloudwatch/operations.h"
#include "services/cloudwatch/tags.h"

namespace kiban::services::cloudwatch {
namespace {

Timestamp time_of(const json::object& input, std::string_view key, Timestamp fallback) {
  const json::value* seconds = find(input, key);
  return seconds ? from_epoch_seconds(seconds->to_number<double>()) : fallback;
}

Result<std::chrono::seconds> period_of(const json::object& input) {
  const std::int64_t period = number(input, "Period", 0);
  if (period < 60 || period % 60 != 0)
    return fail("InvalidParameterValue",
                "The parameter Period must be a multiple of 60: kiban keeps minutes.");
  return std::chrono::seconds{period};
}

struct Range {
  Timestamp from{};
  Timestamp to{};
};

Result<Range> range_of(const Context& context, const json::object& input) {
  const Range range{time_of(input, "StartTime", {}), time_of(input, "EndTime", context.now())};
  if (range.from < range.to) return range;
  return fail("InvalidParameterValue",
              "The parameter StartTime must be less than the parameter EndTime.");
}

// "If you request more than 1,440 data points, CloudWatch returns an error": GetMetricStatistics.
Result<void> check_datapoints(const Range& range, std::chrono::seconds period) {
  constexpr std::int64_t datapoints_max = 1'440;
  const std::int64_t datapoints = (range.to - range.from + period - Duration{1}) / period;
  if (datapoints <= datapoints_max) return {};
  return fail("InvalidParameterCombination",
              fmt::format("You have requested up to {} datapoints, which exceeds the limit of {}. "
                          "You may reduce the datapoints requested by increasing Period, or "
                          "decreasing the time range.",
                          datapoints, datapoints_max));
}

// "If you specify a unit, the operation returns only data that was collected with that unit."
bool of_unit(const json::object& input, const Period& period) {
  return !input.contains("Unit") || text(input, "Unit") == period.values.unit;
}

}  // namespace

Result<json::object> get_metric_statistics(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_dimensions(input));
  KIBAN_TRY(const Range range, range_of(context, input));
  KIBAN_TRY(const std::chrono::seconds period, period_of(input));
  KIBAN_TRY_VOID(check_datapoints(range, period));
  const json::array* statistics = find_array(input, "Statistics");
  if (input.contains("ExtendedStatistics") && statistics)
    return fail("InvalidParameterCombination",
                "The parameters Statistics and ExtendedStatistics cannot both be specified.");
  if (input.contains("ExtendedStatistics"))
    return fail("InvalidParameterValue", "kiban does not compute ExtendedStatistics (percentiles)");
  if (!statistics)
    return fail("MissingParameter", "Must specify Statistics or ExtendedStatistics.");
  json::array datapoints;
  for (const Period& one : read(context, metric_from(input), range.from, range.to, period)) {
    if (!of_unit(input, one)) continue;
    json::object datapoint{{"Timestamp", epoch_seconds(one.start)}, {"Unit", one.values.unit}};
    for (const json::value& name : *statistics) {
      KIBAN_TRY(datapoint[name.as_string()],
                statistic(one.values, std::string_view(name.as_string())));
    }
    datapoints.push_back(std::move(datapoint));
  }
  return json::object{{"Label", text(input, "MetricName")}, {"Datapoints", std::move(datapoints)}};
}

namespace {

// "Within one MetricDataQuery object, you must specify either Expression or MetricStat but not
// both": MetricDataQuery.
Result<void> check_query(const json::object& query) {
  const std::string id = text(query, "Id");
  const bool first = !id.empty() && id[0] >= 'a' && id[0] <= 'z';
  const bool rest = std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!first || !rest)
    return fail(
        "ValidationError",
        fmt::format("The value {} for parameter MetricDataQueries.member.Id is not matching "
                    "the expected pattern ^[a-z][a-zA-Z0-9_]*$",
                    id));
  if (query.contains("Expression") == query.contains("MetricStat"))
    return fail(
        "ValidationError",
        fmt::format("The query '{}' must have either Expression or MetricStat, and not both.", id));
  for (const char* member : {"AccountId", "Period"}) {
    if (query.contains(member))
      return fail("ValidationError",
                  fmt::format("kiban does not honour {} of the query '{}'", member, id));
  }
  const json::object* stat = find_object(query, "MetricStat");
  if (!stat)
    return fail(
        "ValidationError",
        fmt::format("kiban does not evaluate expressions (query '{}'): use MetricStat", id));
  const json::object& metric = stat->at("Metric").as_object();
  for (const char* member : {"Namespace", "MetricName"}) {
    if (!metric.contains(member))
      return fail("ValidationError",
                  fmt::format("The parameter MetricStat.Metric.{} of the query '{}' is required",
                              member, id));
  }
  return check_dimensions(metric);
}

Result<json::object> query_result(const Context& context, const json::object& input,
                                  const json::object& query, const Range& range) {
  const json::object& stat = query.at("MetricStat").as_object();
  KIBAN_TRY(const std::chrono::seconds period, period_of(stat));
  const Metric metric = metric_from(stat.at("Metric").as_object());
  auto periods = read(context, metric, range.from, range.to, period);
  if (text(input, "ScanBy") != "TimestampAscending") std::ranges::reverse(periods);
  json::array times;
  json::array values;
  for (const Period& one : periods) {
    if (!of_unit(stat, one)) continue;
    KIBAN_TRY(const double value, statistic(one.values, text(stat, "Stat")));
    times.push_back(epoch_seconds(one.start));
    values.push_back(value);
  }
  return json::object{{"Id", text(query, "Id")},
                      {"Label", text(query, "Label", metric.name)},
                      {"Timestamps", std::move(times)},
                      {"Values", std::move(values)},
                      {"StatusCode", "Complete"}};
}

constexpr std::int64_t datapoints_default = 100'800;  // Of one page of GetMetricData.
constexpr std::size_t queries_max = 500;

}  // namespace

Result<json::object> get_metric_data(Context& context, const json::object& input) {
  if (input.contains("NextToken"))
    return fail("InvalidNextToken", "The token was not issued by GetMetricData");
  KIBAN_TRY(const Range range, range_of(context, input));
  const json::array* queries = find_array(input, "MetricDataQueries");
  if (!queries || queries->empty() || queries->size() > queries_max)
    return fail("ValidationError",
                fmt::format("A request has between 1 and {} metric data queries.", queries_max));
  const std::int64_t most = number(input, "MaxDatapoints", datapoints_default);
  if (most < 1 || most > datapoints_default)
    return fail("ValidationError",
                fmt::format("MaxDatapoints must be between 1 and {}.", datapoints_default));
  std::set<std::string> ids;
  json::array results;
  std::int64_t datapoints = 0;
  for (const json::value& query : *queries) {
    KIBAN_TRY_VOID(check_query(query.as_object()));
    if (!ids.insert(text(query.as_object(), "Id")).second)
      return fail("ValidationError", fmt::format("The values for parameter Id in the request are "
                                                 "not unique: '{}'",
                                                 text(query.as_object(), "Id")));
    KIBAN_TRY(json::object result, query_result(context, input, query.as_object(), range));
    if (!flag(query.as_object(), "ReturnData", true)) continue;
    datapoints += std::ssize(result.at("Values").as_array());
    results.push_back(std::move(result));
  }
  if (datapoints > most)
    return fail("ValidationError",
                fmt::format("kiban returns the data of a request in one page: {} data points are "
                            "more than MaxDatapoints {}",
                            datapoints, most));
  return json::object{{"MetricDataResults", std::move(results)}, {"Messages", json::array{}}};
}

namespace {

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

constexpr std::size_t page_size = 500;
constexpr std::chrono::hours recently{3};

}  // namespace

Result<json::object> list_metrics_page(Context& context, const json::object& input) {
  if (flag(input, "IncludeLinkedAccounts") || input.contains("OwningAccount"))
    return fail("InvalidParameterValue",
                "kiban has no monitoring accounts: IncludeLinkedAccounts and OwningAccount are not "
                "supported");
  json::array all;
  for (const Metric& metric : list_metrics(context)) {
    if (!selected(input, metric)) continue;
    if (input.contains("RecentlyActive") &&
        read(context, metric, context.now() - recently, Timestamp::max(), std::chrono::hours{24})
            .empty())
      continue;
    all.push_back(to_json(metric));
  }
  KIBAN_TRY(Page page, paginate(all, page_size, find_string(input, "NextToken")));
  json::object reply{{"Metrics", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

}  // namespace kiban::services::cloudwatch
