// One mail as the text of RFC 5322, and back.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace kiban::runtime {

struct Mail {
  std::string from_name{};     // Shown before the address; may be empty.
  std::string from_address{};  // core/mail_address.h
  std::string to{};            // One address.
  std::string subject{};       // One line.
  std::string id{};            // Of Message-ID, without the domain: letters, digits, '-'.
  Timestamp date{};
  std::string body{};  // UTF-8; lines end with \n.
};

// The text, its lines ended by \r\n. A control character in a header's value becomes a space, so
// that no value can begin another header. Error `InvalidMail` for an address that is none.
Result<std::string> format_mail(const Mail& mail);
// Reads the output of format_mail. A missing header is empty: the file may be of another program.
Mail read_mail(std::string_view text);

}  // namespace kiban::runtime
