#include "cli/schedule_route.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "cli/schedule_words.h"
#include "runtime/json_reply.h"
#include "schedule/expression.h"

namespace kiban::cli {

namespace {

constexpr double epoch_seconds_max = 7'258'118'400.0;  // The end of 2199, where a cron ends.

// Error WrongUsage unless it is a number between 1970 and 2199; `otherwise` where it is absent.
Result<Timestamp> time_of(const json::object& asked, std::string_view member, Timestamp otherwise) {
  const json::value* found = asked.if_contains(member);
  if (found == nullptr) return otherwise;
  boost::system::error_code failed;
  const auto seconds = found->to_number<double>(failed);
  if (failed || !std::isfinite(seconds) || seconds < 0 || seconds > epoch_seconds_max)
    return fail("WrongUsage", fmt::format("{} is not a time in epoch seconds.", member));
  return from_epoch_seconds(seconds);
}

}  // namespace

Result<json::object> schedule_reply(const json::object& asked) {
  const std::string expression = text(asked, "expression");
  const bool is_rule = text(asked, "dialect", "rule") == "rule";
  const std::string zone_name = text(asked, "zone", "UTC");
  KIBAN_TRY(const Timestamp after, time_of(asked, "after", Timestamp{}));
  KIBAN_TRY(const Timestamp anchor, time_of(asked, "anchor", after));
  const auto count = static_cast<std::size_t>(
      std::clamp<std::int64_t>(number(asked, "count"), 1, std::int64_t{firings_max}));
  KIBAN_TRY(const auto parsed,
            schedule::Expression::parse(
                expression, is_rule ? schedule::Dialect::Rule : schedule::Dialect::Scheduler));
  KIBAN_TRY(const schedule::Zone zone, schedule::Zone::load(zone_name));
  json::array times;
  for (const Timestamp at : parsed.next_few(after, zone, anchor, count))
    times.emplace_back(epoch_seconds(at));
  return json::object{{"words", schedule_words(expression)},
                      {"times", std::move(times)},
                      {"rate", parsed.is_rate()}};
}

runtime::Handler make_schedule_route() {
  return [](const runtime::HttpRequest& request, const runtime::Respond& respond) {
    if (request.method != "POST") return runtime::refuse(respond, 405, "POST asks it.");
    const auto body = parse_json(request.body);
    if (!body || !body->is_object())
      return runtime::refuse(respond, 400, "The body is not a JSON object.");
    const Result<json::object> reply = schedule_reply(body->get_object());
    if (reply) return runtime::respond_with(respond, 200, *reply);
    runtime::respond_with(respond, 400,
                          {{"code", reply.error().name}, {"message", reply.error().cause}});
  };
}

}  // namespace kiban::cli
