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

struct HistoryOptions {
  std::string execution{};  // As find_execution takes it.
  bool follow{false};
};
int print_history(const ClientOptions& client, const HistoryOptions& history,
                  const OutputOptions& output);

struct StartOptions {
  std::string machine{};
  std::string input{"{}"};  // JSON, @FILE, or - for stdin.
  std::string name{};
  bool follow{false};
};
int start_execution(const ClientOptions& client, const StartOptions& start,
                    const OutputOptions& output);

struct ConsoleOptions {
  bool open{false};  // In the desktop's browser.
};
// Prints a link that opens the web console once.
int open_console(const ClientOptions& client, const ConsoleOptions& console,
                 const OutputOptions& output);
// Where the console shows an execution, and all of them; the pages want a session.
std::string execution_link(const Client& client, const std::string& execution_arn);
std::string executions_link(const Client& client);

struct InvokeOptions {
  std::string function{};     // Name or ARN, with :VERSION or :ALIAS.
  std::string payload{"{}"};  // JSON, @FILE, or - for stdin.
  bool event{false};          // Do not wait for the result.
  bool logs{false};           // Show the end of the log, on stderr.
};
// Prints the payload on stdout; fails when the function did.
int invoke_function(const ClientOptions& client, const InvokeOptions& invoke);

struct LogsOptions {
  std::string group{};     // Empty: list the groups.
  std::string function{};  // A Lambda function whose group it is, instead.
  std::string pattern{};
  std::string since{};  // A duration such as 1h; empty: from the beginning.
  bool follow{false};
};
int print_logs(const ClientOptions& client, const LogsOptions& logs, const OutputOptions& output);
int list_mails(const ClientOptions& client, const OutputOptions& output);
// `number`: as the list shows it.
int print_mail(const ClientOptions& client, const std::string& number, const OutputOptions& output);
int list_tasks(const ClientOptions& client, const std::string& cluster,
               const OutputOptions& output);

struct ClockOptions {
  std::string action{};  // show, advance, set, scale or freeze.
  std::string value{};   // A duration such as 24h, a time, or a number.
  std::string hold{};    // A duration; empty: as the server has it.
};
int move_clock(const ClientOptions& client, const ClockOptions& clock, const OutputOptions& output);

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
// Answers lines of JSON from files, - being stdin, or from stdin when there are none.
int evaluate_policies(const std::vector<std::string>& files);

// No server needed. Prints a CloudFormation template with its transforms applied, as JSON.
struct TemplateOptions {
  std::string file{};                     // Empty or -: stdin.
  std::vector<std::string> parameters{};  // KEY=VALUE
  std::string region{"ap-northeast-1"};
};
int transform_template(const TemplateOptions& options);
struct IamOptions {
  bool denied{false};
  bool follow{false};
  std::string role{};            // A name or ARN; empty: all.
  std::string stack{};           // Empty: all.
  std::string allow{};           // A file of exceptions.
  std::string id{};              // Of a decision; empty: the newest denial.
  std::string proposal{"diff"};  // How a proposed policy is printed: diff, json or cdk.
};
int log_decisions(const ClientOptions& client, const IamOptions& iam, const OutputOptions& output);
int explain_decision(const ClientOptions& client, const IamOptions& iam,
                     const OutputOptions& output);
// exit_failed when something was granted and never used, or refused, that no exception names.
int report_roles(const ClientOptions& client, const IamOptions& iam, const OutputOptions& output);

struct ProveOptions {
  std::string scenario{};  // A file.
  std::string allow{};     // A file of exceptions.
  bool statements_only{false};
  bool keep{false};  // The copies of the data directory stay.
};
// exit_failed when a statement is not necessary, or something is missing, that no exception names.
int prove_roles(const ProveOptions& prove, const OutputOptions& output);

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
