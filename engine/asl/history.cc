#include <fmt/format.h>

#include <algorithm>
#include <iterator>

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

// --- As rows ---------------------------------------------------------------------------------
//
// {"first": 1, "at": 1700000000000, "events": [[TYPE, BACK, LATER, NAME, DATA, FIELDS], ...]}
//
// `first` is the id of the first event and `at` its time in milliseconds. BACK is how far the
// previous event's id is behind its own, LATER the milliseconds since the event before it. DATA is
// a text, or the index of an earlier event whose text it has too, or true for the input of the
// execution, which its own row has, or null. Empty members at the end
// are left out.

namespace {

class HistoryWriter {
 public:
  HistoryWriter(const HistoryEvent& first, const std::optional<Payload>& input)
      : at_(first.timestamp), input_(input) {
    fmt::format_to(std::back_inserter(out_), R"({{"first":{},"at":{},"events":[)", first.id,
                   first.timestamp.time_since_epoch().count());
  }
  void append(const HistoryEvent& event);
  std::string finish() {
    out_ += "]}";
    return std::move(out_);
  }

 private:
  void append_data(const Payload& data);

  std::string out_{};
  Timestamp at_{};
  const std::optional<Payload>& input_;
  std::size_t index_{0};
  std::optional<Payload> data_{};  // The last one that was written as a text.
  std::size_t data_index_{0};
};

void HistoryWriter::append_data(const Payload& data) {
  constexpr std::size_t worth_a_comparison = 16;  // Shorter texts stay readable.
  if (input_ && (data.same_as(*input_) || data.text() == input_->text()) &&
      data.text().size() >= worth_a_comparison) {
    out_ += ",true";
    return;
  }
  if (data_ && (data_->same_as(data) || data_->text() == data.text())) {
    fmt::format_to(std::back_inserter(out_), ",{}", data_index_);
    return;
  }
  data_ = data;
  data_index_ = index_;
  out_ += ',';
  append_json_string(out_, data.text());
}

void HistoryWriter::append(const HistoryEvent& event) {
  if (index_ > 0) out_ += ',';
  fmt::format_to(std::back_inserter(out_), R"(["{}",{},{})", to_string(event.type),
                 event.id - event.previous_event_id, (event.timestamp - at_).count());
  at_ = event.timestamp;
  const bool fields = !event.fields.empty();
  if (!event.name.empty() || event.data || fields) {
    out_ += ',';
    append_json_string(out_, event.name);
  }
  if (event.data)
    append_data(*event.data);
  else if (fields)
    out_ += ",null";
  if (fields) {
    out_ += ',';
    append_json(out_, event.fields);
  }
  out_ += ']';
  ++index_;
}

std::optional<std::int64_t> integer(const json::array& event, std::size_t at) {
  if (at >= event.size() || !event[at].is_int64()) return std::nullopt;
  return event[at].get_int64();
}

// `data` are those of the events before it.
Result<HistoryEvent> read_event(const json::value& stored, const HistoryEvent& before,
                                const std::vector<std::optional<Payload>>& data,
                                const std::optional<Payload>& input) {
  const auto damaged = [] { return fail("InvalidEvent", "an event of a history is damaged"); };
  const json::array* event = stored.if_array();
  const json::string* name = event && !event->empty() ? (*event)[0].if_string() : nullptr;
  const auto type = name ? parse_event_type(std::string_view(*name)) : std::nullopt;
  const auto back = type ? integer(*event, 1) : std::nullopt;
  const auto later = type ? integer(*event, 2) : std::nullopt;
  if (!back || !later) return damaged();
  HistoryEvent out{.id = before.id + 1,
                   .previous_event_id = before.id + 1 - *back,
                   .timestamp = before.timestamp + Duration{*later},
                   .type = *type};
  if (event->size() > 3) {
    if (!(*event)[3].is_string()) return damaged();
    out.name = kiban::to_string((*event)[3].get_string());
  }
  if (const auto same = integer(*event, 4)) {
    if (*same < 0 || static_cast<std::size_t>(*same) >= data.size()) return damaged();
    out.data = data[static_cast<std::size_t>(*same)];
  } else if (event->size() > 4 && (*event)[4].is_bool()) {
    if (!input) return damaged();
    out.data = input;
  } else if (event->size() > 4 && (*event)[4].is_string()) {
    out.data = Payload::from_text(kiban::to_string((*event)[4].get_string()));
  }
  if (event->size() > 5) {
    if (!(*event)[5].is_object()) return damaged();
    out.fields = (*event)[5].get_object();
  }
  return out;
}

}  // namespace

std::string save_history(const std::vector<HistoryEvent>& events,
                         const std::optional<Payload>& input) {
  HistoryWriter writer{events.front(), input};
  for (const HistoryEvent& event : events) writer.append(event);
  return writer.finish();
}

Result<json::array> restore_history(std::string_view saved, const std::optional<Payload>& input) {
  KIBAN_TRY(json::value tree, parse_json(saved));
  if (tree.is_array()) return std::move(tree.get_array());
  const json::object* row = tree.if_object();
  const json::array* events = row ? find_array(*row, "events") : nullptr;
  if (!events || !row->contains("first") || !row->contains("at"))
    return fail("InvalidEvent", "it is not a part of a history");
  HistoryEvent event{.id = number(*row, "first") - 1,
                     .timestamp = Timestamp{Duration{number(*row, "at")}}};
  std::vector<std::optional<Payload>> data;
  json::array out;
  for (const json::value& stored : *events) {
    KIBAN_TRY(event, read_event(stored, event, data, input));
    data.push_back(event.data);
    out.push_back(to_json(event, IncludeExecutionData::Yes));
  }
  return out;
}

}  // namespace kiban::asl
