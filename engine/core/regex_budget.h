// Searches with PCRE2 that end: the steps of the whole search are bounded, where PCRE2's own limit
// begins anew at each start position and counts no bytes that a backreference compares.
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

namespace kiban {

class BudgetedRegex {
 public:
  enum class Jit : bool { No, Yes };
  // `options` of pcre2_compile. The error is PCRE2's number.
  static std::expected<BudgetedRegex, int> compile(std::string_view pattern, std::uint32_t options,
                                                   Jit jit);
  // As pcre2_match with the context, whose match limit is `steps_max`. A negative result other than
  // PCRE2_ERROR_NOMATCH means that a limit was reached. `counted` grows by the steps that were
  // counted: those of patterns with backreferences, without JIT, of long texts, and of
  // searches that took long.
  int match(std::string_view text, std::size_t from, pcre2_match_data* data,
            pcre2_match_context* context, std::uint32_t steps_max,
            std::uint64_t* counted = nullptr) const;
  // Whether the text matches, when groups are of no interest. The error is PCRE2's number: a limit
  // was reached.
  std::expected<bool, int> matches(std::string_view text, std::uint32_t steps_max,
                                   std::uint64_t* counted = nullptr) const;
  const pcre2_code* code() const { return code_.get(); }

 private:
  struct Free {
    void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  };
  using Code = std::unique_ptr<pcre2_code, Free>;
  BudgetedRegex() = default;
  int count(std::string_view text, std::size_t from, pcre2_match_data* data,
            pcre2_match_context* context, std::uint64_t* counted) const;

  std::string pattern_{};
  Code code_{};
  Code counting_{};      // Calls out before each item.
  bool counted_{false};  // Each search, from its start.
};

}  // namespace kiban
