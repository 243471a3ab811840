#include "kernel/overlay.h"

#include <algorithm>

namespace kiban::kernel {

std::optional<std::string> Overlay::get(std::string_view key) const {
  const auto written = writes_.find(key);
  return written == writes_.end() ? store_.get(key) : written->second;
}

std::vector<store::Row> Overlay::scan(std::string_view prefix, std::string_view after,
                                      std::size_t limit) const {
  if (limit == 0) return {};
  auto written = after > prefix ? writes_.lower_bound(after) : writes_.lower_bound(prefix);
  if (written != writes_.end() && !after.empty() && written->first == after) ++written;
  const auto in_range = [&](const auto& at) {
    return at != writes_.end() && at->first.starts_with(prefix);
  };
  std::vector<store::Row> result;
  std::string from{after};
  // The store's rows come in chunks, since writes may hide any number of them.
  const std::size_t chunk = std::max<std::size_t>(limit, 64);
  for (;;) {
    std::vector<store::Row> stored = store_.scan(prefix, from, chunk);
    for (store::Row& row : stored) {
      for (; in_range(written) && written->first < row.key; ++written) {
        if (written->second) result.push_back({written->first, *written->second});
        if (result.size() == limit) return result;
      }
      if (in_range(written) && written->first == row.key) {
        if (written->second) result.push_back({written->first, *written->second});
        ++written;
      } else {
        result.push_back(row);
      }
      if (result.size() == limit) return result;
    }
    if (stored.size() < chunk) break;
    from = stored.back().key;
  }
  for (; in_range(written); ++written) {
    if (written->second) result.push_back({written->first, *written->second});
    if (result.size() == limit) break;
  }
  return result;
}

void Overlay::put(std::string_view key, std::string value) { write(key, std::move(value)); }

void Overlay::erase(std::string_view key) { write(key, std::nullopt); }

void Overlay::write(std::string_view key, std::optional<std::string> value) {
  const auto found = writes_.find(key);
  if (found == writes_.end()) {
    undo_.push_back({.key = std::string(key)});
    writes_.emplace(std::string(key), std::move(value));
    return;
  }
  undo_.push_back({.key = std::string(key), .was_written = true, .value = found->second});
  found->second = std::move(value);
}

void Overlay::roll_back(Savepoint savepoint) {
  while (undo_.size() > savepoint) {
    Undo& last = undo_.back();
    if (last.was_written)
      writes_.insert_or_assign(std::move(last.key), std::move(last.value));
    else
      writes_.erase(last.key);
    undo_.pop_back();
  }
}

}  // namespace kiban::kernel
