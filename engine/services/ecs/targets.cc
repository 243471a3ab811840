#include "services/ecs/targets.h"

#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/ecs/deployment.h"
#include "services/ecs/names.h"

namespace kiban::services::ecs {
namespace {

// The address that DescribeTasks shows; empty: it has none.
std::string address_of(const json::object& task) {
  for (const json::value& container : task.at("containers").as_array()) {
    const json::array* interfaces = find_array(container.as_object(), "networkInterfaces");
    if (interfaces && !interfaces->empty())
      return text(interfaces->front().as_object(), "privateIpv4Address");
  }
  return {};
}

// Does `each` for the target group ARN and the target of every load balancer of the service.
template <typename Each>
void for_targets(const json::object& service, const json::object& task, const Each& each) {
  const json::array* balancers = find_array(service, "loadBalancers");
  const std::string address = address_of(task);
  if (address.empty()) return;
  for (const json::value& value : balancers ? *balancers : json::array{}) {
    const std::string arn = text(value.as_object(), "targetGroupArn");
    if (arn.empty()) continue;
    const json::object target{{"Id", address},
                              {"Port", number(value.as_object(), "containerPort", 0)}};
    each(json::object{{"TargetGroupArn", arn}, {"Targets", {target}}}, arn);
  }
}

}  // namespace

void register_targets(Context& context, json::object& service, const json::object& task) {
  const Caller ecs = principal(context, "ecs.amazonaws.com");
  for_targets(service, task, [&](const json::object& request, const std::string& arn) {
    // A performer that was restarted tells of a running task again.
    const auto before = context.call("elbv2", "DescribeTargetHealth", request, ecs);
    const json::array* found = before ? find_array(*before, "TargetHealthDescriptions") : nullptr;
    if (!found || !found->empty()) return;
    if (!context.call("elbv2", "RegisterTargets", request, ecs)) return;
    note(context, service,
         fmt::format("(service {}) registered 1 targets in (target-group {})",
                     text(service, "serviceName"), arn));
  });
}

void deregister_targets(Context& context, json::object& service, const json::object& task) {
  const Caller ecs = principal(context, "ecs.amazonaws.com");
  for_targets(service, task, [&](const json::object& request, const std::string& arn) {
    if (!context.call("elbv2", "DeregisterTargets", request, ecs)) return;
    note(context, service,
         fmt::format("(service {}) deregistered 1 targets in (target-group {})",
                     text(service, "serviceName"), arn));
  });
}

}  // namespace kiban::services::ecs
