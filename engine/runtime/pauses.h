// Performs "host.pause": {"Milliseconds": n} to {}, after that much of the host's time. The
// kernel's timers follow the clock that users see, which may be frozen; pauses that only pace
// kiban's own work use this effect. After a restart a pause begins anew.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "runtime/effects.h"

namespace kiban::runtime {

class Pauses {
 public:
  Pauses() : thread_([this] { run(); }) {}
  // Those that are not over are dropped: the kernel keeps their effects.
  ~Pauses();
  Pauses(const Pauses&) = delete;
  Pauses& operator=(const Pauses&) = delete;

  // From any thread.
  void start(std::chrono::milliseconds length, Report report);
  // `this` outlives the performer.
  Performer performer();

 private:
  using Steady = std::chrono::steady_clock::time_point;
  void run();

  std::mutex mutex_{};
  std::condition_variable wake_{};
  std::multimap<Steady, Report> waiting_{};
  bool stopping_{false};
  std::thread thread_;  // The last: it uses all of the above.
};

}  // namespace kiban::runtime
