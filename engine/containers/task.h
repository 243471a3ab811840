// One ECS task: its network, its containers, from the first to the last report. Runs on a thread of
// its own.
#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "containers/container.h"
#include "containers/health.h"
#include "containers/sandbox.h"
#include "runtime/effects.h"

namespace kiban::containers {

class Task {
 public:
  Task(Host& host, json::object payload, runtime::Report report);
  ~Task();
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  const std::string& id() const { return id_; }
  // Until the task has ended and that was reported, or until leave().
  void run();
  // From any thread. Asks the containers to end; remembered across a restart of the engine.
  void stop();
  // From any thread: the engine ends, and this task with it.
  void evict();
  // From any thread: the engine ends; the containers go on.
  void leave();

 private:
  using Steady = std::chrono::steady_clock::time_point;
  // Shared with the kernel, which may commit a report after the task has left.
  struct Signals {
    Signals();
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;
    void wake() const;
    int event;  // An eventfd.
    std::atomic<bool> uncommitted{false};
  };
  struct Member {
    Container container;
    std::optional<Steady> kill_at{};  // Set once it was asked to end.
    bool killed{false};
    std::uint64_t reported{0};          // Of the log: where the next run of the engine reads on.
    bool output_held{false};            // Its backlog is full, and the container blocks.
    std::uint64_t cpu_microseconds{0};  // Used up to the last report.
    bool begun{false};
    std::optional<HealthCheck> check{};
    Health health{Health::Unknown};
  };

  Result<void> launch();
  // Begins what waits for nothing any more.
  Result<void> start_ready();
  Result<void> start(Member& member);
  bool may_start(const Member& member) const;
  Result<std::vector<Mount>> volumes_of(const Container& container) const;
  Result<void> open_sandbox();
  void watch();
  void settle_members();
  std::string never_met(const json::object& dependency) const;
  void check_health();
  bool all_ended() const;
  void end_members();
  void report_running();
  // The next lines of all containers, as many as one report takes.
  json::array next_lines(bool ended);
  void report_logs();
  void bound_backlog(Member& member);
  // The reported lines are committed: the next run of the engine need not read them again.
  void release_logs();
  void send(services::Outcome outcome);
  // False when the engine ends before the kernel has committed the report.
  bool wait_for_commit();
  void report_usage();
  void finish(json::object outcome);
  void take_down();
  int wait_time() const;
  void wait();

  Host& host_;
  json::object payload_;
  runtime::Report report_;
  std::string id_;
  std::string directory_;
  Sandbox sandbox_;
  std::list<Member> members_{};
  std::optional<Error> failure_{};  // Why not all of it could be started.
  std::shared_ptr<Signals> signals_;
  int log_events_;
  bool running_told_{false};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> evicted_{false};
  std::optional<Steady> evict_by_{};  // What runs then is killed.
  std::atomic<bool> leaving_{false};
  bool log_unreleased_{false};  // Lines were sent and release_logs() has not run since.
  bool log_dirty_{true};
  Steady log_next_{};
  std::optional<Steady> usage_next_{};  // Of a service's task.
};

}  // namespace kiban::containers
