// Amazon EventBridge: event buses, rules with patterns and schedules, and their targets.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/Welcome.html
//
// - A scheduled rule has one timer, set anew at each firing (cron in UTC; a rate counts from when
//   the rule was made or enabled). MissedSchedules decides about firings that are more than a
//   minute late (missed.h).
// - Rules see what PutEvents brings to their bus, and on the default bus what services publish.
// - Targets: Step Functions, SQS, SNS, CloudWatch Logs, ECS tasks, API destinations and other buses
//   (see delivery.h).
// - Connections and API destinations (connections.h, destinations.h); Step Functions' HTTP tasks
//   use the former through http_calls.h.
// - Archives, pipes and partner sources are not served.
// - Without effect, as there is one account and no rule that AWS manages: a bus's policy, a rule's
//   RoleArn (for buses of other accounts; a target has its own) and Force.
#pragma once

#include <memory>

#include "services/base/missed.h"
#include "services/base/service.h"

namespace kiban::services::events {

struct Options {
  MissedSchedules missed{MissedSchedules::Last};
};

std::unique_ptr<Service> make_events();
std::unique_ptr<Service> make_events_with(Options options);

}  // namespace kiban::services::events
