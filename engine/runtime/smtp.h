// Hands mails to an SMTP server, by the program curl.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "core/result.h"
#include "runtime/child.h"

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

// Ends what waits for an SMTP server.
class SmtpStop {
 public:
  // The send_by_smtp() that runs and all later ones fail at once. From any thread.
  void stop();
  // Kills the child once it is to stop. The caller has not waited for it yet.
  void watch(pid_t pid);

 private:
  void kill_child() const;

  std::mutex mutex_{};
  Descriptor child_{};  // A pidfd.
  bool stopped_{false};
};

// Blocks, a minute at most. Errors: `MailRefused` (a reply 5xx: trying again is of no use),
// `MailFailed`.
Result<void> send_by_smtp(const SmtpServer& server, std::string_view from, std::string_view to,
                          std::string_view text, SmtpStop& stop);

}  // namespace kiban::runtime
