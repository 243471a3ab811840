#include "runtime/smtp.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include "core/mail_address.h"
#include "runtime/child.h"

namespace kiban::runtime {
namespace {

constexpr std::size_t last_words_max = 300;  // Bytes of curl's complaint to pass on.

Result<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    unsigned int code = 0;
    const char* const begin = text.data() + at + 1;
    const bool whole = at + 2 < text.size();
    if (!whole || std::from_chars(begin, begin + 2, code, 16).ptr != begin + 2)
      return fail("InvalidUrl", "a % of the mail server's URL stands before no two hex digits");
    out += static_cast<char>(code);
    at += 2;
  }
  if (std::ranges::any_of(out, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return fail("InvalidUrl", "user and password of the mail server hold no control characters");
  return out;
}

// A quoted value of curl's configuration.
std::string in_quotes(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

bool is_loopback_host(std::string_view host) {
  return host.starts_with("127.") || host == "localhost" || host == "[::1]";
}

// Holds the mail for curl, which opens it as /dev/fd/3.
Result<Descriptor> in_memory_file(std::string_view text) {
  Descriptor file{::memfd_create("mail", MFD_CLOEXEC)};
  for (std::size_t at = 0; file.number() >= 0 && at < text.size();) {
    const ssize_t count = ::write(file.number(), text.data() + at, text.size() - at);
    if (count <= 0) return fail("MailFailed", "there is no memory for the mail");
    at += static_cast<std::size_t>(count);
  }
  if (file.number() < 0) return fail("MailFailed", "there is no memory for the mail");
  return file;
}

}  // namespace

Result<SmtpServer> parse_smtp_url(std::string_view url) {
  SmtpServer server;
  const std::size_t colon = url.find("://");
  server.scheme = std::string(url.substr(0, colon));
  if (colon == url.npos || (server.scheme != "smtp" && server.scheme != "smtps"))
    return fail("InvalidUrl", "the mail server's URL begins neither with smtp:// nor smtps://");
  std::string_view rest = url.substr(colon + 3);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (const std::size_t at = rest.rfind('@'); at != rest.npos) {
    const std::string_view login = rest.substr(0, at);
    const std::size_t mark = std::min(login.find(':'), login.size());
    KIBAN_TRY(server.user, percent_decoded(login.substr(0, mark)));
    KIBAN_TRY(server.password, percent_decoded(login.substr(std::min(mark + 1, login.size()))));
    if (server.user.find(':') != std::string::npos)
      return fail("InvalidUrl", "the user of the mail server holds no colon");
    rest.remove_prefix(at + 1);
  }
  const std::size_t port = rest.rfind(':');
  const bool has_port = port != rest.npos && rest.find(']', port) == rest.npos;
  server.host = std::string(rest.substr(0, has_port ? port : rest.size()));
  server.port = has_port ? std::string(rest.substr(port + 1))
                         : std::string(server.scheme == "smtps" ? "465" : "25");
  const auto of_host = [](char c) {
    return is_letter_or_digit(c) || c == '.' || c == '-' || c == '[' || c == ']' || c == ':';
  };
  unsigned int number = 0;
  const char* const end = server.port.data() + server.port.size();
  const bool is_number = std::from_chars(server.port.data(), end, number).ptr == end;
  if (server.host.empty() || !std::ranges::all_of(server.host, of_host) || !is_number ||
      number == 0 || number > 65'535)
    return fail("InvalidUrl", "the mail server's URL names no host, or a port that is none");
  return server;
}

std::string curl_configuration(const SmtpServer& server, std::string_view from,
                               std::string_view to) {
  const bool must_hide = !server.user.empty() && !is_loopback_host(server.host);
  std::string out = fmt::format("url = {}\nproto = \"=smtp,smtps\"\nnoproxy = \"*\"\n",
                                in_quotes(fmt::format("{}://{}:{}/kiban.localdomain", server.scheme,
                                                      server.host, server.port)));
  if (server.scheme == "smtp") out += must_hide ? "ssl-reqd\n" : "ssl\n";
  if (!server.user.empty())
    out +=
        fmt::format("user = {}\n", in_quotes(fmt::format("{}:{}", server.user, server.password)));
  out += fmt::format("mail-from = {}\nmail-rcpt = {}\n", in_quotes(from), in_quotes(to));
  out += "upload-file = \"/dev/fd/3\"\nconnect-timeout = 10\nmax-time = 30\n";
  out += "silent\nshow-error\nwrite-out = \"\\n%{response_code}\"\n";
  return out;
}

void SmtpStop::stop() {
  const std::scoped_lock lock{mutex_};
  stopped_ = true;
  kill_child();
}

void SmtpStop::watch(pid_t pid) {
  const std::scoped_lock lock{mutex_};
  child_ = Descriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (stopped_) kill_child();
}

// Of a child that has ended meanwhile the pidfd is good still, and nothing happens.
void SmtpStop::kill_child() const {
  if (child_.number() >= 0) ::syscall(SYS_pidfd_send_signal, child_.number(), SIGKILL, nullptr, 0U);
}

Result<void> send_by_smtp(const SmtpServer& server, std::string_view from, std::string_view to,
                          std::string_view text, SmtpStop& stop) {
  const Deadline deadline = std::chrono::steady_clock::now() + program_time_max;
  KIBAN_TRY(const Descriptor mail, in_memory_file(text));
  KIBAN_TRY(Pipe in, make_pipe());
  KIBAN_TRY(Pipe out, make_pipe());
  KIBAN_TRY(const pid_t pid,
            spawn_child({.arguments = {"curl", "--disable", "--config", "-"},
                         .environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"},
                         .input = in.read.number(),
                         .output = out.write.number(),
                         .fourth = mail.number()}));
  stop.watch(pid);
  in.read.close();
  out.write.close();
  std::string said = exchange_with_child(in, out, curl_configuration(server, from, to), deadline);
  const auto status = wait_for_child(pid, deadline);
  if (status == 0) return {};
  const std::size_t line = said.rfind('\n');
  const std::string code = line == std::string::npos ? "" : said.substr(line + 1);
  said.resize(std::min({said.size(), line, last_words_max}));
  while (said.ends_with('\n')) said.pop_back();
  return fail(code.size() == 3 && code.starts_with('5') ? "MailRefused" : "MailFailed",
              fmt::format("{}:{}: {}", server.host, server.port,
                          status ? said : std::string("no answer in a minute")));
}

}  // namespace kiban::runtime
