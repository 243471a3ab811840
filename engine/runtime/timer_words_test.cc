#include "runtime/timer_words.h"

#include <gtest/gtest.h>

namespace kiban::runtime {
namespace {

TEST(TimerWords, SayWhatATimerIsFor) {
  EXPECT_EQ(timer_words("states", {{"Execution", "arn:aws:states:r:0:execution:nightly:run-1"}}),
            "a Wait state, timeout or retry of execution run-1");
  EXPECT_EQ(timer_words("events", {{"Kind", "schedule"}, {"Rule", "daily"}}),
            "the schedule of rule daily");
  EXPECT_EQ(timer_words("events", {{"Kind", "retry"}, {"Target", {{"Arn", "arn:aws:sqs:r:0:q"}}}}),
            "another try of a delivery to q");
  EXPECT_EQ(timer_words("scheduler", {{"Kind", "fire"}, {"Group", "g"}, {"Name", "daily"}}),
            "the schedule g/daily");
  EXPECT_EQ(timer_words("scheduler", {{"Kind", "retry"}, {"Group", "g"}, {"Name", "daily"}}),
            "another try of schedule g/daily");
  EXPECT_EQ(timer_words("scheduler", {{"Kind", "group"}, {"Group", "g"}}),
            "the deletion of schedule group g");
  EXPECT_EQ(timer_words("cloudwatch", {{"Alarm", "failed"}}), "the evaluation of alarm failed");
  EXPECT_EQ(timer_words("logs", {{"Group", "/batch"}}), "the retention of log group /batch");
  EXPECT_EQ(timer_words("sts", {{"AccessKeyId", "A"}}), "a timer of sts");
}

}  // namespace
}  // namespace kiban::runtime
