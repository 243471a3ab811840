#include "asl/query.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "asl/choice.h"
#include "asl/query_jsonata.h"

namespace kiban::asl {
namespace {

class Fixed : public Environment {
 public:
  explicit Fixed(std::string_view input) : input_(*parse_json(input)) {}
  const json::value& input() const override { return input_; }
  const json::value& context() const override { return context_; }
  const json::value* variable(std::string_view name) const override {
    return name == "v" ? &variable_ : nullptr;
  }
  Random& random() const override { return random_; }

 private:
  json::value input_;
  json::value context_ = *parse_json(R"({"State":{"Name":"S"}})");
  json::value variable_ = *parse_json(R"({"x":[10,20]})");
  mutable Random random_{7};
};

std::string run(std::string_view text, std::string_view input = "{}") {
  const auto expression = Expression::parse(text);
  if (!expression) return "invalid";
  const Fixed environment(input);
  auto value = expression->evaluate(environment, "f.$");
  return value ? print_json(*value) : value.error().error;
}

TEST(Intrinsics, AnswerAsTheGuideSays) {
  // docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
  const std::pair<const char*, const char*> cases[] = {
      {"States.Array('a', 1, null, true)", R"(["a",1,null,true])"},
      {"States.Array()", "[]"},
      {"States.ArrayPartition(States.ArrayRange(1, 9, 1), 4)", "[[1,2,3,4],[5,6,7,8],[9]]"},
      {"States.ArrayContains(States.Array(1, 2), 2)", "true"},
      {"States.ArrayRange(1, 9, 2)", "[1,3,5,7,9]"},
      {"States.ArrayRange(3, 1, -1)", "[3,2,1]"},
      {"States.ArrayRange(1, 5000, 1)", "States.IntrinsicFailure"},
      {"States.ArrayGetItem(States.Array('x','y'), 1)", R"("y")"},
      {"States.ArrayGetItem(States.Array('x'), 1)", "States.IntrinsicFailure"},
      {"States.ArrayLength(States.Array(1,1))", "2"},
      {"States.ArrayUnique(States.Array(1,1,'a','a'))", R"([1,"a"])"},
      {"States.Base64Encode('Data to encode')", R"("RGF0YSB0byBlbmNvZGU=")"},
      {"States.Base64Decode('RGVjb2RlZCBkYXRh')", R"("Decoded data")"},
      {"States.Base64Decode('####')", "States.IntrinsicFailure"},
      {"States.Hash('input data', 'SHA-1')", R"("aaff4a450a104cd177d28d18d74485e8cae074b7")"},
      {"States.Hash('input data', 'CRC')", "States.IntrinsicFailure"},
      {"States.JsonToString(States.Array(1,'a'))", R"("[1,\"a\"]")"},
      {"States.StringToJson('{\"a\": 1}')", R"({"a":1})"},
      {"States.StringToJson('{')", "States.IntrinsicFailure"},
      {"States.MathAdd(111, -1)", "110"},
      {"States.MathAdd(9223372036854775807, 1)", "States.IntrinsicFailure"},
      {"States.StringSplit('1,2;3', ',;')", R"(["1","2","3"])"},
      {"States.Format('{} of \\{\\}', 5)", R"("5 of {}")"},
      {"States.Format('it\\'s {}', $.name)", R"("it's Ann")"},
      {"States.Format('{}')", "States.IntrinsicFailure"},
      {"States.Format('{}', $.missing)", "States.Runtime"},
      {"States.JsonMerge($.a, $.b, false)", R"({"x":2,"y":3})"},
      {"States.JsonMerge($.a, $.b, true)", "States.IntrinsicFailure"},
      {"States.ArrayGetItem($v.x, 1)", "20"},
      {"States.Format('{}', $$.State.Name)", R"("S")"},
      {"States.MathAdd($.list[?(@ > 1)][0], 1)", "States.IntrinsicFailure"},
      {"States.Nothing(1)", "invalid"},
      {"States.Array(1", "invalid"},
      {"States.Array(1) x", "invalid"},
      {"States.Array(1,)", "invalid"},
      {"States.Format('x", "invalid"},
      {"Format('x')", "invalid"},
      {"", "invalid"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_EQ(run(text, R"({"name":"Ann","a":{"x":1,"y":3},"b":{"x":2},"list":[1,2]})"), expected)
        << text;
  EXPECT_EQ(run("States.UUID()").size(), 38U);
  EXPECT_EQ(run("States.MathRandom(1, 10, 3)"), run("States.MathRandom(1, 10, 3)"));
}

// Bytes of a text must not pass for one of core/exact_json.h's numbers.
TEST(Intrinsics, MakeTextsOfUtf8Alone) {
  EXPECT_EQ(run("States.Base64Decode('/zEyMw==')"),
            "\"\xef\xbf\xbd"
            "123\"");
  EXPECT_EQ(run("States.StringToJson(States.Base64Decode('/zEyMw=='))"), "States.IntrinsicFailure");
  EXPECT_EQ(run("States.StringSplit('\xc3\xa9', '\xc3\xa8')"), "[\"\xef\xbf\xbd\"]");
}

TEST(Intrinsics, ArrayUniqueOfManyElements) {
  std::string list = "[";
  for (int i = 0; i < 60'000; ++i) list += fmt::format("{},", i % 50'000);
  EXPECT_EQ(run("States.ArrayLength(States.ArrayUnique($.l))", "{\"l\":" + list + "0]}"), "50000");
  EXPECT_EQ(run("States.ArrayUnique($.l)",
                R"({"l":[{"a":1,"b":[2]},{"b":[2],"a":1},1,"1",1,0.0,-0.0,null,null]})"),
            R"([{"a":1,"b":[2]},1,"1",0.0,null])");
}

TEST(Intrinsics, BoundNesting) {
  std::string deep;
  for (int i = 0; i < 10000; ++i) deep += "States.Array(";
  EXPECT_EQ(run(deep), "invalid");
}

TEST(Template, ReplacesOnlyMembersThatEndInDollar) {
  const auto tmpl = Template::compile(
      *parse_json(
          R"j({"a.$":"$.x","b":"$.x","c":[{"d.$":"States.MathAdd($.n, 1)"}],"e.$":"$v.x[0]"})j"),
      Language::JsonPath, "Parameters");
  ASSERT_TRUE(tmpl);
  EXPECT_FALSE(tmpl->constant());
  const auto made = tmpl->evaluate(Fixed(R"({"x":[1],"n":1})"));
  ASSERT_TRUE(made);
  EXPECT_EQ(print_json(*made), R"({"a":[1],"b":"$.x","c":[{"d":2}],"e":10})");
  const auto failed = tmpl->evaluate(Fixed("{}"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(
      failed.error().cause,
      "The JSONPath '$.x' specified for the field 'a.$' could not be found in the input '{}'");
  EXPECT_FALSE(Template::compile(*parse_json(R"({"a.$":1})"), Language::JsonPath, ""));
}

std::string choose(std::string_view rule, std::string_view input) {
  const auto condition = compile_condition(parse_json(rule)->get_object());
  if (!condition) return "invalid";
  const auto result = holds(*condition, Fixed(input));
  return result ? (*result ? "true" : "false") : result.error().error;
}

TEST(Choice, ComparesOnlyLikeWithLike) {
  struct Row {
    const char* rule;
    const char* input;
    const char* expected;
  };
  const Row rows[] = {
      {R"({"Variable":"$.a","StringEquals":"x"})", R"({"a":"x"})", "true"},
      {R"({"Variable":"$.a","StringEquals":"1"})", R"({"a":1})", "false"},
      {R"({"Variable":"$.a","StringLessThan":"b"})", R"({"a":"a"})", "true"},
      {R"({"Variable":"$.a","NumericEquals":1})", R"({"a":1.0})", "true"},
      {R"({"Variable":"$.a","NumericGreaterThanEqualsPath":"$.b"})", R"({"a":2,"b":2})", "true"},
      {R"({"Variable":"$.a","BooleanEquals":true})", R"({"a":"true"})", "false"},
      {R"({"Variable":"$.a","TimestampLessThan":"2020-01-02T00:00:00Z"})",
       R"({"a":"2020-01-01T23:00:00+00:00"})", "true"},
      {R"({"Variable":"$.a","TimestampEquals":"2020-01-01T00:00:00Z"})",
       R"({"a":"2020-01-01 00:00:00Z"})", "false"},
      {R"({"Variable":"$.a","StringMatches":"log-*.txt"})", R"({"a":"log-1.2.txt"})", "true"},
      {R"({"Variable":"$.a","StringMatches":"a\\*b"})", R"({"a":"a*b"})", "true"},
      {R"({"Variable":"$.a","StringMatches":"a\\*b"})", R"({"a":"axb"})", "false"},
      {R"({"Variable":"$.a","IsPresent":false})", "{}", "true"},
      {R"({"Variable":"$.a","IsNull":true})", R"({"a":null})", "true"},
      {R"({"Variable":"$.a","IsNull":true})", "{}", "States.Runtime"},
      {R"({"Variable":"$.a","IsTimestamp":true})", R"({"a":"2020-01-01T00:00:00Z"})", "true"},
      {R"({"Variable":"$.a","NumericEquals":1})", "{}", "States.Runtime"},
      {R"({"Not":{"Variable":"$.a","IsPresent":true}})", "{}", "true"},
      {R"({"And":[{"Variable":"$.a","IsPresent":true},{"Variable":"$.a.b","NumericEquals":1}]})",
       "{}", "false"},
      {R"({"Or":[{"Variable":"$.a","IsPresent":false},{"Variable":"$.a.b","NumericEquals":1}]})",
       "{}", "true"},
      {R"({"Variable":"$v.x[1]","NumericEquals":20})", "{}", "true"},
      {R"({"Variable":"$.a"})", "{}", "invalid"},
      {R"({"StringEquals":"x"})", "{}", "invalid"},
      {R"({"Variable":"$.a","BooleanLessThan":true})", "{}", "invalid"},
  };
  for (const Row& row : rows) EXPECT_EQ(choose(row.rule, row.input), row.expected) << row.rule;
}

std::string ask(std::string_view text) {
  const auto query = compile_query(text);
  if (!query) return query.error().cause;
  const Fixed environment(R"({"a":[1,2]})");
  const auto value = evaluate_query(**query, environment, "Output/x");
  return value ? print_json(*value) : value.error().cause;
}

TEST(Query, ReadsStatesVariablesAndNothingElse) {
  EXPECT_EQ(ask("$sum($states.input.a)"), "3");
  EXPECT_EQ(ask("$states.context.State.Name"), R"("S")");
  EXPECT_EQ(ask("$lookup($states, 'context').State.Name"), R"("S")");
  EXPECT_EQ(ask("$v.x[1]"), "20");
  EXPECT_EQ(ask("$range(1, 1, 1)"), "1");  // Recorded: test_array_range (JSONata).
}

// Bounded as a whole: core/regex_budget.h.
TEST(Query, BoundsRegularExpressions) {
  for (const char* text : {R"($match($pad('', 20000, 'a'), /(a*)\1[bc]/i))",
                           R"($match($pad('', 20000, 'a'), /(a*)*\1[bc]/))",
                           R"($contains($pad('', 20000, 'a'), /(a+)+[bc]/))"})
    EXPECT_TRUE(ask(text).contains("threw an error during evaluation")) << text;
  EXPECT_EQ(ask(R"($match('say the the word', /\b(\w+) \1\b/).match)"), R"("the the")");
}

TEST(Query, FailsInAwsWords) {
  const std::string head = "The JSONata expression '{}' specified for the field 'Output/x' ";
  const std::pair<const char*, const char*> cases[] = {
      {"$nothing", "returned nothing (undefined)."},
      {"$states.result", "returned nothing (undefined)."},
      {"function($x){$x}", "returned an unsupported result type."},
      {"1 + 'a'",
       "threw an error during evaluation. T2002: The right side of the \"+\" operator must "
       "evaluate to a number"},
      {"$eval('1+1')",
       "threw an error during evaluation. T1006: Attempted to invoke a non-function"},
      {"($f := function($x) { 1 + $f($x) }; $f(1))",
       "threw an error during evaluation: Stack overflow error: Check for non-terminating "
       "recursive "
       "function. Consider rewriting as tail-recursive."},
      {"$count([1..9000000])",
       "threw an error during evaluation: Expression evaluation memory limit exceeded: Check for "
       "excessive memory usage"},
  };
  for (const auto& [text, how] : cases)
    EXPECT_EQ(ask(text), fmt::format(fmt::runtime(head), text) + how);
  EXPECT_EQ(ask("1 +"), "Unexpected end of expression");
}

}  // namespace
}  // namespace kiban::asl
