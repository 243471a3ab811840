#include "services/logs/filter.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiban::services::logs {

Result<Filter> parse_filter(std::string_view pattern) {
  Filter filter;
  std::size_t at = 0;
  while (true) {
    while (at < pattern.size() && pattern[at] == ' ') ++at;
    if (at == pattern.size()) return filter;
    if (pattern[at] == '{' || pattern[at] == '[' || pattern[at] == '%')
      return fail("InvalidParameterException",
                  fmt::format("Invalid filter pattern: kiban reads terms only, not '{}'", pattern));
    std::vector<std::string>* terms = &filter.required;
    if (pattern[at] == '-') terms = &filter.excluded;
    if (pattern[at] == '?') terms = &filter.optional;
    if (terms != &filter.required) ++at;
    std::string term;
    if (at < pattern.size() && pattern[at] == '"') {
      for (++at; at < pattern.size() && pattern[at] != '"'; ++at) {
        if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
        term += pattern[at];
      }
      if (at == pattern.size())
        return fail(
            "InvalidParameterException",
            fmt::format("Invalid filter pattern: '{}' has a quote without an end", pattern));
      ++at;
    } else {
      for (; at < pattern.size() && pattern[at] != ' '; ++at) term += pattern[at];
    }
    if (!term.empty()) terms->push_back(std::move(term));
  }
}

bool matches(const Filter& filter, std::string_view message) {
  const auto occurs = [&](const std::string& term) {
    return message.find(term) != std::string_view::npos;
  };
  return std::ranges::all_of(filter.required, occurs) &&
         std::ranges::none_of(filter.excluded, occurs) &&
         (filter.optional.empty() || !filter.required.empty() ||
          std::ranges::any_of(filter.optional, occurs));
}

}  // namespace kiban::services::logs
