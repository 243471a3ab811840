// Amazon EventBridge Scheduler: schedules in groups, each with one target.
// https://docs.aws.amazon.com/scheduler/latest/APIReference/Welcome.html
//
// - A schedule has one timer, set anew at each firing, in the batch that invokes the target
//   (firing.h). When it fires: calendar.h. What it may invoke: targets.h.
// - The templated targets are Step Functions, Lambda, ECS, SQS, SNS and event buses; universal
// targets are
//   the operations that kiban serves. Others are refused by name when a schedule is made.
// - KmsKeyArn must name an enabled key. It encrypts nothing: all rows of the service are encrypted
//   with the key of the data directory.
// - The ClientToken of a deletion is without effect: a second deletion finds nothing.
#pragma once

#include <memory>

#include "services/base/missed.h"
#include "services/base/service.h"

namespace kiban::services::scheduler {

std::unique_ptr<Service> make_scheduler();
std::unique_ptr<Service> make_scheduler_with(MissedSchedules missed);

}  // namespace kiban::services::scheduler
