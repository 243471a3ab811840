#include "services/base/pages.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kernel/kernel.h"
#include "services/base/table_service.h"

namespace kiban::services {
namespace {

constexpr std::int64_t rows_made = 6'000;

// Lists rows "list/0000000" to "list/0005999" whose number is a multiple of `Every`.
Result<json::object> list(Context& context, const json::object& input) {
  std::size_t read = 0;
  KIBAN_TRY(Page page,
            page_of_rows(context, "list/", static_cast<std::size_t>(number(input, "Max")),
                         find_string(input, "Token"),
                         [&](const store::Row& row) -> std::optional<json::value> {
                           ++read;
                           const std::int64_t value = std::stoll(row.value);
                           if (value % number(input, "Every", 1) != 0) return std::nullopt;
                           return json::value(value);
                         }));
  json::object reply{{"Entries", std::move(page.entries)}, {"Read", read}};
  if (page.next_token) reply["Token"] = *page.next_token;
  return reply;
}

Result<json::object> fill(Context& context, const json::object&) {
  for (std::int64_t i = 0; i < rows_made; ++i)
    context.put(fmt::format("list/{:07}", i), std::to_string(i));
  context.put("list0", "behind");
  return json::object{};
}

class Pages : public ::testing::Test {
 protected:
  static std::vector<std::unique_ptr<Service>> services() {
    static const OperationTable operations{{"Fill", fill}, {"List", list}};
    std::vector<std::unique_ptr<Service>> all;
    all.push_back(std::make_unique<TableService>("list", operations));
    return all;
  }
  Result<json::object> call(const char* operation, json::object input) {
    return kernel_.call("list", operation, std::move(input), Timestamp{});
  }
  // The entries of all pages, and how many requests they took.
  std::pair<std::vector<std::int64_t>, int> all(json::object input) {
    std::vector<std::int64_t> entries;
    for (int requests = 1;; ++requests) {
      const json::object page = call("List", input).value();
      for (const json::value& entry : page.at("Entries").as_array())
        entries.push_back(entry.to_number<std::int64_t>());
      if (!page.contains("Token")) return {entries, requests};
      input["Token"] = page.at("Token");
    }
  }

  std::unique_ptr<store::Store> store_{store::make_memory_store()};
  kernel::Kernel kernel_{*store_, services()};
};

TEST_F(Pages, ReadNoMoreThanTheyShow) {
  ASSERT_TRUE(call("Fill", {}));
  const json::object first = call("List", {{"Max", 10}}).value();
  EXPECT_EQ(first.at("Entries").as_array().size(), 10);
  EXPECT_EQ(number(first, "Read"), 11);  // One more tells whether there is a next page.
  const json::object second = call("List", {{"Max", 10}, {"Token", first.at("Token")}}).value();
  EXPECT_EQ(second.at("Entries").as_array().front(), 10);
  EXPECT_EQ(number(second, "Read"), 11);
}

TEST_F(Pages, HoldEachEntryOnceAndEndWithoutAToken) {
  ASSERT_TRUE(call("Fill", {}));
  for (const std::int64_t most : {1'000, 2'000, 5'999, 6'000, 6'001}) {
    const auto [entries, requests] = all({{"Max", most}});
    ASSERT_EQ(entries.size(), rows_made) << most;
    for (std::int64_t i = 0; i < rows_made; ++i) ASSERT_EQ(entries[static_cast<std::size_t>(i)], i);
  }
  EXPECT_EQ(all({{"Max", 6}, {"Every", 1'000}}).first.size(), 6);
}

TEST_F(Pages, AreShorterWhenAFilterRejectsTooMuch) {
  ASSERT_TRUE(call("Fill", {}));
  const json::object first = call("List", {{"Max", 10}, {"Every", 5'500}}).value();
  EXPECT_EQ(first.at("Entries").as_array(), json::array{0});
  EXPECT_EQ(number(first, "Read"), static_cast<std::int64_t>(page_rows_read_max));
  const auto [entries, requests] = all({{"Max", 10}, {"Every", 5'500}});
  EXPECT_EQ(entries, (std::vector<std::int64_t>{0, 5'500}));
  EXPECT_EQ(requests, 2);
}

TEST_F(Pages, RefuseATokenThatIsNotOurs) {
  for (const char* token : {"x", "kiban-page-3", "kiban-key-0", "kiban-key-zz", "kiban-key-0x"})
    EXPECT_EQ(call("List", {{"Max", 10}, {"Token", token}}).error().name, "InvalidToken") << token;
}

}  // namespace
}  // namespace kiban::services
