// Hand-written requests and values that can't be derived from the API models.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/random.h"

namespace kiban::simulate {

// Inputs with placeholders (generator.cc: fill) of one operation; empty: the model is enough.
std::vector<const json::object*> find_recipes(std::string_view service, std::string_view operation);
// A value of a member whose name is given in lower case.
std::optional<std::string> sample_text(Random& random, std::string_view service,
                                       std::string_view member);

}  // namespace kiban::simulate
