#include "patterns/pattern.h"

#include <gtest/gtest.h>

#include <vector>

#include "patterns/index.h"

namespace kiban::patterns {
namespace {

struct Row {
  std::string pattern{};
  std::vector<std::string> matching{};
  std::vector<std::string> others{};
};

// Values of the key `a`, or whole events when they begin with a brace.
json::value event_of(const std::string& text) {
  const auto whole = text.starts_with('{') ? text : "{\"a\": " + text + "}";
  return parse_json(whole).value();
}

void expect_matches(const std::vector<Row>& rows) {
  for (const auto& row : rows) {
    SCOPED_TRACE(row.pattern);
    const auto whole =
        row.pattern.starts_with("{\"") ? row.pattern : "{\"a\": [" + row.pattern + "]}";
    const auto pattern = Pattern::parse(whole);
    ASSERT_TRUE(pattern) << pattern.error().cause;
    for (const auto& event : row.matching) EXPECT_TRUE(pattern->matches(event_of(event))) << event;
    for (const auto& event : row.others) EXPECT_FALSE(pattern->matches(event_of(event))) << event;
    const PatternIndex index({*pattern});
    for (const auto& event : row.matching)
      EXPECT_EQ(index.matches(event_of(event)).size(), 1) << event;
    for (const auto& event : row.others)
      EXPECT_TRUE(index.matches(event_of(event)).empty()) << event;
  }
}

TEST(Pattern, MatchesValues) {
  expect_matches({
      {R"("x", "y")", {R"("x")", R"(["z", "y"])"}, {R"("X")", "[]", "{}"}},
      {"1", {"1", "1.0", "1e0"}, {R"("1")", "2"}},
      {"null", {"null"}, {R"("null")", "{}", "false"}},
      {"true", {"true"}, {"false", R"("true")"}},
  });
}

TEST(Pattern, Operators) {
  expect_matches({
      {R"({ "prefix": "ab"})", {R"("abc")"}, {R"("Abc")", "1"}},
      {R"({ "prefix": {"equals-ignore-case": "Ab"}})", {R"("aBc")"}, {R"("bab")"}},
      {R"({ "suffix": "bc"})", {R"("abc")"}, {R"("abC")", "null"}},
      {R"({ "suffix": {"equals-ignore-case": "BC"}})", {R"("abc")"}, {R"("abcd")"}},
      {R"({ "equals-ignore-case": "ÀÉж"})", {R"("àéЖ")"}, {R"("aeж")"}},
      {R"({ "wildcard": "a*c*e"})", {R"("ace")", R"("abcde")"}, {R"("acc")", R"("xace")"}},
      {R"({ "wildcard": "a\\*"})", {R"("a*")"}, {R"("ab")"}},
      {R"({ "wildcard": "aba*aba"})", {R"("abaaba")"}, {R"("ababa")"}},
      {R"({ "exists": true})", {"null", "1", "[[1]]"}, {"{}", "[]", R"({"a": {"b": 1}})"}},
      {R"({ "exists": false})", {"{}", "[]", R"({"a": {"b": 1}})"}, {"null"}},
      {R"({ "numeric": ["=", 5]})", {"5", "5.0"}, {"4", R"("5")"}},
      {R"({ "numeric": [">", 0, "<=", 5]})", {"0.1", "5"}, {"0", "5.1"}},
      {R"({ "numeric": [">=", 3]})", {"3"}, {"2"}},
      {R"({ "numeric": ["<", -1.5e1]})", {"-16"}, {"-15"}},
      {R"({ "cidr": "10.0.0.0/24"})", {R"("10.0.0.255")"}, {R"("10.0.1.0")", R"("x")"}},
      {R"({ "cidr": "10.0.0.7/32"})", {R"("10.0.0.7")"}, {R"("10.0.0.8")"}},
      {R"({ "cidr": "2001:db8::/32"})", {R"("2001:db8:1::1")"}, {R"("2001:db9::1")"}},
  });
}

TEST(Pattern, AnythingBut) {
  expect_matches({
      {R"({ "anything-but": "x"})", {R"("y")", "1", "null", R"(["x", "y"])"}, {R"("x")", "{}"}},
      {R"({ "anything-but": [1, 2]})", {"3", R"("1")"}, {"1", "2.0"}},
      {R"({ "anything-but": {"prefix": ["a", "b"]}})", {R"("c")", "1"}, {R"("ax")", R"("b")"}},
      {R"({ "anything-but": {"suffix": "x"}})", {R"("xa")"}, {R"("ax")"}},
      {R"({ "anything-but": {"wildcard": "*/b/*"}})", {R"("a/c/d")"}, {R"("a/b/c")"}},
      {R"({ "anything-but": {"equals-ignore-case": ["A"]}})", {R"("b")"}, {R"("a")"}},
  });
}

TEST(Pattern, CombinesKeys) {
  expect_matches({
      {R"({"a": ["x"], "b": ["y"]})", {R"({"a": "x", "b": "y"})"}, {R"({"a": "x"})"}},
      {R"({"$or": [{"a": ["x"]}, {"b": ["y"]}], "c": ["z"]})",
       {R"({"a": "x", "c": "z"})", R"({"b": "y", "c": "z"})"},
       {R"({"a": "x", "b": "y"})", R"({"c": "z"})"}},
      // Both keys in one element of the array.
      {R"({"a": {"b": [1], "c": [2]}})",
       {R"({"a": [{"b": 0}, {"b": 1, "c": 2}]})"},
       {R"({"a": [{"b": 1, "c": 0}, {"b": 0, "c": 2}]})"}},
      {R"({"a": {"b": [1], "c": [{"exists": false}]}})",
       {R"({"a": [{"b": 1}, {"c": 2}]})"},
       {R"({"a": [{"b": 1, "c": 2}]})"}},
      {R"({"a": ["x"], "a": ["y"]})", {R"({"a": "y"})"}, {R"({"a": "x"})"}},  // The last counts.
  });
}

TEST(Pattern, RefusesInAwsWords) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"{}", "Empty objects are not allowed\n at [Source: (String)\"{}\"; line: 1, column: 3]"},
      {"{\"a\": 1}",
       "\"a\" must be an object or an array\n at [Source: (String)\"{\"a\": 1}\"; line: 1, "
       "column: 8]"},
      {"{\n\"a\": [[1]]}",
       "Match value must be String, number, true, false, or null\n at [Source: (String)\"{\n\"a\": "
       "[[1]]}\"; line: 2, column: 8]"},
      {R"({"a": [{"wildcard": "x**y"}]})", "Consecutive wildcard characters at pos 2"},
      {"{\"$or\": [{\"a\": [1]}]}",
       "There must have at least 2 Objects in $or relationship.\n at [Source: (String)\"{\"$or\": "
       "[{\"a\": [1]}]}\"; line: 1, column: 21]"},
      {R"({"a": [{"cidr": "10.0.0.0/33"}]})", "IPv4 mask bits must be <= 32"},
  };
  for (const auto& [text, reason] : rows) {
    const auto pattern = Pattern::parse(text);
    ASSERT_FALSE(pattern) << text;
    EXPECT_EQ(pattern.error().name, "InvalidEventPatternException");
    EXPECT_EQ(pattern.error().cause, "Event pattern is not valid. Reason: " + reason);
  }
  for (const std::string text :
       {"", "{", "{\"a\"", "{\"a\":", "{\"a\":[", "{\"a\":[1", "{\"a\":[1]", "{\"a\":[01]}",
        "{\"a\":[\"\\x\"]}", "{\"a\":[1],}", "{\"a\":[{\"numeric\":[\">\",5,\"<\",1]}]}",
        "{\"a\":[{\"exists\":1}]}", "{\"a\":[{\"prefix\":\"x\",\"suffix\":\"y\"}]}",
        "{\"a\":[{\"anything-but\":[\"x\",1]}]}", "{\"a\":[{\"anything-but\":[]}]}"}) {
    EXPECT_FALSE(Pattern::parse(text)) << text;
  }
}

TEST(Pattern, SearchIsBounded) {
  std::string pattern = "{";
  std::string event = "{";
  for (int key = 0; key < 12; ++key) {
    const auto name = std::string(1, static_cast<char>('a' + key));
    pattern += "\"" + name + "\": {\"v\": [1]}, ";
    event += "\"" + name + "\": [";
    for (int i = 0; i < 40; ++i) event += "{\"v\": 1},";
    event.back() = ']';
    event += ',';
  }
  pattern += "\"z\": [2]}";
  event += "\"z\": 1}";
  EXPECT_FALSE(Pattern::parse(pattern)->matches(parse_json(event).value()));
}

}  // namespace
}  // namespace kiban::patterns
