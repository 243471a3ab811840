#include "core/exact_json.h"

#include <gtest/gtest.h>

#include <cmath>

namespace kiban {
namespace {

std::string round_trip(std::string_view text) {
  const auto read = parse_json_exactly(text);
  return read ? print_json(*read) : read.error().cause;
}

TEST(ExactJson, KeepsTheDigitsThatADoubleWouldLose) {
  for (const char* same :
       {"12345678901234567890123", "-12345678901234567890123", "100000000000000000000",
        "0.1234567890123456789", "3.14159265358979323846", "1e400", "-1e400", "1E-400",
        "9007199254740993", "18446744073709551615", "-9223372036854775808", "0.1", "1.0", "1.5",
        R"({"a":[1,12345678901234567890123,"12345678901234567890123"]})"})
    EXPECT_EQ(round_trip(same), same);
}

TEST(ExactJson, WritesOtherNumbersAsJacksonDoes) {
  EXPECT_EQ(round_trip("1E5"), "100000.0");
  EXPECT_EQ(round_trip("1.10"), "1.1");
  EXPECT_EQ(round_trip("1e10"), "1.0E10");
  EXPECT_EQ(round_trip("-0"), "0");
  EXPECT_EQ(round_trip("-0.0"), "-0.0");
  EXPECT_EQ(round_trip("0.30000000000000004"), "0.30000000000000004");
  EXPECT_EQ(round_trip("1.00000000000000000000"), "1.0");
}

TEST(ExactJson, RefusesWhatParseJsonRefuses) {
  for (const char* bad : {"", "1 2", "{\"a\":}", "01", "1e", "[1,]", "\"\xff\"", "nul"})
    EXPECT_EQ(round_trip(bad), parse_json(bad).error().cause) << bad;
}

TEST(ExactJson, KnowsItsNumbersFromTexts) {
  const auto big = *parse_json_exactly("12345678901234567890123");
  EXPECT_TRUE(is_any_number(big));
  EXPECT_FALSE(is_text(big));
  EXPECT_EQ(number_of(big), 12345678901234567890123.0);
  EXPECT_EQ(number_of(*parse_json_exactly("1e400")), HUGE_VAL);
  EXPECT_EQ(number_of(*parse_json_exactly("-1e400")), -HUGE_VAL);
  EXPECT_EQ(number_of(*parse_json_exactly("1e-400")), 0);
  EXPECT_EQ(rounded(big), json::value(12345678901234567890123.0));
  EXPECT_EQ(rounded(json::value("a")), json::value("a"));
  const std::string mark = "\xFF\xFE\xFD\xFC";
  EXPECT_EQ(exact_number("12").get_string(), mark + "12");
  for (const std::string& bytes : {mark, mark + "-", mark + "01", mark + "1,2", mark + "1.",
                                   mark + "1e", std::string("\xFF") + "9"})
    EXPECT_TRUE(is_text(json::value(bytes))) << bytes;
}

}  // namespace
}  // namespace kiban
