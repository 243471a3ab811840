#include "services/states/test_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "asl/program.h"
#include "asl/validate.h"
#include "services/base/table_service.h"
#include "services/states/http_task.h"
#include "services/states/integrations.h"
#include "services/states/lambda_task.h"
#include "services/states/machine_role.h"
#include "services/states/mock_schema.h"
#include "services/states/names.h"
#include "services/states/parameters.h"

namespace kiban::services::states {
namespace {

// What AWS calls a state whose definition comes alone. Recorded by AWS.
constexpr std::string_view nameless = "StateName";

std::unexpected<Error> invalid(std::string_view why) {
  return fail("ValidationException", std::string(why));
}

struct Mock {
  std::optional<Payload> result{};
  std::optional<std::string> error{};
  std::optional<std::string> cause{};
  bool failure() const { return !result; }
};

struct Subject {  // The state under test and all that was given with it.
  std::shared_ptr<const asl::Program> program{};
  const asl::State* state{nullptr};
  Payload input{};
  std::string role_arn{};
  std::optional<Mock> mock{};
  std::optional<json::object> context{};
  json::object variables{};
  std::int64_t retry_count{0};
  std::optional<std::int64_t> failed_iterations{};
  std::optional<json::value> reader_data{};
  std::optional<json::object> answer{};  // What came of an HTTP Task's call.

  bool is(asl::StateType type) const { return state->type == type; }
  bool has_branches() const { return is(asl::StateType::Map) || is(asl::StateType::Parallel); }
};

void collect_targets(const json::value& state, std::set<std::string>& targets) {
  const json::object* object = state.if_object();
  if (!object) return;
  for (const auto* member : {"Next", "Default"}) {
    if (const json::string* name = find_string(*object, member)) targets.insert(to_string(*name));
  }
  for (const auto* member : {"Catch", "Choices"}) {
    const json::array* list = find_array(*object, member);
    if (!list) continue;
    for (const json::value& entry : *list) collect_targets(entry, targets);
  }
}

// A machine around a state that came alone: where it goes next need not exist.
json::value machine_around(const json::value& state) {
  std::set<std::string> targets;
  collect_targets(state, targets);
  json::object states{{nameless, state}};
  for (const std::string& name : targets) {
    if (!states.contains(name)) states[name] = {{"Type", "Succeed"}};
  }
  return json::object{{"StartAt", nameless}, {"States", std::move(states)}};
}

Result<json::value> document(const json::object& input, std::string_view member,
                             std::string_view refusal) {
  auto value = parse_json(text(input, member));
  if (!value) return invalid(refusal);
  return *std::move(value);
}

Result<void> find_state(const json::object& input, Subject& subject) {
  std::string definition = text(input, "definition");
  const std::string name = text(input, "stateName", nameless);
  if (!input.contains("stateName")) {
    const auto state = parse_json(definition);
    if (state && state->is_object()) {
      if (state->get_object().contains("States"))
        return invalid("StateName must be specified when the definition is a state machine");
      definition = print_json(machine_around(*state));
    }
  }
  const auto refused =
      asl::refusal(asl::validate(definition, asl::MachineType::Standard, answer_of));
  if (refused) return fail("InvalidDefinition", *refused);
  KIBAN_TRY(subject.program,
            asl::compile(definition, asl::MachineType::Standard, check_parameters));
  subject.state = subject.program->find(name);
  if (!subject.state) return invalid("State not found in definition");  // Recorded.
  return {};
}

// Members that a context object may have. Map is AWS's to fill in. Recorded by AWS.
Result<void> check_context(const json::object& context) {
  const std::map<std::string_view, std::set<std::string_view>> allowed{
      {"Execution", {"Id", "Input", "Name", "RoleArn", "StartTime", "RedriveCount", "RedriveTime"}},
      {"State", {"EnteredTime", "Name", "RetryCount"}},
      {"StateMachine", {"Id", "Name"}},
      {"Task", {"Token"}}};
  const auto refuse = [](std::string_view what) {
    return invalid(fmt::format("Invalid Context object provided: {}", what));
  };
  for (const auto& [name, value] : context) {
    if (name == "Map") return refuse("'Map' field is not supported when mocking a Context object");
    const auto members = allowed.find(std::string_view(name));
    if (members == allowed.end())
      return refuse(fmt::format("Field '{}' is not allowed", std::string_view(name)));
    if (!value.is_object())
      return refuse(fmt::format("Field '{}' must be an object", std::string_view(name)));
    for (const auto& [inner, member] : value.get_object()) {
      if (!members->second.contains(std::string_view(inner)))
        return refuse(fmt::format("Field '{}' is not allowed", std::string_view(inner)));
      // Recorded: test_state_context_object_validation_failures[INVALID_EXECUTION_ID_TYPE].
      const bool count = std::string_view(inner).ends_with("Count");
      if (std::string_view(inner) != "Input" && (count ? !member.is_number() : !member.is_string()))
        return refuse(fmt::format("{}.{} must be a {}", std::string_view(name),
                                  std::string_view(inner), count ? "number" : "string"));
    }
  }
  return {};
}

Result<json::value> mocked_result(const Subject& subject, const json::object& mock) {
  KIBAN_TRY(json::value result, document(mock, "result", "Mocked result must be valid JSON"));
  if (subject.is(asl::StateType::Map) && subject.state->map.writer) {
    if (!result.is_object()) return invalid("Mocked result must be a JSON object.");
  } else if (subject.has_branches()) {
    if (!result.is_array()) return invalid("Mocked result must be an array.");
    if (subject.is(asl::StateType::Parallel) &&
        result.get_array().size() != subject.state->regions.size())
      return invalid(
          "Mocked result must contain the same number of items as number of Parallel branches.");
  } else {
    const std::string mode = text(mock, "fieldValidationMode", "STRICT");
    KIBAN_TRY_VOID(check_mock(subject.state->resource, result,
                              mode == "NONE"      ? FieldValidation::None
                              : mode == "PRESENT" ? FieldValidation::Present
                                                  : FieldValidation::Strict));
  }
  return result;
}

Result<void> read_mock(const json::object& input, Subject& subject) {
  const json::object* mock = find_object(input, "mock");
  const json::object* result = mock && mock->contains("result") ? mock : nullptr;
  const json::object* error = mock ? find_object(*mock, "errorOutput") : nullptr;
  if (!result && !error) return {};
  if (result && error)
    return invalid(
        "A test mock should have only one of the following fields: [result, errorOutput].");
  if (flag(input, "revealSecrets"))
    return invalid("TestState does not support RevealSecrets when a mock is specified.");
  if (!subject.has_branches() && !subject.is(asl::StateType::Task))
    return invalid(fmt::format("State type '{}' is not supported when a mock is specified",
                               asl::to_string(subject.state->type)));
  Mock& out = subject.mock.emplace();
  if (error) {
    if (error->contains("error")) out.error = text(*error, "error");
    if (error->contains("cause")) out.cause = text(*error, "cause");
    return {};
  }
  KIBAN_TRY(json::value tree, mocked_result(subject, *mock));
  out.result = Payload::from_tree(std::move(tree));
  return {};
}

Result<void> read_configuration(const json::object& input, Subject& subject) {
  const json::object* given = find_object(input, "stateConfiguration");
  if (!given) return {};
  const auto needs_mock = [&](std::string_view member, std::string_view title) -> Result<void> {
    if (subject.mock || !given->contains(member)) return {};
    return invalid(
        fmt::format("TestState does not support {} when a mock is not specified.", title));
  };
  KIBAN_TRY_VOID(needs_mock("mapIterationFailureCount", "MapIterationFailureCount"));
  KIBAN_TRY_VOID(needs_mock("retrierRetryCount", "RetrierRetryCount"));
  KIBAN_TRY_VOID(needs_mock("errorCausedByState", "ErrorCausedByState"));
  KIBAN_TRY_VOID(needs_mock("mapItemReaderData", "MapItemReaderData"));
  subject.retry_count = number(*given, "retrierRetryCount", 0);
  if (given->contains("mapIterationFailureCount"))
    subject.failed_iterations = number(*given, "mapIterationFailureCount", 0);
  if (given->contains("mapItemReaderData")) {
    KIBAN_TRY(subject.reader_data,
              document(*given, "mapItemReaderData", "MapItemReaderData must be valid JSON"));
  }
  if (given->contains("errorCausedByState") &&
      !subject.program->find(text(*given, "errorCausedByState")))
    return invalid(fmt::format("State '{}' does not exist in the definition",
                               text(*given, "errorCausedByState")));
  return {};
}

Result<Subject> read_request(const json::object& input) {
  Subject subject;
  KIBAN_TRY_VOID(find_state(input, subject));
  subject.role_arn = text(input, "roleArn");
  KIBAN_TRY_VOID(read_mock(input, subject));
  KIBAN_TRY_VOID(read_configuration(input, subject));
  if (subject.has_branches() && !subject.mock)
    return fail("InvalidDefinition",
                "TestState API does not support Map or Parallel states. Supported state types "
                "include: [Task, Wait, Pass, Succeed, Fail, Choice]");
  if (subject.is(asl::StateType::Task) && !subject.mock) {
    if (subject.role_arn.empty())
      return invalid("RoleArn must be specified when testing a Task state");
    // https://docs.aws.amazon.com/step-functions/latest/dg/test-state-isolation.html
    const asl::TaskResource& resource = subject.state->resource;
    if (resource.kind == asl::TaskKind::Activity ||
        resource.pattern != asl::TaskPattern::RequestResponse)
      return invalid(
          fmt::format("TestState does not support the resource {} when a mock is not specified.",
                      resource.arn));
  }
  auto payload = Payload::parse(text(input, "input", "{}"));
  if (!payload)
    return fail("InvalidExecutionInput",
                fmt::format("Invalid State Machine Execution Input: '{}'", payload.error().cause));
  subject.input = *std::move(payload);
  if (input.contains("variables")) {
    KIBAN_TRY(json::value tree,
              document(input, "variables", "Variables must be a valid JSON object"));
    if (!tree.is_object()) return invalid("Variables must be a valid JSON object");
    subject.variables = std::move(tree.get_object());
  }
  if (input.contains("context")) {
    if (!subject.mock)
      return invalid("TestState does not support Context when a mock is not specified.");
    KIBAN_TRY(json::value tree,
              document(input, "context", "Invalid Context object provided: it must be valid JSON"));
    if (!tree.is_object())
      return invalid("Invalid Context object provided: it must be a JSON object");
    KIBAN_TRY_VOID(check_context(tree.get_object()));
    // Recorded: test_state_context_object_invalid_states[TOKEN_TASK_NOT_SYNC].
    if (tree.get_object().contains("Task") &&
        (!subject.is(asl::StateType::Task) ||
         subject.state->resource.pattern == asl::TaskPattern::RequestResponse))
      return invalid(
          "Invalid Context object provided: Context object contains 'Task' when state is not a "
          "Task state with a '.sync' or '.waitForTaskToken' service integration pattern");
    subject.context = std::move(tree.get_object());
  }
  return subject;
}

// The context object of an Express execution, as AWS recorded it.
json::object default_context(Context& context, const Subject& subject) {
  const std::string machine = context.random().uuid();
  const std::string execution = context.random().uuid();
  const std::string now = format_iso8601(context.now());
  json::object out{
      {"Execution",
       {{"Id", make_arn(context, "states", fmt::format("express:{}:{}", machine, execution))},
        {"Input", subject.input.tree()},
        {"Name", execution},
        {"RoleArn", subject.role_arn},
        {"StartTime", now}}},
      {"StateMachine",
       {{"Id", make_arn(context, "states", "stateMachine:" + machine)}, {"Name", machine}}},
      {"State",
       {{"Name", subject.state->name}, {"EnteredTime", now}, {"RetryCount", subject.retry_count}}}};
  if (subject.state->resource.pattern == asl::TaskPattern::WaitForTaskToken)
    out["Task"] = {{"Token", context.secrets().hex(64)}};
  return out;
}

// Map: more iterations failed than the state bears.
bool exceeds_tolerance(const Subject& subject, const json::object& inspected, std::size_t items) {
  if (!subject.failed_iterations) return false;
  const auto failed = static_cast<double>(*subject.failed_iterations);
  const json::value* count = find(inspected, "toleratedFailureCount");
  const json::value* share = find(inspected, "toleratedFailurePercentage");
  if (count && failed > count->to_number<double>()) return true;
  return share && items > 0 &&
         100 * failed / static_cast<double>(items) > share->to_number<double>();
}

asl::Input mocked_answer(const Subject& subject, const asl::StartTask& task,
                         const json::object& inspected, std::size_t items) {
  const Mock& mock = *subject.mock;
  if (mock.failure())
    return asl::TaskFailed{.task = task.task, .error = mock.error, .cause = mock.cause};
  if (exceeds_tolerance(subject, inspected, items))
    return asl::TaskFailed{.task = task.task,
                           .error = "States.ExceedToleratedFailureThreshold",
                           .cause = "The specified tolerated failure threshold was exceeded"};
  return asl::TaskSucceeded{.task = task.task, .output = *mock.result};
}

asl::Input input_of(const asl::StartTask& task, std::variant<Called, Refused> result) {
  if (const auto* refused = std::get_if<Refused>(&result))
    return asl::TaskFailed{.task = task.task, .error = refused->error, .cause = refused->cause};
  return asl::TaskSucceeded{
      .task = task.task, .output = Payload::from_tree(std::move(std::get<Called>(result).output))};
}

asl::Input input_of_function(Context& context, const asl::StartTask& task,
                             const json::object& answer) {
  auto result = read_function_answer(context, answer.at("Waiting").as_object(),
                                     answer.at("Outcome").as_object());
  if (const auto* refused = std::get_if<Refused>(&result))
    return asl::TaskFailed{.task = task.task, .error = refused->error, .cause = refused->cause};
  return asl::TaskSucceeded{.task = task.task, .output = std::get<Payload>(std::move(result))};
}

// The function's end is told to the test.
std::optional<asl::Input> begin_function(Context& context, const asl::StartTask& task,
                                         const Caller& role, const std::string& id) {
  auto begun = call_function(context, task, role);
  auto* called = std::get_if<Called>(&begun);
  if (!called || called->waits_for.empty()) return input_of(task, std::move(begun));
  called->waiting["Test"] = id;
  put_json(context, row_key(context, "waiting", called->waits_for), called->waiting);
  return std::nullopt;
}

// Nothing: an HTTP call or a function began, and the test goes on with its answer.
std::optional<asl::Input> real_answer(Context& context, const Subject& subject,
                                      const asl::StartTask& task, const std::string& id) {
  if (subject.answer && subject.answer->contains("Outcome"))
    return input_of_function(context, task, *subject.answer);
  if (subject.answer) return input_of(task, read_http_answer(*subject.answer));
  const Origin origin{.machine_arn = make_arn(context, "states", "stateMachine:TestState")};
  const auto role = assume_task_role(context, subject.role_arn, task.credentials_role, origin);
  if (!role)
    return asl::TaskFailed{
        .task = task.task, .error = "States.TaskFailed", .cause = role.error().cause};
  if (invokes_function(task.resource)) return begin_function(context, task, *role, id);
  if (!is_http_task(task.resource))
    return input_of(task, call_integration(context, task, {}, *role));
  auto begun = call_http(context, task, origin, *role, {{"Test", id}});
  if (std::holds_alternative<Refused>(begun)) return input_of(task, std::move(begun));
  return std::nullopt;
}

// How many items the Map has: those that its reader was given, or that it was asked to map over.
std::size_t count_items(const Subject& subject, const asl::StartTask& task) {
  const json::value& items = subject.reader_data ? *subject.reader_data : task.parameters.tree();
  return items.is_array() ? items.get_array().size() : 0;
}

// Nothing: it waits for an HTTP call or a function.
Result<std::optional<asl::Finished>> run(Context& context, const Subject& subject,
                                         asl::Execution& execution, const std::string& id) {
  asl::Input next = asl::Start{};
  while (true) {
    const asl::Decision decision =
        execution.take(next, context.now(), context.random(), context.secrets());
    const asl::StartTask* task = nullptr;
    for (const asl::Effect& effect : decision.effects) {
      if (const auto* finished = std::get_if<asl::Finished>(&effect)) return *finished;
      if (const auto* started = std::get_if<asl::StartTask>(&effect)) task = started;
    }
    if (task == nullptr)
      return invalid("kiban can't test this state: it neither ended nor asked for anything");
    if (!subject.mock) {
      const auto answer = real_answer(context, subject, *task, id);
      if (!answer) return std::nullopt;
      next = *answer;
      continue;
    }
    const std::size_t items = count_items(subject, *task);
    if (subject.is(asl::StateType::Map) && subject.failed_iterations &&
        *subject.failed_iterations > static_cast<std::int64_t>(items))
      return invalid(
          "Map iteration failure count must be less than or equal to the number of Map iterations");
    next = mocked_answer(subject, *task, execution.inspection().data, items);
  }
}

// What DEBUG and TRACE show; which stages a kind of state has was recorded by AWS.
json::object inspection_data(const Subject& subject, const asl::Inspection& inspection) {
  json::object data = inspection.data;
  const bool jsonpath = subject.state->language == asl::Language::JsonPath;
  if (jsonpath && subject.is(asl::StateType::Fail)) data["afterInputPath"] = data["input"];
  if (jsonpath && subject.is(asl::StateType::Task) && data.contains("afterInputPath") &&
      !data.contains("afterParameters"))
    data["afterParameters"] = data["afterInputPath"];
  if (subject.has_branches()) data.erase("result");
  if (subject.is(asl::StateType::Parallel)) data.erase("afterInputPath");
  if (subject.is(asl::StateType::Pass) && subject.state->result) {
    data.erase("afterInputPath");
    data.erase("afterParameters");
  }
  json::object variables = subject.variables;
  if (const json::string* assigned = find_string(data, "variables")) {
    const auto tree = parse_json(std::string_view(*assigned));
    if (tree && tree->is_object()) {
      for (const auto& [name, value] : tree->get_object()) variables[name] = value;
    }
  }
  if (!variables.empty()) data["variables"] = print_json(variables);
  json::object details;
  if (inspection.retry_index) details["retryIndex"] = *inspection.retry_index;
  if (inspection.retriable && inspection.retry_backoff_seconds)
    details["retryBackoffIntervalSeconds"] =
        static_cast<std::int64_t>(*inspection.retry_backoff_seconds);
  if (!inspection.retriable && inspection.catch_index)
    details["catchIndex"] = *inspection.catch_index;
  if (!details.empty()) data["errorDetails"] = std::move(details);
  return data;
}

// A failure of the state's own is told without the sentence about where it happened. Recorded by
// AWS: test_state_map_context_object[ALL].
std::string plain_cause(const std::string& cause) {
  constexpr std::string_view start = "An error occurred while executing the state '";
  const std::size_t end = cause.find("). ");
  if (!cause.starts_with(start) || end == std::string::npos) return cause;
  return cause.substr(end + 3);
}

// As long as TestState may take.
constexpr std::chrono::minutes test_max{5};

std::string test_channel(std::string_view id) { return fmt::format("states/test/{}", id); }

// `kept`: the row of a test whose HTTP call or function is over.
Result<json::object> test(Context& context, const json::object& input, const json::object* kept) {
  KIBAN_TRY(Subject subject, read_request(input));
  if (kept) {
    subject.context = kept->at("Context").as_object();
    subject.answer = kept->at("Answer").as_object();
  } else if (!subject.context) {
    subject.context = default_context(context, subject);
  }
  asl::Execution execution(subject.program,
                           {.role_arn = subject.role_arn,
                            .start_time = context.now(),
                            .machine_arn = make_arn(context, "states", "stateMachine:TestState"),
                            .input = subject.input,
                            .only_state = subject.state->name,
                            .variables = subject.variables,
                            .context = subject.context,
                            .retry_count = subject.retry_count});
  const std::string id = context.random().uuid();
  KIBAN_TRY(const std::optional<asl::Finished> end, run(context, subject, execution, id));
  if (!end) {
    if (context.last_attempt())
      return invalid(
          "kiban serves TestState of HTTP Tasks and functions to clients only, not to Task "
          "states.");
    put_json(context, row_key(context, "test", id),
             {{"Input", input}, {"Context", *subject.context}});
    context.reply_with(await_test_operation, {{"Test", id}});
    return json::object{};
  }
  const asl::Finished& finished = *end;
  const asl::Inspection& inspection = execution.inspection();
  const bool succeeded = finished.status == asl::Status::Succeeded;
  const bool caught = succeeded && inspection.caught;
  json::object reply;
  if (inspection.retriable || caught || !succeeded) {
    const auto& error = inspection.error ? inspection.error : finished.error;
    const auto& cause = inspection.error ? inspection.cause : finished.cause;
    if (error) reply["error"] = *error;
    if (cause) reply["cause"] = plain_cause(*cause);
  }
  reply["status"] = inspection.retriable ? "RETRIABLE"
                    : caught             ? "CAUGHT_ERROR"
                    : succeeded          ? "SUCCEEDED"
                                         : "FAILED";
  if (succeeded && !inspection.retriable) {
    if (finished.output) reply["output"] = finished.output->text();
    if (!inspection.next_state.empty()) reply["nextState"] = inspection.next_state;
  }
  const std::string level = text(input, "inspectionLevel", "INFO");
  if (level != "INFO") reply["inspectionData"] = inspection_data(subject, inspection);
  if (level == "TRACE" && subject.answer && !subject.answer->contains("Outcome")) {
    const Secrets secrets = flag(input, "revealSecrets") ? Secrets::Reveal : Secrets::Hide;
    for (auto& [name, value] : http_trace(*subject.answer, secrets))
      reply["inspectionData"].as_object()[name] = value;
  }
  return reply;
}

}  // namespace

Result<json::object> test_state(Context& context, const json::object& input) {
  return test(context, input, nullptr);
}

Result<json::object> await_test_state(Context& context, const json::object& input) {
  const std::string id = text(input, "Test");
  const std::string key = row_key(context, "test", id);
  const auto row = get_json(context, key);
  if (row && row->contains("Answer")) {
    context.erase(key);
    return test(context, row->at("Input").as_object(), &*row);
  }
  if (context.last_attempt()) {
    context.erase(key);
    return json::object{{"status", "FAILED"}, {"error", "States.Timeout"}};
  }
  context.defer(test_channel(id), context.now() + test_max);
  return json::object{};
}

Result<json::object> take_test_answer(Context& context, const json::object& input) {
  const std::string id = text(input.at("Payload").as_object(), "Test");
  const std::string key = row_key(context, "test", id);
  auto row = get_json(context, key);
  if (!row) return json::object{};
  (*row)["Answer"] = input;
  put_json(context, key, *row);
  context.notify(test_channel(id));
  return json::object{};
}

}  // namespace kiban::services::states
