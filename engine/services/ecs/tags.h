// Tags of clusters, task definitions, services and tasks, by ARN.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-using-tags.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// Those of the request's member "tags", beside what the resource has.
void put_tags(Context& context, std::string_view arn, const json::object& input);
json::array tags_of(const Context& context, std::string_view arn);
void drop_tags(Context& context, std::string_view arn);
// Whether the request has include: ["TAGS"]; Describe operations show none otherwise.
bool wants_tags(const json::object& input);

// What a task begins with: its own tags, those it inherits by propagateTags from its definition or
// service, and with enableECSManagedTags AWS's own.
json::array tags_of_new_task(const Context& context, const json::object& input,
                             std::string_view definition_arn, std::string_view cluster,
                             std::string_view group);

// The request's member tags: at most 50, each key once. Error InvalidParameterException.
Result<void> check_tags(const json::object& input);

Result<json::object> tag_resource(Context& context, const json::object& input);
Result<json::object> untag_resource(Context& context, const json::object& input);
Result<json::object> list_tags(Context& context, const json::object& input);

}  // namespace kiban::services::ecs
