#include <algorithm>
#include <array>
#include <set>

#include "services/elbv2/rows.h"

namespace kiban::services::elbv2 {
namespace {

// docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
constexpr auto attributes = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"access_logs.s3.bucket", ""},
     {"access_logs.s3.enabled", "false"},
     {"access_logs.s3.prefix", ""},
     {"client_keep_alive.seconds", "3600"},
     {"connection_logs.s3.bucket", ""},
     {"connection_logs.s3.enabled", "false"},
     {"connection_logs.s3.prefix", ""},
     {"deletion_protection.enabled", "false"},
     {"idle_timeout.timeout_seconds", "60"},
     {"ipv6.deny_all_igw_traffic", "false"},
     {"load_balancing.cross_zone.enabled", "true"},
     {"routing.http.desync_mitigation_mode", "defensive"},
     {"routing.http.drop_invalid_header_fields.enabled", "false"},
     {"routing.http.preserve_host_header.enabled", "false"},
     {"routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false"},
     {"routing.http.xff_client_port.enabled", "false"},
     {"routing.http.xff_header_processing.mode", "append"},
     {"routing.http2.enabled", "true"},
     {"waf.fail_open.enabled", "false"},
     {"zonal_shift.config.enabled", "false"}});

// docs.aws.amazon.com/general/latest/gr/elb.html, for application load balancers.
constexpr auto hosted_zones = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"ap-northeast-1", "Z14GRHDCWA56QT"},
     {"ap-northeast-2", "ZWKZPGTI48KDX"},
     {"ap-northeast-3", "Z5LXEXXYW11ES"},
     {"ap-south-1", "ZP97RAFLXTNZK"},
     {"ap-southeast-1", "Z1LMS91P8CMLE5"},
     {"ap-southeast-2", "Z1GM3OXH4ZPM65"},
     {"ca-central-1", "ZQSVJUPU6J1EY"},
     {"eu-central-1", "Z215JYRZR1TBD5"},
     {"eu-north-1", "Z23TAZ6LKFMNIO"},
     {"eu-west-1", "Z32O12XQLNTSW2"},
     {"eu-west-2", "ZHURV8PSTC4K8"},
     {"eu-west-3", "Z3Q77PNBQS71R4"},
     {"sa-east-1", "Z2P70J7HTTTPLU"},
     {"us-east-1", "Z35SXDOTRQ7X7K"},
     {"us-east-2", "Z3AADJGX6KTTL2"},
     {"us-west-1", "Z368ELLRRE2KJ0"},
     {"us-west-2", "Z1H1FL5HABSF5"}});

// Where it stands: its VPC, and a subnet of each zone.
struct Place {
  std::string vpc_id{};
  json::array zones{};
};

Result<json::object> ask_ec2(Context& context, std::string_view operation,
                             const json::object& input) {
  return context.call("ec2", operation, input, context.caller());
}

json::object filter(std::string_view name, const std::string& value) {
  return {{"Filters",
           json::array{json::object{{"Name", name}, {"Values", json::array{json::value(value)}}}}}};
}

Result<Place> find_place(Context& context, const json::object& input) {
  Place out;
  std::set<std::string> zones;
  const json::array* given = find_array(input, "Subnets");
  for (const json::value& id : given ? *given : json::array{}) {
    const auto found = ask_ec2(context, "DescribeSubnets", {{"SubnetIds", json::array{id}}});
    if (!found) {
      return fail("SubnetNotFound",
                  fmt::format("The subnet ID '{}' is not valid", std::string_view(id.as_string())));
    }
    const json::object subnet = found->at("Subnets").at(0).as_object();
    if (!out.vpc_id.empty() && out.vpc_id != text(subnet, "VpcId")) {
      return fail("InvalidConfigurationRequest", "All subnets must belong to the same VPC");
    }
    out.vpc_id = text(subnet, "VpcId");
    if (!zones.insert(text(subnet, "AvailabilityZone")).second) {
      return fail("InvalidConfigurationRequest",
                  "A load balancer cannot be attached to multiple subnets in the same "
                  "Availability Zone");
    }
    out.zones.push_back(json::object{{"ZoneName", subnet.at("AvailabilityZone")},
                                     {"SubnetId", id},
                                     {"LoadBalancerAddresses", json::array{}}});
  }
  if (zones.size() < 2) {
    return fail("ValidationError",
                "At least two subnets in two different Availability Zones must be specified");
  }
  return out;
}

// The given ones, or the VPC's default.
Result<json::array> find_groups(Context& context, const json::object& input,
                                const std::string& vpc_id) {
  const json::array* given = find_array(input, "SecurityGroups");
  KIBAN_TRY(const json::object found,
            ask_ec2(context, "DescribeSecurityGroups", filter("vpc-id", vpc_id)));
  json::array out;
  for (const json::value& group : found.at("SecurityGroups").as_array()) {
    const bool wanted = given && !given->empty()
                            ? std::ranges::find(*given, group.at("GroupId")) != given->end()
                            : group.at("GroupName") == "default";
    if (wanted) out.push_back(group.at("GroupId"));
  }
  if (given && out.size() < given->size()) {
    return fail("InvalidSecurityGroup", "One or more security groups are invalid");
  }
  return out;
}

Result<void> check_reachable(Context& context, const std::string& vpc_id) {
  KIBAN_TRY(const json::object gateways,
            ask_ec2(context, "DescribeInternetGateways", filter("attachment.vpc-id", vpc_id)));
  if (!gateways.at("InternetGateways").as_array().empty()) return {};
  return fail("InvalidSubnet", fmt::format("VPC {} has no internet gateway", vpc_id));
}

// Asked for again with the same settings it is the same one.
// docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
Result<json::object> same_again(const json::object& row, const json::object& wanted) {
  for (const std::string_view member : {"Scheme", "SecurityGroups", "VpcId", "IpAddressType"}) {
    if (record(row).at(member) == wanted.at(member)) continue;
    return fail("DuplicateLoadBalancerName",
                fmt::format("A load balancer with the same name '{}' exists, but with different "
                            "settings",
                            text(wanted, "LoadBalancerName")));
  }
  return json::object{{"LoadBalancers", json::array{record(row)}}};
}

// An interface in each subnet, which is what keeps subnets and groups from being deleted.
Result<json::array> take_addresses(Context& context, const json::object& balancer) {
  const std::string arn = text(balancer, "LoadBalancerArn");
  json::array out;
  for (const json::value& zone : balancer.at("AvailabilityZones").as_array()) {
    KIBAN_TRY(const json::object interface,
              ask_ec2(context, "kiban:AllocateAddress",
                      {{"SubnetId", zone.at("SubnetId")},
                       {"Owner", "ELB " + arn.substr(arn.find("app/"))},
                       {"SecurityGroupIds", balancer.at("SecurityGroups")}}));
    out.push_back(interface.at("NetworkInterfaceId"));
  }
  return out;
}

Result<void> give_addresses_back(Context& context, const json::object& row) {
  for (const json::value& id : row.at("Interfaces").as_array()) {
    KIBAN_TRY_VOID(ask_ec2(context, "kiban:ReleaseAddress", {{"NetworkInterfaceId", id}}));
  }
  return {};
}

Result<json::object> create(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (name.starts_with("internal-")) {
    return fail("ValidationError",
                fmt::format("The load balancer name '{}' cannot begin with 'internal-'", name));
  }
  if (text(input, "Type", "application") != "application" ||
      text(input, "IpAddressType", "ipv4") != "ipv4") {
    return fail("ValidationError",
                "kiban supports load balancers of the type application and addresses of the type "
                "ipv4 only");
  }
  KIBAN_TRY(const Place place, find_place(context, input));
  KIBAN_TRY(const json::array groups, find_groups(context, input, place.vpc_id));
  const std::string scheme = text(input, "Scheme", "internet-facing");
  const bool internal = scheme == "internal";
  if (!internal) KIBAN_TRY_VOID(check_reachable(context, place.vpc_id));
  const std::string& region = context.caller().region;
  const auto* zone = std::ranges::find(hosted_zones, region,
                                       &std::pair<std::string_view, std::string_view>::first);
  json::object made{{"LoadBalancerName", name},
                    {"Scheme", scheme},
                    {"VpcId", place.vpc_id},
                    {"Type", "application"},
                    {"IpAddressType", "ipv4"},
                    {"State", {{"Code", "active"}}},
                    {"AvailabilityZones", place.zones},
                    {"SecurityGroups", groups},
                    {"CreatedTime", epoch_seconds(context.now())}};
  if (zone != hosted_zones.end()) made["CanonicalHostedZoneId"] = zone->second;
  const std::vector<json::object> rows = all(context, load_balancers);
  if (const json::object* row = named(rows, load_balancers, name)) return same_again(*row, made);
  made["LoadBalancerArn"] =
      make_arn(context, "elasticloadbalancing",
               fmt::format("loadbalancer/app/{}/{}", name, context.random().hex(16)));
  made["DNSName"] = fmt::format("{}{}-{}.{}.elb.amazonaws.com", internal ? "internal-" : "", name,
                                1'000'000'000 + context.random().below(1'000'000'000), region);
  json::object row{{"Tags", tags_of(input)}, {"Attributes", default_attributes(attributes)}};
  if (internal) row["Attributes"].as_object()["ipv6.deny_all_igw_traffic"] = "true";
  KIBAN_TRY(row["Interfaces"], take_addresses(context, made));
  row["Record"] = made;
  save(context, load_balancers, row);
  return json::object{{"LoadBalancers", json::array{made}}};
}

// What isn't there needs no deleting.
// docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html
Result<json::object> remove(Context& context, const json::object& input) {
  const std::string arn = text(input, "LoadBalancerArn");
  const auto row = load(context, load_balancers, arn);
  if (!row) return json::object{};
  if (row->at("Attributes").at("deletion_protection.enabled") == "true") {
    return fail("OperationNotPermitted",
                fmt::format("Load balancer '{}' cannot be deleted because deletion protection is "
                            "enabled",
                            arn));
  }
  KIBAN_TRY_VOID(give_addresses_back(context, *row));
  erase_listeners(context, arn);
  erase(context, load_balancers, arn);
  return json::object{};
}

// Other interfaces for other subnets or groups.
Result<void> move(Context& context, json::object& row) {
  KIBAN_TRY_VOID(give_addresses_back(context, row));
  KIBAN_TRY(row["Interfaces"], take_addresses(context, record(row)));
  save(context, load_balancers, row);
  return {};
}

Result<json::object> set_groups(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, load_balancers, text(input, "LoadBalancerArn")));
  KIBAN_TRY(const json::array groups, find_groups(context, input, text(record(row), "VpcId")));
  row["Record"].as_object()["SecurityGroups"] = groups;
  KIBAN_TRY_VOID(move(context, row));
  return json::object{{"SecurityGroupIds", groups}};
}

Result<json::object> set_subnets(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, load_balancers, text(input, "LoadBalancerArn")));
  KIBAN_TRY(const Place place, find_place(context, input));
  if (place.vpc_id != text(record(row), "VpcId")) {
    return fail("InvalidConfigurationRequest", "All subnets must belong to the same VPC");
  }
  row["Record"].as_object()["AvailabilityZones"] = place.zones;
  KIBAN_TRY_VOID(move(context, row));
  return json::object{{"AvailabilityZones", place.zones}, {"IpAddressType", "ipv4"}};
}

Result<json::object> describe_balancers(Context& context, const json::object& input) {
  return describe(context, load_balancers, input, record, [](const json::object&) { return true; });
}

Result<json::object> describe_their_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, load_balancers, text(input, "LoadBalancerArn")));
  return described_attributes(row);
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html
Result<void> check_attributes(const json::object& values) {
  KIBAN_TRY_VOID(check_number(values, "idle_timeout.timeout_seconds", {.least = 1, .most = 4'000}));
  KIBAN_TRY_VOID(check_number(values, "client_keep_alive.seconds", {.least = 60, .most = 604'800}));
  for (const auto& [name, fallback] : attributes)
    if (fallback == "true" || fallback == "false")
      KIBAN_TRY_VOID(check_choice(values, name, {"true", "false"}));
  KIBAN_TRY_VOID(check_choice(values, "routing.http.desync_mitigation_mode",
                              {"monitor", "defensive", "strictest"}));
  KIBAN_TRY_VOID(check_choice(values, "routing.http.xff_header_processing.mode",
                              {"append", "preserve", "remove"}));
  if (values.at("access_logs.s3.enabled") == "true" &&
      text(values, "access_logs.s3.bucket").empty())
    return fail("ValidationError",
                "The value of 'access_logs.s3.bucket' cannot be empty when access logs are "
                "enabled");
  return {};
}

Result<json::object> modify_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, load_balancers, text(input, "LoadBalancerArn")));
  KIBAN_TRY_VOID(set_attributes(row, input, attributes, "Load balancer"));
  KIBAN_TRY_VOID(check_attributes(row.at("Attributes").as_object()));
  save(context, load_balancers, row);
  return described_attributes(row);
}

}  // namespace

CheckedTable load_balancer_operations() {
  return {{"CreateLoadBalancer",
           {create, "Name Subnets SecurityGroups Scheme Type IpAddressType Tags"}},
          {"DeleteLoadBalancer", {remove, "LoadBalancerArn"}},
          {"DescribeLoadBalancerAttributes", {describe_their_attributes, "LoadBalancerArn"}},
          {"DescribeLoadBalancers", {describe_balancers, "LoadBalancerArns Names Marker PageSize"}},
          {"SetSecurityGroups", {set_groups, "LoadBalancerArn SecurityGroups"}},
          {"SetSubnets", {set_subnets, "LoadBalancerArn Subnets"}},
          {"ModifyLoadBalancerAttributes", {modify_attributes, "LoadBalancerArn Attributes"}}};
}

}  // namespace kiban::services::elbv2
