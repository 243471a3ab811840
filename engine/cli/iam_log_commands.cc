// iam log, explain: what was decided, and why.
#include <fmt/format.h>

#include <thread>

#include "cli/commands.h"
#include "cli/decisions.h"
#include "cli/follow.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "iam/report/explanation.h"
#include "iam/report/words.h"

namespace kiban::cli {

namespace report = iam::report;

namespace {

std::string time_words(double time) { return time_of(json::object{{"time", time}}, "time"); }

// Observed: it was let pass all the same.
std::string verdict_words(const report::Record& record) {
  const std::string word = record.allowed() ? "allowed" : "denied";
  return record.allowed() || record.enforced ? word : word + ", let pass";
}

json::object to_json(const report::Record& record) {
  json::object keys;
  for (const auto& [key, values] : record.keys)
    keys[key] = json::array(values.begin(), values.end());
  json::array statements;
  for (const report::StatementRef& each : record.statements) {
    json::object statement{{"policy", each.policy}, {"index", each.index}};
    if (!each.sid.empty()) statement["sid"] = each.sid;
    statements.push_back(std::move(statement));
  }
  return {{"id", record.id},
          {"time", record.time},
          {"principal", record.principal},
          {"session", record.session},
          {"actsFor", record.acts_for},
          {"action", record.action},
          {"resource", record.resource},
          {"keys", std::move(keys)},
          {"verdict", record.verdict},
          {"enforced", record.enforced},
          {"statements", std::move(statements)},
          {"missing", json::array(record.missing.begin(), record.missing.end())},
          {"text", record.text}};
}

json::object to_json(const report::Explanation& explanation) {
  json::array fixes;
  for (const report::Fix& fix : explanation.fixes)
    fixes.push_back(
        json::object{{"where", fix.where}, {"statement", fix.statement}, {"cdk", fix.cdk}});
  return {{"reasons", json::array(explanation.reasons.begin(), explanation.reasons.end())},
          {"fixes", std::move(fixes)}};
}

void print_line(const report::Record& record) {
  const Colour colour = record.allowed() ? Colour::Green : Colour::Red;
  fmt::print("{}  {}  {}  {} {} {}\n", paint(Colour::Dim, time_words(record.time)),
             paint(colour, fmt::format("{:7}", verdict_words(record))), record.id,
             short_name(record.principal), paint(Colour::Bold, record.action), record.resource);
}

void show(const std::vector<report::Record>& records, bool as_json) {
  for (const report::Record& record : records) {
    if (as_json)
      print_json_line(to_json(record));
    else
      print_line(record);
  }
  std::fflush(stdout);
}

int follow_decisions(const Client& client, DecisionFilter filter, bool as_json) {
  constexpr std::chrono::seconds turn{20};
  constexpr std::chrono::milliseconds pause{200};
  const Interruption interruption;
  while (!interruption.happened()) {
    filter.follow = turn;
    const auto records = fetch_decisions(client, filter);
    if (interruption.happened()) break;
    if (!records) return complain_about_call("iam", client, records.error());
    show(*records, as_json);
    if (!records->empty()) filter.after = records->back().id;
    // A server that does not hold the request answers at once.
    if (records->empty()) std::this_thread::sleep_for(pause);
  }
  return exit_interrupted;
}

void print_member(const char* name, const std::string& value) {
  if (!value.empty()) fmt::print("  {:9} {}\n", name, value);
}

void print_indented(const std::string& lines) {
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    fmt::print("    {}\n", lines.substr(at, end - at));
    at = end + 1;
  }
}

std::string placed(const std::string& arn, const report::Resources& resources) {
  const report::Resource* resource = resources.find(arn);
  return resource == nullptr ? arn
                             : fmt::format("{}  {}", arn, paint(Colour::Dim, resource->place()));
}

void print_explanation(const report::Record& record, const report::Explanation& explanation,
                       const report::Resources& resources) {
  fmt::print("{}  {} on {}\n",
             paint(record.allowed() ? Colour::Green : Colour::Red, verdict_words(record)),
             paint(Colour::Bold, record.action), record.resource);
  print_member("when", time_words(record.time) + " UTC");
  print_member("who", placed(record.principal, resources));
  print_member("session", record.session);
  print_member("for", placed(record.acts_for, resources));
  print_member("resource", placed(record.resource, resources));
  for (const auto& [key, values] : record.keys)
    print_member("key", fmt::format("{} = {}", key, fmt::join(values, ", ")));
  print_member("answer", record.text);
  fmt::print("{}\n", paint(Colour::Bold, "Why"));
  for (const std::string& reason : explanation.reasons) fmt::print("  {}\n", reason);
  for (const report::Fix& fix : explanation.fixes) {
    fmt::print("{}\n", paint(Colour::Bold, "What allows it, in " + fix.where));
    print_indented(report::pretty_json(fix.statement));
    if (fix.cdk.empty()) continue;
    fmt::print("{}\n", paint(Colour::Bold, "The same with the CDK"));
    print_indented(fix.cdk);
  }
}

// The record of an id; of an empty one the newest denial.
Result<report::Record> find_record(const Client& client, const std::string& id) {
  KIBAN_TRY(const std::vector<report::Record> records,
            fetch_decisions(client, {.denied = id.empty()}));
  if (id.empty() && !records.empty()) return records.back();
  for (const report::Record& record : records)
    if (record.id == id) return record;
  return fail("NoSuchDecision", id.empty() ? "nothing was denied"
                                           : fmt::format("no decision with the id {} is kept", id));
}

}  // namespace

int log_decisions(const ClientOptions& options, const IamOptions& iam,
                  const OutputOptions& output) {
  const Client client = make_client(options);
  DecisionFilter filter{.denied = iam.denied, .role = iam.role};
  const auto records = fetch_decisions(client, filter);
  if (!records) return complain_about_call("iam", client, records.error());
  show(*records, output.json);
  if (iam.follow) {
    if (!records->empty()) filter.after = records->back().id;
    return follow_decisions(client, filter, output.json);
  }
  if (records->empty() && !output.json)
    fmt::print("No decisions{}.\n", iam.denied ? " that denied" : "");
  return exit_done;
}

int explain_decision(const ClientOptions& options, const IamOptions& iam,
                     const OutputOptions& output) {
  const Client client = make_client(options);
  const auto record = find_record(client, iam.id);
  if (!record && record.error().name != "NoSuchDecision")
    return complain_about_call("iam", client, record.error());
  if (!record)
    return complain("iam", record.error().cause, "'kiban iam log' lists those that are kept.");
  const auto stacks = fetch_stacks(client);
  const report::Resources resources = stacks ? stacks->resources : report::Resources{};
  const report::Explanation explanation = report::explain(*record, resources);
  if (output.json) {
    print_json_line(
        json::object{{"decision", to_json(*record)}, {"explanation", to_json(explanation)}});
    return exit_done;
  }
  print_explanation(*record, explanation, resources);
  return exit_done;
}

}  // namespace kiban::cli
