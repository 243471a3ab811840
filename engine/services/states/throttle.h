// The token bucket of StartExecution, one for each account, region and type of machine.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
#pragma once

#include "services/base/service.h"
#include "services/states/service.h"

namespace kiban::services::states {

// Takes one token for a start by the caller of `context`. Error ThrottlingException.
Result<void> take_start(Context& context, bool express, Throttle throttle);

}  // namespace kiban::services::states
