#include "services/events/replays.h"

#include <fmt/format.h>

#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/events/archives.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

constexpr std::size_t page_size = 100;
constexpr std::size_t slice_events_max = 50;  // Of one batch of the kernel; ours.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
constexpr std::size_t active_max = 10;

std::string replay_key(const Context& context, std::string_view name) {
  return region_key(context, fmt::format("replay/{}", name));
}

std::string replay_arn(const Context& context, std::string_view name) {
  return make_arn(context, "events", fmt::format("replay/{}", name));
}

Result<json::object> load_replay(const Context& context, std::string_view name) {
  if (auto row = get_json(context, replay_key(context, name))) return *std::move(row);
  return fail("ResourceNotFoundException", fmt::format("Replay {} does not exist.", name));
}

bool is_active(const json::object& row) {
  const std::string state = text(row, "State");
  return state == "STARTING" || state == "RUNNING" || state == "CANCELLING";
}

std::int64_t milliseconds(const json::object& input, std::string_view member) {
  return from_epoch_seconds(input.at(member).to_number<double>()).time_since_epoch().count();
}

void schedule_slice(Context& context, std::string_view name) {
  context.set_timer("events", fmt::format("replay/{}/{}", context.caller().region, name),
                    context.now(),
                    {{"Kind", "replay"},
                     {"Region", context.caller().region},
                     {"Account", context.caller().account},
                     {"Replay", name}});
}

void finish(Context& context, json::object row, std::string_view state, std::string_view why) {
  row["State"] = state;
  if (!why.empty()) row["StateReason"] = why;
  row["ReplayEndTime"] = epoch_seconds(context.now());
  put_json(context, replay_key(context, text(row, "ReplayName")), row);
}

// The archive that EventSourceArn names, whose bus the destination must be.
Result<json::object> archive_to_replay(const Context& context, const json::object& input) {
  const std::string source = text(input, "EventSourceArn");
  const auto arn = parse_arn(source);
  constexpr std::string_view kind = "archive/";
  if (!arn || arn->service != "events" || !arn->resource.starts_with(kind))
    return invalid("Parameter EventSourceArn is not valid. Reason: Must contain an archive ARN.");
  const std::string name(arn->resource.substr(kind.size()));
  const auto archive = get_json(context, archive_key(context, name));
  if (!archive || text(*archive, "ArchiveArn") != source)
    return invalid(fmt::format(
        "Parameter EventSourceArn is not valid. Reason: Archive {} does not exist.", name));
  return *archive;
}

Result<void> check_destination(const Context& context, const json::object& destination,
                               const json::object& archive) {
  const std::string arn = text(destination, "Arn");
  if (!is_bus_arn(arn))
    return invalid(
        "Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.");
  KIBAN_TRY_VOID(check_bus(context, arn));
  KIBAN_TRY_VOID(load_bus(context, bus_of({{"EventBusName", arn}})));
  if (arn != text(archive, "EventSourceArn"))
    return invalid(
        "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.");
  const std::string bus = text(archive, "Bus");
  const json::array* filters = find_array(destination, "FilterArns");
  for (const json::value& filter : filters ? *filters : json::array{}) {
    const std::string rule = to_string(filter.as_string());
    const std::string name = rule.substr(rule.rfind('/') + 1);
    if (rule != rule_arn(context, bus, name) || !context.get(rule_key(context, bus, name)))
      return invalid(
          fmt::format("Parameter Destination.FilterArns is not valid. Reason: Rule {} "
                      "does not exist on the event bus of the archive.",
                      rule));
  }
  return {};
}

}  // namespace

Result<json::object> start_replay(Context& context, const json::object& input) {
  const std::string name = text(input, "ReplayName");
  KIBAN_TRY(const json::object archive, archive_to_replay(context, input));
  KIBAN_TRY_VOID(check_destination(context, input.at("Destination").as_object(), archive));
  if (milliseconds(input, "EventStartTime") >= milliseconds(input, "EventEndTime"))
    return invalid(
        "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.");
  std::size_t active = 0;
  for (const json::object& other : list_json(context, replay_key(context, "")))
    active += is_active(other) ? 1 : 0;
  if (context.get(replay_key(context, name)))
    return fail("ResourceAlreadyExistsException", fmt::format("Replay {} already exists.", name));
  if (active >= active_max)
    return fail("LimitExceededException",
                "The requested resource exceeds the maximum number allowed.");
  json::object row{{"ReplayName", name},
                   {"ReplayArn", replay_arn(context, name)},
                   {"State", "STARTING"},
                   {"ReplayStartTime", epoch_seconds(context.now())}};
  for (const char* member :
       {"Description", "EventSourceArn", "Destination", "EventStartTime", "EventEndTime"})
    if (input.contains(member)) row[member] = input.at(member);
  put_json(context, replay_key(context, name), row);
  schedule_slice(context, name);
  return json::object{{"ReplayArn", row.at("ReplayArn")},
                      {"State", "STARTING"},
                      {"ReplayStartTime", row.at("ReplayStartTime")}};
}

Result<json::object> describe_replay(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_replay(context, text(input, "ReplayName")));
  row.erase("Position");
  return row;
}

Result<json::object> list_replays(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_filters(input, "ListReplays"));
  json::array all;
  for (json::object& row : list_json(context, replay_key(context, text(input, "NamePrefix")))) {
    if (input.contains("EventSourceArn") &&
        text(row, "EventSourceArn") != text(input, "EventSourceArn"))
      continue;
    if (input.contains("State") && text(row, "State") != text(input, "State")) continue;
    for (const char* member : {"ReplayArn", "Description", "Destination", "Position"})
      row.erase(member);
    all.push_back(std::move(row));
  }
  const auto limit = static_cast<std::size_t>(number(input, "Limit", page_size));
  KIBAN_TRY(Page page, paginate(all, limit, find_string(input, "NextToken")));
  json::object reply{{"Replays", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

Result<json::object> cancel_replay(Context& context, const json::object& input) {
  const std::string name = text(input, "ReplayName");
  KIBAN_TRY(json::object row, load_replay(context, name));
  const std::string state = text(row, "State");
  if (state != "STARTING" && state != "RUNNING")
    return fail("IllegalStatusException",
                fmt::format("Replay {} is not in a valid state for this operation.", name));
  row["State"] = "CANCELLING";
  put_json(context, replay_key(context, name), row);
  return json::object{{"ReplayArn", row.at("ReplayArn")}, {"State", "CANCELLING"}};
}

std::optional<Slice> next_slice(Context& context, const json::object& payload) {
  const std::string name = text(payload, "Replay");
  auto row = get_json(context, replay_key(context, name));
  if (!row || !is_active(*row)) return std::nullopt;
  if (text(*row, "State") == "CANCELLING") {
    finish(context, *std::move(row), "CANCELLED", "");
    return std::nullopt;
  }
  const std::string source = text(*row, "EventSourceArn");
  const std::string archive_name = source.substr(source.rfind('/') + 1);
  const auto archive = get_json(context, archive_key(context, archive_name));
  if (!archive) {
    finish(context, *std::move(row), "FAILED", "The archive was deleted.");
    return std::nullopt;
  }
  Slice slice{.bus = text(*archive, "Bus")};
  const json::array* filters = find_array(row->at("Destination").as_object(), "FilterArns");
  for (const json::value& filter : filters ? *filters : json::array{})
    slice.rules.insert(to_string(filter.as_string()));
  const std::string prefix = region_key(context, fmt::format("archived/{}/", archive_name));
  const std::string last =
      fmt::format("{}{:015}~", prefix, milliseconds(*row, "EventEndTime"));  // Behind all digits.
  const std::string first =
      text(*row, "Position", fmt::format("{}{:015}", prefix, milliseconds(*row, "EventStartTime")));
  std::string position = first;
  for (const store::Row& stored : context.scan(prefix, first, slice_events_max)) {
    if (stored.key > last) break;
    json::object event = object_of(stored.key, stored.value).at("Event").as_object();
    event["replay-name"] = name;
    const auto time = parse_iso8601(text(event, "time"));
    if (time) (*row)["EventLastReplayedTime"] = epoch_seconds(*time);
    slice.events.push_back(std::move(event));
    position = stored.key;
  }
  if (slice.events.empty()) {
    finish(context, *std::move(row), "COMPLETED", "");
    return std::nullopt;
  }
  (*row)["State"] = "RUNNING";
  (*row)["Position"] = position;
  put_json(context, replay_key(context, name), *row);
  schedule_slice(context, name);
  return slice;
}

}  // namespace kiban::services::events
