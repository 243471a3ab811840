// VPCs, subnets, and the default network ACL of each VPC.
#include <algorithm>
#include <array>

#include "services/ec2/cidr.h"
#include "services/ec2/records.h"
#include "services/ec2/zones.h"

namespace kiban::services::ec2 {
namespace {

constexpr std::array vpc_filters = {
    Filter{"cidr-block-association.association-id", "CidrBlockAssociationSet.AssociationId"},
    Filter{"ipv6-cidr-block-association.ipv6-cidr-block",
           "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock"},
    Filter{"ipv6-cidr-block-association.ipv6-pool", "Ipv6CidrBlockAssociationSet.Ipv6Pool"},
    Filter{"ipv6-cidr-block-association.association-id",
           "Ipv6CidrBlockAssociationSet.AssociationId"},
    Filter{"ipv6-cidr-block-association.state",
           "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State"},
    Filter{"cidr", "CidrBlock"},
    Filter{"cidr-block-association.cidr-block", "CidrBlockAssociationSet.CidrBlock"},
    Filter{"cidr-block-association.state", "CidrBlockAssociationSet.CidrBlockState.State"},
    Filter{"dhcp-options-id", "DhcpOptionsId"},
    Filter{"is-default", "IsDefault"},
    Filter{"isDefault", "IsDefault"},
    Filter{"owner-id", "OwnerId"},
    Filter{"state", "State"},
    Filter{"vpc-id", "VpcId"}};
constexpr std::array subnet_filters = {
    Filter{"customer-owned-ipv4-pool", "CustomerOwnedIpv4Pool"},
    Filter{"enable-dns64", "EnableDns64"},
    Filter{"enable-lni-at-device-index", "EnableLniAtDeviceIndex"},
    Filter{"ipv6-cidr-block-association.ipv6-cidr-block",
           "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock"},
    Filter{"ipv6-cidr-block-association.association-id",
           "Ipv6CidrBlockAssociationSet.AssociationId"},
    Filter{"ipv6-cidr-block-association.state",
           "Ipv6CidrBlockAssociationSet.Ipv6CidrBlockState.State"},
    Filter{"ipv6-native", "Ipv6Native"},
    Filter{"map-customer-owned-ip-on-launch", "MapCustomerOwnedIpOnLaunch"},
    Filter{"outpost-arn", "OutpostArn"},
    Filter{"private-dns-name-options-on-launch.hostname-type",
           "PrivateDnsNameOptionsOnLaunch.HostnameType"},
    Filter{"private-dns-name-options-on-launch.enable-resource-name-dns-a-record",
           "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsARecord"},
    Filter{"private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record",
           "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord"},
    Filter{"availability-zone", "AvailabilityZone"},
    Filter{"availabilityZone", "AvailabilityZone"},
    Filter{"availability-zone-id", "AvailabilityZoneId"},
    Filter{"available-ip-address-count", "AvailableIpAddressCount"},
    Filter{"cidr", "CidrBlock"},
    Filter{"cidr-block", "CidrBlock"},
    Filter{"cidrBlock", "CidrBlock"},
    Filter{"default-for-az", "DefaultForAz"},
    Filter{"map-public-ip-on-launch", "MapPublicIpOnLaunch"},
    Filter{"owner-id", "OwnerId"},
    Filter{"state", "State"},
    Filter{"subnet-arn", "SubnetArn"},
    Filter{"subnet-id", "SubnetId"},
    Filter{"vpc-id", "VpcId"}};
constexpr std::array network_acl_filters = {
    Filter{"association.association-id", "Associations.NetworkAclAssociationId"},
    Filter{"association.network-acl-id", "Associations.NetworkAclId"},
    Filter{"entry.cidr", "Entries.CidrBlock"},
    Filter{"entry.icmp.code", "Entries.IcmpTypeCode.Code"},
    Filter{"entry.icmp.type", "Entries.IcmpTypeCode.Type"},
    Filter{"entry.ipv6-cidr", "Entries.Ipv6CidrBlock"},
    Filter{"entry.port-range.from", "Entries.PortRange.From"},
    Filter{"entry.port-range.to", "Entries.PortRange.To"},
    Filter{"entry.protocol", "Entries.Protocol"},
    Filter{"entry.rule-action", "Entries.RuleAction"},
    Filter{"entry.egress", "Entries.Egress"},
    Filter{"entry.rule-number", "Entries.RuleNumber"},
    Filter{"association.subnet-id", "Associations.SubnetId"},
    Filter{"default", "IsDefault"},
    Filter{"network-acl-id", "NetworkAclId"},
    Filter{"owner-id", "OwnerId"},
    Filter{"vpc-id", "VpcId"}};

// The row keeps what DescribeVpcAttribute shows, too.
json::object shown_vpc(const Context& /*context*/, json::object row) {
  row.erase("EnableDnsSupport");
  row.erase("EnableDnsHostnames");
  row.erase("EnableNetworkAddressUsageMetrics");
  return row;
}

// Every subnet belongs to the default ACL of its VPC: others can't be made here.
json::object shown_acl(const Context& context, json::object row) {
  json::array associations;
  for (const json::object& subnet :
       having(context, kinds::subnet, "VpcId", row.at("VpcId").as_string())) {
    const std::string id = text(subnet, "SubnetId");
    associations.push_back(
        json::object{{"NetworkAclAssociationId", "aclassoc-" + id.substr(id.find('-') + 1)},
                     {"NetworkAclId", row.at("NetworkAclId")},
                     {"SubnetId", id}});
  }
  row["Associations"] = std::move(associations);
  return row;
}

// docs.aws.amazon.com/vpc/latest/userguide/default-network-acl.html
json::array default_entries() {
  json::array out;
  for (const bool egress : {true, false}) {
    for (const auto& [number, action] : {std::pair{100, "allow"}, std::pair{32'767, "deny"}}) {
      out.push_back(json::object{{"CidrBlock", "0.0.0.0/0"},
                                 {"Egress", egress},
                                 {"Protocol", "-1"},
                                 {"RuleAction", action},
                                 {"RuleNumber", number}});
    }
  }
  return out;
}

// VPCs --------------------------------------------------------------------------------------------

// What AWS makes along with a VPC: main route table, default security group and network ACL.
// docs.aws.amazon.com/vpc/latest/userguide/create-vpc.html
Result<void> furnish(Context& context, const std::string& vpc_id, const std::string& cidr) {
  const json::object none;
  KIBAN_TRY(json::object table, begin(context, kinds::route_table, none));
  table["VpcId"] = vpc_id;
  table["PropagatingVgws"] = json::array{};
  table["Routes"] = json::array{json::object{{"DestinationCidrBlock", cidr},
                                             {"GatewayId", "local"},
                                             {"Origin", "CreateRouteTable"},
                                             {"State", "active"}}};
  table["Associations"] =
      json::array{json::object{{"Main", true},
                               {"RouteTableAssociationId", "rtbassoc-" + context.random().hex(17)},
                               {"RouteTableId", table.at("RouteTableId")},
                               {"AssociationState", {{"State", "associated"}}}}};
  save(context, kinds::route_table, table);
  KIBAN_TRY(json::object acl, begin(context, kinds::network_acl, none));
  acl["VpcId"] = vpc_id;
  acl["IsDefault"] = true;
  acl["Entries"] = default_entries();
  save(context, kinds::network_acl, acl);
  return make_default_group(context, vpc_id);
}

Result<json::object> create_vpc(Context& context, const json::object& input) {
  if (flag(input, "AmazonProvidedIpv6CidrBlock"))
    return fail("UnsupportedOperation",
                "kiban does not support AmazonProvidedIpv6CidrBlock of ec2:CreateVpc");
  if (!input.contains("CidrBlock")) {
    return fail("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.");
  }
  KIBAN_TRY(const Cidr block, parse_cidr(text(input, "CidrBlock")));
  // docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
  if (block.bits < 16 || block.bits > 28) {
    return fail("InvalidVpc.Range", fmt::format("The CIDR '{}' is invalid.", print_cidr(block)));
  }
  KIBAN_TRY(json::object row, begin(context, kinds::vpc, input));
  const std::string id = text(row, "VpcId");
  const std::string cidr = print_cidr(block);
  row.insert(
      {{"CidrBlock", cidr},
       {"CidrBlockAssociationSet",
        json::array{json::object{{"AssociationId", "vpc-cidr-assoc-" + context.random().hex(17)},
                                 {"CidrBlock", cidr},
                                 {"CidrBlockState", {{"State", "associated"}}}}}},
       {"DhcpOptionsId", "default"},
       {"EnableDnsHostnames", false},
       {"EnableDnsSupport", true},
       {"InstanceTenancy", text(input, "InstanceTenancy", "default")},
       {"IsDefault", false},
       {"State", "available"}});
  save(context, kinds::vpc, row);
  KIBAN_TRY_VOID(furnish(context, id, cidr));
  return json::object{{"Vpc", shown_vpc(context, row)}};
}

Result<json::object> delete_vpc(Context& context, const json::object& input) {
  const std::string id = text(input, "VpcId");
  KIBAN_TRY_VOID(load(context, kinds::vpc, id));
  const auto of_vpc = [&](const Kind& kind) { return having(context, kind, "VpcId", id); };
  const std::vector<json::object> tables = of_vpc(kinds::route_table);
  const std::vector<json::object> groups = of_vpc(kinds::security_group);
  const bool needed = !of_vpc(kinds::subnet).empty() || !of_vpc(kinds::vpc_endpoint).empty() ||
                      tables.size() > 1 || groups.size() > 1 ||
                      !having(context, kinds::internet_gateway, "Attachments.VpcId", id).empty();
  if (needed) return in_use(kinds::vpc, id);
  for (const json::object& table : tables) {
    erase(context, kinds::route_table, text(table, "RouteTableId"));
  }
  for (const json::object& acl : of_vpc(kinds::network_acl)) {
    erase(context, kinds::network_acl, text(acl, "NetworkAclId"));
  }
  for (const json::object& group : groups) erase_group(context, text(group, "GroupId"));
  erase(context, kinds::vpc, id);
  return json::object{};
}

// One attribute a request.
// docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcAttribute.html
Result<json::object> modify_vpc_attribute(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kinds::vpc, text(input, "VpcId")));
  const json::object* support = find_object(input, "EnableDnsSupport");
  const json::object* hostnames = find_object(input, "EnableDnsHostnames");
  const json::object* metrics = find_object(input, "EnableNetworkAddressUsageMetrics");
  if ((support != nullptr) + (hostnames != nullptr) + (metrics != nullptr) != 1) {
    return fail("InvalidParameterCombination",
                "Give exactly one of EnableDnsSupport, EnableDnsHostnames and "
                "EnableNetworkAddressUsageMetrics");
  }
  if (metrics) {
    row["EnableNetworkAddressUsageMetrics"] = flag(*metrics, "Value");
    save(context, kinds::vpc, row);
    return json::object{};
  }
  row[support ? "EnableDnsSupport" : "EnableDnsHostnames"] =
      flag(support ? *support : *hostnames, "Value");
  save(context, kinds::vpc, row);
  return json::object{};
}

Result<json::object> describe_vpc_attribute(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, kinds::vpc, text(input, "VpcId")));
  std::string member = text(input, "Attribute");
  if (member == "enableNetworkAddressUsageMetrics") {
    const bool on = flag(row, "EnableNetworkAddressUsageMetrics");
    return json::object{{"VpcId", row.at("VpcId")},
                        {"EnableNetworkAddressUsageMetrics", {{"Value", on}}}};
  }
  if (member != "enableDnsSupport" && member != "enableDnsHostnames") {
    return fail("InvalidParameterValue",
                fmt::format("Value ({}) for parameter attribute is invalid. Valid values are: "
                            "enableDnsSupport, enableDnsHostnames",
                            member));
  }
  member[0] = 'E';
  return json::object{{"VpcId", row.at("VpcId")}, {member, {{"Value", row.at(member)}}}};
}

// Subnets -----------------------------------------------------------------------------------------

Result<Cidr> room_for(const Context& context, const json::object& vpc, std::string_view wanted) {
  KIBAN_TRY(const Cidr block, parse_cidr(wanted));
  KIBAN_TRY(const Cidr whole, parse_cidr(text(vpc, "CidrBlock")));
  if (block.bits > 28 || !whole.contains(block)) {
    return fail("InvalidSubnet.Range", fmt::format("The CIDR '{}' is invalid.", print_cidr(block)));
  }
  for (const json::object& other : having(context, kinds::subnet, "VpcId", text(vpc, "VpcId"))) {
    KIBAN_TRY(const Cidr taken, parse_cidr(text(other, "CidrBlock")));
    if (taken.overlaps(block)) {
      return fail("InvalidSubnet.Conflict",
                  fmt::format("The CIDR '{}' conflicts with another subnet", print_cidr(block)));
    }
  }
  return block;
}

Result<json::object> create_subnet(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object vpc, load(context, kinds::vpc, text(input, "VpcId")));
  KIBAN_TRY_VOID(require(input, "CidrBlock"));
  KIBAN_TRY(const Cidr block, room_for(context, vpc, text(input, "CidrBlock")));
  KIBAN_TRY(const Zone zone, find_zone(context.caller().region, text(input, "AvailabilityZone"),
                                       text(input, "AvailabilityZoneId")));
  KIBAN_TRY(json::object row, begin(context, kinds::subnet, input));
  const std::string id = text(row, "SubnetId");
  row.insert({{"AssignIpv6AddressOnCreation", false},
              {"AvailabilityZone", zone.name},
              {"AvailabilityZoneId", zone.id},
              // docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html: five are reserved.
              {"AvailableIpAddressCount", static_cast<std::int64_t>(block.size()) - 5},
              {"CidrBlock", print_cidr(block)},
              {"DefaultForAz", false},
              {"EnableDns64", false},
              {"Ipv6CidrBlockAssociationSet", json::array{}},
              {"Ipv6Native", false},
              {"MapCustomerOwnedIpOnLaunch", false},
              {"MapPublicIpOnLaunch", false},
              {"PrivateDnsNameOptionsOnLaunch",
               {{"HostnameType", "ip-name"},
                {"EnableResourceNameDnsARecord", false},
                {"EnableResourceNameDnsAAAARecord", false}}},
              {"State", "available"},
              {"SubnetArn", make_arn(context, "ec2", "subnet/" + id)},
              {"VpcId", vpc.at("VpcId")}});
  save(context, kinds::subnet, row);
  return json::object{{"Subnet", row}};
}

// Its association with a route table goes along.
Result<json::object> delete_subnet(Context& context, const json::object& input) {
  const std::string id = text(input, "SubnetId");
  KIBAN_TRY_VOID(load(context, kinds::subnet, id));
  if (!having(context, kinds::network_interface, "SubnetId", id).empty()) {
    return in_use(kinds::subnet, id);
  }
  for (json::object& table : having(context, kinds::route_table, "Associations.SubnetId", id)) {
    json::array kept;
    for (const json::value& one : table.at("Associations").as_array()) {
      if (!has(one, "SubnetId", id)) kept.push_back(one);
    }
    table["Associations"] = std::move(kept);
    save(context, kinds::route_table, table);
  }
  erase(context, kinds::subnet, id);
  return json::object{};
}

Result<json::object> modify_subnet_attribute(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kinds::subnet, text(input, "SubnetId")));
  if (const json::object* value = find_object(input, "MapPublicIpOnLaunch")) {
    row["MapPublicIpOnLaunch"] = flag(*value, "Value");
  }
  save(context, kinds::subnet, row);
  return json::object{};
}

}  // namespace

namespace kinds {
const Kind vpc{.type = "vpc",
               .prefix = "vpc",
               .id = "VpcId",
               .list = "Vpcs",
               .ids = "VpcIds",
               .not_found = "InvalidVpcID.NotFound",
               .noun = "vpc ID",
               .filters = vpc_filters,
               .shown = shown_vpc};
const Kind subnet{.type = "subnet",
                  .prefix = "subnet",
                  .id = "SubnetId",
                  .list = "Subnets",
                  .ids = "SubnetIds",
                  .not_found = "InvalidSubnetID.NotFound",
                  .noun = "subnet ID",
                  .filters = subnet_filters};
const Kind network_acl{.type = "network-acl",
                       .prefix = "acl",
                       .id = "NetworkAclId",
                       .list = "NetworkAcls",
                       .ids = "NetworkAclIds",
                       .not_found = "InvalidNetworkAclID.NotFound",
                       .noun = "networkAcl ID",
                       .filters = network_acl_filters,
                       .shown = shown_acl};
}  // namespace kinds

CheckedTable network_operations() {
  return {
      {"CreateSubnet",
       {create_subnet, "VpcId CidrBlock AvailabilityZone AvailabilityZoneId TagSpecifications"}},
      {"CreateVpc",
       {create_vpc, "AmazonProvidedIpv6CidrBlock CidrBlock InstanceTenancy TagSpecifications"}},
      {"DeleteSubnet", {delete_subnet, "SubnetId"}},
      {"DeleteVpc", {delete_vpc, "VpcId"}},
      {"DescribeNetworkAcls",
       {describe_all<kinds::network_acl>, "NetworkAclIds Filters MaxResults NextToken"}},
      {"DescribeSubnets", {describe_all<kinds::subnet>, "SubnetIds Filters MaxResults NextToken"}},
      {"DescribeVpcAttribute", {describe_vpc_attribute, "VpcId Attribute"}},
      {"DescribeVpcs", {describe_all<kinds::vpc>, "VpcIds Filters MaxResults NextToken"}},
      {"ModifySubnetAttribute", {modify_subnet_attribute, "SubnetId MapPublicIpOnLaunch"}},
      {"ModifyVpcAttribute",
       {modify_vpc_attribute,
        "VpcId EnableDnsSupport EnableDnsHostnames EnableNetworkAddressUsageMetrics"}}};
}

}  // namespace kiban::services::ec2
