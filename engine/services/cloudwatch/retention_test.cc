#include "services/cloudwatch/retention.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "services/cloudwatch/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::cloudwatch {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

class MetricRetention : public ServiceTest {
 protected:
  MetricRetention() : ServiceTest("cloudwatch", {make_cloudwatch}) {
    now_ = parse_iso8601("2026-01-01T00:00:00Z").value();
  }
  void put(std::string_view name, double value) {
    call("PutMetricData",
         {{"Namespace", "n"}, {"MetricData", {{{"MetricName", name}, {"Value", value}}}}});
  }
  std::size_t minutes(std::string_view name) {
    return store_
        ->scan(fmt::format("cloudwatch/ap-northeast-1/minute/n\x1f{}/", name), "", SIZE_MAX)
        .size();
  }
  // A value of another metric brings the pass about, slice by slice.
  void pass() {
    for (int i = 0; i < 30; ++i) {
      now_ += 2min;
      put("other", 1);
    }
  }
  json::array points(std::string_view name, Timestamp from, Duration length, int period) {
    return call("GetMetricStatistics",
                {{"Namespace", "n"},
                 {"MetricName", name},
                 {"StartTime", epoch_seconds(from)},
                 {"EndTime", epoch_seconds(from + length)},
                 {"Period", period},
                 {"Statistics", {"Sum", "Minimum", "Maximum", "SampleCount"}}})
        .at("Datapoints")
        .as_array();
  }
};

TEST_F(MetricRetention, MinutesBecomeFiveMinutesThenHoursThenNothing) {
  const Timestamp begin = now_;
  for (int i = 0; i < 120; ++i, now_ += 1min) put("m", i);
  EXPECT_EQ(minutes("m"), 120U);
  now_ = begin + days{15} - 1h;
  pass();
  EXPECT_EQ(minutes("m"), 120U);
  now_ = begin + days{17};
  pass();
  EXPECT_EQ(minutes("m"), 24U);
  const json::array five = points("m", begin, 10min, 300);
  ASSERT_EQ(five.size(), 2U);
  EXPECT_EQ(five[1].at("Sum"), 5.0 + 6 + 7 + 8 + 9);
  EXPECT_EQ(five[1].at("Minimum"), 5.0);
  EXPECT_EQ(five[1].at("Maximum"), 9.0);
  EXPECT_EQ(five[1].at("SampleCount"), 5.0);
  now_ = begin + days{65};
  pass();
  EXPECT_EQ(minutes("m"), 2U);
  const json::array hours = points("m", begin, 2h, 3600);
  ASSERT_EQ(hours.size(), 2U);
  EXPECT_EQ(hours[0].at("Sum"), 59.0 * 60 / 2);
  EXPECT_EQ(hours[1].at("SampleCount"), 60.0);
  now_ = begin + days{457};
  pass();
  EXPECT_EQ(minutes("m"), 0U);
  const json::array left = call("ListMetrics", {{"Namespace", "n"}}).at("Metrics").as_array();
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].at("MetricName"), "other");
}

TEST_F(MetricRetention, ManyMetricsAreBoundedInSlicesAndOverARestart) {
  const Timestamp begin = now_;
  for (int minute = 0; minute < 10; ++minute, now_ += 1min)
    for (int metric = 0; metric < 400; ++metric) put(fmt::format("m{:03}", metric), 1);
  now_ = begin + days{17};
  put("other", 1);
  std::size_t first = 0;
  std::size_t all = 0;
  for (int metric = 0; metric < 400; ++metric) first += minutes(fmt::format("m{:03}", metric));
  EXPECT_LT(first, 4'000U);
  EXPECT_GT(first, 2'000U);  // One slice is not all of them.
  restart();
  pass();
  for (int metric = 0; metric < 400; ++metric) all += minutes(fmt::format("m{:03}", metric));
  EXPECT_EQ(all, 800U);
}

}  // namespace
}  // namespace kiban::services::cloudwatch
