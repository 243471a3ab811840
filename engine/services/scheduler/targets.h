// Targets of schedules, and the one operation that each firing calls.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-universal.html
#pragma once

#include <string>
#include <string_view>

#include "services/base/service.h"

namespace kiban::services::scheduler {

// What a firing is, for the target's input: its <aws.scheduler.…> keywords and the notification
// that a target without Input gets.
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
struct Moment {
  std::string schedule_arn{};
  std::string schedule_name{};
  std::string execution_id{};
  std::string event_id{};
  Timestamp scheduled{};
  std::int64_t attempt{1};
};

// "2022-03-22T18:59:43Z"
std::string format_scheduled(Timestamp time);

// Input with its keywords replaced; without Input the notification.
std::string input_of(const Context& context, const json::object& target, const Moment& moment);

struct Call {
  std::string service{};
  std::string operation{};
  std::string region{};
  json::object input{};
};
// What the target is called with. `input`: of input_of.
Result<Call> call_of(Context& context, const json::object& target, const std::string& input,
                     const Moment& moment);

// arn:aws:scheduler:::aws-sdk:sqs:sendMessage, of templated targets too.
std::string service_arn(const json::object& target);

// A session of a schedule's role. aws:SourceArn is the ARN of the schedule's group:
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
// `schedule_arn`: what the session acts for; empty: the group. Error AccessDenied.
Result<Caller> assume_target_role(Context& context, std::string_view role, std::string_view group,
                                  std::string_view schedule_arn = {});

// Whether a schedule of the group may have the target: ARN, parameters, input, role. Errors:
// ValidationException; AccessDeniedException when the caller may not pass the role.
Result<void> check_target(Context& context, const json::object& target, std::string_view group);

}  // namespace kiban::services::scheduler
