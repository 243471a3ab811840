// Metric filters: what they find among the events of a PutLogEvents goes into CloudWatch in the
// batch that stores the events.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "services/base/service.h"

namespace kiban::services::logs {

struct NewEvent {
  std::int64_t timestamp{};  // Milliseconds.
  std::string message{};
};

std::size_t count_metric_filters(const Context& context, std::string_view group);
void publish_metrics(Context& context, std::string_view group, const std::vector<NewEvent>& events);

}  // namespace kiban::services::logs
