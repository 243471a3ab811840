// The interpreter: an Amazon States Language definition compiled once, and executions of it as pure
// decisions. Nothing here reads a clock or performs an effect: the shell appends a decision's
// events and hands its effects on in one durable batch, then performs them and feeds outcomes back
// by take().
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"
#include "core/payload.h"
#include "core/random.h"
#include "core/result.h"
#include "core/time.h"

namespace kiban::asl {

enum class MachineType : std::uint8_t { Standard, Express };

// --- Programs --------------------------------------------------------------------------------

class Program;  // Immutable; shared by all executions of a revision. Its inside is in program.h.

struct TaskResource;
// What AWS finds in a task's parameters before it schedules it, "[…, …]"; nothing: they are good.
using ParametersCheck =
    std::function<std::optional<std::string>(const TaskResource&, const json::value&)>;

// Error `InvalidDefinition`, with AWS's text as the cause. Only definitions that cannot run are
// refused here; call validate() (asl/validate.h) first for everything else that AWS refuses.
Result<std::shared_ptr<const Program>> compile(std::string_view definition, MachineType type,
                                               ParametersCheck check = {});

// The machine that a distributed Map's child executions run: the ItemProcessor of the state with
// that name. nullptr when that state does not exist. Keep it for the map run: it is a copy.
std::shared_ptr<const Program> child_program(const std::shared_ptr<const Program>& program,
                                             std::string_view map_state);

// --- Task resources --------------------------------------------------------------------------

enum class TaskKind : std::uint8_t { Lambda, Activity, Integration };
enum class TaskPattern : std::uint8_t { RequestResponse, Sync, Sync2, WaitForTaskToken };

struct TaskResource {
  TaskKind kind{TaskKind::Integration};
  std::string arn{};      // As the definition gives it: arn:aws:states:::sqs:sendMessage.
  std::string service{};  // "sqs", "ecs", "aws-sdk:dynamodb"; "lambda" for a bare function ARN.
  std::string action{};   // "sendMessage", "runTask"; without ".sync".
  TaskPattern pattern{TaskPattern::RequestResponse};
  // What events call `resource`: the action with its pattern, "runTask.sync".
  std::string action_with_pattern() const;
  bool operator==(const TaskResource&) const = default;
};

// The Resource of a Task. Error `InvalidDefinition`.
Result<TaskResource> parse_resource(std::string_view arn);

// --- History ---------------------------------------------------------------------------------

enum class EventType : std::uint8_t {
  ActivityFailed,
  ActivityScheduled,
  ActivityScheduleFailed,
  ActivityStarted,
  ActivitySucceeded,
  ActivityTimedOut,
  ChoiceStateEntered,
  ChoiceStateExited,
  EvaluationFailed,
  ExecutionAborted,
  ExecutionFailed,
  ExecutionRedriven,
  ExecutionStarted,
  ExecutionSucceeded,
  ExecutionTimedOut,
  FailStateEntered,
  LambdaFunctionFailed,
  LambdaFunctionScheduled,
  LambdaFunctionScheduleFailed,
  LambdaFunctionStarted,
  LambdaFunctionStartFailed,
  LambdaFunctionSucceeded,
  LambdaFunctionTimedOut,
  MapIterationAborted,
  MapIterationFailed,
  MapIterationStarted,
  MapIterationSucceeded,
  MapRunAborted,
  MapRunFailed,
  MapRunRedriven,
  MapRunStarted,
  MapRunSucceeded,
  MapStateAborted,
  MapStateEntered,
  MapStateExited,
  MapStateFailed,
  MapStateStarted,
  MapStateSucceeded,
  ParallelStateAborted,
  ParallelStateEntered,
  ParallelStateExited,
  ParallelStateFailed,
  ParallelStateStarted,
  ParallelStateSucceeded,
  PassStateEntered,
  PassStateExited,
  SucceedStateEntered,
  SucceedStateExited,
  TaskFailed,
  TaskScheduled,
  TaskStarted,
  TaskStartFailed,
  TaskStateAborted,
  TaskStateEntered,
  TaskStateExited,
  TaskSubmitFailed,
  TaskSubmitted,
  TaskSucceeded,
  TaskTimedOut,
  WaitStateAborted,
  WaitStateEntered,
  WaitStateExited,
};
std::string_view to_string(EventType type);
std::optional<EventType> parse_event_type(std::string_view name);

struct HistoryEvent {
  std::int64_t id{0};                 // From 1 on, without gaps.
  std::int64_t previous_event_id{0};  // The cause; 0 for the first event.
  Timestamp timestamp{};
  EventType type{EventType::ExecutionStarted};
  std::string name{};             // `name` of the details: a state's or an iteration's Map state's.
  std::optional<Payload> data{};  // `input`, `output` or `parameters`, whichever the type has.
  json::object fields{};          // The other members of the details, as GetExecutionHistory has
                                  // them (assignedVariables: names to JSON texts).
};

enum class IncludeExecutionData : std::uint8_t { No, Yes };
// The event as GetExecutionHistory gives it; timestamp as seconds (double).
json::object to_json(const HistoryEvent& event, IncludeExecutionData include);
// At least one event, with ids that follow on each other, as a compact text. Data that equal the
// execution's `input` are not in it. restore_history makes of it what to_json gives with
// IncludeExecutionData::Yes, of each event; or of the JSON array of these, which is how data of
// format 1 kept a history. It needs the same input. Error `InvalidEvent` or `InvalidJson`.
std::string save_history(const std::vector<HistoryEvent>& events,
                         const std::optional<Payload>& input = {});
Result<json::array> restore_history(std::string_view saved,
                                    const std::optional<Payload>& input = {});
// Reads what to_json wrote with IncludeExecutionData::Yes. Error `InvalidEvent`.
Result<HistoryEvent> event_from_json(const json::object& object);

// --- Inputs ----------------------------------------------------------------------------------
// `task` is StartTask::task. An input about a task, timer or child that is over is ignored: take()
// returns an empty decision.

struct Start {};
struct Continue {};  // Answers the effect Proceed.
struct TaskStarted {
  std::int64_t task{0};
};
struct TaskStartFailed {  // The integration could not be started (no such resource in this engine).
  std::int64_t task{0};
  std::string error{};
  std::string cause{};
};
// .sync and .waitForTaskToken: the call was accepted with this output.
struct TaskSubmitted {
  std::int64_t task{0};
  Payload output{};
};
struct TaskSubmitFailed {  // .sync and .waitForTaskToken: the call was refused.
  std::int64_t task{0};
  std::string error{};
  std::string cause{};
};
// If TaskStarted was not fed before, it is recorded first.
struct TaskSucceeded {
  std::int64_t task{0};
  Payload output{};
};
struct TaskFailed {
  std::int64_t task{0};
  std::optional<std::string> error{};
  std::optional<std::string> cause{};
};
struct ActivityStarted {
  std::int64_t task{0};
  std::optional<std::string> worker{};
};
struct Heartbeat {  // SendTaskHeartbeat, and GetActivityTask's start of the heartbeat clock.
  std::int64_t task{0};
};
struct TimerFired {
  std::int64_t timer{0};
};
struct Stop {  // StopExecution.
  std::optional<std::string> error{};
  std::optional<std::string> cause{};
};
// Distributed Map; `map` is ReadItems::map (the id of the Map state's entered event).
struct ItemSource {  // Where `items` successive items came from.
  std::int64_t items{0};
  std::string uri{};  // "S3://bucket/key", or "S3://bucket" of a listing.
};
// The items of a Map, or the next of them when `more` follow.
struct ItemsRead {
  std::int64_t map{0};
  Payload items{};  // A JSON array (or object: entries become {Key, Value} pairs).
  std::vector<ItemSource> sources{};  // $$.Map.Item.Source; of these items together.
  bool more{false};
};
struct ItemsReadFailed {
  std::int64_t map{0};
  std::string error{};
  std::string cause{};
};
enum class Status : std::uint8_t { Running, Succeeded, Failed, TimedOut, Aborted };
std::string_view to_string(Status status);  // "RUNNING", "TIMED_OUT", ...
struct ChildFinished {
  std::int64_t map{0};
  std::int64_t index{0};  // StartChild::index.
  Status status{Status::Succeeded};
  Payload output{};
  std::optional<std::string> error{};
  std::optional<std::string> cause{};
};
struct ResultsWritten {
  std::int64_t map{0};
  Payload output{};  // The result of the Map state: MapRunArn and ResultWriterDetails.
};
struct ResultsWriteFailed {
  std::int64_t map{0};
  std::string error{};
  std::string cause{};
};
struct MapRunChanged {  // UpdateMapRun; absent members stay.
  std::int64_t map{0};
  std::optional<std::int64_t> max_concurrency{};
  std::optional<double> tolerated_failure_percentage{};
  std::optional<std::int64_t> tolerated_failure_count{};
};
struct Redrive {};  // Only while status() is Failed, TimedOut or Aborted.

using Input = std::variant<Start, Continue, TaskStarted, TaskStartFailed, TaskSubmitted,
                           TaskSubmitFailed, TaskSucceeded, TaskFailed, ActivityStarted, Heartbeat,
                           TimerFired, Stop, ItemsRead, ItemsReadFailed, ChildFinished,
                           ResultsWritten, ResultsWriteFailed, MapRunChanged, Redrive>;

// --- Effects ---------------------------------------------------------------------------------

struct StartTask {
  std::int64_t task{0};  // The id of the event that scheduled it: unique within the execution.
  std::string state{};   // Name of the Task state; mocks go by it.
  TaskResource resource{};
  Payload parameters{};  // After Parameters or Arguments; a Lambda's or activity's input.
  // The token that this task answers to: the one in $$.Task.Token (or $states.context.Task.Token),
  // and what GetActivityTask hands out. Always set.
  std::string token{};
  std::string credentials_role{};  // Credentials.RoleArn; empty: the machine's own role.
  std::string region{};            // The machine's region.
  std::int64_t retry_count{0};     // $$.State.RetryCount.
};
struct StopTask {  // Its result is no longer needed: timeout, failed sibling, StopExecution.
  std::int64_t task{0};
};
struct StartTimer {  // Setting an id again moves it.
  std::int64_t timer{0};
  Timestamp at{};
};
struct CancelTimer {
  std::int64_t timer{0};
};
struct Proceed {};  // The step's fuel is used up: feed Continue in the next batch.
struct Finished {
  Status status{Status::Succeeded};
  std::optional<Payload> output{};
  std::optional<std::string> error{};
  std::optional<std::string> cause{};
};

// Distributed Map.
struct StartMapRun {
  std::int64_t map{0};
  std::string map_run_arn{};
  std::string state{};
  MachineType type{MachineType::Standard};
  std::int64_t max_concurrency{0};  // 0: none given.
  double tolerated_failure_percentage{0};
  std::int64_t tolerated_failure_count{0};
};
struct ReadItems {
  std::int64_t map{0};
  TaskResource resource{};  // s3:getObject or s3:listObjectsV2.
  Payload parameters{};     // Bucket, Key, Prefix.
  json::object config{};    // ReaderConfig: InputType, CSVHeaderLocation, CSVHeaders, CSVDelimiter,
                            // ManifestType, and MaxItems as a number even when given as a path.
};
struct StartChild {
  std::int64_t map{0};
  std::int64_t index{0};
  std::string map_run_arn{};
  std::string state{};
  Payload input{};
  std::int64_t items{1};  // How many items the input stands for (ItemBatcher).
  bool redriven{false};   // Continue the existing child; `input` is empty.
};
struct StopChild {
  std::int64_t map{0};
  std::int64_t index{0};
};
struct WriteResults {
  std::int64_t map{0};
  std::string map_run_arn{};
  TaskResource resource{};  // s3:putObject; action empty when only WriterConfig was given.
  Payload parameters{};     // Bucket, Prefix.
  json::object config{};    // WriterConfig.
  std::vector<Payload>
      pending{};  // Inputs of children that were not started before the run failed.
};
struct Counts {
  std::int64_t total{0};
  std::int64_t pending{0};
  std::int64_t running{0};
  std::int64_t succeeded{0};
  std::int64_t failed{0};
  std::int64_t timed_out{0};
  std::int64_t aborted{0};
  std::int64_t results_written{0};
  bool operator==(const Counts&) const = default;
};
struct UpdateMapRun {  // Record it for DescribeMapRun.
  std::int64_t map{0};
  std::string map_run_arn{};
  Status status{Status::Running};
  std::int64_t redrive_count{0};
  Counts items{};
  Counts executions{};
};

using Effect =
    std::variant<StartTask, StopTask, StartTimer, CancelTimer, Proceed, Finished, StartMapRun,
                 ReadItems, StartChild, StopChild, WriteResults, UpdateMapRun>;

struct Decision {
  std::vector<HistoryEvent> events{};  // Append in this order, in one transaction.
  std::vector<Effect> effects{};       // Perform only once that transaction is durable.
};

// --- Executions ------------------------------------------------------------------------------

struct ExecutionParameters {
  std::string arn{};  // arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME (or express:...).
  std::string name{};
  std::string role_arn{};
  Timestamp start_time{};
  std::string machine_arn{};
  std::string machine_name{};
  Payload input{};
  MachineType type{MachineType::Standard};
  std::int64_t redrive_count{0};
  // TestState: run this state alone. Finished follows; inspection() has the details. Waits end at
  // once, failures are not retried, and a Map or Parallel asks for its result by StartTask
  // (resource.service "map" or "parallel"), to be answered by TaskSucceeded or TaskFailed.
  std::string only_state{};
  json::object variables{};               // TestState's `variables`, or a Map child's from outside.
  std::optional<json::object> context{};  // TestState's `context`, in place of our own.
  json::object extra_context{};           // Merged into the context: a Map child's Map.Item.
  std::int64_t retry_count{0};            // TestState's stateConfiguration.retrierRetryCount.
};

// The processing steps of the last state, with the names of TestState's inspectionData; filled only
// when only_state is set.
struct Inspection {
  std::string next_state{};
  Status status{Status::Running};  // Failed with `caught` set: CAUGHT_ERROR.
  bool caught{false};
  bool retriable{false};
  std::optional<double> retry_backoff_seconds{};
  std::optional<std::int64_t> retry_index{};
  std::optional<std::int64_t> catch_index{};
  std::optional<std::string> error{};  // Of the failure, caught or not.
  std::optional<std::string> cause{};
  json::object data{};  // input, afterInputPath, afterParameters, afterArguments, result,
                        // afterResultSelector, afterResultPath, variables...: JSON texts.
};

// What rows hold of a running execution in parts: a main text, and texts by name that the main text
// or others refer to. Payloads that are large, long lists and tracks of many are parts, so that a
// save writes what changed. Neither holds the execution's input.
struct SavedPart {
  std::string name{};
  std::optional<std::string> text{};  // nullopt: nothing refers to it any more.
};
struct SaveDelta {
  std::string main{};              // Differs whenever a part does.
  std::vector<SavedPart> parts{};  // Those that changed since the save before.
};
struct SavedTexts {
  Payload input{};  // Of the execution.
  std::map<std::string, std::string, std::less<>> parts{};
};

// Which parts of one execution are stored: filled by restore() and by each save.
class SavedParts {
 public:
  SavedParts();
  SavedParts(SavedParts&&) noexcept;
  SavedParts& operator=(SavedParts&&) noexcept;
  ~SavedParts();
  std::vector<std::string> names() const;
  struct State;

 private:
  friend class Execution;
  std::unique_ptr<State> state_;
};

class Execution {
 public:
  Execution(std::shared_ptr<const Program> program, ExecutionParameters parameters);
  Execution(Execution&&) noexcept;
  Execution& operator=(Execution&&) noexcept;
  ~Execution();

  // Everything enters here. Pure: the same execution, input, time and seeds give the same decision.
  // Task tokens come from `secrets`.
  Decision take(const Input& input, Timestamp now, Random& random, SecretRandom& secrets);

  Status status() const;
  std::int64_t last_event_id() const;
  const ExecutionParameters& parameters() const;
  const Inspection& inspection() const;
  // Whether the Map state `map` waits for its items; for its results to be written.
  bool reads_items(std::int64_t map) const;
  bool writes_results(std::int64_t map) const;

  // All that is needed to go on later or elsewhere, with the same program: whole, or as what
  // changed since `stored` was filled. Error `InvalidState`.
  std::string save() const;
  SaveDelta save(SavedParts& stored) const;
  static Result<Execution> restore(std::shared_ptr<const Program> program, std::string_view saved);
  static Result<Execution> restore(std::shared_ptr<const Program> program, std::string_view saved,
                                   const SavedTexts& texts, SavedParts& stored);

 private:
  struct State;
  explicit Execution(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace kiban::asl
