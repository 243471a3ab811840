#include "simulate/coverage.h"

#include <fmt/format.h>

#include "api/model.h"

namespace kiban::simulate {
namespace {

using Counts = std::map<std::string, std::uint64_t>;

void add_counts(Counts& to, const Counts& from) {
  for (const auto& [name, count] : from) to[name] += count;
}

json::object counts_json(const Counts& counts) {
  json::object all;
  for (const auto& [name, count] : counts) all[name] = count;
  return all;
}

std::string counts_line(std::string_view title, const Counts& counts) {
  std::string line = fmt::format("{:12}", title);
  for (const auto& [name, count] : counts) line += fmt::format(" {} {},", name, count);
  if (line.ends_with(',')) line.pop_back();
  return line + "\n";
}

}  // namespace

void Coverage::add(const Coverage& other) {
  for (const auto& [name, answered] : other.operations) {
    Answered& sum = operations[name];
    sum.succeeded += answered.succeeded;
    sum.refused += answered.refused;
    if (!answered.refusal.empty()) sum.refusal = answered.refusal;
  }
  add_counts(state_types, other.state_types);
  add_counts(effects, other.effects);
  add_counts(faults, other.faults);
  add_counts(counts, other.counts);
}

std::vector<std::string> served_operations() {
  std::vector<std::string> all;
  for (const api::Service* service : api::services())
    for (const api::Operation& operation : service->operations)
      all.push_back(fmt::format("{}:{}", service->folder, operation.name));
  return all;
}

json::object to_json(const Coverage& coverage) {
  json::object operations;
  json::array never_succeeded;
  for (const std::string& name : served_operations()) {
    const auto found = coverage.operations.find(name);
    const Answered answered = found == coverage.operations.end() ? Answered{} : found->second;
    operations[name] = {{"succeeded", answered.succeeded}, {"refused", answered.refused}};
    if (answered.succeeded > 0) continue;
    never_succeeded.push_back({{"operation", name}, {"refusal", answered.refusal}});
  }
  return {{"operations", std::move(operations)},
          {"never_succeeded", std::move(never_succeeded)},
          {"state_types", counts_json(coverage.state_types)},
          {"effects", counts_json(coverage.effects)},
          {"faults", counts_json(coverage.faults)},
          {"counts", counts_json(coverage.counts)}};
}

std::string print(const Coverage& coverage) {
  std::uint64_t succeeded = 0;
  std::uint64_t refused = 0;
  std::size_t reached = 0;
  std::string never;
  const std::vector<std::string> all = served_operations();
  for (const std::string& name : all) {
    const auto found = coverage.operations.find(name);
    const Answered answered = found == coverage.operations.end() ? Answered{} : found->second;
    succeeded += answered.succeeded;
    refused += answered.refused;
    reached += answered.succeeded > 0 ? 1 : 0;
    if (answered.succeeded == 0)
      never +=
          fmt::format("  {:50} {}\n", name,
                      answered.refusal.empty() ? "not called" : answered.refusal.substr(0, 160));
  }
  std::string text = fmt::format(
      "operations   {} of {} succeeded at least once; {} calls succeeded, {} were "
      "refused\n",
      reached, all.size(), succeeded, refused);
  text += counts_line("states", coverage.state_types);
  text += counts_line("effects", coverage.effects);
  text += counts_line("faults", coverage.faults);
  text += counts_line("counts", coverage.counts);
  if (!never.empty()) text += "never succeeded, with the last refusal:\n" + never;
  return text;
}

}  // namespace kiban::simulate
