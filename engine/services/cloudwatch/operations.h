// Operations on metric data and dashboards, each as its page of the API reference says:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Operations.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::cloudwatch {

// put_data.cc
Result<json::object> put_metric_data(Context& context, const json::object& input);
// What services count about themselves.
void put_metric_sum(Context& context, const MetricSum& sum);

// get_data.cc
Result<json::object> get_metric_statistics(Context& context, const json::object& input);
Result<json::object> get_metric_data(Context& context, const json::object& input);
Result<json::object> list_metrics_page(Context& context, const json::object& input);

// dashboards.cc
Result<json::object> put_dashboard(Context& context, const json::object& input);
Result<json::object> get_dashboard(Context& context, const json::object& input);
Result<json::object> list_dashboards(Context& context, const json::object& input);
Result<json::object> delete_dashboards(Context& context, const json::object& input);

}  // namespace kiban::services::cloudwatch
