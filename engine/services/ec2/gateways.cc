// Internet gateways, NAT gateways and the public addresses of these. None carries a packet.
#include <algorithm>
#include <array>

#include "services/ec2/cidr.h"
#include "services/ec2/interfaces.h"
#include "services/ec2/records.h"

namespace kiban::services::ec2 {
namespace {

constexpr std::array internet_filters = {Filter{"attachment.state", "Attachments.State"},
                                         Filter{"attachment.vpc-id", "Attachments.VpcId"},
                                         Filter{"internet-gateway-id", "InternetGatewayId"},
                                         Filter{"owner-id", "OwnerId"}};
constexpr std::array nat_filters = {Filter{"nat-gateway-id", "NatGatewayId"},
                                    Filter{"state", "State"}, Filter{"subnet-id", "SubnetId"},
                                    Filter{"vpc-id", "VpcId"}};
constexpr std::array address_filters = {
    Filter{"instance-id", "InstanceId"},
    Filter{"network-border-group", "NetworkBorderGroup"},
    Filter{"network-interface-owner-id", "NetworkInterfaceOwnerId"},
    Filter{"allocation-id", "AllocationId"},
    Filter{"association-id", "AssociationId"},
    Filter{"domain", "Domain"},
    Filter{"network-interface-id", "NetworkInterfaceId"},
    Filter{"private-ip-address", "PrivateIpAddress"},
    Filter{"public-ip", "PublicIp"}};

// Internet gateways -------------------------------------------------------------------------------

Result<json::object> create_internet_gateway(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, begin(context, kinds::internet_gateway, input));
  row["Attachments"] = json::array{};
  save(context, kinds::internet_gateway, row);
  return json::object{{"InternetGateway", row}};
}

Result<json::object> attach(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row,
            load(context, kinds::internet_gateway, text(input, "InternetGatewayId")));
  KIBAN_TRY(const json::object vpc, load(context, kinds::vpc, text(input, "VpcId")));
  const std::string id = text(row, "InternetGatewayId");
  const std::string vpc_id = text(vpc, "VpcId");
  if (!row.at("Attachments").as_array().empty()) {
    return fail("Resource.AlreadyAssociated",
                fmt::format("resource {} is already attached to network {}", id,
                            text(row.at("Attachments").as_array()[0].as_object(), "VpcId")));
  }
  if (!having(context, kinds::internet_gateway, "Attachments.VpcId", vpc_id).empty()) {
    return fail("InvalidParameterValue",
                fmt::format("Network {} already has an internet gateway attached", vpc_id));
  }
  // "available" is what AWS shows for an attached one, though the model has another word.
  row["Attachments"] = json::array{json::object{{"State", "available"}, {"VpcId", vpc_id}}};
  save(context, kinds::internet_gateway, row);
  return json::object{};
}

Result<json::object> detach(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row,
            load(context, kinds::internet_gateway, text(input, "InternetGatewayId")));
  KIBAN_TRY(const json::object vpc, load(context, kinds::vpc, text(input, "VpcId")));
  const std::string id = text(row, "InternetGatewayId");
  const std::string vpc_id = text(vpc, "VpcId");
  if (!has(row, "Attachments.VpcId", vpc_id)) {
    return fail("Gateway.NotAttached",
                fmt::format("resource {} is not attached to network {}", id, vpc_id));
  }
  for (const json::object& interface : having(context, kinds::network_interface, "VpcId", vpc_id)) {
    if (!interface.contains("Association")) continue;
    return fail("DependencyViolation",
                fmt::format("Network {} has some mapped public address(es). Please unmap those "
                            "public address(es) before detaching the gateway.",
                            vpc_id));
  }
  row["Attachments"] = json::array{};
  save(context, kinds::internet_gateway, row);
  blackhole_routes(context, "GatewayId", id, vpc_id);
  return json::object{};
}

Result<json::object> delete_internet_gateway(Context& context, const json::object& input) {
  const std::string id = text(input, "InternetGatewayId");
  KIBAN_TRY(const json::object row, load(context, kinds::internet_gateway, id));
  if (!row.at("Attachments").as_array().empty()) return in_use(kinds::internet_gateway, id);
  erase(context, kinds::internet_gateway, id);
  return json::object{};
}

// Public addresses --------------------------------------------------------------------------------

// Ours: the lowest free one of a range that is routed nowhere, RFC 5737's TEST-NET-3.
Result<std::string> free_public_address(const Context& context) {
  KIBAN_TRY(const Cidr range, parse_cidr("203.0.113.0/24"));
  const std::vector<json::object> rows = all(context, kinds::address);
  for (std::uint32_t number = 1; number < range.size() - 1; ++number) {
    std::string candidate = print_address(range.address + number);
    if (std::ranges::none_of(
            rows, [&](const json::object& row) { return text(row, "PublicIp") == candidate; })) {
      return candidate;
    }
  }
  return fail("AddressLimitExceeded", "The maximum number of addresses has been reached.");
}

Result<json::object> allocate_public(Context& context, const json::object& input) {
  if (text(input, "Domain", "vpc") != "vpc") {
    return fail("InvalidParameterValue",
                fmt::format("Value ({}) for parameter domain is invalid. Only 'vpc' is.",
                            text(input, "Domain")));
  }
  KIBAN_TRY(const std::string ip, free_public_address(context));
  KIBAN_TRY(json::object row, begin(context, kinds::address, input));
  row.erase("OwnerId");
  row.insert({{"Domain", "vpc"},
              {"NetworkBorderGroup", context.caller().region},
              {"PublicIp", ip},
              {"PublicIpv4Pool", "amazon"}});
  save(context, kinds::address, row);
  json::object reply = row;
  reply.erase("Tags");
  return reply;
}

Result<json::object> release_public(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(require(input, "AllocationId"));
  KIBAN_TRY(const json::object row, load(context, kinds::address, text(input, "AllocationId")));
  if (row.contains("AssociationId")) {
    return fail("InvalidIPAddress.InUse",
                fmt::format("Address {} is in use.", text(row, "PublicIp")));
  }
  erase(context, kinds::address, text(input, "AllocationId"));
  return json::object{};
}

// By id as everything else, and by address.
Result<json::object> describe_addresses(Context& context, const json::object& input) {
  const json::array* ips = find_array(input, "PublicIps");
  if (!ips || ips->empty()) return describe(context, kinds::address, input);
  json::object by_id = input;
  by_id.erase("PublicIps");
  json::array ids;
  for (const json::value& ip : *ips) {
    const auto rows = having(context, kinds::address, "PublicIp", ip.as_string());
    if (rows.empty()) {
      return fail("InvalidAddress.NotFound",
                  fmt::format("Address '{}' not found.", std::string_view(ip.as_string())));
    }
    ids.push_back(rows.front().at("AllocationId"));
  }
  by_id["AllocationIds"] = std::move(ids);
  return describe(context, kinds::address, by_id);
}

// NAT gateways ------------------------------------------------------------------------------------

// Joins public address and interface in both their records.
Result<json::object> join(Context& context, const std::string& allocation_id,
                          const json::object& interface) {
  KIBAN_TRY(json::object ip, load(context, kinds::address, allocation_id));
  if (ip.contains("AssociationId")) {
    return fail("Resource.AlreadyAssociated",
                fmt::format("Elastic IP address [{}] is already associated", allocation_id));
  }
  const std::string interface_id = text(interface, "NetworkInterfaceId");
  ip["AssociationId"] = "eipassoc-" + context.random().hex(17);
  ip["NetworkInterfaceId"] = interface_id;
  ip["NetworkInterfaceOwnerId"] = context.caller().account;
  ip["PrivateIpAddress"] = interface.at("PrivateIpAddress");
  save(context, kinds::address, ip);
  KIBAN_TRY(json::object row, load(context, kinds::network_interface, interface_id));
  row["Association"] = json::object{{"AllocationId", allocation_id},
                                    {"AssociationId", ip.at("AssociationId")},
                                    {"IpOwnerId", context.caller().account},
                                    {"PublicIp", ip.at("PublicIp")}};
  save(context, kinds::network_interface, row);
  return ip;
}

// It stays to be seen for about an hour, as a deleted one does.
// docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html
Result<json::object> fail_nat_gateway(Context& context, json::object row,
                                      const json::object& subnet, const json::object& address) {
  const std::string vpc_id = text(subnet, "VpcId");
  const json::object shown{{"AllocationId", address.at("AllocationId")}};
  row.erase("OwnerId");
  row.insert(
      {{"ConnectivityType", "public"},
       {"CreateTime", epoch_seconds(context.now())},
       {"FailureCode", "Gateway.NotAttached"},
       {"FailureMessage", fmt::format("Network {} has no Internet gateway attached", vpc_id)},
       {"NatGatewayAddresses", json::array{shown}},
       {"State", "failed"},
       {"SubnetId", subnet.at("SubnetId")},
       {"VpcId", vpc_id}});
  save(context, kinds::nat_gateway, row);
  const std::string key = row_key(context, kinds::nat_gateway, text(row, "NatGatewayId"));
  context.set_timer("ec2", key, context.now() + std::chrono::hours{1}, {{"Key", key}});
  return json::object{{"NatGateway", row}};
}

Result<json::object> create_nat_gateway(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(require(input, "SubnetId"));
  const bool is_public = text(input, "ConnectivityType", "public") == "public";
  if (is_public != input.contains("AllocationId")) {
    return fail(is_public ? "MissingParameter" : "InvalidParameterCombination",
                is_public ? "The request must contain the parameter AllocationId"
                          : "AllocationId is for public NAT gateways");
  }
  KIBAN_TRY(const json::object subnet, load(context, kinds::subnet, text(input, "SubnetId")));
  KIBAN_TRY(json::object row, begin(context, kinds::nat_gateway, input));
  const std::string id = text(row, "NatGatewayId");
  if (is_public &&
      having(context, kinds::internet_gateway, "Attachments.VpcId", text(subnet, "VpcId"))
          .empty()) {
    KIBAN_TRY(const json::object ip, load(context, kinds::address, text(input, "AllocationId")));
    return fail_nat_gateway(context, std::move(row), subnet, ip);
  }
  KIBAN_TRY(const json::object interface,
            allocate_address(context, {{"SubnetId", subnet.at("SubnetId")},
                                       {"Owner", "Interface for NAT Gateway " + id},
                                       {"InterfaceType", "nat_gateway"}}));
  json::object address{{"IsPrimary", true},
                       {"NetworkInterfaceId", interface.at("NetworkInterfaceId")},
                       {"PrivateIp", interface.at("PrivateIpAddress")},
                       {"Status", "succeeded"}};
  if (is_public) {
    KIBAN_TRY(const json::object ip, join(context, text(input, "AllocationId"), interface));
    for (const std::string_view member : {"AllocationId", "AssociationId", "PublicIp"}) {
      address[member] = ip.at(member);
    }
  }
  row.erase("OwnerId");
  row.insert({{"ConnectivityType", is_public ? "public" : "private"},
              {"CreateTime", epoch_seconds(context.now())},
              {"NatGatewayAddresses", json::array{address}},
              {"State", "available"},
              {"SubnetId", subnet.at("SubnetId")},
              {"VpcId", subnet.at("VpcId")}});
  save(context, kinds::nat_gateway, row);
  return json::object{{"NatGateway", row}};
}

// It stays to be seen as deleted for about an hour.
// docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html
Result<json::object> delete_nat_gateway(Context& context, const json::object& input) {
  const std::string id = text(input, "NatGatewayId");
  KIBAN_TRY(json::object row, load(context, kinds::nat_gateway, id));
  if (text(row, "State") == "deleted") return json::object{{"NatGatewayId", id}};
  if (text(row, "State") == "failed") {
    row["State"] = "deleted";
    row["DeleteTime"] = epoch_seconds(context.now());
    save(context, kinds::nat_gateway, row);
    return json::object{{"NatGatewayId", id}};
  }
  const json::object address = row.at("NatGatewayAddresses").as_array()[0].as_object();
  if (address.contains("AllocationId")) {
    KIBAN_TRY(json::object ip, load(context, kinds::address, text(address, "AllocationId")));
    for (const std::string_view member :
         {"AssociationId", "NetworkInterfaceId", "NetworkInterfaceOwnerId", "PrivateIpAddress"}) {
      ip.erase(member);
    }
    save(context, kinds::address, ip);
  }
  KIBAN_TRY_VOID(
      release_address(context, {{"NetworkInterfaceId", address.at("NetworkInterfaceId")}}));
  row["State"] = "deleted";
  row["DeleteTime"] = epoch_seconds(context.now());
  save(context, kinds::nat_gateway, row);
  const std::string key = row_key(context, kinds::nat_gateway, id);
  context.set_timer("ec2", key, context.now() + std::chrono::hours{1}, {{"Key", key}});
  blackhole_routes(context, "NatGatewayId", id, text(row, "VpcId"));
  return json::object{{"NatGatewayId", id}};
}

// What a new account has, without a default VPC.
// docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeAccountAttributes.html
Result<json::object> describe_account(Context& /*context*/, const json::object& input) {
  constexpr std::array attributes = {std::pair{"supported-platforms", "VPC"},
                                     std::pair{"vpc-max-security-groups-per-interface", "5"},
                                     std::pair{"max-elastic-ips", "5"},
                                     std::pair{"max-instances", "20"},
                                     std::pair{"vpc-max-elastic-ips", "5"},
                                     std::pair{"default-vpc", "none"}};
  const json::array* names = find_array(input, "AttributeNames");
  json::array out;
  for (const auto& [name, value] : attributes) {
    if (names && !names->empty() && std::ranges::find(*names, json::value(name)) == names->end())
      continue;
    const json::object one{{"AttributeValue", value}};
    out.push_back(json::object{{"AttributeName", name}, {"AttributeValues", json::array{one}}});
  }
  return json::object{{"AccountAttributes", std::move(out)}};
}

// kiban has no VPN gateways and no instances. `cdk` asks for the former when it looks a VPC up.
Result<json::object> no_vpn_gateways(Context& /*context*/, const json::object& /*input*/) {
  return json::object{{"VpnGateways", json::array{}}};
}
Result<json::object> no_instances(Context& /*context*/, const json::object& input) {
  const json::array* ids = find_array(input, "InstanceIds");
  if (ids && !ids->empty() && input.contains("MaxResults"))
    return fail("InvalidParameterCombination",
                "The parameter instancesSet cannot be used with the parameter maxResults");
  for (const json::value& id : ids ? *ids : json::array{}) {
    const std::string_view given = id.as_string();
    const std::string_view digits = given.starts_with("i-") ? given.substr(2) : "";
    if ((digits.size() != 8 && digits.size() != 17) ||
        digits.find_first_not_of("0123456789abcdef") != std::string_view::npos)
      return fail("InvalidInstanceID.Malformed", fmt::format("Invalid id: \"{}\"", given));
  }
  if (ids && !ids->empty()) {
    return fail("InvalidInstanceID.NotFound",
                fmt::format("The instance ID '{}' does not exist",
                            std::string_view(ids->front().as_string())));
  }
  return json::object{{"Reservations", json::array{}}};
}

}  // namespace

namespace kinds {
const Kind internet_gateway{.type = "internet-gateway",
                            .prefix = "igw",
                            .id = "InternetGatewayId",
                            .list = "InternetGateways",
                            .ids = "InternetGatewayIds",
                            .not_found = "InvalidInternetGatewayID.NotFound",
                            .noun = "internetGateway ID",
                            .filters = internet_filters};
const Kind nat_gateway{.type = "natgateway",
                       .prefix = "nat",
                       .id = "NatGatewayId",
                       .list = "NatGateways",
                       .ids = "NatGatewayIds",
                       .not_found = "NatGatewayNotFound",
                       .noun = "natGateway ID",
                       .filters = nat_filters,
                       .malformed = "NatGatewayMalformed"};
const Kind address{.type = "elastic-ip",
                   .prefix = "eipalloc",
                   .id = "AllocationId",
                   .list = "Addresses",
                   .ids = "AllocationIds",
                   .not_found = "InvalidAllocationID.NotFound",
                   .noun = "allocation ID",
                   .filters = address_filters};
}  // namespace kinds

CheckedTable gateway_operations() {
  return {
      {"DescribeAccountAttributes", {describe_account, "AttributeNames"}},
      {"AllocateAddress", {allocate_public, "Domain TagSpecifications"}},
      {"DescribeInstances", {no_instances, "InstanceIds Filters MaxResults"}},
      {"DescribeVpnGateways", {no_vpn_gateways, "Filters"}},
      {"AttachInternetGateway", {attach, "InternetGatewayId VpcId"}},
      {"CreateInternetGateway", {create_internet_gateway, "TagSpecifications"}},
      {"CreateNatGateway",
       {create_nat_gateway,
        "SubnetId AllocationId ConnectivityType TagSpecifications ClientToken"}},
      {"DeleteInternetGateway", {delete_internet_gateway, "InternetGatewayId"}},
      {"DeleteNatGateway", {delete_nat_gateway, "NatGatewayId"}},
      {"DescribeAddresses", {describe_addresses, "AllocationIds PublicIps Filters"}},
      {"DescribeInternetGateways",
       {describe_all<kinds::internet_gateway>, "InternetGatewayIds Filters MaxResults NextToken"}},
      {"DescribeNatGateways",
       {describe_all<kinds::nat_gateway>, "NatGatewayIds Filter MaxResults NextToken"}},
      {"DetachInternetGateway", {detach, "InternetGatewayId VpcId"}},
      {"ReleaseAddress", {release_public, "AllocationId NetworkBorderGroup"}}};
}

}  // namespace kiban::services::ec2
