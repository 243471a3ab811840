// Firings of rules and schedules that are late: no server ran when they were due, the host was
// suspended, or its clock was set forward. AWS fires within a minute and documents no such case;
// all of this is ours.
#pragma once

#include <chrono>
#include <cstdint>

#include "core/time.h"

namespace kiban::services {

// What starts of the missed firings of each rule and schedule, of the last 24 hours: the newest
// one, every one in order, or none.
enum class MissedSchedules : std::uint8_t { Last, All, None };

// What is later than this was missed.
constexpr Duration late_max = std::chrono::minutes{1};
// What is older never starts.
constexpr Duration missed_age_max = std::chrono::hours{24};

}  // namespace kiban::services
