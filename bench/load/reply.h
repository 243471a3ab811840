// Framing of the HTTP/1.1 messages that the generator reads: a header, then Content-Length bytes.
#pragma once

#include <optional>
#include <string_view>

namespace kiban::load {

struct Framed {
  std::size_t size{0};  // Of the whole message.
  std::string_view body{};
};
// The first message of `bytes`; nullopt while it is incomplete.
std::optional<Framed> first_message(std::string_view bytes);
// Whether the server closes the connection after this reply.
bool closes(std::string_view header);
// The status code; 0 when the text is not a reply.
int status_of(std::string_view reply);
// The value of a string member in JSON text without escapes: executionArn, status.
std::string_view string_member(std::string_view body, std::string_view name);

}  // namespace kiban::load
