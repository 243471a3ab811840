// How many executions began and ended since the server started: what was decided, whether or not
// the batch was then written. Any thread reads.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "asl/interpreter.h"

namespace kiban::services::states {

struct Counters {
  std::atomic<std::uint64_t> started{0};
  std::array<std::atomic<std::uint64_t>, 5> ended{};  // By asl::Status.

  void count_start() { started.fetch_add(1, std::memory_order_relaxed); }
  void count_end(asl::Status status) {
    ended[static_cast<std::size_t>(status)].fetch_add(1, std::memory_order_relaxed);
  }
};

}  // namespace kiban::services::states
