// As hops_test.cc: the hops of ECS tasks and of stacks.
#include "cli/hops_fixture.h"

namespace kiban::cli {
namespace {

// --- ECS -----------------------------------------------------------------------------------------

class Tasks : public Hops {
 protected:
  Tasks() { call("ecs", "CreateCluster", {{"clusterName", "c"}}); }
  void define(json::object container) {
    container["name"] = "main";
    container["memory"] = 128;
    if (!container.contains("image"))
      container["image"] = "000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/app:v1";
    call("ecs", "RegisterTaskDefinition",
         {{"family", "job"},
          {"executionRoleArn", role},
          {"taskRoleArn", "arn:aws:iam::000000000000:role/task"},
          {"containerDefinitions", json::array{container}}});
  }
  json::object start() {
    const json::object reply =
        call("ecs", "RunTask", {{"cluster", "c"}, {"taskDefinition", "job"}});
    return reply.at("tasks").at(0).as_object();
  }
  // The stopped reason of a task, with ids replaced.
  std::string stopped_reason() {
    const json::object task = start();
    EXPECT_EQ(text(task, "stopCode"), "TaskFailedToStart");
    const std::string id = text(task, "taskArn").substr(text(task, "taskArn").rfind('/') + 1);
    const std::string reason = text(task, "stoppedReason");
    static const std::regex uuid("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    return std::regex_replace(std::regex_replace(reason, std::regex(id), "TASK"), uuid, "UUID");
  }
};

TEST_F(Tasks, SecretsAreReadAsTheExecutionRoleInASessionNamedAfterTheTask) {
  define({{"secrets", {{{"name", "KEY"}, {"valueFrom", "/app/key"}}}}});
  record_.refused = {"ssm:GetParameters"};
  EXPECT_EQ(stopped_reason(),
            "ResourceInitializationError: unable to pull secrets or registry auth: execution "
            "resource retrieval failed: unable to retrieve secrets from ssm: service call has been "
            "retried 1 time(s): AccessDeniedException: User: "
            "arn:aws:sts::000000000000:assumed-role/worker/TASK is not authorized to perform: "
            "ssm:GetParameters status code: 400, request id: UUID");
  const Caller caller = caller_of("ssm:GetParameters");
  EXPECT_TRUE(caller.source_arn.starts_with(arn("ecs", "task/c/")));
  EXPECT_EQ(caller.acts_for, caller.source_arn);
}

TEST_F(Tasks, ARefusedSecretOfSecretsManagerIsToldWithItsArn) {
  const std::string secret = arn("secretsmanager", "secret:db-abcdef");
  define({{"secrets", {{{"name", "DB"}, {"valueFrom", secret}}}}});
  record_.refused = {"secretsmanager:GetSecretValue"};
  EXPECT_EQ(stopped_reason(),
            "ResourceInitializationError: unable to pull secrets or registry auth: execution "
            "resource retrieval failed: unable to retrieve secret from asm: service call has been "
            "retried 1 time(s): failed to fetch secret " +
                secret +
                " from secrets manager: AccessDeniedException: User: "
                "arn:aws:sts::000000000000:assumed-role/worker/TASK is not authorized to perform: "
                "secretsmanager:GetSecretValue status code: 400, request id: UUID");
}

TEST_F(Tasks, TheExecutionRoleLogsInToTheRegistryAndPulls) {
  define({});
  record_.refused = {"ecr:GetAuthorizationToken"};
  EXPECT_EQ(
      stopped_reason(),
      "ResourceInitializationError: unable to pull secrets or registry auth: execution "
      "resource retrieval failed: unable to retrieve ecr registry auth: service call has been "
      "retried 1 time(s): AccessDeniedException: User: "
      "arn:aws:sts::000000000000:assumed-role/worker/TASK is not authorized to perform: "
      "ecr:GetAuthorizationToken status code: 400, request id: UUID");
  record_.refused = {"ecr:BatchGetImage"};
  EXPECT_EQ(stopped_reason(),
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to "
            "resolve ref 000000000000.dkr.ecr.ap-northeast-1.amazonaws.com/app:v1: pulling from "
            "host 000000000000.dkr.ecr.ap-northeast-1.amazonaws.com failed with status code "
            "[manifests v1]: 403 Forbidden");
}

TEST_F(Tasks, TheExecutionRoleCreatesTheLogStream) {
  define({{"logConfiguration",
           {{"logDriver", "awslogs"},
            {"options",
             {{"awslogs-group", "/job"},
              {"awslogs-region", region},
              {"awslogs-stream-prefix", "p"}}}}}});
  record_.refused = {"logs:CreateLogStream"};
  EXPECT_EQ(stopped_reason(),
            "ResourceInitializationError: failed to validate logger args: create stream has been "
            "retried 1 times: failed to create Cloudwatch log stream: AccessDeniedException: User: "
            "arn:aws:sts::000000000000:assumed-role/worker/TASK is not authorized to perform: "
            "logs:CreateLogStream status code: 400, request id: UUID : exit status 1");
  EXPECT_TRUE(record_.requests.back().resource.starts_with(
      arn("logs", "log-group:/job:log-stream:p/main/")));
}

TEST_F(Tasks, WhoeverRunsATaskPassesItsRolesAndEcsMustBeAbleToAssumeThem) {
  define({});
  record_.refused = {"iam:PassRole"};
  const json::object request{{"cluster", "c"}, {"taskDefinition", "job"}};
  const auto passing = try_call("ecs", "RunTask", request);
  ASSERT_FALSE(passing);
  EXPECT_NE(passing.error().cause.find("iam:PassRole"), std::string::npos);
  EXPECT_EQ(record_.requests.back().keys,
            (std::vector<services::ConditionKey>{
                {.name = "iam:PassedToService", .values = {"ecs-tasks.amazonaws.com"}}}));
  record_.refused = {"arn:aws:iam::000000000000:role/task"};
  const auto assuming = try_call("ecs", "RunTask", request);
  ASSERT_FALSE(assuming);
  EXPECT_EQ(assuming.error().name, "ClientException");
  EXPECT_EQ(assuming.error().cause,
            "ECS was unable to assume the role 'arn:aws:iam::000000000000:role/task' that was "
            "provided for this task. Please verify that the role being passed has the proper trust "
            "relationship and permissions and that your IAM user has permissions to pass this "
            "role.");
}

TEST_F(Tasks, ATasksCredentialsAreASessionOfItsRoleForTheTask) {
  define({{"image", "example.com/other:v1"}});
  const std::string task = text(start(), "taskArn");
  ASSERT_EQ(sink_.tasks.size(), 1U);
  call("ecs", "kiban:TaskCredentials", {{"Id", sink_.tasks[0].payload.at("CredentialsId")}});
  const Caller caller = caller_of("sts:AssumeRole");
  EXPECT_EQ(caller.arn, "ecs-tasks.amazonaws.com");
  EXPECT_EQ(caller.source_arn, task);
  EXPECT_EQ(record_.roles.back().source_arn, task);
}

// --- CloudFormation ------------------------------------------------------------------------------

class Stacks : public Hops {
 protected:
  // The reason with which the resource R failed, with ids replaced.
  std::string reason(const json::object& resource, json::object more = {}) {
    more["StackName"] = "s";
    more["TemplateBody"] = print_json(json::object{{"Resources", {{"R", resource}}}});
    more["Capabilities"] = json::array{"CAPABILITY_IAM"};
    call("cloudformation", "CreateStack", std::move(more));
    run();
    const json::object events = call("cloudformation", "DescribeStackEvents", {{"StackName", "s"}});
    static const std::regex uuid("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    for (const json::value& event : events.at("StackEvents").as_array()) {
      if (text(event.as_object(), "ResourceStatus") == "CREATE_FAILED")
        return std::regex_replace(text(event.as_object(), "ResourceStatusReason"), uuid, "UUID");
    }
    return "nothing failed";
  }
};

TEST_F(Stacks, ARefusedResourceIsTheReasonOfItsEvent) {
  record_.refused = {"sns:CreateTopic"};
  EXPECT_EQ(reason({{"Type", "AWS::SNS::Topic"}}),
            "Resource handler returned message: \"User: arn:aws:iam::000000000000:root is not "
            "authorized to perform: sns:CreateTopic (Service: Sns, Status Code: 403, Request ID: "
            "UUID)\" (RequestToken: UUID, HandlerErrorCode: AccessDenied)");
}

TEST_F(Stacks, ARefusalOfIamNamesTheApi) {
  record_.refused = {"iam:CreateRole"};
  const json::object trust{{"Version", "2012-10-17"},
                           {"Statement",
                            {{{"Effect", "Allow"},
                              {"Principal", {{"Service", "states.amazonaws.com"}}},
                              {"Action", "sts:AssumeRole"}}}}};
  EXPECT_EQ(
      reason({{"Type", "AWS::IAM::Role"}, {"Properties", {{"AssumeRolePolicyDocument", trust}}}}),
      "API: iam:CreateRole User: arn:aws:iam::000000000000:root is not authorized to "
      "perform: iam:CreateRole");
}

TEST_F(Stacks, TheRoleOfAStackActsForIt) {
  EXPECT_EQ(reason({{"Type", "AWS::SNS::Topic"}}, {{"RoleARN", role}}), "nothing failed");
  const Caller caller = caller_of("sns:CreateTopic");
  EXPECT_EQ(caller.arn, "arn:aws:sts::000000000000:assumed-role/worker/AWSCloudFormation");
  EXPECT_TRUE(caller.acts_for.starts_with(arn("cloudformation", "stack/s/")));
  EXPECT_EQ(caller.source_arn, caller.acts_for);
}

TEST_F(Stacks, AStackOfACallerActsForItself) {
  EXPECT_EQ(reason({{"Type", "AWS::SNS::Topic"}}), "nothing failed");
  const Caller caller = caller_of("sns:CreateTopic");
  EXPECT_EQ(caller.arn, "arn:aws:iam::000000000000:root");
  EXPECT_TRUE(caller.acts_for.starts_with(arn("cloudformation", "stack/s/")));
}

TEST_F(Stacks, AMachineThatIsRefusedIsToldWithTheHandlersOlderClient) {
  record_.refused = {role};
  const json::object definition{{"StartAt", "P"},
                                {"States", {{"P", {{"Type", "Pass"}, {"End", true}}}}}};
  EXPECT_EQ(
      reason({{"Type", "AWS::StepFunctions::StateMachine"},
              {"Properties", {{"RoleArn", role}, {"DefinitionString", print_json(definition)}}}}),
      "Resource handler returned message: \"Neither the global service principal "
      "states.amazonaws.com, nor the regional one is authorized to assume the provided role. "
      "(Service: AWSStepFunctions; Status Code: 400; Error Code: AccessDeniedException; "
      "Request ID: UUID; Proxy: null)\" (RequestToken: UUID, HandlerErrorCode: "
      "AccessDenied)");
}

}  // namespace
}  // namespace kiban::cli
