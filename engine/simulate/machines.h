// Random state machines and templates of stacks.
#pragma once

#include <string>

#include "core/json.h"
#include "core/random.h"

namespace kiban::simulate {

// All types of states, in both query languages, with Retry and Catch, tasks of all kinds.
std::string make_definition(Random& random);
std::string make_template(Random& random);

}  // namespace kiban::simulate
