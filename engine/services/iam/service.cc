#include "services/iam/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/codec.h"
#include "core/letters.h"
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
  role["RoleLastUsed"] = json::object{};
  if (find_array(role, "Tags") && find_array(role, "Tags")->empty()) role.erase("Tags");
  return role;
}

void set_boundary(json::object& row, const json::object& input) {
  row["PermissionsBoundary"] = {{"PermissionsBoundaryType", "Policy"},
                                {"PermissionsBoundaryArn", text(input, "PermissionsBoundary")}};
}

// Names are distinguished by case nowhere but in what is returned: API_CreateRole.html
Result<void> check_new_role(const Context& context, std::string_view name) {
  constexpr std::size_t roles_max = 1'000;
  const auto rows = context.scan(role_key(""));
  const std::string prefix = role_key("");
  const bool taken = std::ranges::any_of(rows, [&](const store::Row& row) {
    return same_letters(std::string_view(row.key).substr(prefix.size()), name);
  });
  if (taken)
    return fail("EntityAlreadyExistsException",
                fmt::format("Role with name {} already exists.", name));
  if (rows.size() >= roles_max)
    return fail("LimitExceededException",
                fmt::format("Cannot exceed quota for RolesPerAccount: {}", roles_max));
  return {};
}

Result<json::object> create_role(Context& context, const json::object& input) {
  const std::string name = text(input, "RoleName");
  KIBAN_TRY_VOID(check_new_role(context, name));
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
  KIBAN_TRY(const json::object row, load_role(context, text(input, "RoleName")));
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
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
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

Result<json::object> put_boundary(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  KIBAN_TRY_VOID(check_attachable(context, text(input, "PermissionsBoundary")));
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
  KIBAN_TRY_VOID(check_trust(context, text(input, "PolicyDocument")));
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
  KIBAN_TRY_VOID(add_tags(row, *find_array(input, "Tags")));
  put_json(context, role_key(text(input, "RoleName")), row);
  return json::object{};
}

Result<json::object> untag_role(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  remove_tags(row, *find_array(input, "TagKeys"));
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
  KIBAN_TRY_VOID(check_document(text(input, "PolicyDocument"), PolicyKind::Identity));
  json::object& policies = row["Policies"].as_object();
  policies[text(input, "PolicyName")] = text(input, "PolicyDocument");
  constexpr std::size_t size_max = 10'240;  // Of all inline policies of a role together.
  std::size_t size = 0;
  for (const auto& [name, document] : policies)
    size += size_of_document(std::string_view(document.as_string()));
  if (size > size_max)
    return fail("LimitExceededException",
                fmt::format("Maximum policy size of {} bytes exceeded for role {}", size_max,
                            text(input, "RoleName")));
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

Result<json::object> attach_role_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_role(context, text(input, "RoleName")));
  const std::string arn = text(input, "PolicyArn");
  KIBAN_TRY_VOID(check_attachable(context, arn));
  json::array& attached = row["Attached"].as_array();
  constexpr std::size_t attached_max = 10;
  if (std::ranges::find(attached, json::value(arn)) == attached.end()) {
    if (attached.size() >= attached_max)
      return fail("LimitExceededException",
                  fmt::format("Cannot exceed quota for PoliciesPerRole: {}", attached_max));
    attached.emplace_back(arn);
  }
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

// "/team/" of arn:aws:iam::000000000000:policy/team/NAME.
std::string path_of(std::string_view policy_arn) {
  const std::size_t start = policy_arn.find('/');
  return std::string(policy_arn.substr(start, policy_arn.rfind('/') + 1 - start));
}

Result<json::object> list_attached(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_role(context, text(input, "RoleName")));
  json::array list;
  for (const json::value& arn : row.at("Attached").as_array()) {
    const std::string name = to_string(arn.as_string());
    if (!path_of(name).starts_with(text(input, "PathPrefix", "/"))) continue;
    list.push_back(
        json::object{{"PolicyName", name.substr(name.rfind('/') + 1)}, {"PolicyArn", name}});
  }
  return page_of(list, "AttachedPolicies", input);
}

Result<json::object> list_entities(Context& context, const json::object& input) {
  const std::string arn = text(input, "PolicyArn");
  KIBAN_TRY_VOID(check_attachable(context, arn));
  const std::string usage = text(input, "PolicyUsageFilter");
  const std::string kind = text(input, "EntityFilter", "Role");
  json::array roles;
  for (const json::object& row : list_json(context, role_key(""))) {
    const json::array& attached = row.at("Attached").as_array();
    const bool permits = std::ranges::find(attached, json::value(arn)) != attached.end();
    const json::object* boundary = find_object(row, "PermissionsBoundary");
    const bool bounds = boundary && text(*boundary, "PermissionsBoundaryArn") == arn;
    const bool wanted =
        usage.empty() ? permits || bounds : (usage == "PermissionsBoundary" ? bounds : permits);
    if (!wanted || kind != "Role") continue;
    if (!text(row, "Path").starts_with(text(input, "PathPrefix", "/"))) continue;
    roles.push_back(json::object{{"RoleName", row.at("RoleName")}, {"RoleId", row.at("RoleId")}});
  }
  return page_of(roles, "PolicyRoles", input);
}

// For AssumeRole: the document that limits a session. Of one of AWS's that is not here it allows
// nothing, as nothing can be said about what it allows.
Result<json::object> managed_policy_document(Context& context, const json::object& input) {
  const std::string arn = text(input, "PolicyArn");
  KIBAN_TRY_VOID(check_attachable(context, arn));
  return json::object{{"Document", managed_document(context, arn).value_or("")}};
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
    all.insert(simulation_operations().begin(), simulation_operations().end());
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

class Iam : public TableService {
 public:
  Iam() : TableService("iam", operations()) {}
  bool keeps_policies() const override { return true; }
  std::optional<RolePolicies> policies_of(const Context& context, std::string_view name) override {
    const auto row = get_json(context, role_key(name));
    if (!row) return std::nullopt;
    RolePolicies role{.arn = text(*row, "Arn")};
    for (const auto& [policy, document] : row->at("Policies").as_object())
      role.identity.push_back(
          {.name = fmt::format("{}/policy/{}", role.arn, std::string_view(policy)),
           .document = to_string(document.as_string())});
    for (const json::value& attached : row->at("Attached").as_array())
      role.identity.push_back(managed_policy(context, to_string(attached.as_string())));
    if (const json::object* boundary = find_object(*row, "PermissionsBoundary"))
      role.boundaries.push_back(managed_policy(context, text(*boundary, "PermissionsBoundaryArn")));
    if (const json::array* tags = find_array(*row, "Tags"))
      for (const json::value& tag : *tags)
        role.tags.emplace_back(text(tag.as_object(), "Key"), text(tag.as_object(), "Value"));
    role.trust = {.name = role.arn, .document = text(*row, "AssumeRolePolicyDocument")};
    return role;
  }
  // Requests name roles without their paths.
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    ResourceAccess found{.arn = std::string(arn)};
    const std::size_t role = arn.find(":role/");
    if (role == std::string_view::npos) return found;
    const auto row = get_json(context, role_key(arn.substr(arn.rfind('/') + 1)));
    if (!row) return found;
    // A request that gives a path means that role only.
    const std::string_view named = arn.substr(role + std::string_view(":role/").size());
    if (named.find('/') == std::string_view::npos) found.arn = text(*row, "Arn");
    if (const json::array* tags = find_array(*row, "Tags"); tags && found.arn == text(*row, "Arn"))
      for (const json::value& tag : *tags)
        found.tags.emplace_back(text(tag.as_object(), "Key"), text(tag.as_object(), "Value"));
    return found;
  }
};

}  // namespace

std::unique_ptr<Service> make_iam() { return std::make_unique<Iam>(); }

}  // namespace kiban::services::iam
