// AWS's quotas of executions, for each account and region: the token bucket of StartExecution, and
// how many standard executions are open.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
#pragma once

#include "services/base/service.h"
#include "services/states/service.h"

namespace kiban::services::states {

// Takes one token for a start by the caller of `context`. Error ThrottlingException.
Result<void> take_start(Context& context, bool express, Throttle throttle);

// Open are standard executions that the API or a service started and that did not end with the
// command that began them; children of map runs do not count. Error ExecutionLimitExceeded when
// there are 1,000,000.
Result<void> check_open(const Context& context);
void add_open(Context& context);
void release_open(Context& context);

}  // namespace kiban::services::states
