#include "patterns/index.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/random.h"

namespace kiban::patterns {
namespace {

std::vector<Pattern> parsed(const std::vector<std::string>& texts) {
  std::vector<Pattern> patterns;
  for (const std::string& text : texts) {
    auto pattern = Pattern::parse(text);
    EXPECT_TRUE(pattern) << text << ": " << pattern.error().cause;
    if (pattern) patterns.push_back(*std::move(pattern));
  }
  return patterns;
}

std::vector<std::size_t> matching(const std::vector<std::string>& patterns,
                                  const std::string& event) {
  return PatternIndex(parsed(patterns)).matches(parse_json(event).value());
}

using testing::ElementsAre;
using testing::IsEmpty;

TEST(PatternIndex, NamesEachPatternOnceInOrder) {
  EXPECT_THAT(matching({R"({"a":["x","y"]})", R"({"a":["z"]})", R"({"a":[{"prefix":"x"}]})",
                        R"({"$or":[{"a":["x"]},{"b":[1]}]})"},
                       R"({"a":["x","y"],"b":1})"),
              ElementsAre(0, 2, 3));
  EXPECT_THAT(matching({}, R"({"a":1})"), IsEmpty());
}

TEST(PatternIndex, PatternsWithoutAValueAreTestedToo) {
  EXPECT_THAT(matching({R"({"a":[{"exists":false}]})", R"({"a":[{"anything-but":"x"}]})",
                        R"({"b":[{"exists":true}]})"},
                       R"({"a":"y"})"),
              ElementsAre(1));
  EXPECT_THAT(matching({R"({"a":[{"exists":false}]})"}, "{}"), ElementsAre(0));
}

TEST(PatternIndex, KeysMayHoldDots) {
  const std::vector<std::string> patterns{R"({"a":{"b.c":["x"]}})", R"({"":{"b":["x"]}})"};
  EXPECT_THAT(matching(patterns, R"({"a.b":{"c":"x"}})"), ElementsAre(0));
  EXPECT_THAT(matching(patterns, R"({"b":"x"})"), ElementsAre(1));
}

TEST(PatternIndex, ElementsOfOneArrayStayTogether) {
  const std::vector<std::string> patterns{R"({"a":{"x":[1],"y":[2]}})"};
  EXPECT_THAT(matching(patterns, R"({"a":[{"x":1,"y":2}]})"), ElementsAre(0));
  EXPECT_THAT(matching(patterns, R"({"a":[{"x":1,"y":0},{"x":0,"y":2}]})"), IsEmpty());
}

TEST(PatternIndex, RangesMeetAtTheirEnds) {
  std::vector<std::string> patterns;
  for (int i = 0; i < 20; ++i)
    patterns.push_back(fmt::format(R"({{"a":[{{"numeric":[">=",{},"<",{}]}}]}})", i, i + 2));
  patterns.emplace_back(R"({"a":[{"numeric":[">",5]}]})");
  patterns.emplace_back(R"({"a":[{"numeric":["<=",5]}]})");
  EXPECT_THAT(matching(patterns, R"({"a":5})"), ElementsAre(4, 5, 21));
  EXPECT_THAT(matching(patterns, R"({"a":5.5})"), ElementsAre(4, 5, 20));
  EXPECT_THAT(matching(patterns, R"({"a":-1})"), ElementsAre(21));
  EXPECT_THAT(matching(patterns, R"({"a":1e9})"), ElementsAre(20));
}

// A matcher over a small alphabet, so that many of them meet the same values.
std::string made_matcher(Random& random) {
  const auto pick = [&](std::uint64_t count) { return random.next() % count; };
  const auto word = [&] {
    std::string made;
    for (std::uint64_t i = 0, size = 1 + pick(3); i < size; ++i) made += "aAbB"[pick(4)];
    return made;
  };
  const std::uint64_t from = pick(5);
  switch (pick(12)) {
    case 0:
      return fmt::format(R"("{}")", word());
    case 1:
      return std::to_string(pick(5));
    case 2:
      return pick(2) == 0 ? "null" : "true";
    case 3:
      return fmt::format(R"({{"prefix":"{}"}})", word());
    case 4:
      return fmt::format(R"({{"suffix":{{"equals-ignore-case":"{}"}}}})", word());
    case 5:
      return fmt::format(R"({{"equals-ignore-case":"{}"}})", word());
    case 6:
      return fmt::format(R"({{"wildcard":"{}*{}"}})", pick(2) == 0 ? word() : "", word());
    case 7:
      return fmt::format(R"({{"numeric":[">",{},"<=",{}]}})", from, from + 1 + pick(3));
    case 8:
      return fmt::format(R"({{"numeric":["{}",{}]}})", pick(2) == 0 ? "<" : ">=", from);
    case 9:
      return fmt::format(R"({{"cidr":"10.0.0.{}/{}"}})", pick(8), 28 + pick(5));
    case 10:
      return fmt::format(R"({{"anything-but":["{}"]}})", word());
    default:
      return fmt::format(R"({{"exists":{}}})", pick(2) == 0);
  }
}

std::string made_value(Random& random) {
  static const std::vector<std::string> values{
      R"("a")", R"("AB")", R"("ab")",       R"("bab")",      R"("Ba")", "0",    "1",
      "2.5",    "4",       R"("10.0.0.3")", R"("10.0.0.7")", "null",    "true", R"(["a",3])"};
  return values[random.next() % values.size()];
}

json::object many_elements() {
  json::array a;
  json::array m;
  for (int i = 0; i < 400; ++i) {
    a.push_back(json::object{{"b", "p"}});
    m.push_back(json::object{{"c", "p"}});
  }
  return {{"a", a}, {"m", m}, {"z", json::array{json::object{{"d", "r"}}}}, {"c", "1"}};
}

// The steps that one alternative takes do not reduce those of another.
TEST(PatternIndex, CostlyAlternativesHideNoOther) {
  const std::string_view text =
      R"({"$or":[{"a":{"b":["p"]},"m":{"c":["p"]},"z":{"d":["q"]}},{"c":["1"]}]})";
  const json::object event = many_elements();
  EXPECT_TRUE(Pattern::parse(text)->matches(json::value(event)));
  std::vector<Pattern> one;
  one.push_back(*Pattern::parse(text));
  EXPECT_EQ(PatternIndex(std::move(one)).matches(event), std::vector<std::size_t>{0});
}

// 300 rules of 99 alternatives, each of which could take 100,000 steps: 3 billion in all.
TEST(PatternIndex, ManyCostlyPatternsEnd) {
  std::string text =
      R"({"a":{"b":[{"exists":true}]},"m":{"c":[{"exists":true}]},"$or":[{"z":{"d":[{"anything-but":"r"}]}})";
  for (int i = 0; i < 98; ++i) text += R"(,{"z":{"d":[{"anything-but":"r"}]}})";
  text += "]}";
  std::vector<Pattern> many;
  for (int i = 0; i < 300; ++i) many.push_back(*Pattern::parse(text));
  EXPECT_TRUE(PatternIndex(std::move(many)).matches(many_elements()).empty());
}

TEST(PatternIndex, AgreesWithEachPatternAlone) {
  Random random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<std::string> texts;
    for (int i = 0; i < 60; ++i)
      texts.push_back(fmt::format(R"({{"a":[{},{}],"b":{{"c":[{}]}}}})", made_matcher(random),
                                  made_matcher(random), made_matcher(random)));
    const std::vector<Pattern> patterns = parsed(texts);
    const PatternIndex index{std::vector<Pattern>(patterns)};
    for (int i = 0; i < 20; ++i) {
      const std::string event =
          fmt::format(R"({{"a":{},"b":{{"c":{},"d":1}}}})", made_value(random), made_value(random));
      const json::value tree = parse_json(event).value();
      std::vector<std::size_t> alone;
      for (std::size_t n = 0; n < patterns.size(); ++n)
        if (patterns[n].matches(tree)) alone.push_back(n);
      EXPECT_EQ(index.matches(tree), alone) << event;
    }
  }
}

}  // namespace
}  // namespace kiban::patterns
