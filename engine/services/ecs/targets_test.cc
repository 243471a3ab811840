#include "services/ecs/fixture.h"

namespace kiban::services::ecs {
namespace {

using Targets = Ecs;

TEST_F(Targets, AreTheRunningTasksOfAService) {
  create_balanced();
  const json::value arn =
      call("ListTasks", {{"cluster", "dev"}, {"serviceName", "web"}}).at("taskArns").at(0);
  EXPECT_TRUE(FakeElb::targets.empty());
  for (int i = 0; i < 2; ++i)  // The second time after a restart of the performer.
    report({{"taskArn", arn}}, {{"Status", "RUNNING"}, {"Address", "10.0.1.4"}});
  EXPECT_EQ(FakeElb::targets, (json::array{{{"Id", "10.0.1.4"}, {"Port", 8000}}}));
  const auto events = [&] {
    std::string all;
    const json::object reply =
        call("DescribeServices", {{"cluster", "dev"}, {"services", {"web"}}});
    for (const json::value& event : reply.at("services").at(0).at("events").as_array())
      all += to_string(event.at("message").as_string()) + "\n";
    return all;
  };
  const std::string told = "(service web) registered 1 targets in (target-group tg)\n";
  EXPECT_EQ(events().find(told), events().rfind(told));
  EXPECT_NE(events().find(told), std::string::npos);
  exit({{"taskArn", arn}}, 1);
  EXPECT_TRUE(FakeElb::targets.empty());
  EXPECT_NE(events().find("(service web) deregistered 1 targets in (target-group tg)\n"),
            std::string::npos);
}

}  // namespace
}  // namespace kiban::services::ecs
