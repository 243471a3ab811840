#include <fmt/format.h>

#include <algorithm>

#include "services/base/pages.h"
#include "services/base/table_service.h"
#include "services/logs/names.h"
#include "services/logs/operations.h"
#include "services/logs/purge.h"

namespace kiban::services::logs {

namespace {

json::object shown_stream(const Context& context, std::string_view group, const std::string& base,
                          const store::Row& row) {
  const std::string name = row.key.substr(base.size());
  const json::object fields = object_of(row.key, row.value);
  json::object stream{{"logStreamName", name},
                      {"creationTime", fields.at("Created")},
                      {"arn", fmt::format("{}:log-stream:{}", group_arn(context, group), name)},
                      {"storedBytes", 0}};
  for (const auto* key : {"firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime"}) {
    if (const json::value* time = find(fields, key)) stream[key] = *time;
  }
  return stream;
}

// In the order of the rows: only the page itself is read. Its token is the last name; names have no
// colon.
Result<json::object> page_by_name(const Context& context, std::string_view group,
                                  const json::object& input, std::size_t limit) {
  constexpr std::string_view mark = "name:";
  const std::string token = text(input, "nextToken");
  if (!token.empty() && !token.starts_with(mark))
    return fail("InvalidToken", "Invalid Token: '" + token + "'");
  const std::string base = stream_key(context, group, "");
  const std::string after = token.empty() ? std::string() : base + token.substr(mark.size());
  auto rows = context.scan(base + text(input, "logStreamNamePrefix"), after, limit + 1);
  const bool more = rows.size() > limit;
  if (more) rows.pop_back();
  json::array streams;
  for (const store::Row& row : rows) streams.push_back(shown_stream(context, group, base, row));
  json::object reply{{"logStreams", std::move(streams)}};
  if (more) reply["nextToken"] = fmt::format("{}{}", mark, rows.back().key.substr(base.size()));
  return reply;
}

// The latest first.
Result<json::object> page_by_time(const Context& context, std::string_view group,
                                  const json::object& input, std::size_t limit) {
  const std::string base = stream_key(context, group, "");
  std::string prefix = latest_key(context, group, 0, "");
  prefix.resize(prefix.rfind(separator, prefix.size() - 2) + 1);
  const auto entry = [&](const store::Row& row) -> std::optional<json::value> {
    const std::string key = base + row.key.substr(row.key.rfind(separator) + 1);
    auto stream = context.get(key);
    if (!stream) return std::nullopt;
    return shown_stream(context, group, base, {key, *std::move(stream)});
  };
  KIBAN_TRY(Page page,
            page_of_rows(context, prefix, limit, find_string(input, "nextToken"), entry));
  json::object reply{{"logStreams", std::move(page.entries)}};
  if (page.next_token) reply["nextToken"] = *std::move(page.next_token);
  return reply;
}

}  // namespace

Result<json::object> create_stream(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  KIBAN_TRY_VOID(load_group(context, group));
  const std::string key = stream_key(context, group, text(input, "logStreamName"));
  if (context.get(key))
    return fail("ResourceAlreadyExistsException", "The specified log stream already exists");
  finish_purge(context,
               fmt::format("{}{}{}{}", group, separator, text(input, "logStreamName"), separator));
  put_json(context, key, {{"Created", milliseconds(context.now())}, {"Events", 0}});
  put_json(context, latest_key(context, group, 0, text(input, "logStreamName")), {});
  return json::object{};
}

Result<json::object> delete_stream(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  const std::string stream = text(input, "logStreamName");
  KIBAN_TRY(const json::object row, load_group(context, group));
  KIBAN_TRY(const json::object stream_row, load_stream(context, group, stream));
  if (flag(row, "Protected"))
    return fail("ValidationException",
                fmt::format("The log stream '{}' cannot be deleted: the deletion protection of its "
                            "log group is enabled.",
                            stream));
  purge(context, fmt::format("{}{}{}{}", group, separator, stream, separator));
  context.erase(stream_key(context, group, stream));
  context.erase(latest_key(context, group, number(stream_row, "lastEventTimestamp", 0), stream));
  return json::object{};
}

Result<json::object> describe_streams(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string group, group_of(context, input));
  KIBAN_TRY(const json::object group_row, load_group(context, group));
  const bool by_time = text(input, "orderBy") == "LastEventTime";
  if (by_time && input.contains("logStreamNamePrefix"))
    return invalid("Cannot order by LastEventTime with a logStreamNamePrefix.");
  const auto limit = static_cast<std::size_t>(number(input, "limit", 50));
  if (!by_time && !flag(input, "descending")) return page_by_name(context, group, input, limit);
  if (by_time && flag(input, "descending") && flag(group_row, "Latest"))
    return page_by_time(context, group, input, limit);
  // Time, name: only what the page shows is made of the rows.
  std::vector<std::pair<std::int64_t, store::Row>> found;
  const std::string base = stream_key(context, group, "");
  for (store::Row& row : context.scan(base + text(input, "logStreamNamePrefix"))) {
    const std::int64_t last =
        by_time ? number(object_of(row.key, row.value), "lastEventTimestamp", 0) : 0;
    found.emplace_back(last, std::move(row));
  }
  std::ranges::sort(found, {}, [](const auto& each) {
    return std::pair<std::int64_t, std::string_view>(each.first, each.second.key);
  });
  if (flag(input, "descending")) std::ranges::reverse(found);
  json::array indexes;
  for (std::size_t i = 0; i < found.size(); ++i) indexes.emplace_back(i);
  KIBAN_TRY(const Page page, paginate(indexes, limit, find_string(input, "nextToken")));
  json::array streams;
  for (const json::value& index : page.entries)
    streams.push_back(
        shown_stream(context, group, base, found[index.to_number<std::size_t>()].second));
  json::object reply{{"logStreams", std::move(streams)}};
  if (page.next_token) reply["nextToken"] = *page.next_token;
  return reply;
}

}  // namespace kiban::services::logs
