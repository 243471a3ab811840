#include "store/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

#include "store/encrypted_store.h"

namespace kiban::store {
namespace {

class CheckpointTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = (std::filesystem::temp_directory_path() / "kiban-checkpoint-XXXXXX").string();
    ASSERT_NE(::mkdtemp(directory_.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::unique_ptr<Store> open(const std::string& name, bool encrypted = true) {
    auto rows = open_rocksdb_store(directory_ + "/" + name);
    EXPECT_TRUE(rows) << (rows ? "" : rows.error().cause);
    if (!rows || !encrypted) return rows ? *std::move(rows) : nullptr;
    auto made = encrypt_store(*std::move(rows), EncryptionKey{1, 2, 3}, "key", {"plain/"});
    EXPECT_TRUE(made);
    return made ? *std::move(made) : nullptr;
  }
  std::string directory_{};
};

TEST_F(CheckpointTest, IsTheRowsOfOneInstant) {
  const auto rows = open("rows");
  // Each batch raises two rows together.
  std::jthread writer{[&](const std::stop_token& stop) {
    for (int i = 0; !stop.stop_requested(); ++i)
      ASSERT_TRUE(rows->commit({{"a", std::to_string(i)}, {"plain/a", std::to_string(i)}}));
  }};
  while (!rows->get("a")) std::this_thread::yield();
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(checkpoint_rows(*rows, directory_ + "/copy" + std::to_string(i)));
  writer.request_stop();
  writer.join();
  for (int i = 0; i < 5; ++i) {
    const auto copy = open("copy" + std::to_string(i));
    ASSERT_TRUE(copy->get("a"));
    EXPECT_EQ(copy->get("a"), copy->get("plain/a"));
  }
}

TEST_F(CheckpointTest, StaysEncryptedAndApartFromTheOriginal) {
  const auto rows = open("rows");
  ASSERT_TRUE(rows->commit({{"secret", "swordfish"}}));
  ASSERT_TRUE(checkpoint_rows(*rows, directory_ + "/copy"));
  ASSERT_TRUE(rows->commit({{"secret", "changed"}}));
  {
    const auto raw = open("copy", false);
    ASSERT_TRUE(raw->get("secret"));
    EXPECT_EQ(raw->get("secret")->find("swordfish"), std::string::npos);
  }
  const auto copy = open("copy");
  EXPECT_EQ(copy->get("secret"), "swordfish");
  ASSERT_TRUE(copy->commit({{"secret", "of the copy"}}));
  EXPECT_EQ(rows->get("secret"), "changed");
}

TEST_F(CheckpointTest, RefusesAnExistingDirectoryAndRowsInMemory) {
  const auto rows = open("rows");
  std::filesystem::create_directory(directory_ + "/there");
  const auto refused = checkpoint_rows(*rows, directory_ + "/there");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "StoreFailed");
  EXPECT_EQ(checkpoint_rows(*make_memory_store(), directory_ + "/x").error().name, "NotOnDisk");
}

}  // namespace
}  // namespace kiban::store
