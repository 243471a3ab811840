// AWS Application Auto Scaling for ECS services: scalable targets and target tracking policies.
// Records only (docs/records.md): nothing scales, so there are no alarms and no activities.
// https://docs.aws.amazon.com/autoscaling/application/APIReference/Welcome.html
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::applicationautoscaling {

std::unique_ptr<Service> make_applicationautoscaling();

}  // namespace kiban::services::applicationautoscaling
