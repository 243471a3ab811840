#include "services/states/integrations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "api/model.h"
#include "core/exact_json.h"
#include "services/base/bulk.h"
#include "services/base/rights.h"
#include "services/base/table_service.h"
#include "services/states/http_task.h"
#include "services/states/lambda_task.h"
#include "services/states/parameters.h"
#include "services/states/sdk_names.h"

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
                            {"lambda", "Lambda", "AWSLambda"},
                            {"events", "EventBridge", "AmazonCloudWatchEvents"}};

const api::Member* member_shown(const asl::TaskResource& resource, const api::Service& model,
                                const api::Shape& shape, std::string_view key) {
  for (const api::Member& member : model.members_of(shape)) {
    if (shown_member(resource, member.name) == key) return &member;
  }
  return nullptr;
}

// The names of the request's shape for names as they are shown. What is null was not given.
json::value to_request(const asl::TaskResource& resource, const api::Service& model,
                       std::uint16_t index, const json::value& value) {
  if (index == api::no_shape) return rounded(value);
  const api::Shape& shape = model.shape(index);
  if (const json::object* object = value.if_object()) {
    json::object out;
    for (const auto& [key, member_value] : *object) {
      if (member_value.is_null() && shape.kind == api::Kind::Structure) continue;
      if (shape.kind == api::Kind::Map) {
        out[key] = to_request(resource, model, model.members_of(shape)[1].shape, member_value);
        continue;
      }
      const api::Member* member =
          shape.kind == api::Kind::Structure ? member_shown(resource, model, shape, key) : nullptr;
      if (member)
        out[member->name] = to_request(resource, model, member->shape, member_value);
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
      out.push_back(to_request(resource, model, model.members_of(shape)[0].shape, element));
    return out;
  }
  if (shape.kind == api::Kind::String && !is_text(value)) return json::value(print_json(value));
  return rounded(value);
}

// A body travels as a blob; it is the JSON text of what was given. Recorded by AWS:
// test_s3_put_object[bool].
void put_bodies(Context& context, const api::Service& model, const api::Operation& operation,
                json::object& request) {
  if (operation.input == api::no_shape) return;
  for (const api::Member& member : model.members_of(model.shape(operation.input))) {
    const json::value* given = member.streaming ? find(request, member.name) : nullptr;
    if (!given) continue;
    const std::string bytes = print_json(*given);
    if (model.folder == "s3") {
      if (!request.contains("ContentType")) request["ContentType"] = "text/plain; charset=UTF-8";
      // As the SDK that Step Functions uses does of its own accord: test_s3_put_object[str].
      if (!request.contains("ChecksumAlgorithm")) request["ChecksumAlgorithm"] = "CRC32";
    }
    request[member.name] = {{"Digest", context.put_blob(bytes)}, {"Size", bytes.size()}};
  }
}

// A reply as states see it: members under their shown names, keys of maps as they are. Instants are
// texts in aws-sdk integrations and milliseconds in the optimised ones, which are older.
json::value shown_reply(const Context& context, const api::Service& model, std::uint16_t index,
                        const json::value& value, const asl::TaskResource& resource) {
  if (index == api::no_shape) return upper_camel(value);
  const api::Shape& shape = model.shape(index);
  const auto inner = [&](const api::Member& member, const json::value& of) {
    return shown_reply(context, model, member.shape, of, resource);
  };
  if (const json::object* object = value.if_object()) {
    json::object out;
    if (shape.kind == api::Kind::Map) {
      for (const auto& [key, of] : *object) out[key] = inner(model.members_of(shape)[1], of);
      return out;
    }
    for (const auto& [key, of] : *object) {
      const api::Member* member = model.member(shape, key);
      const std::string name = shown_member(resource, key);
      if (member && member->streaming && of.is_object()) {
        auto bytes = read_bulk(context, of.get_object());
        out[name] = bytes ? *bytes : std::string();
      } else {
        out[name] = member ? inner(*member, of) : upper_camel(of);
      }
    }
    return out;
  }
  if (const json::array* array = value.if_array(); array && shape.kind == api::Kind::List) {
    json::array out;
    for (const json::value& element : *array)
      out.push_back(inner(model.members_of(shape)[0], element));
    return out;
  }
  if (shape.kind == api::Kind::Timestamp && value.is_number()) {
    const Timestamp time = from_epoch_seconds(value.to_number<double>());
    if (resource.service.starts_with("aws-sdk:")) return json::value(format_iso8601(time));
    return json::value(time.time_since_epoch().count());
  }
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

std::string exception_name(std::string_view shape) {
  std::string name(shape);
  if (name.ends_with("Exception")) return name;
  if (name.ends_with("Fault")) name.resize(name.size() - 5);
  return name + "Exception";
}

// What the SDK for Java makes of a 404 without a body.
Refused head_found_nothing(Context& context, std::string_view operation) {
  return {
      operation == "HeadBucket" ? "S3.NoSuchBucketException" : "S3.NoSuchKeyException",
      fmt::format("null (Service: S3, Status Code: 404, Request ID: {}, Extended Request ID: {})",
                  context.random().uuid(), context.random().hex(32))};
}

Refused not_served(const asl::TaskResource& resource) {
  return {"Kiban.NotServed",
          fmt::format("kiban does not serve the integration {}. Mock it with --mock-config, or run "
                      "this state machine on AWS.",
                      resource.arn)};
}

bool waits_for_end(const asl::TaskResource& resource) {
  return resource.pattern == asl::TaskPattern::Sync || resource.pattern == asl::TaskPattern::Sync2;
}

const api::Service* served_model(const asl::TaskResource& resource) {
  const api::Service* model = model_of(resource);
  return model && std::ranges::find(api::services(), model) != api::services().end() ? model
                                                                                     : nullptr;
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

// A refusal is a 403, but a 400 in AWS's JSON protocols, of which SQS alone keeps the 403.
int status_of(const api::Service& model, const api::Shape* shape, const Error& error) {
  if (shape && shape->http_status != 0) return shape->http_status;
  const bool json = model.protocol == api::Protocol::Json && model.folder != "sqs";
  return is_refusal(error) && !json ? 403 : 400;
}

}  // namespace

// An error that the model does not know is the service's own exception. Recorded by AWS for SQS.
Refused refused_by(Context& context, const api::Service& model, const api::Operation* operation,
                   const asl::TaskResource& resource, const Error& error) {
  // HEAD has no body to say more.
  // https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
  if (model.folder == "s3" && error.name == "NotFound")
    return head_found_nothing(context, operation->name);
  const api::Shape* shape = model.error(operation, error.name);
  const int status = status_of(model, shape, error);
  const std::string id = context.random().uuid();
  if (resource.service.starts_with("aws-sdk:")) {
    const std::string service = sdk_class(model.service_id);
    // S3 has a second id. Recorded by AWS: test_no_such_bucket.
    const std::string ids =
        model.folder == "s3"
            ? fmt::format("Request ID: {}, Extended Request ID: {})", id, context.random().hex(32))
            : fmt::format("Request ID: {}) (SDK Attempt Count: 1)", id);
    return {fmt::format("{}.{}", service,
                        shape ? exception_name(sdk_class(shape->name)) : service + "Exception"),
            fmt::format("{} (Service: {}, Status Code: {}, {}", error.cause, service, status, ids)};
  }
  const auto* title = std::ranges::find(titles, model.folder, &Title::folder);
  const bool known = title != std::end(titles);
  const std::string_view service_name = known ? title->service_name : model.service_id;
  const std::string_view code =
      shape && !shape->error_code.empty() ? shape->error_code : std::string_view(error.name);
  return {fmt::format("{}.{}", known ? title->error_prefix : model.service_id,
                      shape ? exception_name(shape->name) : exception_name(service_name)),
          fmt::format("{} (Service: {}; Status Code: {}; Error Code: {}; Request ID: {}; Proxy: "
                      "null)",
                      error.cause, service_name, status, code, id)};
}

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
  json::value request = to_request({}, *model, operation->input, parameters);
  return std::move(request.get_object());
}

namespace {

// What is known before the call goes out.
std::optional<Refused> refused_at_once(const asl::TaskResource& resource,
                                       const json::object& request) {
  // A queue is called by its URL. Recorded by AWS: test_send_message_no_such_queue.
  const std::string queue = text(request, "QueueUrl", "://");
  if (resource.service == "sqs" && queue.find("://") == std::string::npos)
    return Refused{
        "SQS.SdkClientException",
        fmt::format("Unable to execute HTTP request: {}: Name or service not known", queue)};
  return std::nullopt;
}

// The SDK for Java makes a map of headers with a prefix even when none came. Recorded by AWS:
// test_s3_get_object[empty_binary].
void add_header_maps(const api::Service& model, const api::Operation& operation,
                     json::object& reply) {
  if (operation.output == api::no_shape) return;
  for (const api::Member& member : model.members_of(model.shape(operation.output))) {
    if (member.location == api::Location::Headers && !reply.contains(member.name))
      reply[member.name] = json::object{};
  }
}

// Events tell the execution that they came from. Recorded by AWS: test_put_events_base.
void add_resources(json::object& request, const Origin& origin) {
  json::value* entries = request.if_contains("Entries");
  if (!entries || !entries->is_array()) return;
  for (json::value& entry : entries->get_array()) {
    if (!entry.is_object()) continue;
    json::value& resources = entry.get_object()["Resources"];
    if (!resources.is_array()) resources = json::array();
    resources.get_array().emplace_back(origin.machine_arn);
    resources.get_array().emplace_back(origin.execution_arn);
  }
}

// Until when a call that found nothing may be made again, as the caller of a long poll waits.
std::optional<Duration> long_poll(const asl::TaskResource& resource, const json::object& request,
                                  const json::object& output) {
  if (resource.service == "aws-sdk:sfn" && resource.action == "getActivityTask") {
    if (text(output, "TaskToken").empty()) return std::chrono::seconds(60);
  } else if (resource.service == "aws-sdk:sqs" && resource.action == "receiveMessage") {
    const std::int64_t wait = number(request, "WaitTimeSeconds", 0);
    if (wait > 0 && !output.contains("Messages")) return std::chrono::seconds(wait);
  }
  return std::nullopt;
}

bool serves(const asl::TaskResource& resource) {
  if (resource.kind == asl::TaskKind::Activity || is_http_task(resource)) return true;
  if (invokes_function(resource)) return resource.pattern != asl::TaskPattern::Sync;
  const api::Service* model = served_model(resource);
  const bool can_wait = resource.service == "ecs" || resource.service == "states";
  return model && model->operation(with_first(resource.action, std::toupper)) &&
         (can_wait || !waits_for_end(resource));
}

}  // namespace

asl::Answer answer_of(const asl::TaskResource& resource) {
  if (resource.kind == asl::TaskKind::Integration && resource.service.starts_with("aws-sdk:")) {
    const api::Service* model = model_of(resource);
    if (model && !model->has_operation(with_first(resource.action, std::toupper)))
      return asl::Answer::NoSuchOperation;
  }
  return serves(resource) ? asl::Answer::Served : asl::Answer::NotServed;
}

std::variant<Called, Refused> call_integration(Context& context, const asl::StartTask& task,
                                               const Origin& origin, const Caller& as) {
  const asl::TaskResource& resource = task.resource;
  if (is_http_task(resource)) {
    const std::string id = fmt::format("http/{}", context.random().uuid());
    auto called = call_http(context, task, origin, as, {{"Id", id}});
    if (auto* begun = std::get_if<Called>(&called)) begun->waits_for = id;
    return called;
  }
  if (invokes_function(resource)) return call_function(context, task, as);
  const api::Service* model = served_model(resource);
  const std::string action = with_first(resource.action, std::toupper);
  const api::Operation* operation = model ? model->operation(action) : nullptr;
  const bool sync = waits_for_end(resource);
  if (!serves(resource)) return not_served(resource);
  json::value tree = to_request(resource, *model, operation->input, task.parameters.tree());
  if (!tree.is_object()) return Refused{"States.Runtime", "Parameters must be an object"};
  json::object& request = tree.get_object();
  if (resource.service == "ecs" && sync && !request.contains("startedBy"))
    request["startedBy"] = "AWS Step Functions";
  if (resource.service == "events" && resource.action == "putEvents")
    add_resources(request, origin);
  if (auto refused = refused_at_once(resource, request)) return *std::move(refused);
  put_bodies(context, *model, *operation, request);
  auto reply = context.call(model->folder, action, request, as);
  if (!reply) return refused_by(context, *model, operation, resource, reply.error());
  Called called;
  if (const json::string* arn = find_string(*reply, "kiban:Awaits")) {
    called.waits_for = to_string(*arn);
    return called;
  }
  const bool sdk = resource.service.starts_with("aws-sdk:");
  if (sdk) add_header_maps(*model, *operation, *reply);
  json::value shown = shown_reply(context, *model, operation->output, *reply, resource);
  called.output = std::move(shown.get_object());
  if (auto failed = failed_entries(resource, called.output)) return *std::move(failed);
  called.poll = long_poll(resource, request, called.output);
  if (sync) called.waits_for = awaited(resource, called.output);
  if (!sdk && resource.service != "events") {
    const bool xml = model->protocol == api::Protocol::Query;
    const std::string type =
        xml ? "text/xml" : fmt::format("application/x-amz-json-{}", model->json_version);
    for (auto& member : http_metadata(context, type)) called.output[member.key()] = member.value();
  }
  return called;
}

}  // namespace kiban::services::states
