#include "services/events/destinations.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "api/codec.h"
#include "core/arn.h"
#include "patterns/input.h"
#include "services/base/pages.h"
#include "services/base/table_service.h"
#include "services/events/connections.h"
#include "services/events/http_calls.h"
#include "services/events/http_request.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
constexpr std::size_t destinations_max = 3'000;
constexpr std::int64_t rate_default = 300;  // Invocations per second.
constexpr std::int64_t timeout_seconds = 5;
constexpr std::size_t page_size = 100;
constexpr std::string_view resource_mark = "api-destination/";

// A row: as DescribeApiDestination shows it, but Arn, Created and Modified (ms), without a state.

std::unexpected<Error> not_found(std::string_view name) {
  return fail(
      "ResourceNotFoundException",
      fmt::format("Failed to describe the api-destination(s). An api-destination '{}' does not "
                  "exist.",
                  name));
}

Result<json::object> load(const Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (auto row = get_json(context, destination_key(context, name))) return *std::move(row);
  return not_found(name);
}

std::optional<json::object> find_destination(const Context& context, std::string_view arn) {
  const auto parsed = parse_arn(arn);
  if (!parsed || !is_destination_arn(arn)) return std::nullopt;
  std::string name = parsed->resource.substr(resource_mark.size());
  name = name.substr(0, name.find('/'));
  auto row = get_json(context, destination_key(context, name));
  if (!row || text(*row, "Arn") != arn) return std::nullopt;
  return row;
}

// It is inactive while its connection is not authorised, or gone.
std::string_view state_of(const Context& context, const json::object& row) {
  const auto connection = find_connection(context, text(row, "ConnectionArn"));
  return connection && text(*connection, "State") == "AUTHORIZED" ? "ACTIVE" : "INACTIVE";
}

json::object outlined(const Context& context, const json::object& row) {
  const auto seconds = [&](std::string_view member) {
    return epoch_seconds(Timestamp{Duration{number(row, member, 0)}});
  };
  return {{"ApiDestinationArn", row.at("Arn")},
          {"ApiDestinationState", state_of(context, row)},
          {"CreationTime", seconds("Created")},
          {"LastModifiedTime", seconds("Modified")}};
}

json::object shown(const Context& context, const json::object& row) {
  json::object out = outlined(context, row);
  for (const char* member : {"Name", "ConnectionArn", "InvocationEndpoint", "HttpMethod",
                             "InvocationRateLimitPerSecond"})
    if (row.contains(member)) out[member] = row.at(member);
  return out;
}

Result<void> check(const Context& context, const json::object& input) {
  if (const json::string* endpoint = find_string(input, "InvocationEndpoint")) {
    const std::string complaint = complaint_about(*endpoint);
    if (!complaint.empty())
      return invalid(
          fmt::format("Parameter InvocationEndpoint is not valid. Reason: {}.", complaint));
  }
  const std::string connection = text(input, "ConnectionArn");
  if (connection.empty() || find_connection(context, connection)) return {};
  return fail("ResourceNotFoundException",
              fmt::format("Connection '{}' does not exist.", connection));
}

void take(json::object& row, const json::object& input) {
  for (const char* member : {"Description", "ConnectionArn", "InvocationEndpoint", "HttpMethod",
                             "InvocationRateLimitPerSecond"})
    if (input.contains(member)) row[member] = input.at(member);
}

// A value of HttpParameters may be a path into the event.
std::string value_in(const json::object& event, const json::value& value) {
  std::string given = value.is_string() ? to_string(value.get_string()) : print_json(value);
  if (!given.starts_with("$.")) return given;
  const auto path = patterns::EventPath::parse(given);
  const auto found = path ? path->read(json::value(event)) : std::nullopt;
  if (!found) return path ? std::string() : given;
  return found->is_string() ? to_string(found->get_string()) : print_json(*found);
}

// The wildcards of the endpoint, in their order.
std::string with_path_values(std::string endpoint, const json::object& parameters,
                             const json::object& event) {
  const json::array* values = find_array(parameters, "PathParameterValues");
  std::size_t at = 0;
  for (const json::value& value : values ? *values : json::array{}) {
    at = endpoint.find('*', at);
    if (at == std::string::npos) break;
    const std::string text_of_value = api::encode_uri(value_in(event, value));
    endpoint.replace(at, 1, text_of_value);
    at += text_of_value.size();
  }
  return endpoint;
}

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html#eb-api-destination-headers
json::object call_of(const Context& context, const Delivery& delivery,
                     const json::object& destination) {
  const json::object* given = find_object(delivery.target, "HttpParameters");
  const json::object parameters = given ? *given : json::object{};
  json::object headers;
  json::object query;
  if (const json::object* asked = find_object(parameters, "HeaderParameters"))
    for (const auto& [name, value] : *asked) headers[name] = value_in(delivery.event, value);
  if (const json::object* asked = find_object(parameters, "QueryStringParameters"))
    for (const auto& [name, value] : *asked) query[name] = value_in(delivery.event, value);
  return {{"ConnectionArn", destination.at("ConnectionArn")},
          {"Method", destination.at("HttpMethod")},
          {"Url",
           with_path_values(text(destination, "InvocationEndpoint"), parameters, delivery.event)},
          {"Headers", std::move(headers)},
          {"Query", std::move(query)},
          {"BodyText", delivery.input},
          {"ContentType", "application/json; charset=utf-8"},
          {"Fixed",
           {{"User-Agent", "Amazon/EventBridge/ApiDestinations"},
            {"Range", "bytes=0-1048575"},
            {"Accept-Encoding", "gzip,deflate"}}},
          {"TimeoutSeconds", timeout_seconds},
          {"Deauthorizes", true},
          {"Owner",
           {{"Service", "events"},
            {"Operation", delivered_operation},
            {"Region", context.caller().region},
            {"Account", context.caller().account},
            {"Payload", to_json(context, delivery)}}}};
}

// Which of AWS's codes an answer gets is our reading of their names.
Failure failure_of(const Error& error) {
  const bool permanent =
      error.name == "States.Runtime" || error.name == "ResourceNotFoundException";
  const bool denied =
      error.name.starts_with("AccessDenied") || error.name.ends_with(".AccessDenied");
  return {.code = permanent ? "INVALID_PARAMETER"
                  : denied  ? "NO_PERMISSIONS"
                            : "CONNECTION_FAILURE",
          .message = error.cause,
          .may_pass = !permanent && !denied};
}

// Seconds; what is no number is left alone.
std::optional<std::int64_t> retry_after(const json::object& reply) {
  const json::array* headers = find_array(reply, "Headers");
  for (const json::value& header : headers ? *headers : json::array{}) {
    const std::string_view name = header.at(0).as_string();
    if (!std::ranges::equal(name, std::string_view("retry-after"), {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }))
      continue;
    const std::string_view value = header.at(1).as_string();
    std::int64_t seconds = 0;
    const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    if (code == std::errc() && end == value.data() + value.size()) return seconds;
  }
  return std::nullopt;
}

std::optional<Failure> failure_in(const json::object& reply) {
  const std::string error = text(reply, "Error");
  if (!error.empty()) {
    if (error.starts_with("Events.") || error.starts_with("States."))
      return failure_of({error, text(reply, "Cause")});
    return Failure{.code = error == "TimedOut" ? "TIMEOUT" : "CONNECTION_FAILURE",
                   .message = text(reply, "Cause")};
  }
  const std::int64_t status = number(reply, "Status", 0);
  if (status >= 200 && status < 300) return std::nullopt;
  Failure failure{.code = status == 429                                     ? "THROTTLING"
                          : status == 401 || status == 403 || status == 407 ? "NO_PERMISSIONS"
                                                                            : "ERROR_FROM_TARGET",
                  .message = fmt::format("HTTP {} {}", status, text(reply, "Reason"))};
  failure.may_pass =
      status == 401 || status == 407 || status == 409 || status == 429 || status >= 500;
  if (const auto seconds = retry_after(reply)) {
    if (*seconds < 0) failure.may_pass = false;
    failure.not_before = std::chrono::seconds{std::clamp<std::int64_t>(*seconds, 0, 86'400)};
  }
  return failure;
}

}  // namespace

bool is_destination_arn(std::string_view text) {
  const auto arn = parse_arn(text);
  return arn && arn->service == "events" && arn->resource.starts_with(resource_mark);
}

Result<json::object> create_destination(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  KIBAN_TRY_VOID(check(context, input));
  if (context.get(destination_key(context, name)))
    return fail("ResourceAlreadyExistsException",
                fmt::format("An api-destination '{}' already exists.", name));
  if (context.scan(destination_key(context, ""), {}, destinations_max).size() >= destinations_max)
    return fail("LimitExceededException",
                "The requested resource exceeds the maximum number allowed.");
  const std::int64_t now = context.now().time_since_epoch().count();
  json::object row{
      {"Name", name},
      {"Arn", make_arn(context, "events",
                       fmt::format("{}{}/{}", resource_mark, name, context.random().uuid()))},
      {"InvocationRateLimitPerSecond", rate_default},
      {"Created", now},
      {"Modified", now}};
  take(row, input);
  put_json(context, destination_key(context, name), row);
  return outlined(context, row);
}

Result<json::object> update_destination(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, input));
  KIBAN_TRY_VOID(check(context, input));
  take(row, input);
  row["Modified"] = context.now().time_since_epoch().count();
  put_json(context, destination_key(context, text(row, "Name")), row);
  return outlined(context, row);
}

Result<json::object> describe_destination(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, input));
  json::object out = shown(context, row);
  if (row.contains("Description")) out["Description"] = row.at("Description");
  return out;
}

Result<json::object> list_destinations(Context& context, const json::object& input) {
  const std::string connection = text(input, "ConnectionArn");
  const auto limit = static_cast<std::size_t>(number(input, "Limit", page_size));
  KIBAN_TRY(Page page,
            page_of_rows(context, destination_key(context, text(input, "NamePrefix")), limit,
                         find_string(input, "NextToken"),
                         [&](const store::Row& stored) -> std::optional<json::value> {
                           const json::object row = object_of(stored.key, stored.value);
                           if (!connection.empty() && text(row, "ConnectionArn") != connection)
                             return std::nullopt;
                           return shown(context, row);
                         }));
  json::object reply{{"ApiDestinations", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

Result<json::object> delete_destination(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, input));
  context.erase(destination_key(context, text(row, "Name")));
  context.erase(region_key(context, "pace/" + text(row, "Name")));
  return json::object{};
}

Result<Timestamp> turn_of(Context& context, const Delivery& delivery) {
  const auto destination = find_destination(context, text(delivery.target, "Arn"));
  if (!destination || delivery.admitted) return context.now();
  const std::int64_t rate = number(*destination, "InvocationRateLimitPerSecond", rate_default);
  const std::string key = region_key(context, "pace/" + text(*destination, "Name"));
  const json::object last = get_json(context, key).value_or(json::object{});
  std::int64_t second = context.now().time_since_epoch().count() / 1000;
  std::int64_t calls = 1;
  if (number(last, "Second", 0) >= second) {
    second = number(last, "Second", 0);
    calls = number(last, "Calls", 0) + 1;
    if (calls > rate) {
      ++second;
      calls = 1;
    }
  }
  put_json(context, key, {{"Second", second}, {"Calls", calls}});
  return std::max(context.now(), Timestamp{Duration{second * 1000}});
}

std::optional<Failure> call_destination(Context& context, const Delivery& delivery) {
  const std::string arn = text(delivery.target, "Arn");
  const auto destination = find_destination(context, arn);
  if (!destination)
    return Failure{.code = "NO_RESOURCE",
                   .message = fmt::format("API destination {} does not exist.", arn),
                   .may_pass = false};
  const auto as =
      caller_for(context, {.rule_name = text(delivery.rule, "Name"),
                           .rule_arn = rule_arn(context, text(delivery.rule, "EventBusName"),
                                                text(delivery.rule, "Name")),
                           .target = delivery.target});
  if (!as)
    return Failure{.code = "FAILED_TO_ASSUME_ROLE", .message = as.error().cause, .may_pass = false};
  const auto begun =
      context.call("events", invoke_operation,
                   {{"Arn", arn}, {"Call", call_of(context, delivery, *destination)}}, *as);
  if (begun) return std::nullopt;
  return failure_of(begun.error());
}

Result<json::object> invoke_destination(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(context.authorise("events:InvokeApiDestination", text(input, "Arn")));
  // The secret is EventBridge's own to read.
  return context.call("events", call_operation, input.at("Call").as_object(),
                      events_caller(context.caller().account, context.caller().region));
}

void on_delivered(Context& context, const json::object& input) {
  conclude(context, delivery_from(input.at("Payload").as_object()),
           failure_in(input.at("Reply").as_object()));
}

}  // namespace kiban::services::events
