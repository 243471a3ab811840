#include "load/load.h"

#include <gmock/gmock.h>

#include "load/reply.h"
#include "load/responder.h"

namespace kiban::load {
namespace {

using namespace std::chrono_literals;

TEST(Latencies, QuantilesAreWithinABucket) {
  Latencies latencies;
  for (int i = 1; i <= 1000; ++i) latencies.add(i * 1ms);
  EXPECT_NEAR(latencies.quantile_ms(0.5), 500, 9);
  EXPECT_NEAR(latencies.quantile_ms(0.99), 990, 17);
  EXPECT_EQ(latencies.quantile_ms(1), 1000);
  EXPECT_EQ(latencies.max_ms(), 1000);
  EXPECT_EQ(Latencies{}.quantile_ms(0.5), 0);
}

TEST(Latencies, SmallOnesAreExactMicroseconds) {
  Latencies latencies;
  latencies.add(42us);
  latencies.add(1s);
  EXPECT_DOUBLE_EQ(latencies.quantile_ms(0.5), 0.043);  // The upper edge.
}

TEST(Reply, IsFramedByItsContentLength) {
  const std::string text = "HTTP/1.1 200 OK\r\ncontent-length:  2\r\nX: y\r\n\r\n{}HTTP/1.1 400 ";
  const auto first = first_message(text);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->body, "{}");
  EXPECT_EQ(first->size, text.find("{}") + 2);
  EXPECT_FALSE(first_message(text.substr(0, first->size - 1)));
  EXPECT_EQ(status_of(text), 200);
  EXPECT_EQ(status_of("SSH-2.0"), 0);
}

TEST(Reply, TellsThatTheConnectionCloses) {
  EXPECT_TRUE(closes("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"));
  EXPECT_FALSE(closes("HTTP/1.1 200 OK\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_FALSE(closes("HTTP/1.1 200 OK\r\n\r\n"));
}

TEST(Reply, FindsAMemberByItsWholeName) {
  const std::string_view body = R"({"xstatus":"a","status":"RUNNING","note":"status"})";
  EXPECT_EQ(string_member(body, "status"), "RUNNING");
  EXPECT_EQ(string_member(body, "stat"), "");
  EXPECT_EQ(string_member(R"({"status": "FAILED"})", "status"), "FAILED");
  EXPECT_EQ(string_member(R"({"status": 5})", "status"), "");
}

struct Loaded : testing::Test {
  std::unique_ptr<Responder> responder{make_responder()};
  Target target{.host = "127.0.0.1", .signer = {.access_key_id = "a", .secret = "b"}};
  Requests requests{target, {.name = "StartExecution"}, {"{}", R"({"a":1})"}, Timestamp{1000s}};
  Plan plan{.port = responder->port(), .connections = 4, .duration = 20s};
};

TEST_F(Loaded, SendsAsManyAsPlanned) {
  plan.count = 500;
  const Outcome outcome = run(plan, requests, target);
  EXPECT_EQ(outcome.done, 500);
  EXPECT_EQ(outcome.errors, 0);
  EXPECT_EQ(outcome.latencies.count(), 500);
}

TEST_F(Loaded, KeepsARate) {
  plan.rate = 1000;
  plan.count = 300;
  const Outcome outcome = run(plan, requests, target);
  EXPECT_EQ(outcome.done, 300);
  EXPECT_GE(outcome.seconds, 0.299);  // The last is due then, and none before its time.
}

TEST_F(Loaded, FollowsAnExecution) {
  plan.count = 3;
  plan.until_done = true;  // The responder's executions have succeeded at the first look.
  EXPECT_EQ(run(plan, requests, target).done, 3);
}

TEST(Requests, AreSignedAgainWhenTheyAge) {
  const Target target{.host = "127.0.0.1", .signer = {.access_key_id = "a", .secret = "b"}};
  Requests requests(target, {.name = "StartExecution"}, {"{}"}, Timestamp{1000s});
  const auto first = requests.next(Timestamp{1060s});
  EXPECT_EQ(*first, *requests.next(Timestamp{1100s}));
  EXPECT_NE(*first, *requests.next(Timestamp{1200s}));
}

}  // namespace
}  // namespace kiban::load
