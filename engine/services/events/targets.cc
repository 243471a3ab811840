#include "services/events/targets.h"

#include <fmt/format.h>

#include <set>

#include "core/arn.h"
#include "patterns/input.h"
#include "services/base/table_service.h"
#include "services/events/destinations.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

constexpr std::size_t page_size = 100;
// Of one rule: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
constexpr std::size_t targets_max = 5;

// The last part of what is served, as ARNs name it.
constexpr std::string_view served =
    "Step Functions, Lambda, SQS, SNS, CloudWatch Logs, ECS, API destinations and event buses";

Result<void> check_arn(const json::object& target) {
  const std::string text_of_arn = text(target, "Arn");
  const auto arn = parse_arn(text_of_arn);
  if (!arn)
    return invalid(fmt::format(
        "Parameter {} is not valid. Reason: Provided Arn is not in correct format.", text_of_arn));
  const std::string& resource = arn->resource;
  const bool known = arn->service == "sqs" || arn->service == "sns" ||
                     (arn->service == "lambda" && resource.starts_with("function:")) ||
                     (arn->service == "states" && resource.starts_with("stateMachine:")) ||
                     (arn->service == "logs" && resource.starts_with("log-group:")) ||
                     (arn->service == "ecs" && resource.starts_with("cluster/")) ||
                     (arn->service == "events" && resource.starts_with("event-bus/")) ||
                     is_destination_arn(text_of_arn);
  if (known) return {};
  return invalid(fmt::format("kiban does not deliver to {} (target {}): it serves {}", text_of_arn,
                             text(target, "Id"), served));
}

// A FIFO queue wants to know the group of the messages; nothing else has such parameters.
// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html
Result<void> check_sqs_parameters(const json::object& target, std::string_view service) {
  const std::string arn = text(target, "Arn");
  const bool fifo = service == "sqs" && arn.ends_with(".fifo");
  const json::object* parameters = find_object(target, "SqsParameters");
  if (fifo && (!parameters || text(*parameters, "MessageGroupId").empty()))
    return invalid(fmt::format("Parameter(s) MessageGroupId must be specified for target: {}.",
                               text(target, "Id")));
  if (!fifo && parameters)
    return invalid(fmt::format("Parameter SqsParameters is not supported for target {}.", arn));
  return {};
}

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html
Result<void> check_service(const json::object& target, std::string_view service) {
  const std::string arn = text(target, "Arn");
  const bool destination = is_destination_arn(arn);
  if ((service == "states" || service == "ecs" || destination) && text(target, "RoleArn").empty())
    return invalid(fmt::format("RoleArn is required for target {}.", arn));
  if ((service == "ecs") != target.contains("EcsParameters"))
    return invalid(
        service == "ecs"
            ? fmt::format("EcsParameters is required for target {}.", arn)
            : fmt::format("Parameter EcsParameters is not supported for target {}.", arn));
  if (!destination && target.contains("HttpParameters"))
    return invalid(fmt::format("Parameter HttpParameters is not supported for target {}.", arn));
  if (service == "events" && !destination) {
    // The receiving bus gets the event as it is; its rules may change it.
    for (const char* member : {"Input", "InputPath", "InputTransformer"})
      if (target.contains(member))
        return invalid(
            fmt::format("{} is not supported for target {}: an event bus gets the event "
                        "itself.",
                        member, arn));
  }
  return {};
}

Result<void> check_target(const json::object& target) {
  KIBAN_TRY_VOID(check_arn(target));
  KIBAN_TRY_VOID(refuse_members(
      target, "targets",
      {"KinesisParameters", "RunCommandParameters", "BatchParameters", "RedshiftDataParameters",
       "SageMakerPipelineParameters", "AppSyncParameters"}));
  KIBAN_TRY_VOID(check_service(target, parse_arn(text(target, "Arn"))->service));
  KIBAN_TRY_VOID(check_sqs_parameters(target, parse_arn(text(target, "Arn"))->service));
  if (const json::object* dead_letters = find_object(target, "DeadLetterConfig")) {
    const auto queue = parse_arn(text(*dead_letters, "Arn"));
    if (!queue || queue->service != "sqs")
      return invalid(fmt::format("DeadLetterConfig of target {} needs the ARN of an SQS queue.",
                                 text(target, "Id")));
  }
  KIBAN_TRY_VOID(patterns::TargetInput::parse(target));
  return {};
}

json::object no_failures() { return {{"FailedEntryCount", 0}, {"FailedEntries", json::array{}}}; }

}  // namespace

Result<json::object> put_targets(Context& context, const json::object& input) {
  const std::string bus = bus_of(input);
  const std::string rule = text(input, "Rule");
  KIBAN_TRY_VOID(load_rule(context, bus, rule));
  const json::array* targets = find_array(input, "Targets");
  std::set<std::string> seen;
  for (const json::value& target : targets ? *targets : json::array{}) {
    const std::string id = text(target.as_object(), "Id");
    if (!seen.insert(id).second) return invalid(fmt::format("Target Id {} occurs twice.", id));
    KIBAN_TRY_VOID(check_target(target.as_object()));
    if (const std::string role = text(target.as_object(), "RoleArn"); !role.empty())
      KIBAN_TRY_VOID(context.decide(
          {.action = "iam:PassRole",
           .resource = role,
           .keys = {{.name = "iam:PassedToService", .values = {"events.amazonaws.com"}}}}));
    put_json(context, target_key(context, bus, rule, id), target.as_object());
  }
  if (context.scan(target_key(context, bus, rule, "")).size() > targets_max)
    return fail("LimitExceededException",
                "The requested resource exceeds the maximum number allowed.");
  return no_failures();
}

Result<json::object> remove_targets(Context& context, const json::object& input) {
  const std::string bus = bus_of(input);
  const std::string rule = text(input, "Rule");
  KIBAN_TRY_VOID(load_rule(context, bus, rule));
  const json::array* ids = find_array(input, "Ids");
  for (const json::value& id : ids ? *ids : json::array{})
    context.erase(target_key(context, bus, rule, to_string(id.as_string())));
  return no_failures();
}

Result<json::object> list_targets(Context& context, const json::object& input) {
  const std::string bus = bus_of(input);
  KIBAN_TRY_VOID(load_rule(context, bus, text(input, "Rule")));
  json::array all;
  for (json::object& target : targets_of(context, bus, text(input, "Rule")))
    all.push_back(std::move(target));
  const auto limit = static_cast<std::size_t>(number(input, "Limit", page_size));
  KIBAN_TRY(Page page, paginate(all, limit, find_string(input, "NextToken")));
  json::object reply{{"Targets", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

Result<json::object> list_rules_by_target(Context& context, const json::object& input) {
  const std::string bus = bus_of(input);
  KIBAN_TRY_VOID(load_bus(context, bus));
  json::array all;
  for (const json::object& rule : list_json(context, rule_key(context, bus, ""))) {
    for (const json::object& target : targets_of(context, bus, text(rule, "Name"))) {
      if (text(target, "Arn") != text(input, "TargetArn")) continue;
      all.push_back(rule.at("Name"));
      break;
    }
  }
  const auto limit = static_cast<std::size_t>(number(input, "Limit", page_size));
  KIBAN_TRY(Page page, paginate(all, limit, find_string(input, "NextToken")));
  json::object reply{{"RuleNames", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

}  // namespace kiban::services::events
