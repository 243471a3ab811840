#include "services/states/executions.h"

#include <gtest/gtest.h>

#include <set>

#include "services/states/fixture.h"
#include "services/states/input_complaint.h"

namespace kiban::services::states {
namespace {

using json::array;

constexpr const char* failing = R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"S"},
    "S":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":
    "http://127.0.0.1:4566/000000000000/late","MessageBody":"x"},"ResultPath":null,"End":true}}})";

class ExecutionsTest : public States {
 protected:
  // Sent as over the wire; nullopt while it waits.
  struct Sent {
    std::optional<Result<json::object>> reply{};
  };
  std::shared_ptr<Sent> send(std::string operation, json::object input) {
    auto sent = std::make_shared<Sent>();
    kernel_->submit({.service = "states",
                     .operation = std::move(operation),
                     .input = std::move(input),
                     .caller = kernel_->root(),
                     .reply = [sent](Result<json::object> reply) { sent->reply = reply; }});
    EXPECT_TRUE(kernel_->run_batch(now_, ++seed_));
    return sent;
  }
  json::object page(const std::string& operation, json::object input) {
    return call("states", operation, std::move(input));
  }
};

TEST_F(ExecutionsTest, ASynchronousStartWaitsForTheEnd) {
  const std::string quick =
      make("quick", R"({"StartAt":"P","States":{"P":{"Type":"Pass","Result":1,"End":true}}})",
           {{"type", "EXPRESS"}});
  const auto at_once = send("StartSyncExecution", {{"stateMachineArn", quick}});
  ASSERT_TRUE(at_once->reply && *at_once->reply);
  EXPECT_EQ(text(**at_once->reply, "status"), "SUCCEEDED");
  EXPECT_EQ(text(**at_once->reply, "output"), "1");
  EXPECT_EQ((*at_once->reply)->at("billingDetails").at("billedDurationInMilliseconds"), 100);

  const std::string slow =
      make("slow", R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"F"},
                  "F":{"Type":"Fail","Error":"E","Cause":"C"}}})",
           {{"type", "EXPRESS"}});
  const auto later =
      send("StartSyncExecution", {{"stateMachineArn", slow}, {"input", "[1]"}, {"name", "n"}});
  EXPECT_FALSE(later->reply);
  now_ = kernel_->run_until_idle(now_, now_ + 6s);
  ASSERT_TRUE(later->reply && *later->reply);
  EXPECT_EQ(text(**later->reply, "status"), "FAILED");
  EXPECT_EQ(text(**later->reply, "error"), "E");
  EXPECT_EQ(text(**later->reply, "input"), "[1]");
  EXPECT_EQ((*later->reply)->at("billingDetails").at("billedDurationInMilliseconds"), 5000);
  EXPECT_FALSE((*later->reply)->contains("sync"));

  const std::string standard = make("standard", failing);
  EXPECT_EQ(try_call("states", "StartSyncExecution", {{"stateMachineArn", standard}}).error().name,
            "StateMachineTypeNotSupported");
}

TEST_F(ExecutionsTest, AnExpressExecutionEndsAfterFiveMinutes) {
  const std::string machine =
      make("m", R"({"StartAt":"W","TimeoutSeconds":900,"States":{"W":{"Type":"Wait","Seconds":600,
              "End":true}}})",
           {{"type", "EXPRESS"}});
  const auto sent = send("StartSyncExecution", {{"stateMachineArn", machine}});
  now_ = kernel_->run_until_idle(now_, now_ + 299s);
  EXPECT_FALSE(sent->reply);
  now_ = kernel_->run_until_idle(now_, now_ + 301s);
  ASSERT_TRUE(sent->reply && *sent->reply);
  EXPECT_EQ(text(**sent->reply, "status"), "TIMED_OUT");
}

TEST_F(ExecutionsTest, ATaskMayStartAnotherSynchronously) {
  const std::string slow =
      make("slow", R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}})",
           {{"type", "EXPRESS"}});
  const std::string machine = make("m", R"({"StartAt":"S","States":{"S":{"Type":"Task","Resource":
      "arn:aws:states:::aws-sdk:sfn:startSyncExecution","Parameters":{"StateMachineArn":")" +
                                            slow + R"(","Input":{"x":1}},"End":true}}})");
  const std::string execution = start(machine);
  EXPECT_EQ(text(describe(execution), "status"), "RUNNING");
  now_ = kernel_->run_until_idle(now_, now_ + 6s);
  const auto output = parse_json(text(describe(execution), "output"));
  ASSERT_TRUE(output);
  EXPECT_EQ(output->at("Status"), "SUCCEEDED");
  EXPECT_EQ(output->at("Output"), R"({"x":1})");
}

TEST_F(ExecutionsTest, ARedriveGoesOnFromTheStateThatFailed) {
  const std::string execution = start(make("m", failing), R"({"a":1})");
  json::object described = describe(execution);
  EXPECT_EQ(text(described, "status"), "FAILED");
  EXPECT_EQ(text(described, "redriveStatus"), "REDRIVABLE");
  call("sqs", "CreateQueue", {{"QueueName", "late"}});
  restart();
  now_ += 1h;
  call("states", "RedriveExecution", {{"executionArn", execution}, {"clientToken", "t"}});
  described = describe(execution);
  EXPECT_EQ(text(described, "status"), "SUCCEEDED");
  EXPECT_EQ(described.at("redriveCount"), 1);
  EXPECT_EQ(described.at("redriveDate"), epoch_seconds(now_));
  EXPECT_EQ(types(execution),
            "ExecutionStarted PassStateEntered PassStateExited TaskStateEntered TaskScheduled "
            "TaskStarted TaskFailed ExecutionFailed ExecutionRedriven TaskScheduled TaskStarted "
            "TaskSucceeded TaskStateExited ExecutionSucceeded");
  const auto again = try_call("states", "RedriveExecution", {{"executionArn", execution}});
  EXPECT_EQ(again.error().name, "ExecutionNotRedrivable");
  EXPECT_TRUE(
      try_call("states", "RedriveExecution", {{"executionArn", execution}, {"clientToken", "t"}}));
  const auto redriven =
      call("states", "ListExecutions",
           {{"stateMachineArn", described.at("stateMachineArn")}, {"redriveFilter", "REDRIVEN"}});
  EXPECT_EQ(redriven.at("executions").as_array().size(), 1U);
}

TEST_F(ExecutionsTest, ARedriveLeavesBranchesThatSucceededAlone) {
  const std::string url = text(call("sqs", "CreateQueue", {{"QueueName", "q"}}), "QueueUrl");
  const std::string branches = R"([{"StartAt":"A","States":{"A":{"Type":"Task","Resource":
      "arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":")" +
                               url + R"(","MessageBody":"x"},"ResultPath":null,"End":true}}},
      {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"B"},"B":{"Type":"Task",
      "Resource":"arn:aws:states:::aws-sdk:sqs:getQueueUrl","Parameters":{"QueueName":"late"},
      "ResultPath":null,"End":true}}}])";
  const std::string execution =
      start(make("m", R"({"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":)" + branches +
                          R"(,"End":true}}})"));
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(execution), "status"), "FAILED");
  call("sqs", "CreateQueue", {{"QueueName", "late"}});
  restart();
  call("states", "RedriveExecution", {{"executionArn", execution}});
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(execution), "status"), "SUCCEEDED");
  EXPECT_EQ(text(describe(execution), "output"), "[{},{}]");
  const auto sent = call("sqs", "GetQueueAttributes",
                         {{"QueueUrl", url}, {"AttributeNames", {"ApproximateNumberOfMessages"}}});
  EXPECT_EQ(sent.at("Attributes").at("ApproximateNumberOfMessages"), "1");
  EXPECT_EQ(types(execution).substr(types(execution).find("ExecutionRedriven")),
            "ExecutionRedriven TaskScheduled TaskStarted TaskSucceeded TaskStateExited "
            "ParallelStateSucceeded ParallelStateExited ExecutionSucceeded");
}

TEST_F(ExecutionsTest, AnExecutionIsRedrivableForTwoWeeks) {
  const std::string execution = start(make("m", failing));
  now_ += std::chrono::days(15);
  EXPECT_EQ(text(describe(execution), "redriveStatus"), "NOT_REDRIVABLE");
  EXPECT_EQ(try_call("states", "RedriveExecution", {{"executionArn", execution}}).error().name,
            "ExecutionNotRedrivable");
}

TEST_F(ExecutionsTest, PagesShowEachExecutionOnceNewestFirst) {
  const std::string machine =
      make("m", R"({"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}})");
  const std::string other =
      make("m2", R"({"StartAt":"A","States":{"A":{"Type":"Fail","Error":"E"}}})");
  std::vector<std::string> started;
  for (int i = 0; i < 25; ++i) {
    now_ += 1s;
    started.push_back(start(machine));
    start(other);
  }
  std::vector<std::string> seen;
  json::object request{{"stateMachineArn", machine}, {"maxResults", 10}};
  while (true) {
    const json::object reply = page("ListExecutions", request);
    for (const json::value& one : reply.at("executions").as_array())
      seen.emplace_back(one.at("executionArn").as_string());
    if (!reply.contains("nextToken")) break;
    request["nextToken"] = reply.at("nextToken");
  }
  std::ranges::reverse(started);
  EXPECT_EQ(seen, started);
  const auto failed =
      page("ListExecutions", {{"stateMachineArn", other}, {"statusFilter", "SUCCEEDED"}});
  EXPECT_TRUE(failed.at("executions").as_array().empty());
  EXPECT_EQ(try_call("states", "ListExecutions", {{"stateMachineArn", machine}, {"nextToken", "x"}})
                .error()
                .name,
            "InvalidToken");
}

TEST_F(ExecutionsTest, AHistoryIsPagedBothWays) {
  const std::string execution = start(make("m", R"({"StartAt":"A","States":{
      "A":{"Type":"Wait","Seconds":1,"Next":"B"},"B":{"Type":"Wait","Seconds":1,"Next":"C"},
      "C":{"Type":"Wait","Seconds":1,"End":true}}})"));
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  for (const bool reverse : {false, true}) {
    std::vector<std::int64_t> ids;
    json::object request{{"executionArn", execution}, {"maxResults", 3}, {"reverseOrder", reverse}};
    while (true) {
      const json::object reply = page("GetExecutionHistory", request);
      EXPECT_LE(reply.at("events").as_array().size(), 3U);
      for (const json::value& event : reply.at("events").as_array())
        ids.push_back(event.at("id").as_int64());
      if (!reply.contains("nextToken")) break;
      request["nextToken"] = reply.at("nextToken");
    }
    std::vector<std::int64_t> expected{1, 2, 3, 4, 5, 6, 7, 8};
    if (reverse) std::ranges::reverse(expected);
    EXPECT_EQ(ids, expected);
  }
}

TEST_F(ExecutionsTest, ATaskThatFetchesActivityTasksWaitsForOne) {
  const std::string activity =
      text(call("states", "CreateActivity", {{"name", "a"}}), "activityArn");
  const std::string worker = start(make("worker", R"({"StartAt":"G","States":{"G":{"Type":"Task",
      "Resource":"arn:aws:states:::aws-sdk:sfn:getActivityTask","Parameters":{"ActivityArn":")" +
                                                      activity + R"("},"Next":"D"},
      "D":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sfn:sendTaskSuccess","Parameters":{
      "TaskToken.$":"$.TaskToken","Output":"7"},"End":true}}})"));
  now_ = kernel_->run_until_idle(now_, now_ + 1s);
  EXPECT_EQ(text(describe(worker), "status"), "RUNNING");
  const std::string asking = start(make("asking", R"({"StartAt":"A","States":{"A":{"Type":"Task",
      "Resource":")" + activity + R"(","End":true}}})"));
  now_ = kernel_->run_until_idle(now_, now_ + 1s);
  EXPECT_EQ(text(describe(worker), "status"), "SUCCEEDED");
  EXPECT_EQ(text(describe(asking), "output"), "7");
  const std::string vain = start(make("vain", R"({"StartAt":"G","States":{"G":{"Type":"Task",
      "Resource":"arn:aws:states:::aws-sdk:sfn:getActivityTask","Parameters":{"ActivityArn":")" +
                                                  activity + R"("},"End":true}}})"));
  now_ = kernel_->run_until_idle(now_, now_ + 2min);
  EXPECT_EQ(text(describe(vain), "status"), "SUCCEEDED");
}

TEST_F(ExecutionsTest, AnEndlessLoopOfTasksIsCutIntoCommands) {
  call("sqs", "CreateQueue", {{"QueueName", "q"}});
  const std::string endless = start(make("endless", R"({"StartAt":"T","States":{"T":{"Type":"Task",
      "Resource":"arn:aws:states:::aws-sdk:sqs:getQueueUrl","Parameters":{"QueueName":"q"},
      "Next":"C"},"C":{"Type":"Choice","Choices":[{"Variable":"$.no","IsPresent":true,"Next":"E"}],
      "Default":"T"},"E":{"Type":"Succeed"}}})"));
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(endless), "status"), "FAILED");  // Its history is full.
  EXPECT_EQ(text(describe(endless), "redriveStatus"), "NOT_REDRIVABLE");
  const auto page = call("states", "GetExecutionHistory",
                         {{"executionArn", endless}, {"reverseOrder", true}, {"maxResults", 1}});
  EXPECT_EQ(page.at("events").at(0).at("id"), 25'000);
  // One chunk of history a command.
  EXPECT_GT(store_->scan("states/ap-northeast-1/history/endless/", {}, SIZE_MAX).size(), 30U);
}

TEST_F(ExecutionsTest, AnExecutionThatWaitsIsRestoredFromItsRowAlone) {
  const std::string machine =
      make("m", R"({"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":1,"Next":"B"},
      "B":{"Type":"Wait","Seconds":1,"Next":"C"},"C":{"Type":"Wait","Seconds":1,"End":true}}})");
  const std::string cached = start(machine);
  const std::string restored = start(machine);
  for (int i = 0; i < 3; ++i) {
    now_ = kernel_->run_until_idle(now_, now_ + 1s);
    if (i == 1) restart();  // The cache is gone; both go on alike.
  }
  EXPECT_EQ(types(cached), types(restored));
  EXPECT_EQ(text(describe(restored), "status"), "SUCCEEDED");
}

TEST(InputComplaint, SpeaksLikeAwsWhereRecorded) {
  EXPECT_EQ(input_complaint("not some json"),
            "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token "
            "'null', 'true' or 'false')");
  EXPECT_EQ(input_complaint("{'not'"),
            "Unexpected character (''' (code 39)): was expecting "
            "double-quote to start field name");
  EXPECT_EQ(input_complaint("["), std::nullopt);
  EXPECT_EQ(input_complaint(" "), std::nullopt);
}

}  // namespace
}  // namespace kiban::services::states
