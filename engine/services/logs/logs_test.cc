#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "services/cloudwatch/service.h"
#include "services/kms/service.h"
#include "services/logs/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::logs {
namespace {

using namespace std::chrono_literals;

class Logs : public ServiceTest {
 protected:
  Logs() : ServiceTest("logs", {make_logs, cloudwatch::make_cloudwatch, kms::make_kms}) {
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

TEST_F(Logs, PagesOfStreamsFollowNameOrTimeInBothDirections) {
  const auto names = [&](json::object query) {
    std::string shown;
    query["logGroupName"] = "/batch";
    query["limit"] = 2;
    for (int pages = 0; pages < 5; ++pages) {
      const json::object reply = call("DescribeLogStreams", query);
      for (const json::value& stream : reply.at("logStreams").as_array())
        shown += text(stream.as_object(), "logStreamName") + " ";
      if (!reply.contains("nextToken")) break;
      shown += "| ";
      query["nextToken"] = reply.at("nextToken");
    }
    return shown;
  };
  for (const auto* name : {"a", "pp", "p1", "p2", "z"}) {
    now_ += 1s;
    call("CreateLogStream", {{"logGroupName", "/batch"}, {"logStreamName", name}});
    call("PutLogEvents",
         {{"logGroupName", "/batch"}, {"logStreamName", name}, {"logEvents", {event(0ms, "m")}}});
  }
  EXPECT_EQ(names({}), "a one | p1 p2 | pp z ");
  EXPECT_EQ(names({{"logStreamNamePrefix", "p"}}), "p1 p2 | pp ");
  EXPECT_EQ(names({{"descending", true}}), "z pp | p2 p1 | one a ");
  EXPECT_EQ(names({{"orderBy", "LastEventTime"}}), "one a | pp p1 | p2 z ");
  EXPECT_EQ(names({{"orderBy", "LastEventTime"}, {"descending", true}}), "z p2 | p1 pp | a one ");
  EXPECT_EQ(refused("DescribeLogStreams", {{"logGroupName", "/batch"}, {"nextToken", "x"}}),
            "InvalidToken");
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
  for (const char* pattern : {"", "-none -never -nowhere"}) {
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

TEST_F(Logs, SearchesByPatterns) {
  put({event(0ms, R"({"level":"info","ms":4})"), event(1ms, R"({"level":"error","ms":40})"),
       event(2ms, "GET /a 404 12"), event(3ms, "GET /b 200 7")});
  const auto found = [&](std::string_view pattern) {
    std::string messages;
    const json::object reply =
        call("FilterLogEvents", {{"logGroupName", "/batch"}, {"filterPattern", pattern}});
    for (const json::value& each : reply.at("events").as_array())
      messages += std::string(each.at("message").as_string()) + "\n";
    return messages;
  };
  EXPECT_EQ(found("{ $.ms > 10 }"), "{\"level\":\"error\",\"ms\":40}\n");
  EXPECT_EQ(found("[method, path, status = 4*, bytes]"), "GET /a 404 12\n");
  EXPECT_EQ(found("%/[a-z] 200%"), "GET /b 200 7\n");
  EXPECT_EQ(found("GET -404"), "GET /b 200 7\n");
  const Error refused_pattern =
      refusal("FilterLogEvents", {{"logGroupName", "/batch"}, {"filterPattern", "{ $.ms > }"}});
  EXPECT_EQ(refused_pattern, (Error{"InvalidParameterException", "Invalid filter pattern"}));
}

TEST_F(Logs, EndTimesAreOpenForGetAndClosedForFilter) {
  put({event(0ms, "a"), event(1ms, "b")});
  const std::int64_t end = (now_ + 1ms).time_since_epoch().count();
  EXPECT_EQ(get({{"endTime", end}}).size(), 1U);
  EXPECT_EQ(call("FilterLogEvents", {{"logGroupName", "/batch"}, {"endTime", end}})
                .at("events")
                .as_array()
                .size(),
            2U);
  EXPECT_EQ(refused("FilterLogEvents", {{"logGroupName", "/batch"}, {"logStreamNames", {"none"}}}),
            "ResourceNotFoundException");
  EXPECT_EQ(refused("GetLogEvents", {{"logStreamName", "one"}}), "InvalidParameterException");
  EXPECT_EQ(refused("GetLogEvents",
                    {{"logGroupIdentifier", "arn:aws:logs:us-east-1:000000000000:log-group:/batch"},
                     {"logStreamName", "one"}}),
            "ResourceNotFoundException");
}

TEST_F(Logs, ReadsBackwardsAcrossGapsAndWithinAMegabyte) {
  std::string all;
  for (int i = 0; i < 30; ++i) {
    const std::string name(1, static_cast<char>('A' + i));
    put({event(-300h + i * i * 15min, name + std::string(90'000, ' '))});
    all += name;
  }
  std::string read;
  json::object ask;
  int pages = 0;
  while (true) {
    const json::array page = get(ask);
    if (page.empty()) break;
    std::string names;
    for (const json::value& each : page) names += each.at("message").as_string()[0];
    EXPECT_LE(page.size(), 11U);
    read.insert(0, names);
    ask["nextToken"] = last_.at("nextBackwardToken");
    ASSERT_LT(++pages, 10);
  }
  EXPECT_EQ(read, all);
  EXPECT_EQ(get({{"startFromHead", true}}).size(), 11U);
  for (const char* token : {"x", "f/1",
                            "b/"
                            "12345678901234567890123456789012345x"})
    EXPECT_EQ(refused("GetLogEvents",
                      {{"logGroupName", "/batch"}, {"logStreamName", "one"}, {"nextToken", token}}),
              "InvalidParameterException");
}

TEST_F(Logs, BatchesMayHaveInvalidEventsFarAway) {
  const auto reply = put({event(-20 * 24h, "old"), event(0ms, "now")});
  EXPECT_EQ(reply.at("rejectedLogEventsInfo").at("tooOldLogEventEndIndex"), 1);
  EXPECT_EQ(get().size(), 1U);
}

TEST_F(Logs, RefusesMembersThatItDoesNotHonour) {
  EXPECT_EQ(refused("CreateLogGroup", {{"logGroupName", "aws/x"}}), "InvalidParameterException");
  EXPECT_EQ(refused("CreateLogGroup", {{"logGroupName", "d"}, {"logGroupClass", "DELIVERY"}}),
            "InvalidParameterException");
  EXPECT_EQ(refused("DescribeLogGroups", {{"includeLinkedAccounts", true}}),
            "InvalidParameterException");
  EXPECT_EQ(refused("DescribeLogGroups",
                    {{"logGroupIdentifiers", {"/batch"}}, {"logGroupNamePrefix", "/"}}),
            "InvalidParameterException");
  EXPECT_EQ(call("DescribeLogGroups", {{"logGroupIdentifiers", {"/batch", "none"}}})
                .at("logGroups")
                .as_array()
                .size(),
            1U);
  EXPECT_EQ(refused("PutLogEvents", {{"logGroupName", "/batch"},
                                     {"logStreamName", "one"},
                                     {"logEvents", {event(0ms, "a")}},
                                     {"entity", json::object{}}}),
            "InvalidParameterException");
}

TEST_F(Logs, GroupsHaveKeysAndProtection) {
  const std::string key(call("kms", "CreateKey", {}).at("KeyMetadata").at("Arn").as_string());
  call("CreateLogGroup", {{"logGroupName", "k"}, {"kmsKeyId", key}});
  const auto group = [&] {
    return call("DescribeLogGroups", {{"logGroupNamePrefix", "k"}})
        .at("logGroups")
        .at(0)
        .as_object();
  };
  EXPECT_EQ(text(group(), "kmsKeyId"), key);
  call("DisassociateKmsKey", {{"logGroupName", "k"}});
  EXPECT_FALSE(group().contains("kmsKeyId"));
  call("AssociateKmsKey", {{"logGroupName", "k"}, {"kmsKeyId", key}});
  call("kms", "DisableKey", {{"KeyId", key}});
  for (const std::string& bad : {key, std::string("alias/a"),
                                 std::string("arn:aws:kms:ap-northeast-1:000000000000:key/none")})
    EXPECT_EQ(refused("AssociateKmsKey", {{"logGroupName", "k"}, {"kmsKeyId", bad}}),
              "InvalidParameterException");
  call("PutLogGroupDeletionProtection",
       {{"logGroupIdentifier", "k"}, {"deletionProtectionEnabled", true}});
  EXPECT_EQ(group().at("deletionProtectionEnabled"), true);
  EXPECT_EQ(refused("DeleteLogGroup", {{"logGroupName", "k"}}), "ValidationException");
  call("PutLogGroupDeletionProtection",
       {{"logGroupIdentifier", "k"}, {"deletionProtectionEnabled", false}});
  call("DeleteLogGroup", {{"logGroupName", "k"}});
}

TEST_F(Logs, TagsGroupsByBothWays) {
  call("TagLogGroup", {{"logGroupName", "/batch"}, {"tags", {{"a", "1"}}}});
  const std::string arn = "arn:aws:logs:ap-northeast-1:000000000000:log-group:/batch";
  json::object many;
  for (int i = 0; i < 50; ++i) many["t" + std::to_string(i)] = "";
  EXPECT_EQ(refused("TagResource", {{"resourceArn", arn}, {"tags", many}}), "TooManyTagsException");
  EXPECT_EQ(call("ListTagsForResource", {{"resourceArn", arn}}).at("tags"),
            (json::object{{"a", "1"}}));
  call("UntagLogGroup", {{"logGroupName", "/batch"}, {"tags", {"a"}}});
  EXPECT_TRUE(
      call("ListTagsLogGroup", {{"logGroupName", "/batch"}}).at("tags").as_object().empty());
  EXPECT_EQ(refused("ListTagsForResource", {{"resourceArn", "arn:aws:s3:::b"}}),
            "InvalidParameterException");
}

TEST_F(Logs, NameADamagedEventAndShowTheOthers) {
  put({event(0ms, "a"), event(1ms, "b")});
  const auto rows = store_->scan("logs/ap-northeast-1/event/", "", 1);
  ASSERT_TRUE(store_->commit({{rows.at(0).key, "{"}}));
  const json::array events = get();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_TRUE(events[0].at("message").as_string().starts_with("kiban cannot read this log event"));
  EXPECT_NE(text(events[0].as_object(), "message").find("/batch"), std::string::npos);
  EXPECT_EQ(events[1].at("message"), "b");
  EXPECT_EQ(call("FilterLogEvents", {{"logGroupName", "/batch"}, {"filterPattern", "b"}})
                .at("events")
                .as_array()
                .size(),
            2U);  // The other has "batch" in its name.
}

class MetricFilters : public Logs {
 protected:
  static json::object filter(std::string_view pattern, const json::object& transformation,
                             std::string_view name = "f") {
    json::object made{{"metricName", "m"}, {"metricNamespace", "n"}, {"metricValue", "1"}};
    for (const auto& [key, value] : transformation) made[key] = value;
    return {{"logGroupName", "/batch"},
            {"filterName", name},
            {"filterPattern", pattern},
            {"metricTransformations", json::array{made}}};
  }
  // Sum, SampleCount and Maximum of this minute.
  std::vector<double> statistics(json::array dimensions = {}) {
    const double now = epoch_seconds(now_);
    const auto reply = call("cloudwatch", "GetMetricStatistics",
                            {{"Namespace", "n"},
                             {"MetricName", "m"},
                             {"Dimensions", std::move(dimensions)},
                             {"StartTime", now - 120},
                             {"EndTime", now + 120},
                             {"Period", 300},
                             {"Statistics", {"Sum", "SampleCount", "Maximum"}}});
    const json::array& points = reply.at("Datapoints").as_array();
    if (points.empty()) return {};
    return {points[0].at("Sum").to_number<double>(),
            points[0].at("SampleCount").to_number<double>(),
            points[0].at("Maximum").to_number<double>()};
  }
};

TEST_F(MetricFilters, CountWhatMatches) {
  call("PutMetricFilter", filter("ERROR", {}));
  put({event(0ms, "ERROR a"), event(1ms, "INFO"), event(2ms, "ERROR b")});
  EXPECT_EQ(statistics(), (std::vector<double>{2, 2, 1}));
  call("DeleteMetricFilter", {{"logGroupName", "/batch"}, {"filterName", "f"}});
  put({event(3ms, "ERROR c")});
  EXPECT_EQ(statistics(), (std::vector<double>{2, 2, 1}));
}

TEST_F(MetricFilters, TakeValuesOfFieldsAndDefaults) {
  call("PutMetricFilter", filter("[..., bytes]", {{"metricValue", "$bytes"}, {"defaultValue", 0}}));
  put({event(0ms, "GET /a 12"), event(1ms, "GET /b 30"), event(2ms, "GET /c many")});
  EXPECT_EQ(statistics(), (std::vector<double>{42, 2, 30}));
  call("PutMetricFilter", filter("{ $.ms = * }", {{"metricValue", "$.ms"}, {"defaultValue", 1.5}}));
  put({event(3ms, R"({"ms":50})"), event(4ms, "text")});
  EXPECT_EQ(statistics(), (std::vector<double>{93.5, 4, 50}));
}

TEST_F(MetricFilters, HaveDimensionsAndUnits) {
  call("PutMetricFilter", filter("{ $.ms = * }", {{"metricValue", "$.ms"},
                                                  {"unit", "Milliseconds"},
                                                  {"dimensions", {{"Path", "$.path"}}}}));
  put({event(0ms, R"({"ms":50,"path":"/a"})"), event(1ms, R"({"ms":10,"path":"/b"})"),
       event(2ms, R"({"ms":7})")});
  EXPECT_EQ(statistics({{{"Name", "Path"}, {"Value", "/a"}}}), (std::vector<double>{50, 1, 50}));
  EXPECT_EQ(statistics({{{"Name", "Path"}, {"Value", "/b"}}}), (std::vector<double>{10, 1, 10}));
  EXPECT_TRUE(statistics().empty());
}

TEST_F(MetricFilters, AreListedAndCounted) {
  call("PutMetricFilter", filter("a", {}, "one"));
  call("PutMetricFilter", filter("b", {{"metricName", "other"}}, "two"));
  const auto listed = [&](json::object input) {
    std::string names;
    const json::object reply = call("DescribeMetricFilters", std::move(input));
    for (const json::value& each : reply.at("metricFilters").as_array())
      names += std::string(each.at("filterName").as_string()) + " ";
    return names;
  };
  EXPECT_EQ(listed({}), "one two ");
  EXPECT_EQ(listed({{"logGroupName", "/batch"}, {"filterNamePrefix", "t"}}), "two ");
  EXPECT_EQ(listed({{"metricName", "m"}, {"metricNamespace", "n"}}), "one ");
  EXPECT_EQ(refused("DescribeMetricFilters", {{"metricName", "m"}}), "InvalidParameterException");
  EXPECT_EQ(refused("DescribeMetricFilters", {{"logGroupName", "none"}}),
            "ResourceNotFoundException");
  EXPECT_EQ(call("DescribeLogGroups", {}).at("logGroups").at(0).at("metricFilterCount"), 2);
  EXPECT_EQ(refused("DeleteMetricFilter", {{"logGroupName", "/batch"}, {"filterName", "none"}}),
            "ResourceNotFoundException");
}

TEST_F(MetricFilters, RefusesAsAwsDoes) {
  const auto cause = [&](json::object input) {
    const Error error = refusal("PutMetricFilter", std::move(input));
    EXPECT_EQ(error.name, "InvalidParameterException");
    return error.cause;
  };
  EXPECT_EQ(cause(filter("{ $.a", {})), "Invalid metric filter pattern");
  EXPECT_EQ(cause(filter("?a ?b", {{"dimensions", {{"D", "$.a"}}}})),
            "The specified filter pattern does not support dimensions");
  EXPECT_EQ(cause(filter("{ $.a = 1 }", {{"dimensions", {{"D", "$.a"}}}, {"defaultValue", 0}})),
            "Invalid metric transformation: dimensions and default value are mutually exclusive "
            "properties.");
  for (const json::object& bad : std::vector<json::object>{
           {{"metricValue", "many"}},
           {{"metricValue", "$.other"}},
           {{"metricValue", "1e308"}},
           {{"defaultValue", -1e300}},
           {{"dimensions", {{"D", "text"}}}},
           {{"dimensions", {{"A", "$.a"}, {"B", "$.a"}, {"C", "$.a"}, {"D", "$.a"}}}}})
    EXPECT_TRUE(cause(filter("{ $.a = 1 }", bad)).starts_with("Invalid metric transformation"));
  for (int i = 0; i < 5; ++i) call("PutMetricFilter", filter("%a%", {}, "r" + std::to_string(i)));
  call("PutMetricFilter", filter("%b%", {}, "r0"));
  EXPECT_EQ(refused("PutMetricFilter", filter("%a%", {}, "r5")), "LimitExceededException");
  call("CreateLogGroup", {{"logGroupName", "rare"}, {"logGroupClass", "INFREQUENT_ACCESS"}});
  json::object rare = filter("a", {});
  rare["logGroupName"] = "rare";
  EXPECT_EQ(refused("PutMetricFilter", rare), "InvalidOperationException");
}

TEST_F(MetricFilters, AreTestedWithoutAGroup) {
  const auto reply = call("TestMetricFilter",
                          {{"filterPattern", "[..., status_code=200, size]"},
                           {"logEventMessages", {"a \"GET /x\" 200 7", "a b 500 1", "c 200 9"}}});
  const json::array& matches = reply.at("matches").as_array();
  ASSERT_EQ(matches.size(), 2U);
  EXPECT_EQ(matches[0].at("eventNumber"), 0);
  EXPECT_EQ(matches[0].at("extractedValues"),
            (json::object{{"$1", "a"}, {"$2", "GET /x"}, {"$size", "7"}, {"$status_code", "200"}}));
  EXPECT_EQ(matches[1].at("eventNumber"), 2);
}

TEST_F(MetricFilters, AreTestedWithinABudget) {
  std::string pattern = "?a";
  for (int i = 0; i < 300; ++i) pattern += " ?a";
  EXPECT_TRUE(refusal("TestMetricFilter",
                      {{"filterPattern", pattern},
                       {"logEventMessages", json::array{std::string(std::size_t{2} << 20U, 'b')}}})
                  .cause.contains("96 MiB"));
}

// The two filters would make 152 comparisons with each of the 400 KB.
TEST_F(MetricFilters, StopCountingWithoutABudgetButKeepTheEvents) {
  std::string pattern = "?b";
  for (int i = 0; i < 150; ++i) pattern += " ?a";
  call("PutMetricFilter", filter(pattern, {}, "one"));
  call("PutMetricFilter", filter(pattern, {}, "two"));
  put({event(0ms, std::string(200'000, 'b')), event(1ms, std::string(200'000, 'b'))});
  EXPECT_EQ(get().size(), 2U);
  EXPECT_EQ(statistics(), (std::vector<double>{3, 3, 1}));
}

}  // namespace
}  // namespace kiban::services::logs
