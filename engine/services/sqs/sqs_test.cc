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
  Result<json::object> call(std::string operation, json::object input) {
    return try_call("sqs", std::move(operation), std::move(input));
  }
  std::string make_queue(std::string name, json::object attributes = {}) {
    const auto made = call("CreateQueue",
                           {{"QueueName", std::move(name)}, {"Attributes", std::move(attributes)}});
    EXPECT_TRUE(made) << (made ? "" : made.error().cause);
    return text(made.value(), "QueueUrl");
  }
  json::array receive(const std::string& url, json::object more = {}) {
    more["QueueUrl"] = url;
    more.emplace("MaxNumberOfMessages", 10);
    const auto got = call("ReceiveMessage", std::move(more));
    EXPECT_TRUE(got) << (got ? "" : got.error().cause);
    const json::array* messages = find_array(*got, "Messages");
    return messages ? *messages : json::array{};
  }
};

TEST_F(Sqs, QueuesOfAnotherAccountAreNotOurs) {
  std::string url = make_queue("jobs");
  ASSERT_TRUE(call("SendMessage", {{"QueueUrl", url}, {"MessageBody", "x"}}));
  url.replace(url.find("000000000000"), 12, "999999999999");
  for (const char* operation : {"SendMessage", "ReceiveMessage", "DeleteQueue", "PurgeQueue"})
    EXPECT_EQ(call(operation, {{"QueueUrl", url}, {"MessageBody", "x"}}).error().name,
              "AccessDenied");
}

TEST_F(Sqs, AQueueHasAtMostFiftyTags) {
  const std::string url = make_queue("jobs");
  json::object tags;
  for (int i = 0; i < 50; ++i) tags[std::to_string(i)] = "x";
  ASSERT_TRUE(call("TagQueue", {{"QueueUrl", url}, {"Tags", tags}}));
  EXPECT_EQ(call("TagQueue", {{"QueueUrl", url}, {"Tags", {{"more", "x"}}}}).error().name,
            "InvalidParameterValue");
  EXPECT_EQ(call("ListQueueTags", {{"QueueUrl", url}})->at("Tags").as_object().size(), 50U);
  tags["more"] = "x";
  EXPECT_EQ(call("CreateQueue", {{"QueueName", "other"}, {"tags", tags}}).error().name,
            "InvalidParameterValue");
}

TEST_F(Sqs, DeliversInOrderAndHidesWhatIsInFlight) {
  const std::string url = make_queue("jobs", {{"VisibilityTimeout", "5"}});
  for (const auto* body : {"one", "two"})
    ASSERT_TRUE(call("SendMessage", {{"QueueUrl", url}, {"MessageBody", body}}));
  const json::array first = receive(url);
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[0].at("Body"), "one");
  EXPECT_EQ(first[0].at("MD5OfBody"), "f97c5d29941bfb1b2fdab0874906ab82");
  EXPECT_TRUE(receive(url).empty());
  ASSERT_TRUE(
      call("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", first[0].at("ReceiptHandle")}}));
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
  ASSERT_TRUE(call("SendMessage", {{"QueueUrl", url}, {"MessageBody", "x"}}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(receive(url).size(), 1U) << i;
    now_ += 2s;
  }
  EXPECT_TRUE(receive(url).empty());
  ASSERT_EQ(receive(dead).size(), 1U);
}

TEST_F(Sqs, DelaysAndExpires) {
  const std::string url = make_queue("late", {{"MessageRetentionPeriod", "60"}});
  ASSERT_TRUE(call("SendMessage", {{"QueueUrl", url}, {"MessageBody", "x"}, {"DelaySeconds", 10}}));
  EXPECT_TRUE(receive(url).empty());
  now_ += 10s;
  EXPECT_EQ(receive(url, {{"VisibilityTimeout", 0}}).size(), 1U);
  now_ += 60s;
  EXPECT_TRUE(receive(url).empty());
}

TEST_F(Sqs, RefusesByAwsName) {
  EXPECT_EQ(call("GetQueueUrl", {{"QueueName", "none"}}).error().name, "QueueDoesNotExist");
  EXPECT_EQ(call("CreateQueue", {{"QueueName", "a.fifo"}}).error().name, "UnsupportedOperation");
  EXPECT_EQ(
      call("CreateQueue", {{"QueueName", "a"}, {"Attributes", {{"Colour", "red"}}}}).error().name,
      "InvalidAttributeName");
  const std::string url = make_queue("q");
  EXPECT_EQ(call("ReceiveMessage", {{"QueueUrl", url}, {"MaxNumberOfMessages", 11}}).error().name,
            "InvalidParameterValue");
  EXPECT_EQ(call("DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", "zz"}}).error().name,
            "ReceiptHandleIsInvalid");
  EXPECT_EQ(call("SendMessage",
                 {{"QueueUrl", url}, {"MessageBody", "x"}, {"MessageDeduplicationId", "d"}})
                .error()
                .name,
            "InvalidParameterValue");
  const std::string small = make_queue("small", {{"MaximumMessageSize", "1024"}});
  EXPECT_EQ(call("SendMessage", {{"QueueUrl", small}, {"MessageBody", std::string(1025, 'x')}})
                .error()
                .name,
            "InvalidParameterValue");
}

TEST_F(Sqs, ABatchReportsEachEntry) {
  const std::string url = make_queue("batch");
  const auto sent =
      call("SendMessageBatch", {{"QueueUrl", url},
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

}  // namespace
}  // namespace kiban::services::sqs
