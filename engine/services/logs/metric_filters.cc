#include "services/logs/metric_filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "logfilter/filter.h"
#include "services/base/table_service.h"
#include "services/logs/names.h"
#include "services/logs/operations.h"

namespace kiban::services::logs {
namespace {

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html
constexpr std::size_t filters_max = 100;  // Of a log group.
constexpr std::size_t regex_filters_max = 5;
constexpr std::size_t dimensions_max = 3;
constexpr std::size_t metrics_per_put_max = 1'000;  // Of PutMetricData.
constexpr double metric_value_max = 0x1p360;        // The same.

// Of a request, our own bound: how often a byte of its events is compared.
constexpr std::size_t compared_bytes_max = 96UL << 20U;

using Parsed = std::unique_ptr<logfilter::Pattern>;

Result<Parsed> parse_pattern(const json::object& input) {
  auto pattern = logfilter::parse(text(input, "filterPattern"));
  if (!pattern) return invalid("Invalid metric filter pattern");
  return pattern;
}

// The one transformation that a filter has.
const json::object& transformation_of(const json::object& filter) {
  return filter.at("metricTransformations").as_array().at(0).as_object();
}

// "$.latency" of JSON events, "$bytes" of space-delimited ones.
bool is_reference(const logfilter::Pattern& pattern, std::string_view reference) {
  return pattern.has_fields() &&
         (pattern.names(reference) || logfilter::is_json_reference(reference));
}

Result<void> check_dimensions(const logfilter::Pattern& pattern, const json::object& given,
                              bool has_default) {
  if (given.empty()) return {};
  if (!pattern.has_fields())
    return invalid("The specified filter pattern does not support dimensions");
  if (has_default)
    return invalid(
        "Invalid metric transformation: dimensions and default value are mutually exclusive "
        "properties.");
  if (given.size() > dimensions_max)
    return invalid(
        fmt::format("Invalid metric transformation: a metric filter has at most {} dimensions.",
                    dimensions_max));
  for (const auto& [name, reference] : given) {
    if (name.empty() || !is_reference(pattern, std::string_view(reference.as_string())))
      return invalid(
          fmt::format("Invalid metric transformation: the dimension '{}' must be a field of the "
                      "log event, not '{}'.",
                      std::string_view(name), std::string_view(reference.as_string())));
  }
  return {};
}

// "If you are using a field value, the field value must have been matched using the pattern":
// docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_logs.MetricFilterOptions.html
Result<void> check_transformation(const logfilter::Pattern& pattern,
                                  const json::object& transformation) {
  const std::string value = text(transformation, "metricValue");
  if (!logfilter::parse_number(value) && !pattern.names(value))
    return invalid(
        fmt::format("Invalid metric transformation: the metric value '{}' must be a number or a "
                    "field that the filter pattern names.",
                    value));
  const auto fits = [](double given) { return std::abs(given) <= metric_value_max; };
  const json::value* otherwise = find(transformation, "defaultValue");
  if (!fits(logfilter::parse_number(value).value_or(0)) ||
      (otherwise && !fits(otherwise->to_number<double>())))
    return invalid(
        "Invalid metric transformation: the metric value and the default value must be from -2^360 "
        "to 2^360.");
  const json::object* dimensions = find_object(transformation, "dimensions");
  return check_dimensions(pattern, dimensions ? *dimensions : json::object{},
                          transformation.contains("defaultValue"));
}

// The quotas of the group once the filter is there.
Result<void> check_quotas(const Context& context, std::string_view group, std::string_view name,
                          const logfilter::Pattern& pattern) {
  std::size_t filters = 1;
  std::size_t with_regex = pattern.regex_count() > 0 ? 1 : 0;
  for (const json::object& row : list_json(context, filter_key(context, group, ""))) {
    if (text(row, "filterName") == name) continue;
    ++filters;
    const auto other = parse_pattern(row);
    if (other && (*other)->regex_count() > 0) ++with_regex;
  }
  if (filters > filters_max || with_regex > regex_filters_max)
    return fail("LimitExceededException", "Resource limit exceeded.");
  return {};
}

// Sums of one minute and one set of dimensions.
struct Sum {
  double count{};
  double sum{};
  double least{};
  double most{};
  std::int64_t timestamp{};

  void add(double value, std::int64_t time) {
    if (count == 0) timestamp = time;
    least = count == 0 ? value : std::min(least, value);
    most = count == 0 ? value : std::max(most, value);
    sum += value;
    ++count;
  }
};
using Dimensions = std::vector<std::pair<std::string, std::string>>;

// What an event that matches adds; nullopt when a field is missing or is not a number.
std::optional<double> value_of(const logfilter::Pattern& pattern, const logfilter::Message& message,
                               std::string_view metric_value) {
  std::optional<double> value = logfilter::parse_number(metric_value);
  if (!value) {
    const auto field = pattern.field(message, metric_value);
    if (field) value = logfilter::parse_number(*field);
  }
  if (!value || !(std::abs(*value) <= metric_value_max)) return std::nullopt;
  return value;
}

std::optional<Dimensions> dimensions_of(const logfilter::Pattern& pattern,
                                        const logfilter::Message& message,
                                        const json::object& transformation) {
  Dimensions dimensions;
  const json::object* wanted = find_object(transformation, "dimensions");
  if (!wanted) return dimensions;
  for (const auto& [name, reference] : *wanted) {
    const auto value = pattern.field(message, std::string_view(reference.as_string()));
    constexpr std::size_t dimension_value_max = 1'024;  // Of CloudWatch.
    if (!value || value->empty() || value->size() > dimension_value_max) return std::nullopt;
    dimensions.emplace_back(name, *value);
  }
  return dimensions;
}

json::value datum_of(const json::object& transformation, const Dimensions& dimensions,
                     const Sum& sum) {
  json::array named;
  for (const auto& [name, value] : dimensions) named.push_back({{"Name", name}, {"Value", value}});
  return {{"MetricName", text(transformation, "metricName")},
          {"Dimensions", std::move(named)},
          {"Timestamp", epoch_seconds(Timestamp{Duration{sum.timestamp}})},
          {"Unit", text(transformation, "unit", "None")},
          {"StatisticValues",
           {{"SampleCount", sum.count},
            {"Sum", sum.sum},
            {"Minimum", sum.least},
            {"Maximum", sum.most}}}};
}

void put_metric_data(Context& context, const json::object& transformation, json::array data) {
  Caller self = context.caller();
  self.arn = "logs.amazonaws.com";
  (void)context.call(
      "cloudwatch", "PutMetricData",
      {{"Namespace", text(transformation, "metricNamespace")}, {"MetricData", std::move(data)}},
      self);
}

// Takes what the comparison costs from what is `left`; false when that is not enough.
bool pay(std::size_t& left, const logfilter::Pattern& pattern, std::size_t bytes) {
  const std::size_t price = (pattern.cost() - pattern.shared_cost() + 1) * bytes;
  if (price > left) return false;
  left -= price;
  return true;
}

// Counts the events up to the first one for which too little is `left`.
void publish(Context& context, const json::object& filter,
             const std::vector<logfilter::Message>& messages, const std::vector<NewEvent>& events,
             std::size_t& left) {
  const auto pattern = parse_pattern(filter);
  if (!pattern) return;
  const json::object& transformation = transformation_of(filter);
  const std::string metric_value = text(transformation, "metricValue");
  const json::value* otherwise = find(transformation, "defaultValue");
  constexpr std::int64_t minute = 60'000;
  std::map<std::pair<std::int64_t, Dimensions>, Sum> sums;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::int64_t time = events[i].timestamp;
    if (!pay(left, **pattern, messages[i].text().size())) break;
    if (!(*pattern)->matches(messages[i])) {
      if (otherwise) sums[{time / minute, {}}].add(otherwise->to_number<double>(), time);
      continue;
    }
    const auto value = value_of(**pattern, messages[i], metric_value);
    const auto dimensions = dimensions_of(**pattern, messages[i], transformation);
    if (value && dimensions) sums[{time / minute, *dimensions}].add(*value, time);
  }
  json::array data;
  for (const auto& [key, sum] : sums) {
    data.push_back(datum_of(transformation, key.second, sum));
    if (data.size() == metrics_per_put_max)
      put_metric_data(context, transformation, std::exchange(data, {}));
  }
  if (!data.empty()) put_metric_data(context, transformation, std::move(data));
}

bool selected(const json::object& input, const json::object& filter) {
  if (!input.contains("metricName")) return true;
  const json::object& transformation = transformation_of(filter);
  return text(transformation, "metricName") == text(input, "metricName") &&
         text(transformation, "metricNamespace") == text(input, "metricNamespace");
}

}  // namespace

std::size_t count_metric_filters(const Context& context, std::string_view group) {
  return context.scan(filter_key(context, group, "")).size();
}

void publish_metrics(Context& context, std::string_view group,
                     const std::vector<NewEvent>& events) {
  const auto filters = list_json(context, filter_key(context, group, ""));
  if (filters.empty() || events.empty()) return;
  std::vector<logfilter::Message> messages;
  messages.reserve(events.size());
  for (const NewEvent& event : events) messages.emplace_back(event.message);
  std::size_t left = compared_bytes_max;
  for (const json::object& filter : filters) publish(context, filter, messages, events, left);
}

Result<json::object> put_metric_filter(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  const std::string name = text(input, "filterName");
  KIBAN_TRY(const json::object group_row, load_group(context, group));
  if (text(group_row, "Class", "STANDARD") != "STANDARD")
    return fail("InvalidOperationException",
                "Metric filters are not supported by log groups of the class " +
                    text(group_row, "Class") + ".");
  if (flag(input, "applyOnTransformedLogs"))
    return invalid("kiban has no log transformers: applyOnTransformedLogs cannot be true");
  KIBAN_TRY(const Parsed pattern, parse_pattern(input));
  const json::array* transformations = find_array(input, "metricTransformations");
  if (!transformations || transformations->size() != 1)
    return invalid("A metric filter has exactly one metric transformation.");
  KIBAN_TRY_VOID(check_transformation(*pattern, transformation_of(input)));
  KIBAN_TRY_VOID(check_quotas(context, group, name, *pattern));
  json::object row{{"filterName", name},
                   {"filterPattern", text(input, "filterPattern")},
                   {"metricTransformations", *transformations},
                   {"creationTime", milliseconds(context.now())},
                   {"logGroupName", group},
                   {"applyOnTransformedLogs", false}};
  put_json(context, filter_key(context, group, name), row);
  return json::object{};
}

Result<json::object> describe_metric_filters(Context& context, const json::object& input) {
  if (input.contains("metricName") != input.contains("metricNamespace"))
    return invalid("metricName and metricNamespace must be specified together.");
  std::vector<json::object> found;
  if (input.contains("logGroupName")) {
    const std::string group = text(input, "logGroupName");
    KIBAN_TRY_VOID(load_group(context, group));
    // "CloudWatch Logs uses the value that you set here only if you also include the logGroupName."
    found = list_json(context, filter_key(context, group, text(input, "filterNamePrefix")));
  } else {
    found = list_json(context, fmt::format("logs/{}/filter/", context.caller().region));
    std::ranges::sort(found, {}, [](const json::object& row) {
      return std::pair(text(row, "filterName"), text(row, "logGroupName"));
    });
  }
  json::array all;
  for (json::object& filter : found)
    if (selected(input, filter)) all.push_back(std::move(filter));
  KIBAN_TRY(Page page, paginate(all, static_cast<std::size_t>(number(input, "limit", 50)),
                                find_string(input, "nextToken")));
  json::object reply{{"metricFilters", std::move(page.entries)}};
  if (page.next_token) reply["nextToken"] = *page.next_token;
  return reply;
}

Result<json::object> delete_metric_filter(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  KIBAN_TRY_VOID(load_group(context, group));
  const std::string key = filter_key(context, group, text(input, "filterName"));
  if (!context.get(key))
    return fail("ResourceNotFoundException", "The specified metric filter does not exist.");
  context.erase(key);
  return json::object{};
}

Result<json::object> test_metric_filter(Context&, const json::object& input) {
  KIBAN_TRY(const Parsed pattern, parse_pattern(input));
  const json::array* messages = find_array(input, "logEventMessages");
  json::array matches;
  std::size_t left = compared_bytes_max;
  for (std::size_t i = 0; messages && i < messages->size(); ++i) {
    const std::string_view event = (*messages)[i].as_string();
    const logfilter::Message message(event);
    if (!pay(left, *pattern, event.size()))
      return invalid(fmt::format(
          "The filter pattern compares more than kiban's {} MiB with the log events: use "
          "a shorter pattern or fewer events.",
          compared_bytes_max >> 20U));
    if (!pattern->matches(message)) continue;
    json::object extracted;
    for (const auto& [name, value] : pattern->fields(message)) extracted[name] = value;
    matches.push_back(
        {{"eventNumber", i}, {"eventMessage", event}, {"extractedValues", std::move(extracted)}});
  }
  return json::object{{"matches", std::move(matches)}};
}

}  // namespace kiban::services::logs
