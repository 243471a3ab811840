// One parameter's value against its declaration.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"

namespace kiban::cfn {

constexpr std::string_view ssm_prefix = "AWS::SSM::Parameter::Value<";

bool is_parameter_type(std::string_view type);
bool is_list(std::string_view type);
// The members of a list parameter, trimmed of spaces as CloudFormation trims them.
json::array list_members(std::string_view value);

// AllowedValues, AllowedPattern, lengths, bounds and the type. Error `ValidationError`.
Result<void> check_parameter(const std::string& name, const json::object& declared,
                             const std::string& value);

}  // namespace kiban::cfn
