// Is a mocked result one that the mocked API could give?
// https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html
#pragma once

#include "asl/interpreter.h"
#include "core/json.h"

namespace kiban::services::states {

enum class FieldValidation : std::uint8_t { None, Present, Strict };

// Types, enumerations, bounds, lengths and patterns; Strict asks for required members too. Members
// that the API does not know pass, and so does all of an integration whose model kiban does not
// carry (mocked/ lists those of services it does not serve). Error ValidationException, recorded by
// AWS.
Result<void> check_mock(const asl::TaskResource& resource, const json::value& result,
                        FieldValidation mode);

}  // namespace kiban::services::states
