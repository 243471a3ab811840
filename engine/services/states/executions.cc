#include "services/states/executions.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "services/base/table_service.h"
#include "services/states/input_complaint.h"
#include "services/states/machines.h"
#include "services/states/names.h"
#include "services/states/observers.h"
#include "services/states/parameters.h"
#include "services/states/retention.h"
#include "services/states/throttle.h"
#include "services/states/versions.h"

namespace kiban::services::states {
namespace {

constexpr std::size_t revisions_kept = 1'000;
constexpr std::size_t live_kept = 10'000;
// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
constexpr std::int64_t redrivable_events_max = 24'999;
// Express workflows run up to five minutes; a moment more for whoever waits.
// https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
constexpr std::chrono::seconds sync_wait_max{310};
constexpr std::chrono::seconds sync_kept{60};  // A result that nobody fetched.

std::string live_key(const Context& context, std::string_view arn) {
  return row_key(context, "live", execution_path(arn));
}

std::string sync_key(const Context& context, std::string_view arn) {
  return row_key(context, "sync", execution_path(arn));
}

std::string ended_key(const Context& context, std::string_view arn) {
  return row_key(context, "ended", execution_path(arn));
}

std::string sync_channel(std::string_view arn) { return fmt::format("states/sync/{}", arn); }

std::string timer_id(std::string_view execution_arn, std::int64_t timer) {
  return fmt::format("{}/{}", execution_path(execution_arn), timer);
}

// Two texts of one document are one input.
bool same_input(std::string_view one, std::string_view other) {
  const auto first = parse_json(one);
  const auto second = parse_json(other);
  return first && second && *first == *second;
}

Result<Payload> read_input(const std::string& data) {
  const auto refuse = [](std::string_view why) {
    return fail("InvalidExecutionInput",
                fmt::format("Invalid State Machine Execution Input: '{}'", why));
  };
  if (data.empty()) return refuse("Invalid execution input.");
  auto payload = Payload::parse(data);
  if (!payload) return refuse(input_complaint(data).value_or(payload.error().cause));
  return payload;
}

}  // namespace

std::string execution_key(const Context& context, std::string_view arn) {
  return row_key(context, "execution", execution_path(arn));
}

std::string started_key(const Context& context, std::string_view group, const json::object& row) {
  const auto started = static_cast<std::int64_t>(row.at("startDate").to_number<double>() * 1000);
  return row_key(
      context, "started",
      fmt::format("{}/{:016}/{}", group, 9'999'999'999'999'999 - started, text(row, "name")));
}

Result<json::object> load_execution(const Context& context, std::string_view arn) {
  KIBAN_TRY_VOID(resource_of(arn, "execution"));
  auto row = get_json(context, execution_key(context, arn));
  if (!row || text(*row, "executionArn") != arn || row->contains(erasing_member))
    return fail("ExecutionDoesNotExist", fmt::format("Execution Does Not Exist: '{}'", arn));
  return *std::move(row);
}

std::shared_ptr<const json::object> machine_of(const Context& context,
                                               const json::object& execution, ParsedRows& rows) {
  const std::string revision = text(execution, "revision");
  auto machine =
      rows.get(context, row_key(context, "machine", revision.substr(0, revision.find('/'))));
  if (!machine) machine = rows.get(context, row_key(context, "revision", revision));
  if (!machine) throw DamagedRow(revision, "an execution's revision is not there");
  return machine;
}

json::object timer_payload(const Context& context, std::string_view execution_arn) {
  return {{"Execution", execution_arn},
          {"Region", context.caller().region},
          {"Account", context.caller().account}};
}

bool is_express(const json::object& execution) { return flag(execution, "express"); }

json::object shown_execution(json::object row) {
  for (const auto* ours : {"revision", "testCase", "mapStates", "parent", "express", "sync",
                           "redriveToken", "hasMapRuns", "historyFull"})
    row.erase(ours);
  return row;
}

// --- Programs and live executions ----------------------------------------------------------------

const Executions::Revision& Executions::revision_of(const Context& context,
                                                    const json::object& execution) {
  std::string key = row_key(context, "revision", text(execution, "revision"));
  const auto keep = [&](Revision revision) -> const Revision& {
    if (revisions_.size() >= revisions_kept) revisions_.clear();
    return revisions_.insert_or_assign(key, std::move(revision)).first->second;
  };
  const auto find = [&]() -> const Revision* {
    const auto found = revisions_.find(key);
    return found == revisions_.end() ? nullptr : &found->second;
  };
  const Revision* revision = find();
  if (revision == nullptr) {
    const auto row = get_json(context, key);
    if (!row) throw DamagedRow(key, "an execution's revision is not there");
    auto compiled = asl::compile(
        text(*row, "definition"),
        text(*row, "type") == "EXPRESS" ? asl::MachineType::Express : asl::MachineType::Standard,
        check_parameters);
    if (!compiled) throw DamagedRow(key, "its definition does not compile");
    revision = &keep({.program = *std::move(compiled), .role_arn = text(*row, "roleArn")});
  }
  // A child of a distributed Map runs its item processor; of one inside another, its own's.
  const json::array* states = find_array(execution, "mapStates");
  for (const json::value& state : states ? *states : json::array{}) {
    const std::string name = to_string(state.as_string());
    key += "#" + name;
    if (const Revision* child = find()) {
      revision = child;
      continue;
    }
    auto program = asl::child_program(revision->program, name);
    if (program == nullptr) throw DamagedRow(key, "the definition has no such Map state");
    revision = &keep({.program = std::move(program), .role_arn = std::string(revision->role_arn)});
  }
  return *revision;
}

std::shared_ptr<const asl::Program> Executions::program_of(const Context& context,
                                                           const json::object& execution) {
  return revision_of(context, execution).program;
}

bool Executions::running(const Context& context, std::string_view execution_arn) const {
  return driving_.contains(execution_arn) || context.get(live_key(context, execution_arn));
}

bool Executions::load(Context& context, std::string_view execution_arn, Run& run) {
  auto row = get_json(context, execution_key(context, execution_arn));
  const auto saved = context.get(live_key(context, execution_arn));
  if (!row || !saved) return false;
  const auto cached = live_.find(execution_arn);
  if (cached != live_.end() && cached->second.saved == *saved) {
    run.execution.emplace(std::move(cached->second.execution));
  } else {
    auto execution = restore(context, *row, live_key(context, execution_arn), *saved);
    if (!execution) {
      run.arn = execution_arn;
      run.row = *std::move(row);
      abandon(context, run, execution.error().cause);
      return false;
    }
    run.execution.emplace(*std::move(execution));
  }
  if (cached != live_.end()) live_.erase(cached);
  run.arn = execution_arn;
  run.machine = machine_of(context, *row, machines_);
  run.row = *std::move(row);
  return true;
}

// Error when the saved state or what it needs is damaged: the execution can't go on.
Result<asl::Execution> Executions::restore(const Context& context, const json::object& row,
                                           const std::string& key, const std::string& saved) {
  try {
    (void)machine_of(context, row, machines_);
    auto execution = asl::Execution::restore(program_of(context, row), saved);
    if (!execution) throw DamagedRow(key, execution.error().cause);
    return execution;
  } catch (const DamagedRow& damage) {
    return fail("States.Runtime", damage.what());
  }
}

// Ends an execution that can't go on, so that who waits for it hears of it and no timer wakes it
// again. Its last event follows on what can be read of its history.
void Executions::abandon(Context& context, Run& run, const std::string& why) {
  asl::HistoryEvent event{.id = 1,
                          .timestamp = context.now(),
                          .type = asl::EventType::ExecutionFailed,
                          .fields = {{"error", "States.Runtime"}, {"cause", why}}};
  const std::string history = row_key(context, "history", execution_path(run.arn) + "/");
  for (const store::Row& row : context.scan(history)) {
    const auto events = asl::restore_history(row.value);
    if (!events || events->empty()) continue;
    if (const json::object* last = events->back().if_object())
      event.previous_event_id = number(*last, "id");
  }
  event.id = event.previous_event_id + 1;
  if (!is_express(run.row))
    context.put(history + fmt::format("{:07}", event.id), asl::save_history({event}));
  finish(context, run, {.status = asl::Status::Failed, .error = "States.Runtime", .cause = why});
}

void Executions::save(Context& context, Run& run) {
  std::string saved = run.execution->save();
  context.put(live_key(context, run.arn), saved);
  if (live_.size() >= live_kept) live_.clear();
  live_.erase(run.arn);
  live_.emplace(run.arn, Live{.saved = std::move(saved), .execution = *std::move(run.execution)});
}

// --- Starting ------------------------------------------------------------------------------------

// The run of a new execution, or one without an interpreter when that very execution runs already.
Result<Executions::Run> Executions::begin(Context& context, const json::object& input,
                                          std::string_view operation) {
  std::string machine_arn = text(input, "stateMachineArn");
  std::string test_case;
  if (const std::size_t hash = machine_arn.find('#'); hash != std::string::npos) {
    test_case = machine_arn.substr(hash + 1);
    machine_arn.resize(hash);
  }
  KIBAN_TRY(Target target, resolve(context, machine_arn, machines_));
  const std::string machine_name = text(*target.machine, "name");
  machine_arn = text(*target.machine, "stateMachineArn");
  const bool express = text(*target.machine, "type") == "EXPRESS";
  if (!express && operation == "StartSyncExecution")
    return fail("StateMachineTypeNotSupported",
                "This operation is not supported by this type of state machine");
  const bool named = input.contains("name");
  const std::string name = named ? text(input, "name") : context.random().uuid();
  KIBAN_TRY_VOID(check_name(name));
  const std::string data = text(input, "input", "{}");
  KIBAN_TRY(Payload payload, read_input(data));
  // Each start of an Express machine is an execution of its own, whatever its name.
  Run run;
  run.arn = make_arn(
      context, "states",
      express ? fmt::format("express:{}:{}:{}", machine_name, name, context.random().uuid())
              : fmt::format("execution:{}:{}", machine_name, name));
  // Only a name that was given can be in use.
  if (auto old =
          express || !named ? std::nullopt : get_json(context, execution_key(context, run.arn))) {
    if (text(*old, "status") != "RUNNING" || !same_input(text(*old, "input"), data))
      return fail("ExecutionAlreadyExists", fmt::format("Execution Already Exists: '{}'", run.arn));
    run.row = *std::move(old);
    return run;
  }
  if (operation == "StartExecution")
    KIBAN_TRY_VOID(take_start(context, express, options_.throttle));
  if (!express) KIBAN_TRY_VOID(check_open(context));
  run.row = {{"executionArn", run.arn},
             {"stateMachineArn", machine_arn},
             {"name", name},
             {"status", "RUNNING"},
             {"startDate", epoch_seconds(context.now())},
             {"input", data},
             {"revision", machine_name + "/" + target.revision}};
  if (!test_case.empty()) run.row["testCase"] = test_case;
  if (express) run.row["express"] = true;
  if (!target.version_arn.empty()) run.row["stateMachineVersionArn"] = target.version_arn;
  if (!target.alias_arn.empty()) run.row["stateMachineAliasArn"] = target.alias_arn;
  if (input.contains("traceHeader")) run.row["traceHeader"] = input.at("traceHeader");
  const Revision& revision = revision_of(context, run.row);
  run.execution.emplace(revision.program,
                        asl::ExecutionParameters{.arn = run.arn,
                                                 .name = name,
                                                 .role_arn = revision.role_arn,
                                                 .start_time = context.now(),
                                                 .machine_arn = machine_arn,
                                                 .machine_name = machine_name,
                                                 .input = std::move(payload),
                                                 .type = express ? asl::MachineType::Express
                                                                 : asl::MachineType::Standard});
  run.machine = std::move(target.machine);
  run.stored = run.live = run.tasks = run.counted = false;
  return run;
}

Result<json::object> Executions::start(Context& context, const json::object& input) {
  KIBAN_TRY(Run run, begin(context, input, "StartExecution"));
  json::object reply{{"executionArn", run.arn}, {"startDate", run.row.at("startDate")}};
  if (!run.execution) return reply;
  count_started(context, text(run.row, "stateMachineArn"));
  if (options_.counters != nullptr) options_.counters->count_start();
  // Express executions tell EventBridge nothing.
  // https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
  if (!is_express(run.row)) {
    context.put(started_key(context, run.execution->parameters().machine_name, run.row), run.arn);
    publish_status(context, run.row);
  }
  drive(context, run, {asl::Start{}});
  if (!run.finished && !is_express(run.row)) add_open(context);
  return reply;
}

Result<json::object> Executions::start_sync(Context& context, const json::object& input) {
  KIBAN_TRY(Run run, begin(context, input, "StartSyncExecution"));
  run.row["sync"] = text(input, "includedData", "ALL_DATA");
  count_started(context, text(run.row, "stateMachineArn"));
  if (options_.counters != nullptr) options_.counters->count_start();
  const std::string arn = run.arn;
  drive(context, run, {asl::Start{}});
  if (context.get(sync_key(context, arn))) return sync_result(context, arn);
  if (!context.last_attempt()) {
    context.reply_with("kiban:AwaitExecution", {{"executionArn", arn}});
    return json::object{};
  }
  // A Task state called it: finish() tells its execution.
  return json::object{{"kiban:Awaits", arn}};
}

Result<json::object> Executions::await_sync(Context& context, const json::object& input) {
  const std::string arn = text(input, "executionArn");
  if (context.get(sync_key(context, arn)) || context.last_attempt())
    return sync_result(context, arn);
  context.defer(sync_channel(arn), context.now() + sync_wait_max);
  return json::object{};
}

Result<json::object> Executions::sync_result(Context& context, std::string_view execution_arn) {
  const std::string key = sync_key(context, execution_arn);
  auto result = get_json(context, key);
  if (!result) return fail("InternalFailure", fmt::format("{} did not end in time", execution_arn));
  context.erase(key);
  context.cancel_timer("states", key);
  return *std::move(result);
}

// --- Driving -------------------------------------------------------------------------------------

void Executions::feed(Context& context, std::string_view execution_arn, asl::Input input) {
  if (const auto driven = driving_.find(execution_arn); driven != driving_.end()) {
    driven->second->push_back(std::move(input));
    return;
  }
  Run run;
  if (!load(context, execution_arn, run)) return;  // It ended meanwhile.
  drive(context, run, {std::move(input)});
}

// Effects are performed at once; what comes back to this execution meanwhile (a task that answers
// its own token, a child that ended) queues up. Written once, in the end: it is all one batch.
void Executions::drive(Context& context, Run& run, Inputs inputs) {
  if (driving_.empty()) children_started_ = tasks_started_ = 0;
  const Driving driving(*this, run.arn, inputs);
  // Telling others (logs) may come back here too.
  do {
    while (!inputs.empty() && !run.finished) {
      const asl::Input input = std::move(inputs.front());
      inputs.pop_front();
      asl::Decision decision =
          run.execution->take(input, context.now(), context.random(), context.secrets());
      std::ranges::move(decision.events, std::back_inserter(run.events));
      // Whoever is told of it may ask for it.
      const bool ends = decision.effects.size() == 1 &&
                        std::holds_alternative<asl::Finished>(decision.effects.front());
      if (!decision.effects.empty() && !ends) store_row(context, run);
      for (const asl::Effect& effect : decision.effects) perform(context, run, inputs, effect);
    }
    if (!run.finished) store_row(context, run);
    write_history(context, run);
    run.events.clear();
  } while (!inputs.empty() && !run.finished);
  if (!run.finished) save(context, run);
}

// The row of an execution that began with this command, unless it is there.
void Executions::store_row(Context& context, Run& run) {
  if (run.stored) return;
  put_json(context, execution_key(context, run.arn), run.row);
  run.stored = true;
}

// An Express execution leaves its logs and nothing else.
void Executions::write_history(Context& context, Run& run) {
  if (run.events.empty()) return;
  log_events(context, *run.machine, run.row, run.events);
  if (is_express(run.row)) return;
  context.put(row_key(context, "history",
                      fmt::format("{}/{:07}", execution_path(run.arn), run.events.front().id)),
              asl::save_history(run.events));
}

void Executions::perform(Context& context, Run& run, Inputs& inputs, const asl::Effect& effect) {
  if (const auto* task = std::get_if<asl::StartTask>(&effect)) {
    run.tasks = true;
    start_task(context, run, inputs, *task);
  } else if (const auto* timer = std::get_if<asl::StartTimer>(&effect)) {
    json::object payload = timer_payload(context, run.arn);
    payload["Timer"] = timer->timer;
    context.set_timer("states", timer_id(run.arn, timer->timer), timer->at, std::move(payload));
  } else if (const auto* cancelled = std::get_if<asl::CancelTimer>(&effect)) {
    context.cancel_timer("states", timer_id(run.arn, cancelled->timer));
  } else if (std::get_if<asl::Proceed>(&effect)) {
    json::object payload = timer_payload(context, run.arn);
    payload["Proceed"] = true;
    context.set_timer("states", timer_id(run.arn, 0), context.now(), std::move(payload));
  } else if (const auto* finished = std::get_if<asl::Finished>(&effect)) {
    finish(context, run, *finished);
  } else if (const auto* stopped = std::get_if<asl::StopTask>(&effect)) {
    stop_task(context, run, *stopped);
  } else {
    perform_map(context, run, inputs, effect);
  }
}

// --- Ending --------------------------------------------------------------------------------------

void Executions::finish(Context& context, Run& run, const asl::Finished& finished) {
  run.finished = true;
  run.row["status"] = asl::to_string(finished.status);
  run.row["stopDate"] = epoch_seconds(context.now());
  if (finished.output) run.row["output"] = finished.output->text();
  // An execution that ran out of its own time has no error. Recorded by AWS: test_global_timeout.
  if (finished.error && finished.status != asl::Status::TimedOut)
    run.row["error"] = *finished.error;
  if (finished.cause) run.row["cause"] = *finished.cause;
  // Without an interpreter it is one that was abandoned: there is nothing to redrive.
  if (!run.execution || run.execution->last_event_id() >= redrivable_events_max)
    run.row["historyFull"] = true;
  // Of an Express execution nothing is kept; a map run's children are erased along with it.
  const bool kept = !is_express(run.row) || run.row.contains("parent");
  if (kept)
    put_json(context, execution_key(context, run.arn), run.row);
  else if (run.stored)
    context.erase(execution_key(context, run.arn));
  if (run.live) context.erase(live_key(context, run.arn));
  live_.erase(run.arn);
  if (run.tasks) {
    const std::string stops = row_key(context, "stop", execution_path(run.arn) + "/");
    for (const store::Row& row : context.scan(stops)) context.erase(row.key);
  }
  if (flag(run.row, "hasMapRuns")) end_map_runs(context, run);
  if (run.row.contains("parent")) {
    child_finished(context, run, finished);
  } else {
    const auto started = from_epoch_seconds(run.row.at("startDate").to_number<double>());
    count_finished(context, text(run.row, "stateMachineArn"), finished.status,
                   context.now() - started);
    if (options_.counters != nullptr) options_.counters->count_end(finished.status);
    if (!is_express(run.row) && run.counted) release_open(context);
  }
  if (is_express(run.row)) return finish_express(context, run);
  // What a redrive goes on from.
  if (finished.status != asl::Status::Succeeded && !flag(run.row, "historyFull"))
    context.put(ended_key(context, run.arn), run.execution->save());
  publish_status(context, run.row);
}

// What somebody waits for.
void Executions::finish_express(Context& context, Run& run) {
  if (run.row.contains("parent")) return;
  if (!run.row.contains("sync")) return;
  const bool with_data = text(run.row, "sync") != "METADATA_ONLY";
  const double took =
      run.row.at("stopDate").to_number<double>() - run.row.at("startDate").to_number<double>();
  // Duration is billed in steps of 100 ms, memory of 64 MB; ours is not measured.
  // https://aws.amazon.com/step-functions/pricing/
  const auto steps = std::max<std::int64_t>(1, static_cast<std::int64_t>(took * 10 + 0.999));
  json::object result = shown_execution(run.row);
  for (const auto* version : {"stateMachineVersionArn", "stateMachineAliasArn"})
    result.erase(version);
  result["inputDetails"] = {{"included", with_data}};
  result["outputDetails"] = {{"included", with_data}};  // Of a failure too: recorded.
  if (!with_data) {
    result.erase("input");
    result.erase("output");
  }
  result["billingDetails"] = {{"billedDurationInMilliseconds", steps * 100},
                              {"billedMemoryUsedInMB", 64}};
  const std::string key = sync_key(context, run.arn);
  put_json(context, key, result);
  json::object forget = timer_payload(context, run.arn);
  forget["Forget"] = key;
  context.set_timer("states", key, context.now() + sync_kept, std::move(forget));
  context.notify(sync_channel(run.arn));
  if (context.get(row_key(context, "waiting", run.arn)))
    on_ended(context, {{"Source", "aws.states"},
                       {"Resource", run.arn},
                       {"Detail", {{"status", run.row.at("status")}}}});
}

void Executions::on_timer(Context& context, const json::object& payload) {
  const std::string execution = text(payload, "Execution");
  if (payload.contains("Call"))
    call_again(context, payload);
  else if (payload.contains("Forget"))
    context.erase(text(payload, "Forget"));
  else if (flag(payload, "Children"))
    on_children(context, execution);
  else if (flag(payload, "Proceed"))
    feed(context, execution, asl::Continue{});
  else
    feed(context, execution, asl::TimerFired{number(payload, "Timer", 0)});
}

Result<json::object> Executions::stop(Context& context, const json::object& input) {
  const std::string arn = text(input, "executionArn");
  KIBAN_TRY(const json::object row, load_execution(context, arn));
  const auto given = [&](const char* member) -> std::optional<std::string> {
    if (!input.contains(member)) return std::nullopt;
    return text(input, member);
  };
  // One that ended already is as it is.
  if (const json::value* stopped = find(row, "stopDate"))
    return json::object{{"stopDate", *stopped}};
  feed(context, arn, asl::Stop{.error = given("error"), .cause = given("cause")});
  return json::object{{"stopDate", epoch_seconds(context.now())}};
}

// https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html
Result<json::object> Executions::redrive(Context& context, const json::object& input) {
  const std::string arn = text(input, "executionArn");
  KIBAN_TRY(json::object row, load_execution(context, arn));
  const std::string token = text(input, "clientToken");
  if (!token.empty() && token == text(row, "redriveToken"))
    return json::object{{"redriveDate", row.at("redriveDate")}};
  if (const auto reason = not_redrivable(context, row))
    return fail("ExecutionNotRedrivable", *reason);
  const auto saved = context.get(ended_key(context, arn));
  if (!saved) throw DamagedRow(ended_key(context, arn), "it is not there");
  KIBAN_TRY_VOID(check_open(context));
  add_open(context);
  if (!token.empty()) row["redriveToken"] = token;
  redrive_run(context, std::move(row), *saved);
  return json::object{{"redriveDate", epoch_seconds(context.now())}};
}

void Executions::redrive_run(Context& context, json::object row, const std::string& saved) {
  Run run;
  run.arn = text(row, "executionArn");
  auto execution = asl::Execution::restore(program_of(context, row), saved);
  if (!execution) throw DamagedRow(ended_key(context, run.arn), execution.error().cause);
  run.execution.emplace(*std::move(execution));
  context.erase(ended_key(context, run.arn));
  for (const auto* gone : {"stopDate", "output", "error", "cause"}) row.erase(gone);
  row["status"] = "RUNNING";
  row["redriveCount"] = number(row, "redriveCount", 0) + 1;
  row["redriveDate"] = epoch_seconds(context.now());
  put_json(context, execution_key(context, run.arn), row);
  publish_status(context, row);
  run.machine = machine_of(context, row, machines_);
  run.row = std::move(row);
  drive(context, run, {asl::Redrive{}});
}

}  // namespace kiban::services::states
