#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "services/base/table_service.h"
#include "services/logs/metric_filters.h"
#include "services/logs/names.h"
#include "services/logs/operations.h"
#include "services/logs/stored_event.h"

namespace kiban::services::logs {
namespace {

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
constexpr std::size_t put_events_max = 10'000;
constexpr std::size_t put_bytes_max = 1'048'576;
constexpr std::chrono::hours future_max{2};
constexpr std::chrono::days past_max{14};
constexpr std::size_t position_size = 35;

struct Bounds {  // Events outside are rejected, not stored.
  std::int64_t too_old{};
  std::int64_t expired{};
  std::int64_t too_new{};
};

Bounds bounds_of(const Context& context, const json::object& group) {
  const std::chrono::days kept{number(group, "RetentionInDays", 36'500)};
  return {.too_old = milliseconds(context.now() - past_max),
          .expired = milliseconds(context.now() - kept),
          .too_new = milliseconds(context.now() + future_max)};
}

Result<void> check_events(const json::array& events, const Bounds& bounds) {
  if (events.size() > put_events_max) return invalid("Log event count exceeds 10000 per request.");
  std::size_t bytes = 0;
  std::int64_t last = INT64_MIN;
  std::optional<std::int64_t> first_valid;
  std::int64_t last_valid = 0;
  for (const json::value& event : events) {
    const std::int64_t time = number(event.as_object(), "timestamp", 0);
    if (time < last)
      return invalid("Log events in a single PutLogEvents request must be in chronological order.");
    last = time;
    bytes += text(event.as_object(), "message").size() + event_overhead_bytes;
    if (time < bounds.too_old || time > bounds.too_new) continue;
    if (!first_valid) first_valid = time;
    last_valid = time;
  }
  // "For valid events (within 14 days in the past to 2 hours in future)": PutLogEvents.
  constexpr std::chrono::milliseconds span_max = std::chrono::hours{24};
  if (first_valid && last_valid - *first_valid > span_max.count())
    return invalid(
        "The batch of log events in a single PutLogEvents request cannot span more than 24 "
        "hours.");
  if (bytes > put_bytes_max)
    return invalid(
        fmt::format("Upload too large: {} bytes exceeds limit of {}", bytes, put_bytes_max));
  return {};
}

// Those of a stream behind `after` and before `end`, as many as fit in a page.
std::deque<StoredEvent> page_forward(const Context& context, std::string_view prefix,
                                     std::string after, std::string_view end, std::size_t limit) {
  std::deque<StoredEvent> page;
  std::size_t bytes = 0;
  while (true) {
    constexpr std::size_t rows_most = 256;
    const auto rows = context.scan(prefix, after, rows_most);
    for (const store::Row& row : rows) {
      if (!end.empty() && row.key >= end) return page;
      StoredEvent event = event_of(row, prefix, "");
      bytes += event.bytes();
      if (page.size() == limit || (bytes > page_bytes_max && !page.empty())) return page;
      page.push_back(std::move(event));
    }
    if (rows.size() < rows_most) return page;
    after = rows.back().key;
  }
}

struct Range {  // Of keys: first <= key < end.
  std::string prefix{};
  std::string first{};
  std::string end{};
  std::int64_t first_time{};
  std::int64_t end_time{};  // No event is later.
};

// The last of a range, as many as fit in a page. Rows are read forwards only: windows that end
// where the range ends grow until one has enough.
std::deque<StoredEvent> page_backward(const Context& context, const Range& range,
                                      std::size_t limit) {
  for (std::int64_t window = 1'000;; window *= 4) {
    const std::int64_t from = std::max(range.first_time, range.end_time - window);
    std::string after = std::max(range.first, fmt::format("{}{:015}", range.prefix, from));
    std::deque<StoredEvent> page;
    std::size_t bytes = 0;
    bool full = false;
    for (bool more = true; more;) {
      constexpr std::size_t rows_most = 256;
      const auto rows = context.scan(range.prefix, after, rows_most);
      more = rows.size() == rows_most;
      for (const store::Row& row : rows) {
        if (!range.end.empty() && row.key >= range.end) {
          more = false;
          break;
        }
        page.push_back(event_of(row, range.prefix, ""));
        bytes += page.back().bytes();
        while (page.size() > limit || (bytes > page_bytes_max && page.size() > 1)) {
          bytes -= page.front().bytes();
          page.pop_front();
          full = true;
        }
      }
      if (more) after = rows.back().key;
    }
    if (full || page.size() == limit || from == range.first_time) return page;
  }
}

json::object shown(const StoredEvent& event) {
  return {{"timestamp", event.timestamp},
          {"message", event.message},
          {"ingestionTime", event.ingested}};
}

}  // namespace

std::int64_t time_of_position(std::string_view position) {
  return std::stoll(std::string(position.substr(0, 15)));
}

StoredEvent event_of(const store::Row& row, std::string_view prefix, std::string_view stream) {
  std::string position = row.key.substr(prefix.size());
  const std::int64_t time = time_of_position(position);
  const auto parsed = parse_json(row.value);
  json::object fields;
  if (parsed && parsed->is_object()) {
    fields = parsed->get_object();
  } else {
    // One damaged row must not hide the other events: it is named where its message would stand.
    const DamagedRow damage(row.key, parsed ? "it is not a JSON object" : parsed.error().cause);
    fields["message"] = fmt::format("kiban cannot read this log event: {}", damage.what());
  }
  return {.position = std::move(position),
          .timestamp = time,
          .stream = std::string(stream),
          .message = text(fields, "message"),
          .ingested = number(fields, "ingested", 0)};
}

Result<json::object> put_events(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  const std::string stream = text(input, "logStreamName");
  KIBAN_TRY(json::object row, load_stream(context, group, stream));
  const json::array* events = find_array(input, "logEvents");
  if (!events) return invalid("logEvents is missing");
  KIBAN_TRY(const json::object group_row, load_group(context, group));
  const Bounds bounds = bounds_of(context, group_row);
  KIBAN_TRY_VOID(check_events(*events, bounds));
  const std::string prefix = event_prefix(context, group, stream);
  std::int64_t count = number(row, "Events", 0);
  const std::int64_t last = number(row, "lastEventTimestamp", 0);
  json::object rejected;
  std::vector<NewEvent> stored;
  for (std::size_t i = 0; i < events->size(); ++i) {
    const json::object& event = (*events)[i].as_object();
    const std::int64_t time = number(event, "timestamp", 0);
    if (time < bounds.too_old) {
      rejected["tooOldLogEventEndIndex"] = i + 1;
      continue;
    }
    if (time < bounds.expired) {
      rejected["expiredLogEventEndIndex"] = i + 1;
      continue;
    }
    if (time > bounds.too_new) {
      rejected.emplace("tooNewLogEventStartIndex", i);
      continue;
    }
    stored.push_back({.timestamp = time, .message = text(event, "message")});
    put_json(context, fmt::format("{}{:015}{:020}", prefix, time, ++count),
             {{"message", stored.back().message}, {"ingested", milliseconds(context.now())}});
    if (!row.contains("firstEventTimestamp") || number(row, "firstEventTimestamp", 0) > time)
      row["firstEventTimestamp"] = time;
    row["lastEventTimestamp"] = std::max(number(row, "lastEventTimestamp", 0), time);
  }
  if (const std::int64_t now_last = number(row, "lastEventTimestamp", 0); now_last != last) {
    context.erase(latest_key(context, group, last, stream));
    put_json(context, latest_key(context, group, now_last, stream), {});
  }
  row["Events"] = count;
  row["lastIngestionTime"] = milliseconds(context.now());
  put_json(context, stream_key(context, group, stream), row);
  publish_metrics(context, group, stored);
  context.notify(fmt::format("logs/{}", group));
  json::object reply{{"nextSequenceToken", fmt::format("{:056}", count)}};
  if (!rejected.empty()) reply["rejectedLogEventsInfo"] = std::move(rejected);
  return reply;
}

// Tokens are "f/POSITION" and "b/POSITION": events behind or before that one.
Result<json::object> get_events(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string group, group_of(context, input));
  const std::string stream = text(input, "logStreamName");
  KIBAN_TRY(const json::object row, load_stream(context, group, stream));
  const std::string token = text(input, "nextToken");
  const bool forward_token = token.starts_with("f/");
  const std::string position =
      token.empty() ? "" : token.substr(std::min<std::size_t>(2, token.size()));
  if (!token.empty() &&
      ((!forward_token && !token.starts_with("b/")) || position.size() != position_size ||
       position.find_first_not_of("0123456789") != std::string::npos))
    return invalid("The specified nextToken is invalid.");

  Range range{.prefix = event_prefix(context, group, stream)};
  range.first_time = std::max(number(input, "startTime", 0), number(row, "firstEventTimestamp", 0));
  range.end_time =
      std::min(number(input, "endTime", INT64_MAX), number(row, "lastEventTimestamp", 0) + 1);
  range.first = fmt::format("{}{:015}", range.prefix, range.first_time);
  range.end = fmt::format("{}{:015}", range.prefix, std::max<std::int64_t>(range.end_time, 0));
  if (forward_token) range.first = std::max(range.first, range.prefix + position);
  if (token.starts_with("b/")) {
    range.end = std::min(range.end, range.prefix + position);
    range.end_time = std::min(range.end_time, time_of_position(position) + 1);
  }
  const auto limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(number(input, "limit", page_events_max), 1, page_events_max));
  const bool from_head = forward_token || (token.empty() && flag(input, "startFromHead"));
  const std::deque<StoredEvent> page =
      from_head ? page_forward(context, range.prefix, range.first, range.end, limit)
                : page_backward(context, range, limit);
  json::array events;
  for (const StoredEvent& event : page) events.push_back(shown(event));
  const std::string none = position.empty() ? std::string(position_size, '0') : position;
  return json::object{{"events", std::move(events)},
                      {"nextForwardToken", "f/" + (page.empty() ? none : page.back().position)},
                      {"nextBackwardToken", "b/" + (page.empty() ? none : page.front().position)}};
}

}  // namespace kiban::services::logs
