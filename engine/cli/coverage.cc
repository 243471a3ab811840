#include "cli/coverage.h"

#include <algorithm>
#include <set>

#include "cli/table.h"
#include "iam/report/usage.h"

namespace kiban::cli {

namespace {

constexpr std::size_t executions_read_max = 100;  // Of each state machine.

Result<std::set<std::string>> entered_states(const Client& client, const std::string& execution) {
  KIBAN_TRY(
      const json::array events,
      client.ask_all("states", "GetExecutionHistory",
                     {{"executionArn", execution}, {"maxResults", 1000}},
                     {.member = "events", .token_in = "nextToken", .token_out = "nextToken"}));
  std::set<std::string> names;
  for (const json::value& each : events)
    if (const json::object* details = find_object(each.as_object(), "stateEnteredEventDetails"))
      names.insert(text(*details, "name"));
  return names;
}

Result<MachineCoverage> cover_machine(const Client& client, const json::object& machine) {
  MachineCoverage coverage{.name = text(machine, "name"),
                           .express = text(machine, "type") == "EXPRESS"};
  KIBAN_TRY(const json::value definition, parse_json(text(machine, "definition")));
  std::set<std::string> states = iam::report::state_names(definition.as_object());
  coverage.states = states.size();
  if (coverage.express) return coverage;
  KIBAN_TRY(const json::object page,
            client.ask("states", "ListExecutions",
                       {{"stateMachineArn", text(machine, "stateMachineArn")},
                        {"maxResults", executions_read_max}}));
  for (const json::value& each : page.at("executions").as_array()) {
    KIBAN_TRY(const std::set<std::string> entered,
              entered_states(client, text(each.as_object(), "executionArn")));
    for (const std::string& name : entered) states.erase(name);
    ++coverage.executions;
  }
  coverage.never_entered.assign(states.begin(), states.end());
  return coverage;
}

}  // namespace

Result<Observed> Observed::read(const Client& client) {
  Observed observed;
  KIBAN_TRY(const json::array machines,
            client.ask_all(
                "states", "ListStateMachines", {},
                {.member = "stateMachines", .token_in = "nextToken", .token_out = "nextToken"}));
  for (const json::value& each : machines) {
    const std::string arn = text(each.as_object(), "stateMachineArn");
    KIBAN_TRY(const json::object machine,
              client.ask("states", "DescribeStateMachine", {{"stateMachineArn", arn}}));
    KIBAN_TRY(MachineCoverage coverage, cover_machine(client, machine));
    observed.machines_.push_back(
        {.role = text(machine, "roleArn"), .coverage = std::move(coverage)});
  }
  KIBAN_TRY(const json::array rules,
            client.ask_all("events", "ListRules", {},
                           {.member = "Rules", .token_in = "NextToken", .token_out = "NextToken"}));
  for (const json::value& each : rules) {
    Rule rule{.arn = text(each.as_object(), "Arn"), .name = text(each.as_object(), "Name")};
    KIBAN_TRY(const json::object targets,
              client.ask("events", "ListTargetsByRule", {{"Rule", rule.name}}));
    for (const json::value& target : targets.at("Targets").as_array())
      rule.roles.push_back(text(target.as_object(), "RoleArn"));
    observed.rules_.push_back(std::move(rule));
  }
  return observed;
}

Coverage Observed::of_role(const std::string& role_arn,
                           const std::vector<iam::report::Record>& records) const {
  Coverage coverage;
  for (const Machine& machine : machines_)
    if (machine.role == role_arn) coverage.machines.push_back(machine.coverage);
  for (const Rule& rule : rules_) {
    if (std::ranges::find(rule.roles, role_arn) == rule.roles.end()) continue;
    const bool fired = std::ranges::any_of(records, [&](const iam::report::Record& record) {
      return record.principal == role_arn &&
             (record.acts_for == rule.arn || record.key("aws:SourceArn") == rule.arn);
    });
    coverage.rules.push_back({.name = rule.name, .fired = fired});
  }
  return coverage;
}

}  // namespace kiban::cli
