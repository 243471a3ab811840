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

// For AssumeRole: the document that limits a session. Of one of AWS's that is not here it allows
// nothing, as nothing can be said about what it allows.
Result<json::object> managed_policy_document(Context& context, const json::object& input) {
  const std::string arn = text(input, "PolicyArn");
  KIBAN_TRY_VOID(check_attachable(context, arn));
  return json::object{{"Document", managed_document(context, arn).value_or("")}};
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
    for (const OperationTable* more :
         {&simulation_operations(), &identity_operations(), &user_operations(),
          &access_key_operations(), &last_accessed_operations()})
      all.insert(more->begin(), more->end());
    all.insert({{"CreateRole", create_role},
                {"DeleteRole", delete_role},
                {"GetRole", get_role},
                {"ListInstanceProfilesForRole", list_instance_profiles},
                {"ListRoles", list_roles},
                {"UpdateAssumeRolePolicy", update_trust},
                {"UpdateRole", update_role},
                {"UpdateRoleDescription", update_description},
                {"kiban:ManagedPolicyDocument", managed_policy_document}});
    return all;
  }();
  return table;
}

}  // namespace

namespace {

NamedPolicy managed_policy(const Context& context, const std::string& arn) {
  return {.name = arn, .document = managed_document(context, arn).value_or("")};
}

void add_identity_policies(const Context& context, const json::object& row, RolePolicies& to) {
  const std::string arn = text(row, "Arn");
  for (const auto& [policy, document] : row.at("Policies").as_object())
    to.identity.push_back({.name = fmt::format("{}/policy/{}", arn, std::string_view(policy)),
                           .document = to_string(document.as_string())});
  for (const json::value& attached : row.at("Attached").as_array())
    to.identity.push_back(managed_policy(context, to_string(attached.as_string())));
}

void add_tags_of(const json::object& row, std::vector<std::pair<std::string, std::string>>& to) {
  const json::array* tags = find_array(row, "Tags");
  for (const json::value& tag : tags ? *tags : json::array{})
    to.emplace_back(text(tag.as_object(), "Key"), text(tag.as_object(), "Value"));
}

class Iam : public TableService {
 public:
  Iam() : TableService("iam", operations()) {}
  bool keeps_policies() const override { return true; }
  std::optional<RolePolicies> policies_of(const Context& context, std::string_view name) override {
    constexpr std::string_view user = "user/";
    const bool is_user = name.starts_with(user);
    const auto row = get_json(
        context, is_user ? entity_key(user_kind, name.substr(user.size())) : role_key(name));
    if (!row) return std::nullopt;
    RolePolicies found{.arn = text(*row, "Arn")};
    add_identity_policies(context, *row, found);
    // A user has those of the groups too.
    const json::array* groups = find_array(*row, "Groups");
    for (const json::value& group : groups ? *groups : json::array{})
      if (const auto of_group = get_json(context, entity_key(group_kind, group.as_string())))
        add_identity_policies(context, *of_group, found);
    if (const json::object* boundary = find_object(*row, "PermissionsBoundary"))
      found.boundaries.push_back(
          managed_policy(context, text(*boundary, "PermissionsBoundaryArn")));
    add_tags_of(*row, found.tags);
    if (!is_user)
      found.trust = {.name = found.arn, .document = text(*row, "AssumeRolePolicyDocument")};
    return found;
  }
  // Requests name roles, users and groups without their paths.
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    ResourceAccess found{.arn = std::string(arn)};
    for (const Kind* kind : {&role_kind, &user_kind, &group_kind}) {
      const std::string marker = fmt::format(":{}/", kind->name);
      const std::size_t at = arn.find(marker);
      if (at == std::string_view::npos) continue;
      const auto row = get_json(context, entity_key(*kind, arn.substr(arn.rfind('/') + 1)));
      if (!row) return found;
      // A request that gives a path means that entity only.
      if (arn.substr(at + marker.size()).find('/') == std::string_view::npos)
        found.arn = text(*row, "Arn");
      if (found.arn == text(*row, "Arn")) add_tags_of(*row, found.tags);
    }
    return found;
  }
};

}  // namespace

std::unique_ptr<Service> make_iam() { return std::make_unique<Iam>(); }

}  // namespace kiban::services::iam
