// Distributed Map: its items, its child executions, its results.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "asl/machine.h"

namespace kiban::asl {
namespace {

// An item as the child gets it: of an object a {Key, Value} pair.
json::value item_at(const json::value& items, std::size_t index) {
  if (items.is_array()) return items.get_array()[index];
  const auto& member = items.get_object().begin()[static_cast<std::ptrdiff_t>(index)];
  return json::object{{"Key", member.key()}, {"Value", member.value()}};
}

// "Step Functions supports reading an item of up to 8 MB", which an ItemSelector makes smaller.
// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
constexpr std::size_t read_item_bytes_max = 8UL * 1024 * 1024;

// Children that one take() begins, and bytes of their inputs, so that no commit is held up; our own
// choice.
constexpr std::size_t children_per_take_max = 1'000;
constexpr std::size_t child_bytes_per_take_max = 4UL * 1024 * 1024;

// How many children the ResultWriter wrote; without one AWS counts those that succeeded.
// Recorded: test_list_map_runs_and_describe_map_run.
std::int64_t written(const Counts& of, bool exported) {
  return exported ? of.succeeded + of.failed + of.timed_out + of.aborted : of.succeeded;
}

}  // namespace

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
    const Payload items = std::exchange(work.items, Payload());
    if (auto made = add_batches(track, items, {}, Rest::None); !made)
      return fail_map_run(track, std::move(made).error());
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

// What each child gets, ItemSelector applied, of the first `count` of these items.
Outcome<std::vector<json::value>> Machine::select_items(Track& track, const Payload& input,
                                                        const json::value& items, std::size_t count,
                                                        const std::vector<ItemSource>& sources) {
  const State& state = state_of(track);
  const std::int64_t before = track.work.item_counts.total;  // Of the pieces before this one.
  const std::optional<Template>& selector =
      state.map.selector ? state.map.selector : state.parameters;
  std::vector<json::value> selected;
  auto source = sources.begin();
  std::int64_t from_source = 0;
  for (std::size_t i = 0; i < count; ++i, ++from_source) {
    for (; source != sources.end() && from_source >= source->items; ++source) from_source = 0;
    json::value item = item_at(items, i);
    if (state.map.reader && print_json(item).size() > read_item_bytes_max)
      return std::unexpected(
          Failure{.error = "States.ItemReaderFailed",
                  .cause = fmt::format("The item {} is larger than 8 MB, the most that an "
                                       "ItemReader reads",
                                       before + static_cast<std::int64_t>(i))});
    if (!selector) {
      selected.push_back(std::move(item));
      continue;
    }
    json::object of = context_item(items, i, source == sources.end() ? state_data : source->uri);
    of["Index"] = before + static_cast<std::int64_t>(i);
    TrackEnvironment environment(*this, track, input, *random_);
    environment.map_item = &of;
    auto made = selector->evaluate(environment);
    if (!made) return std::unexpected(from_query(track, std::move(made).error()));
    selected.push_back(*std::move(made));
  }
  return selected;
}

// Takes in items, all of them or a piece.
Outcome<void> Machine::add_batches(Track& track, const Payload& items,
                                   const std::vector<ItemSource>& sources, Rest rest) {
  const State& state = state_of(track);
  Work& work = track.work;
  const json::value& tree = items.tree();
  if (!tree.is_array() && !tree.is_object())
    return std::unexpected(Failure{.error = "States.ItemReaderFailed",
                                   .cause = "Attempting to map over non-iterable node."});
  auto whole = effective_input(track);
  if (!whole) return std::unexpected(std::move(whole).error());
  std::size_t count = item_count(tree);
  if (work.items_max && *work.items_max > 0) {
    const double left = *work.items_max - static_cast<double>(work.item_counts.total);
    count = std::min(count, static_cast<std::size_t>(std::max(left, 0.0)));
  }
  auto selected = select_items(track, *whole, tree, count, sources);
  if (!selected) return std::unexpected(std::move(selected).error());
  const std::size_t known = work.batches.size();
  if (state.map.batched) {
    auto filled = fill_batches(track, *whole, *std::move(selected), rest);
    if (!filled) return filled;
  } else {
    for (json::value& item : *selected)
      work.batches.push_back({.input = Payload::from_tree(std::move(item)), .items = 1});
  }
  // "The execution input used to start a child workflow execution can't exceed 256 KiB."
  // https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
  for (std::size_t i = known; i < work.batches.size(); ++i) {
    if (auto failure = refused(track, work.batches[i].input))
      return std::unexpected(*std::move(failure));
  }
  work.results.resize(work.batches.size());
  work.item_counts.total += static_cast<std::int64_t>(count);
  work.item_counts.pending = work.item_counts.total;
  work.execution_counts.total = work.execution_counts.pending =
      static_cast<std::int64_t>(work.batches.size());
  return {};
}

// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
Outcome<void> Machine::fill_batches(Track& track, const Payload& input,
                                    std::vector<json::value> items, Rest rest) {
  const MapFields& map = state_of(track).map;
  Work& work = track.work;
  auto most = number(track, map.batch_items, input);
  if (!most) return std::unexpected(std::move(most).error());
  auto bytes = number(track, map.batch_bytes, input);
  if (!bytes) return std::unexpected(std::move(bytes).error());
  for (const auto& [name, given] :
       {std::pair{"MaxItemsPerBatch", *most}, {"MaxInputBytesPerBatch", *bytes}}) {
    if (given.value_or(0) < 0)
      return std::unexpected(runtime_failure(track, fmt::format("{} cannot be negative.", name)));
  }
  json::object frame;
  if (map.batch_input) {
    auto made = evaluate(track, *map.batch_input, input);
    if (!made) return std::unexpected(std::move(made).error());
    frame["BatchInput"] = made->tree();
  }
  frame["Items"] = json::array();
  // The size is that of the child's whole input.
  const std::size_t empty = print_json(frame).size();
  const double bytes_max =
      std::min(bytes->value_or(0) > 0 ? **bytes : static_cast<double>(payload_bytes_max),
               static_cast<double>(payload_bytes_max));
  const double items_max = most->value_or(0) > 0 ? **most : 1e12;
  json::array batch;
  std::size_t size = empty;
  if (const json::array* open = work.items.tree().if_array(); open != nullptr && !open->empty()) {
    batch = *open;  // What the piece before left.
    size += print_json(batch).size() - 2;
  }
  work.items = Payload();
  const auto flush = [&] {
    if (batch.empty()) return;
    const auto held = static_cast<std::int64_t>(batch.size());
    json::object with = frame;
    with["Items"] = std::move(batch);
    work.batches.push_back({.input = Payload::from_tree(std::move(with)), .items = held});
    batch = {};
    size = empty;
  };
  for (json::value& item : items) {
    const std::size_t length = print_json(item).size() + (batch.empty() ? 0 : 1);
    if (static_cast<double>(batch.size()) >= items_max ||
        static_cast<double>(size + length) > bytes_max)
      flush();
    batch.push_back(std::move(item));
    size += length;
  }
  if (rest == Rest::None)
    flush();
  else if (!batch.empty())
    work.items = Payload::from_tree(std::move(batch));
  return {};
}

std::int64_t Machine::children_max(const Track& track) const {
  const std::int64_t given = track.work.concurrency;
  return given > 0 ? std::min(given, distributed_concurrency_max) : distributed_concurrency_max;
}

// Those of map runs that one take() could not begin.
void Machine::start_more_children() {
  std::vector<std::int64_t> waiting;
  for (const auto& [id, track] : tracks_) {
    const Work& work = track.work;
    if (track.phase == Phase::Items && work.next < static_cast<std::int64_t>(work.batches.size()) &&
        static_cast<std::int64_t>(work.open.size()) < children_max(track))
      waiting.push_back(id);
  }
  for (const std::int64_t id : waiting) start_children(tracks_.at(id));
}

void Machine::start_children(Track& track) {
  Work& work = track.work;
  track.phase = Phase::Items;
  const std::int64_t most = children_max(track);
  std::size_t started = 0;
  std::size_t bytes = 0;
  while (work.next < static_cast<std::int64_t>(work.batches.size()) &&
         static_cast<std::int64_t>(work.open.size()) < most) {
    if (started == children_per_take_max || bytes >= child_bytes_per_take_max) {
      effect(Proceed{});  // The others by the next take().
      break;
    }
    const std::int64_t index = work.next++;
    if (work.results[static_cast<std::size_t>(index)]) continue;  // Before the redrive.
    Batch& batch = work.batches[static_cast<std::size_t>(index)];
    ++started;
    bytes += batch.input.text().size();
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
  if (!state.map.writer) {
    json::array out;
    for (const auto& result : work.results) {
      if (result) out.push_back(result->tree());
    }
    return finish_map_run(track, Payload::from_tree(std::move(out)));
  }
  // Saved by CreateStateMachine, it fails when it runs: github.com/aws/aws-cdk/pull/33831.
  if (state.map.writer->resource.action.empty() && state.map.writer->config.empty())
    return fail_map_run(track, {.error = "States.ResultWriterFailed",
                                .cause = "A ResultWriter needs a WriterConfig, or a Resource and "
                                         "Parameters"});
  write_results(track, {});
}

void Machine::write_results(Track& track, std::vector<Payload> pending) {
  const Reader& writer = *state_of(track).map.writer;
  auto whole = effective_input(track);
  Payload parameters;
  if (whole && writer.parameters) {
    auto made = evaluate(track, *writer.parameters, *whole);
    if (!made) {
      if (track.work.failure) return end_failed_map_run(track, *std::move(track.work.failure));
      return fail_map_run(track, std::move(made).error());
    }
    parameters = *std::move(made);
  }
  track.phase = Phase::Writing;
  effect(WriteResults{.map = track.entered,
                      .map_run_arn = track.work.run_arn,
                      .resource = writer.resource,
                      .parameters = std::move(parameters),
                      .config = writer.config,
                      .pending = std::move(pending)});
}

void Machine::count_written(Track& track) {
  const std::optional<Reader>& writer = state_of(track).map.writer;
  const bool exported = writer && !writer->resource.action.empty();
  for (Counts* counts : {&track.work.item_counts, &track.work.execution_counts})
    counts->results_written = written(*counts, exported);
}

void Machine::finish_map_run(Track& track, const Payload& output) {
  count_written(track);
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
  Work& work = track.work;
  const bool ran = track.phase == Phase::Items;
  std::vector<Payload> pending;
  for (auto i = static_cast<std::size_t>(work.next); ran && i < work.batches.size(); ++i)
    pending.push_back(work.batches[i].input);
  track.phase = Phase::Run;
  work.execution_counts.aborted += static_cast<std::int64_t>(work.open.size());
  work.execution_counts.running = 0;
  work.item_counts.aborted += work.item_counts.running;
  work.item_counts.running = 0;
  abort_children(track);
  const std::optional<Reader>& writer = state_of(track).map.writer;
  if (!ran || !writer || writer->resource.action.empty())
    return end_failed_map_run(track, std::move(failure));
  // FAILED_n.json is there "to recover from failed executions", PENDING_n.json for those "that
  // weren't started because the Map Run failed".
  // https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
  work.failure = std::move(failure);
  write_results(track, std::move(pending));
}

void Machine::end_failed_map_run(Track& track, Failure failure) {
  track.phase = Phase::Run;
  track.work.failure.reset();
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
  work.failure.reset();
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
