// Temporary credentials of functions' roles, as their environments get them.
// https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
#pragma once

#include <optional>

#include "services/base/service.h"

namespace kiban::services::lambda {

// {"AccessKeyId", "SecretAccessKey", "Token", "Expiration" (ISO 8601)} of a session of the role,
// named after the function; valid for at least half an hour. nullopt: the role can't be assumed.
std::optional<json::object> credentials_of(Context& context, const std::string& function,
                                           const std::string& role);

// A caller that is a session of the function's role.
Result<Caller> caller_of(Context& context, const std::string& function, const std::string& role);

}  // namespace kiban::services::lambda
