// Runs a kernel on its own thread: commands that other threads submit form the next batch.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "kernel/kernel.h"
#include "runtime/clock.h"
#include "runtime/metrics.h"

namespace kiban::runtime {

class KernelThread {
 public:
  // All outlive this. `on_failure` is called on the kernel's thread when the store failed.
  KernelThread(kernel::Kernel& kernel, Clock& clock, std::function<void(const Error&)> on_failure);
  ~KernelThread();
  KernelThread(const KernelThread&) = delete;
  KernelThread& operator=(const KernelThread&) = delete;

  // Starts the thread, once. Commands submitted earlier wait for it.
  void begin();
  // Any thread.
  void submit(kernel::Command command);
  // `committed` is called on the kernel's thread: Kernel::outcome.
  void outcome(std::string service, services::Outcome outcome,
               std::function<void()> committed = {});
  // Runs `work` on the kernel's thread, between two batches.
  void visit(std::function<void(kernel::Kernel&)> work);
  // The same after every batch, until `work` returns true.
  void visit_until(std::function<bool(kernel::Kernel&)> work);
  // Before begin(); outlives this.
  void measure(KernelMetrics& metrics) { metrics_ = &metrics; }
  // Any thread: commands and outcomes that wait for the next batch.
  std::size_t waiting() const;
  // Decides the commands submitted so far and ends the thread.
  void stop();

 private:
  struct Reported {
    std::string service{};
    services::Outcome outcome{};
    std::function<void()> committed{};
  };
  struct Inbox {
    std::vector<kernel::Command> commands{};
    std::vector<Reported> outcomes{};
    std::vector<std::function<bool(kernel::Kernel&)>> visits{};
    bool empty() const { return commands.empty() && outcomes.empty() && visits.empty(); }
  };
  void run();
  Result<void> run_batch(Timestamp now, std::size_t inputs);
  void wait(std::unique_lock<std::mutex>& lock);

  kernel::Kernel& kernel_;
  Clock& clock_;
  std::function<void(const Error&)> on_failure_;
  KernelMetrics* metrics_{nullptr};
  mutable std::mutex mutex_{};
  std::condition_variable wake_{};
  Inbox inbox_{};
  bool stopping_{false};
  std::thread thread_{};
};

}  // namespace kiban::runtime
