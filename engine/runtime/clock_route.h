// /_kiban/clock: GET shows the clock, POST moves it. A frozen one also shows the first ten timers
// that wait ("waiting": "at" and "what"), and how many there are, counted up to 1,000
// ("waiting_count").
#pragma once

#include "runtime/clock.h"
#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"

namespace kiban::runtime {

// Every request passes Frontend::has_token first. POST wants one of {"advance": milliseconds},
// {"set": "2026-11-24T00:00:00Z"}, {"scale": N} and
// {"freeze": true}, with them "hold", milliseconds. It answers when
// all that came due has been decided, and the clock's state is on disk. `clock` is nullptr when
// time is real: then every POST is refused. `kernel` and `clock` outlive the handler.
Handler make_clock_route(KernelThread& kernel, VirtualClock* clock);

constexpr std::string_view clock_row = "kernel/clock";  // Only in data of a virtual clock.

// The clock as `kernel` left it, or frozen at the host's time in a new directory; and where the
// kernel keeps it: `clock_row`, and its time in kernel::time_row.
VirtualClock::State kept_clock(const store::Store& store);
void keep_clock(kernel::Kernel& kernel, const VirtualClock::State& state);

}  // namespace kiban::runtime
