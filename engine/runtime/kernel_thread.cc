#include "runtime/kernel_thread.h"

#include <algorithm>
#include <iterator>

#include "core/utf8.h"
#include "runtime/entropy.h"

namespace kiban::runtime {

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

void KernelThread::outcome(std::string service, services::Outcome outcome,
                           std::function<void()> committed) {
  // What programs print and servers reply is bytes: lines of logs, headers, bodies.
  json::value payload = std::move(outcome.payload);
  make_utf8_of_bytes(payload);
  outcome.payload = std::move(payload.get_object());
  {
    const std::scoped_lock lock{mutex_};
    inbox_.outcomes.push_back({std::move(service), std::move(outcome), std::move(committed)});
  }
  wake_.notify_one();
}

void KernelThread::visit(std::function<void(kernel::Kernel&)> work) {
  visit_until([work = std::move(work)](kernel::Kernel& kernel) {
    work(kernel);
    return true;
  });
}

void KernelThread::visit_until(std::function<bool(kernel::Kernel&)> work) {
  {
    const std::scoped_lock lock{mutex_};
    inbox_.visits.push_back(std::move(work));
  }
  wake_.notify_one();
}

std::size_t KernelThread::waiting() const {
  const std::scoped_lock lock{mutex_};
  return inbox_.commands.size() + inbox_.outcomes.size();
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
  const auto delay = kernel_.failed() ? std::nullopt : clock_.until(kernel_.next_timer());
  if (!delay) {
    wake_.wait(lock, ready);
    return;
  }
  // Capped so that a step of the host's clock is noticed.
  constexpr std::chrono::milliseconds nap_max{1000};
  wake_.wait_for(lock, std::clamp(*delay, std::chrono::milliseconds{0}, nap_max), ready);
}

Result<void> KernelThread::run_batch(Timestamp now, std::size_t inputs) {
  if (metrics_ == nullptr) return kernel_.run_batch(now, fresh_seed());
  const auto began = std::chrono::steady_clock::now();
  Result<void> ran = kernel_.run_batch(now, fresh_seed());
  const auto took = std::chrono::steady_clock::now() - began;
  metrics_->batch_took.observe(took);
  const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
  // This thread alone writes it.
  if (const auto longest = static_cast<std::uint64_t>(microseconds);
      longest > metrics_->batch_longest.load(std::memory_order_relaxed))
    metrics_->batch_longest.store(longest, std::memory_order_relaxed);
  metrics_->batch_inputs.observe(inputs);
  return ran;
}

void KernelThread::run() {
  bool told = false;
  const auto check = [&](const Result<void>& ran) {
    if (ran || told) return;
    told = true;
    on_failure_(ran.error());
  };
  check(kernel_.start(clock_.step(std::nullopt, Work::Waits), fresh_seed()));
  std::vector<std::function<bool(kernel::Kernel&)>> visits;
  for (;;) {
    Inbox taken;
    {
      std::unique_lock<std::mutex> lock{mutex_};
      wait(lock);
      if (stopping_ && inbox_.empty()) break;
      taken = std::exchange(inbox_, {});
    }
    for (kernel::Command& command : taken.commands) kernel_.submit(std::move(command));
    for (Reported& each : taken.outcomes)
      kernel_.outcome(std::move(each.service), std::move(each.outcome), std::move(each.committed));
    const std::optional<Timestamp> next = kernel_.next_timer();
    const Timestamp now = clock_.step(next, kernel_.busy() ? Work::Waits : Work::None);
    if (kernel_.busy() || (next && *next <= now))
      check(run_batch(now, taken.commands.size() + taken.outcomes.size()));
    std::ranges::move(taken.visits, std::back_inserter(visits));
    std::erase_if(visits, [this](auto& work) { return work(kernel_); });
  }
  // Work left over waits for the next start, except for rows that a visit wants kept.
  if (kernel_.busy() && !kernel_.failed())
    check(kernel_.run_batch(clock_.step(std::nullopt, Work::Waits), fresh_seed()));
}

}  // namespace kiban::runtime
