// The rows of a store as a batch's own writes left them, with savepoints.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/store.h"

namespace kiban::kernel {

class Overlay {
 public:
  explicit Overlay(const store::Store& store) : store_(store) {}

  std::optional<std::string> get(std::string_view key) const;
  std::vector<store::Row> scan(std::string_view prefix, std::string_view after,
                               std::size_t limit) const;
  void put(std::string_view key, std::string value);
  void erase(std::string_view key);

  using Savepoint = std::size_t;
  Savepoint savepoint() const { return undo_.size(); }
  // Undoes every put and erase since.
  void roll_back(Savepoint savepoint);

  // Every savepoint so far is given up: the writes stay.
  void keep() { undo_.clear(); }

  const store::Batch& writes() const { return writes_; }

 private:
  struct Undo {
    store::Batch::iterator written{};
    bool was_written{false};  // By this batch, with `value`; otherwise not at all.
    std::optional<std::string> value{};
  };
  void write(std::string_view key, std::optional<std::string> value);

  const store::Store& store_;
  store::Batch writes_{};
  // What get() read, found or not: the commands of a batch ask for many of the same rows, and
  // nobody but this batch writes to the store meanwhile.
  mutable store::Batch reads_{};
  std::vector<Undo> undo_{};
};

}  // namespace kiban::kernel
