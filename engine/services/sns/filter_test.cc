#include "services/sns/filter.h"

#include <gmock/gmock.h>

namespace kiban::services::sns {
namespace {

using testing::HasSubstr;

json::object attribute(std::string_view type, std::string_view value) {
  return {{"DataType", type}, {"StringValue", value}};
}

json::object by_attributes(std::string_view policy) { return {{"FilterPolicy", policy}}; }
json::object by_body(std::string_view policy) {
  return {{"FilterPolicy", policy}, {"FilterPolicyScope", "MessageBody"}};
}

std::string refused(const json::object& attributes) {
  const auto checked = check_filter(attributes);
  return checked ? "" : checked.error().cause;
}

// The examples of
// https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html, numeric-value-matching.html
// and attribute-key-matching.html.
TEST(Filter, MatchesAttributesAsDocumented) {
  struct Row {
    std::string_view policy{};
    std::string_view type{};
    std::string_view value{};
    bool wanted{false};
  };
  for (const Row& row : std::initializer_list<Row>{
           {R"({"k":["rugby","tennis"]})", "String", "rugby", true},
           {R"({"k":["rugby","tennis"]})", "String.Array", R"(["rugby","tennis"])", true},
           {R"({"k":["rugby","tennis"]})", "String", "baseball", false},
           {R"({"k":["rugby","tennis"]})", "String.Array", R"(["baseball"])", false},
           {R"({"k":[{"anything-but":["rugby","tennis"]}]})", "String", "baseball", true},
           {R"({"k":[{"anything-but":["rugby","tennis"]}]})", "String", "rugby", false},
           {R"({"k":[{"anything-but":["rugby","tennis"]}]})", "String.Array",
            R"(["rugby","baseball"])", true},
           {R"({"k":[{"anything-but":{"prefix":"order-"}}]})", "String", "data-entry", true},
           {R"({"k":[{"anything-but":{"prefix":"order-"}}]})", "String", "order-cancelled", false},
           {R"({"k":[{"equals-ignore-case":"tennis"}]})", "String", "TENNIS", true},
           {R"({"k":[{"cidr":"10.0.0.0/24"}]})", "String", "10.0.0.255", true},
           {R"({"k":[{"cidr":"10.0.0.0/24"}]})", "String", "10.1.1.0", false},
           {R"({"k":[{"prefix":"bas"}]})", "String", "baseball", true},
           {R"({"k":[{"suffix":"ball"}]})", "String", "rugby", false},
           {R"({"k":[{"numeric":["=",301.5]}]})", "Number", "3.015e2", true},
           {R"({"k":[{"numeric":[">",0,"<=",150]}]})", "Number", "150.1", false},
           {R"({"k":[{"numeric":["<",0]}]})", "String", "-1", false},
           {R"({"k":[{"anything-but":[100,500]}]})", "Number", "100", false},
           {R"({"k":[{"anything-but":[100,500]}]})", "Number.Array", "[100, 50]", true},
           {R"({"k":[{"exists":true}]})", "String", "fans", true},
           {R"({"k":[{"exists":false}]})", "String", "fans", false},
           {R"({"other":[{"exists":false}]})", "String", "fans", true},
           {R"({"k":["1"]})", "Binary", "1", false},
           {R"({})", "String", "fans", true}}) {
    const json::object policy = by_attributes(row.policy);
    EXPECT_EQ(refused(policy), "") << row.policy;
    EXPECT_EQ(wants(policy, {{"k", attribute(row.type, row.value)}}, "text"), row.wanted)
        << row.policy << " " << row.value;
  }
  EXPECT_FALSE(wants(by_attributes(R"({"k":[{"exists":false}]})"), {}, "text"));
  EXPECT_TRUE(wants({}, {}, "text"));
}

TEST(Filter, MatchesBodiesAsDocumented) {
  const json::object policy =
      by_body(R"({"store":["corp"],"price":{"usd":[{"numeric":[">",100]}]}})");
  EXPECT_EQ(refused(policy), "");
  EXPECT_TRUE(wants(policy, {}, R"({"store":"corp","price":{"usd":210.75},"more":1})"));
  EXPECT_FALSE(wants(policy, {}, R"({"store":"corp","price":{"usd":1}})"));
  EXPECT_FALSE(wants(policy, {}, "no JSON"));
  EXPECT_FALSE(wants(policy, {}, R"(["corp"])"));
}

TEST(Filter, JoinsNamesByOr) {
  const json::object policy =
      by_attributes(R"({"source":["a"],"$or":[{"m":["x"]},{"n":[{"numeric":[">",5]}]}]})");
  EXPECT_EQ(refused(policy), "");
  const json::object source = attribute("String", "a");
  EXPECT_TRUE(wants(policy, {{"source", source}, {"m", attribute("String", "x")}}, ""));
  EXPECT_TRUE(wants(policy, {{"source", source}, {"n", attribute("Number", "6")}}, ""));
  EXPECT_FALSE(wants(policy, {{"source", source}}, ""));
}

TEST(Filter, RefusesWhatIsNoPolicy) {
  EXPECT_THAT(refused(by_attributes("{")), HasSubstr("Invalid parameter: FilterPolicy: "));
  EXPECT_THAT(refused(by_attributes("[]")), HasSubstr("no object"));
  // The text as AWS gives it; github.com/aws/aws-cdk/issues/16549.
  EXPECT_THAT(refused(by_attributes(R"({"Amount":[]})")),
              HasSubstr("Invalid parameter: FilterPolicy: Empty arrays are not allowed"));
  EXPECT_THAT(refused(by_attributes(R"({"a":"b"})")), HasSubstr("must be an object or an array"));
  EXPECT_THAT(refused(by_attributes(R"({"a":{"b":["c"]}})")), HasSubstr("nested"));
  EXPECT_THAT(refused(by_attributes(R"({"a":[{"wildcard":"b*"}]})")), HasSubstr("wildcard"));
  EXPECT_THAT(refused(by_attributes(R"({"a":[{"anything-but":{"suffix":"b"}}]})")),
              HasSubstr("suffix of anything-but"));
  EXPECT_THAT(refused(by_attributes(R"({"a":[{"prefix":{"equals-ignore-case":"b"}}]})")),
              HasSubstr("equals-ignore-case of prefix"));
  EXPECT_THAT(refused(by_attributes(R"({"a":[{"numeric":["<",1000000001]}]})")), HasSubstr("10^9"));
  EXPECT_THAT(refused({{"FilterPolicyScope", "Message"}}), HasSubstr("FilterPolicyScope"));
}

TEST(Filter, KeepsTheDocumentedLimits) {
  EXPECT_EQ(refused(by_attributes(R"({"a":[1],"b":[1],"c":[1],"d":[1],"e":[1]})")), "");
  EXPECT_THAT(refused(by_attributes(R"({"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]})")),
              HasSubstr("Filter policy can not have more than 5 keys"));
  // The documentation's own example: 4 x 3 x 3 x 2 x 3 x 1 = 216.
  EXPECT_THAT(refused(by_body(R"({"a":{"b":{"c":[1,2,3,4]}},"d":{"e":[1,2,3]},"f":[1,2,3]})")),
              HasSubstr("too complex"));
  EXPECT_EQ(refused(by_body(R"({"a":{"b":{"c":[1,2,3,4]}},"d":{"e":[1,2,3]},"f":[1,2]})")), "");
}

}  // namespace
}  // namespace kiban::services::sns
