#include <gmock/gmock.h>

#include "services/cloudformation/fixture.h"
#include "services/cloudformation/signals.h"

namespace kiban::services::cloudformation {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

const std::string body =
    R"({"Resources":{"H":{"Type":"AWS::CloudFormation::WaitConditionHandle"},)"
    R"("W":{"Type":"AWS::CloudFormation::WaitCondition","Properties":{"Handle":{"Ref":"H"},)"
    R"("Timeout":"18000","Count":2}}},"Outputs":{"D":{"Value":{"Fn::GetAtt":["W","Data"]}},)"
    R"("U":{"Value":{"Ref":"H"}}}})";

struct Waiting {
  Waiting() {
    const auto made = world.call("CreateStack", {{"StackName", "s"}, {"TemplateBody", body}});
    EXPECT_TRUE(made);
    const auto handle =
        world.call("DescribeStackResource", {{"StackName", "s"}, {"LogicalResourceId", "H"}});
    url = text(handle->at("StackResourceDetail").as_object(), "PhysicalResourceId");
  }
  Result<json::object> signal(const std::string& text) {
    return world.call("kiban:Signal", {{"Token", token_of(url)}, {"Body", text}});
  }

  World world{};
  std::string url{};
};

TEST(WaitCondition, WaitsForAsManySignalsAsItCounts) {
  Waiting one;
  EXPECT_THAT(one.url, HasSubstr("/_kiban/cloudformation/ap-northeast-1/"));
  const std::string first = R"({"Status":"SUCCESS","UniqueId":"a","Data":"d"})";
  ASSERT_TRUE(one.signal(first));
  ASSERT_TRUE(one.signal(first));  // The same once more.
  EXPECT_EQ(one.world.status("s"), "CREATE_IN_PROGRESS");
  one.world.pass(4h);  // More than other resources may take.
  EXPECT_EQ(one.world.status("s"), "CREATE_IN_PROGRESS");
  ASSERT_TRUE(one.signal(R"({"Status":"SUCCESS","UniqueId":"b"})"));
  EXPECT_EQ(one.world.status("s"), "CREATE_COMPLETE");
  EXPECT_EQ(one.world.stack("s").at("Outputs").at(0).at("OutputValue"), R"({"a":"d","b":""})");
  ASSERT_TRUE(one.world.call("DeleteStack", {{"StackName", "s"}}));
  EXPECT_EQ(one.signal(first).error().name, "AccessDenied");
}

TEST(WaitCondition, FailsBySignalOrAfterItsTimeout) {
  Waiting one;
  ASSERT_TRUE(one.signal(R"({"Status":"FAILURE","UniqueId":"a","Reason":"broken"})"));
  EXPECT_EQ(one.world.reason("s", "W", "CREATE_FAILED"),
            "WaitCondition received failed message: 'broken' for uniqueId: a");
  EXPECT_EQ(one.world.status("s"), "ROLLBACK_COMPLETE");
  Waiting other;
  other.world.pass(5h + 11s);
  EXPECT_EQ(other.world.reason("s", "W", "CREATE_FAILED"),
            "WaitCondition timed out. Received 0 conditions when expecting 2");
}

TEST(WaitCondition, RefusesSignalsThatAreNone) {
  Waiting one;
  for (const char* text : {"x", "[]", R"({"Status":"MAYBE","UniqueId":"a"})",
                           R"({"Status":"SUCCESS"})", R"({"Status":"SUCCESS","UniqueId":"a/b"})"})
    EXPECT_EQ(one.signal(text).error().name, "ValidationError") << text;
  EXPECT_EQ(one.world.status("s"), "CREATE_IN_PROGRESS");
}

}  // namespace
}  // namespace kiban::services::cloudformation
