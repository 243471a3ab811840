#include <fmt/format.h>
#include <gmock/gmock.h>

#include "services/cloudwatch/service.h"
#include "services/ecs/service.h"
#include "services/events/service.h"
#include "services/scheduler/service.h"
#include "services/sns/service.h"
#include "services/sqs/service.h"
#include "services/states/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::scheduler {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view role = "arn:aws:iam::000000000000:role/schedules";
constexpr std::string_view arn_prefix = "arn:aws:sqs:ap-northeast-1:000000000000:";

// SQS, which fails as often as a test wants before it takes a message.
struct Fault {
  MissedSchedules missed{MissedSchedules::Last};  // Of the next start.
  int times{0};
  std::string name{"ServiceUnavailable"};
};
class FlakySqs : public Service {
 public:
  explicit FlakySqs(Fault& fault) : fault_(fault) {}
  std::string_view name() const override { return "sqs"; }
  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    if (operation == "SendMessage" && !text(input, "QueueUrl").ends_with("/dead") &&
        fault_.times > 0) {
      --fault_.times;
      return fail(fault_.name, "come back later");
    }
    return real_->call(context, operation, input);
  }

 private:
  Fault& fault_;
  std::unique_ptr<Service> real_ = sqs::make_sqs();
};

class Firing : public ServiceTest {
 protected:
  Firing() : Firing(std::make_shared<Fault>()) {}
  explicit Firing(const std::shared_ptr<Fault>& fault)
      : ServiceTest("scheduler",
                    {[fault] { return make_scheduler_with(fault->missed); },
                     cloudwatch::make_cloudwatch, ecs::make_ecs, events::make_events, sns::make_sns,
                     [fault] { return std::make_unique<FlakySqs>(*fault); },
                     [] { return states::make_states(); }}),
        own_fault_(fault) {
    now_ = parse_iso8601("2027-03-13T12:00:00Z").value();
    for (const char* name : {"q", "dead"}) call("sqs", "CreateQueue", {{"QueueName", name}});
  }

  json::object target(json::object more = {}) {
    json::object target{{"Arn", fmt::format("{}q", arn_prefix)}, {"RoleArn", role}};
    for (auto& member : more) target[member.key()] = member.value();
    return target;
  }
  void make(std::string_view expression, json::object more = {}) {
    json::object input{{"Name", "s"},
                       {"ScheduleExpression", expression},
                       {"FlexibleTimeWindow", {{"Mode", "OFF"}}},
                       {"Target", target({{"Input", "<aws.scheduler.scheduled-time>"}})}};
    for (auto& member : more) input[member.key()] = member.value();
    call("CreateSchedule", std::move(input));
  }
  void run_for(Duration duration) {
    kernel_->run_until_idle(now_, now_ + duration, ++seed_);
    now_ += duration;
  }
  json::array receive(std::string_view queue) {
    json::array all;
    for (;;) {
      const auto got =
          call("sqs", "ReceiveMessage",
               {{"QueueUrl", fmt::format("http://127.0.0.1:4566/000000000000/{}", queue)},
                {"MaxNumberOfMessages", 10},
                {"MessageAttributeNames", {"All"}}});
      const json::array* messages = find_array(got, "Messages");
      if (!messages || messages->empty()) return all;
      for (const json::value& message : *messages) {
        call("sqs", "DeleteMessage",
             {{"QueueUrl", fmt::format("http://127.0.0.1:4566/000000000000/{}", queue)},
              {"ReceiptHandle", message.at("ReceiptHandle")}});
        all.push_back(message);
      }
    }
  }
  std::vector<std::string> bodies(std::string_view queue = "q") {
    std::vector<std::string> found;
    for (const json::value& message : receive(queue))
      found.push_back(text(message.as_object(), "Body"));
    return found;
  }
  double metric(std::string_view name, std::string_view group = "default") {
    const auto reply = call("cloudwatch", "GetMetricStatistics",
                            {{"Namespace", "AWS/Scheduler"},
                             {"MetricName", name},
                             {"Dimensions", {{{"Name", "ScheduleGroup"}, {"Value", group}}}},
                             {"StartTime", epoch_seconds(now_ - 100h)},
                             {"EndTime", epoch_seconds(now_ + 1min)},
                             {"Period", 864'000},
                             {"Statistics", {"Sum"}}});
    double sum = 0;
    for (const json::value& point : reply.at("Datapoints").as_array())
      sum += point.at("Sum").to_number<double>();
    return sum;
  }
  bool exists() { return try_call("scheduler", "GetSchedule", {{"Name", "s"}}).has_value(); }

  std::shared_ptr<Fault> own_fault_;
  Fault& fault_{*own_fault_};
};

TEST_F(Firing, ACronFiresInItsZone) {
  make("cron(30 2 * * ? *)", {{"ScheduleExpressionTimezone", "America/New_York"}});
  run_for(60h);
  // Not on the 14th, when New York's clock skips that hour.
  EXPECT_THAT(bodies(), ElementsAre("2027-03-15T06:30:00Z"));
  EXPECT_EQ(metric("InvocationAttemptCount"), 1);
  EXPECT_EQ(metric("TargetErrorCount"), 0);
}

TEST_F(Firing, ARateFiresAtOnceAndFromItsStart) {
  make("rate(1 hours)");
  run_for(90min);
  EXPECT_THAT(bodies(), ElementsAre("2027-03-13T12:00:00Z", "2027-03-13T13:00:00Z"));
  json::object input{{"Name", "s"},
                     {"ScheduleExpression", "rate(2 hours)"},
                     {"StartDate", epoch_seconds(now_ + 30min)},
                     {"EndDate", epoch_seconds(now_ + 150min)},
                     {"FlexibleTimeWindow", {{"Mode", "OFF"}}},
                     {"Target", target({{"Input", "<aws.scheduler.scheduled-time>"}})}};
  call("UpdateSchedule", input);
  run_for(10h);
  EXPECT_THAT(bodies(), ElementsAre("2027-03-13T14:00:00Z", "2027-03-13T16:00:00Z"));
  EXPECT_TRUE(exists());
}

// An update that leaves the times alone neither repeats nor moves a firing.
TEST_F(Firing, ARateGoesOnThroughAnUpdate) {
  make("rate(1 hour)");
  run_for(0s);
  now_ += 10min;
  call("UpdateSchedule", {{"Name", "s"},
                          {"ScheduleExpression", "rate(1 hour)"},
                          {"FlexibleTimeWindow", {{"Mode", "OFF"}}},
                          {"Target", target({{"Input", "new"}})}});
  run_for(55min);
  EXPECT_THAT(bodies(), ElementsAre("2027-03-13T12:00:00Z", "new"));
}

// Nor does it lose one whose moment within the window is still to come.
TEST_F(Firing, AnUpdateKeepsTheMomentWithinTheWindow) {
  const json::object window{{"Mode", "FLEXIBLE"}, {"MaximumWindowInMinutes", 60}};
  make("at(2027-03-13T12:10:00)", {{"FlexibleTimeWindow", window}});
  now_ += 10min;
  call("UpdateSchedule", {{"Name", "s"},
                          {"Description", "new"},
                          {"ScheduleExpression", "at(2027-03-13T12:10:00)"},
                          {"FlexibleTimeWindow", window},
                          {"Target", target({{"Input", "<aws.scheduler.scheduled-time>"}})}});
  run_for(61min);
  EXPECT_THAT(bodies(), ElementsAre("2027-03-13T12:10:00Z"));
}

// The age of a missed firing counts from its moment within the window.
TEST_F(Firing, AMissedMomentWithinTheWindowStartsForADay) {
  make("at(2027-03-13T12:10:00)",
       {{"FlexibleTimeWindow", {{"Mode", "FLEXIBLE"}, {"MaximumWindowInMinutes", 1'440}}}});
  const Timestamp due = kernel_->next_timer().value();
  ASSERT_GT(due, parse_iso8601("2027-03-13T12:11:00Z").value());
  restart();
  now_ = due + 24h;
  run_for(0s);
  EXPECT_THAT(bodies(), ElementsAre("2027-03-13T12:10:00Z"));
}

TEST_F(Firing, ADisabledScheduleRests) {
  make("rate(1 hour)", {{"State", "DISABLED"}});
  run_for(5h);
  EXPECT_TRUE(bodies().empty());
  EXPECT_EQ(kernel_->next_timer(), std::nullopt);
}

TEST_F(Firing, AFlexibleWindowSpreadsTheFirings) {
  make("cron(0 * * * ? *)",
       {{"FlexibleTimeWindow", {{"Mode", "FLEXIBLE"}, {"MaximumWindowInMinutes", 15}}}});
  std::set<std::int64_t> offsets;
  for (int i = 1; i <= 20; ++i) {
    const Timestamp hour = now_ + 1h;
    kernel_->run_until_idle(now_, hour, ++seed_);
    const auto due = kernel_->next_timer();
    ASSERT_TRUE(due);
    EXPECT_GE(*due, hour);
    EXPECT_LT(*due, hour + 15min);
    offsets.insert((*due - hour).count());
    run_for(1h);
  }
  EXPECT_GT(offsets.size(), 15U);
  EXPECT_EQ(bodies().at(0), "2027-03-13T13:00:00Z");  // As scheduled, not as invoked.
}

TEST_F(Firing, AOneTimeScheduleDeletesItself) {
  make("at(2027-03-14T00:00:00)", {{"ActionAfterCompletion", "DELETE"}});
  run_for(11h);
  EXPECT_TRUE(exists());
  run_for(2h);
  EXPECT_FALSE(exists());
  EXPECT_THAT(bodies(), ElementsAre("2027-03-14T00:00:00Z"));
  make("at(2027-03-14T03:00:00)");
  run_for(10h);
  EXPECT_TRUE(exists());  // NONE is the default.
}

TEST_F(Firing, ARecurringScheduleDeletesItselfAfterItsEnd) {
  make("rate(1 hour)", {{"ActionAfterCompletion", "DELETE"},
                        {"StartDate", epoch_seconds(now_)},
                        {"EndDate", epoch_seconds(now_ + 90min)}});
  run_for(59min);
  EXPECT_TRUE(exists());
  run_for(10min);
  EXPECT_FALSE(exists());
  EXPECT_EQ(bodies().size(), 2U);
}

// Both the delivery and the next timer are durable, or neither is.
TEST_F(Firing, EachFiringStartsOnceOverACrash) {
  make("rate(1 minute)");
  for (int i = 0; i < 10; ++i) {
    run_for(1min);
    restart();
  }
  EXPECT_EQ(bodies().size(), 11U);
}

TEST_F(Firing, TheNewestMissedFiringStartsAfterAStart) {
  make("cron(0 * * * ? *)");
  restart();
  now_ += 5h + 10min;
  run_for(0s);
  EXPECT_THAT(bodies(), ElementsAre("2027-03-13T17:00:00Z"));
  run_for(1h);
  EXPECT_THAT(bodies(), ElementsAre("2027-03-13T18:00:00Z"));
  call("DeleteSchedule", {{"Name", "s"}});
  make("at(2027-03-14T00:00:00)", {{"ActionAfterCompletion", "DELETE"}});
  now_ += 72h;
  run_for(0s);
  EXPECT_TRUE(bodies().empty());
  EXPECT_FALSE(exists());
}

TEST_F(Firing, MissedFiringsAllStartInOrderOrNone) {
  make("cron(0 * * * ? *)");
  fault_.missed = MissedSchedules::All;
  restart();
  now_ += 2h + 10min;
  run_for(0s);
  EXPECT_THAT(bodies(), ElementsAre("2027-03-13T13:00:00Z", "2027-03-13T14:00:00Z"));
  fault_.missed = MissedSchedules::None;
  restart();
  now_ += 2h;
  run_for(0s);
  EXPECT_TRUE(bodies().empty());
  run_for(1h);
  EXPECT_THAT(bodies(), ElementsAre("2027-03-13T17:00:00Z"));
}

TEST_F(Firing, RetriesAndThenGivesUp) {
  fault_ = {.times = 3};
  make("at(2027-03-13T12:10:00)",
       {{"ActionAfterCompletion", "DELETE"},
        {"Target", target({{"Input", "<aws.scheduler.attempt-number>"},
                           {"RetryPolicy", {{"MaximumRetryAttempts", 2}}},
                           {"DeadLetterConfig", {{"Arn", fmt::format("{}dead", arn_prefix)}}}})}});
  run_for(10min);
  EXPECT_TRUE(exists());  // It is tried again.
  run_for(10min);
  EXPECT_FALSE(exists());
  EXPECT_TRUE(bodies().empty());
  const json::array dead = receive("dead");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(text(dead[0].as_object(), "Body"), "3");
  std::map<std::string, std::string> attributes;
  for (const auto& [key, value] : dead[0].at("MessageAttributes").as_object())
    attributes[std::string(key)] = text(value.as_object(), "StringValue");
  EXPECT_EQ(attributes.at("EXECUTION_ID").size(), 16U);
  attributes.erase("EXECUTION_ID");
  EXPECT_EQ(
      attributes,
      (std::map<std::string, std::string>{
          {"ERROR_CODE", "ServiceUnavailable"},
          {"ERROR_MESSAGE", "come back later"},
          {"EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"},
          {"IS_PAYLOAD_TRUNCATED", "false"},
          {"RETRY_ATTEMPTS", "2"},
          {"SCHEDULED_TIME", "2027-03-13T12:10:00Z"},
          {"SCHEDULE_ARN", "arn:aws:scheduler:ap-northeast-1:000000000000:schedule/default/s"},
          {"TARGET_ARN", "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"}}));
  EXPECT_EQ(metric("InvocationAttemptCount"), 3);
  EXPECT_EQ(metric("TargetErrorCount"), 3);
  EXPECT_EQ(metric("TargetErrorThrottledCount"), 0);
  EXPECT_EQ(metric("InvocationDroppedCount"), 1);
  EXPECT_EQ(metric("InvocationsSentToDeadLetterCount"), 1);
}

TEST_F(Firing, ARetrySucceeds) {
  fault_ = {.times = 2, .name = "ThrottlingException"};
  make("at(2027-03-13T12:10:00)");
  run_for(11min);
  EXPECT_THAT(bodies(), ElementsAre("2027-03-13T12:10:00Z"));
  EXPECT_EQ(metric("TargetErrorThrottledCount"), 2);
  EXPECT_EQ(metric("InvocationDroppedCount"), 0);
}

TEST_F(Firing, AgeEndsTheRetries) {
  fault_ = {.times = 1'000};
  make("at(2027-03-13T12:10:00)",
       {{"Target", target({{"RetryPolicy", {{"MaximumEventAgeInSeconds", 60}}},
                           {"DeadLetterConfig", {{"Arn", fmt::format("{}dead", arn_prefix)}}}})}});
  run_for(1h);
  const json::array dead = receive("dead");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].at("MessageAttributes").at("EXHAUSTED_RETRY_CONDITION").at("StringValue"),
            "MaximumEventAgeInSeconds");
  EXPECT_LT(fault_.times, 996);
  EXPECT_GT(fault_.times, 980);
}

TEST_F(Firing, WhatCannotPassIsNotTriedAgain) {
  fault_ = {.times = 1'000, .name = "AccessDeniedException"};
  make("at(2027-03-13T12:10:00)",
       {{"Target", target({{"DeadLetterConfig", {{"Arn", fmt::format("{}none", arn_prefix)}}}})}});
  run_for(1h);
  EXPECT_EQ(fault_.times, 998);  // The target once, and the dead-letter queue once.
  EXPECT_EQ(metric("InvocationAttemptCount"), 1);
  EXPECT_EQ(metric("InvocationsFailedToBeSentToDeadLetterCount"), 1);
  EXPECT_EQ(metric("InvocationsFailedToBeSentToDeadLetterCount_AccessDeniedException"), 1);
}

// Cut between two characters: what is not UTF-8 can't be sent.
TEST_F(Firing, ADeadLetterIsCutToTheSizeOfAMessage) {
  std::string input = "x";
  while (input.size() < 1'100'000) input += "\u3042";
  make("at(2027-03-13T12:10:00)",
       {{"Target", target({{"Input", input},
                           {"DeadLetterConfig", {{"Arn", fmt::format("{}dead", arn_prefix)}}}})}});
  run_for(1h);
  const json::array dead = receive("dead");
  ASSERT_EQ(dead.size(), 1U);
  const std::string body = text(dead[0].as_object(), "Body");
  EXPECT_TRUE(input.starts_with(body));
  EXPECT_GT(body.size(), 1'040'000U);
  EXPECT_EQ(dead[0].at("MessageAttributes").at("IS_PAYLOAD_TRUNCATED").at("StringValue"), "true");
  EXPECT_EQ(metric("InvocationsSentToDeadLetterCount_Truncated_MessageSizeExceeded"), 1);
}

// A retry ends with its schedule, also when another one has its name now.
TEST_F(Firing, ADeletedScheduleIsNotTriedAgain) {
  fault_ = {.times = 1};
  make("at(2027-03-13T12:10:00)");
  run_for(10min);
  call("DeleteSchedule", {{"Name", "s"}});
  make("at(2027-03-15T12:10:00)");
  run_for(1h);
  EXPECT_TRUE(bodies().empty());
}

TEST_F(Firing, StartsAStateMachine) {
  const std::string machine =
      text(call("states", "CreateStateMachine",
                {{"name", "m"},
                 {"roleArn", role},
                 {"definition", R"({"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}})"}}),
           "stateMachineArn");
  make("at(2027-03-13T12:10:00)",
       {{"Target", target({{"Arn", machine},
                           {"Input", R"({"at":"<aws.scheduler.scheduled-time>","of":)"
                                     R"("<aws.scheduler.schedule-arn>"})"}})}});
  run_for(11min);
  const auto started =
      call("states", "ListExecutions", {{"stateMachineArn", machine}}).at("executions").as_array();
  ASSERT_EQ(started.size(), 1U);
  EXPECT_EQ(
      text(call("states", "DescribeExecution", {{"executionArn", started[0].at("executionArn")}}),
           "input"),
      R"({"at":"2027-03-13T12:10:00Z","of":)"
      R"("arn:aws:scheduler:ap-northeast-1:000000000000:schedule/default/s"})");
}

TEST_F(Firing, WithoutInputTheTargetGetsANotification) {
  make("at(2027-03-13T12:10:00)", {{"Target", target()}});
  run_for(11min);
  const auto got = bodies();
  ASSERT_EQ(got.size(), 1U);
  json::object event = parse_json(got[0]).value().as_object();
  event.erase("id");
  EXPECT_EQ(event,
            (json::object{
                {"version", "0"},
                {"detail-type", "Scheduled Event"},
                {"source", "aws.scheduler"},
                {"account", "000000000000"},
                {"time", "2027-03-13T12:10:00Z"},
                {"region", "ap-northeast-1"},
                {"resources", {"arn:aws:scheduler:ap-northeast-1:000000000000:schedule/default/s"}},
                {"detail", "{}"}}));
}

TEST_F(Firing, PutsAnEvent) {
  call("events", "PutRule",
       {{"Name", "r"}, {"EventPattern", R"({"source":["batch"],"detail-type":["Due"]})"}});
  call("events", "PutTargets",
       {{"Rule", "r"}, {"Targets", {{{"Id", "q"}, {"Arn", fmt::format("{}q", arn_prefix)}}}}});
  make("at(2027-03-13T12:10:00)",
       {{"Target",
         target({{"Arn", "arn:aws:events:ap-northeast-1:000000000000:event-bus/default"},
                 {"Input", R"({"n":1})"},
                 {"EventBridgeParameters", {{"Source", "batch"}, {"DetailType", "Due"}}}})}});
  run_for(11min);
  const auto got = bodies();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(parse_json(got[0]).value().at("detail"), (json::object{{"n", 1}}));
}

TEST_F(Firing, PublishesToATopic) {
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "t"}}), "TopicArn");
  call("sns", "Subscribe",
       {{"TopicArn", topic},
        {"Protocol", "sqs"},
        {"Endpoint", fmt::format("{}q", arn_prefix)},
        {"Attributes", {{"RawMessageDelivery", "true"}}}});
  make("at(2027-03-13T12:10:00)", {{"Target", target({{"Arn", topic}, {"Input", "due"}})}});
  run_for(11min);
  EXPECT_THAT(bodies(), ElementsAre("due"));
}

TEST_F(Firing, RunsATask) {
  call("ecs", "CreateCluster", {{"clusterName", "c"}});
  call("ecs", "RegisterTaskDefinition",
       {{"family", "t"},
        {"requiresCompatibilities", {"FARGATE"}},
        {"networkMode", "awsvpc"},
        {"cpu", "256"},
        {"memory", "512"},
        {"containerDefinitions", {{{"name", "main"}, {"image", "i"}, {"essential", true}}}}});
  make("at(2027-03-13T12:10:00)",
       {{"Target", target({{"Arn", "arn:aws:ecs:ap-northeast-1:000000000000:cluster/c"},
                           {"Input", R"({"containerOverrides":[{"name":"main","command":["x"]}]})"},
                           {"EcsParameters",
                            {{"TaskDefinitionArn", "t"},
                             {"TaskCount", 2},
                             {"LaunchType", "FARGATE"},
                             {"PropagateTags", "TASK_DEFINITION"},
                             {"Tags", {{{"Key", "a"}, {"Value", "1"}}}},
                             {"NetworkConfiguration",
                              {{"awsvpcConfiguration", {{"Subnets", {"subnet-1"}}}}}}}}})}});
  run_for(10min);
  const auto arns = call("ecs", "ListTasks", {{"cluster", "c"}}).at("taskArns").as_array();
  ASSERT_EQ(arns.size(), 2U);
  const json::object task =
      call("ecs", "DescribeTasks", {{"cluster", "c"}, {"tasks", arns}, {"include", {"TAGS"}}})
          .at("tasks")
          .at(0)
          .as_object();
  EXPECT_EQ(text(task, "startedBy"), "chronos-schedule/s");
  EXPECT_EQ(task.at("overrides").at("containerOverrides").at(0).at("command"), (json::array{"x"}));
  EXPECT_EQ(task.at("tags"), (json::array{{{"key", "a"}, {"value", "1"}}}));
}

TEST_F(Firing, CallsAnOperationAsAUniversalTarget) {
  make("at(2027-03-13T12:10:00)",
       {{"Target", target({{"Arn", "arn:aws:scheduler:::aws-sdk:sqs:sendMessageBatch"},
                           {"Input", R"({"QueueUrl":"http://127.0.0.1:4566/000000000000/q",)"
                                     R"("Entries":[{"Id":"a","MessageBody":)"
                                     R"("<aws.scheduler.execution-id>","MessageAttributes":)"
                                     R"({"n":{"DataType":"Number","StringValue":"1"}}}]})"}})}});
  run_for(11min);
  const json::array got = receive("q");
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(text(got[0].as_object(), "Body").size(), 16U);
  EXPECT_EQ(got[0].at("MessageAttributes").at("n").at("StringValue"), "1");
}

TEST_F(Firing, ATargetMayChangeOrDeleteItsOwnSchedule) {
  make("at(2027-03-13T12:10:00)",
       {{"ActionAfterCompletion", "DELETE"},
        {"Target", target({{"Arn", "arn:aws:scheduler:::aws-sdk:scheduler:deleteSchedule"},
                           {"Input", R"({"Name":"s"})"}})}});
  run_for(11min);
  EXPECT_FALSE(exists());
  EXPECT_EQ(kernel_->read("scheduler/ap-northeast-1/count"), std::nullopt);
  const json::object moved{{"Name", "s"},
                           {"ScheduleExpression", "at(2027-03-14T00:00:00)"},
                           {"FlexibleTimeWindow", {{"Mode", "OFF"}}},
                           {"ActionAfterCompletion", "DELETE"},
                           {"Target", target()}};
  make("at(2027-03-13T12:20:00)",
       {{"ActionAfterCompletion", "DELETE"},
        {"Target", target({{"Arn", "arn:aws:scheduler:::aws-sdk:scheduler:updateSchedule"},
                           {"Input", print_json(moved)}})}});
  run_for(1h);
  EXPECT_TRUE(exists());
  run_for(12h);
  EXPECT_EQ(bodies().size(), 1U);
  EXPECT_FALSE(exists());
}

// The names of queues that are gone come as SQS has them on the wire, as AWS's own example shows.
TEST_F(Firing, AMissingQueueIsTriedAgain) {
  make("at(2027-03-13T12:10:00)",
       {{"Target", target({{"Arn", fmt::format("{}gone", arn_prefix)},
                           {"RetryPolicy", {{"MaximumRetryAttempts", 0}}},
                           {"DeadLetterConfig", {{"Arn", fmt::format("{}dead", arn_prefix)}}}})}});
  run_for(11min);
  const json::array dead = receive("dead");
  ASSERT_EQ(dead.size(), 1U);
  const json::object& attributes = dead[0].at("MessageAttributes").as_object();
  EXPECT_EQ(attributes.at("ERROR_CODE").at("StringValue"),
            "AWS.SimpleQueueService.NonExistentQueue");
  EXPECT_EQ(attributes.at("EXHAUSTED_RETRY_CONDITION").at("StringValue"), "MaximumRetryAttempts");
}

}  // namespace
}  // namespace kiban::services::scheduler
