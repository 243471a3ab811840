#include "kernel/overlay.h"

#include <algorithm>
#include <utility>

namespace kiban::kernel {

namespace {

constexpr std::size_t reads_kept = 1'000;
constexpr std::size_t read_bytes_max = 16'384;

}  // namespace

std::optional<std::string> Overlay::get(std::string_view key) const {
  const auto written = writes_.find(key);
  if (written != writes_.end()) return written->second;
  const auto at = reads_.lower_bound(key);
  if (at != reads_.end() && at->first == key) return at->second;
  std::optional<std::string> value = store_.get(key);
  if (reads_.size() < reads_kept && (!value || value->size() <= read_bytes_max))
    reads_.emplace_hint(at, key, value);
  return value;
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
  // The store's rows come in chunks, since writes may hide any number of them: the first chunk is
  // what would be enough if they hid none.
  std::size_t chunk = limit;
  for (;;) {
    std::vector<store::Row> stored = store_.scan(prefix, from, chunk);
    const bool last = stored.size() < chunk;
    if (!last) from = stored.back().key;
    for (store::Row& row : stored) {
      for (; in_range(written) && written->first < row.key; ++written) {
        if (written->second) result.push_back({written->first, *written->second});
        if (result.size() == limit) return result;
      }
      if (in_range(written) && written->first == row.key) {
        if (written->second) result.push_back({written->first, *written->second});
        ++written;
      } else {
        result.push_back(std::move(row));
      }
      if (result.size() == limit) return result;
    }
    if (last) break;
    chunk = std::max<std::size_t>(chunk, 64);
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
  const auto at = writes_.lower_bound(key);
  if (at != writes_.end() && at->first == key) {
    undo_.push_back(
        {.written = at, .was_written = true, .value = std::exchange(at->second, std::move(value))});
    return;
  }
  undo_.push_back({.written = writes_.emplace_hint(at, key, std::move(value))});
}

void Overlay::roll_back(Savepoint savepoint) {
  while (undo_.size() > savepoint) {
    Undo& last = undo_.back();
    if (last.was_written)
      last.written->second = std::move(last.value);
    else
      writes_.erase(last.written);
    undo_.pop_back();
  }
}

}  // namespace kiban::kernel
