#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/arn.h"
#include "services/sqs/queue.h"

namespace kiban::services::sqs {
namespace {

struct Range {
  std::int64_t min{0};
  std::int64_t max{0};
};
const std::map<std::string_view, Range> ranges = {
    {"VisibilityTimeout", {.min = 0, .max = 43'200}},
    {"MaximumMessageSize", {.min = 1'024, .max = 1'048'576}},
    {"MessageRetentionPeriod", {.min = 60, .max = 1'209'600}},
    {"DelaySeconds", {.min = 0, .max = 900}},
    {"ReceiveMessageWaitTimeSeconds", {.min = 0, .max = 20}},
    {"KmsDataKeyReusePeriodSeconds", {.min = 60, .max = 86'400}}};
const std::map<std::string_view, std::set<std::string_view>> choices = {
    {"FifoQueue", {"true"}},
    {"ContentBasedDeduplication", {"true", "false"}},
    {"SqsManagedSseEnabled", {"true", "false"}},
    {"DeduplicationScope", {"messageGroup", "queue"}},
    {"FifoThroughputLimit", {"perQueue", "perMessageGroupId"}}};
const std::set<std::string_view> fifo_only = {"FifoQueue", "ContentBasedDeduplication",
                                              "DeduplicationScope", "FifoThroughputLimit"};
// An empty text takes them away.
const std::set<std::string_view> removable = {"Policy", "RedrivePolicy", "RedriveAllowPolicy",
                                              "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds"};

constexpr std::int64_t receives_max = 1'000;
constexpr std::size_t source_queues_max = 10;

std::unexpected<Error> unknown(std::string_view name) {
  return fail("InvalidAttributeName", fmt::format("Unknown Attribute {}.", name));
}

std::unexpected<Error> invalid(std::string_view name) {
  return fail("InvalidAttributeValue", fmt::format("Invalid value for the parameter {}.", name));
}

bool is_number_in(std::string_view value, const Range& range) {
  const bool digits = !value.empty() && value.size() < 10 &&
                      std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return false;
  const std::int64_t number = std::strtoll(std::string(value).c_str(), nullptr, 10);
  return number >= range.min && number <= range.max;
}

Result<void> check_value(std::string_view name, std::string_view value) {
  if (const auto range = ranges.find(name); range != ranges.end())
    return is_number_in(value, range->second) ? Result<void>{} : invalid(name);
  if (const auto choice = choices.find(name); choice != choices.end())
    return choice->second.contains(value) ? Result<void>{} : invalid(name);
  if (name == "Policy") {
    const auto policy = parse_json(value);
    const bool good = policy && policy->is_object() && !policy->get_object().empty();
    return good ? Result<void>{} : invalid(name);
  }
  return {};
}

// RedriveAllowPolicy: {"redrivePermission", "sourceQueueArns"}.
Result<void> check_redrive_allow(std::string_view value) {
  const auto parsed = parse_json(value);
  if (!parsed || !parsed->is_object()) return invalid("RedriveAllowPolicy");
  const json::object& policy = parsed->get_object();
  const std::string permission = text(policy, "redrivePermission");
  const json::array* sources = find_array(policy, "sourceQueueArns");
  const bool by_queue = permission == "byQueue";
  if (!by_queue && permission != "allowAll" && permission != "denyAll")
    return invalid("RedriveAllowPolicy");
  if (by_queue != (sources != nullptr)) return invalid("RedriveAllowPolicy");
  if (sources && (sources->empty() || sources->size() > source_queues_max))
    return invalid("RedriveAllowPolicy");
  return {};
}

bool allows(const Queue& target, std::string_view source_arn) {
  const auto parsed = parse_json(target.attribute("RedriveAllowPolicy"));
  if (!parsed || !parsed->is_object()) return true;
  const std::string permission = text(parsed->get_object(), "redrivePermission");
  if (permission != "byQueue") return permission != "denyAll";
  const json::array* sources = find_array(parsed->get_object(), "sourceQueueArns");
  return sources && std::ranges::find(*sources, json::value(source_arn)) != sources->end();
}

bool is_receive_count(const json::value& value) {
  const bool whole = value.is_int64() || value.is_uint64();
  if (!whole && !value.is_string()) return false;
  return is_number_in(value.is_string() ? std::string(value.get_string()) : print_json(value),
                      {.min = 1, .max = receives_max});
}

// RedrivePolicy: {"deadLetterTargetArn", "maxReceiveCount"}.
Result<void> check_redrive(const Context& context, const Queue& queue, std::string_view value) {
  const auto refuse = [&](std::string_view reason) {
    return fail(
        "InvalidParameterValue",
        fmt::format("Value {} for parameter RedrivePolicy is invalid. Reason: {}", value, reason));
  };
  const auto parsed = parse_json(value);
  if (!parsed || !parsed->is_object()) return refuse("Redrive policy is not a valid JSON map.");
  for (const char* member : {"deadLetterTargetArn", "maxReceiveCount"})
    if (!parsed->get_object().contains(member))
      return refuse(
          fmt::format("Redrive policy does not contain mandatory attribute: {}.", member));
  for (const auto& member : parsed->get_object())
    if (member.key() != "deadLetterTargetArn" && member.key() != "maxReceiveCount")
      return refuse(fmt::format("Redrive policy contains an unknown attribute: {}.",
                                std::string_view(member.key())));
  const auto redrive = redrive_of({{"RedrivePolicy", value}});
  if (!is_receive_count(parsed->at("maxReceiveCount")))
    return refuse(fmt::format(
        "Invalid value for maxReceiveCount: {}, valid values are from 1 to {} both inclusive.",
        parsed->at("maxReceiveCount").is_string()
            ? std::string(parsed->at("maxReceiveCount").get_string())
            : print_json(parsed->at("maxReceiveCount")),
        receives_max));
  const auto arn = parse_arn(redrive->target);
  if (!arn || arn->service != "sqs") return refuse("Invalid value for deadLetterTargetArn.");
  if (arn->region != context.caller().region || arn->account != context.caller().account)
    return refuse("Dead-letter target owner should be same as the source.");
  if (arn->resource == queue.name)
    return refuse("Dead-letter queue cannot be the source queue itself.");
  const auto target = load(context, arn->resource);
  if (!target) return refuse("Dead letter target does not exist.");
  if (target->is_fifo() != queue.is_fifo())
    return refuse("Dead-letter queue must be same type of queue as the source.");
  if (!allows(*target, make_arn(context, "sqs", queue.name)))
    return refuse("The dead-letter queue's RedriveAllowPolicy does not allow this source queue.");
  return {};
}

// Attributes that must fit together, as they will be.
Result<void> check_together(const Queue& before, const json::object& given) {
  Queue after = before;
  for (const auto& member : given) after.attributes[member.key()] = member.value();
  if (!text(given, "KmsMasterKeyId").empty() && text(given, "SqsManagedSseEnabled") == "true")
    return fail("InvalidAttributeValue",
                "You can use one type of server-side encryption (SSE) at one time. You can either "
                "enable KMS SSE or SQS SSE.");
  if (after.attribute("FifoThroughputLimit") == "perMessageGroupId" &&
      after.attribute("DeduplicationScope") != "messageGroup")
    return fail("InvalidAttributeValue",
                "The perMessageGroupId value is allowed only when the value for "
                "DeduplicationScope is messageGroup.");
  return {};
}

}  // namespace

Result<void> check_attributes(const Context& context, const Queue& queue, const json::object& given,
                              bool creating) {
  for (const auto& member : given) {
    const std::string_view name = member.key();
    const std::string value = text(given, name);
    const bool known = ranges.contains(name) || choices.contains(name) || removable.contains(name);
    if (!known || (fifo_only.contains(name) && !queue.is_fifo())) return unknown(name);
    if (name == "FifoQueue" && !creating) return unknown(name);
    if (value.empty() && removable.contains(name)) continue;
    KIBAN_TRY_VOID(check_value(name, value));
    if (name == "RedriveAllowPolicy") KIBAN_TRY_VOID(check_redrive_allow(value));
    if (name == "RedrivePolicy") KIBAN_TRY_VOID(check_redrive(context, queue, value));
  }
  return check_together(queue, given);
}

}  // namespace kiban::services::sqs
