// The kernel's time: the host's, or a virtual time that is frozen, moved or scaled on request.
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
// The host's time, never before `last`, the time of the newest kept rows. While the host's clock is
// behind the last time returned, time advances by the steady clock.
std::unique_ptr<Clock> make_real_clock(std::optional<Timestamp> last = {},
                                       RealClockPorts ports = {});

constexpr double clock_scale_max = 1'000'000;

// Frozen until it is moved forward to an instant (from timer to timer: each fires at its own time),
// or running `scale` times as fast as the host's. Work in flight outside the kernel (tasks that run
// to completion, deliveries) holds the clock, each for at most `hold` of the host's time: then a
// move ends there and names the work that held it, and a running clock continues without it.
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
  // True until the move has reached its target and the timers due there have fired, or until it was
  // given up.
  bool moving() const;
  // The work that held the last move for longer than `hold`.
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
