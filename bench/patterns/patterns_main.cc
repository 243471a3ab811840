// kiban_pattern_rates FILE SECONDS: the pattern matching of the event bus under the rules and
// events of a file made by bench/rows/patterns.py, on one thread. Prints JSON: events per second of
// this thread's CPU time, and matches, of each kind.
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>

#include "patterns/pattern.h"

namespace kiban {
namespace {

double processor_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

std::vector<std::string> texts(const json::object& kind, std::string_view name) {
  std::vector<std::string> found;
  for (const json::value& each : kind.at(name).as_array())
    found.push_back(to_string(each.as_string()));
  return found;
}

std::uint64_t matches_of(const std::vector<patterns::Pattern>& rules,
                         const std::vector<std::string>& events) {
  std::uint64_t matches = 0;
  for (const std::string& each : events) {
    const auto event = parse_json(each);
    KIBAN_CHECK(event.has_value(), "an event is JSON");
    const patterns::EventFields fields{*event};
    for (const patterns::Pattern& rule : rules) matches += rule.matches(fields) ? 1 : 0;
  }
  return matches;
}

Result<json::object> measure(const json::object& kind, double seconds) {
  std::vector<patterns::Pattern> rules;
  for (const std::string& rule : texts(kind, "rules")) {
    KIBAN_TRY(patterns::Pattern pattern, patterns::Pattern::parse(rule));
    rules.push_back(std::move(pattern));
  }
  const std::vector<std::string> events = texts(kind, "events");
  const std::uint64_t matches = matches_of(rules, events);  // Warms the caches up.
  const double began = processor_seconds();
  double spent = 0;
  std::uint64_t passes = 0;
  while (spent < seconds) {
    matches_of(rules, events);
    ++passes;
    spent = processor_seconds() - began;
  }
  return json::object{{"rate", static_cast<double>(passes * events.size()) / spent},
                      {"matches", matches}};
}

int run(const std::string& path, double seconds) {
  std::ifstream file(path);
  const auto kinds = parse_json(std::string{std::istreambuf_iterator<char>(file), {}});
  if (!kinds || !kinds->is_object()) {
    std::cerr << "kiban_pattern_rates: " << path << " holds no rules\n";
    return 2;
  }
  json::object found;
  for (const auto& kind : kinds->get_object()) {
    const auto measured = measure(kind.value().as_object(), seconds);
    if (!measured) {
      std::cerr << "kiban_pattern_rates: " << measured.error().cause << "\n";
      return 1;
    }
    found[kind.key()] = *measured;
  }
  std::cout << print_json(found) << "\n";
  return 0;
}

}  // namespace
}  // namespace kiban

int main(int argc, char** argv) {
  if (argc == 3) return kiban::run(argv[1], std::atof(argv[2]));
  std::cerr
      << "kiban_pattern_rates: name a file of rules and events, and the seconds of each kind\n";
  return 2;
}
