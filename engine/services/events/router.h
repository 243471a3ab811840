// Which rules an event concerns.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "patterns/pattern.h"
#include "services/base/service.h"

namespace kiban::services::events {

constexpr std::size_t regions_compiled_max = 50;  // Kept ready; ours.

class Router {
 public:
  Result<json::object> put_events(Context& context, const json::object& input);
  // Gives the event to the targets of all rules of the bus that match it. ResourceNotFoundException
  // when there is no such bus.
  Result<void> route(Context& context, std::string_view bus, const json::object& event,
                     std::int64_t hops);
  // What a service tells the default bus.
  void on_event(Context& context, const Event& event);

 private:
  struct Rule {
    json::object row{};
    patterns::Pattern pattern{};
  };
  // Enabled rules with a pattern, as long as the generation row says that they are these.
  struct Compiled {
    std::string generation{};
    std::map<std::string, std::vector<Rule>, std::less<>> by_bus{};
  };
  const std::vector<Rule>& rules_of(const Context& context, std::string_view bus);

  std::map<std::string, Compiled, std::less<>> by_region_{};
};

// Hands the event to all targets of the rule.
void trigger(Context& context, const json::object& rule, const json::object& event,
             std::int64_t hops);
// A scheduled rule came due: the next timer, then this firing.
void fire(Context& context, const json::object& payload);

Result<json::object> test_event_pattern(Context& context, const json::object& input);

}  // namespace kiban::services::events
