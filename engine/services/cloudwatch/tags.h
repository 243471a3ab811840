// Tags of alarms and dashboards, in rows of their own: cloudwatch/REGION/tags/ARN.
#pragma once

#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::cloudwatch {

std::string alarm_key(const Context& context, std::string_view name);
std::string dashboard_key(const Context& context, std::string_view name);
std::string alarm_arn(const Context& context, std::string_view name);
std::string dashboard_arn(const Context& context, std::string_view name);

// Of what is being made: "Tags" of the request.
void set_tags(Context& context, const std::string& arn, const json::object& input);
// Of what is deleted.
void drop_tags(Context& context, const std::string& arn);

Result<json::object> tag_resource(Context& context, const json::object& input);
Result<json::object> untag_resource(Context& context, const json::object& input);
Result<json::object> list_tags(Context& context, const json::object& input);

}  // namespace kiban::services::cloudwatch
