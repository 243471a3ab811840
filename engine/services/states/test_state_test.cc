#include "services/states/test_state.h"

#include <gtest/gtest.h>

#include "services/states/fixture.h"

namespace kiban::services::states {
namespace {

class TestState : public States {
 protected:
  json::object test(const std::string& definition, json::object more = {}) {
    more["definition"] = definition;
    return call("states", "TestState", std::move(more));
  }
  Error refuse(const std::string& definition, json::object more = {}) {
    more["definition"] = definition;
    const auto reply = try_call("states", "TestState", std::move(more));
    return reply ? Error{} : reply.error();
  }
};

constexpr const char* start_execution =
    R"({"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":
    {"StateMachineArn.$":"$.machine"},"ResultPath":"$.r","Catch":[{"ErrorEquals":["Mine"],
    "Next":"Elsewhere"}],"Retry":[{"ErrorEquals":["Busy"],"IntervalSeconds":3,"BackoffRate":2}],
    "Next":"Then"})";

TEST_F(TestState, TellsTheStagesOfAState) {
  EXPECT_EQ(print_json(test(R"({"Type":"Pass","Parameters":{"b.$":"$.a"},"ResultPath":"$.c",
                                "Next":"N"})",
                            {{"input", R"({"a":1})"}, {"inspectionLevel", "DEBUG"}})),
            R"({"status":"SUCCEEDED","output":"{\"a\":1,\"c\":{\"b\":1}}","nextState":"N",)"
            R"("inspectionData":{"input":"{\"a\":1}","afterInputPath":"{\"a\":1}",)"
            R"("afterParameters":"{\"b\":1}","afterResultSelector":"{\"b\":1}",)"
            R"("afterResultPath":"{\"a\":1,\"c\":{\"b\":1}}"}})");
  EXPECT_EQ(print_json(test(R"({"Type":"Fail","Error":"E","Cause":"C"})")),
            R"({"error":"E","cause":"C","status":"FAILED"})");
}

TEST_F(TestState, AMockStandsForTheCall) {
  const json::object mocked{
      {"result", R"({"ExecutionArn":"x","StartDate":"2024-01-01T00:00:00Z"})"}};
  const json::object good =
      test(start_execution, {{"input", R"({"machine":"m"})"}, {"mock", mocked}});
  EXPECT_EQ(text(good, "output"),
            R"({"machine":"m","r":{"ExecutionArn":"x","StartDate":"2024-01-01T00:00:00Z"}})");
  const auto with_error = [&](const char* error) {
    return test(start_execution, {{"input", R"({"machine":"m"})"},
                                  {"inspectionLevel", "TRACE"},
                                  {"stateConfiguration", {{"retrierRetryCount", 2}}},
                                  {"mock", {{"errorOutput", {{"error", error}, {"cause", "c"}}}}}});
  };
  const json::object caught = with_error("Mine");
  EXPECT_EQ(text(caught, "status"), "CAUGHT_ERROR");
  EXPECT_EQ(text(caught, "nextState"), "Elsewhere");
  EXPECT_EQ(text(caught, "error"), "Mine");
  EXPECT_EQ(caught.at("inspectionData").at("errorDetails"), (json::object{{"catchIndex", 0}}));
  const json::object retriable = with_error("Busy");
  EXPECT_EQ(text(retriable, "status"), "RETRIABLE");
  EXPECT_EQ(retriable.at("inspectionData").at("errorDetails"),
            (json::object{{"retryIndex", 0}, {"retryBackoffIntervalSeconds", 12}}));
  EXPECT_EQ(text(with_error("Other"), "status"), "FAILED");
}

TEST_F(TestState, HoldsAMockAgainstTheModel) {
  const auto cause = [&](const char* resource, const char* result, const char* mode = "STRICT") {
    return refuse(fmt::format(R"({{"Type":"Task","Resource":"{}","End":true,
                                   "Parameters":{{"StateMachineArn":"arn","FunctionName":"f"}}}})",
                              resource),
                  {{"mock", {{"result", result}, {"fieldValidationMode", mode}}}})
        .cause;
  };
  constexpr const char* start = "arn:aws:states:::states:startExecution";
  constexpr const char* function = "arn:aws:states:::aws-sdk:lambda:getFunction";
  const std::string prefix = "Mock result schema validation error: ";
  EXPECT_EQ(cause(start, "{}"), prefix + "Required field 'ExecutionArn' is missing");
  EXPECT_EQ(cause(start, "{}", "PRESENT"), "");
  EXPECT_EQ(cause(start, R"({"ExecutionArn":1})", "PRESENT"),
            prefix + "Field 'ExecutionArn' must be a string");
  EXPECT_EQ(cause(start, R"({"ExecutionArn":1})", "NONE"), "");
  EXPECT_EQ(cause(function, R"({"Configuration":{"MemorySize":127}})"),
            prefix + "Field 'MemorySize' is less than the minimum value");
  EXPECT_EQ(cause(function, R"({"Configuration":{"PackageType":"Box"}})"),
            prefix + "Field 'PackageType' is not an expected value");
  EXPECT_EQ(cause(function, R"({"Configuration":{"Layers":{}}})"),
            prefix + "Field 'Layers' must be an array");
  // Recorded by AWS, though Lambda's own model allows 32768.
  EXPECT_EQ(cause(function, R"({"Configuration":{"MemorySize":10241}})", "PRESENT"),
            prefix + "Field 'MemorySize' exceeds the maximum value");
  EXPECT_EQ(cause(start, R"({"ExecutionArn":"","StartDate":1})"),
            prefix + "Field 'ExecutionArn' is smaller than the minimum length");
  EXPECT_EQ(cause(function, R"({"Configuration":{"Role":"nobody"}})"),
            prefix + "Field 'Role' does not match the pattern");
  EXPECT_EQ(cause(start, "x"), "Mocked result must be valid JSON");
}

TEST_F(TestState, RefusesWhatItCannotTest) {
  EXPECT_EQ(refuse(start_execution).cause, "RoleArn must be specified when testing a Task state");
  EXPECT_EQ(refuse(R"({"Type":"Pass","End":true})", {{"mock", {{"result", "1"}}}}).cause,
            "State type 'Pass' is not supported when a mock is specified");
  EXPECT_EQ(refuse(R"({"Type":"Nothing"})").name, "InvalidDefinition");
  EXPECT_EQ(
      refuse(R"({"StartAt":"A","States":{"A":{"Type":"Succeed"}}})", {{"stateName", "B"}}).name,
      "ValidationException");
  constexpr const char* map = R"({"Type":"Map","ItemsPath":"$.l","ToleratedFailureCount":1,
      "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
      "StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"End":true})";
  EXPECT_EQ(refuse(map).name, "InvalidDefinition");
  const auto failed = [&](int count) -> json::object {
    return {{"input", R"({"l":[1,2]})"},
            {"mock", {{"result", "[1,2]"}}},
            {"stateConfiguration", {{"mapIterationFailureCount", count}}}};
  };
  EXPECT_EQ(text(test(map, failed(1)), "status"), "SUCCEEDED");
  EXPECT_EQ(text(test(map, failed(2)), "error"), "States.ExceedToleratedFailureThreshold");
  EXPECT_EQ(refuse(map, failed(3)).cause,
            "Map iteration failure count must be less than or equal to the number of Map "
            "iterations");
}

TEST_F(TestState, CallsTheIntegrationWhenNothingIsMocked) {
  const auto child = make("child", R"({"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}})");
  const json::object done =
      test(start_execution, {{"input", R"({"machine":")" + child + R"("})"}, {"roleArn", role}});
  EXPECT_EQ(text(done, "status"), "SUCCEEDED");
  const auto list = call("states", "ListExecutions", {{"stateMachineArn", child}});
  EXPECT_EQ(list.at("executions").as_array().size(), 1U);
}

}  // namespace
}  // namespace kiban::services::states
