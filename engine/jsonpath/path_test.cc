#include "jsonpath/path.h"

#include <gtest/gtest.h>

namespace kiban::jsonpath {
namespace {

const char* const store = R"({"store":{"book":[
  {"category":"reference","author":"Rees","title":"Sayings","price":8.95},
  {"category":"fiction","author":"Waugh","title":"Sword","price":12.99},
  {"category":"fiction","author":"Melville","title":"Moby","isbn":"0-553","price":8.99},
  {"category":"fiction","author":"Tolkien","title":"Rings","isbn":"0-395","price":22.99}],
  "bicycle":{"color":"red","price":19.95}},"expensive":10,"a b":{"c.d":1}})";

std::string run(std::string_view text) {
  auto path = Path::parse(text);
  if (!path) return "invalid";
  auto found = path->select(*parse_json(store));
  return found ? print_json(*found) : found.error().cause;
}

TEST(Path, SelectsAsJaywaysExamplesSay) {  // github.com/json-path/JsonPath#path-examples
  const std::pair<const char*, const char*> cases[] = {
      {"$.store.book[*].author", R"(["Rees","Waugh","Melville","Tolkien"])"},
      {"$..author", R"(["Rees","Waugh","Melville","Tolkien"])"},
      {"$.store..price", "[8.95,12.99,8.99,22.99,19.95]"},
      {"$..book[2].title", R"(["Moby"])"},
      {"$..book[-2].title", R"(["Moby"])"},
      {"$..book[0,1].title", R"(["Sayings","Sword"])"},
      {"$..book[:2].title", R"(["Sayings","Sword"])"},
      {"$.store.book[-1:].title", R"(["Rings"])"},
      {"$..book[?(@.isbn)].title", R"(["Moby","Rings"])"},
      {"$.store.book[?(@.price < 10)].title", R"(["Sayings","Moby"])"},
      {"$..book[?(@.price <= $['expensive'])].title", R"(["Sayings","Moby"])"},
      {"$..book[?(@.author =~ /.*REES/i)].title", R"(["Sayings"])"},
      {"$.store.book[?(@.category == 'fiction' && @.price > 20)].title", R"(["Rings"])"},
      {"$.store.book[?(!(@.isbn) || @.title in ['Moby'])].title", R"(["Sayings","Sword","Moby"])"},
      // A function is a name: github.com/awsdocs/aws-step-functions-developer-guide/pull/5.
      {"$.store.book.length()", "Property ['length()'] not found in path $['store']['book']"},
      {"$.store.keys()", "No results for path: $['store']['keys()']"},
      {"$.store.sum().x", "Missing property in path $['store']['sum()']"},
      {"$['a b']['c.d']", "1"},
      {"$.store.book[1]['title','price']", R"({"title":"Sword","price":12.99})"},
      {"$.nothing", "No results for path: $['nothing']"},
      {"$.nothing.below", "Missing property in path $['nothing']"},
      {"$.expensive.cheap", "Property ['cheap'] not found in path $['expensive']"},
      {"$.expensive[0]", "Filter: [0] can only be applied to arrays. Current context is: 10"},
      {"$..nothing", "[]"},
      {"$.", "invalid"},
      {"$..", "invalid"},
      {"$.a[", "invalid"},
      {"$.a[?(@.b", "invalid"},
      {"a", "invalid"},
      {"$a b", "invalid"},
      {"", "invalid"},
  };
  for (const auto& [path, expected] : cases) EXPECT_EQ(run(path), expected) << path;
}

std::string in(std::string_view root, std::string_view text) {
  auto path = Path::parse(text);
  if (!path) return "invalid";
  auto found = path->select(*parse_json(root));
  return found ? print_json(*found) : found.error().cause;
}

// gist.github.com/deric4/733eb129a10b13530cebaa3b70031c77: what AWS's console showed.
TEST(Path, GathersSeveralNamesInOneObject) {
  const char* const root = R"({"m":{"p":1,"q":[2],"r":3},"l":[{"p":4,"q":5,"r":6},{"q":7},8]})";
  EXPECT_EQ(in(root, "$.m['r','p']"), R"({"r":3,"p":1})");
  EXPECT_EQ(in(root, "$.m['p' , \"r\"]"), R"({"p":1,"r":3})");
  EXPECT_EQ(in(root, "$.m['p','none']"), R"({"p":1})");
  EXPECT_EQ(in(root, "$.l[*]['p','q']"), R"([{"p":4,"q":5},{"q":7}])");
  EXPECT_EQ(in(root, "$.l.[*].['p','q']"), R"([{"p":4,"q":5},{"q":7}])");
  EXPECT_EQ(in(root, "$..['p','r']"), R"([{"p":1,"r":3},{"p":4,"r":6}])");
  const std::string refused = "Multi properties can only be used as path leafs: ";
  EXPECT_EQ(in(root, "$.m['p','q'][0]"), refused + "$['m']['p', 'q']");
  EXPECT_EQ(in(root, "$.l[*]['p','q'].x"), refused + "$['l'][*]['p', 'q']");
  EXPECT_EQ(in(root, "$.m.p['a','b']"), "Property ['a', 'b'] not found in path $['m']['p']");
}

// docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html: $.abc.['def
// ghi'].
TEST(Path, TakesADotBeforeABracket) {
  const char* const root = R"({"two words":{"l":[{"v":1},{"v":2}]}})";
  EXPECT_EQ(in(root, "$.['two words'].l.[1].v"), "2");
  EXPECT_EQ(in(root, "$.['two words'].l.[?(@.v > 1)].['v']"), "[2]");
  EXPECT_EQ(in(root, "$.['two words'].l.[*].v"), "[1,2]");
  EXPECT_EQ(in(root, "$..['l'][-1:]"), R"([{"v":2}])");
  EXPECT_EQ(in(root, "$.['two words']."), "invalid");
  EXPECT_TRUE(Path::parse("$.a.['b']")->reference());
}

// github.com/ministackorg/ministack/pull/1217: run against AWS by TestState.
TEST(Path, GivesNullBehindTheEndOfAnArray) {
  EXPECT_EQ(in(R"({"l":[]})", "$.l[0]"), "null");
  EXPECT_EQ(in(R"({"l":[1]})", "$.l[-2]"), "null");
  EXPECT_EQ(in(R"({"l":[[1],[],[2,3]]})", "$.l[*][1]"), "[null,null,3]");
  EXPECT_EQ(in(R"({"l":[1]})", "$.l[0,5]"), "[1,null]");
  EXPECT_EQ(in(R"({"l":[1]})", "$.l[0:5]"), "[1]");
  EXPECT_EQ(in(R"({"l":[[{"a":1}],[]]})", "$.l[*][0].a"), "[1]");
  EXPECT_EQ(in(R"({"l":[]})", "$.l[0].a"), "Property ['a'] not found in path $['l'][0]");
  // A Choice state detects an empty array by IsPresent, so find() must not return one.
  EXPECT_EQ(Path::parse("$.l[0]")->find(*parse_json(R"({"l":[]})")), nullptr);
}

TEST(Path, SelectsASlice) {
  const char* const root = R"([0,1,2,3,4])";
  EXPECT_EQ(in(root, "$[1:4]"), "[1,2,3]");
  EXPECT_EQ(in(root, "$[ 0 : 5 : 2 ]"), "[0,2,4]");
  EXPECT_EQ(in(root, "$[-3:-1]"), "[2,3]");
  EXPECT_EQ(in(root, "$[3:9223372036854775807:9223372036854775807]"), "[3]");
  EXPECT_EQ(in(root, "$[0:4:0]"), "invalid");
}

// null counts as missing: github.com/floci-io/floci/issues/3480, an answer of Step Functions Local
// 2.0.0. Scalars: docs.aws.amazon.com/step-functions/latest/dg/amazon-states-language-paths.html in
// its editions of 2022 to 2024.
TEST(Path, FiltersOverNullsAndScalars) {
  const char* const root =
      R"({"l":[{"i":1,"s":null},{"i":2,"s":0},{"i":3},null,7,"x"],"n":[1,2,"x"]})";
  EXPECT_EQ(in(root, "$.l[?(@.s)].i"), "[2]");
  EXPECT_EQ(in(root, "$.l[?(@.i && !@.s)].i"), "[1,3]");
  EXPECT_EQ(in(root, "$.l[?(@.i && !(@.s))].i"), "[1,3]");
  EXPECT_EQ(in(root, "$.l[?(@.s == null)].i"), "[1]");
  EXPECT_EQ(in(root, "$.n[?(@ > 0)]"), "[]");
  EXPECT_EQ(in(root, "$.n[?(@ == 'x')]"), "[]");
  EXPECT_EQ(in(root, "$.n[?(@ != 'x')]"), "[]");
  EXPECT_EQ(in(root, "$.n[?(@ in [1,2])]"), "[]");
  EXPECT_EQ(in(root, "$.n[?(@)]"), "[]");
  EXPECT_EQ(in(R"({"o":{"k":{"a":1}}})", "$..[?(@.a)]"), R"([{"a":1}])");
}

// github.com/getmoto/moto/issues/7825 and nibble-4bits/aws-local-stepfunctions/issues/79: texts
// without quotes in machines that run on AWS.
TEST(Path, ComparesWithUnquotedTexts) {
  const char* const root = R"([{"n":"done","v":1},{"n":"/x/y-1","v":2},{"n":"a.b-c","v":3},
                              {"n":"true","v":4},{"n":true,"v":5}])";
  EXPECT_EQ(in(root, "$[?(@.n==done)].v"), "[1]");
  EXPECT_EQ(in(root, "$[?(@.n == /x/y-1 )].v"), "[2]");
  EXPECT_EQ(in(root, "$[?(@.n==a.b-c || @.v==1)].v"), "[1,3]");
  EXPECT_EQ(in(root, "$[?(@.n==true)].v"), "[5]");
  EXPECT_EQ(in(root, "$[?(@.n =~ /A.*/i)].v"), "[3]");
  EXPECT_EQ(in(root, "$[?(@.n in ['done', 'a.b-c'])].v"), "[1,3]");
  EXPECT_EQ(in(root, "$[?(@.n ==)]"), "invalid");
}

// Recorded: test_escape_sequence_parsing[ESCAPE_SEQUENCES_JSONPATH].
TEST(Path, KeepsBackslashesInNames) {
  EXPECT_EQ(in(R"({"a\\\"b":1})", R"($['a\"b'])"), "1");
  EXPECT_EQ(in(R"({"it's":1})", R"($['it\'s'])"), "1");
  EXPECT_EQ(in(R"({"a\\nb":1})", R"($['a\nb'])"), "1");
}

TEST(Path, AllowsWhiteSpaceInBracketsAndBehind) {
  const char* const root = R"({"a":[{"b":1}]})";
  EXPECT_EQ(in(root, "$[ 'a' ][\n0 ][ ?( @.b\n== 1 ) ][ * ]"), "[1]");
  EXPECT_EQ(in(root, "$.a \n"), R"([{"b":1}])");
  EXPECT_EQ(in(root, "$.a .b"), "invalid");
  EXPECT_EQ(in(root, "$. a"), "invalid");
}

TEST(Path, AssignsByReference) {
  const auto assign = [](std::string_view root, std::string_view text) -> std::string {
    json::value value = *parse_json(root);
    const auto done = Path::parse(text)->assign(value, json::value("x"));
    return done ? print_json(value) : done.error().name;
  };
  EXPECT_EQ(assign("{}", "$.a.b"), R"({"a":{"b":"x"}})");
  EXPECT_EQ(assign(R"({"a":[1,2]})", "$.a[1]"), R"({"a":[1,"x"]})");
  EXPECT_EQ(assign(R"({"a":1})", "$"), R"("x")");
  EXPECT_EQ(assign(R"({"a":1})", "$.a.b"), "PathNotWritable");
  EXPECT_EQ(assign(R"({"a":[1]})", "$.a[5]"), "PathNotWritable");
  EXPECT_EQ(assign("{}", "$..a"), "PathNotWritable");
}

TEST(Path, BoundsNesting) {
  std::string deep = "$[?(";
  for (int i = 0; i < 100'000; ++i) deep += '(';
  EXPECT_FALSE(Path::parse(deep));
  deep = "$";
  for (int i = 0; i < 100'000; ++i) deep += ".a";
  EXPECT_FALSE(Path::parse(deep));
  deep = "$[?(";
  for (int i = 0; i < 100'000; ++i) deep += "@[?(";
  EXPECT_FALSE(Path::parse(deep));
}

TEST(Path, HasABudget) {
  json::value nested("x");
  for (int i = 0; i < 60; ++i) nested = json::object{{"a", nested}};
  json::array many;
  for (int i = 0; i < 3'000; ++i) many.push_back(json::object{{"t", std::string(40, 'a')}});
  const json::value list(std::move(many));
  const auto error_of = [](const char* path, const json::value& root) {
    const auto found = Path::parse(path)->select(root);
    return found ? std::string("found") : found.error().name;
  };
  EXPECT_EQ(error_of("$..*..*..*..*", nested), "BudgetExceeded");
  EXPECT_EQ(error_of("$[?(@.t == $..t)]", list), "BudgetExceeded");
  EXPECT_EQ(error_of("$[?(@.t == $)]", list), "BudgetExceeded");
  EXPECT_EQ(error_of("$[?(!($..[?(@.t == 'b')]))]", list), "BudgetExceeded");
  EXPECT_EQ(error_of("$[?(@.t =~ /(a*)*[bc]/)]", list), "BudgetExceeded");
  json::array long_texts;
  for (int i = 0; i < 20; ++i) long_texts.push_back(json::object{{"t", std::string(60'000, 'a')}});
  EXPECT_EQ(error_of("$[?(@.t =~ /(?i)(a*)\\1*[bc]/)]", long_texts), "BudgetExceeded");
  EXPECT_EQ(error_of("$..t", list), "found");
  EXPECT_EQ(error_of("$..*", nested), "found");
  EXPECT_EQ(error_of("$[?(@.t =~ /a+/)]", list), "found");
}

}  // namespace
}  // namespace kiban::jsonpath
