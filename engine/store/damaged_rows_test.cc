#include "store/damaged_rows.h"

#include <gmock/gmock.h>

namespace kiban::store {
namespace {

using testing::ElementsAre;

TEST(DamagedRows, AreThoseThatNobodyCanRead) {
  const auto store = make_memory_store();
  Batch rows;
  for (int i = 0; i < 2'500; ++i) rows["many/" + std::to_string(i)] = R"({"a":[1,"b"]})";
  rows["good/array"] = "[1]";
  rows["good/number"] = "00000000000000000001";
  rows["good/text"] = "f3a9\xe3\x81\x82";
  rows["bad/bytes"] = "a\xff";
  rows["bad/cut"] = R"({"a":[1,"b")";
  rows["bad/empty"] = "";
  rows["bad/text"] = "{\"a\":\"\xed\xa0\x80\"}";
  rows["many/z\xff"] = "{}";
  ASSERT_TRUE(store->commit(rows));
  const DamagedRows found = find_damaged_rows(*store, 4);
  EXPECT_EQ(found.scanned, 2'508U);
  EXPECT_EQ(found.damaged, 5U);
  EXPECT_THAT(found.keys, ElementsAre("bad/bytes", "bad/cut", "bad/empty", "bad/text"));
}

}  // namespace
}  // namespace kiban::store
