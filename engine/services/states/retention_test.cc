#include "services/states/retention.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/states/fixture.h"

namespace kiban::services::states {
namespace {

using testing::IsEmpty;

constexpr const char* pass = R"({"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}})";
constexpr const char* fails = R"({"StartAt":"F","States":{"F":{"Type":"Fail"}}})";
constexpr const char* waits =
    R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":8640000,"End":true}}})";
constexpr const char* maps =
    R"({"StartAt":"M","States":{"M":{"Type":"Map","Label":"L","ItemProcessor":{"ProcessorConfig":
    {"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"I","States":{"I":{"Type":"Pass",
    "End":true}}},"End":true}}})";

class RetentionTest : public States {
 protected:
  RetentionTest() {
    retention_ = 240h;
    restart();
  }
  void pass_time(Duration duration) { now_ = kernel_->run_until_idle(now_, now_ + duration); }
  // Rows of executions, without those of machines and of the account.
  std::vector<std::string> rows(std::string_view but = "~~") {
    std::vector<std::string> keys;
    for (const store::Row& row : store_->scan("states/", "", SIZE_MAX)) {
      const bool other = row.key.find("/machine/") != std::string::npos ||
                         row.key.find("/revision/") != std::string::npos ||
                         row.key.find("/throttle") != std::string::npos ||
                         row.key.find("/open/") != std::string::npos ||
                         row.key.find(but) != std::string::npos;
      if (!other) keys.push_back(row.key);
    }
    return keys;
  }
  std::size_t listed(const std::string& machine) {
    return call("states", "ListExecutions", {{"stateMachineArn", machine}})
        .at("executions")
        .as_array()
        .size();
  }
  std::string error_of(const std::string& execution) {
    const auto reply = try_call("states", "DescribeExecution", {{"executionArn", execution}});
    return reply ? "" : reply.error().name;
  }
};

TEST_F(RetentionTest, ErasesEveryRowOfWhatEndedLongAgo) {
  start(make("p", pass));
  start(make("f", fails));
  start(make("m", maps), "[1,2,3]");
  pass_time(200h);
  EXPECT_EQ(listed("arn:aws:states:ap-northeast-1:000000000000:stateMachine:m"), 1U);
  pass_time(80h);
  EXPECT_THAT(rows(), IsEmpty());
}

TEST_F(RetentionTest, KeepsWhatRunsAndWhatEndedLately) {
  const std::string waiting = start(make("w", waits));
  const std::string machine = make("p", pass);
  const std::string old = start(machine);
  pass_time(200h);
  const std::string young = start(machine);
  pass_time(100h);
  EXPECT_EQ(error_of(old), "ExecutionDoesNotExist");
  EXPECT_EQ(error_of(young), "");
  EXPECT_EQ(text(describe(waiting), "status"), "RUNNING");
  EXPECT_EQ(listed(machine), 1U);
  // It ends after 2,400 hours and goes 240 hours later.
  pass_time(2'200h);
  EXPECT_EQ(text(describe(waiting), "status"), "SUCCEEDED");
  pass_time(300h);
  EXPECT_THAT(rows(), IsEmpty());
}

TEST_F(RetentionTest, GoesOnAfterARestart) {
  const std::string old = start(make("p", pass));
  restart();
  pass_time(270h);
  EXPECT_EQ(error_of(old), "ExecutionDoesNotExist");
}

TEST_F(RetentionTest, ErasesWhatWasWrittenBeforeThereWasAPeriod) {
  retention_.reset();
  restart();
  const std::string old = start(make("p", pass));
  pass_time(500h);
  now_ += 500h;
  EXPECT_EQ(error_of(old), "");
  retention_ = 240h;
  restart();
  pass_time(1h);
  EXPECT_EQ(error_of(old), "ExecutionDoesNotExist");
}

TEST_F(RetentionTest, SlicesALargeExecutionAndHidesItMeanwhile) {
  std::string items = "[0";
  for (int i = 1; i < 1'200; ++i) items += "," + std::to_string(i);
  const std::string execution = start(make("m", maps), items + "]");
  pass_time(1h);
  ASSERT_EQ(text(describe(execution), "status"), "SUCCEEDED");
  const std::size_t before = rows().size();
  ASSERT_GT(before, 4'000U);  // More than a slice may erase.
  now_ += 260h;
  ASSERT_TRUE(kernel_->run_batch(now_, 77));
  const std::size_t after_one_batch = rows().size();
  EXPECT_LT(after_one_batch, before);
  EXPECT_GT(after_one_batch, 0U);
  EXPECT_EQ(error_of(execution), "ExecutionDoesNotExist");
  EXPECT_EQ(listed("arn:aws:states:ap-northeast-1:000000000000:stateMachine:m"), 0U);
  restart();
  pass_time(1h);
  EXPECT_THAT(rows(), IsEmpty());
}

TEST_F(RetentionTest, AMachineMadeAgainListsNothingOfTheOldOne) {
  const std::string machine = make("p", pass);
  start(machine);
  EXPECT_EQ(listed(machine), 1U);
  call("states", "DeleteStateMachine", {{"stateMachineArn", machine}});
  now_ += 1s;
  make("p", fails);
  EXPECT_EQ(listed(machine), 0U);
  start(machine);
  EXPECT_EQ(listed(machine), 1U);
}

TEST_F(RetentionTest, TokensGoWithTheirExecution) {
  const auto count = [&](std::string_view kind) {
    return store_->scan(fmt::format("states/ap-northeast-1/{}/", kind), "", SIZE_MAX).size();
  };
  call("states", "CreateActivity", {{"name", "a"}});
  const std::string machine =
      make("w", R"({"StartAt":"W","States":{"W":{"Type":"Task","TimeoutSeconds":60,"Resource":)"
                R"("arn:aws:states:ap-northeast-1:000000000000:activity:a","End":true}}})");
  start(machine);  // No worker takes it: it times out, and is still queued.
  pass_time(1h);
  EXPECT_EQ(count("token"), 1U);
  EXPECT_EQ(count("pending"), 1U);
  const std::string young = start(machine);
  const json::object taken =
      call("states", "GetActivityTask",
           {{"activityArn", "arn:aws:states:ap-northeast-1:000000000000:activity:a"}});
  call("states", "SendTaskSuccess", {{"taskToken", taken.at("taskToken")}, {"output", "1"}});
  EXPECT_EQ(text(describe(young), "status"), "SUCCEEDED");
  EXPECT_EQ(count("pending"), 0U);  // The poll dropped what had timed out.
  EXPECT_EQ(count("token"), 2U);
  start(machine);
  pass_time(100h);  // A pass: an activity task whose execution ended goes, the tokens stay.
  EXPECT_EQ(count("pending"), 0U);
  EXPECT_EQ(count("token"), 3U);
  // As AWS: the token is known as one that was closed.
  EXPECT_EQ(
      try_call("states", "SendTaskSuccess", {{"taskToken", taken.at("taskToken")}, {"output", "1"}})
          .error()
          .name,
      "TaskTimedOut");
  pass_time(200h);
  EXPECT_EQ(count("token"), 0U);
  EXPECT_EQ(
      try_call("states", "SendTaskSuccess", {{"taskToken", taken.at("taskToken")}, {"output", "1"}})
          .error()
          .name,
      "InvalidToken");
}

TEST_F(RetentionTest, ATokenOfAnExecutionThatWaitsStays) {
  call("sqs", "CreateQueue", {{"QueueName", "q"}});
  const std::string machine =
      make("t", R"({"StartAt":"T","States":{"T":{"Type":"Task","Resource":)"
                R"("arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":)"
                R"("http://127.0.0.1:4566/000000000000/q","MessageBody.$":"$$.Task.Token"},)"
                R"("End":true}}})");
  const std::string waiting = start(machine);
  start(make("p", pass));
  pass_time(500h);
  EXPECT_EQ(store_->scan("states/ap-northeast-1/token/", "", SIZE_MAX).size(), 1U);
  EXPECT_EQ(text(describe(waiting), "status"), "RUNNING");
}

TEST_F(RetentionTest, TheLastExecutionOfADeletedMachineTakesItsRevisionsAlong) {
  const std::string machine = make("p", pass);
  start(machine);
  call("states", "DeleteStateMachine", {{"stateMachineArn", machine}});
  pass_time(100h);
  EXPECT_FALSE(store_->scan("states/ap-northeast-1/revision/p/", "", 1).empty());
  pass_time(200h);
  EXPECT_TRUE(store_->scan("states/ap-northeast-1/revision/p/", "", 1).empty());
}

TEST_F(RetentionTest, SkipsADamagedRow) {
  const std::string machine = make("p", pass);
  const std::string damaged = start(machine);
  const std::string other = start(machine);
  const std::string name = damaged.substr(damaged.rfind(':') + 1);
  ASSERT_TRUE(store_->commit({{"states/ap-northeast-1/execution/p/" + name, "{"}}));
  pass_time(300h);
  EXPECT_EQ(error_of(other), "ExecutionDoesNotExist");
  EXPECT_FALSE(rows().empty());
}

TEST_F(RetentionTest, HasNoTimerWithoutExecutions) {
  start(make("p", pass));
  pass_time(300h);
  EXPECT_EQ(kernel_->next_timer(), std::nullopt);
}

}  // namespace
}  // namespace kiban::services::states
