// Customer managed policies and their versions.
#include <fmt/format.h>

#include <algorithm>

#include "api/codec.h"
#include "core/letters.h"
#include "services/iam/rows.h"

namespace kiban::services::iam {
namespace {

constexpr std::size_t versions_max = 5;  // IAM quota, per managed policy.

Result<json::object> load_policy(const Context& context, std::string_view arn) {
  auto row = get_json(context, policy_key(arn));
  if (row) return *std::move(row);
  return fail("NoSuchEntityException", fmt::format("Policy {} was not found.", arn));
}

// Users, groups and roles that `uses` holds for.
std::size_t count_entities(const Context& context, std::string_view arn,
                           bool (*uses)(const json::object& row, std::string_view policy_arn)) {
  std::size_t count = 0;
  for (const Kind* kind : {&role_kind, &user_kind, &group_kind})
    for (const json::object& row : list_json(context, entity_key(*kind, "")))
      if (uses(row, arn)) ++count;
  return count;
}

json::object described_policy(const Context& context, const json::object& row) {
  json::object policy = row;
  policy.erase("Versions");
  policy.erase("NextVersion");
  policy["AttachmentCount"] =
      static_cast<std::int64_t>(count_entities(context, text(row, "Arn"), has_attached));
  policy["PermissionsBoundaryUsageCount"] =
      static_cast<std::int64_t>(count_entities(context, text(row, "Arn"), has_boundary));
  return policy;
}

json::object version_of(const Context& context, std::string_view id, std::string_view document,
                        bool is_default) {
  return {{"Document", document},
          {"VersionId", id},
          {"IsDefaultVersion", is_default},
          {"CreateDate", epoch_seconds(context.now())}};
}

json::object without_document(json::object version) {
  version.erase("Document");
  return version;
}

Result<json::object> create_policy(Context& context, const json::object& input) {
  const std::string name = text(input, "PolicyName");
  const std::string path = text(input, "Path", "/");
  const std::string arn = make_global_arn(context, "policy", path, name);
  // In an account a name stands for one policy, whatever its path and case: API_CreatePolicy.html
  const auto all = list_json(context, policy_key(""));
  if (std::ranges::any_of(all, [&](const json::object& other) {
        return same_letters(text(other, "PolicyName"), name);
      })) {
    return fail(
        "EntityAlreadyExistsException",
        fmt::format("A policy called {} already exists. Duplicate names are not allowed.", name));
  }
  KIBAN_TRY_VOID(check_managed_document(text(input, "PolicyDocument")));
  constexpr std::size_t policies_max = 1'500;
  if (all.size() >= policies_max)
    return fail("LimitExceededException",
                fmt::format("Cannot exceed quota for PoliciesPerAccount: {}", policies_max));
  if (const json::array* tags = find_array(input, "Tags")) KIBAN_TRY_VOID(check_new_tags(*tags));
  const double now = epoch_seconds(context.now());
  json::object row{
      {"PolicyName", name},
      {"PolicyId", make_id(context, "ANPA")},
      {"Arn", arn},
      {"Path", path},
      {"DefaultVersionId", "v1"},
      {"IsAttachable", true},
      {"CreateDate", now},
      {"UpdateDate", now},
      {"Versions", json::array{version_of(context, "v1", text(input, "PolicyDocument"), true)}},
      {"NextVersion", 2}};
  if (input.contains("Description")) row["Description"] = input.at("Description");
  if (input.contains("Tags")) row["Tags"] = input.at("Tags");
  put_json(context, policy_key(arn), row);
  return json::object{{"Policy", described_policy(context, row)}};
}

// One of AWS's too, of those whose documents are here; these have one version.
Result<json::object> load_readable_policy(const Context& context, const std::string& arn) {
  constexpr std::string_view of_aws = "arn:aws:iam::aws:policy/";
  const auto document = arn.starts_with(of_aws) ? managed_document(context, arn) : std::nullopt;
  if (!document) return load_policy(context, arn);
  const std::size_t path = std::string_view("arn:aws:iam::aws:policy").size();
  const std::size_t name = arn.rfind('/') + 1;
  return json::object{{"PolicyName", arn.substr(name)},
                      {"PolicyId", "ANPA" + arn.substr(name).substr(0, 16)},
                      {"Arn", arn},
                      {"Path", arn.substr(path, name - path)},
                      {"DefaultVersionId", "v1"},
                      {"IsAttachable", true},
                      {"CreateDate", 0.0},
                      {"UpdateDate", 0.0},
                      {"Versions", json::array{{{"Document", *document},
                                                {"VersionId", "v1"},
                                                {"IsDefaultVersion", true},
                                                {"CreateDate", 0.0}}}}};
}

Result<json::object> get_policy(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_readable_policy(context, text(input, "PolicyArn")));
  return json::object{{"Policy", described_policy(context, row)}};
}

Result<json::object> list_policies(Context& context, const json::object& input) {
  if (text(input, "Scope") == "AWS") return page_of({}, "Policies", input);
  const bool boundary = text(input, "PolicyUsageFilter") == "PermissionsBoundary";
  json::array policies;
  for (const json::object& row : list_json(context, policy_key(""))) {
    if (!text(row, "Path").starts_with(text(input, "PathPrefix", "/"))) continue;
    json::object policy = described_policy(context, row);
    // API_ListPolicies.html: these are left to GetPolicy.
    policy.erase("Tags");
    policy.erase("Description");
    const std::int64_t uses = number(policy, "AttachmentCount", 0);
    const std::int64_t bounds = number(policy, "PermissionsBoundaryUsageCount", 0);
    if (flag(input, "OnlyAttached") && uses + bounds == 0) continue;
    if (boundary && bounds == 0) continue;
    policies.push_back(std::move(policy));
  }
  return page_of(policies, "Policies", input);
}

Result<json::object> delete_policy(Context& context, const json::object& input) {
  const std::string arn = text(input, "PolicyArn");
  KIBAN_TRY(const json::object row, load_policy(context, arn));
  if (count_entities(context, arn, has_attached) + count_entities(context, arn, has_boundary) > 0) {
    return fail("DeleteConflictException", "Cannot delete a policy attached to entities.");
  }
  if (row.at("Versions").as_array().size() > 1) {
    return fail("DeleteConflictException",
                "This policy has more than one version. Before you delete a policy, you must "
                "delete the policy's versions. The default version is deleted with the policy.");
  }
  context.erase(policy_key(arn));
  return json::object{};
}

Result<json::object> create_version(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_policy(context, text(input, "PolicyArn")));
  KIBAN_TRY_VOID(check_managed_document(text(input, "PolicyDocument")));
  json::array& versions = row["Versions"].as_array();
  if (versions.size() >= versions_max) {
    return fail("LimitExceededException",
                fmt::format("A managed policy can have up to {} versions. Before you create a new "
                            "version, you must delete an existing version.",
                            versions_max));
  }
  const std::string id = fmt::format("v{}", number(row, "NextVersion", 2));
  const bool is_default = flag(input, "SetAsDefault");
  if (is_default) {
    for (json::value& version : versions) version.as_object()["IsDefaultVersion"] = false;
    row["DefaultVersionId"] = id;
  }
  versions.push_back(version_of(context, id, text(input, "PolicyDocument"), is_default));
  row["NextVersion"] = number(row, "NextVersion", 2) + 1;
  row["UpdateDate"] = epoch_seconds(context.now());
  put_json(context, policy_key(text(input, "PolicyArn")), row);
  return json::object{
      {"PolicyVersion", without_document(row.at("Versions").as_array().back().as_object())}};
}

std::unexpected<Error> no_such_version(const json::object& input) {
  return fail("NoSuchEntityException",
              fmt::format("Policy {} version {} does not exist or is not attachable.",
                          text(input, "PolicyArn"), text(input, "VersionId")));
}

Result<json::object> get_version(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_readable_policy(context, text(input, "PolicyArn")));
  for (const json::value& version : row.at("Versions").as_array()) {
    if (text(version.as_object(), "VersionId") != text(input, "VersionId")) continue;
    json::object out = version.as_object();
    out["Document"] = api::encode_uri(text(out, "Document"));
    return json::object{{"PolicyVersion", out}};
  }
  return no_such_version(input);
}

Result<json::object> list_versions(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_readable_policy(context, text(input, "PolicyArn")));
  json::array out;
  for (const json::value& version : row.at("Versions").as_array()) {
    out.push_back(without_document(version.as_object()));
  }
  return page_of(out, "Versions", input);
}

Result<json::object> delete_version(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_policy(context, text(input, "PolicyArn")));
  json::array& versions = row["Versions"].as_array();
  for (auto version = versions.begin(); version != versions.end(); ++version) {
    if (text(version->as_object(), "VersionId") != text(input, "VersionId")) continue;
    if (version->at("IsDefaultVersion").as_bool()) {
      return fail("DeleteConflictException", "Cannot delete the default version of a policy.");
    }
    versions.erase(version);
    put_json(context, policy_key(text(input, "PolicyArn")), row);
    return json::object{};
  }
  return no_such_version(input);
}

Result<json::object> set_default(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_policy(context, text(input, "PolicyArn")));
  json::array& versions = row["Versions"].as_array();
  const auto is_it = [&](const json::value& version) {
    return text(version.as_object(), "VersionId") == text(input, "VersionId");
  };
  if (std::ranges::none_of(versions, is_it)) return no_such_version(input);
  for (json::value& version : versions) version.as_object()["IsDefaultVersion"] = is_it(version);
  row["DefaultVersionId"] = text(input, "VersionId");
  row["UpdateDate"] = epoch_seconds(context.now());
  put_json(context, policy_key(text(input, "PolicyArn")), row);
  return json::object{};
}

Result<json::object> tag_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_policy(context, text(input, "PolicyArn")));
  KIBAN_TRY_VOID(add_tags(row, *find_array(input, "Tags")));
  put_json(context, policy_key(text(input, "PolicyArn")), row);
  return json::object{};
}

Result<json::object> untag_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_policy(context, text(input, "PolicyArn")));
  remove_tags(row, *find_array(input, "TagKeys"));
  put_json(context, policy_key(text(input, "PolicyArn")), row);
  return json::object{};
}

Result<json::object> list_policy_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_policy(context, text(input, "PolicyArn")));
  const json::array* tags = find_array(row, "Tags");
  return page_of(tags ? *tags : json::array{}, "Tags", input);
}

}  // namespace

const OperationTable& policy_operations() {
  static const OperationTable table = {
      {"CreatePolicy", create_policy},
      {"CreatePolicyVersion", create_version},
      {"DeletePolicy", delete_policy},
      {"DeletePolicyVersion", delete_version},
      {"GetPolicy", get_policy},
      {"GetPolicyVersion", get_version},
      {"ListPolicies", list_policies},
      {"ListPolicyVersions", list_versions},
      {"ListPolicyTags", list_policy_tags},
      {"SetDefaultPolicyVersion", set_default},
      {"TagPolicy", tag_policy},
      {"UntagPolicy", untag_policy},
  };
  return table;
}

}  // namespace kiban::services::iam
