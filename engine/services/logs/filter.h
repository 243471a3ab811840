// Unstructured filter patterns: every term must occur; -term must not; of the ?terms one must.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace kiban::services::logs {

struct Filter {
  std::vector<std::string> required{};
  std::vector<std::string> excluded{};
  std::vector<std::string> optional{};
  bool operator==(const Filter&) const = default;
};

// Error InvalidParameterException for a quote that does not end, and for the other syntaxes.
Result<Filter> parse_filter(std::string_view pattern);
bool matches(const Filter& filter, std::string_view message);

}  // namespace kiban::services::logs
