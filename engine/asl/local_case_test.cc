#include "asl/local_case.h"

#include <gtest/gtest.h>

#include "asl/mocks.h"

namespace kiban::asl {
namespace {

constexpr std::string_view retrying = R"({"StartAt":"Call","States":{
  "Call":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Next":"Wait",
    "Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":10}]},
  "Wait":{"Type":"Wait","Seconds":86400,"End":true}}})";

LocalReport run(std::string_view definition, LocalMocks mocks, MachineType type = {}) {
  const auto program = compile(definition, type);
  EXPECT_TRUE(program);
  return run_locally(*program, {.type = type, .mocks = std::move(mocks)});
}

json::object object(std::string_view text) { return parse_json(text)->as_object(); }

TEST(LocalRun, AnswersInTurnAndTakesNoTime) {
  const auto report = run(
      retrying, {.answers = object(R"({"Call":[{"Throw":{"Error":"Busy"}},{"Return":{"n":1}}]})")});
  EXPECT_EQ(report.status, "SUCCEEDED");
  EXPECT_EQ(report.path, (std::vector<std::string>{"Call", "Wait"}));
  EXPECT_EQ(report.output, R"({"n":1})");
  EXPECT_EQ(report.events.back().timestamp - report.events.front().timestamp,
            std::chrono::seconds(86'410));
}

TEST(LocalRun, ReadsStepFunctionsLocalsConfiguration) {
  const auto config = object(R"({"StateMachines":{"m":{"TestCases":{"c":{"Call":"busy"}}}},
      "MockedResponses":{"busy":{"0-1":{"Throw":{"Error":"Busy","Cause":"x"}},"2":{"Return":2}}}})");
  const auto report = run(retrying, {.config = config, .machine = "m", .test_case = "c"});
  EXPECT_EQ(report.output, "2");
}

TEST(LocalRun, NamesWhatNothingAnswers) {
  const auto report = run(retrying, {});
  EXPECT_EQ(report.status, "FAILED");
  EXPECT_EQ(report.error, "Kiban.NotMocked");
  EXPECT_NE(report.cause->find("arn:aws:states:::lambda:invoke"), std::string::npos);
}

TEST(LocalRun, TellsEveryDifference) {
  const auto report = run(retrying, {.answers = object(R"({"Call":{"Return":1}})")});
  EXPECT_TRUE(
      differences(report, object(R"({"status":"SUCCEEDED","output":1,"path":["Call","Wait"]})"))
          .empty());
  const auto found = differences(
      report, object(R"({"status":"FAILED","output":2,"path":["Wait"],"error":"E","state":1})"));
  ASSERT_EQ(found.size(), 5U);
  EXPECT_EQ(found[1], "output: expected 2, got 1");
}

TEST(LocalRun, PrintsOneEventALine) {
  const auto report =
      run(R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3,"End":true}}})", {});
  EXPECT_EQ(history_text(report.events).substr(0, 25), "  1   0 ExecutionStarted ");
  EXPECT_NE(history_text(report.events).find("  3   2 WaitStateExited W {}  +3s\n"),
            std::string::npos);
}

}  // namespace
}  // namespace kiban::asl
