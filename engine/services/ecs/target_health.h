// The health checks of the target groups that a service's tasks stand behind.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/load-balancer-healthcheck.html
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
//
// kiban's load balancers pass no traffic on, but a task of a service with target groups is steady
// only once each group's check was answered as its matcher asks. One such answer is enough; AWS
// wants HealthyThresholdCount of them, one interval apart. A task whose check has no such answer
// until the service's grace period and UnhealthyThresholdCount intervals are over is unhealthy. All
// of it takes the host's time. A task that is steady is not checked again.
//
// A check is an effect `host.probe`: {"Milliseconds": to wait before it, "Address", "Port",
// "ContainerPort", "Path", "Protocol", "TimeoutSeconds"} to {"Status"} or {"Error"}.
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// Sends the first check. False when the service has no target groups.
bool begin_target_checks(Context& context, const json::object& service, const json::object& task);

struct TargetHealth {
  enum class State : std::uint8_t { Checking, Healthy, Unhealthy };
  State state{State::Checking};
  std::int64_t port{};         // Of the target that is unhealthy.
  std::string target_group{};  // Its ARN.
  std::string reason{};        // "Health checks failed with these codes: [503]"
};
// What the answer to a check says. While it is Checking, the next check is on its way. `payload` is
// that of the effect.
TargetHealth take_target_answer(Context& context, const json::object& service,
                                const json::object& task, const json::object& payload,
                                const json::object& answer);

}  // namespace kiban::services::ecs
