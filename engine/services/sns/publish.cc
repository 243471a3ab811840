#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/base/key_use.h"
#include "services/sns/filter.h"
#include "services/sns/rows.h"
#include "store/blobs.h"

namespace kiban::services::sns {
namespace {

constexpr std::size_t message_bytes_max = 262'144;  // Quota of Publish, attributes included.
constexpr std::size_t batch_entries_max = 10;
constexpr std::size_t subject_characters_max = 99;
constexpr std::chrono::minutes deduplication_interval{5};

// MessageStructure "json": one text for each protocol, `default` for the others.
Result<std::string> text_for(const json::object& input, std::string_view protocol) {
  std::string message = text(input, "Message");
  if (text(input, "MessageStructure") != "json") return message;
  const auto structure = parse_json(message);
  if (!structure || !structure->is_object())
    return invalid("Message Structure - JSON message body failed to parse");
  const json::string* fallback = find_string(structure->get_object(), "default");
  if (!fallback) return invalid("Message Structure - No default entry in JSON message body");
  const json::string* chosen = find_string(structure->get_object(), protocol);
  return to_string(chosen ? *chosen : *fallback);
}

// What a FIFO topic asks of a message: its group, and by what it is known again.
// https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
Result<std::string> deduplication_of(const json::object& topic, const json::object& input) {
  std::string given = text(input, "MessageDeduplicationId");
  if (!is_fifo(topic)) {
    if (!given.empty())
      return invalid(
          "MessageDeduplicationId Reason: The request includes MessageDeduplicationId "
          "parameter that is not valid for this topic type");
    return given;
  }
  // Recorded by AWS: test_fifo_message_attribute.
  if (text(input, "MessageGroupId").empty())
    return invalid("The MessageGroupId parameter is required for FIFO topics");
  if (!given.empty()) return given;
  if (text(topic.at("Attributes").as_object(), "ContentBasedDeduplication") != "true")
    return invalid(
        "The topic should either have ContentBasedDeduplication enabled or "
        "MessageDeduplicationId provided explicitly");
  return store::sha256_hex(text(input, "Message"));
}

// "Subjects must be UTF-8 text with no line breaks or control characters, and less than 100
// characters long": https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
Result<void> check_subject(const json::object& input) {
  const json::string* subject = find_string(input, "Subject");
  if (!subject) return {};
  bool printable = std::ranges::all_of(
      *subject, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  // U+0080 to U+009F, and the line ends U+2028 and U+2029.
  for (std::size_t at = 0; (at = subject->find('\xc2', at)) != json::string::npos; ++at)
    if (at + 1 < subject->size() && static_cast<unsigned char>((*subject)[at + 1]) < 0xa0)
      printable = false;
  for (const std::string_view line_end : {"\u2028", "\u2029"})
    if (subject->find(line_end) != json::string::npos) printable = false;
  const auto characters = std::ranges::count_if(
      *subject, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  if (subject->empty() || characters > static_cast<std::ptrdiff_t>(subject_characters_max) ||
      !printable)
    return invalid("Subject");
  return {};
}

bool is_number(std::string_view text) {
  const auto parsed = parse_json(text);
  return parsed && parsed->is_number();
}

// https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html. Returns their bytes.
Result<std::size_t> check_message_attributes(const json::object& attributes) {
  std::size_t bytes = 0;
  for (const auto& member : attributes) {
    const std::string_view name = member.key();
    const json::object& attribute = member.value().as_object();
    const std::string type = text(attribute, "DataType");
    const bool binary = type.starts_with("Binary");
    const json::string* value = find_string(attribute, binary ? "BinaryValue" : "StringValue");
    const auto refuse = [](std::string why) {
      return fail("InvalidParameterValueException", std::move(why));
    };
    if (value == nullptr || value->empty())
      return refuse(
          fmt::format("The message attribute '{}' must contain non-empty message "
                      "attribute value for message attribute type '{}'.",
                      name, type));
    if (attribute.contains("StringValue") && attribute.contains("BinaryValue"))
      return refuse(fmt::format("The message attribute '{}' has more than one value.", name));
    if ((type == "Number" || type.starts_with("Number.")) && type != "Number.Array" &&
        !is_number(std::string_view(*value)))
      return refuse(fmt::format("Could not cast message attribute '{}' value to number.", name));
    if (type == "String.Array") {
      const auto list = parse_json(std::string_view(*value));
      if (!list || !list->is_array())
        return refuse(
            fmt::format("The message attribute '{}' with type 'String.Array' must hold a "
                        "JSON array of strings, numbers, true, false and null.",
                        name));
    }
    bytes += name.size() + type.size() + (binary ? value->size() / 4 * 3 : value->size());
  }
  return bytes;
}

json::object attributes_of(const json::object& input) {
  const json::object* attributes = find_object(input, "MessageAttributes");
  return attributes ? *attributes : json::object{};
}

Result<std::string> topic_of(const json::object& input) {
  if (input.contains("TopicArn") && input.contains("TargetArn"))
    return invalid("TopicArn or TargetArn Reason: only one of them may be given");
  if (input.contains("PhoneNumber"))
    return invalid("kiban sends no text messages: leave out PhoneNumber");
  std::string arn = text(input, "TopicArn", text(input, "TargetArn"));
  if (arn.empty()) return invalid("TopicArn or TargetArn Reason: no value for required parameter");
  return arn;
}

Result<void> check_content(const json::object& input) {
  const std::string body = text(input, "Message");
  if (body.empty()) return invalid("Empty message");
  KIBAN_TRY(const std::size_t bytes, check_message_attributes(attributes_of(input)));
  if (body.size() + bytes > message_bytes_max) return invalid("Message too long");
  KIBAN_TRY_VOID(text_for(input, "default"));
  return check_subject(input);
}

// A FIFO topic's message gets a number; one that was published within five minutes is answered as
// it was then, and `known` is true.
json::object number_message(Context& context, const std::string& topic_arn,
                            const json::object& topic, const Message& message, bool& known) {
  const bool by_group =
      text(topic.at("Attributes").as_object(), "FifoThroughputScope") == "MessageGroup";
  const std::string key = fmt::format("sns/published/{}/{}{}", topic_arn,
                                      by_group ? message.group + "/" : "", message.deduplication);
  const auto before = get_json(context, key);
  known = before && context.now() < from_epoch_seconds(before->at("Until").to_number<double>());
  if (known) return before->at("Reply").as_object();
  json::object counted = topic;
  const std::int64_t published = number(topic, "Published", 0) + 1;
  counted["Published"] = published;
  put_json(context, topic_key(topic_arn), counted);
  json::object reply{{"MessageId", message.id},
                     {"SequenceNumber", fmt::format("1{:019}", published)}};
  const Timestamp until = context.now() + deduplication_interval;
  put_json(context, key, {{"Until", epoch_seconds(until)}, {"Reply", reply}});
  context.set_timer("sns", key, until, {{"Forget", key}});
  return reply;
}

Result<json::object> publish_to(Context& context, const std::string& topic_arn,
                                const json::object& topic, const json::object& input) {
  KIBAN_TRY_VOID(check_content(input));
  Message message{.id = context.random().uuid(),
                  .topic_arn = topic_arn,
                  .sender = text(topic.at("Attributes").as_object(), "DisplayName"),
                  .subject = text(input, "Subject"),
                  .signature_version = signature_version(topic),
                  .group = text(input, "MessageGroupId"),
                  .attributes = attributes_of(input)};
  KIBAN_TRY(message.deduplication, deduplication_of(topic, input));
  json::object reply{{"MessageId", message.id}};
  if (is_fifo(topic)) {
    bool known = false;
    reply = number_message(context, topic_arn, topic, message, known);
    if (known) return reply;
    message.sequence = text(reply, "SequenceNumber");
  }
  for (const Subscription& subscription : subscriptions(context, topic_arn)) {
    KIBAN_TRY(message.text, text_for(input, subscription.protocol));
    if (wants(subscription.attributes, message.attributes, message.text))
      deliver(context, subscription, message);
  }
  return reply;
}

// https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
Result<void> use_topics_key(Context& context, const std::string& topic_arn,
                            const json::object& topic) {
  const auto allowed =
      use_key(context, {.key = text(topic.at("Attributes").as_object(), "KmsMasterKeyId"),
                        .service = "sns",
                        .actions = {"kms:GenerateDataKey", "kms:Decrypt"},
                        .encryption_context = {{"aws:sns:topicArn", topic_arn}}});
  if (allowed) return {};
  return fail("KMSAccessDeniedException", allowed.error().cause);
}

Result<json::object> publish(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string topic_arn, topic_of(input));
  KIBAN_TRY(const json::object topic, load_topic(context, topic_arn));
  KIBAN_TRY_VOID(context.authorise("sns:Publish", topic_arn));
  KIBAN_TRY_VOID(use_topics_key(context, topic_arn, topic));
  return publish_to(context, topic_arn, topic, input);
}

Result<void> check_batch(const json::array& entries) {
  if (entries.empty())
    return fail("EmptyBatchRequestException", "The batch request doesn't contain any entries.");
  if (entries.size() > batch_entries_max)
    return fail("TooManyEntriesInBatchRequestException",
                "The batch request contains more entries than permissible.");
  std::set<std::string> ids;
  std::size_t bytes = 0;
  for (const json::value& entry : entries) {
    if (!ids.insert(text(entry.as_object(), "Id")).second)
      return fail("BatchEntryIdsNotDistinctException",
                  "Two or more batch entries in the request have the same Id.");
    bytes += text(entry.as_object(), "Message").size();
    const auto attributes = check_message_attributes(attributes_of(entry.as_object()));
    bytes += attributes.value_or(0);
  }
  if (bytes > message_bytes_max)
    return fail("BatchRequestTooLongException",
                "The length of all the batch messages put together is more than the limit.");
  return {};
}

Result<json::object> publish_batch(Context& context, const json::object& input) {
  const json::array* given = find_array(input, "PublishBatchRequestEntries");
  const json::array entries = given ? *given : json::array{};
  const std::string topic_arn = text(input, "TopicArn");
  KIBAN_TRY(const json::object published, load_topic(context, topic_arn));
  KIBAN_TRY_VOID(check_batch(entries));
  KIBAN_TRY_VOID(context.authorise("sns:Publish", topic_arn));
  KIBAN_TRY_VOID(use_topics_key(context, topic_arn, published));
  json::array successful;
  json::array failed;
  for (const json::value& entry : entries) {
    const json::object& one = entry.as_object();
    // Each reads the topic again: the one before may have counted on.
    KIBAN_TRY(const json::object topic, load_topic(context, topic_arn));
    auto reply = publish_to(context, topic_arn, topic, one);
    if (reply) {
      (*reply)["Id"] = one.at("Id");
      successful.push_back(*std::move(reply));
    } else {
      failed.push_back({{"Id", one.at("Id")},
                        {"Code", reply.error().name == "InvalidParameterException"
                                     ? std::string("InvalidParameter")
                                     : reply.error().name},
                        {"Message", reply.error().cause},
                        {"SenderFault", true}});
    }
  }
  return json::object{{"Successful", std::move(successful)}, {"Failed", std::move(failed)}};
}

}  // namespace

const OperationTable& publish_operations() {
  static const OperationTable table = {{"Publish", publish}, {"PublishBatch", publish_batch}};
  return table;
}

}  // namespace kiban::services::sns
