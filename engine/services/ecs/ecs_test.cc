#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kernel/kernel.h"
#include "services/base/table_service.h"
#include "services/cloudwatch/service.h"
#include "services/ec2/service.h"
#include "services/ecs/service.h"
#include "services/logs/service.h"
#include "services/sts/service.h"

namespace kiban::services::ecs {
namespace {

using namespace std::chrono_literals;

// A registry with one image, and an index that leads to it.
class FakeEcr : public Service {
 public:
  std::string_view name() const override { return "ecr"; }
  Result<json::object> call(Context& context, std::string_view,
                            const json::object& input) override {
    asked_by = context.caller();
    if (text(input, "repositoryName") != "api")
      return fail("RepositoryNotFoundException", "The repository does not exist");
    const json::object& id = input.at("imageIds").as_array()[0].as_object();
    const std::string digest = text(id, "imageDigest");
    if (text(id, "imageTag") == "index")
      return image("sha256:index", R"({"manifests": [
          {"digest": "sha256:arm", "platform": {"os": "linux", "architecture": "arm64"}},
          {"digest": "sha256:one", "platform": {"os": "linux", "architecture": "amd64"}}]})");
    if (text(id, "imageTag") == "v1" || digest == "sha256:one")
      return image("sha256:one", R"({"config": {}, "layers": []})");
    return json::object{{"images", json::array{}},
                        {"failures", {{{"imageId", id}, {"failureCode", "ImageNotFound"}}}}};
  }
  static json::object image(const char* digest, const char* manifest) {
    return {{"images", {{{"imageId", {{"imageDigest", digest}}}, {"imageManifest", manifest}}}},
            {"failures", json::array{}}};
  }
  static inline Caller asked_by{};
};

class FakeRds : public Service {
 public:
  std::string_view name() const override { return "rds"; }
  Result<json::object> call(Context&, std::string_view operation, const json::object&) override {
    if (operation != "DescribeDBClusters") return fail("UnknownOperationException", "");
    return json::object{{"DBClusters", {{{"Endpoint", "db.cluster-1.rds.local"}}}}};
  }
};

class Ecs : public testing::Test {
 protected:
  Ecs() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(make_ecs());
    services.push_back(cloudwatch::make_cloudwatch());
    services.push_back(logs::make_logs());
    services.push_back(ec2::make_ec2());
    services.push_back(sts::make_sts());
    services.push_back(std::make_unique<FakeEcr>());
    services.push_back(std::make_unique<FakeRds>());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services));
    call("CreateCluster", {{"clusterName", "dev"}});
    call("RegisterTaskDefinition", definition());
    EXPECT_TRUE(kernel_->call("logs", "CreateLogGroup", {{"logGroupName", "/dev/api"}}, now_));
    const auto vpc = kernel_->call("ec2", "CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}, now_, 7);
    EXPECT_TRUE(vpc);
    const auto subnet = kernel_->call(
        "ec2", "CreateSubnet",
        {{"VpcId", vpc->at("Vpc").at("VpcId")}, {"CidrBlock", "10.0.1.0/24"}}, now_, 8);
    EXPECT_TRUE(subnet);
    subnet_ = subnet->at("Subnet").at("SubnetId");
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
    more["networkConfiguration"] = {{"awsvpcConfiguration", {{"subnets", {subnet_}}}}};
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
  json::object line(const char* message, std::chrono::hours ago = {}) const {
    return {{"Container", "api"},
            {"Timestamp", (now_ - ago).time_since_epoch().count()},
            {"Message", message}};
  }
  void exit(const json::object& started, int code) {
    report(started,
           {{"Status", "STOPPED"}, {"Containers", {{{"Name", "api"}, {"ExitCode", code}}}}}, true);
  }

  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{1'700'000'000'000ms};
  std::uint64_t seed_{0};
  json::value subnet_{};
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
  // Out of order, and more than the 24 hours of one PutLogEvents.
  report(started, {{"Logs", {line("hello"), line("before", 40h), line("between", 1h)}}});
  exit(started, 3);
  const auto ended = task(started);
  EXPECT_EQ(ended.at("lastStatus"), "STOPPED");
  EXPECT_EQ(ended.at("stopCode"), "EssentialContainerExited");
  EXPECT_EQ(ended.at("containers").as_array()[0].at("exitCode"), 3);
  const auto lines = kernel_->call("logs", "FilterLogEvents", {{"logGroupName", "/dev/api"}}, now_);
  ASSERT_TRUE(lines);
  for (std::size_t i = 0; const char* message : {"before", "between", "hello"})
    EXPECT_EQ(lines->at("events").as_array().at(i++).at("message"), message);
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
  }
  // Every live task fails, again and again, for as long as there is one.
  int fail_all() {
    int failed = 0;
    for (std::vector<std::string> arns = live(); !arns.empty() && failed < 50; arns = live()) {
      for (const std::string& arn : arns) exit({{"taskArn", arn}}, 1);
      failed += static_cast<int>(arns.size());
      now_ = kernel_->run_until_idle(now_);
    }
    return failed;
  }
};

TEST_F(EcsService, CompletesOnceAllRun) {
  create(2);
  EXPECT_EQ(deployment().at("rolloutState"), "IN_PROGRESS");
  report({{"taskArn", live()[0]}}, {{"Status", "RUNNING"}});
  EXPECT_EQ(deployment().at("rolloutState"), "IN_PROGRESS");
  run_all();
  EXPECT_EQ(deployment().at("rolloutState"), "COMPLETED");
  EXPECT_EQ(deployment().at("runningCount"), 2);
  EXPECT_EQ(task({{"taskArn", live()[0]}}).at("startedBy"), deployment().at("id"));
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
    now_ = kernel_->run_until_idle(now_);
  }
  EXPECT_EQ(deployment().at("taskDefinition"), good.at("taskDefinition"));
  run_all();
  exit({{"taskArn", old}}, 143);
  EXPECT_EQ(deployment().at("rolloutState"), "COMPLETED");
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
  now_ = kernel_->run_until_idle(now_);
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

TEST_F(EcsService, ForgivesWhatIsUnhealthyInItsGracePeriod) {
  json::object changed = definition();
  changed["containerDefinitions"].at(0).as_object()["healthCheck"] = {{"command", {"CMD", "x"}}};
  call("RegisterTaskDefinition", changed);
  call("CreateService", {{"cluster", "dev"},
                         {"serviceName", "web"},
                         {"taskDefinition", "api"},
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

TEST_F(Ecs, ATokenRunsTasksOnce) {
  const auto first = run({{"clientToken", "t"}, {"count", 2}});
  EXPECT_EQ(run({{"clientToken", "t"}, {"count", 2}}), first);
  EXPECT_EQ(kernel_->pending_effects().size(), 2U);
  json::object other{{"cluster", "dev"}, {"taskDefinition", "api"}, {"clientToken", "t"}};
  other["networkConfiguration"] = {{"awsvpcConfiguration", {{"subnets", {subnet_}}}}};
  EXPECT_EQ(refused("RunTask", other), "ConflictException");
  now_ += 25h;
  EXPECT_NE(run({{"clientToken", "t"}, {"count", 2}}).at("taskArn"), first.at("taskArn"));
}

TEST_F(Ecs, ForgetsATaskAnHourAfterItsEnd) {
  const auto first = run();
  exit(first, 0);
  now_ += 59min;
  exit(run(), 0);
  EXPECT_EQ(task(first).at("lastStatus"), "STOPPED");
  now_ += 2min;
  exit(run(), 0);
  const auto gone = call("DescribeTasks", {{"cluster", "dev"}, {"tasks", {first.at("taskArn")}}});
  EXPECT_EQ(gone.at("failures").at(0).at("reason"), "MISSING");
}

TEST_F(Ecs, OverridesOfTheTaskCount) {
  const auto started = run({{"overrides",
                             {{"cpu", "512"},
                              {"memory", "1024"},
                              {"taskRoleArn", "arn:aws:iam::000000000000:role/other"}}}});
  EXPECT_EQ(started.at("cpu"), "512");
  EXPECT_EQ(started.at("overrides").at("memory"), "1024");
  const json::object plan = kernel_->pending_effects()[0].payload;
  EXPECT_EQ(plan.at("Memory"), "1024");
  EXPECT_EQ(plan.at("TaskRoleArn"), "arn:aws:iam::000000000000:role/other");
  EXPECT_TRUE(plan.contains("CredentialsId"));
}

TEST_F(Ecs, RefusesPlacementAndStrangeProviders) {
  const auto with = [&](json::object more) {
    more["cluster"] = "dev";
    more["taskDefinition"] = "api";
    more["networkConfiguration"] = {{"awsvpcConfiguration", {{"subnets", {subnet_}}}}};
    const auto reply = kernel_->call("ecs", "RunTask", std::move(more), now_, ++seed_);
    return reply ? std::string() : reply.error().cause;
  };
  EXPECT_EQ(with({{"placementStrategy", {{{"type", "random"}}}}}),
            "Placement strategies are not supported with FARGATE launch type.");
  EXPECT_EQ(with({{"capacityProviderStrategy", {{{"capacityProvider", "mine"}}}}}),
            "The specified capacity provider was not found. Specify a valid name or ARN and try "
            "again.");
  EXPECT_NE(with({{"capacityProviderStrategy", {{{"capacityProvider", "FARGATE"}}}}}), "");
  EXPECT_NE(with({{"launchType", "EC2"}}), "");
}

// The way out is the subnet's route, and with an internet gateway the public address too.
TEST_F(Ecs, RoutesDecideWhetherATaskReachesOutside) {
  const auto ec2 = [&](const char* operation, json::object input) {
    auto reply = kernel_->call("ec2", operation, std::move(input), now_, ++seed_);
    EXPECT_TRUE(reply) << operation << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  };
  const auto egress = [&](const char* public_ip) {
    const json::object started =
        call("RunTask",
             {{"cluster", "dev"},
              {"taskDefinition", "api"},
              {"networkConfiguration",
               {{"awsvpcConfiguration", {{"subnets", {subnet_}}, {"assignPublicIp", public_ip}}}}}})
            .at("tasks")
            .at(0)
            .as_object();
    for (const Effect& effect : kernel_->pending_effects())
      if (effect.id == text(started, "taskArn")) return effect.payload.at("Egress").as_bool();
    return false;
  };
  EXPECT_FALSE(egress("ENABLED"));
  const json::object subnet = ec2("DescribeSubnets", {{"SubnetIds", {subnet_}}});
  const json::value vpc = subnet.at("Subnets").at(0).at("VpcId");
  const json::value gateway =
      ec2("CreateInternetGateway", {}).at("InternetGateway").at("InternetGatewayId");
  ec2("AttachInternetGateway", {{"InternetGatewayId", gateway}, {"VpcId", vpc}});
  const json::value table =
      ec2("DescribeRouteTables", {}).at("RouteTables").at(0).at("RouteTableId");
  ec2("CreateRoute",
      {{"RouteTableId", table}, {"DestinationCidrBlock", "0.0.0.0/0"}, {"GatewayId", gateway}});
  EXPECT_TRUE(egress("ENABLED"));  // By the VPC's main table.
  EXPECT_FALSE(egress("DISABLED"));
}

// Shapes as the documentation has them.
TEST_F(Ecs, AContainerAsksAboutItself) {
  const auto started = run({{"tags", {{{"key", "team"}, {"value", "a"}}}}});
  const json::object plan = kernel_->pending_effects()[0].payload;
  const std::string id = text(plan.at("Containers").at(0).as_object(), "MetadataId");
  const std::string task = id.substr(0, id.find('-'));
  const auto ask = [&](const std::string& path) {
    return call("kiban:TaskMetadata", {{"Path", path}, {"Task", task}});
  };
  report(started,
         {{"Status", "RUNNING"}, {"Address", "10.0.1.4"}, {"Containers", {{{"Name", "api"}}}}});
  const auto container = ask(id);
  EXPECT_EQ(container.at("DockerId"), json::value(id));
  EXPECT_EQ(container.at("KnownStatus"), "RUNNING");
  EXPECT_EQ(container.at("Networks").at(0).at("IPv4Addresses").at(0), "10.0.1.4");
  EXPECT_EQ(container.at("Networks").at(0).at("IPv4SubnetCIDRBlock"), "10.0.1.0/24");
  EXPECT_EQ(container.at("Labels").at("com.amazonaws.ecs.task-definition-version"), "1");
  EXPECT_EQ(container.at("LogOptions").at("awslogs-stream"),
            json::value("ecs/api/" + id.substr(0, id.find('-'))));
  const auto shown = ask(id + "/task");
  EXPECT_EQ(shown.at("TaskARN"), started.at("taskArn"));
  EXPECT_EQ(shown.at("Limits").at("CPU"), 0.25);
  EXPECT_EQ(shown.at("Containers").at(0), json::value(container));
  EXPECT_FALSE(shown.contains("TaskTags"));
  EXPECT_EQ(ask(id + "/taskWithTags").at("TaskTags"), json::value({{"team", "a"}}));
  EXPECT_EQ(refused("kiban:TaskMetadata", {{"Path", id + "/stats"}, {"Task", task}}), "NotServed");
  // Another task, by its address; a process without the secret, and with it.
  for (const auto* other : {"", "0123456789abcdef0123456789abcdef"})
    EXPECT_EQ(refused("kiban:TaskMetadata", {{"Path", id}, {"Task", other}}), "NotFound");
  const std::string secret = text(plan, "MetadataSecret");
  for (const std::string& path : {id, id + ".", id + ".x", id + "." + secret.substr(1)})
    EXPECT_EQ(refused("kiban:TaskMetadata", {{"Path", path}}), "NotFound") << path;
  EXPECT_EQ(call("kiban:TaskMetadata", {{"Path", id + "." + secret + "/task"}}), shown);
  exit(started, 0);
  EXPECT_EQ(refused("kiban:TaskMetadata", {{"Path", id}, {"Task", task}}), "NotFound");
}

TEST_F(Ecs, LogOptionsAreCheckedAndReachThePerformer) {
  const auto with = [](const json::object& options) {
    json::object changed = definition();
    json::object all{{"awslogs-group", "/made"}, {"awslogs-stream-prefix", "ecs"}};
    for (const auto& [name, value] : options) all[name] = value;
    changed["containerDefinitions"].as_array()[0].as_object()["logConfiguration"] = {
        {"logDriver", "awslogs"}, {"options", all}};
    return changed;
  };
  for (const json::object& wrong :
       {json::object{{"mode", "sometimes"}}, json::object{{"max-buffer-size", "10x"}},
        json::object{{"max-buffer-size", ""}}, json::object{{"max-buffer-size", "0"}},
        json::object{{"max-buffer-size", "99999999999999g"}},
        json::object{{"mode", "blocking"}, {"max-buffer-size", "1m"}},
        json::object{{"awslogs-create-group", "yes"}}})
    EXPECT_EQ(refused("RegisterTaskDefinition", with(wrong)), "ClientException")
        << print_json(wrong);
  const auto plan = [&](const json::object& options) {
    call("RegisterTaskDefinition", with(options));
    const auto started = run();
    for (const Effect& effect : kernel_->pending_effects())
      if (effect.id == text(started, "taskArn"))
        return effect.payload.at("Containers").at(0).at("Log");
    return json::value{};
  };
  EXPECT_EQ(plan({}), json::value({{"Mode", "non-blocking"}}));
  EXPECT_EQ(plan({{"max-buffer-size", "25m"}}),
            json::value({{"Mode", "non-blocking"}, {"BufferBytes", 25U * 1024 * 1024}}));
  EXPECT_EQ(plan({{"mode", "blocking"}}), json::value({{"Mode", "blocking"}}));
}

// A template has it as YAML's boolean.
TEST_F(Ecs, CreatesTheLogGroupWhenToldTo) {
  json::object changed = definition();
  changed["containerDefinitions"].as_array()[0].as_object()["logConfiguration"] = {
      {"logDriver", "awslogs"},
      {"options",
       {{"awslogs-group", "/made/by/the/task"},
        {"awslogs-stream-prefix", "ecs"},
        {"awslogs-create-group", true}}}};
  const auto made = call("RegisterTaskDefinition", changed);
  EXPECT_EQ(made.at("taskDefinition")
                .at("containerDefinitions")
                .at(0)
                .at("logConfiguration")
                .at("options")
                .at("awslogs-create-group"),
            "true");
  const auto started = run();
  report(started, {{"Logs", json::array{line("hello")}}});
  const auto found =
      kernel_->call("logs", "FilterLogEvents", {{"logGroupName", "/made/by/the/task"}}, now_);
  ASSERT_TRUE(found) << found.error().cause;
  EXPECT_EQ(found->at("events").at(0).at("message"), "hello");
}

std::string detail(const json::object& task, std::string_view name) {
  for (const json::value& one : task.at("attachments").at(0).at("details").as_array()) {
    if (text(one.as_object(), "name") == name) return to_string(one.at("value").as_string());
  }
  return {};
}

// Shapes as recorded by AWS.
TEST_F(Ecs, ATaskHasAnInterfaceWhileItLives) {
  const auto started = run();
  EXPECT_EQ(started.at("attachments").at(0).at("status"), "PRECREATED");
  EXPECT_EQ(started.at("attachments").at(0).at("details").as_array().size(), 1U);
  const auto effects = kernel_->pending_effects();
  ASSERT_EQ(effects.size(), 1U);
  EXPECT_EQ(effects[0].payload.at("Network").at("PrivateIpAddress"), "10.0.1.4");
  report(started, {{"Status", "RUNNING"}, {"Address", "10.0.1.4"}});
  const auto running = task(started);
  EXPECT_EQ(running.at("attachments").at(0).at("status"), "ATTACHED");
  EXPECT_EQ(detail(running, "privateIPv4Address"), "10.0.1.4");
  EXPECT_EQ(json::value(detail(running, "subnetId")), subnet_);
  const auto& shown = running.at("containers").at(0).at("networkInterfaces").at(0);
  EXPECT_EQ(shown.at("privateIpv4Address"), "10.0.1.4");
  EXPECT_EQ(shown.at("attachmentId"), running.at("attachments").at(0).at("id"));
  exit(started, 0);
  EXPECT_EQ(task(started).at("attachments").at(0).at("status"), "DELETED");
  const auto left = kernel_->call("ec2", "DescribeNetworkInterfaces", {}, now_);
  ASSERT_TRUE(left);
  EXPECT_EQ(left->at("NetworkInterfaces").as_array().size(), 0U);
}

TEST_F(Ecs, ASubnetMustExist) {
  const auto reply = kernel_->call(
      "ecs", "RunTask",
      {{"cluster", "dev"},
       {"taskDefinition", "api"},
       {"networkConfiguration", {{"awsvpcConfiguration", {{"subnets", {"subnet-0"}}}}}}},
      now_, ++seed_);
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().name, "InvalidParameterException");
  EXPECT_EQ(reply.error().cause,
            "Error retrieving subnet information for [subnet-0]: The subnet ID 'subnet-0' does not "
            "exist (ErrorCode: InvalidSubnetID.NotFound)");
}

TEST_F(Ecs, AnImageIsResolvedAsTheExecutionRole) {
  const auto plan_of = [&](const std::string& image) {
    json::object changed = definition();
    changed["executionRoleArn"] = "arn:aws:iam::000000000000:role/execution";
    changed["containerDefinitions"].at(0).as_object()["image"] = image;
    call("RegisterTaskDefinition", changed);
    const auto started = run();
    for (const Effect& effect : kernel_->pending_effects())
      if (effect.id == text(started, "taskArn"))
        return effect.payload.at("Containers").at(0).as_object();
    return json::object{};
  };
  const auto digest = [&](const std::string& image) {
    const json::object plan = plan_of(image);
    return plan.contains("ImageDigest") ? text(plan, "ImageDigest") : text(plan, "ImageError");
  };
  const std::string registry = "000000000000.dkr.ecr.eu-west-1.amazonaws.com/";
  EXPECT_EQ(digest(registry + "api:v1"), "sha256:one");
  EXPECT_EQ(FakeEcr::asked_by.region, "eu-west-1");
  EXPECT_EQ(FakeEcr::asked_by.arn, "arn:aws:sts::000000000000:assumed-role/execution/ecs-task");
  EXPECT_EQ(digest(registry + "api:index"), "sha256:one");
  EXPECT_EQ(digest(registry + "api@sha256:one"), "sha256:one");
  EXPECT_EQ(digest(registry + "api:v1@sha256:one"), "sha256:one");
  // As repositoryUri has it, or had it before the server was given another port.
  EXPECT_EQ(digest("127.0.0.1:4566/api:v1"), "sha256:one");
  EXPECT_EQ(digest("127.0.0.1:5000/api:v1"), "sha256:one");
  for (const auto& missing : {registry + "api:v2", registry + "api", registry + "none:v1"})
    EXPECT_EQ(digest(missing),
              fmt::format("pull image manifest has been retried 1 time(s): failed to resolve ref "
                          "{0}: {0}: not found",
                          missing));
  for (const auto* other : {"busybox", "docker.io/library/busybox:1", "public.ecr.aws/x/y:1"})
    EXPECT_NE(digest(other).find(std::string("its own ECR only, not ") + other), std::string::npos);
}

TEST_F(Ecs, ATaskFindsDatabasesByName) {
  run();
  EXPECT_EQ(kernel_->pending_effects()[0].payload.at("Hosts"),
            json::value({{"db.cluster-1.rds.local", "169.254.170.2"}}));
}

TEST_F(Ecs, RolesMayBeGivenByName) {
  json::object changed = definition();
  changed["taskRoleArn"] = "task";
  changed["executionRoleArn"] = "execution";
  const json::object shown =
      call("RegisterTaskDefinition", changed).at("taskDefinition").as_object();
  EXPECT_EQ(shown.at("taskRoleArn"), "arn:aws:iam::000000000000:role/task");
  EXPECT_EQ(shown.at("executionRoleArn"), "arn:aws:iam::000000000000:role/execution");
}

TEST_F(Ecs, ATaskTakesItsRoleWhileItLives) {
  json::object changed = definition();
  changed["taskRoleArn"] = "arn:aws:iam::000000000000:role/task";
  call("RegisterTaskDefinition", changed);
  const auto started = run();
  const json::object ask{{"Id", kernel_->pending_effects()[0].payload.at("CredentialsId")}};
  const auto given = call("kiban:TaskCredentials", ask);
  EXPECT_EQ(given.at("RoleArn"), "arn:aws:iam::000000000000:role/task");
  EXPECT_EQ(given.at("Expiration"), "2023-11-15T04:13:20.000Z");  // In six hours.
  now_ += 5h;
  EXPECT_EQ(call("kiban:TaskCredentials", ask), given);
  now_ += 31min;
  EXPECT_NE(call("kiban:TaskCredentials", ask), given);
  json::object by_address = ask;
  by_address["Task"] =
      std::string(text(started, "taskArn")).substr(text(started, "taskArn").rfind('/') + 1);
  EXPECT_EQ(call("kiban:TaskCredentials", by_address), call("kiban:TaskCredentials", ask));
  for (const auto* other : {"", "0123456789abcdef0123456789abcdef"}) {
    by_address["Task"] = other;
    EXPECT_EQ(refused("kiban:TaskCredentials", by_address), "NotFound");
  }
  exit(started, 0);
  EXPECT_EQ(refused("kiban:TaskCredentials", ask), "NotFound");
}

TEST_F(Ecs, ALineHeardTwiceIsWrittenOnce) {
  const auto started = run();
  const auto lines = [&](const std::vector<int>& positions) {
    json::array out;
    for (const int position : positions)
      out.push_back({{"Container", "api"},
                     {"Timestamp", now_.time_since_epoch().count()},
                     {"Message", std::to_string(position)},
                     {"Position", position}});
    report(started, {{"Logs", std::move(out)}});
  };
  lines({10, 20});
  lines({10, 20, 30});
  exit(started, 0);
  const auto written =
      kernel_->call("logs", "FilterLogEvents", {{"logGroupName", "/dev/api"}}, now_);
  ASSERT_TRUE(written);
  EXPECT_EQ(written->at("events").as_array().size(), 3U);
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

TEST_F(Ecs, ChecksEphemeralStorage) {
  for (const auto& [size, error] : {std::pair(20, "ClientException"), std::pair(21, ""),
                                    std::pair(200, ""), std::pair(201, "ClientException")}) {
    json::object changed = definition();
    changed["ephemeralStorage"] = {{"sizeInGiB", size}};
    EXPECT_EQ(refused("RegisterTaskDefinition", changed), error) << size;
  }
}

TEST_F(Ecs, RefusesDefinitionsThatItWouldNotHonour) {
  const auto with = [&](const json::object& container, const json::object& more = {}) {
    json::object changed = definition();
    for (const auto& [name, value] : container)
      changed["containerDefinitions"].at(0).as_object()[name] = value;
    for (const auto& [name, value] : more) changed[name] = value;
    return refused("RegisterTaskDefinition", changed);
  };
  const json::array mount{{{"sourceVolume", "data"}, {"containerPath", "/data"}}};
  EXPECT_EQ(with({{"privileged", false}, {"ulimits", json::array{}}}), "");
  EXPECT_EQ(with({{"privileged", true}}), "ClientException");
  const auto limit = [](const char* name) {
    return json::object{{"ulimits", {{{"name", name}, {"softLimit", 64}, {"hardLimit", 64}}}}};
  };
  EXPECT_EQ(with(limit("nofile")), "");
  EXPECT_EQ(with(limit("nproc")), "ClientException");
  const json::object fargate{{"requiresCompatibilities", {"FARGATE"}},
                             {"executionRoleArn", "arn:aws:iam::000000000000:role/execution"}};
  EXPECT_EQ(with({}, fargate), "");
  EXPECT_EQ(with({}, {{"requiresCompatibilities", {"FARGATE"}}, {"memory", "4096"}}),
            "ClientException");
  EXPECT_EQ(with({{"linuxParameters", {{"capabilities", {{"add", json::array{}}}}}}}), "");
  EXPECT_EQ(with({{"linuxParameters", {{"initProcessEnabled", true}}}}), "");
  EXPECT_EQ(with({{"linuxParameters", {{"sharedMemorySize", 64}}}}), "ClientException");
  const auto add = [](const char* name) {
    return json::object{{"linuxParameters", {{"capabilities", {{"add", {name}}}}}}};
  };
  EXPECT_EQ(with(add("SYS_PTRACE"), fargate), "");
  EXPECT_EQ(with(add("NET_RAW"), fargate), "ClientException");
  EXPECT_EQ(with(add("NET_RAW")), "");
  EXPECT_EQ(with(add("SYS_ADMIN")), "ClientException");
  EXPECT_EQ(with(add("ALL")), "ClientException");
  EXPECT_EQ(with(add("CAP_KILL")), "ClientException");
  EXPECT_EQ(with({{"linuxParameters", {{"capabilities", {{"drop", {"ALL"}}}}}}}, fargate), "");
  EXPECT_EQ(with({{"mountPoints", mount}}), "ClientException");
  EXPECT_EQ(with({{"mountPoints", mount}}, {{"volumes", json::array{{{"name", "data"}}}}}), "");
  for (const char* path :
       {"/", "relative", "/a/../b", "/a//b", "/dev", "/dev/shm/x", "/proc/", "/sys/fs/cgroup", ""})
    EXPECT_EQ(
        with({{"mountPoints", json::array{{{"sourceVolume", "data"}, {"containerPath", path}}}}},
             {{"volumes", json::array{{{"name", "data"}}}}}),
        "ClientException")
        << path;
  EXPECT_EQ(with({}, {{"volumes",
                       json::array{{{"name", "x"},
                                    {"efsVolumeConfiguration", {{"fileSystemId", "fs-1"}}}}}}}),
            "ClientException");
  const auto depends_on = [](const char* name) {
    return json::object{
        {"dependsOn", json::array{{{"containerName", name}, {"condition", "START"}}}}};
  };
  EXPECT_EQ(with(depends_on("none")), "ClientException");
  EXPECT_EQ(with(depends_on("api")), "ClientException");  // Of itself.
}

// Each text is quoted from AWS: virtual-kubelet issue 193, terraform-provider-aws issue 3051,
// aws-cdk issue 1422, ecs-deploy issue 87, dagster issue 11622, aws-ecs-orb issue 190.
TEST_F(Ecs, FargateNeedsWhatLogsImagesAndSecretsNeed) {
  const json::object logs{{"logDriver", "awslogs"},
                          {"options",
                           {{"awslogs-group", "/g"},
                            {"awslogs-region", "ap-northeast-1"},
                            {"awslogs-stream-prefix", "p"}}}};
  const json::object secret{{"name", "A"}, {"valueFrom", "arn:aws:ssm:r:000000000000:parameter/a"}};
  const auto refuses = [&](json::object container, bool role, std::string_view cause) {
    container["name"] = "app";
    if (!container.contains("image")) container["image"] = "busybox";
    json::object input{{"family", "f"},
                       {"networkMode", "awsvpc"},
                       {"cpu", "256"},
                       {"memory", "512"},
                       {"requiresCompatibilities", {"FARGATE"}},
                       {"containerDefinitions", {container}}};
    if (role) input["executionRoleArn"] = "arn:aws:iam::000000000000:role/execution";
    const auto reply = kernel_->call("ecs", "RegisterTaskDefinition", input, now_);
    ASSERT_FALSE(reply) << cause;
    EXPECT_EQ(reply.error(), (Error{"ClientException", std::string(cause)}));
  };
  refuses({{"logConfiguration", logs}}, false,
          "Fargate requires task definition to have execution role ARN to support log driver "
          "awslogs.");
  json::object without_prefix = logs;
  without_prefix["options"].as_object().erase("awslogs-stream-prefix");
  refuses({{"logConfiguration", without_prefix}}, true,
          "Fargate requires log configuration options to include awslogs-stream-prefix to support "
          "log driver awslogs.");
  refuses({{"image", "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/app:v1"}}, false,
          "Fargate requires task definition to have execution role ARN to support ECR images.");
  refuses({{"secrets", {secret}}}, false,
          "When you are specifying container secrets, you must also specify a value for "
          "'executionRoleArn'.");
  refuses({{"secrets", {secret}}, {"environment", {{{"name", "A"}, {"value", "1"}}}}}, true,
          "The secret name must be unique and not shared with any new or existing environment "
          "variables set on the container, such as 'A'.");
  refuses({{"secrets", {secret, secret}}}, true,
          "Duplicate secret names found: A. Each secret name must be unique.");
}

}  // namespace
}  // namespace kiban::services::ecs
