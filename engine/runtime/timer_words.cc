#include "runtime/timer_words.h"

#include <fmt/core.h>

namespace kiban::runtime {
namespace {

std::string last_part(const std::string& arn) { return arn.substr(arn.find_last_of(":/") + 1); }

std::string of_events(const json::object& payload) {
  const std::string kind = text(payload, "Kind");
  if (kind == "schedule") return "the schedule of rule " + text(payload, "Rule");
  if (kind == "archive") return "the retention of archive " + text(payload, "Archive");
  if (kind == "replay") return "the replay " + text(payload, "Replay");
  const json::object* target = find_object(payload, "Target");
  return "another try of a delivery" +
         (target ? " to " + last_part(text(*target, "Arn")) : std::string());
}

std::string of_scheduler(const json::object& payload) {
  const std::string kind = text(payload, "Kind");
  if (kind == "group") return "the deletion of schedule group " + text(payload, "Group");
  const std::string name = text(payload, "Group") + "/" + text(payload, "Name");
  return kind == "retry" ? "another try of schedule " + name : "the schedule " + name;
}

}  // namespace

std::string timer_words(std::string_view service, const json::object& payload) {
  if (service == "states" && payload.contains("Execution") && !payload.contains("Forget"))
    return "a Wait state, timeout or retry of execution " + last_part(text(payload, "Execution"));
  if (service == "events") return of_events(payload);
  if (service == "scheduler") return of_scheduler(payload);
  if (service == "cloudwatch" && payload.contains("Alarm"))
    return "the evaluation of alarm " + text(payload, "Alarm");
  if (service == "logs" && payload.contains("Group"))
    return "the retention of log group " + text(payload, "Group");
  if (service == "ecs" && payload.contains("Service"))
    return "the scheduler of ECS service " + text(payload, "Service");
  if (service == "cloudformation") return "the deployment of a stack";
  return fmt::format("a timer of {}", service);
}

}  // namespace kiban::runtime
