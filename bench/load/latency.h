// Latencies in buckets of at most 1.6 % width, from 1 µs to 4,000 s, in constant memory.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace kiban::load {

class Latencies {
 public:
  void add(std::chrono::nanoseconds latency);
  // The upper edge of the bucket in which the quantile lies; 0 when nothing was added.
  double quantile_ms(double quantile) const;
  double max_ms() const { return static_cast<double>(max_.count()) / 1e6; }
  std::uint64_t count() const { return count_; }

 private:
  static constexpr unsigned steps_log2 = 6;  // Buckets of one power of two.
  static constexpr unsigned steps = 1U << steps_log2;
  static constexpr unsigned powers = 27;
  std::array<std::uint32_t, std::size_t{powers} * steps> buckets_{};
  std::uint64_t count_{0};
  std::chrono::nanoseconds max_{0};
};

}  // namespace kiban::load
