// Keys, ARNs and the checks of names that every operation shares.
#pragma once

#include <string>
#include <vector>

#include "services/base/service.h"

namespace kiban::services::states {

std::string row_key(const Context& context, std::string_view kind, std::string_view name);

// 1 to 80 characters, none of AWS's forbidden ones. Error InvalidName "Invalid Name: 'x'".
Result<void> check_name(std::string_view name);

// The part behind "arn:…:stateMachine:" ("execution", "activity"); Error InvalidArn
// "Invalid Arn: 'Invalid ARN prefix: x'".
Result<std::string> resource_of(std::string_view arn, std::string_view kind);

// MACHINE/NAME of an execution ARN, as the keys have it.
std::string execution_path(std::string_view execution_arn);

// A page of `all` under `member`, with maxResults and nextToken of the request.
Result<json::object> page_of(const json::object& input, std::string_view member,
                             const json::array& all, std::size_t limit_default);

}  // namespace kiban::services::states
