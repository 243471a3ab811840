#include "services/events/delivery.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/arn.h"
#include "patterns/input.h"
#include "services/base/backoff.h"
#include "services/base/table_service.h"
#include "services/events/destinations.h"
#include "services/events/invoke.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_RetryPolicy.html
constexpr std::int64_t retries_default = 185;
constexpr std::int64_t age_seconds_default = 86'400;

std::string arn_of_rule(const Context& context, const json::object& rule) {
  return rule_arn(context, text(rule, "EventBusName"), text(rule, "Name"));
}

json::object attribute(std::string_view type, std::string_view value) {
  return {{"DataType", type}, {"StringValue", value}};
}

// Gives up: dead-letter queue and metrics. `condition`: which limit of the retry policy was
// reached; empty when it was not tried again.
void give_up(Context& context, const Delivery& delivery, const Failure& failure,
             std::string_view condition) {
  count(context, delivery.rule, {"Invocations", "FailedInvocations"});
  const json::object* config = find_object(delivery.target, "DeadLetterConfig");
  if (!config) return;
  const auto queue = parse_arn(text(*config, "Arn"));
  if (!queue) return;
  // An SQS attribute holds no empty text.
  const std::string message = failure.message.empty() ? failure.code : failure.message;
  json::object attributes{{"RULE_ARN", attribute("String", arn_of_rule(context, delivery.rule))},
                          {"TARGET_ARN", attribute("String", text(delivery.target, "Arn"))},
                          {"ERROR_CODE", attribute("String", failure.code)},
                          {"ERROR_MESSAGE", attribute("String", message)}};
  if (!condition.empty()) {
    attributes["EXHAUSTED_RETRY_CONDITION"] = attribute("String", condition);
    attributes["RETRY_ATTEMPTS"] = attribute("Number", std::to_string(delivery.retries));
  }
  // As the rule's account: another account's queue is refused.
  const auto sent = context.call(
      "sqs", "SendMessage",
      {{"QueueUrl", fmt::format("{}/{}/{}", context.endpoint(), queue->account, queue->resource)},
       {"MessageBody", print_json(delivery.event)},
       {"MessageAttributes", std::move(attributes)}},
      events_caller(context.caller().account, queue->region, arn_of_rule(context, delivery.rule)));
  count(context, delivery.rule, {sent ? "InvocationsSentToDlq" : "InvocationsFailedToBeSentToDlq"});
}

void retry_later(Context& context, const Delivery& delivery, Timestamp at) {
  json::object payload = to_json(context, delivery);
  payload["Kind"] = "retry";
  context.set_timer("events", fmt::format("retry/{}", context.random().uuid()), at,
                    std::move(payload));
}

void attempt(Context& context, Delivery delivery) {
  if (is_destination_arn(text(delivery.target, "Arn"))) {
    const Result<Timestamp> turn = turn_of(context, delivery);
    if (turn && *turn > context.now()) {
      delivery.admitted = true;
      return retry_later(context, delivery, *turn);
    }
    delivery.admitted = false;
    if (const auto failure = call_destination(context, delivery))
      conclude(context, std::move(delivery), failure);
    return;
  }
  const std::optional<Failure> failure =
      invoke(context, {.rule_name = text(delivery.rule, "Name"),
                       .rule_arn = arn_of_rule(context, delivery.rule),
                       .target = delivery.target,
                       .event = delivery.event,
                       .input = delivery.input,
                       .hops = delivery.hops});
  conclude(context, std::move(delivery), failure);
}

}  // namespace

json::object to_json(const Context& context, const Delivery& delivery) {
  return {
      {"Region", context.caller().region},
      {"Account", context.caller().account},
      {"Rule",
       {{"Name", delivery.rule.at("Name")}, {"EventBusName", delivery.rule.at("EventBusName")}}},
      {"Target", delivery.target},
      {"Event", delivery.event},
      {"Input", delivery.input},
      {"Hops", delivery.hops},
      {"Retries", delivery.retries},
      {"Began", delivery.began.time_since_epoch().count()},
      {"Admitted", delivery.admitted}};
}

Delivery delivery_from(const json::object& payload) {
  const auto object = [&](std::string_view key) {
    const json::object* found = find_object(payload, key);
    return found ? *found : json::object{};
  };
  return {.rule = object("Rule"),
          .target = object("Target"),
          .event = object("Event"),
          .input = text(payload, "Input"),
          .hops = number(payload, "Hops", 0),
          .retries = number(payload, "Retries", 0),
          .began = Timestamp{Duration{number(payload, "Began", 0)}},
          .admitted = flag(payload, "Admitted")};
}

void conclude(Context& context, Delivery delivery, const std::optional<Failure>& failure) {
  if (!failure) {
    count(context, delivery.rule, {"Invocations"});
    return;
  }
  if (!failure->may_pass) return give_up(context, delivery, *failure, "");
  const json::object* policy = find_object(delivery.target, "RetryPolicy");
  const json::object limits = policy ? *policy : json::object{};
  if (delivery.retries >= number(limits, "MaximumRetryAttempts", retries_default))
    return give_up(context, delivery, *failure, "MaximumRetryAttempts");
  const Timestamp end =
      delivery.began +
      std::chrono::seconds{number(limits, "MaximumEventAgeInSeconds", age_seconds_default)};
  if (context.now() >= end) return give_up(context, delivery, *failure, "MaximumEventAgeInSeconds");
  ++delivery.retries;
  count(context, delivery.rule, {"RetryInvocationAttempts"});
  const Duration delay = std::max(backoff(delivery.retries, context.random()), failure->not_before);
  // The last try is made as the event's age reaches its limit.
  retry_later(context, delivery, std::min(end, context.now() + delay));
}

void deliver(Context& context, Delivery delivery) {
  delivery.began = context.now();
  if (is_bus_arn(text(delivery.target, "Arn"))) return attempt(context, std::move(delivery));
  const auto made = patterns::TargetInput::parse(delivery.target);
  const Result<std::string> input =
      made ? made->apply(delivery.event, {.rule_arn = arn_of_rule(context, delivery.rule),
                                          .rule_name = text(delivery.rule, "Name"),
                                          .ingestion_time = context.now()})
           : Result<std::string>{std::unexpected(made.error())};
  if (!input)
    return give_up(context, delivery,
                   {.code = "INVALID_JSON", .message = input.error().cause, .may_pass = false}, "");
  delivery.input = *input;
  attempt(context, std::move(delivery));
}

void retry(Context& context, const json::object& payload) {
  attempt(context, delivery_from(payload));
}

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html
void count(Context& context, const json::object& rule,
           std::initializer_list<std::string_view> metrics) {
  std::vector<std::pair<std::string_view, std::string>> dimensions{
      {"RuleName", text(rule, "Name")}};
  if (const std::string bus = text(rule, "EventBusName"); bus != default_bus)
    dimensions.emplace_back("EventBusName", bus);
  for (const std::string_view metric : metrics)
    context.count({.metric_namespace = "AWS/Events",
                   .name = metric,
                   .unit = "Count",
                   .dimensions = dimensions,
                   .value = 1});
}

}  // namespace kiban::services::events
