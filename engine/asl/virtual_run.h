// Runs an execution to its end in virtual time, child executions of distributed Maps included:
// waits and retries take none. Tasks are answered by a callback. For tests and `kiban asl run`.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "asl/interpreter.h"

namespace kiban::asl {

class VirtualRun {
 public:
  // The answer of a task; nullopt leaves it waiting.
  using Answer = std::function<std::optional<std::vector<Input>>(const StartTask&)>;
  // The items that the ItemReader of that Map state reads; an Error fails the map run.
  using Read = std::function<Result<Payload>(const ReadItems&, const std::string& state)>;

  explicit VirtualRun(std::shared_ptr<const Program> program, ExecutionParameters parameters = {},
                      Answer answer = {}, Read read = {});

  // `restore` saves and restores the execution before each input, as a crash after each commit
  // would. Ends early when only an unanswered task is left.
  void run(bool restore = false);
  void feed(const Input& input, bool restore = false);

  Execution& execution() { return execution_; }
  std::vector<HistoryEvent> events{};
  std::vector<StartTask> tasks{};
  std::optional<Finished> finished{};
  std::optional<Payload> items{};     // What every ItemReader reads, when no Read is given.
  std::vector<ItemSource> sources{};  // And where these are from.
  Timestamp now{Duration(1'700'000'000'000)};
  Random random{42};
  SecretRandom secrets{42};

 private:
  void perform(const Effect& effect);
  void restore_from_parts();
  void start_child(const StartChild& child);
  void read_items(const ReadItems& reading);
  std::string state_entered(std::int64_t event) const;

  std::shared_ptr<const Program> program_;
  Execution execution_;
  Answer answer_;
  Read read_;
  std::vector<Input> pending_{};
  std::map<std::int64_t, Timestamp> timers_{};
  SavedTexts texts_{};  // As rows would have them.
  SavedParts stored_{};
};

}  // namespace kiban::asl
