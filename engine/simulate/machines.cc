#include "simulate/machines.h"

#include <fmt/format.h>

#include <array>

namespace kiban::simulate {
namespace {

constexpr std::string_view here = "ap-northeast-1:000000000000";

std::string arn(std::string_view service, std::string_view resource) {
  return fmt::format("arn:aws:{}:{}:{}", service, here, resource);
}

std::string one_of_four(Random& random, std::string_view what) {
  return fmt::format("{}-{}", what, 1 + random.below(4));
}

// Builds the states of a machine, a branch or an item processor: a chain that may jump forward, may
// fail and may be caught.
class Builder {
 public:
  explicit Builder(Random& random) : random_(random), jsonata_(random.below(5) < 2) {}

  json::object machine() {
    json::object made = scope(0);
    if (jsonata_) made["QueryLanguage"] = "JSONata";
    if (random_.below(4) == 0) made["TimeoutSeconds"] = 5 + random_.below(600);
    return made;
  }

 private:
  json::object scope(int depth) {
    json::object states;
    const std::string first = name();
    std::vector<std::string> names;
    const std::size_t count = 1 + random_.below(depth == 0 ? 4 : 2);
    for (std::size_t i = 0; i < count; ++i) names.push_back(name());
    names.push_back(name());
    const std::string caught = name();
    json::object begin{{"Type", "Pass"}, {"Next", names.front()}};
    begin[jsonata_ ? "Output" : "Result"] = {{"n", 1}, {"items", {1, 2, 3}}, {"text", "a"}};
    states[first] = std::move(begin);
    for (std::size_t i = 0; i < count; ++i)
      states[names[i]] = state(depth, names[i + 1], names.back(), caught);
    states[names.back()] = last(depth);
    states[caught] = {{"Type", "Pass"}, {"End", true}};
    return {{"StartAt", first}, {"States", drop_unused(std::move(states), caught)}};
  }

  // A state that no state leads to is refused.
  static json::object drop_unused(json::object states, const std::string& name) {
    json::object others = states;
    others.erase(name);
    if (print_json(others).find("\"" + name + "\"") == std::string::npos) states.erase(name);
    return states;
  }

  json::object last(int depth) {
    if (random_.below(6) == 0)
      return {{"Type", "Fail"}, {"Error", "Simulated.Failure"}, {"Cause", "made to fail"}};
    if (depth == 0 && random_.below(3) == 0) return {{"Type", "Succeed"}};
    return {{"Type", "Pass"}, {"End", true}};
  }

  json::object state(int depth, const std::string& next, const std::string& end,
                     const std::string& caught) {
    const std::uint64_t draw = random_.below(depth < 2 ? 10 : 6);
    if (draw == 5) return choice(next, end);
    json::object made = draw < 3    ? task()
                        : draw == 3 ? pass()
                        : draw == 4 ? wait()
                        : draw < 8  ? map(depth)
                                    : parallel(depth);
    made["Next"] = next;
    if (made["Type"] == "Pass" || made["Type"] == "Wait") return made;
    if (!jsonata_) made["ResultPath"] = "$.result";
    if (random_.below(2) == 0) made["Retry"] = json::array{retrier()};
    if (random_.below(2) == 0) {
      json::object catcher{{"ErrorEquals", {"States.ALL"}}, {"Next", caught}};
      made["Catch"] = json::array{std::move(catcher)};
    }
    if (jsonata_ && random_.below(3) == 0) made["Assign"] = {{"seen", "{% $states.input.n %}"}};
    return made;
  }

  json::object retrier() {
    json::object made{{"ErrorEquals", {random_.below(2) == 0 ? "States.ALL" : "States.TaskFailed"}},
                      {"IntervalSeconds", 1 + random_.below(20)},
                      {"MaxAttempts", random_.below(4)},
                      {"BackoffRate", random_.below(2) == 0 ? 1.0 : 2.0}};
    if (random_.below(3) == 0) made["MaxDelaySeconds"] = 30;
    if (random_.below(3) == 0) made["JitterStrategy"] = "FULL";
    return made;
  }

  json::object pass() {
    json::object made{{"Type", "Pass"}};
    if (jsonata_) {
      made["Output"] = {{"n", "{% $states.input.n + 1 %}"}, {"items", {1, 2}}};
      if (random_.below(2) == 0) made["Output"] = "{% $states.input %}";
    } else if (random_.below(2) == 0) {
      made["Parameters"] = {{"n", 2}, {"items", {4, 5}}, {"id.$", "States.UUID()"}};
    }
    return made;
  }

  json::object wait() {
    json::object made{{"Type", "Wait"}};
    if (random_.below(4) == 0)
      made["Timestamp"] = "2026-01-02T00:00:00Z";
    else if (!jsonata_ && random_.below(3) == 0)
      made["SecondsPath"] = "$.n";
    else
      made["Seconds"] = random_.below(random_.below(4) == 0 ? 100'000 : 90);
    return made;
  }

  json::object choice(const std::string& next, const std::string& end) {
    json::object rule{{"Next", next}};
    if (jsonata_)
      rule["Condition"] = random_.below(2) == 0 ? "{% $states.input.n = 1 %}" : "{% true %}";
    else if (random_.below(2) == 0)
      rule.insert({{"Variable", "$.n"}, {"NumericEquals", 1}});
    else
      rule["Not"] = {{"Variable", "$.absent"}, {"IsPresent", true}};
    return {{"Type", "Choice"}, {"Choices", json::array{std::move(rule)}}, {"Default", end}};
  }

  json::object parallel(int depth) {
    json::array branches;
    for (std::size_t i = 0; i < 1 + random_.below(3); ++i) branches.push_back(scope(depth + 1));
    return {{"Type", "Parallel"}, {"Branches", std::move(branches)}};
  }

  json::object map(int depth) {
    json::object processor = scope(depth + 1);
    const bool distributed = depth == 0 && random_.below(2) == 0;
    if (distributed)
      processor["ProcessorConfig"] = {
          {"Mode", "DISTRIBUTED"},
          {"ExecutionType", random_.below(3) == 0 ? "EXPRESS" : "STANDARD"}};
    json::object made{{"Type", "Map"}, {"ItemProcessor", std::move(processor)}};
    made[jsonata_ ? "Items" : "ItemsPath"] =
        jsonata_ ? json::value{1, 2, 3} : json::value("$.items");
    if (random_.below(2) == 0) made["MaxConcurrency"] = 1 + random_.below(2);
    if (distributed && random_.below(3) == 0) made["ToleratedFailurePercentage"] = 50;
    if (distributed && random_.below(3) == 0) made["ItemBatcher"] = {{"MaxItemsPerBatch", 2}};
    if (distributed && random_.below(3) == 0) made["Label"] = "items";
    return made;
  }

  json::object task() {
    json::object made{{"Type", "Task"}};
    const auto [resource, parameters] = integration();
    made["Resource"] = resource;
    if (!parameters.empty()) made[jsonata_ ? "Arguments" : "Parameters"] = parameters;
    if (random_.below(2) == 0) made["TimeoutSeconds"] = 20 + random_.below(300);
    const bool waits =
        resource.find(":activity:") != std::string::npos || resource.ends_with(".waitForTaskToken");
    if (waits) made["TimeoutSeconds"] = 60 + random_.below(900);
    if (waits && random_.below(2) == 0) made["HeartbeatSeconds"] = 20 + random_.below(30);
    return made;
  }

  std::pair<std::string, json::object> integration() {
    const std::string queue = "http://127.0.0.1:4566/000000000000/" + one_of_four(random_, "queue");
    const json::object run{
        {"Cluster", one_of_four(random_, "cluster")},
        {"TaskDefinition", one_of_four(random_, "taskdefinition")},
        {"LaunchType", "FARGATE"},
        {"NetworkConfiguration", {{"AwsvpcConfiguration", {{"Subnets", {"@SUBNET@"}}}}}}};
    switch (random_.below(13)) {
      case 0:
        return {arn("states", "activity:" + one_of_four(random_, "activity")), {}};
      case 1:
        return {"arn:aws:states:::sqs:sendMessage",
                {{"QueueUrl", queue}, {"MessageBody", "from a machine"}}};
      case 2:
        return {"arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                {{"QueueUrl", queue}, {"MessageBody", token("TaskToken")}}};
      case 3:
        return {"arn:aws:states:::sns:publish",
                {{"TopicArn", arn("sns", one_of_four(random_, "topic"))}, {"Message", "m"}}};
      case 4:
        return {"arn:aws:states:::ecs:runTask", run};
      case 5:
      case 6:
        return {"arn:aws:states:::ecs:runTask.sync", run};
      case 7:
        return {"arn:aws:states:::states:startExecution.sync:2",
                {{"StateMachineArn", arn("states", "stateMachine:leaf")}}};
      case 8:
        return {"arn:aws:states:::states:startExecution",
                {{"StateMachineArn", arn("states", "stateMachine:leaf")}}};
      case 9:
        return {"arn:aws:states:::events:putEvents",
                {{"Entries",
                  json::array{json::object{
                      {"Source", "simulated"}, {"DetailType", "made"}, {"Detail", {{"a", 1}}}}}}}};
      case 10:
        return {"arn:aws:states:::aws-sdk:s3:listBuckets", {}};
      case 11:
        return {"arn:aws:states:::http:invoke",
                {{"ApiEndpoint", "https://example.com/call"},
                 {"Method", "POST"},
                 {"Authentication", {{"ConnectionArn", "@CONNECTION@"}}},
                 {"RequestBody", {{"a", 1}}}}};
      default:
        return {"arn:aws:states:::aws-sdk:sfn:listStateMachines", {}};
    }
  }

  json::object token(const std::string& member) const {
    if (jsonata_) return {{member, "{% $states.context.Task.Token %}"}};
    return {{member + ".$", "$$.Task.Token"}};
  }

  std::string name() { return fmt::format("S{}", ++states_made_); }

  Random& random_;
  bool jsonata_;
  int states_made_{0};
};

json::object resource(std::string_view type, json::object properties) {
  return {{"Type", type}, {"Properties", std::move(properties)}};
}

json::object ref(std::string_view id) { return {{"Ref", id}}; }
json::object attribute(std::string_view id, std::string_view name) {
  return {{"Fn::GetAtt", json::array{id, name}}};
}

const json::object trust{
    {"Version", "2012-10-17"},
    {"Statement", json::array{json::object{{"Effect", "Allow"},
                                           {"Principal", {{"Service", "states.amazonaws.com"}}},
                                           {"Action", "sts:AssumeRole"}}}}};

void add_messages(Random& random, json::object& to) {
  json::object queue;
  if (random.below(2) == 0) queue["QueueName"] = one_of_four(random, "queue");
  if (random.below(8) == 0) queue["VisibilityTimeout"] = -5;  // Refused: the stack rolls back.
  to["Queue"] = resource("AWS::SQS::Queue", std::move(queue));
  to["Topic"] = resource("AWS::SNS::Topic", {{"DisplayName", ref("Word")}});
  to["Subscription"] = resource(
      "AWS::SNS::Subscription",
      {{"TopicArn", ref("Topic")}, {"Protocol", "sqs"}, {"Endpoint", attribute("Queue", "Arn")}});
}

void add_rule(Random& random, json::object& to) {
  json::object target{{"Id", "queue"}, {"Arn", attribute("Queue", "Arn")}};
  json::object rule{
      {"ScheduleExpression", random.below(2) == 0 ? "rate(1 minute)" : "cron(0/5 * * * ? *)"},
      {"Targets", json::array{std::move(target)}}};
  to["Rule"] = resource("AWS::Events::Rule", std::move(rule));
}

void add_machine(Random& random, json::object& to) {
  to["Role"] = resource("AWS::IAM::Role", {{"AssumeRolePolicyDocument", trust}});
  to["Machine"] = resource("AWS::StepFunctions::StateMachine",
                           {{"RoleArn", attribute("Role", "Arn")},
                            {"DefinitionString", print_json(Builder{random}.machine())}});
}

void add_storage(Random& random, json::object& to) {
  json::object bucket;
  if (random.below(2) == 0) bucket["BucketName"] = one_of_four(random, "bucket");
  to["Bucket"] = resource("AWS::S3::Bucket", std::move(bucket));
  to["Logs"] = resource("AWS::Logs::LogGroup", {{"RetentionInDays", 7}});
  to["Parameter"] = resource("AWS::SSM::Parameter", {{"Type", "String"}, {"Value", ref("Word")}});
  if (random.below(3) == 0)
    to["Imported"] = resource(
        "AWS::SSM::Parameter",
        {{"Type", "String"}, {"Value", {{"Fn::ImportValue", one_of_four(random, "export")}}}});
  to["Secret"] =
      resource("AWS::SecretsManager::Secret", {{"GenerateSecretString", {{"PasswordLength", 20}}}});
}

void add_network(json::object& to) {
  to["Vpc"] = resource("AWS::EC2::VPC", {{"CidrBlock", "10.7.0.0/16"}});
  to["Subnet"] = resource("AWS::EC2::Subnet", {{"VpcId", ref("Vpc")},
                                               {"CidrBlock", "10.7.1.0/24"},
                                               {"AvailabilityZone", "ap-northeast-1a"}});
  to["Other"] = resource("AWS::EC2::Subnet", {{"VpcId", ref("Vpc")},
                                              {"CidrBlock", "10.7.2.0/24"},
                                              {"AvailabilityZone", "ap-northeast-1c"}});
}

void add_service(Random& random, json::object& to) {
  json::object container{{"Name", "main"}, {"Image", "image"}};
  if (random.below(3) == 0)
    container["HealthCheck"] = {{"Command", {"CMD-SHELL", "true"}}, {"Interval", 5}};
  to["Cluster"] = resource("AWS::ECS::Cluster", {});
  to["Definition"] = resource("AWS::ECS::TaskDefinition",
                              {{"RequiresCompatibilities", {"FARGATE"}},
                               {"NetworkMode", "awsvpc"},
                               {"Cpu", "256"},
                               {"Memory", "512"},
                               {"ContainerDefinitions", json::array{std::move(container)}}});
  to["Service"] = resource(
      "AWS::ECS::Service",
      {{"Cluster", ref("Cluster")},
       {"TaskDefinition", ref("Definition")},
       {"DesiredCount", random.below(3)},
       {"LaunchType", "FARGATE"},
       {"DeploymentConfiguration",
        {{"DeploymentCircuitBreaker", {{"Enable", random.below(2) == 0}, {"Rollback", true}}}}},
       {"NetworkConfiguration",
        {{"AwsvpcConfiguration", {{"Subnets", json::array{ref("Subnet")}}}}}}});
}

void add_database(json::object& to) {
  to["Group"] = resource(
      "AWS::RDS::DBSubnetGroup",
      {{"DBSubnetGroupDescription", "d"}, {"SubnetIds", json::array{ref("Subnet"), ref("Other")}}});
  to["Database"] = resource("AWS::RDS::DBCluster", {{"Engine", "aurora-postgresql"},
                                                    {"MasterUsername", "owner"},
                                                    {"MasterUserPassword", "password-1"},
                                                    {"DBSubnetGroupName", ref("Group")}});
  to["Instance"] = resource("AWS::RDS::DBInstance", {{"Engine", "aurora-postgresql"},
                                                     {"DBClusterIdentifier", ref("Database")},
                                                     {"DBInstanceClass", "db.t3.medium"}});
}

}  // namespace

std::string make_definition(Random& random) { return print_json(Builder{random}.machine()); }

std::string make_template(Random& random) {
  json::object resources;
  const auto some = [&] { return random.below(2) == 0; };
  const bool messages = some();
  if (messages) add_messages(random, resources);
  if (messages && some()) add_rule(random, resources);
  if (some()) add_storage(random, resources);
  if (some()) add_machine(random, resources);
  if (some()) {
    add_network(resources);
    if (some()) add_service(random, resources);
    if (some()) add_database(resources);
  }
  if (resources.empty())
    resources["Wait"] = resource("AWS::CloudFormation::WaitConditionHandle", {});
  json::object made{
      {"Parameters", {{"Word", {{"Type", "String"}, {"Default", one_of_four(random, "word")}}}}},
      {"Resources", std::move(resources)}};
  if (messages)
    made["Outputs"] = {{"Queue",
                        {{"Value", attribute("Queue", "Arn")},
                         {"Export", {{"Name", one_of_four(random, "export")}}}}}};
  return print_json(made);
}

}  // namespace kiban::simulate
