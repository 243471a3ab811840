// clock show, advance, set, scale, freeze.
#include <fmt/core.h>

#include <charconv>
#include <chrono>

#include "cli/commands.h"
#include "cli/frozen_clock.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/words.h"
#include "runtime/frontend.h"
#include "runtime/http_client.h"

namespace kiban::cli {

namespace {

Result<json::object> body_of(const ClockOptions& clock) {
  json::object body;
  if (clock.action == "advance") {
    KIBAN_TRY(const Duration duration, parse_duration(clock.value));
    body["advance"] = duration.count();
  } else if (clock.action == "set") {
    KIBAN_TRY(const Timestamp to, parse_iso8601(clock.value));
    body["set"] = format_iso8601(to);
  } else if (clock.action == "scale") {
    double scale = 0;
    const char* const end = clock.value.data() + clock.value.size();
    const auto [stop, error] = std::from_chars(clock.value.data(), end, scale);
    if (error != std::errc{} || stop != end || !(scale > 0) || scale > runtime::clock_scale_max)
      return fail("WrongUsage", fmt::format("'{}' is no number above 0, at most {}", clock.value,
                                            runtime::clock_scale_max));
    body["scale"] = scale;
  } else {
    body["freeze"] = true;
  }
  if (!clock.hold.empty()) {
    KIBAN_TRY(const Duration hold, parse_duration(clock.hold));
    body["hold"] = hold.count();
  }
  return body;
}

// While it moves: how far it got, and what holds it.
std::string where_it_is(const Client& client) {
  const auto clock = client.get_own("/_kiban/clock", std::chrono::seconds{1});
  if (!clock) return "";
  std::string text = text_of(*clock, "now");
  const json::array* in_flight = find_array(*clock, "in_flight");
  for (const json::value& each : in_flight == nullptr ? json::array{} : *in_flight)
    text += ", held by " + to_string(each.as_string());
  return text;
}

void print_clock(const json::object& clock) {
  const double scale = number_of(clock, "scale");
  const bool real = text_of(clock, "clock") == "real";
  fmt::print("{} clock, {}\n", real ? "Real" : "Virtual",
             real         ? "the host's"
             : scale == 0 ? "frozen"
                          : fmt::format("{} s in a second of the host's", scale));
  fmt::print("now         {}\n", text_of(clock, "now"));
  const std::string next = text_of(clock, "next_timer");
  const auto at = parse_iso8601(next);
  const auto now = parse_iso8601(text_of(clock, "now"));
  if (at && now)
    fmt::print("next timer  {}, {}\n", next,
               *at > *now ? "in " + duration_words(*at - *now) : "due");
  else
    fmt::print("next timer  none\n");
  const json::array* in_flight = find_array(clock, "in_flight");
  for (const json::value& each : in_flight == nullptr ? json::array{} : *in_flight)
    fmt::print("in flight   {}\n", to_string(each.as_string()));
  if (const std::string words = frozen_clock_words(clock, 10); !words.empty())
    fmt::print("{}\n", words);
}

int complain_about_answer(const json::object& answer) {
  const std::string why = text_of(answer, "message");
  if (answer.contains("overdue"))
    return complain("clock", why,
                    "Let it end or stop it, then move on; or wait longer with --hold 10m.");
  if (why.find("the clock is real") != std::string::npos)
    return complain("clock", why, "Start the server with 'kiban serve --clock virtual'.");
  if (why.find("X-Kiban-Token") != std::string::npos)
    return complain("clock", why, "Name the server's data directory with --data DIR.");
  return complain("clock", why, "'kiban clock --help' tells more.");
}

}  // namespace

int move_clock(const ClientOptions& options, const ClockOptions& clock,
               const OutputOptions& output) {
  const Client client = make_client(options);
  runtime::Fetch request{
      .url = client.endpoint + "/_kiban/clock",
      .headers = {{"X-Kiban-Token", runtime::own_token(client.secret_access_key)}},
      .timeout = std::chrono::hours{24}};
  if (clock.action != "show") {
    const auto body = body_of(clock);
    if (!body) {
      complain("clock", body.error().cause,
               "'kiban clock " + clock.action + " --help' shows how it is written.");
      return exit_usage;
    }
    request.method = "POST";
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = print_json(*body);
  }
  const auto reply = [&] {
    const Progress progress{"Moving the clock", [&client] { return where_it_is(client); }};
    return runtime::fetch(request);
  }();
  if (!reply) return complain_about_call("clock", client, reply.error());
  const auto answer = parse_json(reply->body);
  if (!answer || !answer->is_object())
    return complain("clock", "this is not kiban: " + reply->body.substr(0, 100), "See --endpoint.");
  if (output.json && reply->status == 200)
    print_json_line(*answer);
  else if (reply->status == 200)
    print_clock(answer->get_object());
  return reply->status == 200 ? exit_done : complain_about_answer(answer->get_object());
}

}  // namespace kiban::cli
