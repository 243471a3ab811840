#include "runtime/metrics.h"

#include <gtest/gtest.h>

namespace kiban::runtime {
namespace {

using namespace std::chrono_literals;

TEST(Metrics, HistogramsCountWhatIsAtMostABoundAndAddUp) {
  Histogram histogram{size_bounds};
  for (const std::uint64_t value : {1UL, 2UL, 3UL, 4UL, 5UL, 100'000UL}) histogram.observe(value);
  MetricsText text;
  text.family("sizes", "histogram", "Sizes.");
  text.histogram({{"kind", "a"}}, histogram);
  const std::string shown = text.take();
  EXPECT_TRUE(
      shown.starts_with("# HELP sizes Sizes.\n# TYPE sizes histogram\n"
                        "sizes_bucket{kind=\"a\",le=\"1\"} 1\n"
                        "sizes_bucket{kind=\"a\",le=\"2\"} 2\n"
                        "sizes_bucket{kind=\"a\",le=\"4\"} 4\n"
                        "sizes_bucket{kind=\"a\",le=\"8\"} 5\n"))
      << shown;
  EXPECT_TRUE(
      shown.ends_with("sizes_bucket{kind=\"a\",le=\"8192\"} 5\n"
                      "sizes_bucket{kind=\"a\",le=\"+Inf\"} 6\n"
                      "sizes_sum{kind=\"a\"} 100015\nsizes_count{kind=\"a\"} 6\n"))
      << shown;
}

TEST(Metrics, DurationsAreShownInSeconds) {
  Histogram histogram{duration_bounds};
  histogram.observe(std::chrono::steady_clock::duration{400us});
  histogram.observe(std::chrono::steady_clock::duration{2s});
  MetricsText text;
  text.family("took", "histogram", "Time.");
  text.histogram({}, histogram);
  const std::string shown = text.take();
  EXPECT_NE(shown.find("took_bucket{le=\"0.0001\"} 0\ntook_bucket{le=\"0.0005\"} 1\n"),
            std::string::npos)
      << shown;
  EXPECT_NE(shown.find("took_bucket{le=\"1\"} 1\ntook_bucket{le=\"5\"} 2\n"), std::string::npos);
  EXPECT_NE(shown.find("took_sum 2.0004\ntook_count 2\n"), std::string::npos) << shown;
}

TEST(Metrics, LabelsAreEscaped) {
  MetricsText text;
  text.family("x", "gauge", "X.");
  text.sample({{"path", "a\"b\\c\nd"}}, std::uint64_t{7});
  text.sample({}, 0.5);
  EXPECT_EQ(text.take(), "# HELP x X.\n# TYPE x gauge\nx{path=\"a\\\"b\\\\c\\nd\"} 7\nx 0.5\n");
}

TEST(Metrics, RequestsAreCountedByOperationAndClass) {
  RequestMetrics requests;
  const api::Service& sqs = *api::find_service("sqs");
  const api::Operation* send = sqs.operation("SendMessage");
  requests.record(send, 200, std::chrono::steady_clock::now());
  requests.record(send, 204, std::chrono::steady_clock::now());
  requests.record(send, 400, {});
  requests.record(nullptr, 503, {});
  const auto seen = requests.seen();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0]->service, "unknown");
  EXPECT_EQ(seen[0]->by_class[3], 1U);
  EXPECT_EQ(seen[1]->service, "sqs");
  EXPECT_EQ(seen[1]->name, "SendMessage");
  EXPECT_EQ(seen[1]->by_class[0], 2U);
  EXPECT_EQ(seen[1]->by_class[2], 1U);
  std::uint64_t timed = 0;
  for (std::size_t i = 0; i <= bounds_max; ++i) timed += seen[1]->took.in_bucket(i);
  EXPECT_EQ(timed, 2U);
}

}  // namespace
}  // namespace kiban::runtime
