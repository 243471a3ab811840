// executions, history, start.
#include <fmt/core.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "cli/commands.h"
#include "cli/find.h"
#include "cli/follow.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/words.h"

namespace kiban::cli {

namespace {

std::string last_part(const std::string& arn) { return arn.substr(arn.rfind(':') + 1); }

std::string duration_of(const json::object& execution) {
  const double stop = number_of(execution, "stopDate");
  if (stop == 0) return "-";
  return duration_words(Duration{std::llround((stop - number_of(execution, "startDate")) * 1000)});
}

std::string size_words(std::size_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  return fmt::format("{:.1f} KiB", static_cast<double>(bytes) / 1024);
}

const json::object* details_of(const json::object& event) {
  for (const auto& [key, value] : event)
    if (std::string_view(key).ends_with("Details") && value.is_object()) return &value.get_object();
  return nullptr;
}

// Summarizes events: the error, the resource called, the size of the payload.
class HistoryTable {
 public:
  TableRow row(const json::object& event) {
    const std::string type = text_of(event, "type");
    const double at = number_of(event, "timestamp");
    if (began_ == 0) began_ = at;
    return {text_of(event, "id"), fmt::format("+{:.3f} s", at - began_), type, state_of(event),
            detail_of(event)};
  }

 private:
  // The state that it belongs to: its own name, or that of what led to it.
  std::string state_of(const json::object& event) {
    const double id = number_of(event, "id");
    const std::string type = text_of(event, "type");
    const json::object* details = details_of(event);
    if (type.find("State") != std::string::npos && details != nullptr &&
        find_string(*details, "name") != nullptr)
      return states_[id] = text_of(*details, "name");
    if (type.starts_with("Execution")) return "";
    return states_[id] = states_[number_of(event, "previousEventId")];
  }

  std::string detail_of(const json::object& event) {
    const json::object* details = details_of(event);
    if (details == nullptr) return "";
    std::string text;
    const auto add = [&text](const std::string& more) {
      text += (text.empty() ? "" : "  ") + more;
    };
    if (find_string(*details, "error") != nullptr || find_string(*details, "cause") != nullptr)
      add(text_of(*details, "error") + ": " + text_of(*details, "cause"));
    if (find_string(*details, "resourceType") != nullptr)
      add(text_of(*details, "resourceType") + ":" + text_of(*details, "resource"));
    if (const json::value* index = find(*details, "index")) add("#" + print_json(*index));
    if (const json::value* length = find(*details, "length")) add(print_json(*length) + " items");
    const json::string* input = find_string(*details, "input");
    const json::string* output = find_string(*details, "output");
    const std::string state = states_[number_of(event, "id")];
    if (input != nullptr) {
      add("in " + size_words(input->size()));
      if (text_of(event, "type").ends_with("StateEntered")) entered_[state] = input->size();
    }
    if (output != nullptr)
      add("out " + size_words(output->size()) +
          (text_of(event, "type").ends_with("StateExited")
               ? difference(entered_[state], output->size())
               : ""));
    return text;
  }

  static std::string difference(std::size_t before, std::size_t after) {
    if (before == after) return "";
    return after > before ? fmt::format(" (+{})", size_words(after - before))
                          : fmt::format(" (-{})", size_words(before - after));
  }

  double began_{0};
  std::map<double, std::string> states_{};        // By event id.
  std::map<std::string, std::size_t> entered_{};  // Bytes, by state.
};

// For people alone: stdout is what scripts read.
void print_page_link(const std::string& link) {
  if (::isatty(STDERR_FILENO) == 1) fmt::print(stderr, "{}\n", paint(Colour::Dim, link));
}

int follow_to_end(const Client& client, const std::string& arn) {
  const auto status = follow(client, arn);
  if (!status) return complain_about_call("start", client, status.error());
  if (*status == "RUNNING") {  // Ctrl-C.
    fmt::print(stderr,
               "\nThe execution goes on. 'kiban history {0} --follow{2}' shows it again; "
               "'kiban aws{2} stepfunctions stop-execution --execution-arn {1}' stops it.\n",
               last_part(arn), arn, client.given);
    return exit_interrupted;
  }
  fmt::print("{}\n", paint(colour_of_status(*status), *status));
  return *status == "SUCCEEDED" ? exit_done : exit_failed;
}

}  // namespace

int list_executions(const ClientOptions& options, const std::string& machine,
                    const std::string& status, const OutputOptions& output) {
  const Client client = make_client(options);
  const auto executions = find_executions(client, machine, status);
  if (!executions) return complain_about_call("executions", client, executions.error());
  if (output.json) {
    print_json_line(*executions);
    return exit_done;
  }
  std::vector<TableRow> rows;
  for (const json::value& each : *executions) {
    const json::object& execution = each.as_object();
    rows.push_back({time_of(execution, "startDate"), text_of(execution, "status"),
                    duration_of(execution), last_part(text_of(execution, "stateMachineArn")),
                    text_of(execution, "name")});
  }
  if (rows.empty()) {
    fmt::print("No executions. 'kiban start STATE_MACHINE' starts one.\n");
    return exit_done;
  }
  print_table({"STARTED (UTC)", "STATUS", "TOOK", "STATE MACHINE", "EXECUTION"}, rows);
  print_page_link(executions_link(client));
  return exit_done;
}

int print_history(const ClientOptions& options, const HistoryOptions& history,
                  const OutputOptions& output) {
  const Client client = make_client(options);
  const auto arn = find_execution(client, history.execution);
  if (!arn) return complain_about_call("history", client, arn.error());
  if (history.follow) return follow_to_end(client, *arn);
  const Progress progress{"Reading the history"};
  const auto execution = client.call("states", "DescribeExecution", {{"executionArn", *arn}});
  if (!execution) return complain_about_call("history", client, execution.error());
  auto events =
      client.list("states", "GetExecutionHistory",
                  {{"executionArn", *arn}, {"includeExecutionData", true}}, "events", 25'000);
  if (!events) return complain_about_call("history", client, events.error());
  if (output.json) {
    print_json_line(json::object{{"events", *std::move(events)}});
    return exit_done;
  }
  const std::string status = text_of(*execution, "status");
  fmt::print(
      "{}  {}  {}  started {} UTC, took {}\n", last_part(text_of(*execution, "stateMachineArn")),
      paint(Colour::Bold, text_of(*execution, "name")), paint(colour_of_status(status), status),
      time_of(*execution, "startDate"), duration_of(*execution));
  HistoryTable table;
  std::vector<TableRow> rows;
  for (const json::value& each : *events) rows.push_back(table.row(each.as_object()));
  print_table({"ID", "AT", "EVENT", "STATE", "DETAIL"}, rows);
  print_page_link(execution_link(client, *arn));
  return exit_done;
}

int start_execution(const ClientOptions& options, const StartOptions& start,
                    const OutputOptions& output) {
  const Client client = make_client(options);
  const auto input = read_input(start.input);
  if (!input)
    return complain("start", input.error().cause, "Give --input JSON, @FILE, or - for stdin.");
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
  std::fflush(stdout);
  if (!output.json) print_page_link(execution_link(client, text_of(*started, "executionArn")));
  return start.follow ? follow_to_end(client, text_of(*started, "executionArn")) : exit_done;
}

}  // namespace kiban::cli
