#include "services/states/throttle.h"

#include "services/states/fixture.h"

namespace kiban::services::states {
namespace {

constexpr const char* pass = R"({"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}})";

// Starts the machine `count` times from one execution, which catches nothing.
std::string starting(const std::string& machine) {
  return R"({"StartAt":"M","States":{"M":{"Type":"Map","ItemsPath":"$","End":true,"ItemProcessor":{
      "StartAt":"C","States":{"C":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution",
      "Parameters":{"StateMachineArn":")" +
         machine + R"("},"ResultPath":null,"End":true}}}}}})";
}

std::string items(int count) {
  std::string out = "[";
  for (int i = 0; i < count; ++i) out += i == 0 ? "1" : ",1";
  return out + "]";
}

class NestedStarts : public States {
 protected:
  // How an execution of the machine ends.
  json::object run(const std::string& machine, int count) {
    const std::string execution = start(machine, items(count));
    kernel_->run_until_idle(now_);
    return describe(execution);
  }
};

TEST_F(NestedStarts, HaveATokenBucket) {
  const auto child = make("child", pass);
  const auto parent = make("parent", starting(child));
  EXPECT_EQ(text(run(parent, 800), "status"), "SUCCEEDED");
  const auto refused = run(parent, 1);
  EXPECT_EQ(text(refused, "status"), "FAILED");
  EXPECT_NE(text(refused, "cause").find("Rate exceeded"), std::string::npos);
  start(child);  // Whoever calls the API is not held back.
  now_ += 1s;
  EXPECT_EQ(text(run(parent, 150), "status"), "SUCCEEDED");
  EXPECT_EQ(text(run(parent, 1), "status"), "FAILED");
}

TEST_F(NestedStarts, OfAMachineByItselfComeToAnEnd) {
  const auto machine = make("fork", pass);
  const std::string again = R"({"Type":"Task","Resource":"arn:aws:states:::states:startExecution",
      "Parameters":{"StateMachineArn":")" +
                            machine + R"("},)";
  call("states", "UpdateStateMachine",
       {{"stateMachineArn", machine},
        {"definition", R"({"StartAt":"A","States":{"A":)" + again + R"("Next":"B"},"B":)" + again +
                           R"("End":true}}})"}});
  start(machine);
  kernel_->run_until_idle(now_);
  const auto running =
      call("states", "ListExecutions", {{"stateMachineArn", machine}, {"statusFilter", "RUNNING"}});
  EXPECT_TRUE(running.at("executions").as_array().empty());
}

constexpr const char* wait =
    R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}})";

class OpenExecutions : public States {
 protected:
  std::int64_t counted() {
    for (const store::Row& row : store_->scan("states/", {}, SIZE_MAX))
      if (row.key.find("/open/") != std::string::npos)
        return number(parse_json(row.value)->as_object(), "Count", -1);
    return -1;
  }
  void pretend(std::int64_t count) {
    for (const store::Row& row : store_->scan("states/", {}, SIZE_MAX))
      if (row.key.find("/open/") != std::string::npos)
        ASSERT_TRUE(store_->commit({{row.key, fmt::format(R"({{"Count":{}}})", count)}}));
  }
};

TEST_F(OpenExecutions, AreCountedWhileTheyRun) {
  const auto machine = make("m", wait);
  const auto first = start(machine);
  start(machine);
  EXPECT_EQ(counted(), 2);
  call("states", "StopExecution", {{"executionArn", first}});
  EXPECT_EQ(counted(), 1);
  call("states", "RedriveExecution", {{"executionArn", first}});
  EXPECT_EQ(counted(), 2);
  kernel_->run_until_idle(now_);
  EXPECT_EQ(counted(), 0);
  start(make("e", pass, {{"type", "EXPRESS"}}));
  start(make("p", pass));
  EXPECT_EQ(counted(), 0);
}

TEST_F(OpenExecutions, EndAtAMillion) {
  const auto machine = make("m", pass);
  start(make("w", wait));
  pretend(1'000'000);
  const auto refused = try_call("states", "StartExecution", {{"stateMachineArn", machine}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "ExecutionLimitExceeded");
  pretend(999'999);
  EXPECT_TRUE(try_call("states", "StartExecution", {{"stateMachineArn", machine}}));
}

class AsAws : public States {
 protected:
  AsAws() {
    throttle_ = Throttle::Aws;
    restart();
  }
};

TEST_F(AsAws, EverybodysStartsHaveATokenBucket) {
  const auto machine = make("m", pass);
  for (int i = 0; i < 800; ++i) start(machine);
  const auto refused = try_call("states", "StartExecution", {{"stateMachineArn", machine}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().name, "ThrottlingException");
  EXPECT_EQ(refused.error().cause, "Rate exceeded");
  const auto express = make("e", pass, {{"type", "EXPRESS"}});  // A bucket of its own.
  EXPECT_TRUE(try_call("states", "StartExecution", {{"stateMachineArn", express}}));
  now_ += 1s;
  EXPECT_TRUE(try_call("states", "StartExecution", {{"stateMachineArn", machine}}));
}

}  // namespace
}  // namespace kiban::services::states
