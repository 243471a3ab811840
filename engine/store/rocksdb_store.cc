#include "store/rocksdb_store.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <vector>

#include "store/checkpoint.h"

namespace kiban::store {

void end_unreadable(const std::string& why) {
  std::fprintf(
      stderr,
      "kiban: data: can't read: %s. What is on disk is damaged: restore the data directory "
      "from a backup. Nothing was written since.\n",
      why.c_str());
  std::fflush(nullptr);
  ::_exit(1);
}

namespace {

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

// The first key behind all that begin with `prefix`; empty when no key is.
std::string behind_prefix(std::string_view prefix) {
  std::string behind{prefix};
  while (!behind.empty() && behind.back() == '\xff') behind.pop_back();
  if (!behind.empty()) ++behind.back();
  return behind;
}

// The Error for a failure, with advice for the user.
Error error_of(const rocksdb::Status& status, const std::string& what) {
  const std::string text = status.ToString();
  const auto says = [&text](const char* words) { return text.find(words) != std::string::npos; };
  Error error{.name = "StoreFailed", .cause = what + ": " + text};
  if (status.IsNoSpace() || says("No space left") || says("quota exceeded"))
    error.name = "StoreFull";
  else if (status.IsCorruption() || says("Corrupt") || says("No such file"))
    error.name = "StoreCorrupt";
  else if (status.IsIOError() && says("lock"))
    error.name = "StoreLocked";
  else if (says("Permission denied") || says("Read-only file system"))
    error.name = "StoreReadOnly";
  return error;
}

// RocksDB's destructor syncs the write-ahead log, which asserts when a write to it failed. So a
// database that failed is never closed: the process ends soon, and the log is replayed.
void leave_open(rocksdb::DB* database) {
  static auto* const left = new std::vector<rocksdb::DB*>;
  left->push_back(database);
}

// RocksDB's own logger writes a file beside the rows, and asserts when a full disk refused a line
// of it. What matters of its lines is in the status of the operation that failed.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

class RocksDbStore final : public Store, public Checkpointed {
 public:
  explicit RocksDbStore(std::unique_ptr<rocksdb::DB> database) : database_(std::move(database)) {}
  ~RocksDbStore() override {
    if (failed_) leave_open(database_.release());
  }
  RocksDbStore(const RocksDbStore&) = delete;
  RocksDbStore& operator=(const RocksDbStore&) = delete;

  std::optional<std::string> get(std::string_view key) const override {
    std::string value;
    const rocksdb::Status status = database_->Get({}, slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) end_unreadable(status.ToString());
    return value;
  }

  std::vector<Row> scan(std::string_view prefix, std::string_view after,
                        std::size_t limit) const override {
    std::vector<Row> result;
    // Without a bound the iterator looks behind the prefix for a row that was not erased.
    const std::string behind = behind_prefix(prefix);
    const rocksdb::Slice bound = slice(behind);
    rocksdb::ReadOptions options;
    if (!behind.empty()) options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> at{database_->NewIterator(options)};
    at->Seek(slice(after > prefix ? after : prefix));
    if (at->Valid() && !after.empty() && at->key() == slice(after)) at->Next();
    for (; at->Valid() && result.size() < limit; at->Next()) {
      if (!at->key().starts_with(slice(prefix))) break;
      result.push_back({at->key().ToString(), at->value().ToString()});
    }
    if (!at->status().ok()) end_unreadable(at->status().ToString());
    return result;
  }

  Result<void> commit(const Batch& batch) override {
    if (failed_) return fail("StoreFailed", "an earlier write failed");
    rocksdb::WriteBatch writes;
    for (const auto& [key, value] : batch) {
      const rocksdb::Status added =
          value ? writes.Put(slice(key), slice(*value)) : writes.Delete(slice(key));
      if (!added.ok()) return fail("StoreFailed", added.ToString());
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status status = database_->Write(options, &writes);
    if (status.ok()) return {};
    failed_ = true;
    return std::unexpected(error_of(status, "can't write"));
  }

  Result<void> checkpoint(const std::string& directory) const override {
    rocksdb::Checkpoint* made = nullptr;
    rocksdb::Status status = rocksdb::Checkpoint::Create(database_.get(), &made);
    const std::unique_ptr<rocksdb::Checkpoint> owned{made};
    if (status.ok()) status = made->CreateCheckpoint(directory);
    if (status.ok()) return {};
    return std::unexpected(error_of(status, "can't copy the rows to " + directory));
  }

  Result<void> erase_overwritten() {
    rocksdb::CompactRangeOptions options;
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    rocksdb::Status status = database_->Flush({});
    if (status.ok()) status = database_->CompactRange(options, nullptr, nullptr);
    if (status.ok()) return {};
    failed_ = true;
    return std::unexpected(error_of(status, "can't rewrite"));
  }

 private:
  bool failed_{false};
  std::unique_ptr<rocksdb::DB> database_;
};

rocksdb::Options options_for_one_machine() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.max_open_files = 256;
  options.write_buffer_size = 16ULL << 20U;  // Memory, and what recovery replays at most, twice.
  options.max_background_jobs = 2;
  options.max_file_opening_threads = 1;  // Not a thread for each of the few files.
  // Each batch was synced when it was acknowledged: a torn tail is a batch that never was, and
  // anything else that can't be read is damage, after which nothing may be silently left out.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.max_bgerror_resume_count = 0;  // A write that failed ends the server.
  options.info_log = std::make_shared<NoLog>();
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.compression = rocksdb::kLZ4Compression;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));  // 1 % of misses read a block.
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocksdb_store(const std::string& directory) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) return fail("StoreFailed", "can't create " + directory + ": " + failed.message());
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options_for_one_machine(), directory, &opened);
  if (!status.ok()) {
    Error error = error_of(status, "can't open " + directory);
    if (error.name == "StoreLocked") error.cause = "another process holds " + directory;
    return std::unexpected(std::move(error));
  }
  return std::make_unique<RocksDbStore>(std::unique_ptr<rocksdb::DB>(opened));
}

Result<void> erase_overwritten(Store& rows) {
  auto* const database = dynamic_cast<RocksDbStore*>(&rows);
  return database == nullptr ? Result<void>{} : database->erase_overwritten();
}

Result<void> checkpoint_rows(const Store& rows, const std::string& directory) {
  const auto* const on_disk = dynamic_cast<const Checkpointed*>(&rows);
  if (on_disk == nullptr) return fail("NotOnDisk", "these rows are in memory only");
  return on_disk->checkpoint(directory);
}

}  // namespace kiban::store
