#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/sqs/operations.h"

namespace kiban::services::sqs {
namespace {

using std::chrono::seconds;

constexpr std::int64_t receive_messages_max = 10;
constexpr std::int64_t visibility_seconds_max = 43'200;
constexpr std::int64_t wait_seconds_max = 20;
constexpr std::size_t page = 100;
// "You can use ReceiveRequestAttemptId only for 5 minutes after a ReceiveMessage action."
constexpr std::chrono::minutes attempt_interval{5};

const std::set<std::string_view> system_attributes = {"All",
                                                      "ApproximateFirstReceiveTimestamp",
                                                      "ApproximateReceiveCount",
                                                      "AWSTraceHeader",
                                                      "DeadLetterQueueSourceArn",
                                                      "MessageDeduplicationId",
                                                      "MessageGroupId",
                                                      "SenderId",
                                                      "SentTimestamp",
                                                      "SequenceNumber"};

std::unexpected<Error> invalid(std::string_view value, std::string_view parameter,
                               std::string_view reason) {
  return fail(
      "InvalidParameterValue",
      fmt::format("Value {} for parameter {} is invalid. Reason: {}", value, parameter, reason));
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
    return std::to_string(std::llround(body.at(key).to_number<double>() * 1000));
  };
  json::object out{{"MessageId", body.at("MessageId")},
                   {"ReceiptHandle", body.at("Receipt")},
                   {"MD5OfBody", body.at("MD5OfBody")},
                   {"Body", body.at("Body")}};
  json::object system{{"SenderId", body.at("SenderId")},
                      {"SentTimestamp", milliseconds("Sent")},
                      {"ApproximateReceiveCount", std::to_string(number(body, "Receives", 0))},
                      {"ApproximateFirstReceiveTimestamp", milliseconds("FirstReceived")}};
  for (const char* name : {"DeadLetterQueueSourceArn", "MessageGroupId", "MessageDeduplicationId",
                           "SequenceNumber", "AWSTraceHeader"}) {
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

// What ReceiveMessage asks for, checked.
struct Wish {
  std::int64_t most{1};
  seconds visibility{};
  seconds wait{};
  std::string attempt{};
};

Result<Wish> wish_of(const Queue& queue, const json::object& input) {
  const std::int64_t most = number(input, "MaxNumberOfMessages", 1);
  if (most < 1 || most > receive_messages_max)
    return invalid(std::to_string(most), "MaxNumberOfMessages",
                   "Must be between 1 and 10, if provided.");
  const std::int64_t visibility =
      number(input, "VisibilityTimeout", queue.number_of("VisibilityTimeout"));
  if (visibility < 0 || visibility > visibility_seconds_max)
    return invalid(std::to_string(visibility), "VisibilityTimeout",
                   "Must be between 0 and 43200, if provided.");
  const std::int64_t wait =
      number(input, "WaitTimeSeconds", queue.number_of("ReceiveMessageWaitTimeSeconds"));
  if (wait < 0 || wait > wait_seconds_max)
    return invalid(std::to_string(wait), "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided.");
  std::string attempt = text(input, "ReceiveRequestAttemptId");
  if (!attempt.empty() && !queue.is_fifo())
    return invalid(attempt, "ReceiveRequestAttemptId",
                   "The request include parameter that is not valid for this queue type.");
  for (const char* list : {"AttributeNames", "MessageSystemAttributeNames"}) {
    const json::array* names = find_array(input, list);
    for (const json::value& name : names ? *names : json::array{})
      if (!system_attributes.contains(name.as_string()))
        return fail("InvalidAttributeName",
                    fmt::format("Unknown Attribute {}.", std::string_view(name.as_string())));
  }
  return Wish{.most = most,
              .visibility = seconds{visibility},
              .wait = seconds{wait},
              .attempt = std::move(attempt)};
}

// A message whose receives are used up goes to the dead-letter queue instead of being delivered.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
bool move_to_dead_letters(Context& context, const Queue& queue, const Message& message) {
  const auto redrive = redrive_of(queue.attributes);
  if (!redrive || number(message.body, "Receives", 0) < redrive->receives_max) return false;
  const auto target = queue_by_arn(context, redrive->target, "deadLetterTargetArn");
  if (!target) return false;
  Message moved = message;
  erase_message(context, message);
  moved.body["DeadLetterQueueSourceArn"] = make_arn(context, "sqs", queue.name);
  transfer(context, *target, std::move(moved));
  return true;
}

bool expired(const Context& context, const Queue& queue, const Message& message) {
  const auto age = context.now() - from_epoch_seconds(message.body.at("Sent").to_number<double>());
  return age >= seconds{queue.number_of("MessageRetentionPeriod")};
}

// A receipt names queue, message and receive.
std::string make_receipt(Context& context, const Message& message) {
  return fmt::format("{}/{}/{}", message.queue, message.sequence, context.secrets().hex(32));
}

// Takes messages in their order until there are enough.
class Receiver {
 public:
  Receiver(Context& context, const Queue& queue, const json::object& input, const Wish& wish)
      : context_(context), queue_(queue), input_(input), wish_(wish) {}

  void run() {
    newest_ = last_sequence(context_, queue_.name);
    std::vector<Message> found = list_messages(context_, queue_.name, page);
    while (!found.empty()) {
      const Message last = found.back();
      for (Message& message : found)
        if (!take(message)) return;
      if (found.size() < page) return;
      found = list_messages_after(context_, last, page);
    }
  }

  json::array messages{};
  json::array sequences{};
  std::optional<Timestamp> next_visible{};  // Of those that were passed over.

 private:
  // False: none behind it can be delivered now.
  bool take(Message& message) {
    if (std::ssize(messages) == wish_.most) return false;
    if (message.sequence > newest_) return true;  // This receive moved it here.
    if (std::ranges::find(sequences, json::value(message.sequence)) != sequences.end())
      return true;  // It came back at once: its visibility timeout is 0.
    const std::string group = text(message.body, "MessageGroupId");
    if (message.visible_at > context_.now()) {
      next_visible = std::min(message.visible_at, next_visible.value_or(Timestamp::max()));
      if (!queue_.is_fifo()) return false;
      locked_.insert(group);
      return true;
    }
    // "no additional messages from the same group ID are returned" while one is in flight.
    if (queue_.is_fifo() && locked_.contains(group)) return true;
    if (expired(context_, queue_, message)) {
      erase_message(context_, message);
      return true;
    }
    if (move_to_dead_letters(context_, queue_, message)) return true;
    message.body["Receives"] = number(message.body, "Receives", 0) + 1;
    if (!message.body.contains("FirstReceived"))
      message.body["FirstReceived"] = epoch_seconds(context_.now());
    message.body["ReceivedAt"] = epoch_seconds(context_.now());
    message.body["Receipt"] = make_receipt(context_, message);
    messages.push_back(delivered(input_, message));
    sequences.emplace_back(message.sequence);
    move_message(context_, message, context_.now() + wish_.visibility);
    return true;
  }

  Context& context_;
  const Queue& queue_;
  const json::object& input_;
  const Wish& wish_;
  std::set<std::string> locked_{};
  std::string newest_{};  // Sequence when the receive began.
};

// How many messages may come into flight. A receive takes ten at most, so the queue is counted only
// as often as it could have reached the limit since.
struct Room {
  std::int64_t messages{0};
  std::int64_t receives{0};  // Until it is counted again.
};

std::string room_key(const Context& context, const Queue& queue) {
  return fmt::format("sqs/{}/flight/{}", context.caller().region, queue.name);
}

Room room_of(const Context& context, const Queue& queue, std::size_t limit) {
  if (queue.is_fifo())  // "returns no error messages"; its groups bound it.
    return {.messages = receive_messages_max, .receives = 1};
  const auto row = context.get(room_key(context, queue));
  const std::int64_t receives = row ? std::stoll(*row) : 0;
  if (receives > 0) return {.messages = receive_messages_max, .receives = receives};
  const std::size_t count = count_invisible(context, queue.name, limit);
  const auto room = static_cast<std::int64_t>(limit - count);
  return {.messages = room, .receives = room / receive_messages_max};
}

// FIFO: the same attempt again gets the same messages, if nothing happened to them since.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-receiverequestattemptid-request-parameter.html
std::string attempt_key(const Context& context, const Queue& queue, std::string_view attempt) {
  return fmt::format("sqs/{}/attempt/{}/{}", context.caller().region, queue.name, attempt);
}

std::optional<json::array> receive_again(Context& context, const Queue& queue,
                                         const json::object& input, const Wish& wish) {
  if (wish.attempt.empty()) return std::nullopt;
  const auto row = get_json(context, attempt_key(context, queue, wish.attempt));
  if (!row || context.now() >= from_epoch_seconds(row->at("Until").to_number<double>()))
    return std::nullopt;
  std::vector<Message> found;
  for (const json::value& sequence : row->at("Sequences").as_array()) {
    auto message = find_message(context, queue.name, sequence.as_string());
    const bool same = message && message->visible_at > context.now() &&
                      find(message->body, "ReceivedAt") != nullptr &&
                      message->body.at("ReceivedAt") == row->at("At");
    if (!same) return std::nullopt;
    found.push_back(*std::move(message));
  }
  json::array messages;
  for (Message& message : found) {
    messages.push_back(delivered(input, message));
    move_message(context, message, context.now() + wish.visibility);
  }
  return messages;
}

void remember_attempt(Context& context, const Queue& queue, const Wish& wish,
                      const Receiver& receiver) {
  if (wish.attempt.empty()) return;
  const std::string key = attempt_key(context, queue, wish.attempt);
  const Timestamp until = context.now() + attempt_interval;
  put_json(context, key,
           {{"Until", epoch_seconds(until)},
            {"At", epoch_seconds(context.now())},
            {"Sequences", receiver.sequences}});
  context.set_timer("sqs", key, until, {{"Forget", key}});
}

// Of a receipt ----------------------------------------------------------------------------------

Result<Message> message_of_receipt(const Context& context, const Queue& queue,
                                   std::string_view receipt) {
  const std::string prefix = queue.name + "/";
  if (!receipt.starts_with(prefix) || receipt.size() < prefix.size() + 21)
    return fail(
        "ReceiptHandleIsInvalid",
        fmt::format("The input receipt handle \"{}\" is not a valid receipt handle.", receipt));
  auto message = find_message(context, queue.name, receipt.substr(prefix.size(), 20));
  if (!message)
    return invalid(receipt, "ReceiptHandle",
                   "Message does not exist or is not available for visibility timeout change.");
  return *std::move(message);
}

Result<json::object> delete_message(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  const std::string receipt = text(input, "ReceiptHandle");
  const auto message = message_of_receipt(context, queue, receipt);
  if (!message && message.error().name == "ReceiptHandleIsInvalid")
    return std::unexpected(message.error());
  if (!message) return json::object{};  // Deleting again succeeds, as AWS documents.
  if (queue.is_fifo() &&
      (text(message->body, "Receipt") != receipt || message->visible_at <= context.now()))
    return invalid(receipt, "ReceiptHandle", "The receipt handle has expired.");
  erase_message(context, *message);
  // The next of its group may be delivered.
  if (queue.is_fifo()) announce(context, queue.name);
  return json::object{};
}

Result<json::object> change_visibility(Context& context, const json::object& input) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  const std::int64_t timeout = number(input, "VisibilityTimeout", 0);
  if (timeout < 0 || timeout > visibility_seconds_max)
    return invalid(std::to_string(timeout), "VisibilityTimeout",
                   "VisibilityTimeout must be an integer between 0 and 43200.");
  const std::string receipt = text(input, "ReceiptHandle");
  KIBAN_TRY(Message message, message_of_receipt(context, queue, receipt));
  if (message.visible_at <= context.now() || !message.body.contains("Receipt"))
    return fail("MessageNotInflight", "The message referred to is not in flight.");
  if (queue.is_fifo() && text(message.body, "Receipt") != receipt)
    return invalid(receipt, "ReceiptHandle", "The receipt handle has expired.");
  if (const json::value* at = find(message.body, "ReceivedAt")) {
    const Timestamp end =
        from_epoch_seconds(at->to_number<double>()) + seconds{visibility_seconds_max};
    if (context.now() + seconds{timeout} > end)
      return invalid(std::to_string(timeout), "VisibilityTimeout",
                     "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]");
  }
  move_message(context, message, context.now() + seconds{timeout});
  announce(context, queue.name);
  return json::object{};
}

}  // namespace

Result<json::object> receive_message(Context& context, const json::object& input,
                                     std::size_t in_flight_max) {
  KIBAN_TRY(const Queue queue, queue_of(context, input));
  KIBAN_TRY_VOID(use_queues_key(context, queue, {"kms:Decrypt"}));
  KIBAN_TRY(Wish wish, wish_of(queue, input));
  if (auto again = receive_again(context, queue, input, wish))
    return json::object{{"Messages", *std::move(again)}};
  const Room room = room_of(context, queue, in_flight_max);
  wish.most = std::min(wish.most, room.messages);
  if (wish.most <= 0)
    return fail("OverLimit", "The maximum number of in flight messages is reached.");
  Receiver receiver{context, queue, input, wish};
  receiver.run();
  if (!receiver.messages.empty()) {
    remember_attempt(context, queue, wish, receiver);
    if (!queue.is_fifo()) context.put(room_key(context, queue), std::to_string(room.receives - 1));
    return json::object{{"Messages", std::move(receiver.messages)}};
  }
  if (wish.wait.count() > 0 && !context.last_attempt()) {
    // The wait counts from the first attempt; a message that becomes visible sooner ends it.
    Timestamp until = context.now() + wish.wait;
    if (receiver.next_visible)
      until = std::min(until, std::max(*receiver.next_visible, context.now() + Duration{1}));
    context.defer(channel(context, queue.name), until);
  }
  // A service that polls asks when it is worth to come again.
  if (receiver.next_visible && input.contains("kiban:NextVisible"))
    return json::object{{"kiban:NextVisible", receiver.next_visible->time_since_epoch().count()}};
  return json::object{};
}

OperationTable receive_operations() {
  return {{"kiban:Watch",
           [](Context& context, const json::object& input) -> Result<json::object> {
             const std::string key = watch_key(context, text(input, "QueueName"));
             if (input.contains("Service"))
               context.put(key, text(input, "Service"));
             else
               context.erase(key);
             return json::object{};
           }},
          {"ChangeMessageVisibility", change_visibility},
          {"ChangeMessageVisibilityBatch",
           [](Context& c, const json::object& i) { return batch(c, i, change_visibility); }},
          {"DeleteMessage", delete_message},
          {"DeleteMessageBatch",
           [](Context& c, const json::object& i) { return batch(c, i, delete_message); }}};
}

}  // namespace kiban::services::sqs
