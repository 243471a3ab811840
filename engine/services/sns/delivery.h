// Carries one published message to one subscription.
#pragma once

#include <string>

#include "services/base/service.h"

namespace kiban::services::sns {

struct Subscription {
  std::string arn{};
  std::string topic_arn{};
  std::string protocol{};  // sqs, lambda, http, https, email or email-json.
  std::string endpoint{};  // ARN of a queue or function, URL or mail address.
  json::object attributes{};
  bool pending{false};        // Waits for ConfirmSubscription.
  std::string token{};        // What confirms it.
  bool authenticated{false};  // Only a signed request may end it.
  std::string principal{};    // Who subscribed.
};

struct Message {
  std::string id{};
  std::string topic_arn{};
  std::string sender{};  // The topic's display name.
  std::string subject{};
  std::string signature_version{"1"};  // Of the topic; AWS's default is 1.
  std::string text{};           // For this protocol, if the message had a structure of its own.
  std::string group{};          // MessageGroupId.
  std::string deduplication{};  // Of FIFO topics, as is the sequence number.
  std::string sequence{};
  json::object attributes{};
};

json::object to_json(const Subscription& subscription);
Subscription subscription_from(const json::object& row);

// Raw to SQS at once; what is signed, and to HTTP, by effect.
void deliver(Context& context, const Subscription& subscription, const Message& message);
void request_confirmation(Context& context, const Subscription& subscription,
                          std::string_view signature_version);
// A message that was signed goes to its queue or function. After a failed post or mail: the next
// try, or the dead-letter queue.
void on_outcome(Context& context, const json::object& payload, const Outcome& outcome);

// The JSON of a notification, and of what asks for a confirmation; not signed yet.
json::object envelope(const Context& context, const Subscription& subscription,
                      const Message& message);
json::object confirmation_envelope(const Context& context, const Subscription& subscription,
                                   std::string_view message_id);
// {"Id", "Try", "Url" or "To", …}: the try of that number.
void perform_delivery(Context& context, const json::object& payload);

}  // namespace kiban::services::sns
