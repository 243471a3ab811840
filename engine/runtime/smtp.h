// Hands mails to an SMTP server, by the program curl.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace kiban::runtime {

struct SmtpServer {
  std::string scheme{};  // smtp or smtps.
  std::string host{};
  std::string port{};
  std::string user{};  // Empty: no login.
  std::string password{};
  bool operator==(const SmtpServer&) const = default;
};

// smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://…, user and password percent-encoded; ports 25 and
// 465. Error `InvalidUrl`, which does not repeat the password.
Result<SmtpServer> parse_smtp_url(std::string_view url);

// The configuration that curl reads for one mail: see curl(1), --config. STARTTLS is used where the
// server offers it, and demanded before a password goes to another host.
std::string curl_configuration(const SmtpServer& server, std::string_view from,
                               std::string_view to);

// Blocks, a minute at most. Errors: `MailRefused` (a reply 5xx: trying again is of no use),
// `MailFailed`.
Result<void> send_by_smtp(const SmtpServer& server, std::string_view from, std::string_view to,
                          std::string_view text);

}  // namespace kiban::runtime
