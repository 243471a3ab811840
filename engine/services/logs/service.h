// Amazon CloudWatch Logs: groups, streams, events, retention, searches and metric filters. Not
// served: subscription filters, queries, exports, transformers, data protection.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/Welcome.html
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::logs {

std::unique_ptr<Service> make_logs();

}  // namespace kiban::services::logs
