#include "asl/interpreter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "asl/virtual_run.h"

namespace kiban::asl {
namespace {

std::shared_ptr<const Program> must_compile(std::string_view text,
                                            MachineType type = MachineType::Standard) {
  auto program = compile(text, type);
  EXPECT_TRUE(program) << (program ? "" : program.error().cause);
  return *program;
}

std::string chain(int states) {
  std::string out = R"({"StartAt":"S0","States":{)";
  for (int i = 0; i < states; ++i)
    out += fmt::format(R"({}"S{}":{{"Type":"Pass",{}}})", i ? "," : "", i,
                       i + 1 < states ? fmt::format(R"("Next":"S{}")", i + 1) : R"("End":true)");
  return out + "}}";
}

// One event a line: id, cause, type, name.
std::string story(const std::vector<HistoryEvent>& events) {
  std::string out;
  for (const HistoryEvent& event : events)
    out += fmt::format("{} {} {} {}\n", event.id, event.previous_event_id, to_string(event.type),
                       event.name);
  return out;
}

ExecutionParameters with_input(std::string input) {
  return {.arn = "arn:aws:states:ap-northeast-1:000000000000:execution:m:e",
          .name = "e",
          .role_arn = "arn:aws:iam::000000000000:role/r",
          .machine_arn = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m",
          .machine_name = "m",
          .input = Payload::from_text(std::move(input))};
}

TEST(Interpreter, PassChainNeitherParsesNorPrints) {
  const auto program = must_compile(chain(10));
  const auto parses = Payload::parses();
  const auto prints = Payload::prints();
  VirtualRun runner(program, with_input(R"({ "a": [1, 2] })"));
  runner.run();
  EXPECT_EQ(runner.execution().status(), Status::Succeeded);
  EXPECT_EQ(runner.events.size(), 22U);
  EXPECT_EQ(runner.finished->output->text(), R"({ "a": [1, 2] })");
  EXPECT_EQ(Payload::parses(), parses);
  EXPECT_EQ(Payload::prints(), prints);
}

TEST(Interpreter, RestoresAHistoryThatItSaved) {
  for (const std::string_view text :
       {R"({"StartAt":"P","States":{"P":{"Type":"Pass","Assign":{"v":"\"x"},"Next":"M"},
           "M":{"Type":"Map","ItemsPath":"$.items","ItemProcessor":{"StartAt":"I","States":{"I":
           {"Type":"Pass","End":true}}},"Next":"F"},
           "F":{"Type":"Fail","Error":"E","Cause":"line\nbreak"}}})",
        R"({"StartAt":"P","States":{"P":{"Type":"Parallel","Branches":[{"StartAt":"A","States":{"A":
           {"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"a.$":"$"},
           "TimeoutSeconds":5,"End":true}}}],"End":true}}})"}) {
    VirtualRun runner(must_compile(text), with_input(R"({"items":[1,"\u0001\"",3]})"));
    runner.run();
    json::array trees;
    for (const HistoryEvent& event : runner.events)
      trees.push_back(to_json(event, IncludeExecutionData::Yes));
    ASSERT_GT(trees.size(), 5U);
    const std::string saved = save_history(runner.events);
    EXPECT_EQ(restore_history(saved).value(), trees);
    EXPECT_EQ(restore_history(print_json(trees)).value(), trees);  // As format 1 kept it.
    EXPECT_LT(saved.size() * 2, print_json(trees).size());
  }
}

TEST(Interpreter, WritesEqualDataOfAHistoryOnce) {
  VirtualRun runner(must_compile(R"({"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}})"),
                    with_input(R"({"a":1})"));
  runner.run();
  EXPECT_EQ(save_history({runner.events.begin() + 1, runner.events.end()}),
            R"j({"first":2,"at":1700000000000,"events":[["PassStateEntered",2,0,"P","{\"a\":1}"],)j"
            R"j(["PassStateExited",1,0,"P",0],["ExecutionSucceeded",1,0,"",0]]})j");
}

TEST(Interpreter, RefusesADamagedHistory) {
  for (const std::string_view damaged :
       {"", "{}", R"({"first":1,"at":0})", R"({"first":1,"at":0,"events":[1]})",
        R"({"first":1,"at":0,"events":[[]]})", R"({"first":1,"at":0,"events":[["Nothing",1,0]]})",
        R"({"first":1,"at":0,"events":[["PassStateEntered",1]]})",
        R"({"first":1,"at":0,"events":[["PassStateEntered",1,0,1]]})",
        R"({"first":1,"at":0,"events":[["PassStateEntered",1,0,"P",0]]})",
        R"({"first":1,"at":0,"events":[["PassStateEntered",1,0,"P",null,1]]})"}) {
    EXPECT_FALSE(restore_history(damaged)) << damaged;
  }
}

// Ten documents, each made by one state: each is printed once, for the history, and none parsed.
TEST(Interpreter, PassChainPrintsEachDistinctDocumentOnce) {
  std::string text = R"({"StartAt":"S0","States":{)";
  for (int i = 0; i < 10; ++i)
    text += fmt::format(
        R"j({}"S{}":{{"Type":"Pass","Parameters":{{"n.$":"States.MathAdd($.n, 1)"}},{}}})j",
        i ? "," : "", i, i < 9 ? fmt::format(R"("Next":"S{}")", i + 1) : R"("End":true)");
  const auto program = must_compile(text + "}}");
  const auto parses = Payload::parses();
  const auto prints = Payload::prints();
  VirtualRun runner(program, with_input(R"({"n": 0})"));
  runner.run();
  for (const HistoryEvent& event : runner.events) (void)to_json(event, IncludeExecutionData::Yes);
  EXPECT_EQ(runner.finished->output->text(), R"({"n":10})");
  EXPECT_EQ(Payload::parses(), parses + 1);  // The input.
  EXPECT_EQ(Payload::prints(), prints + 10);
}

// docs.aws.amazon.com/step-functions/latest/dg/workflow-variables.html#workflow-variable-limits
TEST(Interpreter, RefusesVariablesOfMoreThan256KibInOneAssign) {
  const auto program = must_compile(R"({"StartAt":"A","States":{"A":{"Type":"Pass","Assign":{
      "a.$":"$.text","b.$":"$.text"},"Next":"B"},"B":{"Type":"Succeed"}}})");
  for (const std::size_t size : {100'000U, 200'000U}) {
    VirtualRun runner(program, with_input(fmt::format(R"({{"text":"{:x>{}}"}})", "", size)));
    runner.run();
    EXPECT_EQ(runner.finished->error.value_or("none"),
              size > 131'072 ? "States.DataLimitExceeded" : "none");
  }
}

const char* const retried = R"({"StartAt":"T","States":{"T":{"Type":"Task",
  "Resource":"arn:aws:states:::ecs:runTask.sync","Parameters":{"n.$":"$.n"},
  "Retry":[{"ErrorEquals":["Boom"],"IntervalSeconds":2,"MaxAttempts":2,"BackoffRate":3}],
  "Catch":[{"ErrorEquals":["States.ALL"],"ResultPath":"$.error","Next":"Done"}],"End":true},
  "Done":{"Type":"Succeed"}}})";

std::optional<std::vector<Input>> always_fail(const StartTask& task) {
  return std::vector<Input>{TaskStarted{task.task}, TaskSubmitted{task.task, Payload()},
                            TaskFailed{task.task, "Boom", "because"}};
}

TEST(Interpreter, RetriesWithBackoffThenCatches) {
  VirtualRun runner(must_compile(retried), with_input(R"({"n":1})"), always_fail);
  const Timestamp before = runner.now;
  runner.run();
  EXPECT_EQ(runner.now - before, Duration(2'000 + 6'000));
  EXPECT_EQ(runner.tasks.size(), 3U);
  EXPECT_EQ(runner.tasks[0].resource.action_with_pattern(), "runTask.sync");
  EXPECT_EQ(runner.tasks[0].parameters.text(), R"({"n":1,"StartedBy":"AWS Step Functions"})");
  EXPECT_EQ(runner.tasks[0].region, "ap-northeast-1");
  EXPECT_EQ(runner.finished->output->text(),
            R"({"n":1,"error":{"Error":"Boom","Cause":"because"}})");
  EXPECT_EQ(
      story(runner.events),
      "1 0 ExecutionStarted \n2 0 TaskStateEntered T\n3 2 TaskScheduled \n4 3 TaskStarted \n"
      "5 4 TaskSubmitted \n6 5 TaskFailed \n7 6 TaskScheduled \n8 7 TaskStarted \n"
      "9 8 TaskSubmitted \n10 9 TaskFailed \n11 10 TaskScheduled \n12 11 TaskStarted \n"
      "13 12 TaskSubmitted \n14 13 TaskFailed \n15 14 TaskStateExited T\n"
      "16 15 SucceedStateEntered Done\n17 16 SucceedStateExited Done\n18 17 ExecutionSucceeded \n");
}

TEST(Interpreter, GoesOnAfterBeingRestoredBeforeEveryInput) {
  const std::string machines[] = {
      retried,
      R"({"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":3,"Next":"A"},
          "A":{"Type":"Pass","Assign":{"x.$":"$.n"},"End":true}}},
        {"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.list","MaxConcurrency":2,
          "ItemProcessor":{"StartAt":"V","States":{"V":{"Type":"Wait","Seconds":1,"End":true}}},
          "End":true}}}]}}})",
      R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$.list","End":true,
        "ItemBatcher":{"MaxItemsPerBatch":2},"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED",
        "ExecutionType":"STANDARD"},"StartAt":"V","States":{"V":{"Type":"Pass","End":true}}}}}})",
  };
  for (const std::string& text : machines) {
    const auto program = must_compile(text);
    VirtualRun straight(program, with_input(R"({"n":1,"list":[1,2,3]})"), always_fail);
    straight.run();
    VirtualRun broken(program, with_input(R"({"n":1,"list":[1,2,3]})"), always_fail);
    broken.run(true);
    EXPECT_EQ(straight.execution().status(), Status::Succeeded) << story(straight.events);
    ASSERT_EQ(straight.events.size(), broken.events.size());
    for (std::size_t i = 0; i < straight.events.size(); ++i)
      EXPECT_EQ(to_json(straight.events[i], IncludeExecutionData::Yes),
                to_json(broken.events[i], IncludeExecutionData::Yes));
  }
}

TEST(Interpreter, EventsRoundTripThroughJson) {
  VirtualRun runner(must_compile(retried), with_input(R"({"n":1})"), always_fail);
  runner.run();
  for (const HistoryEvent& event : runner.events) {
    const json::object written = to_json(event, IncludeExecutionData::Yes);
    const auto read = event_from_json(written);
    ASSERT_TRUE(read);
    EXPECT_EQ(to_json(*read, IncludeExecutionData::Yes), written);
  }
  EXPECT_EQ(print_json(to_json(runner.events[0], IncludeExecutionData::No)),
            R"({"timestamp":1.7E9,"type":"ExecutionStarted","id":1,"previousEventId":0,)"
            R"("executionStartedEventDetails":{"roleArn":"arn:aws:iam::000000000000:role/r"}})");
}

TEST(Interpreter, WaitsFireOnceAndStaleInputsAreIgnored) {
  VirtualRun runner(must_compile(R"({"StartAt":"W","TimeoutSeconds":100,"States":{
    "W":{"Type":"Wait","SecondsPath":"$.s","End":true}}})"),
                    with_input(R"({"s":60})"));
  const Timestamp before = runner.now;
  runner.run();
  EXPECT_EQ(runner.now - before, Duration(60'000));
  EXPECT_EQ(runner.execution().status(), Status::Succeeded);
  const std::size_t count = runner.events.size();
  runner.feed(TimerFired{1});
  runner.feed(TaskSucceeded{3, Payload()});
  runner.feed(Stop{});
  EXPECT_EQ(runner.events.size(), count);
}

TEST(Interpreter, ExecutionTimesOut) {
  VirtualRun runner(must_compile(R"({"StartAt":"W","TimeoutSeconds":5,"States":{
    "W":{"Type":"Wait","Seconds":60,"End":true}}})"));
  runner.run();
  EXPECT_EQ(runner.execution().status(), Status::TimedOut);
  EXPECT_EQ(runner.finished->error, "States.Timeout");
}

TEST(Interpreter, HeartbeatsKeepATaskAliveAndTheirLackEndsIt) {
  VirtualRun runner(must_compile(R"({"StartAt":"T","States":{"T":{"Type":"Task",
    "Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken","HeartbeatSeconds":10,
    "Parameters":{"MessageBody.$":"$$.Task.Token"},
    "Catch":[{"ErrorEquals":["States.HeartbeatTimeout"],"Next":"Late"}],"End":true},
    "Late":{"Type":"Pass","End":true}}})"));
  runner.feed(Start{});
  ASSERT_EQ(runner.tasks.size(), 1U);
  EXPECT_EQ(runner.tasks[0].parameters.tree().at("MessageBody").as_string(), runner.tasks[0].token);
  runner.now += Duration(9'000);
  runner.feed(Heartbeat{runner.tasks[0].task});
  EXPECT_EQ(runner.execution().status(), Status::Running);
  runner.now += Duration(10'000);
  runner.feed(TimerFired{2});  // The first timer was replaced by the heartbeat.
  EXPECT_EQ(runner.execution().status(), Status::Succeeded);
  EXPECT_EQ(story(runner.events),
            "1 0 ExecutionStarted \n2 0 TaskStateEntered T\n3 2 TaskScheduled \n4 3 TaskTimedOut \n"
            "5 4 TaskStateExited T\n6 5 PassStateEntered Late\n7 6 PassStateExited Late\n"
            "8 7 ExecutionSucceeded \n");
}

TEST(Interpreter, StopAbortsWhatRunsAndRedriveResumes) {
  VirtualRun runner(must_compile(R"({"StartAt":"T","States":{"T":{"Type":"Task",
    "Resource":"arn:aws:states:::ecs:runTask.sync","End":true}}})"));
  runner.feed(Start{});
  runner.feed(TaskStarted{3});
  runner.feed(Stop{"E", "C"});
  EXPECT_EQ(runner.execution().status(), Status::Aborted);
  EXPECT_EQ(story(runner.events),
            "1 0 ExecutionStarted \n2 0 TaskStateEntered T\n3 2 TaskScheduled \n4 3 TaskStarted \n"
            "5 0 ExecutionAborted \n");  // Recorded: test_stop_execution.
  runner.feed(Redrive{});
  EXPECT_EQ(runner.execution().status(), Status::Running);
  ASSERT_EQ(runner.tasks.size(), 2U);
  runner.feed(TaskSucceeded{runner.tasks[1].task, Payload::from_text("7")});
  EXPECT_EQ(runner.execution().status(), Status::Succeeded);
  EXPECT_EQ(runner.finished->output->text(), "7");
}

TEST(Interpreter, EndlessLoopsEndAtTheHistoryLimit) {
  VirtualRun runner(must_compile(R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},
    "B":{"Type":"Pass","Next":"A"}}})"));
  runner.run();
  EXPECT_EQ(runner.execution().status(), Status::Failed);
  EXPECT_EQ(runner.events.size(), 25'000U);
  EXPECT_EQ(runner.events.back().id, 25'000);
  EXPECT_EQ(runner.finished->error, "States.Runtime");
}

// A state's result is written and read again, so its depth is limited: payload_depth_max.
TEST(Interpreter, RefusesWhatIsNestedTooDeep) {
  const std::string call = [] {
    std::string out;
    for (int i = 0; i < 50; ++i) out += "States.Array(";
    return out + "$" + std::string(50, ')');
  }();
  const std::string jsonata = "{% $reduce([1..500], function($a, $i) { [[$a]] }, 1) %}";
  const auto error = [](const std::string& fields, const std::string& input = "1") {
    VirtualRun runner(must_compile(R"({"StartAt":"A","States":{"A":{"Type":"Pass",)" + fields +
                                   R"(,"Next":"B"},"B":{"Type":"Choice","Choices":[
      {"Variable":"$.none","IsPresent":true,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}}})"),
                      with_input(input));
    runner.run();
    EXPECT_LT(runner.events.size(), 100U);
    return runner.finished->error.value_or("");
  };
  EXPECT_EQ(error(R"("Parameters":{"a.$":")" + call + "\"}"), "States.Runtime");
  EXPECT_EQ(error(R"("ResultPath":"$.a")" + std::string(R"(,"Parameters":{"b.$":")") + call + "\"}",
                  "{}"),
            "States.Runtime");
  EXPECT_EQ(error(R"("QueryLanguage":"JSONata","Output":")" + jsonata + "\""), "States.Runtime");
  EXPECT_EQ(error(R"("QueryLanguage":"JSONata","Assign":{"v":")" + jsonata + "\"}"),
            "States.Runtime");
}

TEST(Interpreter, RefusesResultsOfTasksNestedTooDeep) {
  for (const std::size_t depth : {400U, 401U}) {
    VirtualRun runner(
        must_compile(R"({"StartAt":"T","States":{"T":{"Type":"Task","End":true,
      "Resource":"arn:aws:states:::lambda:invoke"}}})"),
        {}, [&](const StartTask& task) -> std::optional<std::vector<Input>> {
          return std::vector<Input>{TaskSucceeded{
              task.task, Payload::from_text(std::string(depth, '[') + std::string(depth, ']'))}};
        });
    runner.run();
    EXPECT_EQ(runner.finished->error.value_or(""), depth > 400 ? "States.Runtime" : "");
  }
}

TEST(Interpreter, RefusesSecondsOutOfRange) {
  for (const char* field : {"TimeoutSecondsPath", "HeartbeatSecondsPath"}) {
    for (const char* seconds : {"0", "100000000", "1e29"}) {
      VirtualRun runner(
          must_compile(fmt::format(R"({{"StartAt":"T","States":{{"T":{{"Type":"Task","End":true,
        "Resource":"arn:aws:states:::lambda:invoke","{}":"$.s"}}}}}})",
                                   field)),
          with_input(fmt::format(R"({{"s":{}}})", seconds)));
      runner.run();
      EXPECT_TRUE(runner.finished && runner.finished->error == "States.Runtime")
          << field << seconds;
    }
  }
}

// docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html: "a terminal error that
// can't be caught by the States.ALL error type". AWS was recorded to let a Lambda integration's own
// failure of that name be caught: test_task_lambda_catch_state_all_data_limit_exceeded_...
TEST(Interpreter, ResultsOver256KiBAreCaughtByTheirNameAlone) {
  const auto after = [](std::string_view caught, bool failed_itself) {
    VirtualRun runner(
        must_compile(fmt::format(R"({{"StartAt":"T","States":{{"T":{{"Type":"Task",
    "Resource":"arn:aws:states:::lambda:invoke","Catch":[{{"ErrorEquals":["{}"],"Next":"F"}}],
    "End":true}},"F":{{"Type":"Pass","End":true}}}}}})",
                                 caught)),
        {}, [&](const StartTask& task) -> std::optional<std::vector<Input>> {
          if (failed_itself)
            return std::vector<Input>{
                TaskFailed{task.task, "States.DataLimitExceeded", "too much"}};
          return std::vector<Input>{TaskSucceeded{
              task.task, Payload::from_tree(json::string(std::string(262'200, 'a')))}};
        });
    runner.run();
    return runner.finished->output ? runner.finished->output->text()
                                   : runner.finished->error.value_or("");
  };
  EXPECT_EQ(
      after("States.DataLimitExceeded", false),
      R"({"Error":"States.DataLimitExceeded","Cause":"The state/task 'lambda' returned a result )"
      R"(with a size exceeding the maximum number of bytes service limit."})");
  EXPECT_EQ(after("States.ALL", false), "States.DataLimitExceeded");
  EXPECT_EQ(after("States.TaskFailed", false), "States.DataLimitExceeded");
  EXPECT_EQ(after("States.ALL", true),
            R"({"Error":"States.DataLimitExceeded","Cause":"too much"})");
}

// DescribeExecution: at most 256 and 32,768 characters.
TEST(Interpreter, CutsLongErrorsAndCauses) {
  std::string cause;
  for (int i = 0; i < 32'770; ++i) cause += "\u3042";
  VirtualRun runner(
      must_compile(R"({"StartAt":"T","States":{"T":{"Type":"Task",
      "Resource":"arn:aws:states:::lambda:invoke","End":true}}})"),
      {}, [&](const StartTask& task) -> std::optional<std::vector<Input>> {
        return std::vector<Input>{TaskFailed{task.task, std::string(300, 'e'), cause}};
      });
  runner.run();
  EXPECT_EQ(runner.finished->error, std::string(256, 'e'));
  EXPECT_EQ(runner.finished->cause, cause.substr(0, 32'768 * 3));
}

// "When, after Parameters processing, the input of a state is larger than the payload size quota."
TEST(Interpreter, ATaskTakesAtMost256KiB) {
  VirtualRun runner(must_compile(R"({"StartAt":"T","States":{"T":{"Type":"Task","End":true,
    "Resource":"arn:aws:states:::lambda:invoke","Parameters":{"a.$":"$","b.$":"$"}}}})"),
                    with_input("\"" + std::string(200'000, 'x') + "\""));
  runner.run();
  EXPECT_TRUE(runner.tasks.empty());
  EXPECT_EQ(runner.finished->error, "States.DataLimitExceeded");
}

// docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html: "a terminal error that
// can't be caught by the States.ALL error type". The recordings have it caught in a Task alone.
TEST(Interpreter, CatchesDataLimitsOfBranchesByNameAlone) {
  const auto error = [](std::string_view caught) {
    VirtualRun runner(must_compile(R"({"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,
      "Catch":[{"ErrorEquals":[")" +
                                   std::string(caught) +
                                   R"("],"Next":"F"}],"Branches":[{"StartAt":"D","States":{"D":{
      "Type":"Pass","Parameters":{"a.$":"$","b.$":"$"},"End":true}}}]},
      "F":{"Type":"Fail","Error":"Caught"}}})"),
                      with_input("\"" + std::string(200'000, 'x') + "\""));
    runner.run();
    return runner.finished->error.value_or("");
  };
  EXPECT_EQ(error("States.ALL"), "States.DataLimitExceeded");
  EXPECT_EQ(error("States.TaskFailed"), "States.DataLimitExceeded");
  EXPECT_EQ(error("States.DataLimitExceeded"), "Caught");
}

// github.com/floci-io/floci/issues/2733 quotes the whole history.
TEST(Interpreter, ATimeoutTellsNothingOfTheState) {
  VirtualRun runner(must_compile(R"({"StartAt":"W","TimeoutSeconds":1,"States":{"W":{"Type":"Wait",
    "Seconds":25,"End":true}}})"));
  runner.run();
  EXPECT_EQ(story(runner.events),
            "1 0 ExecutionStarted \n2 0 WaitStateEntered W\n3 0 ExecutionTimedOut \n");
}

// github.com/awslabs/states-language/issues/29.
TEST(Interpreter, PathsOfANullInputFail) {
  for (const char* state : {
           R"__("Type":"Pass","Parameters":{"x.$":"$"},"End":true)__",
           R"__("Type":"Pass","Parameters":{"x.$":"States.Array($.a)"},"End":true)__",
           R"__("Type":"Pass","InputPath":"$.a","End":true)__",
           R"__("Type":"Choice","Choices":[{"Variable":"$","IsString":true,"Next":"S"}],
                "Default":"S")__",
           R"__("Type":"Choice","Choices":[{"Variable":"$.a","IsPresent":true,"Next":"S"}],
                "Default":"S")__",
       }) {
    VirtualRun runner(must_compile(R"({"StartAt":"A","States":{"A":{)" + std::string(state) +
                                   R"(},"S":{"Type":"Succeed"}}})"),
                      with_input("null"));
    runner.run();
    EXPECT_EQ(runner.finished->error, "States.Runtime") << state;
    EXPECT_EQ(
        runner.finished->cause,
        "An error occurred while executing the state 'A' (entered at the event id #2). Unable "
        "to apply Path transformation to null or empty input.")
        << state;
  }
}

// github.com/aws/aws-cdk/issues/29261 (braces), 29299 (lines); recorded: test_string_to_json.
TEST(Interpreter, ReadsIntrinsics) {
  const auto result = [](std::string_view call) -> std::string {
    const json::value definition{
        {"StartAt", "P"},
        {"States",
         {{"P",
           {{"Type", "Pass"}, {"Parameters", {{"v.$", json::string(call)}}}, {"End", true}}}}}};
    const auto program = compile(print_json(definition), MachineType::Standard);
    if (!program) return "refused";
    VirtualRun runner(*program, with_input(R"__({"v":"X","t":"a\\{b\\} \\\\c {}"})__"));
    runner.run();
    const Finished& end = *runner.finished;
    return end.output ? end.output->text() : end.error.value_or("");
  };
  EXPECT_EQ(result(R"__(States.Format('{}, \{ x \} it\'s \\', $.v))__"),
            R"__({"v":"X, { x } it's \\"})__");
  EXPECT_EQ(result("States.Format($.t, 1)"), R"__({"v":"a{b} \\\\c 1"})__");
  EXPECT_EQ(result(R"__(States.Format('{} \\{ 1 \\}', $.v))__"), "States.IntrinsicFailure");
  EXPECT_EQ(result("States.Format('{ x } {}', $.v)"), "States.IntrinsicFailure");
  EXPECT_EQ(result(R"__(States.Array('\{\}'))__"), R"__({"v":["{}"]})__");
  EXPECT_EQ(result(R"__(States.Array('a\"b'))__"), "refused");
  EXPECT_EQ(result("States.Array(\n 'a' ,\n $.v\n)\n"), R"__({"v":["a","X"]})__");
  EXPECT_EQ(result("States.MathAdd(1\n,2\n)"), R"__({"v":3})__");
  EXPECT_EQ(result("States.StringToJson(' ')"), R"__({"v":null})__");
}

TEST(Interpreter, DistributedMapToleratesSoManyFailures) {
  const std::string text = R"({"StartAt":"M","States":{"M":{"Type":"Map","ToleratedFailureCount":1,
    "ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"C",
    "States":{"C":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":0,"Next":"F"}],
    "Default":"S"},"F":{"Type":"Fail"},"S":{"Type":"Succeed"}}},"End":true}}})";
  VirtualRun good(must_compile(text), with_input("[1,0,2]"));
  good.run();
  EXPECT_EQ(good.execution().status(), Status::Succeeded);
  EXPECT_EQ(good.finished->output->text(), "[1,2]");
  VirtualRun bad(must_compile(text), with_input("[0,0,2]"));
  bad.run();
  EXPECT_EQ(bad.finished->error, "States.ExceedToleratedFailureThreshold");
}

TEST(Interpreter, RunsOneStateAloneAndTellsWhatItDid) {
  const auto program = must_compile(R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"M"},
    "M":{"Type":"Map","ItemsPath":"$.l","MaxConcurrency":3,"ResultPath":"$.r",
    "Retry":[{"ErrorEquals":["X"],"IntervalSeconds":2}],
    "Catch":[{"ErrorEquals":["States.ALL"],"Next":"A"}],
    "ItemProcessor":{"StartAt":"I","States":{"I":{"Type":"Pass","End":true}}},"Next":"Z"},
    "Z":{"Type":"Succeed"}}})");
  ExecutionParameters parameters = with_input(R"({"l":[1]})");
  parameters.only_state = "M";
  parameters.retry_count = 2;
  VirtualRun good(program, parameters, [](const StartTask& task) {
    return std::vector<Input>{TaskSucceeded{task.task, Payload::from_text("[5]")}};
  });
  good.run();
  EXPECT_EQ(good.finished->output->text(), R"({"l":[1],"r":[5]})");
  EXPECT_EQ(good.execution().inspection().next_state, "Z");
  EXPECT_EQ(print_json(good.execution().inspection().data),
            R"({"input":"{\"l\":[1]}","afterInputPath":"{\"l\":[1]}","afterItemsPath":"[1]",)"
            R"("maxConcurrency":3,"result":"[5]","afterResultSelector":"[5]",)"
            R"("afterResultPath":"{\"l\":[1],\"r\":[5]}"})");
  VirtualRun bad(program, parameters, [](const StartTask& task) {
    return std::vector<Input>{TaskFailed{task.task, "X", {}}};
  });
  bad.run();
  EXPECT_TRUE(bad.execution().inspection().retriable);
  EXPECT_EQ(bad.execution().inspection().retry_backoff_seconds, 8);
}

TEST(Interpreter, BearsHugeNumbers) {
  VirtualRun runner(
      must_compile(R"({"StartAt":"T","TimeoutSeconds":1e300,"States":{"T":{"Type":"Task",
    "Resource":"arn:aws:states:::lambda:invoke","TimeoutSecondsPath":"$.n","Retry":[{"ErrorEquals":
    ["States.ALL"],"IntervalSeconds":0,"BackoffRate":1e308,"MaxAttempts":4}],"End":true}}})"),
      with_input(R"({"n":99999999})"), always_fail);
  runner.run();
  EXPECT_EQ(runner.tasks.size(), 5U);
  EXPECT_EQ(runner.execution().status(), Status::Failed);
}

TEST(Compile, RefusesWhatCannotRun) {
  for (
      const char* text :
      {"", "[]", "{}", R"({"StartAt":"A","States":{}})",
       R"({"StartAt":"B","States":{"A":{"Type":"Succeed"}}})",
       R"({"StartAt":"A","States":{"A":{"Type":"Pass"}}})",
       R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"X"}}})",
       R"({"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"a.$":"x"},"End":true}}})",
       R"({"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[{"Variable":"$.a","Next":"A"}]}}})"}) {
    const auto program = compile(text, MachineType::Standard);
    ASSERT_FALSE(program) << text;
    EXPECT_EQ(program.error().name, "InvalidDefinition");
  }
  std::string deep;
  for (int i = 0; i < 200; ++i)
    deep += R"({"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[)";
  EXPECT_FALSE(compile(deep, MachineType::Standard));
}

}  // namespace
}  // namespace kiban::asl
