// Custom resources: a request to a topic or a function, and its response at a URL of this server.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources.html
//
// Resource::handler: {"RequestId", "Token"? while a response is awaited, "Response"? its text,
// "TooLong"?, "Sent": seconds, "Replaced"?: {"PhysicalId", "Properties"} of what an update left}.
#include <fmt/format.h>

#include "api/codec.h"
#include "core/arn.h"
#include "services/cloudformation/handler.h"
#include "services/cloudformation/signals.h"

namespace kiban::services::cloudformation {
namespace {

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
constexpr std::int64_t timeout_seconds_max = 3'600;
constexpr std::size_t physical_id_bytes_max = 1'024;

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationError", std::move(cause));
}

// Numbers and truth values reach the provider as text.
json::value as_texts(const json::value& value) {
  if (value.is_array()) {
    json::array out;
    for (const json::value& one : value.get_array()) out.push_back(as_texts(one));
    return out;
  }
  if (value.is_object()) {
    json::object out;
    for (const auto& member : value.get_object())
      out.emplace(member.key(), as_texts(member.value()));
    return out;
  }
  return value.is_string() ? value : json::value(json::string(print_json(value)));
}

Result<std::int64_t> timeout_of(const json::object& properties) {
  const json::value* given = find(properties, "ServiceTimeout");
  if (!given) return timeout_seconds_max;
  const auto seconds =
      parse_json(given->is_string() ? to_string(given->get_string()) : print_json(*given));
  const bool good = seconds && seconds->is_int64() && seconds->get_int64() >= 1 &&
                    seconds->get_int64() <= timeout_seconds_max;
  if (good) return seconds->get_int64();
  return invalid(
      fmt::format("ServiceTimeout must be an integer between 1 and {}", timeout_seconds_max));
}

bool invokes_function(const json::object& properties) {
  const auto arn = parse_arn(text(properties, "ServiceToken"));
  return arn && arn->service == "lambda";
}

// To the topic or function that the service token names.
Result<void> deliver(const HandlerScope& scope, const std::string& service_token,
                     const json::object& request) {
  const auto arn = parse_arn(service_token);
  if (!arn || (arn->service != "sns" && arn->service != "lambda"))
    return invalid("Invalid service token.");
  Caller as = scope.as;
  as.region = arn->region;
  const std::string message = print_json(request);
  const auto sent =
      arn->service == "sns"
          ? scope.context.call("sns", "Publish",
                               {{"TopicArn", service_token},
                                {"Subject", "AWS CloudFormation custom resource request"},
                                {"Message", message}},
                               as)
          : scope.context.call("lambda", "Invoke",
                               {{"FunctionName", service_token},
                                {"InvocationType", "Event"},
                                {"Payload", api::encode_base64(message)}},
                               as);
  if (sent) return {};
  return invalid(fmt::format("{} (Service: {}, Error Code: {})", sent.error().cause, arn->service,
                             sent.error().name));
}

Result<void> request(const HandlerScope& scope, Resource& resource, std::string_view type,
                     const json::object& properties, const json::object* before) {
  revoke_signal_url(scope.context, scope.stack.region, text(resource.handler, "Token"));
  KIBAN_TRY_VOID(timeout_of(properties));
  const SignalUrl url =
      new_signal_url(scope.context, scope.stack.region,
                     {{"Uuid", scope.stack.uuid}, {"LogicalId", resource.logical_id}});
  const std::string id = scope.context.random().uuid();
  resource.handler = {
      {"RequestId", id}, {"Token", url.token}, {"Sent", epoch_seconds(scope.context.now())}};
  json::object out{
      {"RequestType", type},
      {"ServiceToken", text(properties, "ServiceToken")},
      {"ResponseURL",
       invokes_function(properties) ? url_for_functions(scope.context, url.url) : url.url},
      {"StackId", scope.stack.id},
      {"RequestId", id},
      {"LogicalResourceId", resource.logical_id},
      {"ResourceType", resource.type},
      {"ResourceProperties", as_texts(properties)}};
  if (type != "Create") out["PhysicalResourceId"] = resource.physical_id;
  if (before) out["OldResourceProperties"] = as_texts(*before);
  auto delivered = deliver(scope, text(properties, "ServiceToken"), out);
  if (!delivered) {
    revoke_signal_url(scope.context, scope.stack.region, url.token);
    resource.handler = {};
  }
  return delivered;
}

// The response to the request under way; nullopt: it is still to come.
Result<std::optional<json::object>> response_to(const HandlerScope& scope, Resource& resource,
                                                const json::object& properties) {
  const std::string id = text(resource.handler, "RequestId");
  if (flag(resource.handler, "TooLong")) return invalid("Response object is too long.");
  const json::string* body = find_string(resource.handler, "Response");
  if (!body) {
    const auto timeout = timeout_of(properties);
    const Timestamp sent = from_epoch_seconds(resource.handler.at("Sent").to_number<double>());
    const std::chrono::seconds most(timeout.value_or(timeout_seconds_max));
    if (scope.context.now() - sent < most) {
      resource.reason = fmt::format("waits for the response to request {}", id);
      return std::nullopt;
    }
    return invalid(fmt::format(
        "CloudFormation did not receive a response from your custom resource. Please check your "
        "logs for requestId [{}]. If you are using the Python cfn-response module, you may need to "
        "update your Lambda function so that CloudFormation can attach the updated version.",
        id));
  }
  const auto parsed = parse_json(std::string_view(*body));
  if (!parsed || !parsed->is_object())
    return invalid("Invalid response: the response is not a valid JSON object.");
  const json::object& response = parsed->get_object();
  const std::pair<std::string_view, std::string> wanted[] = {
      {"RequestId", id}, {"StackId", scope.stack.id}, {"LogicalResourceId", resource.logical_id}};
  for (const auto& [name, value] : wanted) {
    if (text(response, name) != value)
      return invalid(fmt::format("Invalid response: {} must be copied from the request.", name));
  }
  return response;
}

Error failure_in(const Resource& resource, const json::object& response) {
  if (text(response, "Status") != "FAILED")
    return {.name = "ValidationError",
            .cause = "Invalid response: Status must be SUCCESS or FAILED."};
  return {.name = "ValidationError",
          .cause = fmt::format("Received response status [FAILED] from custom resource. Message "
                               "returned: {} (RequestId: {})",
                               text(response, "Reason"), text(resource.handler, "RequestId"))};
}

// What the response to a creation or an update says of the resource.
Result<void> accept(Resource& resource, const json::object& response) {
  const std::string physical_id = text(response, "PhysicalResourceId");
  const bool good_id = !physical_id.empty() && physical_id.size() <= physical_id_bytes_max;
  if (text(response, "Status") != "SUCCESS") {
    if (resource.verb == Verb::Create && good_id) resource.physical_id = physical_id;
    return std::unexpected(failure_in(resource, response));
  }
  if (!good_id) return invalid("Invalid PhysicalResourceId");
  if (resource.verb == Verb::Update && physical_id != resource.physical_id)
    resource.handler["Replaced"] = {{"PhysicalId", resource.physical_id},
                                    {"Properties", resource.properties}};
  resource.physical_id = physical_id;
  const json::object* data = find_object(response, "Data");
  resource.attributes = data ? *data : json::object{};
  resource.no_echo = flag(response, "NoEcho");
  return {};
}

class CustomResource final : public Handler {
 public:
  Result<Progress> create(const HandlerScope& scope, Resource& resource,
                          const json::object& properties) const override {
    // Until the provider gives one, and if it never does.
    resource.physical_id = resource.name;
    const auto sent = request(scope, resource, "Create", properties, nullptr);
    if (!sent) {
      resource.physical_id.clear();
      return std::unexpected(sent.error());
    }
    return settled(scope, resource);
  }

  Result<Progress> update(const HandlerScope& scope, Resource& resource,
                          const json::object& properties,
                          const json::object& before) const override {
    if (text(before, "ServiceToken") != text(properties, "ServiceToken"))
      return invalid("Modifying service token is not allowed.");
    KIBAN_TRY_VOID(request(scope, resource, "Update", properties, &before));
    return settled(scope, resource);
  }

  Result<Progress> settled(const HandlerScope& scope, Resource& resource) const override {
    const json::object& properties = resource.attempted ? *resource.attempted : resource.properties;
    KIBAN_TRY(const auto response, response_to(scope, resource, properties));
    if (!response) return Progress::Waiting;
    KIBAN_TRY_VOID(accept(resource, *response));
    return Progress::Done;
  }

  Result<Progress> remove(const HandlerScope& scope, Resource& resource,
                          const json::object& properties) const override {
    if (!resource.deleting) {
      KIBAN_TRY_VOID(request(scope, resource, "Delete", properties, nullptr));
      resource.deleting = true;
    }
    KIBAN_TRY(const auto response, response_to(scope, resource, properties));
    if (!response) return Progress::Waiting;
    if (text(*response, "Status") == "SUCCESS") return Progress::Done;
    return std::unexpected(failure_in(resource, *response));
  }
};

}  // namespace

std::optional<Resource> take_replaced(Resource& resource) {
  const json::object* replaced = find_object(resource.handler, "Replaced");
  if (!replaced) return std::nullopt;
  Resource old = resource;
  old.handler = {};
  old.physical_id = text(*replaced, "PhysicalId");
  old.properties = replaced->at("Properties").as_object();
  resource.handler.erase("Replaced");
  return old;
}

const Handler& custom_resource_handler() {
  static const CustomResource handler;
  return handler;
}

}  // namespace kiban::services::cloudformation
