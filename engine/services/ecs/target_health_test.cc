#include "services/ecs/fixture.h"

namespace kiban::services::ecs {
namespace {

class TargetHealth : public Ecs {
 protected:
  TargetHealth() {
    create_balanced({{"healthCheckGracePeriodSeconds", 2}});
    task_ = to_string(call("ListTasks", {{"cluster", "dev"}}).at("taskArns").at(0).as_string());
    report({{"taskArn", task_}}, {{"Status", "RUNNING"}});
  }
  std::optional<Effect> probe() {
    for (const Effect& effect : kernel_->pending_effects())
      if (effect.kind == "host.probe") return effect;
    return std::nullopt;
  }
  void answer(json::object payload) {
    const auto effect = probe();
    ASSERT_TRUE(effect);
    kernel_->outcome("ecs", {.id = effect->id, .payload = std::move(payload)});
    ASSERT_TRUE(kernel_->run_batch(now_, ++seed_));
  }
  std::string rollout() {
    const auto described = call("DescribeServices", {{"cluster", "dev"}, {"services", {"web"}}});
    return to_string(
        described.at("services").at(0).at("deployments").at(0).at("rolloutState").as_string());
  }
  std::string task_{};
};

TEST_F(TargetHealth, CompletesADeploymentOnceTheMatcherAgrees) {
  const auto first = probe();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->payload.at("Path"), "/health");
  EXPECT_EQ(first->payload.at("Port"), 8000);
  EXPECT_EQ(first->payload.at("ContainerPort"), 8000);
  EXPECT_EQ(first->payload.at("Milliseconds"), 0);
  EXPECT_TRUE(text(first->payload, "Address").starts_with("10.0.1."));
  answer({{"Error", "ConnectFailed"}, {"Cause", "refused"}});
  answer({{"Status", 503}});
  EXPECT_EQ(rollout(), "IN_PROGRESS");
  EXPECT_EQ(probe()->payload.at("Milliseconds"), 500);
  answer({{"Status", 204}});
  EXPECT_EQ(rollout(), "COMPLETED");
  EXPECT_FALSE(probe());
}

// Two seconds of grace and two intervals of five: 24 checks.
TEST_F(TargetHealth, StopsATaskThatNeverAnswersAsTheMatcherAsks) {
  for (int i = 0; i < 23; ++i) answer({{"Status", 503}});
  EXPECT_EQ(task({{"taskArn", task_}}).at("desiredStatus"), "RUNNING");
  answer({{"Status", 503}});
  EXPECT_EQ(task({{"taskArn", task_}}).at("stoppedReason"),
            "Task failed ELB health checks in (target-group tg)");
  EXPECT_EQ(rollout(), "IN_PROGRESS");
  const auto described = call("DescribeServices", {{"cluster", "dev"}, {"services", {"web"}}});
  std::string events;
  for (const json::value& event : described.at("services").at(0).at("events").as_array())
    events += to_string(event.at("message").as_string()) + "\n";
  EXPECT_NE(
      events.find("(service web) (port 8000) is unhealthy in (target-group tg) due to (reason "
                  "Health checks failed with these codes: [503])."),
      std::string::npos);
}

TEST_F(TargetHealth, ATaskThatEndsIsNotCheckedOn) {
  exit({{"taskArn", task_}}, 1);
  answer({{"Status", 200}});
  EXPECT_EQ(rollout(), "IN_PROGRESS");
}

}  // namespace
}  // namespace kiban::services::ecs
