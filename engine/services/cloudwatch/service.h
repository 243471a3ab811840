// Amazon CloudWatch: metrics kept per minute, statistics, alarms on one metric, dashboards as text.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/Welcome.html
//
// Datapoints of less than a minute are merged into their minute (count, sum, least, greatest), as
// CloudWatch does with standard resolution. Percentiles, metric math, composite and anomaly alarms
// are refused by name. Minutes are kept for 15 days.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::cloudwatch {

std::unique_ptr<Service> make_cloudwatch();

}  // namespace kiban::services::cloudwatch
