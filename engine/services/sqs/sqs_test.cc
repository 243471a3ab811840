#include <gtest/gtest.h>

#include "services/sqs/message.h"
#include "services/sqs/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::sqs {
namespace {

using namespace std::chrono_literals;

class Sqs : public ServiceTest {
 protected:
  Sqs() : ServiceTest("sqs", {make_sqs}) {}
  Result<json::object> ask(std::string operation, json::object input) {
    return try_call("sqs", std::move(operation), std::move(input));
  }
  std::string make_queue(std::string name, json::object attributes = {}) {
    const auto made =
        ask("CreateQueue", {{"QueueName", std::move(name)}, {"Attributes", std::move(attributes)}});
    EXPECT_TRUE(made) << (made ? "" : made.error().cause);
    return text(made.value(), "QueueUrl");
  }
  json::array receive(const std::string& url, json::object more = {}) {
    more["QueueUrl"] = url;
    more.emplace("MaxNumberOfMessages", 10);
    const auto got = ask("ReceiveMessage", std::move(more));
    EXPECT_TRUE(got) << (got ? "" : got.error().cause);
    const json::array* messages = find_array(*got, "Messages");
    return messages ? *messages : json::array{};
  }
};

TEST_F(Sqs, QueuesOfAnotherAccountAreNotOurs) {
  std::string url = make_queue("jobs");
  ASSERT_TRUE(ask("SendMessage", {{"QueueUrl", url}, {"MessageBody", "x"}}));
  url.replace(url.find("000000000000"), 12, "999999999999");
  for (const char* operation : {"SendMessage", "ReceiveMessage", "DeleteQueue", "PurgeQueue"})
    EXPECT_EQ(ask(operation, {{"QueueUrl", url}, {"MessageBody", "x"}}).error().name,
              "AccessDenied");
}

TEST_F(Sqs, AQueueHasAtMostFiftyTags) {
  const std::string url = make_queue("jobs");
  json::object tags;
  for (int i = 0; i < 50; ++i) tags[std::to_string(i)] = "x";
  ASSERT_TRUE(ask("TagQueue", {{"QueueUrl", url}, {"Tags", tags}}));
  EXPECT_EQ(ask("TagQueue", {{"QueueUrl", url}, {"Tags", {{"more", "x"}}}}).error().name,
            "InvalidParameterValue");
  EXPECT_EQ(ask("ListQueueTags", {{"QueueUrl", url}})->at("Tags").as_object().size(), 50U);
  tags["more"] = "x";
  EXPECT_EQ(ask("CreateQueue", {{"QueueName", "other"}, {"tags", tags}}).error().name,
            "InvalidParameterValue");
}

TEST_F(Sqs, DeliversInOrderAndHidesWhatIsInFlight) {
  const std::string url = make_queue("jobs", {{"VisibilityTimeout", "5"}});
  for (const auto* body : {"one", "two"})
    ASSERT_TRUE(ask("SendMessage", {{"QueueUrl", url}, {"MessageBody", body}}));
  const json::array first = receive(url);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].at("Body"), "one");
  EXPECT_EQ(first[0].at("MD5OfBody"), "f97c5d29941bfb1b2fdab0874906ab82");
  EXPECT_TRUE(receive(url).empty());
  ASSERT_TRUE(
      ask("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", first[0].at("ReceiptHandle")}}));
  now_ += 5s;
  const json::array again = receive(url, {{"AttributeNames", {"All"}}});
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].at("Body"), "two");
  EXPECT_EQ(again[0].at("Attributes").at("ApproximateReceiveCount"), "2");
}

TEST_F(Sqs, MovesToTheDeadLetterQueuePastMaxReceiveCount) {
  const std::string dead = make_queue("dead");
  const std::string url = make_queue(
      "live",
      {{"VisibilityTimeout", "1"},
       {"RedrivePolicy",
        R"({"deadLetterTargetArn":"arn:aws:sqs:ap-northeast-1:000000000000:dead","maxReceiveCount":2})"}});
  ASSERT_TRUE(ask("SendMessage", {{"QueueUrl", url}, {"MessageBody", "x"}}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(receive(url).size(), 1U) << i;
    now_ += 2s;
  }
  EXPECT_TRUE(receive(url).empty());
  ASSERT_EQ(receive(dead).size(), 1U);
}

TEST_F(Sqs, DelaysAndExpires) {
  const std::string url = make_queue("late", {{"MessageRetentionPeriod", "60"}});
  ASSERT_TRUE(ask("SendMessage", {{"QueueUrl", url}, {"MessageBody", "x"}, {"DelaySeconds", 10}}));
  EXPECT_TRUE(receive(url).empty());
  now_ += 10s;
  EXPECT_EQ(receive(url, {{"VisibilityTimeout", 0}}).size(), 1U);
  now_ += 60s;
  EXPECT_TRUE(receive(url).empty());
}

TEST_F(Sqs, RefusesByAwsName) {
  EXPECT_EQ(ask("GetQueueUrl", {{"QueueName", "none"}}).error().name, "QueueDoesNotExist");
  EXPECT_EQ(ask("CreateQueue", {{"QueueName", "a.fifo"}}).error().name, "InvalidParameterValue");
  EXPECT_EQ(
      ask("CreateQueue", {{"QueueName", "a"}, {"Attributes", {{"Colour", "red"}}}}).error().name,
      "InvalidAttributeName");
  const std::string url = make_queue("q");
  EXPECT_EQ(ask("ReceiveMessage", {{"QueueUrl", url}, {"MaxNumberOfMessages", 11}}).error().name,
            "InvalidParameterValue");
  EXPECT_EQ(ask("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", "zz"}}).error().name,
            "ReceiptHandleIsInvalid");
  EXPECT_EQ(
      ask("SendMessage", {{"QueueUrl", url}, {"MessageBody", "x"}, {"MessageDeduplicationId", "d"}})
          .error()
          .name,
      "InvalidParameterValue");
  const std::string small = make_queue("small", {{"MaximumMessageSize", "1024"}});
  EXPECT_EQ(ask("SendMessage", {{"QueueUrl", small}, {"MessageBody", std::string(1025, 'x')}})
                .error()
                .name,
            "InvalidParameterValue");
}

TEST_F(Sqs, ABatchReportsEachEntry) {
  const std::string url = make_queue("batch");
  const auto sent =
      ask("SendMessageBatch", {{"QueueUrl", url},
                               {"Entries",
                                {{{"Id", "a"}, {"MessageBody", "1"}},
                                 {{"Id", "b"}, {"MessageBody", "2"}, {"DelaySeconds", 901}}}}});
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->at("Successful").as_array().size(), 1U);
  EXPECT_EQ(sent->at("Failed").as_array()[0].at("Code"), "InvalidParameterValue");
}

// boto3's own figure for {"n": {"DataType": "Number", "StringValue": "7"}}, checked by hand:
// md5(00000001 6e 00000006 4e756d626572 01 00000001 37).
TEST(Attributes, HaveTheDocumentedDigest) {
  const std::string bytes(
      "\0\0\0\1n\0\0\0\6Number\1\0\0\0\1"
      "7",
      21);
  EXPECT_EQ(md5_of_attributes({{"n", {{"DataType", "Number"}, {"StringValue", "7"}}}}),
            md5_hex(bytes));
}

TEST_F(Sqs, AQueueUrlNamesThisServerAccountAndQueue) {
  make_queue("jobs");
  const auto refused = [&](std::string other) {
    const auto reply = ask("SendMessage", {{"QueueUrl", std::move(other)}, {"MessageBody", "x"}});
    return reply ? "" : reply.error().name;
  };
  for (const char* bad : {"jobs", "/000000000000/jobs", "http://evil/jobs",
                          "http://evil/000000000000/jobs", "http://127.0.0.1:4566/jobs",
                          "http://127.0.0.1:4566/000000000000/jobs/", "ftp://127.0.0.1/0/jobs"})
    EXPECT_EQ(refused(bad), "InvalidAddress") << bad;
  for (const char* good :
       {"http://localhost:4566/000000000000/jobs",
        "https://sqs.ap-northeast-1.amazonaws.com/000000000000/jobs",
        "http://10.0.0.1:4566/000000000000/jobs", "http://sqs.localhost/000000000000/jobs"})
    EXPECT_EQ(refused(good), "") << good;
  EXPECT_EQ(refused("http://localhost/000000000000/none"), "QueueDoesNotExist");
}

TEST_F(Sqs, AttributesAreWithinTheirRanges) {
  make_queue("dead");
  const std::string url = make_queue("jobs");
  const auto refused = [&](const char* name, const std::string& value) {
    const auto reply =
        ask("SetQueueAttributes", {{"QueueUrl", url}, {"Attributes", {{name, value}}}});
    return reply ? "" : reply.error().name;
  };
  for (const auto& [name, value] :
       {std::pair{"VisibilityTimeout", "43201"}, std::pair{"MaximumMessageSize", "1023"},
        std::pair{"MaximumMessageSize", "1048577"}, std::pair{"MessageRetentionPeriod", "59"},
        std::pair{"MessageRetentionPeriod", "1209601"}, std::pair{"DelaySeconds", "901"},
        std::pair{"ReceiveMessageWaitTimeSeconds", "21"}, std::pair{"VisibilityTimeout", "-1"},
        std::pair{"KmsDataKeyReusePeriodSeconds", "59"}, std::pair{"SqsManagedSseEnabled", "yes"},
        std::pair{"Policy", "{"}, std::pair{"RedriveAllowPolicy", R"({"redrivePermission":"x"})"},
        std::pair{"RedriveAllowPolicy", R"({"redrivePermission":"byQueue"})"}})
    EXPECT_EQ(refused(name, value), "InvalidAttributeValue") << name << " " << value;
  for (const char* name : {"Unknown", "FifoQueue", "ContentBasedDeduplication"})
    EXPECT_EQ(refused(name, "true"), "InvalidAttributeName") << name;
  const std::string arn = "arn:aws:sqs:ap-northeast-1:000000000000:";
  const auto redrive = [&](const std::string& target, const std::string& count) {
    return refused("RedrivePolicy", R"({"deadLetterTargetArn":")" + arn + target +
                                        R"(","maxReceiveCount":)" + count + "}");
  };
  EXPECT_EQ(refused("RedrivePolicy", "x"), "InvalidParameterValue");
  EXPECT_EQ(refused("RedrivePolicy", R"({"maxReceiveCount":1})"), "InvalidParameterValue");
  EXPECT_EQ(redrive("none", "1"), "InvalidParameterValue");
  EXPECT_EQ(redrive("dead", "0"), "InvalidParameterValue");
  EXPECT_EQ(redrive("dead", "1001"), "InvalidParameterValue");
  EXPECT_EQ(redrive("jobs", "1"), "InvalidParameterValue");  // Itself.
  for (const char* count : {"1.5", "2.0", "2.9", "1e1", R"("1.9abc")", R"("1.5")", R"("")", "true"})
    EXPECT_EQ(redrive("dead", count), "InvalidParameterValue") << count;
  EXPECT_EQ(redrive("dead", R"(1,"more":1)"), "InvalidParameterValue");
  EXPECT_EQ(redrive("dead", R"("5")"), "");
  EXPECT_EQ(refused("Policy", "{}"), "InvalidAttributeValue");
}

TEST_F(Sqs, QueuesThatAreEachOthersDeadLetterQueuesAnswerAReceive) {
  const std::string arn = "arn:aws:sqs:ap-northeast-1:000000000000:";
  const std::string a = make_queue("a");
  const std::string b = make_queue("b");
  const auto redrive = [&](const std::string& url, const std::string& target) {
    EXPECT_TRUE(ask("SetQueueAttributes",
                    {{"QueueUrl", url},
                     {"Attributes",
                      {{"VisibilityTimeout", "0"},
                       {"RedrivePolicy", R"({"deadLetterTargetArn":")" + arn + target +
                                             R"(","maxReceiveCount":1})"}}}}));
  };
  redrive(a, "b");
  redrive(b, "a");
  ASSERT_TRUE(ask("SendMessage", {{"QueueUrl", a}, {"MessageBody", "x"}}));
  EXPECT_EQ(receive(a).size(), 1U);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(receive(a).empty());
    EXPECT_TRUE(receive(b).empty());
  }
}

// SetQueueAttributes refuses such a queue; rows of older versions may have one.
TEST_F(Sqs, AQueueThatIsItsOwnDeadLetterQueueAnswersAReceive) {
  const std::string url = make_queue("own", {{"VisibilityTimeout", "0"}});
  constexpr int count = 100;  // A page of those that a receive reads.
  for (int i = 0; i < count; ++i)
    ASSERT_TRUE(ask("SendMessage", {{"QueueUrl", url}, {"MessageBody", "x"}}));
  for (int i = 0; i < count; ++i) {
    EXPECT_EQ(receive(url, {{"VisibilityTimeout", 1}, {"MaxNumberOfMessages", 1}}).size(), 1U);
  }
  now_ += 2s;
  const std::string key = "sqs/ap-northeast-1/queue/own";
  const auto stored = store_->get(key);
  ASSERT_TRUE(stored);
  json::object row = parse_json(*stored).value().as_object();
  row["Attributes"].as_object()["RedrivePolicy"] =
      R"({"deadLetterTargetArn":"arn:aws:sqs:ap-northeast-1:000000000000:own","maxReceiveCount":1})";
  ASSERT_TRUE(store_->commit({{key, print_json(row)}}));
  EXPECT_TRUE(receive(url).empty());
}

TEST_F(Sqs, ADeadLetterQueueMayRefuseSources) {
  const std::string dead = make_queue("dead");
  const std::string arn = "arn:aws:sqs:ap-northeast-1:000000000000:";
  ASSERT_TRUE(
      ask("SetQueueAttributes",
          {{"QueueUrl", dead},
           {"Attributes",
            {{"RedriveAllowPolicy",
              R"({"redrivePermission":"byQueue","sourceQueueArns":[")" + arn + R"(one"]})"}}}}));
  const json::object redrive{
      {"RedrivePolicy", R"({"deadLetterTargetArn":")" + arn + R"(dead","maxReceiveCount":1})"}};
  EXPECT_FALSE(ask("CreateQueue", {{"QueueName", "two"}, {"Attributes", redrive}}));
  make_queue("one", redrive);
  const auto sources = ask("ListDeadLetterSourceQueues", {{"QueueUrl", dead}});
  ASSERT_TRUE(sources);
  EXPECT_EQ(sources->at("queueUrls").as_array().size(), 1U);
}

TEST_F(Sqs, FifoQueuesHaveTheirNamesAndAttributes) {
  const auto refused = [&](const char* name, json::object attributes) {
    const auto reply = ask("CreateQueue", {{"QueueName", name}, {"Attributes", attributes}});
    return reply ? "" : reply.error().name;
  };
  EXPECT_EQ(refused("a", {{"FifoQueue", "false"}}), "InvalidAttributeName");
  EXPECT_EQ(refused("a.fifo", {}), "InvalidParameterValue");
  EXPECT_EQ(refused("a", {{"FifoQueue", "true"}}), "InvalidParameterValue");
  EXPECT_EQ(
      refused("a.fifo", {{"FifoQueue", "true"}, {"FifoThroughputLimit", "perMessageGroupId"}}),
      "InvalidAttributeValue");
  const std::string url =
      make_queue("a.fifo", {{"FifoQueue", "true"}, {"ContentBasedDeduplication", "true"}});
  const auto got = ask("GetQueueAttributes", {{"QueueUrl", url}, {"AttributeNames", {"All"}}});
  EXPECT_EQ(got->at("Attributes").at("DeduplicationScope"), "queue");
  EXPECT_EQ(got->at("Attributes").at("FifoThroughputLimit"), "perQueue");
  EXPECT_EQ(ask("SendMessage", {{"QueueUrl", url}, {"MessageBody", "x"}}).error().name,
            "MissingParameter");
  EXPECT_EQ(
      ask("SendMessage",
          {{"QueueUrl", url}, {"MessageBody", "x"}, {"MessageGroupId", "g"}, {"DelaySeconds", 5}})
          .error()
          .name,
      "InvalidParameterValue");
}

class SqsFifo : public Sqs {
 protected:
  std::string url_ = make_queue("jobs.fifo", {{"FifoQueue", "true"}, {"VisibilityTimeout", "30"}});

  json::object send(const char* body, const char* group, const char* deduplication) {
    const auto sent = ask("SendMessage", {{"QueueUrl", url_},
                                          {"MessageBody", body},
                                          {"MessageGroupId", group},
                                          {"MessageDeduplicationId", deduplication}});
    EXPECT_TRUE(sent) << (sent ? "" : sent.error().cause);
    return sent.value_or(json::object{});
  }
  static std::string bodies(const json::array& messages) {
    std::string out;
    for (const json::value& each : messages) out += text(each.as_object(), "Body");
    return out;
  }
};

TEST_F(SqsFifo, AGroupIsDeliveredInOrderAndLockedWhileInFlight) {
  for (const auto& [body, group] : {std::pair{"1", "a"}, std::pair{"2", "a"}, std::pair{"3", "b"}})
    send(body, group, body);
  const json::array first = receive(url_, {{"MaxNumberOfMessages", 1}});
  EXPECT_EQ(bodies(first), "1");
  EXPECT_EQ(bodies(receive(url_)), "3");  // Group a waits.
  const json::value receipt = first[0].at("ReceiptHandle");
  ASSERT_TRUE(ask("ChangeMessageVisibility",
                  {{"QueueUrl", url_}, {"ReceiptHandle", receipt}, {"VisibilityTimeout", 0}}));
  EXPECT_EQ(bodies(receive(url_)), "12");
  EXPECT_EQ(ask("DeleteMessage", {{"QueueUrl", url_}, {"ReceiptHandle", receipt}}).error().name,
            "InvalidParameterValue");  // That receive is over.
}

TEST_F(SqsFifo, AMessageIsKnownAgainForFiveMinutes) {
  const json::object first = send("x", "a", "id");
  EXPECT_EQ(send("y", "b", "id"), first);
  EXPECT_EQ(text(first, "SequenceNumber").size(), 20U);
  EXPECT_EQ(receive(url_).size(), 1U);
  now_ += 5min;
  EXPECT_GT(text(send("x", "a", "id"), "SequenceNumber"), text(first, "SequenceNumber"));
  ASSERT_TRUE(ask("SetQueueAttributes",
                  {{"QueueUrl", url_}, {"Attributes", {{"DeduplicationScope", "messageGroup"}}}}));
  const json::object other = send("x", "b", "id");
  EXPECT_NE(send("x", "c", "id"), other);
  EXPECT_EQ(send("x", "b", "id"), other);
}

TEST_F(SqsFifo, TheSameAttemptGetsTheSameMessages) {
  send("1", "a", "1");
  send("2", "a", "2");
  const json::object attempt{{"ReceiveRequestAttemptId", "t"}, {"MaxNumberOfMessages", 1}};
  const json::array first = receive(url_, attempt);
  EXPECT_EQ(receive(url_, attempt), first);
  ASSERT_TRUE(
      ask("DeleteMessage", {{"QueueUrl", url_}, {"ReceiptHandle", first[0].at("ReceiptHandle")}}));
  EXPECT_EQ(bodies(receive(url_, attempt)), "2");
}

TEST_F(SqsFifo, AUsedUpMessageUnlocksItsGroup) {
  const std::string dead = make_queue("dead.fifo", {{"FifoQueue", "true"}});
  const std::string arn = "arn:aws:sqs:ap-northeast-1:000000000000:";
  ASSERT_TRUE(
      ask("SetQueueAttributes", {{"QueueUrl", url_},
                                 {"Attributes",
                                  {{"RedrivePolicy", R"({"deadLetterTargetArn":")" + arn +
                                                         R"(dead.fifo","maxReceiveCount":1})"}}}}));
  send("1", "a", "1");
  send("2", "a", "2");
  EXPECT_EQ(bodies(receive(url_, {{"MaxNumberOfMessages", 1}})), "1");
  now_ += 31s;
  EXPECT_EQ(bodies(receive(url_)), "2");
  EXPECT_EQ(bodies(receive(dead)), "1");
}

TEST_F(Sqs, DeadLettersAreMovedBack) {
  make_queue("dead");
  const std::string arn = "arn:aws:sqs:ap-northeast-1:000000000000:";
  const json::object task{{"SourceArn", arn + "dead"}};
  EXPECT_EQ(ask("StartMessageMoveTask", task).error().name, "InvalidParameterValue");
  EXPECT_EQ(ask("StartMessageMoveTask", {{"SourceArn", arn + "none"}}).error().name,
            "ResourceNotFoundException");
  const std::string url = make_queue(
      "jobs",
      {{"VisibilityTimeout", "0"},
       {"RedrivePolicy", R"({"deadLetterTargetArn":")" + arn + R"(dead","maxReceiveCount":1})"}});
  for (const char* body : {"1", "2", "3"})
    ASSERT_TRUE(ask("SendMessage", {{"QueueUrl", url}, {"MessageBody", body}}));
  EXPECT_EQ(receive(url).size(), 3U);
  EXPECT_EQ(receive(url).size(), 0U);  // They move to the dead letters.
  json::object slow = task;
  slow["MaxNumberOfMessagesPerSecond"] = 2;
  const auto started = ask("StartMessageMoveTask", slow);
  ASSERT_TRUE(started);
  EXPECT_EQ(ask("StartMessageMoveTask", task).error().name, "UnsupportedOperation");
  now_ = kernel_->run_until_idle(now_, now_);
  auto list = ask("ListMessageMoveTasks", task);
  EXPECT_EQ(list->at("Results").at(0).at("ApproximateNumberOfMessagesMoved"), 2);
  EXPECT_EQ(list->at("Results").at(0).at("Status"), "RUNNING");
  now_ = kernel_->run_until_idle(now_, now_ + 2s);
  list = ask("ListMessageMoveTasks", task);
  EXPECT_EQ(list->at("Results").at(0).at("Status"), "COMPLETED");
  EXPECT_EQ(receive(url).size(), 3U);
  EXPECT_EQ(ask("CancelMessageMoveTask", {{"TaskHandle", started->at("TaskHandle")}}).error().name,
            "UnsupportedOperation");
  EXPECT_EQ(ask("CancelMessageMoveTask", {{"TaskHandle", "x"}}).error().name,
            "ResourceNotFoundException");
}

TEST_F(Sqs, AMoveTaskIsCancelledOrFails) {
  const std::string dead = make_queue("dead");
  const std::string arn = "arn:aws:sqs:ap-northeast-1:000000000000:";
  make_queue("jobs", {{"RedrivePolicy",
                       R"({"deadLetterTargetArn":")" + arn + R"(dead","maxReceiveCount":1})"}});
  make_queue("other");
  for (const char* body : {"of nobody", "of nobody"})
    ASSERT_TRUE(ask("SendMessage", {{"QueueUrl", dead}, {"MessageBody", body}}));
  const json::object task{{"SourceArn", arn + "dead"}};
  const auto started = ask("StartMessageMoveTask", {{"SourceArn", arn + "dead"},
                                                    {"DestinationArn", arn + "other"},
                                                    {"MaxNumberOfMessagesPerSecond", 1}});
  now_ = kernel_->run_until_idle(now_, now_);
  EXPECT_EQ(ask("CancelMessageMoveTask", {{"TaskHandle", started->at("TaskHandle")}})
                ->at("ApproximateNumberOfMessagesMoved"),
            1);
  ASSERT_TRUE(ask("StartMessageMoveTask", task));
  now_ = kernel_->run_until_idle(now_, now_);
  const auto list = ask("ListMessageMoveTasks", {{"SourceArn", arn + "dead"}, {"MaxResults", 10}});
  ASSERT_EQ(list->at("Results").as_array().size(), 2U);
  EXPECT_EQ(list->at("Results").at(0).at("Status"), "FAILED");
  EXPECT_EQ(list->at("Results").at(0).at("FailureReason"), "CouldNotDetermineMessageSource");
  EXPECT_EQ(list->at("Results").at(1).at("Status"), "CANCELLED");
}

TEST_F(Sqs, PurgeAndDeleteWantAMinute) {
  const std::string url = make_queue("jobs");
  ASSERT_TRUE(ask("PurgeQueue", {{"QueueUrl", url}}));
  EXPECT_EQ(ask("PurgeQueue", {{"QueueUrl", url}}).error().name, "PurgeQueueInProgress");
  ASSERT_TRUE(ask("DeleteQueue", {{"QueueUrl", url}}));
  EXPECT_EQ(ask("CreateQueue", {{"QueueName", "jobs"}}).error().name, "QueueDeletedRecently");
  now_ += 60s;
  EXPECT_TRUE(ask("CreateQueue", {{"QueueName", "jobs"}}));
  EXPECT_TRUE(ask("PurgeQueue", {{"QueueUrl", url}}));
}

TEST_F(Sqs, AStackMakesItsQueueAgainAtOnce) {
  const json::object queue{{"QueueName", "jobs"}, {"tags", {{"aws:cloudformation:stack-id", "s"}}}};
  const auto made = kernel_->call("sqs", "CreateQueue", queue, now_, ++seed_);
  ASSERT_TRUE(made);
  ASSERT_TRUE(ask("DeleteQueue", *made));
  EXPECT_TRUE(kernel_->call("sqs", "CreateQueue", queue, now_, ++seed_));
}

TEST_F(Sqs, MessagesAreChecked) {
  const std::string url = make_queue("jobs", {{"MaximumMessageSize", "1024"}});
  const auto refused = [&](json::object more) {
    more["QueueUrl"] = url;
    more.emplace("MessageBody", "x");
    const auto reply = ask("SendMessage", std::move(more));
    return reply ? "" : reply.error().name;
  };
  EXPECT_EQ(refused({{"MessageBody", "a\x01"}}), "InvalidMessageContents");
  EXPECT_EQ(
      refused({{"MessageBody", std::string(1'024, 'x')},
               {"MessageAttributes", {{"a", {{"DataType", "String"}, {"StringValue", "b"}}}}}}),
      "InvalidParameterValue");
  json::object many;
  for (int i = 0; i < 11; ++i)
    many["a" + std::to_string(i)] = {{"DataType", "String"}, {"StringValue", "b"}};
  EXPECT_EQ(refused({{"MessageAttributes", many}}), "InvalidParameterValue");
  EXPECT_EQ(
      refused({{"MessageAttributes", {{"a", {{"DataType", "Number"}, {"StringValue", "b"}}}}}}),
      "InvalidParameterValue");
  EXPECT_EQ(
      refused({{"MessageAttributes", {{"a", {{"DataType", "String"}, {"StringValue", ""}}}}}}),
      "InvalidParameterValue");
  EXPECT_EQ(refused({{"MessageSystemAttributes",
                      {{"AWSTraceHeader", {{"DataType", "String"}, {"StringValue", "Root=1"}}}}}}),
            "");
  const json::array got = receive(url, {{"MessageSystemAttributeNames", {"AWSTraceHeader"}}});
  EXPECT_EQ(got[0].at("Attributes").at("AWSTraceHeader"), "Root=1");
  for (const auto& more :
       {json::object{{"WaitTimeSeconds", 21}}, json::object{{"VisibilityTimeout", 43'201}},
        json::object{{"ReceiveRequestAttemptId", "x"}},
        json::object{{"MaxNumberOfMessages", 11}}}) {
    json::object input = more;
    input["QueueUrl"] = url;
    EXPECT_EQ(ask("ReceiveMessage", input).error().name, "InvalidParameterValue");
  }
  EXPECT_EQ(ask("ReceiveMessage", {{"QueueUrl", url}, {"AttributeNames", {"Other"}}}).error().name,
            "InvalidAttributeName");
  EXPECT_EQ(
      ask("GetQueueAttributes", {{"QueueUrl", url}, {"AttributeNames", {"Other"}}}).error().name,
      "InvalidAttributeName");
}

TEST_F(Sqs, NumbersHaveTheirPrecisionAndRange) {
  const std::string url = make_queue("jobs");
  const auto refused_number = [&](const std::string& digits) {
    return !ask("SendMessage", {{"QueueUrl", url},
                                {"MessageBody", "x"},
                                {"MessageAttributes",
                                 {{"a", {{"DataType", "Number"}, {"StringValue", digits}}}}}});
  };
  const std::string nines(38, '9');
  for (const std::string& good :
       {std::string("0"), "-" + nines, nines + "00", "0.00" + nines, std::string("1e-128"),
        std::string("1E+126"), std::string("9.9e125"), std::string("-1.5")})
    EXPECT_FALSE(refused_number(good)) << good;
  for (const std::string& bad :
       {nines + "9", nines + ".9", std::string("9e-129"), std::string("1.1e126"),
        std::string("1e127"), std::string("1e400"), std::string("1e99999999999999999999")})
    EXPECT_TRUE(refused_number(bad)) << bad;
}

class SqsInFlight : public ServiceTest {
 protected:
  SqsInFlight() : ServiceTest("sqs", {[] { return make_sqs_with({.in_flight_max = 25}); }}) {}
};

TEST_F(SqsInFlight, AStandardQueueHasALimitOfMessagesInFlight) {
  const std::string url = text(call("CreateQueue", {{"QueueName", "jobs"}}), "QueueUrl");
  for (int i = 0; i < 30; ++i) call("SendMessage", {{"QueueUrl", url}, {"MessageBody", "x"}});
  const json::object ten{{"QueueUrl", url}, {"MaxNumberOfMessages", 10}};
  for (const std::size_t expected : {10U, 10U, 5U})
    EXPECT_EQ(call("ReceiveMessage", ten).at("Messages").as_array().size(), expected);
  EXPECT_EQ(refused("ReceiveMessage", ten), "OverLimit");
  now_ += std::chrono::seconds{31};
  EXPECT_EQ(call("ReceiveMessage", ten).at("Messages").as_array().size(), 10U);
}

TEST_F(Sqs, PermissionsAreStatementsOfThePolicy) {
  const std::string url = make_queue("jobs");
  const json::object permission{{"QueueUrl", url},
                                {"Label", "one"},
                                {"AWSAccountIds", json::array{"111111111111"}},
                                {"Actions", json::array{"SendMessage"}}};
  ASSERT_TRUE(ask("AddPermission", permission));
  EXPECT_EQ(ask("AddPermission", permission).error().name, "InvalidParameterValue");
  ASSERT_TRUE(ask("RemovePermission", {{"QueueUrl", url}, {"Label", "one"}}));
  EXPECT_EQ(ask("RemovePermission", {{"QueueUrl", url}, {"Label", "one"}}).error().name,
            "InvalidParameterValue");
}

}  // namespace
}  // namespace kiban::services::sqs
