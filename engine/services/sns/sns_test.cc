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
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  call("sns", "ConfirmSubscription", {{"TopicArn", topic}, {"Token", request->at("Token")}});
  call("sns", "Publish", {{"TopicArn", topic}, {"Message", "hello"}});
  std::vector<Timestamp> tries;
  for (int i = 0; i < 6; ++i) {
    effects = kernel_->pending_effects();
    if (effects.empty()) break;
    tries.push_back(now_);
    kernel_->outcome("sns", {.id = effects[0].id, .payload = {{"Status", 503}}});
    now_ = kernel_->run_until_idle(now_, now_ + 1min);
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
  const json::object attributes =
      call("sns", "GetSubscriptionAttributes", {{"SubscriptionArn", first->at("SubscriptionArn")}})
          .at("Attributes")
          .as_object();
  EXPECT_EQ(attributes.at("ConfirmationWasAuthenticated"), "true");
  EXPECT_EQ(attributes.at("SubscriptionPrincipal"), "arn:aws:iam::000000000000:root");
  EXPECT_EQ(subscribe(""), first);
  EXPECT_EQ(subscribe("false"), first);
  const auto other = subscribe("true");
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().cause,
            "Invalid parameter: Attributes Reason: Subscription already exists with different "
            "attributes");
}

class SnsMail : public Sns {
 protected:
  std::string topic_ = text(
      call("sns", "CreateTopic", {{"Name", "t"}, {"Attributes", {{"DisplayName", "Nightly"}}}}),
      "TopicArn");

  json::object subscribe(std::string_view protocol, json::object more = {}) {
    more["TopicArn"] = topic_;
    more["Protocol"] = protocol;
    more["Endpoint"] = "operator@example.com";
    return call("sns", "Subscribe", std::move(more));
  }
  // The mails that wait, which are then sent.
  std::vector<json::object> sent(const json::object& outcome = {}) {
    std::vector<json::object> mails;
    for (const Effect& effect : kernel_->pending_effects()) {
      if (effect.kind == "mail.send") mails.push_back(effect.payload);
      kernel_->outcome("sns", {.id = effect.id, .payload = outcome});
    }
    kernel_->run_until_idle(now_, now_);
    return mails;
  }
  static std::string token_in(const std::string& body) {
    const std::size_t at = body.find("Token=") + 6;
    return body.substr(at, body.find('\n', at) - at);
  }
};

TEST_F(SnsMail, ASubscriptionWaitsForItsConfirmation) {
  EXPECT_EQ(text(subscribe("email"), "SubscriptionArn"), "pending confirmation");
  auto mails = sent();
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_EQ(text(mails[0], "To"), "operator@example.com");
  EXPECT_EQ(text(mails[0], "FromName"), "Nightly");
  EXPECT_EQ(text(mails[0], "Subject"), "AWS Notification - Subscription Confirmation");
  const std::string token = token_in(text(mails[0], "Body"));
  const json::object list = call("sns", "ListSubscriptionsByTopic", {{"TopicArn", topic_}});
  EXPECT_EQ(list.at("Subscriptions").at(0).at("SubscriptionArn"), "PendingConfirmation");
  call("sns", "Publish", {{"TopicArn", topic_}, {"Message", "too soon"}});
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(refused("ConfirmSubscription", {{"TopicArn", topic_}, {"Token", "x"}}),
            "InvalidParameterException");
  const std::string arn =
      text(call("sns", "ConfirmSubscription", {{"TopicArn", topic_}, {"Token", token}}),
           "SubscriptionArn");
  call("sns", "Publish", {{"TopicArn", topic_}, {"Message", "It failed."}, {"Subject", "Batch"}});
  mails = sent();
  ASSERT_EQ(mails.size(), 1U);
  EXPECT_EQ(text(mails[0], "Subject"), "Batch");
  EXPECT_TRUE(text(mails[0], "Body").starts_with("It failed.\n"));
  EXPECT_NE(text(mails[0], "Body").find("Action=Unsubscribe&SubscriptionArn="), std::string::npos);
  EXPECT_EQ(text(subscribe("email"), "SubscriptionArn"), arn);
  EXPECT_TRUE(sent().empty());
}

TEST_F(SnsMail, SubscribingAgainAsksAgain) {
  const std::string arn =
      text(subscribe("email", {{"ReturnSubscriptionArn", true}}), "SubscriptionArn");
  EXPECT_TRUE(arn.starts_with(topic_ + ":"));
  const auto first = sent();
  subscribe("email");
  const auto second = sent();
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(token_in(text(first[0], "Body")), token_in(text(second[0], "Body")));
}

TEST_F(SnsMail, WhatWasNotConfirmedIsRemovedAfterTwoDays) {
  subscribe("email");
  const std::string token = token_in(text(sent()[0], "Body"));
  EXPECT_EQ(kernel_->run_until_idle(now_), now_ + 48h);
  now_ += 48h;
  EXPECT_EQ(refused("ConfirmSubscription", {{"TopicArn", topic_}, {"Token", token}}),
            "InvalidParameterException");
  const json::object list = call("sns", "ListSubscriptionsByTopic", {{"TopicArn", topic_}});
  EXPECT_TRUE(list.at("Subscriptions").as_array().empty());
}

TEST_F(SnsMail, JsonIsTheSignedEnvelope) {
  subscribe("email-json");
  auto mails = sent();
  EXPECT_EQ(mails[0].at("Sign"), "1");
  const auto asked = parse_json(text(mails[0], "Body"));
  EXPECT_EQ(asked->at("Type"), "SubscriptionConfirmation");
  call("sns", "ConfirmSubscription", {{"TopicArn", topic_}, {"Token", asked->at("Token")}});
  call("sns", "Publish", {{"TopicArn", topic_}, {"Message", "m"}});
  mails = sent();
  EXPECT_EQ(text(mails[0], "Subject"), "AWS Notification Message");
  EXPECT_EQ(parse_json(text(mails[0], "Body"))->at("Message"), "m");
}

TEST_F(SnsMail, AFailedMailIsTriedFiftyTimesInSixHours) {
  subscribe("email");
  const Timestamp begin = now_;
  std::size_t tries = 0;
  for (; tries < 60; ++tries) {
    if (sent({{"Error", "MailFailed"}, {"Cause", "no answer"}}).empty()) break;
    const auto next = kernel_->next_timer();
    if (!next || *next - begin > 12h) break;
    now_ = *next;
    kernel_->run_until_idle(now_, now_);
  }
  EXPECT_EQ(tries + 1, 50U);
  EXPECT_GT(now_ - begin, 6h);
  EXPECT_LT(now_ - begin, 8h);
}

TEST_F(SnsMail, ARefusedMailIsNotTriedAgain) {
  subscribe("email");
  sent({{"Error", "MailRefused"}, {"Cause", "no such user"}, {"Permanent", true}});
  for (const Effect& effect : kernel_->pending_effects()) EXPECT_EQ(effect.kind, "server.log");
  EXPECT_EQ(kernel_->next_timer(), now_ + 48h);
}

TEST_F(SnsMail, RefusesWhatIsNoAddress) {
  for (const char* address : {"operator", "a@b.c\r\nBcc: x@y.z", "a@b.c,d@e.f", "<a@b.c>", ""})
    EXPECT_EQ(
        refused("Subscribe", {{"TopicArn", topic_}, {"Protocol", "email"}, {"Endpoint", address}}),
        "InvalidParameterException")
        << address;
  EXPECT_EQ(refused("Subscribe", {{"TopicArn", topic_},
                                  {"Protocol", "email"},
                                  {"Endpoint", "a@b.c"},
                                  {"Attributes", {{"RawMessageDelivery", "true"}}}}),
            "InvalidParameterException");
}

TEST_F(Sns, AttributesOfATopicAreChecked) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "t"}}), "TopicArn");
  const std::vector<std::pair<const char*, std::string>> bad = {
      {"Unknown", "x"},
      {"FifoTopic", "true"},
      {"ContentBasedDeduplication", "true"},
      {"DisplayName", std::string(101, 'x')},
      {"DisplayName", "a\nb"},
      {"Policy", "{"},
      {"SignatureVersion", "3"},
      {"TracingConfig", "On"},
      {"DeliveryPolicy", "{}"},
      {"HTTPFailureFeedbackRoleArn", "arn:aws:iam::000000000000:role/r"}};
  for (const auto& [name, value] : bad) {
    EXPECT_EQ(refused("SetTopicAttributes",
                      {{"TopicArn", topic}, {"AttributeName", name}, {"AttributeValue", value}}),
              "InvalidParameterException")
        << name;
  }
  const json::object attributes =
      call("sns", "GetTopicAttributes", {{"TopicArn", topic}}).at("Attributes").as_object();
  EXPECT_TRUE(attributes.contains("EffectiveDeliveryPolicy"));
  EXPECT_TRUE(parse_json(text(attributes, "Policy")));
  EXPECT_EQ(refused("CreateTopic", {{"Name", "t"}, {"Attributes", {{"DisplayName", "other"}}}}),
            "InvalidParameterException");
  EXPECT_EQ(refused("CreateTopic",
                    {{"Name", "t"}, {"Tags", json::array{{{"Key", "a"}, {"Value", "b"}}}}}),
            "InvalidParameterException");
}

TEST_F(Sns, PermissionsAreStatementsOfThePolicy) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "t"}}), "TopicArn");
  const json::object permission{{"TopicArn", topic},
                                {"Label", "one"},
                                {"AWSAccountId", json::array{"111111111111"}},
                                {"ActionName", json::array{"Publish"}}};
  call("sns", "AddPermission", permission);
  EXPECT_EQ(refused("AddPermission", permission), "InvalidParameterException");
  const auto statements = [&] {
    const json::object got = call("sns", "GetTopicAttributes", {{"TopicArn", topic}});
    const auto policy = parse_json(text(got.at("Attributes").as_object(), "Policy"));
    return policy->at("Statement").as_array().size();
  };
  EXPECT_EQ(statements(), 2U);
  call("sns", "RemovePermission", {{"TopicArn", topic}, {"Label", "one"}});
  EXPECT_EQ(statements(), 1U);
}

TEST_F(Sns, AnUndeliverableMessageGoesToTheDeadLetterQueue) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "t"}}), "TopicArn");
  const std::string dead = text(call("sqs", "CreateQueue", {{"QueueName", "dead"}}), "QueueUrl");
  const auto subscribe = [&](const char* policy) {
    return json::object{
        {"TopicArn", topic},
        {"Protocol", "sqs"},
        {"Endpoint", "arn:aws:sqs:ap-northeast-1:000000000000:gone"},
        {"Attributes", {{"RedrivePolicy", policy}, {"RawMessageDelivery", "true"}}}};
  };
  EXPECT_EQ(refused("Subscribe", subscribe(R"({"deadLetterTargetArn":"dead"})")),
            "InvalidParameterException");
  call("sns", "Subscribe",
       subscribe(R"({"deadLetterTargetArn":"arn:aws:sqs:ap-northeast-1:000000000000:dead"})"));
  call("sns", "Publish", {{"TopicArn", topic}, {"Message", "m"}});
  const json::object got = call(
      "sqs", "ReceiveMessage", {{"QueueUrl", dead}, {"MessageAttributeNames", json::array{"All"}}});
  const json::object& message = got.at("Messages").at(0).as_object();
  EXPECT_EQ(text(message, "Body"), "m");
  EXPECT_TRUE(message.at("MessageAttributes").as_object().contains("ErrorCode"));
}

TEST_F(Sns, AQueueOfAnotherAccountIsNotOurs) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "t"}}), "TopicArn");
  const std::string dead = text(call("sqs", "CreateQueue", {{"QueueName", "dead"}}), "QueueUrl");
  const std::string ours = text(call("sqs", "CreateQueue", {{"QueueName", "q"}}), "QueueUrl");
  call("sns", "Subscribe",
       {{"TopicArn", topic},
        {"Protocol", "sqs"},
        {"Endpoint", "arn:aws:sqs:ap-northeast-1:111111111111:q"},
        {"Attributes",
         {{"RedrivePolicy",
           R"({"deadLetterTargetArn":"arn:aws:sqs:ap-northeast-1:000000000000:dead"})"},
          {"RawMessageDelivery", "true"}}}});
  call("sns", "Publish", {{"TopicArn", topic}, {"Message", "m"}});
  const auto body_in = [&](const std::string& url) {
    const json::object got = call("sqs", "ReceiveMessage", {{"QueueUrl", url}});
    return got.contains("Messages") ? text(got.at("Messages").at(0).as_object(), "Body") : "";
  };
  EXPECT_EQ(body_in(ours), "");
  EXPECT_EQ(body_in(dead), "m");
}

TEST_F(Sns, BatchesAndAttributesOfMessagesAreChecked) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "t"}}), "TopicArn");
  const auto batch = [&](json::array entries) {
    return json::object{{"TopicArn", topic}, {"PublishBatchRequestEntries", std::move(entries)}};
  };
  const json::object entry{{"Id", "1"}, {"Message", "m"}};
  EXPECT_EQ(refused("PublishBatch", batch({})), "EmptyBatchRequestException");
  EXPECT_EQ(refused("PublishBatch", batch({entry, entry})), "BatchEntryIdsNotDistinctException");
  EXPECT_EQ(refused("PublishBatch", batch({{{"Id", "1"}, {"Message", std::string(200'000, 'x')}},
                                           {{"Id", "2"}, {"Message", std::string(200'000, 'x')}}})),
            "BatchRequestTooLongException");
  const auto with = [&](json::object attribute) {
    return json::object{{"TopicArn", topic},
                        {"Message", "m"},
                        {"MessageAttributes", {{"a", std::move(attribute)}}}};
  };
  for (const auto& bad : {json::object{{"DataType", "String"}, {"StringValue", ""}},
                          json::object{{"DataType", "String"}},
                          json::object{{"DataType", "Number"}, {"StringValue", "x"}},
                          json::object{{"DataType", "Binary"}, {"StringValue", "x"}},
                          json::object{{"DataType", "String.Array"}, {"StringValue", "x"}}})
    EXPECT_EQ(refused("Publish", with(bad)), "InvalidParameterValueException");
  EXPECT_EQ(refused("Publish", {{"TopicArn", topic},
                                {"Message", std::string(262'144, 'x')},
                                {"MessageAttributes",
                                 {{"a", {{"DataType", "String"}, {"StringValue", "x"}}}}}}),
            "InvalidParameterException");
}

TEST_F(Sns, AnArnHasSixElements) {
  for (const char* operation : {"GetTopicAttributes", "DeleteTopic", "ListSubscriptionsByTopic"})
    EXPECT_EQ(refused(operation, {{"TopicArn", "topic"}}), "InvalidParameterException");
  for (const char* operation : {"GetSubscriptionAttributes", "Unsubscribe"})
    EXPECT_EQ(refused(operation, {{"SubscriptionArn", "PendingConfirmation"}}),
              "InvalidParameterException");
  EXPECT_EQ(refused("ListTagsForResource",
                    {{"ResourceArn", "arn:aws:sns:ap-northeast-1:000000000000:none"}}),
            "ResourceNotFoundException");
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
  for (const std::string_view subject : {"a\u0085b", "a\u009bb", "a\u2028b"})
    EXPECT_EQ(refused("Publish", {{"TopicArn", topic}, {"Message", "m"}, {"Subject", subject}}),
              "InvalidParameterException");
  call("sns", "Publish", {{"TopicArn", topic}, {"Message", "m"}, {"Subject", "\u00a0é基"}});
  for (const std::string_view endpoint :
       {"http://", "http:///x", "http://:80/", "http://u:p@/", "http://?a", "http://a b/"})
    EXPECT_EQ(
        refused("Subscribe", {{"TopicArn", topic}, {"Protocol", "http"}, {"Endpoint", endpoint}}),
        "InvalidParameterException")
        << endpoint;
  EXPECT_EQ(refused("Publish", {{"TopicArn", topic}, {"Message", "m"}, {"Subject", "a\nb"}}),
            "InvalidParameterException");
  EXPECT_EQ(
      refused("Publish", {{"TopicArn", topic}, {"Message", "m"}, {"MessageDeduplicationId", "d"}}),
      "InvalidParameterException");
}

}  // namespace
}  // namespace kiban::services::sns
