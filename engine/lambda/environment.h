// One execution environment: from its start to its end it runs one invocation after the other.
// docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
//
// Holds what is known of it; pools.h decides what it does. Everything is called with the lock of
// the host held, and nothing blocks.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lambda/code.h"
#include "lambda/invocation.h"
#include "lambda/launcher.h"
#include "lambda/lines.h"
#include "lambda/log_lines.h"
#include "runtime/child.h"
#include "runtime/http_server.h"

namespace kiban::lambda {

using Steady = std::chrono::steady_clock::time_point;
struct Now {
  Timestamp wall{};
  Steady steady{};
  static Now read();
};

enum class Phase { Starting, Idle, Busy, Ending };
enum class Kept { OnDemand, Provisioned };

// How an invocation ended.
struct Ending {
  Failure failure{Failure::None};
  bool handler_error{false};  // The handler's own: `payload` describes it.
  std::string payload{};
  std::string error_type{};  // "Runtime.ExitError", of the REPORT line.
  std::string line{};        // Written to the log before END; empty: none.
};

class Environment {
 public:
  Environment(std::shared_ptr<const Plan> plan, std::string id, Kept kept, Now now);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  const std::string& id() const { return id_; }
  const Plan& plan() const { return *plan_; }
  Phase phase() const { return phase_; }
  Kept kept() const { return kept_; }
  Steady since() const { return since_; }  // When the phase began.
  bool frozen() const { return frozen_; }
  // It ends once its invocation has.
  bool retired() const { return retired_; }
  void retire() { retired_ = true; }
  // Whether the process may run an invocation with its credentials to the end, or `plan` has none
  // that last longer.
  bool has_credentials_for(const Plan& plan, Timestamp now) const;
  // The variables that do not depend on the way of launching.
  // docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
  json::object variables() const;
  int output_of_process() const { return output_.write.number(); }

  // The process was started; it may have called already.
  void started(std::unique_ptr<Instance> instance, std::shared_ptr<const Folder> code,
               std::shared_ptr<const Folder> layers);
  Instance* instance() const { return instance_.get(); }
  int output() const { return output_.read.number(); }
  int wake_descriptor() const { return wake_.number(); }
  void wake() const;  // The thread that watches it.

  void note_runtime(std::string_view version, Now now);  // INIT_START
  // The runtime asks for the next invocation: Idle.
  void park(runtime::Respond respond, Now now);
  void deliver(Invocation invocation, Now now);  // Busy.
  bool runs(std::string_view request_id) const;
  const std::optional<Invocation>& invocation() const { return invocation_; }
  Steady deadline() const { return deadline_; }
  // Reports the end of the invocation.
  void finish(const Ending& ending, Now now);
  // Takes an invocation that no runtime saw, and reports the failure of the initialisation as its
  // end.
  void fail_initialisation(Invocation invocation, const Ending& ending, Now now);
  // Reads what the process wrote, and reports lines when that is due. Nothing is read while there
  // is much that the kernel has not committed: the process waits then.
  void read_output(Now now);
  bool reads_output() const;
  void freeze();
  // From now on it is only waited for its end. A runtime that waits is not answered.
  void end(Now now);
  // Gives out what has to be destroyed without the lock.
  std::unique_ptr<Instance> take_instance() { return std::move(instance_); }

 private:
  void add(std::string message, Now now);
  void add(std::vector<LogEvent> events);
  std::int64_t peak_mb();
  json::array take_unreported();
  void report_lines(Now now);
  Measurement measure(const Ending& ending, Now now);

  std::shared_ptr<const Plan> plan_;
  std::string id_;
  Kept kept_;
  std::string stream_;
  Phase phase_{Phase::Starting};
  Steady since_;
  Steady began_;
  bool frozen_{false};
  bool retired_{false};
  runtime::Pipe output_{};
  runtime::Descriptor wake_;
  std::unique_ptr<Instance> instance_{};
  std::shared_ptr<const Folder> code_{};  // In use while the process runs.
  std::shared_ptr<const Folder> layers_{};
  LogLines lines_{};
  std::deque<LogEvent> unreported_{};
  std::size_t unreported_bytes_{0};
  std::deque<LogEvent> tail_{};  // Of the invocation.
  std::size_t tail_bytes_{0};
  Steady report_next_{};
  // A report is. Shared with the kernel, which may commit it after the environment has gone.
  std::shared_ptr<std::atomic<bool>> uncommitted_{std::make_shared<std::atomic<bool>>(false)};
  std::optional<runtime::Respond> parked_{};
  std::optional<Invocation> invocation_{};
  Steady delivered_{};
  Steady deadline_{};
  std::optional<double> init_ms_{};  // Until an invocation has reported it.
  std::int64_t peak_mb_{0};
  Steady peak_next_{};
};

}  // namespace kiban::lambda
