// Writing and reading an execution's state, so that it can go on after a restart.
#include <fmt/format.h>

#include <cmath>

#include "asl/machine.h"
#include "core/exact_json.h"

namespace kiban::asl {

struct Execution::State {
  Machine machine;
};

namespace {

json::value text_of(const Payload& payload) { return json::value(json::string(payload.text())); }

json::object save_counts(const Counts& counts) {
  return {{"total", counts.total},     {"pending", counts.pending},
          {"running", counts.running}, {"succeeded", counts.succeeded},
          {"failed", counts.failed},   {"timedOut", counts.timed_out},
          {"aborted", counts.aborted}, {"written", counts.results_written}};
}

json::object save_work(const Work& work) {
  json::array results;
  for (const auto& result : work.results) results.push_back(result ? text_of(*result) : nullptr);
  json::array batches;
  for (const Batch& batch : work.batches)
    batches.push_back(json::object{{"input", text_of(batch.input)}, {"items", batch.items}});
  json::object out{{"next", work.next},
                   {"running", work.running},
                   {"concurrency", work.concurrency},
                   {"lastDone", work.last_done},
                   {"results", std::move(results)}};
  if (work.items.tree().is_array()) out["items"] = text_of(work.items);
  if (work.run_arn.empty()) return out;
  out["runArn"] = work.run_arn;
  out["runStarted"] = work.run_started;
  out["batches"] = std::move(batches);
  out["open"] = json::array(work.open.begin(), work.open.end());
  out["percentage"] = work.tolerated_percentage;
  out["count"] = work.tolerated_count;
  out["countGiven"] = work.count_given;
  out["percentageGiven"] = work.percentage_given;
  out["itemCounts"] = save_counts(work.item_counts);
  out["executionCounts"] = save_counts(work.execution_counts);
  if (work.items_max) out["itemsMax"] = *work.items_max;
  if (work.started_before != 0) out["startedBefore"] = work.started_before;
  if (work.redrive_count != 0) out["redriveCount"] = work.redrive_count;
  if (work.failure)
    out["failure"] = {{"error", work.failure->error.value_or("")},
                      {"cause", work.failure->cause.value_or("")}};
  return out;
}

json::object save_track(const Track& track) {
  json::object variables;
  for (const auto& [name, value] : track.variables) variables[name] = text_of(value);
  return {{"id", track.id},
          {"parent", track.parent},
          {"index", track.index},
          {"state", static_cast<std::uint64_t>(track.state)},
          {"phase", static_cast<int>(track.phase)},
          {"entered", track.entered},
          {"before", track.before},
          {"enteredTime", track.entered_time.time_since_epoch().count()},
          {"last", track.last},
          {"input", text_of(track.input)},
          {"variables", std::move(variables)},
          {"attempts", json::array(track.attempts.begin(), track.attempts.end())},
          {"retryCount", track.retry_count},
          {"mapItem", track.map_item},
          {"timer", track.timer},
          {"heartbeatTimer", track.heartbeat_timer},
          {"heartbeatSeconds", track.heartbeat_seconds},
          {"task", track.task},
          {"token", track.token},
          {"taskStarted", track.task_started},
          {"work", save_work(track.work)}};
}

// Reads members leniently in kind and strictly in presence; `good` turns false on the first miss.
struct Loader {
  bool good{true};

  const json::value* member(const json::object& from, std::string_view name) {
    const json::value* value = from.if_contains(name);
    if (!value) good = false;
    return value;
  }
  std::int64_t integer(const json::object& from, std::string_view name) {
    const json::value* value = member(from, name);
    if (!value || !value->is_number()) return good = false, 0;
    json::error_code code;
    const auto number = value->to_number<std::int64_t>(code);
    // Far beyond every count and time, and far from overflowing.
    constexpr std::int64_t integer_max = 9'000'000'000'000'000;
    if (code || number > integer_max || number < -integer_max) return good = false, 0;
    return number;
  }
  double real(const json::object& from, std::string_view name) {
    const json::value* value = member(from, name);
    if (!value || !value->is_number()) return good = false, 0;
    const auto number = value->to_number<double>();
    constexpr double real_max = 1e12;
    if (!(std::abs(number) <= real_max)) return good = false, 0;
    return number;
  }
  bool boolean(const json::object& from, std::string_view name) {
    const json::value* value = member(from, name);
    if (!value || !value->is_bool()) return good = false, false;
    return value->get_bool();
  }
  std::string text(const json::object& from, std::string_view name) {
    const json::value* value = member(from, name);
    if (!value || !value->is_string()) return good = false, std::string();
    return kiban::to_string(value->get_string());
  }
  json::object object(const json::object& from, std::string_view name) {
    const json::value* value = member(from, name);
    if (!value || !value->is_object()) return good = false, json::object();
    return value->get_object();
  }
  json::array array(const json::object& from, std::string_view name) {
    const json::value* value = member(from, name);
    if (!value || !value->is_array()) return good = false, json::array();
    return value->get_array();
  }
  // Parsed now: later no error could be returned.
  Payload payload(const json::value& value) {
    if (!value.is_string()) return good = false, Payload();
    auto parsed = Payload::parse(kiban::to_string(value.get_string()));
    if (!parsed) return good = false, Payload();
    return *std::move(parsed);
  }
  // 0 to `last`: an enumerator.
  template <typename Enum>
  Enum enumerator(const json::object& from, std::string_view name, Enum last) {
    const std::int64_t number = integer(from, name);
    if (number < 0 || number > static_cast<std::int64_t>(last)) return good = false, Enum{};
    return static_cast<Enum>(number);
  }
  std::vector<std::int64_t> integers(const json::object& from, std::string_view name) {
    std::vector<std::int64_t> out;
    for (const json::value& element : array(from, name)) {
      if (!element.is_int64()) return good = false, out;
      out.push_back(element.get_int64());
    }
    return out;
  }
  Counts counts(const json::object& from) {
    return {.total = integer(from, "total"),
            .pending = integer(from, "pending"),
            .running = integer(from, "running"),
            .succeeded = integer(from, "succeeded"),
            .failed = integer(from, "failed"),
            .timed_out = integer(from, "timedOut"),
            .aborted = integer(from, "aborted"),
            .results_written = integer(from, "written")};
  }

  Work work(const json::object& from) {
    Work out{.next = integer(from, "next"),
             .running = integer(from, "running"),
             .concurrency = integer(from, "concurrency"),
             .last_done = integer(from, "lastDone")};
    for (const json::value& result : array(from, "results")) {
      if (result.is_null()) {
        out.results.emplace_back();
      } else {
        out.results.emplace_back(payload(result));
      }
    }
    if (const json::value* items = from.if_contains("items")) out.items = payload(*items);
    if (!from.contains("runArn")) return out;
    out.run_arn = text(from, "runArn");
    out.run_started = integer(from, "runStarted");
    for (const json::value& element : array(from, "batches")) {
      if (!element.is_object()) return good = false, out;
      const json::value* input = member(element.get_object(), "input");
      if (!input) return out;
      out.batches.push_back(
          {.input = payload(*input), .items = integer(element.get_object(), "items")});
    }
    out.open = integers(from, "open");
    out.tolerated_percentage = real(from, "percentage");
    out.tolerated_count = integer(from, "count");
    out.count_given = boolean(from, "countGiven");
    out.percentage_given = boolean(from, "percentageGiven");
    out.item_counts = counts(object(from, "itemCounts"));
    out.execution_counts = counts(object(from, "executionCounts"));
    if (from.contains("itemsMax")) out.items_max = real(from, "itemsMax");
    if (from.contains("startedBefore")) out.started_before = integer(from, "startedBefore");
    if (from.contains("redriveCount")) out.redrive_count = integer(from, "redriveCount");
    if (from.contains("failure")) {
      const json::object failure = object(from, "failure");
      out.failure = Failure{.error = text(failure, "error"), .cause = text(failure, "cause")};
    }
    return out;
  }

  Track track(const json::object& from) {
    Track out{.id = integer(from, "id"),
              .parent = integer(from, "parent"),
              .index = integer(from, "index"),
              .state = no_state,
              .phase = enumerator(from, "phase", Phase::Writing),
              .entered = integer(from, "entered"),
              .before = integer(from, "before"),
              .entered_time = Timestamp(Duration(integer(from, "enteredTime"))),
              .last = integer(from, "last"),
              .retry_count = integer(from, "retryCount"),
              .map_item = object(from, "mapItem"),
              .timer = integer(from, "timer"),
              .heartbeat_timer = integer(from, "heartbeatTimer"),
              .heartbeat_seconds = real(from, "heartbeatSeconds"),
              .task = integer(from, "task"),
              .token = text(from, "token"),
              .task_started = boolean(from, "taskStarted"),
              .work = work(object(from, "work"))};
    if (const json::value* state = member(from, "state"); state && state->is_number()) {
      json::error_code code;
      out.state = state->to_number<std::uint64_t>(code);
    }
    if (const json::value* input = member(from, "input")) out.input = payload(*input);
    for (const auto& variable : object(from, "variables"))
      out.variables.emplace(variable.key(), payload(variable.value()));
    out.attempts = integers(from, "attempts");
    return out;
  }
};

}  // namespace

std::string Machine::save() const {
  json::array tracks;
  for (const auto& [id, track] : tracks_) tracks.push_back(save_track(track));
  json::array timers;
  for (const auto& [id, timer] : timers_)
    timers.push_back(
        json::object{{"id", id}, {"track", timer.track}, {"alarm", static_cast<int>(timer.alarm)}});
  const ExecutionParameters& of = parameters_;
  json::object out{{"arn", of.arn},
                   {"name", of.name},
                   {"roleArn", of.role_arn},
                   {"startTime", of.start_time.time_since_epoch().count()},
                   {"machineArn", of.machine_arn},
                   {"machineName", of.machine_name},
                   {"input", text_of(of.input)},
                   {"type", static_cast<int>(of.type)},
                   {"redriveCount", of.redrive_count},
                   {"extraContext", of.extra_context},
                   {"status", static_cast<int>(status_)},
                   {"lastId", last_id_},
                   {"nextTrack", next_track_},
                   {"nextTimer", next_timer_},
                   {"executionTimer", execution_timer_},
                   {"tracks", std::move(tracks)},
                   {"timers", std::move(timers)},
                   {"ready", json::array(ready_.begin(), ready_.end())}};
  if (!broken_.empty()) {
    json::array broken;
    for (const auto& [id, track] : broken_) broken.push_back(save_track(track));
    out["broken"] = std::move(broken);
  }
  return print_json(out);
}

Result<void> Machine::load(std::string_view saved) {
  KIBAN_TRY(const json::value tree, parse_json_exactly(saved));
  if (!tree.is_object()) return fail("InvalidState", "a saved execution must be an object");
  const json::object& from = tree.get_object();
  Loader loader;
  parameters_.arn = loader.text(from, "arn");
  parameters_.name = loader.text(from, "name");
  parameters_.role_arn = loader.text(from, "roleArn");
  parameters_.start_time = Timestamp(Duration(loader.integer(from, "startTime")));
  parameters_.machine_arn = loader.text(from, "machineArn");
  parameters_.machine_name = loader.text(from, "machineName");
  if (const json::value* input = loader.member(from, "input"))
    parameters_.input = loader.payload(*input);
  parameters_.type = loader.enumerator(from, "type", MachineType::Express);
  parameters_.redrive_count = loader.integer(from, "redriveCount");
  parameters_.extra_context = loader.object(from, "extraContext");
  status_ = loader.enumerator(from, "status", Status::Aborted);
  last_id_ = loader.integer(from, "lastId");
  next_track_ = loader.integer(from, "nextTrack");
  next_timer_ = loader.integer(from, "nextTimer");
  execution_timer_ = loader.integer(from, "executionTimer");
  const auto read_tracks = [&](std::string_view name,
                               std::map<std::int64_t, Track>& tracks) -> Result<void> {
    for (const json::value& element : loader.array(from, name)) {
      if (!element.is_object()) return fail("InvalidState", "a track must be an object");
      Track track = loader.track(element.get_object());
      if (track.state >= program_->states.size())
        return fail("InvalidState", "the execution was saved with another program");
      tracks.insert_or_assign(track.id, std::move(track));
    }
    return {};
  };
  KIBAN_TRY_VOID(read_tracks("tracks", tracks_));
  if (from.contains("broken")) KIBAN_TRY_VOID(read_tracks("broken", broken_));
  for (const json::value& element : loader.array(from, "timers")) {
    if (!element.is_object()) return fail("InvalidState", "a timer must be an object");
    const json::object& timer = element.get_object();
    timers_.insert_or_assign(loader.integer(timer, "id"),
                             Timer{.track = loader.integer(timer, "track"),
                                   .alarm = loader.enumerator(timer, "alarm", Alarm::Execution)});
  }
  for (const std::int64_t id : loader.integers(from, "ready")) ready_.push_back(id);
  if (!loader.good)
    return fail("InvalidState", "a member of the saved execution is missing or wrong");
  for (const Tracks* all : {&tracks_, &broken_})
    for (const auto& [id, track] : *all)
      if (!fits(track, *all))
        return fail("InvalidState", fmt::format("the track {} contradicts the others", id));
  return {};
}

// Whether a track has the invariants of the interpreter: indices within their vectors, a parent
// that waits for it, a phase that its state has.
bool Machine::fits(const Track& track, const Tracks& all) const {
  const State& state = program_->states[track.state];
  const Work& work = track.work;
  const auto size = static_cast<std::int64_t>(work.results.size());
  const bool map = state.type == StateType::Map;
  const bool inline_map = map && !state.map.distributed;
  const bool distributed = map && state.map.distributed;
  if (track.id <= 0 || track.id >= next_track_ || track.index < 0) return false;
  if (work.next < 0 || work.next > size || work.running < 0 || work.concurrency < 0) return false;
  if (!work.batches.empty() && work.batches.size() != work.results.size()) return false;
  for (const std::int64_t open : work.open)
    if (open < 0 || open >= static_cast<std::int64_t>(work.batches.size())) return false;
  const json::array* items = work.items.tree().if_array();
  switch (track.phase) {
    case Phase::Children:
      if (state.type != StateType::Parallel && !inline_map) return false;
      if (state.type == StateType::Parallel && work.results.size() != state.regions.size())
        return false;
      if (inline_map && (items == nullptr || items->size() != work.results.size())) return false;
      break;
    case Phase::Reading:
    case Phase::Writing:
      if (!distributed) return false;
      break;
    case Phase::Items:
      if (!distributed || work.batches.size() != work.results.size()) return false;
      break;
    case Phase::Task:  // Of a Map or Parallel alone, TestState, nothing is saved.
      if (state.type != StateType::Task) return false;
      break;
    default:
      break;
  }
  if (track.parent == 0) return true;
  // Parents are made before their children: no circle.
  const auto parent = all.find(track.parent);
  return parent != all.end() && parent->first < track.id &&
         parent->second.phase == Phase::Children &&
         track.index < static_cast<std::int64_t>(parent->second.work.results.size());
}

// --- Execution
// ------------------------------------------------------------------------------------

Execution::Execution(std::shared_ptr<const Program> program, ExecutionParameters parameters)
    : state_(new State{Machine(std::move(program), std::move(parameters))}) {}
Execution::Execution(std::unique_ptr<State> state) : state_(std::move(state)) {}
Execution::Execution(Execution&&) noexcept = default;
Execution& Execution::operator=(Execution&&) noexcept = default;
Execution::~Execution() = default;

Decision Execution::take(const Input& input, Timestamp now, Random& random, SecretRandom& secrets) {
  return state_->machine.take(input, now, random, secrets);
}
Status Execution::status() const { return state_->machine.status_; }
std::int64_t Execution::last_event_id() const { return state_->machine.last_id_; }
const ExecutionParameters& Execution::parameters() const { return state_->machine.parameters_; }
const Inspection& Execution::inspection() const { return state_->machine.inspection_; }
std::string Execution::save() const { return state_->machine.save(); }

Result<Execution> Execution::restore(std::shared_ptr<const Program> program,
                                     std::string_view saved) {
  auto state = std::unique_ptr<State>(new State{Machine(std::move(program), {})});
  KIBAN_TRY_VOID(state->machine.load(saved));
  return Execution(std::move(state));
}

}  // namespace kiban::asl
