#include "services/ecs/tags.h"

#include <algorithm>

#include "services/base/table_service.h"
#include "services/ecs/names.h"

namespace kiban::services::ecs {
namespace {

std::string tags_key(const Context& context, std::string_view arn) {
  return row_key(context, "tags", arn);
}

json::array array_of(const json::object& row) {
  json::array tags;
  for (const auto& tag : row) tags.push_back({{"key", tag.key()}, {"value", tag.value()}});
  return tags;
}

void add(json::object& row, const json::array& tags) {
  for (const json::value& tag : tags)
    row[text(tag.as_object(), "key")] = text(tag.as_object(), "value");
}

}  // namespace

void put_tags(Context& context, std::string_view arn, const json::object& input) {
  const json::array* tags = find_array(input, "tags");
  if (!tags || tags->empty()) return;
  json::object row = get_json(context, tags_key(context, arn)).value_or(json::object{});
  add(row, *tags);
  put_json(context, tags_key(context, arn), row);
}

json::array tags_of(const Context& context, std::string_view arn) {
  return array_of(get_json(context, tags_key(context, arn)).value_or(json::object{}));
}

void drop_tags(Context& context, std::string_view arn) { context.erase(tags_key(context, arn)); }

bool wants_tags(const json::object& input) {
  const json::array* include = find_array(input, "include");
  return include && std::ranges::find(*include, json::value("TAGS")) != include->end();
}

json::array tags_of_new_task(const Context& context, const json::object& input,
                             std::string_view definition_arn, std::string_view cluster,
                             std::string_view group) {
  json::object row;
  const std::string from = text(input, "propagateTags");
  if (from == "TASK_DEFINITION") add(row, tags_of(context, definition_arn));
  if (from == "SERVICE") add(row, tags_of(context, text(input, "serviceArn")));
  if (const json::array* own = find_array(input, "tags")) add(row, *own);
  if (flag(input, "enableECSManagedTags")) {
    row["aws:ecs:clusterName"] = cluster;
    if (group.starts_with("service:")) row["aws:ecs:serviceName"] = group.substr(8);
  }
  return array_of(row);
}

Result<json::object> tag_resource(Context& context, const json::object& input) {
  put_tags(context, text(input, "resourceArn"), input);
  return json::object{};
}

Result<json::object> untag_resource(Context& context, const json::object& input) {
  const std::string key = tags_key(context, text(input, "resourceArn"));
  json::object row = get_json(context, key).value_or(json::object{});
  if (const json::array* keys = find_array(input, "tagKeys")) {
    for (const json::value& gone : *keys) row.erase(gone.as_string());
  }
  put_json(context, key, row);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  return json::object{{"tags", tags_of(context, text(input, "resourceArn"))}};
}

}  // namespace kiban::services::ecs
