// What the kernel's time is: the host's, or one that stands, jumps or runs as it is told.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/time.h"

namespace kiban::runtime {

enum class Work { None, Waits };  // Whether commands or outcomes wait to be decided.

// Used on the kernel's thread, unless a member says otherwise.
class Clock {
 public:
  virtual ~Clock() = default;
  // The time of the next batch; `next`: when the first timer is due.
  virtual Timestamp step(std::optional<Timestamp> next, Work work) = 0;
  // How long, in the host's time, until step() is worth another call; nullopt: not by itself.
  virtual std::optional<Duration> until(std::optional<Timestamp> next) = 0;
};

struct RealClockPorts {
  std::function<Timestamp()> host_now{};    // Empty: the host's clock.
  std::function<Timestamp()> steady_now{};  // Empty: the host's steady clock.
};
// The host's time, never before `last`, when kept rows were written. While the host's clock is
// behind what was shown, it goes on by the steady clock.
std::unique_ptr<Clock> make_real_clock(std::optional<Timestamp> last = {},
                                       RealClockPorts ports = {});

constexpr double clock_scale_max = 1'000'000;

// Frozen, until it is moved forward to an instant (from timer to timer: each fires at its own
// time), or runs `scale` times as fast as the host's. What is in flight outside holds it at the
// instant: tasks that run to completion, deliveries. No longer than `hold` of the host's time each:
// then a move ends there and names them, and a running clock goes on without them.
class VirtualClock final : public Clock {
 public:
  struct State {
    Timestamp now{};
    double scale{0};  // 0: frozen.
    Duration hold{60'000};
    bool operator==(const State&) const = default;
  };
  struct Ports {
    // What holds the clock, each named for people and once.
    std::function<std::vector<std::string>()> in_flight{};
    std::function<Timestamp()> host_now{};  // Empty: the host's steady clock.
    std::function<void(const std::string&)> log{};
  };
  VirtualClock(const State& state, Ports ports);

  Timestamp step(std::optional<Timestamp> next, Work work) override;
  std::optional<Duration> until(std::optional<Timestamp> next) override;

  // Any thread. False when `to` lies in the past. Takes effect with the next step().
  bool move_to(Timestamp to, Duration hold);
  // Until the move has arrived, what came due at its end included, or was given up.
  bool moving() const;
  // Who held the last move too long.
  std::vector<std::string> overdue() const;
  void run_at(double scale, Duration hold);  // Ends a move.
  State state() const;
  std::vector<std::string> in_flight() const;  // As the last step() saw it.

 private:
  // True when something holds the clock.
  bool look(Timestamp host);
  Timestamp flown(Timestamp host) const;
  void anchor(Timestamp host);
  std::optional<Duration> patience(Timestamp host) const;

  Ports ports_;
  mutable std::mutex mutex_{};
  State state_;
  Timestamp target_{};
  bool moving_{false};
  // A running clock showed `anchored_` when the host's showed `anchored_host_`.
  Timestamp anchored_{};
  Timestamp anchored_host_{};
  std::vector<std::string> in_flight_{};
  std::map<std::string, Timestamp> held_since_{};  // The host's time.
  std::set<std::string> given_up_{};
  std::vector<std::string> overdue_{};
};

}  // namespace kiban::runtime
