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
  EXPECT_EQ(history.at("AlarmHistoryItems").as_array().size(), 4U);
  EXPECT_EQ(history.at("AlarmHistoryItems").at(3).at("HistoryItemType"), "ConfigurationUpdate");
  const auto changes = [&](json::object ask) {
    return call("DescribeAlarmHistory", std::move(ask)).at("AlarmHistoryItems").as_array().size();
  };
  EXPECT_EQ(changes({{"HistoryItemType", "StateUpdate"}}), 3U);
  EXPECT_EQ(changes({{"AlarmName", "fail"}}), 0U);
  EXPECT_EQ(changes({{"StartDate", epoch_seconds(now_ + 1min)}}), 0U);
  EXPECT_EQ(changes({{"MaxRecords", 2}}), 2U);
  EXPECT_EQ(changes({{"AlarmTypes", {"CompositeAlarm"}}}), 0U);
  call("DeleteAlarms", {{"AlarmNames", {"failed", "unknown"}}});
  EXPECT_EQ(changes({{"AlarmName", "failed"}}), 5U);
  EXPECT_EQ(refused("DeleteAlarms", {{"AlarmNames", {"failed"}}}), "ResourceNotFound");
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

TEST_F(CloudWatch, AlarmsHoldTheRulesOfTheirPage) {
  const auto error = [&](const json::object& changes,
                         const std::vector<std::string_view>& without = {}) {
    json::object made = alarm("missing");
    for (const auto& [key, value] : changes) made[key] = value;
    for (const std::string_view key : without) made.erase(key);
    return refusal("PutMetricAlarm", made);
  };
  EXPECT_EQ(error({{"EvaluationPeriods", 1'441}}).cause,
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be "
            "<= 86400).");
  EXPECT_EQ(error({{"Period", 3'600}, {"EvaluationPeriods", 169}}).name, "ValidationError");
  json::object week = alarm("missing");
  week["Period"] = 3'600;
  week["EvaluationPeriods"] = 168;
  call("PutMetricAlarm", week);
  EXPECT_EQ(error({{"DatapointsToAlarm", 2}}).name, "ValidationError");
  EXPECT_EQ(error({{"Period", 45}}).cause, "Period must be 10, 20, 30 or a multiple of 60");
  EXPECT_EQ(error({{"Period", 10}}).name, "ValidationError");
  EXPECT_EQ(error({{"TreatMissingData", "never"}}).name, "ValidationError");
  EXPECT_EQ(error({{"AlarmActions", {"arn:aws:sns:us-east-1:000000000000:t"}}}).cause,
            "Invalid region us-east-1 specified. Only ap-northeast-1 is supported.");
  EXPECT_EQ(error({{"OKActions", {"topic"}}}).cause, "Invalid arn syntax: topic");
  EXPECT_EQ(error({}, {"MetricName"}).name, "ValidationError");
  EXPECT_EQ(error({}, {"Statistic"}).name, "MissingParameter");
  EXPECT_EQ(error({{"Dimensions", {{{"Name", ":a"}, {"Value", "1"}}}}}).name,
            "InvalidParameterValue");
  const json::array metrics{{{"Id", "a"}, {"Expression", "1"}}};
  EXPECT_EQ(error({{"Metrics", metrics}}).name, "ValidationError");
  EXPECT_EQ(error({{"Metrics", metrics}}, {"MetricName", "Statistic"}).name,
            "InvalidParameterCombination");
}

TEST_F(CloudWatch, AlarmsAreFoundByWhatTheyHave) {
  call("PutMetricAlarm", alarm("missing"));
  const auto count = [&](std::string_view operation, json::object ask) {
    return call(std::string(operation), std::move(ask)).at("MetricAlarms").as_array().size();
  };
  EXPECT_EQ(count("DescribeAlarms", {{"ActionPrefix", "arn:aws:sns"}}), 0U);
  EXPECT_EQ(count("DescribeAlarms", {{"AlarmTypes", {"CompositeAlarm"}}}), 0U);
  EXPECT_EQ(count("DescribeAlarms", {{"AlarmTypes", {"MetricAlarm"}}}), 1U);
  EXPECT_EQ(count("DescribeAlarms", {{"ParentsOfAlarmName", "failed"}}), 0U);
  EXPECT_EQ(refused("DescribeAlarms", {{"ParentsOfAlarmName", "a"}, {"StateValue", "OK"}}),
            "ValidationError");
  const json::object metric{{"Namespace", "AWS/States"}, {"MetricName", "ExecutionsFailed"}};
  const auto with = [&](std::string_view member, json::value value) {
    json::object ask = metric;
    ask[member] = std::move(value);
    return count("DescribeAlarmsForMetric", ask);
  };
  EXPECT_EQ(with("Statistic", "Sum"), 1U);
  EXPECT_EQ(with("Statistic", "Average"), 0U);
  EXPECT_EQ(with("Period", 300), 0U);
  EXPECT_EQ(with("Unit", "Count"), 0U);
  EXPECT_EQ(refused("SetAlarmState", {{"AlarmName", "failed"},
                                      {"StateValue", "OK"},
                                      {"StateReason", "r"},
                                      {"StateReasonData", "{"}}),
            "InvalidFormat");
}

TEST_F(CloudWatch, DataHoldsTheRulesOfItsPage) {
  const auto error = [&](json::object datum) {
    datum["MetricName"] = "m";
    return refused("PutMetricData", {{"Namespace", "n"}, {"MetricData", {datum}}});
  };
  EXPECT_EQ(error({{"Value", 1}, {"Values", {1}}}), "InvalidParameterCombination");
  EXPECT_EQ(error({{"Value", 1}, {"Counts", {1}}}), "MissingParameter");
  EXPECT_EQ(error({{"Values", json::array(151, json::value(1))}}), "InvalidParameterValue");
  EXPECT_EQ(error({{"Value", 1}, {"StorageResolution", 5}}), "InvalidParameterValue");
  EXPECT_EQ(error({{"Value", 1}, {"Dimensions", {{{"Name", "a"}, {"Value", "  "}}}}}),
            "InvalidParameterValue");
  EXPECT_EQ(refused("PutMetricData", {{"Namespace", "n"},
                                      {"MetricData", {{{"MetricName", "m"}, {"Value", 1}}}},
                                      {"StrictEntityValidation", true}}),
            "InvalidParameterValue");
  EXPECT_EQ(refused("ListMetrics", {{"OwningAccount", "1"}}), "InvalidParameterValue");
  put(1);
  const auto active = [&] {
    return call("ListMetrics", {{"RecentlyActive", "PT3H"}}).at("Metrics").as_array().size();
  };
  EXPECT_EQ(active(), 1U);
  now_ += 4h;
  EXPECT_EQ(active(), 0U);
}

TEST_F(CloudWatch, RangesOfDataHoldTheRulesOfTheirPages) {
  put(1);
  const json::object ask{{"Namespace", "AWS/States"},
                         {"MetricName", "ExecutionsFailed"},
                         {"StartTime", epoch_seconds(now_ - 1h)},
                         {"EndTime", epoch_seconds(now_ + 1h)},
                         {"Period", 60},
                         {"Statistics", {"Sum"}}};
  const auto with = [&](const json::object& changes) {
    json::object made = ask;
    for (const auto& [key, value] : changes) made[key] = value;
    return made;
  };
  const Error many =
      refusal("GetMetricStatistics", with({{"StartTime", epoch_seconds(now_ - 24h)}}));
  EXPECT_EQ(many.name, "InvalidParameterCombination");
  EXPECT_EQ(many.cause,
            "You have requested up to 1500 datapoints, which exceeds the limit of 1440. You may "
            "reduce the datapoints requested by increasing Period, or decreasing the time range.");
  EXPECT_EQ(refusal("GetMetricStatistics", with({{"EndTime", epoch_seconds(now_ - 1h)}})).cause,
            "The parameter StartTime must be less than the parameter EndTime.");
  EXPECT_EQ(refused("GetMetricStatistics", with({{"ExtendedStatistics", {"p99"}}})),
            "InvalidParameterCombination");
  EXPECT_TRUE(
      call("GetMetricStatistics", with({{"Unit", "Count"}})).at("Datapoints").as_array().empty());

  const auto data = [&](const json::object& changes) {
    json::object query{
        {"Id", "a"},
        {"MetricStat",
         {{"Metric", {{"Namespace", "AWS/States"}, {"MetricName", "ExecutionsFailed"}}},
          {"Period", 60},
          {"Stat", "Sum"}}}};
    for (const auto& [key, value] : changes) query[key] = value;
    return json::object{{"StartTime", epoch_seconds(now_ - 1h)},
                        {"EndTime", epoch_seconds(now_ + 1h)},
                        {"MetricDataQueries", json::array{query}}};
  };
  call("GetMetricData", data({}));
  EXPECT_EQ(refused("GetMetricData", data({{"Id", "A"}})), "ValidationError");
  EXPECT_EQ(refused("GetMetricData", data({{"Expression", "1"}})), "ValidationError");
  json::object twice = data({});
  twice["MetricDataQueries"].as_array().push_back(twice["MetricDataQueries"].at(0));
  EXPECT_EQ(refused("GetMetricData", twice), "ValidationError");
}

TEST_F(CloudWatch, DashboardsAreDeletedIfTheyAreThere) {
  call("PutDashboard", {{"DashboardName", "d"}, {"DashboardBody", "{}"}});
  call("DeleteDashboards", {{"DashboardNames", {"d", "unknown"}}});
  EXPECT_EQ(refused("DeleteDashboards", {{"DashboardNames", {"d"}}}), "DashboardNotFoundError");
}

}  // namespace
}  // namespace kiban::services::cloudwatch
