// Carries one published message to one subscription.
#pragma once

#include <string>

#include "services/base/service.h"

namespace kiban::services::sns {

struct Subscription {
  std::string arn{};
  std::string topic_arn{};
  std::string protocol{};  // sqs, http or https.
  std::string endpoint{};  // Queue ARN or URL.
  json::object attributes{};
  bool pending{false};  // Waits for ConfirmSubscription.
  std::string token{};  // What confirms it.
};

struct Message {
  std::string id{};
  std::string topic_arn{};
  std::string subject{};
  std::string signature_version{"1"};  // Of the topic; AWS's default is 1.
  std::string text{};  // For this protocol, if the message had a structure of its own.
  json::object attributes{};
};

json::object to_json(const Subscription& subscription);
Subscription subscription_from(const json::object& row);

// Raw to SQS at once; what is signed, and to HTTP, by effect.
void deliver(Context& context, const Subscription& subscription, const Message& message);
void request_confirmation(Context& context, const Subscription& subscription,
                          std::string_view signature_version);
// A message that was signed goes to its queue. After a failed post: the next try, or none.
void on_outcome(Context& context, const json::object& payload, const Outcome& outcome);
void retry_post(Context& context, const json::object& payload);

}  // namespace kiban::services::sns
