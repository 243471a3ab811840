#include "kernel/overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/random.h"

namespace kiban::kernel {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> keys(const Overlay& rows, std::string_view prefix,
                              std::string_view after = {}, std::size_t limit = SIZE_MAX) {
  std::vector<std::string> result;
  for (const store::Row& row : rows.scan(prefix, after, limit)) result.push_back(row.key);
  return result;
}

TEST(Overlay, FindsRowsBehindAnyNumberOfErasedOnes) {
  const auto store = store::make_memory_store();
  store::Batch all;
  for (int i = 1000; i < 2000; ++i) all["a/" + std::to_string(i)] = "";
  ASSERT_TRUE(store->commit(all));
  Overlay rows{*store};
  for (int i = 1000; i < 1990; ++i) rows.erase("a/" + std::to_string(i));
  EXPECT_THAT(keys(rows, "a/", {}, 2), ElementsAre("a/1990", "a/1991"));
  EXPECT_EQ(keys(rows, "a/").size(), 10);
}

// Counts reads.
class Asked final : public store::Store {
 public:
  explicit Asked(const store::Store& rows) : rows_(rows) {}
  std::optional<std::string> get(std::string_view key) const override {
    ++gets;
    return rows_.get(key);
  }
  std::vector<store::Row> scan(std::string_view prefix, std::string_view after,
                               std::size_t limit) const override {
    return rows_.scan(prefix, after, limit);
  }
  Result<void> commit(const store::Batch&) override { return {}; }
  mutable int gets{0};

 private:
  const store::Store& rows_;
};

TEST(Overlay, AsksTheStoreForARowOnce) {
  const auto store = store::make_memory_store();
  ASSERT_TRUE(store->commit({{"a", "stored"}, {"large", std::string(20'000, 'x')}}));
  const Asked asked{*store};
  Overlay rows{asked};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(rows.get("a"), "stored");
    EXPECT_EQ(rows.get("b"), std::nullopt);
  }
  EXPECT_EQ(asked.gets, 2);
  rows.put("b", "1");
  EXPECT_EQ(rows.get("b"), "1");
  rows.roll_back(0);
  EXPECT_EQ(rows.get("b"), std::nullopt);
  EXPECT_EQ(asked.gets, 2);
  (void)rows.get("large");
  (void)rows.get("large");
  EXPECT_EQ(asked.gets, 4);  // Is not kept.
}

TEST(Overlay, RollsBackToEachSavepoint) {
  const auto store = store::make_memory_store();
  ASSERT_TRUE(store->commit({{"a", "stored"}}));
  Overlay rows{*store};
  rows.put("b", "1");
  const auto outer = rows.savepoint();
  rows.put("a", "2");
  rows.erase("b");
  const auto inner = rows.savepoint();
  rows.put("b", "3");
  rows.erase("a");
  EXPECT_THAT(keys(rows, ""), ElementsAre("b"));
  rows.roll_back(inner);
  EXPECT_EQ(rows.get("a"), "2");
  EXPECT_EQ(rows.get("b"), std::nullopt);
  rows.roll_back(outer);
  EXPECT_EQ(rows.get("a"), "stored");
  EXPECT_EQ(rows.get("b"), "1");
  EXPECT_THAT(rows.writes(), testing::SizeIs(1));
}

// Whatever was written, the overlay shows what a store shows once it is committed.
TEST(Overlay, ShowsWhatTheStoreWillShow) {
  Random random{7};
  const auto key = [&] { return random.pick("ab/", 1 + random.below(3)); };
  for (int round = 0; round < 500; ++round) {
    const auto store = store::make_memory_store();
    store::Batch before;
    for (int i = 0; i < 8; ++i) before[key()] = random.hex(2);
    ASSERT_TRUE(store->commit(before));
    const auto expected = store::make_memory_store();
    ASSERT_TRUE(expected->commit(before));
    Overlay rows{*store};
    for (int i = 0; i < 8; ++i) {
      if (random.below(2) == 0)
        rows.put(key(), random.hex(2));
      else
        rows.erase(key());
    }
    ASSERT_TRUE(expected->commit(rows.writes()));
    const std::string prefix = random.below(2) == 0 ? "" : key();
    const std::string after = random.below(2) == 0 ? "" : key();
    const std::size_t limit = random.below(2) == 0 ? SIZE_MAX : random.below(4);
    EXPECT_EQ(rows.scan(prefix, after, limit), expected->scan(prefix, after, limit))
        << "prefix '" << prefix << "' after '" << after << "' limit " << limit;
  }
}

}  // namespace
}  // namespace kiban::kernel
