#pragma once

#include <string>
#include <vector>

namespace kiban::cli {

struct ServeOptions {
  std::string listen{"127.0.0.1:4566"};
  std::string data{};      // Empty: the default directory, or none when ephemeral.
  std::string key_file{};  // Of the encryption at rest; empty: `key` in the data directory.
  bool ephemeral{false};
  std::string account{"000000000000"};
  std::string region{"ap-northeast-1"};
  std::string auth{"sigv4"};
  std::string iam{};  // enforce, observe, off; empty: what --auth implies.
  std::string clock{"real"};
  std::string mock_config{};
  // How ECS tasks run: containers, process (in `source`), none, or auto: containers where possible.
  std::string tasks{"auto"};
  std::string source{};
  std::vector<std::string> allow_hosts{};    // Further names of this server.
  std::vector<std::string> allow_origins{};  // Sites whose pages may call the server.
  bool allow_remote{false};                  // `--auth any` on an address that other hosts reach.
  // Whether HTTP Tasks, API destinations and SNS may call this host's loopback addresses: allow,
  // refuse, or auto: allowed to callers who could do so themselves.
  std::string loopback_targets{"auto"};
  std::string throttle{"nested"};
  std::string smtp{};  // runtime::parse_smtp_url; empty: mails go to the local mailbox.
  std::string mail_from{"no-reply@sns.amazonaws.com"};
  std::string retention{"90d"};  // Of finished executions; forever: they are not erased.
  // Of scheduled firings that came due while no server ran: last, all or none.
  std::string missed_schedules{"last"};
  std::vector<std::string> code_folders{};  // "FUNCTION=DIR", of Lambda functions.
};

// Serves until SIGTERM, or SIGINT, which ends tasks too. Returns the exit code.
int serve(const ServeOptions& options);

}  // namespace kiban::cli
