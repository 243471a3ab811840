#include "services/lambda/invocations.h"

#include <fmt/format.h>

#include <utility>

#include "api/codec.h"
#include "core/utf8.h"
#include "services/lambda/concurrency.h"
#include "services/lambda/credentials.h"
#include "services/lambda/events.h"
#include "services/lambda/host.h"
#include "services/lambda/mappings.h"
#include "services/lambda/permissions.h"
#include "services/lambda/versions.h"

namespace kiban::services::lambda {
namespace {

// Beyond the function's own time: to start an environment, and for its queue on the host.
constexpr Duration reply_margin = std::chrono::minutes{5};
// A result that was not fetched, as its caller left.
constexpr Duration result_kept = std::chrono::minutes{1};

// Of one PutLogEvents.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
constexpr std::size_t lines_max = 10'000;
constexpr std::size_t lines_bytes_max = 1'048'576;
constexpr std::size_t line_overhead = 26;

constexpr std::string_view throttled = "TooManyRequestsException";
constexpr std::string_view throttled_operation = "kiban:Throttled";
constexpr std::string_view await_operation = "kiban:AwaitInvocation";

std::string invocation_key(std::string_view id) { return fmt::format("lambda/invocation/{}", id); }
std::string result_key(std::string_view id) { return fmt::format("lambda/result/{}", id); }
std::string folder_key(std::string_view name) { return fmt::format("lambda/code-dir/{}", name); }
std::string channel_of(std::string_view id) { return fmt::format("lambda/invocation/{}", id); }

void copy(json::object& to, const json::object& from, std::string_view member) {
  if (const json::value* value = find(from, member)) to[member] = *value;
}

// Layers that were deleted since are kept by their archives.
json::array layers_of(const json::object& version) {
  json::array out;
  const json::array* layers = find_array(version.at("Shown").as_object(), "Layers");
  const json::object* digests = find_object(version, "LayerDigests");
  for (const json::value& layer : layers ? *layers : json::array{})
    out.push_back({{"Arn", layer.at("Arn")},
                   {"Digest", digests ? digests->at(layer.at("Arn").as_string()) : json::value()},
                   {"Size", layer.at("CodeSize")}});
  return out;
}

json::object config_of(const Context& context, const json::object& owner,
                       const json::object& version) {
  const json::object& shown = version.at("Shown").as_object();
  const json::object& code = version.at("Code").as_object();
  json::object config{{"PackageType", shown.at("PackageType")},
                      {"MemorySize", shown.at("MemorySize")},
                      {"Timeout", shown.at("Timeout")},
                      {"EphemeralStorage", shown.at("EphemeralStorage").at("Size")},
                      {"Role", shown.at("Role")},
                      {"RevisionId", shown.at("RevisionId")},
                      {"LogGroup", shown.at("LoggingConfig").at("LogGroup")},
                      {"LogFormat", shown.at("LoggingConfig").at("LogFormat")},
                      {"Architecture", shown.at("Architectures").at(0)},
                      {"TracingMode", shown.at("TracingConfig").at("Mode")},
                      {"Layers", layers_of(version)}};
  for (const char* member : {"Runtime", "Handler"}) copy(config, shown, member);
  copy(config, owner, "Concurrency");
  const json::object* environment = find_object(shown, "Environment");
  config["Environment"] = environment ? environment->at("Variables") : json::value(json::object{});
  if (code.contains("Uri")) {
    json::object image{{"Uri", code.at("Uri")},
                       {"Repository", code.at("Repository")},
                       {"Digest", code.at("ImageDigest")},
                       {"Manifest", code.at("ImageManifest")}};
    if (const json::object* given = find_object(shown, "ImageConfigResponse"))
      for (const char* member : {"EntryPoint", "Command", "WorkingDirectory"})
        copy(image, given->at("ImageConfig").as_object(), member);
    config["Image"] = std::move(image);
  } else {
    config["CodeDigest"] = code.at("Digest");
    config["CodeSize"] = code.at("Size");
    if (const auto folder = context.get(folder_key(text(owner, "Name"))))
      config["CodeDir"] = *folder;
  }
  return config;
}

// --- Invoke
// ----------------------------------------------------------------------------------------

// The request's payload; {} when there is none.
Result<std::string> read_payload(const json::object& input, std::size_t bytes_max,
                                 std::string_view type) {
  const auto bytes = api::decode_base64(text(input, "Payload"));
  if (!bytes || bytes->empty()) return "{}";
  // The text is AWS's: https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
  if (bytes->size() > bytes_max)
    return fail("RequestTooLargeException",
                fmt::format("{} byte payload is too large for the {} invocation type (limit {} "
                            "bytes)",
                            bytes->size(), type, bytes_max));
  const auto document = parse_json(*bytes);
  if (document) return *bytes;
  return fail("InvalidRequestContentException",
              fmt::format("Could not parse request body into json: {}",
                          is_utf8(*bytes) ? document.error().cause : "it is not UTF-8"));
}

// X-Amz-Client-Context: base64 of JSON, 3,583 bytes at most.
// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
Result<std::string> read_client_context(const json::object& input) {
  const std::string given = text(input, "ClientContext");
  constexpr std::size_t context_bytes_max = 3'583;
  if (given.empty()) return std::string();
  const auto decoded = api::decode_base64(given);
  if (given.size() <= context_bytes_max && decoded && parse_json(*decoded)) return *decoded;
  return fail("InvalidRequestContentException",
              "Client context must be a valid Base64-encoded JSON object.");
}

Result<json::object> invoke(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, read_name(context, input));
  for (const char* member : {"DurableExecutionName", "TenantId"})
    if (input.contains(member))
      return invalid(fmt::format("kiban does not support {} of Lambda invocations", member));
  KIBAN_TRY_VOID(
      context.decide({.action = "lambda:InvokeFunction", .resource = arn_of(context, function)}));
  KIBAN_TRY_VOID(load_function(context, function));
  KIBAN_TRY_VOID(load_version(context, function));
  const std::string type = text(input, "InvocationType", "RequestResponse");
  const bool is_event = type == "Event";
  KIBAN_TRY(std::string payload,
            read_payload(input, is_event ? event_payload_bytes_max : sync_payload_bytes_max, type));
  KIBAN_TRY(std::string client, read_client_context(input));
  if (type == "DryRun") return json::object{{"StatusCode", 204}};
  Invocation invocation{.id = context.random().uuid(),
                        .function = function,
                        .kind = "sync",
                        .invoked_by = "client",
                        .payload = std::move(payload),
                        .client_context = std::move(client)};
  if (is_event) {
    accept_event(context, invocation);
    return json::object{{"StatusCode", 202}};
  }
  invocation.more = {{"Tail", text(input, "LogType") == "Tail"}};
  if (context.last_attempt()) {
    // Called by another service, which cannot defer: it goes on when it hears of the end.
    invocation.kind = "task";
    invocation.invoked_by = "states";
    KIBAN_TRY_VOID(begin(context, invocation));
    return json::object{{"kiban:Awaits", invocation.id}};
  }
  if (const auto begun = begin(context, invocation); !begun) {
    if (begun.error().name != throttled) return std::unexpected(begun.error());
    context.reply_with(throttled_operation, {});  // The metric stays, which an error would undo.
    return json::object{};
  }
  KIBAN_TRY(const json::object version, load_version(context, function));
  const std::int64_t seconds = number(version.at("Shown").as_object(), "Timeout");
  const Timestamp until = context.now() + std::chrono::seconds{seconds} + reply_margin;
  context.reply_with(await_operation,
                     {{"RequestId", invocation.id}, {"Until", until.time_since_epoch().count()}});
  return json::object{};
}

// What the caller of Invoke gets of an outcome.
Result<json::object> reply_of(const json::object& outcome, bool tail) {
  if (const json::object* error = find_object(outcome, "Error"))
    return fail(text(*error, "Code"), text(*error, "Message"));
  json::object reply{{"StatusCode", 200},
                     {"ExecutedVersion", text(outcome, "Version")},
                     {"Payload", api::encode_base64(text(outcome, "Payload"))}};
  copy(reply, outcome, "FunctionError");
  if (tail) reply["LogResult"] = api::encode_base64(text(outcome, "LogTail"));
  return reply;
}

Result<json::object> await_invocation(Context& context, const json::object& input) {
  const std::string id = text(input, "RequestId");
  if (auto result = get_json(context, result_key(id))) {
    context.erase(result_key(id));
    context.cancel_timer("lambda", result_key(id));
    return reply_of(result->at("Outcome").as_object(), flag(*result, "Tail"));
  }
  if (context.last_attempt()) return fail("ServiceException", "The function did not end in time.");
  context.defer(channel_of(id), Timestamp{Duration{number(input, "Until")}});
  return json::object{};
}

// --- Outcomes
// --------------------------------------------------------------------------------------

// One batch of PutLogEvents as the function's role; without a group or stream it is made. What the
// role may not do stays undone: the function runs, and its lines are nowhere.
// https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html
void put_lines(Context& context, const std::string& group, const std::string& stream,
               json::array events, const Caller& as) {
  const json::object request{
      {"logGroupName", group}, {"logStreamName", stream}, {"logEvents", std::move(events)}};
  const auto written = context.call("logs", "PutLogEvents", request, as);
  if (written || written.error().name != "ResourceNotFoundException") return;
  const json::object in_group{{"logGroupName", group}, {"logStreamName", stream}};
  auto made = context.call("logs", "CreateLogStream", in_group, as);
  if (!made && made.error().name == "ResourceNotFoundException" &&
      context.call("logs", "CreateLogGroup", {{"logGroupName", group}}, as))
    made = context.call("logs", "CreateLogStream", in_group, as);
  if (made) (void)context.call("logs", "PutLogEvents", request, as);
}

void write_logs(Context& context, const json::object& payload, const json::object& outcome) {
  const json::array* lines = find_array(outcome, "Logs");
  if (!lines || lines->empty()) return;
  const json::object& config = payload.at("Config").as_object();
  const auto as = caller_of(context, text(payload, "FunctionName"), text(config, "Role"));
  if (!as) return;
  const std::string group = text(config, "LogGroup");
  const std::string stream = text(outcome, "LogStream");
  json::array events;
  std::size_t bytes = 0;
  for (const json::value& line : *lines) {
    const std::size_t size = line.at("Message").as_string().size() + line_overhead;
    if (!events.empty() && (events.size() == lines_max || bytes + size > lines_bytes_max)) {
      put_lines(context, group, stream, std::exchange(events, {}), *as);
      bytes = 0;
    }
    events.push_back({{"timestamp", line.at("Timestamp")}, {"message", line.at("Message")}});
    bytes += size;
  }
  put_lines(context, group, stream, std::move(events), *as);
}

// What AWS answers for a response that is too large.
void bound_payload(json::object& outcome) {
  if (text(outcome, "Payload").size() <= sync_payload_bytes_max) return;
  outcome["FunctionError"] = "Unhandled";
  outcome["Payload"] = print_json(json::object{
      {"errorMessage", fmt::format("Response payload size exceeded maximum allowed payload size "
                                   "({} bytes).",
                                   sync_payload_bytes_max)},
      {"errorType", "Function.ResponseSizeTooLarge"}});
}

void keep_result(Context& context, const std::string& id, const json::object& row,
                 json::object outcome) {
  put_json(context, result_key(id), {{"Outcome", std::move(outcome)}, {"Tail", flag(row, "Tail")}});
  context.set_timer("lambda", result_key(id), context.now() + result_kept,
                    {{"Kind", "forget"}, {"Key", result_key(id)}});
  context.notify(channel_of(id));
}

void tell_states(Context& context, const std::string& id, json::object outcome) {
  (void)context.call("states", "kiban:Ended",
                     {{"Source", "aws.lambda"}, {"Resource", id}, {"Detail", std::move(outcome)}},
                     {.account = context.caller().account,
                      .region = context.caller().region,
                      .arn = std::string(principal)});
}

void count_end(Context& context, const std::string& name, const json::object& outcome) {
  if (find_object(outcome, "Error")) return;  // It was not run.
  count_metric(context, "Invocations", "Count", name);
  count_metric(context, "Errors", "Count", name, has_failed(outcome) ? 1 : 0);
  if (const json::value* took = find(outcome, "DurationMs"))
    count_metric(context, "Duration", "Milliseconds", name, took->to_number<double>());
}

}  // namespace

json::object environment_of(Context& context, const json::object& owner,
                            const json::object& version) {
  const json::object& shown = version.at("Shown").as_object();
  const std::string name = text(owner, "Name");
  json::object out{{"FunctionArn", function_arn(context, name, text(shown, "Version"))},
                   {"FunctionName", name},
                   {"Version", shown.at("Version")},
                   {"Config", config_of(context, owner, version)}};
  if (auto credentials = credentials_of(context, name, text(shown, "Role")))
    out["Credentials"] = *std::move(credentials);
  return out;
}

Result<void> begin(Context& context, const Invocation& invocation) {
  FunctionName chosen = invocation.function;
  KIBAN_TRY(const json::object owner, load_function(context, chosen));
  if (!chosen.qualifier.empty() && !is_version(chosen.qualifier)) {
    const auto alias =
        get_json(context, qualified_key(context, "alias", chosen.name, chosen.qualifier));
    if (!alias)
      return not_found(fmt::format("Function not found: {}", arn_of(context, invocation.function)));
    chosen.qualifier = choose_version(context, *alias);
  }
  KIBAN_TRY(const json::object version, load_version(context, chosen));
  const auto pool = take_room(context, owner);
  if (!pool) {
    count_metric(context, "Throttles", "Count", chosen.name);
    return std::unexpected(pool.error());
  }
  json::object row = invocation.more;
  row["Region"] = context.caller().region;
  row["Account"] = context.caller().account;
  row["Function"] = chosen.name;
  row["Version"] = version.at("Shown").at("Version");
  row["Qualifier"] = invocation.function.qualifier;
  row["Kind"] = invocation.kind;
  row["Pool"] = *pool == Pool::Reserved ? "reserved" : "shared";
  put_json(context, invocation_key(invocation.id), row);
  json::object payload = environment_of(context, owner, version);
  payload["RequestId"] = invocation.id;
  payload["InvokedFunctionArn"] = arn_of(context, invocation.function);
  payload["InvokedBy"] = invocation.invoked_by;
  payload["Payload"] = invocation.payload;
  if (!invocation.client_context.empty()) payload["ClientContext"] = invocation.client_context;
  if (!invocation.trace.empty()) payload["TraceHeader"] = invocation.trace;
  context.perform({.service = "lambda",
                   .kind = std::string(invoke_effect),
                   .id = invocation.id,
                   .payload = std::move(payload)});
  return {};
}

void keep_code_folders(Context& context, const std::map<std::string, std::string>& folders) {
  for (const store::Row& row : context.scan(folder_key(""))) context.erase(row.key);
  for (const auto& [name, folder] : folders) context.put(folder_key(name), folder);
}

void on_invoked(Context& context, const json::object& payload, const Outcome& told) {
  write_logs(context, payload, told.payload);
  if (!told.final) return;
  const auto row = get_json(context, invocation_key(told.id));
  if (!row) return;  // It was abandoned.
  context.erase(invocation_key(told.id));
  const std::string name = text(*row, "Function");
  give_room_back(context, name, text(*row, "Pool") == "reserved" ? Pool::Reserved : Pool::Shared);
  json::object outcome = told.payload;
  outcome.erase("Logs");
  outcome["Version"] = row->at("Version");
  bound_payload(outcome);
  count_end(context, name, outcome);
  const std::string kind = text(*row, "Kind");
  if (kind == "event")
    event_ended(context, told.id, outcome);
  else if (kind == "mapping")
    batch_ended(context, *row, outcome);
  else if (kind == "task")
    tell_states(context, told.id, std::move(outcome));
  else
    keep_result(context, told.id, *row, std::move(outcome));
  room_came_back(context, name);
}

void abandon_lost(Context& context) {
  json::array lost;
  constexpr std::string_view prefix = "lambda/invocation/";
  for (const store::Row& kept : context.scan(prefix)) {
    const json::object row = object_of(kept.key, kept.value);
    if (text(row, "Kind") != "sync") continue;
    lost.emplace_back(kept.key.substr(prefix.size()));
    context.erase(kept.key);
    (void)context.call("lambda", "kiban:GiveRoomBack", row,
                       {.account = text(row, "Account"),
                        .region = text(row, "Region"),
                        .arn = std::string(principal)});
  }
  if (lost.empty()) return;
  context.perform({.service = "lambda",
                   .kind = std::string(abandon_effect),
                   .id = "abandon",
                   .payload = {{"RequestIds", std::move(lost)}}});
}

bool has_failed(const json::object& outcome) {
  return outcome.contains("FunctionError") || outcome.contains("Error");
}

void count_metric(Context& context, std::string_view name, std::string_view unit,
                  std::string_view function, double value) {
  context.count({.metric_namespace = "AWS/Lambda",
                 .name = name,
                 .unit = unit,
                 .dimensions = {{"FunctionName", std::string(function)}},
                 .value = value});
}

OperationTable invocation_operations() {
  return {
      {"Invoke", invoke},
      {await_operation, await_invocation},
      {throttled_operation,
       [](Context&, const json::object&) -> Result<json::object> {
         return fail(std::string(throttled), std::string(rate_exceeded));
       }},
      {"kiban:GiveRoomBack", [](Context& context, const json::object& row) -> Result<json::object> {
         give_room_back(context, text(row, "Function"),
                        text(row, "Pool") == "reserved" ? Pool::Reserved : Pool::Shared);
         return json::object{};
       }}};
}

}  // namespace kiban::services::lambda
