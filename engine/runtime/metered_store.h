// The store of the kernel, whose commits are measured.
#pragma once

#include "runtime/metrics.h"
#include "store/store.h"

namespace kiban::runtime {

class MeteredStore final : public store::Store {
 public:
  // Both outlive it.
  MeteredStore(store::Store& inner, KernelMetrics& metrics) : inner_(inner), metrics_(metrics) {}

  std::optional<std::string> get(std::string_view key) const override { return inner_.get(key); }
  std::vector<store::Row> scan(std::string_view prefix, std::string_view after,
                               std::size_t limit) const override {
    return inner_.scan(prefix, after, limit);
  }
  Result<void> commit(const store::Batch& batch) override {
    const auto began = std::chrono::steady_clock::now();
    Result<void> done = inner_.commit(batch);
    metrics_.commit_took.observe(std::chrono::steady_clock::now() - began);
    metrics_.commit_rows.observe(batch.size());
    std::uint64_t bytes = 0;
    for (const auto& [key, value] : batch) bytes += key.size() + (value ? value->size() : 0);
    add(metrics_.commit_bytes, bytes);
    return done;
  }

 private:
  store::Store& inner_;
  KernelMetrics& metrics_;
};

}  // namespace kiban::runtime
