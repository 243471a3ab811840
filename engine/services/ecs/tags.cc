#include "services/ecs/tags.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/base/table_service.h"
#include "services/base/tags.h"
#include "services/ecs/names.h"
#include "services/ecs/task_definition.h"

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

Result<void> check_tags(const json::object& input) {
  const json::array* tags = find_array(input, "tags");
  if (!tags) return {};
  if (too_many_tags(*tags))
    return fail("InvalidParameterException", "Resources can have at most 50 tags.");
  std::set<std::string> keys;
  for (const json::value& tag : *tags) {
    const std::string key = text(tag.as_object(), "key");
    if (key.empty()) return fail("InvalidParameterException", "Tag keys can not be blank.");
    if (!keys.insert(key).second)
      return fail("InvalidParameterException",
                  fmt::format("Duplicate tag keys found: {}. Each tag key must be unique.", key));
  }
  return {};
}

namespace {

std::unexpected<Error> not_found() {
  return fail("ResourceNotFoundException", "The specified resource was not found.");
}

// The ARN is of something of this account and region that can have tags and is there.
Result<void> check_resource(const Context& context, std::string_view arn) {
  const std::string prefix = make_arn(context, "ecs", "");
  if (!arn.starts_with("arn:") || arn.find(":ecs:") == arn.npos)
    return fail("InvalidParameterException", "Invalid identifier: Invalid resource ARN.");
  if (!arn.starts_with(prefix)) return not_found();
  const std::string_view path = arn.substr(prefix.size());
  const std::string_view kind = path.substr(0, path.find('/'));
  const std::string name(path.substr(std::min(kind.size() + 1, path.size())));
  if (kind == "cluster") {
    KIBAN_TRY_VOID(load_cluster(context, name));
    return {};
  }
  if (kind == "task-definition")
    return name.find(':') != name.npos && load_task_definition(context, name)
               ? Result<void>{}
               : Result<void>{not_found()};
  if (kind != "service" && kind != "task")
    return fail("InvalidParameterException",
                fmt::format("Invalid identifier: kiban has no resources of the type {}.", kind));
  const auto row = get_json(context, row_key(context, kind, name));
  if (!row || text(*row, "status") == "INACTIVE") return not_found();
  return {};
}

}  // namespace

Result<json::object> tag_resource(Context& context, const json::object& input) {
  const std::string arn = text(input, "resourceArn");
  KIBAN_TRY_VOID(check_resource(context, arn));
  KIBAN_TRY_VOID(check_tags(input));
  json::object row = get_json(context, tags_key(context, arn)).value_or(json::object{});
  if (const json::array* tags = find_array(input, "tags")) add(row, *tags);
  if (too_many_tags(row))
    return fail("InvalidParameterException", "Resources can have at most 50 tags.");
  put_json(context, tags_key(context, arn), row);
  return json::object{};
}

Result<json::object> untag_resource(Context& context, const json::object& input) {
  const std::string arn = text(input, "resourceArn");
  KIBAN_TRY_VOID(check_resource(context, arn));
  json::object row = get_json(context, tags_key(context, arn)).value_or(json::object{});
  if (const json::array* keys = find_array(input, "tagKeys")) {
    for (const json::value& gone : *keys) row.erase(gone.as_string());
  }
  put_json(context, tags_key(context, arn), row);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  const std::string arn = text(input, "resourceArn");
  KIBAN_TRY_VOID(check_resource(context, arn));
  return json::object{{"tags", tags_of(context, arn)}};
}

}  // namespace kiban::services::ecs
