// Runs a kernel on a thread of its own: what other threads submit becomes the next batch.
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

namespace kiban::runtime {

// What the kernel's time is.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Timestamp now() = 0;
  // The time of the next batch when nothing waits and the first timer is due at `next`.
  virtual Timestamp step(std::optional<Timestamp> next) = 0;
  // How long, in the host's time, until this clock shows `at`; nullopt: not by itself.
  virtual std::optional<std::chrono::milliseconds> until(Timestamp at) = 0;
};

std::unique_ptr<Clock> make_real_clock();
// Starts frozen at the host's time. advance_to() moves it, and only forward, from timer to timer:
// each fires at its own time.
class VirtualClock final : public Clock {
 public:
  VirtualClock();
  Timestamp now() override;
  Timestamp step(std::optional<Timestamp> next) override;
  std::optional<std::chrono::milliseconds> until(Timestamp at) override;
  // False when `to` lies in the past.
  bool advance_to(Timestamp to);
  bool arrived();

 private:
  std::mutex mutex_{};
  Timestamp now_{};
  Timestamp target_{};
};

class KernelThread {
 public:
  // All outlive this. `on_failure` is called on the kernel's thread when the store failed.
  KernelThread(kernel::Kernel& kernel, Clock& clock, std::function<void(const Error&)> on_failure);
  ~KernelThread();
  KernelThread(const KernelThread&) = delete;
  KernelThread& operator=(const KernelThread&) = delete;

  // Starts the thread, once. What was submitted before waits for it.
  void begin();
  // Any thread.
  void submit(kernel::Command command);
  void outcome(std::string service, services::Outcome outcome);
  // Runs `work` on the kernel's thread, between two batches.
  void visit(std::function<void(kernel::Kernel&)> work);
  // Decides what was submitted so far and ends the thread.
  void stop();

 private:
  struct Inbox {
    std::vector<kernel::Command> commands{};
    std::vector<std::pair<std::string, services::Outcome>> outcomes{};
    std::vector<std::function<void(kernel::Kernel&)>> visits{};
    bool empty() const { return commands.empty() && outcomes.empty() && visits.empty(); }
  };
  void run();
  void wait(std::unique_lock<std::mutex>& lock);

  kernel::Kernel& kernel_;
  Clock& clock_;
  std::function<void(const Error&)> on_failure_;
  std::mutex mutex_{};
  std::condition_variable wake_{};
  Inbox inbox_{};
  bool stopping_{false};
  std::thread thread_{};
};

}  // namespace kiban::runtime
