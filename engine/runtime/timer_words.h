// Describes a waiting timer's purpose for `kiban clock show`.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"

namespace kiban::runtime {

// "the schedule of rule nightly"; of a service that has no words here, "a timer of SERVICE".
std::string timer_words(std::string_view service, const json::object& payload);

}  // namespace kiban::runtime
