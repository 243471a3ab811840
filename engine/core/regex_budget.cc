#include "core/regex_budget.h"

#include <algorithm>

namespace kiban {
namespace {

// Items tried and blocks of bytes compared in one search: some tenths of a second.
constexpr std::uint64_t counted_steps_max = 8'000'000;
constexpr std::size_t compared_per_step = 4;
// Of all start positions of a text together, before the steps are counted.
constexpr std::uint64_t uncounted_steps_max = 50'000'000;
constexpr std::uint64_t uncounted_steps_min = 100;
// Of longer texts the steps are counted from the start: a scan to the end from each position, which
// PCRE2 takes for one step, would take seconds.
constexpr std::size_t uncounted_bytes_max = 32'768;
constexpr std::size_t scanned_per_step = 16;

struct FreeMatch {
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
  void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

struct Count {
  std::string_view pattern{};
  std::uint64_t steps{0};
  std::size_t position{0};  // Of the last item tried.
};

// `\1`, `\k<name>`, `\g{1}` or `(?P=name)`.
bool is_backreference(std::string_view item) {
  if (item.starts_with("(?P=")) return true;
  return item.size() > 1 && item[0] == '\\' && std::string_view("123456789kg").contains(item[1]);
}

// The bytes that the backreference may compare: as many as the longest group holds; repeated, all
// that are left.
std::uint64_t compared(const pcre2_callout_block& block, std::string_view behind) {
  if (!behind.empty() && std::string_view("*+?{").contains(behind.front()))
    return block.subject_length - block.current_position;
  std::uint64_t longest = 0;
  for (std::size_t group = 1; group < block.capture_top; ++group) {
    const PCRE2_SIZE from = block.offset_vector[2 * group];
    const PCRE2_SIZE to = block.offset_vector[2 * group + 1];
    if (from != PCRE2_UNSET && to > from) longest = std::max<std::uint64_t>(longest, to - from);
  }
  return longest + block.capture_top;
}

int spend(pcre2_callout_block* block, void* data) {
  Count& count = *static_cast<Count*>(data);
  ++count.steps;
  if (block->current_position > count.position)
    count.steps += (block->current_position - count.position) / scanned_per_step;
  count.position = block->current_position;
  const std::string_view rest =
      count.pattern.substr(std::min<std::size_t>(block->pattern_position, count.pattern.size()));
  if (is_backreference(rest)) {
    const std::size_t item = std::min<std::size_t>(block->next_item_length, rest.size());
    count.steps += compared(*block, rest.substr(item)) / compared_per_step;
  }
  return count.steps > counted_steps_max ? PCRE2_ERROR_CALLOUT : 0;
}

pcre2_code* compiled(std::string_view pattern, std::uint32_t options, int& error) {
  PCRE2_SIZE where = 0;
  return pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), options,
                       &error, &where, nullptr);
}

}  // namespace

std::expected<BudgetedRegex, int> BudgetedRegex::compile(std::string_view pattern,
                                                         std::uint32_t options, Jit jit) {
  int error = 0;
  BudgetedRegex out;
  out.pattern_ = std::string(pattern);
  out.code_.reset(compiled(pattern, options, error));
  if (!out.code_) return std::unexpected(error);
  out.counting_.reset(compiled(pattern, options | PCRE2_AUTO_CALLOUT, error));
  if (!out.counting_) return std::unexpected(error);
  std::uint32_t highest = 0;
  pcre2_pattern_info(out.code_.get(), PCRE2_INFO_BACKREFMAX, &highest);
  out.counted_ = highest > 0 || jit == Jit::No;
  if (!out.counted_)
    pcre2_jit_compile(out.code_.get(), PCRE2_JIT_COMPLETE);  // Without it the interpreter serves.
  return out;
}

int BudgetedRegex::match(std::string_view text, std::size_t from, pcre2_match_data* data,
                         pcre2_match_context* context, std::uint32_t steps_max,
                         std::uint64_t* counted) const {
  pcre2_set_match_limit(context, steps_max);
  if (counted_ || text.size() > uncounted_bytes_max)
    return count(text, from, data, context, counted);
  const std::uint64_t each = std::max(uncounted_steps_min, uncounted_steps_max / (text.size() + 1));
  if (each >= steps_max)
    return pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), from, 0,
                       data, context);
  pcre2_set_match_limit(context, static_cast<std::uint32_t>(each));
  const int found = pcre2_match(code_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                                from, 0, data, context);
  pcre2_set_match_limit(context, steps_max);
  if (found != PCRE2_ERROR_MATCHLIMIT) return found;
  return count(text, from, data, context, counted);
}

std::expected<bool, int> BudgetedRegex::matches(std::string_view text, std::uint32_t steps_max,
                                                std::uint64_t* counted) const {
  const std::unique_ptr<pcre2_match_data, FreeMatch> data{pcre2_match_data_create(1, nullptr)};
  const std::unique_ptr<pcre2_match_context, FreeMatch> limits{pcre2_match_context_create(nullptr)};
  const int found = match(text, 0, data.get(), limits.get(), steps_max, counted);
  if (found >= 0) return true;
  if (found == PCRE2_ERROR_NOMATCH) return false;
  return std::unexpected(found);
}

int BudgetedRegex::count(std::string_view text, std::size_t from, pcre2_match_data* data,
                         pcre2_match_context* context, std::uint64_t* counted) const {
  Count count{.pattern = pattern_, .position = from};
  pcre2_set_callout(context, spend, &count);
  const int found = pcre2_match(counting_.get(), reinterpret_cast<PCRE2_SPTR>(text.data()),
                                text.size(), from, 0, data, context);
  pcre2_set_callout(context, nullptr, nullptr);
  if (counted) *counted += count.steps;
  return found;
}

}  // namespace kiban
