#include "runtime/clock.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace kiban::runtime {

namespace {

Timestamp host_now() { return std::chrono::floor<Duration>(std::chrono::system_clock::now()); }

// Its zero means nothing: only differences count.
Timestamp steady_now() {
  return Timestamp{
      std::chrono::floor<Duration>(std::chrono::steady_clock::now().time_since_epoch())};
}

class RealClock final : public Clock {
 public:
  RealClock(std::optional<Timestamp> last, RealClockPorts ports) : ports_(std::move(ports)) {
    if (!ports_.host_now) ports_.host_now = host_now;
    if (!ports_.steady_now) ports_.steady_now = steady_now;
    if (last) last_ = *last;
    steady_ = ports_.steady_now();
  }
  Timestamp step(std::optional<Timestamp>, Work) override {
    const Timestamp steady = ports_.steady_now();
    last_ = std::max(last_ + (steady - steady_), ports_.host_now());
    steady_ = steady;
    return last_;
  }
  std::optional<Duration> until(std::optional<Timestamp> next) override {
    if (!next) return std::nullopt;
    return *next - step(next, Work::None);
  }

 private:
  RealClockPorts ports_;
  Timestamp last_{};
  Timestamp steady_{};  // When `last_` was shown.
};

}  // namespace

std::unique_ptr<Clock> make_real_clock(std::optional<Timestamp> last, RealClockPorts ports) {
  return std::make_unique<RealClock>(last, std::move(ports));
}

VirtualClock::VirtualClock(const State& state, Ports ports)
    : ports_(std::move(ports)), state_(state), target_(state.now) {
  if (!ports_.host_now) ports_.host_now = steady_now;
  anchor(ports_.host_now());
}

void VirtualClock::anchor(Timestamp host) {
  anchored_ = state_.now;
  anchored_host_ = host;
}

Timestamp VirtualClock::flown(Timestamp host) const {
  const double passed = static_cast<double>((host - anchored_host_).count()) * state_.scale;
  return anchored_ + Duration{std::llround(passed)};
}

bool VirtualClock::look(Timestamp host) {
  const std::set<std::string> seen{in_flight_.begin(), in_flight_.end()};
  std::erase_if(held_since_, [&](const auto& each) { return !seen.contains(each.first); });
  std::erase_if(given_up_, [&](const auto& each) { return !seen.contains(each); });
  if (!moving_ && state_.scale <= 0) {  // The clock is frozen; hold timeouts don't apply.
    held_since_.clear();
    return false;
  }
  std::vector<std::string> overdue;
  for (const std::string& name : seen)
    if (const auto [at, added] = held_since_.emplace(name, host); host - at->second >= state_.hold)
      overdue.push_back(name);
  if (overdue.empty()) return !held_since_.empty();
  if (moving_) {
    overdue_ = std::move(overdue);
    target_ = state_.now;
    moving_ = false;
    return true;
  }
  for (const std::string& name : overdue)
    if (given_up_.insert(name).second && ports_.log)
      ports_.log(fmt::format("the clock goes on without {}, in flight for {} s", name,
                             std::chrono::floor<std::chrono::seconds>(state_.hold).count()));
  return held_since_.size() > overdue.size();
}

Timestamp VirtualClock::step(std::optional<Timestamp> next, Work work) {
  std::vector<std::string> in_flight =
      ports_.in_flight ? ports_.in_flight() : std::vector<std::string>{};
  const std::scoped_lock lock{mutex_};
  in_flight_ = std::move(in_flight);
  const Timestamp host = ports_.host_now();
  const bool held = look(host);
  if (held || target_ > state_.now) {
    if (!held && work == Work::None)
      state_.now = std::max(state_.now, next ? std::min(target_, *next) : target_);
    anchor(host);
  } else if (state_.scale > 0) {
    const Timestamp to = flown(host);
    state_.now = std::max(state_.now, next ? std::min(to, *next) : to);
    target_ = state_.now;
  }
  const bool due = next && *next <= state_.now;
  if (moving_ && !held && !due && work == Work::None && state_.now >= target_) moving_ = false;
  return state_.now;
}

// The time until the first hold timeout expires; nullopt: nothing holds the clock.
std::optional<Duration> VirtualClock::patience(Timestamp host) const {
  std::optional<Duration> least;
  for (const auto& [name, since] : held_since_) {
    if (given_up_.contains(name)) continue;
    const Duration left = std::max(Duration{0}, since + state_.hold - host);
    least = least ? std::min(*least, left) : left;
  }
  return least;
}

std::optional<Duration> VirtualClock::until(std::optional<Timestamp> next) {
  const std::scoped_lock lock{mutex_};
  if (next && *next <= state_.now) return Duration{0};
  const Timestamp host = ports_.host_now();
  if (const auto left = patience(host)) return left;
  if (moving_) return Duration{0};
  if (state_.scale <= 0 || !next) return std::nullopt;
  const double left = static_cast<double>((*next - flown(host)).count()) / state_.scale;
  return Duration{std::max<std::int64_t>(0, std::llround(std::ceil(left)))};
}

bool VirtualClock::move_to(Timestamp to, Duration hold) {
  const std::scoped_lock lock{mutex_};
  if (to < std::max(target_, state_.now)) return false;
  target_ = to;
  state_.hold = hold;
  moving_ = true;
  held_since_.clear();
  overdue_.clear();
  return true;
}

bool VirtualClock::moving() const {
  const std::scoped_lock lock{mutex_};
  return moving_;
}

std::vector<std::string> VirtualClock::overdue() const {
  const std::scoped_lock lock{mutex_};
  return overdue_;
}

void VirtualClock::run_at(double scale, Duration hold) {
  const std::scoped_lock lock{mutex_};
  state_.scale = scale;
  state_.hold = hold;
  target_ = state_.now;
  moving_ = false;
  held_since_.clear();
  anchor(ports_.host_now());
}

VirtualClock::State VirtualClock::state() const {
  const std::scoped_lock lock{mutex_};
  return state_;
}

std::vector<std::string> VirtualClock::in_flight() const {
  const std::scoped_lock lock{mutex_};
  return in_flight_;
}

}  // namespace kiban::runtime
