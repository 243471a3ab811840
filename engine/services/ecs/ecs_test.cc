#include "services/ecs/fixture.h"

namespace kiban::services::ecs {
namespace {

using namespace std::chrono_literals;

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
    json::object all{{"awslogs-group", "/made"},
                     {"awslogs-region", "ap-northeast-1"},
                     {"awslogs-stream-prefix", "ecs"}};
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
        {"awslogs-region", "ap-northeast-1"},
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
  EXPECT_TRUE(FakeEcr::asked_by.arn.starts_with(
      "arn:aws:sts::000000000000:assumed-role/execution/"));  // And the task's id.
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
