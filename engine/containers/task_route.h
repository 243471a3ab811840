// What a task asks of the engine besides AWS's own operations.
#pragma once

#include <string_view>

#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"

namespace kiban::containers {

// GET /_kiban/tasks/credentials/ID: the task role's credentials, as the SDKs' container provider
// wants them. docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
// GET /v4/ID, /v4/ID/task, /v4/ID/taskWithTags: metadata of a container and its task.
// docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-fargate.html
// `path` is the one of the two in runtime/process_driver.h that this is for; `account` and `region`
// are the server's. `kernel` outlives the handler.
runtime::Handler make_task_route(std::string_view path, runtime::KernelThread& kernel,
                                 std::string account, std::string region);

}  // namespace kiban::containers
