// Which rules an event concerns.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "patterns/index.h"
#include "patterns/pattern.h"
#include "services/base/service.h"
#include "services/events/service.h"

namespace kiban::services::events {

constexpr std::size_t regions_compiled_max = 50;  // Kept ready; ours.

class Router {
 public:
  Result<json::object> put_events(Context& context, const json::object& input);
  // Gives the event to the targets of all rules of the bus that match it. ResourceNotFoundException
  // when there is no such bus.
  Result<void> route(Context& context, std::string_view bus, const json::object& event,
                     std::int64_t hops);
  // The next events of a replay; replays.h.
  void replay(Context& context, const json::object& payload);
  // What a service tells the default bus.
  void on_event(Context& context, const Event& event);
  // Most events concern no rule or archive: what none reads need not be built.
  bool hears(const Context& context);

 private:
  struct Archive {
    std::string name{};
    std::optional<patterns::Pattern> pattern{};  // Without one: all events.
  };
  // Enabled rules with a pattern, and archives, as long as the generation row says that they are
  // these.
  struct Bus {
    std::vector<json::object> rules{};  // Rows.
    patterns::PatternIndex index{};     // Of their patterns, in the same order.
    std::vector<Archive> archives{};
  };
  struct Compiled {
    std::string generation{};
    std::map<std::string, Bus, std::less<>> by_bus{};
  };
  const Bus& compiled_bus(const Context& context, std::string_view bus);
  // What of the bus the event matches: rows of rules, of those `among` unless that is empty.
  std::vector<json::object> matched_rules(const Context& context, std::string_view bus,
                                          const json::object& event,
                                          const std::set<std::string>& among);
  void archive(Context& context, std::string_view bus, const json::object& event);

  std::map<std::string, Compiled, std::less<>> by_region_{};
};

// Hands the event to all targets of the rule.
void trigger(Context& context, const json::object& rule, const json::object& event,
             std::int64_t hops);
// A scheduled rule came due: the next timer, then this firing. Of firings that are too late, those
// that `missed` says.
void fire(Context& context, const json::object& payload, MissedSchedules missed);

Result<json::object> test_event_pattern(Context& context, const json::object& input);

}  // namespace kiban::services::events
