#include <gmock/gmock.h>

#include "kernel/kernel.h"
#include "services/ec2/cidr.h"
#include "services/ec2/service.h"
#include "services/ec2/zones.h"

namespace kiban::services::ec2 {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::SizeIs;

// A member, by a path of names and indices: "Vpcs.0.VpcId".
json::value at(const json::value& tree, std::string_view path) {
  const json::value* node = &tree;
  while (!path.empty()) {
    const std::string_view step = path.substr(0, path.find('.'));
    path.remove_prefix(std::min(path.size(), step.size() + 1));
    const bool index = node->is_array();
    const std::size_t number = index ? static_cast<std::size_t>(step[0] - '0') : 0;
    const json::value* next = index               ? node->get_array().if_contains(number)
                              : node->is_object() ? node->get_object().if_contains(step)
                                                  : nullptr;
    if (!next) return nullptr;
    node = next;
  }
  return *node;
}

class Ec2Test : public testing::Test {
 protected:
  Ec2Test() {
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(make_ec2());
    kernel_ = std::make_unique<kernel::Kernel>(*store_, std::move(services));
  }
  json::value call(const std::string& operation, json::object input) {
    auto reply = kernel_->call("ec2", operation, std::move(input),
                               1'700'000'000'000ms + Timestamp{}, ++seed_);
    EXPECT_TRUE(reply) << operation << ": " << (reply ? "" : reply.error().cause);
    return reply.value_or(json::object{});
  }
  Error refused(const std::string& operation, json::object input) {
    const auto reply = kernel_->call("ec2", operation, std::move(input),
                                     1'700'000'000'000ms + Timestamp{}, ++seed_);
    EXPECT_FALSE(reply) << operation;
    return reply ? Error{} : reply.error();
  }
  std::string name(const std::string& operation, json::object input) {
    return refused(operation, std::move(input)).name;
  }
  std::string id(const std::string& operation, json::object input, std::string_view path) {
    const json::value found = at(call(operation, std::move(input)), path);
    EXPECT_TRUE(found.is_string()) << operation << " has no " << path;
    return found.is_string() ? to_string(found.get_string()) : "";
  }
  std::string make_vpc(std::string_view cidr = "10.0.0.0/16") {
    return id("CreateVpc", {{"CidrBlock", cidr}}, "Vpc.VpcId");
  }
  std::string make_subnet(const std::string& vpc, std::string_view cidr) {
    return id("CreateSubnet", {{"VpcId", vpc}, {"CidrBlock", cidr}}, "Subnet.SubnetId");
  }
  // How many records pass one filter.
  std::size_t count(const std::string& operation, std::string_view list, std::string_view filter,
                    std::string_view value) {
    const json::object wanted{{"Name", filter}, {"Values", json::array{json::value(value)}}};
    return at(call(operation, {{"Filters", json::array{wanted}}}), list).as_array().size();
  }

  std::unique_ptr<store::Store> store_ = store::make_memory_store();
  std::unique_ptr<kernel::Kernel> kernel_{};
  std::uint64_t seed_{0};
};

TEST(Cidr, ParsesOrRejects) {
  EXPECT_EQ(parse_cidr("10.0.3.7/16").value_or(Cidr{}), (Cidr{0x0a000000, 16}));
  EXPECT_EQ(parse_cidr("0.0.0.0/0").value_or(Cidr{1, 1}), (Cidr{0, 0}));
  for (const std::string_view bad :
       {"", "10.0.0.0", "10.0.0/16", "10.0.0.256/16", "10.0.0.0/33", "10.0.0.0/", "a.0.0.0/8",
        "10.0.0.0/16 ", "10.0.0.0.0/16", "-1.0.0.0/8", "10.0.0.0/-1"}) {
    EXPECT_FALSE(parse_cidr(bad)) << bad;
  }
  EXPECT_TRUE(parse_cidr("10.0.0.0/16")->overlaps(*parse_cidr("10.0.255.0/24")));
  EXPECT_FALSE(parse_cidr("10.0.0.0/24")->overlaps(*parse_cidr("10.0.1.0/24")));
}

TEST(Zones, AreNamedAfterTheirRegion) {
  EXPECT_THAT(zones_of("ap-northeast-1"), ElementsAre(Zone{"ap-northeast-1a", "apne1-az4"},
                                                      Zone{"ap-northeast-1c", "apne1-az1"},
                                                      Zone{"ap-northeast-1d", "apne1-az2"}));
  EXPECT_EQ(zones_of("us-east-1")[0].id, "use1-az1");
  EXPECT_EQ(zones_of("eu-central-1")[0].id, "euc1-az1");
  EXPECT_FALSE(find_zone("ap-northeast-1", "ap-northeast-1b"));
}

TEST_F(Ec2Test, AVpcComesFurnished) {
  const std::string vpc = make_vpc("10.0.3.0/16");
  EXPECT_THAT(vpc, testing::MatchesRegex("vpc-[0-9a-f]+"));
  EXPECT_EQ(vpc.size(), 21U);
  const json::value shown = at(call("DescribeVpcs", {{"VpcIds", {vpc}}}), "Vpcs.0");
  EXPECT_EQ(at(shown, "CidrBlock"), "10.0.0.0/16");
  EXPECT_EQ(at(shown, "State"), "available");
  EXPECT_EQ(at(shown, "EnableDnsSupport"), nullptr);
  const json::value table = at(call("DescribeRouteTables", {}), "RouteTables.0");
  EXPECT_EQ(at(table, "Associations.0.Main"), true);
  EXPECT_EQ(at(table, "Routes.0.GatewayId"), "local");
  const json::value group = at(call("DescribeSecurityGroups", {}), "SecurityGroups.0");
  EXPECT_EQ(at(group, "GroupName"), "default");
  EXPECT_EQ(at(group, "IpPermissions.0.UserIdGroupPairs.0.GroupId"), at(group, "GroupId"));
  EXPECT_EQ(at(group, "IpPermissionsEgress.0.IpRanges.0.CidrIp"), "0.0.0.0/0");
  EXPECT_EQ(at(call("DescribeNetworkAcls", {}), "NetworkAcls.0.IsDefault"), true);
  call("DeleteVpc", {{"VpcId", vpc}});
  EXPECT_THAT(at(call("DescribeSecurityGroupRules", {}), "SecurityGroupRules").as_array(),
              SizeIs(0));
  EXPECT_EQ(refused("DescribeVpcs", {{"VpcIds", {vpc}}}),
            (Error{"InvalidVpcID.NotFound", "The vpc ID '" + vpc + "' does not exist"}));
}

TEST_F(Ec2Test, VpcsHaveBoundsAndAttributes) {
  EXPECT_EQ(name("CreateVpc", {{"CidrBlock", "10.0.0.0/8"}}), "InvalidVpc.Range");
  EXPECT_EQ(name("CreateVpc", {{"CidrBlock", "x"}}), "InvalidParameterValue");
  EXPECT_EQ(refused("CreateVpc", {{"CidrBlock", "10.0.0.0/16"}, {"Ipv6Pool", "p"}}),
            (Error{"UnsupportedOperation", "kiban does not support Ipv6Pool of ec2:CreateVpc"}));
  const std::string vpc = make_vpc();
  const json::object ask{{"VpcId", vpc}, {"Attribute", "enableDnsHostnames"}};
  EXPECT_EQ(at(call("DescribeVpcAttribute", ask), "EnableDnsHostnames.Value"), false);
  call("ModifyVpcAttribute", {{"VpcId", vpc}, {"EnableDnsHostnames", {{"Value", true}}}});
  EXPECT_EQ(at(call("DescribeVpcAttribute", ask), "EnableDnsHostnames.Value"), true);
}

TEST_F(Ec2Test, SubnetsFitIntoTheirVpc) {
  const std::string vpc = make_vpc();
  const json::value made =
      call("CreateSubnet",
           {{"VpcId", vpc}, {"CidrBlock", "10.0.0.0/24"}, {"AvailabilityZone", "ap-northeast-1c"}});
  EXPECT_EQ(at(made, "Subnet.AvailabilityZoneId"), "apne1-az1");
  EXPECT_EQ(at(made, "Subnet.AvailableIpAddressCount"), 251);
  const auto refusal = [&](std::string_view cidr) {
    return refused("CreateSubnet", {{"VpcId", vpc}, {"CidrBlock", cidr}}).name;
  };
  EXPECT_EQ(refusal("10.0.0.128/25"), "InvalidSubnet.Conflict");
  EXPECT_EQ(refusal("10.1.0.0/24"), "InvalidSubnet.Range");
  EXPECT_EQ(refusal("10.0.1.0/29"), "InvalidSubnet.Range");
  EXPECT_EQ(name("CreateSubnet", {{"VpcId", "vpc-1"}, {"CidrBlock", "10.0.1.0/24"}}),
            "InvalidVpcID.NotFound");
  EXPECT_EQ(
      name("CreateSubnet",
           {{"VpcId", vpc}, {"CidrBlock", "10.0.1.0/24"}, {"AvailabilityZone", "eu-west-1a"}}),
      "InvalidParameterValue");
  const std::string subnet = to_string(at(made, "Subnet.SubnetId").as_string());
  call("ModifySubnetAttribute", {{"SubnetId", subnet}, {"MapPublicIpOnLaunch", {{"Value", true}}}});
  EXPECT_EQ(count("DescribeSubnets", "Subnets", "map-public-ip-on-launch", "true"), 1U);
  EXPECT_EQ(refused("DeleteVpc", {{"VpcId", vpc}}),
            (Error{"DependencyViolation",
                   "The vpc '" + vpc + "' has dependencies and cannot be deleted."}));
}

TEST_F(Ec2Test, FiltersAndTags) {
  const json::object tag{{"Key", "Name"}, {"Value", "dev-vpc"}};
  const json::object specification{{"ResourceType", "vpc"}, {"Tags", json::array{tag}}};
  const std::string vpc =
      id("CreateVpc",
         {{"CidrBlock", "10.0.0.0/16"}, {"TagSpecifications", json::array{specification}}},
         "Vpc.VpcId");
  const std::string other = make_vpc("10.1.0.0/16");
  EXPECT_EQ(count("DescribeVpcs", "Vpcs", "tag:Name", "dev-*"), 1U);
  EXPECT_EQ(count("DescribeVpcs", "Vpcs", "tag:Name", "dev"), 0U);
  EXPECT_EQ(count("DescribeVpcs", "Vpcs", "tag-key", "Name"), 1U);
  EXPECT_EQ(count("DescribeVpcs", "Vpcs", "cidr", "10.?.0.0/16"), 2U);
  EXPECT_EQ(count("DescribeSecurityGroups", "SecurityGroups", "vpc-id", other), 1U);
  EXPECT_EQ(name("DescribeNatGateways",
                 {{"Filter", json::array{json::object{{"Name", "x"}, {"Values", {"y"}}}}}}),
            "InvalidParameterValue");
  call("CreateTags", {{"Resources", {other, vpc}},
                      {"Tags", json::array{json::object{{"Key", "a"}, {"Value", "1"}}}}});
  EXPECT_EQ(count("DescribeTags", "Tags", "resource-id", vpc), 2U);
  call("DeleteTags", {{"Resources", {vpc}},
                      {"Tags", json::array{json::object{{"Key", "a"}, {"Value", "2"}},
                                           json::object{{"Key", "Name"}}}}});
  EXPECT_EQ(count("DescribeTags", "Tags", "resource-id", vpc), 1U);
  EXPECT_EQ(name("CreateTags", {{"Resources", {"x-1"}}, {"Tags", json::array{tag}}}), "InvalidID");
  EXPECT_EQ(name("CreateTags", {{"Resources", {"vpc-1"}}, {"Tags", json::array{tag}}}),
            "InvalidVpcID.NotFound");
  EXPECT_EQ(name("CreateTags", {{"Resources", {vpc}}, {"Tags", json::array{json::object{}}}}),
            "InvalidParameterValue");
}

TEST_F(Ec2Test, PagesTokensAndDryRuns) {
  for (int i = 0; i < 6; ++i) make_vpc("10." + std::to_string(i) + ".0.0/16");
  const json::value page = call("DescribeVpcs", {{"MaxResults", 5}});
  EXPECT_THAT(at(page, "Vpcs").as_array(), SizeIs(5));
  const json::value rest =
      call("DescribeVpcs", {{"MaxResults", 5}, {"NextToken", at(page, "NextToken")}});
  EXPECT_THAT(at(rest, "Vpcs").as_array(), SizeIs(1));
  EXPECT_EQ(name("DescribeVpcs", {{"MaxResults", 4}}), "InvalidParameterValue");
  EXPECT_EQ(name("DescribeVpcs", {{"NextToken", "x"}}), "InvalidNextToken");

  EXPECT_EQ(name("CreateVpc", {{"CidrBlock", "10.9.0.0/16"}, {"DryRun", true}}), "DryRunOperation");
  EXPECT_EQ(name("CreateVpc", {{"CidrBlock", "x"}, {"DryRun", true}}), "InvalidParameterValue");
  EXPECT_THAT(at(call("DescribeVpcs", {}), "Vpcs").as_array(), SizeIs(6));

  const std::string vpc = to_string(at(page, "Vpcs.0.VpcId").as_string());
  const json::object once{{"VpcId", vpc}, {"ClientToken", "t"}};
  EXPECT_EQ(call("CreateRouteTable", once), call("CreateRouteTable", once));
  EXPECT_EQ(name("CreateRouteTable", {{"VpcId", at(page, "Vpcs.1.VpcId")}, {"ClientToken", "t"}}),
            "IdempotentParameterMismatch");
  EXPECT_EQ(count("DescribeRouteTables", "RouteTables", "vpc-id", vpc), 2U);
}

TEST_F(Ec2Test, APublicSubnetIsBuiltAndTakenDown) {
  const std::string vpc = make_vpc();
  const std::string subnet = make_subnet(vpc, "10.0.0.0/24");
  const std::string igw = id("CreateInternetGateway", {}, "InternetGateway.InternetGatewayId");
  const std::string table = id("CreateRouteTable", {{"VpcId", vpc}}, "RouteTable.RouteTableId");
  const json::object route{
      {"RouteTableId", table}, {"DestinationCidrBlock", "0.0.0.0/0"}, {"GatewayId", igw}};
  EXPECT_EQ(name("CreateRoute", route), "InvalidParameterValue");  // Not attached.
  EXPECT_EQ(name("CreateRoute", {{"RouteTableId", table},
                                 {"DestinationCidrBlock", "0.0.0.0/0"},
                                 {"GatewayId", "igw-1"}}),
            "InvalidGatewayID.NotFound");
  call("AttachInternetGateway", {{"InternetGatewayId", igw}, {"VpcId", vpc}});
  call("CreateRoute", route);
  const std::string association =
      id("AssociateRouteTable", {{"RouteTableId", table}, {"SubnetId", subnet}}, "AssociationId");
  const std::string main = to_string(
      at(call("DescribeRouteTables",
              {{"Filters",
                json::array{json::object{{"Name", "association.main"}, {"Values", {"true"}}}}}}),
         "RouteTables.0.RouteTableId")
          .as_string());
  EXPECT_EQ(name("AssociateRouteTable", {{"RouteTableId", main}, {"SubnetId", subnet}}),
            "Resource.AlreadyAssociated");
  const std::string ip = id("AllocateAddress", {{"Domain", "vpc"}}, "AllocationId");
  const json::value nat = call("CreateNatGateway", {{"SubnetId", subnet}, {"AllocationId", ip}});
  EXPECT_EQ(at(nat, "NatGateway.State"), "available");
  EXPECT_EQ(at(nat, "NatGateway.NatGatewayAddresses.0.PrivateIp"), "10.0.0.4");
  EXPECT_EQ(at(nat, "NatGateway.NatGatewayAddresses.0.PublicIp"), "203.0.113.1");
  EXPECT_EQ(name("ReleaseAddress", {{"AllocationId", ip}}), "InvalidIPAddress.InUse");
  EXPECT_EQ(name("DeleteSubnet", {{"SubnetId", subnet}}), "DependencyViolation");
  EXPECT_EQ(name("DetachInternetGateway", {{"InternetGatewayId", igw}, {"VpcId", vpc}}),
            "DependencyViolation");
  EXPECT_EQ(name("DeleteInternetGateway", {{"InternetGatewayId", igw}}), "DependencyViolation");
  EXPECT_EQ(name("DeleteRouteTable", {{"RouteTableId", table}}), "DependencyViolation");

  const json::value nat_id = at(nat, "NatGateway.NatGatewayId");
  call("DeleteNatGateway", {{"NatGatewayId", nat_id}});
  EXPECT_EQ(at(call("DescribeNatGateways", {}), "NatGateways.0.State"), "deleted");
  call("ReleaseAddress", {{"AllocationId", ip}});
  call("DetachInternetGateway", {{"InternetGatewayId", igw}, {"VpcId", vpc}});
  EXPECT_EQ(count("DescribeRouteTables", "RouteTables", "route.state", "blackhole"), 1U);
  EXPECT_EQ(name("DetachInternetGateway", {{"InternetGatewayId", igw}, {"VpcId", vpc}}),
            "Gateway.NotAttached");
  call("DeleteInternetGateway", {{"InternetGatewayId", igw}});
  call("DeleteRoute", {{"RouteTableId", table}, {"DestinationCidrBlock", "0.0.0.0/0"}});
  EXPECT_EQ(name("DeleteRoute", {{"RouteTableId", table}, {"DestinationCidrBlock", "0.0.0.0/0"}}),
            "InvalidRoute.NotFound");
  call("DisassociateRouteTable", {{"AssociationId", association}});
  EXPECT_EQ(name("DisassociateRouteTable", {{"AssociationId", association}}),
            "InvalidAssociationID.NotFound");
  call("DeleteRouteTable", {{"RouteTableId", table}});
  call("DeleteSubnet", {{"SubnetId", subnet}});
  call("DeleteVpc", {{"VpcId", vpc}});
  kernel_->run_until_idle(Timestamp{1'700'000'000'000ms});
  EXPECT_EQ(refused("DescribeNatGateways", {{"NatGatewayIds", {nat_id}}}).name,
            "NatGatewayNotFound");
}

TEST_F(Ec2Test, SecurityGroupsAndTheirRules) {
  const std::string vpc = make_vpc();
  const auto make_group = [&](std::string_view group) {
    return id("CreateSecurityGroup", {{"GroupName", group}, {"Description", "d"}, {"VpcId", vpc}},
              "GroupId");
  };
  EXPECT_EQ(name("CreateSecurityGroup", {{"GroupName", "x"}, {"Description", "d"}}),
            "VPCIdNotSpecified");
  const std::string alb = make_group("alb");
  const std::string app = make_group("app");
  EXPECT_EQ(
      name("CreateSecurityGroup", {{"GroupName", "app"}, {"Description", "d"}, {"VpcId", vpc}}),
      "InvalidGroup.Duplicate");
  const json::object from_alb{
      {"GroupId", app},
      {"IpPermissions",
       json::array{json::object{
           {"IpProtocol", "tcp"},
           {"FromPort", 8000},
           {"ToPort", 8000},
           {"UserIdGroupPairs",
            json::array{json::object{{"GroupId", alb}, {"Description", "From the ALB"}}}}}}}};
  const json::value rule = call("AuthorizeSecurityGroupIngress", from_alb);
  EXPECT_EQ(at(rule, "SecurityGroupRules.0.ReferencedGroupInfo.GroupId"), json::value(alb));
  EXPECT_EQ(refused("AuthorizeSecurityGroupIngress", from_alb),
            (Error{"InvalidPermission.Duplicate",
                   "the specified rule \"peer: " + alb +
                       ", TCP, from port: 8000, to port: 8000, ALLOW\" already exists"}));
  EXPECT_EQ(refused("DeleteSecurityGroup", {{"GroupId", alb}}),
            (Error{"DependencyViolation", "resource " + alb + " has a dependent object"}));
  EXPECT_EQ(count("DescribeSecurityGroups", "SecurityGroups", "ip-permission.group-id", alb), 1U);

  const json::object anywhere{{"CidrIp", "0.0.0.0/0"}};
  const json::object all_out{
      {"GroupId", app},
      {"IpPermissions",
       json::array{json::object{{"IpProtocol", "-1"}, {"IpRanges", json::array{anywhere}}}}}};
  call("RevokeSecurityGroupEgress", all_out);
  EXPECT_EQ(name("RevokeSecurityGroupEgress", all_out), "InvalidPermission.NotFound");
  // CDK's way of saying "nothing": icmp from 252 to 86.
  call("AuthorizeSecurityGroupEgress", {{"GroupId", app},
                                        {"IpProtocol", "icmp"},
                                        {"FromPort", 252},
                                        {"ToPort", 86},
                                        {"CidrIp", "255.255.255.255/32"}});
  const json::value shown =
      at(call("DescribeSecurityGroups", {{"GroupIds", {app}}}), "SecurityGroups.0");
  EXPECT_EQ(at(shown, "IpPermissionsEgress.0.ToPort"), 86);
  EXPECT_EQ(at(shown, "IpPermissionsEgress").as_array().size(), 1U);

  const json::value rule_id = at(rule, "SecurityGroupRules.0.SecurityGroupRuleId");
  const auto change = [&](std::int64_t port) {
    return json::object{
        {"GroupId", app},
        {"SecurityGroupRules", json::array{json::object{{"SecurityGroupRuleId", rule_id},
                                                        {"SecurityGroupRule",
                                                         {{"IpProtocol", "tcp"},
                                                          {"FromPort", port},
                                                          {"ToPort", port},
                                                          {"CidrIpv4", "10.0.0.0/8"},
                                                          {"Description", "changed"}}}}}}};
  };
  call("ModifySecurityGroupRules", change(81));
  const json::value changed =
      at(call("DescribeSecurityGroupRules", {{"SecurityGroupRuleIds", {rule_id}}}),
         "SecurityGroupRules.0");
  EXPECT_EQ(at(changed, "FromPort"), 81);
  EXPECT_EQ(at(changed, "CidrIpv4"), "10.0.0.0/8");
  EXPECT_EQ(at(changed, "Description"), "changed");
  EXPECT_FALSE(changed.as_object().contains("ReferencedGroupInfo"));

  call("RevokeSecurityGroupIngress",
       {{"GroupId", app},
        {"SecurityGroupRuleIds", {at(rule, "SecurityGroupRules.0.SecurityGroupRuleId")}}});
  call("DeleteSecurityGroup", {{"GroupId", alb}});
  EXPECT_EQ(name("DeleteSecurityGroup", {{"GroupId", alb}}), "InvalidGroup.NotFound");
}

TEST_F(Ec2Test, AddressesOfASubnetRunOutAndComeBack) {
  const std::string vpc = make_vpc();
  const std::string subnet = make_subnet(vpc, "10.0.0.0/28");
  const std::string group = id(
      "CreateSecurityGroup", {{"GroupName", "g"}, {"Description", "d"}, {"VpcId", vpc}}, "GroupId");
  const json::object ask{{"SubnetId", subnet},
                         {"Owner", "a task"},
                         {"SecurityGroupIds", json::array{json::value(group)}}};
  std::vector<std::string> interfaces;
  for (int i = 0; i < 11; ++i) {
    const json::value made = call("kiban:AllocateAddress", ask);
    EXPECT_EQ(at(made, "PrivateIpAddress"), json::value("10.0.0." + std::to_string(4 + i)));
    interfaces.push_back(to_string(at(made, "NetworkInterfaceId").as_string()));
  }
  EXPECT_EQ(name("kiban:AllocateAddress", ask), "InsufficientFreeAddressesInSubnet");
  EXPECT_EQ(at(call("DescribeSubnets", {}), "Subnets.0.AvailableIpAddressCount"), 0);
  EXPECT_EQ(count("DescribeNetworkInterfaces", "NetworkInterfaces", "description", "a task"), 11U);
  EXPECT_EQ(name("DeleteSecurityGroup", {{"GroupId", group}}), "DependencyViolation");
  call("kiban:ReleaseAddress", {{"NetworkInterfaceId", interfaces[3]}});
  EXPECT_EQ(name("kiban:ReleaseAddress", {{"NetworkInterfaceId", interfaces[3]}}),
            "InvalidNetworkInterfaceID.NotFound");
  const json::object plain{{"SubnetId", subnet}, {"Owner", "another"}};
  EXPECT_EQ(at(call("kiban:AllocateAddress", plain), "PrivateIpAddress"), "10.0.0.7");
  EXPECT_EQ(count("DescribeNetworkInterfaces", "NetworkInterfaces", "group-name", "default"), 1U);
}

TEST_F(Ec2Test, EndpointsTakeAddresses) {
  const std::string vpc = make_vpc();
  const std::string subnet = make_subnet(vpc, "10.0.0.0/24");
  const json::object ask{{"VpcId", vpc},
                         {"VpcEndpointType", "Interface"},
                         {"ServiceName", "com.amazonaws.ap-northeast-1.logs"},
                         {"SubnetIds", json::array{json::value(subnet)}},
                         {"PrivateDnsEnabled", true}};
  EXPECT_EQ(name("CreateVpcEndpoint", ask), "InvalidParameter");  // DNS host names are off.
  call("ModifyVpcAttribute", {{"VpcId", vpc}, {"EnableDnsHostnames", {{"Value", true}}}});
  const json::value made = call("CreateVpcEndpoint", ask);
  EXPECT_EQ(at(made, "VpcEndpoint.State"), "available");
  EXPECT_EQ(at(made, "VpcEndpoint.Groups.0.GroupName"), "default");
  EXPECT_EQ(name("DeleteSubnet", {{"SubnetId", subnet}}), "DependencyViolation");
  EXPECT_EQ(name("CreateVpcEndpoint",
                 {{"VpcId", vpc}, {"ServiceName", "com.amazonaws.ap-northeast-1.logs"}}),
            "InvalidParameter");
  EXPECT_EQ(name("CreateVpcEndpoint", {{"VpcId", vpc}, {"ServiceName", "s3"}}),
            "InvalidServiceName");
  call("CreateVpcEndpoint", {{"VpcId", vpc}, {"ServiceName", "com.amazonaws.ap-northeast-1.s3"}});
  EXPECT_EQ(count("DescribeVpcEndpoints", "VpcEndpoints", "vpc-endpoint-type", "Gateway"), 1U);
  const json::value id = at(made, "VpcEndpoint.VpcEndpointId");
  const std::string other = make_subnet(vpc, "10.0.1.0/24");
  call("ModifyVpcEndpoint", {{"VpcEndpointId", id},
                             {"AddSubnetIds", {other}},
                             {"RemoveSubnetIds", {subnet}},
                             {"PolicyDocument", R"({"Statement":[]})"}});
  const json::value moved =
      at(call("DescribeVpcEndpoints", {{"VpcEndpointIds", {id}}}), "VpcEndpoints.0");
  EXPECT_EQ(at(moved, "SubnetIds"), (json::array{json::value(other)}));
  EXPECT_EQ(at(moved, "PolicyDocument"), R"({"Statement":[]})");
  EXPECT_EQ(at(moved, "DnsEntries"), at(made, "VpcEndpoint.DnsEntries"));
  EXPECT_EQ(name("DeleteSubnet", {{"SubnetId", other}}), "DependencyViolation");
  EXPECT_EQ(
      name("ModifyVpcEndpoint", {{"VpcEndpointId", id}, {"AddRouteTableIds", {"rtb-00000001"}}}),
      "InvalidParameter");
  const json::value gone =
      call("DeleteVpcEndpoints",
           {{"VpcEndpointIds", {at(made, "VpcEndpoint.VpcEndpointId"), "vpce-1"}}});
  EXPECT_EQ(at(gone, "Unsuccessful.0.ResourceId"), "vpce-1");
  EXPECT_EQ(at(gone, "Unsuccessful").as_array().size(), 1U);
  call("DeleteSubnet", {{"SubnetId", subnet}});
}

TEST_F(Ec2Test, RegionsAndZones) {
  const json::value zones = call("DescribeAvailabilityZones", {{"ZoneNames", {"ap-northeast-1c"}}});
  EXPECT_EQ(at(zones, "AvailabilityZones.0.ZoneId"), "apne1-az1");
  EXPECT_EQ(at(zones, "AvailabilityZones").as_array().size(), 1U);
  EXPECT_EQ(name("DescribeAvailabilityZones", {{"ZoneNames", {"x"}}}), "InvalidParameterValue");
  EXPECT_THAT(at(call("DescribeVpnGateways", {}), "VpnGateways").as_array(), SizeIs(0));
  EXPECT_EQ(name("DescribeInstances", {{"InstanceIds", {"i-1"}}}), "InvalidInstanceID.Malformed");
  EXPECT_EQ(name("DescribeInstances", {{"InstanceIds", {"i-0123456789abcdef0"}}}),
            "InvalidInstanceID.NotFound");
  EXPECT_EQ(count("DescribeRegions", "Regions", "region-name", "ap-*"), 6U);
}

TEST_F(Ec2Test, WhatAnAccountHas) {
  const json::value all = call("DescribeAccountAttributes", {});
  EXPECT_THAT(at(all, "AccountAttributes").as_array(), SizeIs(6));
  const json::value one = call("DescribeAccountAttributes", {{"AttributeNames", {"default-vpc"}}});
  EXPECT_THAT(at(one, "AccountAttributes").as_array(), SizeIs(1));
  EXPECT_EQ(at(one, "AccountAttributes.0.AttributeValues.0.AttributeValue"), "none");
}

TEST_F(Ec2Test, WhatCannotBeAnId) {
  EXPECT_EQ(refused("DescribeSecurityGroups", {{"GroupIds", {"sg-zz"}}}),
            (Error{"InvalidGroupId.Malformed", R"(Invalid id: "sg-zz" (expecting "sg-..."))"}));
  EXPECT_EQ(name("DescribeSecurityGroups", {{"GroupIds", {"sg-01234567"}}}),
            "InvalidGroup.NotFound");
  EXPECT_EQ(name("DescribeRouteTables", {{"RouteTableIds", {"vpc-01234567"}}}),
            "InvalidRouteTableId.Malformed");
}

TEST_F(Ec2Test, RulesThatNoGroupTakes) {
  const std::string vpc = make_vpc();
  EXPECT_EQ(refused("CreateSecurityGroup",
                    {{"GroupName", "default"}, {"Description", "d"}, {"VpcId", vpc}})
                .cause,
            "Cannot use reserved security group name: default");
  const std::string group = id(
      "CreateSecurityGroup", {{"GroupName", "g"}, {"Description", "d"}, {"VpcId", vpc}}, "GroupId");
  const auto permission = [](std::string_view protocol, std::string_view cidr) {
    return json::object{{"IpProtocol", protocol},
                        {"FromPort", 80},
                        {"ToPort", 80},
                        {"IpRanges", {{{"CidrIp", cidr}}}}};
  };
  const auto cause = [&](json::array permissions) {
    return refused("AuthorizeSecurityGroupIngress",
                   {{"GroupId", group}, {"IpPermissions", std::move(permissions)}})
        .cause;
  };
  EXPECT_EQ(cause({permission("http", "10.0.0.0/8")}),
            "Invalid value 'http' for IP protocol. Unknown protocol.");
  EXPECT_EQ(cause({permission("tcp", "10.0.0.0/8"), permission("tcp", "10.0.0.0/8")}),
            "The same permission must not appear multiple times");
  json::array many;
  for (int i = 0; i < 61; ++i)
    many.push_back(permission("tcp", "10.0." + std::to_string(i) + ".0/24"));
  EXPECT_EQ(cause(many), "The maximum number of rules per security group has been reached.");
}

TEST_F(Ec2Test, FiltersOfTheApiReferenceAreKnown) {
  const std::string vpc = make_vpc();
  make_subnet(vpc, "10.0.1.0/24");
  EXPECT_EQ(count("DescribeNetworkAcls", "NetworkAcls", "entry.rule-action", "deny"), 1U);
  EXPECT_EQ(count("DescribeSubnets", "Subnets", "ipv6-native", "false"), 1U);
  EXPECT_EQ(count("DescribeSecurityGroups", "SecurityGroups", "ip-permission.ipv6-cidr", "::/0"),
            0U);
  EXPECT_EQ(count("DescribeRouteTables", "RouteTables", "route.instance-id", "i-1"), 0U);
  EXPECT_EQ(count("DescribeVpcs", "Vpcs", "ipv6-cidr-block-association.state", "associated"), 0U);
}

TEST_F(Ec2Test, RulesOfIpv6Ranges) {
  const std::string vpc = make_vpc();
  const std::string group = id(
      "CreateSecurityGroup", {{"GroupName", "g"}, {"Description", "d"}, {"VpcId", vpc}}, "GroupId");
  const auto input = [&](std::string_view cidr) {
    const json::object range{{"CidrIpv6", cidr}};
    return json::object{{"GroupId", group},
                        {"IpPermissions",
                         {{{"IpProtocol", "tcp"},
                           {"FromPort", 443},
                           {"ToPort", 443},
                           {"Ipv6Ranges", json::array{range}}}}}};
  };
  const json::value made = call("AuthorizeSecurityGroupIngress", input("2001:DB8::1/32"));
  EXPECT_EQ(at(made, "SecurityGroupRules.0.CidrIpv6"), "2001:db8::/32");
  EXPECT_EQ(name("AuthorizeSecurityGroupIngress", input("2001:db8::/32")),
            "InvalidPermission.Duplicate");
  EXPECT_EQ(name("AuthorizeSecurityGroupIngress", input("::/129")), "InvalidParameterValue");
  EXPECT_EQ(
      count("DescribeSecurityGroups", "SecurityGroups", "ip-permission.ipv6-cidr", "2001:db8::/32"),
      1U);
  call("RevokeSecurityGroupIngress", input("2001:db8::/32"));
  EXPECT_EQ(name("RevokeSecurityGroupIngress", input("2001:db8::/32")),
            "InvalidPermission.NotFound");
}

TEST_F(Ec2Test, ANatGatewayNeedsAnInternetGateway) {
  const std::string vpc = make_vpc();
  const std::string subnet = make_subnet(vpc, "10.0.1.0/24");
  const std::string ip = id("AllocateAddress", {{"Domain", "vpc"}}, "AllocationId");
  const json::value made = call("CreateNatGateway", {{"SubnetId", subnet}, {"AllocationId", ip}});
  EXPECT_EQ(at(made, "NatGateway.State"), "failed");
  EXPECT_EQ(at(made, "NatGateway.FailureCode"), "Gateway.NotAttached");
  call("DeleteNatGateway", {{"NatGatewayId", at(made, "NatGateway.NatGatewayId")}});
  call("ReleaseAddress", {{"AllocationId", ip}});
  call("DeleteSubnet", {{"SubnetId", subnet}});
}

TEST_F(Ec2Test, AResourceHasFiftyTags) {
  const std::string vpc = make_vpc();
  const auto tag = [&](int from) {
    json::array tags;
    for (int i = from; i < from + 30; ++i)
      tags.push_back(json::object{{"Key", "k" + std::to_string(i)}, {"Value", ""}});
    return json::object{{"Resources", {vpc}}, {"Tags", std::move(tags)}};
  };
  call("CreateTags", tag(0));
  EXPECT_EQ(name("CreateTags", tag(30)), "TagLimitExceeded");
}

}  // namespace
}  // namespace kiban::services::ec2
