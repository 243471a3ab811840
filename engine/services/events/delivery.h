// One event on its way to one target: the call, its retries, the dead-letter queue, the metrics.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
//
// A target is called in the batch that matched the event: once. A call that fails with something
// that may pass is tried again after 1 s, 2 s, 4 s ... at most 10 min, half of it random (AWS says
// "exponential back off and jitter" and no numbers), within RetryPolicy: by default 185 times and
// 24 hours. What can't pass (no permission, no such target, an input it refuses) is not tried
// again. A delivery that failed for good goes to the dead-letter queue, when there is one: the
// event, with the attributes RULE_ARN, TARGET_ARN, ERROR_CODE, ERROR_MESSAGE and, after retries,
// EXHAUSTED_RETRY_CONDITION and RETRY_ATTEMPTS.
#pragma once

#include <optional>
#include <string>

#include "services/base/service.h"

namespace kiban::services::events {

// Our bound on a chain of buses: each rule on the way sends the event to the next.
constexpr std::int64_t bus_hops_max = 5;
// Operations that only EventBridge itself calls; they are not in the API.
constexpr std::string_view route_operation = "kiban:Route";  // {"Bus", "Event", "Hops"}

struct Delivery {
  json::object rule{};  // The row.
  json::object target{};
  json::object event{};
  std::string input{};
  std::int64_t hops{0};
  std::int64_t retries{0};
  Timestamp began{};
  bool admitted{false};  // By the rate of its API destination.
};
json::object to_json(const Context& context, const Delivery& delivery);
Delivery delivery_from(const json::object& object);

struct Failure;
// The target took it, or it is tried again, or it goes to the dead letters.
void conclude(Context& context, Delivery delivery, const std::optional<Failure>& failure);

// Makes the target's input and delivers.
void deliver(Context& context, Delivery delivery);
// What `deliver` left in a timer.
void retry(Context& context, const json::object& payload);

// Metrics in AWS/Events, each 1, of the rule.
void count(Context& context, const json::object& rule,
           std::initializer_list<std::string_view> metrics);

}  // namespace kiban::services::events
