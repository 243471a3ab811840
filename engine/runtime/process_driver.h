// Runs ECS tasks as plain processes of this host, from a source directory: the inner development
// loop, chosen with `kiban serve --tasks process --source DIR`. Nothing of an image is used; a
// container's command, environment and exit code are. Where the task definition leaves the command
// to the image, ENTRYPOINT and CMD of DIR/Dockerfile are used.
//
// Each container is a shell in a session of its own that writes DIR/TASK/CONTAINER/{pid,log,exit},
// so it outlives the engine: performing the same effect again adopts it. Logs are read up to the
// offset that was reported last. A task ends when its first essential container does; the others
// then get SIGTERM, and SIGKILL when their stop timeout is over.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "runtime/effects.h"

namespace kiban::runtime {

class ProcessDriver {
 public:
  // `directory` keeps the tasks' files; `source` is where commands run unless the container has an
  // own WorkingDirectory. Error `NoSource` when `source` is not a directory.
  static Result<std::unique_ptr<ProcessDriver>> create(const std::string& directory,
                                                       const std::string& source);
  virtual ~ProcessDriver() = default;
  // Adds "task.run" and "task.stop".
  virtual void add_to(Effects& effects) = 0;
  // Erases the files of tasks without an effect since the start: they had ended, but the server
  // ended before it erased them. To be called once all pending effects were handed over.
  virtual void sweep() = 0;
  // Ends all tasks, some seconds at most, and reports that. Others that are asked for then wait for
  // the next run of the engine. Without it they go on.
  virtual void end_tasks() = 0;
};

// Where this server answers tasks.
constexpr std::string_view task_credentials_path = "/_kiban/tasks/credentials/";
constexpr std::string_view task_metadata_path = "/v4/";
// The environment variables that Fargate sets in a container, with the endpoint; the task
// definition's own override them. `endpoint` is this server's as the task reaches it.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-metadata.html
json::object task_environment(const json::object& payload, const json::object& container,
                              const std::string& endpoint);

// How a task ends that ends with the engine, as StopCode and Reason.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html (stopCode)
json::object eviction_error();
constexpr std::chrono::seconds eviction_grace{3};  // Between SIGTERM and SIGKILL then, at most.

// Performs "task.run" on a server without a task driver: the task fails to start, and its reason
// says why and what to do.
void add_refusing_driver(Effects& effects, const std::string& why);

}  // namespace kiban::runtime
