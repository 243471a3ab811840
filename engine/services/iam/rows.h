// Rows and helpers that roles and managed policies share. Private to iam/.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "services/base/policy.h"
#include "services/base/service.h"
#include "services/base/table_service.h"

namespace kiban::services::iam {

// IAM is global, so no region. A role's row is AWS's Role with two members more: Policies (name to
// inline document) and Attached (ARNs of managed policies).
std::string role_key(std::string_view name);
// A policy's row is AWS's Policy with Versions and NextVersion.
std::string policy_key(std::string_view arn);

Result<json::object> load_role(const Context& context, std::string_view name);
std::vector<json::object> roles_with(const Context& context, std::string_view policy_arn);

std::string make_id(Context& context, std::string_view prefix);  // AROA…, ANPA…
std::string make_global_arn(const Context& context, std::string_view kind, std::string_view path,
                            std::string_view name);
// The grammar of a policy and its quota, which counts no white space. Errors
// MalformedPolicyDocumentException, LimitExceededException.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
Result<void> check_document(std::string_view document, PolicyKind kind);
std::size_t size_of_document(std::string_view document);
Result<void> check_managed_document(std::string_view document);
// That of a trust policy; the roles it names must be there.
Result<void> check_trust(const Context& context, std::string_view document);

// The default version's document of a managed policy; nothing: there is no such policy, or it is one
// of AWS's whose document is not here (managed_policies.h).
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

const OperationTable& policy_operations();
const OperationTable& simulation_operations();

}  // namespace kiban::services::iam
