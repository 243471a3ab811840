#include "services/ecs/execution_role.h"

#include <fmt/format.h>

#include "services/base/rights.h"
#include "services/base/table_service.h"
#include "services/ecs/definition_checks.h"
#include "services/ecs/names.h"

namespace kiban::services::ecs {
namespace {

constexpr std::string_view tasks_principal = "ecs-tasks.amazonaws.com";
// Where AWS would pull and log as the container instance's role, which kiban does not have.
constexpr std::string_view instance = "ecs.amazonaws.com";

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html: the trust policy
// may demand aws:SourceArn arn:aws:ecs:REGION:ACCOUNT:* and aws:SourceAccount.
Result<Caller> assume(Context& context, const std::string& role_arn, std::string_view session,
                      std::string_view source_arn) {
  auto role = context.assume({.role_arn = role_arn,
                              .principal = std::string(tasks_principal),
                              .session_name = std::string(session),
                              .source_arn = std::string(source_arn),
                              .acts_for = std::string(source_arn)});
  if (role) return role;
  return fail(
      "ClientException",
      fmt::format("ECS was unable to assume the role '{}' that was provided for this task. Please "
                  "verify that the role being passed has the proper trust relationship and "
                  "permissions and that your IAM user has permissions to pass this role.",
                  role_arn));
}

std::unexpected<Error> not_initialised(std::string reason) {
  return fail("ResourceInitializationError", "ResourceInitializationError: " + std::move(reason));
}

// The service principal alone may do nothing: AWS refuses such a definition when it is registered.
bool has_role(const Caller& role) { return role.arn != tasks_principal; }

std::string without_role(std::string_view what) {
  return fmt::format("Fargate requires task definition to have execution role ARN to support {}.",
                     what);
}

}  // namespace

Result<Caller> assume_execution_role(Context& context, const json::object& definition,
                                     std::string_view task_arn) {
  const std::string role_arn = text(definition, "executionRoleArn");
  if (!role_arn.empty()) return assume(context, role_arn, last_part(task_arn), task_arn);
  Caller ecs = principal(context, is_for_fargate(definition) ? tasks_principal : instance);
  ecs.source_arn = task_arn;
  ecs.acts_for = task_arn;
  return ecs;
}

Result<void> check_roles(Context& context, const json::object& definition,
                         std::string_view cluster_arn) {
  for (const auto* member : {"executionRoleArn", "taskRoleArn"}) {
    const std::string role_arn = text(definition, member);
    if (role_arn.empty()) continue;
    KIBAN_TRY_VOID(context.decide(
        {.action = "iam:PassRole",
         .resource = role_arn,
         .keys = {{.name = "iam:PassedToService", .values = {std::string(tasks_principal)}}}}));
    KIBAN_TRY_VOID(assume(context, role_arn, "ecs-task", cluster_arn));
  }
  return {};
}

std::string quoted_error(Context& context, const Error& error) {
  const std::string name = is_refusal(error) ? "AccessDeniedException" : error.name;
  return fmt::format("{}: {} status code: 400, request id: {}", name, error.cause,
                     context.random().uuid());
}

std::unexpected<Error> pull_refused(std::string_view name) {
  const std::size_t slash = name.find('/');
  const std::size_t mark = name.find_first_of(":@", slash);
  const std::string_view tag = mark == std::string_view::npos ? "latest" : name.substr(mark + 1);
  return fail("AccessDenied",
              fmt::format("CannotPullContainerError: pull image manifest has been retried 1 "
                          "time(s): failed to resolve ref {}: pulling from host {} failed with "
                          "status code [manifests {}]: 403 Forbidden",
                          name, name.substr(0, slash), tag));
}

Result<void> check_registry(Context& context, std::string_view repository, std::string_view name,
                            const Caller& role) {
  const auto login =
      decide_as(context, "ecs", {{.action = "ecr:GetAuthorizationToken", .resource = "*"}}, role);
  if (!login && !has_role(role)) return fail("ClientException", without_role("ECR images"));
  if (!login)
    return not_initialised(fmt::format(
        "unable to pull secrets or registry auth: execution resource retrieval failed: unable to "
        "retrieve ecr registry auth: service call has been retried 1 time(s): {}",
        quoted_error(context, login.error())));
  const auto layers = decide_as(
      context, "ecs",
      {{.action = "ecr:GetDownloadUrlForLayer", .resource = std::string(repository)}}, role);
  if (!layers) return pull_refused(name);
  return {};
}

std::string log_stream_name(const json::object& log_options, std::string_view container,
                            std::string_view task_arn) {
  return fmt::format("{}/{}/{}", text(log_options, "awslogs-stream-prefix"), container,
                     last_part(task_arn));
}

Result<void> check_log_streams(Context& context, const json::object& definition,
                               std::string_view task_arn, const Caller& role) {
  for (const json::value& value : definition.at("containerDefinitions").as_array()) {
    const json::object& container = value.as_object();
    const json::object* log = find_object(container, "logConfiguration");
    const json::object* options = log ? find_object(*log, "options") : nullptr;
    if (!options || text(*options, "awslogs-group").empty()) continue;
    const std::string stream =
        fmt::format("arn:aws:logs:{}:{}:log-group:{}:log-stream:{}",
                    text(*options, "awslogs-region", context.caller().region),
                    context.caller().account, text(*options, "awslogs-group"),
                    log_stream_name(*options, text(container, "name"), task_arn));
    const auto allowed =
        decide_as(context, "ecs", {{.action = "logs:CreateLogStream", .resource = stream}}, role);
    if (allowed) continue;
    if (!has_role(role)) return fail("ClientException", without_role("log driver awslogs"));
    return not_initialised(fmt::format(
        "failed to validate logger args: create stream has been retried 1 times: failed to create "
        "Cloudwatch log stream: {} : exit status 1",
        quoted_error(context, allowed.error())));
  }
  return {};
}

}  // namespace kiban::services::ecs
