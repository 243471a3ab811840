#include "services/states/lambda_task.h"

#include <fmt/format.h>

#include "api/codec.h"
#include "api/model.h"
#include "services/base/table_service.h"
#include "services/states/executions.h"
#include "services/states/names.h"
#include "services/states/test_state.h"

namespace kiban::services::states {
namespace {

constexpr std::size_t payload_bytes_max = 262'144;  // Step Functions quota: 256 KiB.

// How the task calls the function: decides the request's and the answer's form.
enum class Form : std::uint8_t { Arn, Invoke, Sdk };

Form form_of(const asl::TaskResource& resource) {
  if (resource.kind == asl::TaskKind::Lambda) return Form::Arn;
  return resource.service == "lambda" ? Form::Invoke : Form::Sdk;
}

const api::Service& model() { return *api::find_service("lambda"); }

// A payload that is a text is sent as it is: it must be JSON itself. Recorded by AWS:
// test_invoke_json_values of lambda:invoke.
Result<json::object> request_for(const asl::StartTask& task) {
  if (task.resource.kind == asl::TaskKind::Lambda)
    return json::object{{"FunctionName", task.resource.arn},
                        {"Payload", api::encode_base64(task.parameters.text())}};
  const json::value& parameters = task.parameters.tree();
  if (!parameters.is_object()) return fail("States.Runtime", "Parameters must be an object");
  json::object request;
  for (const auto& [name, value] : parameters.get_object())
    if (!value.is_null()) request[name] = value;
  const json::value* payload = find(request, "Payload");
  if (!payload) return request;
  request["Payload"] = api::encode_base64(payload->is_string() ? to_string(payload->get_string())
                                                               : print_json(*payload));
  return request;
}

// What the optimised integration shows of the HTTP exchange. Recorded by AWS:
// test_invoke_json_values.
json::object http_metadata(Context& context, const json::object& reply, std::size_t length) {
  const std::string id = context.random().uuid();
  json::object headers{{"Connection", "keep-alive"},
                       {"Content-Length", std::to_string(length)},
                       {"Content-Type", "application/json"},
                       {"Date", format_iso8601(context.now())},
                       {"X-Amz-Executed-Version", text(reply, "ExecutedVersion")},
                       {"x-amzn-Remapped-Content-Length", "0"},
                       {"x-amzn-RequestId", id},
                       {"X-Amzn-Trace-Id", fmt::format("Root=1-{}", context.random().hex(32))}};
  if (const json::value* log = find(reply, "LogResult")) headers["X-Amz-Log-Result"] = *log;
  json::object all;
  for (const auto& [name, value] : headers) all[name] = json::array{value};
  return {{"SdkHttpMetadata",
           {{"AllHttpHeaders", std::move(all)},
            {"HttpHeaders", std::move(headers)},
            {"HttpStatusCode", number(reply, "StatusCode", 200)}}},
          {"SdkResponseMetadata", {{"RequestId", id}}}};
}

// `reply` is Invoke's, with the payload as text.
json::object shown_reply(Context& context, Form form, json::object reply) {
  const std::string words = text(reply, "Payload");
  if (form == Form::Sdk) return reply;
  auto document = parse_json(words);
  reply["Payload"] = document ? *std::move(document) : json::value(words);
  for (auto& member : http_metadata(context, reply, words.size()))
    reply[member.key()] = member.value();
  return reply;
}

Refused failed_function(const json::object& outcome, Form form) {
  const std::string words = text(outcome, "Payload");
  const auto document = parse_json(words);
  const std::string type =
      document && document->is_object() ? text(document->get_object(), "errorType") : "";
  if (type.empty())
    return {"Lambda.Unknown",
            fmt::format("The cause could not be determined because Lambda did not return an error "
                        "type. Returned payload: {}",
                        words)};
  return {type, form == Form::Arn ? words : print_json(*document)};
}

asl::TaskResource resource_of(const json::object& waiting) {
  return {.kind = enumerator_of(waiting, "Kind", asl::TaskKind::Integration),
          .arn = text(waiting, "Arn"),
          .service = text(waiting, "Service"),
          .action = "invoke"};
}

}  // namespace

bool invokes_function(const asl::TaskResource& resource) {
  if (resource.kind == asl::TaskKind::Lambda) return true;
  return (resource.service == "lambda" || resource.service == "aws-sdk:lambda") &&
         resource.action == "invoke";
}

std::variant<Called, Refused> call_function(Context& context, const asl::StartTask& task,
                                            const Caller& as) {
  const auto request = request_for(task);
  if (!request) return Refused{request.error().name, request.error().cause};
  auto reply = context.call("lambda", "Invoke", *request, as);
  if (!reply)
    return refused_by(context, model(), model().operation("Invoke"), task.resource, reply.error());
  Called called;
  if (const json::string* id = find_string(*reply, "kiban:Awaits")) {
    called.waits_for = to_string(*id);
    called.waiting = {{"Kind", static_cast<int>(task.resource.kind)},
                      {"Arn", task.resource.arn},
                      {"Service", task.resource.service},
                      {"Tail", text(*request, "LogType") == "Tail"},
                      {"Submits", task.resource.pattern != asl::TaskPattern::RequestResponse}};
    return called;
  }
  called.output = shown_reply(context, form_of(task.resource), *std::move(reply));
  return called;
}

std::variant<Payload, Refused> read_function_answer(Context& context, const json::object& waiting,
                                                    const json::object& outcome) {
  const asl::TaskResource resource = resource_of(waiting);
  const Form form = form_of(resource);
  if (const json::object* error = find_object(outcome, "Error"))
    return refused_by(context, model(), model().operation("Invoke"), resource,
                      Error{text(*error, "Code"), text(*error, "Message")});
  if (outcome.contains("FunctionError") && form != Form::Sdk) return failed_function(outcome, form);
  // Told here, it is the task's own error, which States.ALL catches. Recorded by AWS:
  // test_task_lambda_catch_state_all_data_limit_exceeded_on_large_utf8_response.
  if (text(outcome, "Payload").size() > payload_bytes_max)
    return Refused{"States.DataLimitExceeded",
                   fmt::format("The state/task '{}' returned a result with a size exceeding the "
                               "maximum number of bytes service limit.",
                               form == Form::Arn ? resource.arn : resource.service)};
  if (form == Form::Arn) {
    auto payload = Payload::parse(text(outcome, "Payload"));
    if (payload) return *std::move(payload);
    return Refused{"States.Runtime",
                   fmt::format("The function returned no JSON: {}", payload.error().cause)};
  }
  json::object reply{{"ExecutedVersion", outcome.at("Version")},
                     {"Payload", text(outcome, "Payload")},
                     {"StatusCode", 200}};
  if (const json::value* error = find(outcome, "FunctionError")) reply["FunctionError"] = *error;
  if (flag(waiting, "Tail")) reply["LogResult"] = api::encode_base64(text(outcome, "LogTail"));
  return Payload::from_tree(shown_reply(context, form, std::move(reply)));
}

void Executions::on_function_ended(Context& context, const json::object& event) {
  const std::string id = text(event, "Resource");
  const std::string key = row_key(context, "waiting", id);
  const auto waiting = get_json(context, key);
  if (!waiting) return;
  context.erase(key);
  const json::object& outcome = event.at("Detail").as_object();
  if (waiting->contains("Test")) {
    (void)take_test_answer(context, {{"Payload", {{"Test", waiting->at("Test")}}},
                                     {"Waiting", *waiting},
                                     {"Outcome", outcome}});
    return;
  }
  const std::string execution = text(*waiting, "Execution");
  const std::int64_t task = number(*waiting, "Task", 0);
  auto answer = read_function_answer(context, *waiting, outcome);
  if (const auto* refused = std::get_if<Refused>(&answer))
    return feed(context, execution,
                asl::TaskFailed{.task = task, .error = refused->error, .cause = refused->cause});
  auto& output = std::get<Payload>(answer);
  // With a task token the answer is what was submitted; the token brings the result.
  if (flag(*waiting, "Submits"))
    feed(context, execution, asl::TaskSubmitted{.task = task, .output = std::move(output)});
  else
    feed(context, execution, asl::TaskSucceeded{.task = task, .output = std::move(output)});
}

}  // namespace kiban::services::states
