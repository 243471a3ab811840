// Mocked integrations in the format of Step Functions Local.
// https://docs.aws.amazon.com/step-functions/latest/dg/sfn-local-mock-cfg-file.html
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "asl/interpreter.h"
#include "core/json.h"

namespace kiban::asl {

// The case's mock for this state's `invocation` (0 on the first try): {"Return": …} or
// {"Throw": {"Error", "Cause"}}. nullopt: the state is not mocked in it. Error `MockConfig` when
// the configuration lacks the machine, the case, the response or the invocation.
Result<std::optional<json::object>> find_mock(const json::object& config, std::string_view machine,
                                              std::string_view test_case, std::string_view state,
                                              std::int64_t invocation);

// What such an answer says to the execution that asked.
std::vector<Input> mocked_answer(const StartTask& task, const json::object& answer);

}  // namespace kiban::asl
