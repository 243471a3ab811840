#include "services/ecs/interface.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "services/base/table_service.h"
#include "services/ecs/names.h"

namespace kiban::services::ecs {
namespace {

const json::object* configuration_of(const json::object& input) {
  const json::object* network = find_object(input, "networkConfiguration");
  return network ? find_object(*network, "awsvpcConfiguration") : nullptr;
}

json::array list_of(const json::object& object, std::string_view key) {
  const json::array* found = find_array(object, key);
  return found ? *found : json::array{};
}

// Error codes of EC2 for what is not there: InvalidSubnetID.NotFound. Without an EC2 that is served
// nothing can be said about ids.
bool is_not_found(const Error& error) {
  return error.name.starts_with("Invalid") && error.name.ends_with(".NotFound");
}

// What EC2 describes under `list`, empty without an EC2; an Error for ids that it has not.
Result<json::array> find_ids(Context& context, std::string_view operation, std::string_view member,
                             std::string_view list, std::string_view noun, const json::array& ids) {
  if (ids.empty()) return json::array{};
  const auto reply =
      context.call("ec2", operation, {{member, ids}}, principal(context, "ecs.amazonaws.com"));
  if (reply) return list_of(*reply, list);
  if (!is_not_found(reply.error())) return json::array{};
  std::vector<std::string> names;
  for (const json::value& id : ids) names.emplace_back(id.as_string());
  return fail("InvalidParameterException",
              fmt::format("Error retrieving {} information for [{}]: {} (ErrorCode: {})", noun,
                          fmt::join(names, ", "), reply.error().cause, reply.error().name));
}

json::object* attachment_of(json::object& task) {
  json::array& attachments = task["attachments"].as_array();
  return attachments.empty() ? nullptr : &attachments[0].as_object();
}

json::array details_of(const json::object& interface, std::string_view address) {
  json::array details;
  for (const auto& [name, member] :
       {std::pair("subnetId", "SubnetId"), std::pair("networkInterfaceId", "NetworkInterfaceId"),
        std::pair("macAddress", "MacAddress"), std::pair("privateDnsName", "PrivateDnsName")}) {
    const std::string value = text(interface, member);
    if (!value.empty()) details.push_back({{"name", name}, {"value", value}});
  }
  if (!address.empty())
    details.push_back({{"name", "privateIPv4Address"}, {"value", std::string(address)}});
  return details;
}

json::array described(Context& context, std::string_view operation, std::string_view member,
                      const json::object& input) {
  const auto reply = context.call("ec2", operation, input, principal(context, "ecs.amazonaws.com"));
  return reply ? list_of(*reply, member) : json::array{};
}

json::object filters(std::initializer_list<std::pair<const char*, std::string>> wanted) {
  json::array all;
  for (const auto& [name, value] : wanted) all.push_back({{"Name", name}, {"Values", {value}}});
  return {{"Filters", std::move(all)}};
}

// Of the subnet's own route table, or else of its VPC's main one.
json::array routes_of(Context& context, const std::string& subnet_id) {
  json::array tables = described(context, "DescribeRouteTables", "RouteTables",
                                 filters({{"association.subnet-id", subnet_id}}));
  if (tables.empty()) {
    const json::array subnets =
        described(context, "DescribeSubnets", "Subnets", {{"SubnetIds", {subnet_id}}});
    if (subnets.empty()) return {};
    tables = described(context, "DescribeRouteTables", "RouteTables",
                       filters({{"vpc-id", text(subnets.front().as_object(), "VpcId")},
                                {"association.main", "true"}}));
  }
  return tables.empty() ? json::array{} : list_of(tables.front().as_object(), "Routes");
}

}  // namespace

bool has_egress(Context& context, const json::object& input, const json::object& interface) {
  const json::object* configuration = configuration_of(input);
  const std::string subnet_id = text(interface, "SubnetId");
  if (!configuration || subnet_id.empty()) return false;
  for (const json::value& value : routes_of(context, subnet_id)) {
    const json::object& route = value.as_object();
    if (text(route, "DestinationCidrBlock") != "0.0.0.0/0" || text(route, "State") == "blackhole")
      continue;
    return !text(route, "NatGatewayId").empty() ||
           (text(route, "GatewayId").starts_with("igw-") &&
            text(*configuration, "assignPublicIp") == "ENABLED");
  }
  return false;
}

Result<void> check_network(Context& context, const json::object& input) {
  const json::object* configuration = configuration_of(input);
  if (!configuration) return {};
  KIBAN_TRY(const json::array subnets, find_ids(context, "DescribeSubnets", "SubnetIds", "Subnets",
                                                "subnet", list_of(*configuration, "subnets")));
  KIBAN_TRY(const json::array groups,
            find_ids(context, "DescribeSecurityGroups", "GroupIds", "SecurityGroups",
                     "security group", list_of(*configuration, "securityGroups")));
  const std::string vpc = subnets.empty() ? "" : text(subnets.front().as_object(), "VpcId");
  for (const json::value& subnet : subnets)
    if (text(subnet.as_object(), "VpcId") != vpc)
      return fail("InvalidParameterException", "The input subnets must belong to the same VPC.");
  for (const json::value& group : groups)
    if (!vpc.empty() && text(group.as_object(), "VpcId") != vpc)
      return fail("InvalidParameterException",
                  fmt::format("Security group {} does not appear to belong to the same VPC as the "
                              "input subnets.",
                              text(group.as_object(), "GroupId")));
  return {};
}

Result<json::object> take_interface(Context& context, const json::object& input,
                                    json::object& task) {
  const json::object* configuration = configuration_of(input);
  const json::array subnets = configuration ? list_of(*configuration, "subnets") : json::array{};
  if (subnets.empty()) return json::object{};
  json::object interface{{"SubnetId", subnets[0]}};
  Error last;
  for (const json::value& subnet : subnets) {
    json::object wanted{{"SubnetId", subnet}, {"Owner", text(task, "taskArn")}};
    if (const json::array groups = list_of(*configuration, "securityGroups"); !groups.empty())
      wanted["SecurityGroupIds"] = groups;
    auto taken = context.call("ec2", "kiban:AllocateAddress", wanted,
                              principal(context, "ecs.amazonaws.com"));
    if (taken) {
      interface = *std::move(taken);
      last = {};
      break;
    }
    last = std::move(taken).error();
  }
  if (!last.name.empty() && last.name != "UnknownOperationException")
    return std::unexpected(std::move(last));
  // https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Attachment.html
  task["attachments"] = {
      {{"id", context.random().uuid()},
       {"type", "ElasticNetworkInterface"},
       {"status", "PRECREATED"},
       {"details", {{{"name", "subnetId"}, {"value", text(interface, "SubnetId")}}}}}};
  return interface;
}

void show_interface(json::object& task, const json::object& interface, std::string_view address) {
  json::object* attachment = attachment_of(task);
  if (!attachment) return;
  const std::string shown =
      address.empty() ? text(interface, "PrivateIpAddress") : std::string(address);
  (*attachment)["status"] = "ATTACHED";
  (*attachment)["details"] = details_of(interface, shown);
  if (shown.empty()) return;
  for (json::value& container : task["containers"].as_array())
    container.as_object()["networkInterfaces"] = {
        {{"attachmentId", attachment->at("id")}, {"privateIpv4Address", shown}}};
}

void drop_interface(Context& context, json::object& task, const json::object& interface) {
  if (json::object* attachment = attachment_of(task)) {
    if (text(*attachment, "status") == "PRECREATED") show_interface(task, interface, {});
    (*attachment)["status"] = "DELETED";
  }
  const std::string id = text(interface, "NetworkInterfaceId");
  if (!id.empty())
    (void)context.call("ec2", "kiban:ReleaseAddress", {{"NetworkInterfaceId", id}},
                       principal(context, "ecs.amazonaws.com"));
}

}  // namespace kiban::services::ecs
