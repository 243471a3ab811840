#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "asl/depth.h"
#include "asl/machine.h"
#include "core/exact_json.h"

namespace kiban::asl {
namespace {

constexpr double number_max = 1e15;  // Our own bound.
constexpr std::string_view wait_too_long = "Wait state delay is too long.";
constexpr double wait_seconds_max =
    2'147'483'647;  // Recorded: test_timestamp_too_far_in_future_boundary.
// As of the constant fields, validate_tables.h.
constexpr double timeout_seconds_max = 99'999'999;

EventType exited_event(StateType type) {
  switch (type) {
    case StateType::Pass:
      return EventType::PassStateExited;
    case StateType::Task:
      return EventType::TaskStateExited;
    case StateType::Choice:
      return EventType::ChoiceStateExited;
    case StateType::Wait:
      return EventType::WaitStateExited;
    case StateType::Succeed:
    case StateType::Fail:
      return EventType::SucceedStateExited;
    case StateType::Parallel:
      return EventType::ParallelStateExited;
    case StateType::Map:
      return EventType::MapStateExited;
  }
  return EventType::PassStateExited;
}

std::string value_text(const json::value& value) {
  return is_text(value) ? kiban::to_string(value.get_string()) : print_json(value);
}

}  // namespace

void Machine::step(Track& track) {
  if (track.phase == Phase::Enter) {
    enter(track);
    if (exhausted_) return;
  }
  track.phase = Phase::Run;
  switch (state_of(track).type) {
    case StateType::Pass:
      return run_pass(track);
    case StateType::Task:
      return run_task(track);
    case StateType::Choice:
      return run_choice(track);
    case StateType::Wait:
      return run_wait(track);
    case StateType::Succeed:
      return run_succeed(track);
    case StateType::Fail:
      return run_fail(track);
    case StateType::Parallel:
      return run_parallel(track);
    case StateType::Map:
      return run_map(track);
  }
}

// --- Reading the fields of a state ---------------------------------------------------------------

Outcome<Payload> Machine::apply_path(Track& track, const PathField& field,
                                     const Payload& document) {
  if (field.null) return Payload();
  if (!field.reference || field.reference->whole_input()) return document;
  const TrackEnvironment environment(*this, track, document, *random_);
  auto value = field.reference->select(environment);
  if (!value) {
    if (value.error().name == null_input)
      return std::unexpected(runtime_failure(track, null_input_text));
    // Recorded: test_invalid_jsonpath[ST.INVALID_JSONPATH_IN_INPUTPATH].
    return std::unexpected(runtime_failure(
        track, fmt::format("Invalid path '{}' : {}", field.reference->text, value.error().cause)));
  }
  return Payload::from_tree(*std::move(value));
}

Outcome<Payload> Machine::effective_input(Track& track) {
  const State& state = state_of(track);
  if (state.language == Language::Jsonata) return track.input;
  auto input = apply_path(track, state.input_path, track.input);
  if (input) inspect("afterInputPath", *input);
  return input;
}

Outcome<Payload> Machine::evaluate(Track& track, const Template& tmpl, const Payload& input) {
  TrackEnvironment environment(*this, track, input, *random_);
  auto value = tmpl.evaluate(environment);
  if (!value) return std::unexpected(from_query(track, std::move(value).error()));
  if (deeper_than(*value, payload_depth_max)) return std::unexpected(too_deep(track));
  return Payload::from_tree(*std::move(value));
}

Outcome<Payload> Machine::apply_result_path(Track& track, const PathField& field,
                                            const Payload& result) {
  if (field.null) return track.input;
  if (!field.reference || field.reference->whole_input()) return result;
  json::value whole = track.input.tree();
  if (!whole.is_object() && !whole.is_array()) whole = json::object();
  if (!field.reference->path.assign(whole, result.tree())) {
    return std::unexpected(Failure{
        .error = "States.ResultPathMatchFailure",
        .cause = fmt::format("An error occurred while executing the state '{}' (entered at the "
                             "event id #{}). Unable to apply ReferencePath {} to input {}",
                             state_of(track).name, track.entered, field.reference->text,
                             track.input.text())});
  }
  return Payload::from_tree(std::move(whole));
}

Outcome<json::object> Machine::assigned(Track& track, const std::optional<Template>& assign,
                                        const Payload& input, const Payload* result,
                                        const Payload* error_output) {
  if (!assign) return json::object();
  TrackEnvironment environment(*this, track, input, *random_);
  environment.result = result;
  environment.error_output = error_output;
  if (result || error_output) environment.state_input = &track.input;
  auto value = assign->evaluate(environment);
  if (!value) return std::unexpected(from_query(track, std::move(value).error()));
  if (!value->is_object())
    return std::unexpected(runtime_failure(track, "The field 'Assign' must be an object"));
  return std::move(value->get_object());
}

// Bounded, so that seconds and counts fit the integers that they become.
Outcome<std::optional<double>> Machine::number(Track& track, const NumberField& field,
                                               const Payload& input) {
  auto value = read_number(track, field, input);
  if (value && *value) *value = std::clamp(**value, -number_max, number_max);
  return value;
}

namespace {

// "Value out of range" is an evaluation error of its own; the text is ours.
// https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
std::optional<QueryFailure> out_of_range(const NumberField& field, const json::value& value) {
  const bool wait = field.name == "Seconds";
  if (!wait && field.name != "TimeoutSeconds" && field.name != "HeartbeatSeconds")
    return std::nullopt;
  const double number = number_of(value);
  const int least = wait ? 0 : 1;
  const double most = wait ? wait_seconds_max : timeout_seconds_max;
  if (number >= least && number <= most) return std::nullopt;
  return QueryFailure{
      .error = "States.QueryEvaluationError",
      .cause = fmt::format("The JSONata expression '{}' specified for the field '{}' returned a "
                           "value that is out of range. Expected {} to {:.0f}, but was {}",
                           field.query->query_text(), field.query->location(), least, most,
                           print_json(value)),
      .location = field.query->location()};
}

}  // namespace

Outcome<std::optional<double>> Machine::read_number(Track& track, const NumberField& field,
                                                    const Payload& input) {
  if (field.constant) return field.constant;
  const TrackEnvironment environment(*this, track, input, *random_);
  if (field.query) {
    auto value = field.query->evaluate(environment);
    if (!value) return std::unexpected(from_query(track, std::move(value).error()));
    if (!is_any_number(*value)) {
      auto failure =
          unexpected_type(field.query->query_text(), field.query->location(), "number", *value);
      return std::unexpected(from_query(track, std::move(failure)));
    }
    if (auto failure = out_of_range(field, *value))
      return std::unexpected(from_query(track, *std::move(failure)));
    return number_of(*value);
  }
  if (!field.path) return std::nullopt;
  auto value = field.path->select(environment);
  if (!value)
    return std::unexpected(runtime_failure(
        track, fmt::format("Invalid path '{}' : {}", field.path->text, value.error().cause)));
  const bool percentage = field.name == "ToleratedFailurePercentage";
  // A string that holds a number will do. Recorded: MAP_STATE_REFERENCE_IN_TOLERATED_FAILURE_PATH.
  if (is_exact_number(*value)) *value = number_of(*value);
  if (value->is_string()) {
    auto read = parse_json(std::string_view(value->get_string()));
    if (read && read->is_number()) *value = *std::move(read);
  }
  const bool seconds = field.name == "TimeoutSeconds" || field.name == "HeartbeatSeconds";
  const bool good =
      value->is_number() &&
      (percentage || value->to_number<double>() == std::floor(value->to_number<double>())) &&
      (!seconds ||
       (value->to_number<double>() >= 1 && value->to_number<double>() <= timeout_seconds_max));
  if (!good) {
    // Recorded: test_max_concurrency_path, test_map_state_tolerated_failure_percentage_path.
    return std::unexpected(runtime_failure(
        track, fmt::format("The {}Path field refers to value \"{}\" which is not a valid {}: {}",
                           field.name, value_text(*value), percentage ? "float" : "integer",
                           field.path->text)));
  }
  return value->to_number<double>();
}

Outcome<std::optional<std::string>> Machine::text(Track& track, const TextField& field,
                                                  const Payload& input) {
  if (field.constant) return field.constant;
  if (!field.path && !field.query) return std::nullopt;
  const TrackEnvironment environment(*this, track, input, *random_);
  auto value =
      field.query ? field.query->evaluate(environment)
                  : field.path->evaluate(
                        environment, field.name.ends_with(".$") ? field.name : field.name + "Path");
  if (!value) return std::unexpected(from_query(track, std::move(value).error()));
  if (!is_text(*value)) {
    if (field.query) {
      auto failure =
          unexpected_type(field.query->query_text(), field.query->location(), "string", *value);
      return std::unexpected(from_query(track, std::move(failure)));
    }
    return print_json(*value);
  }
  return kiban::to_string(value->get_string());
}

// --- Leaving a state -----------------------------------------------------------------------------

void Machine::finish_result(Track& track, const Payload& result) {
  const State& state = state_of(track);
  if (state.type != StateType::Pass || state.result) inspect("result", result);
  auto variables =
      assigned(track, state.assign, state.language == Language::Jsonata ? track.input : result,
               state.type == StateType::Wait ? nullptr : &result, nullptr);
  if (!variables) return fail_state(track, std::move(variables).error());
  Payload output = result;
  if (state.language == Language::Jsonata) {
    if (state.output) {
      TrackEnvironment environment(*this, track, track.input, *random_);
      environment.result = &result;
      auto value = state.output->evaluate(environment);
      if (!value) return fail_state(track, from_query(track, std::move(value).error()));
      output = Payload::from_tree(*std::move(value));
    }
    return exit_state(track, std::move(output), *std::move(variables), state.next);
  }
  if (state.result_selector) {
    auto selected = evaluate(track, *state.result_selector, result);
    if (!selected) return fail_state(track, std::move(selected).error());
    output = *std::move(selected);
  }
  inspect("afterResultSelector", output);
  auto merged = apply_result_path(track, state.result_path, output);
  if (!merged) return fail_state(track, std::move(merged).error());
  inspect("afterResultPath", *merged);
  auto reduced = apply_path(track, state.output_path, *merged);
  if (!reduced) return fail_state(track, std::move(reduced).error());
  exit_state(track, *std::move(reduced), *std::move(variables), state.next);
}

// docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html#workflow-variable-limits
bool Machine::fits(const Track& track, const std::map<std::string, Payload>& assigned) const {
  if (assigned.empty()) return true;
  std::size_t added = 0;
  for (const auto& [name, value] : assigned) added += value.text().size();
  if (added > payload_bytes_max) return false;
  std::size_t kept = 0;
  for (const auto& [id, other] : tracks_) {
    for (const auto& [name, value] : other.variables)
      kept += id == track.id && assigned.contains(name) ? 0 : value.text().size();
  }
  return kept + added <= variables_bytes_max;
}

void Machine::exit_state(Track& track, Payload output, json::object variables, std::size_t next) {
  const State& state = state_of(track);
  if (auto failure = refused(track, output)) return fail_state(track, *std::move(failure));
  // Sorted, as in the history.
  std::map<std::string, Payload> assigned;
  for (auto& member : variables)
    assigned.emplace(member.key(), Payload::from_tree(std::move(member.value())));
  if (!fits(track, assigned)) return fail_state(track, too_large(track));
  for (const auto& [name, value] : assigned) {
    if (deeper_than(value.text(), payload_depth_max)) return fail_state(track, too_deep(track));
  }
  HistoryEvent& event = emit(track, exited_event(state.type));
  event.name = state.name;
  event.data = output;
  if (!assigned.empty()) {
    json::object texts;
    for (const auto& [name, value] : assigned) {
      texts[name] = value.text();
      track.variables.insert_or_assign(name, value);
    }
    if (!parameters_.only_state.empty()) inspection_.data["variables"] = print_json(variables);
    event.fields["assignedVariables"] = std::move(texts);
  }
  track.retry_count = 0;
  track.token.clear();
  track.work = {};
  const bool single = alone(track);
  if (single && next != no_state) inspection_.next_state = program_->states[next].name;
  if (next == no_state || single) {
    if (single) inspection_.status = Status::Succeeded;
    return track_done(track, std::move(output));
  }
  track.state = next;
  track.input = std::move(output);
  ready(track, Phase::Enter);
}

// --- The simple states ---------------------------------------------------------------------------

void Machine::run_pass(Track& track) {
  const State& state = state_of(track);
  auto input = effective_input(track);
  if (!input) return fail_state(track, std::move(input).error());
  Payload result = *std::move(input);
  if (state.parameters) {
    auto made = evaluate(track, *state.parameters, result);
    if (!made) return fail_state(track, std::move(made).error());
    result = *std::move(made);
  }
  if (state.language == Language::JsonPath) inspect("afterParameters", result);
  if (state.result) result = *state.result;
  finish_result(track, result);
}

void Machine::run_choice(Track& track) {
  const State& state = state_of(track);
  auto input = effective_input(track);
  if (!input) return fail_state(track, std::move(input).error());
  const TrackEnvironment environment(*this, track, *input, *random_);
  const Rule* chosen = nullptr;
  for (const Rule& rule : state.rules) {
    bool holding = false;
    if (rule.query) {
      auto value = rule.query->evaluate(environment);
      if (!value) return fail_state(track, from_query(track, std::move(value).error()));
      if (!value->is_bool()) {
        auto failure =
            unexpected_type(rule.query->query_text(), rule.query->location(), "boolean", *value);
        return fail_state(track, from_query(track, std::move(failure)));
      }
      holding = value->get_bool();
    } else {
      const auto result = holds(rule.condition, environment);
      if (!result) return fail_state(track, from_query(track, result.error()));
      holding = *result;
    }
    if (holding) {
      chosen = &rule;
      break;
    }
  }
  if (!chosen && state.default_next == no_state) {
    return fail_state(track,
                      {.error = "States.NoChoiceMatched",
                       .cause = runtime_failure(track,
                                                "Failed to transition out of the state. The state "
                                                "does not point to a next state.")
                                    .cause});
  }
  auto variables =
      assigned(track, chosen ? chosen->assign : state.assign, *input, nullptr, nullptr);
  if (!variables) return fail_state(track, std::move(variables).error());
  Payload output = *input;
  const std::optional<Template>& shaped = chosen ? chosen->output : state.output;
  if (state.language == Language::Jsonata && shaped) {
    auto made = evaluate(track, *shaped, *input);
    if (!made) return fail_state(track, std::move(made).error());
    output = *std::move(made);
  } else if (state.language == Language::JsonPath) {
    auto reduced = apply_path(track, state.output_path, output);
    if (!reduced) return fail_state(track, std::move(reduced).error());
    output = *std::move(reduced);
  }
  exit_state(track, std::move(output), *std::move(variables),
             chosen ? chosen->next : state.default_next);
}

namespace {

struct WaitError {
  std::string text{};
  std::string location{};
};

// The instant of a Timestamp, or the fault.
std::expected<Timestamp, WaitError> instant(const State& state, const std::string& text) {
  if (const auto time = strict_timestamp(text)) return *time;
  if (state.timestamp_path) {
    return std::unexpected(
        WaitError{.text = fmt::format(
                      "The TimestampPath parameter does not reference a valid ISO-8601 extended "
                      "offset date-time format string: {} == {}",
                      state.timestamp_path->text, text)});
  }
  return std::unexpected(
      WaitError{.text = fmt::format(
                    "The Timestamp field cannot be parsed as an ISO-8601 extended offset date-time "
                    "format string: {}",
                    text),
                .location = "Timestamp"});
}

}  // namespace

Outcome<Timestamp> Machine::wait_of_seconds_path(Track& track, const Payload& input) {
  const Reference& path = *state_of(track).seconds.path;
  const TrackEnvironment environment(*this, track, input, *random_);
  auto value = path.select(environment);
  const auto refused = [&](const std::string& problem) {
    return std::unexpected(
        runtime_failure(track, fmt::format("The SecondsPath parameter {}", problem)));
  };
  if (!value) return refused(fmt::format("does not reference an input value: {}", path.text));
  if (is_exact_number(*value)) *value = number_of(*value);
  const double seconds = value->is_number() ? value->to_number<double>() : -1;
  // Recorded: test_base_wait_seconds_path[1.5], [-1.5].
  if (!value->is_number() || seconds != std::floor(seconds))
    return refused(
        fmt::format("cannot be parsed as a long value: {} == {}", path.text, value_text(*value)));
  if (seconds < 0)
    return refused(
        fmt::format("references a negative value: {} == {}", path.text, value_text(*value)));
  if (seconds > wait_seconds_max) return std::unexpected(runtime_failure(track, wait_too_long));
  return now_ + Duration(static_cast<std::int64_t>(seconds) * 1000);
}

Outcome<Timestamp> Machine::wait_of_seconds(Track& track, const Payload& input) {
  auto seconds = number(track, state_of(track).seconds, input);
  if (!seconds) return std::unexpected(std::move(seconds).error());
  if (**seconds > wait_seconds_max || !(**seconds >= 0))
    return std::unexpected(runtime_failure(track, wait_too_long));
  return now_ + Duration(static_cast<std::int64_t>(**seconds * 1000));
}

Outcome<std::string> Machine::timestamp_text(Track& track, const Payload& input) {
  const State& state = state_of(track);
  if (!state.timestamp_path) {
    auto made = text(track, state.timestamp, input);
    if (!made) return std::unexpected(std::move(made).error());
    return **std::move(made);
  }
  const TrackEnvironment environment(*this, track, input, *random_);
  auto value = state.timestamp_path->select(environment);
  if (value) return value_text(*value);
  return std::unexpected(runtime_failure(
      track, fmt::format("The TimestampPath parameter does not reference an input value: {}",
                         state.timestamp_path->text)));
}

Outcome<Timestamp> Machine::wait_of_timestamp(Track& track, const Payload& input) {
  const State& state = state_of(track);
  const auto stamp = timestamp_text(track, input);
  if (!stamp) return std::unexpected(stamp.error());
  const auto time = instant(state, *stamp);
  if (!time) {
    Failure failure = runtime_failure(track, time.error().text);
    if (state.language == Language::Jsonata) {
      failure.error = "States.QueryEvaluationError";
      failure.location = time.error().location;
      failure.evaluation = true;
    }
    return std::unexpected(std::move(failure));
  }
  if (std::chrono::duration<double>(*time - now_).count() > wait_seconds_max)
    return std::unexpected(runtime_failure(track, wait_too_long));
  return *time;
}

void Machine::run_wait(Track& track) {
  const State& state = state_of(track);
  auto input = effective_input(track);
  if (!input) return fail_state(track, std::move(input).error());
  const auto until = state.seconds.path      ? wait_of_seconds_path(track, *input)
                     : state.seconds.given() ? wait_of_seconds(track, *input)
                                             : wait_of_timestamp(track, *input);
  if (!until) return fail_state(track, until.error());
  track.phase = Phase::Waiting;
  if (*until <= now_ || !parameters_.only_state.empty()) return wait_over(track);
  track.timer = set_timer(track, Alarm::State, *until);
}

void Machine::wait_over(Track& track) {
  const State& state = state_of(track);
  auto input = effective_input(track);
  if (!input) return fail_state(track, std::move(input).error());
  auto variables = assigned(track, state.assign, *input, nullptr, nullptr);
  if (!variables) return fail_state(track, std::move(variables).error());
  Payload output = *std::move(input);
  if (state.language == Language::Jsonata && state.output) {
    auto made = evaluate(track, *state.output, track.input);
    if (!made) return fail_state(track, std::move(made).error());
    output = *std::move(made);
  } else if (state.language == Language::JsonPath) {
    auto reduced = apply_path(track, state.output_path, output);
    if (!reduced) return fail_state(track, std::move(reduced).error());
    output = *std::move(reduced);
  }
  exit_state(track, std::move(output), *std::move(variables), state.next);
}

void Machine::run_succeed(Track& track) {
  const State& state = state_of(track);
  auto input = effective_input(track);
  if (!input) return fail_state(track, std::move(input).error());
  Payload output = *std::move(input);
  if (state.language == Language::Jsonata && state.output) {
    auto made = evaluate(track, *state.output, track.input);
    if (!made) return fail_state(track, std::move(made).error());
    output = *std::move(made);
  } else if (state.language == Language::JsonPath) {
    auto reduced = apply_path(track, state.output_path, output);
    if (!reduced) return fail_state(track, std::move(reduced).error());
    output = *std::move(reduced);
  }
  exit_state(track, std::move(output), {}, no_state);
}

void Machine::run_fail(Track& track) {
  const State& state = state_of(track);
  auto error = text(track, state.error, track.input);
  if (!error) return fail_state(track, std::move(error).error());
  auto cause = text(track, state.cause, track.input);
  if (!cause) return fail_state(track, std::move(cause).error());
  fail_state(track, {.error = *std::move(error), .cause = *std::move(cause)});
}

}  // namespace kiban::asl
