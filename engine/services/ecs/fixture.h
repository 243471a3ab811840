// For tests of tasks and services: ECS with the services that it asks, a cluster `dev`, a task
// definition `api` and a subnet.
#pragma once

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

// One target group, `tg`, that a load balancer uses. Keeps its targets.
class FakeElb : public Service {
 public:
  FakeElb() { targets.clear(); }
  std::string_view name() const override { return "elbv2"; }
  Result<json::object> call(Context&, std::string_view operation,
                            const json::object& input) override {
    if (operation == "DescribeTargetGroups")
      return describe(to_string(input.at("TargetGroupArns").at(0).as_string()));
    const json::value target = input.at("Targets").at(0);
    const auto found = std::ranges::find(targets, target);
    if (operation == "RegisterTargets" && found == targets.end()) targets.push_back(target);
    if (operation == "DeregisterTargets" && found != targets.end()) targets.erase(found);
    json::array described;
    if (found != targets.end()) described.push_back({{"Target", target}});
    return json::object{{"TargetHealthDescriptions", std::move(described)}};
  }
  static inline json::array targets{};

 private:
  static Result<json::object> describe(const std::string& arn) {
    if (arn == "none") return fail("TargetGroupNotFound", "One or more target groups not found");
    return json::object{
        {"TargetGroups",
         {{{"TargetGroupArn", arn},
           {"TargetType", arn == "instances" ? "instance" : "ip"},
           {"LoadBalancerArns", arn == "unused" ? json::array{} : json::array{"lb"}},
           {"HealthCheckPath", "/health"},
           {"HealthCheckPort", "traffic-port"},
           {"HealthCheckProtocol", "HTTP"},
           {"HealthCheckIntervalSeconds", 5},
           {"HealthCheckTimeoutSeconds", 2},
           {"UnhealthyThresholdCount", 2},
           {"Matcher", {{"HttpCode", "200-204,301"}}}}}}};
  }
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
    services.push_back(std::make_unique<FakeElb>());
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
    return {{"family", "api"},
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
                 {"options",
                  {{"awslogs-group", "/dev/api"},
                   {"awslogs-region", "ap-northeast-1"},
                   {"awslogs-stream-prefix", "ecs"}}}}}}}}};
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
  // A service `web` of one task, behind the target group `tg`.
  void create_balanced(json::object more = {}) {
    json::object changed = definition();
    changed["containerDefinitions"].at(0).as_object()["portMappings"] = {{{"containerPort", 8000}}};
    call("RegisterTaskDefinition", changed);
    more["cluster"] = "dev";
    more["serviceName"] = "web";
    more["taskDefinition"] = "api";
    more["networkConfiguration"] = network();
    more["desiredCount"] = 1;
    more["loadBalancers"] = {
        {{"targetGroupArn", "tg"}, {"containerName", "api"}, {"containerPort", 8000}}};
    call("CreateService", std::move(more));
  }
  json::object network() const { return {{"awsvpcConfiguration", {{"subnets", {subnet_}}}}}; }
  // The effects that wait for the host's time end, those that begin meanwhile as well.
  void end_pauses() {
    for (bool again = true; std::exchange(again, false);) {
      for (const Effect& effect : kernel_->pending_effects()) {
        if (effect.kind != "host.pause") continue;
        kernel_->outcome("ecs", {.id = effect.id, .payload = {}});
        ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
        again = true;
      }
    }
  }
  std::vector<std::int64_t> pauses() {
    std::vector<std::int64_t> all;
    for (const Effect& effect : kernel_->pending_effects())
      if (effect.kind == "host.pause") all.push_back(effect.payload.at("Milliseconds").as_int64());
    return all;
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
  Timestamp now_{Duration{1'700'000'000'000}};
  std::uint64_t seed_{0};
  json::value subnet_{};
};

}  // namespace kiban::services::ecs
