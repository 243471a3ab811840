#include <fmt/format.h>

#include "core/regex_budget.h"
#include "services/ssm/rows.h"

namespace kiban::services::ssm {
namespace {

constexpr std::uint32_t steps_max = 100'000;  // Ours: a pattern must not hold the kernel up.

}  // namespace

Result<void> check_pattern(const std::string& pattern, std::string_view value) {
  const auto regex =
      BudgetedRegex::compile(pattern, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, BudgetedRegex::Jit::No);
  if (!regex)
    return fail("InvalidAllowedPatternException",
                "The request does not meet the regular expression requirement.");
  if (regex->matches(value, steps_max).value_or(false)) return {};
  return fail(
      "ParameterPatternMismatchException",
      fmt::format("Parameter value, cannot be validated against allowedPattern: {}", pattern));
}

}  // namespace kiban::services::ssm
