// Credentials of task roles, which a task fetches by an id that only it knows.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::ecs {

// Notes that the task may act as `role_arn`. The id.
std::string offer_credentials(Context& context, const json::object& task,
                              std::string_view role_arn);
void withdraw_credentials(Context& context, std::string_view id);

// kiban:TaskCredentials {"Id"}: {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token",
// "Expiration"}. Error NotFound.
Result<json::object> task_credentials(Context& context, const json::object& input);

}  // namespace kiban::services::ecs
