#include "cli/terminal.h"

#include <gtest/gtest.h>

namespace kiban::cli {
namespace {

TEST(DisplayWidth, CountsColumns) {
  EXPECT_EQ(display_width("batch"), 5U);
  EXPECT_EQ(display_width("基盤 batch"), 10U);  // Wide.
  EXPECT_EQ(display_width("ﾊﾞｯﾁ"), 4U);         // Half-width kana.
  EXPECT_EQ(display_width("e\xcc\x81"), 1U);    // A combining accent.
  EXPECT_EQ(display_width("\xff\xfe"), 2U);     // No UTF-8: a column each.
}

TEST(Fit, CutsBetweenCharacters) {
  EXPECT_EQ(fit("batch", 5), "batch");
  EXPECT_EQ(fit("batches", 5), "batc…");
  EXPECT_EQ(fit("基盤基盤", 5), "基盤…");
  EXPECT_EQ(fit("基盤基盤", 6), "基盤…");  // There is no half of one.
  EXPECT_EQ(fit("基盤", 4), "基盤");
  EXPECT_EQ(fit("", 0), "");
  EXPECT_EQ(fit("x", 0), "");
}

TEST(Fit, LeavesNoControlCharacters) { EXPECT_EQ(fit("a\033[2J\nb"), "a [2J b"); }

TEST(Pad, GoesByColumns) {
  EXPECT_EQ(pad("基", 4), "基  ");
  EXPECT_EQ(pad("long", 2), "long");
}

}  // namespace
}  // namespace kiban::cli
