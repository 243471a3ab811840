// Who calls whom: every call that one service makes of another comes from the right principal, with
// the resource on whose behalf it is made, and a refusal is shown with AWS's words at AWS's place.
#include "cli/hops_fixture.h"

namespace kiban::cli {
namespace {

// --- State machines ------------------------------------------------------------------------------

TEST_F(Hops, ATaskCallsAsASessionOfTheMachinesRoleForItsExecution) {
  make_topic("news");
  const std::string machine = make_machine("m", publish_task());
  EXPECT_EQ(text(run_machine(machine), "status"), "SUCCEEDED");
  const Caller caller = caller_of("sns:Publish");
  EXPECT_TRUE(std::regex_match(
      caller.arn, std::regex("arn:aws:sts::000000000000:assumed-role/worker/[A-Za-z]{32}")))
      << caller.arn;
  EXPECT_EQ(caller.source_arn, machine);
  EXPECT_EQ(caller.acts_for, arn("states", "execution:m:e"));
}

TEST_F(Hops, ARefusedTaskFailsWithTheIntegrationsError) {
  make_topic("news");
  record_.refused = {"sns:Publish"};
  const json::object failed = run_machine(make_machine("m", publish_task()));
  EXPECT_EQ(text(failed, "error"), "SNS.AuthorizationErrorException");
  EXPECT_TRUE(std::regex_match(
      text(failed, "cause"),
      std::regex(
          "User: arn:aws:sts::000000000000:assumed-role/worker/[A-Za-z]{32} is not "
          "authorized to perform: sns:Publish \\(Service: AmazonSNS; Status Code: 403; Error "
          "Code: AuthorizationError; Request ID: [0-9a-f-]{36}; Proxy: null\\)")))
      << text(failed, "cause");
  json::object sdk = publish_task();
  sdk["Resource"] = "arn:aws:states:::aws-sdk:sns:publish";
  const json::object other = run_machine(make_machine("sdk", sdk));
  EXPECT_EQ(text(other, "error"), "Sns.AuthorizationErrorException");
  EXPECT_NE(text(other, "cause").find("(Service: Sns, Status Code: 403, Request ID: "),
            std::string::npos)
      << text(other, "cause");
}

TEST_F(Hops, ARefusedRunTaskIsAnErrorOfEcs) {
  record_.refused = {"ecs:RunTask"};
  const json::object failed = run_machine(
      make_machine("m", {{"Resource", "arn:aws:states:::ecs:runTask"},
                         {"Parameters", {{"TaskDefinition", "job"}, {"Cluster", "c"}}}}));
  EXPECT_EQ(text(failed, "error"), "ECS.AccessDeniedException");
  EXPECT_TRUE(std::regex_search(
      text(failed, "cause"),
      std::regex("\\(Service: AmazonECS; Status Code: 400; Error Code: AccessDeniedException; "
                 "Request ID: [0-9a-f-]{36}; Proxy: null\\)$")))
      << text(failed, "cause");
}

TEST_F(Hops, AMachineNeedsARoleThatStepFunctionsMayAssume) {
  record_.refused = {role};
  const json::object definition{{"StartAt", "P"},
                                {"States", {{"P", {{"Type", "Pass"}, {"End", true}}}}}};
  const auto refused =
      try_call("states", "CreateStateMachine",
               {{"name", "m"}, {"definition", print_json(definition)}, {"roleArn", role}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "AccessDeniedException");
  EXPECT_EQ(refused.error().cause,
            "Neither the global service principal states.amazonaws.com, nor the regional one is "
            "authorized to assume the provided role.");
  ASSERT_FALSE(record_.roles.empty());
  EXPECT_EQ(record_.roles.back().source_arn, arn("states", "stateMachine:m"));
}

TEST_F(Hops, ASyncTaskNeedsTheRightToItsManagedRuleWhenTheMachineIsMade) {
  record_.refused = {"events:PutRule"};
  const json::object sync{{"Type", "Task"},
                          {"Resource", "arn:aws:states:::ecs:runTask.sync"},
                          {"Parameters", {{"TaskDefinition", "job"}}},
                          {"End", true}};
  const json::object branches{{"Type", "Parallel"},
                              {"Branches", {{{"StartAt", "T"}, {"States", {{"T", sync}}}}}},
                              {"End", true}};
  const json::object definition{{"StartAt", "P"}, {"States", {{"P", branches}}}};
  const auto refused =
      try_call("states", "CreateStateMachine",
               {{"name", "m"}, {"definition", print_json(definition)}, {"roleArn", role}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "AccessDeniedException");
  EXPECT_EQ(refused.error().cause,
            fmt::format("'{}' is not authorized to create managed-rule.", role));
  EXPECT_EQ(record_.requests.back().resource,
            arn("events", "rule/StepFunctionsGetEventsForECSTaskRule"));
  // An update is checked as well, and a machine without .sync needs no rule.
  const std::string machine = make_machine("plain", publish_task());
  EXPECT_FALSE(try_call("states", "UpdateStateMachine",
                        {{"stateMachineArn", machine}, {"definition", print_json(definition)}}));
}

TEST_F(Hops, AMachineThatLogsNeedsTheRightToTheLogDelivery) {
  call("logs", "CreateLogGroup", {{"logGroupName", "/m"}});
  record_.refused = {"logs:PutResourcePolicy"};
  const json::object definition{{"StartAt", "P"},
                                {"States", {{"P", {{"Type", "Pass"}, {"End", true}}}}}};
  const auto refused = try_call(
      "states", "CreateStateMachine",
      {{"name", "m"},
       {"definition", print_json(definition)},
       {"roleArn", role},
       {"loggingConfiguration",
        {{"level", "ALL"},
         {"destinations",
          {{{"cloudWatchLogsLogGroup", {{"logGroupArn", arn("logs", "log-group:/m:*")}}}}}}}}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "AccessDeniedException");
  EXPECT_EQ(refused.error().cause,
            "The state machine IAM Role is not authorized to access the Log Destination");
}

TEST_F(Hops, TheMachinesRoleAssumesTheRoleOfATasksCredentials) {
  make_topic("news");
  json::object task = publish_task();
  task["Credentials"] = {{"RoleArn", "arn:aws:iam::000000000000:role/target"}};
  const std::string machine = make_machine("m", task);
  EXPECT_EQ(text(run_machine(machine), "status"), "SUCCEEDED");
  const RoleRequest& request = record_.roles.back();
  EXPECT_TRUE(request.principal.starts_with("arn:aws:sts::000000000000:assumed-role/worker/"));
  ASSERT_EQ(request.keys.size(), 1U);
  EXPECT_EQ(request.keys[0].name, "sts:ExternalId");
  EXPECT_EQ(request.keys[0].values, std::vector<std::string>{machine});
  EXPECT_TRUE(
      caller_of("sns:Publish").arn.starts_with("arn:aws:sts::000000000000:assumed-role/target/"));
  record_.refused = {"arn:aws:iam::000000000000:role/target"};
  const json::object failed = run_machine(make_machine("n", task));
  EXPECT_EQ(text(failed, "error"), "States.TaskFailed");
  EXPECT_EQ(text(failed, "cause"),
            fmt::format("The role {} is not authorized to assume the task state's role, "
                        "arn:aws:iam::000000000000:role/target.",
                        role));
}

// --- Rules and schedules -------------------------------------------------------------------------

class Rules : public Hops {
 protected:
  Rules() {
    call("events", "PutRule", {{"Name", "r"}, {"EventPattern", R"({"source": ["mine"]})"}});
  }
  void aim(json::object target) {
    target["Id"] = "1";
    const json::object reply =
        call("events", "PutTargets", {{"Rule", "r"}, {"Targets", json::array{target}}});
    EXPECT_EQ(number(reply, "FailedEntryCount", -1), 0);
  }
  void fire() {
    call("events", "PutEvents",
         {{"Entries", {{{"Source", "mine"}, {"DetailType", "d"}, {"Detail", "{}"}}}}});
    run();
  }
};

TEST_F(Rules, AreTheSourceOfWhatEventBridgeSends) {
  aim({{"Arn", make_queue("q")}});
  fire();
  const Caller caller = caller_of("sqs:SendMessage");
  EXPECT_EQ(caller.arn, "events.amazonaws.com");
  EXPECT_EQ(caller.source_arn, arn("events", "rule/r"));
  EXPECT_EQ(caller.acts_for, arn("events", "rule/r"));
}

TEST_F(Rules, AssumeTheTargetsRoleAsTheirOwnSource) {
  aim({{"Arn", make_machine("m", publish_task())}, {"RoleArn", role}});
  record_.roles.clear();
  fire();
  ASSERT_FALSE(record_.roles.empty());
  EXPECT_EQ(record_.roles.front().principal, "events.amazonaws.com");
  EXPECT_EQ(record_.roles.front().source_arn, arn("events", "rule/r"));
  EXPECT_EQ(caller_of("states:StartExecution").acts_for, arn("events", "rule/r"));
}

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
TEST_F(Rules, SendWhatATargetRefusesToTheDeadLetterQueueAtOnce) {
  const std::string machine = make_machine("m", publish_task());
  aim({{"Arn", machine}, {"RoleArn", role}, {"DeadLetterConfig", {{"Arn", make_queue("dead")}}}});
  record_.refused = {"states:StartExecution"};
  fire();
  EXPECT_EQ(caller_of("sqs:SendMessage").source_arn, arn("events", "rule/r"));
  const json::array dead = messages_in("dead");
  ASSERT_EQ(dead.size(), 1U);
  const json::object& attributes = dead[0].at("MessageAttributes").as_object();
  const auto value = [&](std::string_view name) {
    return text(attributes.at(name).as_object(), "StringValue");
  };
  EXPECT_EQ(value("ERROR_CODE"), "NO_PERMISSIONS");
  EXPECT_EQ(value("RULE_ARN"), arn("events", "rule/r"));
  EXPECT_EQ(value("TARGET_ARN"), machine);
  EXPECT_NE(value("ERROR_MESSAGE").find("not authorized"), std::string::npos);
  EXPECT_FALSE(attributes.contains("RETRY_ATTEMPTS"));
}

TEST_F(Rules, GiveUpAtOnceWhenATopicRefuses) {
  aim({{"Arn", make_topic("news")}, {"DeadLetterConfig", {{"Arn", make_queue("dead")}}}});
  record_.refused = {"sns:Publish"};
  fire();
  const json::array dead = messages_in("dead");
  ASSERT_EQ(dead.size(), 1U);
  EXPECT_EQ(dead[0].at("MessageAttributes").at("ERROR_CODE").at("StringValue"), "NO_PERMISSIONS");
}

TEST_F(Rules, PassTheRoleOfATargetToEventBridge) {
  aim({{"Arn", make_machine("m", publish_task())}, {"RoleArn", role}});
  const auto passed = std::ranges::find(record_.requests, "iam:PassRole", &AccessRequest::action);
  ASSERT_NE(passed, record_.requests.end());
  EXPECT_EQ(passed->resource, role);
  EXPECT_EQ(passed->keys,
            (std::vector<services::ConditionKey>{
                {.name = "iam:PassedToService", .values = {"events.amazonaws.com"}}}));
}

json::object schedule_to(const std::string& target) {
  return {{"Name", "s"},
          {"ScheduleExpression", "rate(1 minute)"},
          {"FlexibleTimeWindow", {{"Mode", "OFF"}}},
          {"Target", {{"Arn", target}, {"RoleArn", role}, {"Input", "{}"}}}};
}

TEST_F(Hops, ASchedulesGroupIsTheSourceOfItsRolesSessions) {
  call("scheduler", "CreateSchedule", schedule_to(make_queue("q")));
  run(61s);
  const Caller caller = caller_of("sqs:SendMessage");
  EXPECT_TRUE(caller.arn.starts_with("arn:aws:sts::000000000000:assumed-role/worker/"));
  EXPECT_EQ(caller.source_arn, arn("scheduler", "schedule-group/default"));
  EXPECT_EQ(caller.acts_for, arn("scheduler", "schedule/default/s"));
}

TEST_F(Hops, AScheduleNeedsARoleThatSchedulerMayAssume) {
  record_.refused = {role};
  const auto refused = try_call("scheduler", "CreateSchedule", schedule_to(make_queue("q")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "ValidationException");
  EXPECT_EQ(
      refused.error().cause,
      "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.");
  EXPECT_EQ(record_.roles.back().source_arn, arn("scheduler", "schedule-group/default"));
}

// --- Topics, alarms, buckets ---------------------------------------------------------------------

TEST_F(Hops, ATopicIsTheSourceOfWhatItsQueuesGet) {
  const std::string topic = make_topic("news");
  call("sns", "Subscribe",
       {{"TopicArn", topic}, {"Protocol", "sqs"}, {"Endpoint", make_queue("q")}});
  call("sns", "Publish", {{"TopicArn", topic}, {"Message", "hello"}});
  ASSERT_EQ(sink_.signing.size(), 1U);
  kernel_->outcome("sns", {.id = sink_.signing[0].id, .payload = {{"Body", "signed"}}});
  run();
  const Caller caller = caller_of("sqs:SendMessage");
  EXPECT_EQ(caller.arn, "sns.amazonaws.com");
  EXPECT_EQ(caller.source_arn, topic);
}

TEST_F(Hops, AnAlarmIsTheSourceOfWhatItPublishes) {
  call("cloudwatch", "PutMetricAlarm",
       {{"AlarmName", "a"},
        {"Namespace", "n"},
        {"MetricName", "m"},
        {"Statistic", "Sum"},
        {"Period", 60},
        {"EvaluationPeriods", 1},
        {"Threshold", 1},
        {"ComparisonOperator", "GreaterThanThreshold"},
        {"AlarmActions", {make_topic("news")}}});
  call("cloudwatch", "SetAlarmState",
       {{"AlarmName", "a"}, {"StateValue", "ALARM"}, {"StateReason", "test"}});
  const Caller caller = caller_of("sns:Publish");
  EXPECT_EQ(caller.arn, "cloudwatch.amazonaws.com");
  EXPECT_EQ(caller.source_arn, arn("cloudwatch", "alarm:a"));
}

TEST_F(Hops, ABucketIsTheSourceOfItsNotificationsAndARefusalShowsWhenTheyAreSet) {
  call("s3", "CreateBucket",
       {{"Bucket", "b"}, {"CreateBucketConfiguration", {{"LocationConstraint", region}}}});
  const json::object notifications{
      {"Bucket", "b"},
      {"NotificationConfiguration",
       {{"QueueConfigurations",
         {{{"QueueArn", make_queue("q")}, {"Events", {"s3:ObjectCreated:*"}}}}}}}};
  record_.refused = {"sqs:SendMessage"};
  const auto refused = try_call("s3", "PutBucketNotificationConfiguration", notifications);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "InvalidArgument");
  EXPECT_EQ(refused.error().cause, "Unable to validate the following destination configurations");
  record_.refused.clear();
  call("s3", "PutBucketNotificationConfiguration", notifications);
  const Caller caller = caller_of("sqs:SendMessage");
  EXPECT_EQ(caller.arn, "s3.amazonaws.com");
  EXPECT_EQ(caller.source_arn, "arn:aws:s3:::b");
  EXPECT_EQ(caller.account, account);
}

// --- Keys ----------------------------------------------------------------------------------------

class Keys : public Hops {
 protected:
  Keys() {
    key_ = text(call("kms", "CreateKey", {}).at("KeyMetadata").as_object(), "Arn");
    record_.requests.clear();
  }
  const AccessRequest& last(std::string_view action) const {
    const auto found = std::ranges::find(record_.requests.rbegin(), record_.requests.rend(), action,
                                         &AccessRequest::action);
    KIBAN_CHECK(found != record_.requests.rend(), "nothing asked for the action");
    return *found;
  }
  static std::string value(const AccessRequest& request, std::string_view name) {
    const auto key = std::ranges::find(request.keys, name, &services::ConditionKey::name);
    return key == request.keys.end() ? "" : key->values.at(0);
  }
  Error refused(const std::string& action, const std::string& service, const std::string& operation,
                const json::object& input) {
    record_.refused = {action};
    const auto reply = try_call(service, operation, input);
    record_.refused.clear();
    EXPECT_FALSE(reply);
    return reply ? Error{} : reply.error();
  }
  std::string key_{};
};

// https://docs.aws.amazon.com/kms/latest/developerguide/services-secrets-manager.html
TEST_F(Keys, OfASecretAreUsedByTheCallerThroughSecretsManager) {
  const json::object input{{"Name", "s"}, {"SecretString", "v"}, {"KmsKeyId", key_}};
  const Error error = refused("kms:GenerateDataKey", "secretsmanager", "CreateSecret", input);
  EXPECT_EQ(error.name, "AccessDeniedException");
  EXPECT_EQ(error.cause, "Access to KMS is not allowed");
  const std::string secret = text(call("secretsmanager", "CreateSecret", input), "ARN");
  refused("kms:Decrypt", "secretsmanager", "GetSecretValue", {{"SecretId", "s"}});
  const AccessRequest& request = last("kms:Decrypt");
  EXPECT_EQ(request.resource, key_);
  EXPECT_EQ(value(request, "kms:ViaService"), "secretsmanager.ap-northeast-1.amazonaws.com");
  EXPECT_EQ(value(request, "kms:CallerAccount"), account);
  EXPECT_EQ(value(request, "kms:EncryptionContext:SecretARN"), secret);
}

TEST_F(Keys, OfAParameterAreNeededToWriteAndToDecryptIt) {
  const json::object input{
      {"Name", "/p"}, {"Value", "v"}, {"Type", "SecureString"}, {"KeyId", key_}};
  EXPECT_EQ(refused("kms:Encrypt", "ssm", "PutParameter", input).name, "AccessDenied");
  call("ssm", "PutParameter", input);
  record_.refused = {"kms:Decrypt"};
  call("ssm", "GetParameter", {{"Name", "/p"}});
  refused("kms:Decrypt", "ssm", "GetParameter", {{"Name", "/p"}, {"WithDecryption", true}});
  EXPECT_EQ(value(last("kms:Decrypt"), "kms:EncryptionContext:PARAMETER_ARN"),
            arn("ssm", "parameter/p"));
}

TEST_F(Keys, OfAQueueAndATopicAreNeededByWhoeverSends) {
  call("sqs", "CreateQueue", {{"QueueName", "q"}, {"Attributes", {{"KmsMasterKeyId", key_}}}});
  const json::object message{{"QueueUrl", fmt::format("http://127.0.0.1:4566/{}/q", account)},
                             {"MessageBody", "m"}};
  EXPECT_EQ(refused("kms:GenerateDataKey", "sqs", "SendMessage", message).name, "KmsAccessDenied");
  EXPECT_EQ(value(last("kms:GenerateDataKey"), "kms:EncryptionContext:aws:sqs:arn"),
            arn("sqs", "q"));
  const std::string topic = make_topic("news");
  call("sns", "SetTopicAttributes",
       {{"TopicArn", topic}, {"AttributeName", "KmsMasterKeyId"}, {"AttributeValue", key_}});
  EXPECT_EQ(refused("kms:Decrypt", "sns", "Publish", {{"TopicArn", topic}, {"Message", "m"}}).name,
            "KMSAccessDeniedException");
}

TEST_F(Keys, OfAwsAreUsedByEveryone) {
  call("secretsmanager", "CreateSecret",
       {{"Name", "s"}, {"SecretString", "v"}, {"KmsKeyId", "alias/aws/secretsmanager"}});
  call("ssm", "PutParameter", {{"Name", "/p"}, {"Value", "v"}, {"Type", "SecureString"}});
  EXPECT_EQ(std::ranges::count_if(record_.requests,
                                  [](const AccessRequest& request) {
                                    return request.action.starts_with("kms:") &&
                                           request.action != "kms:DescribeKey";
                                  }),
            0);
}

}  // namespace
}  // namespace kiban::cli
