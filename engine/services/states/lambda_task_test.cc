#include <gmock/gmock.h>

#include "api/codec.h"
#include "core/zip.h"
#include "services/iam/service.h"
#include "services/lambda/host.h"
#include "services/lambda/service.h"
#include "services/states/fixture.h"
#include "services/sts/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::states {
namespace {

using testing::HasSubstr;

constexpr const char* function = "arn:aws:lambda:ap-northeast-1:000000000000:function:work";

class LambdaTask : public ServiceTest {
 protected:
  LambdaTask()
      : ServiceTest("states", {[] { return make_states({}); }, lambda::make_lambda, iam::make_iam,
                               sts::make_sts}) {
    call("lambda", "CreateFunction",
         {{"FunctionName", "work"},
          {"Runtime", "python3.12"},
          {"Handler", "app.handler"},
          {"Role", role},
          {"Code", {{"ZipFile", api::encode_base64(make_zip({{"app.py", "x"}}))}}}});
  }
  // Starts a machine of one Task.
  void start(const std::string& resource, const std::string& parameters,
             const std::string& more = "") {
    const std::string definition = fmt::format(
        R"({{"StartAt":"S","States":{{"S":{{"Type":"Task","Resource":"{}"{}{},"End":true}}{}}}}})",
        resource, parameters.empty() ? "" : ",\"Parameters\":" + parameters, more,
        more.find("\"S2\"") == std::string::npos ? "" : R"(,"S2":{"Type":"Succeed"})");
    const json::object made =
        call("CreateStateMachine", {{"name", "m"}, {"definition", definition}, {"roleArn", role}});
    execution_ = text(call("StartExecution", {{"stateMachineArn", made.at("stateMachineArn")},
                                              {"input", R"({"n":1})"}}),
                      "executionArn");
  }
  void answer(json::object outcome) {
    const auto effects = kernel_->pending_effects();
    ASSERT_EQ(effects.size(), 1U);
    ASSERT_EQ(effects[0].kind, lambda::invoke_effect);
    sent_ = text(effects[0].payload, "Payload");
    kernel_->outcome("lambda", {.id = effects[0].id, .payload = std::move(outcome)});
    ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  }
  json::object result() { return call("DescribeExecution", {{"executionArn", execution_}}); }
  std::string types() {
    std::string all;
    const auto history = call("GetExecutionHistory", {{"executionArn", execution_}});
    for (const json::value& event : history.at("events").as_array())
      all += (all.empty() ? "" : " ") + text(event.as_object(), "type");
    return all;
  }
  static json::object thrown() {
    return {{"FunctionError", "Unhandled"},
            {"Payload", R"({"errorMessage": "it broke", "errorType": "Oops"})"}};
  }

  std::string execution_{};
  std::string sent_{};
};

TEST_F(LambdaTask, GivesTheStateToAFunctionByItsArnAndTakesItsPayload) {
  start(function, "");
  answer({{"Payload", R"({"done":true})"}});
  EXPECT_EQ(sent_, R"({"n":1})");
  EXPECT_EQ(text(result(), "output"), R"({"done":true})");
  EXPECT_EQ(types(),
            "ExecutionStarted TaskStateEntered LambdaFunctionScheduled LambdaFunctionStarted "
            "LambdaFunctionSucceeded TaskStateExited ExecutionSucceeded");
}

TEST_F(LambdaTask, ShowsTheWholeAnswerOfInvoke) {
  start("arn:aws:states:::lambda:invoke", R"({"FunctionName":"work","Payload":{"a":1}})");
  answer({{"Payload", R"([1,2])"}});
  EXPECT_EQ(sent_, R"({"a":1})");
  const auto output = parse_json(text(result(), "output"));
  EXPECT_EQ(output->at("Payload"), (json::array{1, 2}));
  EXPECT_EQ(output->at("ExecutedVersion"), "$LATEST");
  EXPECT_EQ(output->at("StatusCode"), 200);
  EXPECT_EQ(output->at("SdkHttpMetadata").at("HttpHeaders").at("Content-Length"), "5");
  EXPECT_EQ(types(),
            "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSucceeded "
            "TaskStateExited ExecutionSucceeded");
}

// Recorded by AWS: test_invoke_json_values.
TEST_F(LambdaTask, SendsATextAsItIs) {
  start("arn:aws:states:::lambda:invoke", R"({"FunctionName":"work","Payload":"[1]"})");
  answer({{"Payload", "0"}});
  EXPECT_EQ(sent_, "[1]");
  EXPECT_EQ(parse_json(text(result(), "output"))->at("Payload"), 0);
}

TEST_F(LambdaTask, PassesPayloadsAsTextThroughTheSdk) {
  start("arn:aws:states:::aws-sdk:lambda:invoke",
        R"({"FunctionName":"work","Payload":"{\"a\":1}"})");
  answer(thrown());
  EXPECT_EQ(sent_, R"({"a":1})");
  const auto output = parse_json(text(result(), "output"));
  EXPECT_EQ(output->at("FunctionError"), "Unhandled");
  EXPECT_THAT(std::string(output->at("Payload").as_string()), HasSubstr("\"errorType\": \"Oops\""));
}

TEST_F(LambdaTask, FailsWithTheFunctionsOwnError) {
  start(function, "");
  answer(thrown());
  EXPECT_EQ(text(result(), "error"), "Oops");
  EXPECT_EQ(text(result(), "cause"), R"({"errorMessage": "it broke", "errorType": "Oops"})");
  EXPECT_THAT(types(), HasSubstr("LambdaFunctionFailed ExecutionFailed"));
}

TEST_F(LambdaTask, FailsWithLambdaUnknownWithoutAnErrorType) {
  start("arn:aws:states:::lambda:invoke", R"({"FunctionName":"work"})");
  answer({{"FunctionError", "Unhandled"}, {"Payload", "null"}});
  EXPECT_EQ(sent_, "{}");
  EXPECT_EQ(text(result(), "error"), "Lambda.Unknown");
  EXPECT_EQ(text(result(), "cause"),
            "The cause could not be determined because Lambda did not return an error type. "
            "Returned payload: null");
}

TEST_F(LambdaTask, FailsWithLambdasExceptionWhenItWasNotRun) {
  start(std::string(function) + "-none", "");
  EXPECT_EQ(text(result(), "error"), "Lambda.ResourceNotFoundException");
  EXPECT_THAT(text(result(), "cause"),
              HasSubstr("function:work-none (Service: AWSLambda; Status Code: 404; Error Code: "
                        "ResourceNotFoundException; Request ID: "));
}

TEST_F(LambdaTask, FailsWithWhatTheHostRefuses) {
  start(function, "");
  answer({{"Error", {{"Code", "ServiceException"}, {"Message", "no room"}}}});
  EXPECT_EQ(text(result(), "error"), "Lambda.ServiceException");
}

TEST_F(LambdaTask, CatchesAResultThatIsTooLargeByStatesAll) {
  start(function, "", R"(,"Catch":[{"ErrorEquals":["States.ALL"],"Next":"S2"}])");
  answer({{"Payload", '"' + std::string(262'144, 'a') + '"'}});
  EXPECT_EQ(text(result(), "status"), "SUCCEEDED");
  EXPECT_EQ(parse_json(text(result(), "output"))->at("Error"), "States.DataLimitExceeded");
}

TEST_F(LambdaTask, FailsWhenItIsThrottled) {
  call("lambda", "PutFunctionConcurrency",
       {{"FunctionName", "work"}, {"ReservedConcurrentExecutions", 0}});
  start(function, "");
  EXPECT_EQ(text(result(), "error"), "Lambda.TooManyRequestsException");
}

TEST_F(LambdaTask, GoesOnWithTheTokenAfterTheFunctionEnded) {
  start("arn:aws:states:::lambda:invoke.waitForTaskToken",
        R"({"FunctionName":"work","Payload":{"t.$":"$$.Task.Token"}})");
  answer({{"Payload", "null"}});
  EXPECT_THAT(types(), HasSubstr("TaskStarted TaskSubmitted"));
  EXPECT_EQ(text(result(), "status"), "RUNNING");
  const auto sent = parse_json(sent_);
  call("SendTaskSuccess", {{"taskToken", sent->at("t")}, {"output", R"("approved")"}});
  EXPECT_EQ(text(result(), "output"), R"("approved")");
}

TEST_F(LambdaTask, FailsATokensTaskWhoseFunctionFailed) {
  start("arn:aws:states:::lambda:invoke.waitForTaskToken",
        R"({"FunctionName":"work","Payload":{"t.$":"$$.Task.Token"}})");
  answer(thrown());
  EXPECT_EQ(text(result(), "error"), "Oops");
}

TEST_F(LambdaTask, TimesOutWhileTheFunctionRuns) {
  start(function, "", R"(,"TimeoutSeconds":5)");
  kernel_->run_until_idle(now_, now_ + 10s, ++seed_);
  EXPECT_EQ(text(result(), "status"), "FAILED");
  EXPECT_THAT(types(), HasSubstr("LambdaFunctionTimedOut"));
  answer({{"Payload", "1"}});  // Is ignored.
  EXPECT_EQ(text(result(), "status"), "FAILED");
}

TEST_F(LambdaTask, SurvivesARestart) {
  start(function, "");
  restart();
  ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  answer({{"Payload", "7"}});
  EXPECT_EQ(text(result(), "output"), "7");
}

TEST_F(LambdaTask, IsOverAtOnceWhenTheInvocationIsAnEvent) {
  start("arn:aws:states:::lambda:invoke",
        R"({"FunctionName":"work","InvocationType":"Event","Payload":{}})");
  EXPECT_EQ(text(result(), "status"), "SUCCEEDED");
  EXPECT_EQ(parse_json(text(result(), "output"))->at("StatusCode"), 202);
}

TEST_F(LambdaTask, AnswersTestState) {
  std::optional<Result<json::object>> reply;
  kernel_->submit(
      {.service = "states",
       .operation = "TestState",
       .input = {{"definition",
                  fmt::format(R"({{"Type":"Task","Resource":"{}","End":true}})", function)},
                 {"roleArn", role},
                 {"input", R"({"n":1})"}},
       .caller = kernel_->root(),
       .reply = [&](Result<json::object> got) { reply = std::move(got); }});
  ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  answer({{"Payload", "5"}});
  ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  ASSERT_TRUE(reply && *reply);
  EXPECT_EQ(text(**reply, "status"), "SUCCEEDED");
  EXPECT_EQ(text(**reply, "output"), "5");
}

}  // namespace
}  // namespace kiban::services::states
