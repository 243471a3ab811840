// DB instances, all of them faces of their cluster's one server, and DB subnet groups.
#pragma once

#include "services/rds/rows.h"

namespace kiban::services::rds {

Result<json::object> create_instance(Context& context, const json::object& input);
Result<json::object> modify_instance(Context& context, const json::object& input);
Result<json::object> delete_instance(Context& context, const json::object& input);
Result<json::object> describe_instances(Context& context, const json::object& input);

Result<json::object> create_subnet_group(Context& context, const json::object& input);
Result<json::object> modify_subnet_group(Context& context, const json::object& input);
Result<json::object> delete_subnet_group(Context& context, const json::object& input);
Result<json::object> describe_subnet_groups(Context& context, const json::object& input);

}  // namespace kiban::services::rds
