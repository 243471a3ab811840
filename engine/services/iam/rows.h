// Rows and helpers that roles and managed policies share. Private to iam/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

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
// Error MalformedPolicyDocumentException.
Result<void> check_document(std::string_view document);
// {member: entries, IsTruncated, Marker} by MaxItems and Marker.
Result<json::object> page_of(const json::array& all, std::string_view member,
                             const json::object& input);

const OperationTable& policy_operations();

}  // namespace kiban::services::iam
