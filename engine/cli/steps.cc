#include "cli/steps.h"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "cli/find.h"

namespace kiban::cli {

namespace {

constexpr std::chrono::milliseconds look_interval{10};
constexpr std::chrono::seconds idle_max{20};      // Of real time in which nothing happens.
constexpr std::chrono::seconds work_max{300};     // Of real time for a step.
constexpr std::chrono::hours clock_max{24 * 31};  // Of the virtual clock for a step.

std::unexpected<Error> deviated(const std::string& why) { return fail("Deviated", why); }

Result<json::object> move_clock(const Client& client, const json::object& how) {
  return client.post_own("/_kiban/clock", how, work_max);
}

// Until `over`: moves the clock from timer to timer while no task or delivery is in flight.
Result<void> pass_time(const Client& client, const std::function<Result<bool>()>& over) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + work_max;
  auto idle_since = Clock::now();
  KIBAN_TRY(const Timestamp began, client.clock());
  while (Clock::now() < deadline) {
    KIBAN_TRY(const bool done, over());
    if (done) return {};
    KIBAN_TRY(const json::object clock, client.get_own("/_kiban/clock", std::chrono::seconds{5}));
    const json::array* in_flight = find_array(clock, "in_flight");
    const auto now = parse_iso8601(text(clock, "now"));
    const auto next = parse_iso8601(text(clock, "next_timer"));
    const bool waits = in_flight == nullptr || in_flight->empty();
    if (waits && now && next && *next > *now) {
      if (*next - began > clock_max) return deviated("it did not end in 31 days of the clock");
      KIBAN_TRY([[maybe_unused]] const json::object moved,
                move_clock(client, {{"set", format_iso8601(*next)}}));
      idle_since = Clock::now();
      continue;
    }
    if (!waits) idle_since = Clock::now();
    if (Clock::now() - idle_since > idle_max)
      return deviated("nothing happens, and it does not end");
    std::this_thread::sleep_for(look_interval);
  }
  return deviated("it did not end in 5 minutes");
}

Result<void> check_end(const json::object& execution, const Step& step) {
  const std::string status = text(execution, "status");
  const std::string error = text(execution, "error");
  if (status != step.expect || (!step.error.empty() && error != step.error))
    return deviated(fmt::format("{}{}{} instead of {}{}{}", status, error.empty() ? "" : " ", error,
                                step.expect, step.error.empty() ? "" : " ", step.error));
  return {};
}

Result<void> await_end(const Client& client, const std::string& arn, const Step& step) {
  json::object execution;
  KIBAN_TRY_VOID(pass_time(client, [&]() -> Result<bool> {
    KIBAN_TRY(execution, client.ask("states", "DescribeExecution", {{"executionArn", arn}}));
    return text(execution, "status") != "RUNNING";
  }));
  return check_end(execution, step);
}

Result<void> await_event(const Client& client, const std::string& arn, const Step& step) {
  return pass_time(client, [&]() -> Result<bool> {
    KIBAN_TRY(const json::object execution,
              client.ask("states", "DescribeExecution", {{"executionArn", arn}}));
    if (text(execution, "status") != "RUNNING")
      return deviated(fmt::format("{} {} before {}", text(execution, "status"),
                                  text(execution, "error"), step.until));
    KIBAN_TRY(const json::object page, client.ask("states", "GetExecutionHistory",
                                                  {{"executionArn", arn}, {"reverseOrder", true}}));
    for (const json::value& event : page.at("events").as_array())
      if (text(event.as_object(), "type") == step.until) return true;
    return false;
  });
}

Result<void> start(const Client& client, const Step& step) {
  KIBAN_TRY(const std::string machine, find_machine(client, step.name));
  const json::value input = step.input.is_null() ? json::value(json::object{}) : step.input;
  KIBAN_TRY(const json::object started,
            client.ask("states", "StartExecution",
                       {{"stateMachineArn", machine}, {"input", print_json(input)}}));
  const std::string arn = text(started, "executionArn");
  if (!step.until.empty()) return await_event(client, arn, step);
  return step.expect == "RUNNING" ? Result<void>{} : await_end(client, arn, step);
}

// The newest execution of the machine; one that runs before others, since under a frozen clock
// several start at the same time.
Result<std::string> newest(const Client& client, const std::string& machine) {
  KIBAN_TRY(json::array executions, find_executions(client, machine, "RUNNING", 1));
  if (executions.empty()) {
    KIBAN_TRY(executions, find_executions(client, machine, "", 1));
  }
  if (executions.empty()) return deviated(fmt::format("{} has no execution", machine));
  return text(executions[0].as_object(), "executionArn");
}

Result<void> stop(const Client& client, const Step& step) {
  KIBAN_TRY(const std::string arn, newest(client, step.name));
  KIBAN_TRY([[maybe_unused]] const json::object stopped,
            client.ask("states", "StopExecution", {{"executionArn", arn}}));
  Step end = step;
  end.expect = "ABORTED";
  return await_end(client, arn, end);
}

// The same definition with a line end more, since only another one makes a revision, for which AWS
// checks the role as at creation.
Result<void> update(const Client& client, const Step& step) {
  KIBAN_TRY(const std::string arn, find_machine(client, step.name));
  KIBAN_TRY(const json::object machine,
            client.ask("states", "DescribeStateMachine", {{"stateMachineArn", arn}}));
  json::object input{{"stateMachineArn", arn}};
  for (const std::string_view member :
       {"definition", "roleArn", "loggingConfiguration", "tracingConfiguration"})
    if (machine.contains(member)) input[member] = machine.at(member);
  input["definition"] = text(machine, "definition") + "\n";
  KIBAN_TRY([[maybe_unused]] const json::object updated,
            client.ask("states", "UpdateStateMachine", input));
  return {};
}

Result<void> call(const Client& client, const Step& step) {
  const json::object input = step.input.is_object() ? step.input.get_object() : json::object{};
  const auto reply = client.ask(step.service, step.operation, input);
  if (!reply && reply.error().name == step.error) return {};
  if (!reply) return std::unexpected(reply.error());
  return step.error.empty() ? Result<void>{} : deviated("it succeeded instead of " + step.error);
}

Result<void> put_events(const Client& client, const Step& step) {
  KIBAN_TRY(const json::object reply, client.ask("events", "PutEvents", {{"Entries", step.input}}));
  if (number(reply, "FailedEntryCount") == 0) return {};
  return deviated(print_json(reply));
}

Result<void> deploy(const Client& client, const Step& step) {
  std::ifstream in(step.file);
  std::ostringstream body;
  body << in.rdbuf();
  if (!in) return fail("FileFailed", step.file + " can't be read");
  json::array parameters;
  for (const auto& [key, value] : step.parameters)
    parameters.push_back(json::object{
        {"ParameterKey", key},
        {"ParameterValue", value.is_string() ? value : json::value(print_json(value))}});
  const json::object input{{"StackName", step.name},
                           {"TemplateBody", body.str()},
                           {"Parameters", std::move(parameters)},
                           {"Capabilities", {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}}};
  const bool there =
      client.ask("cloudformation", "DescribeStacks", {{"StackName", step.name}}).has_value();
  KIBAN_TRY([[maybe_unused]] const json::object made,
            client.ask("cloudformation", there ? "UpdateStack" : "CreateStack", input));
  std::string status;
  KIBAN_TRY_VOID(pass_time(client, [&]() -> Result<bool> {
    KIBAN_TRY(const json::object reply,
              client.ask("cloudformation", "DescribeStacks", {{"StackName", step.name}}));
    status = text(reply.at("Stacks").as_array().at(0).as_object(), "StackStatus");
    return !status.ends_with("_IN_PROGRESS");
  }));
  if (status == "CREATE_COMPLETE" || status == "UPDATE_COMPLETE") return {};
  return deviated(status);
}

}  // namespace

Result<void> perform(const Client& client, const Step& step) {
  switch (step.kind) {
    case Step::Kind::Start:
      return start(client, step);
    case Step::Kind::Stop:
      return stop(client, step);
    case Step::Kind::Ended: {
      KIBAN_TRY(const std::string arn, newest(client, step.name));
      return await_end(client, arn, step);
    }
    case Step::Kind::Update:
      return update(client, step);
    case Step::Kind::Advance: {
      KIBAN_TRY([[maybe_unused]] const json::object moved,
                move_clock(client, {{"advance", step.duration.count()}}));
      return {};
    }
    case Step::Kind::Call:
      return call(client, step);
    case Step::Kind::PutEvents:
      return put_events(client, step);
    case Step::Kind::Deploy:
      return deploy(client, step);
  }
  return {};
}

}  // namespace kiban::cli
