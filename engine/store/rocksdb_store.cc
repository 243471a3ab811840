#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <filesystem>
#include <system_error>

#include "store/store.h"

namespace kiban::store {

namespace {

rocksdb::Slice slice(std::string_view text) { return {text.data(), text.size()}; }

[[noreturn]] void unreadable(const rocksdb::Status& status) {
  // get() and scan() have no way to say so, and nothing decided upon a wrong answer may be kept.
  check_failed(__FILE__, __LINE__, "the data directory can be read", status.ToString());
}

class RocksDbStore final : public Store {
 public:
  explicit RocksDbStore(std::unique_ptr<rocksdb::DB> database) : database_(std::move(database)) {}

  std::optional<std::string> get(std::string_view key) const override {
    std::string value;
    const rocksdb::Status status = database_->Get({}, slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) unreadable(status);
    return value;
  }

  std::vector<Row> scan(std::string_view prefix, std::string_view after,
                        std::size_t limit) const override {
    std::vector<Row> result;
    const std::unique_ptr<rocksdb::Iterator> at{database_->NewIterator({})};
    at->Seek(slice(after > prefix ? after : prefix));
    if (at->Valid() && !after.empty() && at->key() == slice(after)) at->Next();
    for (; at->Valid() && result.size() < limit; at->Next()) {
      if (!at->key().starts_with(slice(prefix))) break;
      result.push_back({at->key().ToString(), at->value().ToString()});
    }
    if (!at->status().ok()) unreadable(at->status());
    return result;
  }

  Result<void> commit(const Batch& batch) override {
    rocksdb::WriteBatch writes;
    for (const auto& [key, value] : batch) {
      const rocksdb::Status added =
          value ? writes.Put(slice(key), slice(*value)) : writes.Delete(slice(key));
      if (!added.ok()) return fail("StoreFailed", added.ToString());
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    const rocksdb::Status status = database_->Write(options, &writes);
    if (!status.ok()) return fail("StoreFailed", status.ToString());
    return {};
  }

 private:
  std::unique_ptr<rocksdb::DB> database_;
};

rocksdb::Options options_for_one_machine() {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.max_open_files = 256;
  options.write_buffer_size = 32ULL << 20U;  // Memory, and what recovery replays at most, twice.
  options.max_background_jobs = 2;
  options.keep_log_file_num = 2;
  options.info_log_level = rocksdb::InfoLogLevel::ERROR_LEVEL;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.compression = rocksdb::kLZ4Compression;
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
    const std::string text = status.ToString();
    if (text.find("lock") != std::string::npos && status.IsIOError())
      return fail("StoreFailed", "another process holds " + directory + ": " + text);
    return fail("StoreFailed", "can't open " + directory + ": " + text);
  }
  return std::make_unique<RocksDbStore>(std::unique_ptr<rocksdb::DB>(opened));
}

}  // namespace kiban::store
