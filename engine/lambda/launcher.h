// How the process of an environment is made: in a sandbox, or as a process of this host.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "containers/cgroup.h"
#include "containers/driver.h"
#include "core/json.h"
#include "core/result.h"
#include "lambda/code.h"
#include "lambda/plan.h"
#include "lambda/runtimes.h"
#include "runtime/child.h"

namespace kiban::lambda {

struct LaunchRequest {
  const Plan& plan;
  std::string id{};    // Of the environment: 32 hexadecimal digits.
  Runtime runtime{};   // Of a zip.
  std::string code{};  // Folders of the host; empty: none.
  std::string layers{};
  json::object environment{};  // What does not depend on the way of launching.
  // Where standard output and error go. The launcher gives it to the environment's user.
  int output{-1};
  // Called with the socket of the Runtime API before the process begins.
  std::function<void(runtime::Descriptor)> serve{};
};

// What runs in an environment. Its destructor kills it and removes what is left; it may block.
class Instance {
 public:
  explicit Instance(pid_t child);
  virtual ~Instance() = default;
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Ready to read when the process has ended.
  int descriptor() const { return end_.number(); }
  // As a shell tells it; nothing while it runs.
  std::optional<int> exit_code();
  virtual void kill() = 0;  // At once, without waiting.
  virtual void set_motion(containers::Motion motion) = 0;
  virtual std::uint64_t peak_memory() const = 0;  // Bytes.
  virtual bool ran_out_of_memory() const = 0;

 protected:
  // Kills `child` and waits for its end.
  void wait_for_end();
  pid_t child() const { return child_; }

 private:
  pid_t child_;
  runtime::Descriptor end_;
  std::optional<int> exit_code_{};
};

class Launcher {
 public:
  virtual ~Launcher() = default;
  // Blocks; from any thread. The thread that calls it outlives what is returned: a process of the
  // host ends with it. Errors: `ServiceException` and those that a handler sees as its own, such as
  // `Runtime.InvalidEntrypoint`.
  virtual Result<std::unique_ptr<Instance>> launch(LaunchRequest request) = 0;
  // What ends and removes what an earlier run of the engine left; it blocks, and may run beside
  // launch().
  virtual std::function<void()> sweep() = 0;
};

// Environments as containers. `endpoint` is the engine's URL as they see it; `driver` outlives it.
std::unique_ptr<Launcher> make_container_launcher(containers::Driver& driver, std::string directory,
                                                  std::string endpoint);
// Environments as processes of this host, with all rights of the engine.
std::unique_ptr<Launcher> make_process_launcher(std::string directory, std::string endpoint);

// The command and variables of an environment, for the places of its folders.
struct Places {
  std::string task{};     // LAMBDA_TASK_ROOT
  std::string layers{};   // /opt
  std::string support{};  // /var/runtime
};
// Error `Runtime.InvalidEntrypoint` when the function has no bootstrap.
Result<std::vector<std::string>> command_of(const LaunchRequest& request, const Places& places);
// The variables that hold paths: PATH, PYTHONPATH, NODE_PATH, LD_LIBRARY_PATH, LAMBDA_TASK_ROOT, …
json::object path_variables(const LaunchRequest& request, const Places& places);
// Where the runtime client of Python writes log_lines.h's frames: the output again, so that they
// and lines keep their order.
constexpr const char* frames_variable = "_LAMBDA_TELEMETRY_LOG_FD";
constexpr const char* frames_descriptor = "3";

}  // namespace kiban::lambda
