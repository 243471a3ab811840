#include "core/regex_budget.h"

#include <gtest/gtest.h>

namespace kiban {
namespace {

// What pcre2_match says of the text, and the steps that were counted.
struct Answer {
  int found{0};
  std::uint64_t counted{0};
};

Answer search(std::string_view pattern, const std::string& text, BudgetedRegex::Jit jit) {
  const auto regex = BudgetedRegex::compile(pattern, PCRE2_UTF, jit);
  EXPECT_TRUE(regex) << pattern;
  pcre2_match_data* data = pcre2_match_data_create_from_pattern(regex->code(), nullptr);
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  Answer out;
  out.found = regex->match(text, 0, data, context, 1'000'000, &out.counted);
  pcre2_match_context_free(context);
  pcre2_match_data_free(data);
  return out;
}

TEST(RegexBudget, EndsWhatWouldTakeMinutes) {
  const std::string text(40'000, 'a');
  for (const char* pattern :
       {"(?i)(a*)\\1[bc]", "(a*)*\\1[bc]", "(?i)(a*)\\1*[bc]", "(?<n>a*)\\k<n>[bc]",
        "(?P<n>a*)(?P=n){2}[bc]", "(a+)+[bc]", "(a*)(a*)[bc]", "(a|aa)+[bc]", "[^x]*[bc]"}) {
    for (const auto jit : {BudgetedRegex::Jit::No, BudgetedRegex::Jit::Yes}) {
      const Answer answer = search(pattern, text, jit);
      EXPECT_LT(answer.found, PCRE2_ERROR_NOMATCH) << pattern;
      EXPECT_LT(answer.counted, 8'010'000U) << pattern;
    }
  }
}

TEST(RegexBudget, LeavesOthersAsTheyAre) {
  std::string prose;
  for (int i = 0; i < 2'000; ++i) prose += "some words and others ";
  for (const auto jit : {BudgetedRegex::Jit::No, BudgetedRegex::Jit::Yes}) {
    EXPECT_EQ(search("(\\w+) \\1", prose + "the the", jit).found, 2);
    EXPECT_EQ(search("\\b(\\w+) \\1\\b", prose, jit).found, PCRE2_ERROR_NOMATCH);
    EXPECT_EQ(search("<(\\w+)>.*?</\\1>", "<b>" + prose + "</b>", jit).found, 2);
    EXPECT_EQ(search("others$", prose + "others", jit).found, 1);
    EXPECT_EQ(search("x(a+)+b", std::string(20'000, 'a'), jit).found, PCRE2_ERROR_NOMATCH);
  }
  EXPECT_EQ(search("others$", "and others", BudgetedRegex::Jit::Yes).counted, 0U);
  EXPECT_FALSE(BudgetedRegex::compile("(", 0, BudgetedRegex::Jit::No));
}

}  // namespace
}  // namespace kiban
