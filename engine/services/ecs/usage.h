// What tasks of a service use, as metrics of AWS/ECS.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// `plan` is the effect's payload, `usage` {"CpuUnits", "MemoryMiB"} of the last minute. Averages of
// a service's tasks come of their single values. Tasks without a service have no metrics at AWS.
void record_usage(Context& context, const json::object& plan, const json::object& usage);

}  // namespace kiban::services::ecs
