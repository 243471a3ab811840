// Properties of EventBridge Scheduler, which CloudFormation writes otherwise than its API does.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-scheduler-schedule.html
#pragma once

#include <optional>
#include <string_view>

#include "core/json.h"

namespace kiban::cfn {

// `how` is "instant" (a text as seconds), "instanttext" (seconds as a text), "window" (of
// FlexibleTimeWindow) or "scheduletarget"; nullopt: none of them.
std::optional<json::value> schedule_value(std::string_view how, const json::value& value);

}  // namespace kiban::cfn
