#include <gmock/gmock.h>

#include "services/applicationautoscaling/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::applicationautoscaling {
namespace {

using namespace std::chrono_literals;

class AutoScaling : public ServiceTest {
 protected:
  AutoScaling() : ServiceTest("applicationautoscaling", {make_applicationautoscaling}) {}
  // What names a target, and more.
  static json::object target(json::object more = {}) {
    more["ServiceNamespace"] = "ecs";
    more["ResourceId"] = "service/prod/api";
    more["ScalableDimension"] = "ecs:service:DesiredCount";
    return more;
  }
  static json::object policy(int value) {
    return target({{"PolicyName", "cpu"},
                   {"PolicyType", "TargetTrackingScaling"},
                   {"TargetTrackingScalingPolicyConfiguration",
                    {{"TargetValue", value},
                     {"PredefinedMetricSpecification",
                      {{"PredefinedMetricType", "ECSServiceAverageCPUUtilization"}}}}}});
  }
  json::value targets() {
    return call("DescribeScalableTargets", {{"ServiceNamespace", "ecs"}}).at("ScalableTargets");
  }
  json::value policies() {
    return call("DescribeScalingPolicies", {{"ServiceNamespace", "ecs"}}).at("ScalingPolicies");
  }
};

TEST_F(AutoScaling, TargetsAreRegisteredAndChanged) {
  EXPECT_EQ(refusal("RegisterScalableTarget", target({{"MinCapacity", 1}})).name,
            "ValidationException");
  EXPECT_EQ(
      refusal("RegisterScalableTarget", target({{"MinCapacity", 3}, {"MaxCapacity", 2}})).name,
      "ValidationException");
  const json::object made =
      call("RegisterScalableTarget", target({{"MinCapacity", 2}, {"MaxCapacity", 6}}));
  EXPECT_EQ(call("RegisterScalableTarget", target({{"MaxCapacity", 8}})), made);
  const json::value found = targets().at(0);
  EXPECT_EQ(found.at("MinCapacity"), 2);
  EXPECT_EQ(found.at("MaxCapacity"), 8);
  EXPECT_THAT(text(found.as_object(), "RoleARN"),
              testing::EndsWith("AWSServiceRoleForApplicationAutoScaling_ECSService"));
  json::object other = target({{"MinCapacity", 1}, {"MaxCapacity", 1}});
  other["ResourceId"] = "service/prod";
  EXPECT_EQ(refusal("RegisterScalableTarget", other).name, "ValidationException");
  other["ServiceNamespace"] = "lambda";
  EXPECT_EQ(refusal("RegisterScalableTarget", other).name, "ValidationException");
}

TEST_F(AutoScaling, PoliciesGoWithTheirTarget) {
  EXPECT_EQ(refusal("PutScalingPolicy", policy(60)),
            (Error{"ObjectNotFoundException",
                   "No scalable target registered for service namespace: ecs, resource ID: "
                   "service/prod/api, scalable dimension: ecs:service:DesiredCount"}));
  call("RegisterScalableTarget", target({{"MinCapacity", 2}, {"MaxCapacity", 6}}));
  const json::object made = call("PutScalingPolicy", policy(60));
  EXPECT_THAT(text(made, "PolicyARN"),
              testing::MatchesRegex("arn:aws:autoscaling:ap-northeast-1:000000000000:scalingPolicy:"
                                    ".*:resource/ecs/service/prod/api:policyName/cpu"));
  EXPECT_EQ(call("PutScalingPolicy", policy(70)), made);
  EXPECT_EQ(policies().at(0).at("TargetTrackingScalingPolicyConfiguration").at("TargetValue"),
            70.0);
  EXPECT_EQ(
      refusal("PutScalingPolicy",
              target({{"PolicyName", "x"}, {"StepScalingPolicyConfiguration", json::object{}}})),
      (Error{"ValidationException",
             "kiban does not support StepScalingPolicyConfiguration of "
             "applicationautoscaling:PutScalingPolicy"}));
  call("DeregisterScalableTarget", target());
  EXPECT_EQ(policies(), json::value(json::array{}));
  EXPECT_EQ(refusal("DeregisterScalableTarget", target()).name, "ObjectNotFoundException");
  EXPECT_EQ(refusal("DeleteScalingPolicy", target({{"PolicyName", "cpu"}})).name,
            "ObjectNotFoundException");
}

TEST_F(AutoScaling, PagesAndDimensionsAreBounded) {
  const auto refused = [&](const std::string& operation, json::object more) {
    more["ServiceNamespace"] = "ecs";
    return refusal(operation, more).name;
  };
  EXPECT_EQ(refused("DescribeScalableTargets", {{"MaxResults", 51}}), "ValidationException");
  EXPECT_EQ(refused("DescribeScalingPolicies", {{"MaxResults", 11}}), "ValidationException");
  for (const char* operation :
       {"DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScalingActivities"})
    EXPECT_EQ(refused(operation, {{"ScalableDimension", "ecs:service:DesiredCount"}}),
              "ValidationException");
}

TEST_F(AutoScaling, AMetricHasOnePolicy) {
  call("RegisterScalableTarget", target({{"MinCapacity", 2}, {"MaxCapacity", 6}}));
  call("PutScalingPolicy", policy(60));
  json::object second = policy(50);
  second["PolicyName"] = "again";
  EXPECT_EQ(refusal("PutScalingPolicy", second),
            (Error{"ValidationException",
                   "Only one TargetTrackingScaling policy for a given metric specification is "
                   "allowed."}));
  const auto metric = [&](json::object specification) {
    const bool custom = specification.contains("MetricName");
    json::object configuration{{"TargetValue", 5}};
    configuration[custom ? "CustomizedMetricSpecification" : "PredefinedMetricSpecification"] =
        std::move(specification);
    json::object other = second;
    other["TargetTrackingScalingPolicyConfiguration"] = std::move(configuration);
    const auto reply = try_call("applicationautoscaling", "PutScalingPolicy", other);
    return reply ? "" : reply.error().name;
  };
  EXPECT_EQ(metric({{"PredefinedMetricType", "ALBRequestCountPerTarget"}}), "ValidationException");
  EXPECT_EQ(metric({{"PredefinedMetricType", "RDSReaderAverageCPUUtilization"}}),
            "ValidationException");
  EXPECT_EQ(metric({{"MetricName", "m"}, {"Namespace", "n"}}), "ValidationException");
  EXPECT_EQ(metric({{"MetricName", "m"}, {"Namespace", "n"}, {"Statistic", "Sum"}}), "");
}

TEST_F(AutoScaling, TargetsHaveTags) {
  const json::object made =
      call("RegisterScalableTarget",
           target({{"MinCapacity", 2}, {"MaxCapacity", 6}, {"Tags", {{"stage", "prod"}}}}));
  const json::object arn{{"ResourceARN", made.at("ScalableTargetARN")}};
  json::object change = arn;
  change["Tags"] = json::object{{"a", "1"}};
  call("TagResource", change);
  EXPECT_EQ(call("ListTagsForResource", arn).at("Tags"),
            json::value(json::object{{"stage", "prod"}, {"a", "1"}}));
  change = arn;
  change["TagKeys"] = json::array{"stage"};
  call("UntagResource", change);
  EXPECT_EQ(call("ListTagsForResource", arn).at("Tags"), json::value(json::object{{"a", "1"}}));
  EXPECT_FALSE(targets().at(0).as_object().contains("Tags"));
  EXPECT_EQ(refusal("ListTagsForResource",
                    {{"ResourceARN",
                      "arn:aws:application-autoscaling:r:000000000000:scalable-target/none"}})
                .name,
            "ResourceNotFoundException");
}

}  // namespace
}  // namespace kiban::services::applicationautoscaling
