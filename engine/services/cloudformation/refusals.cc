#include "services/cloudformation/refusals.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/model.h"

namespace kiban::services::cloudformation {
namespace {

constexpr std::string_view iam_mark = "API: iam:";

// Clients as the handlers' SDK for Java names them: service ids without spaces, one capital.
std::string client_name(std::string_view service_id) {
  struct Name {
    std::string_view service_id{};
    std::string_view client{};
  };
  constexpr Name names[] = {{"CloudWatch Logs", "CloudWatchLogs"},
                            {"CloudWatch", "CloudWatch"},
                            {"EventBridge", "EventBridge"},
                            {"Secrets Manager", "SecretsManager"},
                            {"Application Auto Scaling", "ApplicationAutoScaling"},
                            {"Elastic Load Balancing v2", "ElasticLoadBalancingV2"},
                            {"S3", "S3"}};
  const auto* found = std::ranges::find(names, service_id, &Name::service_id);
  if (found != std::end(names)) return std::string(found->client);
  std::string name(service_id);
  std::ranges::transform(name, name.begin(), [first = true](char c) mutable {
    const bool keep = first || c < 'A' || c > 'Z';
    first = false;
    return keep ? c : static_cast<char>(c - 'A' + 'a');
  });
  return name;
}

}  // namespace

Result<Caller> assume_stack_role(Context& context, std::string_view role_arn,
                                 std::string_view stack_id) {
  return context.assume({.role_arn = std::string(role_arn),
                         .principal = "cloudformation.amazonaws.com",
                         .session_name = "AWSCloudFormation",
                         .source_arn = std::string(stack_id),
                         .acts_for = std::string(stack_id)});
}

Error refusal_of(Context& context, std::string_view service, std::string_view operation,
                 const Error& error) {
  const std::string id = context.random().uuid();
  if (service == "iam")
    return {error.name, fmt::format("{}{} {}", iam_mark, operation, error.cause)};
  // The handler of state machines has an older client.
  if (service == "states")
    return {error.name, fmt::format("{} (Service: AWSStepFunctions; Status Code: 400; Error Code: "
                                    "AccessDeniedException; Request ID: {}; Proxy: null)",
                                    error.cause, id)};
  const api::Service* model = api::find_service(service);
  const bool json = model && model->protocol == api::Protocol::Json && service != "sqs";
  return {error.name,
          fmt::format("{} (Service: {}, Status Code: {}, Request ID: {})", error.cause,
                      client_name(model ? model->service_id : service), json ? 400 : 403, id)};
}

std::string refusal_reason(Context& context, const Error& error) {
  if (error.cause.starts_with(iam_mark)) return error.cause;
  return fmt::format(
      "Resource handler returned message: \"{}\" (RequestToken: {}, HandlerErrorCode: "
      "AccessDenied)",
      error.cause, context.random().uuid());
}

}  // namespace kiban::services::cloudformation
