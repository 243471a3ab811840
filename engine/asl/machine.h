// The inside of an Execution. A track is one line of states being run: the machine's own, a
// Parallel's branch or a Map's iteration. Split over machine.cc (inputs, tracks), states.cc (what
// each state does), tasks.cc, maps.cc, failures.cc and save.cc.
#pragma once

#include <deque>
#include <map>

#include "asl/program.h"

namespace kiban::asl {

constexpr std::size_t payload_bytes_max = 262'144;  // Step Functions quota: 256 KiB.
// Our own bound, below json_depth_max: a state's result is written and must be readable.
constexpr std::size_t payload_depth_max = 400;
constexpr std::size_t variables_bytes_max = 10U << 20U;  // Of all variables of an execution.
constexpr std::int64_t history_events_max = 25'000;      // Step Functions quota, per execution.
constexpr double express_seconds_max = 300;              // Step Functions quota: five minutes.
constexpr std::int64_t inline_concurrency_max =
    40;  // "up to 40 concurrent iterations", Map state page.
constexpr std::int64_t distributed_concurrency_max = 10'000;  // Children at once; the same page.
// What counts as one more state in that fuel: nodes that queries visited, bytes of the input of the
// execution that the Context object copies.
constexpr std::uint64_t work_per_fuel = 500;
constexpr std::uint64_t context_bytes_per_fuel = 256;
constexpr std::int64_t fuel = 2'000;  // States per take(); our own choice.

// Why a state failed.
struct Failure {
  std::optional<std::string> error{};
  std::optional<std::string> cause{};
  std::string location{};
  bool evaluation{false};  // An EvaluationFailed event goes before.
  bool heartbeat{false};   // States.Timeout that States.HeartbeatTimeout matches as well.
  bool measured{false};    // States.DataLimitExceeded of a task's result, found by the interpreter.
  bool runtime() const { return error == "States.Runtime"; }
};
template <typename T>
using Outcome = std::expected<T, Failure>;

enum class Phase : std::uint8_t {
  Enter,
  Run,
  Waiting,
  Task,
  Retrying,
  Children,
  Reading,
  Items,
  Writing
};

struct Batch {  // One child of a distributed Map.
  Payload input{};
  std::int64_t items{1};
};

// Of the items of a Map, an array or an object.
std::size_t item_count(const json::value& items);
// $$.Map.Item of one of them.
constexpr std::string_view state_data = "STATE_DATA";
json::object context_item(const json::value& items, std::size_t index,
                          std::string_view source = state_data);

struct Work {  // Of a Parallel or Map state under way.
  std::vector<std::optional<Payload>> results{};
  std::int64_t next{0};  // The next branch, iteration or batch to start.
  std::int64_t running{0};
  std::int64_t concurrency{0};
  std::int64_t last_done{0};  // The event that ended the latest iteration.
  // An array, or an object where the Map is distributed. While items are read: those, ItemSelector
  // applied, of the batch that is not full yet.
  Payload items{};
  // Distributed.
  std::string run_arn{};
  std::int64_t run_started{0};
  std::vector<Batch> batches{};
  std::vector<std::int64_t> open{};  // Indices of children that run.
  double tolerated_percentage{0};
  std::int64_t tolerated_count{0};
  bool count_given{false};
  bool percentage_given{false};
  Counts item_counts{};
  Counts execution_counts{};
  std::optional<double> items_max{};
  std::int64_t started_before{0};  // After a redrive: batches below it had a child already.
  std::int64_t redrive_count{0};
  std::optional<Failure> failure{};  // Why the run fails, while its results are written.
};

struct Track {
  std::int64_t id{0};
  std::int64_t parent{0};  // 0: the machine's own track.
  std::int64_t index{0};   // Branch or iteration.
  std::size_t state{no_state};
  Phase phase{Phase::Enter};
  std::int64_t entered{0};  // The id of the StateEntered event.
  std::int64_t before{0};   // The previous event of that event.
  Timestamp entered_time{};
  std::int64_t last{0};  // The previous event of the next event.
  Payload input{};
  std::map<std::string, Payload, std::less<>> variables{};
  std::vector<std::int64_t> attempts{};  // Per retrier of the state.
  std::int64_t retry_count{0};
  json::object map_item{};  // $$.Map.Item of an inline iteration.
  // While in a state:
  std::int64_t timer{0};
  std::int64_t heartbeat_timer{0};
  double heartbeat_seconds{0};
  std::int64_t task{0};
  std::string token{};
  bool task_started{false};
  Work work{};
};

class Machine {
 public:
  Machine(std::shared_ptr<const Program> program, ExecutionParameters parameters)
      : program_(std::move(program)), parameters_(std::move(parameters)) {}

  Decision take(const Input& input, Timestamp now, Random& random, SecretRandom& secrets);

  std::shared_ptr<const Program> program_;
  ExecutionParameters parameters_;
  Status status_{Status::Running};
  std::int64_t last_id_{0};
  Inspection inspection_{};

  // The track that is in this phase of the Map state with that event; nullptr: there is none.
  Track* map_track(std::int64_t entered, Phase phase);

  // Without `parts` whole, in `main`.
  SaveDelta save(SavedParts::State* parts) const;
  // For any text: Error `InvalidState`, or an execution that take() can continue.
  // `texts` is nullptr when it was saved whole.
  Result<void> load(std::string_view saved, const SavedTexts* texts, SavedParts::State* stored);

 private:
  friend class TrackEnvironment;
  enum class Alarm : std::uint8_t { State, Heartbeat, Execution };
  struct Timer {
    std::int64_t track{0};
    Alarm alarm{Alarm::State};
  };

  // save.cc
  using Tracks = std::map<std::int64_t, Track>;
  bool fits(const Track& track, const Tracks& all) const;

  // machine.cc
  void start();
  void run();
  void accept(const Input& input);
  void on(const Start& in);
  void on(const Continue& in);
  void on(const Redrive& in);
  void on(const TimerFired& in);
  void on(const Stop& in);
  void on(const TaskStarted& in);
  void on(const TaskStartFailed& in);
  void on(const TaskSubmitted& in);
  void on(const TaskSubmitFailed& in);
  void on(const TaskSucceeded& in);
  void on(const TaskFailed& in);
  void on(const ActivityStarted& in);
  void on(const Heartbeat& in);
  void on(const ItemsRead& in);
  void on(const ItemsReadFailed& in);
  void on(const ChildFinished& in);
  void on(const ResultsWritten& in);
  void on(const ResultsWriteFailed& in);
  void on(const MapRunChanged& in);
  template <typename Act>
  void with_task(std::int64_t task, Act act);
  template <typename Act>
  void with_map(std::int64_t map, Phase phase, Act act);
  void timer_fired(std::int64_t id);
  void stop(const Stop& input);
  void redrive();
  void redrive_track(Track& track);
  void limit_time(const Track& track);  // Of the whole execution.
  void remember_tracks();
  HistoryEvent& emit(EventType type, std::int64_t previous);
  HistoryEvent& emit(Track& track,
                     EventType type);  // Caused by the track's last event; becomes it.
  void effect(Effect effect) { decision_.effects.push_back(std::move(effect)); }
  std::int64_t set_timer(const Track& track, Alarm alarm, Timestamp at);
  void cancel_timer(std::int64_t& id);
  void ready(Track& track, Phase phase);
  Track& add_track(std::int64_t parent, std::int64_t index, std::size_t start, Payload input,
                   std::int64_t cause);
  const State& state_of(const Track& track) const { return program_->states[track.state]; }
  void end_execution(EventType type, Status status, std::int64_t previous,
                     std::optional<Payload> output, std::optional<std::string> error,
                     std::optional<std::string> cause);
  void track_done(Track& track, Payload output);
  void inspect(std::string_view name, const Payload& payload);
  void inspect(std::string_view name, const json::value& value);

  // states.cc
  void step(Track& track);
  void enter(Track& track);
  void run_pass(Track& track);
  void run_choice(Track& track);
  // The instants at which a Wait state ends.
  Outcome<Timestamp> wait_of_seconds_path(Track& track, const Payload& input);
  Outcome<Timestamp> wait_of_seconds(Track& track, const Payload& input);
  Outcome<Timestamp> wait_of_timestamp(Track& track, const Payload& input);
  Outcome<std::string> timestamp_text(Track& track, const Payload& input);
  void run_wait(Track& track);
  void run_succeed(Track& track);
  void run_fail(Track& track);
  void wait_over(Track& track);
  Outcome<Payload> effective_input(Track& track);
  Outcome<Payload> apply_path(Track& track, const PathField& field, const Payload& document);
  Outcome<Payload> apply_result_path(Track& track, const PathField& field, const Payload& result);
  Outcome<Payload> evaluate(Track& track, const Template& tmpl, const Payload& input);
  Outcome<json::object> assigned(Track& track, const std::optional<Template>& assign,
                                 const Payload& input, const Payload* result,
                                 const Payload* error_output);
  Outcome<std::optional<double>> number(Track& track, const NumberField& field,
                                        const Payload& input);
  Outcome<std::optional<double>> read_number(Track& track, const NumberField& field,
                                             const Payload& input);
  Outcome<std::optional<std::string>> text(Track& track, const TextField& field,
                                           const Payload& input);
  // The state has a result: selector, result path, Assign, Output, exit, transition.
  void finish_result(Track& track, const Payload& result);
  bool fits(const Track& track, const std::map<std::string, Payload>& assigned) const;
  void exit_state(Track& track, Payload output, json::object variables, std::size_t next);

  // tasks.cc
  Outcome<Payload> task_parameters(Track& track, const Payload& input);
  void run_task(Track& track);
  Track* task_track(std::int64_t task);
  void task_started(Track& track);
  void task_submitted(Track& track, const Payload& output);
  void task_succeeded(Track& track, const Payload& output);
  void task_failed(Track& track, EventType integration, EventType lambda, EventType activity,
                   Failure failure);
  void task_timed_out(Track& track, bool heartbeat);
  void activity_started(Track& track, const std::optional<std::string>& worker);
  void heartbeat(Track& track);
  void leave_task(Track& track);
  void task_fields(HistoryEvent& event, const Track& track) const;

  // maps.cc, distributed_map.cc
  void run_parallel(Track& track);
  void run_map(Track& track);
  void await_result(Track& track, const Payload& input);
  Outcome<void> inspect_items(Track& track, const Payload& input);
  // TestState: this is the one state to run.
  bool alone(const Track& track) const {
    return !parameters_.only_state.empty() && track.parent == 0;
  }
  Outcome<Payload> map_items(Track& track, const Payload& input);
  bool start_iterations(Track& track, std::int64_t cause);
  bool start_iteration(Track& track, std::int64_t cause);
  void child_done(Track& parent, Track& child, Payload output);
  void child_failed(Track& parent, Track& child, Failure failure);
  void finish_children(Track& track);
  enum class Telling : std::uint8_t { Nothing, Events };  // Whether the history has events for it.
  void abort_children(Track& track, Telling telling = Telling::Events);
  void abort_track(Track& track, Telling telling);
  void start_map_run(Track& track, const Payload& input);
  Outcome<void> read_map_settings(Track& track, const Payload& input);
  enum class Rest : std::uint8_t { Follows, None };  // Whether more items are to come.
  Outcome<void> add_batches(Track& track, const Payload& items,
                            const std::vector<ItemSource>& sources, Rest rest);
  Outcome<std::vector<json::value>> select_items(Track& track, const Payload& input,
                                                 const json::value& items, std::size_t count,
                                                 const std::vector<ItemSource>& sources);
  Outcome<void> fill_batches(Track& track, const Payload& input, std::vector<json::value> items,
                             Rest rest);
  std::int64_t children_max(const Track& track) const;  // At once.
  void start_children(Track& track);
  void start_more_children();
  void child_execution_finished(Track& track, const ChildFinished& input);
  void map_run_progress(Track& track);
  void finish_map_run(Track& track, const Payload& output);
  void write_results(Track& track, std::vector<Payload> pending);
  void count_written(Track& track);
  void fail_map_run(Track& track, Failure failure);
  void end_failed_map_run(Track& track, Failure failure);
  void update_map_run(const Track& track, Status status);
  void redrive_map_run(Track& track);

  // failures.cc
  Failure runtime_failure(const Track& track, std::string_view text) const;
  // Cuts error and cause to AWS's lengths.
  static void bound(Failure& failure);
  Failure too_large(const Track& track) const;
  // States.Runtime, which nothing catches: payload_depth_max was exceeded.
  Failure too_deep(const Track& track) const;
  // Returns why a document that a state made is refused: `too_large` or `too_deep`; empty if it is
  // not.
  std::optional<Failure> refused(const Track& track, const Payload& made) const;
  Failure from_query(const Track& track, QueryFailure failure) const;
  void evaluation_failed(Track& track, const Failure& failure);
  void fail_state(Track& track, Failure failure);
  bool retry(Track& track, const Failure& failure);
  bool catch_failure(Track& track, const Failure& failure);
  void catch_with(Track& track, const Catcher& catcher, const Failure& failure);

  std::map<std::int64_t, Track> tracks_{};
  std::map<std::int64_t, Timer> timers_{};
  std::deque<std::int64_t> ready_{};
  std::int64_t next_track_{1};
  std::int64_t next_timer_{1};
  std::int64_t execution_timer_{0};
  // All tracks as they were when what ended the execution happened: what Redrive resumes. Taken
  // before branches are aborted, dropped when the failure is caught after all.
  std::map<std::int64_t, Track> broken_{};
  bool exhausted_{false};          // The history is full.
  mutable std::uint64_t work_{0};  // Of queries since the last step.

  HistoryEvent dropped_{};  // What emit() answers then.

  // Of the take() under way.
  Decision decision_{};
  Timestamp now_{};
  Random* random_{nullptr};
  SecretRandom* secrets_{nullptr};
};

// The values of a track that the query languages can read.
class TrackEnvironment : public Environment {
 public:
  TrackEnvironment(const Machine& machine, const Track& track, const Payload& input, Random& random)
      : machine_(machine), track_(track), input_(input), random_(random) {}
  const json::value& input() const override { return input_.tree(); }
  const json::value& context() const override;
  const json::value* variable(std::string_view name) const override;
  Random& random() const override { return random_; }
  Timestamp now() const override { return machine_.now_; }
  void add_work(std::uint64_t steps) const override { machine_.work_ += steps; }
  const json::value* states_input() const override {
    return state_input ? &state_input->tree() : &input_.tree();
  }
  const json::value* states_result() const override { return result ? &result->tree() : nullptr; }
  const json::value* states_error_output() const override {
    return error_output ? &error_output->tree() : nullptr;
  }

  const Payload* result{nullptr};         // $states.result
  const Payload* error_output{nullptr};   // $states.errorOutput
  const Payload* state_input{nullptr};    // $states.input, when it is not input().
  const json::object* map_item{nullptr};  // $$.Map.Item, while a Map prepares an item.

 private:
  const Machine& machine_;
  const Track& track_;
  const Payload& input_;
  Random& random_;
  mutable std::optional<json::value> context_{};
};

}  // namespace kiban::asl
