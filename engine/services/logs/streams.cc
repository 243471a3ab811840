#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/logs/names.h"
#include "services/logs/operations.h"

namespace kiban::services::logs {

Result<json::object> create_stream(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  KIBAN_TRY_VOID(load_group(context, group));
  const std::string key = stream_key(context, group, text(input, "logStreamName"));
  if (context.get(key))
    return fail("ResourceAlreadyExistsException", "The specified log stream already exists");
  put_json(context, key, {{"Created", milliseconds(context.now())}, {"Events", 0}});
  return json::object{};
}

Result<json::object> delete_stream(Context& context, const json::object& input) {
  const std::string group = text(input, "logGroupName");
  const std::string stream = text(input, "logStreamName");
  KIBAN_TRY(const json::object row, load_group(context, group));
  KIBAN_TRY_VOID(load_stream(context, group, stream));
  if (flag(row, "Protected"))
    return fail("ValidationException",
                fmt::format("The log stream '{}' cannot be deleted: the deletion protection of its "
                            "log group is enabled.",
                            stream));
  erase_rows(context, event_prefix(context, group, stream));
  context.erase(stream_key(context, group, stream));
  return json::object{};
}

Result<json::object> describe_streams(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string group, group_of(context, input));
  KIBAN_TRY_VOID(load_group(context, group));
  if (text(input, "orderBy") == "LastEventTime" && input.contains("logStreamNamePrefix"))
    return invalid("Cannot order by LastEventTime with a logStreamNamePrefix.");
  std::vector<json::object> found;
  const std::string base = stream_key(context, group, "");
  for (const store::Row& row : context.scan(base + text(input, "logStreamNamePrefix"))) {
    const std::string name = row.key.substr(base.size());
    const json::object fields = object_of(row.key, row.value);
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

}  // namespace kiban::services::logs
