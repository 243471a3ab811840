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
  EXPECT_EQ(fit("基盤基盤", 6), "基盤…");  // A character is never split.
  EXPECT_EQ(fit("基盤", 4), "基盤");
  EXPECT_EQ(fit("", 0), "");
  EXPECT_EQ(fit("x", 0), "");
}

TEST(Fit, LeavesNoControlCharacters) { EXPECT_EQ(fit("a\033[2J\nb\u202ec"), "a [2J b c"); }

TEST(Harmless, ReplacesWhatSteersATerminal) {
  EXPECT_EQ(harmless("a\033[2J\x7f\r"), "a?[2J??");
  EXPECT_EQ(harmless("\u009b2J\u0085"), "?2J?");
  EXPECT_EQ(harmless("\u202egpj.exe\u2066\u200f\u061c"), "?gpj.exe???");
  EXPECT_EQ(harmless("\x9b"
                     "2J"),
            "?2J");
  EXPECT_EQ(harmless(std::string_view("\0a", 2)), "?a");
  EXPECT_EQ(harmless("a\tb\n基\u00a0é"), "a\tb\n基\u00a0é");
}

TEST(Pad, GoesByColumns) {
  EXPECT_EQ(pad("基", 4), "基  ");
  EXPECT_EQ(pad("long", 2), "long");
}

}  // namespace
}  // namespace kiban::cli
