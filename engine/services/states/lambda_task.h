// Task states that invoke Lambda functions: a function's ARN as the resource,
// arn:aws:states:::lambda:invoke with and without a task token, and aws-sdk:lambda:invoke. The task
// goes on when the function has ended.
// https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html
#pragma once

#include <variant>

#include "asl/interpreter.h"
#include "services/base/service.h"
#include "services/states/integrations.h"

namespace kiban::services::states {

bool invokes_function(const asl::TaskResource& resource);

// Invokes it. Called::waits_for is the request id, by which lambda tells of the end (kiban:Ended),
// and Called::waiting has what read_function_answer needs; an asynchronous invocation is over at
// once.
std::variant<Called, Refused> call_function(Context& context, const asl::StartTask& task,
                                            const Caller& as);

// What the task gets of an outcome (services/lambda/host.h). Refused with the function's errorType
// and errorMessage when it failed, with Lambda.Unknown when it told no errorType, and with
// Lambda.…Exception when it was not run. Through the SDK a failed function is an answer.
std::variant<Payload, Refused> read_function_answer(Context& context, const json::object& waiting,
                                                    const json::object& outcome);

}  // namespace kiban::services::states
