// Network interfaces: what takes an address of a subnet. Clients can't make them; tasks, NAT
// gateways, endpoints and load balancers have theirs made by kiban:AllocateAddress.
#include "services/ec2/interfaces.h"

#include <algorithm>
#include <array>

#include "services/ec2/cidr.h"
#include "services/ec2/records.h"

namespace kiban::services::ec2 {
namespace {

constexpr std::array interface_filters = {
    Filter{"association.association-id", "Association.AssociationId"},
    Filter{"addresses.association.owner-id", "PrivateIpAddresses.Association.IpOwnerId"},
    Filter{"addresses.association.public-ip", "PrivateIpAddresses.Association.PublicIp"},
    Filter{"addresses.primary", "PrivateIpAddresses.Primary"},
    Filter{"association.ip-owner-id", "Association.IpOwnerId"},
    Filter{"association.public-dns-name", "Association.PublicDnsName"},
    Filter{"attachment.attach-time", "Attachment.AttachTime"},
    Filter{"attachment.attachment-id", "Attachment.AttachmentId"},
    Filter{"attachment.delete-on-termination", "Attachment.DeleteOnTermination"},
    Filter{"attachment.device-index", "Attachment.DeviceIndex"},
    Filter{"attachment.instance-id", "Attachment.InstanceId"},
    Filter{"attachment.instance-owner-id", "Attachment.InstanceOwnerId"},
    Filter{"attachment.status", "Attachment.Status"},
    Filter{"ipv6-addresses.ipv6-address", "Ipv6Addresses.Ipv6Address"},
    Filter{"operator.managed", "Operator.Managed"},
    Filter{"operator.principal", "Operator.Principal"},
    Filter{"private-dns-name", "PrivateDnsName"},
    Filter{"requester-id", "RequesterId"},
    Filter{"source-dest-check", "SourceDestCheck"},
    Filter{"addresses.private-ip-address", "PrivateIpAddresses.PrivateIpAddress"},
    Filter{"association.allocation-id", "Association.AllocationId"},
    Filter{"association.public-ip", "Association.PublicIp"},
    Filter{"availability-zone", "AvailabilityZone"},
    Filter{"description", "Description"},
    Filter{"group-id", "Groups.GroupId"},
    Filter{"group-name", "Groups.GroupName"},
    Filter{"interface-type", "InterfaceType"},
    Filter{"mac-address", "MacAddress"},
    Filter{"network-interface-id", "NetworkInterfaceId"},
    Filter{"owner-id", "OwnerId"},
    Filter{"private-ip-address", "PrivateIpAddress"},
    Filter{"requester-managed", "RequesterManaged"},
    Filter{"status", "Status"},
    Filter{"subnet-id", "SubnetId"},
    Filter{"vpc-id", "VpcId"}};

// Interfaces, unlike all other records, call their tags TagSet.
json::object shown_interface(const Context& /*context*/, json::object row) {
  row["TagSet"] = row.at("Tags");
  row.erase("Tags");
  return row;
}

// One row for each address in use, in the order of addresses.
std::string taken_prefix(const Context& context, std::string_view subnet_id) {
  return fmt::format("ec2/{}/taken/{}/", context.caller().region, subnet_id);
}
std::string taken_key(const Context& context, std::string_view subnet_id, std::uint32_t number) {
  return fmt::format("{}{:010}", taken_prefix(context, subnet_id), number);
}

// The lowest free one. AWS keeps the first four and the last of a subnet for itself:
// docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
Result<std::uint32_t> free_address(const Context& context, const json::object& subnet) {
  KIBAN_TRY(const Cidr block, parse_cidr(text(subnet, "CidrBlock")));
  const auto end = static_cast<std::uint32_t>(block.size() - 1);
  std::uint32_t number = 4;
  for (const store::Row& row : context.scan(taken_prefix(context, text(subnet, "SubnetId")))) {
    if (row.key != taken_key(context, text(subnet, "SubnetId"), block.address + number)) break;
    ++number;
  }
  if (number < end) return block.address + number;
  return fail("InsufficientFreeAddressesInSubnet",
              fmt::format("The specified subnet does not have enough free addresses to satisfy the "
                          "request: {} has none left.",
                          text(subnet, "SubnetId")));
}

void change_count(Context& context, json::object subnet, std::int64_t by) {
  subnet["AvailableIpAddressCount"] = number(subnet, "AvailableIpAddressCount", 0) + by;
  save(context, kinds::subnet, subnet);
}

// Without SecurityGroupIds it is the VPC's default one; NAT gateways alone have none.
// docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateNetworkInterface.html
Result<json::array> groups_of(const Context& context, const json::object& input,
                              const std::string& vpc_id) {
  json::array out;
  const json::array* given = find_array(input, "SecurityGroupIds");
  json::array ids = given ? *given : json::array{};
  if (ids.empty() && text(input, "InterfaceType") != "nat_gateway") {
    ids.push_back(json::value(default_group(context, vpc_id)));
  }
  for (const json::value& id : ids) {
    KIBAN_TRY(const json::object group, load(context, kinds::security_group, id.as_string()));
    if (text(group, "VpcId") != vpc_id) {
      return fail("InvalidParameterValue",
                  fmt::format("Security group {} and the subnet belong to different networks",
                              text(group, "GroupId")));
    }
    out.push_back(
        json::object{{"GroupId", group.at("GroupId")}, {"GroupName", group.at("GroupName")}});
  }
  return out;
}

std::string mac_address(Context& context) {
  std::string out = "06";  // Locally administered, as AWS's are.
  for (int i = 0; i < 5; ++i) out += ':' + context.random().hex(2);
  return out;
}

}  // namespace

Result<json::object> allocate_address(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object subnet, load(context, kinds::subnet, text(input, "SubnetId")));
  const std::string subnet_id = text(subnet, "SubnetId");
  KIBAN_TRY(const json::array groups, groups_of(context, input, text(subnet, "VpcId")));
  KIBAN_TRY(const std::uint32_t number, free_address(context, subnet));
  KIBAN_TRY(json::object row, begin(context, kinds::network_interface, {}));
  const std::string ip = print_address(number);
  std::string dashes = ip;
  std::ranges::replace(dashes, '.', '-');
  const std::string name =
      fmt::format("ip-{}.{}.compute.internal", dashes, context.caller().region);
  row.insert({{"AvailabilityZone", subnet.at("AvailabilityZone")},
              {"Description", text(input, "Owner")},
              {"Groups", groups},
              {"InterfaceType", text(input, "InterfaceType", "interface")},
              {"Ipv6Addresses", json::array{}},
              {"MacAddress", mac_address(context)},
              {"PrivateDnsName", name},
              {"PrivateIpAddress", ip},
              {"PrivateIpAddresses",
               json::array{json::object{
                   {"Primary", true}, {"PrivateDnsName", name}, {"PrivateIpAddress", ip}}}},
              {"RequesterManaged", true},
              {"SourceDestCheck", true},
              {"Status", "in-use"},
              {"SubnetId", subnet_id},
              {"VpcId", subnet.at("VpcId")}});
  save(context, kinds::network_interface, row);
  context.put(taken_key(context, subnet_id, number), text(row, "NetworkInterfaceId"));
  change_count(context, subnet, -1);
  return json::object{{"PrivateIpAddress", ip},
                      {"PrivateDnsName", name},
                      {"MacAddress", row.at("MacAddress")},
                      {"NetworkInterfaceId", row.at("NetworkInterfaceId")},
                      {"AvailabilityZone", subnet.at("AvailabilityZone")},
                      {"SubnetId", subnet_id},
                      {"CidrBlock", subnet.at("CidrBlock")}};
}

Result<json::object> release_address(Context& context, const json::object& input) {
  const std::string id = text(input, "NetworkInterfaceId");
  KIBAN_TRY(const json::object row, load(context, kinds::network_interface, id));
  const std::string subnet_id = text(row, "SubnetId");
  KIBAN_TRY(const Cidr ip, parse_cidr(text(row, "PrivateIpAddress") + "/32"));
  context.erase(taken_key(context, subnet_id, ip.address));
  erase(context, kinds::network_interface, id);
  KIBAN_TRY(const json::object subnet, load(context, kinds::subnet, subnet_id));
  change_count(context, subnet, 1);
  return json::object{};
}

namespace kinds {
const Kind network_interface{.type = "network-interface",
                             .prefix = "eni",
                             .id = "NetworkInterfaceId",
                             .list = "NetworkInterfaces",
                             .ids = "NetworkInterfaceIds",
                             .not_found = "InvalidNetworkInterfaceID.NotFound",
                             .noun = "networkInterface ID",
                             .filters = interface_filters,
                             .malformed = "InvalidNetworkInterfaceId.Malformed",
                             .shown = shown_interface};
}  // namespace kinds

CheckedTable interface_operations() {
  return {{"DescribeNetworkInterfaces",
           {describe_all<kinds::network_interface>,
            "NetworkInterfaceIds Filters MaxResults NextToken"}},
          {"kiban:AllocateAddress",
           {allocate_address, "SubnetId Owner SecurityGroupIds InterfaceType"}},
          {"kiban:ReleaseAddress", {release_address, "NetworkInterfaceId"}}};
}

}  // namespace kiban::services::ec2
