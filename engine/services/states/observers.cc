#include "services/states/observers.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/states/executions.h"

namespace kiban::services::states {
namespace {

Caller own(const Context& context) {
  return {.account = context.caller().account,
          .region = context.caller().region,
          .arn = "states.amazonaws.com"};
}

// https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html#cloudwatch-log-level
bool selected(std::string_view level, std::string_view type) {
  if (level == "ALL") return true;
  const bool fatal =
      type == "ExecutionFailed" || type == "ExecutionAborted" || type == "ExecutionTimedOut";
  if (level == "FATAL" || fatal) return fatal;
  return level == "ERROR" && (type.ends_with("Failed") || type.ends_with("TimedOut") ||
                              type.ends_with("Aborted") || type == "FailStateEntered");
}

std::string log_line(const asl::HistoryEvent& event, const json::object& execution,
                     asl::IncludeExecutionData include) {
  const json::object shown = asl::to_json(event, include);
  json::object line{{"id", std::to_string(event.id)}, {"type", asl::to_string(event.type)}};
  for (const auto& member : shown) {
    if (std::string_view(member.key()).ends_with("EventDetails")) line["details"] = member.value();
  }
  line["previous_event_id"] = std::to_string(event.previous_event_id);
  line["event_timestamp"] = std::to_string(event.timestamp.time_since_epoch().count());
  line["execution_arn"] = execution.at("executionArn");
  line["redrive_count"] = std::to_string(number(execution, "redriveCount", 0));
  return print_json(line);
}

// "arn:…:log-group:NAME:*" to NAME.
std::string group_name(std::string_view arn) {
  constexpr std::string_view mark = ":log-group:";
  const std::size_t at = arn.find(mark);
  std::string name(at == std::string_view::npos ? arn : arn.substr(at + mark.size()));
  if (name.ends_with(":*")) name.resize(name.size() - 2);
  return name;
}

void count(Context& context, std::string_view machine_arn, std::string_view name, double value,
           std::string_view unit) {
  context.count({.metric_namespace = "AWS/States",
                 .name = name,
                 .unit = unit,
                 .dimensions = {{"StateMachineArn", std::string(machine_arn)}},
                 .value = value});
}

}  // namespace

void log_events(Context& context, const json::object& machine, const json::object& execution,
                const std::vector<asl::HistoryEvent>& events) {
  const json::object* logging = find_object(machine, "loggingConfiguration");
  const json::array* destinations = logging ? find_array(*logging, "destinations") : nullptr;
  if (!destinations || destinations->empty()) return;
  const json::object* group = find_object((*destinations)[0].as_object(), "cloudWatchLogsLogGroup");
  if (!group) return;
  const auto include = flag(*logging, "includeExecutionData") ? asl::IncludeExecutionData::Yes
                                                              : asl::IncludeExecutionData::No;
  json::array lines;
  for (const asl::HistoryEvent& event : events) {
    if (selected(text(*logging, "level"), asl::to_string(event.type)))
      lines.push_back({{"timestamp", event.timestamp.time_since_epoch().count()},
                       {"message", log_line(event, execution, include)}});
  }
  if (lines.empty()) return;
  const std::string stream = fmt::format("states/{}/{}-00-00/00000000", text(machine, "name"),
                                         format_iso8601(context.now()).substr(0, 10));
  json::object request{{"logGroupName", group_name(text(*group, "logGroupArn"))},
                       {"logStreamName", stream}};
  // Refused when it is there already; a group that is gone loses the lines, as on AWS.
  (void)context.call("logs", "CreateLogStream", request, own(context));
  request["logEvents"] = std::move(lines);
  (void)context.call("logs", "PutLogEvents", request, own(context));
}

void count_started(Context& context, std::string_view machine_arn) {
  count(context, machine_arn, "ExecutionsStarted", 1, "Count");
}

void count_finished(Context& context, std::string_view machine_arn, asl::Status status,
                    Duration took) {
  const std::string_view name = status == asl::Status::Succeeded  ? "ExecutionsSucceeded"
                                : status == asl::Status::TimedOut ? "ExecutionsTimedOut"
                                : status == asl::Status::Aborted  ? "ExecutionsAborted"
                                                                  : "ExecutionsFailed";
  count(context, machine_arn, name, 1, "Count");
  count(context, machine_arn, "ExecutionTime", static_cast<double>(took.count()), "Milliseconds");
}

namespace {

// Members and their order as recorded by AWS: test_event_bridge_events_base.
json::object status_detail(const Context& context, const json::object& execution) {
  json::object detail;
  for (const auto* member :
       {"executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "input",
        "output", "stateMachineVersionArn", "stateMachineAliasArn", "redriveCount", "redriveDate",
        "error", "cause"}) {
    const json::value* value = find(execution, member);
    const bool time = std::string_view(member).ends_with("Date");
    if (!value)
      detail[member] = nullptr;
    else if (time)
      detail[member] = static_cast<std::int64_t>(value->to_number<double>() * 1000);
    else
      detail[member] = *value;
  }
  detail["redriveCount"] = number(execution, "redriveCount", 0);
  const auto reason = not_redrivable(context, execution);
  const bool by_run = execution.contains("parent") && text(execution, "status") != "RUNNING" &&
                      text(execution, "status") != "SUCCEEDED";
  detail["redriveStatus"] = by_run   ? "REDRIVABLE_BY_MAP_RUN"
                            : reason ? "NOT_REDRIVABLE"
                                     : "REDRIVABLE";
  detail["redriveStatusReason"] = reason && !by_run ? json::value(*reason) : json::value();
  detail["inputDetails"] = {{"included", true}};
  detail["outputDetails"] =
      execution.contains("output") ? json::value{{"included", true}} : json::value();
  return detail;
}

}  // namespace

void publish_status(Context& context, const json::object& execution) {
  const bool heard = context.heard("aws.states");
  if (!heard && text(execution, "status") == "RUNNING") return;
  context.publish({.source = "aws.states",
                   .detail_type = "Step Functions Execution Status Change",
                   .region = context.caller().region,
                   .account = context.caller().account,
                   .resources = {text(execution, "executionArn")},
                   .detail = heard ? status_detail(context, execution)
                                   // What on_ended reads.
                                   : json::object{{"status", execution.at("status")}}});
}

}  // namespace kiban::services::states
