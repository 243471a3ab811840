#include "jsonata/regex.h"

#include <array>

#include "core/regex_budget.h"

namespace kiban::jsonata {
namespace {

constexpr std::uint32_t match_steps_max = 1'000'000;
constexpr std::uint32_t match_heap_kibibytes_max = 20'000;

struct Limits {
  pcre2_match_context* context{pcre2_match_context_create(nullptr)};
  Limits() {
    pcre2_set_depth_limit(context, match_steps_max);
    pcre2_set_heap_limit(context, match_heap_kibibytes_max);
  }
  Limits(const Limits&) = delete;
  Limits& operator=(const Limits&) = delete;
  ~Limits() { pcre2_match_context_free(context); }
};

}  // namespace

struct Regex::Code {
  BudgetedRegex regex;
};

void Regex::Free::operator()(Code* code) const { delete code; }

std::expected<std::unique_ptr<Regex>, std::string> Regex::compile(std::string_view pattern,
                                                                  std::string_view flags) {
  std::uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_MATCH_UNSET_BACKREF |
                          PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_NEVER_BACKSLASH_C;
  if (flags.contains('i')) options |= PCRE2_CASELESS;
  if (flags.contains('m')) options |= PCRE2_MULTILINE;
  auto code = BudgetedRegex::compile(pattern, options, BudgetedRegex::Jit::Yes);
  if (!code) {
    std::array<PCRE2_UCHAR, 200> text{};
    pcre2_get_error_message(code.error(), text.data(), text.size());
    return std::unexpected(std::string(reinterpret_cast<const char*>(text.data())));
  }
  auto regex = std::make_unique<Regex>();
  regex->code_.reset(new Code{*std::move(code)});
  return regex;
}

std::expected<std::optional<RegexMatch>, Regex::Fault> Regex::find(std::string_view text,
                                                                   std::size_t from,
                                                                   std::uint64_t* steps) const {
  static thread_local const Limits limits;
  if (from > text.size()) return std::nullopt;
  pcre2_match_data* data = pcre2_match_data_create_from_pattern(code_->regex.code(), nullptr);
  const int count = code_->regex.match(text, from, data, limits.context, match_steps_max, steps);
  std::optional<RegexMatch> found;
  if (count > 0) {
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data);
    const std::uint32_t pairs = pcre2_get_ovector_count(data);
    found.emplace();
    found->start = ends[0];
    found->end = ends[1];
    for (std::size_t i = 1; i < pairs; ++i) {
      const bool set = ends[2 * i] != PCRE2_UNSET && static_cast<int>(i) < count;
      found->groups.push_back(set ? text.substr(ends[2 * i], ends[2 * i + 1] - ends[2 * i])
                                  : std::string_view());
    }
  }
  pcre2_match_data_free(data);
  if (count < 0 && count != PCRE2_ERROR_NOMATCH) return std::unexpected(Fault::Limit);
  return found;
}

}  // namespace kiban::jsonata
