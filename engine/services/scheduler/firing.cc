#include "services/scheduler/firing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/model.h"
#include "core/arn.h"
#include "services/base/backoff.h"
#include "services/base/table_service.h"
#include "services/scheduler/names.h"
#include "services/scheduler/targets.h"

namespace kiban::services::scheduler {
namespace {

// What a message of the dead-letter queue may have, attributes included.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
constexpr std::size_t message_bytes_max = 1'048'576;
constexpr std::size_t attribute_bytes_max = 8'192;
constexpr std::size_t error_message_max = 1'024;

// One firing on its way to the target.
struct Delivery {
  std::string group{};
  std::string name{};
  std::string id{};  // Of the schedule's row.
  Timestamp scheduled{};
  Timestamp began{};
  std::int64_t retries{0};
};

struct Failure {
  std::string code{};  // As the target's API has it on the wire.
  std::string message{};
  bool may_pass{true};
  bool throttled{false};
};

json::object to_json(const Delivery& delivery) {
  return {{"Kind", "retry"},
          {"Group", delivery.group},
          {"Name", delivery.name},
          {"Id", delivery.id},
          {"Scheduled", milliseconds_of(delivery.scheduled)},
          {"Began", milliseconds_of(delivery.began)},
          {"Retries", delivery.retries}};
}

Delivery delivery_from(const json::object& payload) {
  return {.group = text(payload, "Group"),
          .name = text(payload, "Name"),
          .id = text(payload, "Id"),
          .scheduled = timestamp_of(number(payload, "Scheduled")),
          .began = timestamp_of(number(payload, "Began")),
          .retries = number(payload, "Retries")};
}

// https://docs.aws.amazon.com/scheduler/latest/UserGuide/monitoring-cloudwatch.html
void count(Context& context, const Delivery& delivery, const std::vector<std::string>& metrics) {
  const json::array dimensions{{{"Name", "ScheduleGroup"}, {"Value", delivery.group}}};
  json::array data;
  for (const std::string& metric : metrics)
    data.push_back(
        {{"MetricName", metric}, {"Value", 1.0}, {"Unit", "Count"}, {"Dimensions", dimensions}});
  (void)context.call("cloudwatch", "PutMetricData",
                     {{"Namespace", "AWS/Scheduler"}, {"MetricData", std::move(data)}},
                     {.account = context.caller().account,
                      .region = context.caller().region,
                      .arn = std::string(principal)});
}

// Which errors can't pass is our reading of "a retryable error, and not a permanent error"; the
// page's own example tries again after a queue was not found.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
Failure failure_of(const Call& call, const Error& error) {
  if (error.name == "InternalFailure")
    return {.code = "AWS.Scheduler.InternalServerError",
            .message = "Unexpected error occurred while processing the request"};
  static constexpr std::array<std::string_view, 10> permanent{
      "AccessDenied",     "AuthorizationError", "Validation", "Invalid",
      "ClientException",  "Malformed",          "Missing",    "Unsupported",
      "UnknownOperation", "AlreadyExists"};
  const auto has = [&](std::string_view part) {
    return error.name.find(part) != std::string::npos;
  };
  const api::Service* model = api::find_service(call.service);
  const api::Shape* shape =
      model ? model->error(model->operation(call.operation), error.name) : nullptr;
  const bool coded = shape && !shape->error_code.empty();
  return {.code = coded ? std::string(shape->error_code) : error.name,
          .message = error.cause.empty() ? error.name : error.cause,
          .may_pass = std::ranges::none_of(permanent, has),
          .throttled = has("Throttl") || has("TooManyRequests")};
}

// At most `most` bytes of the text, cut between two characters.
std::string_view shortened(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  return text.substr(0, most);
}

// What a reply says did not happen, though the call succeeded.
std::optional<Failure> failure_in(const Call& call, const json::object& reply) {
  const json::array* failures = find_array(reply, "failures");
  if (call.service == "ecs" && failures && !failures->empty()) {
    const json::object& first = failures->front().as_object();
    return Failure{.code = text(first, "reason", "RunTaskFailed"),
                   .message = print_json(*failures)};
  }
  if (call.service != "events" || number(reply, "FailedEntryCount") == 0) return std::nullopt;
  for (const json::value& entry : reply.at("Entries").as_array())
    if (entry.as_object().contains("ErrorCode"))
      return Failure{.code = text(entry.as_object(), "ErrorCode"),
                     .message = text(entry.as_object(), "ErrorMessage", "the event was refused")};
  return std::nullopt;
}

// A caller that is a session of the schedule's role.
Result<Caller> assume(Context& context, const json::object& target, const Delivery& delivery,
                      std::string_view region) {
  KIBAN_TRY(Caller caller,
            assume_target_role(context, text(target, "RoleArn"), delivery.group,
                               schedule_arn(context, delivery.group, delivery.name)));
  caller.region = std::string(region);
  return caller;
}

std::optional<Failure> invoke(Context& context, const json::object& target,
                              const Delivery& delivery, const std::string& input,
                              const Moment& moment) {
  const auto call = call_of(context, target, input, moment);
  if (!call)
    return Failure{.code = call.error().name, .message = call.error().cause, .may_pass = false};
  const auto as = assume(context, target, delivery, call->region);
  if (!as) return failure_of(*call, as.error());
  const auto reply = context.call(call->service, call->operation, call->input, *as);
  return reply ? failure_in(*call, *reply) : failure_of(*call, reply.error());
}

json::object dead_letter_attributes(const json::object& target, const Delivery& delivery,
                                    const Moment& moment, const Failure& failure,
                                    std::string_view condition, bool truncated) {
  json::object attributes;
  const auto add = [&](std::string_view name, std::string_view value) {
    attributes[name] = {{"DataType", "String"}, {"StringValue", value}};
  };
  add("ERROR_CODE", failure.code);
  add("ERROR_MESSAGE", shortened(failure.message, error_message_max));
  add("EXECUTION_ID", moment.execution_id);
  if (!condition.empty()) add("EXHAUSTED_RETRY_CONDITION", condition);
  add("IS_PAYLOAD_TRUNCATED", truncated ? "true" : "false");
  add("RETRY_ATTEMPTS", std::to_string(delivery.retries));
  add("SCHEDULED_TIME", format_scheduled(moment.scheduled));
  add("SCHEDULE_ARN", moment.schedule_arn);
  add("TARGET_ARN", service_arn(target));
  return attributes;
}

// The dead-letter event goes out as the schedule's role, which needs sqs:SendMessage.
void give_up(Context& context, const json::object& target, const Delivery& delivery,
             const Moment& moment, const std::string& input, const Failure& failure,
             std::string_view condition) {
  std::vector<std::string> metrics{"InvocationDroppedCount"};
  const json::object* config = find_object(target, "DeadLetterConfig");
  const auto queue = config ? parse_arn(text(*config, "Arn")) : fail("NoQueue", "");
  if (!queue) return count(context, delivery, metrics);
  constexpr std::size_t body_max = message_bytes_max - attribute_bytes_max;
  const bool truncated = input.size() > body_max;
  Result<json::object> sent;
  const auto as = assume(context, target, delivery, queue->region);
  if (as)
    sent = context.call(
        "sqs", "SendMessage",
        {{"QueueUrl", fmt::format("{}/{}/{}", context.endpoint(), queue->account, queue->resource)},
         {"MessageBody", shortened(input, body_max)},
         {"MessageAttributes",
          dead_letter_attributes(target, delivery, moment, failure, condition, truncated)}},
        *as);
  else
    sent = std::unexpected(as.error());
  if (sent) {
    metrics.emplace_back("InvocationsSentToDeadLetterCount");
    if (truncated)
      metrics.emplace_back("InvocationsSentToDeadLetterCount_Truncated_MessageSizeExceeded");
  } else {
    metrics.emplace_back("InvocationsFailedToBeSentToDeadLetterCount");
    metrics.push_back("InvocationsFailedToBeSentToDeadLetterCount_" + sent.error().name);
  }
  count(context, delivery, metrics);
}

// Tries again later: nullopt. Otherwise which limit of the retry policy was reached; none when the
// error can't pass.
std::optional<std::string_view> try_again(Context& context, const json::object& target,
                                          Delivery delivery, const Failure& failure) {
  if (!failure.may_pass) return "";
  const json::object& policy = target.at("RetryPolicy").as_object();
  if (delivery.retries >= number(policy, "MaximumRetryAttempts")) return "MaximumRetryAttempts";
  const Timestamp end =
      delivery.began + std::chrono::seconds{number(policy, "MaximumEventAgeInSeconds")};
  if (context.now() >= end) return "MaximumEventAgeInSeconds";
  ++delivery.retries;
  // The last retry is made as the firing's age reaches its limit.
  const Timestamp at = std::min(end, context.now() + backoff(delivery.retries, context.random()));
  context.set_timer("scheduler",
                    fmt::format("retry/{}/{}/{}/{}", context.caller().region, delivery.group,
                                delivery.name, context.random().hex(16)),
                    at, to_json(delivery));
  return std::nullopt;
}

// After a firing was served, or given up: deletes a schedule that wants it after its last one. The
// target may have changed or deleted the schedule itself.
void delete_if_over(Context& context, const Delivery& delivery) {
  const auto row = get_json(context, schedule_key(context, delivery.group, delivery.name));
  if (!row || text(*row, "Id") != delivery.id) return;
  const json::object& schedule = row->at("Schedule").as_object();
  const auto calendar = Calendar::read(schedule, timestamp_of(number(*row, "Anchor")));
  if (text(schedule, "ActionAfterCompletion") != "DELETE" || !calendar || !calendar->ends()) return;
  if (!calendar->next(delivery.scheduled)) erase_schedule(context, delivery.group, delivery.name);
}

void attempt(Context& context, const json::object& row, const Delivery& delivery) {
  const json::object& target = row.at("Schedule").at("Target").as_object();
  const Moment moment{.schedule_arn = schedule_arn(context, delivery.group, delivery.name),
                      .schedule_name = delivery.name,
                      .execution_id = context.random().hex(16),
                      .event_id = context.random().uuid(),
                      .scheduled = delivery.scheduled,
                      .attempt = delivery.retries + 1};
  const std::string input = input_of(context, target, moment);
  std::vector<std::string> metrics{"InvocationAttemptCount"};
  const std::optional<Failure> failure = invoke(context, target, delivery, input, moment);
  if (failure) metrics.emplace_back("TargetErrorCount");
  if (failure && failure->throttled) metrics.emplace_back("TargetErrorThrottledCount");
  count(context, delivery, metrics);
  if (failure) {
    const auto condition = try_again(context, target, delivery, *failure);
    if (!condition) return;
    give_up(context, target, delivery, moment, input, *failure, *condition);
  }
  delete_if_over(context, delivery);
}

struct Found {
  json::object row{};
  Calendar calendar;
};
// The schedule that a timer means, if it is there and enabled.
std::optional<Found> find_enabled(const Context& context, const json::object& payload) {
  auto row =
      get_json(context, schedule_key(context, text(payload, "Group"), text(payload, "Name")));
  if (!row) return std::nullopt;
  const json::object& schedule = row->at("Schedule").as_object();
  if (text(schedule, "State") != "ENABLED") return std::nullopt;
  auto calendar = Calendar::read(schedule, timestamp_of(number(*row, "Anchor")));
  if (!calendar) return std::nullopt;
  return Found{.row = *std::move(row), .calendar = *std::move(calendar)};
}

}  // namespace

void set_next(Context& context, const json::object& schedule, const Calendar& calendar,
              Timestamp after) {
  const std::string group = text(schedule, "GroupName");
  const std::string name = text(schedule, "Name");
  const std::string id = timer_id(context, group, name);
  const std::optional<Timestamp> next =
      text(schedule, "State") == "ENABLED" ? calendar.next(after) : std::nullopt;
  if (!next) return context.cancel_timer("scheduler", id);
  const Duration window = std::chrono::minutes{
      number(schedule.at("FlexibleTimeWindow").as_object(), "MaximumWindowInMinutes")};
  const Duration offset{window.count() > 0 ? static_cast<std::int64_t>(context.random().below(
                                                 static_cast<std::uint64_t>(window.count())))
                                           : 0};
  const Timestamp due = std::max(*next + offset, context.now());
  context.set_timer("scheduler", id, due,
                    {{"Kind", "fire"},
                     {"Group", group},
                     {"Name", name},
                     {"At", milliseconds_of(*next)},
                     {"Due", milliseconds_of(due)}});
}

void fire(Context& context, const json::object& payload, MissedSchedules missed) {
  const auto found = find_enabled(context, payload);
  if (!found) return;
  const Timestamp at = timestamp_of(number(payload, "At"));
  const Timestamp due = timestamp_of(number(payload, "Due"));
  const bool late = context.now() - due > late_max;
  const std::optional<Timestamp> scheduled =
      late ? missed_firing(found->calendar, at, due, context.now(), missed) : at;
  // With All the next missed firing is due at once, and so not late.
  const bool goes_on = missed == MissedSchedules::All && scheduled.has_value();
  const Timestamp last = late && !goes_on ? std::max(at, context.now()) : scheduled.value_or(at);
  set_next(context, found->row.at("Schedule").as_object(), found->calendar, last);
  const Delivery delivery{.group = text(payload, "Group"),
                          .name = text(payload, "Name"),
                          .id = text(found->row, "Id"),
                          .scheduled = scheduled.value_or(last),
                          .began = context.now()};
  if (scheduled)
    attempt(context, found->row, delivery);
  else
    delete_if_over(context, delivery);
}

void retry(Context& context, const json::object& payload) {
  const auto found = find_enabled(context, payload);
  if (!found || text(found->row, "Id") != text(payload, "Id")) return;
  attempt(context, found->row, delivery_from(payload));
}

}  // namespace kiban::services::scheduler
