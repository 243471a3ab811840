#include "services/sns/mail.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiban::services::sns {
namespace {

constexpr std::string_view default_sender = "AWS Notifications";
constexpr std::string_view default_subject = "AWS Notification Message";
constexpr std::string_view confirmation_subject = "AWS Notification - Subscription Confirmation";

constexpr std::int64_t early_tries = 2;
constexpr std::int64_t backoff_tries = 10;
constexpr std::int64_t tries_max = 50;
constexpr std::chrono::seconds delay_max{600};

// Value of a query parameter in a link.
std::string query_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       c == '-' || c == '_' || c == '.' || c == ':';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

void send(Context& context, const Subscription& subscription, std::string_view message_id,
          json::object payload) {
  payload["Id"] = fmt::format("{}/{}", message_id, subscription.arn);
  payload["Try"] = 0;
  payload["To"] = subscription.endpoint;
  payload["MessageId"] = message_id;
  payload["Date"] = epoch_seconds(context.now());
  payload["TopicArn"] = subscription.topic_arn;
  perform_delivery(context, payload);
}

}  // namespace

void mail_confirmation(Context& context, const Subscription& subscription,
                       const json::object& topic) {
  const std::string id = context.random().uuid();
  const std::string sender = text(topic, "DisplayName", default_sender);
  json::object payload{{"FromName", sender.empty() ? std::string(default_sender) : sender},
                       {"Subject", confirmation_subject}};
  if (subscription.protocol == "email-json") {
    payload["Body"] = print_json(confirmation_envelope(context, subscription, id));
    payload["Sign"] = text(topic, "SignatureVersion", "1");
  } else {
    payload["Body"] = fmt::format(
        "You have chosen to subscribe to the topic:\n{}\n\n"
        "To confirm this subscription, click or visit the link below (If this was in error no "
        "action is necessary):\n{}/?Action=ConfirmSubscription&TopicArn={}&Token={}\n\n--\n"
        "Please do not reply directly to this email.\n",
        subscription.topic_arn, context.endpoint(), query_value(subscription.topic_arn),
        subscription.token);
  }
  send(context, subscription, id, std::move(payload));
}

void mail_message(Context& context, const Subscription& subscription, const Message& message) {
  json::object payload{
      {"FromName", message.sender.empty() ? std::string(default_sender) : message.sender},
      {"Subject", message.subject.empty() ? std::string(default_subject) : message.subject}};
  if (subscription.protocol == "email-json") {
    payload["Body"] = print_json(envelope(context, subscription, message));
    payload["Sign"] = message.signature_version;
  } else {
    payload["Body"] = fmt::format(
        "{}\n\n\n--\nIf you wish to stop receiving notifications from this topic, please click or "
        "visit the link below to unsubscribe:\n{}/?Action=Unsubscribe&SubscriptionArn={}\n\n"
        "Please do not reply directly to this email.\n",
        message.text, context.endpoint(), query_value(subscription.arn));
  }
  send(context, subscription, message.id, std::move(payload));
}

std::optional<std::chrono::seconds> mail_retry_delay(std::int64_t tries) {
  if (tries >= tries_max) return std::nullopt;
  if (tries <= early_tries) return std::chrono::seconds{1};
  if (tries > early_tries + backoff_tries) return delay_max;
  return std::min(delay_max, std::chrono::seconds{1LL << (tries - early_tries)});
}

}  // namespace kiban::services::sns
