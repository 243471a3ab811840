#include "services/events/service.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/resource_access.h"
#include "services/base/table_service.h"
#include "services/events/archives.h"
#include "services/events/connections.h"
#include "services/events/delivery.h"
#include "services/events/destinations.h"
#include "services/events/http_calls.h"
#include "services/events/names.h"
#include "services/events/permissions.h"
#include "services/events/replays.h"
#include "services/events/router.h"
#include "services/events/rules.h"
#include "services/events/targets.h"

namespace kiban::services::events {
namespace {

// Timers and outcomes have no region of their own: what they bring is decided as these operations,
// in the rule's or connection's.
constexpr std::string_view timer_operation = "kiban:Timer";
constexpr std::string_view outcome_operation = "kiban:Outcome";

const OperationTable operations = {
    {"CancelReplay", cancel_replay},
    {"CreateApiDestination", create_destination},
    {"CreateArchive", create_archive},
    {"CreateConnection", create_connection},
    {"CreateEventBus", create_bus},
    {"DeauthorizeConnection", deauthorize_connection},
    {"DeleteApiDestination", delete_destination},
    {"DeleteArchive", delete_archive},
    {"DeleteConnection", delete_connection},
    {"DeleteEventBus", delete_bus},
    {"DeleteRule", delete_rule},
    {"DescribeApiDestination", describe_destination},
    {"DescribeArchive", describe_archive},
    {"DescribeConnection", describe_connection},
    {"DescribeEventBus", describe_bus},
    {"DescribeReplay", describe_replay},
    {"DescribeRule", describe_rule},
    {"DisableRule", disable_rule},
    {"EnableRule", enable_rule},
    {"ListApiDestinations", list_destinations},
    {"ListArchives", list_archives},
    {"ListConnections", list_connections},
    {"ListEventBuses", list_buses},
    {"ListReplays", list_replays},
    {"ListRuleNamesByTarget", list_rules_by_target},
    {"ListRules", list_rules},
    {"ListTagsForResource", list_tags},
    {"ListTargetsByRule", list_targets},
    {"PutPermission", put_permission},
    {"PutRule", put_rule},
    {"PutTargets", put_targets},
    {"RemovePermission", remove_permission},
    {"RemoveTargets", remove_targets},
    {"StartReplay", start_replay},
    {"TagResource", tag_resource},
    {"TestEventPattern", test_event_pattern},
    {"UntagResource", untag_resource},
    {"UpdateApiDestination", update_destination},
    {"UpdateArchive", update_archive},
    {"UpdateConnection", update_connection},
    {"UpdateEventBus", update_bus},
};

class Events : public TableService {
 public:
  explicit Events(Options options) : TableService("events", operations), options_(options) {}

  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    if (operation == "PutEvents") return router_.put_events(context, input);
    if (operation == route_operation) return take_from_bus(context, input);
    if (operation == call_operation) return call_http(context, input);
    if (operation == invoke_operation) return invoke_destination(context, input);
    if (operation == delivered_operation) {
      on_delivered(context, input);
      return json::object{};
    }
    if (operation == outcome_operation) {
      on_http_outcome(context, input.at("Effect").as_object(), input.at("Reply").as_object());
      return json::object{};
    }
    if (operation == timer_operation) {
      on_own_timer(context, input);
      return json::object{};
    }
    for (const char* member : {"EventBusName", "Name"})
      KIBAN_TRY_VOID(check_bus(context, text(input, member)));
    return TableService::call(context, operation, input);
  }
  // Connections and destinations have an id behind their name, which requests leave out.
  ResourceAccess describe_resource(const Context& context, std::string_view arn) override {
    const std::string_view named = resource_part(arn);
    const std::string_view kind = named.substr(0, named.find('/'));
    const std::string_view rest = named.substr(std::min(named.size(), kind.size() + 1));
    if (kind == "event-bus")
      return resource_of_row(arn, get_json(context, bus_key(context, rest)), "Tags", "Policy");
    if (kind == "rule") {
      const std::size_t slash = rest.find('/');
      const bool custom = slash != std::string_view::npos;
      const auto row =
          get_json(context, rule_key(context, custom ? rest.substr(0, slash) : default_bus,
                                     custom ? rest.substr(slash + 1) : rest));
      return resource_of_row(arn, row, "Tags", "");
    }
    if ((kind == "connection" || kind == "api-destination") &&
        rest.find('/') == std::string_view::npos) {
      const auto row = get_json(context, kind == "connection" ? connection_key(context, rest)
                                                              : destination_key(context, rest));
      if (row) return {.arn = text(*row, "Arn")};
    }
    return {.arn = std::string(arn)};
  }

  void on_timer(Context& context, const json::object& payload) override {
    (void)context.call("events", timer_operation, payload,
                       events_caller(text(payload, "Account"), text(payload, "Region")));
  }

  void on_outcome(Context& context, std::string_view kind, const json::object& payload,
                  const Outcome& outcome) override {
    if (kind == "server.log") return;
    (void)context.call("events", outcome_operation,
                       {{"Effect", payload}, {"Reply", outcome.payload}},
                       events_caller(text(payload, "Account"), text(payload, "Region")));
  }

  std::vector<std::string_view> event_sources() const override { return {"*"}; }
  void on_event(Context& context, const Event& event) override { router_.on_event(context, event); }
  bool hears(Context& context, std::string_view) override { return router_.hears(context); }

 private:
  Result<json::object> take_from_bus(Context& context, const json::object& input) {
    const std::string bus = text(input, "Bus");
    KIBAN_TRY_VOID(context.authorise("events:PutEvents", bus_arn(context, bus)));
    KIBAN_TRY_VOID(
        router_.route(context, bus, input.at("Event").as_object(), number(input, "Hops", 0)));
    return json::object{};
  }

  void on_own_timer(Context& context, const json::object& payload) {
    const std::string kind = text(payload, "Kind");
    if (kind == "schedule") return fire(context, payload, options_.missed);
    if (kind == "archive") return sweep_archive(context, payload);
    if (kind == "replay") return router_.replay(context, payload);
    retry(context, payload);
  }

  Options options_;
  Router router_{};
};

}  // namespace

std::unique_ptr<Service> make_events() { return make_events_with({}); }

std::unique_ptr<Service> make_events_with(Options options) {
  return std::make_unique<Events>(options);
}

}  // namespace kiban::services::events
