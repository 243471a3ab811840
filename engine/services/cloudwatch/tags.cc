#include "services/cloudwatch/tags.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/base/tags.h"

namespace kiban::services::cloudwatch {
namespace {

std::string tags_key(const Context& context, std::string_view arn) {
  return fmt::format("cloudwatch/{}/tags/{}", context.caller().region, arn);
}

json::array tags_of(const Context& context, const std::string& arn) {
  const auto row = get_json(context, tags_key(context, arn));
  return row ? row->at("Tags").as_array() : json::array{};
}

void save(Context& context, const std::string& arn, json::array tags) {
  if (tags.empty()) return drop_tags(context, arn);
  put_json(context, tags_key(context, arn), {{"Tags", std::move(tags)}});
}

// The ARN of the request, if an alarm or a dashboard of ours has it.
Result<std::string> known_arn(const Context& context, const json::object& input) {
  std::string arn = text(input, "ResourceARN");
  const std::string alarms = alarm_arn(context, "");
  const std::string dashboards = dashboard_arn(context, "");
  std::string key;
  if (arn.starts_with(alarms)) key = alarm_key(context, arn.substr(alarms.size()));
  if (arn.starts_with(dashboards)) key = dashboard_key(context, arn.substr(dashboards.size()));
  if (key.empty()) {
    return fail("InvalidParameterValueException",
                fmt::format("kiban tags alarms and dashboards of this account and region only, "
                            "not '{}'",
                            arn));
  }
  if (context.get(key)) return arn;
  return fail("ResourceNotFoundException", fmt::format("Unknown resource: {}", arn));
}

}  // namespace

std::string alarm_key(const Context& context, std::string_view name) {
  return fmt::format("cloudwatch/{}/alarm/{}", context.caller().region, name);
}

std::string dashboard_key(const Context& context, std::string_view name) {
  return fmt::format("cloudwatch/{}/dashboard/{}", context.caller().region, name);
}

std::string alarm_arn(const Context& context, std::string_view name) {
  return make_arn(context, "cloudwatch", fmt::format("alarm:{}", name));
}

std::string dashboard_arn(const Context& context, std::string_view name) {
  return fmt::format("arn:aws:cloudwatch::{}:dashboard/{}", context.caller().account, name);
}

void set_tags(Context& context, const std::string& arn, const json::object& input) {
  const json::array* tags = find_array(input, "Tags");
  save(context, arn, tags ? *tags : json::array{});
}

void drop_tags(Context& context, const std::string& arn) { context.erase(tags_key(context, arn)); }

Result<json::object> tag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string arn, known_arn(context, input));
  json::array tags = tags_of(context, arn);
  for (const json::value& tag : *find_array(input, "Tags")) {
    const auto same = std::ranges::find_if(
        tags, [&](const json::value& other) { return other.at("Key") == tag.at("Key"); });
    if (same != tags.end()) {
      *same = tag;
    } else {
      tags.push_back(tag);
    }
  }
  if (too_many_tags(tags)) {
    return fail("InvalidParameterValueException",
                fmt::format("A resource can have up to {} tags", tags_max));
  }
  save(context, arn, std::move(tags));
  return json::object{};
}

Result<json::object> untag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string arn, known_arn(context, input));
  const json::array& keys = *find_array(input, "TagKeys");
  json::array kept;
  for (const json::value& tag : tags_of(context, arn)) {
    if (std::ranges::find(keys, tag.at("Key")) == keys.end()) kept.push_back(tag);
  }
  save(context, arn, std::move(kept));
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string arn, known_arn(context, input));
  return json::object{{"Tags", tags_of(context, arn)}};
}

}  // namespace kiban::services::cloudwatch
