#include <fmt/format.h>

#include "asl/depth.h"
#include "asl/machine.h"

namespace kiban::asl {
namespace {

constexpr std::size_t token_length =
    256;  // Characters; AWS allows up to 1024 and does not say more.
constexpr std::string_view token_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string region_of(std::string_view arn) {
  for (int i = 0; i < 3; ++i) {
    const std::size_t colon = arn.find(':');
    if (colon == std::string_view::npos) return {};
    arn.remove_prefix(colon + 1);
  }
  return std::string(arn.substr(0, arn.find(':')));
}

// What AWS checks before it schedules; "[...]" holds one sentence a field. Recorded:
// test_invoke_with_headers[singleStringHeader].
std::optional<std::string> parameters_problem(const TaskResource& resource,
                                              const Payload& parameters) {
  if (resource.service != "apigateway" || !parameters.tree().is_object()) return std::nullopt;
  const json::object* headers = find_object(parameters.tree().get_object(), "Headers");
  if (!headers) return std::nullopt;
  for (const auto& member : *headers) {
    if (!member.value().is_array())
      return "[The value of the field 'Headers' has an invalid format]";
  }
  return std::nullopt;
}

// Recorded: test_run_task_sync.
void add_started_by(const TaskResource& resource, Payload& parameters) {
  const bool sync = resource.pattern == TaskPattern::Sync || resource.pattern == TaskPattern::Sync2;
  if (!sync || resource.service != "ecs" || resource.action != "runTask") return;
  if (!parameters.tree().is_object() || parameters.tree().get_object().contains("StartedBy"))
    return;
  json::object with = parameters.tree().get_object();
  with["StartedBy"] = "AWS Step Functions";
  parameters = Payload::from_tree(std::move(with));
}

}  // namespace

Track* Machine::task_track(std::int64_t task) {
  if (task == 0) return nullptr;
  for (auto& [id, track] : tracks_) {
    if (track.phase == Phase::Task && track.task == task) return &track;
  }
  return nullptr;
}

Outcome<Payload> Machine::task_parameters(Track& track, const Payload& input) {
  const State& state = state_of(track);
  const bool jsonata = state.language == Language::Jsonata;
  const auto& written = jsonata ? state.arguments : state.parameters;
  if (!written) return jsonata && state.resource.kind == TaskKind::Integration ? Payload() : input;
  auto made = evaluate(track, *written, input);
  if (made) inspect(jsonata ? "afterArguments" : "afterParameters", *made);
  return made;
}

void Machine::run_task(Track& track) {
  const State& state = state_of(track);
  track.token = secrets_->pick(token_alphabet, token_length);
  auto input = effective_input(track);
  if (!input) return fail_state(track, std::move(input).error());
  auto made = task_parameters(track, *input);
  if (!made) return fail_state(track, std::move(made).error());
  Payload parameters = *std::move(made);
  auto problem = parameters_problem(state.resource, parameters);
  if (!problem && program_->check && state.resource.kind == TaskKind::Integration)
    problem = program_->check(state.resource, parameters.tree());
  if (problem)
    return fail_state(
        track,
        runtime_failure(track, fmt::format("The Parameters '{}' could not be used to start the "
                                           "Task: {}",
                                           parameters.text(), *problem)));
  // "When, after Parameters processing, the input of a state is larger than the payload size
  // quota." https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
  if (parameters.text().size() > payload_bytes_max) return fail_state(track, too_large(track));
  add_started_by(state.resource, parameters);
  auto timeout = number(track, state.timeout, *input);
  if (!timeout) return fail_state(track, std::move(timeout).error());
  auto beat = number(track, state.heartbeat, *input);
  if (!beat) return fail_state(track, std::move(beat).error());
  auto role = text(track, state.credentials, *input);
  if (!role) return fail_state(track, std::move(role).error());

  const std::string region = region_of(parameters_.machine_arn);
  const bool lambda = state.resource.kind == TaskKind::Lambda;
  const bool activity = state.resource.kind == TaskKind::Activity;
  HistoryEvent& event = emit(track, lambda     ? EventType::LambdaFunctionScheduled
                                    : activity ? EventType::ActivityScheduled
                                               : EventType::TaskScheduled);
  event.data = parameters;
  if (lambda || activity) {
    event.fields["resource"] = state.resource.arn;
  } else {
    event.fields["region"] = region;
    task_fields(event, track);
  }
  if (*timeout) event.fields["timeoutInSeconds"] = static_cast<std::int64_t>(**timeout);
  if (*beat && !lambda) event.fields["heartbeatInSeconds"] = static_cast<std::int64_t>(**beat);
  if (*role) event.fields["taskCredentials"] = json::object{{"roleArn", **role}};
  if (exhausted_) return;
  track.phase = Phase::Task;
  track.task = event.id;
  track.task_started = false;
  track.heartbeat_seconds = beat->value_or(0);
  effect(StartTask{.task = track.task,
                   .state = state.name,
                   .resource = state.resource,
                   .parameters = std::move(parameters),
                   .token = track.token,
                   .credentials_role = role->value_or(""),
                   .region = region,
                   .retry_count = track.retry_count});
  if (*timeout)
    track.timer = set_timer(track, Alarm::State,
                            now_ + Duration(static_cast<std::int64_t>(**timeout * 1000)));
  if (!activity) heartbeat(track);
}

void Machine::task_fields(HistoryEvent& event, const Track& track) const {
  const TaskResource& resource = state_of(track).resource;
  if (resource.kind != TaskKind::Integration) return;
  event.fields["resource"] = resource.action_with_pattern();
  event.fields["resourceType"] = resource.service;
}

void Machine::task_started(Track& track) {
  if (track.task_started) return;
  track.task_started = true;
  switch (state_of(track).resource.kind) {
    case TaskKind::Lambda:
      emit(track, EventType::LambdaFunctionStarted);
      return;
    case TaskKind::Activity:
      return;  // ActivityStarted follows when a worker takes it.
    case TaskKind::Integration:
      task_fields(emit(track, EventType::TaskStarted), track);
  }
}

void Machine::activity_started(Track& track, const std::optional<std::string>& worker) {
  if (track.task_started) return;
  track.task_started = true;
  HistoryEvent& event = emit(track, EventType::ActivityStarted);
  if (worker) event.fields["workerName"] = *worker;
  heartbeat(track);
}

void Machine::heartbeat(Track& track) {
  if (track.heartbeat_seconds <= 0) return;
  cancel_timer(track.heartbeat_timer);
  track.heartbeat_timer =
      set_timer(track, Alarm::Heartbeat,
                now_ + Duration(static_cast<std::int64_t>(track.heartbeat_seconds * 1000)));
}

void Machine::task_submitted(Track& track, const Payload& output) {
  task_started(track);
  HistoryEvent& event = emit(track, EventType::TaskSubmitted);
  task_fields(event, track);
  event.data = output;
}

void Machine::leave_task(Track& track) {
  cancel_timer(track.timer);
  cancel_timer(track.heartbeat_timer);
  if (track.phase == Phase::Task && track.task != 0) effect(StopTask{.task = track.task});
  track.task = 0;
}

void Machine::task_succeeded(Track& track, const Payload& output) {
  const State& state = state_of(track);
  task_started(track);
  if (output.text().size() > payload_bytes_max) {
    // Recorded: test_service_task_lambada_data_limit_exceeded_on_large_utf8_response.
    const std::string& name =
        state.resource.kind == TaskKind::Integration ? state.resource.service : state.resource.arn;
    return task_failed(
        track, EventType::TaskFailed, EventType::LambdaFunctionFailed, EventType::ActivityFailed,
        {.error = "States.DataLimitExceeded",
         .cause = fmt::format("The state/task '{}' returned a result with a size exceeding "
                              "the maximum number of bytes service limit.",
                              name),
         .measured = true});
  }
  if (deeper_than(output.text(), payload_depth_max))
    return task_failed(track, EventType::TaskFailed, EventType::LambdaFunctionFailed,
                       EventType::ActivityFailed, too_deep(track));
  track.task = 0;
  leave_task(track);
  track.phase = Phase::Run;
  HistoryEvent& event =
      emit(track, state.resource.kind == TaskKind::Lambda     ? EventType::LambdaFunctionSucceeded
                  : state.resource.kind == TaskKind::Activity ? EventType::ActivitySucceeded
                                                              : EventType::TaskSucceeded);
  task_fields(event, track);
  event.data = output;
  finish_result(track, output);
}

void Machine::task_failed(Track& track, EventType integration, EventType lambda, EventType activity,
                          Failure failure) {
  track.task = 0;
  leave_task(track);
  track.phase = Phase::Run;
  bound(failure);
  const TaskKind kind = state_of(track).resource.kind;
  HistoryEvent& event = emit(track, kind == TaskKind::Lambda     ? lambda
                                    : kind == TaskKind::Activity ? activity
                                                                 : integration);
  task_fields(event, track);
  if (failure.error) event.fields["error"] = *failure.error;
  if (failure.cause) event.fields["cause"] = *failure.cause;
  fail_state(track, std::move(failure));
}

void Machine::task_timed_out(Track& track, bool heartbeat) {
  leave_task(track);
  track.phase = Phase::Run;
  const TaskKind kind = state_of(track).resource.kind;
  HistoryEvent& event = emit(track, kind == TaskKind::Lambda     ? EventType::LambdaFunctionTimedOut
                                    : kind == TaskKind::Activity ? EventType::ActivityTimedOut
                                                                 : EventType::TaskTimedOut);
  task_fields(event, track);
  event.fields["error"] = "States.Timeout";
  fail_state(track, {.error = "States.Timeout", .heartbeat = heartbeat});
}

}  // namespace kiban::asl
