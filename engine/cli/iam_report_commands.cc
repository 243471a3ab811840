// iam report: what roles were granted, what they used of it, and what would suffice.
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/coverage.h"
#include "cli/decisions.h"
#include "cli/exceptions_file.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/words.h"
#include "iam/report/proposal.h"
#include "iam/report/words.h"

namespace kiban::cli {

namespace report = iam::report;

namespace {

struct Inputs {
  Stacks stacks{};
  std::vector<report::Record> records{};
  std::vector<report::Exception> exceptions{};
  Observed observed{};
};

struct RoleReport {
  report::RolePolicies role{};
  const report::Resource* resource{nullptr};
  report::RoleUse use{};
  std::vector<report::Finding> findings{};  // Without those that exceptions name.
  std::vector<std::pair<report::Finding, std::string>> excepted{};  // With the reason.
  std::vector<report::Proposal> proposals{};
  Coverage coverage{};

  std::string place() const { return resource == nullptr ? role.arn : resource->place(); }
};

// Names of the roles that are asked for.
Result<std::vector<std::string>> choose_roles(const Client& client, const IamOptions& iam,
                                              const Stacks& stacks) {
  if (!iam.role.empty()) return std::vector<std::string>{short_name(iam.role)};
  std::vector<std::string> names;
  if (iam.stack.empty()) {
    KIBAN_TRY(const json::array roles, client.ask_all("iam", "ListRoles", {}, {.member = "Roles"}));
    for (const json::value& each : roles) names.push_back(text(each.as_object(), "RoleName"));
    return names;
  }
  for (const report::Resource& each : stacks.resources.all())
    if (each.stack == iam.stack && each.type == "AWS::IAM::Role") names.push_back(each.physical_id);
  if (names.empty())
    return fail("NoSuchRole", fmt::format("no stack {} with a role exists", iam.stack));
  return names;
}

RoleReport make_report(report::RolePolicies role, const Inputs& inputs) {
  RoleReport made{.role = std::move(role)};
  made.resource = inputs.stacks.resources.find(made.role.arn);
  made.use = report::use_of(made.role, inputs.records);
  for (report::Finding& finding : report::findings_of(made.role, made.use)) {
    if (const report::Exception* exception = report::exception_for(finding, inputs.exceptions))
      made.excepted.emplace_back(std::move(finding), exception->reason);
    else
      made.findings.push_back(std::move(finding));
  }
  made.proposals = report::propose(made.role, made.use);
  made.coverage = inputs.observed.of_role(made.role.arn, inputs.records);
  return made;
}

struct TemplateDiff {
  std::string place{};
  std::string lines{};
};

std::optional<TemplateDiff> template_diff(const RoleReport& role, const report::Proposal& proposal,
                                          const Stacks& stacks) {
  if (role.resource == nullptr) return std::nullopt;
  const auto tree = stacks.templates.find(role.resource->stack);
  if (tree == stacks.templates.end()) return std::nullopt;
  const auto found = report::find_in_template(tree->second, role.resource->logical_id,
                                              short_name(proposal.policy.ref));
  if (!found) return std::nullopt;
  const auto edited =
      report::edit_template(proposal, found->document, role.resource->stack, stacks.resources);
  if (!edited) return std::nullopt;
  return TemplateDiff{.place = fmt::format("{}.{}", role.resource->stack, found->place),
                      .lines = report::line_diff(report::pretty_json(found->document),
                                                 report::pretty_json(*edited))};
}

// The policy itself where no template holds it.
TemplateDiff document_diff(const report::Proposal& proposal) {
  const std::string after = proposal.document ? report::pretty_json(*proposal.document) : "";
  return {.place = proposal.policy.ref,
          .lines = report::line_diff(report::pretty_json(proposal.policy.document), after)};
}

std::string times_words(std::size_t count) {
  return count == 1 ? "once" : fmt::format("{} times", count);
}

// People -----------------------------------------------------------------------------------------

void print_lines(const std::string& lines, const std::string& indent) {
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    const std::string line = lines.substr(at, end - at);
    const Colour colour = line.starts_with('-')   ? Colour::Red
                          : line.starts_with('+') ? Colour::Green
                                                  : Colour::Plain;
    fmt::print("{}{}\n", indent, paint(colour, line));
    at = end + 1;
  }
}

void print_statement(const report::StatementUse& use, const report::Resources& resources) {
  const std::string sid = use.ref.sid.empty() ? "" : fmt::format(" ({})", use.ref.sid);
  fmt::print(
      "  statement {}{} of {}: {}\n", use.ref.index, sid, short_name(use.ref.policy),
      use.count == 0 ? paint(Colour::Yellow, "never exercised") : "used " + times_words(use.count));
  for (const report::ActionUse& action : use.actions) {
    if (action.count == 0) {
      fmt::print("    {:32} {}\n", action.action, paint(Colour::Yellow, "never exercised"));
      continue;
    }
    for (const auto& [name, seen] : action.seen)
      for (const std::string& arn : seen) {
        const report::Resource* resource = resources.find(arn);
        fmt::print("    {:32} {}  {}\n", name, arn,
                   paint(Colour::Dim, resource == nullptr ? "" : resource->place()));
      }
    fmt::print("    {:32} {}\n", "",
               paint(Colour::Dim, fmt::format("{}, first: {}", times_words(action.count),
                                              fmt::join(action.records, ", "))));
  }
  if (!use.constant_keys.empty()) {
    std::string keys;
    for (const auto& [key, value] : use.constant_keys) keys += fmt::format("  {}={}", key, value);
    fmt::print("    {}\n", paint(Colour::Dim, "always" + keys));
  }
}

void print_coverage(const Coverage& coverage) {
  for (const MachineCoverage& machine : coverage.machines) {
    if (machine.express)
      fmt::print("  not observed: express executions of {} are not kept\n", machine.name);
    else if (!machine.never_entered.empty())
      fmt::print("  not observed: {} of {} states of {}, in {} executions: {}\n",
                 machine.never_entered.size(), machine.states, machine.name, machine.executions,
                 fmt::join(machine.never_entered, ", "));
  }
  for (const RuleCoverage& rule : coverage.rules)
    if (!rule.fired) fmt::print("  not observed: the rule {} never fired\n", rule.name);
}

void print_proposals(const RoleReport& role, const Stacks& stacks, const std::string& how) {
  for (const report::Proposal& proposal : role.proposals) {
    if (proposal.words.empty()) continue;
    fmt::print("  {}\n", paint(Colour::Bold, "proposed"));
    for (const std::string& words : proposal.words) fmt::print("    {}\n", words);
    if (how == "json") {
      print_lines(proposal.document ? report::pretty_json(*proposal.document) : "(no policy)",
                  "    ");
    } else if (how == "cdk") {
      print_lines(report::cdk_of(proposal, role.place(), stacks.resources), "    ");
    } else {
      const TemplateDiff diff =
          template_diff(role, proposal, stacks).value_or(document_diff(proposal));
      fmt::print("    {}\n", paint(Colour::Bold, diff.place));
      print_lines(diff.lines, "    ");
    }
  }
}

void print_role(const RoleReport& role, const Inputs& inputs, const std::string& how) {
  fmt::print("{}  {}\n", paint(Colour::Bold, role.place()), role.role.name);
  for (const report::StatementUse& use : role.use.statements)
    print_statement(use, inputs.stacks.resources);
  for (const report::PolicyText& policy : role.role.policies)
    if (policy.of_aws && policy.document.empty())
      fmt::print("  {}: the server does not know its text\n", policy.ref);
  for (const report::Finding& finding : role.findings)
    fmt::print("  {} {}\n", paint(Colour::Red, finding.kind + ":"), finding.words);
  for (const auto& [finding, reason] : role.excepted)
    fmt::print("  {} {}: {}\n", paint(Colour::Dim, "excepted:"), finding.words, reason);
  print_coverage(role.coverage);
  print_proposals(role, inputs.stacks, how);
}

// Decisions that allowed are kept since the server started, and tell which permissions were used;
// denials may be older.
std::string span_words(const std::vector<report::Record>& records) {
  if (records.empty()) return "no decisions are kept";
  const auto counted = std::ranges::count_if(records, &report::Record::allowed);
  const auto first = std::ranges::find_if(records, &report::Record::allowed);
  const std::string denied = fmt::format("{} that denied", std::ssize(records) - counted);
  if (first == records.end())
    return fmt::format("no decisions that allowed are kept of this run of the server, and {}",
                       denied);
  const double last = records.back().time;
  const auto span =
      std::chrono::milliseconds(static_cast<std::int64_t>((last - first->time) * 1000));
  return fmt::format("{} decisions that allowed, in {} of the server's clock from {} UTC, and {}",
                     counted, duration_words(span), time_of(json::object{{"t", first->time}}, "t"),
                     denied);
}

// Programs ---------------------------------------------------------------------------------------

json::array to_array(const std::vector<std::string>& all) {
  return json::array(all.begin(), all.end());
}

json::object to_json(const report::StatementUse& use, const report::Resources& resources) {
  json::array actions;
  for (const report::ActionUse& action : use.actions) {
    json::array seen;
    for (const auto& [name, arns] : action.seen)
      for (const std::string& arn : arns) {
        json::object one{{"action", name}, {"resource", arn}};
        if (const report::Resource* resource = resources.find(arn)) {
          one["stack"] = resource->stack;
          one["logicalId"] = resource->logical_id;
          if (!resource->path.empty()) one["path"] = resource->path;
        }
        seen.push_back(std::move(one));
      }
    actions.push_back(json::object{{"action", action.action},
                                   {"count", action.count},
                                   {"decisions", to_array(action.records)},
                                   {"seen", std::move(seen)}});
  }
  json::object keys;
  for (const auto& [key, value] : use.constant_keys) keys[key] = value;
  return {{"policy", use.ref.policy},
          {"index", use.ref.index},
          {"sid", use.ref.sid},
          {"effect", use.allows ? "Allow" : "Deny"},
          {"count", use.count},
          {"actions", std::move(actions)},
          {"constantKeys", std::move(keys)}};
}

json::object to_json(const report::Finding& finding) {
  return {{"kind", finding.kind},
          {"policy", finding.statement.policy},
          {"index", finding.statement.index},
          {"sid", finding.statement.sid},
          {"action", finding.action},
          {"resource", finding.resource},
          {"words", finding.words}};
}

json::object to_json(const Coverage& coverage) {
  json::array machines;
  for (const MachineCoverage& each : coverage.machines)
    machines.push_back(json::object{{"stateMachine", each.name},
                                    {"executions", each.executions},
                                    {"states", each.states},
                                    {"neverEntered", to_array(each.never_entered)},
                                    {"executionsKept", !each.express}});
  json::array rules;
  for (const RuleCoverage& each : coverage.rules)
    rules.push_back(json::object{{"rule", each.name}, {"fired", each.fired}});
  return {{"stateMachines", std::move(machines)}, {"rules", std::move(rules)}};
}

json::object to_json(const RoleReport& role, const Stacks& stacks) {
  json::array statements;
  for (const report::StatementUse& use : role.use.statements)
    statements.push_back(to_json(use, stacks.resources));
  json::array findings;
  for (const report::Finding& finding : role.findings) findings.push_back(to_json(finding));
  json::array excepted;
  for (const auto& [finding, reason] : role.excepted) {
    excepted.push_back(to_json(finding));
    excepted.back().as_object()["reason"] = reason;
  }
  json::array proposals;
  for (const report::Proposal& proposal : role.proposals) {
    const auto diff = template_diff(role, proposal, stacks);
    proposals.push_back(json::object{
        {"policy", proposal.policy.ref},
        {"changes", to_array(proposal.words)},
        {"document", proposal.document ? json::value(*proposal.document) : json::value(nullptr)},
        {"cdk", report::cdk_of(proposal, role.place(), stacks.resources)},
        {"place", diff ? diff->place : proposal.policy.ref},
        {"diff", diff ? diff->lines : document_diff(proposal).lines}});
  }
  return {{"role", role.role.arn},
          {"place", role.place()},
          {"statements", std::move(statements)},
          {"findings", std::move(findings)},
          {"excepted", std::move(excepted)},
          {"observed", to_json(role.coverage)},
          {"proposals", std::move(proposals)}};
}

Result<Inputs> read_inputs(const Client& client, const IamOptions& iam) {
  Inputs inputs;
  KIBAN_TRY(inputs.exceptions, read_exceptions(iam.allow));
  KIBAN_TRY(inputs.stacks, fetch_stacks(client));
  KIBAN_TRY(inputs.records, fetch_decisions(client, {}));
  KIBAN_TRY(inputs.observed, Observed::read(client));
  return inputs;
}

Result<std::vector<RoleReport>> make_reports(const Client& client, const IamOptions& iam,
                                             const Inputs& inputs) {
  KIBAN_TRY(const std::vector<std::string> names, choose_roles(client, iam, inputs.stacks));
  std::vector<RoleReport> reports;
  for (const std::string& name : names) {
    KIBAN_TRY(report::RolePolicies role, fetch_role(client, name));
    reports.push_back(make_report(std::move(role), inputs));
  }
  return reports;
}

}  // namespace

int report_roles(const ClientOptions& options, const IamOptions& iam, const OutputOptions& output) {
  const Client client = make_client(options);
  const auto inputs = read_inputs(client, iam);
  if (!inputs) return complain_about_call("iam", client, inputs.error());
  const auto reports = make_reports(client, iam, *inputs);
  if (!reports) return complain_about_call("iam", client, reports.error());
  std::size_t findings = 0;
  for (const RoleReport& role : *reports) findings += role.findings.size();
  if (output.json) {
    json::array roles;
    for (const RoleReport& role : *reports) roles.push_back(to_json(role, inputs->stacks));
    print_json_line(json::object{{"decisions", inputs->records.size()},
                                 {"span", span_words(inputs->records)},
                                 {"roles", std::move(roles)},
                                 {"findings", findings}});
  } else {
    for (const RoleReport& role : *reports) print_role(role, *inputs, iam.proposal);
    fmt::print("{}; {} findings\n", span_words(inputs->records), findings);
  }
  return findings == 0 ? exit_done : exit_failed;
}

}  // namespace kiban::cli
