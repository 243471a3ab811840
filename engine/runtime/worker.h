// One thread for what reads, hashes and syncs files, so that the I/O thread need not.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace kiban::runtime {

class Worker {
 public:
  Worker() : thread_([this] { run(); }) {}
  // Waits for the job that runs; those behind it are dropped.
  ~Worker() {
    {
      const std::scoped_lock lock{mutex_};
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // In the order given; from any thread.
  void post(std::function<void()> job) {
    {
      const std::scoped_lock lock{mutex_};
      jobs_.push_back(std::move(job));
    }
    wake_.notify_one();
  }

 private:
  void run() {
    for (;;) {
      std::unique_lock<std::mutex> lock{mutex_};
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      const std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
    }
  }

  std::mutex mutex_{};
  std::condition_variable wake_{};
  std::deque<std::function<void()>> jobs_{};
  bool stopping_{false};
  std::thread thread_;  // The last: it uses all of the above.
};

}  // namespace kiban::runtime
