#include "cli/words.h"

#include <gtest/gtest.h>

namespace kiban::cli {
namespace {

using namespace std::chrono_literals;

TEST(Duration, IsANumberAndAUnit) {
  EXPECT_EQ(parse_duration("250ms"), Result<Duration>{250ms});
  EXPECT_EQ(parse_duration("90s"), Result<Duration>{90s});
  EXPECT_EQ(parse_duration("7d"), Result<Duration>{168h});
  for (const char* wrong : {"", "24", "h", "-1h", "1w", "1.5h", "1h30m", "99999999999999999999s"})
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
}

TEST(Duration, IsReadInItsTwoGreatestUnits) {
  EXPECT_EQ(duration_words(12ms), "12 ms");
  EXPECT_EQ(duration_words(1250ms), "1.250 s");
  EXPECT_EQ(duration_words(185s), "3 min 5 s");
  EXPECT_EQ(duration_words(26h + 5min), "1 d 2 h");
  EXPECT_EQ(duration_words(-90s), "-1 min 30 s");
}

}  // namespace
}  // namespace kiban::cli
