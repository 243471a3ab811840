#include "services/cloudwatch/metrics.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/cloudwatch/retention.h"

namespace kiban::services::cloudwatch {
namespace {

std::string metric_key(const Context& context, std::string_view id) {
  return fmt::format("cloudwatch/{}/metric/{}", context.caller().region, id);
}

std::string minute_prefix(const Context& context, const Metric& metric) {
  return fmt::format("cloudwatch/{}/minute/{}/", context.caller().region, metric_id(metric));
}

double real(const json::object& row, std::string_view key) {
  return row.at(key).to_number<double>();
}

Minute minute_from(const json::object& row) {
  return {.count = real(row, "Count"),
          .sum = real(row, "Sum"),
          .min = real(row, "Min"),
          .max = real(row, "Max"),
          .unit = text(row, "Unit")};
}

}  // namespace

void merge(Minute& into, const Minute& other) {
  if (into.count == 0) {
    into = other;
    return;
  }
  into.count += other.count;
  into.sum += other.sum;
  into.min = std::min(into.min, other.min);
  into.max = std::max(into.max, other.max);
}

Timestamp minute_of_key(std::string_view key) {
  return Timestamp{Duration{std::stoll(std::string(key.substr(key.rfind('/') + 1)))}};
}

Minute minute_from_row(const store::Row& row) { return minute_from(object_of(row.key, row.value)); }

void put_minute(Context& context, std::string_view key, const Minute& minute) {
  put_json(context, key,
           {{"Count", minute.count},
            {"Sum", minute.sum},
            {"Min", minute.min},
            {"Max", minute.max},
            {"Unit", minute.unit}});
}

Metric metric_from(const json::object& input) {
  Metric metric{.metric_namespace = text(input, "Namespace"), .name = text(input, "MetricName")};
  if (const json::array* dimensions = find_array(input, "Dimensions")) {
    for (const json::value& dimension : *dimensions)
      metric.dimensions[text(dimension.as_object(), "Name")] = text(dimension.as_object(), "Value");
  }
  return metric;
}

bool is_dimension_value(std::string_view given) {
  const bool ascii = std::ranges::all_of(given, [](char c) { return c >= ' ' && c <= '~'; });
  return ascii && given.find_first_not_of(' ') != std::string_view::npos;
}

Result<void> check_dimensions(const json::object& input) {
  const json::array* dimensions = find_array(input, "Dimensions");
  for (const json::value& dimension : dimensions ? *dimensions : json::array{}) {
    for (const char* member : {"Name", "Value"}) {
      const std::string given = text(dimension.as_object(), member);
      const bool colon = given.starts_with(':') && std::string_view(member) == "Name";
      if (is_dimension_value(given) && !colon) continue;
      return fail(
          "InvalidParameterValue",
          fmt::format("The value '{}' for parameter Dimensions.{} is invalid: it must have "
                      "printable ASCII characters only, one that is not a space, and a name "
                      "does not begin with a colon.",
                      given, member));
    }
  }
  return {};
}

json::object to_json(const Metric& metric) {
  json::array dimensions;
  for (const auto& [name, value] : metric.dimensions)
    dimensions.push_back({{"Name", name}, {"Value", value}});
  return {{"Namespace", metric.metric_namespace},
          {"MetricName", metric.name},
          {"Dimensions", std::move(dimensions)}};
}

std::string metric_id(const Metric& metric) {
  std::string id = fmt::format("{}\x1f{}", metric.metric_namespace, metric.name);
  for (const auto& [name, value] : metric.dimensions) id += fmt::format("\x1f{}={}", name, value);
  return id;
}

void add(Context& context, const Metric& metric, Timestamp time, const Minute& values) {
  const std::string prefix = minute_prefix(context, metric);
  const auto minute = std::chrono::floor<std::chrono::minutes>(time);
  const std::string key =
      fmt::format("{}{:015}", prefix, Timestamp{minute}.time_since_epoch().count());
  const auto row = get_json(context, key);
  Minute merged;
  if (row) merged = minute_from(*row);
  merge(merged, values);
  put_minute(context, key, merged);
  if (row) return;
  const std::string id = metric_key(context, metric_id(metric));
  if (!context.get(id)) put_json(context, id, to_json(metric));
  bound_metrics(context);
}

std::vector<Metric> list_metrics(const Context& context) {
  std::vector<Metric> found;
  for (const json::object& row : list_json(context, metric_key(context, "")))
    found.push_back(metric_from(row));
  return found;
}

std::vector<Period> read(const Context& context, const Metric& metric, Timestamp from, Timestamp to,
                         std::chrono::seconds period) {
  const std::string prefix = minute_prefix(context, metric);
  const auto start = std::max<std::int64_t>(from.time_since_epoch().count(), 0);
  // scan() gives keys greater than `after`: one less than the first wanted instant.
  const std::string after = start == 0 ? std::string() : fmt::format("{}{:015}", prefix, start - 1);
  std::vector<Period> periods;
  for (const store::Row& row : context.scan(prefix, after)) {
    const Timestamp time{Duration{std::stoll(row.key.substr(prefix.size()))}};
    if (time >= to) break;
    const json::object fields = object_of(row.key, row.value);
    const Timestamp begin{time.time_since_epoch() / period * Duration{period}};
    if (periods.empty() || periods.back().start != begin) periods.push_back({.start = begin});
    merge(periods.back().values, minute_from(fields));
  }
  return periods;
}

Result<double> statistic(const Minute& values, std::string_view name) {
  if (name == "Sum") return values.sum;
  if (name == "SampleCount") return values.count;
  if (name == "Minimum") return values.min;
  if (name == "Maximum") return values.max;
  if (name == "Average") return values.count == 0 ? 0 : values.sum / values.count;
  return fail("InvalidParameterValue",
              fmt::format("kiban does not compute the statistic '{}': use Average, Sum, Minimum, "
                          "Maximum or SampleCount",
                          name));
}

}  // namespace kiban::services::cloudwatch
