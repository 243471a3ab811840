// Rows of alarms: those of earlier formats, and members of later ones.
#include "services/cloudwatch/alarm.h"

#include <gtest/gtest.h>

#include "services/cloudwatch/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::cloudwatch {
namespace {

constexpr std::string_view key = "cloudwatch/ap-northeast-1/alarm/failed";

// As format 2 wrote it: times in seconds, every list there.
constexpr const char* row_of_format_2 = R"({"AlarmName":"failed","AlarmDescription":"",
    "Namespace":"AWS/States","MetricName":"ExecutionsFailed","Statistic":"Sum","Period":60,
    "EvaluationPeriods":2,"Threshold":0.5,"ComparisonOperator":"GreaterThanThreshold",
    "TreatMissingData":"notBreaching","ActionsEnabled":true,"AlarmActions":[
    "arn:aws:sns:ap-northeast-1:000000000000:t"],"OKActions":[],"InsufficientDataActions":[],
    "Dimensions":[{"Name":"StateMachineArn","Value":"a"}],"Unit":"Count","AlarmArn":"arn",
    "StateValue":"ALARM","StateReason":"r","StateUpdatedTimestamp":1.699999999123E9,
    "AlarmConfigurationUpdatedTimestamp":1.6E9,"OfALaterKiban":{"a":[1]}})";

class Alarms : public ServiceTest {
 protected:
  Alarms() : ServiceTest("cloudwatch", {make_cloudwatch}) {}
  json::object described() {
    return call("DescribeAlarms", {}).at("MetricAlarms").as_array()[0].as_object();
  }
  json::object row() { return parse_json(store_->get(key).value()).value().as_object(); }
};

TEST_F(Alarms, OfFormat2AreReadAndShownAsTheyWere) {
  ASSERT_TRUE(store_->commit({{std::string(key), row_of_format_2}}));
  EXPECT_EQ(described(), parse_json(row_of_format_2).value().as_object());
}

TEST_F(Alarms, AreWrittenWithMillisecondsAndKeepWhatTheyDoNotKnow) {
  ASSERT_TRUE(store_->commit({{std::string(key), row_of_format_2}}));
  call("DisableAlarmActions", {{"AlarmNames", {"failed"}}});
  const json::object kept = row();
  EXPECT_EQ(kept.at("ActionsEnabled"), false);
  EXPECT_EQ(kept.at("StateUpdatedTimestamp"), 1'699'999'999'123);
  EXPECT_EQ(kept.at("AlarmConfigurationUpdatedTimestamp"), 1'600'000'000'000);
  EXPECT_EQ(kept.at("OfALaterKiban"), (json::value{{"a", {1}}}));
  EXPECT_EQ(kept.at("Unit"), "Count");
  json::object shown_before = parse_json(row_of_format_2).value().as_object();
  shown_before["ActionsEnabled"] = false;
  EXPECT_EQ(described(), shown_before);
}

}  // namespace
}  // namespace kiban::services::cloudwatch
