#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/format.h>
#include <pcre2.h>

#include <memory>

#include "services/ssm/rows.h"

namespace kiban::services::ssm {
namespace {

constexpr std::uint32_t steps_max = 100'000;  // Ours: a pattern must not hold the kernel up.

struct Free {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

Result<void> check_pattern(const std::string& pattern, std::string_view value) {
  int error = 0;
  PCRE2_SIZE where = 0;
  const std::unique_ptr<pcre2_code, Free> code{
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                    PCRE2_UTF | PCRE2_NEVER_BACKSLASH_C, &error, &where, nullptr)};
  if (!code)
    return fail("InvalidAllowedPatternException",
                "The request does not meet the regular expression requirement.");
  const std::unique_ptr<pcre2_match_data, Free> data{pcre2_match_data_create(1, nullptr)};
  const std::unique_ptr<pcre2_match_context, Free> limits{pcre2_match_context_create(nullptr)};
  pcre2_set_match_limit(limits.get(), steps_max);
  const int found = pcre2_match(code.get(), reinterpret_cast<PCRE2_SPTR>(value.data()),
                                value.size(), 0, 0, data.get(), limits.get());
  if (found >= 0) return {};
  return fail(
      "ParameterPatternMismatchException",
      fmt::format("Parameter value, cannot be validated against allowedPattern: {}", pattern));
}

}  // namespace kiban::services::ssm
