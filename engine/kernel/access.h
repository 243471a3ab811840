// What an operation of the API asks the authoriser, made of its input by the table of
// api/access.h. Pure.
#pragma once

#include <string_view>
#include <vector>

#include "api/access.h"
#include "services/base/service.h"

namespace kiban::kernel {

// One request for each resource that the rule names; none for a rule that `passes` a role which the
// input leaves out. `input` need not be valid. Error ValidationException: more than 1,000 different
// resources, or values of a key.
Result<std::vector<services::AccessRequest>> access_requests(const api::AccessRule& rule,
                                                             const json::object& input,
                                                             const services::Caller& caller);

// The values of a template, at most 1,001; see api/access.h.
std::vector<std::string> expand_template(std::string_view text, const json::object& input,
                                         const services::Caller& caller);

}  // namespace kiban::kernel
