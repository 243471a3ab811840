#include <gtest/gtest.h>

#include <limits>

#include "services/cloudwatch/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::cloudwatch {
namespace {

using namespace std::chrono_literals;

class CloudWatch : public ServiceTest {
 protected:
  CloudWatch() : ServiceTest("cloudwatch", {make_cloudwatch}) {
    now_ += 40s;  // A whole minute.
  }
  void put(double value) {
    call("PutMetricData",
         {{"Namespace", "AWS/States"},
          {"MetricData", {{{"MetricName", "ExecutionsFailed"}, {"Value", value}}}}});
  }
  std::string state() {
    return text(call("DescribeAlarms", {}).at("MetricAlarms").as_array()[0].as_object(),
                "StateValue");
  }
  json::object alarm(std::string missing) {
    return {{"AlarmName", "failed"},
            {"Namespace", "AWS/States"},
            {"MetricName", "ExecutionsFailed"},
            {"Statistic", "Sum"},
            {"Period", 60},
            {"EvaluationPeriods", 1},
            {"Threshold", 1},
            {"ComparisonOperator", "GreaterThanOrEqualToThreshold"},
            {"TreatMissingData", std::move(missing)}};
  }
};

TEST_F(CloudWatch, TakesValuesOfItsRangeOnly) {
  const auto refused = [&](json::object datum) {
    datum["MetricName"] = "m";
    return refusal("PutMetricData", {{"Namespace", "n"}, {"MetricData", {datum}}}).name;
  };
  const json::object good{{"SampleCount", 1}, {"Sum", 2}, {"Minimum", 2}, {"Maximum", 2}};
  const auto with = [&](const char* member, double value) {
    json::object set = good;
    set[member] = value;
    return json::object{{"StatisticValues", set}};
  };
  for (const double value : {1e308, -1e308, 2.4e108, std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(refused({{"Value", value}}), "InvalidParameterValue") << value;
    EXPECT_EQ(refused({{"Values", {1, value}}}), "InvalidParameterValue") << value;
    EXPECT_EQ(refused({{"Values", {1}}, {"Counts", {value}}}), "InvalidParameterValue") << value;
    for (const char* member : {"SampleCount", "Sum", "Minimum", "Maximum"})
      EXPECT_EQ(refused(with(member, value)), "InvalidParameterValue") << member;
  }
  EXPECT_EQ(refused({{"Values", {1, 2}}, {"Counts", {1}}}), "InvalidParameterValue");
  EXPECT_EQ(refused({{"Values", {1}}, {"Counts", {-1}}}), "InvalidParameterValue");
  EXPECT_EQ(refused(with("Minimum", 3)), "InvalidParameterCombination");
  EXPECT_EQ(refused(with("SampleCount", -1)), "InvalidParameterCombination");
  EXPECT_EQ(refused({{"Value", 1}, {"StatisticValues", good}}), "InvalidParameterCombination");
  for (const auto& time : {now_ + 2h + 1s, now_ - 24h * 14 - 1s})
    EXPECT_EQ(refused({{"Value", 1}, {"Timestamp", epoch_seconds(time)}}), "InvalidParameterValue");
  for (int i = 0; i < 3; ++i) put(2.3e108);  // A little less than 2^360.
}

TEST_F(CloudWatch, MergesIntoMinutesAndPeriods) {
  put(1);
  put(3);
  now_ += 1min;
  put(8);
  const json::object query{{"Namespace", "AWS/States"},
                           {"MetricName", "ExecutionsFailed"},
                           {"StartTime", epoch_seconds(now_ - 1h)},
                           {"EndTime", epoch_seconds(now_ + 1min)},
                           {"Period", 60},
                           {"Statistics", {"Sum", "Average", "Maximum", "SampleCount"}}};
  const auto minutes = call("GetMetricStatistics", query).at("Datapoints").as_array();
  ASSERT_EQ(minutes.size(), 2U);
  EXPECT_EQ(minutes[0].at("Sum"), 4.0);
  EXPECT_EQ(minutes[0].at("Average"), 2.0);
  EXPECT_EQ(minutes[0].at("SampleCount"), 2.0);
  json::object hour = query;
  hour["Period"] = 3600;
  const auto hours = call("GetMetricStatistics", hour).at("Datapoints").as_array();
  ASSERT_EQ(hours.size(), 1U);
  EXPECT_EQ(hours[0].at("Maximum"), 8.0);
}

TEST_F(CloudWatch, AnAlarmRisesWithItsDatapointAndFallsWhenItIsPast) {
  call("PutMetricAlarm", alarm("notBreaching"));
  EXPECT_EQ(state(), "OK");
  put(0);
  EXPECT_EQ(state(), "OK");
  put(1);
  EXPECT_EQ(state(), "ALARM");
  now_ = kernel_->run_until_idle(now_, now_ + 2min);
  EXPECT_EQ(state(), "OK");
  const auto history = call("DescribeAlarmHistory", {{"AlarmName", "failed"}});
  EXPECT_EQ(history.at("AlarmHistoryItems").as_array().size(), 3U);
}

TEST_F(CloudWatch, MissingDataCountsAsTheAlarmSays) {
  call("PutMetricAlarm", alarm("missing"));
  EXPECT_EQ(state(), "INSUFFICIENT_DATA");
  call("PutMetricAlarm", alarm("breaching"));
  EXPECT_EQ(state(), "ALARM");
}

TEST_F(CloudWatch, AlarmsAndDashboardsHaveTags) {
  const auto tags = [&](const std::string& arn) {
    return print_json(call("ListTagsForResource", {{"ResourceARN", arn}}).at("Tags"));
  };
  const auto pair = [](const char* key, const char* value) {
    return json::array{json::object{{"Key", key}, {"Value", value}}};
  };
  json::object made = alarm("missing");
  made["Tags"] = pair("a", "1");
  call("PutMetricAlarm", made);
  made["Tags"] = pair("a", "ignored");
  call("PutMetricAlarm", made);
  const std::string arn = "arn:aws:cloudwatch:ap-northeast-1:000000000000:alarm:failed";
  EXPECT_EQ(tags(arn), R"([{"Key":"a","Value":"1"}])");
  call("TagResource", {{"ResourceARN", arn}, {"Tags", pair("a", "2")}});
  call("TagResource", {{"ResourceARN", arn}, {"Tags", pair("b", "3")}});
  call("UntagResource", {{"ResourceARN", arn}, {"TagKeys", json::array{"a"}}});
  EXPECT_EQ(tags(arn), R"([{"Key":"b","Value":"3"}])");
  call("DeleteAlarms", {{"AlarmNames", json::array{"failed"}}});
  EXPECT_EQ(refused("ListTagsForResource", {{"ResourceARN", arn}}), "ResourceNotFoundException");
  call("PutDashboard", {{"DashboardName", "d"}, {"DashboardBody", "{}"}, {"Tags", pair("a", "1")}});
  EXPECT_EQ(tags("arn:aws:cloudwatch::000000000000:dashboard/d"), R"([{"Key":"a","Value":"1"}])");
  EXPECT_EQ(
      refused("TagResource", {{"ResourceARN", "arn:aws:sns:x:0:t"}, {"Tags", pair("a", "1")}}),
      "InvalidParameterValueException");
}

TEST_F(CloudWatch, RefusesWhatItDoesNotHonour) {
  json::object percentile = alarm("missing");
  percentile.erase("Statistic");
  percentile["ExtendedStatistic"] = "p99";
  const auto refused = kernel_->call("cloudwatch", "PutMetricAlarm", percentile, now_);
  EXPECT_EQ(refused.error().name, "ValidationError");
  EXPECT_NE(refused.error().cause.find("ExtendedStatistic"), std::string::npos);
}

}  // namespace
}  // namespace kiban::services::cloudwatch
