#include <gtest/gtest.h>

#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/ecs/service.h"
#include "services/logs/service.h"

namespace kiban::services::ecs {
namespace {

using namespace std::chrono_literals;

class Ecs : public testing::Test {
 protected:
  Ecs() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(make_ecs());
    services.push_back(logs::make_logs());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services));
    call("CreateCluster", {{"clusterName", "dev"}});
    call("RegisterTaskDefinition", definition());
    EXPECT_TRUE(kernel_->call("logs", "CreateLogGroup", {{"logGroupName", "/dev/api"}}, now_));
  }
  static json::object definition() {
    return {
        {"family", "api"},
        {"networkMode", "awsvpc"},
        {"cpu", "256"},
        {"memory", "512"},
        {"containerDefinitions",
         {{{"name", "api"},
           {"image", "img"},
           {"command", {"serve"}},
           {"environment", {{{"name", "STAGE"}, {"value", "dev"}}}},
           {"logConfiguration",
            {{"logDriver", "awslogs"},
             {"options", {{"awslogs-group", "/dev/api"}, {"awslogs-stream-prefix", "ecs"}}}}}}}}};
  }
  json::object call(const std::string& operation, json::object input) {
    auto reply = kernel_->call("ecs", operation, std::move(input), now_, ++seed_);
    EXPECT_TRUE(reply) << operation << ": " << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  }
  std::string refused(std::string operation, json::object input) {
    const auto reply = kernel_->call("ecs", std::move(operation), std::move(input), now_, ++seed_);
    return reply ? "" : reply.error().name;
  }
  json::object run(json::object more = {}) {
    more["cluster"] = "dev";
    more["taskDefinition"] = "api";
    more["networkConfiguration"] = {{"awsvpcConfiguration", {{"subnets", {"subnet-1"}}}}};
    return call("RunTask", std::move(more)).at("tasks").as_array()[0].as_object();
  }
  json::object task(const json::object& started) {
    return call("DescribeTasks", {{"cluster", "dev"}, {"tasks", {started.at("taskArn")}}})
        .at("tasks")
        .as_array()[0]
        .as_object();
  }
  void report(const json::object& started, json::object payload, bool final = false) {
    kernel_->outcome(
        "ecs", {.id = text(started, "taskArn"), .final = final, .payload = std::move(payload)});
    ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  }
  void exit(const json::object& started, int code) {
    report(started,
           {{"Status", "STOPPED"}, {"Containers", {{{"Name", "api"}, {"ExitCode", code}}}}}, true);
  }

  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{1'700'000'000'000ms};
  std::uint64_t seed_{0};
};

TEST_F(Ecs, RunsATaskWithItsOverridesAndKeepsItsLogs) {
  const auto started = run(
      {{"overrides",
        {{"containerOverrides", {{{"name", "api"}, {"command", {"python", "-m", "batch"}}}}}}}});
  EXPECT_EQ(started.at("lastStatus"), "PROVISIONING");
  const auto effects = kernel_->pending_effects();
  ASSERT_EQ(effects.size(), 1U);
  const json::object plan = effects[0].payload.at("Containers").as_array()[0].as_object();
  EXPECT_EQ(plan.at("Command"), json::value({"python", "-m", "batch"}));
  EXPECT_EQ(plan.at("Environment").at("STAGE"), "dev");
  report(started, {{"Status", "RUNNING"}});
  EXPECT_EQ(task(started).at("lastStatus"), "RUNNING");
  report(started, {{"Logs",
                    {{{"Container", "api"},
                      {"Timestamp", now_.time_since_epoch().count()},
                      {"Message", "hello"}}}}});
  exit(started, 3);
  const auto ended = task(started);
  EXPECT_EQ(ended.at("lastStatus"), "STOPPED");
  EXPECT_EQ(ended.at("stopCode"), "EssentialContainerExited");
  EXPECT_EQ(ended.at("containers").as_array()[0].at("exitCode"), 3);
  const auto lines = kernel_->call("logs", "FilterLogEvents", {{"logGroupName", "/dev/api"}}, now_);
  ASSERT_TRUE(lines);
  EXPECT_EQ(lines->at("events").as_array()[0].at("message"), "hello");
}

TEST_F(Ecs, AStopKeepsWhoAskedForIt) {
  const auto started = run();
  report(started, {{"Status", "RUNNING"}});
  call("StopTask", {{"cluster", "dev"}, {"task", started.at("taskArn")}, {"reason", "enough"}});
  EXPECT_EQ(kernel_->pending_effects().size(), 2U);
  exit(started, 143);
  EXPECT_EQ(task(started).at("stopCode"), "UserInitiated");
  EXPECT_EQ(task(started).at("stoppedReason"), "enough");
}

TEST_F(Ecs, ALaunchThatFailsSaysWhy) {
  const auto started = run();
  report(
      started,
      {{"Status", "STOPPED"},
       {"Error", {{"StopCode", "TaskFailedToStart"}, {"Reason", "CannotPullContainerError: x"}}}},
      true);
  EXPECT_EQ(task(started).at("stopCode"), "TaskFailedToStart");
  EXPECT_TRUE(kernel_->pending_effects().empty());
}

TEST_F(Ecs, AServiceReplacesWhatDiesAndBacksOff) {
  call(
      "CreateService",
      {{"cluster", "dev"}, {"serviceName", "web"}, {"taskDefinition", "api"}, {"desiredCount", 1}});
  std::vector<Timestamp> starts;
  for (int i = 0; i < 3; ++i) {
    const auto live = call("ListTasks", {{"cluster", "dev"}, {"serviceName", "web"}});
    ASSERT_EQ(live.at("taskArns").as_array().size(), 1U) << i;
    starts.push_back(now_);
    exit({{"taskArn", live.at("taskArns").as_array()[0]}}, 1);
    now_ = kernel_->run_until_idle(now_);
  }
  EXPECT_EQ(starts[1] - starts[0], 2s);
  EXPECT_EQ(starts[2] - starts[1], 4s);
  call("UpdateService", {{"cluster", "dev"}, {"service", "web"}, {"desiredCount", 0}});
  call("DeleteService", {{"cluster", "dev"}, {"service", "web"}});
}

TEST_F(Ecs, RefusesByAwsName) {
  EXPECT_EQ(refused("RunTask", {{"cluster", "none"}, {"taskDefinition", "api"}}),
            "ClusterNotFoundException");
  EXPECT_EQ(refused("RunTask", {{"cluster", "dev"}, {"taskDefinition", "none"}}),
            "ClientException");
  EXPECT_EQ(refused("RunTask", {{"cluster", "dev"}, {"taskDefinition", "api"}}),
            "InvalidParameterException");  // awsvpc without a network configuration.
  EXPECT_EQ(refused("DescribeTaskDefinition", {{"taskDefinition", "api:9"}}), "ClientException");
}

}  // namespace
}  // namespace kiban::services::ecs
