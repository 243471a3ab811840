#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "asl/depth.h"
#include "asl/machine.h"

namespace kiban::asl {
namespace {

// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
bool covers(const std::vector<std::string>& names, const Failure& failure, StateType type) {
  if (failure.runtime()) return false;  // "always cause the execution to fail"
  const std::string error = failure.error.value_or("");
  return std::any_of(names.begin(), names.end(), [&](const std::string& name) {
    if (name == error) return true;
    // "a terminal error that can't be caught by the States.ALL error type"; AWS was recorded to let
    // it be caught where the integration itself fails a task with it:
    // test_task_lambda_catch_state_all_data_limit_exceeded_on_large_utf8_response.
    if (error == "States.DataLimitExceeded" && (type != StateType::Task || failure.measured))
      return false;
    if (name == "States.ALL") return true;
    if (name == "States.HeartbeatTimeout") return failure.heartbeat;
    // "a wildcard that matches any known error name except for States.Timeout"
    if (name == "States.TaskFailed") return error != "States.Timeout";
    return false;
  });
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_DescribeExecution.html: the
// lengths of `error` and `cause`. Longer texts are cut: the cause of a nested execution contains
// that of the execution it started, escaped once more, and would double with each level.
constexpr std::size_t error_characters_max = 256;
constexpr std::size_t cause_characters_max = 32'768;

void cut(std::optional<std::string>& text, std::size_t characters_max) {
  if (!text || text->size() <= characters_max) return;
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text->size(); ++at) {
    const bool begins = (static_cast<unsigned char>((*text)[at]) & 0xc0U) != 0x80U;
    if (begins && ++characters > characters_max) return text->resize(at);
  }
}

json::value text_or_null(const std::optional<std::string>& text) {
  return text ? json::value(json::string(*text)) : json::value(nullptr);
}

}  // namespace

Failure Machine::runtime_failure(const Track& track, std::string_view text) const {
  return {.error = "States.Runtime",
          .cause = fmt::format(
              "An error occurred while executing the state '{}' (entered at the event id #{}). {}",
              state_of(track).name, track.entered, text)};
}

// Recorded: test_start_large_input.
Failure Machine::too_large(const Track& track) const {
  return {.error = "States.DataLimitExceeded",
          .cause =
              fmt::format("The state/task '{}' returned a result with a size exceeding the maximum "
                          "number of bytes service limit.",
                          state_of(track).name),
          .measured = true};
}

Failure Machine::too_deep(const Track& track) const {
  return runtime_failure(
      track, fmt::format("The data is nested deeper than {} levels.", payload_depth_max));
}

std::optional<Failure> Machine::refused(const Track& track, const Payload& made) const {
  // The track's own input was looked at when it was made.
  if (made.text().size() > payload_bytes_max) return too_large(track);
  if (!made.same_as(track.input) && deeper_than(made.text(), payload_depth_max))
    return too_deep(track);
  return std::nullopt;
}

Failure Machine::from_query(const Track& track, QueryFailure failure) const {
  Failure out = runtime_failure(track, failure.cause);
  out.error = std::move(failure.error);
  out.location = std::move(failure.location);
  out.evaluation = out.error == "States.QueryEvaluationError";
  return out;
}

// Recorded: test_undefined_reference. What fails right after a state was entered is caused by what
// led there, except in a Wait (test_wait_timestamp_jsonata[NO_T]).
void Machine::evaluation_failed(Track& track, const Failure& failure) {
  const bool fresh = track.last == track.entered && state_of(track).type != StateType::Wait;
  HistoryEvent& event = emit(EventType::EvaluationFailed, fresh ? track.before : track.last);
  if (event.id != 0) track.last = event.id;
  if (failure.error) event.fields["error"] = *failure.error;
  if (failure.cause) event.fields["cause"] = *failure.cause;
  if (!failure.location.empty()) event.fields["location"] = failure.location;
  event.fields["state"] = state_of(track).name;
}

void Machine::bound(Failure& failure) {
  cut(failure.error, error_characters_max);
  cut(failure.cause, cause_characters_max);
}

void Machine::fail_state(Track& track, Failure failure) {
  bound(failure);
  const State& state = state_of(track);
  if (failure.evaluation) {
    failure.evaluation = false;
    evaluation_failed(track, failure);
  }
  if (alone(track)) {
    inspection_.error = failure.error;
    inspection_.cause = failure.cause;
  }
  if (retry(track, failure)) return broken_.clear();
  // A Map or Parallel that failed with States.Runtime has no event of its own.
  if (!failure.runtime()) {
    if (state.type == StateType::Map) emit(track, EventType::MapStateFailed);
    if (state.type == StateType::Parallel) emit(track, EventType::ParallelStateFailed);
  }
  if (catch_failure(track, failure)) {
    if (status_ == Status::Running) broken_.clear();
    return;
  }
  if (!parameters_.only_state.empty() && track.parent == 0) inspection_.status = Status::Failed;
  if (track.parent == 0) {
    end_execution(EventType::ExecutionFailed, Status::Failed, track.last, std::nullopt,
                  std::move(failure.error), std::move(failure.cause));
    return;
  }
  const auto parent = tracks_.find(track.parent);
  KIBAN_CHECK(parent != tracks_.end(), "a branch without its state");
  child_failed(parent->second, track, std::move(failure));
}

bool Machine::retry(Track& track, const Failure& failure) {
  const State& state = state_of(track);
  if (track.attempts.size() != state.retry.size()) track.attempts.assign(state.retry.size(), 0);
  for (std::size_t i = 0; i < state.retry.size(); ++i) {
    const Retrier& retrier = state.retry[i];
    if (!covers(retrier.error_equals, failure, state.type)) continue;
    // The first retrier that names the error decides.
    const bool single = alone(track);
    const std::int64_t done = single ? parameters_.retry_count : track.attempts[i];
    // Reported even when its attempts are used up. Recorded:
    // test_state_configuration_retrier_retry_count.
    if (single) inspection_.retry_index = static_cast<std::int64_t>(i);
    if (done >= retrier.attempts_max) return false;
    double delay =
        retrier.interval_seconds * std::pow(retrier.backoff_rate, static_cast<double>(done));
    delay = std::min(delay, retrier.delay_max_seconds.value_or(1e9));
    if (!(delay >= 0)) delay = 0;  // Infinity times nothing.
    if (single) {
      inspection_.retriable = true;
      inspection_.retry_backoff_seconds = delay;
      return false;
    }
    if (retrier.full_jitter) delay *= random_->unit();
    ++track.attempts[i];
    ++track.retry_count;
    track.work = {};
    track.phase = Phase::Retrying;
    track.timer =
        set_timer(track, Alarm::State, now_ + Duration(static_cast<std::int64_t>(delay * 1000)));
    return true;
  }
  return false;
}

bool Machine::catch_failure(Track& track, const Failure& failure) {
  const State& state = state_of(track);
  for (std::size_t i = 0; i < state.caught.size(); ++i) {
    if (!covers(state.caught[i].error_equals, failure, state.type)) continue;
    if (!parameters_.only_state.empty() && track.parent == 0) {
      inspection_.caught = true;
      inspection_.catch_index = static_cast<std::int64_t>(i);
    }
    catch_with(track, state.caught[i], failure);
    return true;
  }
  return false;
}

void Machine::catch_with(Track& track, const Catcher& catcher, const Failure& failure) {
  // A missing error or cause is null. Recorded:
  // test_sqs_failure_in_wait_for_task_tok_no_error_field.
  const Payload error = Payload::from_tree(
      json::object{{"Error", text_or_null(failure.error)}, {"Cause", text_or_null(failure.cause)}});
  const bool jsonata = state_of(track).language == Language::Jsonata;
  const auto give_up = [&](Failure why) {
    // A failure while catching is not caught again.
    if (why.evaluation) {
      evaluation_failed(track, why);
    }
    if (track.parent == 0) {
      end_execution(EventType::ExecutionFailed, Status::Failed, track.last, std::nullopt, why.error,
                    why.cause);
      return;
    }
    why.evaluation = false;
    child_failed(tracks_.find(track.parent)->second, track, std::move(why));
  };
  auto variables = assigned(track, catcher.assign, jsonata ? track.input : error, nullptr, &error);
  if (!variables) return give_up(std::move(variables).error());
  Payload output = error;
  if (jsonata && catcher.output) {
    TrackEnvironment environment(*this, track, track.input, *random_);
    environment.error_output = &error;
    auto value = catcher.output->evaluate(environment);
    if (!value) return give_up(from_query(track, std::move(value).error()));
    output = Payload::from_tree(*std::move(value));
  } else if (!jsonata) {
    auto merged = apply_result_path(track, catcher.result_path, error);
    if (!merged) return give_up(std::move(merged).error());
    output = *std::move(merged);
  }
  if (auto wrong = refused(track, output)) return give_up(*std::move(wrong));
  exit_state(track, std::move(output), *std::move(variables), catcher.next);
}

}  // namespace kiban::asl
