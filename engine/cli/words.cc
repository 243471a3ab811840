#include "cli/words.h"

#include <fmt/core.h>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

namespace kiban::cli {

Result<Duration> parse_duration(const std::string& text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  const std::string unit{stop, end};
  constexpr std::int64_t count_max = 100'000'000'000;  // Of days: still within 64 bits.
  const std::map<std::string, std::int64_t> units{
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}};
  const auto found = units.find(unit);
  if (error != std::errc{} || found == units.end() || count < 0 || count > count_max)
    return fail("WrongUsage", "'" + text + "' is no duration such as 250ms, 90s, 5m, 24h or 7d");
  return Duration{count * found->second};
}

std::string duration_words(Duration duration) {
  const std::int64_t all = duration.count();
  if (all < 0) return "-" + duration_words(-duration);
  if (all < 1000) return fmt::format("{} ms", all);
  if (all < 60'000) return fmt::format("{:.3f} s", static_cast<double>(all) / 1000);
  const std::int64_t seconds = all / 1000;
  if (seconds < 3600) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  if (seconds < 86'400) return fmt::format("{} h {} min", seconds / 3600, seconds / 60 % 60);
  return fmt::format("{} d {} h", seconds / 86'400, seconds / 3600 % 24);
}

Result<std::string> read_input(const std::string& input) {
  std::ostringstream text;
  if (input == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  if (!input.starts_with('@')) return input;
  std::ifstream file{input.substr(1)};
  if (!file) return fail("InputFailed", input.substr(1) + " can't be read");
  text << file.rdbuf();
  return text.str();
}

}  // namespace kiban::cli
