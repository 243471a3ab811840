// Rows of a queue's messages, ordered by the instant at which each becomes visible; those of a FIFO
// queue by their order of sending: their VISIBLE_AT is 0, and the instant is in the message.
//
//   sqs/REGION/message/QUEUE/VISIBLE_AT/SEQUENCE  the message
//   sqs/REGION/index/QUEUE/SEQUENCE               its current VISIBLE_AT, to find it by receipt
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/base/service.h"

namespace kiban::services::sqs {

struct Message {
  std::string queue{};
  std::string sequence{};  // 20 digits: order of sending.
  Timestamp visible_at{};
  // MessageId, Body, MD5OfBody, MessageAttributes, Receipt, Sent, Receives, …
  json::object body{};
};

void add_message(Context& context, const Message& message);
void erase_message(Context& context, const Message& message);
void move_message(Context& context, Message& message, Timestamp visible_at);
// The first `limit` messages of the queue, the soonest visible first.
std::vector<Message> list_messages(const Context& context, std::string_view queue,
                                   std::size_t limit);
// The same of those that come behind `last` in that order.
std::vector<Message> list_messages_after(const Context& context, const Message& last,
                                         std::size_t limit);
// How many wait behind `now`, counted up to `limit`: in flight or delayed. Of a standard queue.
std::size_t count_invisible(const Context& context, std::string_view queue, std::size_t limit);
std::optional<Message> find_message(const Context& context, std::string_view queue,
                                    std::string_view sequence);
std::string next_sequence(Context& context, std::string_view queue);
// The sequence that was given last; empty when none was.
std::string last_sequence(const Context& context, std::string_view queue);

std::string md5_hex(std::string_view bytes);
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
std::string md5_of_attributes(const json::object& attributes);

}  // namespace kiban::services::sqs
