#include "console/feed.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/json.h"

namespace kiban::console {
namespace {

using ::testing::HasSubstr;

// A page that polls on as an EventSource does.
class Page {
 public:
  explicit Page(Feed& feed) : feed_(feed) {}

  void poll() {
    waiting = true;
    feed_.poll(last_id, [this](const std::function<runtime::HttpReply()>& make) {
      waiting = false;
      text = make().body;
      for (std::size_t at = 0; (at = text.find("id: ", at)) != std::string::npos; ++at)
        last_id = text.substr(at + 4, text.find('\n', at) - at - 4);
    });
  }

  std::string last_id{};
  std::string text{};
  bool waiting{false};

 private:
  Feed& feed_;
};

store::Batch rows(std::initializer_list<std::string> keys) {
  store::Batch batch;
  for (const std::string& key : keys) batch[key] = "{}";
  return batch;
}

TEST(Change, ARowNamesItsResource) {
  const auto shown = [](std::string_view key) {
    const auto change = change_of(key);
    return change ? fmt::format("{} {} {}", change->kind, change->region, change->id) : "";
  };
  EXPECT_EQ(shown("states/eu-west-1/execution/nightly/run-1"), "execution eu-west-1 nightly/run-1");
  EXPECT_EQ(shown("states/eu-west-1/history/nightly/run-1/00017"),
            "execution eu-west-1 nightly/run-1");
  EXPECT_EQ(shown("states/eu-west-1/machine/nightly"), "machine eu-west-1 nightly");
  EXPECT_EQ(shown("ecs/eu-west-1/task/default/abc"), "task eu-west-1 default/abc");
  EXPECT_EQ(shown("events/eu-west-1/rule/default/night"), "rule eu-west-1 default/night");
  EXPECT_EQ(shown("cloudwatch/eu-west-1/alarm/late"), "alarm eu-west-1 late");
  EXPECT_EQ(shown("cloudformation/eu-west-1/event/u-u/0007"), "stack eu-west-1 u-u");
  EXPECT_EQ(shown("kernel/clock"), "clock  ");
  for (const char* other :
       {"", "states", "states/eu-west-1", "states/eu-west-1/execution/", "states/eu-west-1/token/x",
        "timer/00000000000000000001/states/x", "sqs/eu-west-1/queue/x", "kernel/time"})
    EXPECT_EQ(shown(other), "") << other;
}

TEST(Feed, AFirstPollIsToldToReadEverything) {
  Feed feed{"e1"};
  Page page{feed};
  page.poll();
  EXPECT_FALSE(page.waiting);
  EXPECT_THAT(page.text, HasSubstr("event: reset"));
  EXPECT_EQ(page.last_id, "e1-0");
}

TEST(Feed, APollWaitsForTheNextChange) {
  Feed feed{"e1"};
  Page page{feed};
  page.poll();
  page.poll();
  EXPECT_TRUE(page.waiting);
  feed.committed(rows({"sqs/eu-west-1/queue/x"}));
  EXPECT_TRUE(page.waiting) << "no page shows that";
  feed.committed(rows({"states/eu-west-1/execution/m/a", "states/eu-west-1/history/m/a/1"}));
  EXPECT_FALSE(page.waiting);
  EXPECT_THAT(page.text, HasSubstr(R"("kind":"execution")"));
  EXPECT_THAT(page.text, HasSubstr(R"("id":"m/a")"));
  page.poll();
  EXPECT_TRUE(page.waiting) << "that was told";
}

TEST(Feed, ResumesWhereThePageLeftOff) {
  Feed feed{"e1"};
  Page page{feed};
  page.poll();
  const std::string before = page.last_id;
  for (int i = 0; i < 3; ++i)
    feed.committed(rows({fmt::format("states/eu-west-1/execution/m/{}", i)}));
  page.poll();
  EXPECT_THAT(page.text, HasSubstr("m/0"));
  EXPECT_THAT(page.text, HasSubstr("m/2"));
  page.last_id = before;  // The connection broke before the reply was read.
  page.poll();
  EXPECT_THAT(page.text, HasSubstr("m/0"));
}

TEST(Feed, IdsOfAnotherRunAndOfTheFutureAreReset) {
  Feed feed{"e1"};
  Page{feed}.poll();
  for (const char* id : {"", "e0-0", "e1", "e1-", "e1-x", "e1-99", "e1-0x", "e1--1"}) {
    Page page{feed};
    page.last_id = id;
    page.poll();
    EXPECT_FALSE(page.waiting) << id;
    EXPECT_THAT(page.text, HasSubstr("event: reset")) << id;
  }
}

TEST(Feed, WhatNobodyReadsIsBounded) {
  Feed feed{"e1"};
  feed.committed(rows({"states/eu-west-1/execution/m/before"}));
  Page page{feed};
  page.poll();
  EXPECT_EQ(page.last_id, "e1-0") << "nothing is recorded until a page asks";
  Page left{feed};
  left.poll();
  for (std::size_t i = 0; i <= changes_max; ++i)
    feed.committed(rows({fmt::format("states/eu-west-1/execution/m/{}", i)}));
  page.poll();
  EXPECT_THAT(page.text, HasSubstr("event: reset"));
  left.poll();
  EXPECT_THAT(left.text, HasSubstr("event: reset")) << "its id is from before the gap";
}

TEST(Feed, ChangesOfOneResourceAreOneEntry) {
  Feed feed{"e1"};
  Page page{feed};
  page.poll();
  for (std::size_t i = 0; i < 10 * changes_max; ++i)
    feed.committed(rows({"states/eu-west-1/execution/m/a"}));
  page.poll();
  EXPECT_EQ(page.text.find("event: change"), page.text.rfind("event: change"));
}

TEST(Feed, TheLongestWaitingGivesWay) {
  Feed feed{"e1"};
  std::deque<Page> pages;
  for (std::size_t i = 0; i <= waiters_max; ++i) {
    Page& page = pages.emplace_back(feed);
    page.poll();
    page.poll();
  }
  EXPECT_FALSE(pages.front().waiting);
  EXPECT_TRUE(pages.back().waiting);
  feed.close();
  for (const Page& page : pages) EXPECT_FALSE(page.waiting);
  pages.back().poll();
  EXPECT_FALSE(pages.back().waiting) << "the server ends";
}

}  // namespace
}  // namespace kiban::console
