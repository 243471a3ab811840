#include "services/logs/purge.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "services/cloudwatch/service.h"
#include "services/kms/service.h"
#include "services/logs/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::logs {
namespace {

using namespace std::chrono_literals;

class Purge : public ServiceTest {
 protected:
  Purge() : ServiceTest("logs", {make_logs, cloudwatch::make_cloudwatch, kms::make_kms}) {
    create("g");
  }
  void create(const std::string& group) { call("CreateLogGroup", {{"logGroupName", group}}); }
  void stream(const std::string& name, int events) {
    call("CreateLogStream", {{"logGroupName", "g"}, {"logStreamName", name}});
    json::array batch;
    for (int i = 0; i < events; ++i) {
      batch.push_back({{"timestamp", now_.time_since_epoch().count() + i}, {"message", "m"}});
      if (batch.size() < 5'000 && i + 1 < events) continue;
      call("PutLogEvents", {{"logGroupName", "g"},
                            {"logStreamName", name},
                            {"logEvents", std::exchange(batch, {})}});
    }
  }
  std::size_t rows(std::string_view kind) {
    return store_->scan(fmt::format("logs/ap-northeast-1/{}/", kind), "", SIZE_MAX).size();
  }
  // One batch of what came due.
  void batch() { ASSERT_TRUE(kernel_->run_batch(now_, ++seed_)); }
  void pass_time(Duration duration) {
    kernel_->run_until_idle(now_, now_ + duration, ++seed_);
    now_ += duration;
  }
};

TEST_F(Purge, ADeletedGroupGoesInSlicesAndOverARestart) {
  stream("a", 3'000);
  stream("b", 4'500);
  call("DeleteLogGroup", {{"logGroupName", "g"}});
  EXPECT_GE(rows("event"), 7'500 - 2 * rows_per_slice);
  restart();
  pass_time(1min);
  for (const auto* kind : {"event", "stream", "purge"}) EXPECT_EQ(rows(kind), 0U) << kind;
}

TEST_F(Purge, AGroupMadeAgainMeanwhileShowsNothingOfTheOldOne) {
  for (int i = 0; i < 8; ++i) stream(fmt::format("s{}", i), 2'500);
  kernel_->submit({.service = "logs",
                   .operation = "DeleteLogGroup",
                   .input = {{"logGroupName", "g"}},
                   .caller = kernel_->root()});
  kernel_->submit({.service = "logs",
                   .operation = "CreateLogGroup",
                   .input = {{"logGroupName", "g"}},
                   .caller = kernel_->root()});
  batch();
  EXPECT_EQ(rows("event") + rows("stream") + rows("purge"), 0U);
  stream("s0", 3);
  pass_time(1min);
  EXPECT_EQ(rows("event"), 3U);
  EXPECT_EQ(rows("stream"), 1U);
}

TEST_F(Purge, AStreamMadeAgainMeanwhileShowsNothingOfTheOldOne) {
  stream("a", 9'000);
  stream("b", 10);
  kernel_->submit({.service = "logs",
                   .operation = "DeleteLogStream",
                   .input = {{"logGroupName", "g"}, {"logStreamName", "a"}},
                   .caller = kernel_->root()});
  kernel_->submit({.service = "logs",
                   .operation = "CreateLogStream",
                   .input = {{"logGroupName", "g"}, {"logStreamName", "a"}},
                   .caller = kernel_->root()});
  batch();
  EXPECT_EQ(rows("event"), 10U);
  pass_time(1min);
  EXPECT_EQ(rows("event"), 10U);
  EXPECT_EQ(rows("stream"), 2U);
}

TEST_F(Purge, WhatIsOlderThanTheRetentionGoesInSlices) {
  call("PutRetentionPolicy", {{"logGroupName", "g"}, {"retentionInDays", 1}});
  stream("a", 5'000);
  stream("b", 3'000);
  now_ += 12h;
  stream("c", 100);
  call("PutLogEvents",
       {{"logGroupName", "g"},
        {"logStreamName", "a"},
        {"logEvents", {{{"timestamp", now_.time_since_epoch().count()}, {"message", "young"}}}}});
  now_ += 13h;
  batch();
  EXPECT_GT(rows("event"), 101U);
  restart();
  pass_time(1min);
  EXPECT_EQ(rows("event"), 101U);
  pass_time(13h);  // The next passes.
  EXPECT_EQ(rows("event"), 0U);
}

}  // namespace
}  // namespace kiban::services::logs
