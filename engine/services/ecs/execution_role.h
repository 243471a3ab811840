// The roles of a task: who may pass them, whether ECS may assume them, and what the execution role
// must be allowed to before the task runs.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
#pragma once

#include <string_view>

#include "services/base/service.h"

namespace kiban::services::ecs {

// A session of the definition's execution role, named after the task, as ECS assumes it for the
// task: aws:SourceArn is the task. Without an execution role a task for Fargate is the service
// principal ecs-tasks.amazonaws.com, which may neither pull nor log; another is ECS itself, in
// place of the container instance's role. Error ClientException with AWS's text.
Result<Caller> assume_execution_role(Context& context, const json::object& definition,
                                     std::string_view task_arn);

// What RunTask asks of the execution role and the task role of `definition` (overrides included):
// the caller may pass them, and ECS may assume them. Errors AccessDeniedException, ClientException.
Result<void> check_roles(Context& context, const json::object& definition,
                         std::string_view cluster_arn);

// Whether `role` may log in to ECR and read a repository there. The error's cause is a task's
// stoppedReason. `repository`: its ARN; `name`: the image as the definition has it.
Result<void> check_registry(Context& context, std::string_view repository, std::string_view name,
                            const Caller& role);

// ECR refused to give the image's manifest. Seen in aws/aws-cdk#29876.
std::unexpected<Error> pull_refused(std::string_view name);

// Whether `role` may create the streams of the containers' awslogs logs. The error's cause is a
// task's stoppedReason.
Result<void> check_log_streams(Context& context, const json::object& definition,
                               std::string_view task_arn, const Caller& role);

// awslogs-stream-prefix/CONTAINER/TASK:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
std::string log_stream_name(const json::object& log_options, std::string_view container,
                            std::string_view task_arn);

// "AccessDeniedException: User: … status code: 400, request id: …", as the agent of ECS quotes an
// error of another service.
std::string quoted_error(Context& context, const Error& error);

}  // namespace kiban::services::ecs
