// The routes for tasks beside AWS's own operations.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"

namespace kiban::containers {

// GET /_kiban/tasks/credentials/ID: the task role's credentials, as the SDKs' container provider
// wants them. docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
// GET /v4/ID, /v4/ID/task, /v4/ID/taskWithTags: metadata of a container and its task.
// docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
// Only the task itself may ask. A task in containers is known by its address (`task_at`); a task
// that is a process has none, so that it is known by an id that cannot be guessed: the credentials'
// id, or the secret behind the metadata's id (runtime/process_driver.h, task_environment).
// `path` is the one of the two in runtime/process_driver.h that this is for; `account` and `region`
// are the server's. `kernel` outlives the handler.

struct TaskRouteScope {
  std::string account{};
  std::string region{};
};
// The id of the task that has an address, empty when none has it; nullopt when tasks are processes.
using TaskAt = std::function<std::optional<std::string>(const std::string& peer)>;

runtime::Handler make_task_route(std::string_view path, runtime::KernelThread& kernel,
                                 TaskRouteScope scope, TaskAt task_at);

}  // namespace kiban::containers
