// Properties of Lambda's types, which CloudFormation writes otherwise than its API does.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Lambda.html
#pragma once

#include <optional>
#include <string_view>

#include "core/json.h"

namespace kiban::cfn {

// `how` is "lastpart" (what follows the last colon), "layername" and "layerversion" (of the ARN of
// a layer's version) or "weights" (of an alias' RoutingConfig); nullopt: none of them.
std::optional<json::value> function_value(std::string_view how, const json::value& value);

}  // namespace kiban::cfn
