#include "runtime/kernel_thread.h"

#include <algorithm>
#include <random>

namespace kiban::runtime {

namespace {

Timestamp host_now() {
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::uint64_t fresh_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32U) | device();
}

class RealClock final : public Clock {
 public:
  // Never backwards, whatever the host's clock does while we run.
  Timestamp now() override { return last_ = std::max(last_, host_now()); }
  Timestamp step(std::optional<Timestamp>) override { return now(); }
  std::optional<std::chrono::milliseconds> until(Timestamp at) override { return at - now(); }

 private:
  Timestamp last_{};
};

}  // namespace

std::unique_ptr<Clock> make_real_clock() { return std::make_unique<RealClock>(); }

VirtualClock::VirtualClock() : now_(host_now()), target_(now_) {}

Timestamp VirtualClock::now() {
  const std::scoped_lock lock{mutex_};
  return now_;
}

Timestamp VirtualClock::step(std::optional<Timestamp> next) {
  const std::scoped_lock lock{mutex_};
  const Timestamp to = next ? std::min(target_, *next) : target_;
  return now_ = std::max(now_, to);
}

std::optional<std::chrono::milliseconds> VirtualClock::until(Timestamp at) {
  const std::scoped_lock lock{mutex_};
  if (at <= target_) return std::chrono::milliseconds{0};
  return std::nullopt;
}

bool VirtualClock::advance_to(Timestamp to) {
  const std::scoped_lock lock{mutex_};
  if (to < target_) return false;
  target_ = to;
  return true;
}

bool VirtualClock::arrived() {
  const std::scoped_lock lock{mutex_};
  return now_ == target_;
}

KernelThread::KernelThread(kernel::Kernel& kernel, Clock& clock,
                           std::function<void(const Error&)> on_failure)
    : kernel_(kernel), clock_(clock), on_failure_(std::move(on_failure)) {}

void KernelThread::begin() {
  thread_ = std::thread([this] { run(); });
}

KernelThread::~KernelThread() { stop(); }

void KernelThread::submit(kernel::Command command) {
  {
    const std::scoped_lock lock{mutex_};
    inbox_.commands.push_back(std::move(command));
  }
  wake_.notify_one();
}

void KernelThread::outcome(std::string service, services::Outcome outcome) {
  {
    const std::scoped_lock lock{mutex_};
    inbox_.outcomes.emplace_back(std::move(service), std::move(outcome));
  }
  wake_.notify_one();
}

void KernelThread::visit(std::function<void(kernel::Kernel&)> work) {
  {
    const std::scoped_lock lock{mutex_};
    inbox_.visits.push_back(std::move(work));
  }
  wake_.notify_one();
}

void KernelThread::stop() {
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void KernelThread::wait(std::unique_lock<std::mutex>& lock) {
  const auto ready = [this] { return stopping_ || !inbox_.empty(); };
  if (kernel_.busy() && !kernel_.failed()) return;
  const std::optional<Timestamp> next = kernel_.failed() ? std::nullopt : kernel_.next_timer();
  const auto delay = next ? clock_.until(*next) : std::nullopt;
  if (!delay) {
    wake_.wait(lock, ready);
    return;
  }
  // Capped so that a step of the host's clock is noticed.
  constexpr std::chrono::milliseconds nap_max{1000};
  wake_.wait_for(lock, std::clamp(*delay, std::chrono::milliseconds{0}, nap_max), ready);
}

void KernelThread::run() {
  Random seeds{fresh_seed()};
  bool told = false;
  const auto check = [&](const Result<void>& ran) {
    if (ran || told) return;
    told = true;
    on_failure_(ran.error());
  };
  check(kernel_.start(clock_.now(), seeds.next()));
  for (;;) {
    Inbox taken;
    {
      std::unique_lock<std::mutex> lock{mutex_};
      wait(lock);
      if (stopping_ && inbox_.empty()) return;
      taken = std::exchange(inbox_, {});
    }
    for (kernel::Command& command : taken.commands) kernel_.submit(std::move(command));
    for (auto& [service, outcome] : taken.outcomes)
      kernel_.outcome(std::move(service), std::move(outcome));
    const std::optional<Timestamp> next = kernel_.next_timer();
    const Timestamp now = kernel_.busy() ? clock_.now() : clock_.step(next);
    if (kernel_.busy() || (next && *next <= now)) check(kernel_.run_batch(now, seeds.next()));
    for (const auto& work : taken.visits) work(kernel_);
  }
}

}  // namespace kiban::runtime
