// The configuration of a function: what CreateFunction and UpdateFunctionConfiguration say, checked
// and completed, as GetFunctionConfiguration shows it.
// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
#pragma once

#include "services/base/service.h"

namespace kiban::services::lambda {

// With AWS's defaults of what `input` leaves out. Errors InvalidParameterValueException, also for
// what kiban does not support, by its name; AccessDeniedException when the role can't be passed.
Result<json::object> new_configuration(Context& context, const json::object& input);
// `shown` with the members of `input` that a configuration has.
Result<json::object> changed_configuration(Context& context, json::object shown,
                                           const json::object& input);

// Architectures, which come with the code. Error InvalidParameterValueException.
Result<json::array> read_architectures(const json::object& input);

}  // namespace kiban::services::lambda
