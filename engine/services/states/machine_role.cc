#include "services/states/machine_role.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <vector>

#include "asl/interpreter.h"
#include "services/base/rights.h"
#include "services/base/table_service.h"

namespace kiban::services::states {
namespace {

constexpr std::string_view principal = "states.amazonaws.com";

// Seen in lumigo-io/lumigo-CLI#83.
constexpr std::string_view not_assumable =
    "Neither the global service principal states.amazonaws.com, nor the regional one is authorized "
    "to assume the provided role.";

void collect_resources(const json::value& machine, std::set<std::string>& found);

void collect_of_state(const json::object& state, std::set<std::string>& found) {
  if (text(state, "Type") == "Task") found.insert(text(state, "Resource"));
  for (const auto* member : {"Iterator", "ItemProcessor"})
    if (const json::value* inner = find(state, member)) collect_resources(*inner, found);
  const json::array* branches = find_array(state, "Branches");
  for (const json::value& branch : branches ? *branches : json::array{})
    collect_resources(branch, found);
}

// The resources of all Task states, those of branches and processors included.
void collect_resources(const json::value& machine, std::set<std::string>& found) {
  const json::object* states =
      machine.is_object() ? find_object(machine.get_object(), "States") : nullptr;
  for (const auto& state : states ? *states : json::object{})
    if (state.value().is_object()) collect_of_state(state.value().get_object(), found);
}

// The rule by which Step Functions hears of a job's end; empty: the integration has none.
// https://docs.aws.amazon.com/step-functions/latest/dg/ecs-iam.html,
// https://docs.aws.amazon.com/step-functions/latest/dg/stepfunctions-iam.html
std::string_view managed_rule_of(const asl::TaskResource& resource) {
  const bool waits =
      resource.pattern == asl::TaskPattern::Sync || resource.pattern == asl::TaskPattern::Sync2;
  if (!waits) return {};
  if (resource.service == "ecs") return "StepFunctionsGetEventsForECSTaskRule";
  if (resource.service == "states") return "StepFunctionsGetEventsForStepFunctionsExecutionRule";
  if (resource.service == "batch") return "StepFunctionsGetEventsForBatchJobsRule";
  return {};
}

std::vector<AccessRequest> managed_rule_requests(const Context& context,
                                                 std::string_view definition) {
  std::set<std::string> resources;
  if (const auto parsed = parse_json(definition)) collect_resources(*parsed, resources);
  std::set<std::string_view> rules;
  for (const std::string& resource : resources) {
    const auto parsed = asl::parse_resource(resource);
    if (parsed) rules.insert(managed_rule_of(*parsed));
  }
  rules.erase(std::string_view());
  std::vector<AccessRequest> requests;
  for (const std::string_view rule : rules) {
    for (const auto* action : {"events:PutRule", "events:PutTargets", "events:DescribeRule"})
      requests.push_back({.action = action,
                          .resource = make_arn(context, "events", fmt::format("rule/{}", rule))});
  }
  return requests;
}

std::vector<AccessRequest> log_delivery_requests(const json::object& machine) {
  const json::object* logging = find_object(machine, "loggingConfiguration");
  if (!logging || text(*logging, "level", "OFF") == "OFF") return {};
  std::vector<AccessRequest> requests;
  for (const auto* action :
       {"logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery",
        "logs:DeleteLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy",
        "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"})
    requests.push_back({.action = action, .resource = "*"});
  return requests;
}

}  // namespace

Result<Caller> assume_machine_role(Context& context, std::string_view role_arn,
                                   const Origin& origin) {
  const std::string& serves =
      origin.execution_arn.empty() ? origin.machine_arn : origin.execution_arn;
  RoleRequest request{.role_arn = std::string(role_arn),
                      .principal = std::string(principal),
                      .session_name = session_name_of(serves),
                      .source_arn = origin.machine_arn,
                      .acts_for = serves};
  auto session = context.assume(request);
  if (session) return session;
  request.principal = fmt::format("states.{}.amazonaws.com", context.caller().region);
  auto regional = context.assume(request);
  return regional ? regional : session;
}

Result<Caller> assume_task_role(Context& context, std::string_view role_arn,
                                std::string_view credentials_role, const Origin& origin) {
  auto session = assume_machine_role(context, role_arn, origin);
  if (!session) return fail(session.error().name, std::string(not_assumable));
  if (credentials_role.empty() || credentials_role == role_arn) return session;
  auto target =
      context.assume({.role_arn = std::string(credentials_role),
                      .principal = session->arn,
                      .session_name = session_name_of(origin.execution_arn),
                      .acts_for = origin.execution_arn,
                      .keys = {{.name = "sts:ExternalId", .values = {origin.machine_arn}}}});
  if (target) return target;
  return fail(target.error().name,
              fmt::format("The role {} is not authorized to assume the task state's role, {}.",
                          role_arn, credentials_role));
}

Result<void> check_machine_role(Context& context, const json::object& machine) {
  const auto denied = [](std::string why) { return fail("AccessDeniedException", std::move(why)); };
  const std::string role_arn = text(machine, "roleArn");
  const auto role =
      assume_machine_role(context, role_arn, {.machine_arn = text(machine, "stateMachineArn")});
  if (!role) return denied(std::string(not_assumable));
  const auto rules = managed_rule_requests(context, text(machine, "definition"));
  if (!rules.empty() && !decide_as(context, "states", rules, *role))
    return denied(fmt::format("'{}' is not authorized to create managed-rule.", role_arn));
  const auto delivery = log_delivery_requests(machine);
  if (!delivery.empty() && !decide_as(context, "states", delivery, *role))
    return denied("The state machine IAM Role is not authorized to access the Log Destination");
  return {};
}

}  // namespace kiban::services::states
