// Rows kms/REGION/key/ID {Metadata: what DescribeKey shows, Policy, Tags, Rotation?} and
// kms/REGION/alias/NAME, what ListAliases shows.
#pragma once

#include <string>
#include <string_view>

#include "services/base/checked_service.h"

namespace kiban::services::kms {

std::string key_key(std::string_view region, std::string_view id);
std::string alias_key(std::string_view region, std::string_view name);

json::object& metadata(json::object& row);
std::string id_of(json::object& row);
void save(Context& context, json::object& row);

// By id, ARN, alias or alias ARN. Error NotFoundException.
Result<json::object> load(const Context& context, const std::string& name);
// By id or ARN: the operations that manage a key take no alias. Error NotFoundException.
Result<json::object> load_key(const Context& context, const std::string& name);
// The same of one that may be changed: also KMSInvalidStateException when it waits for its
// deletion, UnsupportedOperationException when AWS manages it.
Result<json::object> load_live(const Context& context, const std::string& name);

// Error MalformedPolicyDocumentException, also for a policy that would not let the caller change it
// again, unless `bypass`.
// https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html#prevent-unmanageable-key
Result<void> check_policy(const Context& context, std::string_view policy, bool bypass);

// A key of AWS's own under its alias, alias/aws/SERVICE, made when it is first asked for; nothing
// for another alias.
std::optional<json::object> aws_managed_key(Context& context, std::string_view alias);
// What DescribeKey shows of a symmetric key.
json::object make_metadata(Context& context, std::string_view description,
                           std::string_view manager);
std::string default_policy(const Context& context);

Result<json::object> page_of(const json::array& all, std::string_view member,
                             const json::object& input);

CheckedTable key_operations();
CheckedTable alias_operations();
CheckedTable rotation_operations();
// The time of ScheduleKeyDeletion has come: {Region, KeyId}.
void delete_key(Context& context, const json::object& timer);

}  // namespace kiban::services::kms
