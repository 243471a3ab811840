// TestState: one state run alone, and what was seen of it.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::states {

// Nothing of it is kept. A Task without a mock calls its integration, as the given role; a Wait
// does not wait, failures are not retried, only told.
Result<json::object> test_state(Context& context, const json::object& input);

}  // namespace kiban::services::states
