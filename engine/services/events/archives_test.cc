#include <fmt/format.h>
#include <gtest/gtest.h>

#include "services/cloudwatch/service.h"
#include "services/events/service.h"
#include "services/sqs/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::events {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view bus = "arn:aws:events:ap-northeast-1:000000000000:event-bus/default";
constexpr std::string_view archive = "arn:aws:events:ap-northeast-1:000000000000:archive/a";

class Archives : public ServiceTest {
 protected:
  Archives() : ServiceTest("events", {make_events, sqs::make_sqs, cloudwatch::make_cloudwatch}) {}

  void put(int number, std::string_view source = "shop") {
    call("PutEvents", {{"Entries",
                        {{{"Source", source},
                          {"DetailType", "Order"},
                          {"Detail", fmt::format(R"({{"n":{}}})", number)}}}}});
  }
  void rule(const std::string& name) {
    call("sqs", "CreateQueue", {{"QueueName", name}});
    call("PutRule", {{"Name", name}, {"EventPattern", R"({"source":["shop"]})"}});
    call(
        "PutTargets",
        {{"Rule", name},
         {"Targets", {{{"Id", "q"}, {"Arn", "arn:aws:sqs:ap-northeast-1:000000000000:" + name}}}}});
  }
  std::vector<json::object> received(const std::string& queue) {
    std::vector<json::object> events;
    while (true) {
      const json::object reply = call("sqs", "ReceiveMessage",
                                      {{"QueueUrl", "http://127.0.0.1:4566/000000000000/" + queue},
                                       {"MaxNumberOfMessages", 10}});
      const json::array* messages = find_array(reply, "Messages");
      if (!messages || messages->empty()) return events;
      for (const json::value& message : *messages)
        events.push_back(parse_json(text(message.as_object(), "Body"))->as_object());
    }
  }
  json::object replay(const json::object& changes = {}) {
    json::object input{{"ReplayName", "r"},
                       {"EventSourceArn", archive},
                       {"EventStartTime", epoch_seconds(now_ - 1h)},
                       {"EventEndTime", epoch_seconds(now_ + 1h)},
                       {"Destination", {{"Arn", bus}}}};
    for (const auto& [key, value] : changes) input[key] = value;
    return input;
  }
  std::string state() { return text(call("DescribeReplay", {{"ReplayName", "r"}}), "State"); }
  void run() { now_ = kernel_->run_until_idle(now_, now_ + 1s); }
};

TEST_F(Archives, KeepWhatTheirPatternMatchesAndReplayItToTheRulesOfTheBus) {
  call("CreateArchive", {{"ArchiveName", "a"},
                         {"EventSourceArn", bus},
                         {"EventPattern", R"({"source":["shop"]})"},
                         {"Description", "d"}});
  for (int i = 0; i < 120; ++i) put(i);
  put(1'000, "other");
  const json::object described = call("DescribeArchive", {{"ArchiveName", "a"}});
  EXPECT_EQ(described.at("EventCount"), 120);
  EXPECT_EQ(described.at("State"), "ENABLED");
  EXPECT_GT(described.at("SizeBytes").as_int64(), 120);
  rule("one");
  rule("two");
  EXPECT_EQ(
      call("StartReplay",
           replay({{"Destination",
                    {{"Arn", bus},
                     {"FilterArns", {"arn:aws:events:ap-northeast-1:000000000000:rule/one"}}}}}))
          .at("State"),
      "STARTING");
  restart();
  run();
  EXPECT_EQ(state(), "COMPLETED");
  const auto events = received("one");
  ASSERT_EQ(events.size(), 120U);
  EXPECT_EQ(events[0].at("replay-name"), "r");
  EXPECT_TRUE(received("two").empty());
  // Replayed events are not archived again.
  EXPECT_EQ(call("DescribeArchive", {{"ArchiveName", "a"}}).at("EventCount"), 120);
  EXPECT_EQ(refused("StartReplay", replay()), "ResourceAlreadyExistsException");
  EXPECT_EQ(refused("CancelReplay", {{"ReplayName", "r"}}), "IllegalStatusException");
}

TEST_F(Archives, ReplayTheirRangeOfTimeAndCanBeCancelled) {
  call("CreateArchive", {{"ArchiveName", "a"}, {"EventSourceArn", bus}});
  put(1);
  now_ += 10min;
  put(2);
  rule("one");
  call("StartReplay", replay({{"EventStartTime", epoch_seconds(now_ - 1min)}}));
  run();
  ASSERT_EQ(received("one").size(), 1U);
  json::array entries;
  for (int i = 0; i < 10; ++i)
    entries.push_back({{"Source", "shop"}, {"DetailType", "Order"}, {"Detail", "{}"}});
  for (int i = 0; i < 200; ++i) call("PutEvents", {{"Entries", entries}});
  EXPECT_EQ(received("one").size(), 2'000U);
  call("StartReplay", replay({{"ReplayName", "s"}}));
  EXPECT_EQ(call("CancelReplay", {{"ReplayName", "s"}}).at("State"), "CANCELLING");
  run();
  EXPECT_EQ(call("DescribeReplay", {{"ReplayName", "s"}}).at("State"), "CANCELLED");
  EXPECT_LT(received("one").size(), 2'000U);
  call("StartReplay", replay({{"ReplayName", "t"}}));
  call("DeleteArchive", {{"ArchiveName", "a"}});
  run();
  EXPECT_EQ(call("DescribeReplay", {{"ReplayName", "t"}}).at("State"), "FAILED");
  EXPECT_EQ(call("ListReplays", {{"State", "CANCELLED"}}).at("Replays").as_array().size(), 1U);
}

TEST_F(Archives, DropWhatIsOlderThanTheirRetention) {
  call("CreateArchive", {{"ArchiveName", "a"}, {"EventSourceArn", bus}, {"RetentionDays", 1}});
  put(1);
  now_ += 20h;
  put(2);
  now_ = kernel_->run_until_idle(now_, now_ + 6h);
  EXPECT_EQ(call("DescribeArchive", {{"ArchiveName", "a"}}).at("EventCount"), 1);
  call("UpdateArchive", {{"ArchiveName", "a"}, {"RetentionDays", 0}});
  now_ = kernel_->run_until_idle(now_, now_ + 100h);
  EXPECT_EQ(call("DescribeArchive", {{"ArchiveName", "a"}}).at("EventCount"), 1);
}

TEST_F(Archives, RefuseAsAwsDoes) {
  const auto cause = [&](const char* operation, json::object input) {
    return refusal(operation, std::move(input)).cause;
  };
  const json::object made{{"ArchiveName", "a"}, {"EventSourceArn", bus}};
  call("CreateArchive", made);
  EXPECT_EQ(cause("CreateArchive", made), "Archive a already exists.");
  EXPECT_EQ(
      refused("CreateArchive", {{"ArchiveName", "b"}, {"EventSourceArn", std::string(bus) + "x"}}),
      "ResourceNotFoundException");
  EXPECT_EQ(refused("CreateArchive",
                    {{"ArchiveName", "b"}, {"EventSourceArn", bus}, {"EventPattern", "{"}}),
            "InvalidEventPatternException");
  EXPECT_EQ(cause("CreateArchive", {{"ArchiveName", "b"}, {"EventSourceArn", archive}}),
            "Parameter EventSourceArn is not valid. Reason: Must contain an event bus ARN.");
  EXPECT_EQ(cause("DescribeArchive", {{"ArchiveName", "none"}}), "Archive none does not exist.");
  EXPECT_EQ(
      cause("ListArchives", {{"NamePrefix", "a"}, {"State", "ENABLED"}}),
      "At most one filter is allowed for ListArchives. Use either : State, EventSourceArn, or "
      "NamePrefix.");
  EXPECT_EQ(call("ListArchives", {{"EventSourceArn", bus}}).at("Archives").as_array().size(), 1U);
  EXPECT_EQ(cause("StartReplay", replay({{"EventSourceArn", bus}})),
            "Parameter EventSourceArn is not valid. Reason: Must contain an archive ARN.");
  EXPECT_EQ(cause("StartReplay", replay({{"EventSourceArn", std::string(archive) + "b"}})),
            "Parameter EventSourceArn is not valid. Reason: Archive ab does not exist.");
  EXPECT_EQ(cause("StartReplay", replay({{"Destination", {{"Arn", archive}}}})),
            "Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN.");
  call("CreateEventBus", {{"Name", "b"}});
  EXPECT_EQ(cause("StartReplay",
                  replay({{"Destination",
                           {{"Arn", "arn:aws:events:ap-northeast-1:000000000000:event-bus/b"}}}})),
            "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not "
            "permitted.");
  EXPECT_EQ(cause("StartReplay", replay({{"EventEndTime", epoch_seconds(now_ - 2h)}})),
            "Parameter EventEndTime is not valid. Reason: EventStartTime must be before "
            "EventEndTime.");
  EXPECT_EQ(cause("CancelReplay", {{"ReplayName", "none"}}), "Replay none does not exist.");
}

TEST_F(Archives, PermissionsTakeOneForm) {
  EXPECT_EQ(refused("PutPermission", {{"Policy", R"({"Statement":[]})"}, {"StatementId", "s"}}),
            "ValidationException");
  EXPECT_EQ(refused("PutPermission",
                    {{"Action", "events:PutRule"}, {"Principal", "*"}, {"StatementId", "s"}}),
            "ValidationException");
  EXPECT_EQ(refused("RemovePermission", {}), "ValidationException");
}

}  // namespace
}  // namespace kiban::services::events
