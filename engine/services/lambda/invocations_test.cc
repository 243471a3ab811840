#include "services/lambda/fixture.h"

namespace kiban::services::lambda {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Invocations : public LambdaTest {
 protected:
  double metric(std::string_view name) {
    const json::object reply = call("cloudwatch", "GetMetricStatistics",
                                    {{"Namespace", "AWS/Lambda"},
                                     {"MetricName", name},
                                     {"Dimensions", {{{"Name", "FunctionName"}, {"Value", "f"}}}},
                                     {"StartTime", epoch_seconds(now_) - 100'000},
                                     {"EndTime", epoch_seconds(now_) + 100},
                                     {"Period", 86'400},
                                     {"Statistics", {"Sum"}}});
    double sum = 0;
    for (const json::value& point : reply.at("Datapoints").as_array())
      sum += point.at("Sum").to_number<double>();
    return sum;
  }
  json::object send_event(std::string_view payload = "{}") {
    return call("Invoke", {{"FunctionName", "f"},
                           {"InvocationType", "Event"},
                           {"Payload", api::encode_base64(payload)}});
  }
};

TEST_F(Invocations, AnswersWithThePayload) {
  create("f", {{"Environment", {{"Variables", {{"STAGE", "dev"}}}}}, {"Timeout", 7}});
  const auto reply = invoke(
      {{"FunctionName", "f"}, {"Payload", api::encode_base64(R"({"n":1})")}, {"LogType", "Tail"}},
      [](const json::object& payload) {
        EXPECT_EQ(text(payload, "Payload"), R"({"n":1})");
        EXPECT_EQ(text(payload, "FunctionArn"), std::string(account_arn) + "f:$LATEST");
        EXPECT_EQ(text(payload, "InvokedBy"), "client");
        const json::object& config = payload.at("Config").as_object();
        EXPECT_EQ(number(config, "Timeout"), 7);
        EXPECT_EQ(config.at("Environment"), (json::object{{"STAGE", "dev"}}));
        EXPECT_EQ(text(config, "CodeDigest").size(), 64U);
        EXPECT_FALSE(text(payload.at("Credentials").as_object(), "AccessKeyId").empty());
        return returns(R"({"done":true})");
      });
  EXPECT_EQ(payload_of(reply), R"({"done":true})");
  EXPECT_EQ(number(*reply, "StatusCode"), 200);
  EXPECT_EQ(text(*reply, "ExecutedVersion"), "$LATEST");
  EXPECT_EQ(text(*reply, "LogResult"), api::encode_base64("END"));
  EXPECT_FALSE(reply->contains("FunctionError"));
  EXPECT_EQ(metric("Invocations"), 1);
  EXPECT_EQ(metric("Errors"), 0);
}

TEST_F(Invocations, TellsWhatTheFunctionThrew) {
  create("f");
  const auto reply = invoke({{"FunctionName", "f"}},
                            [](const json::object&) { return throws("Oops", "it broke"); });
  EXPECT_EQ(text(*reply, "FunctionError"), "Unhandled");
  EXPECT_THAT(payload_of(reply), HasSubstr("it broke"));
  EXPECT_EQ(metric("Errors"), 1);
}

TEST_F(Invocations, PassesOnWhatTheHostCannotDo) {
  create("f");
  const auto reply = invoke({{"FunctionName", "f"}}, [](const json::object&) {
    return json::object{
        {"Error", {{"Code", "InvalidRuntimeException"}, {"Message", "no python3.12 here"}}}};
  });
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error(), (Error{"InvalidRuntimeException", "no python3.12 here"}));
  EXPECT_EQ(metric("Invocations"), 0);
}

TEST_F(Invocations, RefusesBadPayloadsAndUnknownFunctions) {
  create("f");
  const auto never = [](const json::object&) { return returns("1"); };
  EXPECT_EQ(refused("Invoke", {{"FunctionName", "g"}}), "ResourceNotFoundException");
  EXPECT_EQ(
      invoke({{"FunctionName", "f"}, {"Payload", api::encode_base64("{")}}, never).error().name,
      "InvalidRequestContentException");
  const std::string large = '"' + std::string(1'048'576, 'a') + '"';
  EXPECT_EQ(refused("Invoke", {{"FunctionName", "f"},
                               {"InvocationType", "Event"},
                               {"Payload", api::encode_base64(large)}}),
            "RequestTooLargeException");
  EXPECT_EQ(
      number(call("Invoke", {{"FunctionName", "f"}, {"InvocationType", "DryRun"}}), "StatusCode"),
      204);
  EXPECT_TRUE(pending().empty());
}

TEST_F(Invocations, HaveRoomUpToTheReservedConcurrency) {
  create("f");
  call("PutFunctionConcurrency", {{"FunctionName", "f"}, {"ReservedConcurrentExecutions", 1}});
  call("Invoke", {{"FunctionName", "f"}});
  std::optional<Result<json::object>> reply;
  kernel_->submit({.service = "lambda",
                   .operation = "Invoke",
                   .input = {{"FunctionName", "f"}},
                   .caller = kernel_->root(),
                   .reply = [&](Result<json::object> got) { reply = std::move(got); }});
  ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  EXPECT_EQ(reply->error(), (Error{"TooManyRequestsException", "Rate Exceeded."}));
  EXPECT_EQ(metric("Throttles"), 1);
  EXPECT_EQ(refused("Invoke", {{"FunctionName", "f"}}), "TooManyRequestsException");
  EXPECT_EQ(serve([](const json::object&) { return returns("1"); }), 1);
  call("Invoke", {{"FunctionName", "f"}});
  EXPECT_EQ(refusal("PutFunctionConcurrency",
                    {{"FunctionName", "f"}, {"ReservedConcurrentExecutions", 901}})
                .cause,
            "Specified ReservedConcurrentExecutions for function decreases account's "
            "UnreservedConcurrentExecution below its minimum value of [100].");
  call("DeleteFunctionConcurrency", {{"FunctionName", "f"}});
  EXPECT_EQ(call("GetAccountSettings", {}).at("AccountLimit").at("UnreservedConcurrentExecutions"),
            1'000);
}

TEST_F(Invocations, WriteTheirLinesToTheLogGroup) {
  create("f");
  call("Invoke", {{"FunctionName", "f"}});
  const Effect effect = pending().at(0);
  const std::int64_t at = now_.time_since_epoch().count();
  report(effect,
         {{"LogStream", "2023/11/14/[$LATEST]abc"},
          {"Logs", {{{"Timestamp", at}, {"Message", "first"}}}}},
         false);
  json::object last = returns("1");
  last["LogStream"] = "2023/11/14/[$LATEST]abc";
  last["Logs"] = json::array{json::object{{"Timestamp", at}, {"Message", "second"}}};
  report(effect, std::move(last));
  const json::object lines = call("logs", "GetLogEvents",
                                  {{"logGroupName", "/aws/lambda/f"},
                                   {"logStreamName", "2023/11/14/[$LATEST]abc"},
                                   {"startFromHead", true}});
  ASSERT_EQ(lines.at("events").as_array().size(), 2U);
  EXPECT_EQ(text(lines.at("events").at(1).as_object(), "message"), "second");
}

TEST_F(Invocations, RetryAnEventTwiceAndTellBothEnds) {
  create("f",
         {{"DeadLetterConfig", {{"TargetArn", "arn:aws:sqs:ap-northeast-1:000000000000:dead"}}}});
  const std::string dead = queue("dead");
  const std::string failed = queue("failed");
  call("PutFunctionEventInvokeConfig",
       {{"FunctionName", "f"},
        {"DestinationConfig",
         {{"OnFailure", {{"Destination", "arn:aws:sqs:ap-northeast-1:000000000000:failed"}}}}}});
  EXPECT_EQ(number(send_event(R"({"n":1})"), "StatusCode"), 202);
  const auto broken = [](const json::object&) { return throws("Oops", "it broke"); };
  EXPECT_EQ(serve(broken), 1);
  run_for(59s);
  EXPECT_EQ(serve(broken), 0);
  run_for(1s);
  EXPECT_EQ(serve(broken), 1);
  run_for(119s);
  EXPECT_EQ(serve(broken), 0);
  run_for(1s);
  EXPECT_EQ(serve(broken), 1);
  run_for(24h);
  EXPECT_EQ(serve(broken), 0);
  EXPECT_THAT(bodies(dead), ElementsAre(R"({"n":1})"));
  const auto records = bodies(failed);
  ASSERT_EQ(records.size(), 1U);
  const auto record = parse_json(records[0]);
  EXPECT_EQ(record->at("requestContext").at("condition"), "RetriesExhausted");
  EXPECT_EQ(record->at("requestContext").at("approximateInvokeCount"), 3);
  EXPECT_EQ(record->at("responsePayload").at("errorType"), "Oops");
  EXPECT_EQ(record->at("requestPayload"), (json::object{{"n", 1}}));
  EXPECT_EQ(metric("AsyncEventsDropped"), 1);
}

TEST_F(Invocations, TellTheSuccessOfAnEvent) {
  create("f");
  const std::string done = queue("done");
  call("PutFunctionEventInvokeConfig",
       {{"FunctionName", "f"},
        {"DestinationConfig",
         {{"OnSuccess", {{"Destination", "arn:aws:sqs:ap-northeast-1:000000000000:done"}}}}}});
  send_event();
  serve([](const json::object&) { return returns(R"("ok")"); });
  const auto records = bodies(done);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(parse_json(records[0])->at("responsePayload"), "ok");
  EXPECT_EQ(
      refusal("PutFunctionEventInvokeConfig",
              {{"FunctionName", "f"},
               {"DestinationConfig", {{"OnSuccess", {{"Destination", "arn:aws:s3:::bucket"}}}}}})
          .name,
      "InvalidParameterValueException");
}

TEST_F(Invocations, WaitWithAnEventUntilThereIsRoom) {
  create("f");
  call("PutFunctionConcurrency", {{"FunctionName", "f"}, {"ReservedConcurrentExecutions", 0}});
  send_event();
  run_for(30s);
  EXPECT_TRUE(pending().empty());
  call("DeleteFunctionConcurrency", {{"FunctionName", "f"}});
  run_for(5min);
  EXPECT_EQ(serve([](const json::object&) { return returns("1"); }), 1);
}

TEST_F(Invocations, DropAnEventThatIsTooOld) {
  create("f");
  call("PutFunctionConcurrency", {{"FunctionName", "f"}, {"ReservedConcurrentExecutions", 0}});
  call("PutFunctionEventInvokeConfig", {{"FunctionName", "f"}, {"MaximumEventAgeInSeconds", 60}});
  send_event();
  run_for(10min);
  call("DeleteFunctionConcurrency", {{"FunctionName", "f"}});
  run_for(24h);
  EXPECT_TRUE(pending().empty());
  EXPECT_EQ(metric("AsyncEventsDropped"), 1);
}

TEST_F(Invocations, SurviveARestartAsEventsOnly) {
  create("f");
  send_event(R"({"n":1})");
  kernel_->submit({.service = "lambda",
                   .operation = "Invoke",
                   .input = {{"FunctionName", "f"}},
                   .caller = kernel_->root(),
                   .reply = [](const Result<json::object>&) {}});
  ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  ASSERT_EQ(pending().size(), 2U);
  std::string lost;
  for (const Effect& effect : pending())
    if (text(effect.payload, "InvokedBy") == "client") lost = effect.id;
  restart();
  ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  json::array abandoned;
  for (const Effect& effect : kernel_->pending_effects())
    if (effect.kind == abandon_effect) abandoned = effect.payload.at("RequestIds").as_array();
  EXPECT_EQ(abandoned, (json::array{lost}));
  call("PutFunctionConcurrency", {{"FunctionName", "f"}, {"ReservedConcurrentExecutions", 1}});
  int events = 0;
  for (const Effect& effect : pending()) {
    if (effect.id != lost) ++events;
    report(effect, returns("1"));
  }
  EXPECT_EQ(events, 1);
  EXPECT_EQ(metric("Invocations"), 1) << "the lost one is not counted";
  call("Invoke", {{"FunctionName", "f"}});  // There is room again for one.
}

TEST_F(Invocations, KeepProvisionedEnvironmentsWarm) {
  create("f");
  call("PublishVersion", {{"FunctionName", "f"}});
  const json::object input{
      {"FunctionName", "f"}, {"Qualifier", "1"}, {"ProvisionedConcurrentExecutions", 2}};
  EXPECT_EQ(text(call("PutProvisionedConcurrencyConfig", input), "Status"), "IN_PROGRESS");
  const auto warm = [&]() -> std::optional<Effect> {
    for (const Effect& effect : kernel_->pending_effects())
      if (effect.kind == warm_effect) return effect;
    return std::nullopt;
  };
  ASSERT_TRUE(warm());
  EXPECT_EQ(number(warm()->payload, "Count"), 2);
  report(*warm(), {{"Ready", 2}});
  const json::object where{{"FunctionName", "f"}, {"Qualifier", "1"}};
  EXPECT_EQ(text(call("GetProvisionedConcurrencyConfig", where), "Status"), "READY");
  restart();
  ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  ASSERT_TRUE(warm()) << "a restart asks again";
  report(*warm(), {{"Ready", 2}});
  call("DeleteProvisionedConcurrencyConfig", where);
  ASSERT_TRUE(warm());
  EXPECT_EQ(number(warm()->payload, "Count"), 0);
  EXPECT_EQ(refused("GetProvisionedConcurrencyConfig", where),
            "ProvisionedConcurrencyConfigNotFoundException");
}

}  // namespace
}  // namespace kiban::services::lambda
