// Who calls whom: functions, what invokes them, and what they call.
#include "api/codec.h"
#include "cli/hops_fixture.h"
#include "core/zip.h"

namespace kiban::cli {
namespace {

class Functions : public Hops {
 protected:
  std::string make_function(const std::string& name) {
    return text(call("lambda", "CreateFunction",
                     {{"FunctionName", name},
                      {"Runtime", "python3.12"},
                      {"Handler", "app.handler"},
                      {"Role", role},
                      {"Code", {{"ZipFile", api::encode_base64(make_zip({{"app.py", "x"}}))}}}}),
                "FunctionArn");
  }
  // An invocation as an event that ends with one line.
  void run_once(const std::string& name) {
    call("lambda", "Invoke", {{"FunctionName", name}, {"InvocationType", "Event"}});
    std::string id;
    for (const services::Effect& effect : kernel_->pending_effects())
      if (effect.kind == "lambda.invoke") id = effect.id;
    const json::object line{{"Timestamp", now_.time_since_epoch().count()}, {"Message", "hello"}};
    kernel_->outcome(
        "lambda",
        {.id = id, .payload = {{"Payload", "1"}, {"LogStream", "s"}, {"Logs", json::array{line}}}});
    run();
  }
  static void expect_session(const Caller& caller, const std::string& name) {
    EXPECT_EQ(caller.arn, "arn:aws:sts::000000000000:assumed-role/worker/" + name);
    EXPECT_EQ(caller.source_arn, arn("lambda", "function:" + name));
    EXPECT_EQ(caller.acts_for, arn("lambda", "function:" + name));
  }
};

TEST_F(Functions, NeedARoleThatLambdaMayAssumeForThem) {
  make_function("fn");
  ASSERT_FALSE(record_.roles.empty());
  EXPECT_EQ(record_.roles.back().principal, "lambda.amazonaws.com");
  EXPECT_EQ(record_.roles.back().source_arn, arn("lambda", "function:fn"));
}

TEST_F(Functions, WriteTheirLinesAsTheirRole) {
  make_function("fn");
  run_once("fn");
  for (const char* each : {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"})
    expect_session(caller_of(each), "fn");
  const json::object read = call("logs", "FilterLogEvents", {{"logGroupName", "/aws/lambda/fn"}});
  EXPECT_EQ(read.at("events").as_array().size(), 1U);
}

TEST_F(Functions, RunWithoutLinesWhenTheirRoleMayNotWriteThem) {
  make_function("fn");
  record_.refused = {"logs:CreateLogStream"};
  call("lambda", "PutFunctionEventInvokeConfig",
       {{"FunctionName", "fn"},
        {"DestinationConfig", {{"OnSuccess", {{"Destination", make_queue("done")}}}}}});
  run_once("fn");
  EXPECT_EQ(messages_in("done").size(), 1U);
  expect_session(caller_of("sqs:SendMessage"), "fn");
  EXPECT_FALSE(try_call("logs", "FilterLogEvents", {{"logGroupName", "/aws/lambda/fn"}}));
}

TEST_F(Functions, ReadTheQueueOfAMappingAsTheirRole) {
  make_function("fn");
  make_queue("q");
  record_.refused = {"sqs:DeleteMessage"};
  const json::object mapping{{"FunctionName", "fn"}, {"EventSourceArn", arn("sqs", "q")}};
  const auto refused = try_call("lambda", "CreateEventSourceMapping", mapping);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "InvalidParameterValueException");
  EXPECT_EQ(refused.error().cause,
            "The provided execution role does not have permissions to call DeleteMessage on SQS");
  record_.refused.clear();
  call("lambda", "CreateEventSourceMapping", mapping);
  call("sqs", "SendMessage",
       {{"QueueUrl", "http://127.0.0.1:4566/000000000000/q"}, {"MessageBody", "m"}});
  run();
  expect_session(caller_of("sqs:ReceiveMessage"), "fn");
}

TEST_F(Functions, AreInvokedForATopic) {
  const std::string topic = make_topic("news");
  call("sns", "Subscribe",
       {{"TopicArn", topic}, {"Protocol", "lambda"}, {"Endpoint", make_function("fn")}});
  call("sns", "Publish", {{"TopicArn", topic}, {"Message", "hello"}});
  ASSERT_EQ(sink_.signing.size(), 1U);
  kernel_->outcome("sns", {.id = sink_.signing[0].id, .payload = {{"Body", "{}"}}});
  run();
  const Caller caller = caller_of("lambda:Invoke");
  EXPECT_EQ(caller.arn, "sns.amazonaws.com");
  EXPECT_EQ(caller.source_arn, topic);
  EXPECT_EQ(caller.acts_for, topic);
}

TEST_F(Functions, AreInvokedForABucketAnAlarmAndARule) {
  const std::string function = make_function("fn");
  call("s3", "CreateBucket",
       {{"Bucket", "b"}, {"CreateBucketConfiguration", {{"LocationConstraint", region}}}});
  const json::object wanted{{"LambdaFunctionArn", function}, {"Events", {"s3:ObjectCreated:*"}}};
  call("s3", "PutBucketNotificationConfiguration",
       {{"Bucket", "b"},
        {"NotificationConfiguration", {{"LambdaFunctionConfigurations", json::array{wanted}}}}});
  EXPECT_EQ(caller_of("lambda:Invoke").arn, "s3.amazonaws.com");
  EXPECT_EQ(caller_of("lambda:Invoke").source_arn, "arn:aws:s3:::b");
  json::object alarm{{"AlarmName", "a"},
                     {"Namespace", "n"},
                     {"MetricName", "m"},
                     {"Statistic", "Sum"},
                     {"Period", 60},
                     {"EvaluationPeriods", 1},
                     {"Threshold", 1},
                     {"ComparisonOperator", "GreaterThanThreshold"},
                     {"AlarmActions", {function}}};
  call("cloudwatch", "PutMetricAlarm", std::move(alarm));
  call("cloudwatch", "SetAlarmState",
       {{"AlarmName", "a"}, {"StateValue", "ALARM"}, {"StateReason", "test"}});
  EXPECT_EQ(caller_of("lambda:Invoke").arn, "lambda.alarms.cloudwatch.amazonaws.com");
  EXPECT_EQ(caller_of("lambda:Invoke").source_arn, arn("cloudwatch", "alarm:a"));
  call("events", "PutRule", {{"Name", "r"}, {"EventPattern", R"({"source":["shop"]})"}});
  call("events", "PutTargets", {{"Rule", "r"}, {"Targets", {{{"Id", "1"}, {"Arn", function}}}}});
  call("events", "PutEvents",
       {{"Entries", {{{"Source", "shop"}, {"DetailType", "d"}, {"Detail", "{}"}}}}});
  run();
  EXPECT_EQ(caller_of("lambda:Invoke").arn, "events.amazonaws.com");
  EXPECT_EQ(caller_of("lambda:Invoke").source_arn, arn("events", "rule/r"));
}

}  // namespace
}  // namespace kiban::cli
