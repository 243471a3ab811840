#include "load/reply.h"

#include <algorithm>
#include <charconv>

#include "core/letters.h"

namespace kiban::load {

namespace {

// The value of a header, without the spaces before it; empty when there is none.
std::string_view header_value(std::string_view header, std::string_view name) {
  for (std::size_t at = header.find("\r\n"); at != std::string_view::npos;
       at = header.find("\r\n", at + 2)) {
    const std::string_view line = header.substr(at + 2, header.find("\r\n", at + 2) - at - 2);
    if (line.size() <= name.size() || line[name.size()] != ':' ||
        !same_letters(line.substr(0, name.size()), name))
      continue;
    const std::size_t begin = line.find_first_not_of(' ', name.size() + 1);
    return begin == std::string_view::npos ? std::string_view{} : line.substr(begin);
  }
  return {};
}

std::size_t content_length(std::string_view header) {
  const std::string_view digits = header_value(header, "content-length");
  std::size_t length = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), length);
  return length;
}

}  // namespace

std::optional<Framed> first_message(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const std::size_t length = content_length(bytes.substr(0, end));
  if (bytes.size() < end + 4 + length) return std::nullopt;
  return Framed{.size = end + 4 + length, .body = bytes.substr(end + 4, length)};
}

bool closes(std::string_view header) {
  return same_letters(header_value(header, "connection"), "close");
}

int status_of(std::string_view reply) {
  constexpr std::string_view version = "HTTP/1.1 ";
  int status = 0;
  if (reply.starts_with(version))
    std::from_chars(reply.data() + version.size(), reply.data() + reply.size(), status);
  return status;
}

std::string_view string_member(std::string_view body, std::string_view name) {
  for (std::size_t at = body.find(name); at != std::string_view::npos;
       at = body.find(name, at + 1)) {
    std::string_view rest = body.substr(at + name.size());
    if (at == 0 || body[at - 1] != '"' || !rest.starts_with("\":")) continue;
    rest.remove_prefix(std::min(rest.find_first_not_of(' ', 2), rest.size()));
    if (!rest.starts_with('"')) continue;
    return rest.substr(1, rest.find('"', 1) - 1);
  }
  return {};
}

}  // namespace kiban::load
