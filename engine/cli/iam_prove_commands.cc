// iam prove: each statement is removed in turn, and the scenario shows whether it was needed.
#include <fmt/core.h>
#include <sys/types.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <set>

#include "cli/commands.h"
#include "cli/data_directory.h"
#include "cli/decisions.h"
#include "cli/exceptions_file.h"
#include "cli/follow.h"
#include "cli/report.h"
#include "cli/scenario.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/trial.h"
#include "iam/report/explanation.h"
#include "iam/report/proof.h"
#include "iam/report/words.h"

namespace kiban::cli {

namespace report = iam::report;

namespace {

// One run of the scenario.
struct Run {
  std::vector<report::RolePolicies> roles{};  // As they were before it.
  std::vector<report::Record> records{};
  std::optional<std::string> deviation{};
};

struct Proved {
  report::Mutation mutation{};
  report::Judgement judgement{};
  std::string role{};                      // Its name.
  std::optional<std::string> deviation{};  // What went otherwise.
  std::string excepted{};                  // The exception's reason.
};

Result<void> check_stopped(const std::string& data) {
  if (data.empty()) return {};
  if (!std::filesystem::is_directory(data))
    return fail("NoData", "there is no data directory " + data);
  const auto file = read_server_file(data);
  if (file && file->pid > 0 && ::kill(static_cast<pid_t>(file->pid), 0) == 0)
    return fail("DataInUse", "a server runs on " + data +
                                 ": stop it, or prove a copy made by kiban "
                                 "backup and restore");
  return {};
}

Result<std::vector<report::RolePolicies>> fetch_roles(const Client& client,
                                                      const Scenario& scenario) {
  std::set<std::string> names(scenario.roles.begin(), scenario.roles.end());
  KIBAN_TRY(const Stacks stacks, fetch_stacks(client));
  for (const std::string& stack : scenario.stacks) {
    const std::size_t before = names.size();
    for (const report::Resource& each : stacks.resources.all())
      if (each.stack == stack && each.type == "AWS::IAM::Role") names.insert(each.physical_id);
    if (names.size() == before)
      return fail("NoSuchRole", "no stack " + stack + " with a role exists");
  }
  std::vector<report::RolePolicies> roles;
  for (const std::string& name : names) {
    KIBAN_TRY(report::RolePolicies role, fetch_role(client, name));
    roles.push_back(std::move(role));
  }
  return roles;
}

Result<void> apply(const Client& client, const report::Mutation& mutation,
                   const report::PolicyText& policy) {
  const std::string role = short_name(mutation.role);
  json::object input{{"RoleName", role}};
  std::string operation;
  if (policy.managed && !mutation.document) {
    operation = "DetachRolePolicy";
    input["PolicyArn"] = policy.ref;
  } else if (policy.managed) {
    operation = "CreatePolicyVersion";
    input = {{"PolicyArn", policy.ref},
             {"PolicyDocument", print_json(*mutation.document)},
             {"SetAsDefault", true}};
  } else {
    operation = mutation.document ? "PutRolePolicy" : "DeleteRolePolicy";
    input["PolicyName"] = short_name(policy.ref);
    if (mutation.document) input["PolicyDocument"] = print_json(*mutation.document);
  }
  KIBAN_TRY([[maybe_unused]] const json::object done, client.ask("iam", operation, input));
  return {};
}

// Copies the data, lets a server run on the copy, and gives what it decided. Without a mutation it
// also reads the roles.
Result<Run> run_once(const Scenario& scenario, const std::string& base, const std::string& copy,
                     const report::Mutation* mutation, const report::PolicyText* policy) {
  KIBAN_TRY_VOID(copy_directory(base, copy));
  Run run;
  {
    KIBAN_TRY(const Trial trial, Trial::serve(scenario, copy));
    if (mutation == nullptr) {
      KIBAN_TRY(run.roles, fetch_roles(trial.client(), scenario));
    }
    if (mutation != nullptr) KIBAN_TRY_VOID(apply(trial.client(), *mutation, *policy));
    KIBAN_TRY(const std::vector<report::Record> before, fetch_decisions(trial.client(), {}));
    run.deviation = trial.run(scenario.steps);
    KIBAN_TRY(run.records,
              fetch_decisions(trial.client(), {.after = before.empty() ? "" : before.back().id}));
  }
  return run;
}

Result<void> set_up(const Scenario& scenario, const std::string& base) {
  KIBAN_TRY_VOID(copy_directory(scenario.data, base));
  if (scenario.setup.empty()) return {};
  KIBAN_TRY(const Trial trial, Trial::serve(scenario, base));
  if (const auto deviation = trial.run(scenario.setup))
    return fail("SetupFailed", "the setup of the scenario: " + *deviation);
  return {};
}

class Prover {
 public:
  Prover(const Scenario& scenario, const ProveOptions& options,
         std::vector<report::Exception> exceptions, bool tells)
      : scenario_(scenario), options_(options), exceptions_(std::move(exceptions)), tells_(tells) {}

  Result<void> run() {
    KIBAN_TRY_VOID(check_stopped(scenario_.data));
    KIBAN_TRY(const WorkFolder folder, WorkFolder::make(options_.keep));
    if (options_.keep) fmt::print(stderr, "The copies are in {}\n", folder.path());
    const std::string base = folder.path() + "/base";
    KIBAN_TRY_VOID(set_up(scenario_, base));
    KIBAN_TRY(unchanged_, run_once(scenario_, base, folder.path() + "/run-0", nullptr, nullptr));
    if (!missing().empty() || unchanged_.deviation) return {};
    const Interruption interruption;
    for (const report::RolePolicies& role : unchanged_.roles)
      for (report::Mutation& mutation : report::mutations_of(
               role, unchanged_.records,
               options_.statements_only ? report::Actions::Whole : report::Actions::Each)) {
        if (interruption.happened()) return fail("Interrupted", "Ctrl-C");
        KIBAN_TRY_VOID(prove(role, std::move(mutation), base, folder.path()));
      }
    return {};
  }

  // Denials of the roles in the unchanged run: permissions that are missing.
  std::vector<report::Record> missing() const {
    std::vector<report::Record> all;
    for (const report::Record& record : unchanged_.records)
      if (!record.allowed() && std::ranges::any_of(unchanged_.roles, [&](const auto& role) {
            return role.arn == record.principal;
          }))
        all.push_back(record);
    return all;
  }
  const Run& unchanged() const { return unchanged_; }
  const std::vector<Proved>& proved() const { return proved_; }
  std::size_t runs() const { return runs_; }

  static bool holds(const Proved& each) {
    return each.judgement.proof == report::Proof::Necessary || !each.excepted.empty();
  }

 private:
  Result<void> prove(const report::RolePolicies& role, report::Mutation mutation,
                     const std::string& base, const std::string& folder) {
    Proved proved{.mutation = std::move(mutation), .role = role.name};
    if (proved.mutation.exercised) {
      const std::string copy = fmt::format("{}/run-{}", folder, ++runs_);
      KIBAN_TRY(const Run run, run_once(scenario_, base, copy, &proved.mutation,
                                        &role.policies[proved.mutation.policy]));
      proved.deviation = run.deviation;
      proved.judgement = report::judge(proved.mutation, unchanged_.records, run.records,
                                       run.deviation.has_value());
      std::error_code ignored;
      if (!options_.keep) std::filesystem::remove_all(copy, ignored);
    }
    const bool whole = proved.mutation.action.empty();
    if (proved.judgement.proof == report::Proof::Excess)
      if (const report::Exception* exception =
              report::exception_for({.role = role.name,
                                     .kind = whole ? "unused-statement" : "unused-action",
                                     .statement = proved.mutation.statement,
                                     .action = proved.mutation.action},
                                    exceptions_))
        proved.excepted = exception->reason;
    if (tells_) tell(proved);
    proved_.push_back(std::move(proved));
    return {};
  }

  static void tell(const Proved& proved) {
    const bool good = holds(proved);
    fmt::print("{}  {}  {}\n",
               paint(good ? Colour::Green : Colour::Red,
                     fmt::format("{:10}", report::proof_name(proved.judgement.proof))),
               proved.role, paint(Colour::Bold, proved.mutation.words()));
    if (!proved.excepted.empty()) fmt::print("            excepted: {}\n", proved.excepted);
    std::set<std::string> told;
    const auto tell_records = [&told](const char* what, const std::vector<report::Record>& all) {
      for (const report::Record& record : all) {
        const std::string line = fmt::format("{}: {} on {}", what, record.action, record.resource);
        if (told.insert(line).second) fmt::print("            {}\n", line);
      }
    };
    tell_records("refused", proved.judgement.refusals);
    tell_records("refused too", proved.judgement.others);
    if (proved.deviation && proved.judgement.proof == report::Proof::Unexpected)
      fmt::print("            {}\n", *proved.deviation);
    if (!proved.mutation.exercised) fmt::print("            no decision was allowed by it\n");
    std::fflush(stdout);
  }

  const Scenario& scenario_;
  const ProveOptions& options_;
  std::vector<report::Exception> exceptions_;
  bool tells_;
  Run unchanged_{};
  std::vector<Proved> proved_{};
  std::size_t runs_{0};
};

json::array to_array(const std::vector<report::Record>& records) {
  json::array all;
  for (const report::Record& record : records)
    all.push_back(json::object{{"principal", record.principal},
                               {"action", record.action},
                               {"resource", record.resource},
                               {"text", record.text}});
  return all;
}

json::object to_json(const Prover& prover) {
  json::array mutations;
  for (const Proved& each : prover.proved()) {
    json::object one{{"role", each.role},
                     {"policy", each.mutation.statement.policy},
                     {"index", each.mutation.statement.index},
                     {"sid", each.mutation.statement.sid},
                     {"action", each.mutation.action},
                     {"proof", report::proof_name(each.judgement.proof)},
                     {"exercised", each.mutation.exercised},
                     {"refused", to_array(each.judgement.refusals)},
                     {"others", to_array(each.judgement.others)}};
    if (each.deviation) one["deviation"] = *each.deviation;
    if (!each.excepted.empty()) one["excepted"] = each.excepted;
    mutations.push_back(std::move(one));
  }
  json::object out{{"missing", to_array(prover.missing())},
                   {"runs", prover.runs()},
                   {"decisions", prover.unchanged().records.size()},
                   {"mutations", std::move(mutations)}};
  if (prover.unchanged().deviation) out["deviation"] = *prover.unchanged().deviation;
  return out;
}

// Of the unchanged run; true when it went as expected.
bool tell_unchanged(const Prover& prover) {
  for (const report::Record& record : prover.missing()) {
    fmt::print("{}  {}  {} on {}\n", paint(Colour::Red, "missing   "), short_name(record.principal),
               paint(Colour::Bold, record.action), record.resource);
    for (const report::Fix& fix : report::explain(record, {}).fixes)
      fmt::print("            {}\n", print_json(fix.statement));
  }
  if (prover.unchanged().deviation)
    fmt::print("The scenario does not end as it expects: {}\n", *prover.unchanged().deviation);
  return prover.missing().empty() && !prover.unchanged().deviation;
}

}  // namespace

int prove_roles(const ProveOptions& options, const OutputOptions& output) {
  const auto tree = read_yaml_file(options.scenario);
  if (!tree) return complain("iam", tree.error().cause, "Name it by --scenario FILE.");
  const std::string folder = std::filesystem::absolute(options.scenario).parent_path().string();
  auto scenario = parse_scenario(*tree, folder);
  if (!scenario)
    return complain("iam", scenario.error().cause, "docs/iam.md tells how a scenario is written.");
  auto exceptions = read_exceptions(options.allow);
  if (!exceptions)
    return complain("iam", exceptions.error().cause,
                    "docs/iam.md tells how exceptions are written.");
  exceptions->insert(exceptions->end(), scenario->allow.begin(), scenario->allow.end());
  Prover prover{*scenario, options, *std::move(exceptions), !output.json};
  if (const auto done = prover.run(); !done) {
    if (done.error().name == "Interrupted") return exit_interrupted;
    return complain("iam", done.error().cause, "'kiban iam prove --help' tells what it takes.");
  }
  const bool unbroken = prover.missing().empty() && !prover.unchanged().deviation;
  const auto failed = static_cast<std::size_t>(std::ranges::count_if(
      prover.proved(), [](const Proved& each) { return !Prover::holds(each); }));
  if (output.json) {
    print_json_line(to_json(prover));
  } else if (tell_unchanged(prover)) {
    fmt::print(
        "{} of {} are necessary or excepted; {} decisions in the unchanged run, {} runs of "
        "mutations\n",
        prover.proved().size() - failed, prover.proved().size(), prover.unchanged().records.size(),
        prover.runs());
  }
  return unbroken && failed == 0 ? exit_done : exit_failed;
}

}  // namespace kiban::cli
