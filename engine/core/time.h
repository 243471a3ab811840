// Instants as AWS uses them: UTC, milliseconds.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/result.h"

namespace kiban {

using Duration = std::chrono::milliseconds;
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

// 2026-11-24T02:55:09.140Z; always three digits of milliseconds, as Step Functions prints
// $$.Execution.StartTime.
std::string format_iso8601(Timestamp time);

// RFC 3339 with `T` (or a space), optional fraction (cut to milliseconds), `Z` or an offset.
Result<Timestamp> parse_iso8601(std::string_view text);

// Seconds since 1970 with three decimals, as the JSON protocols carry timestamps: 1700000000.123.
double epoch_seconds(Timestamp time);
Timestamp from_epoch_seconds(double seconds);

}  // namespace kiban
