// Describes what waits for a frozen virtual clock.
#pragma once

#include <string>

#include "core/json.h"

namespace kiban::cli {

// Of an answer of /_kiban/clock: "The clock is frozen; 3 timers wait: ..., due ...", with at most
// `most` of them. Empty: the clock is not frozen, or no timer waits.
std::string frozen_clock_words(const json::object& clock, std::size_t most);

}  // namespace kiban::cli
