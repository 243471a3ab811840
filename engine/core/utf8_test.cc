#include "core/utf8.h"

#include <gtest/gtest.h>

namespace kiban {
namespace {

// Texts that are not UTF-8, with what to_utf8 makes of them: one U+FFFD a byte.
struct Case {
  std::string bytes{};
  std::string repaired{};
};

const std::vector<Case>& wrong() {
  static const std::string mark = "\xef\xbf\xbd";
  static const std::vector<Case> cases{
      {"\xff", mark},
      {"\x80", mark},                                   // A continuation alone.
      {"a\xc3", "a" + mark},                            // Cut.
      {"\xe2\x82", mark + mark},                        // Cut later.
      {"\xc0\xaf", mark + mark},                        // Overlong '/'.
      {"\xe0\x80\xaf", mark + mark + mark},             // The same in three bytes.
      {"\xed\xa0\x80", mark + mark + mark},             // U+D800, a surrogate.
      {"\xf4\x90\x80\x80", mark + mark + mark + mark},  // U+110000.
      {"\xf5\x80\x80\x80", mark + mark + mark + mark},  // No such first byte.
      {"\xc3(", mark + "("},                            // The next one stays.
      {"0123456789abcdef\xff\xe3\x81\x82", "0123456789abcdef" + mark + "\xe3\x81\x82"},
  };
  return cases;
}

TEST(Utf8, TakesEveryKindOfCharacter) {
  for (const std::string_view text :
       {"", "plain", "caf\xc3\xa9", "\xe3\x81\x82", "\xf0\x9f\x98\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xef\xbf\xbf", "\xf4\x8f\xbf\xbf", "01234567\xc3\xa9",
        "0123456\xc3\xa9"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
    EXPECT_EQ(to_utf8(text), text);
  }
  EXPECT_TRUE(is_utf8(std::string_view("a\0b", 3)));
}

TEST(Utf8, RefusesAndRepairsTheRest) {
  for (const Case& c : wrong()) {
    EXPECT_FALSE(is_utf8(c.bytes)) << to_utf8(c.bytes);
    EXPECT_EQ(to_utf8(c.bytes), c.repaired);
    EXPECT_FALSE(parse_json(print_json(json::value(c.bytes)))) << "rows could hold it";
  }
}

TEST(Utf8, TakesBytesForNoExactNumber) {
  json::value tree = {{"a",
                       "\xff"
                       "123"}};
  make_utf8_of_bytes(tree);
  EXPECT_EQ(print_json(tree),
            "{\"a\":\"\xef\xbf\xbd"
            "123\"}");
}

TEST(Utf8, LooksAtWholeTrees) {
  for (const Case& c : wrong()) {
    json::value tree = {{"a", {1, nullptr, {{"b", c.bytes}}}}};
    EXPECT_FALSE(is_utf8(tree));
    make_utf8(tree);
    EXPECT_EQ(tree, (json::value{{"a", {1, nullptr, {{"b", c.repaired}}}}}));
    json::value named = json::object{{c.bytes, 1}, {"z", c.bytes}};
    EXPECT_FALSE(is_utf8(named));
    make_utf8(named);
    EXPECT_EQ(named, (json::value(json::object{{c.repaired, 1}, {"z", c.repaired}})));
    EXPECT_TRUE(is_utf8(named));
  }
}

TEST(Utf8, KnowsTheCharactersOfXml) {
  for (const std::uint32_t good : {0x9U, 0x20U, 0xD7FFU, 0xE000U, 0xFFFDU, 0x10000U, 0x10FFFFU})
    EXPECT_TRUE(is_xml_character(good)) << good;
  for (const std::uint32_t bad : {0x0U, 0x8U, 0xBU, 0x1FU, 0xD800U, 0xDFFFU, 0xFFFEU, 0x110000U})
    EXPECT_FALSE(is_xml_character(bad)) << bad;
}

}  // namespace
}  // namespace kiban
