// Events of deleted log groups and streams, and those older than their group's retention: erased
// in slices by timers, so that no commit and no request waits for them.
//
//   logs/REGION/purge/GROUP|            a deleted group whose streams and events are not all erased
//   logs/REGION/purge/GROUP|STREAM|     a deleted stream likewise
#pragma once

#include "services/base/service.h"

namespace kiban::services::logs {

constexpr std::size_t rows_per_slice = 2'000;

// Erases a first slice of what lies below "GROUP|" or "GROUP|STREAM|", and the rest by a timer.
void purge(Context& context, const std::string& name);
// What is left of it, at once: the name is taken again.
void finish_purge(Context& context, const std::string& name);

// The hourly pass over the events of a group that has a retention.
void schedule_sweep(Context& context, std::string_view group);
void cancel_sweep(Context& context, std::string_view group);

// A timer of either.
void on_timer(Context& context, const json::object& payload);

}  // namespace kiban::services::logs
