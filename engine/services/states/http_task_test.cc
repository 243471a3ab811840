#include "services/states/http_task.h"

#include <gtest/gtest.h>

#include "services/base/table_service.h"
#include "services/cloudwatch/service.h"
#include "services/events/service.h"
#include "services/logs/service.h"
#include "services/secretsmanager/service.h"
#include "services/states/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::states {
namespace {

using namespace std::chrono_literals;

class HttpTask : public ServiceTest {
 protected:
  HttpTask()
      : ServiceTest("states", {cloudwatch::make_cloudwatch, events::make_events, logs::make_logs,
                               secretsmanager::make_secretsmanager, [] { return make_states(); }}) {
    connection_ = text(
        call("events", "CreateConnection",
             {{"Name", "c"},
              {"AuthorizationType", "API_KEY"},
              {"AuthParameters",
               {{"ApiKeyAuthParameters", {{"ApiKeyName", "X-Key"}, {"ApiKeyValue", "hush"}}}}}}),
        "ConnectionArn");
  }
  // Starts a machine of one HTTP Task with these parameters beside endpoint, method and connection.
  std::string start(json::object parameters = {}, json::object state = {}) {
    parameters.emplace("ApiEndpoint", "https://example.com/a");
    parameters.emplace("Method", "POST");
    parameters.emplace("InvocationConfig", json::object{{"ConnectionArn", connection_}});
    state["Type"] = "Task";
    state["Resource"] = "arn:aws:states:::http:invoke";
    state["Parameters"] = std::move(parameters);
    state["End"] = true;
    const auto machine = call(
        "CreateStateMachine",
        {{"name", "m" + std::to_string(++machines_)},
         {"roleArn", "arn:aws:iam::000000000000:role/machine"},
         {"definition", print_json(json::object{{"StartAt", "A"}, {"States", {{"A", state}}}})}});
    return text(call("StartExecution", {{"stateMachineArn", machine.at("stateMachineArn")}}),
                "executionArn");
  }
  json::object describe(const std::string& execution) {
    return call("DescribeExecution", {{"executionArn", execution}});
  }
  void answer(json::object reply) {
    const auto effects = kernel_->pending_effects();
    ASSERT_EQ(effects.size(), 1U);
    kernel_->outcome("events", {.id = effects[0].id, .payload = std::move(reply)});
    ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  }
  // The error of an execution whose call is answered so.
  std::string error_after(json::object reply) {
    const std::string execution = start();
    answer(std::move(reply));
    return text(describe(execution), "error");
  }
  std::string error_of(json::object parameters) {
    return text(describe(start(std::move(parameters))), "error");
  }

  std::string connection_{};
  int machines_{0};
};

TEST_F(HttpTask, SendsWhatTheStateSaysAndReturnsTheAnswer) {
  const std::string execution =
      start({{"Headers", {{"Request-Id", {"a", "b"}}}},
             {"RequestBody", {{"array", {1, 2}}}},
             {"Transform",
              {{"RequestBodyEncoding", "URL_ENCODED"},
               {"RequestEncodingOptions", {{"ArrayFormat", "COMMAS"}}}}}});
  const auto effects = kernel_->pending_effects();
  ASSERT_EQ(effects.size(), 1U);
  EXPECT_EQ(effects[0].payload.at("Body"), "array=1,2");
  EXPECT_EQ(effects[0].payload.at("TimeoutSeconds"), 60);
  EXPECT_EQ(
      print_json(effects[0].payload.at("Headers")),
      R"({"Request-Id":"a, b","X-Key":"hush","Content-Type":"application/json; charset=UTF-8",)"
      R"("User-Agent":"Amazon|StepFunctions|HttpInvoke|ap-northeast-1",)"
      R"("Range":"bytes=0-262144"})");
  EXPECT_EQ(describe(execution).at("status"), "RUNNING");
  restart();
  answer({{"Status", 200},
          {"Reason", "OK"},
          {"Headers",
           parse_json(R"([["Content-Type","application/json"],["X","1"],["x","2"]])").value()},
          {"Body", R"({"n":1})"}});
  EXPECT_EQ(text(describe(execution), "output"),
            R"({"Headers":{"content-type":["application/json"],"x":["1","2"]},)"
            R"("ResponseBody":{"n":1},"StatusCode":200,"StatusText":"OK"})");
}

TEST_F(HttpTask, FailsByTheNameOfWhatCame) {
  EXPECT_EQ(error_after({{"Status", 404}, {"Body", "no"}}), "States.Http.StatusCode.404");
  EXPECT_EQ(error_after({{"Error", "TimedOut"}, {"Cause", "late"}}), "States.Http.Socket");
  EXPECT_EQ(error_after({{"Error", "ReplyTooLong"}, {"Cause", ""}}), "States.DataLimitExceeded");
  EXPECT_EQ(error_after({{"Status", 200}, {"Binary", true}}), "States.Runtime");
  EXPECT_EQ(error_after({{"Status", 200},
                         {"Headers", parse_json(R"([["Content-Type","image/png"]])").value()},
                         {"Body", "text"}}),
            "States.Runtime");
}

TEST_F(HttpTask, RefusesWhatIsNoRequest) {
  EXPECT_EQ(error_of({{"ApiEndpoint", "http://example.com/"}}), "States.Runtime");
  EXPECT_EQ(error_of({{"Method", "TRACE"}}), "States.Runtime");
  EXPECT_EQ(error_of({{"Headers", {{"authorization", "x"}}}}), "States.Runtime");
  EXPECT_EQ(error_of({{"Headers", {{"X-Amz-Date", "x"}}}}), "States.Runtime");
  EXPECT_EQ(error_of({{"Transform", {{"RequestBodyEncoding", "XML"}}}}), "States.Runtime");
  EXPECT_EQ(error_of({{"InvocationConfig", json::object{}}}), "States.Runtime");
  EXPECT_EQ(error_of({{"InvocationConfig",
                       {{"ConnectionArn",
                         "arn:aws:events:ap-northeast-1:000000000000:"
                         "connection/none/1"}}}}),
            "Events.ConnectionResource.ResourceNotFound");
  EXPECT_TRUE(kernel_->pending_effects().empty());
  call("events", "DeauthorizeConnection", {{"Name", "c"}});
  EXPECT_EQ(error_of({}), "Events.ConnectionResource.InvalidConnectionState");
}

TEST_F(HttpTask, AnAnswerThatComesTooLateIsDropped) {
  const std::string execution = start({}, {{"TimeoutSeconds", 5}});
  kernel_->run_until_idle(now_, now_ + 6s, ++seed_);
  now_ += 6s;
  EXPECT_EQ(describe(execution).at("status"), "FAILED");
  EXPECT_EQ(describe(execution).at("error"), "States.Timeout");
  answer({{"Status", 200}, {"Body", "x"}});
  EXPECT_EQ(describe(execution).at("status"), "FAILED");
  EXPECT_TRUE(kernel_->pending_effects().empty());
}

}  // namespace
}  // namespace kiban::services::states
