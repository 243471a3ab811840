#include "services/lambda/events.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/arn.h"
#include "services/lambda/destinations.h"

namespace kiban::services::lambda {
namespace {

// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html: "Lambda waits
// one minute before the first retry, and two minutes before the second"; "the retry interval
// increases exponentially from one second after the first attempt to a maximum of five minutes".
constexpr std::int64_t retries_default = 2;
constexpr std::int64_t age_seconds_default = 21'600;
constexpr Duration retry_step = std::chrono::minutes{1};
constexpr Duration throttle_first = std::chrono::seconds{1};
constexpr Duration throttle_longest = std::chrono::minutes{5};

std::string event_key(std::string_view id) { return fmt::format("lambda/event/{}", id); }

FunctionName function_of(const json::object& row) {
  return {.name = text(row, "Function"), .qualifier = text(row, "Qualifier")};
}

std::string config_key(const Context& context, const FunctionName& function) {
  return qualified_key(context, "event-config", function.name,
                       function.qualifier.empty() ? latest : std::string_view(function.qualifier));
}
json::object config_of(const Context& context, const FunctionName& function) {
  return get_json(context, config_key(context, function)).value_or(json::object{});
}

void try_later(Context& context, const std::string& id, Duration delay) {
  context.set_timer("lambda", fmt::format("event/{}", id), context.now() + delay,
                    {{"Kind", "event"}, {"RequestId", id}});
}

void try_after_throttle(Context& context, const std::string& id, json::object row) {
  const std::int64_t throttles = number(row, "Throttles");
  Duration delay = throttle_first;
  for (std::int64_t i = 0; i < throttles && delay < throttle_longest; ++i) delay *= 2;
  row["Throttles"] = throttles + 1;
  put_json(context, event_key(id), row);
  try_later(context, id, std::min(delay, throttle_longest));
}

void give_up(Context& context, const std::string& id, const json::object& row,
             std::string_view condition, const json::object& outcome) {
  context.erase(event_key(id));
  const FunctionName function = function_of(row);
  count_metric(context, "AsyncEventsDropped", "Count", function.name);
  tell_failure(context, {.id = id,
                         .function = function,
                         .payload = text(row, "Payload"),
                         .attempts = number(row, "Attempts"),
                         .condition = std::string(condition),
                         .outcome = outcome,
                         .config = config_of(context, function)});
}

bool too_old(const Context& context, const json::object& row) {
  const std::int64_t age =
      number(config_of(context, function_of(row)), "MaximumEventAgeInSeconds", age_seconds_default);
  const Timestamp received{Duration{number(row, "Received")}};
  return context.now() - received > std::chrono::seconds{age};
}

// What AWS answers when the service failed, not the function: the event is tried for as long as it
// may wait.
bool is_system_error(const json::object& outcome) {
  const json::object* error = find_object(outcome, "Error");
  if (!error) return false;
  const std::string code = text(*error, "Code");
  return code == "TooManyRequestsException" || code == "ServiceException";
}

// --- Event invoke config
// ---------------------------------------------------------------------------

Result<FunctionName> load_subject(Context& context, const json::object& input) {
  KIBAN_TRY(FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  KIBAN_TRY_VOID(load_version(context, function));
  return function;
}

std::unexpected<Error> no_config(const Context& context, const FunctionName& function) {
  return not_found(
      fmt::format("The function {} doesn't have an EventInvokeConfig",
                  function_arn(context, function.name,
                               function.qualifier.empty() ? latest : function.qualifier)));
}

Result<void> check_destinations(const json::object& input) {
  const json::object* config = find_object(input, "DestinationConfig");
  for (const char* member : {"OnSuccess", "OnFailure"}) {
    const json::object* end = config ? find_object(*config, member) : nullptr;
    const std::string destination = end ? text(*end, "Destination") : "";
    if (destination.empty()) continue;
    const auto arn = parse_arn(destination);
    if (!arn || !is_destination(*arn))
      return invalid(fmt::format(
          "kiban does not deliver to the destination {}: it serves SQS, SNS, Lambda and "
          "EventBridge",
          destination));
    if (arn->resource.ends_with(".fifo"))
      return invalid(
          fmt::format("The provided destination config DestinationConfig({}={}) is invalid: FIFO "
                      "destinations are not supported.",
                      member, destination));
  }
  return {};
}

Result<json::object> put_config(Context& context, const json::object& input,
                                const json::object& before) {
  KIBAN_TRY(const FunctionName function, load_subject(context, input));
  KIBAN_TRY_VOID(check_destinations(input));
  json::object config = before;
  for (const char* member :
       {"MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"})
    if (const json::value* given = find(input, member)) config[member] = *given;
  if (!config.contains("DestinationConfig"))
    config["DestinationConfig"] = {{"OnSuccess", json::object{}}, {"OnFailure", json::object{}}};
  config["LastModified"] = epoch_seconds(context.now());
  config["FunctionArn"] =
      function_arn(context, function.name,
                   function.qualifier.empty() ? latest : std::string_view(function.qualifier));
  put_json(context, config_key(context, function), config);
  return config;
}

Result<json::object> create_config(Context& context, const json::object& input) {
  return put_config(context, input, {});
}
Result<json::object> update_config(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, load_subject(context, input));
  const auto before = get_json(context, config_key(context, function));
  if (!before) return no_config(context, function);
  return put_config(context, input, *before);
}
Result<json::object> get_config(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, load_subject(context, input));
  auto config = get_json(context, config_key(context, function));
  if (!config) return no_config(context, function);
  return *std::move(config);
}
Result<json::object> delete_config(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, load_subject(context, input));
  const std::string key = config_key(context, function);
  if (!context.get(key)) return no_config(context, function);
  context.erase(key);
  return json::object{};
}
Result<json::object> list_configs(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  json::array all;
  for (json::object& config :
       list_json(context, qualified_key(context, "event-config", function.name, "")))
    all.emplace_back(std::move(config));
  return reply_page(input, "FunctionEventInvokeConfigs", all);
}

}  // namespace

void accept_event(Context& context, const Invocation& invocation) {
  count_metric(context, "AsyncEventsReceived", "Count", invocation.function.name);
  put_json(context, event_key(invocation.id),
           {{"Region", context.caller().region},
            {"Account", context.caller().account},
            {"Function", invocation.function.name},
            {"Qualifier", invocation.function.qualifier},
            {"Payload", invocation.payload},
            {"ClientContext", invocation.client_context},
            {"Received", context.now().time_since_epoch().count()},
            {"Attempts", 0},
            {"Throttles", 0}});
  try_event(context, invocation.id);
}

void try_event(Context& context, const std::string& id) {
  auto row = get_json(context, event_key(id));
  if (!row) return;
  if (too_old(context, *row)) return give_up(context, id, *row, "EventAgeExceeded", {});
  const FunctionName function = function_of(*row);
  const auto begun = begin(context, {.id = id,
                                     .function = function,
                                     .kind = "event",
                                     .invoked_by = "event",
                                     .payload = text(*row, "Payload"),
                                     .client_context = text(*row, "ClientContext")});
  if (!begun && begun.error().name == "TooManyRequestsException")
    return try_after_throttle(context, id, *std::move(row));
  if (!begun) return context.erase(event_key(id));  // The function was deleted.
  const Timestamp received{Duration{number(*row, "Received")}};
  count_metric(context, "AsyncEventAge", "Milliseconds", function.name,
               static_cast<double>((context.now() - received).count()));
  (*row)["Attempts"] = number(*row, "Attempts") + 1;
  put_json(context, event_key(id), *row);
}

void event_ended(Context& context, const std::string& id, const json::object& outcome) {
  auto row = get_json(context, event_key(id));
  if (!row) return;
  const FunctionName function = function_of(*row);
  const json::object config = config_of(context, function);
  if (!has_failed(outcome)) {
    context.erase(event_key(id));
    return tell_success(context, {.id = id,
                                  .function = function,
                                  .payload = text(*row, "Payload"),
                                  .attempts = number(*row, "Attempts"),
                                  .condition = "Success",
                                  .outcome = outcome,
                                  .config = config});
  }
  if (is_system_error(outcome)) {
    (*row)["Attempts"] = number(*row, "Attempts") - 1;
    return try_after_throttle(context, id, *std::move(row));
  }
  const std::int64_t attempts = number(*row, "Attempts");
  if (attempts > number(config, "MaximumRetryAttempts", retries_default))
    return give_up(context, id, *row, "RetriesExhausted", outcome);
  try_later(context, id, retry_step * attempts);
}

OperationTable event_config_operations() {
  return {{"DeleteFunctionEventInvokeConfig", delete_config},
          {"GetFunctionEventInvokeConfig", get_config},
          {"ListFunctionEventInvokeConfigs", list_configs},
          {"PutFunctionEventInvokeConfig", create_config},
          {"UpdateFunctionEventInvokeConfig", update_config}};
}

}  // namespace kiban::services::lambda
