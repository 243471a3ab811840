#include "services/states/integrations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "api/model.h"
#include "services/base/table_service.h"

namespace kiban::services::states {
namespace {

std::string with_first(std::string_view name, int (*change)(int)) {
  std::string out(name);
  if (!out.empty()) out[0] = static_cast<char>(change(static_cast<unsigned char>(out[0])));
  return out;
}

// How an optimised integration calls itself in errors, "SNS.NotFoundException", and in causes.
struct Title {
  std::string_view folder{};
  std::string_view error_prefix{};
  std::string_view service_name{};
};
// Recorded by AWS for sns, sqs and states; ecs after the same scheme.
constexpr Title titles[] = {{"sns", "SNS", "AmazonSNS"},
                            {"sqs", "SQS", "AmazonSQS"},
                            {"states", "StepFunctions", "AWSStepFunctions"},
                            {"ecs", "ECS", "AmazonECS"},
                            {"events", "EventBridge", "AmazonCloudWatchEvents"}};

// The names of the request's shape for names in upper camel case.
json::value to_request(const api::Service& model, std::uint16_t index, const json::value& value) {
  if (index == api::no_shape) return value;
  const api::Shape& shape = model.shape(index);
  if (const json::object* object = value.if_object()) {
    json::object out;
    for (const auto& [key, member_value] : *object) {
      if (shape.kind == api::Kind::Map) {
        out[key] = to_request(model, model.members_of(shape)[1].shape, member_value);
        continue;
      }
      const api::Member* member = model.member(shape, key);
      if (!member) member = model.member(shape, with_first(key, std::tolower));
      if (member)
        out[member->name] = to_request(model, member->shape, member_value);
      else
        out[key] = member_value;
    }
    // A document where the API wants text is sent as its text.
    if (shape.kind == api::Kind::String) return json::value(print_json(value));
    return out;
  }
  if (const json::array* array = value.if_array(); array && shape.kind == api::Kind::List) {
    json::array out;
    for (const json::value& element : *array)
      out.push_back(to_request(model, model.members_of(shape)[0].shape, element));
    return out;
  }
  if (shape.kind == api::Kind::String && !value.is_string()) return json::value(print_json(value));
  return value;
}

json::object http_metadata(Context& context, std::string_view content_type) {
  const std::string id = context.random().uuid();
  return {{"SdkHttpMetadata",
           {{"AllHttpHeaders",
             {{"x-amzn-RequestId", {id}}, {"Content-Type", json::array{content_type}}}},
            {"HttpHeaders", {{"x-amzn-RequestId", id}, {"Content-Type", content_type}}},
            {"HttpStatusCode", 200}}},
          {"SdkResponseMetadata", {{"RequestId", id}}}};
}

std::string exception_name(const Error& error) {
  const std::string& name = error.name;
  return name.ends_with("Exception") ? name : name + "Exception";
}

Refused refused_by(Context& context, const api::Service& model, const api::Operation* operation,
                   const asl::TaskResource& resource, const Error& error) {
  const api::Shape* shape = model.error(operation, error.name);
  const int status = shape && shape->http_status != 0 ? shape->http_status : 400;
  const std::string id = context.random().uuid();
  if (resource.service.starts_with("aws-sdk:")) {
    std::string service = resource.service.substr(8);
    service = with_first(service, std::toupper);
    return {fmt::format("{}.{}", service, exception_name(error)),
            fmt::format("{} (Service: {}, Status Code: {}, Request ID: {}) (SDK Attempt Count: 1)",
                        error.cause, service, status, id)};
  }
  const auto* title = std::ranges::find(titles, model.folder, &Title::folder);
  const bool known = title != std::end(titles);
  const std::string_view code =
      shape && !shape->error_code.empty() ? shape->error_code : std::string_view(error.name);
  return {
      fmt::format("{}.{}", known ? title->error_prefix : model.service_id, exception_name(error)),
      fmt::format("{} (Service: {}; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: "
                  "null)",
                  error.cause, known ? title->service_name : model.service_id, status, code, id)};
}

Refused not_served(const asl::TaskResource& resource) {
  return {"Kiban.NotServed",
          fmt::format("kiban does not serve the integration {}. Mock it with --mock-config, or run "
                      "this state machine on AWS.",
                      resource.arn)};
}

const api::Service* model_of(const asl::TaskResource& resource) {
  if (resource.service.starts_with("aws-sdk:"))
    return api::find_service_by_sdk_name(resource.service.substr(8));
  return api::find_service(resource.service);
}

// events:putEvents fails the task when one entry failed. Recorded by AWS.
std::optional<Refused> failed_entries(const asl::TaskResource& resource,
                                      const json::object& output) {
  if (resource.service != "events" || number(output, "FailedEntryCount", 0) == 0) return {};
  return Refused{"EventBridge.FailedEntry", print_json(output)};
}

std::string awaited(const asl::TaskResource& resource, const json::object& output) {
  if (resource.service == "states") return text(output, "ExecutionArn");
  const json::array* tasks = find_array(output, "Tasks");
  return tasks && !tasks->empty() ? text((*tasks)[0].as_object(), "TaskArn") : std::string();
}

}  // namespace

json::value upper_camel(const json::value& value) {
  if (const json::object* object = value.if_object()) {
    json::object out;
    for (const auto& [key, member] : *object)
      out[with_first(key, std::toupper)] = upper_camel(member);
    return out;
  }
  if (const json::array* array = value.if_array()) {
    json::array out;
    for (const json::value& element : *array) out.push_back(upper_camel(element));
    return out;
  }
  return value;
}

std::optional<json::object> request_of(std::string_view folder, std::string_view action,
                                       const json::value& parameters) {
  const api::Service* model = api::find_service(folder);
  const api::Operation* operation =
      model ? model->operation(with_first(action, std::toupper)) : nullptr;
  if (!operation || !parameters.is_object()) return std::nullopt;
  json::value request = to_request(*model, operation->input, parameters);
  return std::move(request.get_object());
}

std::variant<Called, Refused> call_integration(Context& context, const asl::StartTask& task,
                                               const Caller& as) {
  const asl::TaskResource& resource = task.resource;
  const api::Service* model = model_of(resource);
  const std::string action = with_first(resource.action, std::toupper);
  const api::Operation* operation = model ? model->operation(action) : nullptr;
  const bool sync =
      resource.pattern == asl::TaskPattern::Sync || resource.pattern == asl::TaskPattern::Sync2;
  const bool can_wait = resource.service == "ecs" || resource.service == "states";
  if (!operation || (sync && !can_wait)) return not_served(resource);
  json::value request = to_request(*model, operation->input, task.parameters.tree());
  if (!request.is_object()) return Refused{"States.Runtime", "Parameters must be an object"};
  if (resource.service == "ecs" && sync && !request.get_object().contains("startedBy"))
    request.get_object()["startedBy"] = "AWS Step Functions";
  auto reply = context.call(model->folder, action, request.get_object(), as);
  if (!reply) return refused_by(context, *model, operation, resource, reply.error());
  if (const json::string* arn = find_string(*reply, "kiban:Awaits"))
    return Called{.waits_for = to_string(*arn)};
  json::object output = upper_camel(*reply).as_object();
  if (auto failed = failed_entries(resource, output)) return *std::move(failed);
  Called called;
  if (sync) called.waits_for = awaited(resource, output);
  if (!resource.service.starts_with("aws-sdk:") && resource.service != "events") {
    const bool xml = model->protocol == api::Protocol::Query;
    const std::string type =
        xml ? "text/xml" : fmt::format("application/x-amz-json-{}", model->json_version);
    for (auto& member : http_metadata(context, type)) output[member.key()] = member.value();
  }
  called.output = std::move(output);
  return called;
}

}  // namespace kiban::services::states
