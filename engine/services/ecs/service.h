// Amazon ECS: clusters, task definitions, Fargate tasks and services kept at their desired count.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/Welcome.html
//
// A task is one effect, `task.run`, performed outside; its outcomes move the task:
//   {"Status": "RUNNING", "Address"?, "Containers": [{"Name", "RuntimeId", "ImageDigest"?}],
//    "HealthChecks"?: "none"}            by a performer that runs no health checks
//   {"Logs": [{"Container", "Timestamp" ms, "Message", "Position"?}]}   any number, before STOPPED;
//     a line whose Position (growing within a container's log) was heard before is dropped
//   {"Health": [{"Name", "Status": "HEALTHY" or "UNHEALTHY"}]}   when that changed
//   {"Usage": {"CpuUnits", "MemoryMiB"}}                        each minute, of a service's task
//   {"Status": "STOPPED", "Containers": [{"Name", "ExitCode"?, "Reason"?}], "Error"?: {"StopCode",
//    "Reason"}}                                                 final
// A service waits by the effect `host.pause`, {"Milliseconds"}, of the host's time, and checks the
// targets of load balancers by `host.probe` (target_health.h).
// Each change is published as "ECS Task State Change" of aws.ecs; Step Functions' .sync waits for
// it. What the effect is told stands in plan.h. What the EC2 launch type
// needs is refused by name.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::ecs {

std::unique_ptr<Service> make_ecs();

}  // namespace kiban::services::ecs
