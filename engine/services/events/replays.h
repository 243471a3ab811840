// Replays of archived events: archives.h says how they go.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "services/base/service.h"

namespace kiban::services::events {

Result<json::object> start_replay(Context& context, const json::object& input);
Result<json::object> describe_replay(Context& context, const json::object& input);
Result<json::object> list_replays(Context& context, const json::object& input);
Result<json::object> cancel_replay(Context& context, const json::object& input);

// Events of one slice of a replay, for these rules of a bus only; empty: for all of its rules.
struct Slice {
  std::string bus{};
  std::vector<json::object> events{};
  std::set<std::string> rules{};
};
// The timer of a replay. nullopt: it has ended.
std::optional<Slice> next_slice(Context& context, const json::object& payload);

}  // namespace kiban::services::events
