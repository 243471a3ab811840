#include <algorithm>

#include "services/elbv2/rows.h"

namespace kiban::services::elbv2 {
namespace {

// A forward action names its group in two places, and AWS fills in the other one.
// docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html
json::object complete_forward(json::object action) {
  if (!action.contains("ForwardConfig")) {
    action["ForwardConfig"] = json::object{
        {"TargetGroups",
         json::array{json::object{{"TargetGroupArn", action.at("TargetGroupArn")}, {"Weight", 1}}}},
        {"TargetGroupStickinessConfig", {{"Enabled", false}}}};
  } else if (!action.contains("TargetGroupArn")) {
    const json::array* groups = find_array(action.at("ForwardConfig").as_object(), "TargetGroups");
    if (groups && groups->size() == 1) {
      action["TargetGroupArn"] = text(groups->front().as_object(), "TargetGroupArn");
    }
  }
  return action;
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Action.html
Result<void> check_redirect(const json::object& action) {
  const json::object* config = find_object(action, "RedirectConfig");
  if (!config) return fail("ValidationError", "A redirect configuration must be specified");
  const auto is = [&](std::string_view member, std::string_view same) {
    return text(*config, member, same) == same;
  };
  if (is("Protocol", "#{protocol}") && is("Port", "#{port}") && is("Host", "#{host}") &&
      is("Path", "/#{path}") && is("Query", "#{query}"))
    return fail("InvalidLoadBalancerAction",
                "The redirect configuration is not valid because it creates a loop.");
  if (!is("Path", "/#{path}") && !text(*config, "Path").starts_with('/'))
    return fail("ValidationError", "The redirect path must begin with a '/' character");
  return {};
}

// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ForwardActionConfig.html
Result<void> check_forward(const json::object& action) {
  constexpr std::size_t groups_max = 5;
  const json::object* config = find_object(action, "ForwardConfig");
  const json::array* groups = config ? find_array(*config, "TargetGroups") : nullptr;
  if (groups && groups->size() > groups_max)
    return fail("TooManyTargetGroups", "An action can forward to at most '5' target groups");
  for (const json::value& group : groups ? *groups : json::array{}) {
    const std::int64_t weight = number(group.as_object(), "Weight", 1);
    if (weight < 0 || weight > 999)
      return fail("ValidationError", fmt::format("Weight '{}' must be between '0' and '999' "
                                                 "inclusive",
                                                 weight));
  }
  const json::object* stickiness =
      config ? find_object(*config, "TargetGroupStickinessConfig") : nullptr;
  const std::int64_t seconds = stickiness ? number(*stickiness, "DurationSeconds", 1) : 1;
  if (seconds >= 1 && seconds <= 604'800) return {};
  return fail("ValidationError",
              "The duration of target group stickiness must be between '1' and '604800' seconds");
}

Result<json::array> read_actions(Context& context, const json::object& input,
                                 const std::string& balancer) {
  json::array out;
  if (input.at("DefaultActions").as_array().size() != 1)
    return fail("ValidationError", "You must specify exactly one default action");
  for (const json::value& one : input.at("DefaultActions").as_array()) {
    const json::object& action = one.as_object();
    const std::string type = text(action, "Type");
    if (type == "forward") {
      if (!action.contains("TargetGroupArn") && !action.contains("ForwardConfig")) {
        return fail("ValidationError", "A target group ARN must be specified");
      }
      KIBAN_TRY_VOID(check_forward(action));
      out.push_back(complete_forward(action));
      if (forwarded_to({{"DefaultActions", json::array{out.back()}}}).empty()) {
        return fail("ValidationError", "A target group ARN must be specified");
      }
    } else if (type == "redirect" || type == "fixed-response") {
      if (type == "redirect") KIBAN_TRY_VOID(check_redirect(action));
      if (type == "fixed-response" && !action.contains("FixedResponseConfig"))
        return fail("ValidationError", "A fixed response configuration must be specified");
      out.push_back(action);
    } else {
      return fail("ValidationError",
                  fmt::format("kiban does not support actions of the type {}", type));
    }
  }
  for (const std::string& arn : forwarded_to({{"DefaultActions", out}})) {
    KIBAN_TRY_VOID(load(context, target_groups, arn));
    for (const json::object& other : all(context, listeners)) {
      if (text(record(other), "LoadBalancerArn") != balancer &&
          contains(forwarded_to(record(other)), arn)) {
        return fail("TargetGroupAssociationLimit",
                    fmt::format("The following target groups cannot be associated with more than "
                                "one load balancer: {}",
                                arn));
      }
    }
  }
  return out;
}

// Certificates are not supported, so no listener can speak HTTPS.
Result<void> check_protocol(const json::object& input) {
  const std::string protocol = text(input, "Protocol");
  if (protocol == "HTTP") return {};
  return fail("ValidationError", protocol.empty() ? "A listener protocol must be specified"
                                                  : "kiban supports listeners for HTTP only");
}

Result<void> check_port(const Context& context, const std::string& balancer,
                        const json::value& port, std::string_view but) {
  for (const json::object& other : all(context, listeners)) {
    if (text(record(other), "LoadBalancerArn") == balancer && record(other).at("Port") == port &&
        arn_of(listeners, other) != but) {
      return fail("DuplicateListener",
                  "A listener already exists on this port for this load "
                  "balancer '" +
                      balancer + "'");
    }
  }
  return {};
}

Result<json::object> create(Context& context, const json::object& input) {
  const std::string balancer = text(input, "LoadBalancerArn");
  KIBAN_TRY_VOID(load(context, load_balancers, balancer));
  KIBAN_TRY_VOID(check_protocol(input));
  if (!input.contains("Port")) return fail("ValidationError", "A listener port must be specified");
  KIBAN_TRY_VOID(check_port(context, balancer, input.at("Port"), {}));
  KIBAN_TRY(json::array actions, read_actions(context, input, balancer));
  // …:loadbalancer/app/NAME/ID becomes …:listener/app/NAME/ID/ID.
  const json::object made{
      {"ListenerArn", make_arn(context, "elasticloadbalancing",
                               fmt::format("listener/{}/{}", balancer.substr(balancer.find("app/")),
                                           context.random().hex(16)))},
      {"LoadBalancerArn", balancer},
      {"Port", input.at("Port")},
      {"Protocol", text(input, "Protocol")},
      {"DefaultActions", std::move(actions)}};
  save(context, listeners, {{"Record", made}, {"Tags", tags_of(input)}});
  return json::object{{"Listeners", json::array{made}}};
}

Result<json::object> modify(Context& context, const json::object& input) {
  const std::string arn = text(input, "ListenerArn");
  KIBAN_TRY(json::object row, load(context, listeners, arn));
  const std::string balancer = text(record(row), "LoadBalancerArn");
  json::object& made = row["Record"].as_object();
  if (input.contains("Protocol")) KIBAN_TRY_VOID(check_protocol(input));
  if (const json::value* port = find(input, "Port")) {
    KIBAN_TRY_VOID(check_port(context, balancer, *port, arn));
    made["Port"] = *port;
  }
  if (input.contains("DefaultActions")) {
    KIBAN_TRY(made["DefaultActions"], read_actions(context, input, balancer));
  }
  save(context, listeners, row);
  return json::object{{"Listeners", json::array{made}}};
}

Result<json::object> remove(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(load(context, listeners, text(input, "ListenerArn")));
  erase(context, listeners, text(input, "ListenerArn"));
  return json::object{};
}

Result<json::object> describe_listeners(Context& context, const json::object& input) {
  const std::string balancer = text(input, "LoadBalancerArn");
  const json::array* arns = find_array(input, "ListenerArns");
  if (balancer.empty() && (!arns || arns->empty())) {
    return fail("ValidationError", "You must specify either listener ARNs or a load balancer ARN");
  }
  if (!balancer.empty()) KIBAN_TRY_VOID(load(context, load_balancers, balancer));
  return describe(context, listeners, input, record, [&](const json::object& row) {
    return text(record(row), "LoadBalancerArn") == balancer;
  });
}

// Every listener has its default rule, whose ARN is the listener's with "listener-rule" and an id.
Result<json::object> describe_rules(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load(context, listeners, text(input, "ListenerArn")));
  std::string arn = arn_of(listeners, row);
  constexpr std::string_view kind = ":listener/";
  arn.replace(arn.find(kind), kind.size(), ":listener-rule/");
  arn += arn.substr(arn.rfind('/'));
  return json::object{
      {"Rules", json::array{json::object{{"RuleArn", arn},
                                         {"Priority", "default"},
                                         {"Conditions", json::array{}},
                                         {"Actions", record(row).at("DefaultActions")},
                                         {"IsDefault", true}}}}};
}

}  // namespace

std::vector<std::string> forwarded_to(const json::object& listener) {
  std::vector<std::string> out;
  for (const json::value& action : listener.at("DefaultActions").as_array()) {
    const json::object* forward = find_object(action.as_object(), "ForwardConfig");
    const json::array* groups = forward ? find_array(*forward, "TargetGroups") : nullptr;
    for (const json::value& group : groups ? *groups : json::array{}) {
      out.push_back(text(group.as_object(), "TargetGroupArn"));
    }
  }
  return out;
}

void erase_listeners(Context& context, std::string_view load_balancer_arn) {
  for (const json::object& row : all(context, listeners)) {
    if (text(record(row), "LoadBalancerArn") == load_balancer_arn) {
      erase(context, listeners, arn_of(listeners, row));
    }
  }
}

CheckedTable listener_operations() {
  return {
      {"CreateListener", {create, "LoadBalancerArn Port Protocol DefaultActions Tags"}},
      {"DeleteListener", {remove, "ListenerArn"}},
      {"DescribeListeners", {describe_listeners, "LoadBalancerArn ListenerArns Marker PageSize"}},
      {"DescribeRules", {describe_rules, "ListenerArn"}},
      {"ModifyListener", {modify, "ListenerArn Port Protocol DefaultActions"}}};
}

}  // namespace kiban::services::elbv2
