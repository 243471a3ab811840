#include <fmt/format.h>
#include <gtest/gtest.h>

#include "services/cloudwatch/service.h"
#include "services/events/service.h"
#include "services/sqs/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::events {
namespace {

using namespace std::chrono_literals;

class MissedFirings : public ServiceTest {
 protected:
  MissedFirings() : MissedFirings(std::make_shared<MissedSchedules>(MissedSchedules::Last)) {}

  // The server of the next start.
  void start_with(MissedSchedules missed) {
    *missed_ = missed;
    restart();
  }
  void rule(const std::string& name, std::string_view expression,
            std::string_view state = "ENABLED") {
    call("sqs", "CreateQueue", {{"QueueName", name}});
    call("PutRule", {{"Name", name}, {"ScheduleExpression", expression}, {"State", state}});
    call(
        "PutTargets",
        {{"Rule", name},
         {"Targets", {{{"Id", "q"}, {"Arn", "arn:aws:sqs:ap-northeast-1:000000000000:" + name}}}}});
  }
  // No batch runs meanwhile, as when no server does.
  void sleep_until(std::string_view time) { now_ = parse_iso8601(time).value(); }
  void run() { kernel_->run_until_idle(now_, now_, ++seed_); }

  static std::string url(const std::string& queue) {
    return "http://127.0.0.1:4566/000000000000/" + queue;
  }
  // The times of the events that came, in order; they are deleted.
  std::vector<std::string> received(const std::string& queue) {
    std::vector<std::string> times;
    while (true) {
      const json::object reply =
          call("sqs", "ReceiveMessage", {{"QueueUrl", url(queue)}, {"MaxNumberOfMessages", 10}});
      const json::array* messages = find_array(reply, "Messages");
      if (!messages || messages->empty()) return times;
      for (const json::value& message : *messages) {
        times.push_back(
            text(parse_json(text(message.as_object(), "Body"))->as_object(), "time").substr(5, 11));
        call("sqs", "DeleteMessage",
             {{"QueueUrl", url(queue)}, {"ReceiptHandle", message.at("ReceiptHandle")}});
      }
    }
  }
  std::string count(const std::string& queue) {
    return text(
        call("sqs", "GetQueueAttributes", {{"QueueUrl", url(queue)}, {"AttributeNames", {"All"}}})
            .at("Attributes")
            .as_object(),
        "ApproximateNumberOfMessages");
  }
  double metric(std::string_view name, std::string_view rule) {
    const auto reply = call("cloudwatch", "GetMetricStatistics",
                            {{"Namespace", "kiban/Events"},
                             {"MetricName", name},
                             {"Dimensions", {{{"Name", "RuleName"}, {"Value", rule}}}},
                             {"StartTime", epoch_seconds(now_ - 2h)},
                             {"EndTime", epoch_seconds(now_ + 1min)},
                             {"Period", 60},
                             {"Statistics", {"Sum"}}});
    double sum = 0;
    for (const json::value& point : reply.at("Datapoints").as_array())
      sum += point.at("Sum").to_number<double>();
    return sum;
  }
  std::vector<std::string> logged() {
    std::vector<std::string> lines;
    for (const Effect& effect : kernel_->pending_effects())
      if (effect.kind == "server.log") lines.push_back(text(effect.payload, "Message"));
    return lines;
  }
  json::object row(const std::string& rule) {
    return parse_json(kernel_->read("events/ap-northeast-1/missed/" + rule).value_or("{}"))
        ->as_object();
  }

 private:
  explicit MissedFirings(const std::shared_ptr<MissedSchedules>& missed)
      : ServiceTest("events", {[missed] { return make_events_with({.missed = *missed}); },
                               sqs::make_sqs, cloudwatch::make_cloudwatch}),
        missed_(missed) {
    now_ = parse_iso8601("2026-11-24T02:55:09Z").value();
  }
  std::shared_ptr<MissedSchedules> missed_;
};

using Times = std::vector<std::string>;

TEST_F(MissedFirings, StartTheNewestOnceWithLast) {
  rule("hourly", "cron(0 * * * ? *)");
  sleep_until("2026-11-24T09:30:00Z");
  restart();
  run();
  EXPECT_EQ(received("hourly"), (Times{"11-24T09:00"}));
  EXPECT_EQ(kernel_->next_timer(), parse_iso8601("2026-11-24T10:00:00Z").value());
  restart();
  run();
  EXPECT_EQ(received("hourly"), Times{});
}

TEST_F(MissedFirings, StartAllInOrderWithAll) {
  rule("hourly", "cron(0 * * * ? *)");
  rule("half", "rate(90 minutes)");
  sleep_until("2026-11-24T06:30:00Z");
  start_with(MissedSchedules::All);
  run();
  EXPECT_EQ(received("hourly"),
            (Times{"11-24T03:00", "11-24T04:00", "11-24T05:00", "11-24T06:00"}));
  EXPECT_EQ(received("half"), (Times{"11-24T04:25", "11-24T05:55"}));
  EXPECT_EQ(kernel_->next_timer(), parse_iso8601("2026-11-24T07:00:00Z").value());
}

TEST_F(MissedFirings, StartNoneWithNoneUnlessItIsLessThanAMinuteLate) {
  rule("hourly", "cron(0 * * * ? *)");
  start_with(MissedSchedules::None);
  sleep_until("2026-11-24T05:10:00Z");
  run();
  EXPECT_EQ(received("hourly"), Times{});
  sleep_until("2026-11-24T08:00:30Z");
  run();
  EXPECT_EQ(received("hourly"), (Times{"11-24T08:00"}));
  EXPECT_EQ(kernel_->next_timer(), parse_iso8601("2026-11-24T09:00:00Z").value());
}

TEST_F(MissedFirings, StartNothingThatIsOlderThanADay) {
  rule("monthly", "cron(0 3 24 * ? *)");
  rule("twice", "cron(0 3,15 * * ? *)");
  sleep_until("2026-11-26T04:00:00Z");
  start_with(MissedSchedules::All);
  run();
  EXPECT_EQ(received("monthly"), Times{});
  EXPECT_EQ(received("twice"), (Times{"11-25T15:00", "11-26T03:00"}));
  EXPECT_EQ(logged(),
            (Times{"rule monthly: the firing of 2026-11-24T03:00:00Z was missed more than 24 hours "
                   "ago: it is dropped",
                   "rule twice: 2 firings were missed, from 2026-11-25T15:00:00Z to "
                   "2026-11-26T03:00:00Z; 2 of them start now (--missed-schedules all)"}));
}

TEST_F(MissedFirings, StartNoRuleThatWasDisabledOrCameLater) {
  rule("off", "cron(0 * * * ? *)");
  call("DisableRule", {{"Name", "off"}});
  sleep_until("2026-11-24T06:30:00Z");
  start_with(MissedSchedules::All);
  call("EnableRule", {{"Name", "off"}});
  rule("new", "cron(0 * * * ? *)");
  run();
  EXPECT_EQ(received("off"), Times{});
  EXPECT_EQ(received("new"), Times{});
  sleep_until("2026-11-24T07:00:00Z");
  run();
  EXPECT_EQ(received("off"), (Times{"11-24T07:00"}));
  EXPECT_EQ(received("new"), (Times{"11-24T07:00"}));
}

TEST_F(MissedFirings, AreToldInTheLogTheRowAndTheMetrics) {
  rule("hourly", "cron(0 * * * ? *)");
  sleep_until("2026-11-24T06:30:00Z");
  run();
  EXPECT_EQ(logged(), (Times{"rule hourly: 4 firings were missed, from 2026-11-24T03:00:00Z to "
                             "2026-11-24T06:00:00Z; 1 of them starts now (--missed-schedules "
                             "last)"}));
  EXPECT_EQ(metric("MissedFirings", "hourly"), 4);
  EXPECT_EQ(metric("CaughtUpFirings", "hourly"), 1);
  EXPECT_EQ(print_json(row("hourly")),
            R"({"Policy":"last","Due":4,"Starts":1,"First":1795489200000,"Last":1795500000000,)"
            R"("At":1795501800000,"Older":false})");
  call("RemoveTargets", {{"Rule", "hourly"}, {"Ids", {"q"}}});
  call("DeleteRule", {{"Name", "hourly"}});
  EXPECT_EQ(row("hourly"), json::object{});
}

TEST_F(MissedFirings, AreNeitherLostNorRepeatedByCrashesWhileTheyStart) {
  const std::vector<std::string> rules{"a", "b", "c", "d"};  // More than one batch takes.
  for (const std::string& each : rules) rule(each, "rate(1 minute)");
  sleep_until("2026-11-25T02:55:09Z");
  start_with(MissedSchedules::All);
  int batches = 0;
  for (; !kernel_->next_timer() || *kernel_->next_timer() <= now_; ++batches) {
    ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
    // A crash, and an hour without a server.
    if (batches == 0) sleep_until("2026-11-25T03:55:09Z");
    restart();
    ASSERT_TRUE(kernel_->start(now_, ++seed_));
  }
  EXPECT_GT(batches, 1);
  for (const std::string& each : rules) {
    EXPECT_EQ(count(each), "1500");
    EXPECT_EQ(metric("MissedFirings", each), 1500);
    EXPECT_EQ(metric("CaughtUpFirings", each), 1500);
  }
}

}  // namespace
}  // namespace kiban::services::events
