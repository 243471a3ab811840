// Performs ECS tasks as real OCI containers: the effects `task.run` and `task.stop` of
// engine/services/ecs. Needs root, runc, conmon, umoci, iproute2
// and nftables.
//
// A container is watched by conmon, which outlives the engine: performing the same effect again
// takes up the same containers, wherever they are, and reports their end once.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "containers/network.h"
#include "containers/sandbox.h"
#include "core/result.h"
#include "runtime/effects.h"
#include "store/blobs.h"

namespace kiban::containers {

struct DriverOptions {
  std::string directory{};  // Keeps images and tasks.
  std::string endpoint{};   // The engine's URL as tasks see it: http://169.254.170.2:4566.
  // Between two reports of the resources that a service's task uses; AWS has a value each minute.
  std::chrono::seconds usage_interval{60};
};

// The folder of the sandboxes of functions in the driver's directory.
std::string functions_folder(const std::string& directory);

// The names of missing prerequisites of containers, to be shown: "root", "runc", …. Empty: none.
std::vector<std::string> missing_here();

class Driver {
 public:
  // `blobs` holds the images' layers; it and `bridge` outlive the driver.
  static Result<std::unique_ptr<Driver>> create(DriverOptions options, Bridge& bridge,
                                                const store::Blobs& blobs);
  virtual ~Driver() = default;
  // Adds "task.run" and "task.stop".
  void add_to(runtime::Effects& effects);
  // `payload` is that of `task.run`. A task that runs already is left alone.
  virtual void run(const json::object& payload, const runtime::Report& report) = 0;
  virtual void stop(const std::string& task_arn) = 0;
  // What other sandboxes of this server share with its tasks. As long as the driver.
  virtual Host& host() = 0;
  // The id of the running task that has this address; empty: none.
  virtual std::string task_at(const std::string& address) = 0;
  // Ends all tasks, some seconds at most, and reports that. Others that are asked for then wait for
  // the next run of the engine. Without it they go on.
  virtual void end_tasks() = 0;
  // Removes the remains of tasks of earlier runs that have no pending effect. To be called once
  // pending effects were performed again.
  virtual void sweep() = 0;
};

// Ends what still runs below the directory of a driver that is gone, and erases all of it.
Result<void> erase_tasks(const std::string& directory);

}  // namespace kiban::containers
