// Damage on disk. The behaviour of intact rows is tested in store_contract_test.cc.
#include "store/rocksdb_store.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "store/blobs.h"

namespace kiban::store {
namespace {

namespace fs = std::filesystem;

class Damage : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = (fs::temp_directory_path() / "kiban-damage-XXXXXX").string();
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { fs::remove_all(directory_); }

  void write_batches(int count) const {
    const auto rows = open_rocksdb_store(directory_ + "/rows");
    ASSERT_TRUE(rows);
    for (int i = 0; i < count; ++i)
      ASSERT_TRUE((*rows)->commit({{"row/" + std::to_string(i), std::string(1'000, 'x')}}));
  }
  // The largest file with this ending.
  fs::path file(const std::string& ending) const {
    fs::path found;
    for (const auto& entry : fs::directory_iterator{directory_ + "/rows"})
      if (entry.path().string().ends_with(ending) &&
          (found.empty() || entry.file_size() > fs::file_size(found)))
        found = entry.path();
    EXPECT_FALSE(found.empty()) << ending;
    return found;
  }
  static void change(const fs::path& path, std::uintmax_t at) {
    std::fstream bytes{path, std::ios::in | std::ios::out | std::ios::binary};
    bytes.seekg(static_cast<std::streamoff>(at));
    const int old = bytes.get();
    bytes.seekp(static_cast<std::streamoff>(at));
    bytes.put(static_cast<char>(old ^ 1));
  }
  std::string open_error() const {
    const auto rows = open_rocksdb_store(directory_ + "/rows");
    return rows ? "" : rows.error().name;
  }

  std::string directory_{};
};

TEST_F(Damage, AFlippedBitInTheLogIsRefused) {
  write_batches(100);
  const fs::path log = file(".log");
  change(log, fs::file_size(log) / 2);
  EXPECT_EQ(open_error(), "StoreCorrupt");
}

TEST_F(Damage, ATornTailIsABatchThatNeverWas) {
  write_batches(100);
  const fs::path log = file(".log");
  fs::resize_file(log, fs::file_size(log) - 500);
  const auto rows = open_rocksdb_store(directory_ + "/rows");
  ASSERT_TRUE(rows) << rows.error().cause;
  EXPECT_TRUE((*rows)->get("row/98"));
  EXPECT_FALSE((*rows)->get("row/99"));
}

// A file that grew before its bytes were on disk.
TEST_F(Damage, AZeroedTailIsABatchThatNeverWas) {
  write_batches(100);
  const fs::path log = file(".log");
  fs::resize_file(log, fs::file_size(log) + 4'096);
  const auto rows = open_rocksdb_store(directory_ + "/rows");
  ASSERT_TRUE(rows) << rows.error().cause;
  EXPECT_TRUE((*rows)->get("row/99"));
}

TEST_F(Damage, OfWhatNamesTheTablesIsRefused) {
  write_batches(10);
  std::ofstream{directory_ + "/rows/CURRENT"} << "MANIFEST-999999\n";
  EXPECT_EQ(open_error(), "StoreCorrupt");
}

TEST_F(Damage, OfATableEndsTheReaderWithAMessage) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  {
    const auto rows = open_rocksdb_store(directory_ + "/rows");
    ASSERT_TRUE(rows);
    Batch batch;
    for (int i = 0; i < 1'000; ++i) batch["row/" + std::to_string(i)] = std::to_string(i * i);
    ASSERT_TRUE((*rows)->commit(batch));
    ASSERT_TRUE(erase_overwritten(**rows));
  }
  change(file(".sst"), 100);
  EXPECT_EXIT(
      {
        const auto rows = open_rocksdb_store(directory_ + "/rows");
        if (rows) (void)(*rows)->scan("row/", "", SIZE_MAX);
      },
      testing::ExitedWithCode(1), "kiban: data: can't read: .*restore the data directory");
}

TEST_F(Damage, OfABlobIsFoundWhenItIsRead) {
  const auto blobs = open_directory_blobs(directory_ + "/blobs");
  ASSERT_TRUE(blobs);
  const std::string digest = (*blobs)->put("bytes of an object").value();
  change((*blobs)->file(digest).value(), 3);
  const auto read = (*blobs)->read(digest);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().name, "BlobDamaged");
}

}  // namespace
}  // namespace kiban::store
