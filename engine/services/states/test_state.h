// TestState: one state run alone, and what was seen of it.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_TestState.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::states {

// Nothing of it is kept. A Task without a mock calls its integration, as the given role; a Wait
// does not wait, failures are not retried, only told.
Result<json::object> test_state(Context& context, const json::object& input);

// Not in the API: {"Test"}, a TestState that waits for what comes of its HTTP call.
constexpr std::string_view await_test_operation = "kiban:AwaitTestState";
Result<json::object> await_test_state(Context& context, const json::object& input);
// What came of it, as http_calls.h of EventBridge tells it, its Payload {"Test"}.
Result<json::object> take_test_answer(Context& context, const json::object& input);

}  // namespace kiban::services::states
