#include "services/scheduler/targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "api/codec.h"
#include "api/validate.h"
#include "core/arn.h"
#include "core/letters.h"
#include "services/base/table_service.h"
#include "services/scheduler/names.h"
#include "services/scheduler/request.h"

namespace kiban::services::scheduler {
namespace {

constexpr std::string_view universal_prefix = "arn:aws:scheduler:::aws-sdk:";

struct Template {
  std::string_view service{};  // Of the ARN, and our folder.
  std::string_view resource{};
  std::string_view operation{};
  std::string_view parameters{};
  bool parameters_required{false};
};
constexpr std::array<Template, 6> templates{{
    {"states", "stateMachine:", "StartExecution"},
    {"ecs", "cluster/", "RunTask", "EcsParameters", true},
    {"lambda", "function:", "Invoke"},
    {"sqs", "", "SendMessage", "SqsParameters"},
    {"sns", "", "Publish"},
    {"events", "event-bus/", "PutEvents", "EventBridgeParameters", true},
}};
constexpr std::array<std::string_view, 5> parameter_members{
    "EcsParameters", "EventBridgeParameters", "KinesisParameters", "SageMakerPipelineParameters",
    "SqsParameters"};

// "EventBridge Scheduler does not support read-only API actions": managing-targets-universal.html
constexpr std::array<std::string_view, 24> read_only{"get",
                                                     "describe",
                                                     "list",
                                                     "poll",
                                                     "receive",
                                                     "search",
                                                     "scan",
                                                     "query",
                                                     "select",
                                                     "read",
                                                     "lookup",
                                                     "discover",
                                                     "validate",
                                                     "batchGet",
                                                     "batchDescribe",
                                                     "batchRead",
                                                     "transactGet",
                                                     "adminGet",
                                                     "adminList",
                                                     "testMigration",
                                                     "retrieve",
                                                     "testConnection",
                                                     "translateDocument",
                                                     "isAuthorized"};

struct Target {
  const Template* templated{nullptr};  // nullptr: universal.
  const api::Service* model{nullptr};
  const api::Operation* operation{nullptr};
  Arn arn{};
};

std::unexpected<Error> not_served(std::string_view what) {
  return invalid(
      fmt::format("kiban does not serve the target {}: it serves Step Functions, Lambda, ECS, SQS, "
                  "SNS, event buses, "
                  "and the operations of its services as universal targets",
                  what));
}

Result<Target> read_universal(std::string_view arn) {
  const std::string_view rest = arn.substr(universal_prefix.size());
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos)
    return invalid(fmt::format("Provided Arn is not in correct format: {}", arn));
  const std::string_view action = rest.substr(colon + 1);
  if (std::ranges::any_of(read_only, [&](auto prefix) { return action.starts_with(prefix); }))
    return invalid(
        fmt::format("EventBridge Scheduler does not support read-only API actions: {}", arn));
  if (action == "invokeModel") return not_served(arn);
  const api::Service* model = api::find_service_by_sdk_name(rest.substr(0, colon));
  if (!model) return not_served(arn);
  const auto found = std::ranges::find_if(model->operations, [&](const api::Operation& operation) {
    return !action.empty() && lower_case(action[0]) == action[0] &&
           same_letters(operation.name, action);
  });
  if (found == model->operations.end()) return not_served(arn);
  return Target{.model = model, .operation = &*found};
}

Result<Target> read_target(std::string_view text_of_arn) {
  if (text_of_arn.starts_with(universal_prefix)) return read_universal(text_of_arn);
  const auto arn = parse_arn(text_of_arn);
  if (!arn) return invalid(fmt::format("Provided Arn is not in correct format: {}", text_of_arn));
  const auto* found = std::ranges::find_if(templates, [&](const Template& each) {
    return each.service == arn->service && arn->resource.starts_with(each.resource);
  });
  if (found == templates.end()) return not_served(text_of_arn);
  const api::Service* model = api::find_service(found->service);
  return Target{.templated = found,
                .model = model,
                .operation = model ? model->operation(found->operation) : nullptr,
                .arn = *arn};
}

std::string queue_url(const Context& context, const Arn& arn) {
  return fmt::format("{}/{}/{}", context.endpoint(), arn.account, arn.resource);
}

// A tag is {"Key", "Value"}, or a map of keys to values; the model allows both.
json::array tags_of(const json::array& given) {
  json::array tags;
  for (const json::value& each : given) {
    std::string key;
    std::string value;
    for (const auto& [name, content] : each.as_object()) {
      const std::string words = to_string(content.as_string());
      if (same_letters(std::string_view(name), "key"))
        key = words;
      else if (same_letters(std::string_view(name), "value"))
        value = words;
      else
        tags.push_back({{"key", name}, {"value", words}});
    }
    if (!key.empty()) tags.push_back({{"key", key}, {"value", value}});
  }
  return tags;
}

// EcsParameters become RunTask's parameters, and Input its overrides. The name in startedBy is as
// tasks show it on AWS.
// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_EcsParameters.html
Result<json::object> run_task(const json::object& target, const Target& read,
                              std::string_view schedule_name) {
  json::object document = target.at("EcsParameters").as_object();
  const auto rename = [&](std::string_view from, std::string_view to) {
    const json::value* found = find(document, from);
    if (!found) return;
    document[to] = json::value(*found);
    document.erase(from);
  };
  rename("TaskDefinitionArn", "taskDefinition");
  rename("TaskCount", "count");
  if (const json::array* tags = find_array(document, "Tags")) document["Tags"] = tags_of(*tags);
  document["cluster"] = target.at("Arn");
  document["startedBy"] = fmt::format("chronos-schedule/{}", schedule_name);
  if (target.contains("Input")) {
    const auto overrides = parse_json(text(target, "Input"));
    if (!overrides || !overrides->is_object())
      return invalid("The Input of an ECS target must be a JSON object: RunTask's overrides.");
    document["overrides"] = *overrides;
  }
  return request_of(*read.model, *read.operation, document, Spelling::Any);
}

Result<json::object> templated_input(const Context& context, const json::object& target,
                                     const Target& read, const std::string& input,
                                     const Moment& moment) {
  const std::string arn = text(target, "Arn");
  const std::string_view service = read.templated->service;
  if (service == "states") return json::object{{"stateMachineArn", arn}, {"input", input}};
  if (service == "sns") return json::object{{"TopicArn", arn}, {"Message", input}};
  if (service == "lambda")
    return json::object{
        {"FunctionName", arn}, {"InvocationType", "Event"}, {"Payload", api::encode_base64(input)}};
  if (service == "events") {
    const json::object& parameters = target.at("EventBridgeParameters").as_object();
    return json::object{{"Entries",
                         {{{"Source", parameters.at("Source")},
                           {"DetailType", parameters.at("DetailType")},
                           {"Detail", input},
                           {"EventBusName", arn},
                           {"Resources", json::array{moment.schedule_arn}}}}}};
  }
  if (service == "ecs") {
    json::object filled = target;
    if (target.contains("Input")) filled["Input"] = input;
    return run_task(filled, read, moment.schedule_name);
  }
  json::object message{{"QueueUrl", queue_url(context, read.arn)}, {"MessageBody", input}};
  const json::object* parameters = find_object(target, "SqsParameters");
  if (parameters && parameters->contains("MessageGroupId"))
    message["MessageGroupId"] = parameters->at("MessageGroupId");
  return message;
}

Result<json::object> universal_input(const Target& read, const json::object& target,
                                     const std::string& input) {
  const auto document =
      target.contains("Input") ? parse_json(input) : Result<json::value>(json::object{});
  if (!document)
    return invalid(fmt::format("Invalid RequestJson provided. Reason {}", document.error().cause));
  return request_of(*read.model, *read.operation, *document, Spelling::Pascal);
}

// Bodies travel as blobs, and tokens that the API requires are made, as the SDKs do.
void complete_request(Context& context, const Target& read, json::object& request) {
  if (read.operation->input == api::no_shape) return;
  for (const api::Member& member :
       read.model->members_of(read.model->shape(read.operation->input))) {
    if (member.required && member.idempotency_token && !request.contains(member.name))
      request[member.name] = context.random().uuid();
    const json::value* given = find(request, member.name);
    const bool blob = read.model->shape(member).kind == api::Kind::Blob;
    if (!given || !blob) continue;
    const std::string bytes =
        given->is_string() ? to_string(given->get_string()) : print_json(*given);
    if (member.streaming)
      request[member.name] = {{"Digest", context.put_blob(bytes)}, {"Size", bytes.size()}};
    else if (read.model->folder == "lambda")
      request[member.name] = api::encode_base64(bytes);  // A payload is given as its text.
  }
}

void replace_all(std::string& words, std::string_view keyword, std::string_view by) {
  for (std::size_t at = words.find(keyword); at != std::string::npos;
       at = words.find(keyword, at + by.size()))
    words.replace(at, keyword.size(), by);
}

Result<void> check_parameters(const json::object& target, const Target& read) {
  const std::string arn = text(target, "Arn");
  const std::string_view allowed = read.templated ? read.templated->parameters : "";
  for (const std::string_view member : parameter_members)
    if (target.contains(member) && member != allowed)
      return invalid(fmt::format("{} can't be given for the target {}.", member, arn));
  if (read.templated && read.templated->parameters_required && !target.contains(allowed))
    return invalid(fmt::format("{} is required for the target {}.", allowed, arn));
  if (!read.templated || read.templated->service != "sqs") return {};
  const json::object* parameters = find_object(target, "SqsParameters");
  const bool grouped = parameters && parameters->contains("MessageGroupId");
  if (arn.ends_with(".fifo") && !grouped)
    return invalid(fmt::format("MessageGroupId is required for the FIFO queue {}.", arn));
  if (!arn.ends_with(".fifo") && grouped)
    return invalid(fmt::format("MessageGroupId can't be given for the standard queue {}.", arn));
  return {};
}

// "If you are configuring a templated Lambda, AWS Step Functions, or Amazon EventBridge target, the
// input must be a well-formed JSON":
// https://docs.aws.amazon.com/scheduler/latest/APIReference/API_Target.html
Result<void> check_input(const json::object& target, const Target& read) {
  const std::string input = text(target, "Input");
  if (!read.templated) {
    KIBAN_TRY_VOID(universal_input(read, target, input));
    return {};
  }
  const std::string_view service = read.templated->service;
  if (service == "ecs") {
    KIBAN_TRY(const json::object request, run_task(target, read, "schedule"));
    return api::validate(*read.model, *read.operation, request);
  }
  const bool is_json = service == "states" || service == "lambda" || service == "events";
  if (!target.contains("Input") || !is_json) return {};
  const auto document = parse_json(input);
  if (!document)
    return invalid(fmt::format("The Input of the target {} must be well-formed JSON: {}",
                               text(target, "Arn"), document.error().cause));
  if (service == "events" && !document->is_object())
    return invalid("The Input of an event bus must be a JSON object: the event's detail.");
  return {};
}

// The text is AWS's: github.com/aws/aws-sdk-js-v3/issues/6494
Result<void> check_role(Context& context, const json::object& target, std::string_view group) {
  const std::string role = text(target, "RoleArn");
  KIBAN_TRY_VOID(context.decide(
      {.action = "iam:PassRole",
       .resource = role,
       .keys = {{.name = "iam:PassedToService", .values = {std::string(principal)}}}}));
  const auto arn = parse_arn(role);
  if (arn && arn->account == context.caller().account && assume_target_role(context, role, group))
    return {};
  return invalid(
      "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.");
}

}  // namespace

std::string format_scheduled(Timestamp time) { return format_iso8601(time).substr(0, 19) + "Z"; }

std::string input_of(const Context& context, const json::object& target, const Moment& moment) {
  if (!target.contains("Input"))
    return print_json(json::object{{"version", "0"},
                                   {"id", moment.event_id},
                                   {"detail-type", "Scheduled Event"},
                                   {"source", "aws.scheduler"},
                                   {"account", context.caller().account},
                                   {"time", format_scheduled(moment.scheduled)},
                                   {"region", context.caller().region},
                                   {"resources", json::array{moment.schedule_arn}},
                                   {"detail", "{}"}});
  std::string words = text(target, "Input");
  replace_all(words, "<aws.scheduler.schedule-arn>", moment.schedule_arn);
  replace_all(words, "<aws.scheduler.scheduled-time>", format_scheduled(moment.scheduled));
  replace_all(words, "<aws.scheduler.execution-id>", moment.execution_id);
  replace_all(words, "<aws.scheduler.attempt-number>", std::to_string(moment.attempt));
  return words;
}

Result<Call> call_of(Context& context, const json::object& target, const std::string& input,
                     const Moment& moment) {
  KIBAN_TRY(const Target read, read_target(text(target, "Arn")));
  KIBAN_TRY(json::object request, read.templated
                                      ? templated_input(context, target, read, input, moment)
                                      : universal_input(read, target, input));
  if (!read.templated) complete_request(context, read, request);
  return Call{.service = std::string(read.model->folder),
              .operation = std::string(read.operation->name),
              .region = read.templated ? read.arn.region : context.caller().region,
              .input = std::move(request)};
}

std::string service_arn(const json::object& target) {
  const std::string arn = text(target, "Arn");
  const auto read = read_target(arn);
  if (!read || !read->templated) return arn;
  std::string service = lower_case(read->model->service_id);
  std::erase(service, ' ');
  std::string action(read->operation->name);
  action[0] = lower_case(action[0]);
  return fmt::format("{}{}:{}", universal_prefix, service, action);
}

Result<Caller> assume_target_role(Context& context, std::string_view role, std::string_view group,
                                  std::string_view schedule_arn) {
  std::string source = group_arn(context, group);
  std::string acts_for = schedule_arn.empty() ? source : std::string(schedule_arn);
  return context.assume({.role_arn = std::string(role),
                         .principal = std::string(principal),
                         .session_name = context.random().hex(32),
                         .source_arn = std::move(source),
                         .acts_for = std::move(acts_for)});
}

Result<void> check_target(Context& context, const json::object& target, std::string_view group) {
  KIBAN_TRY(const Target read, read_target(text(target, "Arn")));
  if (read.templated && read.arn.account != context.caller().account)
    return invalid(fmt::format("kiban serves targets of account {}: {} is not one",
                               context.caller().account, text(target, "Arn")));
  KIBAN_TRY_VOID(check_parameters(target, read));
  KIBAN_TRY_VOID(check_input(target, read));
  return check_role(context, target, group);
}

}  // namespace kiban::services::scheduler
