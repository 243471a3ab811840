#include <fmt/format.h>

#include <algorithm>

#include "asl/interpreter.h"

namespace kiban::asl {
namespace {

struct Shape {
  std::string_view name{};
  std::string_view details{};  // Member that holds the details; empty: the type has none.
  std::string_view data{};     // Member of the details that HistoryEvent::data is.
};

// In the order of EventType. Names from botocore's model of GetExecutionHistory; which types have
// details at all was recorded by AWS.
constexpr Shape shapes[] = {
    {"ActivityFailed", "activityFailedEventDetails", ""},
    {"ActivityScheduled", "activityScheduledEventDetails", "input"},
    {"ActivityScheduleFailed", "activityScheduleFailedEventDetails", ""},
    {"ActivityStarted", "activityStartedEventDetails", ""},
    {"ActivitySucceeded", "activitySucceededEventDetails", "output"},
    {"ActivityTimedOut", "activityTimedOutEventDetails", ""},
    {"ChoiceStateEntered", "stateEnteredEventDetails", "input"},
    {"ChoiceStateExited", "stateExitedEventDetails", "output"},
    {"EvaluationFailed", "evaluationFailedEventDetails", ""},
    {"ExecutionAborted", "executionAbortedEventDetails", ""},
    {"ExecutionFailed", "executionFailedEventDetails", ""},
    {"ExecutionRedriven", "executionRedrivenEventDetails", ""},
    {"ExecutionStarted", "executionStartedEventDetails", "input"},
    {"ExecutionSucceeded", "executionSucceededEventDetails", "output"},
    {"ExecutionTimedOut", "executionTimedOutEventDetails", ""},
    {"FailStateEntered", "stateEnteredEventDetails", "input"},
    {"LambdaFunctionFailed", "lambdaFunctionFailedEventDetails", ""},
    {"LambdaFunctionScheduled", "lambdaFunctionScheduledEventDetails", "input"},
    {"LambdaFunctionScheduleFailed", "lambdaFunctionScheduleFailedEventDetails", ""},
    {"LambdaFunctionStarted", "", ""},
    {"LambdaFunctionStartFailed", "lambdaFunctionStartFailedEventDetails", ""},
    {"LambdaFunctionSucceeded", "lambdaFunctionSucceededEventDetails", "output"},
    {"LambdaFunctionTimedOut", "lambdaFunctionTimedOutEventDetails", ""},
    {"MapIterationAborted", "mapIterationAbortedEventDetails", ""},
    {"MapIterationFailed", "mapIterationFailedEventDetails", ""},
    {"MapIterationStarted", "mapIterationStartedEventDetails", ""},
    {"MapIterationSucceeded", "mapIterationSucceededEventDetails", ""},
    {"MapRunAborted", "", ""},
    {"MapRunFailed", "mapRunFailedEventDetails", ""},
    {"MapRunRedriven", "mapRunRedrivenEventDetails", ""},
    {"MapRunStarted", "mapRunStartedEventDetails", ""},
    {"MapRunSucceeded", "", ""},
    {"MapStateAborted", "", ""},
    {"MapStateEntered", "stateEnteredEventDetails", "input"},
    {"MapStateExited", "stateExitedEventDetails", "output"},
    {"MapStateFailed", "", ""},
    {"MapStateStarted", "mapStateStartedEventDetails", ""},
    {"MapStateSucceeded", "", ""},
    {"ParallelStateAborted", "", ""},
    {"ParallelStateEntered", "stateEnteredEventDetails", "input"},
    {"ParallelStateExited", "stateExitedEventDetails", "output"},
    {"ParallelStateFailed", "", ""},
    {"ParallelStateStarted", "", ""},
    {"ParallelStateSucceeded", "", ""},
    {"PassStateEntered", "stateEnteredEventDetails", "input"},
    {"PassStateExited", "stateExitedEventDetails", "output"},
    {"SucceedStateEntered", "stateEnteredEventDetails", "input"},
    {"SucceedStateExited", "stateExitedEventDetails", "output"},
    {"TaskFailed", "taskFailedEventDetails", ""},
    {"TaskScheduled", "taskScheduledEventDetails", "parameters"},
    {"TaskStarted", "taskStartedEventDetails", ""},
    {"TaskStartFailed", "taskStartFailedEventDetails", ""},
    {"TaskStateAborted", "", ""},
    {"TaskStateEntered", "stateEnteredEventDetails", "input"},
    {"TaskStateExited", "stateExitedEventDetails", "output"},
    {"TaskSubmitFailed", "taskSubmitFailedEventDetails", ""},
    {"TaskSubmitted", "taskSubmittedEventDetails", "output"},
    {"TaskSucceeded", "taskSucceededEventDetails", "output"},
    {"TaskTimedOut", "taskTimedOutEventDetails", ""},
    {"WaitStateAborted", "", ""},
    {"WaitStateEntered", "stateEnteredEventDetails", "input"},
    {"WaitStateExited", "stateExitedEventDetails", "output"},
};
static_assert(std::size(shapes) == static_cast<std::size_t>(EventType::WaitStateExited) + 1);

const Shape& shape_of(EventType type) { return shapes[static_cast<std::size_t>(type)]; }

json::object not_truncated() { return {{"truncated", false}}; }

}  // namespace

std::string_view to_string(EventType type) { return shape_of(type).name; }

std::optional<EventType> parse_event_type(std::string_view name) {
  const auto found = std::find_if(std::begin(shapes), std::end(shapes),
                                  [&](const Shape& shape) { return shape.name == name; });
  if (found == std::end(shapes)) return std::nullopt;
  return static_cast<EventType>(found - std::begin(shapes));
}

std::string_view to_string(Status status) {
  static constexpr std::string_view names[] = {"RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT",
                                               "ABORTED"};
  return names[static_cast<std::size_t>(status)];
}

json::object to_json(const HistoryEvent& event, IncludeExecutionData include) {
  const Shape& shape = shape_of(event.type);
  json::object out{{"timestamp", epoch_seconds(event.timestamp)},
                   {"type", shape.name},
                   {"id", event.id},
                   {"previousEventId", event.previous_event_id}};
  if (shape.details.empty()) return out;
  json::object details;
  if (!event.name.empty()) details["name"] = event.name;
  // `parameters` is a required member and no "input or output", so it stays.
  const bool all = include == IncludeExecutionData::Yes;
  if (event.data && (all || shape.data == "parameters")) {
    details[shape.data] = event.data->text();
    if (shape.data != "parameters") details[fmt::format("{}Details", shape.data)] = not_truncated();
  }
  for (const auto& member : event.fields) {
    if (member.key() == "assignedVariables") {
      if (!all) continue;
      details["assignedVariables"] = member.value();
      details["assignedVariablesDetails"] = not_truncated();
    } else {
      details[member.key()] = member.value();
    }
  }
  out[shape.details] = std::move(details);
  return out;
}

Result<HistoryEvent> event_from_json(const json::object& object) {
  const json::string* type_name = find_string(object, "type");
  const auto type = type_name ? parse_event_type(std::string_view(*type_name)) : std::nullopt;
  const json::value* id = find(object, "id");
  const json::value* previous = find(object, "previousEventId");
  const json::value* timestamp = find(object, "timestamp");
  if (!type || !id || !id->is_number() || !previous || !previous->is_number() || !timestamp ||
      !timestamp->is_number())
    return fail("InvalidEvent", "type, id, previousEventId or timestamp is missing or wrong");
  json::error_code code;
  HistoryEvent out{.id = id->to_number<std::int64_t>(code),
                   .previous_event_id = previous->to_number<std::int64_t>(code),
                   .timestamp = from_epoch_seconds(timestamp->to_number<double>()),
                   .type = *type};
  const Shape& shape = shape_of(*type);
  if (shape.details.empty()) return out;
  const json::object* details = find_object(object, shape.details);
  if (!details) return out;
  for (const auto& member : *details) {
    const std::string_view key = member.key();
    if (key == "name" && member.value().is_string()) {
      out.name = kiban::to_string(member.value().get_string());
    } else if (key == shape.data && member.value().is_string()) {
      out.data = Payload::from_text(kiban::to_string(member.value().get_string()));
    } else if (key != "inputDetails" && key != "outputDetails" &&
               key != "assignedVariablesDetails") {
      out.fields[key] = member.value();
    }
  }
  return out;
}

}  // namespace kiban::asl
