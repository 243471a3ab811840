#include "load/latency.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace kiban::load {

// Bucket i below `steps` holds i µs; from there each power of two has `steps` buckets.
void Latencies::add(std::chrono::nanoseconds latency) {
  max_ = std::max(max_, latency);
  ++count_;
  const auto micros = static_cast<std::uint64_t>(std::max<std::int64_t>(latency.count(), 0)) / 1000;
  const unsigned width = static_cast<unsigned>(std::bit_width(micros));
  const unsigned shift = width > steps_log2 ? width - steps_log2 - 1 : 0;
  const std::uint64_t index = std::uint64_t{shift} * steps + (micros >> shift);
  ++buckets_[std::min<std::uint64_t>(index, buckets_.size() - 1)];
}

double Latencies::quantile_ms(double quantile) const {
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_))));
  std::uint64_t seen = 0;
  for (std::size_t index = 0; index < buckets_.size(); ++index) {
    seen += buckets_[index];
    if (seen < wanted) continue;
    const std::size_t shift = index < 2 * std::size_t{steps} ? 0 : index / steps - 1;
    const std::size_t base = index - shift * steps;
    const double edge = static_cast<double>((base + 1) << shift) / 1e3;
    return std::min(edge, max_ms());
  }
  return 0;
}

}  // namespace kiban::load
