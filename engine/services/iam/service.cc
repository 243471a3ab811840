#include "services/iam/service.h"

#include <fmt/format.h>

#include "api/codec.h"
#include "services/base/table_service.h"
#include "services/iam/rows.h"

namespace kiban::services::iam {
namespace {

json::object described_role(const json::object& row) {
  json::object role = described(row);
  role["AssumeRolePolicyDocument"] = api::encode_uri(text(row, "AssumeRolePolicyDocument"));
  role["RoleLastUsed"] = json::object{};
  return role;
}

Result<json::object> create_role(Context& context, const json::object& input) {
  const std::string name = text(input, "RoleName");
  KIBAN_TRY_VOID(check_new_name(context, role_kind, name));
  KIBAN_TRY_VOID(check_trust(context, text(input, "AssumeRolePolicyDocument")));
  const std::string path = text(input, "Path", "/");
  const json::array* tags = find_array(input, "Tags");
  if (tags) KIBAN_TRY_VOID(check_new_tags(*tags));
  if (input.contains("PermissionsBoundary"))
    KIBAN_TRY_VOID(check_attachable(context, text(input, "PermissionsBoundary")));
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
  KIBAN_TRY(const json::object row, load(context, role_kind, input));
  return json::object{{"Role", described_role(row)}};
}

Result<json::object> list_roles(Context& context, const json::object& input) {
  json::array roles;
  for (const json::object& row : list_json(context, role_key(""))) {
    if (text(row, "Path").starts_with(text(input, "PathPrefix", "/"))) {
      json::object role = described_role(row);
      // API_ListRoles.html: these are left to GetRole.
      for (const std::string_view member : {"Tags", "PermissionsBoundary", "RoleLastUsed"})
        role.erase(member);
      roles.push_back(std::move(role));
    }
  }
  return page_of(roles, "Roles", input);
}

Result<json::object> update_role(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, role_kind, input));
  for (const std::string_view member : {"Description", "MaxSessionDuration"}) {
    if (input.contains(member)) row[member] = input.at(member);
  }
  if (text(row, "Description").empty()) row.erase("Description");
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

// The older way to set it.
Result<json::object> update_description(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(update_role(context, input));
  return get_role(context, input);
}

Result<json::object> update_trust(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, role_kind, input));
  KIBAN_TRY_VOID(check_trust(context, text(input, "PolicyDocument")));
  row["AssumeRolePolicyDocument"] = text(input, "PolicyDocument");
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

Result<json::object> delete_role(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, role_kind, input));
  KIBAN_TRY_VOID(check_without_policies(row));
  context.erase(role_key(text(input, "RoleName")));
  return json::object{};
}

Result<json::object> list_instance_profiles(Context& context, const json::object& input) {
  KIBAN_TRY([[maybe_unused]] const json::object row, load(context, role_kind, input));
  return json::object{{"InstanceProfiles", json::array{}}, {"IsTruncated", false}};
}

}  // namespace

namespace {

const OperationTable& operations() {
  static const OperationTable table = [] {
    OperationTable all = policy_operations();
    for (const OperationTable* more : {&simulation_operations(), &identity_operations(),
                                       &user_operations(), &access_key_operations()})
      all.insert(more->begin(), more->end());
    all.insert({{"CreateRole", create_role},
                {"DeleteRole", delete_role},
                {"GetRole", get_role},
                {"ListInstanceProfilesForRole", list_instance_profiles},
                {"ListRoles", list_roles},
                {"UpdateAssumeRolePolicy", update_trust},
                {"UpdateRole", update_role},
                {"UpdateRoleDescription", update_description}});
    return all;
  }();
  return table;
}

}  // namespace

std::unique_ptr<Service> make_iam() { return std::make_unique<TableService>("iam", operations()); }

}  // namespace kiban::services::iam
