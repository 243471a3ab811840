#include <gtest/gtest.h>

#include <set>

#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/sns/service.h"
#include "services/sqs/service.h"

namespace kiban::services::sns {
namespace {

using namespace std::chrono_literals;

class Sns : public testing::Test {
 protected:
  Sns() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(make_sns());
    services.push_back(sqs::make_sqs());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services));
  }
  json::object call(std::string service, const std::string& operation, json::object input) {
    auto reply = kernel_->call(std::move(service), operation, std::move(input), now_, ++seed_);
    EXPECT_TRUE(reply) << operation << ": " << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  }
  std::string refused(std::string operation, json::object input) {
    const auto reply = kernel_->call("sns", std::move(operation), std::move(input), now_, ++seed_);
    return reply ? "" : reply.error().name;
  }

  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{1'700'000'000'000ms};
  std::uint64_t seed_{0};
};

TEST_F(Sns, DeliversOneEnvelopeToAQueue) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "alerts"}}), "TopicArn");
  const std::string url = text(call("sqs", "CreateQueue", {{"QueueName", "inbox"}}), "QueueUrl");
  call("sns", "Subscribe",
       {{"TopicArn", topic},
        {"Protocol", "sqs"},
        {"Endpoint", "arn:aws:sqs:ap-northeast-1:000000000000:inbox"}});
  const auto published =
      call("sns", "Publish", {{"TopicArn", topic}, {"Subject", "S"}, {"Message", "M"}});
  // It is signed first.
  const auto effects = kernel_->pending_effects();
  ASSERT_EQ(effects.size(), 1U);
  EXPECT_EQ(effects[0].kind, "sns.sign");
  EXPECT_EQ(effects[0].payload.at("Sign"), "1");
  auto envelope = parse_json(effects[0].payload.at("Body").as_string());
  ASSERT_TRUE(envelope);
  envelope->as_object()["Signature"] = "signed";
  kernel_->outcome("sns", {.id = effects[0].id, .payload = {{"Body", print_json(*envelope)}}});
  now_ = kernel_->run_until_idle(now_);
  const auto got = call("sqs", "ReceiveMessage", {{"QueueUrl", url}, {"MaxNumberOfMessages", 10}});
  ASSERT_EQ(got.at("Messages").as_array().size(), 1U);
  envelope = parse_json(got.at("Messages").as_array()[0].at("Body").as_string());
  ASSERT_TRUE(envelope);
  EXPECT_EQ(envelope->at("Signature"), "signed");
  EXPECT_EQ(envelope->at("Type"), "Notification");
  EXPECT_EQ(envelope->at("MessageId"), published.at("MessageId"));
  EXPECT_EQ(envelope->at("Subject"), "S");
  EXPECT_EQ(envelope->at("Message"), "M");
}

TEST_F(Sns, ConfirmsAnHttpEndpointThenRetriesThreeTimes) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "alerts"}}), "TopicArn");
  call("sns", "Subscribe",
       {{"TopicArn", topic}, {"Protocol", "http"}, {"Endpoint", "http://127.0.0.1:1/hook"}});
  auto effects = kernel_->pending_effects();
  ASSERT_EQ(effects.size(), 1U);
  const auto request = parse_json(effects[0].payload.at("Body").as_string());
  EXPECT_EQ(request->at("Type"), "SubscriptionConfirmation");
  call("sns", "Publish", {{"TopicArn", topic}, {"Message", "too soon"}});
  EXPECT_EQ(kernel_->pending_effects().size(), 1U);  // Nothing goes to who has not confirmed.
  kernel_->outcome("sns", {.id = effects[0].id, .payload = {{"Status", 200}}});
  now_ = kernel_->run_until_idle(now_);
  call("sns", "ConfirmSubscription", {{"TopicArn", topic}, {"Token", request->at("Token")}});
  call("sns", "Publish", {{"TopicArn", topic}, {"Message", "hello"}});
  std::vector<Timestamp> tries;
  for (int i = 0; i < 6; ++i) {
    effects = kernel_->pending_effects();
    if (effects.empty()) break;
    tries.push_back(now_);
    kernel_->outcome("sns", {.id = effects[0].id, .payload = {{"Status", 503}}});
    now_ = kernel_->run_until_idle(now_);
  }
  ASSERT_EQ(tries.size(), 4U);
  EXPECT_EQ(tries[3] - tries[0], 60s);
}

TEST_F(Sns, DeliversWhatTheFilterPolicyWants) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "alerts"}}), "TopicArn");
  const std::string url = text(call("sqs", "CreateQueue", {{"QueueName", "inbox"}}), "QueueUrl");
  const std::string subscription =
      text(call("sns", "Subscribe",
                {{"TopicArn", topic},
                 {"Protocol", "sqs"},
                 {"Endpoint", "arn:aws:sqs:ap-northeast-1:000000000000:inbox"},
                 {"Attributes",
                  {{"FilterPolicy", R"({"level":["error"]})"}, {"RawMessageDelivery", "true"}}}}),
           "SubscriptionArn");
  const auto publish = [&](std::string_view message, std::string_view level) {
    call("sns", "Publish",
         {{"TopicArn", topic},
          {"Message", message},
          {"MessageAttributes", {{"level", {{"DataType", "String"}, {"StringValue", level}}}}}});
  };
  const auto set = [&](std::string_view name, std::string_view value) {
    return json::object{
        {"SubscriptionArn", subscription}, {"AttributeName", name}, {"AttributeValue", value}};
  };
  publish("first", "error");
  publish("second", "info");
  EXPECT_EQ(refused("SetSubscriptionAttributes", set("FilterPolicy", R"({"a":{"b":["c"]}})")),
            "InvalidParameterException");
  call("sns", "SetSubscriptionAttributes", set("FilterPolicyScope", "MessageBody"));
  call("sns", "SetSubscriptionAttributes", set("FilterPolicy", R"({"a":{"b":["c"]}})"));
  publish(R"({"a":{"b":"c"}})", "info");
  publish("third", "error");
  call("sns", "SetSubscriptionAttributes", set("FilterPolicy", "{}"));
  publish("fourth", "info");
  std::multiset<std::string> got;
  const json::object reply =
      call("sqs", "ReceiveMessage", {{"QueueUrl", url}, {"MaxNumberOfMessages", 10}});
  for (const json::value& each : reply.at("Messages").as_array())
    got.insert(text(each.as_object(), "Body"));
  EXPECT_EQ(got, (std::multiset<std::string>{"first", R"({"a":{"b":"c"}})", "fourth"}));
}

// Recorded by AWS: test_fifo_message_attribute.
TEST_F(Sns, FifoTopicsAskForAGroupAndKnowAMessageAgain) {
  EXPECT_EQ(refused("CreateTopic", {{"Name", "orders.fifo"}}), "InvalidParameterException");
  EXPECT_EQ(refused("CreateTopic", {{"Name", "orders"}, {"Attributes", {{"FifoTopic", "true"}}}}),
            "InvalidParameterException");
  const std::string topic =
      text(call("sns", "CreateTopic",
                {{"Name", "orders.fifo"}, {"Attributes", {{"FifoTopic", "true"}}}}),
           "TopicArn");
  json::object message{{"TopicArn", topic}, {"Message", "m"}};
  EXPECT_EQ(refused("Publish", message), "InvalidParameterException");
  message["MessageGroupId"] = "g";
  EXPECT_EQ(refused("Publish", message), "InvalidParameterException");
  message["MessageDeduplicationId"] = "1";
  const json::object first = call("sns", "Publish", message);
  EXPECT_EQ(text(first, "SequenceNumber").size(), 20U);
  EXPECT_EQ(call("sns", "Publish", message), first);
  now_ += 5min;
  EXPECT_LT(text(first, "SequenceNumber"), text(call("sns", "Publish", message), "SequenceNumber"));
  EXPECT_EQ(refused("Subscribe",
                    {{"TopicArn", topic}, {"Protocol", "http"}, {"Endpoint", "http://127.0.0.1/"}}),
            "InvalidParameterException");
}

TEST_F(Sns, SubscribeAgainNeedsTheSameAttributes) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "again"}}), "TopicArn");
  const auto subscribe = [&](const char* raw) {
    json::object input{{"TopicArn", topic},
                       {"Protocol", "sqs"},
                       {"Endpoint", "arn:aws:sqs:ap-northeast-1:000000000000:q"}};
    if (*raw != 0) input["Attributes"] = {{"RawMessageDelivery", raw}};
    return kernel_->call("sns", "Subscribe", input, now_, ++seed_);
  };
  const auto first = subscribe("false");
  ASSERT_TRUE(first);
  EXPECT_EQ(subscribe(""), first);
  EXPECT_EQ(subscribe("false"), first);
  const auto other = subscribe("true");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().cause,
            "Invalid parameter: Attributes Reason: Subscription already exists with different "
            "attributes");
}

TEST_F(Sns, RefusesByAwsName) {
  EXPECT_EQ(refused("Publish", {{"TopicArn", "arn:aws:sns:ap-northeast-1:000000000000:none"},
                                {"Message", "x"}}),
            "NotFoundException");
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "t"}}), "TopicArn");
  EXPECT_EQ(refused("Subscribe", {{"TopicArn", topic}, {"Protocol", "sms"}, {"Endpoint", "+8190"}}),
            "InvalidParameterException");
  EXPECT_EQ(refused("Publish", {{"TopicArn", topic}, {"Message", ""}}),
            "InvalidParameterException");
  EXPECT_EQ(refused("Publish", {{"TopicArn", topic}, {"Message", "m"}, {"Subject", "a\nb"}}),
            "InvalidParameterException");
  EXPECT_EQ(
      refused("Publish", {{"TopicArn", topic}, {"Message", "m"}, {"MessageDeduplicationId", "d"}}),
      "InvalidParameterException");
}

}  // namespace
}  // namespace kiban::services::sns
