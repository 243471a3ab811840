#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <set>

#include "core/exact_json.h"
#include "core/utf8.h"
#include "services/sqs/operations.h"
#include "store/blobs.h"

namespace kiban::services::sqs {
namespace {

using std::chrono::seconds;

// Quotas:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
constexpr std::size_t message_bytes_max = 1'048'576;
constexpr std::size_t attributes_max = 10;
constexpr std::size_t batch_entries_max = 10;
constexpr std::int64_t delay_seconds_max = 900;
constexpr std::chrono::minutes deduplication_interval{5};

std::unexpected<Error> invalid(std::string_view value, std::string_view parameter,
                               std::string_view reason) {
  return fail(
      "InvalidParameterValue",
      fmt::format("Value {} for parameter {} is invalid. Reason: {}", value, parameter, reason));
}

constexpr std::string_view wrong_type =
    "The request include parameter that is not valid for this queue type.";

// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
Result<void> check_characters(std::string_view body) {
  const bool only_xml = std::ranges::none_of(body, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r';
  });
  // U+FFFE and U+FFFF.
  if (only_xml && body.find("\xEF\xBF\xBE") == body.npos && body.find("\xEF\xBF\xBF") == body.npos)
    return {};
  return fail("InvalidMessageContents",
              "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to "
              "#xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF");
}

// "Numbers can have up to 38 digits of precision, and they can be between 10^-128 and 10^+126."
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
bool is_number(std::string_view value) {
  constexpr std::size_t precision_max = 38;
  constexpr std::int64_t power_min = -128;
  constexpr std::int64_t power_max = 126;
  const auto parsed = parse_json_exactly(value);
  if (!parsed || !is_any_number(*parsed)) return false;
  const std::size_t from = value.find_first_not_of("- \t\r\n");
  const std::size_t to = std::min(value.find_first_of("eE \t\r\n", from), value.size());
  const std::string_view mantissa = value.substr(from, to - from);
  std::string digits;
  std::ranges::copy_if(mantissa, std::back_inserter(digits), [](char c) { return c != '.'; });
  const std::size_t zeros = digits.find_first_not_of('0');
  if (zeros == std::string::npos) return true;
  if (digits.find_last_not_of('0') + 1 - zeros > precision_max) return false;
  std::int64_t power = 0;
  if (to < value.size() && (value[to] == 'e' || value[to] == 'E')) {
    const std::size_t sign = value[to + 1] == '+' ? to + 2 : to + 1;
    if (std::from_chars(value.data() + sign, value.data() + value.size(), power).ec != std::errc())
      return false;
  }
  const std::int64_t first =
      static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size())) -
      static_cast<std::int64_t>(zeros) - 1;         // Its power of ten.
  constexpr std::int64_t power_beyond = 1'000'000;  // Keeps the sum from overflowing.
  if (power < -power_beyond || power > power_beyond) return false;
  power += first;
  const bool one = digits.find_last_not_of('0') == zeros && digits[zeros] == '1';
  return power >= power_min && (power < power_max || (power == power_max && one));
}

// Their bytes, which count as the message's.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
Result<std::size_t> check_message_attributes(const json::object& attributes) {
  if (attributes.size() > attributes_max)
    return fail("InvalidParameterValue",
                fmt::format("Number of message attributes [{}] exceeds the allowed maximum [{}].",
                            attributes.size(), attributes_max));
  std::size_t bytes = 0;
  for (const auto& member : attributes) {
    const std::string_view name = member.key();
    const json::object& attribute = member.value().as_object();
    const std::string type = text(attribute, "DataType");
    const bool binary = type.starts_with("Binary");
    for (const char* list : {"StringListValues", "BinaryListValues"})
      if (const json::array* values = find_array(attribute, list); values && !values->empty())
        return fail("UnsupportedOperation",
                    "Message attribute list values in SendMessage operation are not supported.");
    const json::string* value = find_string(attribute, binary ? "BinaryValue" : "StringValue");
    if (value == nullptr || value->empty())
      return fail("InvalidParameterValue",
                  fmt::format("Message (user) attribute '{}' must contain a non-empty value of "
                              "type '{}'.",
                              name, binary ? "Binary" : "String"));
    if (type.starts_with("Number") && !is_number(std::string_view(*value)))
      return fail(
          "InvalidParameterValue",
          fmt::format("Can't cast the value of message (user) attribute '{}' to a number.", name));
    if (!binary) KIBAN_TRY_VOID(check_characters(*value));
    bytes += name.size() + type.size() + (binary ? value->size() / 4 * 3 : value->size());
  }
  return bytes;
}

json::object object_or_none(const json::object& input, std::string_view member) {
  const json::object* found = find_object(input, member);
  return found ? *found : json::object{};
}

// "Currently, the only supported message system attribute is AWSTraceHeader."
Result<void> check_system_attributes(const json::object& attributes) {
  for (const auto& member : attributes) {
    if (member.key() != "AWSTraceHeader")
      return fail("InvalidParameterValue",
                  fmt::format("Message system attribute name '{}' is invalid.",
                              std::string_view(member.key())));
    if (text(member.value().as_object(), "DataType") != "String" ||
        text(member.value().as_object(), "StringValue").empty())
      return fail("InvalidParameterValue",
                  "Message system attribute 'AWSTraceHeader' must contain a non-empty value of "
                  "type 'String'.");
  }
  return {};
}

Result<void> check_content(const Queue& queue, const json::object& input) {
  const std::string body = text(input, "MessageBody");
  if (body.empty())
    return fail("MissingParameter", "The request must contain the parameter MessageBody.");
  KIBAN_TRY_VOID(check_characters(body));
  KIBAN_TRY_VOID(check_system_attributes(object_or_none(input, "MessageSystemAttributes")));
  KIBAN_TRY(const std::size_t bytes,
            check_message_attributes(object_or_none(input, "MessageAttributes")));
  const std::size_t limit =
      std::min(static_cast<std::size_t>(queue.number_of("MaximumMessageSize")), message_bytes_max);
  if (body.size() + bytes > limit)
    return fail("InvalidParameterValue",
                fmt::format("One or more parameters are invalid. Reason: Message must be shorter "
                            "than {} bytes.",
                            limit));
  return {};
}

Result<std::int64_t> delay_of(const Queue& queue, const json::object& input) {
  const std::int64_t delay = number(input, "DelaySeconds", queue.number_of("DelaySeconds"));
  if (queue.is_fifo() && input.contains("DelaySeconds") && delay != 0)
    return invalid(std::to_string(delay), "DelaySeconds", wrong_type);
  if (delay < 0 || delay > delay_seconds_max)
    return invalid(std::to_string(delay), "DelaySeconds", "DelaySeconds must be >= 0 and <= 900.");
  return delay;
}

// By what a FIFO queue knows the message again.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html
Result<std::string> deduplication_of(const Queue& queue, const json::object& input) {
  std::string given = text(input, "MessageDeduplicationId");
  if (!queue.is_fifo()) {
    if (!given.empty()) return invalid(given, "MessageDeduplicationId", wrong_type);
    return given;
  }
  if (text(input, "MessageGroupId").empty())
    return fail("MissingParameter", "The request must contain the parameter MessageGroupId.");
  if (!given.empty()) return given;
  if (queue.attribute("ContentBasedDeduplication") != "true")
    return fail("InvalidParameterValue",
                "The queue should either have ContentBasedDeduplication enabled or "
                "MessageDeduplicationId provided explicitly");
  return store::sha256_hex(text(input, "MessageBody"));
}

std::string sent_key(const Context& context, const Queue& queue, const json::object& input,
                     std::string_view deduplication) {
  const bool by_group = queue.attribute("DeduplicationScope") == "messageGroup";
  return fmt::format("sqs/{}/sent/{}/{}{}", context.caller().region, queue.name,
                     by_group ? text(input, "MessageGroupId") + "/" : "", deduplication);
}

Message make_message(Context& context, const Queue& queue, const json::object& input,
                     seconds delay) {
  const std::string body = text(input, "MessageBody");
  Message message{.queue = queue.name,
                  .sequence = next_sequence(context, queue.name),
                  .visible_at = context.now() + delay};
  message.body = {{"MessageId", context.random().uuid()}, {"Body", body},
                  {"MD5OfBody", md5_hex(body)},           {"SenderId", context.caller().account},
                  {"Sent", epoch_seconds(context.now())}, {"Receives", 0}};
  // Standard queues share fairly by it.
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
  if (const json::value* group = find(input, "MessageGroupId"))
    message.body["MessageGroupId"] = *group;
  const json::object attributes = object_or_none(input, "MessageAttributes");
  if (!attributes.empty()) {
    message.body["MessageAttributes"] = attributes;
    message.body["MD5OfMessageAttributes"] = md5_of_attributes(attributes);
  }
  const json::object system = object_or_none(input, "MessageSystemAttributes");
  if (!system.empty())
    message.body["AWSTraceHeader"] = text(system.at("AWSTraceHeader").as_object(), "StringValue");
  return message;
}

Result<json::object> send(Context& context, const Queue& queue, const json::object& input) {
  KIBAN_TRY_VOID(check_content(queue, input));
  KIBAN_TRY(const std::string deduplication, deduplication_of(queue, input));
  KIBAN_TRY(const std::int64_t delay, delay_of(queue, input));
  const std::string known = sent_key(context, queue, input, deduplication);
  if (queue.is_fifo()) {
    const auto before = get_json(context, known);
    if (before && context.now() < from_epoch_seconds(before->at("Until").to_number<double>()))
      return before->at("Reply").as_object();
  }
  Message message = make_message(context, queue, input, seconds{delay});
  json::object reply{{"MessageId", message.body.at("MessageId")},
                     {"MD5OfMessageBody", message.body.at("MD5OfBody")}};
  if (const json::value* digest = find(message.body, "MD5OfMessageAttributes"))
    reply["MD5OfMessageAttributes"] = *digest;
  if (message.body.contains("AWSTraceHeader"))
    reply["MD5OfMessageSystemAttributes"] =
        md5_of_attributes(object_or_none(input, "MessageSystemAttributes"));
  if (queue.is_fifo()) {
    message.body["MessageDeduplicationId"] = deduplication;
    message.body["SequenceNumber"] = sequence_number(message.sequence);
    reply["SequenceNumber"] = message.body.at("SequenceNumber");
    const Timestamp until = context.now() + deduplication_interval;
    put_json(context, known, {{"Until", epoch_seconds(until)}, {"Reply", reply}});
    context.set_timer("sqs", known, until, {{"Forget", known}});
  }
  add_message(context, message);
  announce(context, queue.name);
  return reply;
}

Result<json::object> send_message(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  KIBAN_TRY_VOID(context.authorise("sqs:SendMessage", make_arn(context, "sqs", queue.name)));
  KIBAN_TRY_VOID(use_queues_key(context, queue, {"kms:GenerateDataKey", "kms:Decrypt"}));
  return send(context, queue, input);
}

Result<json::object> send_batch(Context& context, const json::object& input) {
  const json::array* entries = find_array(input, "Entries");
  std::size_t bytes = 0;
  for (const json::value& entry : entries ? *entries : json::array{}) {
    const json::object& one = entry.as_object();
    bytes += text(one, "MessageBody").size();
    bytes += check_message_attributes(object_or_none(one, "MessageAttributes")).value_or(0);
  }
  if (entries && entries->size() <= batch_entries_max && bytes > message_bytes_max)
    return fail(
        "BatchRequestTooLong",
        fmt::format("Batch requests cannot be longer than {} bytes. You have sent {} bytes.",
                    message_bytes_max, bytes));
  return batch(context, input, send_message);
}

}  // namespace

std::string sequence_number(std::string_view sequence) {
  return fmt::format("1{}", sequence.substr(sequence.size() - 19));
}

Result<json::object> batch(Context& context, const json::object& input, Operation operation) {
  const json::array* entries = find_array(input, "Entries");
  if (!entries || entries->empty())
    return fail("EmptyBatchRequest", "There should be at least one entry in the request.");
  if (entries->size() > batch_entries_max)
    return fail("TooManyEntriesInBatchRequest",
                fmt::format("Maximum number of entries per request are 10. You have sent {}.",
                            entries->size()));
  std::set<std::string> ids;
  for (const json::value& entry : *entries) {
    const std::string id = text(entry.as_object(), "Id");
    if (!ids.insert(id).second)
      return fail("BatchEntryIdsNotDistinct", fmt::format("Id {} repeated.", id));
  }
  KIBAN_TRY_VOID(queue_of(context, input));
  json::array successful;
  json::array failed;
  for (const json::value& entry : *entries) {
    json::object one = entry.as_object();
    const json::value id = one.at("Id");
    one["QueueUrl"] = text(input, "QueueUrl");
    auto reply = operation(context, one);
    if (reply) {
      (*reply)["Id"] = id;
      successful.push_back(*std::move(reply));
    } else {
      failed.push_back({{"Id", id},
                        {"SenderFault", true},
                        {"Code", reply.error().name},
                        {"Message", reply.error().cause}});
    }
  }
  json::object reply;
  if (!successful.empty()) reply["Successful"] = std::move(successful);
  if (!failed.empty()) reply["Failed"] = std::move(failed);
  return reply;
}

void transfer(Context& context, const Queue& target, Message message) {
  message.queue = target.name;
  message.sequence = next_sequence(context, target.name);
  message.visible_at = context.now();
  message.body.erase("Receipt");
  message.body.erase("ReceivedAt");
  if (target.is_fifo()) message.body["SequenceNumber"] = sequence_number(message.sequence);
  add_message(context, message);
  announce(context, target.name);
}

OperationTable send_operations() {
  return {{"SendMessage", send_message}, {"SendMessageBatch", send_batch}};
}

}  // namespace kiban::services::sqs
