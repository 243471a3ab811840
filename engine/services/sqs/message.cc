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

std::string message_key(const Context& context, const Message& message) {
  return fmt::format("{}{:015}/{}", message_prefix(context, message.queue),
                     message.visible_at.time_since_epoch().count(), message.sequence);
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
  put_json(context, message_key(context, message), message.body);
  context.put(index_key(context, message.queue, message.sequence),
              fmt::format("{:015}", message.visible_at.time_since_epoch().count()));
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

std::vector<Message> list_messages(const Context& context, std::string_view queue,
                                   std::size_t limit) {
  const std::string prefix = message_prefix(context, queue);
  std::vector<Message> found;
  for (const store::Row& row : context.scan(prefix, {}, limit)) {
    const std::string_view key = std::string_view(row.key).substr(prefix.size());
    if (key.size() <= 16) throw DamagedRow(row.key, "its key has no sequence number");
    found.push_back({.queue = std::string(queue),
                     .sequence = std::string(key.substr(16)),
                     .visible_at = Timestamp{Duration{std::stoll(std::string(key.substr(0, 15)))}},
                     .body = object_of(row.key, row.value)});
  }
  return found;
}

std::optional<Message> find_message(const Context& context, std::string_view queue,
                                    std::string_view sequence) {
  const auto visible_at = context.get(index_key(context, queue, sequence));
  if (!visible_at) return std::nullopt;
  Message message{.queue = std::string(queue),
                  .sequence = std::string(sequence),
                  .visible_at = Timestamp{Duration{std::stoll(*visible_at)}}};
  auto body = get_json(context, message_key(context, message));
  if (!body) return std::nullopt;
  message.body = *std::move(body);
  return message;
}

std::string next_sequence(Context& context, std::string_view queue) {
  const std::string key = fmt::format("sqs/{}/sequence/{}", context.caller().region, queue);
  const auto last = context.get(key);
  const std::string next = fmt::format("{:020}", last ? std::stoull(*last) + 1 : 1);
  context.put(key, next);
  return next;
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
