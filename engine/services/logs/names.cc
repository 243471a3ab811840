#include "services/logs/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/arn.h"

namespace kiban::services::logs {

std::string group_key(const Context& context, std::string_view group) {
  return fmt::format("logs/{}/group/{}", context.caller().region, group);
}
std::string stream_key(const Context& context, std::string_view group, std::string_view stream) {
  return fmt::format("logs/{}/stream/{}{}{}", context.caller().region, group, separator, stream);
}
std::string latest_key(const Context& context, std::string_view group, std::int64_t last,
                       std::string_view stream) {
  constexpr std::int64_t latest_time_max = 999'999'999'999'999;
  return fmt::format("logs/{}/latest/{}{}{:015}{}{}", context.caller().region, group, separator,
                     latest_time_max - std::clamp<std::int64_t>(last, 0, latest_time_max),
                     separator, stream);
}

std::string filter_key(const Context& context, std::string_view group, std::string_view filter) {
  return fmt::format("logs/{}/filter/{}{}{}", context.caller().region, group, separator, filter);
}
std::string event_prefix(const Context& context, std::string_view group, std::string_view stream) {
  return fmt::format("logs/{}/event/{}{}{}{}", context.caller().region, group, separator, stream,
                     separator);
}
std::string group_arn(const Context& context, std::string_view group) {
  return make_arn(context, "logs", fmt::format("log-group:{}", group));
}

std::unexpected<Error> invalid(std::string cause) {
  return fail("InvalidParameterException", std::move(cause));
}

namespace {

std::unexpected<Error> no_group() {
  return fail("ResourceNotFoundException", "The specified log group does not exist.");
}

}  // namespace

Result<std::string> group_of_arn(const Context& context, std::string_view text) {
  constexpr std::string_view kind = "log-group:";
  const auto arn = parse_arn(text);
  if (!arn || arn->service != "logs" || !arn->resource.starts_with(kind))
    return invalid(fmt::format("'{}' is not the ARN of a log group", text));
  if (arn->region != context.caller().region || arn->account != context.caller().account)
    return no_group();
  std::string name(arn->resource.substr(kind.size()));
  if (name.ends_with(":*")) name.resize(name.size() - 2);
  return name;
}

Result<std::string> group_of(const Context& context, const json::object& input) {
  std::string name = text(input, "logGroupName");
  if (name.empty()) name = text(input, "logGroupIdentifier");
  if (name.empty()) return invalid("You must specify either logGroupName or logGroupIdentifier.");
  return name.starts_with("arn:") ? group_of_arn(context, name) : name;
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

void erase_rows(Context& context, std::string_view prefix) {
  for (const store::Row& row : context.scan(prefix)) context.erase(row.key);
}

std::int64_t milliseconds(Timestamp time) { return time.time_since_epoch().count(); }

}  // namespace kiban::services::logs
