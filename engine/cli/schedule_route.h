// When a schedule expression fires, and what it says in words, for the web console.
#pragma once

#include <string_view>

#include "core/json.h"
#include "core/result.h"
#include "runtime/http_server.h"

namespace kiban::cli {

constexpr std::string_view schedule_path = "/_kiban/schedule";
constexpr std::size_t firings_max = 500;  // Of one answer.

// {"expression", "dialect": "rule" or "scheduler", "zone"?: IANA name, "after": epoch seconds,
// "anchor"?: epoch seconds that a rate counts from, "count"} to {"words": in English, "times":
// [epoch seconds], "rate": bool}. Errors: ValidationException of the expression or the zone,
// WrongUsage.
Result<json::object> schedule_reply(const json::object& asked);

// POST of such an object.
runtime::Handler make_schedule_route();

}  // namespace kiban::cli
