#include "services/sqs/message.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <map>

namespace kiban::services::sqs {
namespace {

std::string message_prefix(const Context& context, std::string_view queue) {
  return fmt::format("sqs/{}/message/{}/", context.caller().region, queue);
}

bool is_fifo(std::string_view queue) { return queue.ends_with(".fifo"); }

// The VISIBLE_AT of a message's rows.
std::string place_of(const Message& message) {
  return fmt::format("{:015}",
                     is_fifo(message.queue) ? 0 : message.visible_at.time_since_epoch().count());
}

std::string message_key(const Context& context, const Message& message) {
  return fmt::format("{}{}/{}", message_prefix(context, message.queue), place_of(message),
                     message.sequence);
}

std::string index_key(const Context& context, std::string_view queue, std::string_view sequence) {
  return fmt::format("sqs/{}/index/{}/{}", context.caller().region, queue, sequence);
}

void add_length_prefixed(std::string& out, std::string_view bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  for (const unsigned shift : {24U, 16U, 8U, 0U}) out += static_cast<char>((size >> shift) & 0xFF);
  out += bytes;
}

std::string decode_base64(std::string_view text) {
  std::string out(text.size() / 4 * 3 + 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(size) - padding);
  return out;
}

}  // namespace

void add_message(Context& context, const Message& message) {
  json::object body = message.body;
  if (is_fifo(message.queue)) body["VisibleAt"] = message.visible_at.time_since_epoch().count();
  put_json(context, message_key(context, message), body);
  context.put(index_key(context, message.queue, message.sequence), place_of(message));
}

void erase_message(Context& context, const Message& message) {
  context.erase(message_key(context, message));
  context.erase(index_key(context, message.queue, message.sequence));
}

void move_message(Context& context, Message& message, Timestamp visible_at) {
  context.erase(message_key(context, message));
  message.visible_at = visible_at;
  add_message(context, message);
}

namespace {

Message message_from(std::string_view queue, std::string sequence, std::string_view place,
                     json::object body) {
  Message message{.queue = std::string(queue),
                  .sequence = std::move(sequence),
                  .visible_at = Timestamp{Duration{std::stoll(std::string(place))}},
                  .body = std::move(body)};
  if (is_fifo(queue)) {
    message.visible_at = Timestamp{Duration{number(message.body, "VisibleAt", 0)}};
    message.body.erase("VisibleAt");
  }
  return message;
}

std::vector<Message> scan_messages(const Context& context, std::string_view queue,
                                   std::string_view after, std::size_t limit) {
  const std::string prefix = message_prefix(context, queue);
  std::vector<Message> found;
  for (const store::Row& row : context.scan(prefix, after, limit)) {
    const std::string_view key = std::string_view(row.key).substr(prefix.size());
    if (key.size() <= 16) throw DamagedRow(row.key, "its key has no sequence number");
    found.push_back(message_from(queue, std::string(key.substr(16)), key.substr(0, 15),
                                 object_of(row.key, row.value)));
  }
  return found;
}

}  // namespace

std::vector<Message> list_messages(const Context& context, std::string_view queue,
                                   std::size_t limit) {
  return scan_messages(context, queue, {}, limit);
}

std::vector<Message> list_messages_after(const Context& context, const Message& last,
                                         std::size_t limit) {
  return scan_messages(context, last.queue, message_key(context, last), limit);
}

std::size_t count_invisible(const Context& context, std::string_view queue, std::size_t limit) {
  const Message now{.queue = std::string(queue), .sequence = "~", .visible_at = context.now()};
  return context.scan(message_prefix(context, queue), message_key(context, now), limit).size();
}

std::optional<Message> find_message(const Context& context, std::string_view queue,
                                    std::string_view sequence) {
  const auto place = context.get(index_key(context, queue, sequence));
  if (!place) return std::nullopt;
  auto body =
      get_json(context, fmt::format("{}{}/{}", message_prefix(context, queue), *place, sequence));
  if (!body) return std::nullopt;
  return message_from(queue, std::string(sequence), *place, *std::move(body));
}

namespace {

std::string sequence_key(const Context& context, std::string_view queue) {
  return fmt::format("sqs/{}/sequence/{}", context.caller().region, queue);
}

}  // namespace

std::string next_sequence(Context& context, std::string_view queue) {
  const std::string key = sequence_key(context, queue);
  const auto last = context.get(key);
  const std::string next = fmt::format("{:020}", last ? std::stoull(*last) + 1 : 1);
  context.put(key, next);
  return next;
}

std::string last_sequence(const Context& context, std::string_view queue) {
  return context.get(sequence_key(context, queue)).value_or("");
}

std::string md5_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_md5(), nullptr);
  std::string out;
  for (unsigned int i = 0; i < size; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

std::string md5_of_attributes(const json::object& attributes) {
  std::map<std::string, const json::object*> sorted;
  for (const auto& member : attributes) {
    if (const auto* attribute = member.value().if_object())
      sorted.emplace(std::string(member.key()), attribute);
  }
  std::string bytes;
  for (const auto& [name, attribute] : sorted) {
    const json::string* type = find_string(*attribute, "DataType");
    const json::string* binary = find_string(*attribute, "BinaryValue");
    const json::string* value = find_string(*attribute, "StringValue");
    add_length_prefixed(bytes, name);
    add_length_prefixed(bytes, type ? to_string(*type) : "");
    bytes += static_cast<char>(binary ? 2 : 1);
    add_length_prefixed(bytes, binary  ? decode_base64(to_string(*binary))
                               : value ? to_string(*value)
                                       : "");
  }
  return md5_hex(bytes);
}

}  // namespace kiban::services::sqs
