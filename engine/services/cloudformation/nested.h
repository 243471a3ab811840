// Nested stacks: a resource of type AWS::CloudFormation::Stack is a stack of its own, whose parent
// asks for its operations.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-nested-stacks.html
#pragma once

#include "services/cloudformation/operations.h"

namespace kiban::services::cloudformation {

// "kiban:CreateNested", "kiban:UpdateNested", "kiban:DeleteNested": as CreateStack and so on, of a
// stack with a parent; only stacks ask for them. Their input is the one of CreateStack, with
// "ParentId" and "RootId".
const OperationTable& nested_operations();

// That input for the stack `name`, a resource of `parent` with those properties.
json::object nested_input(const Stack& parent, const std::string& name,
                          const json::object& properties);

}  // namespace kiban::services::cloudformation
