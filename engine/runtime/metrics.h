// The server's own metrics, and their output in Prometheus' text format.
// https://prometheus.io/docs/instrumenting/exposition_formats/
//
// Measuring adds to relaxed atomics, from any thread; a request does no other work for metrics. GET
// /_kiban/metrics (cli/metrics_route.h) reads them.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "api/model.h"

namespace kiban::runtime {

using Count = std::atomic<std::uint64_t>;

inline void add(Count& count, std::uint64_t more = 1) {
  count.fetch_add(more, std::memory_order_relaxed);
}

constexpr std::size_t bounds_max = 14;

// Upper bounds of a histogram's buckets, ascending, in the unit of its observations.
struct Bounds {
  std::array<std::uint64_t, bounds_max> upper{};
  double scale{1};  // Of the unit in the output: 1e-6 for microseconds that are shown as seconds.
};
// 100 µs to 60 s, and 1 to 8192.
extern const Bounds duration_bounds;
extern const Bounds size_bounds;

class Histogram {
 public:
  explicit Histogram(const Bounds& bounds) : bounds_(&bounds) {}
  void observe(std::uint64_t value);
  void observe(std::chrono::steady_clock::duration took);

  const Bounds& bounds() const { return *bounds_; }
  // How many lie in the bucket and in no smaller one; the last is above all bounds.
  std::uint64_t in_bucket(std::size_t index) const {
    return buckets_[index].load(std::memory_order_relaxed);
  }
  std::uint64_t sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const Bounds* bounds_;
  std::array<Count, bounds_max + 1> buckets_{};
  Count sum_{0};
};

// Requests by operation: how many ended with 2xx, 3xx, 4xx and 5xx, and how long they took.
class RequestMetrics {
 public:
  struct Operation {
    std::string_view service{};  // As engine/services has it; "unknown".
    std::string_view name{};
    std::array<Count, 4> by_class{};  // 2xx, 3xx, 4xx, 5xx.
    Histogram took{duration_bounds};
  };
  RequestMetrics();
  // `operation` is of api::services(); nullptr: unknown. `began` without a value: it was refused
  // before its time was taken.
  void record(const api::Operation* operation, unsigned status,
              std::chrono::steady_clock::time_point began);
  // Of the operations that were ever asked for.
  std::vector<const Operation*> seen() const;

 private:
  std::vector<std::unique_ptr<Operation>> all_{};  // The first: unknown. Fixed once it is made.
  std::unordered_map<const api::Operation*, Operation*> by_model_{};
};

// Of the kernel's thread and its commits.
struct KernelMetrics {
  Histogram batch_inputs{size_bounds};  // Commands and outcomes that a batch began with.
  Histogram batch_took{duration_bounds};
  Count batch_longest{0};  // Microseconds, since the server started.
  Histogram commit_rows{size_bounds};
  Count commit_bytes{0};  // Of keys and values, before compression and encryption.
  Histogram commit_took{duration_bounds};
};

// One exposition: a family's header, then its samples.
class MetricsText {
 public:
  using Labels = std::vector<std::pair<std::string_view, std::string>>;
  // `type`: counter, gauge or histogram.
  void family(std::string_view name, std::string_view type, std::string_view help);
  // Of the family that came last.
  void sample(const Labels& labels, double value);
  void sample(const Labels& labels, std::uint64_t value);
  void histogram(const Labels& labels, const Histogram& histogram);
  std::string take() { return std::move(text_); }

 private:
  void line(std::string_view suffix, const Labels& labels, std::string_view value);

  std::string text_{};
  std::string name_{};
};

}  // namespace kiban::runtime
