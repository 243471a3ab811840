// Condition operators, by the examples and tables of
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
// ("Condition operators") and
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
// ("Single-valued vs. multivalued context keys").
#include "iam/condition.h"

#include <gtest/gtest.h>

#include <vector>

namespace kiban::iam {
namespace {

struct Case {
  std::string_view operation;
  std::string_view values;   // Of the policy, as JSON.
  std::string_view context;  // Of the key, as JSON; empty: the key is absent.
  bool holds;
};

Context context_of(std::string_view values) {
  Context context;
  if (values.empty()) return context;
  std::vector<std::string> texts;
  const json::value parsed = json::parse(values);
  if (parsed.is_array())
    for (const json::value& value : parsed.get_array()) texts.push_back(value_text(value));
  else
    texts.push_back(value_text(parsed));
  context.set("Svc:Key", texts);
  return context;
}

void expect(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    const auto parsed = parse_operator(each.operation);
    ASSERT_TRUE(parsed) << each.operation;
    const Condition condition(*parsed, "svc:KEY", json::parse(each.values), Variables::Yes);
    const Context context = context_of(each.context);
    Budget budget(1'000, 0);
    EXPECT_EQ(condition.holds({context, budget}), each.holds)
        << each.operation << " " << each.values << " with " << each.context;
  }
}

TEST(Condition, Strings) {
  expect({
      {"StringEquals", R"("john")", R"("john")", true},
      {"StringEquals", R"("john")", R"("John")", false},
      {"StringEquals", R"("jo*")", R"("john")", false},
      {"StringEquals", R"(["a","b"])", R"("b")", true},
      {"StringEquals", R"("john")", "", false},
      {"StringEquals", R"([])", R"("john")", false},
      {"StringEquals", "5", "5", true},
      {"stringequals", R"("john")", R"("john")", true},
      {"StringNotEquals", R"("john")", R"("John")", true},
      {"StringNotEquals", R"(["a","b"])", R"("b")", false},  // NOR.
      {"StringNotEquals", R"(["a","b"])", R"("c")", true},
      {"StringNotEquals", R"("john")", "", true},
      {"StringEqualsIgnoreCase", R"("john")", R"("JOHN")", true},
      {"StringNotEqualsIgnoreCase", R"("john")", R"("JOHN")", false},
      {"StringLike", R"("home/*/x?")", R"("home/a/b/x1")", true},
      {"StringLike", R"("home/*")", R"("Home/a")", false},
      {"StringLike", R"("a?")", R"("a")", false},
      {"StringLike", R"("?")", R"("é")", true},
      {"StringLike", R"("")", R"("")", true},
      {"StringLike", R"("*")", "", false},
      {"StringNotLike", R"("home/*")", R"("home/a")", false},
      {"StringNotLike", R"("home/*")", "", true},
  });
}

TEST(Condition, Numbers) {
  expect({
      {"NumericEquals", R"("10")", "10.0", true},
      {"NumericEquals", "10", R"("10")", true},
      {"NumericNotEquals", R"("10")", "11", true},
      {"NumericNotEquals", R"(["10","11"])", "11", false},
      {"NumericLessThan", R"("10")", "9", true},  // Not as texts.
      {"NumericLessThan", R"("10")", "10", false},
      {"NumericLessThanEquals", R"("10")", "10", true},
      {"NumericGreaterThan", R"("10")", "10.5", true},
      {"NumericGreaterThan", R"("-1")", "-0.5", true},
      {"NumericGreaterThanEquals", R"("10")", "9.99", false},
      {"NumericLessThanEquals", R"("10")", "", false},
      {"NumericLessThanEqualsIfExists", R"("10")", "", true},
      {"NumericEquals", R"("ten")", R"("ten")", false},  // Another type never matches.
      {"NumericNotEquals", R"("10")", R"("ten")", false},
  });
}

TEST(Condition, Dates) {
  expect({
      {"DateEquals", R"("2020-04-01T00:00:00Z")", R"("2020-04-01")", true},
      {"DateNotEquals", R"("2020-04-01T00:00:00Z")", R"("2020-04-02")", true},
      {"DateGreaterThan", R"("2020-04-01T00:00:00Z")", R"("2020-04-01T00:00:01Z")", true},
      {"DateLessThan", R"("2020-06-30T23:59:59Z")", R"("2020-06-30T23:59:59Z")", false},
      {"DateLessThanEquals", R"("2020-06-30T23:59:59Z")", R"("2020-06-30T23:59:59Z")", true},
      {"DateGreaterThanEquals", R"("2020-06-30T23:59:59Z")", R"("2020-06-30T23:59:58.999Z")",
       false},
      {"DateLessThan", R"("2020-01-01T09:00:00+09:00")", R"("2019-12-31T23:59:59Z")", true},
      {"DateGreaterThan", R"("1577836800")", R"("2020-01-01T00:00:01Z")", true},  // Epoch.
      {"DateEquals", R"("2020-01-01T00:00:00Z")", "1577836800", true},
      {"DateEquals", R"("2020")", R"("2020-01-01T00:00Z")", true},
      {"DateEquals", R"("2020-02")", R"("2020-02-01T00:00:00Z")", true},
      {"DateLessThan", R"("2020-06-30")", R"("soon")", false},
      {"DateNotEquals", R"("2020-06-30")", R"("soon")", false},
      {"DateLessThan", R"("2020-06-30")", "", false},
      {"DateLessThanIfExists", R"("2020-06-30")", "", true},
  });
}

TEST(Condition, BoolsAndBytesAndPresence) {
  expect({
      {"Bool", R"("true")", "true", true},
      {"Bool", "true", R"("TRUE")", true},
      {"Bool", R"("false")", R"("false")", true},
      {"Bool", R"("false")", "", false},
      {"BoolIfExists", R"("false")", "", true},
      {"Bool", R"("true")", R"("yes")", false},
      {"BinaryEquals", R"("QmluYXJ5VmFsdWVJbkJhc2U2NA==")", R"("QmluYXJ5VmFsdWVJbkJhc2U2NA==")",
       true},
      {"BinaryEquals", R"("QmluYXJ5VmFsdWVJbkJhc2U2NA==")", R"("qmluYXJ5VmFsdWVJbkJhc2U2NA==")",
       false},
      {"BinaryEquals", R"("QQ==")", "", false},
      {"Null", R"("true")", "", true},
      {"Null", R"("true")", R"("x")", false},
      {"Null", R"("false")", R"("x")", true},
      {"Null", "false", "", false},
      {"Null", "true", "[]", true},
  });
  EXPECT_FALSE(parse_operator("NullIfExists"));
  EXPECT_FALSE(parse_operator("StringMatches"));
  EXPECT_FALSE(parse_operator("ForSomeValues:StringEquals"));
  EXPECT_FALSE(parse_operator("ForAllValues:ForAnyValue:StringEquals"));
}

TEST(Condition, Addresses) {
  expect({
      {"IpAddress", R"("203.0.113.0/24")", R"("203.0.113.77")", true},
      {"IpAddress", R"("203.0.113.0/24")", R"("203.0.114.1")", false},
      {"IpAddress", R"("203.0.113.0/24")", R"("203.0.113.7\u0000x")", false},
      {"IpAddress", R"("203.0.113.5")", R"("203.0.113.5")", true},
      {"IpAddress", R"("203.0.113.77/24")", R"("203.0.113.1")", true},
      {"IpAddress", R"("10.0.0.0/9")", R"("10.127.255.255")", true},
      {"IpAddress", R"("10.0.0.0/9")", R"("10.128.0.0")", false},
      {"IpAddress", R"("0.0.0.0/0")", R"("198.51.100.1")", true},
      {"IpAddress", R"("2001:DB8:1234:5678::/64")", R"("2001:db8:1234:5678::1")", true},
      {"IpAddress", R"("2001:db8::/32")", R"("2001:db9::1")", false},
      {"IpAddress", R"(["203.0.113.0/24","2001:DB8:1234:5678::/64"])",
       R"("2001:db8:1234:5678:0:0:0:9")", true},
      {"IpAddress", R"("0.0.0.0/0")", R"("::1")", false},  // Another family.
      {"IpAddress", R"("203.0.113.0/24")", "", false},
      {"IpAddress", R"("203.0.113.0/33")", R"("203.0.113.1")", false},
      {"IpAddress", R"("203.0.113.0/24")", R"("dynamodb.amazonaws.com")", false},
      {"NotIpAddress", R"("203.0.113.0/24")", R"("198.51.100.1")", true},
      {"NotIpAddress", R"(["203.0.113.0/24","198.51.100.0/24"])", R"("198.51.100.1")", false},
      {"NotIpAddress", R"("203.0.113.0/24")", R"("::1")", true},
      {"NotIpAddress", R"("203.0.113.0/24")", "", true},
      {"NotIpAddressIfExists", R"("203.0.113.0/24")", "", true},
  });
}

TEST(Condition, Arns) {
  constexpr std::string_view topic = R"("arn:aws:sns:us-east-2:123456789012:topic/a:b")";
  expect({
      {"ArnEquals", R"("arn:aws:sns:us-east-2:123456789012:topic/a:b")", topic, true},
      {"ArnEquals", R"("arn:aws:sns:*:123456789012:topic/*")", topic, true},  // As ArnLike.
      {"ArnLike", R"("arn:aws:sns:*:*:*")", topic, true},
      {"ArnLike", R"("arn:aws:s?s:us-east-2:123456789012:*b")", topic, true},
      {"ArnLike", R"("arn:aws:*:topic/a:b")", topic, false},  // Six parts, each by itself.
      {"ArnLike", R"("arn:aws:sns:us-*:topic/a:b:*")", topic, false},
      {"ArnLike", R"("arn:aws:sns:us-east-2:123456789012:TOPIC/*")", topic, false},
      {"ArnLike", R"("*")", topic, true},
      {"ArnLike", R"("arn:aws:sns:*:*:*")", R"("topic")", false},
      {"ArnLike", R"("arn:aws:sns:*:*:*")", "", false},
      {"ArnNotEquals", R"("arn:aws:sns:*:*:other")", topic, true},
      {"ArnNotLike", R"("arn:aws:sns:*:*:*")", topic, false},
      {"ArnNotLike", R"("arn:aws:sns:*:*:*")", "", true},
      {"ArnLikeIfExists", R"("arn:aws:sns:*:*:*")", "", true},
  });
}

TEST(Condition, Sets) {
  expect({
      {"ForAllValues:StringEquals", R"(["a","b"])", R"(["a","b"])", true},
      {"ForAllValues:StringEquals", R"(["a","b"])", R"(["a","c"])", false},
      {"ForAllValues:StringEquals", R"(["a","b"])", "[]", true},
      {"ForAllValues:StringEquals", R"(["a","b"])", "", true},
      {"ForAllValues:StringEquals", R"(["a","b"])", R"("")", true},
      {"ForAllValues:StringEquals", R"("a")", R"("a")", true},
      {"ForAnyValue:StringEquals", R"(["a","b"])", R"(["c","b"])", true},
      {"ForAnyValue:StringEquals", R"(["a","b"])", R"(["c","d"])", false},
      {"ForAnyValue:StringEquals", R"(["a","b"])", "", false},
      {"ForAnyValue:StringEqualsIfExists", R"(["a","b"])", "", true},
      {"ForAnyValue:StringLike", R"("o-a1b2c3d4e5/*/ou-ab12/*")",
       R"(["o-a1b2c3d4e5/r-ab12/ou-ab12/ou-x/"])", true},
      // "Multivalued context key examples", the table of ForAllValues:StringNotLike.
      {"ForAllValues:StringNotLike", R"("key1*")", R"(["key1:legal"])", false},
      {"ForAllValues:StringNotLike", R"("key1*")", R"(["key1:hr","key1:personnel"])", false},
      {"ForAllValues:StringNotLike", R"("key1*")", R"(["key2:audit"])", true},
      {"ForAllValues:StringNotLike", R"("key1*")", "", true},
      {"ForAllValues:StringNotEquals", R"(["a","b"])", R"(["c","a"])", false},
      {"ForAnyValue:StringNotEquals", R"(["a","b"])", R"(["c","a"])", true},
      {"ForAnyValue:StringNotEquals", R"(["a","b"])", R"(["b","a"])", false},
      {"ForAnyValue:StringNotEquals", R"(["a","b"])", "", false},
      {"ForAllValues:NumericLessThan", "10", "[1,9]", true},
      {"ForAnyValue:Bool", R"("true")", "[false,true]", true},
      // Without a set operator: any of them, or with a negated operator none of them.
      {"StringEquals", R"("a")", R"(["b","a"])", true},
      {"StringNotEquals", R"("a")", R"(["b","a"])", false},
      {"StringNotEquals", R"("a")", R"(["b","c"])", true},
  });
}

// "IAM policy elements: Variables and tags", with its sections on variables without a value and on
// default values.
TEST(Pattern, Variables) {
  Context context;
  Budget budget(100'000, 0);
  const Scope scope{context, budget};
  context.set("aws:username", {"bob"});
  context.set("aws:PrincipalTag/Cost Center", {"a*"});
  context.set("aws:TagKeys", {"x", "y"});
  struct Row {
    std::string_view pattern;
    std::string_view text;
    bool matches;
  };
  for (const auto& [pattern, text, matches] : std::vector<Row>{
           {"home/${aws:username}/*", "home/bob/x", true},
           {"home/${AWS:UserName}/*", "home/bob/x", true},
           {"home/${aws:username}/*", "home/${aws:username}/x", false},
           {"${aws:PrincipalTag/cost center}", "a*", true},
           {"${aws:PrincipalTag/cost center}", "ab", false},  // A value has no wildcards.
           {"${aws:userid}", "", false},
           {"x${aws:userid}*", "x", false},
           {"${aws:userid, 'none'}", "none", true},
           {"${aws:userid,'none'}", "none", true},
           {"${aws:username, 'none'}", "bob", true},
           {"${aws:userid, none}", "none", false},
           {"${aws:TagKeys}", "x", false},  // Not one value.
           {"${*}${?}${$}", "*?$", true},
           {"a${*}", "ab", false},
           {"${?}", "b", false},
           {"${aws:username", "${aws:username", true},
           {"$aws", "$aws", true},
       }) {
    EXPECT_EQ(Pattern(pattern, Wildcards::Yes, Variables::Yes).matches(text, scope), matches)
        << pattern << " " << text;
  }
  EXPECT_TRUE(
      Pattern("${aws:username}", Wildcards::No, Variables::No).matches("${aws:username}", scope));
  // A variable without a value equals nothing; negated operators hold.
  const Condition unequal(*parse_operator("StringNotEquals"), "aws:username",
                          json::value("${aws:PrincipalTag/team}"), Variables::Yes);
  EXPECT_TRUE(unequal.holds(scope));
}

TEST(Pattern, TakesNoMoreThanItsBudget) {
  Context context;
  context.set("a:b", {std::string(50'000, 'a')});
  Budget budget(100'000, 0);
  const Scope scope{context, budget};
  const std::string text(20'000, 'a');
  EXPECT_FALSE(
      Pattern(std::string(2'000, '*') + "b", Wildcards::Yes, Variables::No).matches(text, scope));
  EXPECT_FALSE(budget.spent());  // Neither exponential nor the product of both sizes.
  EXPECT_FALSE(Pattern("${a:b}${a:b}", Wildcards::Yes, Variables::Yes).matches(text, scope));
  EXPECT_TRUE(budget.spent());
  EXPECT_FALSE(Pattern("*", Wildcards::Yes, Variables::No).matches(text, scope));
}

}  // namespace
}  // namespace kiban::iam
