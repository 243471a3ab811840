// The examples of
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html and of
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html
#include "logfilter/filter.h"

#include <gtest/gtest.h>

#include <vector>

namespace kiban::logfilter {
namespace {

bool matches(std::string_view pattern, std::string_view text) {
  const auto parsed = parse(pattern);
  EXPECT_TRUE(parsed) << pattern;
  return parsed && (*parsed)->matches(Message(text));
}

struct Case {
  std::string_view pattern{};
  std::vector<std::string_view> found{};
  std::vector<std::string_view> not_found{};
};

void expect(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    for (const std::string_view text : each.found)
      EXPECT_TRUE(matches(each.pattern, text)) << each.pattern << " in " << text;
    for (const std::string_view text : each.not_found)
      EXPECT_FALSE(matches(each.pattern, text)) << each.pattern << " in " << text;
  }
}

void expect_refused(const std::vector<std::string_view>& patterns) {
  for (const std::string_view pattern : patterns) {
    const auto parsed = parse(pattern);
    ASSERT_FALSE(parsed) << pattern;
    EXPECT_EQ(parsed.error(), (Error{"InvalidParameterException", "Invalid filter pattern"}));
  }
}

TEST(Terms, OfThePage) {
  constexpr std::string_view bad = "[ERROR 400] BAD REQUEST";
  constexpr std::string_view unauthorized = "[ERROR 401] UNAUTHORIZED REQUEST";
  constexpr std::string_view missing = "[ERROR 419] MISSING ARGUMENTS";
  constexpr std::string_view info = "[INFO] REQUEST FAILED";
  expect({
      {"ERROR", {bad, unauthorized, missing}, {info, "error"}},
      {"ERROR ARGUMENTS", {missing}, {bad, unauthorized}},
      {"?ERROR ?ARGUMENTS", {bad, missing}, {info}},
      {"?ERROR ?ARGUMENTS REQUEST", {info, bad}, {missing}},
      {"?ERROR -ARGUMENTS", {info, bad}, {missing}},
      {"\"INTERNAL SERVER ERROR\"", {"[ERROR 500] INTERNAL SERVER ERROR"}, {"SERVER ERROR"}},
      {"ERROR -ARGUMENTS", {bad, unauthorized}, {missing, info}},
      {"\"ERROR\" - \"Exiting\"", {"[ERROR] fatal"}, {"Exiting with ERRORCODE: -1"}},
      {"\" \"", {bad, "x"}, {}},
      {"", {bad}, {}},
      {"\"[ERROR]\" Exception", {"[ERROR] QueryException"}, {"[ERROR] over", "ERROR Exception"}},
      {R"("say \"hi\" \u0041\ud83d\ude00")", {"say \"hi\" A\U0001F600"}, {"say hi"}},
  });
  expect_refused(
      {"\"open", "a-b", "key=value", "ERR*", "?", "-", "a %b%", R"("\u12")", R"("\ud83d")", "(a)"});
}

TEST(RegularExpressions, OfThePage) {
  expect({
      {"%AUTHORIZED%", {"[ERROR 401] UNAUTHORIZED REQUEST", "AUTHORIZED"}, {"[INFO] x"}},
      {"%^[hc]at%", {"hat", "cats"}, {"a hat"}},
      {"%[hc]at$%", {"a hat"}, {"hats"}},
      {"%colou?r%", {"color", "colour"}, {"colouur"}},
      {"%[abcx-z]%", {"b", "y"}, {"d", ""}},
      {"%^a{3,5}$%", {"aaa", "aaaaa"}, {"aa", "aaaaaa"}},
      {"%^a{,2}$%", {"", "aa"}, {"aaa"}},
      {"%^a{2,}$%", {"aa", "aaaaaaa"}, {"a"}},
      {"%gra|ey%", {"gray", "grey"}, {"groy"}},
      {"%^starting|^initializing|^shutting down%",
       {"starting", "shutting down"},
       {"skipping initializing"}},
      {"%abcc|ab[^c]$%", {"abcc ...", "xaba"}, {"aac ..."}},
      {R"(%\[.\]%)", {"[a]", "[]]", "[ ]"}, {"[]"}},
      {R"(%10\.10\.0\.1%)", {"10.10.0.1"}, {"10010,051"}},
      {"%10.10.0.1%", {"10010,051"}, {}},
      {"%ab*c%", {"ac", "abbbc"}, {"adc"}},
      {"%ab+c%", {"abc", "abbc"}, {"ac"}},
      {"%.at%", {"hat", "#at", " at", "\u00e9at"}, {"at"}},
      {R"(%^\d\D\w\W\s\S$%)", {"1a_- x", "1\u00e9a\u00e9\tx"}, {"aaaaaa"}},
      {R"(%\x3A\x28%)", {"a:("}, {":"}},
      {"%a^b|c%", {"c"}, {"ab", "a^b"}},
  });
  expect_refused({"%something!%", "%a(b)%", "%é%", "%[a%", "%*a%", "%a**%", "%a{2%", "%a{3,2}%",
                  R"(%\x3%)", R"(%\q%)", "%open", "%%", "%a{300}%", "%[z-a]%", "%:%", "%a\\%"});
}

// Sets of positions are words of 64: what crosses their borders.
TEST(Regexes, AreFoundAcrossWords) {
  const std::string a_60(60, 'a');
  const std::string a_200(200, 'a');
  for (const std::string_view end : {"b", "cb", "ccb"})
    for (const std::string& begin : {a_60, a_200}) {
      EXPECT_TRUE(
          matches("%^a{" + std::to_string(begin.size()) + "}c{0,2}b%", begin + std::string(end)));
      EXPECT_FALSE(matches("%^a{" + std::to_string(begin.size()) + "}c{0,2}b$%",
                           begin + std::string(end) + "b"));
    }
  EXPECT_TRUE(matches("%^a{0,200}b$%", "b"));
  EXPECT_TRUE(matches("%^a{0,200}b$%", a_200 + "b"));
  EXPECT_FALSE(matches("%^a{0,200}b$%", a_200 + "ab"));
  EXPECT_TRUE(matches("%^a{63}d?e?f*$%", std::string(63, 'a')));
  EXPECT_TRUE(matches("%^a{63}d?e?f*$%", std::string(63, 'a') + "fff"));
  EXPECT_FALSE(matches("%^a{63}d?e?f*$%", std::string(63, 'a') + "ed"));
  EXPECT_TRUE(matches("%^a{30}|^b{30}|^c{30}$%", std::string(30, 'c')));
  EXPECT_FALSE(matches("%^a{30}|^b{30}|^c{30}$%", std::string(29, 'b') + "c"));
}

TEST(Regexes, CostLittleHoweverManyStatesTheyHave) {
  const auto cost = [](std::string_view pattern) { return parse(pattern).value()->cost(); };
  EXPECT_EQ(cost("%a{0,60}b%"), 4U);
  EXPECT_EQ(cost("%a{0,254}b%"), 16U);
}

TEST(RegularExpressions, TakeOnePassOverTheText) {
  const std::string text(20'000, 'a');
  EXPECT_FALSE(matches("%a*a*a*a*a*a*b%", text));
  EXPECT_FALSE(matches("%a{1,100}a{1,100}b%", text));
}

constexpr std::string_view trail =
    R"({"eventType":"UpdateTrail","sourceIPAddress":"111.111.111.111","arrayKey":["value",
        "another value"],"objectList":[{"name":"a","id":1},{"name":"b","id":2}],"SomeObject":null,
        "cluster.name":"c","ThisFlag":true,"latency":1000,"text":"4","none":{}})";

TEST(Json, OneCondition) {
  for (const std::string_view found : {R"({ $.eventType = "UpdateTrail" })",
                                       "{$.eventType=UpdateTrail}",
                                       R"({ $.eventType = "*Trail" })",
                                       R"({ $.eventType = Update* })",
                                       R"({ $.eventType = *date* })",
                                       "{ $.sourceIPAddress != 123.123.* }",
                                       R"({ $.arrayKey[0] = "value" })",
                                       "{ $.objectList[1].id = 2 }",
                                       "{ $.eventType = %Trail% }",
                                       "{ $.eventType != %Trial% }",
                                       "{ $.arrayKey[*] = %val.{2}% }",
                                       R"({ $.* = %111\.111\.111\.1[0-9]{1,2}% })",
                                       "{ $.['cluster.name'] = \"c\" }",
                                       R"({ $["cluster.name"] = "c" })",
                                       "{ $.SomeObject IS NULL }",
                                       "{ $.ThisFlag IS TRUE }",
                                       "{ $.SomeOtherObject NOT EXISTS }",
                                       "{ $.objectList[*].name = b }",
                                       "{ $.latency = * }",
                                       "{ $.latency >= 1e+3 }",
                                       "{ $.latency > -1.5 }",
                                       "{ $.latency = 1000.0 }",
                                       "{ $.latency < 10e3 }",
                                       "{ $.latency != 500 }",
                                       "{ $.latency = 10* }",
                                       "{ $.text = 4 }",
                                       R"({ $.eventType = "\u0055pdateTrail" })"})
    EXPECT_TRUE(matches(found, trail)) << found;
  for (const std::string_view missed :
       {R"({ $.eventType = "Update*ail" })", "{ $.arrayKey = value }", "{ $.arrayKey != 1 }",
        "{ $.absent != 1 }", "{ $.eventType IS NULL }", "{ $.ThisFlag IS FALSE }",
        "{ $.SomeObject NOT EXISTS }", "{ $.SomeObject = * }", "{ $.eventType[0] = U }",
        "{ $.arrayKey[2] = * }", "{ $.text > 3 }", "{ $.none = * }", "{ $.latency < 1000 }"})
    EXPECT_FALSE(matches(missed, trail)) << missed;
  EXPECT_FALSE(matches("{ $.a NOT EXISTS }", "not JSON"));
}

TEST(Json, Compound) {
  constexpr std::string_view user =
      R"({"user":{"id":1,"email":"John.Stiles@example.com"},"users":[{"id":2,"email":
          "John.Doe@example.com"},{"id":3}],"actions":["GET","PUT","DELETE"],
          "coordinates":[[0,1,2],[4,5,6],[7,8,9]]})";
  for (const std::string_view found :
       {R"({ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") })",
        R"({ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch" &&
            $.actions[2] = "nonmatch" })",
        "{ $.coordinates[2][1] = 8 }"})
    EXPECT_TRUE(matches(found, user)) << found;
  for (const std::string_view missed :
       {R"({ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch") &&
            $.actions[2] = "nonmatch" })",
        R"({ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" })"})
    EXPECT_FALSE(matches(missed, user)) << missed;
}

TEST(Json, Refused) {
  expect_refused({"{ $.a = 1",
                  "{ a = 1 }",
                  "{ $.a }",
                  "{ $.a = }",
                  "{ $.a == 1 }",
                  "{ }",
                  "{ $.a = 1 } x",
                  "{ $.a IS NOT NULL }",
                  "{ $.a EXISTS }",
                  "{ $.a > b }",
                  "{ $.a > \"1\" }",
                  "{ $.a < %b% }",
                  "{ $.*.* = 1 }",
                  "{ $.a[*].b[*] = 1 }",
                  "{ $.a[*] = 1 || $.b[*] = 1 || $.c[*] = 1 || $.d[*] = 1 }",
                  "{ $.a = %a% || $.b = %b% || $.c = %c% }",
                  "{ ($.a = 1 }",
                  "{ $.a = x@y }",
                  "{ $[0] = 1 }",
                  "{ $. = 1 }",
                  "{ $.a = 1 & $.b = 1 }",
                  "{ $.a[-1] = 1 }"});
  EXPECT_FALSE(parse("{" + std::string(200, '(') + "$.a = 1" + std::string(200, ')') + "}"));
}

constexpr std::string_view apache =
    "127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] \"GET /index.html HTTP/1.0\" 404 1534";

TEST(Fields, OfThePage) {
  constexpr std::string_view get = "INFO 09/25/2014 12:00:00 GET /service/resource/67 1200";
  constexpr std::string_view post =
      "INFO 09/25/2014 12:00:01 POST /service/resource/67/part/111 1310";
  constexpr std::string_view warning = "WARNING 09/25/2014 12:00:02 Invalid user request";
  constexpr std::string_view error = "ERROR 09/25/2014 12:00:02 Failed to process request";
  expect({
      {R"([ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*,
           bytes])",
       {apache},
       {get}},
      {"[..., request =*.html*, status_code = 4*, bytes]", {apache}, {get}},
      {"[ip, user, ..., status_code, bytes]", {apache}, {"a b c"}},
      {"[ip, user, username, timestamp, request =*.html*, status_code = 404 || status_code = 410, "
       "bytes]",
       {apache},
       {}},
      {"[ip, user, username, timestamp, request, status_code, bytes > 1000]", {apache}, {}},
      {"[ip, user, username, timestamp, request, status_code = 4* && status_code != 404, bytes]",
       {},
       {apache}},
      {"[w1=ERROR, w2]", {error}, {get, warning, "ERROR"}},
      {"[w1=ERROR || w1=WARNING, w2]", {error, warning}, {get}},
      {"[w1!=ERROR && w1!=WARNING, w2]", {get, post}, {error, warning}},
      {"[logLevel, date, time, method, url=%/service/resource/[0-9]+$%, response_time]",
       {get},
       {post}},
      {"[logLevel, date, time, method, url=%/service/resource/[0-9]+/part/[0-9]+$%, "
       "response_time]",
       {post},
       {get}},
      {"[timestamp=*Z, request_id=\"*-*\", event]",
       {"2012-10-06T18:07:29Z a-b Hello big world"},
       {"2012 a-b Hello"}},
      {"[a, b = 4e2]", {"x 400", "x 4e2"}, {"x 401", "x y"}},
      {"[]", {"a b", ""}, {}},
  });
  expect_refused({"[a, b", "[a b]", "[a > x]", "[..., a, ...]", "[a = ]", "[a = 1] x", "[= 1]",
                  "[a && b = 1]", "[a = 1 && c = 2]", "[a=%a%, b=%b%, c=%c%]", "[a = \"x]"});
}

TEST(Fields, AreExtracted) {
  const auto fields = [](std::string_view pattern, std::string_view text) {
    return (*parse(pattern))->fields(Message(text));
  };
  EXPECT_EQ(fields("[..., request=*.html*, status_code=4*,]", apache),
            (Fields{{"$status_code", "404"},
                    {"$request", "GET /index.html HTTP/1.0"},
                    {"$7", "1534"},
                    {"$4", "10/Oct/2000:13:25:15 -0700"},
                    {"$3", "frank"},
                    {"$2", "Prod"},
                    {"$1", "127.0.0.1"}}));
  EXPECT_EQ(fields("[a, b]", "x y \"z\" "), (Fields{{"$a", "x"}, {"$b", "y \"z\""}}));
  EXPECT_EQ(fields("[...]", "x").size(), 1U);
  EXPECT_TRUE(fields("x", "x").empty());
  EXPECT_TRUE(fields("{ $.a = 1 }", R"({"a":1})").empty());
}

TEST(Fields, GiveValuesOfMetrics) {
  const auto json = *parse("{ $.user.latency = * }");
  EXPECT_TRUE(json->names("$.user.latency"));
  EXPECT_FALSE(json->names("$.user"));
  EXPECT_EQ(json->field(Message(R"({"user":{"latency":50}})"), "$.user.latency"), "50");
  EXPECT_EQ(json->field(Message(R"({"user":{}})"), "$.user.latency"), std::nullopt);
  const auto delimited = *parse("[..., bytes]");
  EXPECT_TRUE(delimited->names("$bytes"));
  EXPECT_EQ(delimited->field(Message("a b 7"), "$bytes"), "7");
  EXPECT_FALSE((*parse("ERROR"))->has_fields());
  EXPECT_TRUE(is_json_reference("$.a[0]"));
  EXPECT_FALSE(is_json_reference("$.a[*]"));
  EXPECT_FALSE(is_json_reference("a"));
}

TEST(Numbers, AreWholeTexts) {
  EXPECT_EQ(parse_number("+1e3"), 1000);
  EXPECT_EQ(parse_number("-.5"), -0.5);
  for (const char* text : {"", "+", "1x", "inf", "nan", "+-1", "-", " 1"})
    EXPECT_EQ(parse_number(text), std::nullopt) << text;
}

}  // namespace
}  // namespace kiban::logfilter
