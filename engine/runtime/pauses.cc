#include "runtime/pauses.h"

namespace kiban::runtime {

Pauses::~Pauses() {
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Pauses::start(std::chrono::milliseconds length, Report report) {
  {
    const std::scoped_lock lock{mutex_};
    waiting_.emplace(std::chrono::steady_clock::now() + length, std::move(report));
  }
  wake_.notify_one();
}

Performer Pauses::performer() {
  return [this](const services::Effect& effect, const Report& report) {
    start(std::chrono::milliseconds{effect.payload.at("Milliseconds").to_number<std::int64_t>()},
          report);
  };
}

void Pauses::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (waiting_.empty()) {
      wake_.wait(lock);
      continue;
    }
    const Steady first = waiting_.begin()->first;
    if (std::chrono::steady_clock::now() < first) {
      wake_.wait_until(lock, first);
      continue;
    }
    const Report report = std::move(waiting_.extract(waiting_.begin()).mapped());
    lock.unlock();
    report({.payload = {}});
    lock.lock();
  }
}

}  // namespace kiban::runtime
