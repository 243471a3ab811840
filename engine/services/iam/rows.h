// Rows and helpers that identities and managed policies share. Private to iam/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/base/policy.h"
#include "services/base/service.h"
#include "services/base/table_service.h"

namespace kiban::services::iam {

// What users, groups and roles differ by where they are equal otherwise.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
struct Kind {
  std::string_view name{};         // "role": in keys, ARNs and texts.
  std::string_view title{};        // "Role": in texts.
  std::string_view member{};       // "RoleName"
  std::size_t most{};              // In an account.
  std::size_t inline_bytes_max{};  // Of all inline policies together, without white space.
};
inline constexpr Kind role_kind{.name = "role",
                                .title = "Role",
                                .member = "RoleName",
                                .most = 1'000,
                                .inline_bytes_max = 10'240};
inline constexpr Kind user_kind{.name = "user",
                                .title = "User",
                                .member = "UserName",
                                .most = 5'000,
                                .inline_bytes_max = 2'048};
inline constexpr Kind group_kind{.name = "group",
                                 .title = "Group",
                                 .member = "GroupName",
                                 .most = 300,
                                 .inline_bytes_max = 5'120};

// IAM is global, so no region. The row of a role, user or group is AWS's Role, User or Group with
// two members more: Policies (name to inline document) and Attached (ARNs of managed policies). A
// user's has Groups too: names of groups.
std::string entity_key(const Kind& kind, std::string_view name);
std::string role_key(std::string_view name);
// A policy's row is AWS's Policy with Versions and NextVersion.
std::string policy_key(std::string_view arn);
// An access key's row is AWS's AccessKey with its secret.
std::string access_key_key(std::string_view id);

// The row that input.RoleName (UserName, GroupName) names. Error NoSuchEntityException.
Result<json::object> load(const Context& context, const Kind& kind, const json::object& input);
Result<json::object> load(const Context& context, const Kind& kind, std::string_view name);
// The user that input.UserName names, else the calling user. Error ValidationError: neither.
Result<std::string> named_user(const Context& context, const json::object& input);
// Names are unique whatever their case. Errors EntityAlreadyExistsException,
// LimitExceededException. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html
Result<void> check_new_name(const Context& context, const Kind& kind, std::string_view name);
// Before a deletion. Error DeleteConflictException.
Result<void> check_without_policies(const json::object& row);
bool has_attached(const json::object& row, std::string_view policy_arn);
bool has_boundary(const json::object& row, std::string_view policy_arn);
void set_boundary(json::object& row, const json::object& input);
// What clients see of a row: without the members that only rows have.
json::object described(json::object row);

std::string make_id(Context& context, std::string_view prefix);  // AROA…, ANPA…
std::string make_global_arn(const Context& context, std::string_view kind, std::string_view path,
                            std::string_view name);
// The grammar of a policy and its quota, which counts no white space. Errors
// MalformedPolicyDocumentException, LimitExceededException.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
Result<void> check_document(std::string_view document, PolicyKind kind);
std::size_t size_of_document(std::string_view document);
Result<void> check_managed_document(std::string_view document);
// That of a trust policy; the roles and users that it names must exist.
Result<void> check_trust(const Context& context, std::string_view document);

// The default version's document of a managed policy; nothing: there is no such policy, or it is
// one of AWS's whose document is not here (managed_policies.h).
std::optional<std::string> managed_document(const Context& context, std::string_view arn);
// Policies that are there; those of AWS all are. Error NoSuchEntityException.
Result<void> check_attachable(const Context& context, std::string_view arn);

// Keys are equal whatever their case. Error InvalidInputException.
Result<void> check_new_tags(const json::array& tags);
// What TagRole and TagPolicy do to the tags of a row. Errors InvalidInputException,
// LimitExceededException.
Result<void> add_tags(json::object& row, const json::array& tags);
void remove_tags(json::object& row, const json::array& keys);
// {member: entries, IsTruncated, Marker} by MaxItems and Marker.
Result<json::object> page_of(const json::array& all, std::string_view member,
                             const json::object& input);

// Inline and attached policies, tags and boundaries of users, groups and roles.
const OperationTable& identity_operations();
const OperationTable& user_operations();  // And of groups.
const OperationTable& access_key_operations();
const OperationTable& last_accessed_operations();
const OperationTable& policy_operations();
const OperationTable& simulation_operations();

}  // namespace kiban::services::iam
