#include "store/format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace kiban::store {
namespace {

// Rows in memory that refuse every commit after the first `commits_left`, as a killed process does.
class Killed final : public Store {
 public:
  Killed(Store& rows, std::size_t commits) : rows_(rows), commits_left_(commits) {}
  std::optional<std::string> get(std::string_view key) const override { return rows_.get(key); }
  std::vector<Row> scan(std::string_view prefix, std::string_view after,
                        std::size_t limit) const override {
    return rows_.scan(prefix, after, limit);
  }
  Result<void> commit(const Batch& batch) override {
    if (commits_left_ == 0) return fail("StoreFailed", "killed");
    --commits_left_;
    return rows_.commit(batch);
  }

 private:
  Store& rows_;
  std::size_t commits_left_;
};

// Not idempotent on purpose: a row visited twice would show.
Result<void> append(const Store&, const Row& row, Batch& batch) {
  batch[row.key] = row.value + "+";
  return {};
}

Result<void> rename_row(const Store&, const Row& row, Batch& batch) {
  batch[row.key] = std::nullopt;
  batch["c/" + row.key.substr(2)] = row.value;
  return {};
}

const std::vector<Migration>& steps() {
  static const std::vector<Migration> all{
      {.from = 1, .what = "append", .prefixes = {"b/", "a/"}, .rewrite = append},
      {.from = 2, .what = "rename", .prefixes = {"b/"}, .rewrite = rename_row}};
  return all;
}

void fill(Store& rows) {
  Batch batch;
  for (int i = 0; i < 2'500; ++i) batch["a/" + std::to_string(i)] = "x";
  batch["b/1"] = "y";
  batch["d/1"] = "z";
  ASSERT_TRUE(rows.commit(batch));
}

std::vector<Row> all_but_format(const Store& rows) {
  std::vector<Row> all = rows.scan("", "", SIZE_MAX);
  std::erase_if(all, [](const Row& row) { return row.key.starts_with("kernel/"); });
  return all;
}

TEST(Format, IsWrittenIntoEmptyRows) {
  const auto rows = make_memory_store();
  ASSERT_TRUE(check_format(*rows, "1.0", 3));
  EXPECT_EQ(read_format(*rows).value(), (Format{.version = 3, .kiban = "1.0"}));
  ASSERT_TRUE(migrate(*rows, "1.0", steps(), 3));
  EXPECT_THAT(all_but_format(*rows), testing::IsEmpty());
}

TEST(Format, IsOneWithoutARow) {
  const auto rows = make_memory_store();
  fill(*rows);
  ASSERT_TRUE(check_format(*rows, "1.0", 1));
  EXPECT_EQ(read_format(*rows).value(), Format{});
  ASSERT_TRUE(migrate(*rows, "1.0", {}, 1));
  EXPECT_EQ(read_format(*rows).value(), (Format{.version = 1, .kiban = "1.0"}));
}

TEST(Format, TellsWhichKibanWroteANewerOne) {
  const auto rows = make_memory_store();
  ASSERT_TRUE(check_format(*rows, "9.1", 7));
  const auto checked = check_format(*rows, "1.0", 3);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().name, "FormatNewer");
  for (const auto* part : {"format 7", "kiban 9.1", "kiban 1.0", "up to 3"})
    EXPECT_THAT(checked.error().cause, testing::HasSubstr(part));
  EXPECT_EQ(read_format(*rows).value(), (Format{.version = 7, .kiban = "9.1"}));
}

TEST(Format, RefusesADamagedVersion) {
  for (const auto* text : {"", "x", "[]", "{}", R"({"Version":0})", R"({"Version":"1"})"}) {
    const auto rows = make_memory_store();
    ASSERT_TRUE(rows->commit({{std::string(format_row), text}}));
    const auto checked = check_format(*rows, "1.0", 3);
    ASSERT_FALSE(checked) << text;
    EXPECT_EQ(checked.error().name, "FormatUnreadable");
  }
}

TEST(Format, MigratesStepByStep) {
  const auto rows = make_memory_store();
  fill(*rows);
  std::vector<std::string> shown;
  ASSERT_TRUE(migrate(*rows, "1.0", steps(), 3, [&](const MigrationStatus& status) {
    shown.push_back(status.step->what + " " + std::to_string(status.rows));
  }));
  EXPECT_EQ(read_format(*rows).value(), (Format{.version = 3, .kiban = "1.0"}));
  EXPECT_EQ(rows->get("a/7"), "x+");
  EXPECT_EQ(rows->get("b/1"), std::nullopt);
  EXPECT_EQ(rows->get("c/1"), "y+");
  EXPECT_EQ(rows->get("d/1"), "z");
  EXPECT_EQ(rows->get(migration_row), std::nullopt);
  EXPECT_THAT(shown, testing::Contains("append 1001"));
  ASSERT_TRUE(migrate(*rows, "1.0", steps(), 3));  // Nothing is left to do.
  EXPECT_EQ(rows->get("a/7"), "x+");
}

TEST(Format, RefusesAnUnknownStep) {
  const auto rows = make_memory_store();
  fill(*rows);
  const auto migrated = migrate(*rows, "1.0", steps(), 4);
  ASSERT_FALSE(migrated);
  EXPECT_EQ(migrated.error().name, "FormatUnreadable");
}

TEST(Format, GoesOnAfterAKillAtEveryCommit) {
  const auto whole = make_memory_store();
  fill(*whole);
  ASSERT_TRUE(migrate(*whole, "1.0", steps(), 3));
  bool done = false;
  for (std::size_t commits = 0; !done; ++commits) {
    const auto rows = make_memory_store();
    fill(*rows);
    Killed killed{*rows, commits};
    done = migrate(killed, "1.0", steps(), 3).has_value();
    ASSERT_TRUE(migrate(*rows, "1.0", steps(), 3)) << commits;
    EXPECT_EQ(rows->scan("", "", SIZE_MAX), whole->scan("", "", SIZE_MAX)) << commits;
    ASSERT_LT(commits, 50U);
  }
}

TEST(Format, MigratesRowsOnDiskOverAReopening) {
  std::string directory = (std::filesystem::temp_directory_path() / "kiban-format-XXXXXX").string();
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  {
    const auto rows = open_rocksdb_store(directory + "/rows");
    ASSERT_TRUE(rows);
    fill(**rows);
    Killed killed{**rows, 3};
    EXPECT_FALSE(migrate(killed, "1.0", steps(), 3));
  }
  const auto rows = open_rocksdb_store(directory + "/rows");
  ASSERT_TRUE(rows);
  ASSERT_TRUE(check_format(**rows, "1.0", 3));
  ASSERT_TRUE(migrate(**rows, "1.0", steps(), 3));
  for (int i = 0; i < 2'500; ++i) ASSERT_EQ((*rows)->get("a/" + std::to_string(i)), "x+") << i;
  std::filesystem::remove_all(directory);
}

TEST(Format, HasAStepForEveryOlderVersion) {
  ASSERT_EQ(migrations().size(), static_cast<std::size_t>(format_current - 1));
  for (int i = 0; i < format_current - 1; ++i)
    EXPECT_EQ(migrations()[static_cast<std::size_t>(i)].from, i + 1);
}

}  // namespace
}  // namespace kiban::store
