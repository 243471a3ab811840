#include "services/base/service.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>

#include "kernel/kernel.h"
#include "services/base/table_service.h"

namespace kiban::services {
namespace {

json::array numbers(int count) {
  json::array all;
  for (int i = 0; i < count; ++i) all.emplace_back(i);
  return all;
}

TEST(Paginate, GoesThroughAllPages) {
  const json::array all = numbers(5);
  const Result<Page> first = paginate(all, 2, nullptr);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->entries, (json::array{0, 1}));
  ASSERT_TRUE(first->next_token);
  const json::string token{*first->next_token};
  const Result<Page> second = paginate(all, 3, &token);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->entries, (json::array{2, 3, 4}));
  EXPECT_EQ(second->next_token, std::nullopt);
  EXPECT_TRUE(paginate({}, 10, nullptr)->entries.empty());
}

TEST(Paginate, ToleratesThatEntriesWentAwayBetweenPages) {
  const json::string token{*paginate(numbers(5), 4, nullptr)->next_token};
  const Result<Page> page = paginate(numbers(2), 4, &token);
  ASSERT_TRUE(page);
  EXPECT_TRUE(page->entries.empty());
  EXPECT_EQ(page->next_token, std::nullopt);
}

TEST(Paginate, RefusesForeignTokens) {
  for (const char* bad : {"", "2", "kiban-page-", "kiban-page-x", "kiban-page-1x", "kiban-page--1",
                          "kiban-page-99999999999999999999"}) {
    const json::string token{bad};
    const Result<Page> page = paginate(numbers(5), 2, &token);
    ASSERT_FALSE(page) << bad;
    EXPECT_EQ(page.error().name, "InvalidToken");
  }
}

Result<json::object> store_and_read(Context& context, const json::object& input) {
  EXPECT_EQ(get_json(context, "x/row"), std::nullopt);
  put_json(context, "x/row", input);
  EXPECT_EQ(get_json(context, "x/row"), input);
  return json::object{{"Arn", make_arn(context, "sqs", "queue")}};
}

const OperationTable operations{{"StoreAndRead", store_and_read}};

TEST(Rows, HoldJsonAndArnsAreTheCallers) {
  const auto store = store::make_memory_store();
  std::vector<std::unique_ptr<Service>> all;
  all.push_back(std::make_unique<TableService>("x", operations));
  kernel::Kernel kernel{*store, std::move(all), {.region = "eu-west-1"}};
  EXPECT_EQ(kernel.call("x", "StoreAndRead", {{"a", 1.5}}, Timestamp{}),
            (json::object{{"Arn", "arn:aws:sqs:eu-west-1:000000000000:queue"}}));
  EXPECT_EQ(store->get("x/row"), R"({"a":1.5})");
  EXPECT_EQ(kernel.call("x", "Nope", {}, Timestamp{}).error().name, "UnknownOperationException");
}

}  // namespace
}  // namespace kiban::services
