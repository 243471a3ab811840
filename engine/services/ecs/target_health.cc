#include "services/ecs/target_health.h"

#include <fmt/format.h>

#include <charconv>

#include "services/base/table_service.h"
#include "services/ecs/names.h"
#include "services/ecs/service_row.h"

namespace kiban::services::ecs {
namespace {

constexpr std::chrono::milliseconds between_checks{500};

const json::object* balancer_of(const json::object& service, std::int64_t group) {
  const json::array* all = find_array(service, "loadBalancers");
  return all && group < std::ssize(*all) ? &(*all)[static_cast<std::size_t>(group)].as_object()
                                         : nullptr;
}

std::optional<json::object> target_group(Context& context, const std::string& arn) {
  const auto reply = context.call("elbv2", "DescribeTargetGroups", {{"TargetGroupArns", {arn}}},
                                  principal(context, "ecs.amazonaws.com"));
  const json::array* groups = reply ? find_array(*reply, "TargetGroups") : nullptr;
  if (!groups || groups->empty()) return std::nullopt;
  return (*groups)[0].as_object();
}

std::string address_of(const json::object& task) {
  const json::array* attachments = find_array(task, "attachments");
  if (!attachments || attachments->empty()) return "";
  for (const json::value& detail : attachments->front().at("details").as_array())
    if (text(detail.as_object(), "name") == "privateIPv4Address")
      return text(detail.as_object(), "value");
  return "";
}

std::int64_t port_of(const json::object& group, const json::object& balancer) {
  const std::string port = text(group, "HealthCheckPort");
  std::int64_t number_of{};
  const auto read = std::from_chars(port.data(), port.data() + port.size(), number_of);
  return read.ec == std::errc{} ? number_of : number(balancer, "containerPort", 80);
}

// "200", "200,202", "200-299", also mixed.
bool matches(std::string_view matcher, std::int64_t status) {
  while (!matcher.empty()) {
    const std::size_t comma = std::min(matcher.find(','), matcher.size());
    std::int64_t low{};
    const std::string_view part = matcher.substr(0, comma);
    const auto read = std::from_chars(part.data(), part.data() + part.size(), low);
    std::int64_t high = low;
    if (read.ptr != part.data() + part.size())
      std::from_chars(read.ptr + 1, part.data() + part.size(), high);
    if (low <= status && status <= high) return true;
    matcher.remove_prefix(std::min(comma + 1, matcher.size()));
  }
  return false;
}

std::int64_t checks_max(const json::object& service, const json::object& group) {
  const std::chrono::seconds longest{number(service, "healthCheckGracePeriodSeconds", 0) +
                                     number(group, "HealthCheckIntervalSeconds", 30) *
                                         number(group, "UnhealthyThresholdCount", 2)};
  return longest / between_checks;
}

void send_check(Context& context, const json::object& service, const json::object& task,
                const json::object& group, std::int64_t index, std::int64_t attempt) {
  const std::string id = last_part(text(task, "taskArn"));
  json::object payload = service_reference(context, last_part(text(service, "clusterArn")),
                                           text(service, "serviceName"));
  payload["Task"] = id;
  payload["Group"] = index;
  payload["Attempt"] = attempt;
  payload["Milliseconds"] = attempt == 0 ? 0 : between_checks.count();
  payload["Address"] = address_of(task);
  payload["Port"] = port_of(group, *balancer_of(service, index));
  payload["ContainerPort"] = number(*balancer_of(service, index), "containerPort", 80);
  payload["Path"] = group.at("HealthCheckPath");
  payload["Protocol"] = group.at("HealthCheckProtocol");
  payload["TimeoutSeconds"] = number(group, "HealthCheckTimeoutSeconds", 5);
  context.perform({.service = "ecs",
                   .kind = "host.probe",
                   .id = fmt::format("probe/{}/{}/{}", id, index, attempt),
                   .payload = std::move(payload)});
}

// The first check of the group `index` or of a later one; false when there is none. A group that is
// gone has no check.
bool check_from(Context& context, const json::object& service, const json::object& task,
                std::int64_t index) {
  for (; const json::object* balancer = balancer_of(service, index); ++index) {
    const auto group = target_group(context, text(*balancer, "targetGroupArn"));
    if (!group) continue;
    send_check(context, service, task, *group, index, 0);
    return true;
  }
  return false;
}

std::string reason_of(const json::object& answer) {
  if (answer.contains("Status"))
    return fmt::format("Health checks failed with these codes: [{}]", number(answer, "Status", 0));
  return text(answer, "Error") == "TimedOut" ? "Request timed out" : "Health checks failed";
}

}  // namespace

bool begin_target_checks(Context& context, const json::object& service, const json::object& task) {
  return check_from(context, service, task, 0);
}

TargetHealth take_target_answer(Context& context, const json::object& service,
                                const json::object& task, const json::object& payload,
                                const json::object& answer) {
  using State = TargetHealth::State;
  const std::int64_t index = number(payload, "Group", 0);
  const json::object* balancer = balancer_of(service, index);
  const auto group = balancer ? target_group(context, text(*balancer, "targetGroupArn"))
                              : std::optional<json::object>{};
  const json::object* matcher = group ? find_object(*group, "Matcher") : nullptr;
  const bool healthy = !group || matches(matcher ? text(*matcher, "HttpCode", "200") : "200",
                                         number(answer, "Status", 0));
  if (healthy)
    return {.state =
                check_from(context, service, task, index + 1) ? State::Checking : State::Healthy};
  const std::int64_t next = number(payload, "Attempt", 0) + 1;
  if (next >= checks_max(service, *group))
    return {.state = State::Unhealthy,
            .port = number(payload, "Port", 0),
            .target_group = text(*group, "TargetGroupArn"),
            .reason = reason_of(answer)};
  send_check(context, service, task, *group, index, next);
  return {.state = State::Checking};
}

}  // namespace kiban::services::ecs
