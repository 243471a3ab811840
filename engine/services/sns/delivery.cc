#include "services/sns/delivery.h"

#include <fmt/format.h>

#include "core/arn.h"
#include "services/base/table_service.h"

namespace kiban::services::sns {
namespace {

// Default delivery policy of HTTP/S:
// https://docs.aws.amazon.com/sns/latest/dg/creating-delivery-policy.html
constexpr std::int64_t post_retries_max = 3;
constexpr std::chrono::seconds post_retry_delay{20};

json::object envelope(const Context& context, const Subscription& subscription,
                      const Message& message) {
  json::object out{
      {"Type", "Notification"}, {"MessageId", message.id}, {"TopicArn", message.topic_arn}};
  if (!message.subject.empty()) out["Subject"] = message.subject;
  out["Message"] = message.text;
  out["Timestamp"] = format_iso8601(context.now());
  out["UnsubscribeURL"] = fmt::format("{}/?Action=Unsubscribe&SubscriptionArn={}",
                                      context.endpoint(), subscription.arn);
  json::object attributes;
  for (const auto& member : message.attributes) {
    const json::object& attribute = member.value().as_object();
    const json::string* binary = find_string(attribute, "BinaryValue");
    attributes[member.key()] = {
        {"Type", text(attribute, "DataType")},
        {"Value", binary ? to_string(*binary) : text(attribute, "StringValue")}};
  }
  if (!attributes.empty()) out["MessageAttributes"] = std::move(attributes);
  return out;
}

bool is_raw(const Subscription& subscription) {
  return text(subscription.attributes, "RawMessageDelivery") == "true";
}

// A queue that is gone or refuses loses the message, as on AWS without a dead-letter queue.
void send_to_queue(Context& context, std::string_view queue_arn, json::object input) {
  const auto queue = parse_arn(queue_arn);
  if (!queue) return;
  const Caller sns{.account = queue->account, .region = queue->region, .arn = "sns.amazonaws.com"};
  input["QueueUrl"] = fmt::format("{}/{}/{}", context.endpoint(), queue->account, queue->resource);
  (void)context.call("sqs", "SendMessage", input, sns);
}

// An envelope is signed before it is sent: on_outcome takes it on.
void deliver_to_queue(Context& context, const Subscription& subscription, const Message& message) {
  if (is_raw(subscription)) {
    json::object input{{"MessageBody", message.text}};
    if (!message.attributes.empty()) input["MessageAttributes"] = message.attributes;
    return send_to_queue(context, subscription.endpoint, std::move(input));
  }
  context.perform({.service = "sns",
                   .kind = "sns.sign",
                   .id = fmt::format("{}/{}", message.id, subscription.arn),
                   .payload = {{"Queue", subscription.endpoint},
                               {"Body", print_json(envelope(context, subscription, message))},
                               {"Sign", message.signature_version}}});
}

void post(Context& context, const json::object& payload) {
  context.perform({.service = "sns",
                   .kind = "http.post",
                   .id = fmt::format("{}/{}", text(payload, "Id"), number(payload, "Try", 0)),
                   .payload = payload});
}

json::object make_post(const Subscription& subscription, std::string_view type,
                       std::string_view message_id, std::string body) {
  return {{"Id", fmt::format("{}/{}", message_id, subscription.arn)},
          {"Try", 0},
          {"Url", subscription.endpoint},
          {"Headers",
           {{"Content-Type", "text/plain; charset=UTF-8"},
            {"User-Agent", "Amazon Simple Notification Service Agent"},
            {"x-amz-sns-message-type", type},
            {"x-amz-sns-message-id", message_id},
            {"x-amz-sns-topic-arn", subscription.topic_arn},
            {"x-amz-sns-subscription-arn", subscription.arn}}},
          {"Body", std::move(body)}};
}

}  // namespace

json::object to_json(const Subscription& subscription) {
  return {{"Arn", subscription.arn},
          {"TopicArn", subscription.topic_arn},
          {"Protocol", subscription.protocol},
          {"Endpoint", subscription.endpoint},
          {"Attributes", subscription.attributes},
          {"Pending", subscription.pending},
          {"Token", subscription.token}};
}

Subscription subscription_from(const json::object& row) {
  return {.arn = text(row, "Arn"),
          .topic_arn = text(row, "TopicArn"),
          .protocol = text(row, "Protocol"),
          .endpoint = text(row, "Endpoint"),
          .attributes = row.at("Attributes").as_object(),
          .pending = flag(row, "Pending"),
          .token = text(row, "Token")};
}

void deliver(Context& context, const Subscription& subscription, const Message& message) {
  if (subscription.pending) return;
  if (subscription.protocol == "sqs") return deliver_to_queue(context, subscription, message);
  json::object payload = make_post(
      subscription, "Notification", message.id,
      is_raw(subscription) ? message.text : print_json(envelope(context, subscription, message)));
  if (is_raw(subscription))
    payload["Headers"].as_object()["x-amz-sns-rawdelivery"] = "true";
  else
    payload["Sign"] = message.signature_version;
  post(context, payload);
}

void request_confirmation(Context& context, const Subscription& subscription,
                          std::string_view signature_version) {
  const std::string id = context.random().uuid();
  const json::object body{
      {"Type", "SubscriptionConfirmation"},
      {"MessageId", id},
      {"Token", subscription.token},
      {"TopicArn", subscription.topic_arn},
      {"Message", fmt::format("You have chosen to subscribe to the topic {}.\nTo confirm the "
                              "subscription, visit the SubscribeURL included in this message.",
                              subscription.topic_arn)},
      {"SubscribeURL", fmt::format("{}/?Action=ConfirmSubscription&TopicArn={}&Token={}",
                                   context.endpoint(), subscription.topic_arn, subscription.token)},
      {"Timestamp", format_iso8601(context.now())}};
  json::object payload = make_post(subscription, "SubscriptionConfirmation", id, print_json(body));
  payload["Sign"] = signature_version;
  post(context, payload);
}

void on_outcome(Context& context, const json::object& payload, const Outcome& outcome) {
  if (const std::string queue = text(payload, "Queue"); !queue.empty()) {
    // Unsigned when it could not be signed: better than lost.
    const std::string body = text(outcome.payload, "Body", text(payload, "Body"));
    return send_to_queue(context, queue, {{"MessageBody", body}});
  }
  const std::int64_t status = number(outcome.payload, "Status", 0);
  const std::int64_t tries = number(payload, "Try", 0);
  const bool done = status >= 200 && status < 300;
  const bool refused = status >= 400 && status < 500 && status != 429;  // Permanent, as documented.
  if (!outcome.final || done || refused || tries >= post_retries_max) return;
  json::object next = payload;
  next["Try"] = tries + 1;
  context.set_timer("sns", text(payload, "Id"), context.now() + post_retry_delay, std::move(next));
}

void retry_post(Context& context, const json::object& payload) { post(context, payload); }

}  // namespace kiban::services::sns
