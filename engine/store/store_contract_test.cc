#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "store/blobs.h"
#include "store/store.h"
#include "store/sweep.h"

namespace kiban::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string temporary_directory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "kiban-store-XXXXXX").string();
  KIBAN_CHECK(::mkdtemp(pattern.data()) != nullptr, "mkdtemp");
  return pattern;
}

enum class Kind { Memory, RocksDb };

class StoreContract : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::Memory) {
      store_ = make_memory_store();
      return;
    }
    directory_ = temporary_directory();
    auto opened = open_rocksdb_store(directory_ + "/rows");
    ASSERT_TRUE(opened) << opened.error().cause;
    store_ = *std::move(opened);
  }
  void TearDown() override {
    store_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }
  void put(std::initializer_list<std::pair<const char*, const char*>> rows) {
    Batch batch;
    for (const auto& [key, value] : rows) batch[key] = value;
    ASSERT_TRUE(store_->commit(batch));
  }
  std::vector<std::string> keys(std::string_view prefix, std::string_view after = {},
                                std::size_t limit = SIZE_MAX) {
    std::vector<std::string> result;
    for (const Row& row : store_->scan(prefix, after, limit)) result.push_back(row.key);
    return result;
  }

  std::string directory_{};
  std::unique_ptr<Store> store_{};
};

TEST_P(StoreContract, GetsWhatWasPutLast) {
  EXPECT_EQ(store_->get("a"), std::nullopt);
  put({{"a", "1"}});
  put({{"a", "2"}, {"b", ""}});
  EXPECT_EQ(store_->get("a"), "2");
  EXPECT_EQ(store_->get("b"), "");
}

TEST_P(StoreContract, ErasesInTheSameBatchAsItPuts) {
  put({{"a", "1"}});
  ASSERT_TRUE(store_->commit({{"a", std::nullopt}, {"b", "2"}, {"missing", std::nullopt}}));
  EXPECT_EQ(store_->get("a"), std::nullopt);
  EXPECT_EQ(store_->get("b"), "2");
}

TEST_P(StoreContract, ScansAPrefixInByteOrder) {
  put({{"a/1", ""}, {"a/\xff", ""}, {"a/10", ""}, {"a0", ""}, {"a", ""}, {"b", ""}});
  EXPECT_THAT(keys("a/"), ElementsAre("a/1", "a/10", "a/\xff"));
  EXPECT_THAT(keys("c"), IsEmpty());
  EXPECT_THAT(keys(""), ElementsAre("a", "a/1", "a/10", "a/\xff", "a0", "b"));
}

TEST_P(StoreContract, ScansOnFromAKeyThatNeedNotExist) {
  put({{"a/1", ""}, {"a/2", ""}, {"a/3", ""}, {"b", ""}});
  EXPECT_THAT(keys("a/", "a/1"), ElementsAre("a/2", "a/3"));
  EXPECT_THAT(keys("a/", "a/15"), ElementsAre("a/2", "a/3"));
  EXPECT_THAT(keys("a/", "a/3"), IsEmpty());
  EXPECT_THAT(keys("a/", "a/", 1), ElementsAre("a/1"));
  EXPECT_THAT(keys("a/", "Z"), ElementsAre("a/1", "a/2", "a/3"));
  EXPECT_THAT(keys("a/", "b"), IsEmpty());
  EXPECT_THAT(keys("a/", {}, 2), ElementsAre("a/1", "a/2"));
  EXPECT_THAT(keys("a/", {}, 0), IsEmpty());
}

TEST_P(StoreContract, KeepsAnyBytes) {
  const std::string key{"k\0\n\xf0", 4};
  const std::string value{"\0\xff\0", 3};
  ASSERT_TRUE(store_->commit({{key, value}}));
  EXPECT_EQ(store_->get(key), value);
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract, testing::Values(Kind::Memory, Kind::RocksDb),
                         [](const auto& each) {
                           return each.param == Kind::Memory ? "Memory" : "RocksDb";
                         });

TEST(RocksDbStore, KeepsCommittedRowsWhenItsProcessDies) {
  const std::string directory = temporary_directory();
  const pid_t child = ::fork();
  if (child == 0) {
    auto store = open_rocksdb_store(directory + "/rows");
    const bool committed = store && (*store)->commit({{"a", "1"}});
    if (!committed) ::_exit(1);
    ::kill(::getpid(), SIGKILL);  // Nothing is closed or flushed.
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << status;
  auto store = open_rocksdb_store(directory + "/rows");
  ASSERT_TRUE(store) << store.error().cause;
  EXPECT_EQ((*store)->get("a"), "1");
  store->reset();
  std::filesystem::remove_all(directory);
}

TEST(RocksDbStore, RefusesADirectoryThatAnotherHolds) {
  const std::string directory = temporary_directory();
  auto first = open_rocksdb_store(directory);
  ASSERT_TRUE(first);
  const auto second = open_rocksdb_store(directory);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().name, "StoreLocked");
  EXPECT_THAT(second.error().cause, testing::HasSubstr("another process holds"));
  first->reset();
  std::filesystem::remove_all(directory);
}

TEST(RocksDbStore, RefusesAPathThatIsNoDirectory) {
  const auto store = open_rocksdb_store("/dev/null/rows");
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().name, "StoreFailed");
}

TEST(Blobs, AreFoundByTheirDigest) {
  const std::string directory = temporary_directory();
  auto opened = open_directory_blobs(directory + "/blobs");
  ASSERT_TRUE(opened);
  const std::unique_ptr<Blobs> in_memory = make_memory_blobs();
  for (Blobs* blobs : {opened->get(), in_memory.get()}) {
    const auto digest = blobs->put("abc");
    // FIPS 180-2, appendix B.1.
    EXPECT_EQ(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(blobs->put("abc"), digest);
    EXPECT_EQ(blobs->read(*digest), "abc");
    EXPECT_EQ(blobs->read("../../etc/passwd").error().name, "NoSuchBlob");
    EXPECT_EQ(blobs->read(std::string(64, '0')).error().name, "NoSuchBlob");
  }
  std::filesystem::remove_all(directory);
}

TEST(Blobs, ManyArePutTogether) {
  const std::string directory = testing::TempDir() + "/kiban-blobs-together";
  std::filesystem::remove_all(directory);
  const std::unique_ptr<Blobs> blobs = open_directory_blobs(directory).value();
  std::vector<std::string> texts;
  for (int i = 0; i < 50; ++i) texts.push_back("text " + std::to_string(i % 40));  // Some twice.
  ASSERT_TRUE(blobs->put_all({texts.begin(), texts.end()}));
  for (const std::string& each : texts) EXPECT_EQ(blobs->read(sha256_hex(each)), each);
  for (const auto& entry : std::filesystem::directory_iterator{directory})
    EXPECT_TRUE(entry.is_directory()) << entry.path();  // Nothing half made is left.
}

TEST(Blobs, AreSweptWhenNoRowNamesThem) {
  using namespace std::chrono_literals;
  const std::string directory = temporary_directory() + "/blobs";
  const std::unique_ptr<Blobs> blobs = open_directory_blobs(directory).value();
  const std::unique_ptr<Store> rows = make_memory_store();
  const auto put = [&](const char* bytes) {
    const std::string digest = blobs->put(bytes).value();
    std::filesystem::last_write_time(*blobs->file(digest),
                                     std::filesystem::file_time_type::clock::now() - 25h);
    return digest;
  };
  const std::string in_key = put("a");
  const std::string in_value = put("b");
  const std::string unnamed = put("four");
  const std::string again = put("c");
  const std::string beside = put("d");
  Batch batch{{"ecr/layer:" + in_key, "{}"},
              {"s3/object", R"({"Digest":")" + in_value + R"("})"},
              {"s4/x", unnamed + "0"},
              {"states/x", "1"},
              {"states/y", beside}};
  for (int i = 0; i < 3'000; ++i) batch["s0/" + std::to_string(i)] = "{}";
  ASSERT_TRUE(rows->commit(batch));
  ASSERT_EQ(blobs->put("c"), again);
  const auto swept = sweep_blobs(*rows, directory, 24h, {"states/"});
  ASSERT_TRUE(swept);
  EXPECT_EQ(swept->blobs, 2U);
  EXPECT_EQ(swept->bytes, 5U);
  for (const std::string& kept : {in_key, in_value, again}) EXPECT_TRUE(blobs->file(kept)) << kept;
  for (const std::string& gone : {unnamed, beside}) EXPECT_FALSE(blobs->file(gone)) << gone;
  EXPECT_EQ(blobs->put("four"), unnamed);
  EXPECT_EQ(blobs->read(unnamed), "four");
}

TEST(Blobs, TakeOverAFile) {
  const std::string directory = temporary_directory();
  auto opened = open_directory_blobs(directory + "/blobs");
  ASSERT_TRUE(opened);
  const std::unique_ptr<Blobs> in_memory = make_memory_blobs();
  const std::string digest = sha256_hex("abc");
  EXPECT_EQ((*opened)->file(digest), std::nullopt);
  for (Blobs* blobs : {opened->get(), opened->get(), in_memory.get()}) {
    const std::string path = directory + "/file";
    std::ofstream{path} << "abc";
    EXPECT_TRUE(blobs->adopt(digest, path));
    EXPECT_FALSE(std::filesystem::exists(path));
    EXPECT_EQ(blobs->read(digest), "abc");
  }
  EXPECT_TRUE((*opened)->file(digest).value_or("").ends_with("/" + digest));
  EXPECT_EQ(in_memory->file(digest), std::nullopt);
  EXPECT_EQ((*opened)->adopt(std::string(64, '0'), directory + "/none").error().name,
            "StoreFailed");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace kiban::store
