// What becomes of executions, and of everything else, when stored rows can't be read.
#include <gtest/gtest.h>

#include "asl/interpreter.h"
#include "services/states/fixture.h"

namespace kiban::services::states {
namespace {

constexpr const char* waiting = R"({"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,
    "Next":"P"},"P":{"Type":"Pass","End":true}}})";

class Damage : public States {
 protected:
  void set(const std::string& key, const std::string& value) {
    ASSERT_TRUE(store_->commit({{key, value}}));
  }
  std::string key_of(std::string_view part) {
    for (const store::Row& row : store_->scan("", {}, SIZE_MAX))
      if (row.key.contains(part)) return row.key;
    ADD_FAILURE() << "no row has " << part << " in its key";
    return {};
  }
};

TEST_F(Damage, AnExecutionThatCannotBeRestoredFails) {
  const std::string machine = make("m", waiting);
  const std::string damages[] = {"", "{", "[]", "{}", "\xff", R"({"arn":1})"};
  for (const std::string& damage : damages) {
    const std::string broken = start(machine);
    const std::string whole = start(machine);
    const std::string name = broken.substr(broken.rfind(':') + 1);
    set(key_of("/live/m/" + name), damage);
    restart();
    now_ = std::max(now_ + 61s, kernel_->run_until_idle(now_, now_ + 61s));
    const json::object ended = describe(broken);
    EXPECT_EQ(text(ended, "status"), "FAILED") << damage;
    EXPECT_EQ(text(ended, "error"), "States.Runtime");
    EXPECT_TRUE(text(ended, "cause").contains(name)) << text(ended, "cause");
    EXPECT_EQ(types(broken), "ExecutionStarted WaitStateEntered ExecutionFailed");
    EXPECT_EQ(text(describe(whole), "status"), "SUCCEEDED");
    EXPECT_FALSE(kernel_->next_timer() && *kernel_->next_timer() <= now_);
  }
}

// A Parallel with a Wait in each branch, saved: every number in it becomes others, every member
// goes missing. Restoring refuses, or the execution can go on.
TEST_F(Damage, NoSavedExecutionEndsTheProcess) {
  const auto program = asl::compile(R"({"StartAt":"A","States":{"A":{"Type":"Parallel","End":true,
      "Branches":[{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":1,"End":true}}},
      {"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"StartAt":"V","States":{"V":
      {"Type":"Wait","Seconds":1,"End":true}}},"End":true}}}]}}})",
                                    asl::MachineType::Standard);
  ASSERT_TRUE(program);
  Random random{1};
  SecretRandom secrets{1};
  asl::Execution execution(*program, {.input = Payload::from_text("[1,2]")});
  (void)execution.take(asl::Start{}, now_, random, secrets);
  const json::value saved = parse_json(execution.save()).value();
  int restored = 0;
  const auto go_on = [&](const json::value& tree) {
    auto again = asl::Execution::restore(*program, print_json(tree));
    if (!again) return;
    ++restored;
    for (std::int64_t timer = 0; timer < 8; ++timer)
      (void)again->take(asl::TimerFired{timer}, now_, random, secrets);
    (void)again->take(asl::Stop{}, now_, random, secrets);
    (void)again->take(asl::Redrive{}, now_, random, secrets);
    (void)again->save();
  };
  const std::function<void(json::value&, json::value&)> walk = [&](json::value& root,
                                                                   json::value& at) {
    const json::value kept = at;
    for (const json::value& other :
         {json::value(-1), json::value(0), json::value(7), json::value(INT64_MAX),
          json::value(INT64_MIN), json::value(1e300), json::value("x"), json::value(nullptr),
          json::value(json::array{}), json::value(json::object{})}) {
      at = other;
      go_on(root);
    }
    at = kept;
    if (json::array* array = at.if_array())
      for (json::value& each : *array) walk(root, each);
    if (at.is_object()) {
      for (const auto& member : kept.get_object()) {
        at.get_object().erase(member.key());
        go_on(root);
        at = kept;
      }
      for (auto& member : at.get_object()) walk(root, member.value());
    }
  };
  json::value tree = saved;
  walk(tree, tree);
  EXPECT_EQ(tree, saved);
  EXPECT_GT(restored, 10);
}

TEST_F(Damage, OfAnyRowLeavesTheProcessAndOthersAtWork) {
  call("sqs", "CreateQueue", {{"QueueName", "q"}});
  const std::string url = "http://127.0.0.1:4566/000000000000/q";
  call("sqs", "SendMessage", {{"QueueUrl", url}, {"MessageBody", "b"}});
  call("sns", "CreateTopic", {{"Name", "t"}});
  call("logs", "CreateLogGroup", {{"logGroupName", "g"}});
  call("s3", "CreateBucket",
       {{"Bucket", "bucket"},
        {"CreateBucketConfiguration", {{"LocationConstraint", "ap-northeast-1"}}}});
  call("cloudwatch", "PutMetricAlarm",
       {{"AlarmName", "a"},
        {"Namespace", "n"},
        {"MetricName", "m"},
        {"Statistic", "Sum"},
        {"Period", 60},
        {"EvaluationPeriods", 1},
        {"Threshold", 1.0},
        {"ComparisonOperator", "GreaterThanThreshold"}});
  call("ecs", "CreateCluster", {{"clusterName", "c"}});
  const std::string machine = make("m", waiting);
  const std::string execution = start(machine);
  const std::vector<store::Row> rows = store_->scan("", {}, SIZE_MAX);
  ASSERT_GT(rows.size(), 15U);
  for (const store::Row& row : rows) {
    const std::string damages[] = {
        "", row.value.substr(0, row.value.size() / 2), "\xff", "[]", "{}", "{\"a\":1}", "7"};
    for (const std::string& damage : damages) {
      store_ = store::make_memory_store();
      for (const store::Row& whole : rows) set(whole.key, whole.value);
      set(row.key, damage);
      restart();
      kernel_->run_until_idle(now_, now_ + 120s);
      for (const auto& [service, operation, input] :
           std::initializer_list<std::tuple<const char*, const char*, json::object>>{
               {"states", "ListStateMachines", {}},
               {"states", "DescribeExecution", {{"executionArn", execution}}},
               {"states", "GetExecutionHistory", {{"executionArn", execution}}},
               {"states", "StartExecution", {{"stateMachineArn", machine}}},
               {"sqs", "ReceiveMessage", {{"QueueUrl", url}}},
               {"sns", "ListTopics", {}},
               {"logs", "DescribeLogGroups", {}},
               {"s3", "ListBuckets", {}},
               {"cloudwatch", "DescribeAlarms", {}},
               {"ecs", "DescribeClusters", {}}})
        (void)try_call(service, operation, input);
      // What has nothing to do with the row.
      EXPECT_TRUE(try_call("sqs", "CreateQueue", {{"QueueName", "other"}})) << row.key;
      if (!row.key.starts_with("states/"))
        EXPECT_TRUE(try_call("states", "StartExecution", {{"stateMachineArn", machine}}))
            << row.key << " " << damage;
      kernel_->run_until_idle(now_ + 120s, now_ + 240s);
      EXPECT_FALSE(kernel_->failed());
    }
  }
}

}  // namespace
}  // namespace kiban::services::states
