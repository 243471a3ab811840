// Runs the ECS tasks and Lambda functions of this server: as containers, as processes, or not at
// all.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/serve.h"
#include "containers/driver.h"
#include "containers/network.h"
#include "core/result.h"
#include "lambda/host.h"
#include "runtime/effects.h"
#include "runtime/http_server.h"
#include "runtime/process_driver.h"
#include "store/blobs.h"

namespace kiban::cli {

class TaskRunner {
 public:
  // Makes the bridge when tasks are containers, so that what listens there may begin. `directory`
  // keeps tasks. Errors: `NoContainers` when they were demanded and can't be, `NoSource`.
  // `port` is the one that this server listens on.
  static Result<TaskRunner> choose(const ServeOptions& options, std::uint16_t port,
                                   std::string directory);

  // Where tasks reach this server; empty when they need no address of their own.
  std::string bridge_address() const;
  // The id of the task that has this address, empty when none has it; nullopt: tasks are processes
  // and have no addresses of their own. From any thread.
  std::optional<std::string> task_at(const std::string& address) const;
  // After the server knows its port. `endpoint` is its URL for processes of this host; `blobs`
  // outlives this.
  Result<void> add_to(runtime::Effects& effects, std::uint16_t port, const std::string& endpoint,
                      const store::Blobs& blobs);
  // To be called once the kernel has performed the effects of running tasks again.
  void sweep();
  // Ends all tasks, and reports that. Without it they go on, and are taken up by the next run.
  void end_tasks();
  // Ends all functions. Ends all reports. To be called while the receivers of reports still
  // exist.
  void end();

 private:
  TaskRunner() = default;
  void add_functions(runtime::Effects& effects, std::unique_ptr<lambda::Launcher> launcher,
                     const store::Blobs& blobs);
  std::string directory_{};
  std::string refusal_{};  // Why tasks are not run.
  std::unique_ptr<runtime::ProcessDriver> processes_{};
  std::unique_ptr<containers::Bridge> bridge_{};
  std::unique_ptr<containers::Driver> containers_{};
  std::unique_ptr<lambda::Host> functions_{};  // Uses the others.
};

}  // namespace kiban::cli
