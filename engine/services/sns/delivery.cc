#include "services/sns/delivery.h"

#include <fmt/format.h>

#include "api/codec.h"
#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/sns/mail.h"

namespace kiban::services::sns {
namespace {

// Default delivery policy of HTTP/S:
// https://docs.aws.amazon.com/sns/latest/dg/creating-delivery-policy.html
constexpr std::int64_t post_retries_max = 3;
constexpr std::chrono::seconds post_retry_delay{20};

bool is_raw(const Subscription& subscription) {
  return text(subscription.attributes, "RawMessageDelivery") == "true";
}

std::string dead_letters_of(const Subscription& subscription) {
  const auto policy = parse_json(text(subscription.attributes, "RedrivePolicy", "{}"));
  return policy && policy->is_object() ? text(policy->get_object(), "deadLetterTargetArn")
                                       : std::string();
}

// As SNS on behalf of the topic: the queue's policy decides.
// https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html
Result<void> send_to_queue(Context& context, std::string_view topic_arn, std::string_view queue_arn,
                           json::object input) {
  const auto queue = parse_arn(queue_arn);
  if (!queue) return fail("InvalidQueue", "it has no ARN");
  if (queue->account != context.caller().account)  // No other account's queues are here.
    return fail("QueueDoesNotExist", "The specified queue does not exist.");
  const Caller sns{.account = context.caller().account,
                   .region = queue->region,
                   .arn = "sns.amazonaws.com",
                   .source_arn = std::string(topic_arn),
                   .acts_for = std::string(topic_arn)};
  input["QueueUrl"] = fmt::format("{}/{}/{}", context.endpoint(), queue->account, queue->resource);
  // Only a FIFO queue knows a message again.
  if (!queue_arn.ends_with(".fifo")) input.erase("MessageDeduplicationId");
  KIBAN_TRY_VOID(context.call("sqs", "SendMessage", input, sns));
  return {};
}

// Without a dead-letter queue the message is lost, as on AWS.
// https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
void send_to_dead_letters(Context& context, std::string_view topic_arn, std::string_view queue_arn,
                          json::object input, const Error& error) {
  if (queue_arn.empty()) return;
  const auto attribute = [](std::string_view value) {
    return json::object{{"DataType", "String"}, {"StringValue", value.empty() ? "-" : value}};
  };
  json::object attributes;
  if (const json::object* given = find_object(input, "MessageAttributes")) attributes = *given;
  attributes["RequestID"] = attribute(context.random().uuid());
  attributes["ErrorCode"] = attribute(error.name);
  attributes["ErrorMessage"] = attribute(error.cause);
  input["MessageAttributes"] = std::move(attributes);
  (void)send_to_queue(context, topic_arn, queue_arn, std::move(input));
}

// Group and deduplication of a message, for the queues that want them.
json::object order_of(const Message& message) {
  json::object order;
  if (!message.group.empty()) order["MessageGroupId"] = message.group;
  if (!message.deduplication.empty()) order["MessageDeduplicationId"] = message.deduplication;
  return order;
}

// An envelope is signed before it is sent: on_outcome takes it on.
void deliver_to_queue(Context& context, const Subscription& subscription, const Message& message) {
  if (is_raw(subscription)) {
    json::object input = order_of(message);
    input["MessageBody"] = message.text;
    if (!message.attributes.empty()) input["MessageAttributes"] = message.attributes;
    const auto sent = send_to_queue(context, subscription.topic_arn, subscription.endpoint, input);
    if (!sent)
      send_to_dead_letters(context, subscription.topic_arn, dead_letters_of(subscription),
                           std::move(input), sent.error());
    return;
  }
  context.perform({.service = "sns",
                   .kind = "sns.sign",
                   .id = fmt::format("{}/{}", message.id, subscription.arn),
                   .payload = {{"TopicArn", subscription.topic_arn},
                               {"Queue", subscription.endpoint},
                               {"DeadLetters", dead_letters_of(subscription)},
                               {"Order", order_of(message)},
                               {"Body", print_json(envelope(context, subscription, message))},
                               {"Sign", message.signature_version}}});
}

// The record of an event has the envelope's members, two of them spelled otherwise.
// https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
Result<void> invoke_function(Context& context, const json::object& payload,
                             const std::string& envelope) {
  const auto arn = parse_arn(text(payload, "Function"));
  if (!arn) return fail("InvalidFunction", "it has no ARN");
  KIBAN_TRY(json::value record, parse_json(envelope));
  json::object& sns = record.as_object();
  for (const auto& [ours, theirs] : {std::pair{"SigningCertURL", "SigningCertUrl"},
                                     std::pair{"UnsubscribeURL", "UnsubscribeUrl"}}) {
    if (!sns.contains(ours)) continue;
    sns[theirs] = json::value(sns.at(ours));
    sns.erase(ours);
  }
  if (!sns.contains("Subject")) sns["Subject"] = nullptr;
  if (!sns.contains("MessageAttributes")) sns["MessageAttributes"] = json::object{};
  const json::object event{{"Records",
                            {{{"EventSource", "aws:sns"},
                              {"EventVersion", "1.0"},
                              {"EventSubscriptionArn", text(payload, "Subscription")},
                              {"Sns", std::move(record)}}}}};
  KIBAN_TRY_VOID(context.call("lambda", "Invoke",
                              {{"FunctionName", text(payload, "Function")},
                               {"InvocationType", "Event"},
                               {"Payload", api::encode_base64(print_json(event))}},
                              {.account = arn->account,
                               .region = arn->region,
                               .arn = "sns.amazonaws.com",
                               .source_arn = text(payload, "TopicArn"),
                               .acts_for = text(payload, "TopicArn")}));
  return {};
}

void deliver_to_function(Context& context, const Subscription& subscription,
                         const Message& message) {
  context.perform({.service = "sns",
                   .kind = "sns.sign",
                   .id = fmt::format("{}/{}", message.id, subscription.arn),
                   .payload = {{"Function", subscription.endpoint},
                               {"Subscription", subscription.arn},
                               {"TopicArn", subscription.topic_arn},
                               {"DeadLetters", dead_letters_of(subscription)},
                               {"Body", print_json(envelope(context, subscription, message))},
                               {"Sign", message.signature_version}}});
}

// A confirmation is no message: it never goes to a dead-letter queue.
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

void deliver_by_http(Context& context, const Subscription& subscription, const Message& message) {
  json::object payload = make_post(
      subscription, "Notification", message.id,
      is_raw(subscription) ? message.text : print_json(envelope(context, subscription, message)));
  if (is_raw(subscription))
    payload["Headers"].as_object()["x-amz-sns-rawdelivery"] = "true";
  else
    payload["Sign"] = message.signature_version;
  payload["DeadLetters"] = dead_letters_of(subscription);
  perform_delivery(context, payload);
}

// After the failed try `tries`: when the next is due, or nullopt.
std::optional<std::chrono::seconds> retry_delay(const json::object& payload, std::int64_t tries) {
  if (payload.contains("To")) return mail_retry_delay(tries);
  if (tries > post_retries_max) return std::nullopt;
  return post_retry_delay;
}

// The topic of a post, which its headers name, or of a mail.
std::string topic_of(const json::object& payload) {
  const json::object* headers = find_object(payload, "Headers");
  return headers ? text(*headers, "x-amz-sns-topic-arn") : text(payload, "TopicArn");
}

// The administrator hears of mails that do not go out: the first time and the last.
void log_failed_mail(Context& context, const json::object& payload, const Outcome& outcome,
                     bool last) {
  context.perform(
      {.service = "sns",
       .kind = "server.log",
       .id = fmt::format("log/{}/{}", text(payload, "Id"), number(payload, "Try", 0)),
       .payload = {
           {"Message", fmt::format("a mail to {} about {} was not sent{}: {}", text(payload, "To"),
                                   text(payload, "TopicArn"), last ? "" : ", it is tried again",
                                   text(outcome.payload, "Cause"))}}});
}

}  // namespace

json::object envelope(const Context& context, const Subscription& subscription,
                      const Message& message) {
  json::object out{
      {"Type", "Notification"}, {"MessageId", message.id}, {"TopicArn", message.topic_arn}};
  if (!message.subject.empty()) out["Subject"] = message.subject;
  out["Message"] = message.text;
  if (!message.sequence.empty()) out["SequenceNumber"] = message.sequence;
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

json::object to_json(const Subscription& subscription) {
  return {{"Arn", subscription.arn},
          {"TopicArn", subscription.topic_arn},
          {"Protocol", subscription.protocol},
          {"Endpoint", subscription.endpoint},
          {"Attributes", subscription.attributes},
          {"Pending", subscription.pending},
          {"Token", subscription.token},
          {"Authenticated", subscription.authenticated},
          {"Principal", subscription.principal}};
}

Subscription subscription_from(const json::object& row) {
  return {.arn = text(row, "Arn"),
          .topic_arn = text(row, "TopicArn"),
          .protocol = text(row, "Protocol"),
          .endpoint = text(row, "Endpoint"),
          .attributes = row.at("Attributes").as_object(),
          .pending = flag(row, "Pending"),
          .token = text(row, "Token"),
          .authenticated = flag(row, "Authenticated"),
          .principal = text(row, "Principal")};
}

void deliver(Context& context, const Subscription& subscription, const Message& message) {
  if (subscription.pending) return;
  if (subscription.protocol == "sqs") return deliver_to_queue(context, subscription, message);
  if (subscription.protocol == "lambda") return deliver_to_function(context, subscription, message);
  if (is_mail(subscription.protocol)) return mail_message(context, subscription, message);
  deliver_by_http(context, subscription, message);
}

json::object confirmation_envelope(const Context& context, const Subscription& subscription,
                                   std::string_view message_id) {
  return {
      {"Type", "SubscriptionConfirmation"},
      {"MessageId", message_id},
      {"Token", subscription.token},
      {"TopicArn", subscription.topic_arn},
      {"Message", fmt::format("You have chosen to subscribe to the topic {}.\nTo confirm the "
                              "subscription, visit the SubscribeURL included in this message.",
                              subscription.topic_arn)},
      {"SubscribeURL", fmt::format("{}/?Action=ConfirmSubscription&TopicArn={}&Token={}",
                                   context.endpoint(), subscription.topic_arn, subscription.token)},
      {"Timestamp", format_iso8601(context.now())}};
}

void request_confirmation(Context& context, const Subscription& subscription,
                          std::string_view signature_version) {
  const std::string id = context.random().uuid();
  json::object payload = make_post(subscription, "SubscriptionConfirmation", id,
                                   print_json(confirmation_envelope(context, subscription, id)));
  payload["Sign"] = signature_version;
  perform_delivery(context, payload);
}

void on_outcome(Context& context, const json::object& payload, const Outcome& outcome) {
  if (payload.contains("Message")) return;  // server.log
  if (const std::string queue = text(payload, "Queue"); !queue.empty()) {
    json::object input;
    if (const json::object* order = find_object(payload, "Order")) input = *order;
    // Unsigned when it could not be signed: better than lost.
    input["MessageBody"] = text(outcome.payload, "Body", text(payload, "Body"));
    const std::string topic = text(payload, "TopicArn");
    const auto sent = send_to_queue(context, topic, queue, input);
    if (!sent)
      send_to_dead_letters(context, topic, text(payload, "DeadLetters"), std::move(input),
                           sent.error());
    return;
  }
  if (payload.contains("Function")) {
    const std::string body = text(outcome.payload, "Body", text(payload, "Body"));
    const auto sent = invoke_function(context, payload, body);
    if (!sent)
      send_to_dead_letters(context, text(payload, "TopicArn"), text(payload, "DeadLetters"),
                           {{"MessageBody", body}}, sent.error());
    return;
  }
  if (!outcome.final) return;
  const bool mail = payload.contains("To");
  const std::int64_t status = number(outcome.payload, "Status", 0);
  const std::int64_t tries = number(payload, "Try", 0) + 1;
  const bool done = mail ? !outcome.payload.contains("Error") : status >= 200 && status < 300;
  if (done) return;
  // Permanent, as documented.
  const bool refused =
      mail ? flag(outcome.payload, "Permanent") : status >= 400 && status < 500 && status != 429;
  const auto delay = refused ? std::nullopt : retry_delay(payload, tries);
  if (mail && (tries == 1 || !delay)) log_failed_mail(context, payload, outcome, !delay);
  if (!delay)
    return send_to_dead_letters(
        context, topic_of(payload), text(payload, "DeadLetters"),
        {{"MessageBody", text(payload, "Body")}},
        {.name = status == 0 ? text(outcome.payload, "Error") : std::to_string(status),
         .cause = text(outcome.payload, "Cause", text(outcome.payload, "Reason"))});
  json::object next = payload;
  next["Try"] = tries;
  context.set_timer("sns", text(payload, "Id"), context.now() + *delay, std::move(next));
}

void perform_delivery(Context& context, const json::object& payload) {
  context.perform({.service = "sns",
                   .kind = payload.contains("To") ? "mail.send" : "http.post",
                   .id = fmt::format("{}/{}", text(payload, "Id"), number(payload, "Try", 0)),
                   .payload = payload});
}

}  // namespace kiban::services::sns
