// Services that invoke functions: each as its users set it up.
#include "services/lambda/fixture.h"

namespace kiban::services::lambda {
namespace {

using testing::HasSubstr;

class Triggers : public LambdaTest {
 protected:
  Triggers() { create("f"); }
  // The events that the function got.
  std::vector<json::object> events() {
    std::vector<json::object> out;
    serve([&](const json::object& payload) {
      EXPECT_EQ(text(payload, "InvokedBy"), "event");
      out.push_back(parse_json(text(payload, "Payload"))->as_object());
      return returns("null");
    });
    return out;
  }
  std::string arn_{std::string(account_arn) + "f"};
};

TEST_F(Triggers, ARuleHandsOverItsEvent) {
  call("events", "PutRule", {{"Name", "r"}, {"EventPattern", R"({"source":["s"]})"}});
  call("events", "PutTargets", {{"Rule", "r"}, {"Targets", {{{"Id", "t"}, {"Arn", arn_}}}}});
  call("events", "PutEvents",
       {{"Entries", {{{"Source", "s"}, {"DetailType", "t"}, {"Detail", R"({"n":1})"}}}}});
  const auto got = events();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].at("detail"), (json::object{{"n", 1}}));
}

TEST_F(Triggers, AScheduleHandsOverItsInput) {
  call("scheduler", "CreateSchedule",
       {{"Name", "s"},
        {"ScheduleExpression", "rate(1 minute)"},
        {"FlexibleTimeWindow", {{"Mode", "OFF"}}},
        {"Target", {{"Arn", arn_}, {"RoleArn", function_role}, {"Input", R"({"n":2})"}}}});
  call("scheduler", "CreateSchedule",
       {{"Name", "universal"},
        {"ScheduleExpression", "rate(1 minute)"},
        {"FlexibleTimeWindow", {{"Mode", "OFF"}}},
        {"Target",
         {{"Arn", "arn:aws:scheduler:::aws-sdk:lambda:invoke"},
          {"RoleArn", function_role},
          {"Input", R"({"FunctionName":"f","InvocationType":"Event","Payload":"{\"n\":2}"})"}}}});
  run_for(1min);
  const auto got = events();
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0], (json::object{{"n", 2}}));
  EXPECT_EQ(got[1], (json::object{{"n", 2}}));
}

TEST_F(Triggers, ATopicHandsOverItsMessage) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "t"}}), "TopicArn");
  const json::object subscribed =
      call("sns", "Subscribe", {{"TopicArn", topic}, {"Protocol", "lambda"}, {"Endpoint", arn_}});
  EXPECT_THAT(text(subscribed, "SubscriptionArn"), HasSubstr(topic + ":"));
  call("sns", "Publish", {{"TopicArn", topic}, {"Message", "hello"}, {"Subject", "about"}});
  for (const Effect& effect : kernel_->pending_effects()) {
    ASSERT_EQ(effect.kind, "sns.sign");
    kernel_->outcome("sns", {.id = effect.id, .payload = {{"Body", effect.payload.at("Body")}}});
  }
  ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  const auto got = events();
  ASSERT_EQ(got.size(), 1U);
  const json::object& record = got[0].at("Records").at(0).as_object();
  EXPECT_EQ(text(record, "EventSource"), "aws:sns");
  EXPECT_EQ(text(record, "EventSubscriptionArn"), text(subscribed, "SubscriptionArn"));
  const json::object& sns = record.at("Sns").as_object();
  EXPECT_EQ(text(sns, "Message"), "hello");
  EXPECT_EQ(text(sns, "Subject"), "about");
  EXPECT_TRUE(sns.contains("UnsubscribeUrl"));
  EXPECT_FALSE(sns.contains("UnsubscribeURL"));
}

TEST_F(Triggers, ABucketHandsOverItsChange) {
  call("s3", "CreateBucket",
       {{"Bucket", "inbox"},
        {"CreateBucketConfiguration", {{"LocationConstraint", "ap-northeast-1"}}}});
  call("s3", "PutBucketNotificationConfiguration",
       {{"Bucket", "inbox"},
        {"NotificationConfiguration",
         {{"LambdaFunctionConfigurations",
           {{{"LambdaFunctionArn", arn_}, {"Events", {"s3:ObjectCreated:*"}}}}}}}});
  EXPECT_TRUE(events().empty()) << "the test is no event";
  call("s3", "PutObject", {{"Bucket", "inbox"}, {"Key", "a.csv"}});
  const auto got = events();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].at("Records").at(0).at("s3").at("object").at("key"), "a.csv");
}

TEST_F(Triggers, AnAlarmHandsOverItsState) {
  call("cloudwatch", "PutMetricAlarm",
       {{"AlarmName", "a"},
        {"Namespace", "N"},
        {"MetricName", "m"},
        {"Statistic", "Sum"},
        {"Period", 60},
        {"EvaluationPeriods", 1},
        {"Threshold", 1},
        {"ComparisonOperator", "GreaterThanThreshold"},
        {"AlarmActions", {arn_}}});
  call("cloudwatch", "PutMetricData",
       {{"Namespace", "N"}, {"MetricData", {{{"MetricName", "m"}, {"Value", 5.0}}}}});
  run_for(2min);
  const auto got = events();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].at("source"), "aws.cloudwatch");
  EXPECT_EQ(got[0].at("alarmData").at("state").at("value"), "ALARM");
  EXPECT_EQ(got[0].at("alarmData").at("previousState").at("value"), "INSUFFICIENT_DATA");
}

}  // namespace
}  // namespace kiban::services::lambda
