// Amazon CloudWatch Logs: groups, streams, events, retention, and FilterLogEvents with unstructured
// filter patterns (JSON and space-delimited ones are refused by name).
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/Welcome.html
//
// Rows, '\x1f' standing between the parts of a name:
//   logs/REGION/group/GROUP
//   logs/REGION/stream/GROUP|STREAM
//   logs/REGION/event/GROUP|STREAM|TIMESTAMP SEQUENCE   15 and 20 digits: by time, then as ingested
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::logs {

std::unique_ptr<Service> make_logs();

}  // namespace kiban::services::logs
