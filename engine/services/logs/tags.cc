#include "services/base/tags.h"

#include "services/base/table_service.h"
#include "services/logs/names.h"
#include "services/logs/operations.h"

namespace kiban::services::logs {
namespace {

Result<json::object> add_tags(Context& context, std::string_view group, const json::object& input) {
  KIBAN_TRY(json::object row, load_group(context, group));
  json::object& tags = row["Tags"].as_object();
  if (const json::object* added = find_object(input, "tags"))
    for (const auto& tag : *added) tags[tag.key()] = tag.value();
  if (too_many_tags(tags))
    return fail("TooManyTagsException", "The resource has more than 50 tags.");
  put_json(context, group_key(context, group), row);
  return json::object{};
}

Result<json::object> remove_tags(Context& context, std::string_view group,
                                 const json::array* keys) {
  KIBAN_TRY(json::object row, load_group(context, group));
  for (const json::value& key : keys ? *keys : json::array{})
    row["Tags"].as_object().erase(key.as_string());
  put_json(context, group_key(context, group), row);
  return json::object{};
}

Result<json::object> tags_of(Context& context, std::string_view group) {
  KIBAN_TRY(const json::object row, load_group(context, group));
  return json::object{{"tags", row.at("Tags")}};
}

}  // namespace

Result<json::object> tag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string group, group_of_arn(context, text(input, "resourceArn")));
  return add_tags(context, group, input);
}
Result<json::object> untag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string group, group_of_arn(context, text(input, "resourceArn")));
  return remove_tags(context, group, find_array(input, "tagKeys"));
}
Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string group, group_of_arn(context, text(input, "resourceArn")));
  return tags_of(context, group);
}

Result<json::object> tag_group(Context& context, const json::object& input) {
  auto reply = add_tags(context, text(input, "logGroupName"), input);
  // The page of TagLogGroup has no TooManyTagsException.
  if (!reply && reply.error().name == "TooManyTagsException") return invalid(reply.error().cause);
  return reply;
}
Result<json::object> untag_group(Context& context, const json::object& input) {
  return remove_tags(context, text(input, "logGroupName"), find_array(input, "tags"));
}
Result<json::object> list_tags_of_group(Context& context, const json::object& input) {
  return tags_of(context, text(input, "logGroupName"));
}

}  // namespace kiban::services::logs
