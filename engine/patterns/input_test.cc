#include "patterns/input.h"

#include <gtest/gtest.h>

namespace kiban::patterns {
namespace {

const json::value& event() {
  static const json::value value =
      parse_json(R"({"id": "1", "time": "2026-11-24T17:00:00Z", "resources": ["r0", "r1"],
                     "detail": {"name": "a \"b\"", "list": [{"n": 1}, {"n": 2}], "none": null}})")
          .value();
  return value;
}

RuleFacts facts() {
  return {.rule_arn = "arn:aws:events:ap-northeast-1:000000000000:rule/nightly",
          .rule_name = "nightly",
          .ingestion_time = parse_iso8601("2026-11-24T17:00:01.500Z").value()};
}

std::string read(std::string_view path) {
  const auto value = EventPath::parse(path)->read(event());
  return value ? print_json(*value) : "nothing";
}

std::string transform(std::string text) {
  const std::map<std::string, std::string> paths{{"time", "$.time"},
                                                 {"name", "$.detail.name"},
                                                 {"list", "$.detail.list"},
                                                 {"none", "$.detail.none"},
                                                 {"missing", "$.detail.missing"}};
  const auto transformer = InputTransformer::parse(paths, std::move(text), "t");
  if (!transformer) return transformer.error().name + ": " + transformer.error().cause;
  const auto result = transformer->apply(event(), facts());
  return result ? *result : result.error().name;
}

TEST(EventPath, Reads) {
  EXPECT_EQ(read("$.detail.list[1].n"), "2");
  EXPECT_EQ(read("$.resources[0]"), R"("r0")");
  EXPECT_EQ(read("$['detail']['none']"), "null");
  EXPECT_EQ(read("$.detail.list[*].n"), "[1,2]");
  EXPECT_EQ(read("$.detail.missing"), "nothing");
  EXPECT_EQ(read("$.resources[2]"), "nothing");
  EXPECT_EQ(read("$"), print_json(event()));
  for (const auto* text : {"", "detail", "$..a", "$.a[", "$.a[x]", "$.", "$a"}) {
    EXPECT_FALSE(EventPath::parse(text)) << text;
  }
}

TEST(InputTransformer, MakesJson) {
  EXPECT_EQ(transform(R"({"at": <time>, "job": "x-<name>", "list": <list>})"),
            R"({"at": "2026-11-24T17:00:00Z", "job": "x-a \"b\"", "list": [{"n":1},{"n":2}]})");
  EXPECT_EQ(transform(R"({"a": <none>, "b": <missing>, "c": "<missing>"})"),
            R"({"a": null, "b": "", "c": ""})");
  EXPECT_EQ(transform(R"({"a": "<list>"})"), "InvalidInput");
}

TEST(InputTransformer, MakesText) {
  EXPECT_EQ(transform(R"("at <time>: <list>, <missing>.")"),
            R"("at 2026-11-24T17:00:00Z: [{n:1},{n:2}], .")");
  EXPECT_EQ(transform(R"("a < b and <time>")"), R"("a < b and 2026-11-24T17:00:00Z")");
}

TEST(InputTransformer, KnowsPredefinedNames) {
  EXPECT_EQ(transform(R"({"r": "<aws.events.rule-name>", "t": <aws.events.event.ingestion-time>})"),
            R"({"r": "nightly", "t": "2026-11-24T17:00:01Z"})");
  EXPECT_EQ(transform(R"(<aws.events.event.json>)"), print_json(event()));
  EXPECT_EQ(transform(R"(<aws.events.event>)"),
            R"({"id":"1","time":"2026-11-24T17:00:00Z","resources":["r0","r1"]})");
}

TEST(InputTransformer, RefusesAnUnknownName) {
  EXPECT_EQ(transform(R"({"a": <other>})"),
            "ValidationException: InputTemplate for target t contains invalid placeholder other.");
}

TEST(TargetInput, TakesOneKind) {
  const auto apply = [](std::string_view target) {
    const auto input = TargetInput::parse(parse_json(target)->as_object());
    if (!input) return input.error().cause;
    const auto text = input->apply(event(), facts());
    return text ? *text : text.error().name;
  };
  EXPECT_EQ(apply(R"({"Id": "t"})"), print_json(event()));
  EXPECT_EQ(apply(R"({"Id": "t", "Input": "{\"a\" : 1}"})"), R"({"a" : 1})");
  EXPECT_EQ(apply(R"({"Id": "t", "InputPath": "$.resources"})"), R"(["r0","r1"])");
  EXPECT_EQ(apply(R"({"Id": "t", "InputPath": "$.no"})"), "InvalidInput");
  EXPECT_EQ(apply(R"({"Id": "t", "Input": "1", "InputPath": "$"})"),
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.");
}

}  // namespace
}  // namespace kiban::patterns
