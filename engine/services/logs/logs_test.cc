#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "services/logs/filter.h"
#include "services/logs/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::logs {
namespace {

using namespace std::chrono_literals;

class Logs : public ServiceTest {
 protected:
  Logs() : ServiceTest("logs", {make_logs}) {
    call("CreateLogGroup", {{"logGroupName", "/batch"}});
    call("CreateLogStream", {{"logGroupName", "/batch"}, {"logStreamName", "one"}});
  }
  json::object event(std::chrono::milliseconds after, std::string_view message) {
    return {{"timestamp", (now_ + after).time_since_epoch().count()}, {"message", message}};
  }
  json::object put(json::array events) {
    return call(
        "PutLogEvents",
        {{"logGroupName", "/batch"}, {"logStreamName", "one"}, {"logEvents", std::move(events)}});
  }
  json::array get(json::object more = {}) {
    more["logGroupName"] = "/batch";
    more["logStreamName"] = "one";
    last_ = call("GetLogEvents", std::move(more));
    return last_.at("events").as_array();
  }

  json::object last_{};
};

TEST_F(Logs, RefusesArgumentsThatExcludeEachOther) {
  const auto refused_put =
      refusal("PutLogEvents", {{"logGroupName", "/batch"},
                               {"logStreamName", "one"},
                               {"logEvents", {event(-25h, "a"), event(0ms, "b")}}});
  EXPECT_EQ(refused_put.name, "InvalidParameterException");
  EXPECT_EQ(refused_put.cause,
            "The batch of log events in a single PutLogEvents request cannot span more than 24 "
            "hours.");
  put({event(-24h, "a"), event(0ms, "b")});
  EXPECT_EQ(refused("DescribeLogStreams", {{"logGroupName", "/batch"},
                                           {"orderBy", "LastEventTime"},
                                           {"logStreamNamePrefix", "o"}}),
            "InvalidParameterException");
  EXPECT_EQ(refused("FilterLogEvents", {{"logGroupName", "/batch"},
                                        {"logStreamNames", {"one"}},
                                        {"logStreamNamePrefix", "o"}}),
            "InvalidParameterException");
  const json::object by_pattern =
      call("DescribeLogGroups", {{"logGroupNamePattern", "atc"}}).at("logGroups").at(0).as_object();
  EXPECT_EQ(by_pattern.size(), 3U);
  EXPECT_TRUE(by_pattern.contains("arn"));
}

TEST_F(Logs, PagesForwardAndBackward) {
  put({event(0ms, "a"), event(1ms, "b"), event(1ms, "c")});
  EXPECT_EQ(get({{"limit", 2}})[0].at("message"), "b");  // Without startFromHead: the latest.
  const json::array first = get({{"limit", 2}, {"startFromHead", true}});
  ASSERT_EQ(first.size(), 2U);
  EXPECT_EQ(first[1].at("message"), "b");
  const json::value token = last_.at("nextForwardToken");
  EXPECT_EQ(get({{"nextToken", token}})[0].at("message"), "c");
  const json::value end = last_.at("nextForwardToken");
  EXPECT_TRUE(get({{"nextToken", end}}).empty());
  EXPECT_EQ(last_.at("nextForwardToken"), end);  // The end is told by the same token again.
}

TEST_F(Logs, FiltersLargeGroupsPageByPage) {
  call("CreateLogStream", {{"logGroupName", "/batch"}, {"logStreamName", "two"}});
  std::vector<std::string> wanted;
  int count = 0;
  for (const char* stream : {"one", "two"}) {
    for (int i = 0; i < 12; ++i) {  // Many at the same instant.
      json::array events;
      for (int k = 0; k < 4; ++k) {
        const std::string name = fmt::format("{}-{:03}", i, ++count);
        wanted.push_back(name);
        events.push_back(event(std::chrono::milliseconds{i / 3}, name + std::string(200'000, ' ')));
      }
      call("PutLogEvents",
           {{"logGroupName", "/batch"}, {"logStreamName", stream}, {"logEvents", events}});
    }
  }
  for (const char* pattern : {"", "- ?none ?-"}) {
    for (const int limit : {7, 10'000}) {
      json::object ask{{"logGroupName", "/batch"}, {"limit", limit}, {"filterPattern", pattern}};
      std::vector<std::string> found;
      std::int64_t last = 0;
      int pages = 0;
      for (bool more = true; more; ++pages) {
        const json::object reply = call("FilterLogEvents", ask);
        for (const json::value& each : reply.at("events").as_array()) {
          const std::string message(each.at("message").as_string());
          found.push_back(message.substr(0, message.find(' ')));
          EXPECT_GE(each.at("timestamp").as_int64(), last);
          last = each.at("timestamp").as_int64();
        }
        more = reply.contains("nextToken");
        if (more) ask["nextToken"] = reply.at("nextToken");
        ASSERT_LT(pages, 200);
      }
      EXPECT_GT(pages, 1);
      std::ranges::sort(found);
      std::vector<std::string> all = wanted;
      std::ranges::sort(all);
      EXPECT_EQ(found, all) << limit;
    }
  }
  for (const char* token : {"x", "1/2/3", "99999999999999999999/", ""})
    EXPECT_EQ(refusal("FilterLogEvents", {{"logGroupName", "/batch"}, {"nextToken", token}}).name,
              "InvalidParameterException");
}

TEST_F(Logs, FiltersAcrossStreams) {
  put({event(0ms, "INFO start"), event(2ms, "ERROR disk")});
  call("CreateLogStream", {{"logGroupName", "/batch"}, {"logStreamName", "two"}});
  call("PutLogEvents", {{"logGroupName", "/batch"},
                        {"logStreamName", "two"},
                        {"logEvents", {event(1ms, "ERROR net")}}});
  const auto found =
      call("FilterLogEvents", {{"logGroupName", "/batch"}, {"filterPattern", "ERROR"}});
  ASSERT_EQ(found.at("events").as_array().size(), 2U);
  EXPECT_EQ(found.at("events").as_array()[0].at("logStreamName"), "two");
}

TEST_F(Logs, RejectsWhatIsTooOldOrTooNewAndSweepsByRetention) {
  call("PutRetentionPolicy", {{"logGroupName", "/batch"}, {"retentionInDays", 1}});
  const auto old = put({event(-25h, "old"), event(-2h, "before")});
  EXPECT_EQ(old.at("rejectedLogEventsInfo").at("expiredLogEventEndIndex"), 1);
  const auto future = put({event(0ms, "now"), event(3h, "future")});
  EXPECT_EQ(future.at("rejectedLogEventsInfo").at("tooNewLogEventStartIndex"), 1);
  EXPECT_EQ(get().size(), 2U);
  now_ = kernel_->run_until_idle(now_, now_ + 26h);
  EXPECT_TRUE(get().empty());
}

TEST_F(Logs, RefusesByAwsName) {
  const auto put_unknown = kernel_->call(
      "logs", "PutLogEvents",
      {{"logGroupName", "/none"}, {"logStreamName", "x"}, {"logEvents", json::array{}}}, now_);
  EXPECT_EQ(put_unknown.error().name, "ResourceNotFoundException");
  const auto unordered = kernel_->call("logs", "PutLogEvents",
                                       {{"logGroupName", "/batch"},
                                        {"logStreamName", "one"},
                                        {"logEvents", {event(1ms, "b"), event(0ms, "a")}}},
                                       now_);
  EXPECT_EQ(unordered.error().name, "InvalidParameterException");
}

TEST(Filters, ReadTerms) {
  EXPECT_EQ(parse_filter(R"(a "b c" -d ?e)"),
            (Filter{.required = {"a", "b c"}, .excluded = {"d"}, .optional = {"e"}}));
  EXPECT_TRUE(matches(parse_filter("?x ?y").value(), "has y"));
  EXPECT_FALSE(matches(parse_filter("a -b").value(), "a b"));
  EXPECT_TRUE(matches(parse_filter("").value(), "anything"));
  for (const auto* refused : {"\"open", "{ $.a = 1 }", "[a, b]"})
    EXPECT_EQ(parse_filter(refused).error().name, "InvalidParameterException") << refused;
}

}  // namespace
}  // namespace kiban::services::logs
