#include "simulate/histories.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "simulate/digest.h"

namespace kiban::simulate {
namespace {

// docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
constexpr std::size_t events_max = 25'000;
constexpr std::size_t payload_bytes_max = 262'144;

const std::map<std::string, std::string, std::less<>>& statuses() {
  static const std::map<std::string, std::string, std::less<>> all{
      {"ExecutionSucceeded", "SUCCEEDED"},
      {"ExecutionFailed", "FAILED"},
      {"ExecutionTimedOut", "TIMED_OUT"},
      {"ExecutionAborted", "ABORTED"}};
  return all;
}

// "states/REGION/history/MACHINE/NAME/0000001" to the execution's ARN; empty: another row.
std::string execution_of(const std::string& key, std::string& region) {
  constexpr std::string_view prefix = "states/";
  constexpr std::string_view middle = "/history/";
  const std::size_t at = key.find(middle);
  if (!key.starts_with(prefix) || at == std::string::npos) return {};
  region = key.substr(prefix.size(), at - prefix.size());
  const std::size_t from = at + middle.size();
  std::string path = key.substr(from, key.rfind('/') - from);
  std::ranges::replace(path, '/', ':');
  std::ranges::replace(path, '~', '/');
  return fmt::format("arn:aws:states:{}:000000000000:execution:{}", region, path);
}

std::int64_t id_of(const json::value& event, std::string_view name) {
  return number(event.as_object(), name, 0);
}

}  // namespace

void Histories::note(const std::set<std::string>& keys) {
  std::string region;
  for (const std::string& key : keys)
    if (const std::string arn = execution_of(key, region); !arn.empty()) changed_[arn] = region;
}

void Histories::check(const Ask& ask, std::size_t most) {
  for (std::size_t done = 0; !changed_.empty() && done < most; ++done) {
    const auto [arn, region] = *changed_.begin();
    changed_.erase(changed_.begin());
    check_one(ask, arn, region);
  }
}

void Histories::report(const std::string& arn, const std::string& what) {
  findings_.report("histories are whole", arn + ": " + what);
}

void Histories::check_one(const Ask& ask, const std::string& arn, const std::string& region) {
  json::array events;
  json::object input{{"executionArn", arn}, {"maxResults", 1000}};
  while (true) {
    const auto page = ask("GetExecutionHistory", input, region);
    if (!page) return;  // Deleted with its machine, or forgotten.
    for (const json::value& event : page->at("events").as_array()) events.push_back(event);
    const json::string* token = find_string(*page, "nextToken");
    if (token == nullptr) break;
    input["nextToken"] = *token;
  }
  const auto described = ask("DescribeExecution", {{"executionArn", arn}}, region);
  if (!described) return;
  ++coverage_.counts["histories checked"];
  check_events(arn, events);
  check_growth(arn, events);
  check_status(arn, events, *described);
  check_map_runs(ask, region, events);
}

void Histories::check_events(const std::string& arn, const json::array& events) {
  if (events.size() > events_max) report(arn, fmt::format("{} events", events.size()));
  std::int64_t expected = 0;
  double time = 0;
  bool over = false;
  for (const json::value& event : events) {
    const std::string type = text(event.as_object(), "type");
    ++expected;
    if (id_of(event, "id") != expected)
      return report(arn, fmt::format("event {} has the id {}", expected, id_of(event, "id")));
    if (id_of(event, "previousEventId") >= expected)
      return report(arn, fmt::format("event {} comes before its previous one", expected));
    const double at = event.at("timestamp").to_number<double>();
    if (at < time)
      return report(arn, fmt::format("event {} is older than the one before", expected));
    time = at;
    if (expected == 1 && type != "ExecutionStarted") return report(arn, "begins with " + type);
    if (over && type != "ExecutionRedriven")
      return report(arn, fmt::format("{} ({}) follows the end", type, expected));
    over = statuses().contains(type);
    if (print_json(event).size() > 2 * payload_bytes_max)
      return report(arn, fmt::format("event {} is larger than a payload may be", expected));
  }
}

void Histories::check_growth(const std::string& arn, const json::array& events) {
  Known& known = known_[arn];
  Digest digest;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (i >= known.events) {
      const std::string type = text(events[i].as_object(), "type");
      constexpr std::string_view entered = "StateEntered";
      if (type.ends_with(entered))
        ++coverage_.state_types[type.substr(0, type.size() - entered.size())];
    }
    digest.add(print_json(events[i]));
    if (i + 1 == known.events && digest.value() != known.hash)
      report(arn, fmt::format("the first {} events have changed", known.events));
  }
  if (events.size() < known.events)
    report(arn, fmt::format("had {} events and has {}", known.events, events.size()));
  known = {.events = events.size(), .hash = digest.value()};
}

void Histories::check_status(const std::string& arn, const json::array& events,
                             const json::object& described) {
  if (events.empty()) return report(arn, "no events");
  const std::string status = text(described, "status");
  const std::string type = text(events.back().as_object(), "type");
  const auto end = statuses().find(type);
  const bool ended = status != "RUNNING" && status != "PENDING_REDRIVE";
  if (ended != (end != statuses().end()) || (ended && end->second != status))
    report(arn, fmt::format("is {} and its last event is {}", status, type));
}

void Histories::check_map_runs(const Ask& ask, const std::string& region,
                               const json::array& events) {
  for (const json::value& event : events) {
    const json::object* details = find_object(event.as_object(), "mapRunStartedEventDetails");
    if (details == nullptr) continue;
    const std::string arn = text(*details, "mapRunArn");
    const auto run = ask("DescribeMapRun", {{"mapRunArn", arn}}, region);
    if (!run) continue;
    ++coverage_.counts["map runs checked"];
    const json::object& counts = run->at("executionCounts").as_object();
    std::int64_t sum = 0;
    for (const char* each : {"pending", "running", "succeeded", "failed", "timedOut", "aborted"})
      sum += number(counts, each);
    if (sum != number(counts, "total"))
      findings_.report("counts of map runs add up", arn + ": " + print_json(counts));
    const std::int64_t most = number(*run, "maxConcurrency");
    if (most > 0 && number(counts, "running") > most)
      findings_.report("quotas hold", fmt::format("{}: {} run, at most {} may", arn,
                                                  number(counts, "running"), most));
  }
}

}  // namespace kiban::simulate
