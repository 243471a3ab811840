#include <gtest/gtest.h>

#include "cfn/evaluate.h"
#include "cfn/template.h"
#include "cfn/types.h"

namespace kiban::cfn {
namespace {

TEST(Template, ReadsYamlWithShortTags) {
  const auto tree = parse_template(
      "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      TopicName: "
      "000000000000\n"
      "      DisplayName: !Sub 'x-${AWS::Region}'\n");
  ASSERT_TRUE(tree) << tree.error().cause;
  EXPECT_TRUE(check_resources(*tree));
  Evaluator evaluator(*tree, {.region = "ap-northeast-1"}, {});
  ASSERT_TRUE(evaluator.prepare({}));
  const auto properties = evaluator.properties("T");
  ASSERT_TRUE(properties) << properties.error().cause;
  EXPECT_EQ(*properties,
            (json::object{{"TopicName", "000000000000"}, {"DisplayName", "x-ap-northeast-1"}}));
}

TEST(Template, NamesWhatIsUnresolvedOrUnknown) {
  const auto tree = parse_template(
      R"({"Resources":{"T":{"Type":"AWS::SNS::Topic","Properties":{"Nope":{"Ref":"X"}}}}})");
  ASSERT_TRUE(tree);
  EXPECT_EQ(make_graph(*tree, {"T"}).error().cause,
            "Template format error: Unresolved resource dependencies [X] in the Resources block of "
            "the template");
  EXPECT_TRUE(
      check_resources(*tree).error().cause.starts_with("Encountered unsupported property Nope"));
  EXPECT_FALSE(parse_template("{}"));
}

}  // namespace
}  // namespace kiban::cfn
