#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "logfilter/filter.h"
#include "services/base/table_service.h"
#include "services/logs/names.h"
#include "services/logs/operations.h"
#include "services/logs/stored_event.h"

namespace kiban::services::logs {
namespace {

// Of one page of FilterLogEvents, our own bounds: what is read, and what the pattern is compared
// with.
constexpr std::size_t search_bytes_max = 8UL << 20U;
constexpr std::size_t compared_bytes_max = 64UL << 20U;

Result<std::vector<std::string>> chosen_streams(const Context& context, const json::object& input,
                                                std::string_view group) {
  std::vector<std::string> streams;
  if (const json::array* names = find_array(input, "logStreamNames")) {
    for (const json::value& name : *names) {
      streams.push_back(to_string(name.as_string()));
      KIBAN_TRY_VOID(load_stream(context, group, streams.back()));
    }
    return streams;
  }
  const std::string base = stream_key(context, group, "");
  for (const store::Row& row : context.scan(base + text(input, "logStreamNamePrefix")))
    streams.push_back(row.key.substr(base.size()));
  return streams;
}

// Where a page of FilterLogEvents ended: all events up to this one have been searched.
using Searched = std::tuple<std::int64_t, std::string, std::string>;  // Time, stream, position.

Searched searched_of(const StoredEvent& event) {
  return {event.timestamp, event.stream, event.position};
}

// "TIME/POSITION/STREAM". Error InvalidParameterException.
Result<std::optional<Searched>> read_search_token(const json::object& input) {
  if (!input.contains("nextToken")) return std::nullopt;
  const std::string token = text(input, "nextToken");
  constexpr std::size_t position_size = 35;
  const std::size_t slash = token.find('/');
  const bool digits = slash != std::string::npos &&
                      token.find_first_not_of("0123456789") == slash && slash > 0 && slash < 16 &&
                      token.size() > slash + position_size + 1 &&
                      token[slash + position_size + 1] == '/';
  if (!digits) return fail("InvalidParameterException", "The specified nextToken is invalid.");
  return Searched{std::stoll(token.substr(0, slash)), token.substr(slash + position_size + 2),
                  token.substr(slash + 1, position_size)};
}

struct Chunk {
  std::vector<StoredEvent> found{};
  std::optional<Searched> stopped{};  // The last event that was searched, when more follow.
};

// What matches of one stream behind `after`, among as many events as have `bytes` together, at
// least one. It also stops once it has found a page.
Chunk read_chunk(const Context& context, const json::object& input, std::string_view group,
                 std::string_view stream, const std::optional<Searched>& after, std::size_t bytes,
                 const logfilter::Pattern& pattern) {
  constexpr std::size_t rows_most = 1'024;
  const std::string prefix = event_prefix(context, group, stream);
  std::int64_t from = std::max<std::int64_t>(number(input, "startTime", 0), 0);
  // "Events with a timestamp later than this time are not returned": FilterLogEvents.
  const std::int64_t last = number(input, "endTime", INT64_MAX);
  std::string start;
  if (after) {
    const auto& [time, name, position] = *after;
    if (name == stream) start = prefix + position + "0";  // Behind that very row.
    from = std::max(from, stream < name ? time + 1 : time);
  }
  start = std::max(start, fmt::format("{}{:015}", prefix, from));
  Chunk chunk;
  std::optional<Searched> searched;
  std::size_t found_bytes = 0;
  // The rows of a stream with large messages must not be read by the thousand.
  std::size_t read = 0;
  for (std::size_t count = 1;; count = std::min(count * 2, rows_most)) {
    const auto rows = context.scan(prefix, start, count);
    for (const store::Row& row : rows) {
      if (time_of_position(std::string_view(row.key).substr(prefix.size())) > last) return chunk;
      if (searched && (read >= bytes || found_bytes > page_bytes_max)) {
        chunk.stopped = std::move(searched);
        return chunk;
      }
      read += row.key.size() + row.value.size();
      StoredEvent event = event_of(row, prefix, stream);
      searched = searched_of(event);
      if (!pattern.matches(logfilter::Message(event.message))) continue;
      found_bytes += event.bytes();
      chunk.found.push_back(std::move(event));
    }
    if (rows.size() < count) return chunk;
    start = rows.back().key + "0";
  }
}

Result<json::object> filter_page(const json::object& input, std::vector<StoredEvent> found,
                                 std::optional<Searched> horizon) {
  std::ranges::sort(found, {}, searched_of);
  const auto limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(number(input, "limit", page_events_max), 1, page_events_max));
  json::array events;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const StoredEvent& event = found[i];
    if (horizon && searched_of(event) > *horizon) break;
    bytes += event.bytes();
    if (i == limit || (i > 0 && bytes > page_bytes_max)) {
      horizon = searched_of(found[i - 1]);
      break;
    }
    events.push_back({{"logStreamName", event.stream},
                      {"timestamp", event.timestamp},
                      {"message", event.message},
                      {"ingestionTime", event.ingested},
                      {"eventId", fmt::format("{:0>56}", event.position)}});
  }
  json::object reply{{"events", std::move(events)}, {"searchedLogStreams", json::array{}}};
  if (horizon)
    reply["nextToken"] = fmt::format("{}/{}/{}", std::get<0>(*horizon), std::get<2>(*horizon),
                                     std::get<1>(*horizon));
  return reply;
}

}  // namespace

// "This operation can return empty results while there are more log events available through the
// token": docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
Result<json::object> filter_events(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string group, group_of(context, input));
  KIBAN_TRY_VOID(load_group(context, group));
  KIBAN_TRY(const auto pattern, logfilter::parse(text(input, "filterPattern")));
  KIBAN_TRY(const std::optional<Searched> after, read_search_token(input));
  KIBAN_TRY(const std::vector<std::string> streams, chosen_streams(context, input, group));
  const std::size_t bytes =
      std::min(search_bytes_max, compared_bytes_max / (pattern->cost() + 1)) / (streams.size() + 1);
  std::vector<StoredEvent> found;
  std::optional<Searched> horizon;  // Up to here every stream was read.
  for (const std::string& stream : streams) {
    Chunk chunk = read_chunk(context, input, group, stream, after, bytes, *pattern);
    if (chunk.stopped) horizon = horizon ? std::min(*horizon, *chunk.stopped) : *chunk.stopped;
    for (StoredEvent& event : chunk.found) found.push_back(std::move(event));
  }
  return filter_page(input, std::move(found), horizon);
}

}  // namespace kiban::services::logs
