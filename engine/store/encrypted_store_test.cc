#include "store/encrypted_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "store/rocksdb_store.h"

namespace kiban::store {
namespace {

namespace fs = std::filesystem;

// Rows that outlive the store which encrypts them.
class Shared final : public Store {
 public:
  explicit Shared(Store& rows) : rows_(rows) {}
  std::optional<std::string> get(std::string_view key) const override { return rows_.get(key); }
  std::vector<Row> scan(std::string_view prefix, std::string_view after,
                        std::size_t limit) const override {
    return rows_.scan(prefix, after, limit);
  }
  Result<void> commit(const Batch& batch) override { return rows_.commit(batch); }

 private:
  Store& rows_;
};

class EncryptedRows : public testing::Test {
 protected:
  static EncryptionKey key(unsigned char first) { return {first}; }
  Result<std::unique_ptr<Store>> open(unsigned char first = 1) {
    return encrypt_store(std::make_unique<Shared>(*disk_), key(first), "/the/key", {"states/"});
  }
  std::unique_ptr<Store> disk_{make_memory_store()};
};

TEST_F(EncryptedRows, ReadWhatWasPut) {
  auto rows = open();
  ASSERT_TRUE(rows);
  ASSERT_TRUE((*rows)->commit({{"ssm/a", "secret"}, {"ssm/b", ""}, {"states/a", "plain"}}));
  EXPECT_EQ((*rows)->get("ssm/a"), "secret");
  EXPECT_EQ((*rows)->get("ssm/b"), "");
  EXPECT_EQ((*rows)->scan("ssm/", {}, 9), (std::vector<Row>{{"ssm/a", "secret"}, {"ssm/b", ""}}));
  EXPECT_EQ(disk_->get("ssm/a")->find("secret"), std::string::npos);
  EXPECT_EQ(disk_->get("states/a"), "plain");
  ASSERT_TRUE((*rows)->commit({{"ssm/a", std::nullopt}}));
  EXPECT_EQ(disk_->get("ssm/a"), std::nullopt);
}

TEST_F(EncryptedRows, NeverRepeatANonce) {
  auto rows = open();
  ASSERT_TRUE((*rows)->commit({{"ssm/a", "same"}}));
  const auto before = disk_->get("ssm/a");
  ASSERT_TRUE((*rows)->commit({{"ssm/a", "same"}}));
  EXPECT_NE(disk_->get("ssm/a"), before);
}

TEST_F(EncryptedRows, RefuseAnotherKey) {
  ASSERT_TRUE((*open())->commit({{"ssm/a", "secret"}}));
  const auto refused = open(2);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "KeyWrong");
  EXPECT_EQ(refused.error().cause, "/the/key is not the key of these rows");
  EXPECT_EQ((*open())->get("ssm/a"), "secret");
}

TEST_F(EncryptedRows, EncryptRowsThatWerePlain) {
  ASSERT_TRUE(disk_->commit({{"ssm/a", "secret"}, {"states/a", "plain"}}));
  auto rows = open();
  ASSERT_TRUE(rows);
  EXPECT_EQ((*rows)->get("ssm/a"), "secret");
  EXPECT_EQ(disk_->get("ssm/a")->find("secret"), std::string::npos);
  EXPECT_EQ(disk_->get("states/a"), "plain");
}

TEST_F(EncryptedRows, GoOnAfterAnInterruptedStart) {
  ASSERT_TRUE((*open())->commit({{"ssm/a", "one"}}));
  const auto begun = *disk_->get("ssm/a");
  // As after a crash before the second row: the first is encrypted, the state is not kept.
  ASSERT_TRUE(disk_->commit({{"encryption", std::nullopt}, {"ssm/b", "two"}}));
  auto rows = open();
  ASSERT_TRUE(rows);
  EXPECT_EQ(disk_->get("ssm/a"), begun);
  EXPECT_EQ((*rows)->get("ssm/a"), "one");
  EXPECT_EQ((*rows)->get("ssm/b"), "two");
}

using EncryptedRowsDeathTest = EncryptedRows;

TEST_F(EncryptedRowsDeathTest, EndTheProcessWhenOneWasAlteredOrMoved) {
  auto rows = open();
  ASSERT_TRUE((*rows)->commit({{"ssm/a", "one"}, {"ssm/b", "two"}}));
  ASSERT_TRUE(disk_->commit({{"ssm/b", disk_->get("ssm/a")}}));
  EXPECT_EXIT((*rows)->get("ssm/b"), testing::ExitedWithCode(1), "kiban: data: .*ssm/b");
}

TEST(EncryptionKeyFile, IsMadeOncePrivateAndNotForRowsThatHaveAnother) {
  std::string folder = (fs::temp_directory_path() / "kiban-key-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/key";
  const auto rows = make_memory_store();
  const auto made = load_or_make_key(path, *rows);
  ASSERT_TRUE(made);
  EXPECT_EQ(*load_or_make_key(path, *rows), *made);
  struct stat found{};
  ASSERT_EQ(::stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);

  ASSERT_TRUE(encrypt_store(std::make_unique<Shared>(*rows), *made, path, {}));
  fs::remove(path);
  EXPECT_EQ(load_or_make_key(path, *rows).error().name, "KeyMissing");
  EXPECT_FALSE(fs::exists(path));
  std::ofstream{path} << "short";
  EXPECT_EQ(load_or_make_key(path, *rows).error().name, "KeyUnusable");
  fs::remove_all(folder);
}

TEST(EncryptedDisk, HoldsNoValueThatWasOncePlain) {
  std::string folder = (fs::temp_directory_path() / "kiban-plain-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string secret = "a-secret-that-was-plain";
  ASSERT_TRUE((*open_rocksdb_store(folder))->commit({{"ssm/a", secret}}));
  {
    auto rows = open_rocksdb_store(folder);
    ASSERT_TRUE(rows);
    auto encrypted = encrypt_store(*std::move(rows), EncryptionKey{1}, "/the/key", {});
    ASSERT_TRUE(encrypted);
    EXPECT_EQ((*encrypted)->get("ssm/a"), secret);
  }
  for (const fs::directory_entry& entry : fs::directory_iterator{folder}) {
    std::ifstream in{entry.path(), std::ios::binary};
    std::ostringstream bytes;
    bytes << in.rdbuf();
    EXPECT_EQ(bytes.str().find(secret), std::string::npos) << entry.path();
  }
  fs::remove_all(folder);
}

}  // namespace
}  // namespace kiban::store
