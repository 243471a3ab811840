// What services tell the authoriser about their resources: Service::describe_resource.
#pragma once

#include <string_view>

#include "services/base/service.h"

namespace kiban::services {

// Tags as rows have them: a list of {Key, Value}, {key, value} or {TagKey, TagValue}, or a map.
// Anything else has none.
void add_resource_tags(ResourceAccess& resource, const json::value* tags);

// The ARN and, of its row, the tags in `tags_member` and the document in `policy_member` (empty:
// such a resource has no policy).
ResourceAccess resource_of_row(std::string_view arn, const std::optional<json::object>& row,
                               std::string_view tags_member, std::string_view policy_member);

// What follows the fifth colon of an ARN; empty: it is not an ARN.
std::string_view resource_part(std::string_view arn);

}  // namespace kiban::services
