// How long metrics are kept, as CloudWatch does: a minute's values for 15 days, those of 5 minutes
// for 63 days, those of an hour for 455 days.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention
//
// Rows that are too old for their resolution are merged into the row of the first minute of their 5
// minutes or hour. A metric without rows is forgotten. There is no timer: a pass over all metrics
// of the region begins once a day with the next value that comes, and goes on in slices with those
// behind it. Where no values come, nothing grows.
//
//   cloudwatch/REGION/retention   From (ms): up to here older passes are complete; Began (ms),
//   After
//                                 (ID): of the pass under way; Next (ms): of the next slice
#pragma once

#include "services/base/service.h"

namespace kiban::services::cloudwatch {

// To be called with the first value of a minute.
void bound_metrics(Context& context);

}  // namespace kiban::services::cloudwatch
