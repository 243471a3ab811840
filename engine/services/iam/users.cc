// Users, groups, and who is in which.
#include <fmt/format.h>

#include <algorithm>

#include "services/iam/rows.h"

namespace kiban::services::iam {
namespace {

constexpr std::size_t groups_max = 10;  // IAM quota, of a user.

bool is_member(const json::object& user, std::string_view group) {
  const json::array& groups = user.at("Groups").as_array();
  return std::ranges::find(groups, json::value(group)) != groups.end();
}

json::object new_row(Context& context, const Kind& kind, const json::object& input,
                     std::string_view id_prefix) {
  const std::string name = text(input, kind.member);
  const std::string path = text(input, "Path", "/");
  return {{"Path", path},
          {kind.member, name},
          {fmt::format("{}Id", kind.title), make_id(context, id_prefix)},
          {"Arn", make_global_arn(context, kind.name, path, name)},
          {"CreateDate", epoch_seconds(context.now())},
          {"Policies", json::object{}},
          {"Attached", json::array{}}};
}

// What a list shows: API_ListUsers.html leaves tags and the boundary to GetUser.
json::object listed_user(const json::object& row) {
  json::object user = described(row);
  user.erase("Tags");
  user.erase("PermissionsBoundary");
  return user;
}

Result<json::object> create_user(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_new_name(context, user_kind, text(input, "UserName")));
  const json::array* tags = find_array(input, "Tags");
  if (tags) KIBAN_TRY_VOID(check_new_tags(*tags));
  if (input.contains("PermissionsBoundary"))
    KIBAN_TRY_VOID(check_attachable(context, text(input, "PermissionsBoundary")));
  json::object row = new_row(context, user_kind, input, "AIDA");
  row["Tags"] = tags ? *tags : json::array{};
  row["Groups"] = json::array{};
  if (input.contains("PermissionsBoundary")) set_boundary(row, input);
  put_json(context, entity_key(user_kind, text(input, "UserName")), row);
  return json::object{{"User", described(row)}};
}

// Without a name the caller's own: API_GetUser.html
Result<json::object> get_user(Context& context, const json::object& input) {
  const Caller& caller = context.caller();
  if (!input.contains("UserName") && caller.arn.ends_with(":root"))
    return json::object{{"User",
                         {{"Path", "/"},
                          {"UserName", "root"},
                          {"UserId", caller.account},
                          {"Arn", caller.arn},
                          {"CreateDate", 0.0}}}};
  KIBAN_TRY(const std::string name, named_user(context, input));
  KIBAN_TRY(const json::object row, load(context, user_kind, name));
  return json::object{{"User", described(row)}};
}

Result<json::object> list_users(Context& context, const json::object& input) {
  json::array users;
  for (const json::object& row : list_json(context, entity_key(user_kind, "")))
    if (text(row, "Path").starts_with(text(input, "PathPrefix", "/")))
      users.push_back(listed_user(row));
  return page_of(users, "Users", input);
}

// Gives a user or group another name, another path, or both; its row moves when the name differs.
Result<std::string> rename(Context& context, const Kind& kind, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kind, input));
  const std::string name = text(input, kind.member);
  const std::string renamed = text(input, fmt::format("New{}", kind.member), name);
  if (renamed != name) KIBAN_TRY_VOID(check_new_name(context, kind, renamed));
  row["Path"] = text(input, "NewPath", text(row, "Path"));
  row[kind.member] = renamed;
  row["Arn"] = make_global_arn(context, kind.name, text(row, "Path"), renamed);
  context.erase(entity_key(kind, name));
  put_json(context, entity_key(kind, renamed), row);
  return renamed;
}

Result<json::object> update_user(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string renamed, rename(context, user_kind, input));
  for (json::object& key : list_json(context, access_key_key(""))) {
    if (text(key, "UserName") != text(input, "UserName")) continue;
    key["UserName"] = renamed;
    put_json(context, access_key_key(text(key, "AccessKeyId")), key);
  }
  return json::object{};
}

Result<json::object> delete_user(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, user_kind, input));
  KIBAN_TRY_VOID(check_without_policies(row));
  if (!row.at("Groups").as_array().empty())
    return fail("DeleteConflictException",
                "Cannot delete entity, must remove users from group first.");
  const auto keys = list_json(context, access_key_key(""));
  if (std::ranges::any_of(keys, [&](const json::object& key) {
        return text(key, "UserName") == text(input, "UserName");
      }))
    return fail("DeleteConflictException", "Cannot delete entity, must delete access keys first.");
  context.erase(entity_key(user_kind, text(input, "UserName")));
  return json::object{};
}

// Groups -----------------------------------------------------------------------------------------

std::vector<json::object> members_of(const Context& context, std::string_view group) {
  std::vector<json::object> members;
  for (json::object& user : list_json(context, entity_key(user_kind, "")))
    if (is_member(user, group)) members.push_back(std::move(user));
  return members;
}

Result<json::object> create_group(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_new_name(context, group_kind, text(input, "GroupName")));
  const json::object row = new_row(context, group_kind, input, "AGPA");
  put_json(context, entity_key(group_kind, text(input, "GroupName")), row);
  return json::object{{"Group", described(row)}};
}

Result<json::object> get_group(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, group_kind, input));
  json::array users;
  for (const json::object& user : members_of(context, text(input, "GroupName")))
    users.push_back(listed_user(user));
  KIBAN_TRY(json::object page, page_of(users, "Users", input));
  page["Group"] = described(row);
  return page;
}

Result<json::object> list_groups(Context& context, const json::object& input) {
  json::array groups;
  for (const json::object& row : list_json(context, entity_key(group_kind, "")))
    if (text(row, "Path").starts_with(text(input, "PathPrefix", "/")))
      groups.push_back(described(row));
  return page_of(groups, "Groups", input);
}

Result<json::object> update_group(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string renamed, rename(context, group_kind, input));
  for (json::object& user : members_of(context, text(input, "GroupName"))) {
    std::ranges::replace(user["Groups"].as_array(), json::value(text(input, "GroupName")),
                         json::value(renamed));
    put_json(context, entity_key(user_kind, text(user, "UserName")), user);
  }
  return json::object{};
}

Result<json::object> delete_group(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, group_kind, input));
  if (!members_of(context, text(input, "GroupName")).empty())
    return fail("DeleteConflictException",
                "Cannot delete entity, must remove users from group first.");
  KIBAN_TRY_VOID(check_without_policies(row));
  context.erase(entity_key(group_kind, text(input, "GroupName")));
  return json::object{};
}

Result<json::object> add_user(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object group, load(context, group_kind, input));
  KIBAN_TRY(json::object user, load(context, user_kind, input));
  if (is_member(user, text(input, "GroupName"))) return json::object{};
  json::array& groups = user["Groups"].as_array();
  if (groups.size() >= groups_max)
    return fail("LimitExceededException",
                fmt::format("Cannot exceed quota for GroupsPerUser: {}", groups_max));
  groups.emplace_back(text(input, "GroupName"));
  put_json(context, entity_key(user_kind, text(input, "UserName")), user);
  return json::object{};
}

Result<json::object> remove_user(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object group, load(context, group_kind, input));
  KIBAN_TRY(json::object user, load(context, user_kind, input));
  json::array& groups = user["Groups"].as_array();
  const auto found = std::ranges::find(groups, json::value(text(input, "GroupName")));
  if (found == groups.end())
    return fail("NoSuchEntityException",
                fmt::format("The user with name {} is not in the group with name {}.",
                            text(input, "UserName"), text(input, "GroupName")));
  groups.erase(found);
  put_json(context, entity_key(user_kind, text(input, "UserName")), user);
  return json::object{};
}

Result<json::object> list_groups_of_user(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object user, load(context, user_kind, input));
  json::array groups;
  for (const json::value& name : user.at("Groups").as_array()) {
    KIBAN_TRY(const json::object group, load(context, group_kind, to_string(name.as_string())));
    groups.push_back(described(group));
  }
  return page_of(groups, "Groups", input);
}

}  // namespace

Result<std::string> named_user(const Context& context, const json::object& input) {
  if (input.contains("UserName")) return text(input, "UserName");
  const std::string& arn = context.caller().arn;
  if (arn.find(":user/") != std::string::npos) return arn.substr(arn.rfind('/') + 1);
  return fail("ValidationError", "Must specify userName when calling with non-User credentials");
}

const OperationTable& user_operations() {
  static const OperationTable table{
      {"AddUserToGroup", add_user},
      {"CreateGroup", create_group},
      {"CreateUser", create_user},
      {"DeleteGroup", delete_group},
      {"DeleteUser", delete_user},
      {"GetGroup", get_group},
      {"GetUser", get_user},
      {"ListGroups", list_groups},
      {"ListUsers", list_users},
      {"ListGroupsForUser", list_groups_of_user},
      {"UpdateGroup", update_group},
      {"UpdateUser", update_user},
      {"RemoveUserFromGroup", remove_user},
  };
  return table;
}

}  // namespace kiban::services::iam
