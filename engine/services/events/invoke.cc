#include "services/events/invoke.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/codec.h"
#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/events/delivery.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

constexpr std::size_t session_name_max = 64;

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Which of AWS's codes an error of a target gets is documented by name alone; what each covers is
// our reading. "For errors that result from missing permissions to a target, or if a target
// resource no longer exists, no retry attempts will happen".
Failure classify(const Error& error) {
  struct Rule {
    std::string_view part{};
    std::string_view code{};
    bool may_pass{false};
  };
  static constexpr std::array<Rule, 15> rules{{
      {"AccessDenied", "NO_PERMISSIONS"},
      {"AuthorizationError", "NO_PERMISSIONS"},
      {"DoesNotExist", "NO_RESOURCE"},
      {"NotFound", "NO_RESOURCE"},
      {"AlreadyExists", "RESOURCE_ALREADY_EXISTS"},
      {"Throttl", "THROTTLING", true},
      {"TooManyRequests", "THROTTLING", true},
      {"LimitExceeded", "RESOURCE_LIMIT_EXCEEDED", true},
      {"Timeout", "TIMEOUT", true},
      {"UnknownOperation", "SDK_CLIENT_ERROR"},
      {"ClientException", "INVALID_PARAMETER"},
      {"Invalid", "INVALID_PARAMETER"},
      {"Validation", "INVALID_PARAMETER"},
      {"Missing", "INVALID_PARAMETER"},
      {"Unsupported", "INVALID_PARAMETER"},
  }};
  const auto* found = std::ranges::find_if(
      rules, [&](const Rule& rule) { return contains(error.name, rule.part); });
  const std::string message = fmt::format("{}: {}", error.name, error.cause);
  if (found == rules.end())
    return {.code = "ERROR_FROM_TARGET", .message = message, .may_pass = true};
  return {.code = std::string(found->code), .message = message, .may_pass = found->may_pass};
}

struct Call {
  std::string service{};
  std::string operation{};
  json::object input{};
};

// AWS names the executions that a rule starts after the event: EVENT-ID_UUID.
Call start_execution(Context& context, const Invocation& invocation) {
  return {"states",
          "StartExecution",
          {{"stateMachineArn", text(invocation.target, "Arn")},
           {"name", fmt::format("{}_{}", text(invocation.event, "id"), context.random().uuid())},
           {"input", invocation.input}}};
}

Call send_message(Context& context, const Invocation& invocation, const Arn& arn) {
  json::object input{
      {"QueueUrl", fmt::format("{}/{}/{}", context.endpoint(), arn.account, arn.resource)},
      {"MessageBody", invocation.input}};
  if (const json::object* parameters = find_object(invocation.target, "SqsParameters"))
    input["MessageGroupId"] = text(*parameters, "MessageGroupId");
  return {"sqs", "SendMessage", std::move(input)};
}

json::value lower_camel(const json::value& value) {
  if (const json::array* list = value.if_array()) {
    json::array out;
    for (const json::value& each : *list) out.push_back(lower_camel(each));
    return out;
  }
  const json::object* object = value.if_object();
  if (!object) return value;
  json::object out;
  for (const auto& member : *object) {
    std::string name(member.key());
    if (!name.empty() && name[0] >= 'A' && name[0] <= 'Z')
      name[0] = static_cast<char>(name[0] - 'A' + 'a');
    out[name] = lower_camel(member.value());
  }
  return out;
}

// EcsParameters become RunTask's parameters; an input with containerOverrides and the like becomes
// its overrides. https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_EcsParameters.html
Call run_task(const Invocation& invocation) {
  json::object input = lower_camel(invocation.target.at("EcsParameters")).as_object();
  input["taskDefinition"] = input.at("taskDefinitionArn");
  input.erase("taskDefinitionArn");
  if (input.contains("taskCount")) {
    input["count"] = input.at("taskCount");
    input.erase("taskCount");
  }
  input["cluster"] = text(invocation.target, "Arn");
  input["startedBy"] = fmt::format("events-rule/{}", invocation.rule_name);
  const auto given = parse_json(invocation.input);
  json::object overrides;
  if (given && given->is_object()) {
    for (const char* member :
         {"containerOverrides", "cpu", "memory", "taskRoleArn", "executionRoleArn",
          "ephemeralStorage", "inferenceAcceleratorOverrides"})
      if (given->get_object().contains(member)) overrides[member] = given->get_object().at(member);
  }
  if (!overrides.empty()) input["overrides"] = std::move(overrides);
  return {"ecs", "RunTask", std::move(input)};
}

Call invoke_function(const Invocation& invocation) {
  return {"lambda",
          "Invoke",
          {{"FunctionName", text(invocation.target, "Arn")},
           {"InvocationType", "Event"},
           {"Payload", api::encode_base64(invocation.input)}}};
}

// A template may give {"timestamp": ms, "message": text}.
Call put_log_event(const Context& context, const Invocation& invocation, std::string_view group,
                   std::string_view stream) {
  json::value timestamp = context.now().time_since_epoch().count();
  std::string message = invocation.input;
  const auto given = parse_json(invocation.input);
  if (given && given->is_object() && given->get_object().size() == 2) {
    const json::value* time = find(given->get_object(), "timestamp");
    const json::string* line = find_string(given->get_object(), "message");
    if (time && time->is_int64() && line) {
      timestamp = *time;
      message = to_string(*line);
    }
  }
  return {"logs",
          "PutLogEvents",
          {{"logGroupName", group},
           {"logStreamName", stream},
           {"logEvents", {{{"timestamp", timestamp}, {"message", message}}}}}};
}

std::optional<Failure> perform(Context& context, const Call& call, const Caller& as) {
  const auto reply = context.call(call.service, call.operation, call.input, as);
  if (!reply) return classify(reply.error());
  const json::array* failures = find_array(*reply, "failures");  // RunTask placed no task.
  if (failures && !failures->empty() && call.service == "ecs")
    return Failure{.code = "ERROR_FROM_TARGET", .message = print_json(*failures), .may_pass = true};
  return std::nullopt;
}

std::optional<Failure> write_log(Context& context, const Invocation& invocation, const Arn& arn,
                                 const Caller& as) {
  std::string group = arn.resource.substr(std::string_view("log-group:").size());
  if (group.ends_with(":*")) group.resize(group.size() - 2);
  // One stream a rule and day; AWS's names are opaque.
  const std::string stream =
      fmt::format("{}/{}", invocation.rule_name, format_iso8601(context.now()).substr(0, 10));
  const Call line = put_log_event(context, invocation, group, stream);
  auto failure = perform(context, line, as);
  if (!failure || failure->code != "NO_RESOURCE") return failure;
  failure = perform(
      context, {"logs", "CreateLogStream", {{"logGroupName", group}, {"logStreamName", stream}}},
      as);
  return failure ? failure : perform(context, line, as);
}

}  // namespace

Result<Caller> caller_for(Context& context, const Invocation& invocation) {
  KIBAN_TRY(const Arn arn, parse_arn(text(invocation.target, "Arn")));
  const std::string role = text(invocation.target, "RoleArn");
  if (role.empty()) return events_caller(arn.account, arn.region, invocation.rule_arn);
  const std::string session =
      fmt::format("AWSEvents_{}", invocation.rule_name).substr(0, session_name_max);
  KIBAN_TRY(Caller caller, context.assume({.role_arn = role,
                                           .principal = "events.amazonaws.com",
                                           .session_name = session,
                                           .source_arn = invocation.rule_arn,
                                           .acts_for = invocation.rule_arn}));
  caller.region = arn.region;
  return caller;
}

std::optional<Failure> invoke(Context& context, const Invocation& invocation) {
  const auto arn = parse_arn(text(invocation.target, "Arn"));
  if (!arn)
    return Failure{.code = "INVALID_PARAMETER", .message = arn.error().cause, .may_pass = false};
  if (arn->account != context.caller().account)  // No other account's resources are here.
    return Failure{.code = "NO_RESOURCE",
                   .message = fmt::format("{} does not exist", text(invocation.target, "Arn")),
                   .may_pass = false};
  const auto as = caller_for(context, invocation);
  if (!as)
    return Failure{.code = "FAILED_TO_ASSUME_ROLE", .message = as.error().cause, .may_pass = false};
  if (arn->service == "states") return perform(context, start_execution(context, invocation), *as);
  if (arn->service == "sqs") return perform(context, send_message(context, invocation, *arn), *as);
  if (arn->service == "sns")
    return perform(context,
                   {"sns",
                    "Publish",
                    {{"TopicArn", text(invocation.target, "Arn")}, {"Message", invocation.input}}},
                   *as);
  if (arn->service == "ecs") return perform(context, run_task(invocation), *as);
  if (arn->service == "lambda") return perform(context, invoke_function(invocation), *as);
  if (arn->service == "logs") return write_log(context, invocation, *arn, *as);
  if (arn->service != "events")
    return Failure{.code = "SDK_CLIENT_ERROR", .message = "not served by kiban", .may_pass = false};
  if (invocation.hops >= bus_hops_max)
    return Failure{.code = "ERROR_FROM_TARGET",
                   .message = fmt::format("the event went through {} buses", bus_hops_max),
                   .may_pass = false};
  constexpr std::string_view mark = "event-bus/";
  return perform(context,
                 {"events",
                  std::string(route_operation),
                  {{"Bus", arn->resource.substr(mark.size())},
                   {"Event", invocation.event},
                   {"Hops", invocation.hops + 1}}},
                 *as);
}

}  // namespace kiban::services::events
