// `kiban jsonata eval`: expressions as JSON lines, one answer a line, flushed at once.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>

#include "core/time.h"

namespace kiban::jsonata {

// {"expr": "...", "data": any, "bindings": {...}, "timelimit": ms, "depth": n} to {"result": any},
// {"undefined": true} or {"error": {"code", "position", "token", "message", "value"}}.
// `now` is called once a line, for $now and $millis; without it they return 1970. A pure module has
// no clock: the time limit is turned into fuel. Returns 0.
int eval_lines(std::istream& in, std::ostream& out, const std::function<Timestamp()>& now = {},
               std::uint64_t seed = 0);

}  // namespace kiban::jsonata
