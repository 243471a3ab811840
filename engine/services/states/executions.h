// Executions: the one place where inputs meet the interpreter and its decisions become rows. Split
// over executions.cc (starting, driving, ending), task_runs.cc (what Task states call and wait
// for), map_runs.cc (distributed Map) and execution_queries.cc (what the API asks).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "asl/interpreter.h"
#include "services/base/service.h"
#include "services/states/parsed_rows.h"
#include "services/states/service.h"

namespace kiban::services::states {

class Executions {
 public:
  explicit Executions(Options options) : options_(std::move(options)) {}

  Result<json::object> start(Context& context, const json::object& input);
  Result<json::object> start_sync(Context& context, const json::object& input);
  Result<json::object> await_sync(Context& context, const json::object& input);
  Result<json::object> stop(Context& context, const json::object& input);
  Result<json::object> redrive(Context& context, const json::object& input);
  Result<json::object> task_success(Context& context, const json::object& input);
  Result<json::object> task_failure(Context& context, const json::object& input);
  Result<json::object> task_heartbeat(Context& context, const json::object& input);
  Result<json::object> update_map_run(Context& context, const json::object& input);

  // A timer of an execution: {"Execution": ARN, "Timer": n}, {"Proceed": true}, {"Children": true},
  // {"Forget": KEY}, {"Call": task}, {"Reading": map} or {"Writing": map}.
  void on_timer(Context& context, const json::object& payload);
  // Something that a .sync task waits for ended: {"Source", "Resource", "Detail"} of the event.
  void on_ended(Context& context, const json::object& event);
  // The same of a function (lambda_task.h): "Detail" is its outcome.
  void on_function_ended(Context& context, const json::object& event);
  // What came of the call of an HTTP Task (http_task.h).
  Result<json::object> on_http_answered(Context& context, const json::object& input);
  // A piece of a Map's items, or why they can't be read; `asked` is the effect's payload.
  void on_items(Context& context, const json::object& asked, const json::object& outcome);
  // An activity's worker took its task.
  void on_activity_started(Context& context, const json::object& pending,
                           std::optional<std::string> worker);

 private:
  using Inputs = std::deque<asl::Input>;
  struct Run {
    std::string arn{};
    json::object row{};  // What DescribeExecution says, and our own members.
    // Once the machine was deleted, as its revision remembers it.
    std::shared_ptr<const json::object> machine{};
    std::optional<asl::Execution> execution{};
    asl::SavedParts parts{};                  // Rows that hold parts of it.
    std::vector<asl::HistoryEvent> events{};  // Of the drive under way.
    bool finished{false};
    // What there is of it in the store. An execution that begins and ends in one command spares
    // what it would write first and change or erase then.
    bool stored{true};   // The execution's row, though perhaps an older one.
    bool live{true};     // Its live row.
    bool tasks{true};    // Perhaps rows of tasks.
    bool counted{true};  // Among the open executions, if it is one that counts.
  };
  // A running execution as it was last written, to spare restoring it. Good only while the live row
  // still holds `saved`: a batch that failed, or an operation that was undone, makes it stale.
  struct Live {
    std::string saved{};
    asl::Execution execution;
    asl::SavedParts parts{};
  };

  // While one lives, inputs of that execution queue up instead of being taken at once.
  struct Driving {
    Driving(Executions& of, std::string arn, Inputs& inputs) : all(of.driving_), name(arn) {
      all.insert_or_assign(std::move(arn), &inputs);
    }
    Driving(const Driving&) = delete;
    Driving& operator=(const Driving&) = delete;
    ~Driving() { all.erase(name); }
    std::map<std::string, Inputs*, std::less<>>& all;
    std::string name;
  };

  // A revision, of which executions need no more than this.
  struct Revision {
    std::shared_ptr<const asl::Program> program{};
    std::string role_arn{};
  };

  Result<Run> begin(Context& context, const json::object& input, std::string_view operation);
  Result<json::object> sync_result(Context& context, std::string_view execution_arn);
  void redrive_run(Context& context, json::object row, const std::string& saved);
  void feed(Context& context, std::string_view execution_arn, asl::Input input);
  void drive(Context& context, Run& run, Inputs inputs);
  void store_row(Context& context, Run& run);
  void write_history(Context& context, Run& run);
  void perform(Context& context, Run& run, Inputs& inputs, const asl::Effect& effect);
  void finish(Context& context, Run& run, const asl::Finished& finished);
  void finish_express(Context& context, Run& run);
  bool load(Context& context, std::string_view execution_arn, Run& run);
  bool running(const Context& context, std::string_view execution_arn) const;
  Result<asl::Execution> restore(const Context& context, const json::object& row,
                                 const std::string& key, const std::string& saved,
                                 asl::SavedParts& parts);
  void erase_live(Context& context, const Run& run);
  void abandon(Context& context, Run& run, const std::string& why);
  void save(Context& context, Run& run);
  const Revision& revision_of(const Context& context, const json::object& execution);
  std::shared_ptr<const asl::Program> program_of(const Context& context,
                                                 const json::object& execution);

  struct TokenOwner;
  Result<TokenOwner> owner_of(Context& context, const json::object& input,
                              std::string_view action) const;
  void start_task(Context& context, Run& run, Inputs& inputs, const asl::StartTask& task);
  bool mock_task(Run& run, Inputs& inputs, const asl::StartTask& task);
  void queue_activity(Context& context, Run& run, Inputs& inputs, const asl::StartTask& task);
  void call(Context& context, Run& run, Inputs& inputs, const asl::StartTask& task,
            std::optional<Timestamp> poll_until);
  void call_again(Context& context, const json::object& payload);
  void stop_task(Context& context, Run& run, const asl::StopTask& task);

  Result<Caller> role_of(Context& context, const Run& run);
  // item_reading.cc
  void read_items(Context& context, const std::string& arn, Inputs& inputs,
                  const asl::ReadItems& asked, const Result<Caller>& as);
  // By a timer, or with what the performer that was `asked` reports.
  void go_on_reading(Context& context, std::string_view arn, std::int64_t map,
                     const json::object* asked, const json::object* outcome);
  void write_results(Context& context, Run& run, Inputs& inputs, const asl::WriteResults& writing);
  void go_on_writing(Context& context, std::string_view arn, std::int64_t map);
  bool perform_map(Context& context, Run& run, Inputs& inputs, const asl::Effect& effect);
  void start_map_run(Context& context, Run& run, const asl::StartMapRun& start);
  void start_child(Context& context, Run& run, const asl::StartChild& child);
  bool redrive_child(Context& context, Run& run, const asl::StartChild& child, Payload& input);
  void defer_child(Context& context, Run& run, const asl::StartChild& child);
  void on_children(Context& context, std::string_view execution_arn);
  void child_finished(Context& context, Run& run, const asl::Finished& finished);
  void end_map_runs(Context& context, Run& run);

  Options options_;
  // Compiled once per revision; revisions never change.
  std::map<std::string, Revision> revisions_{};
  ParsedRows machines_{};
  std::map<std::string, Live, std::less<>> live_{};
  // Executions that this command drives right now: their inputs queue up here.
  std::map<std::string, Inputs*, std::less<>> driving_{};
  std::size_t children_started_{0};  // By the command under way.
  std::size_t child_bytes_{0};       // Of their inputs.
  std::size_t tasks_started_{0};
};

// --- What the API asks, execution_queries.cc and map_runs.cc
// --------------------------------------

Result<json::object> describe_execution(Context& context, const json::object& input);
Result<json::object> describe_machine_for_execution(Context& context, const json::object& input);
Result<json::object> list_executions(Context& context, const json::object& input);
Result<json::object> get_history(Context& context, const json::object& input);
Result<json::object> describe_map_run(Context& context, const json::object& input);
Result<json::object> list_map_runs(Context& context, const json::object& input);

// --- What these files share ----------------------------------------------------------------------

// The row of an execution; nullopt: there is none. An output that equals the input is not stored
// twice, so the row is read and written by these two alone.
std::optional<json::object> read_execution(const Context& context, std::string_view arn);
void write_execution(Context& context, std::string_view arn, const json::object& row);
// Error ExecutionDoesNotExist.
Result<json::object> load_execution(const Context& context, std::string_view arn);
std::string execution_key(const Context& context, std::string_view arn);
// Begins the key of an execution in ListExecutions' order, newest first. `group` is a state
// machine's name or a map run's path.
std::string started_key(const Context& context, std::string_view group, const json::object& row);
// The machine of an execution, or what its revision remembers of it.
std::shared_ptr<const json::object> machine_of(const Context& context,
                                               const json::object& execution, ParsedRows& rows);
// Why it cannot be redriven; nullopt when it can.
std::optional<std::string> not_redrivable(const Context& context, const json::object& execution);
// Begins the keys of the rows that lead to the children of a map run, in the order of their items.
std::string child_prefix(const Context& context, std::string_view execution_arn, std::int64_t map);
json::object timer_payload(const Context& context, std::string_view execution_arn);
bool is_express(const json::object& execution);
// Without our own members.
json::object shown_execution(json::object row);

}  // namespace kiban::services::states
