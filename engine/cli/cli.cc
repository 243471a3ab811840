#include "cli/cli.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <functional>

#include "cli/backup.h"
#include "cli/commands.h"
#include "cli/completion.h"
#include "cli/iam_options.h"
#include "cli/report.h"
#include "cli/serve.h"
#include "cli/simulate_commands.h"
#include "cli/version.h"

namespace kiban::cli {

namespace {

// Everything that options may set, and the command that was chosen.
struct Chosen {
  ServeOptions serve{};
  ClientOptions client{};
  OutputOptions output{};
  StartOptions start{};
  InvokeOptions invoke{};
  LogsOptions logs{};
  AslOptions asl{};
  TemplateOptions cfn_template{};
  IamChoice iam{};
  ScheduleOptions schedule{};
  SimulateOptions simulate{};
  std::string machine{};
  std::string status{};
  std::string mail{};
  HistoryOptions history{};
  std::string cluster{};
  ClockOptions clock{};
  ConsoleOptions console{};
  std::string backup{};
  RestoreOptions restore{};
  std::vector<std::string> aws{};
  std::string shell{};
  bool yes{false};
  std::function<int()> command{};
};

// Clock, tasks, mail and retention of `kiban serve`.
void add_serve_modes(CLI::App* serve_command, ServeOptions& options) {
  serve_command->add_option("--clock", options.clock, "real, or virtual: frozen until it is moved")
      ->check(CLI::IsMember({"real", "virtual"}))
      ->capture_default_str();
  serve_command
      ->add_option(
          "--tasks", options.tasks,
          "How ECS tasks and Lambda functions run: containers (needs root, runc, conmon, umoci); "
          "process: as processes of this host, with --source; none; auto: containers where they "
          "can be run, else none")
      ->check(CLI::IsMember({"auto", "containers", "process", "none"}))
      ->capture_default_str();
  serve_command->add_option("--source", options.source,
                            "With --tasks process: the folder in which the commands run");
  serve_command
      ->add_option(
          "--loopback-targets", options.loopback_targets,
          "Whether HTTP Tasks, API destinations and SNS deliveries may call this host's "
          "loopback addresses; auto: unless containers run, or another host can call kiban")
      ->check(CLI::IsMember({"auto", "allow", "refuse"}))
      ->capture_default_str();
  serve_command->add_option("--mock-config", options.mock_config,
                            "Mocked integrations, in Step Functions Local's format");
  serve_command
      ->add_option("--throttle", options.throttle,
                   "Whose starts of executions are held back at Step Functions' rate: nested, "
                   "those by state machines and rules; aws, everybody's")
      ->check(CLI::IsMember({"nested", "aws"}))
      ->capture_default_str();
  serve_command
      ->add_option("--smtp", options.smtp,
                   "Where mails of SNS go, such as smtp://USER:PASSWORD@HOST:587 (default: the "
                   "local mailbox, which 'kiban mail' shows)")
      ->envname("KIBAN_SMTP");
  serve_command->add_option("--mail-from", options.mail_from, "The sender of mails")
      ->capture_default_str();
  serve_command
      ->add_option("--retention", options.retention,
                   "How long finished executions are kept: 24h, 90d, or forever")
      ->capture_default_str();
  serve_command
      ->add_option("--missed-schedules", options.missed_schedules,
                   "What starts of the firings of each scheduled rule that came due while no "
                   "server ran, in the last 24 hours: last, the newest one; all, in order; none")
      ->check(CLI::IsMember({"last", "all", "none"}))
      ->capture_default_str();
  serve_command
      ->add_option("--code-dir", options.code_folders,
                   "FUNCTION=DIR: run the Lambda function from this folder instead of its archive, "
                   "reloaded on change; repeatable")
      ->allow_extra_args(false);
}

void add_serve(CLI::App& app, Chosen& chosen) {
  CLI::App* serve_command = app.add_subcommand("serve", "Serve the AWS APIs until stopped");
  ServeOptions& options = chosen.serve;
  serve_command->add_option("--listen", options.listen, "Address and port; port 0 takes a free one")
      ->capture_default_str();
  serve_command->add_option("--data", options.data,
                            "Directory that keeps everything\n(default: $KIBAN_DATA, or kiban "
                            "under $XDG_STATE_HOME)");
  serve_command->add_flag("--ephemeral", options.ephemeral, "Keep nothing: all is in memory");
  serve_command->add_option("--account", options.account, "The account's id")
      ->check([](const std::string& text) {
        const bool good =
            text.size() == 12 && text.find_first_not_of("0123456789") == std::string::npos;
        return good ? std::string{} : "'" + text + "' is not an account id: 12 digits";
      })
      ->capture_default_str();
  serve_command->add_option("--region", options.region, "Region of unsigned requests")
      ->capture_default_str();
  serve_command
      ->add_option("--auth", options.auth,
                   "sigv4: signatures are verified; any: every key is root's")
      ->check(CLI::IsMember({"sigv4", "any"}))
      ->capture_default_str();
  serve_command
      ->add_option("--iam", options.iam,
                   "enforce: what policies do not allow is refused; observe: decisions are "
                   "recorded, and everything passes; off: nothing is decided (default: enforce "
                   "with --auth sigv4, observe with --auth any)")
      ->check(CLI::IsMember({"enforce", "observe", "off"}));
  serve_command->add_option("--key-file", options.key_file,
                            "The key of the encryption at rest (default: `key` in the data "
                            "directory, made when it is missing)");
  serve_command
      ->add_option("--allow-host", options.allow_hosts,
                   "A further name that clients may call this server by, such as kiban "
                   "or *.example.com; repeatable")
      ->allow_extra_args(false);
  serve_command
      ->add_option("--allow-origin", options.allow_origins,
                   "Web pages of this origin may call the server, such as "
                   "http://localhost:3000; repeatable")
      ->allow_extra_args(false);
  serve_command->add_flag("--allow-remote", options.allow_remote,
                          "With --auth any: listen where other machines reach it");
  add_serve_modes(serve_command, options);
  serve_command->callback([&] { chosen.command = [&] { return serve(chosen.serve); }; });
}

CLI::App* add_client(CLI::App& app, Chosen& chosen, const std::string& name,
                     const std::string& help, std::function<int()> command) {
  CLI::App* added = app.add_subcommand(name, help);
  added->add_option("--endpoint", chosen.client.endpoint,
                    "The server's URL (default: $KIBAN_ENDPOINT, or what --data says)");
  added->add_option("--data", chosen.client.data, "The server's data directory, for its key");
  added->callback([&chosen, command = std::move(command)] { chosen.command = command; });
  return added;
}

// Takes `NAME VALUE` or `NAME=VALUE` out of `words`.
void take_option(std::vector<std::string>& words, const std::string& name, std::string& value) {
  for (auto at = words.begin(); at != words.end(); ++at) {
    if (at->starts_with(name + "=")) {
      value = at->substr(name.size() + 1);
      words.erase(at);
      return;
    }
    if (*at == name && at + 1 != words.end()) {
      value = *(at + 1);
      words.erase(at, at + 2);
      return;
    }
  }
}

CLI::App* with_json(CLI::App* command, Chosen& chosen) {
  command->add_flag("--json", chosen.output.json, "Print JSON");
  return command;
}

void add_environment(CLI::App& app, Chosen& chosen) {
  add_client(app, chosen, "env", "Print shell exports for clients: eval \"$(kiban env)\"",
             [&] { return print_environment(chosen.client); });
  CLI::App* aws = add_client(app, chosen, "aws", "Run the installed AWS CLI against the server",
                             [&] { return run_aws(chosen.client, chosen.aws); });
  aws->prefix_command();
  aws->callback([&, aws] {
    chosen.aws = aws->remaining();
    // Also behind the AWS CLI's own words: no operation that kiban serves has such an option there.
    take_option(chosen.aws, "--data", chosen.client.data);
    chosen.command = [&] { return run_aws(chosen.client, chosen.aws); };
  });
}

void add_console(CLI::App& app, Chosen& chosen) {
  CLI::App* console = with_json(
      add_client(app, chosen, "console", "Print a link that opens the web console",
                 [&] { return open_console(chosen.client, chosen.console, chosen.output); }),
      chosen);
  console->add_flag("--open", chosen.console.open, "Open it in this desktop's browser");
  console->footer(
      "The link works once, within 10 minutes, and opens a session of 12 hours in that browser.\n"
      "Who has it is the account's root: do not pass it on.");
}

void add_executions(CLI::App& app, Chosen& chosen) {
  CLI::App* executions = with_json(
      add_client(app, chosen, "executions", "List executions of one or of all state machines",
                 [&] {
                   return list_executions(chosen.client, chosen.machine, chosen.status,
                                          chosen.output);
                 }),
      chosen);
  executions->add_option("STATE_MACHINE", chosen.machine, "Name or ARN");
  executions->add_option("--status", chosen.status, "Only these")
      ->transform(CLI::IsMember(std::vector<std::string>{"RUNNING", "SUCCEEDED", "FAILED",
                                                         "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"},
                                CLI::ignore_case));

  CLI::App* history = with_json(
      add_client(app, chosen, "history", "Print the events of an execution",
                 [&] { return print_history(chosen.client, chosen.history, chosen.output); }),
      chosen);
  history
      ->add_option(
          "EXECUTION", chosen.history.execution,
          "Its ARN, its name or the beginning of it; or a state machine's name: the newest")
      ->required();
  history->add_flag("--follow", chosen.history.follow,
                    "Show its states as they run, as start does");
  history->footer(
      "  kiban history nightly              the newest execution of the state machine nightly\n"
      "  kiban history 3f2a --json          as GetExecutionHistory answers, all pages");
}

void add_start(CLI::App& app, Chosen& chosen) {
  CLI::App* start = with_json(
      add_client(app, chosen, "start", "Start an execution",
                 [&] { return start_execution(chosen.client, chosen.start, chosen.output); }),
      chosen);
  start->add_option("STATE_MACHINE", chosen.start.machine, "Name or ARN")->required();
  start->add_option("--input", chosen.start.input, "JSON, @FILE, or - for stdin")
      ->capture_default_str();
  start->add_option("--name", chosen.start.name, "The execution's name");
  start->add_flag("--follow", chosen.start.follow,
                  "Show its states as they run; exit 1 unless it succeeds");
  start->footer(
      "  kiban start nightly --follow\n"
      "  kiban start nightly --input '{\"day\": \"2026-11-24\"}'\n"
      "  kiban start nightly --input @input.json --name try-1");
}

void add_invoke(CLI::App& app, Chosen& chosen) {
  CLI::App* invoke = add_client(app, chosen, "invoke", "Invoke a Lambda function",
                                [&] { return invoke_function(chosen.client, chosen.invoke); });
  invoke
      ->add_option("FUNCTION", chosen.invoke.function,
                   "Name or ARN, also NAME:VERSION and NAME:ALIAS")
      ->required();
  invoke->add_option("--payload", chosen.invoke.payload, "JSON, @FILE, or - for stdin")
      ->capture_default_str();
  CLI::Option* event =
      invoke->add_flag("--event", chosen.invoke.event, "Do not wait for the result");
  invoke->add_flag("--logs", chosen.invoke.logs, "Show the end of the log, on stderr")
      ->excludes(event);
  invoke->footer(
      "Prints the function's result. The exit code is 1 when the function failed.\n\n"
      "  kiban invoke resize\n"
      "  kiban invoke resize:live --payload '{\"key\": \"a.png\"}' --logs\n"
      "  kiban invoke resize --payload @event.json --event");
}

void add_logs(CLI::App& app, Chosen& chosen) {
  CLI::App* logs =
      with_json(add_client(app, chosen, "logs", "Print a log group's events, or list the groups",
                           [&] { return print_logs(chosen.client, chosen.logs, chosen.output); }),
                chosen);
  CLI::Option* group = logs->add_option("LOG_GROUP", chosen.logs.group, "Its name");
  logs->add_option("--function", chosen.logs.function, "The group of this Lambda function")
      ->excludes(group);
  logs->add_option("--filter", chosen.logs.pattern, "CloudWatch Logs filter pattern");
  logs->add_option("--since", chosen.logs.since, "Only what is younger: 90s, 5m, 24h or 7d");
  logs->add_flag("--follow", chosen.logs.follow, "Print what comes, until Ctrl-C");
  logs->footer(
      "  kiban logs                                   the log groups\n"
      "  kiban logs /dev/ecs/api --since 1h --filter ERROR\n"
      "  kiban logs /dev/ecs/api --follow\n"
      "  kiban logs --function resize --follow");
}

void add_tasks_and_mail(CLI::App& app, Chosen& chosen) {
  CLI::App* tasks = with_json(
      add_client(app, chosen, "tasks", "List ECS tasks",
                 [&] { return list_tasks(chosen.client, chosen.cluster, chosen.output); }),
      chosen);
  tasks->add_option("--cluster", chosen.cluster, "Only this cluster's");

  CLI::App* mail =
      with_json(add_client(app, chosen, "mail", "List the mails of the local mailbox",
                           [&] {
                             return chosen.mail.empty()
                                        ? list_mails(chosen.client, chosen.output)
                                        : print_mail(chosen.client, chosen.mail, chosen.output);
                           }),
                chosen);
  CLI::App* show_mail =
      with_json(add_client(*mail, chosen, "show", "Print a mail",
                           [&] { return print_mail(chosen.client, chosen.mail, chosen.output); }),
                chosen);
  show_mail->add_option("N", chosen.mail, "Its number in the list")->required();
  mail->footer(
      "Mails to subscribers of SNS topics by e-mail come here unless kiban serve was given "
      "--smtp:\n"
      "a folder of .eml files, mail/ in the data directory.\n\n"
      "  kiban mail                       the mails, the oldest first\n"
      "  kiban mail show 3                with the link that confirms a subscription");

  with_json(add_client(app, chosen, "doctor", "Check the server and what this machine has",
                       [&] { return doctor(chosen.client, chosen.output); }),
            chosen);
}

void add_clients(CLI::App& app, Chosen& chosen) {
  add_environment(app, chosen);
  add_console(app, chosen);
  add_executions(app, chosen);
  add_start(app, chosen);
  add_invoke(app, chosen);
  add_logs(app, chosen);
  add_tasks_and_mail(app, chosen);
}

void add_backup(CLI::App& app, Chosen& chosen) {
  CLI::App* backup = with_json(
      add_client(app, chosen, "backup", "Copy the server's data to a directory while it serves",
                 [&] { return back_up(chosen.client, chosen.backup, chosen.output); }),
      chosen);
  backup->add_option("DIR", chosen.backup, "Where: it must not exist, or be empty")->required();
  backup->footer(
      "Rows, objects, images and databases are copied; tasks that run are not. The key that\n"
      "encrypts the rows is not copied either: keep a copy of DATA/key somewhere else.\n\n"
      "  kiban backup /backup/kiban-2026-11-24");

  RestoreOptions& options = chosen.restore;
  CLI::App* restored = app.add_subcommand("restore", "Make a data directory of a backup");
  restored->add_option("DIR", options.backup, "What kiban backup made")->required();
  restored->add_option("--data", options.data,
                       "The directory to make (default as in serve); it must hold no data");
  restored->add_option("--key-file", options.key_file,
                       "The key of the rows (default: `key` in the data directory)");
  restored->footer(
      "Executions go on when it is served; tasks that ran at the backup begin again.\n\n"
      "  kiban restore /backup/kiban-2026-11-24 --data /var/lib/kiban --key-file /safe/key");
  restored->callback([&] { chosen.command = [&] { return restore(chosen.restore); }; });
}

void add_clock(CLI::App& app, Chosen& chosen) {
  CLI::App* clock = app.add_subcommand("clock", "Show or move the server's virtual clock");
  clock->require_subcommand(1);
  clock->footer(
      "A server that was started with --clock virtual begins frozen at the host's time. Waits,\n"
      "retries, timeouts and schedules all read its clock; containers run for real.\n\n"
      "  kiban clock advance 24h          a day's schedules and waits, in order, at once\n"
      "  kiban clock scale 3600           an hour passes in a second, until it is frozen\n"
      "  kiban clock freeze               it stands, over a restart too");
  ClockOptions& options = chosen.clock;
  const auto add = [&](const std::string& action, const std::string& help) {
    return with_json(add_client(*clock, chosen, action, help,
                                [&chosen, action] {
                                  chosen.clock.action = action;
                                  return move_clock(chosen.client, chosen.clock, chosen.output);
                                }),
                     chosen);
  };
  add("show", "Show the time, the first timer, and what is in flight");
  CLI::App* advance = add("advance", "Move it forward; all that comes due happens, in order");
  advance->add_option("DURATION", options.value, "250ms, 90s, 5m, 24h or 7d")->required();
  CLI::App* set = add("set", "Move it forward to a time");
  set->add_option("TIME", options.value, "2026-11-24T17:00:00Z")->required();
  CLI::App* scale = add("scale", "Let it run, N times as fast as the host's");
  scale->add_option("N", options.value, "1: as the host's; 3600: an hour in a second")->required();
  add("freeze", "Let it stand");
  for (CLI::App* command : {advance, set, scale})
    command->add_option("--hold", options.hold,
                        "How long, in real time, tasks that run to completion and deliveries may "
                        "each hold it at an instant (default: as last given, at first 60s). Then "
                        "advance and set stop there and name them; a running clock goes on");
}

void add_schedule(CLI::App& app, Chosen& chosen) {
  CLI::App* schedule =
      app.add_subcommand("schedule", "When rules and schedules of EventBridge fire");
  schedule->require_subcommand(1);
  ScheduleOptions& options = chosen.schedule;
  CLI::App* next =
      with_json(add_client(*schedule, chosen, "next",
                           "List the coming firings of enabled rules and schedules, soonest first, "
                           "in UTC and in a zone",
                           [&] { return next_firings(chosen.client, options, chosen.output); }),
                chosen);
  next->add_option("--rule", options.rule, "Only this rule's, or this schedule's: GROUP/NAME");
  CLI::App* explain = with_json(
      schedule->add_subcommand(
          "explain",
          "Tell what an expression means and when it fires, without a server\n\n"
          "  rate(5 minutes)           every 5 minutes from when the rule is made or enabled;\n"
          "                            1 takes the singular: rate(1 hour), rate(1 day)\n"
          "  cron(0 17 * * ? *)        minutes hours day-of-month month day-of-week year, in UTC;\n"
          "                            one of the two days is ?; weekdays are 1-7 from Sunday\n"
          "  cron(0/15 8-17 ? * MON-FRI *)  cron(0 9 L * ? *)  cron(0 9 ? * FRI#2 *)\n"),
      chosen);
  explain->add_option("EXPRESSION", options.expression, "In quotes: 'cron(0 17 * * ? *)'")
      ->required();
  explain->add_option("--from", options.from, "Begin at this time, 2026-11-24T17:00:00Z, not now");
  explain->callback(
      [&] { chosen.command = [&] { return explain_schedule(options, chosen.output); }; });
  for (CLI::App* command : {next, explain}) {
    command->add_option("--zone", options.zone,
                        "Show times there too, such as Asia/Tokyo (default: $TZ or the host's)");
    command->add_option("--count", options.count, "How many firings")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
  }
}

void add_local(CLI::App& app, Chosen& chosen) {
  CLI::App* reset_command = app.add_subcommand("reset", "Erase a data directory");
  reset_command->add_option("--data", chosen.client.data, "The directory (default as in serve)");
  reset_command->add_flag("--yes", chosen.yes, "Really");
  reset_command->callback(
      [&] { chosen.command = [&] { return reset(chosen.client.data, chosen.yes); }; });

  CLI::App* jsonata = app.add_subcommand("jsonata", "JSONata without a server");
  jsonata->require_subcommand(1);
  jsonata
      ->add_subcommand(
          "eval",
          "Read JSON lines {\"expr\": ..., \"data\": ..., \"bindings\": {...}}, answer "
          "each with {\"result\": ...}, {\"undefined\": true} or {\"error\": {...}}")
      ->callback([&] { chosen.command = evaluate_jsonata; });
}

void add_cfn(CLI::App& app, Chosen& chosen) {
  CLI::App* cfn = app.add_subcommand("cfn", "CloudFormation templates without a server");
  cfn->require_subcommand(1);
  CLI::App* transform = cfn->add_subcommand(
      "transform", "Print a template with its transforms (SAM, language extensions) applied");
  TemplateOptions& options = chosen.cfn_template;
  transform->add_option("FILE", options.file, "The template, - for stdin (default: stdin)");
  transform->add_option("--parameter", options.parameters, "KEY=VALUE; repeatable")
      ->allow_extra_args(false);
  transform->add_option("--region", options.region, "The value of AWS::Region")
      ->capture_default_str();
  transform->footer(
      "The result is JSON. Includes, SSM parameters and imported values need a server: deploy the\n"
      "template, and GetTemplate with TemplateStage=Processed shows the same.\n\n"
      "  kiban cfn transform template.yaml --parameter Stage=dev");
  transform->callback(
      [&] { chosen.command = [&] { return transform_template(chosen.cfn_template); }; });
}

void add_simulate(CLI::App& app, Chosen& chosen) {
  CLI::App* command =
      with_json(app.add_subcommand(
                    "simulate", "Run the whole engine against random requests, crashes and faults"),
                chosen);
  SimulateOptions& options = chosen.simulate;
  command->add_option("--seed", options.seed, "The first run's seed; equal seeds run equally")
      ->capture_default_str();
  command->add_option("--steps", options.steps, "Steps of each run")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--runs", options.runs, "How many runs, each with the next seed")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--seconds", options.seconds, "Begin no further run after this time")
      ->check(CLI::Range(1, 86'400));
  command
      ->add_option("--mutation", options.mutation,
                   "Put this fault into the engine, to see it found")
      ->check(CLI::IsMember(simulate::mutation_names()));
  command->add_flag("--trace", options.trace, "Print all that happens in the first run");
  command->add_flag("--requests", options.requests,
                    "Print the requests of the first run as JSON lines, for other tools");
  command->add_flag("--no-shrink", options.whole,
                    "Print a failure with all its steps, not with as few as show it");
  command->footer(
      "Needs no server and touches no file, process or network: store, containers, databases,\n"
      "receivers of requests and mails, and the clock are simulated. A run that violates an\n"
      "invariant ends; the command that repeats it and its shortest trace are printed, and the\n"
      "exit code is 1. docs/simulate.md lists the invariants.");
  command->callback(
      [&] { chosen.command = [&] { return run_simulations(chosen.simulate, chosen.output); }; });
}

void add_completion(CLI::App& app, Chosen& chosen) {
  CLI::App* completion = app.add_subcommand("completion", "Print a shell's script for the Tab key");
  completion->add_option("SHELL", chosen.shell, "bash, zsh or fish")
      ->check(CLI::IsMember({"bash", "zsh", "fish"}))
      ->required();
  completion->footer(
      "  source <(kiban completion bash)                 in ~/.bashrc\n"
      "  source <(kiban completion zsh)                  in ~/.zshrc, after compinit\n"
      "  kiban completion fish > ~/.config/fish/completions/kiban.fish");
  completion->callback([&] {
    chosen.command = [&] {
      fmt::print("{}", completion_script(chosen.shell));
      return exit_done;
    };
  });
}

void add_asl(CLI::App& app, Chosen& chosen) {
  CLI::App* asl = app.add_subcommand("asl", "State machine definitions without a server");
  asl->require_subcommand(1);
  AslOptions& options = chosen.asl;
  const auto add = [&](const std::string& name, const std::string& help, auto act) {
    CLI::App* added = with_json(asl->add_subcommand(name, help), chosen);
    added->callback([&chosen, act] {
      chosen.command = [&chosen, act] { return act(chosen.asl, chosen.output); };
    });
    return added;
  };
  const auto add_type = [&](CLI::App* command) {
    command->add_option("--type", options.type, "The machine's type")
        ->check(CLI::IsMember({"STANDARD", "EXPRESS"}))
        ->capture_default_str();
  };
  CLI::App* validate =
      add("validate", "Say what AWS would refuse, and where", validate_definitions);
  validate->add_option("FILE", options.files, "Definitions")->required();
  add_type(validate);

  CLI::App* run =
      add("run", "Run a definition in virtual time and print its history", run_definition);
  run->add_option("FILE", options.files, "The definition")->required()->expected(1);
  run->add_option("--input", options.input, "JSON, or @FILE")->capture_default_str();
  auto* config = run->add_option("--mock-config", options.mock_config,
                                 "What tasks answer, in Step Functions Local's format");
  run->add_option("--test-case", options.test_case, "The case in the mock configuration")
      ->needs(config);
  run->add_option("--machine", options.machine,
                  "The machine in the mock configuration (default: the file's name)");
  add_type(run);

  CLI::App* test = add("test", "Run the cases of a folder", test_definitions);
  test->add_option("DIR", options.files, "The folder")->required()->expected(1);
  test->add_flag("--update", options.update, "Write the histories anew instead of comparing them");
  test->footer(
      "A case is a file case.json or NAME.case.json anywhere below DIR:\n"
      "  {\"definition\": \"FILE\" or {...},   default definition.asl.json beside it\n"
      "   \"type\": \"EXPRESS\", \"input\": any, \"source\": \"why it must be so\",\n"
      "   \"mocks\": {\"STATE\": {\"Return\": any} or {\"Throw\": {\"Error\", \"Cause\"}}, or a "
      "list of\n"
      "             these: the n-th for its n-th call, the last for all others},\n"
      "   \"mockConfig\": \"FILE\", \"testCase\": \"NAME\",      Step Functions Local's format\n"
      "   \"expect\": {\"status\", \"path\": [\"STATE\"], \"output\", \"error\", \"cause\"}}\n"
      "history.txt (NAME.history.txt) beside it is compared line by line.");
}

// `commands`: those that were recognised, the outermost; none: the fault is before any.
int complain_about_usage(const std::vector<CLI::App*>& commands, const std::string& why) {
  if (commands.empty()) {
    complain("usage", why, "'kiban --help' lists the commands.");
    return exit_usage;
  }
  const CLI::App* last = commands.front();
  std::string line = "kiban " + last->get_name();
  for (auto inner = last->get_subcommands(); !inner.empty(); inner = last->get_subcommands()) {
    last = inner.front();
    line += " " + last->get_name();
  }
  const std::string name = commands.front()->get_name();
  const std::vector<std::string> left = last->remaining();
  const bool has_commands = last->get_require_subcommand_min() > 0;
  if (has_commands && !left.empty() && !left.front().starts_with('-'))
    complain(name, fmt::format("there is no command '{} {}'", line, left.front()),
             "'" + line + " --help' lists the commands.");
  else
    complain(name, why, "'" + line + " --help' tells more.");
  return exit_usage;
}

}  // namespace

int run(int argc, char** argv) {
  CLI::App app{
      "kiban runs an AWS orchestration stack on this machine: Step Functions, EventBridge, ECS,\n"
      "Lambda and the CloudFormation that wires them, for the AWS CLI, the SDKs and 'cdk "
      "deploy'.\n\n"
      "  kiban serve                      serve on 127.0.0.1:4566, data kept\n"
      "  eval \"$(kiban env)\"              let the AWS CLI, SDKs and CDK find it\n"
      "  kiban start NAME --follow        run a state machine and watch it\n",
      "kiban"};
  app.set_version_flag("--version", fmt::format("kiban {}", version));
  app.require_subcommand(1);
  Chosen chosen;
  add_serve(app, chosen);
  add_clients(app, chosen);
  add_backup(app, chosen);
  add_clock(app, chosen);
  add_schedule(app, chosen);
  add_local(app, chosen);
  add_asl(app, chosen);
  add_iam(app, chosen.iam,
          [&](std::function<int()> command) { chosen.command = std::move(command); });
  add_cfn(app, chosen);
  add_simulate(app, chosen);
  add_completion(app, chosen);
  if (argc > 1 &&
      argv[1] == std::string_view("__complete")) {  // Called by the shells' completion scripts.
    std::vector<std::string> words(argv + 2, argv + argc);
    if (!words.empty() && words.front() == "--") words.erase(words.begin());
    for (const std::string& line : complete(app, words, find_names)) fmt::print("{}\n", line);
    return exit_done;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version.
    const std::vector<CLI::App*> commands = app.get_subcommands();
    if (commands.empty() && argc > 1 && *argv[1] != '-') {
      complain("usage", fmt::format("there is no command '{}'", argv[1]),
               "'kiban --help' lists the commands.");
      return exit_usage;
    }
    return complain_about_usage(commands, error.what());
  }
  return chosen.command();
}

}  // namespace kiban::cli
