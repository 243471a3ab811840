#include "cli/schedule_route.h"

#include <gtest/gtest.h>

#include "core/json.h"

namespace kiban::cli {
namespace {

TEST(ScheduleRoute, TellsFiringsAndWords) {
  const auto reply = schedule_reply(
      {{"expression", "cron(0 17 * * ? *)"}, {"after", 1'764'000'000}, {"count", 2}});
  ASSERT_TRUE(reply) << reply.error().cause;
  EXPECT_EQ(text(*reply, "words"), "at 17:00, every day");
  EXPECT_EQ(reply->at("times"), json::value({1764003600.0, 1764090000.0}));
  EXPECT_FALSE(reply->at("rate").as_bool());
}

TEST(ScheduleRoute, AZoneAndAnAnchorCount) {
  const auto tokyo = schedule_reply({{"expression", "at(2026-11-25T02:00:00)"},
                                     {"dialect", "scheduler"},
                                     {"zone", "Asia/Tokyo"},
                                     {"after", 1'764'000'000},
                                     {"count", 9}});
  ASSERT_TRUE(tokyo) << tokyo.error().cause;
  EXPECT_EQ(tokyo->at("times").as_array().size(), 1U);
  EXPECT_EQ(tokyo->at("times").as_array()[0].to_number<double>(), 1795539600.0);
  const auto rate = schedule_reply(
      {{"expression", "rate(5 minutes)"}, {"after", 1000}, {"anchor", 900}, {"count", 2}});
  ASSERT_TRUE(rate) << rate.error().cause;
  EXPECT_EQ(rate->at("times").as_array()[0].to_number<double>(), 1200.0);
  EXPECT_TRUE(rate->at("rate").as_bool());
}

TEST(ScheduleRoute, WhatIsWrongIsRefusedAndCountsAreBounded) {
  const json::object good{{"expression", "rate(5 minutes)"}};
  for (const auto& [member, value] :
       std::vector<std::pair<const char*, json::value>>{{"expression", nullptr},
                                                        {"expression", "cron(nonsense)"},
                                                        {"expression", "rate(5 minute)"},
                                                        {"zone", "Nowhere/City"},
                                                        {"after", "soon"},
                                                        {"after", 1e300},
                                                        {"anchor", -1}}) {
    json::object wrong = good;
    wrong[member] = value;
    EXPECT_FALSE(schedule_reply(wrong)) << print_json(wrong);
  }
  const auto many = schedule_reply({{"expression", "rate(1 minute)"}, {"count", 1'000'000}});
  ASSERT_TRUE(many);
  EXPECT_EQ(many->at("times").as_array().size(), firings_max);
}

}  // namespace
}  // namespace kiban::cli
