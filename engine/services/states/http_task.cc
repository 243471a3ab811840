#include "services/states/http_task.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/exact_json.h"
#include "core/letters.h"
#include "services/base/rights.h"
#include "services/base/table_service.h"
#include "services/states/executions.h"
#include "services/states/names.h"
#include "services/states/test_state.h"

namespace kiban::services::states {
namespace {

// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html#service-limits-http-task
constexpr std::int64_t timeout_seconds = 60;
constexpr std::string_view invoke_endpoint = "states:InvokeHTTPEndpoint";

// "You can't use the following headers in your HTTP Task definition."
bool is_forbidden(std::string_view header) {
  static constexpr auto names = std::to_array<std::string_view>({"a-im",
                                                                 "accept-charset",
                                                                 "accept-datetime",
                                                                 "accept-encoding",
                                                                 "authorization",
                                                                 "cache-control",
                                                                 "connection",
                                                                 "content-encoding",
                                                                 "content-md5",
                                                                 "date",
                                                                 "expect",
                                                                 "forwarded",
                                                                 "from",
                                                                 "host",
                                                                 "http2-settings",
                                                                 "if-match",
                                                                 "if-modified-since",
                                                                 "if-none-match",
                                                                 "if-range",
                                                                 "if-unmodified-since",
                                                                 "max-forwards",
                                                                 "origin",
                                                                 "pragma",
                                                                 "proxy-authorization",
                                                                 "referer",
                                                                 "server",
                                                                 "te",
                                                                 "trailer",
                                                                 "transfer-encoding",
                                                                 "upgrade",
                                                                 "via",
                                                                 "warning"});
  const std::string name = lower_case(header);
  return std::ranges::find(names, name) != names.end() || name.starts_with("x-forwarded-") ||
         name.starts_with("x-amz-") || name.starts_with("x-amzn-");
}

std::unexpected<Error> unfit(std::string cause) { return fail("States.Runtime", std::move(cause)); }

Result<json::object> headers_of(const json::object& parameters) {
  json::object out;
  const json::value* given = find(parameters, "Headers");
  if (!given) return out;
  if (!given->is_object()) return unfit("Headers of an HTTP Task must be an object.");
  for (const auto& [name, value] : given->get_object()) {
    if (is_forbidden(name))
      return unfit(
          fmt::format("The header {} can't be used in an HTTP Task.", std::string_view(name)));
    std::string text_of_value;
    const json::array list = value.is_array() ? value.get_array() : json::array{value};
    for (const json::value& one : list)
      text_of_value += (text_of_value.empty() ? "" : ", ") +
                       (is_text(one) ? to_string(one.get_string()) : print_json(one));
    out[name] = text_of_value;
  }
  return out;
}

Result<json::object> query_of(const json::object& parameters) {
  const json::value* given = find(parameters, "QueryParameters");
  if (!given) return json::object{};
  if (!given->is_object())
    return unfit("kiban takes QueryParameters of an HTTP Task as an object only.");
  return given->get_object();
}

// The encoding of the body: empty is JSON.
Result<std::string> array_format_of(const json::object& parameters) {
  const json::object* transform = find_object(parameters, "Transform");
  const std::string encoding = transform ? text(*transform, "RequestBodyEncoding", "NONE") : "NONE";
  if (encoding == "NONE") return std::string();
  if (encoding != "URL_ENCODED")
    return unfit(fmt::format("RequestBodyEncoding {} is neither NONE nor URL_ENCODED.", encoding));
  const json::object* options = find_object(*transform, "RequestEncodingOptions");
  std::string format = options ? text(*options, "ArrayFormat", "INDICES") : "INDICES";
  for (const char* known : {"INDICES", "REPEAT", "COMMAS", "BRACKETS"})
    if (format == known) return format;
  return unfit(
      fmt::format("ArrayFormat {} is none of INDICES, REPEAT, COMMAS and BRACKETS.", format));
}

Result<json::object> call_of(const json::object& parameters, std::string_view region) {
  static constexpr std::string_view known =
      " ApiEndpoint Method Authentication InvocationConfig Headers QueryParameters Transform "
      "RequestBody ";
  for (const auto& [name, value] : parameters) {
    if (known.find(fmt::format(" {} ", std::string_view(name))) == std::string_view::npos)
      return unfit(
          fmt::format("The field {} is not supported by an HTTP Task.", std::string_view(name)));
  }
  const std::string method = text(parameters, "Method");
  static constexpr std::string_view methods = " GET POST PUT DELETE PATCH OPTIONS HEAD ";
  if (method.empty() || methods.find(fmt::format(" {} ", method)) == std::string_view::npos)
    return unfit(
        fmt::format("Method '{}' is none of{}.", method, methods.substr(0, methods.size() - 1)));
  const json::object* config = find_object(parameters, "InvocationConfig");
  if (!config) config = find_object(parameters, "Authentication");
  const std::string connection = config ? text(*config, "ConnectionArn") : std::string();
  if (connection.empty()) return unfit("An HTTP Task needs InvocationConfig.ConnectionArn.");
  KIBAN_TRY(json::object headers, headers_of(parameters));
  KIBAN_TRY(json::object query, query_of(parameters));
  KIBAN_TRY(const std::string array_format, array_format_of(parameters));
  json::object call{{"ConnectionArn", connection},
                    {"Method", method},
                    {"Url", text(parameters, "ApiEndpoint")},
                    {"Headers", std::move(headers)},
                    {"Query", std::move(query)},
                    {"ContentType", "application/json; charset=UTF-8"},
                    {"Fixed",
                     {{"User-Agent", fmt::format("Amazon|StepFunctions|HttpInvoke|{}", region)},
                      {"Range", "bytes=0-262144"}}},
                    {"TimeoutSeconds", timeout_seconds}};
  if (parameters.contains("RequestBody")) call["Body"] = parameters.at("RequestBody");
  if (!array_format.empty()) call["ArrayFormat"] = array_format;
  return call;
}

std::string header_in(const json::object& reply, std::string_view wanted) {
  const json::array* headers = find_array(reply, "Headers");
  for (const json::value& header : headers ? *headers : json::array{})
    if (lower_case(header.at(0).as_string()) == wanted) return to_string(header.at(1).as_string());
  return {};
}

json::object headers_shown(const json::object& reply) {
  json::object out;
  const json::array* headers = find_array(reply, "Headers");
  for (const json::value& header : headers ? *headers : json::array{}) {
    json::value& values = out[lower_case(header.at(0).as_string())];
    if (!values.is_array()) values = json::array{};
    values.get_array().push_back(header.at(1));
  }
  return out;
}

// "[definitionHeader: h1, Authorization: Basic …]"
template <typename Headers>
std::string headers_line(const Headers& headers) {
  std::string out;
  for (const auto& [name, value] : headers)
    out += fmt::format("{}{}: {}", out.empty() ? "" : ", ", std::string_view(name),
                       std::string_view(value));
  return fmt::format("[{}]", out);
}

}  // namespace

bool is_http_task(const asl::TaskResource& resource) {
  return resource.service == "http" && resource.action == "invoke" &&
         resource.pattern == asl::TaskPattern::RequestResponse;
}

std::variant<Called, Refused> call_http(Context& context, const asl::StartTask& task,
                                        const Origin& origin, const Caller& as,
                                        const json::object& payload) {
  const json::value& parameters = task.parameters.tree();
  auto call = parameters.is_object()
                  ? call_of(parameters.get_object(), context.caller().region)
                  : Result<json::object>{unfit("Parameters of an HTTP Task must be an object.")};
  if (!call) return Refused{call.error().name, call.error().cause};
  const std::string connection = text(*call, "ConnectionArn");
  // https://docs.aws.amazon.com/step-functions/latest/dg/call-https-apis.html#connect-http-task-permissions
  (*call)["Requests"] = {{{"Action", invoke_endpoint},
                          {"Resource", origin.machine_arn},
                          {"Keys",
                           {{"states:HTTPEndpoint", {text(*call, "Url")}},
                            {"states:HTTPMethod", {text(*call, "Method")}}}}},
                         {{"Action", "events:RetrieveConnectionCredentials"},
                          {"Resource", connection},
                          {"Keys", json::object{}}}};
  (*call)["Owner"] = {{"Service", "states"},
                      {"Operation", answered_operation},
                      {"Region", context.caller().region},
                      {"Account", context.caller().account},
                      {"Payload", payload}};
  const auto begun = context.call("events", "kiban:CallHttp", *call, as);
  if (begun) return Called{};
  // Seen in serverless-operations/serverless-step-functions#599.
  if (is_refusal(begun.error()) && begun.error().cause.find(invoke_endpoint) != std::string::npos)
    return Refused{
        "States.TaskFailed",
        fmt::format("AWS Step Functions is not authorized to perform states:InvokeHTTPEndpoint on "
                    "API Endpoint {}. Ensure that the StateMachine role contains the "
                    "states:InvokeHTTPEndpoint permission for the given API Endpoint",
                    text(*call, "Url"))};
  return Refused{begun.error().name, begun.error().cause};
}

std::variant<Called, Refused> read_http_answer(const json::object& answer) {
  const json::object& reply = answer.at("Reply").as_object();
  if (const std::string error = text(reply, "Error"); !error.empty()) {
    const bool named = error.starts_with("Events.") || error.starts_with("States.");
    const char* kind = error == "ReplyTooLong" ? "States.DataLimitExceeded"
                       : error == "InvalidUrl" ? "States.Runtime"
                                               : "States.Http.Socket";
    return Refused{named ? error : kind, text(reply, "Cause")};
  }
  const std::int64_t status = number(reply, "Status", 0);
  const std::string body = text(reply, "Body");
  if (status < 200 || status > 299)
    return Refused{fmt::format("States.Http.StatusCode.{}", status),
                   body.empty() ? text(reply, "Reason") : body};
  const std::string type = lower_case(header_in(reply, "content-type"));
  const bool bytes = type.starts_with("application/octet-stream") || type.starts_with("image/") ||
                     type.starts_with("video/") || type.starts_with("audio/");
  if (bytes || flag(reply, "Binary"))
    return Refused{
        "States.Runtime",
        fmt::format("The response can't be read as text; its content type is '{}'.", type)};
  json::value shown(body);
  if (type.find("json") != std::string::npos) {
    if (auto parsed = parse_json_exactly(body)) shown = *std::move(parsed);
  }
  return Called{.output = {{"Headers", headers_shown(reply)},
                           {"ResponseBody", std::move(shown)},
                           {"StatusCode", status},
                           {"StatusText", text(reply, "Reason")}}};
}

json::object http_trace(const json::object& answer, Secrets secrets) {
  const json::object& request =
      answer.at(secrets == Secrets::Reveal ? "Request" : "Plain").as_object();
  const json::object& reply = answer.at("Reply").as_object();
  const std::string url = text(request, "Url");
  const std::string protocol = url.substr(0, url.find(':'));
  const json::object* sent = find_object(request, "Headers");
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& [name, value] : sent ? *sent : json::object{})
    headers.emplace_back(name, value.as_string());
  json::object out{{"request",
                    {{"protocol", protocol},
                     {"method", text(request, "Method")},
                     {"url", url},
                     {"headers", headers_line(headers)}}}};
  if (request.contains("Body")) out["request"].as_object()["body"] = request.at("Body");
  if (reply.contains("Error")) return out;
  headers.clear();
  const json::array* received = find_array(reply, "Headers");
  for (const json::value& header : received ? *received : json::array{})
    headers.emplace_back(lower_case(header.at(0).as_string()), header.at(1).as_string());
  out["response"] = {{"protocol", protocol},
                     {"statusCode", std::to_string(number(reply, "Status", 0))},
                     {"statusMessage", text(reply, "Reason")},
                     {"headers", headers_line(headers)},
                     {"body", text(reply, "Body")}};
  return out;
}

Result<json::object> Executions::on_http_answered(Context& context, const json::object& input) {
  const json::object& payload = input.at("Payload").as_object();
  if (payload.contains("Test")) return take_test_answer(context, input);
  const std::string key = row_key(context, "waiting", text(payload, "Id"));
  const auto waiting = get_json(context, key);
  if (!waiting) return json::object{};
  context.erase(key);
  const std::int64_t task = number(*waiting, "Task", 0);
  auto answer = read_http_answer(input);
  if (const auto* refused = std::get_if<Refused>(&answer))
    feed(context, text(*waiting, "Execution"),
         asl::TaskFailed{.task = task, .error = refused->error, .cause = refused->cause});
  else
    feed(context, text(*waiting, "Execution"),
         asl::TaskSucceeded{
             .task = task,
             .output = Payload::from_tree(std::move(std::get<Called>(answer).output))});
  return json::object{};
}

}  // namespace kiban::services::states
