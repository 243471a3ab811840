#include <fmt/format.h>

#include <memory>

#include "core/regex_budget.h"
#include "services/ssm/rows.h"

namespace kiban::services::ssm {
namespace {

constexpr std::uint32_t steps_max = 100'000;  // Ours: a pattern must not hold the kernel up.

struct Free {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

Result<void> check_pattern(const std::string& pattern, std::string_view value) {
  const auto regex =
      BudgetedRegex::compile(pattern, PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, BudgetedRegex::Jit::No);
  if (!regex)
    return fail("InvalidAllowedPatternException",
                "The request does not meet the regular expression requirement.");
  const std::unique_ptr<pcre2_match_data, Free> data{pcre2_match_data_create(1, nullptr)};
  const std::unique_ptr<pcre2_match_context, Free> limits{pcre2_match_context_create(nullptr)};
  const int found = regex->match(value, 0, data.get(), limits.get(), steps_max);
  if (found >= 0) return {};
  return fail(
      "ParameterPatternMismatchException",
      fmt::format("Parameter value, cannot be validated against allowedPattern: {}", pattern));
}

}  // namespace kiban::services::ssm
