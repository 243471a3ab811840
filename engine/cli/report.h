// How commands end: 0 done, 1 the thing asked for failed, 2 wrong usage, 130 Ctrl-C while watching.
#pragma once

#include <string>

#include "core/result.h"

namespace kiban::cli {

constexpr int exit_done = 0;
constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr int exit_interrupted = 130;

// "kiban: <what>: <why>. <what to do>" on stderr; returns exit_failed.
int complain(const std::string& what, const std::string& why, const std::string& what_to_do);

}  // namespace kiban::cli
