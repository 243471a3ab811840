// schedule next, schedule explain: when rules of EventBridge and schedules of Scheduler fire.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <compare>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "cli/commands.h"
#include "cli/missed_schedules.h"
#include "cli/report.h"
#include "cli/schedule_words.h"
#include "cli/table.h"
#include "runtime/http_client.h"
#include "schedule/expression.h"

namespace kiban::cli {

namespace {

using schedule::Dialect;
using schedule::Expression;
using schedule::Zone;

enum class Kind : std::uint8_t { Rule, Schedule };

struct Firing {
  Timestamp at{};
  std::string name{};  // Of a schedule: GROUP/NAME.
  std::string expression{};
  Kind kind{Kind::Rule};
  auto operator<=>(const Firing&) const = default;
};

struct Coming {
  std::vector<Firing> firings{};                 // By time, then by name.
  std::map<std::string, json::object> missed{};  // By rule: what make_missed_route answers.
};

// Each schedule costs two requests.
constexpr std::size_t schedules_asked_max = 1'000;

std::string host_zone() {
  if (const char* set = std::getenv("TZ"); set != nullptr && *set != '\0')
    return *set == ':' ? set + 1 : set;
  std::error_code failed;
  const std::string link = std::filesystem::read_symlink("/etc/localtime", failed).string();
  constexpr std::string_view mark = "zoneinfo/";
  const std::size_t at = link.find(mark);
  return failed || at == std::string::npos ? "UTC" : link.substr(at + mark.size());
}

// A zone given by name must exist; the host's zone may be unknown.
Result<Zone> zone_of(const ScheduleOptions& options) {
  if (!options.zone.empty()) return Zone::load(options.zone);
  return Zone::load(host_zone()).value_or(Zone{});
}

// Scheduled rules that are enabled: all, or the one of that name.
Result<json::array> scheduled_rules(const Client& client, const std::string& only) {
  json::array rules;
  if (!only.empty()) {
    KIBAN_TRY(json::object rule, client.call("events", "DescribeRule", {{"Name", only}}));
    if (find_string(rule, "ScheduleExpression") == nullptr)
      return fail("NoSchedule", fmt::format("rule {} has no schedule but a pattern", only));
    if (text_of(rule, "State") == "DISABLED")
      return fail("Disabled", fmt::format("rule {} is disabled: it does not fire", only));
    rules.push_back(std::move(rule));
    return rules;
  }
  json::object input;
  for (;;) {
    KIBAN_TRY(const json::object page, client.call("events", "ListRules", input));
    if (const json::array* found = find_array(page, "Rules"))
      for (const json::value& rule : *found)
        if (find_string(rule.as_object(), "ScheduleExpression") != nullptr &&
            text_of(rule.as_object(), "State") != "DISABLED")
          rules.push_back(rule);
    const json::string* token = find_string(page, "NextToken");
    if (token == nullptr) return rules;
    input["NextToken"] = *token;
  }
}

// When the server's timer for it is due, if there is one.
Result<std::optional<Timestamp>> due_time(const Client& client, const std::string& timer) {
  KIBAN_TRY(const json::object reply,
            client.get_own("/_kiban/timers/" + timer, std::chrono::seconds{10}));
  if (find_string(reply, "at") == nullptr) return std::optional<Timestamp>{};
  KIBAN_TRY(const Timestamp at, parse_iso8601(text_of(reply, "at")));
  return std::optional(at);
}

// The server's timer gives the next firing: a rate counts from the time at which the rule was
// created or enabled, which the API does not return. The firings after it are computed.
Result<void> add_rule(const Client& client, const json::object& rule, std::size_t count,
                      Coming& coming) {
  const std::string name = text_of(rule, "Name");
  const std::string text = text_of(rule, "ScheduleExpression");
  KIBAN_TRY(const Expression expression, Expression::parse(text, Dialect::Rule));
  KIBAN_TRY(const auto first,
            due_time(client, fmt::format("events/rule/{}/{}", client.region, name)));
  KIBAN_TRY(json::object missed,
            client.get_own(fmt::format("{}{}/{}", missed_path, client.region, name),
                           std::chrono::seconds{10}));
  if (!missed.empty()) coming.missed.emplace(name, std::move(missed));
  if (!first) return {};  // A cron that never fires again.
  coming.firings.push_back({.at = *first, .name = name, .expression = text});
  for (const Timestamp at : expression.next_few(*first, Zone{}, *first, count - 1))
    coming.firings.push_back({.at = at, .name = name, .expression = text});
  return {};
}

// Of GroupName and Name.
Result<json::object> get_schedule(const Client& client, const json::object& summary) {
  return client.get("scheduler", "/schedules/" + text_of(summary, "Name"),
                    {{"groupName", text_of(summary, "GroupName")}});
}

// Enabled schedules, as ListSchedules shows them: all, or the one called GROUP/NAME.
Result<json::array> enabled_schedules(const Client& client, const std::string& only) {
  json::array schedules;
  if (!only.empty()) {
    const std::size_t slash = only.find('/');
    json::object one{{"GroupName", only.substr(0, slash)}, {"Name", only.substr(slash + 1)}};
    KIBAN_TRY(const json::object found, get_schedule(client, one));
    if (text_of(found, "State") == "DISABLED")
      return fail("Disabled", fmt::format("schedule {} is disabled: it does not fire", only));
    schedules.push_back(std::move(one));
    return schedules;
  }
  std::vector<std::pair<std::string, std::string>> query{{"State", "ENABLED"}};
  for (;;) {
    KIBAN_TRY(const json::object page, client.get("scheduler", "/schedules", query));
    for (const json::value& each : page.at("Schedules").as_array()) schedules.push_back(each);
    const json::string* token = find_string(page, "NextToken");
    if (token == nullptr) return schedules;
    if (schedules.size() >= schedules_asked_max) {
      fmt::print(stderr, "Only the first {} enabled schedules are looked at.\n", schedules.size());
      return schedules;
    }
    query = {{"State", "ENABLED"}, {"NextToken", to_string(*token)}};
  }
}

// The first time is the timer's, within a flexible window a random one; those behind it are as
// scheduled.
Result<void> add_schedule(const Client& client, const json::object& summary, std::size_t count,
                          std::vector<Firing>& firings) {
  const std::string group = text_of(summary, "GroupName");
  const std::string name = text_of(summary, "Name");
  const auto reply = get_schedule(client, summary);
  if (!reply) return {};  // It deleted itself since it was listed.
  const std::string text = text_of(*reply, "ScheduleExpression");
  KIBAN_TRY(const Expression expression, Expression::parse(text, Dialect::Scheduler));
  KIBAN_TRY(const Zone zone, Zone::load(text_of(*reply, "ScheduleExpressionTimezone")));
  KIBAN_TRY(const auto first, due_time(client, fmt::format("scheduler/schedule/{}/{}/{}",
                                                           client.region, group, name)));
  if (!first) return {};
  const json::value* end = expression.is_once() ? nullptr : find(*reply, "EndDate");
  const auto add = [&](Timestamp at) {
    if (end == nullptr || at <= from_epoch_seconds(end->to_number<double>()))
      firings.push_back({.at = at,
                         .name = fmt::format("{}/{}", group, name),
                         .expression = text,
                         .kind = Kind::Schedule});
  };
  add(*first);
  for (const Timestamp at : expression.next_few(*first, zone, *first, count - 1)) add(at);
  return {};
}

Result<Coming> find_firings(const Client& client, const ScheduleOptions& options) {
  Coming coming;
  const bool one_schedule = options.rule.find('/') != std::string::npos;
  if (!one_schedule) {
    KIBAN_TRY(const json::array rules, scheduled_rules(client, options.rule));
    for (const json::value& rule : rules)
      KIBAN_TRY_VOID(add_rule(client, rule.as_object(), options.count, coming));
  }
  if (one_schedule || options.rule.empty()) {
    KIBAN_TRY(const json::array schedules, enabled_schedules(client, options.rule));
    for (const json::value& each : schedules)
      KIBAN_TRY_VOID(add_schedule(client, each.as_object(), options.count, coming.firings));
  }
  std::ranges::sort(coming.firings);  // By time, then by name.
  if (coming.firings.size() > options.count) coming.firings.resize(options.count);
  return coming;
}

json::object to_json(const Firing& firing, const Zone& zone, const Coming& coming) {
  json::object shown{{firing.kind == Kind::Rule ? "rule" : "schedule", firing.name},
                     {"expression", firing.expression},
                     {"utc", Zone{}.format(firing.at)},
                     {"zone", zone.name()},
                     {"local", zone.format(firing.at)}};
  const auto missed = coming.missed.find(firing.name);
  if (firing.kind == Kind::Rule && missed != coming.missed.end()) shown["missed"] = missed->second;
  return shown;
}

bool is_utc(const Zone& zone) { return zone.name() == "UTC" || zone.name() == "Etc/UTC"; }

}  // namespace

int next_firings(const ClientOptions& client_options, const ScheduleOptions& options,
                 const OutputOptions& output) {
  const auto zone = zone_of(options);
  if (!zone) {
    complain("schedule", zone.error().cause, "'kiban schedule next --help' tells more.");
    return exit_usage;
  }
  const Client client = make_client(client_options);
  const auto coming = find_firings(client, options);
  if (!coming) return complain_about_call("schedule", client, coming.error());
  if (output.json) {
    json::array all;
    for (const Firing& each : coming->firings) all.push_back(to_json(each, *zone, *coming));
    print_json_line(all);
    return exit_done;
  }
  if (coming->firings.empty())
    fmt::print("No enabled rule has a schedule, and no schedule fires.\n");
  std::vector<TableRow> rows;
  for (const Firing& each : coming->firings) {
    TableRow row{Zone{}.format(each.at)};
    if (!is_utc(*zone)) row.push_back(zone->format(each.at));
    row.insert(row.end(), {each.name, each.expression});
    rows.push_back(std::move(row));
  }
  TableRow header{"UTC"};
  if (!is_utc(*zone)) header.push_back(zone->name());
  header.insert(header.end(), {"NAME", "SCHEDULE"});
  if (!rows.empty()) print_table(header, rows);
  for (const auto& [rule, missed] : coming->missed) fmt::print("{}\n", missed_words(rule, missed));
  return exit_done;
}

int explain_schedule(const ScheduleOptions& options, const OutputOptions& output) {
  const auto zone = zone_of(options);
  const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
  const auto from = options.from.empty() ? Result<Timestamp>{now} : parse_iso8601(options.from);
  if (!zone || !from) {
    complain("schedule", zone ? from.error().cause : zone.error().cause,
             "'kiban schedule explain --help' tells more.");
    return exit_usage;
  }
  const auto expression = Expression::parse(options.expression, Dialect::Rule);
  if (!expression)
    return complain("schedule", expression.error().cause,
                    "'kiban schedule explain --help' shows how they are written.");
  const std::string words = schedule_words(options.expression);
  const auto firings = expression->next_few(*from, Zone{}, *from, options.count);
  if (output.json) {
    json::array times;
    for (const Timestamp at : firings)
      times.push_back(json::object{{"utc", Zone{}.format(at)}, {"local", zone->format(at)}});
    print_json_line(json::object{{"expression", options.expression},
                                 {"meaning", words},
                                 {"zone", zone->name()},
                                 {"firings", std::move(times)}});
    return exit_done;
  }
  fmt::print("{}: {}{}\n", options.expression, words,
             expression->is_rate() ? ", counted from when the rule is made or enabled" : " (UTC)");
  if (firings.empty()) fmt::print("It never fires after {}.\n", Zone{}.format(*from));
  std::vector<TableRow> rows;
  for (const Timestamp at : firings) {
    rows.push_back({Zone{}.format(at)});
    if (!is_utc(*zone)) rows.back().push_back(zone->format(at));
  }
  TableRow header{"UTC"};
  if (!is_utc(*zone)) header.push_back(zone->name());
  if (!rows.empty()) print_table(header, rows);
  return exit_done;
}

}  // namespace kiban::cli
