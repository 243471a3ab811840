// Reading what save.cc wrote.
#include <fmt/format.h>

#include <cmath>
#include <functional>

#include "asl/machine.h"
#include "asl/saved.h"
#include "core/exact_json.h"

namespace kiban::asl {

struct Execution::State {
  Machine machine;
};

namespace {

// Reads members leniently in kind and strictly in presence; `good` turns false on the first miss.
struct Loader {
  bool good{true};
  Payload execution_input{};  // The input of the execution.
  const std::map<std::string, std::string, std::less<>>* texts{nullptr};  // Of the parts.
  SavedParts::State* stored{nullptr};         // Receives the parts read; may be nullptr.
  std::vector<std::string>* refers{nullptr};  // Of the part that is being read.

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
    if (const bool* is_input = value.if_bool(); is_input != nullptr && *is_input)
      return execution_input;
    if (value.is_object()) return payload_part(value.get_object());
    if (!value.is_string()) return good = false, Payload();
    auto parsed = Payload::parse(kiban::to_string(value.get_string()));
    if (!parsed) return good = false, Payload();
    return *std::move(parsed);
  }
  // nullptr when it is missing.
  const std::string* part_text(std::string_view name) {
    const auto found = texts == nullptr ? decltype(texts->end()){} : texts->find(name);
    if (texts == nullptr || found == texts->end()) return good = false, nullptr;
    if (refers != nullptr) refers->emplace_back(name);
    return &found->second;
  }
  Payload payload_part(const json::object& reference) {
    const std::string name = text(reference, "part");
    const std::string* const part = part_text(name);
    if (part == nullptr) return {};
    if (stored != nullptr)
      if (const auto known = stored->parts.find(name);
          known != stored->parts.end() && !known->second.payloads.empty())
        return known->second.payloads.front().value_or(Payload());
    auto parsed = Payload::parse(*part);
    if (!parsed) return good = false, Payload();
    if (stored != nullptr)
      stored->parts[name] = {.payloads = {*parsed}, .sum = part_sum(name, *part)};
    return *std::move(parsed);
  }
  // Calls `element` with each, in order; it returns the payload of the element.
  void list(const json::object& from, std::string_view name,
            const std::function<std::optional<Payload>(const json::value&)>& element) {
    const json::value* value = member(from, name);
    if (value == nullptr) return;
    if (const json::array* all = value->if_array()) {
      for (const json::value& each : *all) (void)element(each);
      return;
    }
    const json::object* reference = value->if_object();
    if (reference == nullptr) return void(good = false);
    const std::string base = text(*reference, "list");
    const std::int64_t size = integer(*reference, "size");
    if (size < 0) return void(good = false);
    const std::size_t chunk = list_chunk(static_cast<std::size_t>(size));
    std::size_t left = static_cast<std::size_t>(size);
    for (std::size_t at = 0; good && left > 0; ++at) {
      const std::size_t read = list_chunk_part(list_part(base, at), element);
      if (read != std::min(left, chunk)) good = false;
      left -= std::min(left, read);
    }
  }
  std::size_t list_chunk_part(
      const std::string& name,
      const std::function<std::optional<Payload>(const json::value&)>& element) {
    const std::string* const part = part_text(name);
    if (part == nullptr) return 0;
    const auto tree = parse_json_exactly(*part);
    if (!tree || !tree->is_array()) return good = false, 0;
    SavedParts::State::Part read{.sum = part_sum(name, *part)};
    if (stored != nullptr) refers = &read.refers;
    for (const json::value& each : tree->get_array()) read.payloads.push_back(element(each));
    refers = nullptr;
    const std::size_t count = read.payloads.size();
    if (stored != nullptr) stored->parts[name] = std::move(read);
    return count;
  }
  // A track that is a part; otherwise the object itself.
  std::optional<json::object> track_object(const json::value& saved) {
    if (!saved.is_object()) return std::nullopt;
    const json::object& object = saved.get_object();
    if (object.size() != 1 || !object.contains("part")) return object;
    const std::string name = text(object, "part");
    const std::string* const part = part_text(name);
    const auto tree =
        part == nullptr ? Result<json::value>(json::value()) : parse_json_exactly(*part);
    if (!tree || !tree->is_object()) return std::nullopt;
    if (stored != nullptr) stored->parts[name] = {.text = *part, .sum = part_sum(name, *part)};
    return tree->get_object();
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
    list(from, "results", [&](const json::value& result) {
      out.results.push_back(result.is_null() ? std::nullopt : std::optional(payload(result)));
      return out.results.back();
    });
    if (const json::value* items = from.if_contains("items")) out.items = payload(*items);
    if (!from.contains("runArn")) return out;
    out.run_arn = text(from, "runArn");
    out.run_started = integer(from, "runStarted");
    list(from, "batches", [&](const json::value& element) -> std::optional<Payload> {
      const json::object* of = element.if_object();
      const json::value* saved = of == nullptr ? nullptr : member(*of, "input");
      if (saved == nullptr) return good = false, std::nullopt;
      out.batches.push_back({.input = payload(*saved), .items = integer(*of, "items")});
      return out.batches.back().input;
    });
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

Result<void> Machine::load(std::string_view saved, const SavedTexts* texts,
                           SavedParts::State* stored) {
  KIBAN_TRY(const json::value tree, parse_json_exactly(saved));
  if (!tree.is_object()) return fail("InvalidState", "a saved execution must be an object");
  const json::object& from = tree.get_object();
  Loader loader{.execution_input = texts == nullptr ? Payload() : texts->input,
                .texts = texts == nullptr ? nullptr : &texts->parts,
                .stored = stored};
  parameters_.arn = loader.text(from, "arn");
  parameters_.name = loader.text(from, "name");
  parameters_.role_arn = loader.text(from, "roleArn");
  parameters_.start_time = Timestamp(Duration(loader.integer(from, "startTime")));
  parameters_.machine_arn = loader.text(from, "machineArn");
  parameters_.machine_name = loader.text(from, "machineName");
  // Format 2 had it here too.
  if (const json::value* input = from.if_contains("input"))
    loader.execution_input = loader.payload(*input);
  if (texts == nullptr && !from.contains("input")) loader.good = false;
  parameters_.input = loader.execution_input;
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
      const auto object = loader.track_object(element);
      if (!object) return fail("InvalidState", "a track must be an object");
      Track track = loader.track(*object);
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
bool Execution::reads_items(std::int64_t map) const {
  return state_->machine.map_track(map, Phase::Reading) != nullptr;
}
bool Execution::writes_results(std::int64_t map) const {
  return state_->machine.map_track(map, Phase::Writing) != nullptr;
}
std::string Execution::save() const { return state_->machine.save(nullptr).main; }
SaveDelta Execution::save(SavedParts& stored) const {
  return state_->machine.save(stored.state_.get());
}

Result<Execution> Execution::restore(std::shared_ptr<const Program> program,
                                     std::string_view saved) {
  auto state = std::unique_ptr<State>(new State{Machine(std::move(program), {})});
  KIBAN_TRY_VOID(state->machine.load(saved, nullptr, nullptr));
  return Execution(std::move(state));
}

Result<Execution> Execution::restore(std::shared_ptr<const Program> program, std::string_view saved,
                                     const SavedTexts& texts, SavedParts& stored) {
  auto state = std::unique_ptr<State>(new State{Machine(std::move(program), {})});
  KIBAN_TRY_VOID(state->machine.load(saved, &texts, stored.state_.get()));
  return Execution(std::move(state));
}

// --- Parts ----------------------------------------------------------------------------------

SavedParts::SavedParts() : state_(std::make_unique<State>()) {}
SavedParts::SavedParts(SavedParts&&) noexcept = default;
SavedParts& SavedParts::operator=(SavedParts&&) noexcept = default;
SavedParts::~SavedParts() = default;

std::vector<std::string> SavedParts::names() const {
  std::vector<std::string> names;
  for (const auto& [name, part] : state_->parts) names.push_back(name);
  return names;
}

}  // namespace kiban::asl
