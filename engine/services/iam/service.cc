#include "services/iam/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/codec.h"
#include "services/base/table_service.h"
#include "services/iam/rows.h"

namespace kiban::services::iam {
namespace {

// Roles ------------------------------------------------------------------------------------------

json::object described_role(const json::object& row) {
  json::object role = row;
  role["AssumeRolePolicyDocument"] = api::encode_uri(text(row, "AssumeRolePolicyDocument"));
  role.erase("Policies");
  role.erase("Attached");
  if (find_array(role, "Tags") && find_array(role, "Tags")->empty()) role.erase("Tags");
  return role;
}

void set_boundary(json::object& row, const json::object& input) {
  row["PermissionsBoundary"] = {{"PermissionsBoundaryType", "Policy"},
                                {"PermissionsBoundaryArn", text(input, "PermissionsBoundary")}};
}

Result<json::object> create_role(Context& context, const json::object& input) {
  const std::string name = text(input, "RoleName");
  if (context.get(role_key(name))) {
    return fail("EntityAlreadyExistsException",
                fmt::format("Role with name {} already exists.", name));
  }
  KIBAN_TRY_VOID(check_document(text(input, "AssumeRolePolicyDocument")));
  const std::string path = text(input, "Path", "/");
  const json::array* tags = find_array(input, "Tags");
  json::object row{{"Path", path},
                   {"RoleName", name},
                   {"RoleId", make_id(context, "AROA")},
                   {"Arn", make_global_arn(context, "role", path, name)},
                   {"CreateDate", epoch_seconds(context.now())},
                   {"AssumeRolePolicyDocument", text(input, "AssumeRolePolicyDocument")},
                   {"MaxSessionDuration", number(input, "MaxSessionDuration", 3'600)},
                   {"Tags", tags ? *tags : json::array{}},
                   {"Policies", json::object{}},
                   {"Attached", json::array{}}};
  if (input.contains("Description")) row["Description"] = text(input, "Description");
  if (input.contains("PermissionsBoundary")) set_boundary(row, input);
  put_json(context, role_key(name), row);
  return json::object{{"Role", described_role(row)}};
}

Result<json::object> get_role(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_role(context, text(input, "RoleName")));
  return json::object{{"Role", described_role(row)}};
}

Result<json::object> list_roles(Context& context, const json::object& input) {
  json::array roles;
  for (const json::object& row : list_json(context, role_key(""))) {
    if (text(row, "Path").starts_with(text(input, "PathPrefix", "/"))) {
      roles.push_back(described_role(row));
    }
  }
  return page_of(roles, "Roles", input);
}

Result<json::object> update_role(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  for (const std::string_view member : {"Description", "MaxSessionDuration"}) {
    if (input.contains(member)) row[member] = input.at(member);
  }
  if (text(row, "Description").empty()) row.erase("Description");
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

Result<json::object> put_boundary(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  set_boundary(row, input);
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

Result<json::object> delete_boundary(Context& context, const json::object& input) {
  const std::string name = text(input, "RoleName");
  KIBAN_TRY(json::object row, load_role(context, name));
  if (row.erase("PermissionsBoundary") == 0) {
    return fail("NoSuchEntityException",
                fmt::format("Role {} does not have a permissions boundary.", name));
  }
  put_json(context, role_key(name), row);
  return json::object{};
}

Result<json::object> update_trust(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  KIBAN_TRY_VOID(check_document(text(input, "PolicyDocument")));
  row["AssumeRolePolicyDocument"] = text(input, "PolicyDocument");
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

Result<json::object> delete_role(Context& context, const json::object& input) {
  const std::string name = text(input, "RoleName");
  KIBAN_TRY(const json::object row, load_role(context, name));
  if (!row.at("Attached").as_array().empty()) {
    return fail("DeleteConflictException", "Cannot delete entity, must detach all policies first.");
  }
  if (!row.at("Policies").as_object().empty()) {
    return fail("DeleteConflictException", "Cannot delete entity, must delete policies first.");
  }
  context.erase(role_key(name));
  return json::object{};
}

// Tags of roles ----------------------------------------------------------------------------------

Result<json::object> tag_role(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  json::array& tags = row["Tags"].as_array();
  for (const json::value& tag : *find_array(input, "Tags")) {
    const auto same = std::ranges::find_if(
        tags, [&](const json::value& other) { return other.at("Key") == tag.at("Key"); });
    if (same != tags.end()) {
      *same = tag;
    } else {
      tags.push_back(tag);
    }
  }
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

Result<json::object> untag_role(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  const json::array& keys = *find_array(input, "TagKeys");
  json::array kept;
  for (const json::value& tag : row.at("Tags").as_array()) {
    if (std::ranges::find(keys, tag.at("Key")) == keys.end()) kept.push_back(tag);
  }
  row["Tags"] = std::move(kept);
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

Result<json::object> list_role_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_role(context, text(input, "RoleName")));
  return page_of(row.at("Tags").as_array(), "Tags", input);
}

// Inline policies --------------------------------------------------------------------------------

Result<json::object> put_role_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  KIBAN_TRY_VOID(check_document(text(input, "PolicyDocument")));
  row["Policies"].as_object()[text(input, "PolicyName")] = text(input, "PolicyDocument");
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

std::unexpected<Error> no_such_role_policy(const json::object& input) {
  return fail("NoSuchEntityException", fmt::format("The role policy with name {} cannot be found.",
                                                   text(input, "PolicyName")));
}

Result<json::object> get_role_policy(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_role(context, text(input, "RoleName")));
  const json::string* document =
      find_string(row.at("Policies").as_object(), text(input, "PolicyName"));
  if (!document) return no_such_role_policy(input);
  return json::object{{"RoleName", text(input, "RoleName")},
                      {"PolicyName", text(input, "PolicyName")},
                      {"PolicyDocument", api::encode_uri(*document)}};
}

Result<json::object> delete_role_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  if (row["Policies"].as_object().erase(text(input, "PolicyName")) == 0) {
    return no_such_role_policy(input);
  }
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

Result<json::object> list_role_policies(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_role(context, text(input, "RoleName")));
  json::array names;
  for (const auto& [name, document] : row.at("Policies").as_object()) names.push_back(name);
  return page_of(names, "PolicyNames", input);
}

// Attached policies ------------------------------------------------------------------------------

Result<void> check_attachable(const Context& context, std::string_view arn) {
  if (arn.starts_with("arn:aws:iam::aws:policy/") || context.get(policy_key(arn))) return {};
  return fail("NoSuchEntityException",
              fmt::format("Policy {} does not exist or is not attachable.", arn));
}

Result<json::object> attach_role_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  const std::string arn = text(input, "PolicyArn");
  KIBAN_TRY_VOID(check_attachable(context, arn));
  json::array& attached = row["Attached"].as_array();
  if (std::ranges::find(attached, json::value(arn)) == attached.end()) attached.emplace_back(arn);
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

Result<json::object> detach_role_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  json::array& attached = row["Attached"].as_array();
  const auto found = std::ranges::find(attached, json::value(text(input, "PolicyArn")));
  if (found == attached.end()) {
    return fail("NoSuchEntityException",
                fmt::format("Policy {} was not found.", text(input, "PolicyArn")));
  }
  attached.erase(found);
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

Result<json::object> list_attached(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_role(context, text(input, "RoleName")));
  json::array list;
  for (const json::value& arn : row.at("Attached").as_array()) {
    const std::string name = to_string(arn.as_string());
    list.push_back(
        json::object{{"PolicyName", name.substr(name.rfind('/') + 1)}, {"PolicyArn", name}});
  }
  return page_of(list, "AttachedPolicies", input);
}

Result<json::object> list_entities(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_attachable(context, text(input, "PolicyArn")));
  json::array roles;
  for (const json::object& row : roles_with(context, text(input, "PolicyArn"))) {
    roles.push_back(json::object{{"RoleName", row.at("RoleName")}, {"RoleId", row.at("RoleId")}});
  }
  return json::object{{"PolicyRoles", roles}, {"IsTruncated", false}};
}

Result<json::object> list_instance_profiles(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object row, load_role(context, text(input, "RoleName")));
  return json::object{{"InstanceProfiles", json::array{}}, {"IsTruncated", false}};
}

}  // namespace

namespace {

const OperationTable& operations() {
  static const OperationTable table = [] {
    OperationTable all = policy_operations();
    all.insert({{"AttachRolePolicy", attach_role_policy},
                {"CreateRole", create_role},
                {"DeleteRole", delete_role},
                {"DeleteRolePermissionsBoundary", delete_boundary},
                {"DeleteRolePolicy", delete_role_policy},
                {"DetachRolePolicy", detach_role_policy},
                {"GetRole", get_role},
                {"GetRolePolicy", get_role_policy},
                {"ListAttachedRolePolicies", list_attached},
                {"ListEntitiesForPolicy", list_entities},
                {"ListInstanceProfilesForRole", list_instance_profiles},
                {"ListRolePolicies", list_role_policies},
                {"ListRoleTags", list_role_tags},
                {"ListRoles", list_roles},
                {"PutRolePermissionsBoundary", put_boundary},
                {"PutRolePolicy", put_role_policy},
                {"TagRole", tag_role},
                {"UntagRole", untag_role},
                {"UpdateAssumeRolePolicy", update_trust},
                {"UpdateRole", update_role}});
    return all;
  }();
  return table;
}

}  // namespace

std::unique_ptr<Service> make_iam() { return std::make_unique<TableService>("iam", operations()); }

}  // namespace kiban::services::iam
