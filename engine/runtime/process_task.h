// One ECS task as processes of this host; see runtime/process_driver.h.
#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "runtime/effects.h"

namespace kiban::runtime {

class ProcessTask {
 public:
  // `directory` is the task's own. `on_commit` is called, on any thread, when the kernel has
  // committed a report and advance() has work again.
  ProcessTask(json::object payload, Report report, std::filesystem::path directory,
              std::string source, std::function<void()> on_commit);
  // Leaves the processes running.
  ProcessTask(const ProcessTask&) = delete;
  ProcessTask& operator=(const ProcessTask&) = delete;

  const std::string& arn() const { return arn_; }
  // Does what can be done now. True when the task has ended, that is committed, and nothing of it
  // is left.
  bool advance();
  void stop() { stopping_ = true; }
  // The engine ends, and this task with it.
  void evict();

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Process {
    std::string name{};
    std::filesystem::path directory{};
    json::object plan{};
    bool essential{true};
    std::chrono::seconds stop_timeout{30};
    bool begun{false};
    bool held{false};         // Stopped, as its log has a backlog.
    int group{0};             // Of processes, as seen while it ran; 0: not seen yet.
    std::uint64_t offset{0};  // Of the log, up to which it was read.
    std::optional<long> exit{};
    std::optional<SteadyTime> kill_at{};  // Set by SIGTERM.
    std::optional<SteadyTime> lost_at{};  // When it counts as lost: it never wrote how it ended.
  };

  void start_ready();
  Result<void> start(Process& process);
  // Whether its dependencies let it start; an Error when they never will.
  Result<bool> may_start(const Process& process) const;
  void look_at(Process& process);
  void end_processes();
  void report_running();
  json::array next_lines(bool ended);
  void report_logs();
  void bound_backlog(Process& process);
  void release_logs();
  static void hold(Process& process, bool held);
  void send(services::Outcome outcome);
  bool finish();

  json::object payload_;
  Report report_;
  std::string arn_;
  std::filesystem::path directory_;
  std::string source_;
  std::function<void()> on_commit_;
  std::list<Process> processes_{};
  std::optional<Error> failure_{};  // Why not all of it could be started.
  bool running_told_{false};
  bool stopping_{false};
  bool evicted_{false};
  std::optional<SteadyTime> evict_by_{};  // What runs then is killed.
  bool unreleased_{false};                // Lines were sent and release_logs() has not run since.
  bool end_told_{false};
  json::array last_lines_{};  // Go with the end, in one outcome.
  // Shared with the kernel, which may commit a report after the task has left.
  std::shared_ptr<std::atomic<bool>> uncommitted_{std::make_shared<std::atomic<bool>>(false)};
};

}  // namespace kiban::runtime
