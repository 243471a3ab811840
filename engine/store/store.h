// Ordered rows of bytes with one atomic, durable write per batch. Two implementations promise the
// same (store_contract_test.cc): in memory, and RocksDB.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace kiban::store {

struct Row {
  std::string key{};
  std::string value{};
  bool operator==(const Row&) const = default;
};

// Key to new value; nullopt erases. Applied together or not at all.
using Batch = std::map<std::string, std::optional<std::string>, std::less<>>;

class Store {
 public:
  virtual ~Store() = default;
  virtual std::optional<std::string> get(std::string_view key) const = 0;
  // Rows whose key begins with `prefix` and is greater than `after` (empty: from the start), in
  // byte order, at most `limit`.
  virtual std::vector<Row> scan(std::string_view prefix, std::string_view after,
                                std::size_t limit) const = 0;
  // Durable when it returns. Error `StoreFailed`: nothing of the batch may be relied upon, and the
  // caller must end or stop writing.
  virtual Result<void> commit(const Batch& batch) = 0;
};

std::unique_ptr<Store> make_memory_store();
// Opens or creates `directory`. Error `StoreFailed` when it can't, or another process holds it.
Result<std::unique_ptr<Store>> open_rocksdb_store(const std::string& directory);

}  // namespace kiban::store
