#include "services/logs/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "services/base/table_service.h"
#include "services/logs/filter.h"

namespace kiban::services::logs {
namespace {

// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/logs/cloudwatch_limits_cwl.html
constexpr std::size_t put_events_max = 10'000;
constexpr std::size_t put_bytes_max = 1'048'576;
constexpr std::size_t event_overhead_bytes = 26;
// Of one page of FilterLogEvents, our own bounds: what is read, and what its terms are compared
// with.
constexpr std::size_t search_bytes_max = 8UL << 20U;
constexpr std::size_t compared_bytes_max = 64UL << 20U;
constexpr std::int64_t page_events_max = 10'000;
constexpr std::chrono::hours future_max{2};
constexpr std::chrono::days past_max{14};
constexpr std::chrono::hours sweep_interval{1};
constexpr char separator = '\x1f';

constexpr std::int64_t retention_days[] = {1,    3,    5,    7,    14,   30,  60,  90,
                                           120,  150,  180,  365,  400,  545, 731, 1096,
                                           1827, 2192, 2557, 2922, 3288, 3653};

std::string group_key(const Context& context, std::string_view group) {
  return fmt::format("logs/{}/group/{}", context.caller().region, group);
}
std::string stream_key(const Context& context, std::string_view group, std::string_view stream) {
  return fmt::format("logs/{}/stream/{}{}{}", context.caller().region, group, separator, stream);
}
std::string event_prefix(const Context& context, std::string_view group, std::string_view stream) {
  return fmt::format("logs/{}/event/{}{}{}{}", context.caller().region, group, separator, stream,
                     separator);
}
std::string group_arn(const Context& context, std::string_view group) {
  return make_arn(context, "logs", fmt::format("log-group:{}", group));
}

// A group by name or by either form of its ARN.
std::string group_name(const json::object& input) {
  std::string name = text(input, "logGroupName");
  if (name.empty()) name = text(input, "logGroupIdentifier");
  if (!name.starts_with("arn:")) return name;
  name = name.substr(std::min(name.size(), name.find(":log-group:") + 11));
  return name.ends_with(":*") ? name.substr(0, name.size() - 2) : name;
}

std::unexpected<Error> no_group() {
  return fail("ResourceNotFoundException", "The specified log group does not exist.");
}

Result<json::object> load_group(const Context& context, std::string_view group) {
  auto row = get_json(context, group_key(context, group));
  if (!row) return no_group();
  return *std::move(row);
}

Result<json::object> load_stream(const Context& context, std::string_view group,
                                 std::string_view stream) {
  KIBAN_TRY_VOID(load_group(context, group));
  auto row = get_json(context, stream_key(context, group, stream));
  if (!row) return fail("ResourceNotFoundException", "The specified log stream does not exist.");
  return *std::move(row);
}

std::int64_t milliseconds(Timestamp time) { return time.time_since_epoch().count(); }

std::string sweep_timer(const Context& context, std::string_view group) {
  return fmt::format("retention/{}/{}", context.caller().region, group);
}

void schedule_sweep(Context& context, std::string_view group) {
  context.set_timer("logs", sweep_timer(context, group), context.now() + sweep_interval,
                    {{"Group", group},
                     {"Region", context.caller().region},
                     {"Account", context.caller().account}});
}

Result<json::object> create_group(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  if (context.get(group_key(context, group)))
    return fail("ResourceAlreadyExistsException", "The specified log group already exists");
  const json::object* tags = find_object(input, "tags");
  put_json(context, group_key(context, group),
           {{"Created", milliseconds(context.now())}, {"Tags", tags ? *tags : json::object{}}});
  return json::object{};
}

void erase_rows(Context& context, std::string_view prefix) {
  for (const store::Row& row : context.scan(prefix)) context.erase(row.key);
}

Result<json::object> delete_group(Context& context, const json::object& input) {
  const std::string group = group_name(input);
  KIBAN_TRY_VOID(load_group(context, group));
  const std::string region = context.caller().region;
  erase_rows(context, fmt::format("logs/{}/event/{}{}", region, group, separator));
  erase_rows(context, stream_key(context, group, ""));
  context.erase(group_key(context, group));
  context.cancel_timer("logs", sweep_timer(context, group));
  return json::object{};
}

Result<json::object> put_retention(Context& context, const json::object& input) {
  const std::string group = group_name(input);
  KIBAN_TRY(json::object row, load_group(context, group));
  const std::int64_t days = number(input, "retentionInDays", 0);
  if (std::ranges::find(retention_days, days) == std::end(retention_days))
    return fail("InvalidParameterException",
                fmt::format("{} is not a retention in days that CloudWatch Logs knows", days));
  row["RetentionInDays"] = days;
  put_json(context, group_key(context, group), row);
  schedule_sweep(context, group);
  return json::object{};
}

Result<json::object> delete_retention(Context& context, const json::object& input) {
  const std::string group = group_name(input);
  KIBAN_TRY(json::object row, load_group(context, group));
  row.erase("RetentionInDays");
  put_json(context, group_key(context, group), row);
  context.cancel_timer("logs", sweep_timer(context, group));
  return json::object{};
}

Result<json::object> describe_groups(Context& context, const json::object& input) {
  json::array all;
  const std::string base = group_key(context, "");
  const std::string contains = text(input, "logGroupNamePattern");
  for (const store::Row& row : context.scan(base + text(input, "logGroupNamePrefix"))) {
    const std::string name = row.key.substr(base.size());
    if (!contains.empty() && name.find(contains) == std::string::npos) continue;
    KIBAN_TRY(const json::value fields, parse_json(row.value));
    json::object group{{"logGroupName", name},
                       {"creationTime", fields.at("Created")},
                       {"metricFilterCount", 0},
                       {"arn", group_arn(context, name) + ":*"},
                       {"logGroupArn", group_arn(context, name)},
                       {"storedBytes", 0},
                       {"logGroupClass", "STANDARD"}};
    if (const json::value* days = fields.get_object().if_contains("RetentionInDays"))
      group["retentionInDays"] = *days;
    // "If you use logGroupNamePattern in your request, then only arn, creationTime, and
    // logGroupName are included in the response": DescribeLogGroups.
    if (!contains.empty())
      group = {
          {"arn", group["arn"]}, {"creationTime", group["creationTime"]}, {"logGroupName", name}};
    all.push_back(std::move(group));
  }
  const auto limit = static_cast<std::size_t>(number(input, "limit", 50));
  KIBAN_TRY(Page page, paginate(all, limit, find_string(input, "nextToken")));
  json::object reply{{"logGroups", std::move(page.entries)}};
  if (page.next_token) reply["nextToken"] = *page.next_token;
  return reply;
}

Result<json::object> create_stream(Context& context, const json::object& input) {
  const std::string group = group_name(input);
  KIBAN_TRY_VOID(load_group(context, group));
  const std::string key = stream_key(context, group, text(input, "logStreamName"));
  if (context.get(key))
    return fail("ResourceAlreadyExistsException", "The specified log stream already exists");
  put_json(context, key, {{"Created", milliseconds(context.now())}, {"Events", 0}});
  return json::object{};
}

Result<json::object> delete_stream(Context& context, const json::object& input) {
  const std::string group = group_name(input);
  const std::string stream = text(input, "logStreamName");
  KIBAN_TRY_VOID(load_stream(context, group, stream));
  erase_rows(context, event_prefix(context, group, stream));
  context.erase(stream_key(context, group, stream));
  return json::object{};
}

Result<json::object> describe_streams(Context& context, const json::object& input) {
  const std::string group = group_name(input);
  KIBAN_TRY_VOID(load_group(context, group));
  if (text(input, "orderBy") == "LastEventTime" && input.contains("logStreamNamePrefix"))
    return fail("InvalidParameterException",
                "Cannot order by LastEventTime with a logStreamNamePrefix.");
  std::vector<json::object> found;
  const std::string base = stream_key(context, group, "");
  for (const store::Row& row : context.scan(base + text(input, "logStreamNamePrefix"))) {
    const std::string name = row.key.substr(base.size());
    KIBAN_TRY(const json::value value, parse_json(row.value));
    const json::object& fields = value.get_object();
    json::object stream{{"logStreamName", name},
                        {"creationTime", fields.at("Created")},
                        {"arn", fmt::format("{}:log-stream:{}", group_arn(context, group), name)},
                        {"storedBytes", 0}};
    for (const auto* key : {"firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime"}) {
      if (const json::value* time = find(fields, key)) stream[key] = *time;
    }
    found.push_back(std::move(stream));
  }
  if (text(input, "orderBy") == "LastEventTime") {
    std::ranges::sort(found, {}, [](const json::object& stream) {
      return std::pair(number(stream, "lastEventTimestamp", 0), text(stream, "logStreamName"));
    });
  }
  if (flag(input, "descending")) std::ranges::reverse(found);
  const auto limit = static_cast<std::size_t>(number(input, "limit", 50));
  KIBAN_TRY(Page page, paginate(json::array(found.begin(), found.end()), limit,
                                find_string(input, "nextToken")));
  json::object reply{{"logStreams", std::move(page.entries)}};
  if (page.next_token) reply["nextToken"] = *page.next_token;
  return reply;
}

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

Result<void> check_events(const json::array& events) {
  if (events.size() > put_events_max)
    return fail("InvalidParameterException", "Log event count exceeds 10000 per request.");
  std::size_t bytes = 0;
  std::int64_t last = INT64_MIN;
  for (const json::value& event : events) {
    const std::int64_t time = number(event.as_object(), "timestamp", 0);
    if (time < last)
      return fail("InvalidParameterException",
                  "Log events in a single PutLogEvents request must be in chronological order.");
    last = time;
    bytes += text(event.as_object(), "message").size() + event_overhead_bytes;
  }
  constexpr std::chrono::milliseconds span_max = std::chrono::hours{24};  // PutLogEvents.
  if (!events.empty() && last - number(events[0].as_object(), "timestamp", 0) > span_max.count())
    return fail("InvalidParameterException",
                "The batch of log events in a single PutLogEvents request cannot span more than 24 "
                "hours.");
  if (bytes > put_bytes_max)
    return fail(
        "InvalidParameterException",
        fmt::format("Upload too large: {} bytes exceeds limit of {}", bytes, put_bytes_max));
  return {};
}

Result<json::object> put_events(Context& context, const json::object& input) {
  const std::string group = group_name(input);
  const std::string stream = text(input, "logStreamName");
  KIBAN_TRY(json::object row, load_stream(context, group, stream));
  const json::array* events = find_array(input, "logEvents");
  if (!events) return fail("InvalidParameterException", "logEvents is missing");
  KIBAN_TRY_VOID(check_events(*events));
  KIBAN_TRY(const json::object group_row, load_group(context, group));
  const Bounds bounds = bounds_of(context, group_row);
  const std::string prefix = event_prefix(context, group, stream);
  std::int64_t count = number(row, "Events", 0);
  json::object rejected;
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
    put_json(context, fmt::format("{}{:015}{:020}", prefix, time, ++count),
             {{"message", text(event, "message")}, {"ingested", milliseconds(context.now())}});
    if (!row.contains("firstEventTimestamp") || number(row, "firstEventTimestamp", 0) > time)
      row["firstEventTimestamp"] = time;
    row["lastEventTimestamp"] = std::max(number(row, "lastEventTimestamp", 0), time);
  }
  row["Events"] = count;
  row["lastIngestionTime"] = milliseconds(context.now());
  put_json(context, stream_key(context, group, stream), row);
  context.notify(fmt::format("logs/{}", group));
  json::object reply{{"nextSequenceToken", fmt::format("{:056}", count)}};
  if (!rejected.empty()) reply["rejectedLogEventsInfo"] = std::move(rejected);
  return reply;
}

struct StoredEvent {
  std::string position{};  // TIMESTAMP SEQUENCE
  std::int64_t timestamp{};
  std::string stream{};
  std::string message{};
  std::int64_t ingested{};
};

std::vector<StoredEvent> read_events(const Context& context, const json::object& input,
                                     std::string_view group, std::string_view stream) {
  const std::string prefix = event_prefix(context, group, stream);
  const std::int64_t from = std::max<std::int64_t>(number(input, "startTime", 0), 0);
  const std::int64_t to = number(input, "endTime", INT64_MAX);
  std::vector<StoredEvent> events;
  for (const store::Row& row : context.scan(prefix, fmt::format("{}{:015}", prefix, from))) {
    const std::string position = row.key.substr(prefix.size());
    const std::int64_t time = std::stoll(position.substr(0, 15));
    if (time >= to) break;
    const json::object fields = object_of(row.key, row.value);
    events.push_back({.position = position,
                      .timestamp = time,
                      .stream = std::string(stream),
                      .message = text(fields, "message"),
                      .ingested = number(fields, "ingested", 0)});
  }
  return events;
}

// Tokens are "f/POSITION" and "b/POSITION": events behind or before that one.
Result<json::object> get_events(Context& context, const json::object& input) {
  const std::string group = group_name(input);
  const std::string stream = text(input, "logStreamName");
  KIBAN_TRY_VOID(load_stream(context, group, stream));
  const std::vector<StoredEvent> all = read_events(context, input, group, stream);
  const auto limit =
      std::clamp<std::int64_t>(number(input, "limit", page_events_max), 1, page_events_max);
  const std::string token = text(input, "nextToken");
  if (!token.empty() && !token.starts_with("f/") && !token.starts_with("b/"))
    return fail("InvalidParameterException", "The specified nextToken is invalid.");
  const std::string position = token.empty() ? "" : token.substr(2);
  auto begin = all.begin();
  auto end = all.end();
  if (token.starts_with("f/"))
    begin = std::ranges::upper_bound(all, position, {}, &StoredEvent::position);
  if (token.starts_with("b/"))
    end = std::ranges::lower_bound(all, position, {}, &StoredEvent::position);
  const bool from_head = token.starts_with("f/") || (token.empty() && flag(input, "startFromHead"));
  if (end - begin > limit) (from_head ? end = begin + limit : begin = end - limit);
  json::array events;
  for (auto event = begin; event != end; ++event)
    events.push_back({{"timestamp", event->timestamp},
                      {"message", event->message},
                      {"ingestionTime", event->ingested}});
  const std::string none = position.empty() ? std::string(35, '0') : position;
  return json::object{{"events", std::move(events)},
                      {"nextForwardToken", "f/" + (begin == end ? none : (end - 1)->position)},
                      {"nextBackwardToken", "b/" + (begin == end ? none : begin->position)}};
}

std::vector<std::string> chosen_streams(const Context& context, const json::object& input,
                                        std::string_view group) {
  std::vector<std::string> streams;
  if (const json::array* names = find_array(input, "logStreamNames")) {
    for (const json::value& name : *names) streams.push_back(to_string(name.as_string()));
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
  std::vector<StoredEvent> events{};
  bool more{false};
};

// The events of one stream behind `after`, as many as have `bytes` together, at least one.
Chunk read_chunk(const Context& context, const json::object& input, std::string_view group,
                 std::string_view stream, const std::optional<Searched>& after, std::size_t bytes) {
  constexpr std::size_t rows_most = 1'024;
  const std::string prefix = event_prefix(context, group, stream);
  std::int64_t from = std::max<std::int64_t>(number(input, "startTime", 0), 0);
  const std::int64_t to = number(input, "endTime", INT64_MAX);
  std::string start;
  if (after) {
    const auto& [time, name, position] = *after;
    if (name == stream) start = prefix + position + "0";  // Behind that very row.
    from = std::max(from, stream < name ? time + 1 : time);
  }
  start = std::max(start, fmt::format("{}{:015}", prefix, from));
  Chunk chunk;
  // The rows of a stream with large messages must not be read by the thousand.
  std::size_t read = 0;
  for (std::size_t count = 1;; count = std::min(count * 2, rows_most)) {
    const auto rows = context.scan(prefix, start, count);
    for (const store::Row& row : rows) {
      const std::string position = row.key.substr(prefix.size());
      const std::int64_t time = std::stoll(position.substr(0, 15));
      if (time >= to) return chunk;
      if (!chunk.events.empty() && read >= bytes) {
        chunk.more = true;
        return chunk;
      }
      const auto fields = parse_json(row.value);
      KIBAN_CHECK(fields && fields->is_object(), "a log event row is damaged");
      read += row.key.size() + row.value.size();
      chunk.events.push_back({.position = position,
                              .timestamp = time,
                              .stream = std::string(stream),
                              .message = text(fields->get_object(), "message"),
                              .ingested = number(fields->get_object(), "ingested", 0)});
    }
    if (rows.size() < count) return chunk;
    start = rows.back().key + "0";
  }
}

// "This operation can return empty results while there are more log events available through the
// token": docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
Result<json::object> filter_events(Context& context, const json::object& input) {
  const std::string group = group_name(input);
  KIBAN_TRY_VOID(load_group(context, group));
  KIBAN_TRY(const Filter filter, parse_filter(text(input, "filterPattern")));
  KIBAN_TRY(const std::optional<Searched> after, read_search_token(input));
  const std::vector<std::string> streams = chosen_streams(context, input, group);
  const std::size_t terms =
      filter.required.size() + filter.excluded.size() + filter.optional.size();
  const std::size_t bytes =
      std::min(search_bytes_max, compared_bytes_max / (terms + 1)) / (streams.size() + 1);
  std::vector<StoredEvent> found;
  std::optional<Searched> horizon;  // Up to here every stream was read.
  for (const std::string& stream : streams) {
    Chunk chunk = read_chunk(context, input, group, stream, after, bytes);
    if (chunk.more) {
      const Searched last = searched_of(chunk.events.back());
      horizon = horizon ? std::min(*horizon, last) : last;
    }
    for (StoredEvent& event : chunk.events)
      if (matches(filter, event.message)) found.push_back(std::move(event));
  }
  std::ranges::sort(found, {}, searched_of);
  const auto limit = static_cast<std::size_t>(
      std::clamp<std::int64_t>(number(input, "limit", page_events_max), 1, page_events_max));
  json::array events;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const StoredEvent& event = found[i];
    if (horizon && searched_of(event) > *horizon) break;
    if (i == limit) {
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

std::string group_of_arn(const json::object& input) {
  return group_name({{"logGroupName", text(input, "resourceArn")}});
}

Result<json::object> tag_resource(Context& context, const json::object& input) {
  const std::string group = group_of_arn(input);
  KIBAN_TRY(json::object row, load_group(context, group));
  if (const json::object* tags = find_object(input, "tags")) {
    for (const auto& tag : *tags) row["Tags"].as_object()[tag.key()] = tag.value();
  }
  put_json(context, group_key(context, group), row);
  return json::object{};
}

Result<json::object> untag_resource(Context& context, const json::object& input) {
  const std::string group = group_of_arn(input);
  KIBAN_TRY(json::object row, load_group(context, group));
  if (const json::array* keys = find_array(input, "tagKeys")) {
    for (const json::value& key : *keys) row["Tags"].as_object().erase(key.as_string());
  }
  put_json(context, group_key(context, group), row);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_group(context, group_of_arn(input)));
  return json::object{{"tags", row.at("Tags")}};
}

const OperationTable operations = {
    {"CreateLogGroup", create_group},
    {"CreateLogStream", create_stream},
    {"DeleteLogGroup", delete_group},
    {"DeleteLogStream", delete_stream},
    {"DeleteRetentionPolicy", delete_retention},
    {"DescribeLogGroups", describe_groups},
    {"DescribeLogStreams", describe_streams},
    {"FilterLogEvents", filter_events},
    {"GetLogEvents", get_events},
    {"ListTagsForResource", list_tags},
    {"PutLogEvents", put_events},
    {"PutRetentionPolicy", put_retention},
    {"TagResource", tag_resource},
    {"UntagResource", untag_resource},
};

class Logs : public TableService {
 public:
  Logs() : TableService("logs", operations) {}

  // Removes what is older than the group's retention.
  void on_timer(Context& context, const json::object& payload) override {
    const std::string group = text(payload, "Group");
    const std::string region = text(payload, "Region");
    const auto row = get_json(context, fmt::format("logs/{}/group/{}", region, group));
    const std::int64_t days = row ? number(*row, "RetentionInDays", 0) : 0;
    if (days == 0) return;
    const std::int64_t cutoff = milliseconds(context.now() - std::chrono::days{days});
    const std::string prefix = fmt::format("logs/{}/event/{}{}", region, group, separator);
    for (const store::Row& event : context.scan(prefix)) {
      const std::size_t at = event.key.rfind(separator) + 1;
      if (std::stoll(event.key.substr(at, 15)) < cutoff) context.erase(event.key);
    }
    context.set_timer("logs", fmt::format("retention/{}/{}", region, group),
                      context.now() + sweep_interval, payload);
  }
};

}  // namespace

std::unique_ptr<Service> make_logs() { return std::make_unique<Logs>(); }

}  // namespace kiban::services::logs
