// Times, durations and input as people write and read them.
#pragma once

#include <string>

#include "core/result.h"
#include "core/time.h"

namespace kiban::cli {

// 250ms, 90s, 5m, 24h or 7d. Error `WrongUsage`.
Result<Duration> parse_duration(const std::string& text);
// The two greatest units: "1 d 2 h", "3 min 5 s", "1.250 s", "12 ms".
std::string duration_words(Duration duration);

// The text of an option that takes JSON, @FILE, or - for stdin. Error `InputFailed`.
Result<std::string> read_input(const std::string& input);

}  // namespace kiban::cli
