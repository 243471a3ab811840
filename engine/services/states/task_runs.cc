// What Task states call, and what ends their waiting.
#include <fmt/format.h>

#include <algorithm>

#include "asl/mocks.h"
#include "core/letters.h"
#include "services/base/table_service.h"
#include "services/states/executions.h"
#include "services/states/integrations.h"
#include "services/states/machine_role.h"
#include "services/states/names.h"

namespace kiban::services::states {
namespace {

std::string stop_key(const Context& context, std::string_view execution_arn, std::int64_t task) {
  return row_key(context, "stop", fmt::format("{}/{}", execution_path(execution_arn), task));
}

constexpr std::chrono::milliseconds poll_interval{250};
// Tasks that one command starts; the next goes on by a timer. Tasks may end at once, and a loop of
// them must not hold up the kernel.
constexpr std::size_t tasks_per_command_max = 100;

std::string call_key(const Context& context, std::string_view execution_arn, std::int64_t task) {
  return row_key(context, "call", fmt::format("{}/{}", execution_path(execution_arn), task));
}

// Starts it, or calls again if it polls until some time, in a later command.
void call_later(Context& context, std::string_view execution_arn, const asl::StartTask& task,
                Timestamp at, std::optional<Timestamp> until = std::nullopt) {
  const std::string key = call_key(context, execution_arn, task.task);
  json::object row{{"State", task.state},
                   {"Kind", static_cast<int>(task.resource.kind)},
                   {"Arn", task.resource.arn},
                   {"Service", task.resource.service},
                   {"Action", task.resource.action},
                   {"Pattern", static_cast<int>(task.resource.pattern)},
                   {"Parameters", task.parameters.text()},
                   {"Token", task.token},
                   {"Role", task.credentials_role},
                   {"Region", task.region},
                   {"RetryCount", task.retry_count}};
  if (until) row["Until"] = epoch_seconds(*until);
  put_json(context, key, row);
  json::object payload = timer_payload(context, execution_arn);
  payload["Call"] = task.task;
  context.set_timer("states", key, at, std::move(payload));
}

asl::StartTask read_task(std::int64_t id, const json::object& row) {
  return {
      .task = id,
      .state = text(row, "State"),
      .resource = {.kind = enumerator_of(row, "Kind", asl::TaskKind::Integration),
                   .arn = text(row, "Arn"),
                   .service = text(row, "Service"),
                   .action = text(row, "Action"),
                   .pattern = enumerator_of(row, "Pattern", asl::TaskPattern::WaitForTaskToken)},
      .parameters = Payload::from_text(text(row, "Parameters")),
      .token = text(row, "Token"),
      .credentials_role = text(row, "Role"),
      .region = text(row, "Region"),
      .retry_count = number(row, "RetryCount", 0)};
}

// How the work that a .sync task waits for is stopped along with it.
// https://docs.aws.amazon.com/step-functions/latest/dg/connect-to-resource.html#connect-sync
json::object stop_call(const std::string& credentials_role, const std::string& resource) {
  const std::size_t task = resource.find(":task/");
  if (task == std::string::npos)
    return {{"Role", credentials_role},
            {"Service", "states"},
            {"Operation", "StopExecution"},
            {"Input", {{"executionArn", resource}}}};
  // arn:…:task/CLUSTER/ID
  const std::string path = resource.substr(task + 6);
  return {{"Role", credentials_role},
          {"Service", "ecs"},
          {"Operation", "StopTask"},
          {"Input",
           {{"cluster", path.substr(0, path.find('/'))},
            {"task", resource},
            {"reason", "Step Functions stopped waiting for this task"}}}};
}

// The token is good as long as the task waits: what stops the task ends it.
void hand_out_token(Context& context, const std::string& execution_arn,
                    const asl::StartTask& task) {
  json::object row{{"Execution", execution_arn}, {"Task", task.task}};
  if (task.resource.kind == asl::TaskKind::Activity) row["Activity"] = task.resource.arn;
  put_json(context, row_key(context, "token", task.token), row);
  put_json(context, stop_key(context, execution_arn, task.task), {{"Token", task.token}});
}

// The task does not wait any more: the row stays, so that the token is known as one that was
// closed.
void close_token(Context& context, std::string_view token) {
  const std::string key = row_key(context, "token", token);
  auto owner = get_json(context, key);
  if (!owner) return;
  (*owner)["Over"] = true;
  put_json(context, key, *owner);
}

// A stopped ECS task failed unless every essential container exited with 0. Recorded by AWS: the
// error is States.TaskFailed, its cause the task.
bool task_ended_well(const json::object& task) {
  if (text(task, "stopCode") != "EssentialContainerExited") return false;
  const json::array* containers = find_array(task, "containers");
  return !containers || std::ranges::all_of(*containers, [](const json::value& container) {
    return number(container.as_object(), "exitCode", 1) == 0;
  });
}

// What a .sync task returns: the job's own description in upper camel case, of an execution with
// its redrive status since 2023-11 (recorded by AWS: test_sfn_start_execution_sync). Input and
// output of a child execution are the user's documents, whose keys stay as they are.
json::object shown_job(const json::object& job, bool is_execution) {
  json::object shown;
  for (const auto& [name, value] : job) {
    if (name == "updatedAt") continue;
    std::string key(name);
    key[0] = upper_case(key[0]);
    const bool users = is_execution && (name == "input" || name == "output");
    if (is_execution && name.ends_with("Date") && value.is_number())
      shown[key] = static_cast<std::int64_t>(value.to_number<double>() * 1000);
    else
      shown[key] = users ? value : upper_camel(value);
  }
  return shown;
}

}  // namespace

// --- Starting a task -----------------------------------------------------------------------------

bool Executions::mock_task(Run& run, Inputs& inputs, const asl::StartTask& task) {
  const std::string test_case = text(run.row, "testCase");
  if (test_case.empty() || !options_.mock_config) return false;
  // A map run's children are mocked along with their machine.
  const std::string revision = text(run.row, "revision");
  const auto mock = asl::find_mock(*options_.mock_config, revision.substr(0, revision.find('/')),
                                   test_case, task.state, task.retry_count);
  if (mock && !*mock) return false;
  if (!mock) {
    inputs.push_back(asl::TaskStarted{task.task});
    inputs.push_back(asl::TaskFailed{
        .task = task.task, .error = mock.error().name, .cause = mock.error().cause});
    return true;
  }
  for (asl::Input& input : asl::mocked_answer(task, **mock)) inputs.push_back(std::move(input));
  return true;
}

void Executions::queue_activity(Context& context, Run& run, Inputs& inputs,
                                const asl::StartTask& task) {
  hand_out_token(context, run.arn, task);
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
}

void Executions::start_task(Context& context, Run& run, Inputs& inputs,
                            const asl::StartTask& task) {
  if (++tasks_started_ > tasks_per_command_max)
    return call_later(context, run.arn, task, context.now());
  if (mock_task(run, inputs, task)) return;
  if (task.resource.kind == asl::TaskKind::Activity)
    return queue_activity(context, run, inputs, task);
  inputs.push_back(asl::TaskStarted{task.task});
  call(context, run, inputs, task, std::nullopt);
}

// `poll_until`: when a long poll that found nothing before gives up.
void Executions::call(Context& context, Run& run, Inputs& inputs, const asl::StartTask& task,
                      std::optional<Timestamp> poll_until) {
  const asl::ExecutionParameters& of = run.execution->parameters();
  const Origin origin{.machine_arn = of.machine_arn, .execution_arn = of.arn};
  const auto role = assume_task_role(context, of.role_arn, task.credentials_role, origin);
  if (!role) {
    inputs.push_back(asl::TaskFailed{
        .task = task.task, .error = "States.TaskFailed", .cause = role.error().cause});
    return;
  }
  const bool submits = task.resource.pattern != asl::TaskPattern::RequestResponse;
  const json::object waiting{{"Execution", run.arn}, {"Task", task.task}};
  // A .sync task may be answered by its token too. Recorded by AWS: test_sync_with_task_token.
  if (submits) hand_out_token(context, run.arn, task);
  // The call may answer its own token before it returns: the submission still comes first.
  const auto place = static_cast<std::ptrdiff_t>(inputs.size());
  auto result = call_integration(context, task, origin, *role);
  if (const auto* refused = std::get_if<Refused>(&result)) {
    if (submits)
      inputs.push_back(asl::TaskSubmitFailed{
          .task = task.task, .error = refused->error, .cause = refused->cause});
    else
      inputs.push_back(
          asl::TaskFailed{.task = task.task, .error = refused->error, .cause = refused->cause});
    return;
  }
  auto& called = std::get<Called>(result);
  if (called.poll) {
    const Timestamp until = poll_until.value_or(context.now() + *called.poll);
    if (until > context.now())
      return call_later(context, run.arn, task, context.now() + poll_interval, until);
  }
  if (!called.waits_for.empty()) {
    json::object row = waiting;
    for (const auto& member : called.waiting) row[member.key()] = member.value();
    row["Sync2"] = task.resource.pattern == asl::TaskPattern::Sync2;
    put_json(context, row_key(context, "waiting", called.waits_for), row);
    if (!called.waiting.empty()) return;  // A function: its end is the submission or the result.
    if (submits) {
      json::object stop = stop_call(task.credentials_role, called.waits_for);
      stop["Token"] = task.token;
      put_json(context, stop_key(context, run.arn, task.task), stop);
    }
  }
  Payload output = Payload::from_tree(std::move(called.output));
  if (submits)
    inputs.insert(inputs.begin() + place,
                  asl::TaskSubmitted{.task = task.task, .output = std::move(output)});
  else if (called.waits_for.empty())
    inputs.push_back(asl::TaskSucceeded{.task = task.task, .output = std::move(output)});
}

// A task whose start was put off, or that polls.
void Executions::call_again(Context& context, const json::object& payload) {
  const std::string arn = text(payload, "Execution");
  const std::int64_t id = number(payload, "Call", 0);
  const std::string key = call_key(context, arn, id);
  const auto row = get_json(context, key);
  if (!row) return;  // It was stopped.
  context.erase(key);
  Run run;
  if (!load(context, arn, run)) return;
  const asl::StartTask task = read_task(id, *row);
  Inputs inputs;
  {
    const Driving driving(*this, run.arn, inputs);
    tasks_started_ = 0;
    if (const json::value* until = find(*row, "Until"))
      call(context, run, inputs, task, from_epoch_seconds(until->to_number<double>()));
    else
      start_task(context, run, inputs, task);
  }
  drive(context, run, std::move(inputs));
}

void Executions::stop_task(Context& context, Run& run, const asl::StopTask& task) {
  context.erase(call_key(context, run.arn, task.task));
  const std::string key = stop_key(context, run.arn, task.task);
  const auto row = get_json(context, key);
  if (!row) return;
  context.erase(key);
  if (!row->contains("Service")) return close_token(context, text(*row, "Token"));
  context.erase(
      row_key(context, "token", text(*row, "Token")));  // Of .sync: the job was waited for.
  // Rows of earlier versions name the machine's own role too.
  const asl::ExecutionParameters& of = run.execution->parameters();
  const auto role = assume_task_role(context, of.role_arn, text(*row, "Role"),
                                     {.machine_arn = of.machine_arn, .execution_arn = of.arn});
  if (role)
    (void)context.call(text(*row, "Service"), text(*row, "Operation"), row->at("Input").as_object(),
                       *role);
}

// --- What it waited for --------------------------------------------------------------------------

void Executions::on_ended(Context& context, const json::object& event) {
  if (text(event, "Source") == "aws.lambda") return on_function_ended(context, event);
  const std::string resource = text(event, "Resource");
  const json::object& detail = event.at("Detail").as_object();
  const bool is_task = text(event, "Source") == "aws.ecs";
  const std::string status = text(detail, is_task ? "lastStatus" : "status");
  if (is_task ? status != "STOPPED" : status == "RUNNING") return;
  const std::string key = row_key(context, "waiting", resource);
  const auto waiting = get_json(context, key);
  if (!waiting) return;
  context.erase(key);
  const std::string execution = text(*waiting, "Execution");
  const std::int64_t task = number(*waiting, "Task", 0);
  const std::string stop = stop_key(context, execution, task);
  if (const auto stopped = get_json(context, stop))
    context.erase(row_key(context, "token", text(*stopped, "Token")));
  context.erase(stop);
  const bool express = resource.find(":express:") != std::string::npos;
  json::object job = detail;
  if (!is_task) {
    auto described = express ? sync_result(context, resource)
                             : describe_execution(context, {{"executionArn", resource}});
    if (described) job = *std::move(described);
    // .sync:2 gives input and output as JSON, .sync as text.
    // https://docs.aws.amazon.com/step-functions/latest/dg/connect-stepfunctions.html
    for (const auto* member : {"input", "output"}) {
      if (!flag(*waiting, "Sync2") || !job.contains(member)) continue;
      auto tree = parse_json(text(job, member));
      if (tree) job[member] = *std::move(tree);
    }
  }
  // A synchronous start tells a failure in its reply, it is not one itself.
  const bool good = is_task ? task_ended_well(job) : express || status == "SUCCEEDED";
  const Payload output = Payload::from_tree(shown_job(job, !is_task));
  if (good)
    feed(context, execution, asl::TaskSucceeded{.task = task, .output = output});
  else
    feed(context, execution,
         asl::TaskFailed{.task = task, .error = "States.TaskFailed", .cause = output.text()});
}

void Executions::on_activity_started(Context& context, const json::object& pending,
                                     std::optional<std::string> worker) {
  feed(context, text(pending, "Execution"),
       asl::ActivityStarted{.task = number(pending, "Task", 0), .worker = std::move(worker)});
}

// --- Task tokens ---------------------------------------------------------------------------------

struct Executions::TokenOwner {
  std::string execution{};
  std::int64_t task{0};
};

// Error InvalidToken "Invalid Token: 'Invalid token'", recorded by AWS; TaskTimedOut when the task
// was answered before or does not wait any more: "has already been closed".
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskSuccess.html
// The right to `action` is asked of the activity, or of the state machine that handed out the
// token:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html
Result<Executions::TokenOwner> Executions::owner_of(Context& context, const json::object& input,
                                                    std::string_view action) const {
  const auto row = get_json(context, row_key(context, "token", text(input, "taskToken")));
  if (!row) return fail("InvalidToken", "Invalid Token: 'Invalid token'");
  const std::string execution = text(*row, "Execution");
  const std::string path = execution_path(execution);
  const std::string machine = make_arn(
      context, "states", fmt::format("stateMachine:{}", path.substr(0, path.find_first_of("/~"))));
  KIBAN_TRY_VOID(context.authorise(action, text(*row, "Activity", machine)));
  if (flag(*row, "Over") || !running(context, execution))
    return fail("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'");
  return TokenOwner{execution, number(*row, "Task", 0)};
}

Result<json::object> Executions::task_success(Context& context, const json::object& input) {
  KIBAN_TRY(const TokenOwner owner, owner_of(context, input, "states:SendTaskSuccess"));
  auto output = Payload::parse(text(input, "output"));
  if (!output)
    return fail("InvalidOutput", fmt::format("Invalid Output: '{}'", output.error().cause));
  close_token(context, text(input, "taskToken"));
  context.erase(stop_key(context, owner.execution, owner.task));
  feed(context, owner.execution,
       asl::TaskSucceeded{.task = owner.task, .output = *std::move(output)});
  return json::object{};
}

Result<json::object> Executions::task_failure(Context& context, const json::object& input) {
  KIBAN_TRY(const TokenOwner owner, owner_of(context, input, "states:SendTaskFailure"));
  close_token(context, text(input, "taskToken"));
  context.erase(stop_key(context, owner.execution, owner.task));
  asl::TaskFailed failed{.task = owner.task};
  if (input.contains("error")) failed.error = text(input, "error");
  if (input.contains("cause")) failed.cause = text(input, "cause");
  feed(context, owner.execution, std::move(failed));
  return json::object{};
}

Result<json::object> Executions::task_heartbeat(Context& context, const json::object& input) {
  KIBAN_TRY(const TokenOwner owner, owner_of(context, input, "states:SendTaskHeartbeat"));
  feed(context, owner.execution, asl::Heartbeat{owner.task});
  return json::object{};
}

}  // namespace kiban::services::states
