#include <gtest/gtest.h>

#include "asl/mocks.h"
#include "services/states/fixture.h"

namespace kiban::services::states {
namespace {

TEST_F(States, RunsAPassAndKeepsItsHistory) {
  const auto machine =
      make("pass", R"({"StartAt":"A","States":{"A":{"Type":"Pass","Result":7,"End":true}}})");
  const auto execution = start(machine);
  EXPECT_EQ(text(describe(execution), "status"), "SUCCEEDED");
  EXPECT_EQ(text(describe(execution), "output"), "7");
  EXPECT_EQ(types(execution),
            "ExecutionStarted PassStateEntered PassStateExited ExecutionSucceeded");
}

TEST_F(States, AWaitSurvivesARestart) {
  const auto machine =
      make("wait", R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3600,"End":true}}})");
  const auto execution = start(machine, R"({"a":1})");
  EXPECT_EQ(text(describe(execution), "status"), "RUNNING");
  restart();
  now_ = kernel_->run_until_idle(now_, now_ + 59min);
  EXPECT_EQ(text(describe(execution), "status"), "RUNNING");
  now_ = kernel_->run_until_idle(now_, now_ + 2h);
  EXPECT_EQ(text(describe(execution), "status"), "SUCCEEDED");
  EXPECT_EQ(text(describe(execution), "output"), R"({"a":1})");
}

// Through a Wait too: the saved execution does not repeat its input.
TEST_F(States, APayloadThatPassesThroughIsStoredOnce) {
  const std::string payload = R"({"a":")" + std::string(10'000, 'x') + R"("})";
  const auto stored = [&] {
    std::size_t bytes = 0;
    for (const store::Row& row : store_->scan("", {}, SIZE_MAX)) bytes += row.value.size();
    return bytes;
  };
  const std::string machine = make("m", R"({"StartAt":"P","States":{"P":{"Type":"Pass","Next":"W"},
          "W":{"Type":"Wait","Seconds":5,"Next":"Q"},"Q":{"Type":"Pass","End":true}}})");
  const std::size_t before = stored();
  const std::string execution = start(machine, payload);
  EXPECT_LT(stored() - before, 13'000U);
  restart();
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_LT(stored() - before, 13'000U);
  const json::object done = describe(execution);
  EXPECT_EQ(text(done, "input"), payload);
  EXPECT_EQ(text(done, "output"), payload);
  const auto history =
      call("states", "GetExecutionHistory", {{"executionArn", execution}, {"reverseOrder", true}});
  const json::array& events = history.at("events").as_array();
  EXPECT_EQ(events.front().at("executionSucceededEventDetails").at("output"), payload.c_str());
  EXPECT_EQ(events.back().at("executionStartedEventDetails").at("input"), payload.c_str());
}

TEST_F(States, AnEcsTaskFailsTheStateLikeAwsRecorded) {
  call("ecs", "CreateCluster", {{"clusterName", "dev"}});
  call("ecs", "RegisterTaskDefinition",
       {{"family", "api"},
        {"containerDefinitions", {{{"name", "api"}, {"image", "i"}, {"memory", 64}}}}});
  const auto machine = make("batch", R"({"StartAt":"Run","States":{"Run":{"Type":"Task",
      "Resource":"arn:aws:states:::ecs:runTask.sync","Parameters":{"Cluster":"dev",
      "TaskDefinition":"api","Overrides":{"ContainerOverrides":[{"Name":
      "api","Command.$":"$.command"}]}},"End":true}}})");
  for (const int code : {0, 1}) {
    const auto execution = start(machine, R"({"command":["python","-m","batch"]})");
    const auto effects = kernel_->pending_effects();
    ASSERT_EQ(effects.size(), 1U);
    EXPECT_EQ(effects[0].payload.at("Containers").at(0).at("Command"),
              json::value({"python", "-m", "batch"}));
    kernel_->outcome("ecs",
                     {.id = effects[0].id, .final = false, .payload = {{"Status", "RUNNING"}}});
    kernel_->outcome("ecs", {.id = effects[0].id,
                             .payload = {{"Status", "STOPPED"},
                                         {"Containers", {{{"Name", "api"}, {"ExitCode", code}}}}}});
    ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
    const auto ended = describe(execution);
    EXPECT_EQ(text(ended, "status"), code == 0 ? "SUCCEEDED" : "FAILED");
    if (code == 0) continue;
    EXPECT_EQ(text(ended, "error"), "States.TaskFailed");
    const auto cause = parse_json(text(ended, "cause"));
    ASSERT_TRUE(cause);
    EXPECT_EQ(cause->at("StopCode"), "EssentialContainerExited");
    EXPECT_EQ(cause->at("Containers").at(0).at("ExitCode"), 1);
    EXPECT_EQ(types(execution),
              "ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSubmitted "
              "TaskFailed ExecutionFailed");
  }
}

TEST_F(States, StoppingAnExecutionStopsItsEcsTask) {
  call("ecs", "CreateCluster", {{"clusterName", "dev"}});
  call("ecs", "RegisterTaskDefinition",
       {{"family", "api"},
        {"containerDefinitions", {{{"name", "api"}, {"image", "i"}, {"memory", 64}}}}});
  const auto execution = start(make("long", R"({"StartAt":"Run","States":{"Run":{"Type":"Task",
      "Resource":"arn:aws:states:::ecs:runTask.sync","Parameters":{"Cluster":"dev",
      "TaskDefinition":"api"},"End":true}}})"));
  call("states", "StopExecution", {{"executionArn", execution}});
  EXPECT_EQ(text(describe(execution), "status"), "ABORTED");
  const auto effects = kernel_->pending_effects();
  ASSERT_EQ(effects.size(), 2U);
  EXPECT_TRUE(effects[0].kind == "task.stop" || effects[1].kind == "task.stop");
}

TEST_F(States, ATokenIsAnsweredOnceAndANestedExecutionIsWaitedFor) {
  const auto child = make("child", R"({"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}})");
  const auto parent =
      make("parent", R"({"StartAt":"C","States":{"C":{"Type":"Task","Resource":
      "arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":")" +
                         child + R"(","Input":{"x":1}},"OutputPath":"$.Output","End":true}}})");
  EXPECT_EQ(text(describe(start(parent)), "output"), R"({"x":1})");

  const std::string url = text(call("sqs", "CreateQueue", {{"QueueName", "work"}}), "QueueUrl");
  const auto execution =
      start(make("token", R"({"StartAt":"S","States":{"S":{"Type":"Task","Resource":
      "arn:aws:states:::sqs:sendMessage.waitForTaskToken","Parameters":{"QueueUrl":")" +
                              url + R"(","MessageBody.$":"$$.Task.Token"},"End":true}}})"));
  const auto got = call("sqs", "ReceiveMessage", {{"QueueUrl", url}});
  const std::string token(got.at("Messages").at(0).at("Body").as_string());
  call("states", "SendTaskSuccess", {{"taskToken", token}, {"output", "[1]"}});
  EXPECT_EQ(text(describe(execution), "output"), "[1]");
  EXPECT_FALSE(try_call("states", "SendTaskSuccess", {{"taskToken", token}, {"output", "[1]"}}));
}

TEST_F(States, ATokenEndsWithItsTask) {
  const std::string activity =
      text(call("states", "CreateActivity", {{"name", "a"}}), "activityArn");
  start(make("m", R"({"StartAt":"A","States":{"A":{"Type":"Task","TimeoutSeconds":5,"Resource":")" +
                      activity + R"(","Catch":[{"ErrorEquals":["States.ALL"],"Next":"W"}],
      "Next":"W"},"W":{"Type":"Wait","Seconds":60,"End":true}}})"));
  const auto token =
      text(call("states", "GetActivityTask", {{"activityArn", activity}}), "taskToken");
  EXPECT_EQ(call("states", "SendTaskHeartbeat", {{"taskToken", token}}), json::object{});
  start(make("n", R"({"StartAt":"A","States":{"A":{"Type":"Task","TimeoutSeconds":5,"Resource":")" +
                      activity + R"(","Catch":[{"ErrorEquals":["States.ALL"],"Next":"W"}],
      "Next":"W"},"W":{"Type":"Wait","Seconds":60,"End":true}}})"));
  now_ = kernel_->run_until_idle(now_, now_ + 6s);
  EXPECT_EQ(
      try_call("states", "SendTaskSuccess", {{"taskToken", token}, {"output", "1"}}).error().name,
      "TaskTimedOut");
  EXPECT_FALSE(
      call("states", "GetActivityTask", {{"activityArn", activity}}).contains("taskToken"));
}

TEST_F(States, LogsEveryEventAndCountsTheExecution) {
  call("logs", "CreateLogGroup", {{"logGroupName", "/machines"}});
  const auto machine =
      make("logged", R"({"StartAt":"F","States":{"F":{"Type":"Fail","Error":"E","Cause":"C"}}})",
           {{"loggingConfiguration",
             {{"level", "ALL"},
              {"includeExecutionData", true},
              {"destinations",
               {{{"cloudWatchLogsLogGroup",
                  {{"logGroupArn",
                    "arn:aws:logs:ap-northeast-1:000000000000:log-group:/machines:*"}}}}}}}}});
  const auto execution = start(machine);
  EXPECT_EQ(text(describe(execution), "status"), "FAILED");
  const auto lines = call("logs", "FilterLogEvents", {{"logGroupName", "/machines"}});
  ASSERT_EQ(lines.at("events").as_array().size(), 3U);
  const auto last = parse_json(lines.at("events").at(2).at("message").as_string());
  EXPECT_EQ(last->at("type"), "ExecutionFailed");
  EXPECT_EQ(last->at("details").at("error"), "E");
  const auto failed = call("cloudwatch", "GetMetricStatistics",
                           {{"Namespace", "AWS/States"},
                            {"MetricName", "ExecutionsFailed"},
                            {"Dimensions", {{{"Name", "StateMachineArn"}, {"Value", machine}}}},
                            {"StartTime", epoch_seconds(now_ - 1h)},
                            {"EndTime", epoch_seconds(now_ + 1h)},
                            {"Period", 60},
                            {"Statistics", {"Sum"}}});
  ASSERT_EQ(failed.at("Datapoints").as_array().size(), 1U);
  EXPECT_EQ(failed.at("Datapoints").at(0).at("Sum"), 1.0);
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
TEST_F(States, AMachineWhoseNameIsNotAsciiRunsWithoutMetrics) {
  const std::string pass = R"({"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}})";
  EXPECT_EQ(text(describe(start(make("注文", pass))), "status"), "SUCCEEDED");
  EXPECT_TRUE(call("cloudwatch", "ListMetrics", {}).at("Metrics").as_array().empty());
  start(make("order", pass));
  EXPECT_EQ(call("cloudwatch", "ListMetrics", {}).at("Metrics").as_array().size(), 3U);
}

TEST_F(States, RefusesByAwsName) {
  const auto name_of = [&](std::string operation, json::object input) {
    const auto reply = try_call("states", std::move(operation), std::move(input));
    return reply ? std::string() : reply.error().name;
  };
  EXPECT_EQ(name_of("DescribeStateMachine", {{"stateMachineArn", "x"}}), "InvalidArn");
  EXPECT_EQ(
      name_of("StartExecution", {{"stateMachineArn",
                                  "arn:aws:states:ap-northeast-1:000000000000:stateMachine:none"}}),
      "StateMachineDoesNotExist");
  EXPECT_EQ(name_of("CreateStateMachine", {{"name", "n"}, {"definition", "{}"}, {"roleArn", role}}),
            "InvalidDefinition");
  const std::string pass = R"({"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}})";
  for (const char* arn : {"x", "arn:aws:s3:::bucket", "arn:aws:iam::000000000000:user/u"})
    EXPECT_EQ(
        name_of("CreateStateMachine", {{"name", "n"}, {"definition", pass}, {"roleArn", arn}}),
        "InvalidArn")
        << arn;
  EXPECT_EQ(name_of("CreateActivity",
                    {{"name", "a"},
                     {"encryptionConfiguration",
                      {{"type", "CUSTOMER_MANAGED_KMS_KEY"}, {"kmsKeyId", "alias/k"}}}}),
            "InvalidEncryptionConfiguration");
  const auto machine = make("pass", pass);
  const std::string ended = start(machine);
  const json::value stopped = describe(ended).at("stopDate");
  now_ += 1s;
  EXPECT_EQ(call("states", "StopExecution", {{"executionArn", ended}}).at("stopDate"), stopped);
  EXPECT_EQ(name_of("UpdateStateMachine", {{"stateMachineArn", machine}, {"roleArn", "x"}}),
            "InvalidArn");
  EXPECT_EQ(name_of("StartExecution", {{"stateMachineArn", machine}, {"input", "{"}}),
            "InvalidExecutionInput");
  EXPECT_EQ(name_of("StartExecution", {{"stateMachineArn", machine}, {"name", "a b"}}),
            "InvalidName");
}

TEST_F(States, AnExpressExecutionRunsAndLeavesNoHistory) {
  call("logs", "CreateLogGroup", {{"logGroupName", "/express"}});
  const auto machine =
      make("quick", R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}})",
           {{"type", "EXPRESS"},
            {"loggingConfiguration",
             {{"level", "ALL"},
              {"destinations",
               {{{"cloudWatchLogsLogGroup",
                  {{"logGroupArn",
                    "arn:aws:logs:ap-northeast-1:000000000000:log-group:/express:*"}}}}}}}}});
  const auto execution = start(machine);
  EXPECT_NE(execution.find(":express:quick:"), std::string::npos);
  now_ = kernel_->run_until_idle(now_, now_ + 1h);
  const auto lines = call("logs", "FilterLogEvents", {{"logGroupName", "/express"}});
  ASSERT_EQ(lines.at("events").as_array().size(), 4U);
  const auto last = parse_json(lines.at("events").at(3).at("message").as_string());
  EXPECT_EQ(last->at("type"), "ExecutionSucceeded");
  EXPECT_FALSE(try_call("states", "DescribeExecution", {{"executionArn", execution}}));
  EXPECT_EQ(try_call("states", "ListExecutions", {{"stateMachineArn", machine}}).error().name,
            "StateMachineTypeNotSupported");
}

TEST_F(States, ValidatesADefinitionWithoutMakingIt) {
  const auto validate = [&](std::string definition) {
    return call("states", "ValidateStateMachineDefinition",
                {{"definition", std::move(definition)}});
  };
  const auto bad = validate(R"({"States":{"A":{"Type":"Pass","End":true}}})");
  EXPECT_EQ(text(bad, "result"), "FAIL");
  EXPECT_EQ(bad.at("diagnostics"),
            (json::array{{{"severity", "ERROR"},
                          {"code", "SCHEMA_VALIDATION_FAILED"},
                          {"message", "These fields are required: [StartAt]"},
                          {"location", "/"}}}));
  EXPECT_EQ(
      text(validate(R"({"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}})"), "result"),
      "OK");
}

TEST(Mocks, AreFoundByInvocation) {
  const auto config = parse_json(R"({"StateMachines":{"m":{"TestCases":{"happy":{"S":"r"}}}},
      "MockedResponses":{"r":{"0":{"Throw":{"Error":"E"}},"1-2":{"Return":1}}}})");
  const json::object& object = config->as_object();
  EXPECT_TRUE(asl::find_mock(object, "m", "happy", "S", 0).value()->contains("Throw"));
  EXPECT_TRUE(asl::find_mock(object, "m", "happy", "S", 2).value()->contains("Return"));
  EXPECT_FALSE(asl::find_mock(object, "m", "happy", "S", 3));
  EXPECT_EQ(asl::find_mock(object, "m", "happy", "other", 0).value(), std::nullopt);
  EXPECT_FALSE(asl::find_mock(object, "m", "sad", "S", 0));
}

TEST(Mocks, AnswerAsTheirIntegrationWould) {
  const auto output = [](const asl::StartTask& task, const json::object& answer, std::size_t at) {
    const auto inputs = asl::mocked_answer(task, answer);
    if (const auto* submitted = std::get_if<asl::TaskSubmitted>(&inputs.at(at)))
      return submitted->output.text();
    return std::get<asl::TaskSucceeded>(inputs.at(at)).output.text();
  };
  asl::StartTask function;
  function.resource.kind = asl::TaskKind::Lambda;
  EXPECT_EQ(output(function, {{"Return", {{"StatusCode", 200}, {"Payload", "p"}}}}, 1), R"("p")");
  asl::StartTask nested;
  nested.resource.service = "states";
  nested.resource.pattern = asl::TaskPattern::Sync;
  const json::object ended{{"Return", {{"ExecutionArn", "e"}, {"Status", "SUCCEEDED"}}}};
  EXPECT_EQ(output(nested, ended, 1), R"({"ExecutionArn":"e"})");
  EXPECT_EQ(output(nested, ended, 2), R"({"ExecutionArn":"e","Status":"SUCCEEDED"})");
}

}  // namespace
}  // namespace kiban::services::states
