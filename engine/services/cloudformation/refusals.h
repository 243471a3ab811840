// How CloudFormation tells that a principal was refused: its role, and the operations of a
// resource's handler.
#pragma once

#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::cloudformation {

// A session of the stack's role: it acts for the stack, and aws:SourceArn is the stack. Error
// AccessDenied.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cross-service-confused-deputy-prevention.html
Result<Caller> assume_stack_role(Context& context, std::string_view role_arn,
                                 std::string_view stack_id);

// The refusal of a handler's operation with what the handler's client adds to the service's
// message:
// "(Service: Sns, Status Code: 403, Request ID: …)". Of IAM "API: iam:CreateRole User: …".
// Seen in aws/aws-cdk#26432, serverless-operations/serverless-step-functions#210.
Error refusal_of(Context& context, std::string_view service, std::string_view operation,
                 const Error& error);

// A refusal as a stack event's reason.
std::string refusal_reason(Context& context, const Error& error);

}  // namespace kiban::services::cloudformation
