#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "services/elbv2/rows.h"

namespace kiban::services::elbv2 {
namespace {

// docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
constexpr auto attributes = std::to_array<std::pair<std::string_view, std::string_view>>(
    {{"deregistration_delay.timeout_seconds", "300"},
     {"load_balancing.algorithm.anomaly_mitigation", "off"},
     {"load_balancing.algorithm.type", "round_robin"},
     {"load_balancing.cross_zone.enabled", "use_load_balancer_configuration"},
     {"slow_start.duration_seconds", "0"},
     {"stickiness.app_cookie.cookie_name", ""},
     {"stickiness.app_cookie.duration_seconds", "86400"},
     {"stickiness.enabled", "false"},
     {"stickiness.lb_cookie.duration_seconds", "86400"},
     {"stickiness.type", "lb_cookie"},
     {"target_group_health.dns_failover.minimum_healthy_targets.count", "1"},
     {"target_group_health.dns_failover.minimum_healthy_targets.percentage", "off"},
     {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.count", "1"},
     {"target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage", "off"}});

// What may change, with the defaults of
// docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
void set_health_check(json::object& group, const json::object& input) {
  const json::object defaults{{"HealthCheckEnabled", true},    {"HealthCheckIntervalSeconds", 30},
                              {"HealthCheckPath", "/"},        {"HealthCheckPort", "traffic-port"},
                              {"HealthCheckProtocol", "HTTP"}, {"HealthCheckTimeoutSeconds", 5},
                              {"HealthyThresholdCount", 5},    {"Matcher", {{"HttpCode", "200"}}},
                              {"UnhealthyThresholdCount", 2}};
  for (const auto& member : defaults) {
    const json::value* given = find(input, member.key());
    if (given) {
      group[member.key()] = *given;
    } else if (!group.contains(member.key())) {
      group[member.key()] = member.value();
    }
  }
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
// Ranges of the numbers stand in the model.
Result<void> check_health_check(const json::object& group) {
  const auto invalid = [](std::string cause) { return fail("ValidationError", std::move(cause)); };
  const std::int64_t interval = number(group, "HealthCheckIntervalSeconds", 0);
  const std::int64_t timeout = number(group, "HealthCheckTimeoutSeconds", 0);
  if (timeout >= interval)
    return invalid("Health check interval must be greater than the timeout.");
  const std::string path = text(group, "HealthCheckPath");
  if (!path.starts_with('/'))
    return invalid(fmt::format("Health check path '{}' must begin with a '/' character", path));
  // It is sent in the first line of an HTTP request.
  constexpr std::size_t path_max = 1'024;
  if (path.size() > path_max ||
      !std::ranges::all_of(path, [](char c) { return c > ' ' && c < 0x7f; }))
    return invalid(
        fmt::format("Health check path must have from 1 to {} printable ASCII characters without "
                    "spaces",
                    path_max));
  const std::string protocol = text(group, "HealthCheckProtocol");
  if (protocol != "HTTP" && protocol != "HTTPS")
    return invalid(
        fmt::format("Health check protocol '{}' must be one of 'HTTP, HTTPS'", protocol));
  if (const std::string port = text(group, "HealthCheckPort"); port != "traffic-port") {
    int value = 0;
    const auto [stop, error] = std::from_chars(port.data(), port.data() + port.size(), value);
    if (error != std::errc{} || stop != port.data() + port.size() || value < 1 || value > 65'535)
      return invalid(fmt::format("Health check port '{}' must be in the range 1-65535", port));
  }
  if (!flag(group, "HealthCheckEnabled"))
    return invalid("Health check enabled must be true for target groups with target type '" +
                   text(group, "TargetType") + "'");
  return {};
}

// For an application load balancer: 200 to 499.
Result<void> check_matcher(const json::object& group) {
  const json::object& matcher = group.at("Matcher").as_object();
  if (matcher.contains("HttpCode") == matcher.contains("GrpcCode"))
    return fail("ValidationError", "A matcher has either an HTTP code or a gRPC code");
  if (matcher.contains("GrpcCode")) return {};
  const std::string codes = text(matcher, "HttpCode");
  const auto refused = [&] {
    return fail("ValidationError", fmt::format("Health check matcher HTTP code '{}' must be within "
                                               "'200-499' inclusive",
                                               codes));
  };
  int value = 0;
  int digits = 0;
  int first = 0;  // Of a range: 0 outside of one.
  for (const char c : codes + ",") {
    if (c >= '0' && c <= '9') {
      value = value * 10 + (c - '0');
      if (++digits > 3) return refused();
    } else {
      if (digits != 3 || value < 200 || value > 499 || value < first) return refused();
      if (c == '-' && first != 0) return refused();
      first = c == '-' ? value : 0;
      value = digits = 0;
    }
  }
  return {};
}

Result<void> check_new(Context& context, const json::object& input) {
  const std::string type = text(input, "TargetType", "instance");
  const std::string protocol = text(input, "Protocol");
  if (type != "instance" && type != "ip") {
    return fail("ValidationError",
                fmt::format("kiban does not support target groups of the type {}", type));
  }
  if (protocol != "HTTP" && protocol != "HTTPS") {
    return fail("ValidationError", protocol.empty()
                                       ? "A protocol must be specified"
                                       : "kiban supports the protocols HTTP and HTTPS only");
  }
  const std::string version = text(input, "ProtocolVersion", "HTTP1");
  if (version != "HTTP1" && version != "HTTP2" && version != "GRPC")
    return fail("ValidationError",
                fmt::format("Protocol version '{}' must be one of 'GRPC, HTTP1, HTTP2'", version));
  if (!input.contains("Port")) return fail("ValidationError", "A port must be specified");
  if (!input.contains("VpcId")) return fail("ValidationError", "A VPC ID must be specified");
  const std::string vpc = text(input, "VpcId");
  if (!context.call("ec2", "DescribeVpcs", {{"VpcIds", json::array{json::value(vpc)}}},
                    context.caller())) {
    return fail("ValidationError", fmt::format("The VPC ID '{}' is not found", vpc));
  }
  return {};
}

// ARNs of the load balancers whose listeners forward to it.
json::array balancers_of(const Context& context, const std::string& arn) {
  json::array out;
  for (const json::object& listener : all(context, listeners)) {
    const json::value& balancer = record(listener).at("LoadBalancerArn");
    if (contains(forwarded_to(record(listener)), arn) && !contains(out, balancer)) {
      out.push_back(balancer);
    }
  }
  return out;
}

json::object shown(const Context& context, const json::object& row) {
  json::object out = record(row);
  out["LoadBalancerArns"] = balancers_of(context, text(out, "TargetGroupArn"));
  return out;
}

Result<json::object> create(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(check_new(context, input));
  const std::string name = text(input, "Name");
  json::object made{{"TargetGroupName", name},
                    {"Protocol", text(input, "Protocol")},
                    {"Port", input.at("Port")},
                    {"VpcId", text(input, "VpcId")},
                    {"TargetType", text(input, "TargetType", "instance")},
                    {"ProtocolVersion", text(input, "ProtocolVersion", "HTTP1")},
                    {"IpAddressType", text(input, "IpAddressType", "ipv4")}};
  set_health_check(made, input);
  KIBAN_TRY_VOID(check_health_check(made));
  KIBAN_TRY_VOID(check_matcher(made));
  const std::vector<json::object> rows = all(context, target_groups);
  if (const json::object* row = named(rows, target_groups, name)) {
    made["TargetGroupArn"] = record(*row).at("TargetGroupArn");
    if (made == record(*row)) {
      return json::object{{"TargetGroups", json::array{shown(context, *row)}}};
    }
    return fail("DuplicateTargetGroupName",
                fmt::format("A target group with the same name '{}' exists, but with different "
                            "settings",
                            name));
  }
  made["TargetGroupArn"] =
      make_arn(context, "elasticloadbalancing",
               fmt::format("targetgroup/{}/{}", name, context.random().hex(16)));
  const json::object row{{"Record", made},
                         {"Tags", tags_of(input)},
                         {"Attributes", default_attributes(attributes)},
                         {"Targets", json::array{}}};
  save(context, target_groups, row);
  return json::object{{"TargetGroups", json::array{shown(context, row)}}};
}

Result<json::object> modify(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, target_groups, text(input, "TargetGroupArn")));
  json::object& group = row["Record"].as_object();
  set_health_check(group, input);
  KIBAN_TRY_VOID(check_health_check(group));
  KIBAN_TRY_VOID(check_matcher(group));
  save(context, target_groups, row);
  return json::object{{"TargetGroups", json::array{shown(context, row)}}};
}

Result<json::object> remove(Context& context, const json::object& input) {
  const std::string arn = text(input, "TargetGroupArn");
  if (!balancers_of(context, arn).empty()) {
    return fail("ResourceInUse",
                fmt::format("Target group '{}' is currently in use by a listener or a rule", arn));
  }
  erase(context, target_groups, arn);
  return json::object{};
}

Result<json::object> describe_groups(Context& context, const json::object& input) {
  const std::string balancer = text(input, "LoadBalancerArn");
  if (!balancer.empty()) KIBAN_TRY_VOID(load(context, load_balancers, balancer));
  return describe(
      context, target_groups, input, [&](const json::object& row) { return shown(context, row); },
      [&](const json::object& row) {
        return balancer.empty() ||
               contains(balancers_of(context, arn_of(target_groups, row)), json::value(balancer));
      });
}

Result<json::object> describe_their_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, target_groups, text(input, "TargetGroupArn")));
  return described_attributes(row);
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html
Result<void> check_attributes(const json::object& values) {
  KIBAN_TRY_VOID(
      check_number(values, "deregistration_delay.timeout_seconds", {.least = 0, .most = 3'600}));
  KIBAN_TRY_VOID(check_number(values, "slow_start.duration_seconds",
                              {.least = 30, .most = 900, .or_zero = true}));
  for (const auto* cookie :
       {"stickiness.lb_cookie.duration_seconds", "stickiness.app_cookie.duration_seconds"})
    KIBAN_TRY_VOID(check_number(values, cookie, {.least = 1, .most = 604'800}));
  KIBAN_TRY_VOID(check_choice(values, "stickiness.enabled", {"true", "false"}));
  KIBAN_TRY_VOID(check_choice(values, "stickiness.type", {"lb_cookie", "app_cookie"}));
  return check_choice(values, "load_balancing.algorithm.type",
                      {"round_robin", "least_outstanding_requests", "weighted_random"});
}

Result<json::object> modify_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, target_groups, text(input, "TargetGroupArn")));
  KIBAN_TRY_VOID(set_attributes(row, input, attributes, "Target group"));
  KIBAN_TRY_VOID(check_attributes(row.at("Attributes").as_object()));
  save(context, target_groups, row);
  return described_attributes(row);
}

// Targets -----------------------------------------------------------------------------------------

// {Id, Port}, the group's port unless given.
json::object target_of(const json::object& group, const json::value& given) {
  json::object out{{"Id", given.at("Id")}};
  const json::value* port = find(given.as_object(), "Port");
  out["Port"] = port ? *port : group.at("Port");
  return out;
}

// "10.0.0.4" as a number; nullopt: not an IPv4 address.
std::optional<std::uint32_t> parse_address(std::string_view address) {
  std::uint32_t value = 0;
  for (int part = 0; part < 4; ++part) {
    const std::size_t dot = part < 3 ? address.find('.') : address.size();
    if (dot == std::string_view::npos) return std::nullopt;
    std::uint32_t number = 0;
    const auto [stop, error] = std::from_chars(address.data(), address.data() + dot, number);
    if (error != std::errc{} || stop != address.data() + dot || number > 255) return std::nullopt;
    value = value << 8 | number;
    address.remove_prefix(std::min(dot + 1, address.size()));
  }
  return value;
}

bool lies_in(std::uint32_t address, std::string_view block) {
  const std::size_t slash = block.find('/');
  const auto base = parse_address(block.substr(0, slash));
  int bits = 0;
  if (slash != std::string_view::npos)
    std::from_chars(block.data() + slash + 1, block.data() + block.size(), bits);
  return base && bits > 0 && bits <= 32 && (address ^ *base) >> (32 - bits) == 0;
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetDescription.html:
// an address of the VPC, or a private one elsewhere.
Result<void> check_address(Context& context, const std::string& address, const std::string& vpc) {
  const auto value = parse_address(address);
  if (!value)
    return fail("ValidationError",
                fmt::format("The IP address '{}' is not a valid IPv4 address", address));
  constexpr std::array<std::string_view, 4> elsewhere{"10.0.0.0/8", "100.64.0.0/10",
                                                      "172.16.0.0/12", "192.168.0.0/16"};
  if (std::ranges::any_of(elsewhere,
                          [&](std::string_view block) { return lies_in(*value, block); }))
    return {};
  const auto found = context.call("ec2", "DescribeVpcs",
                                  {{"VpcIds", json::array{json::value(vpc)}}}, context.caller());
  if (found && lies_in(*value, text(found->at("Vpcs").at(0).as_object(), "CidrBlock"))) return {};
  return fail("ValidationError",
              fmt::format("The IP address '{}' is not within a VPC or a private range", address));
}

Result<json::object> register_targets(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, target_groups, text(input, "TargetGroupArn")));
  json::array& targets = row["Targets"].as_array();
  for (const json::value& given : input.at("Targets").as_array()) {
    const json::object target = target_of(record(row), given);
    if (text(record(row), "TargetType") == "instance") {
      return fail("InvalidTarget",
                  fmt::format("The following targets are not in a running state and cannot be "
                              "registered: '{}'",
                              text(target, "Id")));
    }
    KIBAN_TRY_VOID(check_address(context, text(target, "Id"), text(record(row), "VpcId")));
    if (!contains(targets, json::value(target))) targets.push_back(target);
  }
  save(context, target_groups, row);
  return json::object{};
}

Result<json::object> deregister_targets(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load(context, target_groups, text(input, "TargetGroupArn")));
  json::array& targets = row["Targets"].as_array();
  for (const json::value& given : input.at("Targets").as_array()) {
    const auto found = std::ranges::find(targets, json::value(target_of(record(row), given)));
    if (found != targets.end()) targets.erase(found);
  }
  save(context, target_groups, row);
  return json::object{};
}

// Nothing checks health here, and nothing says otherwise.
// docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
Result<json::object> describe_health(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, target_groups, text(input, "TargetGroupArn")));
  const bool used = !balancers_of(context, text(input, "TargetGroupArn")).empty();
  const json::object health =
      used ? json::object{{"State", "unavailable"},
                          {"Reason", "Target.HealthCheckDisabled"},
                          {"Description", "kiban records targets and does not check their health"}}
           : json::object{{"State", "unused"},
                          {"Reason", "Target.NotInUse"},
                          {"Description",
                           "Target group is not configured to receive traffic from "
                           "the load balancer"}};
  json::array wanted;
  if (const json::array* given = find_array(input, "Targets")) {
    for (const json::value& one : *given) wanted.push_back(target_of(record(row), one));
  }
  json::array out;
  for (const json::value& target : row.at("Targets").as_array()) {
    if (!wanted.empty() && !contains(wanted, target)) continue;
    out.push_back(
        json::object{{"Target", target},
                     {"HealthCheckPort", std::to_string(number(target.as_object(), "Port", 0))},
                     {"TargetHealth", health}});
  }
  return json::object{{"TargetHealthDescriptions", std::move(out)}};
}

}  // namespace

CheckedTable target_group_operations() {
  constexpr std::string_view create_members =
      "Name Protocol ProtocolVersion Port VpcId TargetType IpAddressType Tags HealthCheckProtocol "
      "HealthCheckPort HealthCheckEnabled HealthCheckPath HealthCheckIntervalSeconds "
      "HealthCheckTimeoutSeconds HealthyThresholdCount UnhealthyThresholdCount Matcher";
  constexpr std::string_view modify_members =
      "TargetGroupArn HealthCheckProtocol HealthCheckPort HealthCheckEnabled HealthCheckPath "
      "HealthCheckIntervalSeconds HealthCheckTimeoutSeconds HealthyThresholdCount "
      "UnhealthyThresholdCount Matcher";
  return {{"CreateTargetGroup", {create, create_members}},
          {"DeleteTargetGroup", {remove, "TargetGroupArn"}},
          {"DeregisterTargets", {deregister_targets, "TargetGroupArn Targets"}},
          {"DescribeTargetGroupAttributes", {describe_their_attributes, "TargetGroupArn"}},
          {"DescribeTargetGroups",
           {describe_groups, "LoadBalancerArn TargetGroupArns Names Marker PageSize"}},
          {"DescribeTargetHealth", {describe_health, "TargetGroupArn Targets"}},
          {"ModifyTargetGroup", {modify, modify_members}},
          {"ModifyTargetGroupAttributes", {modify_attributes, "TargetGroupArn Attributes"}},
          {"RegisterTargets", {register_targets, "TargetGroupArn Targets"}}};
}

}  // namespace kiban::services::elbv2
