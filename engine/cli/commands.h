// The commands that ask a running server, each a thin client of the HTTP API. All return the exit
// code.
#pragma once

#include <string>
#include <vector>

#include "cli/client.h"

namespace kiban::cli {

struct OutputOptions {
  bool json{false};
};

int print_environment(const ClientOptions& client);
int run_aws(const ClientOptions& client, const std::vector<std::string>& arguments);
int list_executions(const ClientOptions& client, const std::string& machine,
                    const std::string& status, const OutputOptions& output);
int print_history(const ClientOptions& client, const std::string& execution,
                  const OutputOptions& output);

struct StartOptions {
  std::string machine{};
  std::string input{"{}"};  // JSON, or @FILE.
  std::string name{};
  bool follow{false};
};
int start_execution(const ClientOptions& client, const StartOptions& start,
                    const OutputOptions& output);

struct LogsOptions {
  std::string group{};  // Empty: list the groups.
  std::string pattern{};
};
int print_logs(const ClientOptions& client, const LogsOptions& logs, const OutputOptions& output);
int list_tasks(const ClientOptions& client, const std::string& cluster,
               const OutputOptions& output);
// action: show, advance (by a duration such as 90s or 24h) or set (to a time).
int move_clock(const ClientOptions& client, const std::string& action, const std::string& value,
               const OutputOptions& output);

struct ScheduleOptions {
  std::string rule{};        // Empty: all.
  std::string expression{};  // Of explain.
  std::string zone{};        // Empty: the host's.
  std::string from{};        // Empty: now.
  std::size_t count{10};
};
int next_firings(const ClientOptions& client, const ScheduleOptions& schedule,
                 const OutputOptions& output);
int explain_schedule(const ScheduleOptions& schedule, const OutputOptions& output);

int doctor(const ClientOptions& client, const OutputOptions& output);
int reset(const std::string& data, bool yes);
int evaluate_jsonata();

// No server needed. Diagnostics like a compiler's; a run with mocks in virtual time; test cases.
struct AslOptions {
  std::vector<std::string> files{};  // run and test: one, a definition or a folder.
  std::string type{"STANDARD"};
  std::string input{"{}"};  // JSON, or @FILE.
  std::string mock_config{};
  std::string machine{};  // In the mock configuration; empty: the file's name, or the only one.
  std::string test_case{};
  bool update{false};
};
int validate_definitions(const AslOptions& options, const OutputOptions& output);
int run_definition(const AslOptions& options, const OutputOptions& output);
int test_definitions(const AslOptions& options, const OutputOptions& output);

}  // namespace kiban::cli
