// executions, history, start, logs, tasks: lists and documents of the services.
#include <fmt/core.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>

#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/report.h"
#include "cli/table.h"
#include "core/time.h"

namespace kiban::cli {

namespace {

// A machine's ARN from its ARN or name.
Result<std::string> find_machine(const Client& client, const std::string& name) {
  if (name.starts_with("arn:")) return name;
  KIBAN_TRY(const json::array machines,
            client.list("states", "ListStateMachines", {}, "stateMachines"));
  std::string known;
  for (const json::value& each : machines) {
    if (text_of(each.as_object(), "name") == name)
      return text_of(each.as_object(), "stateMachineArn");
    known += (known.empty() ? "" : ", ") + text_of(each.as_object(), "name");
  }
  return fail("StateMachineDoesNotExist",
              fmt::format("no state machine is called '{}'; there are: {}", name,
                          known.empty() ? "none" : known));
}

std::string duration_of(const json::object& execution) {
  const double start = number_of(execution, "startDate");
  const double stop = number_of(execution, "stopDate");
  return stop == 0 ? "-" : fmt::format("{:.3f} s", stop - start);
}

// What an event is about: the state's name, or why it failed.
std::string detail_of(const json::object& event) {
  for (const auto& [key, value] : event) {
    if (!std::string_view(key).ends_with("Details") || !value.is_object()) continue;
    const json::object& details = value.get_object();
    for (const char* member : {"name", "error", "resource", "resourceType"})
      if (find_string(details, member) != nullptr) {
        std::string text = text_of(details, member);
        if (std::string_view(member) == "error" && find_string(details, "cause") != nullptr)
          text += ": " + text_of(details, "cause").substr(0, 200);
        return text;
      }
  }
  return "";
}

Result<std::string> read_input(const std::string& input) {
  if (!input.starts_with('@')) return input;
  std::ifstream file{input.substr(1)};
  if (!file) return fail("InputFailed", input.substr(1) + " can't be read");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

int list_executions(const ClientOptions& options, const std::string& machine,
                    const std::string& status, const OutputOptions& output) {
  const Client client = make_client(options);
  json::array machines;
  if (machine.empty()) {
    auto all = client.list("states", "ListStateMachines", {}, "stateMachines");
    if (!all) return complain_about_call("executions", client, all.error());
    machines = *std::move(all);
  } else {
    const auto arn = find_machine(client, machine);
    if (!arn) return complain_about_call("executions", client, arn.error());
    machines.push_back(json::object{{"stateMachineArn", *arn}});
  }
  json::array executions;
  for (const json::value& each : machines) {
    json::object input{{"stateMachineArn", text_of(each.as_object(), "stateMachineArn")}};
    if (!status.empty()) input["statusFilter"] = status;
    const auto found = client.list("states", "ListExecutions", input, "executions");
    if (!found && found.error().name == "StateMachineTypeNotSupported") continue;  // Express.
    if (!found) return complain_about_call("executions", client, found.error());
    for (const json::value& execution : *found) executions.push_back(execution);
  }
  if (output.json) {
    print_json_line(executions);
    return exit_done;
  }
  std::vector<TableRow> rows;
  for (const json::value& each : executions) {
    const json::object& execution = each.as_object();
    rows.push_back({time_of(execution, "startDate"), text_of(execution, "status"),
                    duration_of(execution), text_of(execution, "executionArn")});
  }
  print_table({"STARTED", "STATUS", "TOOK", "EXECUTION"}, rows);
  return exit_done;
}

int print_history(const ClientOptions& options, const std::string& execution,
                  const OutputOptions& output) {
  const Client client = make_client(options);
  const auto events =
      client.list("states", "GetExecutionHistory",
                  {{"executionArn", execution}, {"includeExecutionData", true}}, "events", 25'000);
  if (!events) return complain_about_call("history", client, events.error());
  if (output.json) {
    print_json_line(*events);
    return exit_done;
  }
  std::vector<TableRow> rows;
  for (const json::value& each : *events) {
    const json::object& event = each.as_object();
    rows.push_back({text_of(event, "id"), time_of(event, "timestamp"), text_of(event, "type"),
                    detail_of(event)});
  }
  print_table({"ID", "TIME", "TYPE", "DETAIL"}, rows);
  return exit_done;
}

int start_execution(const ClientOptions& options, const StartOptions& start,
                    const OutputOptions& output) {
  const Client client = make_client(options);
  const auto input = read_input(start.input);
  if (!input) return complain("start", input.error().cause, "Give --input JSON or @FILE.");
  const auto machine = find_machine(client, start.machine);
  if (!machine) return complain_about_call("start", client, machine.error());
  json::object request{{"stateMachineArn", *machine}, {"input", *input}};
  if (!start.name.empty()) request["name"] = start.name;
  const auto started = client.call("states", "StartExecution", request);
  if (!started) return complain_about_call("start", client, started.error());
  if (output.json)
    print_json_line(*started);
  else
    fmt::print("{}\n", text_of(*started, "executionArn"));
  if (!start.follow) return exit_done;
  const auto status = follow(client, text_of(*started, "executionArn"));
  if (!status) return complain_about_call("start", client, status.error());
  fmt::print("{}\n", *status);
  return *status == "SUCCEEDED" ? exit_done : exit_failed;
}

int print_logs(const ClientOptions& options, const LogsOptions& logs, const OutputOptions& output) {
  const Client client = make_client(options);
  if (logs.group.empty()) {
    const auto groups = client.list("logs", "DescribeLogGroups", {}, "logGroups");
    if (!groups) return complain_about_call("logs", client, groups.error());
    if (output.json) {
      print_json_line(*groups);
      return exit_done;
    }
    std::vector<TableRow> rows;
    for (const json::value& each : *groups)
      rows.push_back({text_of(each.as_object(), "logGroupName"),
                      text_of(each.as_object(), "retentionInDays")});
    print_table({"LOG GROUP", "DAYS KEPT"}, rows);
    return exit_done;
  }
  json::object input{{"logGroupName", logs.group}};
  if (!logs.pattern.empty()) input["filterPattern"] = logs.pattern;
  const auto events = client.list("logs", "FilterLogEvents", input, "events", 100'000);
  if (!events) return complain_about_call("logs", client, events.error());
  if (output.json) {
    print_json_line(*events);
    return exit_done;
  }
  for (const json::value& each : *events) {
    const json::object& event = each.as_object();
    const auto at = static_cast<std::int64_t>(number_of(event, "timestamp"));
    fmt::print("{}  {}  {}\n", format_iso8601(Timestamp{Duration{at}}),
               text_of(event, "logStreamName"), text_of(event, "message"));
  }
  return exit_done;
}

int list_tasks(const ClientOptions& options, const std::string& cluster,
               const OutputOptions& output) {
  const Client client = make_client(options);
  json::array clusters;
  if (cluster.empty()) {
    auto all = client.list("ecs", "ListClusters", {}, "clusterArns");
    if (!all) return complain_about_call("tasks", client, all.error());
    clusters = *std::move(all);
  } else {
    clusters.emplace_back(cluster);
  }
  json::array tasks;
  for (const json::value& each : clusters)
    for (const char* status : {"RUNNING", "STOPPED"}) {
      const auto arns = client.list(
          "ecs", "ListTasks", {{"cluster", each}, {"desiredStatus", status}}, "taskArns", 1000);
      if (!arns) return complain_about_call("tasks", client, arns.error());
      for (std::size_t i = 0; i < arns->size(); i += 100) {  // DescribeTasks takes at most 100.
        json::array some;
        for (std::size_t j = i; j < arns->size() && j < i + 100; ++j) some.push_back((*arns)[j]);
        const auto described =
            client.call("ecs", "DescribeTasks", {{"cluster", each}, {"tasks", some}});
        if (!described) return complain_about_call("tasks", client, described.error());
        if (const json::array* found = find_array(*described, "tasks"))
          for (const json::value& task : *found) tasks.push_back(task);
      }
    }
  if (output.json) {
    print_json_line(tasks);
    return exit_done;
  }
  std::vector<TableRow> rows;
  for (const json::value& each : tasks) {
    const json::object& task = each.as_object();
    std::string exit_codes;
    if (const json::array* containers = find_array(task, "containers"))
      for (const json::value& container : *containers)
        exit_codes += (exit_codes.empty() ? "" : ",") + text_of(container.as_object(), "exitCode");
    rows.push_back({time_of(task, "createdAt"), text_of(task, "lastStatus"), exit_codes,
                    text_of(task, "group"), text_of(task, "taskArn")});
  }
  print_table({"CREATED", "STATUS", "EXIT", "GROUP", "TASK"}, rows);
  return exit_done;
}

}  // namespace kiban::cli
