// console: a link that opens the web console.
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/report.h"
#include "cli/table.h"
#include "console/links.h"
#include "console/route.h"
#include "runtime/frontend.h"
#include "runtime/http_client.h"

namespace kiban::cli {

namespace {

Result<std::string> make_link(const Client& client) {
  KIBAN_TRY(
      const runtime::HttpReply reply,
      runtime::fetch({.method = "POST",
                      .url = client.endpoint + std::string(console::link_path),
                      .headers = {{"X-Kiban-Token", runtime::own_token(client.secret_access_key)}},
                      .timeout = std::chrono::seconds{10}}));
  const auto body = parse_json(reply.body);
  if (!body || !body->is_object()) return fail("BadReply", "what answers there is not kiban");
  if (reply.status == 403) return fail("InvalidSignature", text_of(body->get_object(), "message"));
  if (reply.status != 200) return fail("NoConsole", text_of(body->get_object(), "message"));
  return client.endpoint + text_of(body->get_object(), "path");
}

// With the desktop's own opener; false: there is none, or it failed.
bool open_in_browser(const std::string& link) {
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) {
    ::execlp("xdg-open", "xdg-open", link.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  return ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

std::string execution_link(const Client& client, const std::string& execution_arn) {
  return client.endpoint + console::execution_page(execution_arn);
}

std::string executions_link(const Client& client) {
  return fmt::format("{}{}/executions", client.endpoint, console::console_path);
}

int open_console(const ClientOptions& options, const ConsoleOptions& console,
                 const OutputOptions& output) {
  const Client client = make_client(options);
  const auto link = make_link(client);
  if (!link) return complain_about_call("console", client, link.error());
  if (output.json)
    print_json_line(json::object{{"link", *link}});
  else
    fmt::print("{}\n", *link);
  if (console.open && !open_in_browser(*link))
    return complain(
        "console", "xdg-open could not open the link",
        "Paste the link into a browser on this machine. It works once, for 10 minutes.");
  return exit_done;
}

}  // namespace kiban::cli
