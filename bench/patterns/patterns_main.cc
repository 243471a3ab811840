// kiban_pattern_rates FILE SECONDS: the pattern matching of the event bus under the rules and
// events of a file made by bench/rows/patterns.py, on one thread. Prints JSON: events per second of
// this thread's CPU time, and matches, of each kind.
#include <fmt/format.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iostream>

#include "patterns/index.h"

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

std::uint64_t matches_of(const patterns::PatternIndex& rules,
                         const std::vector<std::string>& events) {
  std::uint64_t matches = 0;
  for (const std::string& each : events) {
    const auto event = parse_json(each);
    KIBAN_CHECK(event.has_value(), "an event is JSON");
    matches += rules.matches(*event).size();
  }
  return matches;
}

std::uint64_t matches_of(const patterns::PatternIndex& rules,
                         const std::vector<json::value>& events) {
  std::uint64_t matches = 0;
  for (const json::value& event : events) matches += rules.matches(event).size();
  return matches;
}

// Events per second over as many whole passes as fill the time.
template <typename Event>
double rate(const patterns::PatternIndex& rules, const std::vector<Event>& events, double seconds) {
  matches_of(rules, events);  // Warms the caches up.
  const double began = processor_seconds();
  double spent = 0;
  std::uint64_t passes = 0;
  while (spent < seconds) {
    matches_of(rules, events);
    ++passes;
    spent = processor_seconds() - began;
  }
  return static_cast<double>(passes * events.size()) / spent;
}

Result<json::object> measure(const json::object& kind, double seconds) {
  std::vector<patterns::Pattern> parsed;
  for (const std::string& rule : texts(kind, "rules")) {
    KIBAN_TRY(patterns::Pattern pattern, patterns::Pattern::parse(rule));
    parsed.push_back(std::move(pattern));
  }
  const patterns::PatternIndex rules(std::move(parsed));
  const std::vector<std::string> as_text = texts(kind, "events");
  std::vector<json::value> trees;
  for (const std::string& each : as_text) {
    KIBAN_TRY(json::value tree, parse_json(each));
    trees.push_back(std::move(tree));
  }
  return json::object{{"rate", rate(rules, trees, seconds)},
                      {"rate_of_texts", rate(rules, as_text, seconds)},
                      {"matches", matches_of(rules, trees)}};
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
