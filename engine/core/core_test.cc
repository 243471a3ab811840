#include <gtest/gtest.h>

#include <optional>

#include "core/arn.h"
#include "core/budget.h"
#include "core/json.h"
#include "core/time.h"

namespace kiban {
namespace {

TEST(Time, PrintsAndReadsRfc3339) {
  for (const auto* text :
       {"1970-01-01T00:00:00.000Z", "2026-11-24T02:55:09.140Z", "2038-01-19T03:14:08.001Z"}) {
    const auto time = parse_iso8601(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(format_iso8601(*time), text);
  }
  EXPECT_EQ(parse_iso8601("2026-11-24T02:00:00+09:00"), parse_iso8601("2026-11-23T17:00:00Z"));
  for (const auto* text :
       {"", "2026", "2026-13-01T00:00:00Z", "2026-11-24T24:00:00Z", "2026-11-24T00:00:00",
        "2026-11-24T00:00:00.Z", "2026-11-24T00:00:00+0900", "2026-02-30T00:00:00Z"}) {
    EXPECT_FALSE(parse_iso8601(text)) << text;
  }
}

TEST(Json, PrintsNumbersAsAwsDoes) {
  const auto round_trip = [](std::string_view text) {
    return print_json(parse_json(text).value());
  };
  EXPECT_EQ(
      round_trip(R"( {"b": 1, "a": [1.0, 1.5, 1e10, -0.0001, 12345678.9, 18446744073709551615]} )"),
      R"({"b":1,"a":[1.0,1.5,1.0E10,-1.0E-4,1.23456789E7,18446744073709551615]})");
  EXPECT_EQ(round_trip(R"("\b\f\n\r\t\"\\/\u001f")"), R"("\b\f\n\r\t\"\\/\u001f")");
  EXPECT_EQ(round_trip("\"\\u0001\\n\\\"\xc3\xa9\""), "\"\\u0001\\n\\\"\xc3\xa9\"");
}

TEST(Json, RefusesWhatIsNotOneValue) {
  for (const auto* text : {"", "{", "{} x", "[1,]", "{\"a\":1,}", "nul", "'a'"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
  EXPECT_FALSE(parse_json(std::string(10'000, '[')));
  EXPECT_EQ(parse_json("{\n  \"a\": x}").error().cause, "syntax error at line 2, column 8");
}

TEST(Json, ReadsMembersOrFallsBack) {
  const json::object object{{"text", "a"}, {"number", 2.9}, {"flag", true}};
  EXPECT_EQ(text(object, "text"), "a");
  EXPECT_EQ(text(object, "number", "b"), "b");
  EXPECT_EQ(number(object, "number"), 2);
  EXPECT_EQ(number(object, "absent", 7), 7);
  EXPECT_EQ(number({{"n", 1e29}}, "n"), INT64_MAX);
  EXPECT_EQ(number({{"n", -1e29}}, "n"), INT64_MIN);
  EXPECT_EQ(number({{"n", UINT64_MAX}}, "n"), INT64_MAX);
  EXPECT_TRUE(flag(object, "flag"));
  EXPECT_FALSE(flag(object, "text"));
}

TEST(Arn, ReadsAndPrints) {
  const std::string text = "arn:aws:states:ap-northeast-1:000000000000:execution:machine:run";
  const auto arn = parse_arn(text);
  ASSERT_TRUE(arn);
  EXPECT_EQ(arn->resource, "execution:machine:run");
  EXPECT_EQ(print_arn(*arn), text);
  EXPECT_FALSE(parse_arn("arn:aws:states"));
  EXPECT_FALSE(parse_arn("machine"));
}

TEST(Budget, StaysSpent) {
  Budget budget(3, 10);
  EXPECT_TRUE(budget.spend(2, 10));
  EXPECT_TRUE(budget.spend(1));
  EXPECT_FALSE(budget.spent());
  EXPECT_FALSE(budget.spend(1));
  EXPECT_FALSE(budget.spend(0));
  EXPECT_TRUE(budget.spent());
}

TEST(CopyBytes, CountNamesAndTexts) {
  EXPECT_GE(copy_bytes(json::value{{"name", "text"}}), 8U);
  EXPECT_GT(copy_bytes(json::array{1, 2}), copy_bytes(json::array{1}));
}

}  // namespace
}  // namespace kiban
