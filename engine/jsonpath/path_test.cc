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
      {"$.store.book.length()", "4"},
      {"$['a b']['c.d']", "1"},
      {"$.store.book[1]['title','price']", R"(["Sword",12.99])"},
      {"$.nothing", "No results for path: $['nothing']"},
      {"$.nothing.below", "Missing property in path $['nothing']"},
      {"$.store.book[9]", "No results for path: $['store']['book'][9]"},
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
  EXPECT_EQ(error_of("$..t", list), "found");
  EXPECT_EQ(error_of("$..*", nested), "found");
  EXPECT_EQ(error_of("$[?(@.t =~ /a+/)]", list), "found");
}

}  // namespace
}  // namespace kiban::jsonpath
