// Minutes of metrics.
//
//   cloudwatch/REGION/metric/ID            what ID stands for: Namespace, MetricName, Dimensions
//   cloudwatch/REGION/minute/ID/TIMESTAMP  one minute: count, sum, min, max, unit; in old rows that
//                                          of 5 minutes or an hour (retention.h)
#pragma once

#include <map>
#include <string>
#include <vector>

#include "services/base/service.h"

namespace kiban::services::cloudwatch {

struct Metric {
  std::string metric_namespace{};
  std::string name{};
  std::map<std::string, std::string> dimensions{};
  bool operator==(const Metric&) const = default;
};

struct Minute {
  double count{};
  double sum{};
  double min{};
  double max{};
  std::string unit{"None"};
};

struct Period {  // Minutes merged.
  Timestamp start{};
  Minute values{};
};

Metric metric_from(const json::object& input);  // Namespace, MetricName, Dimensions of a request.
// Error InvalidParameterValue: "Dimension names must contain only ASCII characters, must include at
// least one non-whitespace character, and cannot start with a colon (:)", values but for the colon
// too. docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html
Result<void> check_dimensions(const json::object& input);
// Printable ASCII, with a character that is not a space.
bool is_dimension_value(std::string_view given);
json::object to_json(const Metric& metric);
std::string metric_id(const Metric& metric);

void merge(Minute& into, const Minute& other);
// Of rows minute/ID/TIMESTAMP.
Timestamp minute_of_key(std::string_view key);
Minute minute_from_row(const store::Row& row);
void put_minute(Context& context, std::string_view key, const Minute& minute);

void add(Context& context, const Metric& metric, Timestamp time, const Minute& values);
std::vector<Metric> list_metrics(const Context& context);
// Merged into periods that begin at multiples of `period`; from <= start < to; empty ones left out.
std::vector<Period> read(const Context& context, const Metric& metric, Timestamp from, Timestamp to,
                         std::chrono::seconds period);
// Average, Sum, Minimum, Maximum, SampleCount. Error InvalidParameterValue for any other.
Result<double> statistic(const Minute& values, std::string_view name);

}  // namespace kiban::services::cloudwatch
