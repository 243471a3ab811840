// Executions: the one place where inputs meet the interpreter and its decisions become rows.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "asl/interpreter.h"
#include "services/base/service.h"
#include "services/states/service.h"

namespace kiban::services::states {

class Executions {
 public:
  explicit Executions(Options options) : options_(std::move(options)) {}

  Result<json::object> start(Context& context, const json::object& input);
  Result<json::object> describe(Context& context, const json::object& input);
  Result<json::object> describe_machine_of(Context& context, const json::object& input);
  Result<json::object> list(Context& context, const json::object& input);
  Result<json::object> history(Context& context, const json::object& input);
  Result<json::object> stop(Context& context, const json::object& input);
  Result<json::object> task_success(Context& context, const json::object& input);
  Result<json::object> task_failure(Context& context, const json::object& input);
  Result<json::object> task_heartbeat(Context& context, const json::object& input);

  // A timer of an execution: {"Execution": ARN, "Timer": n}, or {"Proceed": true}.
  void on_timer(Context& context, const json::object& payload);
  // Something that a .sync task waits for ended.
  void on_ended(Context& context, const Event& event);
  // An activity's worker took its task.
  void on_activity_started(Context& context, const json::object& pending,
                           std::optional<std::string> worker);

 private:
  struct Run;
  using Inputs = std::deque<asl::Input>;

  void feed(Context& context, std::string_view execution_arn, asl::Input input);
  void drive(Context& context, Run& run, Inputs& inputs);
  void perform(Context& context, Run& run, Inputs& inputs, const asl::Effect& effect);
  void start_task(Context& context, Run& run, Inputs& inputs, const asl::StartTask& task);
  bool mock_task(Context& context, Run& run, Inputs& inputs, const asl::StartTask& task);
  void finish(Context& context, Run& run, const asl::Finished& finished);
  bool load(Context& context, std::string_view execution_arn, Run& run);
  std::shared_ptr<const asl::Program> program_of(const Context& context,
                                                 const json::object& execution);

  Options options_;
  // Compiled once per revision; revisions never change.
  std::map<std::string, std::shared_ptr<const asl::Program>> programs_{};
};

}  // namespace kiban::services::states
