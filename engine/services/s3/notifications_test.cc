#include <gmock/gmock.h>

#include "services/base/table_service.h"
#include "services/events/service.h"
#include "services/s3/service.h"
#include "services/sns/service.h"
#include "services/sqs/service.h"
#include "store/blobs.h"
#include "testing/service_fixture.h"

namespace kiban::services::s3 {
namespace {

class Notifications : public ServiceTest {
 protected:
  explicit Notifications(std::unique_ptr<store::Blobs> blobs = store::make_memory_blobs())
      : ServiceTest("s3", {make_s3, sqs::make_sqs, sns::make_sns, events::make_events},
                    {.blobs = blobs.get()}),
        blobs_(std::move(blobs)) {
    call("CreateBucket",
         {{"Bucket", "inbox"}, {"CreateBucketConfiguration", {{"LocationConstraint", region}}}});
    queue_ = text(call("sqs", "CreateQueue", {{"QueueName", "q"}}), "QueueUrl");
  }
  static constexpr std::string_view region = "ap-northeast-1";
  static constexpr std::string_view queue_arn = "arn:aws:sqs:ap-northeast-1:000000000000:q";

  static json::object to_queue(json::array events, json::array filter = {},
                               std::string_view arn = queue_arn) {
    json::object entry{{"QueueArn", arn}, {"Events", std::move(events)}};
    if (!filter.empty()) entry["Filter"] = {{"Key", {{"FilterRules", std::move(filter)}}}};
    return entry;
  }
  static json::object request(json::array queues) {
    return {{"Bucket", "inbox"},
            {"NotificationConfiguration", {{"QueueConfigurations", std::move(queues)}}}};
  }
  Error refused_queues(json::array queues) {
    return refusal("PutBucketNotificationConfiguration", request(std::move(queues)));
  }
  json::object put(std::string_view key) {
    return call("PutObject", {{"Bucket", "inbox"}, {"Key", key}});
  }
  // What lies in the queue, oldest first.
  std::vector<json::object> received(const std::string& url) {
    std::vector<json::object> out;
    for (int i = 0; i < 20; ++i) {
      const json::object reply =
          call("sqs", "ReceiveMessage", {{"QueueUrl", url}, {"WaitTimeSeconds", 0}});
      const json::array* messages = find_array(reply, "Messages");
      if (!messages || messages->empty()) break;
      out.push_back(
          parse_json(text(messages->at(0).as_object(), "Body")).value_or(nullptr).as_object());
    }
    return out;
  }
  static json::object record(const json::object& message) {
    return message.at("Records").at(0).as_object();
  }

  std::unique_ptr<store::Blobs> blobs_;
  std::string queue_{};
};

TEST_F(Notifications, AQueueIsTestedAndThenToldOfWhatPassesTheFilter) {
  call("PutBucketNotificationConfiguration",
       request({to_queue(
           {"s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"},
           {{{"Name", "prefix"}, {"Value", "in/"}}, {{"Name", "Suffix"}, {"Value", ".csv"}}})}));
  std::vector<json::object> messages = received(queue_);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(text(messages[0], "Event"), "s3:TestEvent");
  EXPECT_EQ(text(messages[0], "Bucket"), "inbox");

  put("in/a b.csv");
  put("in/a.txt");
  put("out/a.csv");
  call("DeleteObject", {{"Bucket", "inbox"}, {"Key", "in/a b.csv"}});
  messages = received(queue_);
  ASSERT_EQ(messages.size(), 2U);
  const json::object created = record(messages[0]);
  EXPECT_EQ(created.at("eventName"), "ObjectCreated:Put");
  EXPECT_EQ(created.at("eventVersion"), "2.1");
  EXPECT_EQ(text(created, "awsRegion"), region);
  EXPECT_EQ(created.at("s3").at("bucket").at("arn"), "arn:aws:s3:::inbox");
  const json::object object = created.at("s3").at("object").as_object();
  EXPECT_EQ(object.at("key"), "in/a+b.csv");
  EXPECT_EQ(object.at("size"), 0);
  EXPECT_EQ(object.at("eTag"), "d41d8cd98f00b204e9800998ecf8427e");
  const json::object removed = record(messages[1]);
  EXPECT_EQ(removed.at("eventName"), "ObjectRemoved:Delete");
  EXPECT_FALSE(removed.at("s3").at("object").as_object().contains("size"));
  EXPECT_GT(text(removed.at("s3").at("object").as_object(), "sequencer"),
            text(object, "sequencer"));
}

TEST_F(Notifications, EachWayToChangeAnObjectHasItsName) {
  call("PutBucketVersioning",
       {{"Bucket", "inbox"}, {"VersioningConfiguration", {{"Status", "Enabled"}}}});
  call("PutBucketNotificationConfiguration",
       request({to_queue({"s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*"})}));
  received(queue_);
  put("a");
  call("CopyObject", {{"Bucket", "inbox"}, {"Key", "b"}, {"CopySource", "inbox/a"}});
  call("PutObjectTagging",
       {{"Bucket", "inbox"}, {"Key", "a"}, {"Tagging", {{"TagSet", json::array{}}}}});
  const json::object gone = call("DeleteObject", {{"Bucket", "inbox"}, {"Key", "a"}});
  call("DeleteObject", {{"Bucket", "inbox"}, {"Key", "a"}, {"VersionId", gone.at("VersionId")}});
  std::vector<std::string> names;
  for (const json::object& message : received(queue_))
    names.push_back(text(record(message), "eventName"));
  EXPECT_THAT(names,
              testing::ElementsAre("ObjectCreated:Put", "ObjectCreated:Copy", "ObjectTagging:Put",
                                   "ObjectRemoved:DeleteMarkerCreated", "ObjectRemoved:Delete"));
}

TEST_F(Notifications, EventsReachRulesOfTheDefaultBus) {
  call("events", "PutRule",
       {{"Name", "arrivals"},
        {"EventPattern",
         R"({"source":["aws.s3"],"detail-type":["Object Created","Object Deleted"]})"}});
  call("events", "PutTargets",
       {{"Rule", "arrivals"}, {"Targets", {{{"Id", "q"}, {"Arn", queue_arn}}}}});
  put("unheard");
  call("PutBucketNotificationConfiguration",
       {{"Bucket", "inbox"},
        {"NotificationConfiguration", {{"EventBridgeConfiguration", json::object{}}}}});
  put("a");
  call("DeleteObject", {{"Bucket", "inbox"}, {"Key", "a"}});
  kernel_->run_until_idle(now_);
  const std::vector<json::object> events = received(queue_);
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].at("detail-type"), "Object Created");
  EXPECT_EQ(events[0].at("resources").at(0), "arn:aws:s3:::inbox");
  EXPECT_EQ(events[0].at("detail").at("bucket").at("name"), "inbox");
  EXPECT_EQ(events[0].at("detail").at("object").at("key"), "a");
  EXPECT_EQ(events[0].at("detail").at("reason"), "PutObject");
  EXPECT_EQ(events[1].at("detail-type"), "Object Deleted");
  EXPECT_EQ(events[1].at("detail").at("deletion-type"), "Permanently Deleted");
}

TEST_F(Notifications, ATopicIsToldToo) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "t"}}), "TopicArn");
  call("sns", "Subscribe",
       {{"TopicArn", topic},
        {"Protocol", "sqs"},
        {"Endpoint", queue_arn},
        {"Attributes", {{"RawMessageDelivery", "true"}}}});
  const json::object entry{{"TopicArn", topic}, {"Events", {"s3:ObjectCreated:Put"}}};
  call("PutBucketNotificationConfiguration",
       {{"Bucket", "inbox"},
        {"NotificationConfiguration", {{"TopicConfigurations", json::array{entry}}}}});
  put("a");
  const std::vector<json::object> messages = received(queue_);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(text(messages[0], "Event"), "s3:TestEvent");
  EXPECT_EQ(record(messages[1]).at("eventName"), "ObjectCreated:Put");
}

TEST_F(Notifications, WhatAwsRefusesIsRefused) {
  const auto text_of = [&](json::array queues) { return refused_queues(std::move(queues)).cause; };
  EXPECT_EQ(text_of({to_queue({"s3:ObjectCreated:*"}, {},
                              "arn:aws:sqs:ap-northeast-1:000000000000:absent")}),
            "Unable to validate the following destination configurations");
  EXPECT_EQ(
      text_of({to_queue({"s3:ObjectCreated:*"}, {}, "arn:aws:sqs:ap-northeast-1:111111111111:q")}),
      "Unable to validate the following destination configurations");
  EXPECT_THAT(
      text_of({to_queue({"s3:ObjectCreated:*"}, {}, "arn:aws:sqs:eu-west-1:000000000000:q")}),
      testing::HasSubstr("destination service region"));
  EXPECT_EQ(text_of({to_queue({"s3:ObjectCreated:*"}, {}, "q")}), "The ARN is not well formed");
  EXPECT_THAT(text_of({to_queue({"s3:ObjectCreated:*"}, {},
                                "arn:aws:sqs:ap-northeast-1:000000000000:q.fifo")}),
              testing::HasSubstr("FIFO"));
  EXPECT_EQ(text_of({to_queue({"s3:ObjectInvented:*"})}),
            "A specified event is not supported for notifications.");
  EXPECT_THAT(text_of({to_queue({"s3:ObjectCreated:*"}), to_queue({"s3:ObjectCreated:Put"})}),
              testing::StartsWith("Configurations overlap"));
  const json::array csv{{{"Name", "suffix"}, {"Value", ".csv"}}};
  const json::array v{{{"Name", "suffix"}, {"Value", "v"}}};
  EXPECT_THAT(
      text_of({to_queue({"s3:ObjectCreated:*"}, csv), to_queue({"s3:ObjectCreated:Put"}, v)}),
      testing::StartsWith("Configuration is ambiguously defined"));
  EXPECT_EQ(text_of({to_queue({"s3:ObjectCreated:*"}, {{{"Name", "infix"}, {"Value", "a"}}})}),
            "filter rule name must be either prefix or suffix");
  EXPECT_EQ(text_of({to_queue({"s3:ObjectCreated:*"}, {csv[0], v[0]})}),
            "Cannot specify more than one suffix rule in a filter.");
  const json::object lambda{
      {"LambdaFunctionArn", "arn:aws:lambda:ap-northeast-1:000000000000:function:f"},
      {"Events", {"s3:ObjectCreated:*"}}};
  EXPECT_EQ(refused("PutBucketNotificationConfiguration",
                    {{"Bucket", "inbox"},
                     {"NotificationConfiguration",
                      {{"LambdaFunctionConfigurations", json::array{lambda}}}}}),
            "InvalidArgument")
      << "no such function";
  EXPECT_EQ(call("GetBucketNotificationConfiguration", {{"Bucket", "inbox"}}), json::object{});
}

TEST_F(Notifications, AConfigurationIsReturnedAsAwsWritesIt) {
  call("PutBucketNotificationConfiguration",
       request({to_queue({"s3:ObjectCreated:*"}, {{{"Name", "prefix"}, {"Value", "a"}}}),
                to_queue({"s3:ObjectCreated:*"}, {{{"Name", "prefix"}, {"Value", "b"}}})}));
  const json::object kept = call("GetBucketNotificationConfiguration", {{"Bucket", "inbox"}});
  const json::array& queues = kept.at("QueueConfigurations").as_array();
  ASSERT_EQ(queues.size(), 2U);
  EXPECT_FALSE(text(queues[0].as_object(), "Id").empty());
  EXPECT_EQ(queues[0].at("Filter").at("Key").at("FilterRules").at(0).at("Name"), "Prefix");
  call("PutBucketNotificationConfiguration",
       {{"Bucket", "inbox"}, {"NotificationConfiguration", json::object{}}});
  EXPECT_EQ(call("GetBucketNotificationConfiguration", {{"Bucket", "inbox"}}), json::object{});
}

}  // namespace
}  // namespace kiban::services::s3
