// The process stops after each commit of a scenario in turn; the result must equal that of the run
// without a stop.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "cli/wiring.h"
#include "simulate/world.h"

namespace kiban::simulate {
namespace {

using namespace std::chrono_literals;

constexpr const char* region = "ap-northeast-1";
constexpr const char* execution = "arn:aws:states:ap-northeast-1:000000000000:execution:m:e";
constexpr const char* machine = "arn:aws:states:ap-northeast-1:000000000000:stateMachine:m";
constexpr const char* queue = "http://127.0.0.1:4566/000000000000/q";

struct Scenario {
  std::string name{};
  std::vector<Call> setup{};
  std::vector<Step> steps{};
  // The summary to compare, and the text that it must contain without a stop.
  std::function<std::string(World&)> summary{};
  std::string expected{"SUCCEEDED"};
};

Call call(std::string service, std::string operation, json::object input) {
  return {.service = std::move(service),
          .operation = std::move(operation),
          .input = std::move(input),
          .region = region};
}

std::string answer(World& world, const std::string& service, const std::string& operation,
                   json::object input) {
  const auto reply = world.ask(service, operation, std::move(input), region);
  return reply ? print_json(*reply) : reply.error().name;
}

// Types of the events, status and output of the execution.
std::string history(World& world) {
  const auto reply = world.ask("states", "GetExecutionHistory",
                               {{"executionArn", execution}, {"maxResults", 1000}}, region);
  if (!reply) return reply.error().name;
  std::string all;
  for (const json::value& event : reply->at("events").as_array())
    all += text(event.as_object(), "type") + " ";
  const auto described =
      world.ask("states", "DescribeExecution", {{"executionArn", execution}}, region);
  return fmt::format("{}{} {}", all, text(*described, "status"), text(*described, "output"));
}

Step start(Duration advance) {
  return {.number = 2,
          .calls = {call("states", "StartExecution",
                         {{"stateMachineArn", machine}, {"name", "e"}, {"input", "[1,2,3]"}})},
          .advance = advance};
}

Scenario of_machine(std::string name, const std::string& definition, std::vector<Call> setup = {}) {
  setup.push_back(call("states", "CreateStateMachine",
                       {{"name", "m"},
                        {"definition", definition},
                        {"roleArn", "arn:aws:iam::000000000000:role/r"}}));
  return {
      .name = std::move(name), .setup = std::move(setup), .steps = {start(1h)}, .summary = history};
}

std::vector<Call> with_containers() {
  const json::object container{{"name", "c"}, {"image", "i"}};
  return {call("ecs", "CreateCluster", {{"clusterName", "k"}}),
          call("ecs", "RegisterTaskDefinition",
               {{"family", "f"},
                {"requiresCompatibilities", {"FARGATE"}},
                {"networkMode", "awsvpc"},
                {"cpu", "256"},
                {"memory", "512"},
                {"containerDefinitions", json::array{container}}})};
}

// Receives the token from a queue and answers it.
class TokenHolder {
 public:
  static void answer_task(World& world) {
    const auto reply = world.ask("sqs", "ReceiveMessage", {{"QueueUrl", queue}}, region);
    const json::array* messages = reply ? find_array(*reply, "Messages") : nullptr;
    if (messages == nullptr || messages->empty()) return;
    const auto body = parse_json(text(messages->at(0).as_object(), "Body"));
    (void)world.ask("states", "SendTaskSuccess",
                    {{"taskToken", text(body->as_object(), "T")}, {"output", "7"}}, region);
  }
};

Scenario stack() {
  const std::string body =
      R"({"Resources":{"Q":{"Type":"AWS::SQS::Queue"},"T":{"Type":"AWS::SNS::Topic"},)"
      R"("C":{"Type":"AWS::ECS::Cluster"},)"
      R"("D":{"Type":"AWS::RDS::DBCluster","Properties":{"Engine":"aurora-postgresql",)"
      R"("MasterUsername":"owner","MasterUserPassword":"password-1"}}}})";
  return {.name = "deployment of a stack",
          .setup = {},
          .steps = {{.number = 2,
                     .calls = {call("cloudformation", "CreateStack",
                                    {{"StackName", "s"}, {"TemplateBody", body}})},
                     .advance = 1h}},
          .summary =
              [](World& world) {
                const auto reply = world.ask("cloudformation", "DescribeStackResources",
                                             {{"StackName", "s"}}, region);
                std::string all;
                for (const json::value& each :
                     reply ? reply->at("StackResources").as_array() : json::array{})
                  all += text(each.as_object(), "LogicalResourceId") + " " +
                         text(each.as_object(), "ResourceStatus") + " ";
                return all;
              },
          .expected = "D CREATE_COMPLETE"};
}

Scenario rule() {
  return {
      .name = "rule firing",
      .setup = {call("sqs", "CreateQueue", {{"QueueName", "q"}}),
                call("events", "PutRule",
                     {{"Name", "r"}, {"ScheduleExpression", "rate(1 minute)"}})},
      .steps = {{.number = 2,
                 .calls = {call(
                     "events", "PutTargets",
                     {{"Rule", "r"},
                      {"Targets",
                       json::array{json::object{
                           {"Id", "1"}, {"Arn", "arn:aws:sqs:ap-northeast-1:000000000000:q"}}}}})},
                 .advance = 330s}},
      .summary =
          [](World& world) {
            return answer(
                world, "sqs", "GetQueueAttributes",
                {{"QueueUrl", queue}, {"AttributeNames", {"ApproximateNumberOfMessages"}}});
          },
      .expected = R"("ApproximateNumberOfMessages":"5")"};
}

std::vector<Scenario> scenarios() {
  std::vector<Scenario> all;
  all.push_back(of_machine(
      "pass chain",
      R"({"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Pass","Result":2,"End":true}}})"));
  all.push_back(of_machine(
      "retry",
      R"({"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage",)"
      R"("Parameters":{"QueueUrl":"http://127.0.0.1:4566/000000000000/none","MessageBody":"m"},)"
      R"("Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":2,"MaxAttempts":3}],)"
      R"("Catch":[{"ErrorEquals":["States.ALL"],"Next":"B"}],"End":true},"B":{"Type":"Pass","Result":1,"End":true}}})"));
  all.push_back(of_machine(
      "wait",
      R"({"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":30,"Next":"B"},"B":{"Type":"Wait","Seconds":1,"End":true}}})"));
  all.push_back(of_machine(
      "parallel", R"({"StartAt":"A","States":{"A":{"Type":"Parallel","End":true,"Branches":[)"
                  R"({"StartAt":"X","States":{"X":{"Type":"Wait","Seconds":2,"End":true}}},)"
                  R"({"StartAt":"Y","States":{"Y":{"Type":"Wait","Seconds":5,"End":true}}}]}}})"));
  all.push_back(of_machine(
      "map",
      R"({"StartAt":"A","States":{"A":{"Type":"Map","MaxConcurrency":2,"End":true,"ItemProcessor":)"
      R"({"StartAt":"X","States":{"X":{"Type":"Wait","Seconds":2,"End":true}}}}}})"));
  all.push_back(of_machine(
      "distributed map",
      R"({"StartAt":"A","States":{"A":{"Type":"Map","MaxConcurrency":2,"End":true,"ItemProcessor":)"
      R"({"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},)"
      R"("StartAt":"X","States":{"X":{"Type":"Wait","Seconds":2,"End":true}}}}}})"));
  all.push_back(of_machine(
      ".sync task",
      R"({"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::ecs:runTask.sync",)"
      R"("Parameters":{"Cluster":"k","TaskDefinition":"f","LaunchType":"FARGATE",)"
      R"("NetworkConfiguration":{"AwsvpcConfiguration":{"Subnets":["SUBNET"]}}},"ResultPath":null,"End":true}}})",
      with_containers()));
  Scenario token = of_machine(
      "task token",
      R"({"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage.waitForTaskToken",)"
      R"("Parameters":{"QueueUrl":"http://127.0.0.1:4566/000000000000/q","MessageBody":{"T.$":"$$.Task.Token"}},)"
      R"("End":true}}})",
      {call("sqs", "CreateQueue", {{"QueueName", "q"}})});
  token.summary = [](World& world) {
    TokenHolder::answer_task(world);
    return history(world);
  };
  all.push_back(std::move(token));
  all.push_back(stack());
  all.push_back(rule());
  return all;
}

struct Outcome {
  std::string summary{};
  std::uint64_t commits{0};  // Of the steps.
};

// In the definitions of machines, SUBNET is a subnet that is there.
std::vector<Call> with_subnet(World& world, std::vector<Call> calls) {
  const auto vpc = world.ask("ec2", "CreateVpc", {{"CidrBlock", "10.1.0.0/16"}}, region);
  const auto subnet =
      world.ask("ec2", "CreateSubnet",
                {{"VpcId", vpc->at("Vpc").at("VpcId")}, {"CidrBlock", "10.1.1.0/24"}}, region);
  const std::string id{subnet->at("Subnet").at("SubnetId").as_string()};
  constexpr std::string_view place = "SUBNET";
  for (Call& each : calls) {
    std::string definition = text(each.input, "definition");
    if (const std::size_t at = definition.find(place); at != std::string::npos)
      each.input["definition"] = definition.replace(at, place.size(), id);
  }
  return calls;
}

// `stop_after`: the commit of the steps after which the process stops; nullopt: it does not.
Outcome run(const Scenario& scenario, std::optional<std::uint64_t> stop_after) {
  World world{{.seed = 1, .make_services = [] { return cli::make_services({}); }}, {}};
  world.be_kind();
  world.perform(Step{.number = 1, .calls = with_subnet(world, scenario.setup)});
  const std::uint64_t before = world.commits();
  for (Step step : scenario.steps) {
    const std::uint64_t done = world.commits() - before;
    if (stop_after && *stop_after >= done) {
      step.fault = Fault::StopAfterCommit;
      step.fault_after = *stop_after - done;
    }
    world.perform(step);
  }
  Outcome outcome{.summary = {}, .commits = world.commits() - before};
  outcome.summary = scenario.summary(world);
  EXPECT_FALSE(world.findings().first())
      << world.findings().first().value_or(Finding{}).what << " after " << stop_after.value_or(0);
  return outcome;
}

class Crash : public testing::TestWithParam<Scenario> {};

TEST_P(Crash, MakesNoDifferenceAfterAnyCommit) {
  const Outcome expected = run(GetParam(), std::nullopt);
  EXPECT_GE(expected.commits, 1U);
  EXPECT_NE(expected.summary.find(GetParam().expected), std::string::npos) << expected.summary;
  for (std::uint64_t commit = 0; commit < expected.commits; ++commit)
    EXPECT_EQ(run(GetParam(), commit).summary, expected.summary)
        << "stopped after commit " << commit + 1 << " of " << expected.commits;
}

INSTANTIATE_TEST_SUITE_P(All, Crash, testing::ValuesIn(scenarios()), [](const auto& each) {
  std::string name;
  for (const char c : each.param.name) name += c == ' ' || c == '.' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace kiban::simulate
