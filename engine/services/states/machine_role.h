// The role of a state machine: its sessions, and what AWS checks of it when a machine is made.
#pragma once

#include <string_view>

#include "services/base/service.h"
#include "services/states/integrations.h"

namespace kiban::services::states {

// A session of the machine's role, as Step Functions assumes it for the execution: aws:SourceArn is
// the machine, the session acts for the execution. A role may trust states.amazonaws.com or
// states.REGION.amazonaws.com. Error AccessDenied.
// https://docs.aws.amazon.com/step-functions/latest/dg/procedure-create-iam-role.html
Result<Caller> assume_machine_role(Context& context, std::string_view role_arn,
                                   const Origin& origin);

// Who makes the calls of a task. `credentials_role` is the RoleArn of the task's Credentials, which
// the machine's role assumes with the machine's ARN as external id; empty: the machine's role.
// Error AccessDenied, with the cause as AWS tells it.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-cross-acct-sync-pattern.html
Result<Caller> assume_task_role(Context& context, std::string_view role_arn,
                                std::string_view credentials_role, const Origin& origin);

// What CreateStateMachine and UpdateStateMachine check of the role of `machine` (a row: its ARN,
// role, definition and logging): Step Functions may assume the role; the role may set up the
// managed rule of each .sync integration, and the log delivery when the machine logs. Error
// AccessDeniedException.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-integration-iam-templates.html
// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-iam-policy
Result<void> check_machine_role(Context& context, const json::object& machine);

}  // namespace kiban::services::states
