// VPC endpoints. kiban's services are reached at its own address, so none leads anywhere.
#include <algorithm>
#include <array>

#include "services/ec2/interfaces.h"
#include "services/ec2/records.h"

namespace kiban::services::ec2 {
namespace {

constexpr std::array filters = {Filter{"ip-address-type", "IpAddressType"},
                                Filter{"service-region", "ServiceRegion"},
                                Filter{"service-name", "ServiceName"},
                                Filter{"vpc-endpoint-id", "VpcEndpointId"},
                                Filter{"vpc-endpoint-state", "State"},
                                Filter{"vpc-endpoint-type", "VpcEndpointType"},
                                Filter{"vpc-id", "VpcId"}};

// What an endpoint without a policy has.
// docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html
constexpr std::string_view full_access =
    R"({"Version":"2008-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*",)"
    R"("Resource":"*"}]})";

json::array list_of(const json::object& input, std::string_view member) {
  const json::array* found = find_array(input, member);
  return found ? *found : json::array{};
}

// "s3" of com.amazonaws.ap-northeast-1.s3. Which services AWS offers there isn't kept.
Result<std::string> check_service(const Context& context, const json::object& input) {
  const std::string name = text(input, "ServiceName");
  const std::string prefix = fmt::format("com.amazonaws.{}.", context.caller().region);
  if (name.size() <= prefix.size() || !name.starts_with(prefix)) {
    return fail("InvalidServiceName",
                fmt::format("The Vpc Endpoint Service '{}' does not exist", name));
  }
  std::string service = name.substr(prefix.size());
  const bool gateway = text(input, "VpcEndpointType", "Gateway") == "Gateway";
  // docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html
  if (gateway && service != "s3" && service != "dynamodb") {
    return fail("InvalidParameter",
                "Endpoint type (Gateway) does not match available service types ([Interface]).");
  }
  return service;
}

Result<void> place_gateway(const Context& context, const json::object& input, json::object& row) {
  json::array tables = list_of(input, "RouteTableIds");
  for (const json::value& id : tables) {
    KIBAN_TRY(const json::object table, load(context, kinds::route_table, id.as_string()));
    if (table.at("VpcId") != row.at("VpcId")) {
      return fail("InvalidRouteTableId.NotFound",
                  fmt::format("The Route Table {} does not belong to the VPC",
                              std::string_view(id.as_string())));
    }
  }
  row["RouteTableIds"] = std::move(tables);
  row["PrivateDnsEnabled"] = false;
  return {};
}

Result<void> place_interfaces(Context& context, const json::object& input,
                              const std::string& service, json::object& row) {
  const std::string id = text(row, "VpcEndpointId");
  KIBAN_TRY(const json::object vpc, load(context, kinds::vpc, text(row, "VpcId")));
  const bool private_dns = flag(input, "PrivateDnsEnabled", true);
  if (private_dns && (!flag(vpc, "EnableDnsSupport") || !flag(vpc, "EnableDnsHostnames"))) {
    return fail("InvalidParameter",
                fmt::format("Enabling private DNS requires both enableDnsSupport and "
                            "enableDnsHostnames VPC attributes set to true for {}",
                            text(row, "VpcId")));
  }
  json::array group_ids = list_of(input, "SecurityGroupIds");
  if (group_ids.empty()) {
    group_ids.push_back(json::value(default_group(context, text(row, "VpcId"))));
  }
  json::array groups;
  for (const json::value& group_id : group_ids) {
    KIBAN_TRY(const json::object group, load(context, kinds::security_group, group_id.as_string()));
    groups.push_back(
        json::object{{"GroupId", group.at("GroupId")}, {"GroupName", group.at("GroupName")}});
  }
  json::array interfaces;
  for (const json::value& subnet_id : list_of(input, "SubnetIds")) {
    KIBAN_TRY(const json::object interface,
              allocate_address(context, {{"SubnetId", subnet_id},
                                         {"Owner", "VPC Endpoint Interface " + id},
                                         {"SecurityGroupIds", group_ids},
                                         {"InterfaceType", "vpc_endpoint"}}));
    interfaces.push_back(interface.at("NetworkInterfaceId"));
  }
  row["SubnetIds"] = list_of(input, "SubnetIds");
  row["NetworkInterfaceIds"] = std::move(interfaces);
  row["Groups"] = std::move(groups);
  row["PrivateDnsEnabled"] = private_dns;
  row["DnsEntries"] = json::array{json::object{
      {"DnsName", fmt::format("{}-{}.{}.{}.vpce.amazonaws.com", id, context.random().hex(8),
                              service, context.caller().region)}}};
  return {};
}

Result<json::object> create_endpoint(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(load(context, kinds::vpc, text(input, "VpcId")));
  const std::string type = text(input, "VpcEndpointType", "Gateway");
  if (type != "Gateway" && type != "Interface") {
    return fail("UnsupportedOperation",
                fmt::format("kiban does not support endpoints of the type {}", type));
  }
  KIBAN_TRY(const std::string service, check_service(context, input));
  KIBAN_TRY(json::object row, begin(context, kinds::vpc_endpoint, input));
  row.insert({{"CreationTimestamp", epoch_seconds(context.now())},
              {"DnsEntries", json::array{}},
              {"Groups", json::array{}},
              {"NetworkInterfaceIds", json::array{}},
              {"PolicyDocument", text(input, "PolicyDocument", full_access)},
              {"RequesterManaged", false},
              {"RouteTableIds", json::array{}},
              {"ServiceName", text(input, "ServiceName")},
              {"State", "available"},
              {"SubnetIds", json::array{}},
              {"VpcEndpointType", type},
              {"VpcId", text(input, "VpcId")}});
  if (type == "Gateway") {
    KIBAN_TRY_VOID(place_gateway(context, input, row));
  } else {
    KIBAN_TRY_VOID(place_interfaces(context, input, service, row));
  }
  save(context, kinds::vpc_endpoint, row);
  return json::object{{"VpcEndpoint", row}};
}

// `before` without what REMOVE names, and with what ADD names.
json::array changed_list(const json::array& before, const json::object& input, std::string_view add,
                         std::string_view remove) {
  const json::array gone = list_of(input, remove);
  json::array out;
  for (const json::value& id : before) {
    if (std::ranges::find(gone, id) == gone.end()) out.push_back(id);
  }
  for (const json::value& id : list_of(input, add)) {
    if (std::ranges::find(out, id) == out.end()) out.push_back(id);
  }
  return out;
}

// Other interfaces for other subnets or groups; its DNS names stay.
Result<void> move_interfaces(Context& context, const json::object& input, json::object& row) {
  json::array groups;
  for (const json::value& group : row.at("Groups").as_array()) {
    groups.push_back(group.at("GroupId"));
  }
  const json::object wanted{
      {"SubnetIds",
       changed_list(row.at("SubnetIds").as_array(), input, "AddSubnetIds", "RemoveSubnetIds")},
      {"SecurityGroupIds",
       changed_list(groups, input, "AddSecurityGroupIds", "RemoveSecurityGroupIds")},
      {"PrivateDnsEnabled", flag(input, "PrivateDnsEnabled", flag(row, "PrivateDnsEnabled"))}};
  for (const json::value& interface : row.at("NetworkInterfaceIds").as_array()) {
    KIBAN_TRY_VOID(release_address(context, {{"NetworkInterfaceId", interface}}));
  }
  const json::value names = row.at("DnsEntries");
  KIBAN_TRY_VOID(place_interfaces(context, wanted, {}, row));
  row["DnsEntries"] = names;
  return {};
}

// docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html
Result<json::object> modify_endpoint(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kinds::vpc_endpoint, text(input, "VpcEndpointId")));
  const bool gateway = text(row, "VpcEndpointType") == "Gateway";
  for (const auto& member : input) {
    const std::string_view name = member.key();
    const bool of_gateways = name.ends_with("RouteTableIds");
    const bool of_interfaces = name.ends_with("SubnetIds") || name.ends_with("SecurityGroupIds") ||
                               name == "PrivateDnsEnabled";
    if (gateway ? of_interfaces : of_gateways) {
      return fail("InvalidParameter", fmt::format("{} does not apply to endpoints of the type {}",
                                                  name, text(row, "VpcEndpointType")));
    }
  }
  if (flag(input, "ResetPolicy")) row["PolicyDocument"] = full_access;
  if (input.contains("PolicyDocument")) row["PolicyDocument"] = input.at("PolicyDocument");
  if (gateway) {
    KIBAN_TRY_VOID(
        place_gateway(context,
                      {{"RouteTableIds", changed_list(row.at("RouteTableIds").as_array(), input,
                                                      "AddRouteTableIds", "RemoveRouteTableIds")}},
                      row));
  } else {
    KIBAN_TRY_VOID(move_interfaces(context, input, row));
  }
  save(context, kinds::vpc_endpoint, row);
  return json::object{{"Return", true}};
}

// What can't be deleted is told in the reply.
// docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpoints.html
Result<json::object> delete_endpoints(Context& context, const json::object& input) {
  json::array unsuccessful;
  for (const json::value& id : input.at("VpcEndpointIds").as_array()) {
    const auto row = load(context, kinds::vpc_endpoint, id.as_string());
    if (!row) {
      unsuccessful.push_back(
          json::object{{"ResourceId", id},
                       {"Error", {{"Code", row.error().name}, {"Message", row.error().cause}}}});
      continue;
    }
    for (const json::value& interface : row->at("NetworkInterfaceIds").as_array()) {
      KIBAN_TRY_VOID(release_address(context, {{"NetworkInterfaceId", interface}}));
    }
    erase(context, kinds::vpc_endpoint, id.as_string());
  }
  return json::object{{"Unsuccessful", std::move(unsuccessful)}};
}

}  // namespace

namespace kinds {
const Kind vpc_endpoint{.type = "vpc-endpoint",
                        .prefix = "vpce",
                        .id = "VpcEndpointId",
                        .list = "VpcEndpoints",
                        .ids = "VpcEndpointIds",
                        .not_found = "InvalidVpcEndpointId.NotFound",
                        .noun = "Vpc Endpoint Id",
                        .filters = filters};
}  // namespace kinds

CheckedTable endpoint_operations() {
  return {{"CreateVpcEndpoint",
           {create_endpoint,
            "VpcId ServiceName VpcEndpointType RouteTableIds SubnetIds SecurityGroupIds "
            "PrivateDnsEnabled PolicyDocument TagSpecifications ClientToken"}},
          {"DeleteVpcEndpoints", {delete_endpoints, "VpcEndpointIds"}},
          {"ModifyVpcEndpoint",
           {modify_endpoint,
            "VpcEndpointId ResetPolicy PolicyDocument AddRouteTableIds RemoveRouteTableIds "
            "AddSubnetIds RemoveSubnetIds AddSecurityGroupIds RemoveSecurityGroupIds "
            "PrivateDnsEnabled"}},
          {"DescribeVpcEndpoints",
           {describe_all<kinds::vpc_endpoint>, "VpcEndpointIds Filters MaxResults NextToken"}}};
}

}  // namespace kiban::services::ec2
