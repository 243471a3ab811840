#include "jsonata/jsonata.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <sstream>

#include "jsonata/eval_lines.h"

namespace kiban::jsonata {
namespace {

using testing::HasSubstr;

constexpr std::string_view orders = R"({"customer": "Mika",
  "orders": [{"id": "a", "lines": [{"sku": "x", "price": 2.5, "count": 4}]},
             {"id": "b", "lines": [{"sku": "y", "price": 10, "count": 1},
                                   {"sku": "z", "price": 1, "count": 3}]}]})";

std::string run(std::string_view text, const Options& options = {}, const Limits& limits = {}) {
  const auto expression = parse(text);
  if (!expression) return expression.error().code + " " + expression.error().token;
  const json::value input = *parse_json(orders);
  const auto result = evaluate(**expression, &input, {}, limits, options);
  if (!result) return result.error().code + " " + result.error().token;
  return *result ? print_json(**result) : "undefined";
}

struct Row {
  std::string_view expression{};
  std::string_view result{};
};

void expect(const std::vector<Row>& rows, const Options& options = {}) {
  for (const Row& row : rows) EXPECT_EQ(run(row.expression, options), row.result) << row.expression;
}

TEST(Jsonata, WalksPathsAndCollapsesSingletons) {
  expect({
      {"customer", R"("Mika")"},
      {"orders.id", R"(["a","b"])"},
      {"orders.lines.sku", R"(["x","y","z"])"},
      {"orders[0].lines.sku", R"("x")"},
      {"orders[0].lines.sku[]", R"(["x"])"},
      {"orders[-1].id", R"("b")"},
      {"orders.lines[price > 2].sku", R"(["x","y"])"},
      {"orders.nothing", "undefined"},
      {"orders.lines^(>price).sku", R"(["y","x","z"])"},
      {"$sum(orders.lines.(price * count))", "23"},
      {"orders.lines{sku: count}", R"({"x":4,"y":1,"z":3})"},
      {"orders.lines.{'sku': sku, 'order': %.id}[1]", R"({"sku":"y","order":"b"})"},
      {"orders@$o.$o.lines.($o.id & sku)", R"(["ax","by","bz"])"},
      {"orders#$i.$i", "[0,1]"},
  });
}

TEST(Jsonata, CallsFunctions) {
  expect({
      {"$map([1..3], function($x) { $x * 2 })", "[2,4,6]"},
      {"[3, 1, 2] ~> $sort", "[1,2,3]"},
      {"($add := function($a, $b) { $a + $b }; $inc := $add(1, ?); $inc(2))", "3"},
      {"($f := function($n) { $n = 0 ? 'done' : $f($n - 1) }; $f(20000))", R"("done")"},
      {"$ ~> |orders[0]|{'id': 'new'}, 'lines'| ~> $lookup('orders')",
       R"([{"id":"new"},{"id":"b","lines":[{"sku":"y","price":10,"count":1},{"sku":"z","price":1,"count":3}]}])"},
      {"$replace('a1b22', /[0-9]+/, '<$0>')", R"("a<1>b<22>")"},
      {"$split('a, b', /,\\s*/)", R"(["a","b"])"},
      {"$formatNumber(1234.5, '#,##0.00')", R"("1,234.50")"},
      {"$formatInteger(1999, 'I')", R"("MCMXCIX")"},
      {"$fromMillis(0, '[D1o] [MNn] [Y]')", R"("1st January 1970")"},
      {"$toMillis('1970-01-02')", "86400000"},
      {"$round(2.5) & $round(3.5)", R"("24")"},
  });
}

// An empty match counts once; a second one would be an error, with any limit.
TEST(Jsonata, MatchesNothingOnce) {
  expect({
      {"$contains('abc', /z*/)", "true"},
      {"$match('', /z*/).index", "0"},
      {"$match('b', /$/).index", "1"},
      {"$match('abc', /z*/)", "D1004 match"},
      {"$replace('abc', /z*/, 'x', 1)", "D1004 replace"},
      {"$split('b', /$/)", R"(["b",""])"},
      {"/z*/('abc').end", "0"},
      {"$match('b', /(x)?b/).groups", "[null]"},
  });
}

// Keys of all lengths around those that are compared in a special way.
TEST(Jsonata, FindsMembersByTheWholeKey) {
  for (std::size_t size = 1; size < 20; ++size) {
    const std::string key(size, 'k');
    std::string other = key;
    for (std::size_t at = 0; at < size; ++at) {
      other[at] = 'x';
      const std::string object = fmt::format("{{'{}': 1, '{}': 2}}", other, key);
      EXPECT_EQ(run(fmt::format("{}.{}", object, key)), "2") << object;
      EXPECT_EQ(run(fmt::format("($v := {}; $v.{})", object, key)), "2") << object;
      EXPECT_EQ(run(fmt::format("{{'{}': 1}}.{}", other, key)), "undefined") << object;
      EXPECT_EQ(run(fmt::format("(${} := 1; ${})", other, key)), "undefined") << object;
      other[at] = 'k';
    }
  }
}

// As jsonata-js answers, found by bench/jsonata_compare.py.
TEST(Jsonata, AnswersAsTheReference) {
  expect({
      {"$toMillis('2018 ISO', '[Y] [E]')", "D3133 toMillis"},
      {"$toMillis('31GMT+00:00', '[D][z]')", "2592000000"},
      {"$toMillis('am 2018', '[Pn] [Y]')", "1514764800000"},
      {"$toMillis('pm 2018', '[Pn] [Y]')", "D3136 toMillis"},
      {"$toMillis('2018-032', '[Y]-[d]')", "1517443200000"},
      {"$toMillis('2018-032 4', '[Y]-[d] [H]')", "D3136 toMillis"},
      {"$toMillis('MarTtwo thousand and eighteen', '[MNn,3-3]T[Yw]')", "1519862400000"},
      {"$toMillis('twentieth March two thousand', '[Dwo] [MNn] [Yw]')", "953510400000"},
      {"$formatInteger(1e15, 'I')", "U1001 formatInteger"},
      {"$nope(?, 1 + 'a')", "T2002 +"},
      {"$toMillis('70', '[Y,2]')", "0"},
      {"[].map", "[]"},
      {"$contains('a', nothing)", "undefined"},
      {"nothing[1 + 'a']", "T2002 +"},
      {"function($x) { 1 } / 2", "S0302 "},
      {"$formatNumber(-1234.5, '#.000,0e0')", R"("-0.123,5e4")"},
  });
}

TEST(Jsonata, RefusesWithCodeAndToken) {
  expect({
      {"1 + 'a'", "T2002 +"},
      {"$sum('a')", "T0412 sum"},
      {"(1", "S0203 (end)"},
      {"1 2", "S0201 2"},
      {"[1!2]", "S0204 !"},
      {"$nope()", "T1006 nope"},
      {"$map([1], $nope)", "T0410 map"},
      {"$each({'a': 1}, $nope)", "T0410 each"},
      {"$match('a', $nope)", "T0410 match"},
      {"$reduce([1, 2], $nope)", "T0410 reduce"},
      {"'a' < 1", "T2009 <"},
      {"? 1", "S0211 ?"},
      {"[1, ?]", "S0211 ?"},
      {"/(/", "S0302 "},
      {"$error('stop')", "D3137 error"},
  });
  const auto wrong = parse("a + ");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, "S0207");
  EXPECT_EQ(wrong.error().position, 4);
}

TEST(Jsonata, IsBounded) {
  EXPECT_EQ(run("($f := function($n) { 1 + $f($n) }; $f(1))").substr(0, 5), "U1001");
  EXPECT_EQ(run("($f := function() { $f() }; $f())", {}, {.fuel = 10'000}).substr(0, 5), "U1001");
  EXPECT_EQ(
      run("$map([1..1000000], function($x) { [1..100] })", {}, {.memory_bytes_max = 64U << 20U})
          .substr(0, 5),
      "U1001");
  EXPECT_EQ(run("$match('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', /^(a+)+[bc]$/)").substr(0, 5),
            "U1001");
  EXPECT_EQ(run("($f := function() { $f() }; $f())", {}, {.past_deadline = [] { return true; }})
                .substr(0, 5),
            "U1001");
  EXPECT_EQ(run(std::string(100'000, '(')).substr(0, 5), "U1001");
  std::string chain = "1";
  for (int i = 0; i < 50'000; ++i) chain += "+1";
  EXPECT_EQ(run(chain).substr(0, 5), "U1001");
  EXPECT_EQ(run("$reduce([1..60], function($a, $b) { [[$a], [$a]] }, 0)").substr(0, 5), "U1001");
  // Values that share their parts: small in memory, endless when walked.
  const std::string bomb = "$reduce([1..60], function($a, $b) { [[$a], [$a]] }, 0)";
  EXPECT_EQ(run(bomb + " = " + bomb).substr(0, 5), "U1001");
  EXPECT_EQ(run("$boolean(" + bomb + ")"), "false");
  EXPECT_EQ(run("{'a': " + bomb + "}.*").substr(0, 5), "U1001");
  EXPECT_EQ(run("$string(" + bomb + ")").substr(0, 5), "U1001");
  EXPECT_EQ(run("[1..1000000].$$").substr(0, 5), "U1001");
}

// A few steps over long texts are as much work as many steps.
TEST(Jsonata, LongTextsCostSteps) {
  const Limits limits{.fuel = 5'000'000, .memory_bytes_max = 64U << 20U};
  const auto repeated = [](const std::string& once) {
    return "($p := $pad('', 5000000, 'a'); $q := $p & ''; $map([1..1000], function($x) { "
           "$map([1..1000], "
           "function($y) { " +
           once + " }) }))";
  };
  for (const char* once :
       {"$p = $q", "$p < $q", "$p in [$q]", "$contains($p, 'b')", "$substring($p, 4999990)",
        "$length($p)", "$uppercase($p)", "$split($p, 'b')"})
    EXPECT_EQ(run(repeated(once), {}, limits).substr(0, 5), "U1001") << once;
  EXPECT_EQ(run("$contains($pad('', 3000000, 'a'), $pad('', 1500000, 'a') & 'b')", {}, limits),
            "false");
}

// docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
TEST(Jsonata, KnowsWhatStepFunctionsChanges) {
  const Options options{.step_functions = true, .now = Timestamp(Duration(0)), .seed = 7};
  expect(
      {
          {"$eval('1')", "T1006 eval"},
          {"$partition([1..5], 2)", "[[1,2],[3,4],[5]]"},
          {"$range(0, 10, 5)", "[0,5,10]"},
          {"$hash('a', 'MD5')", R"("0cc175b9c0f1b6a831c399e269772661")"},
          {"$parse('{\"a\": [1, 2]}').a[1]", "2"},
          // java.util.Random, measured on AWS: github.com/floci-io/floci/issues/2662.
          {"$random(42)", "0.7275636800328681"},
          {"$random(1)", "0.7308781907032909"},
          {"$random(-1.9) = $random(-1)", "true"},
          // Measured on AWS: github.com/floci-io/floci/pull/2676.
          {"$count($range(1, 200000, 1))", "200000"},
          {"$range(-1.7, 2, 1)", "[-1,0,1,2]"},
          {"$exists($range(1, 2, 0.9))", "false"},
          {"$partition([1,2,3], 1.9)", "[[1],[2],[3]]"},
          {"$exists($partition([1,2,3], 0))", "false"},
          // Measured on AWS: github.com/floci-io/floci/pull/2683.
          {"$string(999999999999999868928)", R"("999999999999999900000")"},
          {"$string($parse('9223372036854775808'))", R"("9223372036854776000")"},
          {"$string(5890840712243077)", R"("5890840712243077")"},
          {"'' & (0.1 + 0.2)", R"("0.30000000000000004")"},
          {"$string(1e21)", R"("1e+21")"},
          {"$length($uuid())", "36"},
          {"$now()", R"("1970-01-01T00:00:00.000Z")"},
      },
      options);
  expect({{"$eval('1 + 1')", "2"},
          {"$uuid()", "T1006 uuid"},
          {"$string(5890840712243077)", R"("5890840712243080")"}});
}

TEST(EvalLines, AnswersEachLine) {
  std::istringstream in(
      "{\"expr\": \"a + $b\", \"data\": {\"a\": 1}, \"bindings\": {\"b\": 2}}\n"
      "{\"expr\": \"a\"}\n"
      "{\"expr\": \"'\\ud800'\"}\n"
      "{\"expr\": \"1 +\"}\n"
      "nonsense\n");
  std::ostringstream out;
  EXPECT_EQ(eval_lines(in, out), 0);
  EXPECT_THAT(out.str(), testing::StartsWith("{\"result\":3}\n{\"undefined\":true}\n"
                                             "{\"result\":\"\\ud800\"}\n"));
  EXPECT_THAT(out.str(), HasSubstr("S0207"));
  EXPECT_THAT(out.str(), HasSubstr("U1002"));
}

}  // namespace
}  // namespace kiban::jsonata
