// Map runs: the child executions of a distributed Map, and what the API tells of them.
// https://docs.aws.amazon.com/step-functions/latest/dg/concepts-examine-map-run.html
#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/states/executions.h"
#include "services/states/machine_role.h"
#include "services/states/names.h"
#include "services/states/observers.h"
#include "services/states/result_writer.h"

namespace kiban::services::states {
std::string child_prefix(const Context& context, std::string_view execution_arn, std::int64_t map) {
  return row_key(context, "child", fmt::format("{}/{:010}/", execution_path(execution_arn), map));
}

namespace {

// Children that one command begins, and ends that one takes in; the others go on by a timer of
// their parent's, so that neither a commit is held up nor the parent written for each of them.
constexpr std::size_t children_per_command_max = 100;
constexpr std::size_t child_bytes_per_command_max = 1024UL * 1024;  // Of their inputs.
constexpr std::size_t ends_per_command_max = 1'000;

// mapruns/EXECUTION/MAP holds the run; maprun/RUN leads to it.
std::string run_key(const Context& context, std::string_view execution_arn, std::int64_t map) {
  return row_key(context, "mapruns", fmt::format("{}/{:010}", execution_path(execution_arn), map));
}

std::string child_key(const Context& context, std::string_view execution_arn, std::int64_t map,
                      std::int64_t index) {
  return child_prefix(context, execution_arn, map) + fmt::format("{:010}", index);
}

// Rows of children that are to begin, and of what became of others.
std::string waiting_prefix(const Context& context, std::string_view kind,
                           std::string_view execution_arn) {
  return row_key(context, kind, execution_path(execution_arn) + "/");
}

std::string waiting_place(std::int64_t map, std::int64_t index) {
  return fmt::format("{:010}/{:010}", map, index);
}

void wake(Context& context, std::string_view execution_arn) {
  json::object payload = timer_payload(context, execution_arn);
  payload["Children"] = true;
  context.set_timer("states", execution_path(execution_arn) + "/children", context.now(),
                    std::move(payload));
}

// Inputs of the children that did not begin, of those that wait for their turn as well.
std::vector<Payload> pending_of(const Context& context, std::string_view execution_arn,
                                const asl::WriteResults& writing) {
  std::vector<Payload> pending;
  const std::string prefix = waiting_prefix(context, "unbegun", execution_arn);
  for (const json::object& row : list_json(context, prefix + fmt::format("{:010}/", writing.map)))
    pending.push_back(Payload::from_text(text(row, "Input")));
  pending.insert(pending.end(), writing.pending.begin(), writing.pending.end());
  return pending;
}

json::object counts(const asl::Counts& of) {
  return {{"pending", of.pending},     {"running", of.running},
          {"succeeded", of.succeeded}, {"failed", of.failed},
          {"timedOut", of.timed_out},  {"aborted", of.aborted},
          {"total", of.total},         {"resultsWritten", of.results_written}};
}

void update_run(Context& context, std::string_view execution_arn, const asl::UpdateMapRun& update) {
  const std::string key = run_key(context, execution_arn, update.map);
  auto run = get_json(context, key);
  if (!run) return;
  (*run)["status"] = asl::to_string(update.status);
  (*run)["itemCounts"] = counts(update.items);
  (*run)["executionCounts"] = counts(update.executions);
  if (update.status == asl::Status::Running)
    run->erase("stopDate");
  else
    (*run)["stopDate"] = epoch_seconds(context.now());
  if (update.redrive_count > number(*run, "redriveCount", 0)) {
    (*run)["redriveCount"] = update.redrive_count;
    (*run)["redriveDate"] = epoch_seconds(context.now());
  }
  put_json(context, key, *run);
}

struct FoundRun {
  std::string key{};
  json::object row{};
};

Result<FoundRun> load_run(const Context& context, std::string_view arn) {
  KIBAN_TRY_VOID(resource_of(arn, "mapRun"));
  const auto key = context.get(row_key(context, "maprun", execution_path(arn)));
  auto row = key ? get_json(context, *key) : std::nullopt;
  if (!row || text(*row, "mapRunArn") != arn)
    return fail("ResourceNotFound", fmt::format("Map Run Does Not Exist: '{}'", arn));
  return FoundRun{*key, *std::move(row)};
}

}  // namespace

void Executions::start_map_run(Context& context, Run& run, const asl::StartMapRun& start) {
  const std::string key = run_key(context, run.arn, start.map);
  // The state was retried: the run before makes room, its children are nobody's any more.
  if (const auto before = get_json(context, key)) {
    const std::string arn = text(*before, "mapRunArn");
    const std::string moved = key + "/" + arn.substr(arn.rfind(':') + 1);
    put_json(context, moved, *before);
    context.put(row_key(context, "maprun", execution_path(arn)), moved);
    const std::string map = fmt::format("{:010}/", start.map);
    for (const std::string& prefix : {waiting_prefix(context, "unbegun", run.arn) + map,
                                      waiting_prefix(context, "done", run.arn) + map,
                                      child_prefix(context, run.arn, start.map)}) {
      for (const store::Row& row : context.scan(prefix)) context.erase(row.key);
    }
  }
  put_json(context, key,
           {{"mapRunArn", start.map_run_arn},
            {"executionArn", run.arn},
            {"status", "RUNNING"},
            {"startDate", epoch_seconds(context.now())},
            {"maxConcurrency", start.max_concurrency},
            {"toleratedFailurePercentage", start.tolerated_failure_percentage},
            {"toleratedFailureCount", start.tolerated_failure_count},
            {"itemCounts", counts({})},
            {"executionCounts", counts({})},
            {"redriveCount", 0},
            {"type", start.type == asl::MachineType::Express ? "EXPRESS" : "STANDARD"},
            {"map", start.map}});
  context.put(row_key(context, "maprun", execution_path(start.map_run_arn)), key);
  if (flag(run.row, "hasMapRuns")) return;
  run.row["hasMapRuns"] = true;
  write_execution(context, run.arn, run.row);
}

// Goes on with a child that did not succeed. False when it must start anew, with `input`: an
// Express child, or one of whose state nothing is left.
bool Executions::redrive_child(Context& context, Run& parent, const asl::StartChild& child,
                               Payload& input) {
  const std::string unbegun =
      waiting_prefix(context, "unbegun", parent.arn) + waiting_place(child.map, child.index);
  if (const auto waiting = get_json(context, unbegun)) {
    input = Payload::from_text(text(*waiting, "Input"));
    context.erase(unbegun);
    return false;
  }
  const auto arn = context.get(child_key(context, parent.arn, child.map, child.index));
  auto row = arn ? read_execution(context, *arn) : std::nullopt;
  if (!row) throw DamagedRow(parent.arn, "a child that is redriven is not there");
  const auto saved = context.get(row_key(context, "ended", execution_path(*arn)));
  if (!is_express(*row) && saved) {
    redrive_run(context, *std::move(row), *saved);
    return true;
  }
  input = Payload::from_text(text(*row, "input"));
  if (is_express(*row)) context.erase(execution_key(context, *arn));
  return false;
}

void Executions::start_child(Context& context, Run& parent, const asl::StartChild& child) {
  if (++children_started_ > children_per_command_max || child_bytes_ > child_bytes_per_command_max)
    return defer_child(context, parent, child);
  child_bytes_ += child.input.text().size();
  Payload input = child.input;
  if (child.redriven && redrive_child(context, parent, child, input)) return;
  const auto run_row = get_json(context, run_key(context, parent.arn, child.map));
  if (!run_row) throw DamagedRow(run_key(context, parent.arn, child.map), "it is not there");
  const bool express = text(*run_row, "type") == "EXPRESS";
  // arn:…:mapRun:MACHINE/LABEL:ID gives the children's state machine, MACHINE/LABEL.
  std::string machine = child.map_run_arn.substr(child.map_run_arn.find(":mapRun:") + 8);
  machine.resize(machine.rfind(':'));
  const std::string name = context.random().uuid();
  const asl::ExecutionParameters& of = parent.execution->parameters();
  Run run;
  run.arn =
      make_arn(context, "states",
               express ? fmt::format("express:{}:{}:{}", machine, name, context.random().uuid())
                       : fmt::format("execution:{}:{}", machine, name));
  const std::string machine_arn = make_arn(context, "states", "stateMachine:" + machine);
  run.row = {{"executionArn", run.arn},
             {"stateMachineArn", machine_arn},
             {"name", name},
             {"status", "RUNNING"},
             {"startDate", epoch_seconds(context.now())},
             {"input", input.text()},
             {"mapRunArn", child.map_run_arn},
             {"itemCount", child.items},
             {"revision", parent.row.at("revision")},
             {"parent", {{"Execution", parent.arn}, {"Map", child.map}, {"Index", child.index}}}};
  if (express) run.row["express"] = true;
  if (parent.row.contains("testCase")) run.row["testCase"] = parent.row.at("testCase");
  json::array states;
  if (const json::array* outer = find_array(parent.row, "mapStates")) states = *outer;
  states.emplace_back(child.state);
  run.row["mapStates"] = std::move(states);
  run.machine = parent.machine;
  run.execution.emplace(program_of(context, run.row),
                        asl::ExecutionParameters{.arn = run.arn,
                                                 .name = name,
                                                 .role_arn = of.role_arn,
                                                 .start_time = context.now(),
                                                 .machine_arn = machine_arn,
                                                 .machine_name = machine,
                                                 .input = std::move(input),
                                                 .type = express ? asl::MachineType::Express
                                                                 : asl::MachineType::Standard});
  run.stored = run.live = run.tasks = false;
  context.put(child_key(context, parent.arn, child.map, child.index), run.arn);
  if (!express) {
    context.put(started_key(context, execution_path(child.map_run_arn), run.row), run.arn);
    publish_status(context, run.row);
  }
  drive(context, run, {asl::Start{}});
}

void Executions::defer_child(Context& context, Run& parent, const asl::StartChild& child) {
  put_json(context,
           waiting_prefix(context, "begin", parent.arn) + waiting_place(child.map, child.index),
           {{"Map", child.map},
            {"Index", child.index},
            {"MapRun", child.map_run_arn},
            {"State", child.state},
            {"Input", child.input.text()},
            {"Items", child.items},
            {"Redriven", child.redriven}});
  wake(context, parent.arn);
}

// Takes in what became of children, then begins those that wait for it.
void Executions::on_children(Context& context, std::string_view execution_arn) {
  Run run;
  if (!load(context, execution_arn, run)) return;
  Inputs inputs;
  const std::string ends = waiting_prefix(context, "done", execution_arn);
  const auto ended = context.scan(ends, {}, ends_per_command_max);
  for (const store::Row& row : ended) {
    context.erase(row.key);
    const json::object of = object_of(row.key, row.value);
    asl::ChildFinished input{.map = number(of, "Map", 0),
                             .index = number(of, "Index", 0),
                             .status = enumerator_of(of, "Status", asl::Status::Aborted)};
    if (of.contains("Output")) input.output = Payload::from_text(text(of, "Output"));
    inputs.push_back(std::move(input));
  }
  const std::string begins = waiting_prefix(context, "begin", execution_arn);
  const auto waiting = context.scan(begins, {}, children_per_command_max + 1);
  std::size_t begun = 0;
  {
    const Driving driving(*this, run.arn, inputs);
    children_started_ = child_bytes_ = 0;
    for (; begun < std::min(waiting.size(), children_per_command_max) &&
           child_bytes_ <= child_bytes_per_command_max;
         ++begun) {
      const std::size_t i = begun;
      context.erase(waiting[i].key);
      const json::object of = object_of(waiting[i].key, waiting[i].value);
      start_child(context, run,
                  {.map = number(of, "Map", 0),
                   .index = number(of, "Index", 0),
                   .map_run_arn = text(of, "MapRun"),
                   .state = text(of, "State"),
                   .input = Payload::from_text(text(of, "Input")),
                   .items = number(of, "Items", 1),
                   .redriven = flag(of, "Redriven")});
    }
  }
  if (ended.size() == ends_per_command_max || waiting.size() > begun) wake(context, execution_arn);
  drive(context, run, std::move(inputs));
}

void Executions::child_finished(Context& context, Run& run, const asl::Finished& finished) {
  const json::object& of = run.row.at("parent").as_object();
  const std::string parent = text(of, "Execution");
  const std::int64_t map = number(of, "Map", 0);
  const std::int64_t index = number(of, "Index", 0);
  if (driving_.contains(parent)) {
    asl::ChildFinished input{.map = map, .index = index, .status = finished.status};
    if (finished.output) input.output = *finished.output;
    return feed(context, parent, std::move(input));
  }
  json::object end{{"Map", map}, {"Index", index}, {"Status", static_cast<int>(finished.status)}};
  if (finished.output) end["Output"] = finished.output->text();
  put_json(context, waiting_prefix(context, "done", parent) + waiting_place(map, index), end);
  wake(context, parent);
}

Result<Caller> Executions::role_of(Context& context, const Run& run) {
  const asl::ExecutionParameters& of = run.execution->parameters();
  return assume_task_role(context, of.role_arn, "",
                          {.machine_arn = of.machine_arn, .execution_arn = of.arn});
}

void Executions::on_items(Context& context, const json::object& asked,
                          const json::object& outcome) {
  go_on_reading(context, text(asked, "Execution"), number(asked, "Map", 0), &asked, &outcome);
}

namespace {

// What the export came to, for the execution; nothing while it goes on.
void add_written(std::deque<asl::Input>& inputs, std::int64_t map,
                 Result<std::optional<Payload>> written) {
  if (!written)
    inputs.push_back(asl::ResultsWriteFailed{
        .map = map, .error = written.error().name, .cause = written.error().cause});
  else if (*written)
    inputs.push_back(asl::ResultsWritten{.map = map, .output = **written});
}

}  // namespace

void Executions::write_results(Context& context, Run& run, Inputs& inputs,
                               const asl::WriteResults& writing) {
  const auto as = role_of(context, run);
  if (!as)
    return add_written(inputs, writing.map, fail("States.ResultWriterFailed", as.error().cause));
  auto made =
      ResultExport::begin(context, writing, run.arn, pending_of(context, run.arn, writing), *as);
  add_written(inputs, writing.map,
              made ? made->advance() : std::unexpected(std::move(made).error()));
}

void Executions::go_on_writing(Context& context, std::string_view arn, std::int64_t map) {
  Run run;
  if (!load(context, arn, run)) return;
  if (!run.execution->writes_results(map)) return ResultExport::erase(context, arn, map);
  const auto as = role_of(context, run);
  Inputs inputs;
  {
    const Driving driving(*this, run.arn, inputs);
    const Caller caller = as.value_or(Caller{});
    auto stored = ResultExport::stored(context, arn, map, caller);
    if (!stored) return;
    Result<std::optional<Payload>> written =
        as ? stored->advance() : fail("States.ResultWriterFailed", as.error().cause);
    if (!written) ResultExport::erase(context, arn, map);
    add_written(inputs, map, std::move(written));
  }
  drive(context, run, std::move(inputs));
}

bool Executions::perform_map(Context& context, Run& run, Inputs& inputs,
                             const asl::Effect& effect) {
  if (const auto* start = std::get_if<asl::StartMapRun>(&effect)) {
    start_map_run(context, run, *start);
  } else if (const auto* child = std::get_if<asl::StartChild>(&effect)) {
    start_child(context, run, *child);
  } else if (const auto* stopped = std::get_if<asl::StopChild>(&effect)) {
    // One that did not begin yet keeps its input for a redrive.
    const std::string place = waiting_place(stopped->map, stopped->index);
    const std::string begin = waiting_prefix(context, "begin", run.arn) + place;
    if (auto waiting = context.get(begin)) {
      context.erase(begin);
      context.put(waiting_prefix(context, "unbegun", run.arn) + place, *std::move(waiting));
    }
    const auto arn = context.get(child_key(context, run.arn, stopped->map, stopped->index));
    if (arn) feed(context, *arn, asl::Stop{});
  } else if (const auto* update = std::get_if<asl::UpdateMapRun>(&effect)) {
    update_run(context, run.arn, *update);
  } else if (const auto* reading = std::get_if<asl::ReadItems>(&effect)) {
    read_items(context, run.arn, inputs, *reading, role_of(context, run));
  } else if (const auto* writing = std::get_if<asl::WriteResults>(&effect)) {
    write_results(context, run, inputs, *writing);
  } else {
    return false;
  }
  return true;
}

// An execution that ends takes its open map runs along, and leaves nothing of express children once
// they succeeded: what failed may be redriven.
void Executions::end_map_runs(Context& context, Run& run) {
  for (const auto* kind : {"begin", "done", "unbegun", "reading", "writing"}) {
    if (std::string_view(kind) == "unbegun" && text(run.row, "status") != "SUCCEEDED") continue;
    for (const store::Row& row : context.scan(waiting_prefix(context, kind, run.arn)))
      context.erase(row.key);
  }
  for (json::object& map_run :
       list_json(context, row_key(context, "mapruns", execution_path(run.arn) + "/"))) {
    const std::int64_t map = number(map_run, "map", 0);
    if (text(map_run, "type") == "EXPRESS" && text(map_run, "status") == "SUCCEEDED") {
      for (const store::Row& row : context.scan(child_prefix(context, run.arn, map))) {
        if (!running(context, row.value)) context.erase(execution_key(context, row.value));
      }
    }
    if (text(map_run, "status") != "RUNNING") continue;
    map_run["status"] = "ABORTED";
    map_run["stopDate"] = epoch_seconds(context.now());
    for (const auto* member : {"itemCounts", "executionCounts"}) {
      json::object& of = map_run[member].as_object();
      of["aborted"] =
          number(of, "aborted", 0) + number(of, "running", 0) + number(of, "pending", 0);
      of["running"] = 0;
      of["pending"] = 0;
    }
    put_json(context, run_key(context, run.arn, map), map_run);
  }
}

Result<json::object> Executions::update_map_run(Context& context, const json::object& input) {
  KIBAN_TRY(FoundRun run, load_run(context, text(input, "mapRunArn")));
  asl::MapRunChanged changed{.map = number(run.row, "map", 0)};
  if (!input.contains("maxConcurrency") && !input.contains("toleratedFailurePercentage") &&
      !input.contains("toleratedFailureCount"))
    return fail("ValidationException",
                "Must specify at least one of the following: 'maxConcurrency', "
                "'toleratedFailurePercentage', 'toleratedFailureCount'");
  if (text(run.row, "status") != "RUNNING")
    return fail("ValidationException",
                fmt::format("Map Run is {} and cannot be updated", text(run.row, "status")));
  if (input.contains("maxConcurrency"))
    changed.max_concurrency = number(input, "maxConcurrency", 0);
  if (const json::value* share = find(input, "toleratedFailurePercentage"))
    changed.tolerated_failure_percentage = share->to_number<double>();
  if (input.contains("toleratedFailureCount"))
    changed.tolerated_failure_count = number(input, "toleratedFailureCount", 0);
  for (const auto* member :
       {"maxConcurrency", "toleratedFailurePercentage", "toleratedFailureCount"}) {
    if (input.contains(member)) run.row[member] = input.at(member);
  }
  put_json(context, run.key, run.row);
  feed(context, text(run.row, "executionArn"), changed);
  return json::object{};
}

Result<json::object> describe_map_run(Context& context, const json::object& input) {
  KIBAN_TRY(FoundRun run, load_run(context, text(input, "mapRunArn")));
  for (const auto* ours : {"map", "type"}) run.row.erase(ours);
  return std::move(run.row);
}

Result<json::object> list_map_runs(Context& context, const json::object& input) {
  const std::string arn = text(input, "executionArn");
  KIBAN_TRY_VOID(load_execution(context, arn));
  return page_of_rows(
      context, input, "mapRuns", row_key(context, "mapruns", execution_path(arn) + "/"),
      [&](const store::Row& row) -> std::optional<json::value> {
        const auto run = parse_json(row.value);
        if (!run) return std::nullopt;
        const std::string run_arn = text(run->as_object(), "mapRunArn");
        std::string machine = run_arn.substr(run_arn.find(":mapRun:") + 8);
        machine.resize(machine.rfind(':'));
        json::object entry{
            {"executionArn", arn},
            {"mapRunArn", run_arn},
            {"stateMachineArn", make_arn(context, "states", "stateMachine:" + machine)},
            {"startDate", run->at("startDate")}};
        if (const json::value* stop = find(run->as_object(), "stopDate")) entry["stopDate"] = *stop;
        return entry;
      });
}

}  // namespace kiban::services::states
