#include "services/events/rules.h"

#include <fmt/format.h>

#include "patterns/pattern.h"
#include "schedule/expression.h"
#include "services/base/pages.h"
#include "services/base/table_service.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

constexpr std::size_t page_size = 100;

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
constexpr std::size_t rules_max = 300;  // Of one bus.
constexpr std::size_t buses_max = 100;  // Of one region.

std::unexpected<Error> limit_exceeded() {
  return fail("LimitExceededException",
              "The requested resource exceeds the maximum number allowed.");
}

std::int64_t milliseconds_of(Timestamp time) { return time.time_since_epoch().count(); }
Timestamp timestamp_of(std::int64_t milliseconds) { return Timestamp{Duration{milliseconds}}; }

json::object shown_bus(const Context& context, const json::object& bus) {
  const std::string name = text(bus, "Name");
  json::object shown{{"Name", name}, {"Arn", bus_arn(context, name)}};
  for (const char* member : {"Description", "Policy"})
    if (bus.contains(member)) shown[member] = bus.at(member);
  if (bus.contains("Created")) {
    shown["CreationTime"] = epoch_seconds(timestamp_of(number(bus, "Created", 0)));
    shown["LastModifiedTime"] = shown["CreationTime"];
  }
  return shown;
}

json::object shown_rule(const Context& context, const json::object& rule) {
  const std::string bus = text(rule, "EventBusName");
  json::object shown{{"Name", rule.at("Name")},
                     {"Arn", rule_arn(context, bus, text(rule, "Name"))},
                     {"State", rule.at("State")},
                     {"EventBusName", bus}};
  for (const char* member : {"EventPattern", "ScheduleExpression", "Description", "RoleArn"})
    if (rule.contains(member)) shown[member] = rule.at(member);
  return shown;
}

std::size_t limit_of(const json::object& input) {
  return static_cast<std::size_t>(number(input, "Limit", page_size));
}

// Pattern and schedule of PutRule, with AWS's refusals.
Result<void> check_rule(const json::object& input, std::string_view bus) {
  const std::string expression = text(input, "ScheduleExpression");
  const std::string pattern = text(input, "EventPattern");
  if (expression.empty() && pattern.empty())
    return invalid("Parameter(s) EventPattern or ScheduleExpression must be specified.");
  if (!pattern.empty()) KIBAN_TRY_VOID(patterns::Pattern::parse(pattern));
  if (expression.empty()) return {};
  if (bus != default_bus)
    return invalid("ScheduleExpression is supported only on the default event bus.");
  KIBAN_TRY_VOID(schedule::Expression::parse(expression, schedule::Dialect::Rule));
  return {};
}

Result<json::object> set_state(Context& context, const json::object& input,
                               std::string_view state) {
  KIBAN_TRY(json::object rule, load_rule(context, bus_of(input), text(input, "Name")));
  if (text(rule, "State") == state) return json::object{};
  rule["State"] = state;
  rule["Anchor"] = milliseconds_of(context.now());
  put_json(context, rule_key(context, bus_of(input), text(input, "Name")), rule);
  rules_changed(context);
  schedule(context, rule, context.now());
  return json::object{};
}

}  // namespace

// Buses --------------------------------------------------------------------------------------

Result<json::object> create_bus(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  KIBAN_TRY_VOID(
      refuse_members(input, "CreateEventBus",
                     {"EventSourceName", "KmsKeyIdentifier", "DeadLetterConfig", "LogConfig"}));
  if (name.find('/') != std::string::npos)
    return invalid(
        fmt::format("Event bus name {} is not valid: the name of a custom event bus "
                    "can't contain the / character.",
                    name));
  if (name == default_bus || context.get(bus_key(context, name)))
    return fail("ResourceAlreadyExistsException",
                fmt::format("Event bus {} already exists.", name));
  if (context.scan(bus_key(context, "")).size() >= buses_max) return limit_exceeded();
  json::object bus{
      {"Name", name}, {"Created", milliseconds_of(context.now())}, {"Tags", tags_of(input)}};
  json::object reply{{"EventBusArn", bus_arn(context, name)}};
  if (input.contains("Description")) {
    bus["Description"] = input.at("Description");
    reply["Description"] = input.at("Description");
  }
  put_json(context, bus_key(context, name), bus);
  return reply;
}

// What is left out stays.
Result<json::object> update_bus(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_members(input, "UpdateEventBus",
                                {"KmsKeyIdentifier", "DeadLetterConfig", "LogConfig"}));
  const std::string name = text(input, "Name", default_bus);
  KIBAN_TRY(json::object bus, load_bus(context, name));
  json::object reply{{"Arn", bus_arn(context, name)}, {"Name", name}};
  if (input.contains("Description")) {
    bus["Description"] = input.at("Description");
    reply["Description"] = input.at("Description");
  }
  put_json(context, bus_key(context, name), bus);
  return reply;
}

Result<json::object> delete_bus(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (name == default_bus) return invalid("Cannot delete event bus default.");
  if (!context.get(bus_key(context, name))) return json::object{};
  if (!context.scan(rule_key(context, name, ""), {}, 1).empty())
    return invalid("Event bus can't be deleted since it has rules.");
  context.erase(bus_key(context, name));
  return json::object{};
}

Result<json::object> describe_bus(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bus,
            load_bus(context, bus_of({{"EventBusName", text(input, "Name", default_bus)}})));
  return shown_bus(context, bus);
}

Result<json::object> list_buses(Context& context, const json::object& input) {
  const std::string prefix = text(input, "NamePrefix");
  std::vector<json::object> rows = list_json(context, bus_key(context, prefix));
  json::array all;
  if (default_bus.starts_with(prefix) && !context.get(bus_key(context, default_bus)))
    all.push_back(shown_bus(context, {{"Name", default_bus}}));
  for (const json::object& row : rows) all.push_back(shown_bus(context, row));
  KIBAN_TRY(Page page, paginate(all, limit_of(input), find_string(input, "NextToken")));
  json::object reply{{"EventBuses", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

// Rules --------------------------------------------------------------------------------------

Result<json::object> put_rule(Context& context, const json::object& input) {
  const std::string bus = bus_of(input);
  const std::string name = text(input, "Name");
  KIBAN_TRY_VOID(load_bus(context, bus));
  KIBAN_TRY_VOID(check_rule(input, bus));
  const std::string state = text(input, "State", "ENABLED");
  if (state != "ENABLED" && state != "DISABLED")
    return invalid(
        fmt::format("kiban records no CloudTrail events: State {} is not served, use "
                    "ENABLED or DISABLED",
                    state));
  const auto old = get_json(context, rule_key(context, bus, name));
  if (!old && context.scan(rule_key(context, bus, "")).size() >= rules_max) return limit_exceeded();
  // What is left out is not kept, and the tags of an existing rule stay.
  // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
  json::object rule{{"Name", name},
                    {"EventBusName", bus},
                    {"State", state},
                    {"Tags", old ? old->at("Tags") : json::value(tags_of(input))},
                    {"Anchor", milliseconds_of(context.now())}};
  for (const char* member : {"EventPattern", "ScheduleExpression", "Description", "RoleArn"})
    if (!text(input, member).empty()) rule[member] = input.at(member);
  // A rate goes on counting through an update that leaves it as it was.
  if (old && text(*old, "State") == state &&
      text(*old, "ScheduleExpression") == text(rule, "ScheduleExpression"))
    rule["Anchor"] = old->at("Anchor");
  put_json(context, rule_key(context, bus, name), rule);
  rules_changed(context);
  schedule(context, rule, context.now());
  return json::object{{"RuleArn", rule_arn(context, bus, name)}};
}

Result<json::object> describe_rule(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object rule, load_rule(context, bus_of(input), text(input, "Name")));
  json::object shown = shown_rule(context, rule);
  shown["CreatedBy"] = context.caller().account;
  return shown;
}

Result<json::object> list_rules(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(load_bus(context, bus_of(input)));
  KIBAN_TRY(Page page,
            page_of_rows(context, rule_key(context, bus_of(input), text(input, "NamePrefix")),
                         limit_of(input), find_string(input, "NextToken"),
                         [&](const store::Row& row) -> std::optional<json::value> {
                           return shown_rule(context, object_of(row.key, row.value));
                         }));
  json::object reply{{"Rules", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

Result<json::object> enable_rule(Context& context, const json::object& input) {
  return set_state(context, input, "ENABLED");
}

Result<json::object> disable_rule(Context& context, const json::object& input) {
  return set_state(context, input, "DISABLED");
}

Result<json::object> delete_rule(Context& context, const json::object& input) {
  const std::string bus = bus_of(input);
  const std::string name = text(input, "Name");
  KIBAN_TRY_VOID(load_bus(context, bus));
  const auto rule = get_json(context, rule_key(context, bus, name));
  if (!rule) return json::object{};  // Deleting what is not there succeeds.
  if (!targets_of(context, bus, name).empty())
    return invalid("Rule can't be deleted since it has targets.");
  context.erase(rule_key(context, bus, name));
  if (bus == default_bus) context.erase(missed_key(context, name));
  rules_changed(context);
  json::object gone = *rule;
  gone["State"] = "DISABLED";
  schedule(context, gone, context.now());
  return json::object{};
}

void schedule(Context& context, const json::object& rule, Timestamp after,
              std::optional<Timestamp> caught_up_until) {
  const std::string id = fmt::format("rule/{}/{}", context.caller().region, text(rule, "Name"));
  const auto expression =
      schedule::Expression::parse(text(rule, "ScheduleExpression"), schedule::Dialect::Rule);
  const bool enabled =
      text(rule, "State") == "ENABLED" && text(rule, "EventBusName") == default_bus;
  const std::optional<Timestamp> next =
      enabled && expression
          ? expression->next(after, schedule::Zone{}, timestamp_of(number(rule, "Anchor", 0)))
          : std::nullopt;
  if (!next) {
    if (text(rule, "EventBusName") == default_bus) context.cancel_timer("events", id);
    return;
  }
  json::object payload{{"Kind", "schedule"},
                       {"Region", context.caller().region},
                       {"Account", context.caller().account},
                       {"Rule", rule.at("Name")},
                       {"At", milliseconds_of(*next)}};
  if (caught_up_until) payload["CaughtUpUntil"] = milliseconds_of(*caught_up_until);
  context.set_timer("events", id, *next, std::move(payload));
}

}  // namespace kiban::services::events
