#include "services/scheduler/groups.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/scheduler/names.h"

namespace kiban::services::scheduler {
namespace {

// https://docs.aws.amazon.com/scheduler/latest/UserGuide/scheduler-quotas.html
constexpr std::size_t groups_max = 500;
// Of a group:
// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateScheduleGroup.html
constexpr std::size_t tags_max = 200;
constexpr std::size_t page_max = 100;
// AWS says "eventually consistent" and no time.
constexpr Duration deletion_delay = std::chrono::seconds{1};
constexpr std::size_t deletions_per_batch = 500;

json::object shown_group(const Context& context, const json::object& row) {
  const std::string name = text(row, "Name");
  json::object shown{
      {"Arn", group_arn(context, name)}, {"Name", name}, {"State", text(row, "State")}};
  if (row.contains("Created")) {
    shown["CreationDate"] = epoch_seconds(timestamp_of(number(row, "Created")));
    shown["LastModificationDate"] = epoch_seconds(timestamp_of(number(row, "Modified")));
  }
  return shown;
}

json::object tags_of(const json::object& input) {
  json::object tags;
  const json::array* given = find_array(input, "Tags");
  for (const json::value& tag : given ? *given : json::array{})
    tags[text(tag.as_object(), "Key")] = text(tag.as_object(), "Value");
  return tags;
}

json::object new_group(const Context& context, std::string_view name) {
  return {{"Name", name},
          {"State", "ACTIVE"},
          {"Created", milliseconds_of(context.now())},
          {"Modified", milliseconds_of(context.now())}};
}

std::string deletion_timer(const Context& context, std::string_view group) {
  return fmt::format("group/{}/{}", context.caller().region, group);
}

// The group that a tag operation names. The model's pattern leaves other regions and accounts.
Result<json::object> find_tagged(const Context& context, const json::object& input) {
  const std::string arn = text(input, "ResourceArn");
  const std::string group = arn.substr(arn.rfind('/') + 1);
  if (arn != group_arn(context, group))
    return fail("ResourceNotFoundException",
                fmt::format("Resource {} does not exist in {}.", arn, context.caller().region));
  return load_group(context, group);
}

json::object& tags_in(json::object& row) {
  if (!row.contains("Tags")) row["Tags"] = json::object{};
  return row["Tags"].as_object();
}

void put_tagged(Context& context, json::object row) {
  if (!row.contains("Created")) row["Created"] = milliseconds_of(context.now());
  row["Modified"] = milliseconds_of(context.now());
  put_json(context, group_key(context, text(row, "Name")), row);
}

}  // namespace

Result<json::object> create_group(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  const std::string token = text(input, "ClientToken");
  const json::object tags = tags_of(input);
  const json::object reply{{"ScheduleGroupArn", group_arn(context, name)}};
  const auto old = get_json(context, group_key(context, name));
  if (old && !token.empty() && text(*old, "Token") == token && old->at("Tags") == tags)
    return reply;
  if (old || name == default_group)
    return conflict(fmt::format("Schedule group {} already exists.", name));
  if (context.scan(group_key(context, "")).size() >= groups_max)
    return over_quota(fmt::format("The region has {} schedule groups already.", groups_max));
  json::object row = new_group(context, name);
  row["Tags"] = tags;
  row["Token"] = token;
  put_json(context, group_key(context, name), row);
  return reply;
}

Result<json::object> get_group(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_group(context, text(input, "Name")));
  return shown_group(context, row);
}

Result<json::object> list_groups(Context& context, const json::object& input) {
  const std::string prefix = text(input, "NamePrefix");
  json::array all;
  for (const std::string& name : group_names(context)) {
    if (!name.starts_with(prefix)) continue;
    KIBAN_TRY(const json::object row, load_group(context, name));
    all.push_back(shown_group(context, row));
  }
  const auto limit = static_cast<std::size_t>(number(input, "MaxResults", page_max));
  KIBAN_TRY(Page page, paginate(all, limit, find_string(input, "NextToken")));
  json::object reply{{"ScheduleGroups", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_DeleteScheduleGroup.html
Result<json::object> delete_group(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (name == default_group) return invalid("The default schedule group can't be deleted.");
  KIBAN_TRY(json::object row, load_group(context, name));
  if (text(row, "State") == "DELETING") return json::object{};
  row["State"] = "DELETING";
  row["Modified"] = milliseconds_of(context.now());
  put_json(context, group_key(context, name), row);
  context.set_timer("scheduler", deletion_timer(context, name), context.now() + deletion_delay,
                    {{"Kind", "group"}, {"Group", name}});
  return json::object{};
}

void continue_deletion(Context& context, const json::object& payload) {
  const std::string group = text(payload, "Group");
  const std::string prefix = schedule_key(context, group, "");
  const std::vector<store::Row> rows = context.scan(prefix, {}, deletions_per_batch);
  for (const store::Row& row : rows) erase_schedule(context, group, row.key.substr(prefix.size()));
  if (rows.size() < deletions_per_batch) return context.erase(group_key(context, group));
  context.set_timer("scheduler", deletion_timer(context, group), context.now(), payload);
}

Result<json::object> tag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, find_tagged(context, input));
  json::object& tags = tags_in(row);
  for (const auto& tag : tags_of(input)) tags[tag.key()] = tag.value();
  if (tags.size() > tags_max)
    return invalid(fmt::format("A schedule group takes at most {} tags.", tags_max));
  put_tagged(context, std::move(row));
  return json::object{};
}

Result<json::object> untag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, find_tagged(context, input));
  const json::array* keys = find_array(input, "TagKeys");
  for (const json::value& key : keys ? *keys : json::array{}) tags_in(row).erase(key.as_string());
  put_tagged(context, std::move(row));
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, find_tagged(context, input));
  json::array tags;
  for (const auto& tag : tags_in(row)) tags.push_back({{"Key", tag.key()}, {"Value", tag.value()}});
  return json::object{{"Tags", std::move(tags)}};
}

void use_default_group(Context& context) {
  if (context.get(group_key(context, default_group))) return;
  put_json(context, group_key(context, default_group), new_group(context, default_group));
}

std::vector<std::string> group_names(const Context& context) {
  const std::string prefix = group_key(context, "");
  std::vector<std::string> names;
  for (const store::Row& row : context.scan(prefix)) names.push_back(row.key.substr(prefix.size()));
  const auto at = std::ranges::lower_bound(names, default_group);
  if (at == names.end() || *at != default_group) names.insert(at, std::string(default_group));
  return names;
}

}  // namespace kiban::services::scheduler
