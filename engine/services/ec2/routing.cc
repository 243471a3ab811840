// Route tables: their routes and their associations with subnets.
#include <algorithm>
#include <array>

#include "services/ec2/cidr.h"
#include "services/ec2/records.h"

namespace kiban::services::ec2 {
namespace {

constexpr std::array filters = {
    Filter{"association.gateway-id", "Associations.GatewayId"},
    Filter{"route.destination-ipv6-cidr-block", "Routes.DestinationIpv6CidrBlock"},
    Filter{"route.destination-prefix-list-id", "Routes.DestinationPrefixListId"},
    Filter{"route.egress-only-internet-gateway-id", "Routes.EgressOnlyInternetGatewayId"},
    Filter{"route.instance-id", "Routes.InstanceId"},
    Filter{"route.transit-gateway-id", "Routes.TransitGatewayId"},
    Filter{"route.vpc-peering-connection-id", "Routes.VpcPeeringConnectionId"},
    Filter{"association.main", "Associations.Main"},
    Filter{"association.route-table-association-id", "Associations.RouteTableAssociationId"},
    Filter{"association.route-table-id", "Associations.RouteTableId"},
    Filter{"association.subnet-id", "Associations.SubnetId"},
    Filter{"owner-id", "OwnerId"},
    Filter{"route-table-id", "RouteTableId"},
    Filter{"route.destination-cidr-block", "Routes.DestinationCidrBlock"},
    Filter{"route.gateway-id", "Routes.GatewayId"},
    Filter{"route.nat-gateway-id", "Routes.NatGatewayId"},
    Filter{"route.origin", "Routes.Origin"},
    Filter{"route.state", "Routes.State"},
    Filter{"vpc-id", "VpcId"}};

Result<json::object> create_route_table(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object vpc, load(context, kinds::vpc, text(input, "VpcId")));
  KIBAN_TRY(json::object row, begin(context, kinds::route_table, input));
  row.insert({{"Associations", json::array{}},
              {"PropagatingVgws", json::array{}},
              {"Routes", json::array{json::object{{"DestinationCidrBlock", vpc.at("CidrBlock")},
                                                  {"GatewayId", "local"},
                                                  {"Origin", "CreateRouteTable"},
                                                  {"State", "active"}}}},
              {"VpcId", vpc.at("VpcId")}});
  save(context, kinds::route_table, row);
  return json::object{{"RouteTable", row}};
}

Result<json::object> delete_route_table(Context& context, const json::object& input) {
  const std::string id = text(input, "RouteTableId");
  KIBAN_TRY(const json::object row, load(context, kinds::route_table, id));
  if (!row.at("Associations").as_array().empty()) return in_use(kinds::route_table, id);
  erase(context, kinds::route_table, id);
  return json::object{};
}

// Associations ------------------------------------------------------------------------------------

Result<json::object> associate(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(require(input, "SubnetId"));
  KIBAN_TRY(json::object row, load(context, kinds::route_table, text(input, "RouteTableId")));
  const std::string subnet_id = text(input, "SubnetId");
  KIBAN_TRY(const json::object subnet, load(context, kinds::subnet, subnet_id));
  const std::string id = text(row, "RouteTableId");
  if (text(subnet, "VpcId") != text(row, "VpcId")) {
    return fail(
        "InvalidParameterValue",
        fmt::format("Route table {} and subnet {} belong to different networks", id, subnet_id));
  }
  json::array& associations = row["Associations"].as_array();
  for (const json::value& one : associations) {
    if (!has(one, "SubnetId", subnet_id)) continue;  // Asked again: the same answer.
    return json::object{{"AssociationId", one.at("RouteTableAssociationId")},
                        {"AssociationState", one.at("AssociationState")}};
  }
  if (!having(context, kinds::route_table, "Associations.SubnetId", subnet_id).empty()) {
    return fail("Resource.AlreadyAssociated",
                fmt::format("the specified association for route table {} conflicts with an "
                            "existing association",
                            id));
  }
  const std::string association_id = "rtbassoc-" + context.random().hex(17);
  const json::object state{{"State", "associated"}};
  associations.push_back(json::object{{"Main", false},
                                      {"RouteTableAssociationId", association_id},
                                      {"RouteTableId", id},
                                      {"SubnetId", subnet_id},
                                      {"AssociationState", state}});
  save(context, kinds::route_table, row);
  return json::object{{"AssociationId", association_id}, {"AssociationState", state}};
}

Result<json::object> disassociate(Context& context, const json::object& input) {
  const std::string id = text(input, "AssociationId");
  const auto rows = having(context, kinds::route_table, "Associations.RouteTableAssociationId", id);
  if (rows.empty()) {
    return fail("InvalidAssociationID.NotFound",
                fmt::format("The association ID '{}' does not exist", id));
  }
  json::object row = rows.front();
  json::array kept;
  for (const json::value& one : row.at("Associations").as_array()) {
    if (!has(one, "RouteTableAssociationId", id)) {
      kept.push_back(one);
    } else if (one.at("Main").as_bool()) {
      return fail("InvalidParameterValue",
                  fmt::format("cannot disassociate the main route table association {}", id));
    }
  }
  row["Associations"] = std::move(kept);
  save(context, kinds::route_table, row);
  return json::object{};
}

// Routes ------------------------------------------------------------------------------------------

// The gateway must be there and, an internet gateway, attached to the table's VPC.
Result<void> check_target(const Context& context, const json::object& table,
                          const json::object& input) {
  if (input.contains("GatewayId") == input.contains("NatGatewayId")) {
    return fail("InvalidParameterCombination",
                "The request must contain exactly one of gatewayId and natGatewayId");
  }
  // CreateRoute has names of its own for what is missing.
  if (input.contains("NatGatewayId")) {
    const std::string id = text(input, "NatGatewayId");
    const auto gateway = load(context, kinds::nat_gateway, id);
    if (gateway && text(*gateway, "State") == "available") return {};
    return fail("InvalidNatGatewayID.NotFound",
                fmt::format("The natGateway ID '{}' does not exist", id));
  }
  const std::string id = text(input, "GatewayId");
  const auto gateway = load(context, kinds::internet_gateway, id);
  if (!gateway) {
    return fail("InvalidGatewayID.NotFound", fmt::format("The gateway ID '{}' does not exist", id));
  }
  if (has(*gateway, "Attachments.VpcId", text(table, "VpcId"))) return {};
  return fail("InvalidParameterValue",
              fmt::format("route table {} and network gateway {} belong to different networks",
                          text(table, "RouteTableId"), id));
}

Result<json::object> create_route(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, kinds::route_table, text(input, "RouteTableId")));
  KIBAN_TRY(const Cidr cidr,
            parse_cidr(text(input, "DestinationCidrBlock"), "destinationCidrBlock"));
  const std::string destination = print_cidr(cidr);
  KIBAN_TRY_VOID(check_target(context, row, input));
  const std::string_view target = input.contains("GatewayId") ? "GatewayId" : "NatGatewayId";
  json::array& routes = row["Routes"].as_array();
  for (const json::value& route : routes) {
    if (!has(route, "DestinationCidrBlock", destination)) continue;
    if (has(route, target, text(input, target))) return json::object{{"Return", true}};
    return fail("RouteAlreadyExists",
                fmt::format("The route identified by {} already exists.", destination));
  }
  routes.push_back(json::object{{"DestinationCidrBlock", destination},
                                {target, text(input, target)},
                                {"Origin", "CreateRoute"},
                                {"State", "active"}});
  save(context, kinds::route_table, row);
  return json::object{{"Return", true}};
}

Result<json::object> delete_route(Context& context, const json::object& input) {
  const std::string id = text(input, "RouteTableId");
  KIBAN_TRY(json::object row, load(context, kinds::route_table, id));
  const std::string destination = text(input, "DestinationCidrBlock");
  json::array kept;
  for (const json::value& route : row.at("Routes").as_array()) {
    if (!has(route, "DestinationCidrBlock", destination)) {
      kept.push_back(route);
    } else if (has(route, "GatewayId", "local")) {
      return fail("InvalidParameterValue",
                  fmt::format("cannot remove local route {} in route table {}", destination, id));
    }
  }
  if (kept.size() == row.at("Routes").as_array().size()) {
    return fail(
        "InvalidRoute.NotFound",
        fmt::format("no route with destination-cidr-block {} in route table {}", destination, id));
  }
  row["Routes"] = std::move(kept);
  save(context, kinds::route_table, row);
  return json::object{};
}

}  // namespace

void blackhole_routes(Context& context, std::string_view target, std::string_view gateway_id,
                      std::string_view vpc_id) {
  for (json::object& row : having(context, kinds::route_table, "VpcId", vpc_id)) {
    bool changed = false;
    for (json::value& route : row["Routes"].as_array()) {
      if (!has(route, target, gateway_id)) continue;
      route.as_object()["State"] = "blackhole";
      changed = true;
    }
    if (changed) save(context, kinds::route_table, row);
  }
}

namespace kinds {
const Kind route_table{.type = "route-table",
                       .prefix = "rtb",
                       .id = "RouteTableId",
                       .list = "RouteTables",
                       .ids = "RouteTableIds",
                       .not_found = "InvalidRouteTableID.NotFound",
                       .noun = "routeTable ID",
                       .filters = filters,
                       .malformed = "InvalidRouteTableId.Malformed"};
}  // namespace kinds

CheckedTable routing_operations() {
  return {
      {"AssociateRouteTable", {associate, "RouteTableId SubnetId"}},
      {"CreateRoute", {create_route, "RouteTableId DestinationCidrBlock GatewayId NatGatewayId"}},
      {"CreateRouteTable", {create_route_table, "VpcId TagSpecifications ClientToken"}},
      {"DeleteRoute", {delete_route, "RouteTableId DestinationCidrBlock"}},
      {"DeleteRouteTable", {delete_route_table, "RouteTableId"}},
      {"DescribeRouteTables",
       {describe_all<kinds::route_table>, "RouteTableIds Filters MaxResults NextToken"}},
      {"DisassociateRouteTable", {disassociate, "AssociationId"}}};
}

}  // namespace kiban::services::ec2
