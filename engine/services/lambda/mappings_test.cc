#include "services/lambda/batches.h"
#include "services/lambda/fixture.h"

namespace kiban::services::lambda {
namespace {

using testing::ElementsAre;

constexpr std::string_view queue_arn = "arn:aws:sqs:ap-northeast-1:000000000000:work";

class Mappings : public LambdaTest {
 protected:
  Mappings() {
    create("f");
    url_ = queue("work");
  }
  std::string map(json::object more = {}) {
    json::object input{{"FunctionName", "f"}, {"EventSourceArn", queue_arn}};
    for (auto& member : more) input[member.key()] = member.value();
    return text(call("CreateEventSourceMapping", std::move(input)), "UUID");
  }
  void send(std::string_view body) {
    call("sqs", "SendMessage", {{"QueueUrl", url_}, {"MessageBody", body}});
  }
  // Bodies of the batches that the function got.
  std::vector<std::vector<std::string>> take(const Host& host) {
    std::vector<std::vector<std::string>> batches;
    run_for(0s);
    serve([&](const json::object& payload) {
      std::vector<std::string> bodies;
      const auto event = parse_json(text(payload, "Payload"));
      for (const json::value& record : event->at("Records").as_array())
        bodies.push_back(text(record.as_object(), "body"));
      batches.push_back(std::move(bodies));
      return host(payload);
    });
    return batches;
  }
  std::int64_t messages() {
    const json::object reply =
        call("sqs", "GetQueueAttributes", {{"QueueUrl", url_}, {"AttributeNames", {"All"}}});
    const auto& all = reply.at("Attributes").as_object();
    return std::stoll(text(all, "ApproximateNumberOfMessages")) +
           std::stoll(text(all, "ApproximateNumberOfMessagesNotVisible"));
  }
  std::string url_{};
};

const auto succeeds = [](const json::object&) {
  return json::object{{"Payload", "null"}, {"DurationMs", 1}};
};

TEST_F(Mappings, HandBatchesToTheFunctionAndDeleteThem) {
  for (int i = 0; i < 12; ++i) send(std::to_string(i));
  map();
  const auto batches = take(succeeds);
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(std::max(batches[0].size(), batches[1].size()), 10U);
  EXPECT_EQ(batches[0].size() + batches[1].size(), 12U);
  EXPECT_EQ(messages(), 0);
  send("later");
  EXPECT_THAT(take(succeeds), ElementsAre(ElementsAre("later")));
}

TEST_F(Mappings, LeaveAFailedBatchInTheQueue) {
  map();
  send("bad");
  const auto fails = [](const json::object&) { return throws("Oops", "no"); };
  EXPECT_THAT(take(fails), ElementsAre(ElementsAre("bad")));
  EXPECT_EQ(messages(), 1);
  EXPECT_TRUE(take(fails).empty()) << "it is invisible";
  run_for(30s);
  EXPECT_THAT(take(succeeds), ElementsAre(ElementsAre("bad")));
  EXPECT_EQ(messages(), 0);
}

TEST_F(Mappings, DeleteWhatTheFunctionDoesNotReport) {
  send("good");
  send("bad");
  map({{"FunctionResponseTypes", {"ReportBatchItemFailures"}}});
  take([](const json::object& payload) {
    std::string failed;
    const auto event = parse_json(text(payload, "Payload"));
    for (const json::value& record : event->at("Records").as_array())
      if (text(record.as_object(), "body") == "bad") failed = text(record.as_object(), "messageId");
    return returns(fmt::format(R"({{"batchItemFailures":[{{"itemIdentifier":"{}"}}]}})", failed));
  });
  EXPECT_EQ(messages(), 1);
  run_for(30s);
  EXPECT_THAT(take(succeeds), ElementsAre(ElementsAre("bad")));
}

TEST_F(Mappings, ReadReportsAsAwsDoes) {
  EXPECT_EQ(failed_items("null")->size(), 0U);
  EXPECT_EQ(failed_items("{}")->size(), 0U);
  EXPECT_EQ(failed_items(R"({"batchItemFailures":[]})")->size(), 0U);
  EXPECT_EQ(failed_items(R"({"batchItemFailures":null})")->size(), 0U);
  EXPECT_EQ(failed_items(R"({"batchItemFailures":[{"itemIdentifier":"a"}]})")->at(0), "a");
  EXPECT_FALSE(failed_items(R"({"batchItemFailures":[{"itemIdentifier":""}]})"));
  EXPECT_FALSE(failed_items(R"({"batchItemFailures":[{}]})"));
  EXPECT_FALSE(failed_items(R"({"batchItemFailures":"a"})"));
  EXPECT_FALSE(failed_items("no JSON"));
  EXPECT_FALSE(failed_items("1"));
}

TEST_F(Mappings, WaitForTheBatchingWindow) {
  map({{"MaximumBatchingWindowInSeconds", 10}, {"BatchSize", 3}});
  send("1");
  EXPECT_TRUE(take(succeeds).empty());
  run_for(5s);
  send("2");
  EXPECT_TRUE(take(succeeds).empty());
  run_for(5s);
  EXPECT_THAT(take(succeeds), ElementsAre(ElementsAre("1", "2")));
  send("3");
  send("4");
  send("5");
  EXPECT_THAT(take(succeeds), ElementsAre(ElementsAre("3", "4", "5"))) << "it is full";
}

TEST_F(Mappings, DropWhatTheFiltersDoNotWant) {
  map({{"FilterCriteria", {{"Filters", {{{"Pattern", R"({"body":{"kind":["a"]}})"}}}}}}});
  send(R"({"kind":"b"})");
  send(R"({"kind":"a"})");
  send("no JSON");
  EXPECT_THAT(take(succeeds), ElementsAre(ElementsAre(R"({"kind":"a"})")));
  EXPECT_EQ(messages(), 0);
}

TEST_F(Mappings, ReceiveNoMoreThanTheFunctionHasRoomFor) {
  call("PutFunctionConcurrency", {{"FunctionName", "f"}, {"ReservedConcurrentExecutions", 1}});
  map({{"BatchSize", 1}});
  for (int i = 0; i < 5; ++i) send(std::to_string(i));
  run_for(0s);
  EXPECT_EQ(pending().size(), 1U);
  EXPECT_EQ(take(succeeds).size(), 5U);
  EXPECT_EQ(messages(), 0);
}

TEST_F(Mappings, StopWhileDisabledAndWhenDeleted) {
  const std::string uuid = map();
  call("UpdateEventSourceMapping", {{"UUID", uuid}, {"Enabled", false}});
  send("1");
  EXPECT_TRUE(take(succeeds).empty());
  call("UpdateEventSourceMapping", {{"UUID", uuid}, {"Enabled", true}});
  EXPECT_EQ(take(succeeds).size(), 1U);
  EXPECT_EQ(text(call("DeleteEventSourceMapping", {{"UUID", uuid}}), "State"), "Deleting");
  send("2");
  EXPECT_TRUE(take(succeeds).empty());
  EXPECT_EQ(refused("GetEventSourceMapping", {{"UUID", uuid}}), "ResourceNotFoundException");
}

TEST_F(Mappings, SurviveARestart) {
  map();
  send("1");
  run_for(0s);
  ASSERT_EQ(pending().size(), 1U);
  restart();
  ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  EXPECT_THAT(take(succeeds), ElementsAre(ElementsAre("1")));
  EXPECT_EQ(messages(), 0);
}

TEST_F(Mappings, AreRefusedWhereAwsRefusesThem) {
  map();
  const auto refusal_with = [&](json::object more) {
    json::object input{{"FunctionName", "f"}, {"EventSourceArn", queue_arn}};
    for (auto& member : more) input[member.key()] = member.value();
    const Error error = refusal("CreateEventSourceMapping", input);
    return error.name == "InvalidParameterValueException" ? error.cause : error.name;
  };
  EXPECT_EQ(refusal_with({}), "ResourceConflictException");
  EXPECT_EQ(refusal_with({{"BatchSize", 11}}),
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is "
            "greater than 10");
  EXPECT_EQ(refusal_with({{"StartingPosition", "LATEST"}}),
            "StartingPosition is not supported for an SQS event source.");
  EXPECT_EQ(
      refusal_with({{"EventSourceArn", "arn:aws:kinesis:ap-northeast-1:000000000000:stream/s"},
                    {"StartingPosition", "LATEST"}}),
      "kiban does not serve the event source "
      "arn:aws:kinesis:ap-northeast-1:000000000000:stream/s: it serves SQS queues");
  call("UpdateFunctionConfiguration", {{"FunctionName", "f"}, {"Timeout", 31}});
  EXPECT_EQ(refusal_with({}),
            "Queue visibility timeout: 30 seconds is less than Function timeout: 31 seconds");
}

}  // namespace
}  // namespace kiban::services::lambda
