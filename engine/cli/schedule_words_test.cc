#include "cli/schedule_words.h"

#include <gtest/gtest.h>

#include "schedule/expression.h"

namespace kiban::cli {
namespace {

TEST(ScheduleWords, SayWhatAnExpressionMeans) {
  const std::pair<const char*, const char*> rows[] = {
      {"rate(5 minutes)", "every 5 minutes"},
      {"rate(1 day)", "every day"},
      {"cron(0 17 * * ? *)", "at 17:00, every day"},
      {"cron(0,30 9,17 * * ? *)", "at 09:00, 09:30, 17:00 and 17:30, every day"},
      {"cron(0/15 8-17 ? * MON-FRI *)",
       "every 15 minutes from 0 of hour 8 to 17, on Monday to Friday"},
      {"cron(5 * ? * 2,4 *)", "at minute 5 of every hour, on Monday and Wednesday"},
      {"cron(* * * * ? *)", "every minute, every day"},
      {"cron(0 9 L * ? *)", "at 09:00, on the last day of the month"},
      {"cron(0 9 LW * ? *)", "at 09:00, on the last day of the month from Monday to Friday"},
      {"cron(0 9 15W * ? *)",
       "at 09:00, on the day from Monday to Friday nearest to day 15 of the month"},
      {"cron(0 9 ? * FRI#2 *)", "at 09:00, on the second Friday of the month"},
      {"cron(0 9 ? * 5L *)", "at 09:00, on the last Thursday of the month"},
      {"cron(0 0 1 JAN,7 ? 2027)", "at 00:00, on day 1 of the month in January and July in 2027"},
      {"cron(0 0/6 1 1/3 ? *)",
       "at minute 0, every 6 hours from 0, on day 1 of the month, every 3 months from January"},
  };
  for (const auto& [expression, words] : rows) {
    EXPECT_TRUE(schedule::Expression::parse(expression, schedule::Dialect::Rule)) << expression;
    EXPECT_EQ(schedule_words(expression), words);
  }
}

}  // namespace
}  // namespace kiban::cli
