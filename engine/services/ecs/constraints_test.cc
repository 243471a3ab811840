// Constraints of the API reference, a row each.
#include "services/ecs/fixture.h"

namespace kiban::services::ecs {
namespace {

class Constraints : public testing::Test {
 protected:
  Constraints() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(make_ecs());
    services.push_back(ec2::make_ec2());
    services.push_back(sts::make_sts());
    services.push_back(std::make_unique<FakeElb>());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services));
    const json::object vpc = call("ec2", "CreateVpc", {{"CidrBlock", "10.0.0.0/16"}});
    const json::object subnet =
        call("ec2", "CreateSubnet",
             {{"VpcId", vpc.at("Vpc").at("VpcId")}, {"CidrBlock", "10.0.1.0/24"}});
    subnet_ = subnet.at("Subnet").at("SubnetId");
    call("CreateCluster", {{"clusterName", "dev"}});
    call("RegisterTaskDefinition", definition());
  }
  json::object call(const std::string& service, const std::string& operation, json::object input) {
    auto reply = kernel_->call(service, operation, std::move(input), now_, ++seed_);
    EXPECT_TRUE(reply) << operation << ": " << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  }
  json::object call(const std::string& operation, json::object input) {
    return call("ecs", operation, std::move(input));
  }
  // "NAME: CAUSE", or "" when it was accepted.
  std::string refusal(const std::string& operation, json::object input) {
    const auto reply = kernel_->call("ecs", operation, std::move(input), now_, ++seed_);
    return reply ? "" : fmt::format("{}: {}", reply.error().name, reply.error().cause);
  }
  static json::object merged(json::object base, const json::object& changes) {
    for (const auto& [name, value] : changes) {
      if (value.is_null())
        base.erase(name);
      else
        base[name] = value;
    }
    return base;
  }
  static json::object container(const json::object& changes = {}) {
    return merged(
        {{"name", "app"}, {"image", "busybox"}, {"portMappings", {{{"containerPort", 80}}}}},
        changes);
  }
  static json::object definition(const json::object& changes = {}) {
    return merged({{"family", "f"},
                   {"networkMode", "awsvpc"},
                   {"cpu", "256"},
                   {"memory", "512"},
                   {"requiresCompatibilities", {"FARGATE"}},
                   {"containerDefinitions", {container()}}},
                  changes);
  }
  json::object network() const { return {{"awsvpcConfiguration", {{"subnets", {subnet_}}}}}; }
  json::object service(const json::object& changes = {}) const {
    return merged({{"cluster", "dev"},
                   {"serviceName", "web"},
                   {"taskDefinition", "f"},
                   {"desiredCount", 0},
                   {"launchType", "FARGATE"},
                   {"networkConfiguration", network()}},
                  changes);
  }
  json::object task(const json::object& changes = {}) const {
    return merged({{"cluster", "dev"},
                   {"taskDefinition", "f"},
                   {"launchType", "FARGATE"},
                   {"networkConfiguration", network()}},
                  changes);
  }
  void stop_all() {
    for (const Effect& effect : kernel_->pending_effects()) {
      if (effect.kind != "task.run") continue;
      kernel_->outcome("ecs", {.id = effect.id, .payload = {{"Status", "STOPPED"}}});
      ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
    }
  }
  json::object web() {
    return call("DescribeServices", {{"cluster", "dev"}, {"services", {"web"}}})
        .at("services")
        .at(0)
        .as_object();
  }

  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<kernel::Kernel> kernel_{};
  Timestamp now_{Duration{1'700'000'000'000}};
  std::uint64_t seed_{0};
  json::value subnet_{};
};

TEST_F(Constraints, OfAContainer) {
  const auto with = [&](const json::object& changes, const json::object& more = {}) {
    return refusal("RegisterTaskDefinition",
                   merged(definition({{"containerDefinitions", {container(changes)}}}), more));
  };
  const json::object bridge{{"networkMode", nullptr},
                            {"requiresCompatibilities", nullptr},
                            {"cpu", nullptr},
                            {"memory", nullptr}};
  const auto ports = [](const json::object& mapping) {
    return json::object{{"portMappings", {mapping}}};
  };
  const auto health = [](json::object check) {
    check["command"] = {"CMD-SHELL", "true"};
    return json::object{{"healthCheck", check}};
  };
  const std::vector<std::pair<std::string, std::string>> rows{
      {with({}), ""},
      {with({}, bridge),
       "ClientException: Invalid setting for container 'app'. At least one of 'memory' or "
       "'memoryReservation' must be specified."},
      {with({{"memoryReservation", 64}}, bridge), ""},
      {with({{"memory", 64}, {"memoryReservation", 128}}),
       "ClientException: Invalid setting for container 'app'. 'memory' must be greater than "
       "'memoryReservation'."},
      {with({{"memory", 2}}),
       "ClientException: Invalid setting for container 'app'. 'memory' must be at least 4 MiB."},
      {with({{"memory", 513}}),
       "ClientException: The 'memory' setting for container 'app' is greater than for the task."},
      {with({{"cpu", 257}}),
       "ClientException: The sum of all container 'cpu' values cannot be greater than the value of "
       "the task 'cpu'."},
      {with(ports({{"containerPort", 80}, {"hostPort", 80}})), ""},
      {with(ports({{"containerPort", 80}, {"hostPort", 8080}})),
       "ClientException: When networkMode=awsvpc, the host ports and container ports in port "
       "mappings must match."},
      {with(ports({{"containerPort", 70000}})),
       "ClientException: Invalid 'containerPort' setting for container 'app'."},
      {with(ports({{"hostPort", 80}})),
       "ClientException: Invalid 'containerPort' setting for container 'app'."},
      {with(ports({{"containerPort", 80}, {"hostPort", -1}})),
       "ClientException: Invalid 'hostPort' setting for container 'app'."},
      {with(ports({{"containerPortRange", "80-90"}})),
       "ClientException: kiban does not honour containerPortRange of container 'app'"},
      {with({{"portMappings", {{{"containerPort", 80}}, {{"containerPort", 80}}}}}),
       "ClientException: TCP host port '80' is mapped multiple times in task."},
      {with({{"portMappings",
              {{{"containerPort", 80}}, {{"containerPort", 80}, {"protocol", "udp"}}}}}),
       ""},
      {with(health({{"interval", 300}, {"timeout", 60}, {"retries", 10}, {"startPeriod", 300}})),
       ""},
      {with(health({{"interval", 4}})),
       "ClientException: Invalid interval of container 'app': it must be between 5 and 300."},
      {with(health({{"timeout", 61}})),
       "ClientException: Invalid timeout of container 'app': it must be between 2 and 60."},
      {with(health({{"retries", 11}})),
       "ClientException: Invalid retries of container 'app': it must be between 1 and 10."},
      {with(health({{"startPeriod", 301}})),
       "ClientException: Invalid startPeriod of container 'app': it must be between 0 and 300."},
      {with({{"healthCheck", {{"command", json::array{}}}}}),
       "ClientException: The health check of container 'app' has no command."},
      {with({{"stopTimeout", 120}}), ""},
      {with({{"stopTimeout", 121}}),
       "ClientException: Invalid stopTimeout of container 'app': it must be between 2 and 120."},
      {with({{"startTimeout", 1}}),
       "ClientException: Invalid startTimeout of container 'app': it must be between 2 and 120."}};
  for (const auto& [is, wanted] : rows) EXPECT_EQ(is, wanted);
}

// Quoted from AWS: tflint-ruleset-aws issue 348, cfn-lint issue 1787, amazon-ecs-agent issue 872,
// ecspresso issue 364.
TEST_F(Constraints, OfLogOptions) {
  const auto with = [&](json::object options, const char* driver = "awslogs") {
    return refusal(
        "RegisterTaskDefinition",
        definition({{"executionRoleArn", "r"},
                    {"containerDefinitions",
                     {container({{"logConfiguration",
                                  {{"logDriver", driver}, {"options", std::move(options)}}}})}}}));
  };
  const json::object good{
      {"awslogs-group", "g"}, {"awslogs-region", "ap-northeast-1"}, {"awslogs-stream-prefix", "p"}};
  const std::vector<std::pair<std::string, std::string>> rows{
      {with(good), ""},
      {with({}),
       "ClientException: Log driver awslogs requires options: awslogs-region, awslogs-group"},
      {with(merged(good, {{"awslogs-group", nullptr}})),
       "ClientException: Log driver awslogs requires options: awslogs-group"},
      {with(merged(good, {{"log_key", "x"}})),
       "ClientException: Log driver awslogs disallows options: log_key"},
      {with(merged(good, {{"awslogs-create-group", "false"}})),
       "ClientException: Log driver awslogs option 'awslogs-create-group' should only be set to "
       "'true', else omit option."},
      {with(merged(good, {{"awslogs-multiline-pattern", "^x"}})),
       "ClientException: kiban does not honour the log option awslogs-multiline-pattern of "
       "container 'app'"},
      {with({}, "json-file"),
       "ClientException: json-file is not a valid log driver. Must be one of "
       "[awslogs,splunk,awsfirelens]"},
      {with({}, "splunk"), "ClientException: kiban has the log driver awslogs only, not 'splunk'"}};
  for (const auto& [is, wanted] : rows) EXPECT_EQ(is, wanted);
}

TEST_F(Constraints, OfATaskDefinition) {
  const auto with = [&](const json::object& changes) {
    return refusal("RegisterTaskDefinition", definition(changes));
  };
  const auto containers = [](int count) {
    json::array all;
    for (int i = 0; i < count; ++i)
      all.push_back(container({{"name", fmt::format("c{}", i)}, {"portMappings", nullptr}}));
    return json::object{{"containerDefinitions", std::move(all)}};
  };
  const std::vector<std::pair<std::string, std::string>> rows{
      {with(containers(10)), ""},
      {with(containers(11)), "ClientException: Too many containers."},
      {with({{"pidMode", "task"}}),
       "ClientException: kiban does not honour pidMode of a task definition"},
      {with({{"ipcMode", "host"}}),
       "ClientException: Tasks using the Fargate launch type do not support ipcMode."},
      {with({{"ipcMode", "host"}, {"requiresCompatibilities", nullptr}}),
       "ClientException: kiban does not honour ipcMode of a task definition"},
      {with({{"volumes", {{{"name", "v"}, {"host", {{"sourcePath", "/var/log"}}}}}}}),
       "ClientException: Fargate compatible task definitions do not support sourcePath"},
      {with({{"proxyConfiguration", {{"containerName", "app"}}}}),
       "ClientException: kiban does not honour proxyConfiguration of a task definition"},
      {with({{"placementConstraints", json::array{}}, {"enableFaultInjection", false}}), ""},
      {with({{"enableFaultInjection", true}}),
       "ClientException: kiban does not honour enableFaultInjection of a task definition"},
      {with({{"runtimePlatform", {{"operatingSystemFamily", "WINDOWS_SERVER_2019_CORE"}}}}),
       "ClientException: kiban runs tasks on LINUX only, not on WINDOWS_SERVER_2019_CORE"},
      {with({{"networkMode", "bridge"}}),
       "ClientException: Fargate only supports network mode 'awsvpc'."},
      {with({{"cpu", "a lot"}}), "ClientException: Invalid 'cpu' setting for task."},
      {with({{"cpu", ".25 vCPU"}, {"memory", "0.5 GB"}}), ""},
      {with({{"volumes", {{{"name", "v"}}, {{"name", "v"}}}}}),
       "ClientException: Volume.name 'v' is not unique."}};
  for (const auto& [is, wanted] : rows) EXPECT_EQ(is, wanted);
  EXPECT_TRUE(
      with({{"containerDefinitions", {container({{"command", {std::string(66'000, 'x')}}})}}})
          .ends_with("Max allowed length is '65536' bytes."));
}

TEST_F(Constraints, OfDependencies) {
  const auto with = [&](json::object first, json::object second) {
    first["name"] = "a";
    second["name"] = "b";
    for (json::object* one : {&first, &second}) (*one)["image"] = "busybox";
    return refusal("RegisterTaskDefinition",
                   definition({{"containerDefinitions", {first, second}}}));
  };
  const auto waits_for = [](const char* name, const char* condition) {
    return json::object{{"dependsOn", {{{"containerName", name}, {"condition", condition}}}}};
  };
  const json::object nothing;
  const std::string essential =
      "ClientException: A dependency container with SUCCESS or COMPLETE condition cannot be an "
      "essential container";
  EXPECT_EQ(with(waits_for("b", "START"), nothing), "");
  EXPECT_EQ(with(waits_for("b", "SUCCESS"), nothing), essential);
  EXPECT_EQ(with(waits_for("b", "COMPLETE"), nothing), essential);
  EXPECT_EQ(with(waits_for("b", "SUCCESS"), {{"essential", false}}), "");
  EXPECT_NE(with(waits_for("b", "HEALTHY"), nothing), "");
  EXPECT_NE(with(waits_for("b", "START"), waits_for("a", "START")), "");
  EXPECT_EQ(with({{"portMappings", {{{"containerPort", 80}}}}},
                 {{"portMappings", {{{"containerPort", 80}}}}}),
            "ClientException: TCP host port '80' is mapped multiple times in task.");
}

TEST_F(Constraints, RevisionsAndFamiliesBecomeInactive) {
  EXPECT_EQ(refusal("DeregisterTaskDefinition", {{"taskDefinition", "f"}}),
            "ClientException: The task definition's revision is missing: specify FAMILY:REVISION "
            "or an ARN.");
  const auto families = [&](const char* status) {
    return call("ListTaskDefinitionFamilies", {{"status", status}}).at("families");
  };
  EXPECT_EQ(families("ACTIVE"), json::array{"f"});
  call("DeregisterTaskDefinition", {{"taskDefinition", "f:1"}});
  EXPECT_EQ(families("ACTIVE"), json::array{});
  EXPECT_EQ(families("INACTIVE"), json::array{"f"});
  EXPECT_EQ(refusal("DeregisterTaskDefinition", {{"taskDefinition", "f:1"}}),
            "ClientException: The specified task definition is inactive. Specify an active task "
            "definition and try again.");
  EXPECT_EQ(
      call("DescribeTaskDefinition", {{"taskDefinition", "f:1"}}).at("taskDefinition").at("status"),
      "INACTIVE");
  EXPECT_EQ(refusal("RunTask", task({{"taskDefinition", "f:1"}})),
            "InvalidParameterException: TaskDefinition is inactive");
  EXPECT_EQ(refusal("CreateService", service({{"taskDefinition", "f:1"}})),
            "ClientException: TaskDefinition is inactive");
}

TEST_F(Constraints, InactiveRevisionsCanBeDeleted) {
  const auto reason = [&](const char* name) {
    const json::object reply = call("DeleteTaskDefinitions", {{"taskDefinitions", {name}}});
    const json::array& failures = reply.at("failures").as_array();
    return failures.empty() ? reply.at("taskDefinitions").at(0).at("status")
                            : failures[0].at("reason");
  };
  EXPECT_EQ(reason("f:9"),
            "The specified task definition does not exist. Specify a valid account, family, "
            "revision and try again.");
  EXPECT_EQ(reason("f:1"),
            "The specified task definition is still in ACTIVE status. Please deregister the target "
            "and try again.");
  call("CreateService", service());
  call("DeregisterTaskDefinition", {{"taskDefinition", "f:1"}});
  EXPECT_EQ(reason("f:1"), "DELETE_IN_PROGRESS");
  // The service still has it.
  EXPECT_EQ(refusal("DescribeTaskDefinition", {{"taskDefinition", "f:1"}}), "");
  call("DeleteService", {{"cluster", "dev"}, {"service", "web"}});
  EXPECT_EQ(reason("f:1"), "DELETE_IN_PROGRESS");
  EXPECT_EQ(refusal("DescribeTaskDefinition", {{"taskDefinition", "f:1"}}),
            "ClientException: Unable to describe task definition.");
}

TEST_F(Constraints, OfWhereATaskRuns) {
  call("RegisterTaskDefinition",
       definition(
           {{"family", "bridge"}, {"networkMode", nullptr}, {"requiresCompatibilities", nullptr}}));
  call("RegisterTaskDefinition",
       definition(
           {{"family", "host"}, {"networkMode", "host"}, {"requiresCompatibilities", nullptr}}));
  const auto awsvpc = [&](json::object configuration) {
    return refusal(
        "RunTask",
        task({{"networkConfiguration", {{"awsvpcConfiguration", std::move(configuration)}}}}));
  };
  json::array many(17, subnet_);
  const std::vector<std::pair<std::string, std::string>> rows{
      {refusal("RunTask", task()), ""},
      {refusal("RunTask", task({{"networkConfiguration", nullptr}})),
       "InvalidParameterException: Network Configuration must be provided when networkMode "
       "'awsvpc' is specified."},
      {awsvpc({{"subnets", json::array{}}}),
       "InvalidParameterException: subnets can not be empty."},
      {awsvpc({{"subnets", many}}),
       "InvalidParameterException: subnets can have at most 16 items."},
      {awsvpc({{"subnets", {subnet_}}, {"securityGroups", {"1", "2", "3", "4", "5", "6"}}}),
       "InvalidParameterException: securityGroups can have at most 5 items."},
      {refusal("RunTask", task({{"taskDefinition", "bridge"}})),
       "InvalidParameterException: Network Configuration is not valid for the given networkMode of "
       "this task definition."},
      {refusal("RunTask", task({{"taskDefinition", "bridge"}, {"networkConfiguration", nullptr}})),
       "InvalidParameterException: Task definition does not support launch_type FARGATE."},
      {refusal("RunTask", task({{"taskDefinition", "bridge"},
                                {"networkConfiguration", nullptr},
                                {"launchType", nullptr}})),
       ""},
      {refusal("RunTask", task({{"taskDefinition", "host"},
                                {"networkConfiguration", nullptr},
                                {"launchType", nullptr}})),
       "InvalidParameterException: kiban does not run tasks in the network mode 'host'"},
      {refusal("RunTask", task({{"launchType", "EC2"}})),
       "InvalidParameterException: No Container Instances were found in your cluster."},
      {refusal("RunTask", task({{"platformVersion", "1.3.0"}})), ""},
      {refusal("RunTask", task({{"platformVersion", "2.0.0"}})),
       "PlatformUnknownException: The specified platform does not exist."},
      {refusal("RunTask", task({{"overrides", {{"cpu", "512"}}}})),
       "InvalidParameterException: No Fargate configuration exists for given values."},
      {refusal("RunTask", task({{"enableExecuteCommand", true}})),
       "InvalidParameterException: The task couldn't be run because a valid taskRoleArn is not "
       "being used. Specify a valid task role in your task definition and try again."},
      {refusal("RunTask", task({{"tags", {{{"key", "a"}}, {{"key", "a"}}}}})),
       "InvalidParameterException: Duplicate tag keys found: a. Each tag key must be unique."}};
  for (const auto& [is, wanted] : rows) EXPECT_EQ(is, wanted);
  const json::object other = call("ec2", "CreateVpc", {{"CidrBlock", "10.1.0.0/16"}});
  const json::object group =
      call("ec2", "CreateSecurityGroup",
           {{"GroupName", "g"}, {"Description", "d"}, {"VpcId", other.at("Vpc").at("VpcId")}});
  EXPECT_EQ(awsvpc({{"subnets", {subnet_}}, {"securityGroups", {group.at("GroupId")}}}),
            fmt::format("InvalidParameterException: Security group {} does not appear to belong to "
                        "the same VPC as the input subnets.",
                        text(group, "GroupId")));
}

TEST_F(Constraints, OfAService) {
  const auto with = [&](const json::object& changes) {
    return refusal("CreateService", service(changes));
  };
  const auto deployment = [&](json::object configuration) {
    return with({{"deploymentConfiguration", std::move(configuration)}});
  };
  const auto balanced = [&](const json::object& changes) {
    return with(
        {{"loadBalancers",
          {merged({{"targetGroupArn", "tg"}, {"containerName", "app"}, {"containerPort", 80}},
                  changes)}}});
  };
  const std::string invalid = "InvalidParameterException: ";
  const std::vector<std::pair<std::string, std::string>> rows{
      {with({{"taskDefinition", nullptr}}), "TaskDefinition can not be blank."},
      {with({{"desiredCount", -1}}), "desiredCount cannot be negative."},
      {with({{"role", "r"}}),
       "You cannot specify an IAM role for services that require a service linked role."},
      {deployment({{"minimumHealthyPercent", 100}, {"maximumPercent", 100}}),
       "Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block "
       "deployments."},
      {deployment({{"minimumHealthyPercent", 90}, {"maximumPercent", 80}}),
       "maximumPercent cannot be lower than minimumHealthyPercent."},
      {deployment({{"strategy", "BLUE_GREEN"}}),
       "kiban has the deployment strategy ROLLING only, not BLUE_GREEN"},
      {deployment({{"alarms", {{"enable", true}}}}),
       "kiban does not honour alarms of deploymentConfiguration"},
      {balanced({{"containerName", "other"}}),
       "The container other does not exist in the task definition."},
      {balanced({{"containerPort", 81}}),
       "The container app did not have a container port 81 defined."},
      {balanced({{"targetGroupArn", "unused"}}),
       "The target group with targetGroupArn unused does not have an associated load balancer."},
      {balanced({{"targetGroupArn", "instances"}}),
       "The provided target group instances has target type instance, which is incompatible with "
       "the awsvpc network mode specified in the task definition."},
      {with({{"enableExecuteCommand", true}}),
       "The service couldn't be created because a valid taskRoleArn is not being used. Specify a "
       "valid task role in your task definition and try again."}};
  for (const auto& [is, wanted] : rows) EXPECT_EQ(is, invalid + wanted);
  EXPECT_EQ(balanced({{"targetGroupArn", "none"}}),
            invalid +
                "Unable to assume role and validate the specified targetGroupArn. Please verify "
                "that the ECS service role being passed has the proper permissions.");
  EXPECT_EQ(with({{"healthCheckGracePeriodSeconds", 60}}),
            invalid +
                "Health check grace period is only valid for services configured to use load "
                "balancers");
  EXPECT_EQ(balanced({}), "");
}

TEST_F(Constraints, OfAStrategy) {
  call("PutClusterCapacityProviders", {{"cluster", "dev"},
                                       {"capacityProviders", {"FARGATE", "FARGATE_SPOT"}},
                                       {"defaultCapacityProviderStrategy", json::array{}}});
  const auto with = [&](json::array strategy) {
    return refusal("RunTask", task({{"launchType", nullptr},
                                    {"capacityProviderStrategy", std::move(strategy)}}));
  };
  const auto item = [](const char* name, int weight, int base = 0) {
    return json::object{{"capacityProvider", name}, {"weight", weight}, {"base", base}};
  };
  EXPECT_EQ(with({item("FARGATE", 1, 1), item("FARGATE_SPOT", 1)}), "");
  EXPECT_EQ(with({item("FARGATE", 0), item("FARGATE_SPOT", 0)}),
            "InvalidParameterException: The specified capacity provider strategy must have at "
            "least one capacity provider with a weight greater than zero.");
  EXPECT_EQ(with({item("FARGATE", 1, 1), item("FARGATE_SPOT", 1, 1)}),
            "InvalidParameterException: Only one capacity provider in a capacity provider strategy "
            "can have a base defined.");
  EXPECT_EQ(with({item("FARGATE", 1), item("FARGATE", 1)}),
            "InvalidParameterException: The specified capacity provider strategy cannot contain "
            "duplicate capacity providers. Remove the duplicates and try again.");
  // The task that runs above has one of them.
  EXPECT_EQ(
      refusal("PutClusterCapacityProviders", {{"cluster", "dev"},
                                              {"capacityProviders", json::array{}},
                                              {"defaultCapacityProviderStrategy", json::array{}}}),
      "ResourceInUseException: The specified capacity provider is in use and cannot be "
      "removed.");
}

TEST_F(Constraints, ADefaultStrategyWithoutWeightsPlacesNothing) {
  call("PutClusterCapacityProviders",
       {{"cluster", "dev"},
        {"capacityProviders", {"FARGATE", "FARGATE_SPOT"}},
        {"defaultCapacityProviderStrategy", {{{"capacityProvider", "FARGATE"}}}}});
  const std::string wanted =
      "InvalidParameterException: There are no capacity providers with a weight value greater than "
      "zero defined in the default capacity provider strategy.";
  EXPECT_TRUE(refusal("RunTask", task({{"launchType", nullptr}})).starts_with(wanted));
  EXPECT_TRUE(refusal("CreateService", service({{"launchType", nullptr}})).starts_with(wanted));
  EXPECT_EQ(refusal("RunTask", task()), "");
}

TEST_F(Constraints, ADefinitionShowsItsDefaults) {
  json::object healthy = container();
  healthy["healthCheck"] = {{"command", json::array{"CMD", "true"}}};
  const json::object shown =
      call("RegisterTaskDefinition", definition({{"containerDefinitions", {healthy}}}))
          .at("taskDefinition")
          .as_object();
  const json::value& one = shown.at("containerDefinitions").at(0);
  EXPECT_EQ(one.at("portMappings").at(0),
            json::value({{"containerPort", 80}, {"protocol", "tcp"}, {"hostPort", 80}}));
  EXPECT_EQ(one.at("healthCheck").at("interval"), 30);
  EXPECT_EQ(one.at("healthCheck").at("timeout"), 5);
  EXPECT_EQ(one.at("healthCheck").at("retries"), 3);
  EXPECT_EQ(shown.at("compatibilities"), (json::array{"EC2", "FARGATE"}));
}

TEST_F(Constraints, CapacityProvidersAreFargates) {
  const auto all = call("DescribeCapacityProviders", {});
  EXPECT_EQ(all.at("capacityProviders").as_array().size(), 2U);
  const auto some =
      call("DescribeCapacityProviders", {{"capacityProviders", {"FARGATE_SPOT", "mine"}}});
  EXPECT_EQ(some.at("capacityProviders").at(0).at("status"), "ACTIVE");
  EXPECT_EQ(some.at("failures").at(0).at("reason"), "MISSING");
}

TEST_F(Constraints, AServiceChangesItsStrategyWithANewDeploymentOnly) {
  call("PutClusterCapacityProviders", {{"cluster", "dev"},
                                       {"capacityProviders", {"FARGATE", "FARGATE_SPOT"}},
                                       {"defaultCapacityProviderStrategy", json::array{}}});
  call("CreateService", service());
  json::object change{{"cluster", "dev"},
                      {"service", "web"},
                      {"capacityProviderStrategy", {{{"capacityProvider", "FARGATE_SPOT"}}}}};
  EXPECT_NE(refusal("UpdateService", change), "");
  change["forceNewDeployment"] = true;
  EXPECT_EQ(refusal("UpdateService", change), "");
  EXPECT_FALSE(web().contains("launchType"));
  EXPECT_EQ(web().at("deployments").as_array().size(), 1U);
}

TEST_F(Constraints, AServiceDrainsAndIsInactive) {
  call("CreateService", service({{"desiredCount", 1}}));
  EXPECT_EQ(refusal("DeleteService", {{"cluster", "dev"}, {"service", "web"}}),
            "InvalidParameterException: The service cannot be stopped while it is scaled above 0.");
  const json::object force{{"cluster", "dev"}, {"service", "web"}, {"force", true}};
  EXPECT_EQ(call("DeleteService", force).at("service").at("status"), "DRAINING");
  EXPECT_EQ(call("ListServices", {{"cluster", "dev"}}).at("serviceArns"), json::array{});
  EXPECT_EQ(refusal("CreateService", service()),
            "InvalidParameterException: Unable to Start a service that is still Draining.");
  EXPECT_EQ(refusal("DeleteCluster", {{"cluster", "dev"}}),
            "ClusterContainsServicesException: The Cluster cannot be deleted while Services are "
            "active.");
  stop_all();
  EXPECT_EQ(web().at("status"), "INACTIVE");
  EXPECT_EQ(refusal("DeleteService", force), "ServiceNotFoundException: Service not found.");
  EXPECT_EQ(refusal("UpdateService", {{"cluster", "dev"}, {"service", "web"}}),
            "ServiceNotActiveException: Service was not ACTIVE.");
  EXPECT_EQ(refusal("UpdateService", {{"cluster", "dev"}, {"service", "none"}}),
            "ServiceNotFoundException: Service not found.");
  call("CreateService", service());
  EXPECT_EQ(web().at("status"), "ACTIVE");
  now_ += std::chrono::hours{2};
  call("RunTask", task());
  stop_all();  // What was INACTIVE is forgotten, and this is another one.
  EXPECT_EQ(web().at("status"), "ACTIVE");
}

TEST_F(Constraints, AServiceThatNamesNoLaunchTypeTakesAnyDefinition) {
  const json::object changes{
      {"family", "bridge"}, {"networkMode", nullptr}, {"requiresCompatibilities", nullptr}};
  call("RegisterTaskDefinition", definition(changes));
  call("RegisterTaskDefinition", definition(changes));
  const json::object bridge{
      {"taskDefinition", "bridge:1"}, {"networkConfiguration", nullptr}, {"launchType", nullptr}};
  EXPECT_EQ(refusal("CreateService",
                    service({{"taskDefinition", "bridge:1"}, {"networkConfiguration", nullptr}})),
            "InvalidParameterException: Task definition does not support launch_type FARGATE.");
  EXPECT_EQ(refusal("CreateService", service(bridge)), "");
  json::object update{{"cluster", "dev"}, {"service", "web"}, {"taskDefinition", "bridge:2"}};
  EXPECT_EQ(refusal("UpdateService", update), "");
  call("CreateService", service({{"serviceName", "fargate"}}));
  update["service"] = "fargate";
  EXPECT_NE(refusal("UpdateService", update), "");
}

TEST_F(Constraints, ATokenCreatesAServiceOnce) {
  const json::object request = service({{"clientToken", "t"}});
  const auto first = call("CreateService", request);
  EXPECT_EQ(call("CreateService", request).at("service").at("serviceArn"),
            first.at("service").at("serviceArn"));
  for (const json::object& other :
       {service(), service({{"clientToken", "t"}, {"desiredCount", 1}})})
    EXPECT_EQ(refusal("CreateService", other),
              "InvalidParameterException: Creation of service was not idempotent.");
}

TEST_F(Constraints, OfListsAndPages) {
  call("CreateService", service());
  const std::string other = "arn:aws:ecs:ap-northeast-1:000000000000:service/other/web";
  const std::vector<std::pair<std::string, std::string>> rows{
      {refusal("ListServices", {{"cluster", "dev"}, {"maxResults", 101}}),
       "InvalidParameterException: maxResults should be between 1 and 100."},
      {refusal("ListTasks", {{"cluster", "dev"}, {"maxResults", 0}}),
       "InvalidParameterException: maxResults should be between 1 and 100."},
      {refusal("ListClusters", {{"nextToken", "x"}}), "InvalidParameterException: Invalid token."},
      {refusal("DescribeServices", {{"cluster", "dev"}, {"services", json::array{}}}),
       "InvalidParameterException: Services cannot be empty."},
      {refusal("DescribeServices", {{"cluster", "dev"}, {"services", json::array(11, "web")}}),
       "InvalidParameterException: Services length should be at most 10."},
      {refusal("DescribeServices", {{"cluster", "dev"}, {"services", {other}}}),
       "InvalidParameterException: Invalid identifier: Identifier is for other. Your cluster is "
       "dev"},
      {refusal("UpdateTaskProtection",
               {{"cluster", "dev"}, {"tasks", json::array(11, "t")}, {"protectionEnabled", true}}),
       "InvalidParameterException: Tasks length should be at most 10."}};
  for (const auto& [is, wanted] : rows) EXPECT_EQ(is, wanted);
}

TEST_F(Constraints, OfTags) {
  const std::string prefix = "arn:aws:ecs:ap-northeast-1:000000000000:";
  const auto tag = [&](const std::string& arn, int count = 1) {
    json::array tags;
    for (int i = 0; i < count; ++i)
      tags.push_back({{"key", fmt::format("k{}", i)}, {"value", "v"}});
    return refusal("TagResource", {{"resourceArn", arn}, {"tags", std::move(tags)}});
  };
  EXPECT_EQ(tag(prefix + "cluster/dev", 50), "");
  EXPECT_EQ(tag(prefix + "cluster/dev", 51),
            "InvalidParameterException: Resources can have at most 50 tags.");
  EXPECT_EQ(tag(prefix + "cluster/none"), "ClusterNotFoundException: Cluster not found.");
  for (const char* missing : {"service/dev/none", "task/dev/none", "task-definition/f:9"})
    EXPECT_EQ(tag(prefix + missing),
              "ResourceNotFoundException: The specified resource was not found.");
  EXPECT_EQ(tag(prefix + "task-definition/f:1"), "");
  EXPECT_EQ(tag("no arn"), "InvalidParameterException: Invalid identifier: Invalid resource ARN.");
}

TEST_F(Constraints, AClusterShowsWhatIsAskedFor) {
  const auto shown = [&](json::array include) {
    return call("DescribeClusters", {{"clusters", {"dev"}}, {"include", std::move(include)}})
        .at("clusters")
        .at(0)
        .as_object();
  };
  EXPECT_EQ(shown({}).at("settings"), json::array{});
  EXPECT_EQ(shown({"SETTINGS"}).at("settings"),
            json::value({{{"name", "containerInsights"}, {"value", "disabled"}}}));
  EXPECT_EQ(shown({"STATISTICS"}).at("statistics").as_array().size(), 8U);
  EXPECT_NE(
      refusal("UpdateCluster", {{"cluster", "dev"},
                                {"settings", {{{"name", "containerInsights"}, {"value", "on"}}}}}),
      "");
  EXPECT_NE(refusal("UpdateCluster",
                    {{"cluster", "dev"}, {"serviceConnectDefaults", {{"namespace", "n"}}}}),
            "");
  EXPECT_NE(
      refusal("UpdateCluster",
              {{"cluster", "dev"},
               {"configuration", {{"executeCommandConfiguration", {{"logging", "OVERRIDE"}}}}}}),
      "");
  EXPECT_EQ(call("DescribeClusters", {{"clusters", {"none"}}}).at("failures").at(0).at("reason"),
            "MISSING");
}

}  // namespace
}  // namespace kiban::services::ecs
