#include "store/store.h"

namespace kiban::store {

namespace {

class MemoryStore final : public Store {
 public:
  std::optional<std::string> get(std::string_view key) const override {
    const auto found = rows_.find(key);
    if (found == rows_.end()) return std::nullopt;
    return found->second;
  }

  std::vector<Row> scan(std::string_view prefix, std::string_view after,
                        std::size_t limit) const override {
    std::vector<Row> result;
    auto at = after > prefix ? rows_.upper_bound(after) : rows_.lower_bound(prefix);
    if (at != rows_.end() && !after.empty() && at->first == after) ++at;
    for (; at != rows_.end() && result.size() < limit; ++at) {
      if (!at->first.starts_with(prefix)) break;
      result.push_back({at->first, at->second});
    }
    return result;
  }

  Result<void> commit(const Batch& batch) override {
    for (const auto& [key, value] : batch) {
      if (value)
        rows_.insert_or_assign(key, *value);
      else
        rows_.erase(key);
    }
    return {};
  }

 private:
  std::map<std::string, std::string, std::less<>> rows_{};
};

}  // namespace

std::unique_ptr<Store> make_memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace kiban::store
