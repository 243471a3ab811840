#include "services/states/executions.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/states/integrations.h"
#include "services/states/machines.h"
#include "services/states/mocks.h"
#include "services/states/names.h"
#include "services/states/observers.h"
#include "services/states/variable_references.h"
#include "services/states/versions.h"

namespace kiban::services::states {
namespace {

constexpr std::size_t programs_kept = 1'000;

std::unexpected<Error> no_execution(std::string_view arn) {
  return fail("ExecutionDoesNotExist", fmt::format("Execution Does Not Exist: '{}'", arn));
}

std::string execution_key(const Context& context, std::string_view arn) {
  return row_key(context, "execution", execution_path(arn));
}

Result<json::object> load_execution(const Context& context, std::string_view arn) {
  KIBAN_TRY_VOID(resource_of(arn, "execution"));
  auto row = get_json(context, execution_key(context, arn));
  if (!row || text(*row, "executionArn") != arn) return no_execution(arn);
  return *std::move(row);
}

std::string timer_id(std::string_view execution_arn, std::int64_t timer) {
  return fmt::format("{}/{}", execution_path(execution_arn), timer);
}

json::object timer_payload(const Context& context, std::string_view execution_arn) {
  return {{"Execution", execution_arn},
          {"Region", context.caller().region},
          {"Account", context.caller().account}};
}

// Two texts of one document are one input.
bool same_input(std::string_view one, std::string_view other) {
  const auto first = parse_json(one);
  const auto second = parse_json(other);
  return first && second && *first == *second;
}

// The machine of an execution, or what is remembered of it.
json::object machine_of(const Context& context, const json::object& execution) {
  auto machine = load_machine(context, text(execution, "stateMachineArn"));
  if (machine) return *std::move(machine);
  auto revision = get_json(context, row_key(context, "revision", text(execution, "revision")));
  KIBAN_CHECK(revision.has_value(), "an execution's revision is gone");
  return *std::move(revision);
}

std::string redrive_reason(std::string_view status) {
  return fmt::format("Execution is {} and cannot be redriven", status);
}

}  // namespace

struct Executions::Run {
  std::string arn{};
  json::object row{};      // What DescribeExecution says.
  json::object machine{};  // Once the machine was deleted, as its revision remembers it.
  std::string saved{};     // The live row as we left it.
  std::optional<asl::Execution> execution{};
};

std::shared_ptr<const asl::Program> Executions::program_of(const Context& context,
                                                           const json::object& execution) {
  const std::string key = row_key(context, "revision", text(execution, "revision"));
  const auto found = programs_.find(key);
  if (found != programs_.end()) return found->second;
  const auto revision = get_json(context, key);
  KIBAN_CHECK(revision.has_value(), "an execution's revision is gone");
  auto program = asl::compile(text(*revision, "definition"), text(*revision, "type") == "EXPRESS"
                                                                 ? asl::MachineType::Express
                                                                 : asl::MachineType::Standard);
  KIBAN_CHECK(program.has_value(), "a stored definition does not compile");
  if (programs_.size() >= programs_kept) programs_.clear();
  return programs_.emplace(key, *std::move(program)).first->second;
}

bool Executions::load(Context& context, std::string_view execution_arn, Run& run) {
  const auto row = get_json(context, execution_key(context, execution_arn));
  const auto saved = context.get(row_key(context, "live", execution_path(execution_arn)));
  if (!row || !saved) return false;
  auto execution = asl::Execution::restore(program_of(context, *row), *saved);
  KIBAN_CHECK(execution.has_value(), "a saved execution cannot be restored");
  run.arn = execution_arn;
  run.row = *row;
  run.saved = *saved;
  run.execution.emplace(*std::move(execution));
  run.machine = machine_of(context, *row);
  return true;
}

Result<json::object> Executions::start(Context& context, const json::object& input) {
  std::string machine_arn = text(input, "stateMachineArn");
  std::string test_case;
  if (const std::size_t hash = machine_arn.find('#'); hash != std::string::npos) {
    test_case = machine_arn.substr(hash + 1);
    machine_arn.resize(hash);
  }
  KIBAN_TRY(Target target, resolve(context, machine_arn));
  KIBAN_TRY_VOID(context.authorise("states:StartExecution", machine_arn));
  const json::object& machine = target.machine;
  machine_arn = text(machine, "stateMachineArn");
  const auto revision = load_revision(context, text(machine, "name"), target.revision);
  KIBAN_CHECK(revision.has_value(), "a machine without its revision");
  const std::string name = text(input, "name", context.random().uuid());
  KIBAN_TRY_VOID(check_name(name));
  const std::string data = text(input, "input", "{}");
  if (data.empty())
    return fail("InvalidExecutionInput",
                "Invalid State Machine Execution Input: 'Invalid execution input.'");
  auto payload = Payload::parse(data);
  if (!payload)
    return fail("InvalidExecutionInput",
                fmt::format("Invalid State Machine Execution Input: '{}'", payload.error().cause));
  const std::string machine_name = text(machine, "name");
  const bool express = text(machine, "type") == "EXPRESS";
  // Each start of an Express machine is an execution of its own, whatever its name.
  const std::string arn = make_arn(
      context, "states",
      express ? fmt::format("express:{}:{}:{}", machine_name, name, context.random().uuid())
              : fmt::format("execution:{}:{}", machine_name, name));
  if (const auto old = get_json(context, execution_key(context, arn))) {
    if (text(*old, "status") == "RUNNING" && same_input(text(*old, "input"), data))
      return json::object{{"executionArn", arn}, {"startDate", old->at("startDate")}};
    return fail("ExecutionAlreadyExists", fmt::format("Execution Already Exists: '{}'", arn));
  }
  Run run{.arn = arn, .machine = machine};
  run.row = {{"executionArn", arn},
             {"stateMachineArn", machine_arn},
             {"name", name},
             {"status", "RUNNING"},
             {"startDate", epoch_seconds(context.now())},
             {"input", data},
             {"revision", machine_name + "/" + target.revision},
             {"testCase", test_case}};
  if (!target.version_arn.empty()) run.row["stateMachineVersionArn"] = target.version_arn;
  if (!target.alias_arn.empty()) run.row["stateMachineAliasArn"] = target.alias_arn;
  run.execution.emplace(program_of(context, run.row),
                        asl::ExecutionParameters{.arn = arn,
                                                 .name = name,
                                                 .role_arn = text(*revision, "roleArn"),
                                                 .start_time = context.now(),
                                                 .machine_arn = machine_arn,
                                                 .machine_name = machine_name,
                                                 .input = *std::move(payload),
                                                 .type = express ? asl::MachineType::Express
                                                                 : asl::MachineType::Standard});
  put_json(context, execution_key(context, arn), run.row);
  count_started(context, machine_arn);
  // Express executions tell EventBridge nothing.
  // https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
  if (!express) publish_status(context, run.row);
  Inputs inputs{asl::Start{}};
  const json::value started = run.row.at("startDate");
  drive(context, run, inputs);
  return json::object{{"executionArn", arn}, {"startDate", started}};
}

void Executions::feed(Context& context, std::string_view execution_arn, asl::Input input) {
  Run run;
  if (!load(context, execution_arn, run)) return;  // It ended meanwhile.
  Inputs inputs{std::move(input)};
  drive(context, run, inputs);
}

// Each decision is written before its effects are performed, since these may come back to the same
// execution (a task that answers its own token): then what they left is loaded again.
void Executions::drive(Context& context, Run& run, Inputs& inputs) {
  const std::string live_key = row_key(context, "live", execution_path(run.arn));
  while (!inputs.empty()) {
    const asl::Input input = std::move(inputs.front());
    inputs.pop_front();
    const asl::Decision decision = run.execution->take(input, context.now(), context.random());
    if (!decision.events.empty()) {
      json::array chunk;
      for (const asl::HistoryEvent& event : decision.events)
        chunk.push_back(asl::to_json(event, asl::IncludeExecutionData::Yes));
      context.put(
          row_key(context, "history",
                  fmt::format("{}/{:07}", execution_path(run.arn), decision.events.front().id)),
          print_json(chunk));
      log_events(context, run.machine, run.arn, decision.events);
    }
    run.saved = run.execution->save();
    context.put(live_key, run.saved);
    for (const asl::Effect& effect : decision.effects) perform(context, run, inputs, effect);
    const auto now = context.get(live_key);
    if (!now) return;  // Finished.
    if (*now != run.saved && !load(context, std::string(run.arn), run)) return;
  }
}

void Executions::perform(Context& context, Run& run, Inputs& inputs, const asl::Effect& effect) {
  if (const auto* task = std::get_if<asl::StartTask>(&effect)) {
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
    // A .sync task's work is stopped with it.
    // https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync
    const std::string key =
        row_key(context, "stop", fmt::format("{}/{}", execution_path(run.arn), stopped->task));
    const auto row = get_json(context, key);
    if (!row) return;
    const auto role = context.assume_role(text(*row, "Role"), "states.amazonaws.com",
                                          text(run.row, "name").substr(0, 64));
    if (role)
      (void)context.call(text(*row, "Service"), text(*row, "Operation"),
                         row->at("Input").as_object(), *role);
    context.erase(key);
  } else if (const auto* items = std::get_if<asl::ReadItems>(&effect)) {
    inputs.push_back(asl::ItemsReadFailed{.map = items->map,
                                          .error = "Kiban.NotServed",
                                          .cause = "kiban does not run a distributed Map yet"});
  } else if (const auto* child = std::get_if<asl::StartChild>(&effect)) {
    inputs.push_back(asl::ChildFinished{.map = child->map,
                                        .index = child->index,
                                        .status = asl::Status::Failed,
                                        .error = "Kiban.NotServed",
                                        .cause = "kiban does not run a distributed Map yet"});
  } else if (const auto* results = std::get_if<asl::WriteResults>(&effect)) {
    inputs.push_back(asl::ResultsWriteFailed{.map = results->map,
                                             .error = "Kiban.NotServed",
                                             .cause = "kiban does not run a distributed Map yet"});
  }
}

bool Executions::mock_task(Context&, Run& run, Inputs& inputs, const asl::StartTask& task) {
  const std::string test_case = text(run.row, "testCase");
  if (test_case.empty() || !options_.mock_config) return false;
  const auto mock = find_mock(*options_.mock_config, run.execution->parameters().machine_name,
                              test_case, task.state, task.retry_count);
  if (mock && !*mock) return false;
  inputs.push_back(asl::TaskStarted{task.task});
  if (!mock) {
    inputs.push_back(asl::TaskFailed{
        .task = task.task, .error = mock.error().name, .cause = mock.error().cause});
    return true;
  }
  if (const json::object* thrown = find_object(**mock, "Throw")) {
    inputs.push_back(asl::TaskFailed{
        .task = task.task, .error = text(*thrown, "Error"), .cause = text(*thrown, "Cause")});
    return true;
  }
  const json::value* result = find(**mock, "Return");
  if (task.resource.pattern != asl::TaskPattern::RequestResponse)
    inputs.push_back(asl::TaskSubmitted{
        .task = task.task, .output = Payload::from_tree(result ? *result : json::value{})});
  inputs.push_back(asl::TaskSucceeded{
      .task = task.task, .output = Payload::from_tree(result ? *result : json::value{})});
  return true;
}

void Executions::start_task(Context& context, Run& run, Inputs& inputs,
                            const asl::StartTask& task) {
  if (mock_task(context, run, inputs, task)) return;
  const json::object waiting{{"Execution", run.arn}, {"Task", task.task}};
  if (task.resource.kind == asl::TaskKind::Activity) {
    put_json(context, row_key(context, "token", task.token), waiting);
    const auto queued = context.call("states", "kiban:QueueActivityTask",
                                     {{"Execution", run.arn},
                                      {"Task", task.task},
                                      {"Activity", task.resource.arn},
                                      {"Token", task.token},
                                      {"Input", task.parameters.text()}},
                                     context.caller());
    if (!queued)
      inputs.push_back(asl::TaskStartFailed{
          .task = task.task, .error = queued.error().name, .cause = queued.error().cause});
    return;
  }
  inputs.push_back(asl::TaskStarted{task.task});
  const std::string role_arn =
      task.credentials_role.empty() ? run.execution->parameters().role_arn : task.credentials_role;
  const auto role =
      context.assume_role(role_arn, "states.amazonaws.com", text(run.row, "name").substr(0, 64));
  if (!role) {
    inputs.push_back(asl::TaskFailed{
        .task = task.task, .error = "States.TaskFailed", .cause = role.error().cause});
    return;
  }
  const bool waits_for_token = task.resource.pattern == asl::TaskPattern::WaitForTaskToken;
  if (waits_for_token) put_json(context, row_key(context, "token", task.token), waiting);
  auto result = call_integration(context, task, *role);
  const bool waits = task.resource.pattern != asl::TaskPattern::RequestResponse;
  if (const auto* refused = std::get_if<Refused>(&result)) {
    if (waits)
      inputs.push_back(asl::TaskSubmitFailed{
          .task = task.task, .error = refused->error, .cause = refused->cause});
    else
      inputs.push_back(
          asl::TaskFailed{.task = task.task, .error = refused->error, .cause = refused->cause});
    return;
  }
  auto& called = std::get<Called>(result);
  Payload output = Payload::from_tree(std::move(called.output));
  if (!waits) {
    inputs.push_back(asl::TaskSucceeded{.task = task.task, .output = std::move(output)});
    return;
  }
  inputs.push_back(asl::TaskSubmitted{.task = task.task, .output = std::move(output)});
  if (called.waits_for.empty()) return;
  put_json(context, row_key(context, "waiting", called.waits_for), [&] {
    json::object row = waiting;
    row["Sync2"] = task.resource.pattern == asl::TaskPattern::Sync2;
    return row;
  }());
  const bool is_task = called.waits_for.find(":task/") != std::string::npos;
  json::object stop{{"Role", role_arn},
                    {"Service", is_task ? "ecs" : "states"},
                    {"Operation", is_task ? "StopTask" : "StopExecution"}};
  if (is_task) {
    // arn:…:task/CLUSTER/ID
    const std::string path = called.waits_for.substr(called.waits_for.find(":task/") + 6);
    stop["Input"] = {{"cluster", path.substr(0, path.find('/'))},
                     {"task", called.waits_for},
                     {"reason", "Step Functions stopped waiting for this task"}};
  } else {
    stop["Input"] = {{"executionArn", called.waits_for}};
  }
  put_json(context,
           row_key(context, "stop", fmt::format("{}/{}", execution_path(run.arn), task.task)),
           stop);
}

void Executions::finish(Context& context, Run& run, const asl::Finished& finished) {
  run.row["status"] = asl::to_string(finished.status);
  run.row["stopDate"] = epoch_seconds(context.now());
  if (finished.output) run.row["output"] = finished.output->text();
  if (finished.error) run.row["error"] = *finished.error;
  if (finished.cause) run.row["cause"] = *finished.cause;
  put_json(context, execution_key(context, run.arn), run.row);
  context.erase(row_key(context, "live", execution_path(run.arn)));
  const std::string stops = row_key(context, "stop", execution_path(run.arn) + "/");
  for (const store::Row& row : context.scan(stops)) context.erase(row.key);
  // An Express execution leaves its logs and nothing else.
  const bool express = run.execution->parameters().type == asl::MachineType::Express;
  if (express) {
    const std::string prefix = row_key(context, "history", execution_path(run.arn) + "/");
    for (const store::Row& row : context.scan(prefix)) context.erase(row.key);
    context.erase(execution_key(context, run.arn));
  }
  const auto started = from_epoch_seconds(run.row.at("startDate").to_number<double>());
  count_finished(context, text(run.row, "stateMachineArn"), finished.status,
                 context.now() - started);
  if (!express) publish_status(context, run.row);
}

void Executions::on_timer(Context& context, const json::object& payload) {
  const std::string execution = text(payload, "Execution");
  if (flag(payload, "Proceed"))
    feed(context, execution, asl::Continue{});
  else
    feed(context, execution, asl::TimerFired{number(payload, "Timer", 0)});
}

void Executions::on_ended(Context& context, const Event& event) {
  if (event.resources.empty()) return;
  const bool is_task = event.source == "aws.ecs";
  const std::string status = text(event.detail, is_task ? "lastStatus" : "status");
  if (is_task ? status != "STOPPED" : status == "RUNNING") return;
  const std::string key = row_key(context, "waiting", event.resources[0]);
  const auto waiting = get_json(context, key);
  if (!waiting) return;
  context.erase(key);
  const std::int64_t task = number(*waiting, "Task", 0);
  json::object ended = event.detail;
  if (!is_task) {
    for (const auto* gone : {"inputDetails", "outputDetails"}) ended.erase(gone);
    const auto described = describe(context, {{"executionArn", event.resources[0]}});
    if (described) ended = *described;
    // .sync:2 gives input and output as JSON, .sync as text.
    // https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
    for (const auto* member : {"input", "output"}) {
      if (!flag(*waiting, "Sync2") || !ended.contains(member)) continue;
      auto tree = parse_json(text(ended, member));
      if (tree) ended[member] = *std::move(tree);
    }
  }
  ended.erase("updatedAt");
  // Input and Output of a child are the user's documents: their own keys stay as they are.
  json::object shown;
  for (const auto& [name, value] : ended) {
    std::string key_name(name);
    key_name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(key_name[0])));
    const bool users = !is_task && (name == "input" || name == "output");
    shown[key_name] = users ? value : upper_camel(value);
  }
  // A stopped ECS task failed unless every essential container exited with 0. Recorded by AWS: the
  // error is States.TaskFailed, its cause the task.
  bool good =
      !is_task ? status == "SUCCEEDED" : text(ended, "stopCode") == "EssentialContainerExited";
  if (const json::array* containers = is_task ? find_array(ended, "containers") : nullptr) {
    good = good && std::ranges::all_of(*containers, [](const json::value& container) {
             return number(container.as_object(), "exitCode", 1) == 0;
           });
  }
  const Payload output = Payload::from_tree(std::move(shown));
  if (good)
    feed(context, text(*waiting, "Execution"), asl::TaskSucceeded{.task = task, .output = output});
  else
    feed(context, text(*waiting, "Execution"),
         asl::TaskFailed{.task = task, .error = "States.TaskFailed", .cause = output.text()});
}

void Executions::on_activity_started(Context& context, const json::object& pending,
                                     std::optional<std::string> worker) {
  feed(context, text(pending, "Execution"),
       asl::ActivityStarted{.task = number(pending, "Task", 0), .worker = std::move(worker)});
}

// --- What the API asks ------------------------------------------------------------------------

Result<json::object> Executions::describe(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_execution(context, text(input, "executionArn")));
  const std::string status = text(row, "status");
  for (const auto* ours : {"revision", "testCase"}) row.erase(ours);
  row["inputDetails"] = {{"included", true}};
  if (row.contains("output")) row["outputDetails"] = {{"included", true}};
  row["redriveCount"] = 0;
  row["redriveStatus"] = "NOT_REDRIVABLE";
  row["redriveStatusReason"] = status == "SUCCEEDED" || status == "RUNNING"
                                   ? redrive_reason(status)
                                   : std::string("kiban does not redrive executions yet");
  return row;
}

Result<json::object> Executions::describe_machine_of(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_execution(context, text(input, "executionArn")));
  const auto revision = get_json(context, row_key(context, "revision", text(row, "revision")));
  KIBAN_CHECK(revision.has_value(), "an execution's revision is gone");
  const json::object machine = machine_of(context, row);
  json::object reply{{"stateMachineArn", row.at("stateMachineArn")},
                     {"name", machine.at("name")},
                     {"definition", revision->at("definition")},
                     {"roleArn", revision->at("roleArn")},
                     {"updateDate", revision->at("updateDate")},
                     {"loggingConfiguration", machine.at("loggingConfiguration")},
                     {"tracingConfiguration", machine.at("tracingConfiguration")},
                     {"encryptionConfiguration", {{"type", "AWS_OWNED_KEY"}}}};
  if (revision->at("id") != machine.at("firstRevision")) reply["revisionId"] = revision->at("id");
  if (json::object read = variable_references(text(*revision, "definition")); !read.empty())
    reply["variableReferences"] = std::move(read);
  return reply;
}

Result<json::object> Executions::list(Context& context, const json::object& input) {
  if (input.contains("mapRunArn"))
    return fail("ValidationException", "kiban does not run a distributed Map yet");
  if (!input.contains("stateMachineArn"))
    return fail("ValidationException",
                "Must specify only one of the following: 'stateMachineArn', 'mapRunArn'");
  KIBAN_TRY(const json::object machine, load_machine(context, text(input, "stateMachineArn")));
  if (text(machine, "type") == "EXPRESS")
    return fail("StateMachineTypeNotSupported",
                "This operation is not supported by this type of state machine");
  std::vector<json::object> found =
      list_json(context, row_key(context, "execution", text(machine, "name") + "/"));
  std::ranges::sort(found, std::ranges::greater{}, [](const json::object& row) {
    return std::pair(row.at("startDate").to_number<double>(), text(row, "name"));
  });
  const std::string status = text(input, "statusFilter");
  json::array all;
  for (const json::object& row : found) {
    if (!status.empty() && text(row, "status") != status) continue;
    json::object item;
    for (const auto* member :
         {"executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate"}) {
      if (const json::value* value = find(row, member)) item[member] = *value;
    }
    all.push_back(std::move(item));
  }
  return page_of(input, "executions", all, 100);
}

Result<json::object> Executions::history(Context& context, const json::object& input) {
  const std::string arn = text(input, "executionArn");
  KIBAN_TRY_VOID(load_execution(context, arn));
  const auto include = flag(input, "includeExecutionData", true) ? asl::IncludeExecutionData::Yes
                                                                 : asl::IncludeExecutionData::No;
  json::array all;
  for (const store::Row& row :
       context.scan(row_key(context, "history", execution_path(arn) + "/"))) {
    KIBAN_TRY(json::value chunk, parse_json(row.value));
    for (json::value& stored : chunk.as_array()) {
      if (include == asl::IncludeExecutionData::Yes) {
        all.push_back(std::move(stored));
        continue;
      }
      KIBAN_TRY(const asl::HistoryEvent event, asl::event_from_json(stored.as_object()));
      all.push_back(asl::to_json(event, include));
    }
  }
  if (flag(input, "reverseOrder")) std::ranges::reverse(all);
  return page_of(input, "events", all, 100);
}

Result<json::object> Executions::stop(Context& context, const json::object& input) {
  const std::string arn = text(input, "executionArn");
  KIBAN_TRY(const json::object row, load_execution(context, arn));
  const auto given = [&](const char* member) -> std::optional<std::string> {
    if (!input.contains(member)) return std::nullopt;
    return text(input, member);
  };
  feed(context, arn, asl::Stop{.error = given("error"), .cause = given("cause")});
  return json::object{{"stopDate", epoch_seconds(context.now())}};
}

namespace {

struct TokenOwner {
  std::string execution{};
  std::int64_t task{0};
};

// Error InvalidToken "Invalid Token: 'Invalid token'", recorded by AWS; TaskTimedOut when the task
// does not wait any more.
Result<TokenOwner> owner_of(const Context& context, const json::object& input) {
  const auto row = get_json(context, row_key(context, "token", text(input, "taskToken")));
  if (!row) return fail("InvalidToken", "Invalid Token: 'Invalid token'");
  const std::string execution = text(*row, "Execution");
  if (!context.get(row_key(context, "live", execution_path(execution))))
    return fail("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");
  return TokenOwner{execution, number(*row, "Task", 0)};
}

}  // namespace

Result<json::object> Executions::task_success(Context& context, const json::object& input) {
  KIBAN_TRY(const TokenOwner owner, owner_of(context, input));
  auto output = Payload::parse(text(input, "output"));
  if (!output)
    return fail("InvalidOutput", fmt::format("Invalid Output: '{}'", output.error().cause));
  context.erase(row_key(context, "token", text(input, "taskToken")));
  feed(context, owner.execution,
       asl::TaskSucceeded{.task = owner.task, .output = *std::move(output)});
  return json::object{};
}

Result<json::object> Executions::task_failure(Context& context, const json::object& input) {
  KIBAN_TRY(const TokenOwner owner, owner_of(context, input));
  context.erase(row_key(context, "token", text(input, "taskToken")));
  asl::TaskFailed failed{.task = owner.task};
  if (input.contains("error")) failed.error = text(input, "error");
  if (input.contains("cause")) failed.cause = text(input, "cause");
  feed(context, owner.execution, std::move(failed));
  return json::object{};
}

Result<json::object> Executions::task_heartbeat(Context& context, const json::object& input) {
  KIBAN_TRY(const TokenOwner owner, owner_of(context, input));
  feed(context, owner.execution, asl::Heartbeat{owner.task});
  return json::object{};
}

}  // namespace kiban::services::states
