// Services: as many tasks as desired, of the service's task definition.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_scheduler_concepts.html
//
// What paces the scheduler itself (the delay before a failed task is replaced, the time after which
// a running task counts as steady) are effects `host.pause`, which take the host's time.
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// Starts or stops tasks until the count fits. A start that follows a failed one waits.
void reconcile(Context& context, std::string_view cluster, std::string_view service);
// A task runs. One of a service is steady once its health checks agree, its containers' or its
// target groups'; without any it has to stay up for a while.
void on_service_task_running(Context& context, const json::object& task);
// A task stopped: replace it if it belongs to a service.
void on_service_task_stopped(Context& context, const json::object& task);
// An effect `host.probe` (target_health.h) with this payload was answered.
void on_probe_answer(Context& context, const json::object& payload, const json::object& answer);
// An effect `host.pause` with this payload ended.
void on_pause_over(Context& context, const json::object& payload);

// DRAINING becomes INACTIVE once the last task has ended.
void end_if_drained(Context& context, json::object service);

}  // namespace kiban::services::ecs
