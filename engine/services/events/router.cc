#include "services/events/router.h"

#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/events/archives.h"
#include "services/events/delivery.h"
#include "services/events/missed.h"
#include "services/events/names.h"
#include "services/events/replays.h"
#include "services/events/rules.h"

namespace kiban::services::events {
namespace {

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
constexpr std::size_t entries_max = 10;
constexpr std::size_t entries_bytes_max = 262'144;  // All of a request.
constexpr std::size_t time_bytes = 14;              // What Time counts for.

struct EventFacts {
  std::string source{};
  std::string detail_type{};
  Timestamp time{};
  json::array resources{};
  json::object detail{};
};

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
json::object make_event(Context& context, EventFacts facts) {
  return {{"version", "0"},
          {"id", context.random().uuid()},
          {"detail-type", facts.detail_type},
          {"source", facts.source},
          {"account", context.caller().account},
          {"time", format_event_time(facts.time)},
          {"region", context.caller().region},
          {"resources", std::move(facts.resources)},
          {"detail", std::move(facts.detail)}};
}

std::size_t size_of(const json::object& entry) {
  std::size_t size = entry.contains("Time") ? time_bytes : 0;
  for (const char* member : {"Source", "DetailType", "Detail"}) size += text(entry, member).size();
  if (const json::array* resources = find_array(entry, "Resources"))
    for (const json::value& each : *resources) size += each.as_string().size();
  return size;
}

// The event of an entry, or why AWS refuses it. Recorded by AWS: no Source, malformed Detail.
Result<json::object> event_of(Context& context, const json::object& entry) {
  for (const char* member : {"Source", "DetailType", "Detail"}) {
    if (text(entry, member).empty())
      return fail(
          "InvalidArgument",
          fmt::format("Parameter {0} is not valid. Reason: {0} is a required argument.", member));
  }
  if (entry.contains("TraceHeader"))
    return fail("InvalidArgument", "kiban does not trace: leave TraceHeader out");
  if (text(entry, "Source").starts_with("aws."))
    return fail("NotAuthorizedForSourceException", "Not authorized for the source.");
  if (const auto here = check_bus(context, text(entry, "EventBusName")); !here)
    return fail("InvalidArgument", here.error().cause);
  auto detail = parse_json(text(entry, "Detail"));
  if (!detail || !detail->is_object()) return fail("MalformedDetail", "Detail is malformed.");
  const json::value* time = find(entry, "Time");
  const json::array* resources = find_array(entry, "Resources");
  return make_event(
      context, {.source = text(entry, "Source"),
                .detail_type = text(entry, "DetailType"),
                .time = time && time->is_number() ? from_epoch_seconds(time->to_number<double>())
                                                  : context.now(),
                .resources = resources ? *resources : json::array{},
                .detail = std::move(detail->get_object())});
}

}  // namespace

Result<json::object> Router::put_events(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(refuse_members(input, "PutEvents", {"EndpointId"}));
  const json::array* entries = find_array(input, "Entries");
  if (!entries || entries->empty() || entries->size() > entries_max)
    return invalid(fmt::format("PutEvents takes 1 to {} entries, not {}.", entries_max,
                               entries ? entries->size() : 0));
  std::size_t size = 0;
  for (const json::value& entry : *entries) size += size_of(entry.as_object());
  if (size > entries_bytes_max)
    return invalid("Total size of the entries in the request is over the limit.");
  json::array results;
  std::int64_t failed = 0;
  for (const json::value& value : *entries) {
    const json::object& entry = value.as_object();
    const std::string bus = bus_of(entry);
    KIBAN_TRY_VOID(context.decide({.action = "events:PutEvents",
                                   .resource = bus_arn(context, bus),
                                   .keys = {{"events:source", {text(entry, "Source")}},
                                            {"events:detail-type", {text(entry, "DetailType")}}}}));
    const auto event = event_of(context, entry);
    if (!event) {
      ++failed;
      results.push_back({{"ErrorCode", event.error().name}, {"ErrorMessage", event.error().cause}});
      continue;
    }
    // AWS takes events for a bus that is not there, and drops them.
    (void)route(context, bus, *event, 0);
    results.push_back({{"EventId", event->at("id")}});
  }
  return json::object{{"FailedEntryCount", failed}, {"Entries", std::move(results)}};
}

const Router::Bus& Router::compiled_bus(const Context& context, std::string_view bus) {
  if (by_region_.size() > regions_compiled_max) by_region_.clear();
  Compiled& compiled = by_region_[context.caller().region];
  const std::string generation = context.get(generation_key(context)).value_or("");
  if (compiled.generation != generation) compiled = {.generation = generation};
  const auto found = compiled.by_bus.find(bus);
  if (found != compiled.by_bus.end()) return found->second;
  Bus& made = compiled.by_bus[std::string(bus)];
  std::vector<patterns::Pattern> of_rules;
  for (json::object& row : list_json(context, rule_key(context, bus, ""))) {
    if (text(row, "State") != "ENABLED" || !row.contains("EventPattern")) continue;
    auto pattern = patterns::Pattern::parse(text(row, "EventPattern"));
    if (!pattern) continue;
    made.rules.push_back(std::move(row));
    of_rules.push_back(*std::move(pattern));
  }
  made.index = patterns::PatternIndex(std::move(of_rules));
  for (const json::object& row : archives_of(context, bus)) {
    Archive archive{.name = text(row, "ArchiveName")};
    if (row.contains("EventPattern")) {
      auto pattern = patterns::Pattern::parse(text(row, "EventPattern"));
      if (!pattern) continue;
      archive.pattern = *std::move(pattern);
    }
    made.archives.push_back(std::move(archive));
  }
  return made;
}

std::vector<json::object> Router::matched_rules(const Context& context, std::string_view bus,
                                                const json::object& event,
                                                const std::set<std::string>& among) {
  std::vector<json::object> matched;  // A copy: what a target does may change the rules.
  const Bus& compiled = compiled_bus(context, bus);
  if (compiled.rules.empty()) return matched;
  for (const std::size_t number : compiled.index.matches(event)) {
    const json::object& row = compiled.rules[number];
    if (among.empty() || among.contains(rule_arn(context, bus, text(row, "Name"))))
      matched.push_back(row);
  }
  return matched;
}

void Router::archive(Context& context, std::string_view bus, const json::object& event) {
  const std::vector<Archive>& archives = compiled_bus(context, bus).archives;
  // "Replayed events are not sent to an archive": CreateArchive.
  if (archives.empty() || event.contains("replay-name")) return;
  const json::value whole = event;
  const patterns::EventFields fields{whole};
  for (const Archive& each : archives)
    if (!each.pattern || each.pattern->matches(fields)) archive_event(context, each.name, event);
}

Result<void> Router::route(Context& context, std::string_view bus, const json::object& event,
                           std::int64_t hops) {
  KIBAN_TRY_VOID(load_bus(context, bus));
  archive(context, bus, event);
  for (const json::object& rule : matched_rules(context, bus, event, {})) {
    count(context, rule, {"MatchedEvents", "TriggeredRules"});
    trigger(context, rule, event, hops);
  }
  return {};
}

void Router::replay(Context& context, const json::object& payload) {
  const std::optional<Slice> slice = next_slice(context, payload);
  if (!slice) return;
  for (const json::object& event : slice->events) {
    for (const json::object& rule : matched_rules(context, slice->bus, event, slice->rules)) {
      count(context, rule, {"MatchedEvents", "TriggeredRules"});
      trigger(context, rule, event, 0);
    }
  }
}

bool Router::hears(const Context& context) {
  const Bus& bus = compiled_bus(context, default_bus);
  return !bus.rules.empty() || !bus.archives.empty();
}

void Router::on_event(Context& context, const Event& event) {
  if (!hears(context)) return;
  json::array resources;
  for (const std::string& resource : event.resources) resources.emplace_back(resource);
  (void)route(context, default_bus,
              make_event(context, {.source = event.source,
                                   .detail_type = event.detail_type,
                                   .time = context.now(),
                                   .resources = std::move(resources),
                                   .detail = event.detail}),
              0);
}

void trigger(Context& context, const json::object& rule, const json::object& event,
             std::int64_t hops) {
  for (json::object& target : targets_of(context, text(rule, "EventBusName"), text(rule, "Name")))
    deliver(context, {.rule = rule, .target = std::move(target), .event = event, .hops = hops});
}

void fire(Context& context, const json::object& payload, MissedSchedules missed) {
  const std::string name = text(payload, "Rule");
  const auto rule = get_json(context, rule_key(context, default_bus, name));
  if (!rule || text(*rule, "State") != "ENABLED") return;
  const Turn turn = take_turn(context, *rule, payload, missed);
  schedule(context, *rule, turn.next_after, turn.caught_up_until);
  if (!turn.starts) return;
  count(context, *rule, {"TriggeredRules"});
  // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html
  trigger(context, *rule,
          make_event(context, {.source = "aws.events",
                               .detail_type = "Scheduled Event",
                               .time = *turn.starts,
                               .resources = {rule_arn(context, default_bus, name)}}),
          0);
}

Result<json::object> test_event_pattern(Context&, const json::object& input) {
  KIBAN_TRY(const patterns::Pattern pattern, patterns::Pattern::parse(text(input, "EventPattern")));
  KIBAN_TRY(const json::value event, patterns::parse_event(text(input, "Event")));
  return json::object{{"Result", pattern.matches(event)}};
}

}  // namespace kiban::services::events
