// logs, tasks.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <set>
#include <thread>

#include "api/codec.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/words.h"
#include "core/time.h"

namespace kiban::cli {

namespace {

constexpr std::chrono::milliseconds look_interval{500};

int complain_about_group(const Client& client, const LogsOptions& logs, const Error& error) {
  if (error.name != "ResourceNotFoundException") return complain_about_call("logs", client, error);
  return complain("logs", "there is no log group " + logs.group,
                  "'kiban logs' lists those there are.");
}

int list_groups(const Client& client, const OutputOptions& output) {
  const auto groups = client.list("logs", "DescribeLogGroups", {}, "logGroups");
  if (!groups) return complain_about_call("logs", client, groups.error());
  if (output.json) {
    print_json_line(*groups);
    return exit_done;
  }
  std::vector<TableRow> rows;
  for (const json::value& each : *groups)
    rows.push_back(
        {text_of(each.as_object(), "logGroupName"), text_of(each.as_object(), "retentionInDays")});
  if (rows.empty())
    fmt::print("No log groups.\n");
  else
    print_table({"LOG GROUP", "DAYS KEPT"}, rows);
  return exit_done;
}

// A function may log to a group of its own choice.
Result<std::string> group_of_function(const Client& client, const std::string& name) {
  KIBAN_TRY(
      const json::object function,
      client.get("lambda",
                 fmt::format("/2015-03-31/functions/{}/configuration", api::encode_uri(name)), {}));
  const json::object* logging = find_object(function, "LoggingConfig");
  return logging ? text_of(*logging, "LogGroup") : fmt::format("/aws/lambda/{}", name);
}

void print_log_event(const json::object& event, const OutputOptions& output) {
  if (output.json) return print_json_line(event);
  const auto at = static_cast<std::int64_t>(number_of(event, "timestamp"));
  fmt::print("{}  {}  {}\n", paint(Colour::Dim, format_iso8601(Timestamp{Duration{at}})),
             paint(Colour::Cyan, harmless_on_terminal(text_of(event, "logStreamName"))),
             harmless_on_terminal(text_of(event, "message")));
}

// Prints new events until Ctrl-C. Each request begins at the last event's millisecond, which may
// have further events: those shown already are skipped.
int follow_logs(const Client& client, const LogsOptions& logs, json::object input,
                const OutputOptions& output) {
  std::set<std::string> shown;
  double last = number_of(input, "startTime");
  const Interruption interruption;
  while (!interruption.happened()) {
    const auto events = client.list("logs", "FilterLogEvents", input, "events", 100'000);
    if (!events) return complain_about_group(client, logs, events.error());
    for (const json::value& each : *events) {
      const json::object& event = each.as_object();
      last = std::max(last, number_of(event, "timestamp"));
      if (!shown.contains(text_of(event, "eventId"))) print_log_event(event, output);
    }
    shown.clear();
    for (const json::value& each : *events)
      if (number_of(each.as_object(), "timestamp") >= last)
        shown.insert(text_of(each.as_object(), "eventId"));
    input["startTime"] = std::llround(last);
    std::fflush(stdout);
    std::this_thread::sleep_for(look_interval);
  }
  return exit_interrupted;
}

Result<json::array> find_tasks(const Client& client, const std::string& cluster) {
  json::array clusters;
  if (cluster.empty()) {
    KIBAN_TRY(clusters, client.list("ecs", "ListClusters", {}, "clusterArns"));
  } else {
    clusters.emplace_back(cluster);
  }
  json::array tasks;
  for (const json::value& each : clusters)
    for (const char* status : {"RUNNING", "STOPPED"}) {
      KIBAN_TRY(const json::array arns,
                client.list("ecs", "ListTasks", {{"cluster", each}, {"desiredStatus", status}},
                            "taskArns", 1000));
      for (std::size_t i = 0; i < arns.size(); i += 100) {  // DescribeTasks takes at most 100.
        json::array some;
        for (std::size_t j = i; j < arns.size() && j < i + 100; ++j) some.push_back(arns[j]);
        KIBAN_TRY(const json::object described,
                  client.call("ecs", "DescribeTasks", {{"cluster", each}, {"tasks", some}}));
        if (const json::array* found = find_array(described, "tasks"))
          for (const json::value& task : *found) tasks.push_back(task);
      }
    }
  sort_newest_first(tasks, "createdAt");
  return tasks;
}

TableRow task_row(const json::object& task) {
  std::string exit_codes;
  std::string why = find_string(task, "stoppedReason") != nullptr ? text_of(task, "stoppedReason")
                                                                  : std::string{};
  if (const json::array* containers = find_array(task, "containers"))
    for (const json::value& each : *containers) {
      const json::object& container = each.as_object();
      exit_codes += (exit_codes.empty() ? "" : ",") + text_of(container, "exitCode");
      if (find_string(container, "reason") != nullptr)
        why += (why.empty() ? "" : "; ") + text_of(container, "reason");
    }
  const double started = number_of(task, "startedAt");
  const double stopped = number_of(task, "stoppedAt");
  const std::string took = started == 0 || stopped == 0
                               ? "-"
                               : duration_words(Duration{std::llround((stopped - started) * 1000)});
  const auto after_slash = [&](std::string_view key) {
    const std::string arn = text_of(task, key);
    return arn.substr(arn.rfind('/') + 1);
  };
  return {time_of(task, "createdAt"),       text_of(task, "lastStatus"), took, exit_codes,
          after_slash("taskDefinitionArn"), after_slash("taskArn"),      why};
}

}  // namespace

int print_logs(const ClientOptions& options, const LogsOptions& asked,
               const OutputOptions& output) {
  const Client client = make_client(options);
  LogsOptions logs = asked;
  if (!logs.function.empty()) {
    const auto group = group_of_function(client, logs.function);
    if (!group) return complain_about_call("logs", client, group.error());
    logs.group = *group;
  }
  if (logs.group.empty()) return list_groups(client, output);
  json::object input{{"logGroupName", logs.group}};
  if (!logs.pattern.empty()) input["filterPattern"] = logs.pattern;
  if (!logs.since.empty()) {
    const auto since = parse_duration(logs.since);
    if (!since) {
      complain("logs", since.error().cause, "Write for example --since 1h.");
      return exit_usage;
    }
    const auto now = client.clock();  // Of the server: it may be virtual.
    if (!now) return complain_about_call("logs", client, now.error());
    input["startTime"] = (*now - *since).time_since_epoch().count();
  }
  if (logs.follow) return follow_logs(client, logs, std::move(input), output);
  const Progress progress{"Reading the log"};
  const auto events = client.list("logs", "FilterLogEvents", input, "events", 100'000);
  if (!events) return complain_about_group(client, logs, events.error());
  if (output.json)
    print_json_line(*events);
  else
    for (const json::value& each : *events) print_log_event(each.as_object(), output);
  return exit_done;
}

int list_tasks(const ClientOptions& options, const std::string& cluster,
               const OutputOptions& output) {
  const Client client = make_client(options);
  const auto tasks = find_tasks(client, cluster);
  if (!tasks) return complain_about_call("tasks", client, tasks.error());
  if (output.json) {
    print_json_line(*tasks);
    return exit_done;
  }
  std::vector<TableRow> rows;
  for (const json::value& each : *tasks) rows.push_back(task_row(each.as_object()));
  if (rows.empty())
    fmt::print("No ECS tasks. Those that stopped are kept for an hour.\n");
  else
    print_table({"CREATED (UTC)", "STATUS", "RAN", "EXIT", "DEFINITION", "TASK", "WHY"}, rows);
  return exit_done;
}

}  // namespace kiban::cli
