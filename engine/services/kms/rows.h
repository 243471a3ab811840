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
// One that may be changed: also KMSInvalidStateException when it waits for its deletion.
Result<json::object> load_live(const Context& context, const std::string& name);

Result<json::object> page_of(const json::array& all, std::string_view member,
                             const json::object& input);

CheckedTable key_operations();
CheckedTable alias_operations();
// The time of ScheduleKeyDeletion has come: {Region, KeyId}.
void delete_key(Context& context, const json::object& timer);

}  // namespace kiban::services::kms
