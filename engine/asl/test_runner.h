// For tests: runs an execution to its end in virtual time, child executions of distributed Maps
// included. Tasks are answered by a callback.
#pragma once

#include <functional>
#include <map>
#include <optional>

#include "asl/interpreter.h"

namespace kiban::asl {

class TestRunner {
 public:
  // What a task answers; nullopt leaves it waiting.
  using Answer = std::function<std::optional<std::vector<Input>>(const StartTask&)>;

  explicit TestRunner(std::shared_ptr<const Program> program, ExecutionParameters parameters = {},
                      Answer answer = {})
      : program_(std::move(program)),
        execution_(program_, std::move(parameters)),
        answer_(std::move(answer)) {}

  // `restore` saves and restores the execution before each input, as a crash after each commit
  // would.
  void run(bool restore = false) {
    feed(Start{}, restore);
    while (!pending_.empty() || !timers_.empty()) {
      if (execution_.status() != Status::Running) return;
      if (!pending_.empty()) {
        const Input next = pending_.front();
        pending_.erase(pending_.begin());
        feed(next, restore);
        continue;
      }
      auto first = timers_.begin();
      for (auto at = timers_.begin(); at != timers_.end(); ++at) {
        if (at->second < first->second) first = at;
      }
      now = std::max(now, first->second);
      const std::int64_t id = first->first;
      timers_.erase(first);
      feed(TimerFired{.timer = id}, restore);
    }
  }

  void feed(const Input& input, bool restore = false) {
    if (restore) {
      auto again = Execution::restore(program_, execution_.save());
      KIBAN_CHECK(again.has_value(), "restore");
      execution_ = *std::move(again);
    }
    Decision decision = execution_.take(input, now, random);
    for (HistoryEvent& event : decision.events) events.push_back(std::move(event));
    for (const Effect& effect : decision.effects) perform(effect);
  }

  Execution& execution() { return execution_; }
  std::vector<HistoryEvent> events{};
  std::vector<StartTask> tasks{};
  std::optional<Finished> finished{};
  std::optional<Payload> items{};  // What every ItemReader reads.
  Timestamp now{Duration(1'700'000'000'000)};
  Random random{42};

 private:
  void perform(const Effect& effect) {
    if (const auto* timer = std::get_if<StartTimer>(&effect)) {
      timers_[timer->timer] = timer->at;
    } else if (const auto* cancelled = std::get_if<CancelTimer>(&effect)) {
      timers_.erase(cancelled->timer);
    } else if (std::holds_alternative<Proceed>(effect)) {
      pending_.emplace_back(Continue{});
    } else if (const auto* done = std::get_if<Finished>(&effect)) {
      finished = *done;
    } else if (const auto* task = std::get_if<StartTask>(&effect)) {
      tasks.push_back(*task);
      if (!answer_) return;
      if (auto inputs = answer_(*task)) {
        for (Input& input : *inputs) pending_.push_back(std::move(input));
      }
    } else if (const auto* reading = std::get_if<ReadItems>(&effect)) {
      if (items) pending_.emplace_back(ItemsRead{reading->map, *items});
    } else if (const auto* child = std::get_if<StartChild>(&effect)) {
      ExecutionParameters parameters = execution_.parameters();
      parameters.input = child->input;
      TestRunner runner(child_program(program_, child->state), std::move(parameters), answer_);
      runner.now = now;
      runner.run();
      ChildFinished finish{.map = child->map, .index = child->index};
      finish.status = runner.execution().status();
      if (runner.finished) {
        if (runner.finished->output) finish.output = *runner.finished->output;
        finish.error = runner.finished->error;
        finish.cause = runner.finished->cause;
      }
      pending_.emplace_back(std::move(finish));
    }
  }

  std::shared_ptr<const Program> program_;
  Execution execution_;
  Answer answer_;
  std::vector<Input> pending_{};
  std::map<std::int64_t, Timestamp> timers_{};
};

}  // namespace kiban::asl
