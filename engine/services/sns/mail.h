// Mails to subscribers by the protocols `email` and `email-json`: effects mail.send.
// https://docs.aws.amazon.com/sns/latest/dg/sns-email-notifications.html
#pragma once

#include <string_view>

#include "services/sns/delivery.h"

namespace kiban::services::sns {

constexpr bool is_mail(std::string_view protocol) {
  return protocol == "email" || protocol == "email-json";
}

// With the link that confirms the subscription. `topic`: the attributes of the topic.
void mail_confirmation(Context& context, const Subscription& subscription,
                       const json::object& topic);
void mail_message(Context& context, const Subscription& subscription, const Message& message);

// After a failed try: when the next one is due, or nullopt after the last. `tries` counts those
// that failed. Fifty in six hours, as AWS does by SMTP:
// https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
std::optional<std::chrono::seconds> mail_retry_delay(std::int64_t tries);

}  // namespace kiban::services::sns
