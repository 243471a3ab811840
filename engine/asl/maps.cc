// Parallel and Map: branches, inline iterations, and child executions of a distributed Map.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

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

// {Key, Value} pairs of an object, which Items and an ItemReader's JSON may be.
json::array pairs(const json::object& object) {
  json::array out;
  for (const auto& member : object)
    out.emplace_back(json::object{{"Key", member.key()}, {"Value", member.value()}});
  return out;
}

}  // namespace

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
    if (items->tree().is_object() && state.map.distributed)
      return Payload::from_tree(pairs(items->tree().get_object()));
    return wrong_type(*state.map.items, items->tree());
  }
  if (state.language == Language::Jsonata) {
    if (input.tree().is_array()) return input;
    // Recorded: test_map_state_items_input_types.
    Failure failure = runtime_failure(
        track, fmt::format("Map state input must be an array but was: {}", input.text()));
    failure.error = "States.QueryEvaluationError";
    failure.evaluation = true;
    return std::unexpected(std::move(failure));
  }
  auto items = apply_path(track, state.map.items_path, input);
  if (!items) return items;
  if (items->tree().is_array()) return items;
  std::string path = state.map.items_path.reference ? state.map.items_path.reference->text : "$";
  // A path into the context object is told without its first $. Recorded:
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
  const std::size_t length = state.map.reader ? 0 : track.work.items.tree().get_array().size();
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
  for (const json::value& value : track.work.items.tree().get_array()) {
    json::object item{{"Index", static_cast<std::int64_t>(selected.size())}, {"Value", value}};
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

void Machine::start_iterations(Track& track, std::int64_t cause) {
  Work& work = track.work;
  const std::int64_t most = work.concurrency > 0
                                ? std::min(work.concurrency, inline_concurrency_max)
                                : inline_concurrency_max;
  while (work.running < most && work.next < static_cast<std::int64_t>(work.results.size())) {
    if (!start_iteration(track, cause) || exhausted_) return;
  }
}

// The input of one item: ItemSelector (or Parameters, its old name) with $$.Map.Item.
bool Machine::start_iteration(Track& track, std::int64_t cause) {
  const State& state = state_of(track);
  Work& work = track.work;
  const std::int64_t index = work.next++;
  const json::value& value = work.items.tree().get_array()[static_cast<std::size_t>(index)];
  json::object item{{"Index", index}, {"Value", value}};
  HistoryEvent& event = emit(EventType::MapIterationStarted, cause);
  event.name = state.name;
  event.fields["index"] = index;
  const std::int64_t started = event.id;
  Payload input;
  const std::optional<Template>& selector =
      state.map.selector ? state.map.selector : state.parameters;
  if (selector) {
    auto whole = effective_input(track);
    if (!whole) return fail_state(track, std::move(whole).error()), false;
    TrackEnvironment environment(*this, track, *whole, *random_);
    environment.map_item = &item;
    auto made = selector->evaluate(environment);
    if (!made) {
      Failure failure = from_query(track, std::move(made).error());
      track.last = started;
      abort_children(track);
      fail_state(track, std::move(failure));
      return false;
    }
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
    start_iterations(parent, last);
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

// --- Distributed Map
// ------------------------------------------------------------------------------

Track* Machine::map_track(std::int64_t entered, Phase phase) {
  for (auto& [id, track] : tracks_) {
    if (track.entered == entered && track.phase == phase) return &track;
  }
  return nullptr;
}

void Machine::start_map_run(Track& track, const Payload& input) {
  const State& state = state_of(track);
  Work& work = track.work;
  // arn:aws:states:REGION:ACCOUNT:mapRun:MACHINE/LABEL:UUID
  const std::string label = state.map.label.empty() ? random_->uuid() : state.map.label;
  std::string prefix = parameters_.machine_arn;
  if (const std::size_t at = prefix.rfind(":stateMachine:"); at != std::string::npos)
    prefix.resize(at);
  work.run_arn =
      fmt::format("{}:mapRun:{}/{}:{}", prefix, parameters_.machine_name, label, random_->uuid());
  emit(track, EventType::MapRunStarted).fields["mapRunArn"] = work.run_arn;
  if (exhausted_) return;
  work.run_started = track.last;
  effect(StartMapRun{.map = track.entered,
                     .map_run_arn = work.run_arn,
                     .state = state.name,
                     .type = state.map.child_type,
                     .max_concurrency = work.concurrency,
                     .tolerated_failure_percentage = work.tolerated_percentage,
                     .tolerated_failure_count = work.tolerated_count});
  if (!state.map.reader) {
    if (auto made = make_batches(track); !made) return fail_map_run(track, std::move(made).error());
    return start_children(track);
  }
  // Recorded: test_map_item_reader_csv_max_items_paths[-1]; 0 means all.
  if (work.items_max && *work.items_max < 0)
    return fail_map_run(
        track, {.error = "States.ItemReaderFailed", .cause = "field MaxItems must be positive"});
  Payload parameters;
  if (state.map.reader->parameters) {
    auto made = evaluate(track, *state.map.reader->parameters, input);
    if (!made) return fail_map_run(track, std::move(made).error());
    parameters = *std::move(made);
  }
  json::object config = state.map.reader->config;
  config.erase("MaxItemsPath");
  if (work.items_max) config["MaxItems"] = static_cast<std::int64_t>(*work.items_max);
  track.phase = Phase::Reading;
  effect(ReadItems{.map = track.entered,
                   .resource = state.map.reader->resource,
                   .parameters = std::move(parameters),
                   .config = std::move(config)});
}

Outcome<void> Machine::make_batches(Track& track) {
  const State& state = state_of(track);
  Work& work = track.work;
  const json::value& tree = work.items.tree();
  if (!tree.is_array() && !tree.is_object())
    return std::unexpected(Failure{.error = "States.ItemReaderFailed",
                                   .cause = "Attempting to map over non-iterable node."});
  const json::array items = tree.is_array() ? tree.get_array() : pairs(tree.get_object());
  auto whole = effective_input(track);
  if (!whole) return std::unexpected(std::move(whole).error());
  std::size_t count = items.size();
  if (work.items_max && *work.items_max > 0)
    count = std::min(count, static_cast<std::size_t>(*work.items_max));
  const std::optional<Template>& selector =
      state.map.selector ? state.map.selector : state.parameters;
  json::array selected;
  for (std::size_t i = 0; i < count; ++i) {
    if (!selector) {
      selected.push_back(items[i]);
      continue;
    }
    json::object item{{"Index", static_cast<std::int64_t>(i)}, {"Value", items[i]}};
    TrackEnvironment environment(*this, track, *whole, *random_);
    environment.map_item = &item;
    auto made = selector->evaluate(environment);
    if (!made) return std::unexpected(from_query(track, std::move(made).error()));
    selected.push_back(*std::move(made));
  }
  work.items = Payload();
  work.item_counts.total = work.item_counts.pending = static_cast<std::int64_t>(count);
  if (!state.map.batched) {
    for (json::value& item : selected)
      work.batches.push_back({.input = Payload::from_tree(std::move(item)), .items = 1});
  } else {
    auto most = number(track, state.map.batch_items, *whole);
    if (!most) return std::unexpected(std::move(most).error());
    auto bytes = number(track, state.map.batch_bytes, *whole);
    if (!bytes) return std::unexpected(std::move(bytes).error());
    std::optional<json::value> extra;
    if (state.map.batch_input) {
      auto made = evaluate(track, *state.map.batch_input, *whole);
      if (!made) return std::unexpected(std::move(made).error());
      extra = made->tree();
    }
    const double bytes_max =
        bytes->value_or(0) > 0 ? **bytes : static_cast<double>(payload_bytes_max);
    const double items_max = most->value_or(0) > 0 ? **most : 1e12;
    json::array batch;
    std::size_t size = 0;
    const auto flush = [&] {
      if (batch.empty()) return;
      const auto held = static_cast<std::int64_t>(batch.size());
      json::object input{{"Items", std::move(batch)}};
      if (extra) input["BatchInput"] = *extra;
      work.batches.push_back({.input = Payload::from_tree(std::move(input)), .items = held});
      batch = {};
      size = 0;
    };
    for (json::value& item : selected) {
      const std::size_t length = print_json(item).size() + 1;
      if (static_cast<double>(batch.size()) >= items_max ||
          static_cast<double>(size + length) > bytes_max)
        flush();
      batch.push_back(std::move(item));
      size += length;
    }
    flush();
  }
  work.results.resize(work.batches.size());
  work.execution_counts.total = work.execution_counts.pending =
      static_cast<std::int64_t>(work.batches.size());
  return {};
}

void Machine::start_children(Track& track) {
  Work& work = track.work;
  track.phase = Phase::Items;
  const std::int64_t most = work.concurrency > 0
                                ? std::min(work.concurrency, distributed_concurrency_max)
                                : distributed_concurrency_max;
  while (work.next < static_cast<std::int64_t>(work.batches.size()) &&
         static_cast<std::int64_t>(work.open.size()) < most) {
    const std::int64_t index = work.next++;
    if (work.results[static_cast<std::size_t>(index)]) continue;  // Before the redrive.
    Batch& batch = work.batches[static_cast<std::size_t>(index)];
    work.open.push_back(index);
    --work.execution_counts.pending;
    ++work.execution_counts.running;
    work.item_counts.pending -= batch.items;
    work.item_counts.running += batch.items;
    effect(StartChild{.map = track.entered,
                      .index = index,
                      .map_run_arn = work.run_arn,
                      .state = state_of(track).name,
                      .input = std::move(batch.input),
                      .items = batch.items,
                      .redriven = index < work.started_before});
    batch.input = Payload();
  }
  update_map_run(track, Status::Running);
  map_run_progress(track);
}

void Machine::child_execution_finished(Track& track, const ChildFinished& input) {
  Work& work = track.work;
  const auto open = std::find(work.open.begin(), work.open.end(), input.index);
  if (open == work.open.end()) return;
  work.open.erase(open);
  const std::int64_t items = work.batches[static_cast<std::size_t>(input.index)].items;
  --work.execution_counts.running;
  work.item_counts.running -= items;
  const auto count = [&](std::int64_t Counts::* member) {
    work.execution_counts.*member += 1;
    work.item_counts.*member += items;
  };
  switch (input.status) {
    case Status::Succeeded:
      count(&Counts::succeeded);
      work.results[static_cast<std::size_t>(input.index)] = input.output;
      break;
    case Status::TimedOut:
      count(&Counts::timed_out);
      break;
    case Status::Aborted:
      count(&Counts::aborted);
      break;
    case Status::Failed:
    case Status::Running:
      count(&Counts::failed);
  }
  const std::int64_t lost = work.item_counts.failed + work.item_counts.timed_out;
  const double share = 100.0 * static_cast<double>(lost) /
                       static_cast<double>(std::max<std::int64_t>(1, work.item_counts.total));
  // One that was not given does not count when the other was.
  const bool over_count =
      lost > work.tolerated_count && (work.count_given || !work.percentage_given);
  const bool over_share =
      share > work.tolerated_percentage && (work.percentage_given || !work.count_given);
  if (over_count || over_share)
    return fail_map_run(track, {.error = "States.ExceedToleratedFailureThreshold",
                                .cause = "The specified tolerated failure threshold was exceeded"});
  start_children(track);
}

void Machine::map_run_progress(Track& track) {
  const State& state = state_of(track);
  Work& work = track.work;
  if (!work.open.empty() || work.next < static_cast<std::int64_t>(work.batches.size())) return;
  json::array out;
  for (const auto& result : work.results) {
    if (result) out.push_back(result->tree());
  }
  Payload results = Payload::from_tree(std::move(out));
  if (!state.map.writer) return finish_map_run(track, results);
  auto whole = effective_input(track);
  Payload parameters;
  if (whole && state.map.writer->parameters) {
    auto made = evaluate(track, *state.map.writer->parameters, *whole);
    if (!made) return fail_map_run(track, std::move(made).error());
    parameters = *std::move(made);
  }
  track.phase = Phase::Writing;
  effect(WriteResults{.map = track.entered,
                      .map_run_arn = work.run_arn,
                      .resource = state.map.writer->resource,
                      .parameters = std::move(parameters),
                      .config = state.map.writer->config});
}

void Machine::finish_map_run(Track& track, const Payload& output) {
  // Counted without a ResultWriter too. Recorded: test_list_map_runs_and_describe_map_run.
  track.work.item_counts.results_written = track.work.item_counts.succeeded;
  track.work.execution_counts.results_written = track.work.execution_counts.succeeded;
  track.phase = Phase::Run;
  update_map_run(track, Status::Succeeded);
  const std::int64_t started = track.work.run_started;
  const std::int64_t succeeded = emit(EventType::MapRunSucceeded, started).id;
  emit(EventType::MapStateSucceeded, succeeded);
  // The exit follows from MapRunStarted in recordings since 2024-11; before, from MapRunSucceeded.
  track.last = started;
  finish_result(track, output);
}

void Machine::fail_map_run(Track& track, Failure failure) {
  remember_tracks();
  track.phase = Phase::Run;
  track.work.execution_counts.aborted += static_cast<std::int64_t>(track.work.open.size());
  track.work.execution_counts.running = 0;
  abort_children(track);
  update_map_run(track, Status::Failed);
  HistoryEvent& event = emit(track, EventType::MapRunFailed);
  if (failure.error) event.fields["error"] = *failure.error;
  if (failure.cause) event.fields["cause"] = *failure.cause;
  failure.evaluation = false;
  fail_state(track, std::move(failure));
}

// The same map run goes on with the children that did not succeed.
void Machine::redrive_map_run(Track& track) {
  Work& work = track.work;
  ++work.redrive_count;
  HistoryEvent& event = emit(track, EventType::MapRunRedriven);
  event.fields["mapRunArn"] = work.run_arn;
  event.fields["redriveCount"] = work.redrive_count;
  work.run_started = track.last;
  work.started_before = std::max(work.started_before, work.next);
  work.next = 0;
  work.open.clear();
  Counts executions{.total = work.execution_counts.total};
  Counts items{.total = work.item_counts.total};
  for (std::size_t i = 0; i < work.results.size(); ++i) {
    const bool done = work.results[i].has_value();
    (done ? executions.succeeded : executions.pending) += 1;
    (done ? items.succeeded : items.pending) += work.batches[i].items;
  }
  work.execution_counts = executions;
  work.item_counts = items;
  start_children(track);
}

void Machine::update_map_run(const Track& track, Status status) {
  effect(UpdateMapRun{.map = track.entered,
                      .map_run_arn = track.work.run_arn,
                      .status = status,
                      .redrive_count = track.work.redrive_count,
                      .items = track.work.item_counts,
                      .executions = track.work.execution_counts});
}

}  // namespace kiban::asl
