#include <gmock/gmock.h>

#include "services/ec2/service.h"
#include "services/elbv2/service.h"
#include "testing/service_fixture.h"

namespace kiban::services::elbv2 {
namespace {

using namespace std::chrono_literals;
using testing::MatchesRegex;
using testing::SizeIs;

class Elbv2 : public ServiceTest {
 protected:
  Elbv2() : ServiceTest("elbv2", {ec2::make_ec2, make_elbv2}) {
    vpc_ = text(call("ec2", "CreateVpc", {{"CidrBlock", "10.0.0.0/16"}}).at("Vpc").as_object(),
                "VpcId");
    a_ = make_subnet("10.0.0.0/24", "ap-northeast-1a");
    c_ = make_subnet("10.0.1.0/24", "ap-northeast-1c");
  }
  std::string make_subnet(std::string_view cidr, std::string_view zone) {
    const json::object made = call(
        "ec2", "CreateSubnet", {{"VpcId", vpc_}, {"CidrBlock", cidr}, {"AvailabilityZone", zone}});
    return text(made.at("Subnet").as_object(), "SubnetId");
  }
  json::object balancer(std::string_view name) {
    return {{"Name", name}, {"Subnets", {a_, c_}}, {"Scheme", "internal"}};
  }
  // One member of the first entry of a list in a reply.
  static std::string first(const json::object& reply, std::string_view list,
                           std::string_view member) {
    return text(reply.at(list).at(0).as_object(), member);
  }
  std::string make_balancer(std::string_view name = "dev-alb") {
    return first(call("CreateLoadBalancer", balancer(name)), "LoadBalancers", "LoadBalancerArn");
  }
  json::object group(std::string_view name) {
    return {{"Name", name},  {"Port", 8000},       {"Protocol", "HTTP"},
            {"VpcId", vpc_}, {"TargetType", "ip"}, {"HealthCheckPath", "/health"}};
  }
  std::string make_group(std::string_view name = "dev-api") {
    return first(call("CreateTargetGroup", group(name)), "TargetGroups", "TargetGroupArn");
  }
  static json::object listener(const std::string& balancer, const std::string& group, int port) {
    return {{"LoadBalancerArn", balancer},
            {"Port", port},
            {"Protocol", "HTTP"},
            {"DefaultActions",
             json::array{json::object{{"Type", "forward"}, {"TargetGroupArn", group}}}}};
  }

  std::string vpc_{};
  std::string a_{};
  std::string c_{};
};

TEST_F(Elbv2, ALoadBalancerIsActiveAtOnceAndTakesAddresses) {
  const json::object made = call("CreateLoadBalancer", balancer("dev-alb"));
  EXPECT_THAT(first(made, "LoadBalancers", "DNSName"),
              MatchesRegex("internal-dev-alb-[0-9]+\\.ap-northeast-1\\.elb\\.amazonaws\\.com"));
  EXPECT_EQ(made.at("LoadBalancers").at(0).at("State").at("Code"), "active");
  const std::string arn = first(made, "LoadBalancers", "LoadBalancerArn");
  EXPECT_THAT(arn, MatchesRegex("arn:aws:elasticloadbalancing:ap-northeast-1:000000000000:"
                                "loadbalancer/app/dev-alb/[0-9a-f]+"));
  EXPECT_EQ(make_balancer(), arn);  // Asked for again.
  EXPECT_EQ(first(call("DescribeLoadBalancers", {{"Names", {"dev-alb"}}}), "LoadBalancers",
                  "LoadBalancerArn"),
            arn);
  EXPECT_EQ(refusal("DescribeLoadBalancers", {{"Names", {"x"}}}).name, "LoadBalancerNotFound");
  const auto in_use = kernel_->call("ec2", "DeleteSubnet", {{"SubnetId", a_}}, now_, ++seed_);
  EXPECT_EQ(in_use ? "" : in_use.error().name, "DependencyViolation");
  call("DeleteLoadBalancer", {{"LoadBalancerArn", arn}});
  call("DeleteLoadBalancer", {{"LoadBalancerArn", arn}});
  call("ec2", "DeleteSubnet", {{"SubnetId", a_}});
}

TEST_F(Elbv2, ALoadBalancerNeedsItsSurroundings) {
  const auto with = [&](std::string_view member, json::value value) {
    json::object input = balancer("x");
    input[member] = std::move(value);
    return refusal("CreateLoadBalancer", input);
  };
  EXPECT_EQ(with("Scheme", "internet-facing"),
            (Error{"InvalidSubnet", "VPC " + vpc_ + " has no internet gateway"}));
  EXPECT_EQ(with("Subnets", json::array{json::value(a_)}).name, "ValidationError");
  EXPECT_EQ(with("Subnets", {a_, "subnet-1"}).name, "SubnetNotFound");
  EXPECT_EQ(with("SecurityGroups", {"sg-1", "sg-2"}).name, "InvalidSecurityGroup");
  EXPECT_EQ(with("Name", "a_b").name, "ValidationError");
  EXPECT_EQ(with("Name", "internal-x").name, "ValidationError");
  EXPECT_EQ(with("Type", "network").name, "ValidationError");
  EXPECT_EQ(with("CustomerOwnedIpv4Pool", "p").name, "ValidationError");
  make_balancer("taken");
  const std::string igw =
      text(call("ec2", "CreateInternetGateway", {}).at("InternetGateway").as_object(),
           "InternetGatewayId");
  call("ec2", "AttachInternetGateway", {{"InternetGatewayId", igw}, {"VpcId", vpc_}});
  json::object other = balancer("taken");
  other["Scheme"] = "internet-facing";
  EXPECT_EQ(refusal("CreateLoadBalancer", other).name, "DuplicateLoadBalancerName");
}

TEST_F(Elbv2, ALoadBalancerMovesToOtherSubnetsAndGroups) {
  const std::string arn = make_balancer();
  const std::string d = make_subnet("10.0.2.0/24", "ap-northeast-1d");
  const std::string group = text(call("ec2", "CreateSecurityGroup",
                                      {{"GroupName", "g"}, {"Description", "d"}, {"VpcId", vpc_}}),
                                 "GroupId");
  call("SetSubnets", {{"LoadBalancerArn", arn}, {"Subnets", {c_, d}}});
  call("ec2", "DeleteSubnet", {{"SubnetId", a_}});
  EXPECT_EQ(refusal("SetSubnets", {{"LoadBalancerArn", arn}, {"Subnets", {c_}}}).name,
            "ValidationError");
  call("SetSecurityGroups", {{"LoadBalancerArn", arn}, {"SecurityGroups", {group}}});
  EXPECT_EQ(call("DescribeLoadBalancers", {}).at("LoadBalancers").at(0).at("SecurityGroups"),
            json::value(json::array{json::value(group)}));
  const auto in_use = kernel_->call("ec2", "DeleteSecurityGroup", {{"GroupId", group}}, now_, 99);
  EXPECT_EQ(in_use ? "" : in_use.error().name, "DependencyViolation");
  call("DeleteLoadBalancer", {{"LoadBalancerArn", arn}});
  call("ec2", "DeleteSecurityGroup", {{"GroupId", group}});
}

TEST_F(Elbv2, DeletionProtectionProtects) {
  const std::string arn = make_balancer();
  const auto protect = [&](std::string_view value) {
    return json::object{
        {"LoadBalancerArn", arn},
        {"Attributes",
         json::array{json::object{{"Key", "deletion_protection.enabled"}, {"Value", value}}}}};
  };
  call("ModifyLoadBalancerAttributes", protect("true"));
  EXPECT_EQ(refusal("DeleteLoadBalancer", {{"LoadBalancerArn", arn}}).name,
            "OperationNotPermitted");
  const json::object all = call("DescribeLoadBalancerAttributes", {{"LoadBalancerArn", arn}});
  EXPECT_THAT(all.at("Attributes").as_array(),
              testing::Contains(json::value(
                  json::object{{"Key", "deletion_protection.enabled"}, {"Value", "true"}})));
  EXPECT_EQ(refusal("ModifyLoadBalancerAttributes",
                    {{"LoadBalancerArn", arn},
                     {"Attributes", json::array{json::object{{"Key", "x"}, {"Value", "y"}}}}}),
            (Error{"ValidationError", "Load balancer attribute key 'x' is not recognized"}));
  call("ModifyLoadBalancerAttributes", protect("false"));
  call("DeleteLoadBalancer", {{"LoadBalancerArn", arn}});
}

TEST_F(Elbv2, ListenersForwardToTargetGroups) {
  const std::string arn = make_balancer();
  const std::string group = make_group();
  EXPECT_EQ(make_group(), group);
  const json::object made = call("CreateListener", listener(arn, group, 80));
  EXPECT_EQ(made.at("Listeners")
                .at(0)
                .at("DefaultActions")
                .at(0)
                .at("ForwardConfig")
                .at("TargetGroups")
                .at(0)
                .at("Weight"),
            1);
  EXPECT_EQ(refusal("CreateListener", listener(arn, group, 80)).name, "DuplicateListener");
  EXPECT_EQ(refusal("CreateListener", listener(arn, "x", 81)).name, "TargetGroupNotFound");
  EXPECT_EQ(refusal("CreateListener", listener("x", group, 81)).name, "LoadBalancerNotFound");
  EXPECT_EQ(refusal("CreateListener", listener(make_balancer("b"), group, 80)).name,
            "TargetGroupAssociationLimit");
  EXPECT_EQ(refusal("DeleteTargetGroup", {{"TargetGroupArn", group}}).name, "ResourceInUse");
  EXPECT_EQ(call("DescribeTargetGroups", {{"LoadBalancerArn", arn}})
                .at("TargetGroups")
                .at(0)
                .at("LoadBalancerArns")
                .at(0),
            json::value(arn));
  const std::string id = first(made, "Listeners", "ListenerArn");
  call("ModifyListener", {{"ListenerArn", id}, {"Port", 8080}});
  EXPECT_EQ(call("DescribeListeners", {{"LoadBalancerArn", arn}}).at("Listeners").at(0).at("Port"),
            8080);
  EXPECT_THAT(first(call("DescribeRules", {{"ListenerArn", id}}), "Rules", "RuleArn"),
              MatchesRegex("arn:.*:listener-rule/app/dev-alb/.*"));
  call("DeleteLoadBalancer", {{"LoadBalancerArn", arn}});
  EXPECT_EQ(refusal("DeleteListener", {{"ListenerArn", id}}).name, "ListenerNotFound");
  call("DeleteTargetGroup", {{"TargetGroupArn", group}});
  EXPECT_EQ(refusal("DescribeTargetGroups", {{"TargetGroupArns", {group}}}).name,
            "TargetGroupNotFound");
}

TEST_F(Elbv2, TargetsAreKeptAndNeverCalledHealthy) {
  const std::string arn = make_group();
  const json::object targets{{"TargetGroupArn", arn},
                             {"Targets", json::array{json::object{{"Id", "10.0.0.4"}}}}};
  const auto state = [&] {
    const json::object health = call("DescribeTargetHealth", {{"TargetGroupArn", arn}});
    return text(health.at("TargetHealthDescriptions").at(0).at("TargetHealth").as_object(),
                "State");
  };
  call("RegisterTargets", targets);
  call("RegisterTargets", targets);
  EXPECT_EQ(state(), "unused");
  call("CreateListener", listener(make_balancer(), arn, 80));
  EXPECT_EQ(state(), "unavailable");
  call("DeregisterTargets", targets);
  EXPECT_THAT(call("DescribeTargetHealth", {{"TargetGroupArn", arn}})
                  .at("TargetHealthDescriptions")
                  .as_array(),
              SizeIs(0));
}

TEST_F(Elbv2, HealthChecksAreBounded) {
  const auto with = [&](const json::object& changes) {
    json::object input = group("g");
    for (const auto& [member, value] : changes) input[member] = value;
    const auto reply = try_call("elbv2", "CreateTargetGroup", input);
    return reply ? "" : reply.error().name;
  };
  EXPECT_EQ(with({{"HealthCheckIntervalSeconds", 10}, {"HealthCheckTimeoutSeconds", 10}}),
            "ValidationError");
  for (const std::string& path :
       {std::string("health"), std::string("/a b"), std::string("/\x7f"),
        std::string("/x HTTP/1.1\r\nX: y"), std::string("/é"), "/" + std::string(1'024, 'a')})
    EXPECT_EQ(with({{"HealthCheckPath", path}}), "ValidationError") << path;
  EXPECT_EQ(with({{"ProtocolVersion", "FOO"}}), "ValidationError");
  EXPECT_EQ(with({{"HealthCheckProtocol", "TCP"}}), "ValidationError");
  EXPECT_EQ(with({{"HealthCheckPort", "70000"}}), "ValidationError");
  EXPECT_EQ(with({{"HealthCheckEnabled", false}}), "ValidationError");
  for (const char* codes : {"500", "200-", "20", "2000", "199", "300-200", "200-300-400"})
    EXPECT_EQ(with({{"Matcher", {{"HttpCode", codes}}}}), "ValidationError") << codes;
  EXPECT_EQ(with({{"Matcher", {{"HttpCode", "200-299,404"}}}}), "");
  const std::string arn = make_group("h");
  EXPECT_EQ(
      refusal("ModifyTargetGroup", {{"TargetGroupArn", arn}, {"HealthCheckTimeoutSeconds", 60}})
          .cause,
      "Health check interval must be greater than the timeout.");
  for (const char* address : {"8.8.8.8", "10.0.0", "10.0.0.256", "host"})
    EXPECT_EQ(
        refusal("RegisterTargets", {{"TargetGroupArn", arn}, {"Targets", {{{"Id", address}}}}})
            .name,
        "ValidationError")
        << address;
}

TEST_F(Elbv2, ActionsNeedTheirConfiguration) {
  const std::string arn = make_balancer();
  const auto with = [&](json::array actions) {
    json::object input = listener(arn, "", 80);
    input["DefaultActions"] = std::move(actions);
    const auto reply = try_call("elbv2", "CreateListener", input);
    return reply ? "" : reply.error().name;
  };
  const json::object gone{{"Type", "fixed-response"},
                          {"FixedResponseConfig", {{"StatusCode", "404"}}}};
  EXPECT_EQ(with({{{"Type", "fixed-response"}}}), "ValidationError");
  EXPECT_EQ(with({{{"Type", "redirect"}}}), "ValidationError");
  EXPECT_EQ(with({{{"Type", "redirect"}, {"RedirectConfig", {{"StatusCode", "HTTP_301"}}}}}),
            "InvalidLoadBalancerAction");
  EXPECT_EQ(with({gone, gone}), "ValidationError");
  EXPECT_EQ(with({{{"Type", "forward"},
                   {"ForwardConfig",
                    {{"TargetGroups", {{{"TargetGroupArn", make_group()}, {"Weight", 1000}}}}}}}}),
            "ValidationError");
  EXPECT_EQ(with({gone}), "");
}

TEST_F(Elbv2, AttributesHaveValues) {
  const std::string balancer_arn = make_balancer();
  const std::string group_arn = make_group();
  const auto set = [&](bool group, const char* key, const char* value) {
    json::object input{{"Attributes", {{{"Key", key}, {"Value", value}}}}};
    input[group ? "TargetGroupArn" : "LoadBalancerArn"] = group ? group_arn : balancer_arn;
    const auto reply = try_call(
        "elbv2", group ? "ModifyTargetGroupAttributes" : "ModifyLoadBalancerAttributes", input);
    return reply ? "" : reply.error().cause;
  };
  EXPECT_EQ(set(false, "idle_timeout.timeout_seconds", "4001"),
            "'idle_timeout.timeout_seconds' must be a value between '1' and '4000' inclusive");
  EXPECT_NE(set(false, "deletion_protection.enabled", "yes"), "");
  EXPECT_NE(set(false, "access_logs.s3.enabled", "true"), "");
  EXPECT_NE(set(true, "deregistration_delay.timeout_seconds", "3601"), "");
  EXPECT_NE(set(true, "slow_start.duration_seconds", "29"), "");
  EXPECT_EQ(set(true, "slow_start.duration_seconds", "0"), "");
  EXPECT_NE(set(true, "stickiness.type", "cookie"), "");
  EXPECT_EQ(set(true, "deregistration_delay.timeout_seconds", "10"), "");
}

TEST_F(Elbv2, NamesAndArnsExcludeEachOther) {
  const std::string arn = make_balancer();
  EXPECT_EQ(
      refusal("DescribeLoadBalancers", {{"LoadBalancerArns", {arn}}, {"Names", {"dev-alb"}}}).name,
      "ValidationError");
  EXPECT_EQ(refusal("DescribeTargetGroups", {{"LoadBalancerArn", arn}, {"Names", {"x"}}}).name,
            "ValidationError");
}

TEST_F(Elbv2, TagsComeAndGo) {
  const std::string arn = make_group();
  const auto tags = [&] {
    return call("DescribeTags", {{"ResourceArns", {arn}}}).at("TagDescriptions").at(0).at("Tags");
  };
  const json::object tag{{"Key", "a"}, {"Value", "1"}};
  call("AddTags", {{"ResourceArns", {arn}}, {"Tags", json::array{tag}}});
  call("AddTags", {{"ResourceArns", {arn}}, {"Tags", json::array{tag}}});
  EXPECT_EQ(tags(), json::value(json::array{tag}));
  call("RemoveTags", {{"ResourceArns", {arn}}, {"TagKeys", {"a"}}});
  EXPECT_EQ(tags(), json::value(json::array{}));
}

}  // namespace
}  // namespace kiban::services::elbv2
