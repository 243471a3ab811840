// The code of AWS::Lambda::Function, as CreateFunction takes it.
#pragma once

#include "core/json.h"

namespace kiban::services::cloudformation {

// {"Code": FunctionCode, "PackageType"} of the type's properties. Code.ZipFile is the source of one
// file there, index.py or index.js by the runtime, packed here together with the module
// cfn-response.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
json::object function_code(const json::object& properties);

}  // namespace kiban::services::cloudformation
