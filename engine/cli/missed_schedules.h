// Reports the firings of scheduled rules that came due while no server ran.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "runtime/http_server.h"
#include "runtime/kernel_thread.h"

namespace kiban::cli {

constexpr std::string_view missed_path = "/_kiban/missed/";  // Behind it REGION/RULE.

// Of the rule's last outage, or {}: "policy", "due", "starts", "first", "last", "decided" (times in
// ISO 8601), "older" (services/events/missed.h).
runtime::Handler make_missed_route(runtime::KernelThread& kernel);

// "hourly: 4 firings were missed, ...", of such an answer; empty: none was.
std::string missed_words(const std::string& rule, const json::object& missed);

}  // namespace kiban::cli
