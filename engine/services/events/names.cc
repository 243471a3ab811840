#include "services/events/names.h"

#include <fmt/format.h>

#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/base/tags.h"

namespace kiban::services::events {
namespace {

// A tagged resource: the row's key and its content.
struct Tagged {
  std::string key{};
  json::object row{};
};

Result<Tagged> find_tagged(const Context& context, const json::object& input) {
  const std::string text_of_arn = text(input, "ResourceARN");
  const auto arn = parse_arn(text_of_arn);
  if (!arn || arn->service != "events")
    return invalid(fmt::format(
        "Parameter {} is not valid. Reason: Provided Arn is not in correct format.", text_of_arn));
  std::string_view resource = arn->resource;
  if (resource.starts_with("event-bus/")) {
    const std::string_view bus = resource.substr(10);
    KIBAN_TRY(json::object row, load_bus(context, bus));
    return Tagged{bus_key(context, bus), std::move(row)};
  }
  if (!resource.starts_with("rule/"))
    return invalid(fmt::format("kiban tags rules and event buses; {} is neither", text_of_arn));
  resource.remove_prefix(5);
  const std::size_t slash = resource.find('/');
  const std::string_view bus =
      slash == std::string_view::npos ? default_bus : resource.substr(0, slash);
  const std::string_view rule =
      slash == std::string_view::npos ? resource : resource.substr(slash + 1);
  KIBAN_TRY(json::object row, load_rule(context, bus, rule));
  return Tagged{rule_key(context, bus, rule), std::move(row)};
}

json::object& tags_in(json::object& row) {
  if (!row.contains("Tags")) row["Tags"] = json::object{};
  return row["Tags"].as_object();
}

}  // namespace

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationException", std::move(cause));
}

std::string region_key(const Context& context, std::string_view rest) {
  return fmt::format("events/{}/{}", context.caller().region, rest);
}
std::string connection_key(const Context& context, std::string_view name) {
  return region_key(context, fmt::format("connection/{}", name));
}
std::string destination_key(const Context& context, std::string_view name) {
  return region_key(context, fmt::format("destination/{}", name));
}

std::string bus_key(const Context& context, std::string_view bus) {
  return region_key(context, fmt::format("bus/{}", bus));
}
std::string rule_key(const Context& context, std::string_view bus, std::string_view rule) {
  return region_key(context, fmt::format("rule/{}/{}", bus, rule));
}
std::string target_key(const Context& context, std::string_view bus, std::string_view rule,
                       std::string_view id) {
  return region_key(context, fmt::format("target/{}/{}/{}", bus, rule, id));
}
std::string missed_key(const Context& context, std::string_view rule) {
  return region_key(context, fmt::format("missed/{}", rule));
}
std::string generation_key(const Context& context) { return region_key(context, "generation"); }

std::string bus_arn(const Context& context, std::string_view bus) {
  return make_arn(context, "events", fmt::format("event-bus/{}", bus));
}
std::string rule_arn(const Context& context, std::string_view bus, std::string_view rule) {
  return make_arn(
      context, "events",
      bus == default_bus ? fmt::format("rule/{}", rule) : fmt::format("rule/{}/{}", bus, rule));
}
bool is_bus_arn(std::string_view text) {
  const auto arn = parse_arn(text);
  return arn && arn->service == "events" && arn->resource.starts_with("event-bus/");
}

Result<void> check_bus(const Context& context, std::string_view name_or_arn) {
  if (!name_or_arn.starts_with("arn:")) return {};
  const auto arn = parse_arn(name_or_arn);
  const Caller& caller = context.caller();
  if (arn && arn->region == caller.region && arn->account == caller.account) return {};
  return invalid(
      fmt::format("kiban serves buses of account {} to requests of their own region: {} "
                  "is not in {}",
                  caller.account, name_or_arn, caller.region));
}

std::string bus_of(const json::object& input) {
  std::string name = text(input, "EventBusName", default_bus);
  constexpr std::string_view mark = ":event-bus/";
  if (const std::size_t at = name.find(mark); at != std::string::npos)
    name.erase(0, at + mark.size());
  return name;
}

Result<json::object> load_bus(const Context& context, std::string_view bus) {
  if (auto row = get_json(context, bus_key(context, bus))) return *std::move(row);
  if (bus == default_bus) return json::object{{"Name", bus}};
  return fail("ResourceNotFoundException", fmt::format("Event bus {} does not exist.", bus));
}

Result<json::object> load_rule(const Context& context, std::string_view bus,
                               std::string_view rule) {
  KIBAN_TRY_VOID(load_bus(context, bus));
  if (auto row = get_json(context, rule_key(context, bus, rule))) return *std::move(row);
  return fail("ResourceNotFoundException",
              fmt::format("Rule {} does not exist on EventBus {}.", rule, bus));
}

std::vector<json::object> targets_of(const Context& context, std::string_view bus,
                                     std::string_view rule) {
  return list_json(context, target_key(context, bus, rule, ""));
}

void rules_changed(Context& context) {
  context.put(generation_key(context), context.random().hex(16));
}

std::string format_event_time(Timestamp time) { return format_iso8601(time).substr(0, 19) + "Z"; }

Caller events_caller(std::string_view account, std::string_view region, std::string_view rule_arn) {
  return {.account = std::string(account),
          .region = std::string(region),
          .arn = "events.amazonaws.com",
          .source_arn = std::string(rule_arn),
          .acts_for = std::string(rule_arn)};
}

Result<void> refuse_members(const json::object& input, std::string_view what,
                            std::initializer_list<std::string_view> refused) {
  for (const std::string_view member : refused) {
    if (input.contains(member))
      return invalid(fmt::format("kiban does not serve {} of {}: leave it out", member, what));
  }
  return {};
}

Result<void> check_filters(const json::object& input, std::string_view operation) {
  int filters = 0;
  for (const char* member : {"NamePrefix", "EventSourceArn", "State"})
    filters += input.contains(member) ? 1 : 0;
  if (filters <= 1) return {};
  return invalid(fmt::format(
      "At most one filter is allowed for {}. Use either : State, EventSourceArn, or NamePrefix.",
      operation));
}

json::object tags_of(const json::object& input) {
  json::object tags;
  if (const json::array* list = find_array(input, "Tags")) {
    for (const json::value& tag : *list)
      tags[text(tag.as_object(), "Key")] = text(tag.as_object(), "Value");
  }
  return tags;
}

Result<json::object> tag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(Tagged tagged, find_tagged(context, input));
  json::object& tags = tags_in(tagged.row);
  for (const auto& tag : tags_of(input)) tags[tag.key()] = tag.value();
  if (too_many_tags(tags))
    return fail("LimitExceededException",
                "The requested resource exceeds the maximum number allowed.");
  put_json(context, tagged.key, tagged.row);
  return json::object{};
}

Result<json::object> untag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(Tagged tagged, find_tagged(context, input));
  if (const json::array* keys = find_array(input, "TagKeys")) {
    for (const json::value& key : *keys) tags_in(tagged.row).erase(key.as_string());
  }
  put_json(context, tagged.key, tagged.row);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(Tagged tagged, find_tagged(context, input));
  json::array tags;
  for (const auto& tag : tags_in(tagged.row))
    tags.push_back({{"Key", tag.key()}, {"Value", tag.value()}});
  return json::object{{"Tags", std::move(tags)}};
}

}  // namespace kiban::services::events
