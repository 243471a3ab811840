// Parallel and Map: branches, inline iterations, and child executions of a distributed Map.
#include <fmt/format.h>

#include <algorithm>

#include "asl/depth.h"
#include "asl/machine.h"

namespace kiban::asl {
namespace {

EventType aborted_event(StateType type) {
  switch (type) {
    case StateType::Task:
      return EventType::TaskStateAborted;
    case StateType::Wait:
      return EventType::WaitStateAborted;
    case StateType::Map:
      return EventType::MapStateAborted;
    default:
      return EventType::ParallelStateAborted;
  }
}

}  // namespace

// A distributed Map iterates over the key-value pairs of an object as well.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
std::size_t item_count(const json::value& items) {
  return items.is_object() ? items.get_object().size() : items.get_array().size();
}

// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
json::object context_item(const json::value& items, std::size_t index, std::string_view source) {
  json::object out{{"Index", static_cast<std::int64_t>(index)}};
  if (items.is_array()) {
    out["Value"] = items.get_array()[index];
  } else {
    const auto& member = items.get_object().begin()[static_cast<std::ptrdiff_t>(index)];
    out["Key"] = member.key();
    out["Value"] = member.value();
  }
  out["Source"] = source;
  return out;
}

// --- Parallel -----------------------------------------------------------------------------------

void Machine::run_parallel(Track& track) {
  const State& state = state_of(track);
  auto input = effective_input(track);
  if (!input) return fail_state(track, std::move(input).error());
  Payload branch_input = *std::move(input);
  const std::optional<Template>& shaped =
      state.language == Language::Jsonata ? state.arguments : state.parameters;
  if (shaped) {
    auto made = evaluate(track, *shaped, branch_input);
    if (!made) return fail_state(track, std::move(made).error());
    branch_input = *std::move(made);
  }
  if (alone(track)) return await_result(track, branch_input);
  emit(track, EventType::ParallelStateStarted);
  if (exhausted_) return;
  track.phase = Phase::Children;
  track.work = {};
  track.work.results.resize(state.regions.size());
  track.work.running = static_cast<std::int64_t>(state.regions.size());
  const std::int64_t cause = track.last;
  for (std::size_t i = 0; i < state.regions.size(); ++i)
    add_track(track.id, static_cast<std::int64_t>(i), state.regions[i].start, branch_input, cause);
}

// --- Map: what both kinds read ------------------------------------------------------------------

Outcome<Payload> Machine::map_items(Track& track, const Payload& input) {
  const State& state = state_of(track);
  const auto wrong_type = [&](const Template& items, const json::value& value) {
    return std::unexpected(
        from_query(track, unexpected_type(items.query_text(), "Items", "array", value)));
  };
  if (state.map.items) {
    auto items = evaluate(track, *state.map.items, input);
    if (!items) return items;
    if (items->tree().is_array()) return items;
    if (items->tree().is_object() && state.map.distributed) return items;
    return wrong_type(*state.map.items, items->tree());
  }
  const bool objects = state.map.distributed;
  if (state.language == Language::Jsonata) {
    if (input.tree().is_array() || (objects && input.tree().is_object())) return input;
    // Recorded: test_map_state_items_input_types.
    Failure failure = runtime_failure(
        track, fmt::format("Map state input must be an array but was: {}", input.text()));
    failure.error = "States.QueryEvaluationError";
    failure.evaluation = true;
    return std::unexpected(std::move(failure));
  }
  auto items = apply_path(track, state.map.items_path, input);
  if (!items) return items;
  if (items->tree().is_array() || (objects && items->tree().is_object())) return items;
  std::string path = state.map.items_path.reference ? state.map.items_path.reference->text : "$";
  // A path into the context object is shown without its first $. Recorded:
  // test_state_map_context_object[ALL].
  if (path.starts_with("$$")) path.erase(0, 1);
  return std::unexpected(
      runtime_failure(track, fmt::format("Reference path \"{}\" must point to array.", path)));
}

Outcome<void> Machine::read_map_settings(Track& track, const Payload& input) {
  const MapFields& map = state_of(track).map;
  Work& work = track.work;
  auto count = number(track, map.tolerated_count, input);
  if (!count) return std::unexpected(std::move(count).error());
  if (count->value_or(0) < 0)
    return std::unexpected(runtime_failure(track, "ToleratedFailureCount cannot be negative."));
  work.count_given = count->has_value();
  work.tolerated_count = static_cast<std::int64_t>(count->value_or(0));
  auto percentage = number(track, map.tolerated_percentage, input);
  if (!percentage) return std::unexpected(std::move(percentage).error());
  if (percentage->value_or(0) < 0 || percentage->value_or(0) > 100)
    return std::unexpected(
        runtime_failure(track, "ToleratedFailurePercentage must be between 0 and 100."));
  work.percentage_given = percentage->has_value();
  work.tolerated_percentage = percentage->value_or(0);
  if (map.reader) {
    auto most = number(track, map.reader->items_max, input);
    if (!most) return std::unexpected(std::move(most).error());
    work.items_max = *most;
  }
  return {};
}

void Machine::run_map(Track& track) {
  const State& state = state_of(track);
  track.work = {};
  auto input = effective_input(track);
  if (!input) return fail_state(track, std::move(input).error());
  if (!state.map.reader) {
    auto items = map_items(track, *input);
    if (!items) return fail_state(track, std::move(items).error());
    if (deeper_than(items->tree(), payload_depth_max)) return fail_state(track, too_deep(track));
    track.work.items = *std::move(items);
    if (state.language == Language::JsonPath) inspect("afterItemsPath", track.work.items);
  }
  // Recorded: test_max_concurrency_path fails before MapStateStarted, tolerances after it.
  auto concurrency = number(track, state.map.concurrency, *input);
  if (!concurrency) return fail_state(track, std::move(concurrency).error());
  track.work.concurrency = static_cast<std::int64_t>(concurrency->value_or(0));
  if (track.work.concurrency < 0)
    return fail_state(track, runtime_failure(track, "MaxConcurrency cannot be negative."));
  if (alone(track)) {
    if (auto read = read_map_settings(track, *input); !read)
      return fail_state(track, std::move(read).error());
    inspection_.data["maxConcurrency"] = track.work.concurrency;
    if (track.work.count_given)
      inspection_.data["toleratedFailureCount"] = track.work.tolerated_count;
    if (track.work.percentage_given)
      inspection_.data["toleratedFailurePercentage"] = track.work.tolerated_percentage;
    if (auto selected = inspect_items(track, *input); !selected)
      return fail_state(track, std::move(selected).error());
    return await_result(track, track.work.items);
  }
  const std::size_t length = state.map.reader ? 0 : item_count(track.work.items.tree());
  emit(track, EventType::MapStateStarted).fields["length"] = static_cast<std::int64_t>(length);
  if (exhausted_) return;
  if (auto read = read_map_settings(track, *input); !read)
    return fail_state(track, std::move(read).error());
  if (state.map.distributed) return start_map_run(track, *input);
  track.phase = Phase::Children;
  track.work.results.resize(length);
  if (length == 0) {
    track.work.last_done = track.last;
    return finish_children(track);
  }
  start_iterations(track, track.last);
}

// TestState runs no branch: it gives the result of the whole state, as if it were a task's.
void Machine::await_result(Track& track, const Payload& input) {
  const State& state = state_of(track);
  track.phase = Phase::Task;
  track.task = track.entered;
  track.task_started = true;
  effect(StartTask{.task = track.task,
                   .state = state.name,
                   .resource = {.service = state.type == StateType::Map ? "map" : "parallel"},
                   .parameters = input,
                   .retry_count = track.retry_count});
}

// What ItemSelector makes of every item, for TestState.
Outcome<void> Machine::inspect_items(Track& track, const Payload& input) {
  const State& state = state_of(track);
  const std::optional<Template>& selector =
      state.map.selector ? state.map.selector : state.parameters;
  if (!selector || state.map.reader) return {};
  json::array selected;
  const json::value& items = track.work.items.tree();
  for (std::size_t i = 0; i < item_count(items); ++i) {
    json::object item = context_item(items, i);
    TrackEnvironment environment(*this, track, input, *random_);
    environment.map_item = &item;
    auto made = selector->evaluate(environment);
    if (!made) return std::unexpected(from_query(track, std::move(made).error()));
    selected.push_back(*std::move(made));
  }
  inspect("afterItemSelector", json::value(std::move(selected)));
  return {};
}

// --- Inline Map ----------------------------------------------------------------------------------

// False when one could not be prepared: the state failed, and the track may be gone.
bool Machine::start_iterations(Track& track, std::int64_t cause) {
  Work& work = track.work;
  const std::int64_t most = work.concurrency > 0
                                ? std::min(work.concurrency, inline_concurrency_max)
                                : inline_concurrency_max;
  while (work.running < most && work.next < static_cast<std::int64_t>(work.results.size())) {
    if (!start_iteration(track, cause)) return false;
    if (exhausted_) break;
  }
  return true;
}

// The input of one item: ItemSelector (or Parameters, its old name) with $$.Map.Item.
bool Machine::start_iteration(Track& track, std::int64_t cause) {
  const State& state = state_of(track);
  Work& work = track.work;
  const std::int64_t index = work.next++;
  const json::value& items = work.items.tree();
  const json::value& value = items.get_array()[static_cast<std::size_t>(index)];
  json::object item = context_item(items, static_cast<std::size_t>(index));
  HistoryEvent& event = emit(EventType::MapIterationStarted, cause);
  event.name = state.name;
  event.fields["index"] = index;
  const std::int64_t started = event.id;
  Payload input;
  const auto stop = [&](Failure failure) {
    work.next = index;  // A redrive prepares it again.
    remember_tracks();
    track.last = started;
    abort_children(track);
    fail_state(track, std::move(failure));
    return false;
  };
  const std::optional<Template>& selector =
      state.map.selector ? state.map.selector : state.parameters;
  if (selector) {
    auto whole = effective_input(track);
    if (!whole) return fail_state(track, std::move(whole).error()), false;
    TrackEnvironment environment(*this, track, *whole, *random_);
    environment.map_item = &item;
    auto made = selector->evaluate(environment);
    if (!made) return stop(from_query(track, std::move(made).error()));
    if (deeper_than(*made, payload_depth_max)) return stop(too_deep(track));
    input = Payload::from_tree(*std::move(made));
  } else {
    input = Payload::from_tree(value);
  }
  ++work.running;
  Track& child = add_track(track.id, index, state.regions[0].start, std::move(input), started);
  child.map_item = std::move(item);
  return true;
}

void Machine::child_done(Track& parent, Track& child, Payload output) {
  Work& work = parent.work;
  work.results[static_cast<std::size_t>(child.index)] = std::move(output);
  --work.running;
  const std::int64_t last = child.last;
  const std::int64_t index = child.index;
  tracks_.erase(child.id);
  work.last_done = last;
  if (state_of(parent).type == StateType::Map) {
    HistoryEvent& event = emit(EventType::MapIterationSucceeded, last);
    event.name = state_of(parent).name;
    event.fields["index"] = index;
    work.last_done = event.id;
    if (exhausted_) return;
    // The next iteration follows from what ended the one before, not from its "succeeded".
    if (!start_iterations(parent, last)) return;
    if (parent.phase != Phase::Children || status_ != Status::Running) return;
  }
  if (work.running == 0) finish_children(parent);
}

void Machine::finish_children(Track& track) {
  json::array out;
  out.reserve(track.work.results.size());
  // Only a damaged saved execution lacks one.
  for (const auto& result : track.work.results)
    out.push_back(result ? result->tree() : json::value(nullptr));
  // Both this event and the exit follow from the last child's end. Recorded:
  // test_parallel_state_order.
  track.last = track.work.last_done;
  emit(state_of(track).type == StateType::Map ? EventType::MapStateSucceeded
                                              : EventType::ParallelStateSucceeded,
       track.last);
  track.phase = Phase::Run;
  finish_result(track, Payload::from_tree(std::move(out)));
}

void Machine::child_failed(Track& parent, Track& child, Failure failure) {
  remember_tracks();
  const bool map = state_of(parent).type == StateType::Map;
  if (map) {
    HistoryEvent& event = emit(EventType::MapIterationFailed, child.last);
    event.name = state_of(parent).name;
    event.fields["index"] = child.index;
  } else if (state_of(child).type == StateType::Task) {
    // Recorded: test_sqs_failure_in_wait_for_task_tok_no_error_field[SQS_PARALLEL_...].
    emit(EventType::TaskStateAborted, child.last);
  }
  parent.last = child.last;
  cancel_timer(child.timer);
  cancel_timer(child.heartbeat_timer);
  tracks_.erase(child.id);
  abort_children(parent);
  parent.phase = Phase::Run;
  fail_state(parent, std::move(failure));
}

void Machine::abort_children(Track& track, Telling telling) {
  std::vector<std::int64_t> children;
  for (const auto& [id, other] : tracks_) {
    if (other.parent == track.id) children.push_back(id);
  }
  for (const std::int64_t id : children) {
    Track& child = tracks_.at(id);
    abort_track(child, telling);
    if (telling == Telling::Events && state_of(track).type == StateType::Map && !exhausted_) {
      HistoryEvent& event = emit(EventType::MapIterationAborted, child.last);
      event.name = state_of(track).name;
      event.fields["index"] = child.index;
    }
    tracks_.erase(id);
  }
  for (const std::int64_t index : track.work.open)
    effect(StopChild{.map = track.entered, .index = index});
  track.work.open.clear();
}

void Machine::abort_track(Track& track, Telling telling) {
  abort_children(track, telling);
  const StateType type = state_of(track).type;
  const bool inside =
      track.phase != Phase::Enter && (type == StateType::Task || type == StateType::Wait ||
                                      type == StateType::Map || type == StateType::Parallel);
  leave_task(track);
  cancel_timer(track.timer);
  if (inside && telling == Telling::Events && !exhausted_) emit(track, aborted_event(type));
}

}  // namespace kiban::asl
