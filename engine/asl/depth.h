// How deep arrays and objects lie in each other.
#pragma once

#include <string_view>

#include "core/json.h"

namespace kiban::asl {

// Recurses no deeper than `depth_max`.
bool deeper_than(const json::value& tree, std::size_t depth_max);
// Of valid JSON text.
bool deeper_than(std::string_view text, std::size_t depth_max);

}  // namespace kiban::asl
