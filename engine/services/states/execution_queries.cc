// What the API asks about executions.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ranges>

#include "services/base/table_service.h"
#include "services/states/executions.h"
#include "services/states/machines.h"
#include "services/states/names.h"
#include "services/states/retention.h"
#include "services/states/variable_references.h"
#include "services/states/versions.h"

namespace kiban::services::states {
namespace {

// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
constexpr std::int64_t redrivable_days = 14;
constexpr std::size_t chunks_at_once = 8;

std::string redrive_status(const Context& context, const json::object& execution) {
  const std::string status = text(execution, "status");
  if (execution.contains("parent") && status != "SUCCEEDED" && status != "RUNNING")
    return "REDRIVABLE_BY_MAP_RUN";
  return not_redrivable(context, execution) ? "NOT_REDRIVABLE" : "REDRIVABLE";
}

json::object list_entry(const json::object& execution) {
  json::object entry;
  for (const auto* member :
       {"executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "mapRunArn",
        "itemCount", "stateMachineVersionArn", "stateMachineAliasArn", "redriveDate"}) {
    if (const json::value* value = find(execution, member)) entry[member] = *value;
  }
  entry["redriveCount"] = number(execution, "redriveCount", 0);  // Recorded.
  return entry;
}

// Where a page of a history begins: behind this chunk, at this event.
struct Place {
  std::string chunk{};
  std::int64_t event{0};
};

Result<Place> history_place(const json::object& input) {
  KIBAN_TRY(const std::string place, page_place(input));
  Place out;
  if (place.empty()) return out;
  const std::size_t bar = place.find('|');
  if (bar != std::string::npos) {
    out.chunk = place.substr(0, bar);
    const char* const end = place.data() + place.size();
    const auto read = std::from_chars(place.data() + bar + 1, end, out.event);
    if (read.ec == std::errc{} && read.ptr == end) return out;
  }
  return fail("InvalidToken", fmt::format("Invalid Token: '{}'", text(input, "nextToken")));
}

struct Chunk {
  std::string key{};
  json::array events{};
};

// Of one execution.
struct History {
  const Context& context;
  std::string prefix{};  // Of the keys of its chunks.
  Payload input{};
};

std::vector<Chunk> read_chunks(const History& of, const std::string& after, std::size_t limit) {
  std::vector<Chunk> chunks;
  for (const store::Row& row :
       of.context.scan(of.prefix, after.empty() ? after : of.prefix + after, limit)) {
    auto events = asl::restore_history(row.value, of.input);
    if (!events) throw DamagedRow(row.key, events.error().cause);
    chunks.push_back({row.key.substr(of.prefix.size()), *std::move(events)});
  }
  return chunks;
}

std::int64_t id_of(const json::value& event) { return number(event.as_object(), "id", 0); }

// Events from `place` on, at most `limit`; `place` becomes that of the next page, or its event 0.
json::array forward_page(const History& of, std::size_t limit, Place& place) {
  json::array events;
  while (true) {
    std::vector<Chunk> chunks = read_chunks(of, place.chunk, chunks_at_once);
    for (Chunk& chunk : chunks) {
      for (json::value& event : chunk.events) {
        if (id_of(event) < place.event) continue;
        if (events.size() == limit) {
          place.event = id_of(event);
          return events;
        }
        events.push_back(std::move(event));
      }
      place.chunk = chunk.key;
    }
    if (chunks.size() < chunks_at_once) break;
  }
  place.event = 0;
  return events;
}

// A chunk's key is the id of its first event. The store reads forward only, so that the chunk that
// holds an event is looked for in front of it.
constexpr std::int64_t chunk_ids_max = 9'999'999;
std::string chunk_name(std::int64_t first_event) { return fmt::format("{:07}", first_event); }

// The first event of the first chunk that begins behind `event` and not behind `last`; 0: there is
// none.
std::int64_t chunk_behind(const History& of, std::int64_t event, std::int64_t last) {
  const auto next = of.context.scan(of.prefix, of.prefix + chunk_name(event), 1);
  if (next.empty()) return 0;
  std::int64_t first = 0;
  const std::string_view name = std::string_view(next.front().key).substr(of.prefix.size());
  std::from_chars(name.data(), name.data() + name.size(), first);
  return first <= last ? first : 0;
}

// The first event of the chunk that holds `last`, or of the last chunk when `last` is behind it; 0:
// there is none.
std::int64_t chunk_of(const History& of, std::int64_t last) {
  std::int64_t found = 0;
  for (std::int64_t step = 8; found == 0; step *= 4) {
    const std::int64_t low = std::max<std::int64_t>(0, last - step);
    found = chunk_behind(of, low, last);
    if (low == 0) break;
  }
  if (found == 0) return 0;
  for (std::int64_t high = last; found < high;) {
    const std::int64_t middle = found + (high - found) / 2;
    const std::int64_t next = chunk_behind(of, middle, last);
    if (next == 0)
      high = middle;
    else
      found = next;
  }
  return found;
}

// Events before and with that of `place` (0: the last of all), at most `limit`, the newest first.
json::array backward_page(const History& of, std::size_t limit, Place& place) {
  json::array events;
  std::int64_t last = place.event == 0 ? chunk_ids_max : place.event;
  while (true) {
    const std::int64_t first = chunk_of(of, last);
    if (first == 0) break;
    for (Chunk& chunk : read_chunks(of, chunk_name(first - 1), 1)) {
      for (json::value& event : chunk.events | std::views::reverse) {
        if (id_of(event) > last) continue;
        if (events.size() == limit) {
          place.event = id_of(event);
          return events;
        }
        events.push_back(std::move(event));
      }
    }
    last = first - 1;
  }
  place.event = 0;
  return events;
}

}  // namespace

std::optional<std::string> not_redrivable(const Context& context, const json::object& execution) {
  const std::string status = text(execution, "status");
  const std::string arn = text(execution, "executionArn");
  if (status == "RUNNING" || status == "SUCCEEDED")
    return fmt::format("Execution is {} and cannot be redriven", status);
  if (execution.contains("parent"))
    return "Execution is a child of a Map Run and is redriven along with it";
  const auto stopped = from_epoch_seconds(execution.at("stopDate").to_number<double>());
  if (context.now() - stopped > std::chrono::days(redrivable_days))
    return "Execution's redrivable period has exceeded";
  if (flag(execution, "historyFull")) return "Execution history event limit exceeded";
  if (!context.get(row_key(context, "ended", execution_path(arn))))
    return "Execution ended before kiban kept what a redrive goes on from";
  return std::nullopt;
}

Result<json::object> describe_execution(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_execution(context, text(input, "executionArn")));
  const bool with_data = text(input, "includedData") != "METADATA_ONLY";
  json::object reply = shown_execution(row);
  reply.erase("itemCount");
  reply["inputDetails"] = {{"included", with_data}};
  if (reply.contains("output")) reply["outputDetails"] = {{"included", with_data}};
  if (!with_data) {
    reply.erase("input");
    reply.erase("output");
  }
  reply["redriveCount"] = number(row, "redriveCount", 0);
  const std::string redrivable = redrive_status(context, row);
  reply["redriveStatus"] = redrivable;
  if (redrivable == "NOT_REDRIVABLE")
    reply["redriveStatusReason"] = not_redrivable(context, row).value_or("");
  return reply;
}

Result<json::object> describe_machine_for_execution(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_execution(context, text(input, "executionArn")));
  const auto revision = get_json(context, row_key(context, "revision", text(row, "revision")));
  if (!revision) throw DamagedRow(text(row, "revision"), "an execution's revision is not there");
  ParsedRows rows;
  const std::shared_ptr<const json::object> of = machine_of(context, row, rows);
  const json::object& machine = *of;
  json::object reply{{"stateMachineArn", row.at("stateMachineArn")},
                     {"name", machine.at("name")},
                     {"definition", revision->at("definition")},
                     {"roleArn", revision->at("roleArn")},
                     {"updateDate", revision->at("updateDate")},
                     {"loggingConfiguration", machine.at("loggingConfiguration")},
                     {"tracingConfiguration", machine.at("tracingConfiguration")},
                     {"encryptionConfiguration", {{"type", "AWS_OWNED_KEY"}}}};
  if (row.contains("mapRunArn")) {
    // The child's definition is the state's own; its label stands in the ARN.
    reply["mapRunArn"] = row.at("mapRunArn");
    const std::string arn = text(row, "stateMachineArn");
    reply["label"] = arn.substr(arn.rfind('/') + 1);
  }
  if (revision->at("id") != machine.at("firstRevision")) reply["revisionId"] = revision->at("id");
  if (json::object read = variable_references(text(*revision, "definition")); !read.empty())
    reply["variableReferences"] = std::move(read);
  return reply;
}

Result<json::object> list_executions(Context& context, const json::object& input) {
  const bool of_run = input.contains("mapRunArn");
  if (of_run == input.contains("stateMachineArn"))
    return fail("ValidationException",
                "Must specify only one of the following: 'stateMachineArn', 'mapRunArn'");
  std::string group;
  std::string only_version;
  std::string only_alias;
  double started_from = 0;  // Executions of an earlier machine of this name are not listed.
  if (of_run) {
    KIBAN_TRY_VOID(describe_map_run(context, {{"mapRunArn", input.at("mapRunArn")}}));
    group = execution_path(text(input, "mapRunArn"));
  } else {
    const std::string arn = text(input, "stateMachineArn");
    ParsedRows rows;
    KIBAN_TRY(const Target target, resolve(context, arn, rows));
    if (text(*target.machine, "type") == "EXPRESS")
      return fail("StateMachineTypeNotSupported",
                  "This operation is not supported by this type of state machine");
    group = text(*target.machine, "name");
    started_from = target.machine->at("creationDate").to_number<double>();
    if (!target.alias_arn.empty())
      only_alias = arn;
    else
      only_version = target.version_arn;
  }
  const std::string status = text(input, "statusFilter");
  const std::string redriven = text(input, "redriveFilter");
  return page_of_rows(
      context, input, "executions", row_key(context, "started", group + "/"),
      [&](const store::Row& row) -> std::optional<json::value> {
        const auto execution = get_json(context, execution_key(context, row.value));  // No output.
        if (!execution || execution->contains(erasing_member) ||
            execution->at("startDate").to_number<double>() < started_from)
          return std::nullopt;
        const bool was_redriven = number(*execution, "redriveCount", 0) > 0;
        if (!status.empty() && text(*execution, "status") != status) return std::nullopt;
        if (!redriven.empty() && was_redriven != (redriven == "REDRIVEN")) return std::nullopt;
        if (!only_version.empty() && text(*execution, "stateMachineVersionArn") != only_version)
          return std::nullopt;
        if (!only_alias.empty() && text(*execution, "stateMachineAliasArn") != only_alias)
          return std::nullopt;
        return list_entry(*execution);
      });
}

Result<json::object> get_history(Context& context, const json::object& input) {
  const std::string arn = text(input, "executionArn");
  KIBAN_TRY(const json::object execution, load_execution(context, arn));
  KIBAN_TRY(Place place, history_place(input));
  const History history{.context = context,
                        .prefix = row_key(context, "history", execution_path(arn) + "/"),
                        .input = Payload::from_text(text(execution, "input"))};
  const std::size_t limit = page_size(input, 100);
  json::array events = flag(input, "reverseOrder") ? backward_page(history, limit, place)
                                                   : forward_page(history, limit, place);
  if (!flag(input, "includeExecutionData", true)) {
    for (json::value& stored : events) {
      KIBAN_TRY(const asl::HistoryEvent event, asl::event_from_json(stored.as_object()));
      stored = asl::to_json(event, asl::IncludeExecutionData::No);
    }
  }
  json::object reply{{"events", std::move(events)}};
  if (place.event != 0)
    reply["nextToken"] = page_token(fmt::format("{}|{}", place.chunk, place.event));
  return reply;
}

}  // namespace kiban::services::states
