// The format of the rows in a data directory: a version, and the steps from each version to the
// next.
//
// The version is in the row `format_row`, which is never encrypted. Rows without it are version 1:
// kiban did not write it at first.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "store/store.h"

namespace kiban::store {

constexpr std::string_view format_row = "kernel/format";
// How far the step under way got.
constexpr std::string_view migration_row = "kernel/migration";
// The format that this kiban reads and writes. A change of the meaning of rows increments it and
// adds a Migration to migrations().
constexpr int format_current = 3;

struct Format {
  int version{1};
  std::string kiban{};  // The kiban that last opened the rows for writing; empty: not known.
  bool operator==(const Format&) const = default;
};

// From `from` to `from` + 1. All rows whose key begins with one of `prefixes` are visited in the
// order given. `rewrite` adds the new form of one row to the batch. A step may be interrupted
// between any two batches and goes on behind the last row whose changes are durable, so `rewrite`
// is called once for each row, except for rows which `rewrite` itself adds below the same prefix:
// these it must leave as they are.
struct Migration {
  int from{1};
  std::string what{};  // Shown to the user: "index finished executions by their end".
  std::vector<std::string> prefixes{};
  std::function<Result<void>(const Store& rows, const Row& row, Batch& batch)> rewrite{};
};

// Those of this kiban, one for each version below format_current.
std::span<const Migration> migrations();

// Error `FormatUnreadable` when the row is damaged.
Result<Format> read_format(const Store& rows);

// Errors: `FormatNewer` when the rows were written in a later format than `current`, naming the
// kiban that wrote them; `FormatUnreadable`. Rows without a version that hold nothing at all become
// `current`, written by `kiban`.
Result<void> check_format(Store& rows, std::string_view kiban, int current = format_current);

struct MigrationStatus {
  const Migration* step{nullptr};
  std::size_t rows{0};  // Visited so far, by this process.
};

// Takes the rows to `current` and notes `kiban`. `rows` are decrypted, and passed check_format().
// Each batch holds the rewritten rows and the place that was reached, and is synced.
// `progress` is called after every batch. Errors: those of commit() and of the steps;
// `FormatUnreadable` when a step is missing.
Result<void> migrate(Store& rows, std::string_view kiban, std::span<const Migration> steps,
                     int current = format_current,
                     const std::function<void(const MigrationStatus&)>& progress = {});

}  // namespace kiban::store
