#include "cli/iam_options.h"

namespace kiban::cli {

namespace {

using Choose = std::function<void(std::function<int()>)>;

CLI::App* add_client(CLI::App& iam, IamChoice& choice, const Choose& choose,
                     const std::string& name, const std::string& help,
                     std::function<int()> command) {
  CLI::App* added = iam.add_subcommand(name, help);
  added->add_option("--endpoint", choice.client.endpoint,
                    "The server's URL (default: $KIBAN_ENDPOINT, or what --data says)");
  added->add_option("--data", choice.client.data, "The server's data directory, for its key");
  added->add_flag("--json", choice.output.json, "Print JSON");
  added->callback([choose, command = std::move(command)] { choose(command); });
  return added;
}

void add_evaluate(CLI::App& iam, IamChoice& choice, const Choose& choose) {
  CLI::App* evaluate = iam.add_subcommand(
      "evaluate", "Decide requests by their policies: a JSON line for each line that is read");
  evaluate->add_option("FILE", choice.policy_requests, "JSON lines, - for stdin (default: stdin)");
  evaluate->footer(
      "A line is {\"principal\": ARN, \"*\" or {\"Service\": NAME}, \"action\": \"s3:GetObject\",\n"
      "\"resource\": ARN, \"resourceAccount\": ID, \"context\": {KEY: value or [values]},\n"
      "\"identityPolicies\": [policy...], \"resourcePolicy\": policy,\n"
      "\"permissionBoundaries\": [policy...], \"sessionPolicy\": policy}. Only action is "
      "required;\n"
      "a policy is an object, or a string of JSON. Keys of the context are those given, no "
      "others.\n\n"
      "The answer is {\"decision\": \"Allowed\", \"ImplicitlyDenied\" or \"ExplicitlyDenied\",\n"
      "\"statements\": [{\"policy\": \"identityPolicies[0]\", \"index\": 0, \"sid\": \"Read\"}]}:\n"
      "the denies that apply, or all allows that do; with ImplicitlyDenied these are allows that\n"
      "another policy limits. A statement without a Sid has no sid. What is malformed is answered\n"
      "by {\"error\": \"CODE: text\", \"policy\": \"identityPolicies[0]\"}. docs/iam.md tells the "
      "rules.\n\n"
      "  kiban iam evaluate requests.jsonl\n"
      "  echo '{\"action\": \"s3:GetObject\", ...}' | kiban iam evaluate");
  evaluate->callback([&choice, choose] {
    choose([&choice] { return evaluate_policies(choice.policy_requests); });
  });
}

void add_log(CLI::App& iam, IamChoice& choice, const Choose& choose) {
  CLI::App* log =
      add_client(iam, choice, choose, "log", "List decisions, the oldest first",
                 [&choice] { return log_decisions(choice.client, choice.iam, choice.output); });
  log->add_flag("--denied", choice.iam.denied, "Only denials");
  log->add_option("--role", choice.iam.role,
                  "Only those of this role, by its name or ARN, or of the user of this ARN");
  log->add_flag("--follow", choice.iam.follow, "Print what comes, until Ctrl-C");
  log->footer(
      "Kept are the newest 10,000 denials, and the newest 10,000 requests that were allowed since\n"
      "the server started. 'denied, let pass' is what 'kiban serve --iam observe' did not refuse.\n"
      "Times are UTC. --json prints one record a line.\n\n"
      "  kiban iam log --denied --follow");
  CLI::App* explain =
      add_client(iam, choice, choose, "explain",
                 "Tell why a request was decided so, and the smallest statement that allows it",
                 [&choice] { return explain_decision(choice.client, choice.iam, choice.output); });
  explain->add_option(
      "ID", choice.iam.id,
      "The decision's id, as 'kiban iam log' prints it (default: the newest denial)");
  explain->footer(
      "  kiban iam explain\n"
      "  kiban iam explain 1a22da069cf00001 --json");
}

void add_report(CLI::App& iam, IamChoice& choice, const Choose& choose) {
  CLI::App* command =
      add_client(iam, choice, choose, "report",
                 "Tell what roles were granted, used, and never exercised, and what would suffice",
                 [&choice] { return report_roles(choice.client, choice.iam, choice.output); });
  CLI::Option* stack =
      command->add_option("--stack", choice.iam.stack, "The roles of this stack (default: all)");
  command->add_option("--role", choice.iam.role, "Only this role: its name or ARN")
      ->excludes(stack);
  command->add_option("--allow", choice.iam.allow, "A file of exceptions, YAML or JSON");
  command->add_option("--proposal", choice.iam.proposal, "How a narrower policy is printed")
      ->check(CLI::IsMember({"diff", "json", "cdk"}))
      ->capture_default_str();
  command->footer(
      "The exit code is 1 when a statement, action or resource was granted and never used, or\n"
      "something was refused, and no exception names it. docs/iam.md has the file of "
      "exceptions.\n\n"
      "  kiban iam report --stack dev-OrchestrationStack --allow exceptions.yaml\n"
      "  kiban iam report --role batch-role --proposal cdk");
}

void add_prove(CLI::App& iam, IamChoice& choice, const Choose& choose) {
  CLI::App* command = iam.add_subcommand(
      "prove", "Remove each statement in turn, run a scenario, and expect exactly that refusal");
  ProveOptions& prove = choice.prove;
  command->add_option("--scenario", prove.scenario, "The scenario, YAML or JSON")->required();
  command->add_option("--allow", prove.allow, "A file of exceptions, YAML or JSON");
  command->add_flag("--statements-only", prove.statements_only,
                    "Not each action of the statements that have several");
  command->add_flag("--keep", prove.keep, "Keep the copies of the data directory");
  command->add_flag("--json", choice.output.json, "Print JSON");
  command->footer(
      "Works on copies of the scenario's data directory, each with a server of its own that\n"
      "enforces policies under a virtual clock. The exit code is 1 when something is missing, or "
      "a\n"
      "statement is not necessary and no exception names it. docs/iam.md tells how a scenario is\n"
      "written.\n\n"
      "  kiban iam prove --scenario cdk/iam/dev.yaml --allow cdk/iam/exceptions.yaml");
  command->callback([&choice, choose] {
    choose([&choice] { return prove_roles(choice.prove, choice.output); });
  });
}

}  // namespace

void add_iam(CLI::App& app, IamChoice& choice, const Choose& choose) {
  CLI::App* iam = app.add_subcommand("iam", "Decisions of IAM: log, explain, report, prove");
  iam->require_subcommand(1);
  add_log(*iam, choice, choose);
  add_report(*iam, choice, choose);
  add_prove(*iam, choice, choose);
  add_evaluate(*iam, choice, choose);
}

}  // namespace kiban::cli
