// Rows of EventBridge and how they are found.
//
//   events/REGION/bus/BUS                Name, Description, Policy, Tags, Created (ms); the bus
//                                        "default" has no row until it has tags or a policy
//   events/REGION/rule/BUS/RULE          as DescribeRule shows it, and Tags, Anchor (ms)
//   events/REGION/target/BUS/RULE/ID     as PutTargets got it
//   events/REGION/missed/RULE            of a scheduled rule, see missed.h
//   events/REGION/connection/NAME        see connections.cc
//   events/REGION/token/NAME             of an OAuth connection; awaiting-token/NAME/ID: calls
//   events/REGION/destination/NAME       as DescribeApiDestination shows it; pace/NAME: how many
//                                        calls of which second
//   events/REGION/archive, archived, replay: see archives.h
//   events/REGION/generation             changes with every rule and archive of the region
//
// Neither custom buses nor rules have a slash in their names.
#pragma once

#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::events {

constexpr std::string_view default_bus = "default";

std::unexpected<Error> invalid(std::string cause);  // ValidationException

std::string region_key(const Context& context, std::string_view rest);
std::string connection_key(const Context& context, std::string_view name);
std::string destination_key(const Context& context, std::string_view name);
std::string bus_key(const Context& context, std::string_view bus);
std::string rule_key(const Context& context, std::string_view bus, std::string_view rule);
std::string target_key(const Context& context, std::string_view bus, std::string_view rule,
                       std::string_view id);
std::string missed_key(const Context& context, std::string_view rule);
std::string generation_key(const Context& context);

std::string bus_arn(const Context& context, std::string_view bus);
std::string rule_arn(const Context& context, std::string_view bus, std::string_view rule);
bool is_bus_arn(std::string_view arn);

// ValidationException for the ARN of a bus elsewhere: only EventBridge itself sends events there.
Result<void> check_bus(const Context& context, std::string_view name_or_arn);
// Of EventBusName in a request, which is a name or an ARN; absent: default.
std::string bus_of(const json::object& input);
// Errors: ResourceNotFoundException.
Result<json::object> load_bus(const Context& context, std::string_view bus);
Result<json::object> load_rule(const Context& context, std::string_view bus, std::string_view rule);

std::vector<json::object> targets_of(const Context& context, std::string_view bus,
                                     std::string_view rule);
// To be called with every change of a rule: what was compiled of them is stale.
void rules_changed(Context& context);

// "2026-11-24T17:00:00Z", as events bear their time.
std::string format_event_time(Timestamp time);

// What EventBridge does of its own accord: EventBridge itself is the caller.
// `rule_arn`: the rule on whose behalf EventBridge calls; empty: EventBridge's own affairs.
Caller events_caller(std::string_view account, std::string_view region,
                     std::string_view rule_arn = {});

// Refuses, by name, the first of these members that the request has.
Result<void> refuse_members(const json::object& input, std::string_view what,
                            std::initializer_list<std::string_view> refused);

// "Filter parameters are exclusive": ListArchives, ListReplays.
Result<void> check_filters(const json::object& input, std::string_view operation);

Result<json::object> tag_resource(Context& context, const json::object& input);
Result<json::object> untag_resource(Context& context, const json::object& input);
Result<json::object> list_tags(Context& context, const json::object& input);
json::object tags_of(const json::object& input);

}  // namespace kiban::services::events
