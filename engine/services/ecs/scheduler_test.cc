#include "services/ecs/fixture.h"
#include "store/damaged_rows.h"

namespace kiban::services::ecs {
namespace {

using namespace std::chrono_literals;

TEST_F(Ecs, AServiceReplacesWhatDiesAndBacksOff) {
  call("CreateService", {{"cluster", "dev"},
                         {"serviceName", "web"},
                         {"taskDefinition", "api"},
                         {"networkConfiguration", network()},
                         {"desiredCount", 1}});
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 3; ++i) {
    const auto live = call("ListTasks", {{"cluster", "dev"}, {"serviceName", "web"}});
    ASSERT_EQ(live.at("taskArns").as_array().size(), 1U) << i;
    exit({{"taskArn", live.at("taskArns").as_array()[0]}}, 1);
    ASSERT_EQ(pauses().size(), 1U);
    waits.push_back(pauses()[0]);
    end_pauses();
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{2'000, 4'000, 8'000}));
  call("UpdateService", {{"cluster", "dev"}, {"service", "web"}, {"desiredCount", 0}});
  call("DeleteService", {{"cluster", "dev"}, {"service", "web"}});
}

json::object service_of(const json::object& described) {
  return described.at("services").at(0).as_object();
}

class EcsService : public Ecs {
 protected:
  json::object create(int count, bool rollback = true) {
    return call("CreateService",
                {{"cluster", "dev"},
                 {"serviceName", "web"},
                 {"taskDefinition", "api"},
                 {"networkConfiguration", network()},
                 {"desiredCount", count},
                 {"deploymentConfiguration",
                  {{"deploymentCircuitBreaker", {{"enable", true}, {"rollback", rollback}}}}}});
  }
  std::vector<std::string> live() {
    const auto reply = call("ListTasks", {{"cluster", "dev"}, {"serviceName", "web"}});
    std::vector<std::string> arns;
    for (const json::value& arn : reply.at("taskArns").as_array())
      arns.emplace_back(arn.as_string());
    return arns;
  }
  json::object deployment(std::size_t index = 0) {
    return service_of(call("DescribeServices", {{"cluster", "dev"}, {"services", {"web"}}}))
        .at("deployments")
        .at(index)
        .as_object();
  }
  void run_all() {
    for (const std::string& arn : live()) report({{"taskArn", arn}}, {{"Status", "RUNNING"}});
    end_pauses();
  }
  // Every live task fails, again and again, for as long as there is one.
  int fail_all() {
    int failed = 0;
    for (std::vector<std::string> arns = live(); !arns.empty() && failed < 50; arns = live()) {
      for (const std::string& arn : arns) exit({{"taskArn", arn}}, 1);
      failed += static_cast<int>(arns.size());
      end_pauses();
    }
    return failed;
  }
};

TEST_F(EcsService, WritesNoRowThatCanNotBeRead) {
  create(1);
  run_all();
  exit({{"taskArn", live()[0]}}, 1);
  EXPECT_EQ(store::find_damaged_rows(*store_, 5).keys, std::vector<std::string>{});
}

TEST_F(EcsService, CompletesOnceAllRun) {
  create(2);
  EXPECT_EQ(deployment().at("rolloutState"), "IN_PROGRESS");
  report({{"taskArn", live()[0]}}, {{"Status", "RUNNING"}});
  end_pauses();
  EXPECT_EQ(deployment().at("rolloutState"), "IN_PROGRESS");
  run_all();
  EXPECT_EQ(deployment().at("rolloutState"), "COMPLETED");
  EXPECT_EQ(deployment().at("runningCount"), 2);
  EXPECT_EQ(task({{"taskArn", live()[0]}}).at("startedBy"), deployment().at("id"));
}

// It is RUNNING for a moment each time.
TEST_F(EcsService, ATaskThatStartsAndDiesCompletesNothing) {
  create(1);
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(live().size(), 1U) << i;
    const std::string arn = live()[0];
    report({{"taskArn", arn}}, {{"Status", "RUNNING"}});
    EXPECT_EQ(deployment().at("rolloutState"), "IN_PROGRESS");
    EXPECT_EQ(pauses(), std::vector<std::int64_t>{3'000});
    exit({{"taskArn", arn}}, 1);
    end_pauses();
  }
  EXPECT_EQ(deployment().at("failedTasks"), 3);
  EXPECT_EQ(deployment().at("rolloutState"), "FAILED");
  EXPECT_EQ(call("kiban:ServiceRollout", {{"cluster", "dev"}, {"service", "web"}}).at("State"),
            "FAILED");
  EXPECT_TRUE(live().empty());
}

// Its secret cannot be read: it never reaches the performer.
TEST_F(EcsService, ATaskThatCannotBeStartedIsAFailureToo) {
  json::object changed = definition();
  changed["executionRoleArn"] = "arn:aws:iam::000000000000:role/execution";
  changed["containerDefinitions"].at(0).as_object()["secrets"] = {
      {{"name", "S"}, {"valueFrom", "arn:aws:ssm:r:000000000000:parameter/none"}}};
  call("RegisterTaskDefinition", changed);
  create(2);
  EXPECT_EQ(deployment().at("failedTasks"), 1);
  end_pauses();
  EXPECT_EQ(deployment().at("rolloutState"), "FAILED");
  EXPECT_TRUE(live().empty());
}

TEST_F(EcsService, ReplacesTasksOfTheLastDeploymentOnceOthersRun) {
  create(1);
  run_all();
  const std::string before = live()[0];
  call("UpdateService", {{"cluster", "dev"}, {"service", "web"}, {"forceNewDeployment", true}});
  ASSERT_EQ(live().size(), 2U);
  EXPECT_EQ(deployment(1).at("status"), "ACTIVE");
  run_all();
  ASSERT_EQ(live().size(), 1U);
  EXPECT_NE(live()[0], before);
  exit({{"taskArn", before}}, 143);
  EXPECT_EQ(task({{"taskArn", before}}).at("stopCode"), "ServiceSchedulerInitiated");
  EXPECT_EQ(deployment().at("rolloutState"), "COMPLETED");
  EXPECT_EQ(live().size(), 1U);
}

TEST_F(EcsService, TheCircuitBreakerGivesUp) {
  create(1);
  EXPECT_EQ(fail_all(), 3);
  EXPECT_EQ(deployment().at("rolloutState"), "FAILED");
  EXPECT_EQ(deployment().at("rolloutStateReason"),
            "ECS deployment circuit breaker: tasks failed to start.");
}

TEST_F(EcsService, TheCircuitBreakerRollsBack) {
  create(1);
  run_all();
  const auto good = deployment();
  call("RegisterTaskDefinition", definition());
  call("UpdateService", {{"cluster", "dev"}, {"service", "web"}, {"taskDefinition", "api"}});
  const std::string old =
      task({{"taskArn", live()[0]}}).at("startedBy") == good.at("id") ? live()[0] : live()[1];
  for (int i = 0; i < 3; ++i) {
    for (const std::string& arn : live())
      if (arn != old) exit({{"taskArn", arn}}, 1);
    end_pauses();
  }
  EXPECT_EQ(deployment().at("taskDefinition"), good.at("taskDefinition"));
  run_all();
  exit({{"taskArn", old}}, 143);
  EXPECT_EQ(deployment().at("rolloutState"), "COMPLETED");
  // Whoever waits for the update must not take it for a success.
  const json::object web{{"cluster", "dev"}, {"service", "web"}};
  EXPECT_EQ(call("kiban:ServiceRollout", web).at("State"), "FAILED");
  call("UpdateService", web);
  EXPECT_EQ(call("kiban:ServiceRollout", web).at("State"), "COMPLETED");
  EXPECT_EQ(live().size(), 1U);
}

TEST_F(EcsService, ReplacesWhatIsUnhealthy) {
  json::object changed = definition();
  changed["containerDefinitions"].at(0).as_object()["healthCheck"] = {{"command", {"CMD", "x"}}};
  call("RegisterTaskDefinition", changed);
  create(1);
  run_all();
  const std::string first = live()[0];
  const auto health = [&](const char* status) {
    report({{"taskArn", first}}, {{"Health", {{{"Name", "api"}, {"Status", status}}}}});
  };
  health("HEALTHY");
  EXPECT_EQ(task({{"taskArn", first}}).at("healthStatus"), "HEALTHY");
  health("UNHEALTHY");
  exit({{"taskArn", first}}, 143);
  EXPECT_EQ(task({{"taskArn", first}}).at("stoppedReason"), "Task failed container health checks");
  EXPECT_EQ(deployment().at("failedTasks"), 1);
  end_pauses();
  ASSERT_EQ(live().size(), 1U);
  EXPECT_NE(live()[0], first);
}

TEST_F(EcsService, RecordsWhatItsTasksUse) {
  create(1);
  report({{"taskArn", live()[0]}}, {{"Usage", {{"CpuUnits", 64}, {"MemoryMiB", 128.0}}}});
  const auto average = [&](const char* metric) {
    const auto reply = kernel_->call("cloudwatch", "GetMetricStatistics",
                                     {{"Namespace", "AWS/ECS"},
                                      {"MetricName", metric},
                                      {"Dimensions",
                                       {{{"Name", "ClusterName"}, {"Value", "dev"}},
                                        {{"Name", "ServiceName"}, {"Value", "web"}}}},
                                      {"StartTime", epoch_seconds(now_ - 2min)},
                                      {"EndTime", epoch_seconds(now_ + 2min)},
                                      {"Period", 60},
                                      {"Statistics", {"Average"}}},
                                     now_);
    return reply ? reply->at("Datapoints").at(0).at("Average").to_number<double>() : -1;
  };
  EXPECT_EQ(average("CPUUtilization"), 25);
  EXPECT_EQ(average("MemoryUtilization"), 25);
}

TEST_F(EcsService, IsSteadyOnceItsHealthChecksAgree) {
  json::object changed = definition();
  changed["containerDefinitions"].at(0).as_object()["healthCheck"] = {{"command", {"CMD", "x"}}};
  call("RegisterTaskDefinition", changed);
  create(1);
  run_all();
  EXPECT_EQ(deployment().at("rolloutState"), "IN_PROGRESS");
  report({{"taskArn", live()[0]}}, {{"Health", {{{"Name", "api"}, {"Status", "HEALTHY"}}}}});
  EXPECT_EQ(deployment().at("rolloutState"), "COMPLETED");
}

// Processes of the host have no health checks: they count as tasks without one.
TEST_F(EcsService, APerformerWithoutHealthChecksLetsADeploymentEnd) {
  json::object changed = definition();
  changed["containerDefinitions"].at(0).as_object()["healthCheck"] = {{"command", {"CMD", "x"}}};
  call("RegisterTaskDefinition", changed);
  create(1);
  report({{"taskArn", live()[0]}}, {{"Status", "RUNNING"}, {"HealthChecks", "none"}});
  EXPECT_EQ(deployment().at("rolloutState"), "IN_PROGRESS");
  end_pauses();
  EXPECT_EQ(deployment().at("rolloutState"), "COMPLETED");
}

TEST_F(EcsService, ForgivesWhatIsUnhealthyInItsGracePeriod) {
  json::object changed = definition();
  changed["containerDefinitions"].at(0).as_object()["healthCheck"] = {{"command", {"CMD", "x"}}};
  call("RegisterTaskDefinition", changed);
  call("CreateService", {{"cluster", "dev"},
                         {"serviceName", "web"},
                         {"taskDefinition", "api"},
                         {"networkConfiguration", network()},
                         {"desiredCount", 1},
                         {"healthCheckGracePeriodSeconds", 60}});
  run_all();
  const std::string first = live()[0];
  report({{"taskArn", first}}, {{"Health", {{{"Name", "api"}, {"Status", "UNHEALTHY"}}}}});
  EXPECT_EQ(live(), std::vector{first});
  now_ = kernel_->run_until_idle(now_, now_ + 61s);
  EXPECT_EQ(task({{"taskArn", first}}).at("stoppedReason"), "Task failed container health checks");
  ASSERT_EQ(live().size(), 1U);
  EXPECT_NE(live()[0], first);
}

TEST_F(EcsService, TellsWhatItDoesAsAwsDoes) {
  create(2);
  run_all();
  call("UpdateService", {{"cluster", "dev"}, {"service", "web"}, {"desiredCount", 1}});
  const auto service =
      service_of(call("DescribeServices", {{"cluster", "dev"}, {"services", {"web"}}}));
  std::string events;
  for (const json::value& event : service.at("events").as_array())
    events += to_string(event.at("message").as_string()) + "\n";
  const auto says = [&](const std::string& part) { return events.find(part) != std::string::npos; };
  EXPECT_TRUE(says("(service web) has started 2 tasks: (task ")) << events;
  EXPECT_TRUE(says("(service web) has stopped 1 running tasks: (task ")) << events;
  EXPECT_TRUE(says("deployment completed.\n")) << events;
  EXPECT_TRUE(events.starts_with("(service web) has reached a steady state.\n")) << events;
}

TEST_F(EcsService, KeepsToTheBoundsOfADeployment) {
  call("CreateService",
       {{"cluster", "dev"},
        {"serviceName", "web"},
        {"taskDefinition", "api"},
        {"networkConfiguration", network()},
        {"desiredCount", 2},
        {"deploymentConfiguration", {{"minimumHealthyPercent", 50}, {"maximumPercent", 100}}}});
  run_all();
  const std::vector<std::string> before = live();
  call("UpdateService", {{"cluster", "dev"}, {"service", "web"}, {"forceNewDeployment", true}});
  // One makes room for one.
  std::vector<std::string> now = live();
  ASSERT_EQ(now.size(), 2U);
  EXPECT_EQ(std::ranges::count_if(now, [&](const auto& arn) { return arn == before[0]; }) +
                std::ranges::count_if(now, [&](const auto& arn) { return arn == before[1]; }),
            1);
  run_all();
  run_all();
  EXPECT_EQ(deployment().at("rolloutState"), "COMPLETED");
  now = live();
  EXPECT_EQ(now.size(), 2U);
}

TEST_F(EcsService, LeavesProtectedTasksAlone) {
  create(2);
  run_all();
  const std::vector<std::string> all = live();
  for (const std::string& arn : all)
    call("UpdateTaskProtection", {{"cluster", "dev"},
                                  {"tasks", {arn}},
                                  {"protectionEnabled", true},
                                  {"expiresInMinutes", 10}});
  call("UpdateService", {{"cluster", "dev"}, {"service", "web"}, {"desiredCount", 1}});
  EXPECT_EQ(live(), all);
  now_ = kernel_->run_until_idle(now_, now_ + 11min);
  EXPECT_EQ(live().size(), 1U);
  const auto alone = run();
  EXPECT_EQ(call("GetTaskProtection", {{"cluster", "dev"}, {"tasks", {alone.at("taskArn")}}})
                .at("failures")
                .at(0)
                .at("reason"),
            "TASK_NOT_VALID");
}

TEST_F(EcsService, SpreadsOverCapacityProviders) {
  call("PutClusterCapacityProviders", {{"cluster", "dev"},
                                       {"capacityProviders", {"FARGATE", "FARGATE_SPOT"}},
                                       {"defaultCapacityProviderStrategy",
                                        {{{"capacityProvider", "FARGATE"}, {"base", 1}},
                                         {{"capacityProvider", "FARGATE_SPOT"}, {"weight", 1}}}}});
  create(3);
  int spot = 0;
  for (const std::string& arn : live())
    spot += task({{"taskArn", arn}}).at("capacityProviderName") == "FARGATE_SPOT" ? 1 : 0;
  EXPECT_EQ(spot, 2);
}

TEST_F(EcsService, PassesItsTagsOn) {
  call("CreateService", {{"cluster", "dev"},
                         {"serviceName", "web"},
                         {"taskDefinition", "api"},
                         {"networkConfiguration", network()},
                         {"desiredCount", 1},
                         {"propagateTags", "SERVICE"},
                         {"enableECSManagedTags", true},
                         {"tags", {{{"key", "team"}, {"value", "a"}}}}});
  const auto described =
      call("DescribeTasks", {{"cluster", "dev"}, {"tasks", {live()[0]}}, {"include", {"TAGS"}}});
  EXPECT_EQ(described.at("tasks").at(0).at("tags"),
            json::value({{{"key", "team"}, {"value", "a"}},
                         {{"key", "aws:ecs:clusterName"}, {"value", "dev"}},
                         {{"key", "aws:ecs:serviceName"}, {"value", "web"}}}));
  EXPECT_EQ(task({{"taskArn", live()[0]}}).at("tags"), json::array{});
}

}  // namespace
}  // namespace kiban::services::ecs
