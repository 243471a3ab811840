// invoke.
#include <fmt/core.h>

#include <cstdio>

#include "api/codec.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "cli/words.h"
#include "core/letters.h"

namespace kiban::cli {
namespace {

// A function may run for 15 minutes.
constexpr std::chrono::minutes longest{16};

std::string header_of(const Answer& answer, std::string_view name) {
  for (const auto& [key, value] : answer.headers)
    if (lower_case(key) == name) return value;
  return {};
}

int report_failure(const Client& client, const InvokeOptions& invoke, const std::string& payload) {
  const auto told = parse_json(payload);
  const bool typed = told && told->is_object();
  const std::string type =
      typed ? text(told->get_object(), "errorType", "Unhandled") : std::string("Unhandled");
  const std::string message = typed ? text(told->get_object(), "errorMessage") : payload;
  return complain(invoke.function,
                  fmt::format("{}: {}", harmless_on_terminal(type), harmless_on_terminal(message)),
                  "'kiban logs --function " + invoke.function + client.given + "' shows its log.");
}

}  // namespace

int invoke_function(const ClientOptions& options, const InvokeOptions& invoke) {
  Client client = make_client(options);
  client.timeout = longest;
  const auto payload = read_input(invoke.payload);
  if (!payload)
    return complain("invoke", payload.error().cause, "Give --payload JSON, @FILE, or - for stdin.");
  const auto answer = client.post(
      "lambda",
      fmt::format("/2015-03-31/functions/{}/invocations", api::encode_uri(invoke.function)),
      {{"X-Amz-Invocation-Type", invoke.event ? "Event" : "RequestResponse"},
       {"X-Amz-Log-Type", invoke.logs ? "Tail" : "None"}},
      *payload);
  if (!answer) return complain_about_call("invoke", client, answer.error());
  if (invoke.logs) {
    const auto tail = api::decode_base64(header_of(*answer, "x-amz-log-result"));
    if (tail) fmt::print(stderr, "{}\n", harmless_on_terminal(*tail));
  }
  if (!header_of(*answer, "x-amz-function-error").empty())
    return report_failure(client, invoke, answer->body);
  if (!answer->body.empty()) fmt::print("{}\n", answer->body);
  return exit_done;
}

}  // namespace kiban::cli
