#include "services/states/versions.h"

#include <gtest/gtest.h>

#include "services/states/fixture.h"
#include "services/states/variable_references.h"

namespace kiban::services::states {
namespace {

class Versions : public States {
 protected:
  std::string passing(int result) {
    return fmt::format(
        R"({{"StartAt":"A","States":{{"A":{{"Type":"Pass","Result":{},"End":true}}}}}})", result);
  }
  std::string publish(const std::string& machine, int result) {
    return text(
        call("states", "UpdateStateMachine",
             {{"stateMachineArn", machine}, {"definition", passing(result)}, {"publish", true}}),
        "stateMachineVersionArn");
  }
  Error refuse(const std::string& operation, json::object input) {
    const auto reply = try_call("states", operation, std::move(input));
    return reply ? Error{} : reply.error();
  }
  static json::array routing(const std::string& one, int weight, const std::string& other = {}) {
    json::array routes{{{"stateMachineVersionArn", one}, {"weight", weight}}};
    if (!other.empty())
      routes.push_back({{"stateMachineVersionArn", other}, {"weight", 100 - weight}});
    return routes;
  }
};

TEST_F(Versions, AVersionRunsWhatWasPublished) {
  const std::string machine = make("m", passing(1), {{"publish", true}});
  EXPECT_EQ(publish(machine, 2), machine + ":2");
  EXPECT_EQ(publish(machine, 2), machine + ":2");  // The same revision is the same version.
  call("states", "UpdateStateMachine", {{"stateMachineArn", machine}, {"definition", passing(3)}});
  EXPECT_EQ(text(describe(start(machine + ":1")), "output"), "1");
  EXPECT_EQ(text(describe(start(machine)), "output"), "3");
  const json::object second = describe(start(machine + ":2"));
  EXPECT_EQ(text(second, "output"), "2");
  EXPECT_EQ(text(second, "stateMachineArn"), machine);
  EXPECT_EQ(text(second, "stateMachineVersionArn"), machine + ":2");
  EXPECT_EQ(refuse("StartExecution", {{"stateMachineArn", machine + ":3"}}).name,
            "StateMachineDoesNotExist");
  EXPECT_EQ(text(call("states", "DescribeStateMachine", {{"stateMachineArn", machine + ":1"}}),
                 "definition"),
            passing(1));
  const auto conflict =
      refuse("PublishStateMachineVersion", {{"stateMachineArn", machine}, {"revisionId", "other"}});
  EXPECT_EQ(conflict.name, "ConflictException");
}

TEST_F(Versions, AnAliasIsRoutedByWeight) {
  const std::string machine = make("m", passing(1), {{"publish", true}});
  const std::string second = publish(machine, 2);
  const std::string alias =
      text(call("states", "CreateStateMachineAlias",
                {{"name", "live"}, {"routingConfiguration", routing(machine + ":1", 70, second)}}),
           "stateMachineAliasArn");
  int firsts = 0;
  for (int i = 0; i < 200; ++i) {
    const json::object ran = describe(start(alias));
    EXPECT_EQ(text(ran, "stateMachineAliasArn"), alias);
    if (text(ran, "output") == "1") ++firsts;
  }
  EXPECT_GT(firsts, 110);
  EXPECT_LT(firsts, 170);
  EXPECT_EQ(refuse("DeleteStateMachineVersion", {{"stateMachineVersionArn", second}}).name,
            "ConflictException");
  call("states", "UpdateStateMachineAlias",
       {{"stateMachineAliasArn", alias}, {"routingConfiguration", routing(second, 100)}});
  EXPECT_EQ(text(describe(start(alias)), "output"), "2");
  EXPECT_EQ(refuse("DeleteStateMachineVersion", {{"stateMachineVersionArn", machine + ":1"}}),
            Error{});
  call("states", "DeleteStateMachineAlias", {{"stateMachineAliasArn", alias}});
  EXPECT_EQ(refuse("DescribeStateMachineAlias", {{"stateMachineAliasArn", alias}}).name,
            "ResourceNotFound");
}

TEST_F(Versions, ARoutingThatCannotBeIsRefused) {
  const std::string one = make("m", passing(1), {{"publish", true}}) + ":1";
  const std::string two = publish(one.substr(0, one.size() - 2), 2);
  const auto create = [&](json::array routes) {
    return refuse("CreateStateMachineAlias",
                  {{"name", "a"}, {"routingConfiguration", std::move(routes)}});
  };
  EXPECT_EQ(create(routing(one, 70)).cause,
            "Sum of routing configuration weights must equal 100. Received: [70]");
  EXPECT_EQ(create(routing(one, 70, one)).cause,
            "Routing configuration must contain distinct state machine version ARNs. Received: [" +
                one + ", " + one + "]");
  EXPECT_EQ(create(routing(one.substr(0, one.size() - 2), 100)).name, "ValidationException");
  EXPECT_EQ(create(routing(one, 100)), Error{});
  EXPECT_EQ(create(routing(one, 100)), Error{});  // The same again is the same alias.
  EXPECT_EQ(create(routing(one, 50, two)).name, "ConflictException");
}

TEST_F(Versions, AnExecutionOutlivesItsMachine) {
  const std::string url = text(call("sqs", "CreateQueue", {{"QueueName", "q"}}), "QueueUrl");
  const std::string machine = make(
      "m",
      R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"S"},"S":{"Type":"Task",
      "Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":")" +
          url + R"(","MessageBody":"x"},"ResultPath":null,"End":true}}})");
  const std::string execution = start(machine);
  call("states", "DeleteStateMachine", {{"stateMachineArn", machine}});
  now_ = kernel_->run_until_idle(now_, now_ + 1min);
  EXPECT_EQ(text(describe(execution), "status"), "SUCCEEDED");
  EXPECT_EQ(text(call("states", "DescribeStateMachineForExecution", {{"executionArn", execution}}),
                 "roleArn"),
            role);
}

TEST(VariableReferences, NameWhatStatesRead) {
  constexpr const char* definition = R"json({"StartAt":"A","States":{
      "A":{"Type":"Pass","Assign":{"x":1,"y.$":"$.y"},"Next":"B"},
      "B":{"Type":"Pass","InputPath":"$x","Parameters":{"p.$":"States.Format('$y', $y.z, $$.State)",
           "xPath":"$x","literal":"$x"},"Next":"C"},
      "C":{"Type":"Map","QueryLanguage":"JSONata","Items":"{% $y[$local > 1] %}","ItemProcessor":{
           "StartAt":"D","States":{"D":{"Type":"Pass","QueryLanguage":"JSONata",
           "Output":"{% $x & $states.input %}","End":true}}},"End":true}}})json";
  EXPECT_EQ(print_json(variable_references(definition)), R"({"B":["x","y"],"C":["y"],"D":["x"]})");
  EXPECT_EQ(variable_references("no JSON"), json::object{});
}

}  // namespace
}  // namespace kiban::services::states
