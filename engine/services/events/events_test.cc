#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/cloudwatch/service.h"
#include "services/ecs/service.h"
#include "services/events/service.h"
#include "services/logs/service.h"
#include "services/sns/service.h"
#include "services/sqs/service.h"
#include "services/states/service.h"

namespace kiban::services::events {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view role = "arn:aws:iam::000000000000:role/rule";
constexpr std::string_view queue_arn = "arn:aws:sqs:ap-northeast-1:000000000000:";

// SQS, which fails as often as a test wants before it takes a message for the queue "flaky".
class FlakySqs : public Service {
 public:
  explicit FlakySqs(int& failures) : failures_(failures) {}
  std::string_view name() const override { return "sqs"; }
  Result<json::object> call(Context& context, std::string_view operation,
                            const json::object& input) override {
    if (operation == "SendMessage" && text(input, "QueueUrl").ends_with("/flaky") &&
        failures_ > 0) {
      --failures_;
      return fail("ServiceUnavailable", "come back later");
    }
    return real_->call(context, operation, input);
  }

 private:
  int& failures_;
  std::unique_ptr<Service> real_ = sqs::make_sqs();
};

class Events : public testing::Test {
 protected:
  Events() { start(); }
  void start() {  // Again: a restart on the same rows.
    kernel_.reset();
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(cloudwatch::make_cloudwatch());
    services.push_back(ecs::make_ecs());
    services.push_back(make_events());
    services.push_back(logs::make_logs());
    services.push_back(sns::make_sns());
    services.push_back(std::make_unique<FlakySqs>(failures_));
    services.push_back(states::make_states());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services));
  }

  json::object call(std::string service, const std::string& operation, json::object input) {
    auto reply = kernel_->call(std::move(service), operation, std::move(input), now_, ++seed_);
    EXPECT_TRUE(reply) << operation << ": "
                       << (reply ? "" : reply.error().name + ": " + reply.error().cause);
    return reply.value_or(json::object{});
  }
  json::object events(const std::string& operation, json::object input) {
    return call("events", operation, std::move(input));
  }
  std::string refused(std::string operation, json::object input) {
    const auto reply =
        kernel_->call("events", std::move(operation), std::move(input), now_, ++seed_);
    return reply ? "" : reply.error().name + ": " + reply.error().cause;
  }
  void run_for(Duration duration) {
    kernel_->run_until_idle(now_, now_ + duration, ++seed_);
    now_ += duration;
  }

  std::string make_queue(std::string_view name) {
    return text(call("sqs", "CreateQueue", {{"QueueName", name}}), "QueueUrl");
  }
  json::array receive(std::string_view name) {
    const auto got = call("sqs", "ReceiveMessage",
                          {{"QueueUrl", fmt::format("http://127.0.0.1:4566/000000000000/{}", name)},
                           {"MaxNumberOfMessages", 10},
                           {"VisibilityTimeout", 0},
                           {"MessageAttributeNames", {"All"}}});
    const json::array* messages = find_array(got, "Messages");
    return messages ? *messages : json::array{};
  }
  static json::object body(const json::value& message) {
    return parse_json(message.at("Body").as_string()).value().as_object();
  }
  std::string make_machine() {
    return text(
        call("states", "CreateStateMachine",
             {{"name", "batch"},
              {"roleArn", role},
              {"definition", R"({"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}})"}}),
        "stateMachineArn");
  }
  json::array executions(std::string_view machine) {
    return call("states", "ListExecutions", {{"stateMachineArn", machine}})
        .at("executions")
        .as_array();
  }
  void put_event(std::string_view source, std::string_view detail,
                 std::string_view bus = "default") {
    const auto reply = events(
        "PutEvents",
        {{"Entries",
          {{{"Source", source}, {"DetailType", "t"}, {"Detail", detail}, {"EventBusName", bus}}}}});
    EXPECT_EQ(reply.at("FailedEntryCount").to_number<int>(), 0) << print_json(reply);
  }
  double metric(std::string_view name, std::string_view rule) {
    const auto reply = call("cloudwatch", "GetMetricStatistics",
                            {{"Namespace", "AWS/Events"},
                             {"MetricName", name},
                             {"Dimensions", {{{"Name", "RuleName"}, {"Value", rule}}}},
                             {"StartTime", epoch_seconds(now_ - std::chrono::hours{100})},
                             {"EndTime", epoch_seconds(now_ + 1min)},
                             {"Period", 3600},
                             {"Statistics", {"Sum"}}});
    double sum = 0;
    for (const json::value& point : reply.at("Datapoints").as_array())
      sum += point.at("Sum").to_number<double>();
    return sum;
  }

  int failures_{0};
  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_ = parse_iso8601("2026-11-24T02:55:09.140Z").value();
  std::uint64_t seed_{0};
};

TEST_F(Events, FireADailyCronOnceADayWithTheRulesInput) {
  const std::string machine = make_machine();
  events("PutRule", {{"Name", "nightly"}, {"ScheduleExpression", "cron(0 17 * * ? *)"}});
  events("PutTargets",
         {{"Rule", "nightly"},
          {"Targets",
           {{{"Id", "t"}, {"Arn", machine}, {"RoleArn", role}, {"Input", R"({"stage":"dev"})"}}}}});
  run_for(14h);  // 16:55
  EXPECT_EQ(executions(machine).size(), 0U);
  run_for(72h);
  const json::array started = executions(machine);
  ASSERT_EQ(started.size(), 3U);
  std::vector<std::string> times;
  for (const json::value& each : started)
    times.push_back(format_iso8601(from_epoch_seconds(each.at("startDate").to_number<double>())));
  EXPECT_EQ(times, (std::vector<std::string>{"2026-11-26T17:00:00.000Z", "2026-11-25T17:00:00.000Z",
                                             "2026-11-24T17:00:00.000Z"}));
  const auto one =
      call("states", "DescribeExecution", {{"executionArn", started[0].at("executionArn")}});
  EXPECT_EQ(one.at("input"), R"({"stage":"dev"})");
  EXPECT_EQ(metric("TriggeredRules", "nightly"), 3);
  EXPECT_EQ(metric("Invocations", "nightly"), 3);
  EXPECT_EQ(metric("FailedInvocations", "nightly"), 0);
}

TEST_F(Events, GiveAFifoQueueTheGroupOfItsTarget) {
  call("sqs", "CreateQueue",
       {{"QueueName", "q.fifo"},
        {"Attributes", {{"FifoQueue", "true"}, {"ContentBasedDeduplication", "true"}}}});
  events("PutRule", {{"Name", "r"}, {"EventPattern", R"({"source":["s"]})"}});
  json::object target{{"Id", "t"}, {"Arn", std::string(queue_arn) + "q.fifo"}};
  const auto put = [&] { return json::object{{"Rule", "r"}, {"Targets", json::array{target}}}; };
  EXPECT_EQ(refused("PutTargets", put()),
            "ValidationException: Parameter(s) MessageGroupId must be specified for target: t.");
  target["SqsParameters"] = {{"MessageGroupId", "g"}};
  events("PutTargets", put());
  put_event("s", "{}");
  run_for(1s);
  EXPECT_EQ(receive("q.fifo").size(), 1U);
  target["Arn"] = std::string(queue_arn) + "q";
  EXPECT_NE(refused("PutTargets", put()), "");
}

TEST_F(Events, GiveAScheduledEventToATargetWithoutInput) {
  make_queue("q");
  events("PutRule", {{"Name", "often"}, {"ScheduleExpression", "rate(5 minutes)"}});
  events("PutTargets",
         {{"Rule", "often"}, {"Targets", {{{"Id", "t"}, {"Arn", std::string(queue_arn) + "q"}}}}});
  run_for(5min);
  const json::array got = receive("q");
  ASSERT_EQ(got.size(), 1U);
  json::object event = body(got[0]);
  EXPECT_EQ(text(event, "id").size(), 36U);
  event.stable_erase("id");
  EXPECT_EQ(
      print_json(event),
      R"({"version":"0","detail-type":"Scheduled Event","source":"aws.events",)"
      R"("account":"000000000000","time":"2026-11-24T03:00:09Z","region":"ap-northeast-1",)"
      R"("resources":["arn:aws:events:ap-northeast-1:000000000000:rule/often"],"detail":{}})");
}

TEST_F(Events, DontFireADisabledRuleAndCountARateFromItsEnabling) {
  make_queue("q");
  events("PutRule",
         {{"Name", "often"}, {"ScheduleExpression", "rate(10 minutes)"}, {"State", "DISABLED"}});
  events("PutTargets",
         {{"Rule", "often"}, {"Targets", {{{"Id", "t"}, {"Arn", std::string(queue_arn) + "q"}}}}});
  run_for(25min);
  EXPECT_EQ(receive("q").size(), 0U);
  events("EnableRule", {{"Name", "often"}});
  run_for(9min);
  EXPECT_EQ(receive("q").size(), 0U);
  run_for(1min);
  EXPECT_EQ(receive("q").size(), 1U);
  events("DisableRule", {{"Name", "often"}});
  run_for(1h);
  EXPECT_EQ(receive("q").size(), 1U);
}

TEST_F(Events, FireOnceWhatIsLessThanAMinuteLate) {
  make_queue("q");
  events("PutRule", {{"Name", "hourly"}, {"ScheduleExpression", "cron(0 * * * ? *)"}});
  events("PutTargets",
         {{"Rule", "hourly"}, {"Targets", {{{"Id", "t"}, {"Arn", std::string(queue_arn) + "q"}}}}});
  now_ = parse_iso8601("2026-11-24T05:00:30Z").value();  // Not 03:00 and 04:00 too.
  kernel_->run_until_idle(now_, now_, ++seed_);
  ASSERT_EQ(receive("q").size(), 1U);
  EXPECT_EQ(body(receive("q")[0]).at("time"), "2026-11-24T05:00:00Z");
  EXPECT_EQ(kernel_->next_timer(), parse_iso8601("2026-11-24T06:00:00Z").value());
}

TEST_F(Events, AskForEachOperationByItsResource) {
  events("PutRule", {{"Name", "r"}, {"ScheduleExpression", "rate(1 hour)"}});
  events("PutTargets", {{"Rule", "r"},
                        {"Targets",
                         {{{"Id", "t"},
                           {"Arn", "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m"},
                           {"RoleArn", role}}}}});
  std::vector<std::string> asked;
  for (const kernel::DecisionRecord& each : kernel_->recent_decisions())
    asked.push_back(each.action + " " + each.resource);
  const std::string rule = "arn:aws:events:ap-northeast-1:000000000000:rule/r";
  EXPECT_EQ(asked, (std::vector<std::string>{"events:PutRule " + rule, "events:PutTargets " + rule,
                                             "iam:PassRole " + std::string(role)}));
}

TEST_F(Events, MatchAPatternAndTransformTheInput) {
  make_queue("whole");
  make_queue("part");
  events("CreateEventBus", {{"Name", "orders"}});
  events("PutRule", {{"Name", "big"},
                     {"EventBusName", "orders"},
                     {"EventPattern", R"({"detail":{"total":[{"numeric":[">",100]}]}})"}});
  events("PutTargets",
         {{"Rule", "big"},
          {"EventBusName", "orders"},
          {"Targets",
           {{{"Id", "a"}, {"Arn", std::string(queue_arn) + "whole"}},
            {{"Id", "b"},
             {"Arn", std::string(queue_arn) + "part"},
             {"InputTransformer",
              {{"InputPathsMap", {{"n", "$.detail.total"}}},
               {"InputTemplate", R"({"total": <n>, "rule": <aws.events.rule-name>})"}}}}}}});
  put_event("shop", R"({"total":99})", "orders");
  put_event("shop", R"({"total":101})", "default");
  EXPECT_EQ(receive("whole").size(), 0U);
  put_event("shop", R"({"total":101})", "orders");
  ASSERT_EQ(receive("whole").size(), 1U);
  EXPECT_EQ(body(receive("whole")[0]).at("detail"), (json::value{{"total", 101}}));
  ASSERT_EQ(receive("part").size(), 1U);
  EXPECT_EQ(body(receive("part")[0]), (json::object{{"total", 101}, {"rule", "big"}}));
  // A rule that changed counts at once.
  events("DisableRule", {{"Name", "big"}, {"EventBusName", "orders"}});
  put_event("shop", R"({"total":101})", "orders");
  EXPECT_EQ(receive("whole").size(), 1U);
}

TEST_F(Events, TellWhatServicesPublish) {
  make_queue("q");
  const std::string machine = make_machine();
  events("PutRule",
         {{"Name", "done"},
          {"EventPattern", R"({"source":["aws.states"],"detail":{"status":["SUCCEEDED"]}})"}});
  events("PutTargets",
         {{"Rule", "done"}, {"Targets", {{{"Id", "t"}, {"Arn", std::string(queue_arn) + "q"}}}}});
  call("states", "StartExecution", {{"stateMachineArn", machine}, {"name", "one"}});
  run_for(1s);
  const json::array got = receive("q");
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(body(got[0]).at("detail-type"), "Step Functions Execution Status Change");
  EXPECT_EQ(body(got[0]).at("detail").at("name"), "one");
}

TEST_F(Events, RetryThenDeliverOrGiveUp) {
  make_queue("flaky");
  make_queue("dead");
  events("PutRule", {{"Name", "r"}, {"EventPattern", R"({"source":["s"]})"}});
  events("PutTargets", {{"Rule", "r"},
                        {"Targets",
                         {{{"Id", "t"},
                           {"Arn", std::string(queue_arn) + "flaky"},
                           {"DeadLetterConfig", {{"Arn", std::string(queue_arn) + "dead"}}},
                           {"RetryPolicy", {{"MaximumRetryAttempts", 3}}}}}}});
  failures_ = 3;
  put_event("s", R"({"n":1})");
  EXPECT_EQ(receive("flaky").size(), 0U);
  run_for(1min);
  EXPECT_EQ(receive("flaky").size(), 1U);  // The third retry.
  EXPECT_EQ(metric("RetryInvocationAttempts", "r"), 3);
  EXPECT_EQ(metric("FailedInvocations", "r"), 0);
  failures_ = 4;
  put_event("s", R"({"n":2})");
  run_for(1min);
  EXPECT_EQ(failures_, 0);
  EXPECT_EQ(receive("flaky").size(), 1U);
  const json::array dead = receive("dead");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(body(dead[0]).at("detail"), (json::value{{"n", 2}}));
  const json::object& attributes = dead[0].at("MessageAttributes").as_object();
  const auto value = [&](std::string_view name) {
    return attributes.contains(name) ? text(attributes.at(name).as_object(), "StringValue") : "";
  };
  EXPECT_EQ(value("RULE_ARN"), "arn:aws:events:ap-northeast-1:000000000000:rule/r");
  EXPECT_EQ(value("TARGET_ARN"), std::string(queue_arn) + "flaky");
  EXPECT_EQ(value("ERROR_CODE"), "ERROR_FROM_TARGET");
  EXPECT_EQ(value("ERROR_MESSAGE"), "ServiceUnavailable: come back later");
  EXPECT_EQ(value("EXHAUSTED_RETRY_CONDITION"), "MaximumRetryAttempts");
  EXPECT_EQ(value("RETRY_ATTEMPTS"), "3");
  EXPECT_EQ(metric("InvocationsSentToDlq", "r"), 1);
  EXPECT_EQ(metric("FailedInvocations", "r"), 1);
}

TEST_F(Events, GoOnAfterARestart) {
  make_queue("flaky");
  events("PutRule", {{"Name", "r"}, {"EventPattern", R"({"source":["s"]})"}});
  events("PutRule", {{"Name", "often"}, {"ScheduleExpression", "rate(1 hour)"}});
  for (const char* rule : {"r", "often"})
    events("PutTargets", {{"Rule", rule},
                          {"Targets", {{{"Id", "t"}, {"Arn", std::string(queue_arn) + "flaky"}}}}});
  failures_ = 4;
  put_event("s", "{}");
  run_for(4s);
  start();
  EXPECT_GT(failures_, 0);
  run_for(1min);
  EXPECT_EQ(receive("flaky").size(), 1U);  // The retries went on.
  start();
  run_for(1h);
  EXPECT_EQ(receive("flaky").size(), 2U);  // And the schedule.
  put_event("s", "{}");
  EXPECT_EQ(receive("flaky").size(), 3U);  // And the pattern.
}

TEST_F(Events, GiveUpWhenAnEventIsTooOld) {
  make_queue("flaky");
  make_queue("dead");
  events("PutRule", {{"Name", "r"}, {"EventPattern", R"({"source":["s"]})"}});
  events("PutTargets", {{"Rule", "r"},
                        {"Targets",
                         {{{"Id", "t"},
                           {"Arn", std::string(queue_arn) + "flaky"},
                           {"DeadLetterConfig", {{"Arn", std::string(queue_arn) + "dead"}}},
                           {"RetryPolicy", {{"MaximumEventAgeInSeconds", 60}}}}}}});
  failures_ = 1000;
  put_event("s", "{}");
  run_for(59s);
  EXPECT_EQ(receive("dead").size(), 0U);
  run_for(1s);
  ASSERT_EQ(receive("dead").size(), 1U);
  EXPECT_EQ(
      receive("dead")[0].at("MessageAttributes").at("EXHAUSTED_RETRY_CONDITION").at("StringValue"),
      "MaximumEventAgeInSeconds");
}

TEST_F(Events, SendWhatCantPassToTheDeadLettersAtOnce) {
  make_queue("dead");
  events("PutRule", {{"Name", "r"}, {"EventPattern", R"({"source":["s"]})"}});
  events("PutTargets", {{"Rule", "r"},
                        {"Targets",
                         {{{"Id", "gone"},
                           {"Arn", "arn:aws:states:ap-northeast-1:000000000000:stateMachine:gone"},
                           {"RoleArn", role},
                           {"DeadLetterConfig", {{"Arn", std::string(queue_arn) + "dead"}}}},
                          {{"Id", "nowhere"},
                           {"Arn", std::string(queue_arn) + "gone"},
                           {"DeadLetterConfig", {{"Arn", std::string(queue_arn) + "gone"}}}}}}});
  put_event("s", "{}");
  const json::array dead = receive("dead");
  ASSERT_EQ(dead.size(), 1U);
  const json::object& attributes = dead[0].at("MessageAttributes").as_object();
  EXPECT_EQ(attributes.at("ERROR_CODE").at("StringValue"), "NO_RESOURCE");
  EXPECT_FALSE(attributes.contains("RETRY_ATTEMPTS"));
  EXPECT_EQ(metric("FailedInvocations", "r"), 2);
  EXPECT_EQ(metric("InvocationsFailedToBeSentToDlq", "r"), 1);
}

TEST_F(Events, HaveNoEffectInAnotherAccount) {
  make_queue("q");
  make_queue("dead");
  events("PutRule", {{"Name", "r"}, {"EventPattern", R"({"source":["s"]})"}});
  const std::string other = "arn:aws:sqs:ap-northeast-1:111111111111:";
  events("PutTargets", {{"Rule", "r"},
                        {"Targets",
                         {{{"Id", "one"},
                           {"Arn", other + "q"},
                           {"DeadLetterConfig", {{"Arn", std::string(queue_arn) + "dead"}}}},
                          {{"Id", "two"},
                           {"Arn", std::string(queue_arn) + "gone"},
                           {"DeadLetterConfig", {{"Arn", other + "q"}}}}}}});
  put_event("s", "{}");
  EXPECT_EQ(receive("q").size(), 0U);
  const json::array dead = receive("dead");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].at("MessageAttributes").at("ERROR_CODE").at("StringValue"), "NO_RESOURCE");
}

TEST_F(Events, DeliverToTopicsLogsTasksAndBuses) {
  make_queue("q");
  const std::string topic = text(call("sns", "CreateTopic", {{"Name", "topic"}}), "TopicArn");
  call("sns", "Subscribe",
       {{"TopicArn", topic},
        {"Protocol", "sqs"},
        {"Endpoint", std::string(queue_arn) + "q"},
        {"Attributes", {{"RawMessageDelivery", "true"}}}});
  call("logs", "CreateLogGroup", {{"logGroupName", "/aws/events/all"}});
  call("ecs", "CreateCluster", {{"clusterName", "batch"}});
  call("ecs", "RegisterTaskDefinition",
       {{"family", "job"},
        {"requiresCompatibilities", {"FARGATE"}},
        {"networkMode", "awsvpc"},
        {"cpu", "256"},
        {"memory", "512"},
        {"containerDefinitions", {{{"name", "main"}, {"image", "x"}}}}});
  events("CreateEventBus", {{"Name", "second"}});
  events("PutRule", {{"Name", "r"}, {"EventPattern", R"({"source":["s"]})"}});
  events(
      "PutTargets",
      {{"Rule", "r"},
       {"Targets",
        {{{"Id", "topic"}, {"Arn", topic}, {"InputPath", "$.detail"}},
         {{"Id", "log"},
          {"Arn", "arn:aws:logs:ap-northeast-1:000000000000:log-group:/aws/events/all:*"}},
         {{"Id", "bus"},
          {"Arn", "arn:aws:events:ap-northeast-1:000000000000:event-bus/second"},
          {"RoleArn", role}},
         {{"Id", "task"},
          {"Arn", "arn:aws:ecs:ap-northeast-1:000000000000:cluster/batch"},
          {"RoleArn", role},
          {"Input", R"({"containerOverrides":[{"name":"main","command":["now"]}]})"},
          {"EcsParameters",
           {{"TaskDefinitionArn", "arn:aws:ecs:ap-northeast-1:000000000000:task-definition/job:1"},
            {"LaunchType", "FARGATE"},
            {"NetworkConfiguration", {{"awsvpcConfiguration", {{"Subnets", {"subnet-1"}}}}}}}}}}}});
  make_queue("second");
  events("PutRule",
         {{"Name", "r2"}, {"EventBusName", "second"}, {"EventPattern", R"({"source":["s"]})"}});
  events("PutTargets", {{"Rule", "r2"},
                        {"EventBusName", "second"},
                        {"Targets", {{{"Id", "t"}, {"Arn", std::string(queue_arn) + "second"}}}}});
  put_event("s", R"({"n":1})");
  ASSERT_EQ(receive("q").size(), 1U);
  EXPECT_EQ(body(receive("q")[0]).at("n"), 1);
  ASSERT_EQ(receive("second").size(), 1U);
  EXPECT_EQ(body(receive("second")[0]).at("source"), "s");
  const auto lines = call("logs", "FilterLogEvents", {{"logGroupName", "/aws/events/all"}});
  ASSERT_EQ(lines.at("events").as_array().size(), 1U);
  EXPECT_EQ(parse_json(lines.at("events").at(0).at("message").as_string())->at("source"), "s");
  const auto tasks = call("ecs", "ListTasks", {{"cluster", "batch"}});
  ASSERT_EQ(tasks.at("taskArns").as_array().size(), 1U);
  const auto task =
      call("ecs", "DescribeTasks", {{"cluster", "batch"}, {"tasks", tasks.at("taskArns")}});
  EXPECT_EQ(task.at("tasks").at(0).at("startedBy"), "events-rule/r");
  EXPECT_EQ(
      task.at("tasks").at(0).at("overrides").at("containerOverrides").at(0).at("command").at(0),
      "now");
  EXPECT_EQ(metric("FailedInvocations", "r"), 0);
}

TEST_F(Events, EndALoopOfBuses) {
  events("CreateEventBus", {{"Name", "b"}});
  events("PutRule",
         {{"Name", "r"}, {"EventBusName", "b"}, {"EventPattern", R"({"source":["s"]})"}});
  events("PutTargets", {{"Rule", "r"},
                        {"EventBusName", "b"},
                        {"Targets",
                         {{{"Id", "t"},
                           {"Arn", "arn:aws:events:ap-northeast-1:000000000000:event-bus/b"},
                           {"DeadLetterConfig", {{"Arn", std::string(queue_arn) + "dead"}}}}}}});
  make_queue("dead");
  put_event("s", "{}", "b");
  EXPECT_EQ(receive("dead").size(), 1U);  // Of the last hop.
}

TEST_F(Events, ReportEntriesOneByOne) {
  const auto reply = events(
      "PutEvents",
      {{"Entries",
        {{{"Source", "s"}, {"DetailType", "t"}, {"Detail", "{}"}},
         {{"DetailType", "t"}, {"Detail", "{}"}},
         {{"Source", "s"}, {"DetailType", "t"}, {"Detail", "[1]"}},
         {{"Source", "aws.ec2"}, {"DetailType", "t"}, {"Detail", "{}"}},
         {{"Source", "s"}, {"DetailType", "t"}, {"Detail", "{}"}, {"EventBusName", "none"}}}}});
  EXPECT_EQ(reply.at("FailedEntryCount"), 3);
  const json::array& entries = reply.at("Entries").as_array();
  EXPECT_TRUE(entries.at(0).as_object().contains("EventId"));
  EXPECT_EQ(entries.at(1).at("ErrorMessage"),
            "Parameter Source is not valid. Reason: Source is a required argument.");
  EXPECT_EQ(entries.at(2).at("ErrorCode"), "MalformedDetail");
  EXPECT_EQ(entries.at(3).at("ErrorCode"), "NotAuthorizedForSourceException");
  EXPECT_TRUE(entries.at(4).as_object().contains("EventId"));
  const std::string big = "{\"x\":\"" + std::string(262'144, 'x') + "\"}";
  EXPECT_EQ(refused("PutEvents",
                    {{"Entries", {{{"Source", "s"}, {"DetailType", "t"}, {"Detail", big}}}}}),
            "ValidationException: Total size of the entries in the request is over the limit.");
}

TEST_F(Events, RefuseByAwsText) {
  EXPECT_EQ(refused("PutRule", {{"Name", "r"}}),
            "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be "
            "specified.");
  EXPECT_TRUE(refused("PutRule", {{"Name", "r"}, {"ScheduleExpression", "rate(1 minutes)"}})
                  .starts_with("ValidationException: Parameter ScheduleExpression is not valid."));
  events("CreateEventBus", {{"Name", "b"}});
  EXPECT_EQ(
      refused("PutRule",
              {{"Name", "r"}, {"EventBusName", "b"}, {"ScheduleExpression", "rate(1 minute)"}}),
      "ValidationException: ScheduleExpression is supported only on the default event bus.");
  EXPECT_EQ(refused("DescribeRule", {{"Name", "none"}}),
            "ResourceNotFoundException: Rule none does not exist on EventBus default.");
  EXPECT_EQ(refused("ListRules", {{"EventBusName", "none"}}),
            "ResourceNotFoundException: Event bus none does not exist.");
  events("PutRule", {{"Name", "r"}, {"ScheduleExpression", "rate(1 minute)"}});
  const auto target = [&](json::object members) {
    members["Id"] = "t";
    return refused("PutTargets", {{"Rule", "r"}, {"Targets", json::array{members}}});
  };
  const std::string machine = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m";
  EXPECT_EQ(target({{"Arn", machine}}),
            "ValidationException: RoleArn is required for target " + machine + ".");
  EXPECT_NE(target({{"Arn", "arn:aws:lambda:ap-northeast-1:000000000000:layer:l"}}), "");
  EXPECT_EQ(target({{"Arn", "arn:aws:lambda:ap-northeast-1:000000000000:function:f"}}), "");
  EXPECT_NE(target({{"Arn", "nonsense"}}), "");
  EXPECT_EQ(target({{"Arn", std::string(queue_arn) + "q"}}), "");
  EXPECT_EQ(refused("DeleteRule", {{"Name", "r"}}),
            "ValidationException: Rule can't be deleted since it has targets.");
  events("RemoveTargets", {{"Rule", "r"}, {"Ids", {"t"}}});
  events("DeleteRule", {{"Name", "r"}});
  EXPECT_FALSE(kernel_->next_timer());
  EXPECT_TRUE(refused("ListRules",
                      {{"EventBusName", "arn:aws:events:eu-west-1:000000000000:event-bus/default"}})
                  .starts_with("ValidationException: kiban serves buses"));
  EXPECT_TRUE(refused("CreateEndpoint", {}).starts_with("UnknownOperationException"));
}

TEST_F(Events, KeepTheStatementsOfABus) {
  events("PutPermission",
         {{"StatementId", "a"}, {"Action", "events:PutEvents"}, {"Principal", "111111111111"}});
  events("PutPermission",
         {{"StatementId", "b"}, {"Action", "events:PutEvents"}, {"Principal", "*"}});
  events("RemovePermission", {{"StatementId", "b"}});
  EXPECT_EQ(
      text(events("DescribeEventBus", {}), "Policy"),
      R"({"Version":"2012-10-17","Statement":[{"Sid":"a","Effect":"Allow","Principal":{"AWS":)"
      R"("arn:aws:iam::111111111111:root"},"Action":"events:PutEvents","Resource":)"
      R"("arn:aws:events:ap-northeast-1:000000000000:event-bus/default"}]})");
  EXPECT_EQ(refused("RemovePermission", {{"StatementId", "b"}}),
            "ResourceNotFoundException: Statement with the provided id does not exist.");
  events("RemovePermission", {{"RemoveAllPermissions", true}});
  EXPECT_FALSE(events("DescribeEventBus", {}).contains("Policy"));
  EXPECT_EQ(events("ListEventBuses", {}).at("EventBuses").as_array().size(), 1U);
}

TEST_F(Events, KeepARatesRhythmThroughAnUpdate) {
  events("PutRule", {{"Name", "r"}, {"ScheduleExpression", "rate(10 minutes)"}});
  const Timestamp first = now_ + 10min;
  now_ += 4min;
  events("PutRule",
         {{"Name", "r"}, {"ScheduleExpression", "rate(10 minutes)"}, {"Description", "d"}});
  EXPECT_EQ(kernel_->next_timer(), first);
  events("PutRule", {{"Name", "r"}, {"ScheduleExpression", "rate(20 minutes)"}});
  EXPECT_EQ(kernel_->next_timer(), now_ + 20min);
}

TEST_F(Events, ListTagAndReplaceRules) {
  const auto made = events("PutRule", {{"Name", "r"},
                                       {"ScheduleExpression", "rate(1 hour)"},
                                       {"Description", "d"},
                                       {"Tags", {{{"Key", "a"}, {"Value", "1"}}}}});
  events("PutRule", {{"Name", "r"}, {"ScheduleExpression", "rate(1 hour)"}});
  EXPECT_EQ(print_json(events("DescribeRule", {{"Name", "r"}})),
            R"x({"Name":"r","Arn":"arn:aws:events:ap-northeast-1:000000000000:rule/r",)x"
            R"x("State":"ENABLED","EventBusName":"default","ScheduleExpression":"rate(1 hour)",)x"
            R"x("CreatedBy":"000000000000"})x");
  events("TagResource",
         {{"ResourceARN", made.at("RuleArn")}, {"Tags", {{{"Key", "b"}, {"Value", "2"}}}}});
  events("UntagResource", {{"ResourceARN", made.at("RuleArn")}, {"TagKeys", {"a"}}});
  EXPECT_EQ(print_json(events("ListTagsForResource", {{"ResourceARN", made.at("RuleArn")}})),
            R"({"Tags":[{"Key":"b","Value":"2"}]})");
  events("PutTargets",
         {{"Rule", "r"}, {"Targets", {{{"Id", "t"}, {"Arn", std::string(queue_arn) + "q"}}}}});
  EXPECT_EQ(
      print_json(events("ListRuleNamesByTarget", {{"TargetArn", std::string(queue_arn) + "q"}})),
      R"({"RuleNames":["r"]})");
  events("PutRule", {{"Name", "s"}, {"ScheduleExpression", "rate(1 hour)"}});
  const auto page = events("ListRules", {{"Limit", 1}});
  EXPECT_EQ(page.at("Rules").as_array().size(), 1U);
  EXPECT_EQ(events("ListRules", {{"NextToken", page.at("NextToken")}}).at("Rules").at(0).at("Name"),
            "s");
}

}  // namespace
}  // namespace kiban::services::events
