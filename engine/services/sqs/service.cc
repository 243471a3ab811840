#include "services/sqs/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/sqs/message.h"

namespace kiban::services::sqs {
namespace {

using std::chrono::seconds;

// Quotas:
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
constexpr std::size_t tags_max = 50;  // Of one queue: SQS Developer Guide, "Queue quotas".
constexpr std::size_t message_bytes_max = 1'048'576;
constexpr std::int64_t receive_messages_max = 10;
constexpr std::size_t batch_entries_max = 10;
constexpr std::int64_t visibility_seconds_max = 43'200;

const std::map<std::string_view, std::string_view> default_attributes = {
    {"VisibilityTimeout", "30"},
    {"MaximumMessageSize", "1048576"},
    {"MessageRetentionPeriod", "345600"},
    {"DelaySeconds", "0"},
    {"ReceiveMessageWaitTimeSeconds", "0"},
    {"SqsManagedSseEnabled", "true"},
};
// Kept as given; Policy takes part in authorisation once policies are evaluated.
const std::set<std::string_view> known_attributes = {"VisibilityTimeout",
                                                     "MaximumMessageSize",
                                                     "MessageRetentionPeriod",
                                                     "DelaySeconds",
                                                     "ReceiveMessageWaitTimeSeconds",
                                                     "SqsManagedSseEnabled",
                                                     "Policy",
                                                     "RedrivePolicy",
                                                     "RedriveAllowPolicy",
                                                     "KmsMasterKeyId",
                                                     "KmsDataKeyReusePeriodSeconds"};

struct Queue {
  std::string name{};
  json::object attributes{};
  json::object tags{};
  double created{};

  std::int64_t number_of(std::string_view attribute) const {
    const json::string* value = find_string(attributes, attribute);
    return value ? std::stoll(to_string(*value))
                 : std::stoll(std::string(default_attributes.at(attribute)));
  }
};

std::string queue_key(const Context& context, std::string_view name) {
  return fmt::format("sqs/{}/queue/{}", context.caller().region, name);
}

std::string queue_url(const Context& context, std::string_view name) {
  return fmt::format("{}/{}/{}", context.endpoint(), context.caller().account, name);
}

std::string channel(const Context& context, std::string_view name) {
  return fmt::format("sqs/{}/{}", context.caller().region, name);
}

void save(Context& context, const Queue& queue) {
  put_json(context, queue_key(context, queue.name),
           {{"Attributes", queue.attributes}, {"Tags", queue.tags}, {"Created", queue.created}});
}

Result<Queue> load(const Context& context, std::string_view name) {
  const auto row = get_json(context, queue_key(context, name));
  if (!row) return fail("QueueDoesNotExist", "The specified queue does not exist.");
  return Queue{.name = std::string(name),
               .attributes = row->at("Attributes").as_object(),
               .tags = row->at("Tags").as_object(),
               .created = row->at("Created").to_number<double>()};
}

// The name is what follows the last slash; callers may reach us under another host name.
Result<Queue> queue_of(const Context& context, const json::object& input) {
  const std::string url = text(input, "QueueUrl");
  const std::size_t slash = url.rfind('/');
  const std::string_view before =
      std::string_view(url).substr(0, slash == std::string::npos ? 0 : slash);
  const std::string_view account = before.substr(before.rfind('/') + 1);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  // Nobody of another account has been given access to its queues here.
  if (account.size() == 12 && std::ranges::all_of(account, digit) &&
      account != context.caller().account)
    return fail("AccessDenied", fmt::format("Access to the resource {} is denied.", url));
  return load(context, url.substr(slash + 1));
}

Result<void> check_tags(std::string_view queue, const json::object& tags) {
  if (tags.size() <= tags_max) return {};
  return fail("InvalidParameterValue", fmt::format("Too many tags added for queue {}.", queue));
}

Result<void> check_attributes(const json::object& attributes) {
  for (const auto& member : attributes) {
    const std::string_view name = member.key();
    if (name == "FifoQueue" && member.value() == "false") continue;
    if (name == "FifoQueue" || name == "ContentBasedDeduplication")
      return fail("UnsupportedOperation", "kiban does not serve FIFO queues: leave out FifoQueue");
    if (!known_attributes.contains(name))
      return fail("InvalidAttributeName", fmt::format("Unknown Attribute {}.", name));
    if (!default_attributes.contains(name) || name == "SqsManagedSseEnabled") continue;
    const json::string* value = member.value().if_string();
    const bool digits = value && !value->empty() && value->size() < 10 &&
                        std::ranges::all_of(*value, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits)
      return fail("InvalidAttributeValue",
                  fmt::format("Invalid value for the parameter {}.", name));
  }
  return {};
}

Result<json::object> create_queue(Context& context, const json::object& input) {
  const std::string name = text(input, "QueueName");
  if (name.ends_with(".fifo"))
    return fail("UnsupportedOperation", "kiban does not serve FIFO queues: leave out .fifo");
  const json::object* given = find_object(input, "Attributes");
  const json::object attributes = given ? *given : json::object{};
  KIBAN_TRY_VOID(check_attributes(attributes));
  if (const auto existing = load(context, name)) {
    for (const auto& member : attributes) {
      const json::value* old = existing->attributes.if_contains(member.key());
      if (!old || *old != member.value())
        return fail("QueueNameExists", fmt::format("A queue already exists with the same name and "
                                                   "a different value for attribute {}",
                                                   std::string_view(member.key())));
    }
    return json::object{{"QueueUrl", queue_url(context, name)}};
  }
  const json::object* tags = find_object(input, "tags");
  if (tags) KIBAN_TRY_VOID(check_tags(name, *tags));
  save(context, {.name = name,
                 .attributes = attributes,
                 .tags = tags ? *tags : json::object{},
                 .created = epoch_seconds(context.now())});
  return json::object{{"QueueUrl", queue_url(context, name)}};
}

Result<json::object> get_queue_url(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, load(context, text(input, "QueueName")));
  return json::object{{"QueueUrl", queue_url(context, queue.name)}};
}

Result<json::object> list_queues(Context& context, const json::object& input) {
  json::array urls;
  const std::string base = queue_key(context, "");
  for (const store::Row& row : context.scan(base + text(input, "QueueNamePrefix"))) {
    urls.push_back(json::value(queue_url(context, row.key.substr(base.size()))));
  }
  const auto limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(number(input, "MaxResults", 1000), 1, 1000));
  KIBAN_TRY(Page page, paginate(urls, limit, find_string(input, "NextToken")));
  json::object reply;
  if (!page.entries.empty()) reply["QueueUrls"] = std::move(page.entries);
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

void purge(Context& context, std::string_view queue) {
  for (const Message& message : list_messages(context, queue, SIZE_MAX))
    erase_message(context, message);
}

Result<json::object> delete_queue(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  purge(context, queue.name);
  context.erase(queue_key(context, queue.name));
  return json::object{};
}

Result<json::object> purge_queue(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  purge(context, queue.name);
  return json::object{};
}

bool expired(const Context& context, const Queue& queue, const Message& message) {
  const auto age = context.now() - from_epoch_seconds(message.body.at("Sent").to_number<double>());
  return age >= seconds{queue.number_of("MessageRetentionPeriod")};
}

Result<json::object> get_queue_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  json::object all;
  for (const auto& [name, value] : default_attributes) all[name] = value;
  for (const auto& member : queue.attributes) all[member.key()] = member.value();
  std::int64_t visible = 0;
  std::int64_t in_flight = 0;
  std::int64_t delayed = 0;
  for (const Message& message : list_messages(context, queue.name, SIZE_MAX)) {
    if (expired(context, queue, message)) continue;
    const bool received = message.body.contains("Receipt");
    ++(message.visible_at <= context.now() ? visible : received ? in_flight : delayed);
  }
  all["ApproximateNumberOfMessages"] = std::to_string(visible);
  all["ApproximateNumberOfMessagesNotVisible"] = std::to_string(in_flight);
  all["ApproximateNumberOfMessagesDelayed"] = std::to_string(delayed);
  const std::string created = std::to_string(static_cast<std::int64_t>(queue.created));
  all["CreatedTimestamp"] = created;
  all["LastModifiedTimestamp"] = created;
  all["QueueArn"] = make_arn(context, "sqs", queue.name);
  const json::array* names = find_array(input, "AttributeNames");
  json::object wanted;
  for (const json::value& name : names ? *names : json::array{}) {
    if (name == "All") return json::object{{"Attributes", all}};
    const json::value* value = all.if_contains(name.as_string());
    if (value) wanted[name.as_string()] = *value;
  }
  return wanted.empty() ? json::object{} : json::object{{"Attributes", wanted}};
}

Result<json::object> set_queue_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(Queue queue, queue_of(context, input));
  const json::object* attributes = find_object(input, "Attributes");
  if (!attributes) return fail("MissingParameter", "The request must contain Attributes.");
  KIBAN_TRY_VOID(check_attributes(*attributes));
  for (const auto& member : *attributes) {
    if (member.value() == "")
      queue.attributes.erase(member.key());
    else
      queue.attributes[member.key()] = member.value();
  }
  save(context, queue);
  return json::object{};
}

Result<json::object> send(Context& context, const Queue& queue, const json::object& input) {
  const std::string body = text(input, "MessageBody");
  if (body.empty())
    return fail("MissingParameter", "The request must contain the parameter MessageBody.");
  const auto bytes_max = static_cast<std::size_t>(queue.number_of("MaximumMessageSize"));
  if (body.size() > std::min(bytes_max, message_bytes_max))
    return fail("InvalidParameterValue",
                fmt::format("One or more parameters are invalid. Reason: Message must be shorter "
                            "than {} bytes.",
                            std::min(bytes_max, message_bytes_max)));
  if (const std::string id = text(input, "MessageDeduplicationId"); !id.empty())
    return fail("InvalidParameterValue",
                fmt::format("Value {} for parameter MessageDeduplicationId is invalid. Reason: The "
                            "request include parameter that is not valid for this queue type.",
                            id));
  const std::int64_t delay = number(input, "DelaySeconds", queue.number_of("DelaySeconds"));
  if (delay < 0 || delay > 900)
    return fail("InvalidParameterValue",
                fmt::format("Value {} for parameter DelaySeconds is invalid. Reason: DelaySeconds "
                            "must be >= 0 and <= 900.",
                            delay));
  Message message{.queue = queue.name,
                  .sequence = next_sequence(context, queue.name),
                  .visible_at = context.now() + seconds{delay}};
  json::object reply{{"MessageId", context.random().uuid()}, {"MD5OfMessageBody", md5_hex(body)}};
  message.body = {
      {"MessageId", reply.at("MessageId")},        {"Body", body},
      {"MD5OfBody", reply.at("MD5OfMessageBody")}, {"SenderId", context.caller().account},
      {"Sent", epoch_seconds(context.now())},      {"Receives", 0}};
  // Standard queues share fairly by it.
  // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
  if (const json::value* group = find(input, "MessageGroupId"))
    message.body["MessageGroupId"] = *group;
  const json::object* attributes = find_object(input, "MessageAttributes");
  if (attributes && !attributes->empty()) {
    reply["MD5OfMessageAttributes"] = md5_of_attributes(*attributes);
    message.body["MessageAttributes"] = *attributes;
    message.body["MD5OfMessageAttributes"] = reply.at("MD5OfMessageAttributes");
  }
  add_message(context, message);
  context.notify(channel(context, queue.name));
  return reply;
}

Result<json::object> send_message(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  KIBAN_TRY_VOID(context.authorise("sqs:SendMessage", make_arn(context, "sqs", queue.name)));
  return send(context, queue, input);
}

// Past maxReceiveCount a message moves to the dead-letter queue instead of being delivered.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
bool move_to_dead_letters(Context& context, const Queue& queue, Message& message) {
  const json::string* policy_text = find_string(queue.attributes, "RedrivePolicy");
  if (!policy_text) return false;
  const auto policy = parse_json(*policy_text);
  if (!policy || !policy->is_object()) return false;
  const json::object& fields = policy->get_object();
  const json::value* max = find(fields, "maxReceiveCount");
  const std::int64_t receives_max = max && max->is_string()
                                        ? std::strtoll(max->get_string().c_str(), nullptr, 10)
                                        : number(fields, "maxReceiveCount", INT64_MAX);
  if (number(message.body, "Receives", 0) < receives_max) return false;
  const auto arn = parse_arn(text(fields, "deadLetterTargetArn"));
  const auto target = arn ? load(context, arn->resource)
                          : Result<Queue>{fail("QueueDoesNotExist", "no dead-letter queue")};
  if (!target) return false;
  erase_message(context, message);
  message.queue = target->name;
  message.sequence = next_sequence(context, target->name);
  message.visible_at = context.now();
  message.body["DeadLetterQueueSourceArn"] = make_arn(context, "sqs", queue.name);
  message.body.erase("Receipt");
  add_message(context, message);
  context.notify(channel(context, target->name));
  return true;
}

bool wants(const json::object& input, std::string_view list, std::string_view name) {
  const json::array* names = find_array(input, list);
  return names && std::ranges::any_of(*names, [&](const json::value& wanted) {
           const std::string_view pattern = wanted.as_string();
           return pattern == "All" || pattern == ".*" || pattern == name ||
                  (pattern.ends_with(".*") &&
                   name.starts_with(pattern.substr(0, pattern.size() - 1)));
         });
}

json::object delivered(const json::object& input, const Message& message) {
  const json::object& body = message.body;
  const auto milliseconds = [&](std::string_view key) {
    return std::to_string(static_cast<std::int64_t>(body.at(key).to_number<double>() * 1000));
  };
  json::object out{{"MessageId", body.at("MessageId")},
                   {"ReceiptHandle", body.at("Receipt")},
                   {"MD5OfBody", body.at("MD5OfBody")},
                   {"Body", body.at("Body")}};
  json::object system{{"SenderId", body.at("SenderId")},
                      {"SentTimestamp", milliseconds("Sent")},
                      {"ApproximateReceiveCount", std::to_string(number(body, "Receives", 0))},
                      {"ApproximateFirstReceiveTimestamp", milliseconds("FirstReceived")}};
  for (const char* name : {"DeadLetterQueueSourceArn", "MessageGroupId"}) {
    if (const json::value* value = find(body, name)) system[name] = *value;
  }
  json::object chosen;
  for (const auto& member : system) {
    if (wants(input, "AttributeNames", member.key()) ||
        wants(input, "MessageSystemAttributeNames", member.key()))
      chosen[member.key()] = member.value();
  }
  if (!chosen.empty()) out["Attributes"] = std::move(chosen);
  json::object attributes;
  if (const json::object* all = find_object(body, "MessageAttributes")) {
    for (const auto& member : *all) {
      if (wants(input, "MessageAttributeNames", member.key()))
        attributes[member.key()] = member.value();
    }
  }
  if (!attributes.empty()) {
    out["MD5OfMessageAttributes"] = md5_of_attributes(attributes);
    out["MessageAttributes"] = std::move(attributes);
  }
  return out;
}

// A receipt names queue, message and receive: only the latest one changes visibility.
std::string make_receipt(Context& context, const Message& message) {
  return fmt::format("{}/{}/{}", message.queue, message.sequence, context.secrets().hex(32));
}

Result<Message> message_of_receipt(const Context& context, const Queue& queue,
                                   std::string_view receipt) {
  const std::string prefix = queue.name + "/";
  if (!receipt.starts_with(prefix) || receipt.size() < prefix.size() + 21)
    return fail(
        "ReceiptHandleIsInvalid",
        fmt::format("The input receipt handle \"{}\" is not a valid receipt handle.", receipt));
  auto message = find_message(context, queue.name, receipt.substr(prefix.size(), 20));
  if (!message)
    return fail("MessageNotInflight", "The message referred to is not in flight: it was deleted.");
  return *std::move(message);
}

Result<json::object> receive_message(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  const std::int64_t most = number(input, "MaxNumberOfMessages", 1);
  if (most < 1 || most > receive_messages_max)
    return fail("InvalidParameterValue",
                fmt::format("Value {} for parameter MaxNumberOfMessages is invalid. Reason: Must "
                            "be between 1 and 10, if provided.",
                            most));
  const seconds visibility{
      number(input, "VisibilityTimeout", queue.number_of("VisibilityTimeout"))};
  const seconds wait{
      number(input, "WaitTimeSeconds", queue.number_of("ReceiveMessageWaitTimeSeconds"))};
  json::array messages;
  for (Message& message : list_messages(context, queue.name, 100)) {
    if (message.visible_at > context.now() || std::ssize(messages) == most) break;
    if (expired(context, queue, message)) {
      erase_message(context, message);
      continue;
    }
    if (move_to_dead_letters(context, queue, message)) continue;
    message.body["Receives"] = number(message.body, "Receives", 0) + 1;
    if (!message.body.contains("FirstReceived"))
      message.body["FirstReceived"] = epoch_seconds(context.now());
    message.body["Receipt"] = make_receipt(context, message);
    messages.push_back(delivered(input, message));
    move_message(context, message, context.now() + visibility);
  }
  if (!messages.empty()) return json::object{{"Messages", std::move(messages)}};
  if (wait.count() > 0 && !context.last_attempt()) {
    // The wait counts from the first attempt; a message that becomes visible sooner ends it.
    Timestamp until = context.now() + wait;
    for (const Message& message : list_messages(context, queue.name, 1))
      until = std::min(until, std::max(message.visible_at, context.now() + Duration{1}));
    context.defer(channel(context, queue.name), until);
  }
  return json::object{};
}

Result<json::object> delete_message(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  const auto message = message_of_receipt(context, queue, text(input, "ReceiptHandle"));
  if (message)
    erase_message(context, *message);
  else if (message.error().name == "ReceiptHandleIsInvalid")
    return std::unexpected(message.error());
  return json::object{};  // Deleting again succeeds, as AWS documents.
}

Result<json::object> change_visibility(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  const std::int64_t timeout = number(input, "VisibilityTimeout", 0);
  if (timeout < 0 || timeout > visibility_seconds_max)
    return fail("InvalidParameterValue",
                fmt::format("Value {} for parameter VisibilityTimeout is invalid. Reason: "
                            "VisibilityTimeout must be an integer between 0 and 43200.",
                            timeout));
  KIBAN_TRY(Message message, message_of_receipt(context, queue, text(input, "ReceiptHandle")));
  if (message.visible_at <= context.now())
    return fail("MessageNotInflight", "The message referred to is not in flight.");
  move_message(context, message, context.now() + seconds{timeout});
  context.notify(channel(context, queue.name));
  return json::object{};
}

// One entry's operation under its own Id; a failed entry does not fail the others.
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

Result<json::object> tag_queue(Context& context, const json::object& input) {
  KIBAN_TRY(Queue queue, queue_of(context, input));
  if (const json::object* tags = find_object(input, "Tags")) {
    for (const auto& member : *tags) queue.tags[member.key()] = member.value();
  }
  KIBAN_TRY_VOID(check_tags(queue.name, queue.tags));
  save(context, queue);
  return json::object{};
}

Result<json::object> untag_queue(Context& context, const json::object& input) {
  KIBAN_TRY(Queue queue, queue_of(context, input));
  if (const json::array* keys = find_array(input, "TagKeys")) {
    for (const json::value& key : *keys) queue.tags.erase(key.as_string());
  }
  save(context, queue);
  return json::object{};
}

Result<json::object> list_queue_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  return queue.tags.empty() ? json::object{} : json::object{{"Tags", queue.tags}};
}

const OperationTable operations = {
    {"ChangeMessageVisibility", change_visibility},
    {"ChangeMessageVisibilityBatch",
     [](Context& c, const json::object& i) { return batch(c, i, change_visibility); }},
    {"CreateQueue", create_queue},
    {"DeleteMessage", delete_message},
    {"DeleteMessageBatch",
     [](Context& c, const json::object& i) { return batch(c, i, delete_message); }},
    {"DeleteQueue", delete_queue},
    {"GetQueueAttributes", get_queue_attributes},
    {"GetQueueUrl", get_queue_url},
    {"ListQueueTags", list_queue_tags},
    {"ListQueues", list_queues},
    {"PurgeQueue", purge_queue},
    {"ReceiveMessage", receive_message},
    {"SendMessage", send_message},
    {"SendMessageBatch",
     [](Context& c, const json::object& i) { return batch(c, i, send_message); }},
    {"SetQueueAttributes", set_queue_attributes},
    {"TagQueue", tag_queue},
    {"UntagQueue", untag_queue},
};

}  // namespace

std::unique_ptr<Service> make_sqs() { return std::make_unique<TableService>("sqs", operations); }

}  // namespace kiban::services::sqs
