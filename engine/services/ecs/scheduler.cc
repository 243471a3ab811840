#include "services/ecs/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/ecs/deployment.h"
#include "services/ecs/interface.h"
#include "services/ecs/names.h"
#include "services/ecs/task.h"
#include "services/ecs/task_definition.h"

namespace kiban::services::ecs {
namespace {

constexpr std::int64_t desired_count_max = 100;  // Our own bound on one machine.
// Between starts of a service whose tasks do not stay up: doubled each time. Our own choice; AWS
// throttles without saying by how much.
constexpr std::chrono::seconds restart_delay_first{2};
constexpr std::chrono::seconds restart_delay_max{300};
// A task that was up this long did not fail to start. Our own choice too.
constexpr double stayed_up_seconds = 60;

std::string service_key(const Context& context, std::string_view cluster, std::string_view name) {
  return row_key(context, "service", fmt::format("{}/{}", cluster, name));
}

struct Counted {
  std::vector<json::object> live{};  // Desired to run.
  std::int64_t running{};
  std::int64_t pending{};
};

Counted count_tasks(const Context& context, std::string_view cluster, std::string_view service) {
  Counted counted;
  for (json::object& task :
       list_json(context, row_key(context, "task", fmt::format("{}/", cluster)))) {
    if (text(task, "group") != fmt::format("service:{}", service)) continue;
    if (text(task, "desiredStatus") != "RUNNING") continue;
    ++(text(task, "lastStatus") == "RUNNING" ? counted.running : counted.pending);
    counted.live.push_back(std::move(task));
  }
  return counted;
}

json::object described(const Context& context, const json::object& service) {
  json::object out = service;
  const auto counted =
      count_tasks(context, last_part(text(service, "clusterArn")), text(service, "serviceName"));
  out["runningCount"] = counted.running;
  out["pendingCount"] = counted.pending;
  for (json::value& value : out["deployments"].as_array()) {
    json::object& deployment = value.as_object();
    std::int64_t running = 0;
    std::int64_t pending = 0;
    for (const json::object& task : counted.live) {
      if (text(task, "startedBy") != text(deployment, "id")) continue;
      ++(text(task, "lastStatus") == "RUNNING" ? running : pending);
    }
    deployment["runningCount"] = running;
    deployment["pendingCount"] = pending;
    deployment.erase("kibanNotBefore");
  }
  return out;
}

Result<json::object> load_service(const Context& context, std::string_view cluster,
                                  std::string_view name) {
  auto service = get_json(context, service_key(context, cluster, name));
  if (!service || text(*service, "status") == "INACTIVE")
    return fail("ServiceNotFoundException", "Service not found.");
  return *std::move(service);
}

Result<void> check_count(std::int64_t count) {
  if (count < 0 || count > desired_count_max)
    return fail("InvalidParameterException",
                fmt::format("desiredCount must be between 0 and {} here", desired_count_max));
  return {};
}

}  // namespace

namespace {

// Starts what is missing, unless tasks failed to stay up and it is too early to try again.
void start_missing(Context& context, json::object& service, std::int64_t missing) {
  const json::object& primary = primary_of(service);
  const json::value* not_before = find(primary, "kibanNotBefore");
  if (not_before && epoch_seconds(context.now()) < not_before->to_number<double>()) return;
  if (text(primary, "rolloutState") == "FAILED") return;
  const auto definition = load_task_definition(context, text(service, "taskDefinition"));
  if (!definition) return;
  const std::string name = text(service, "serviceName");
  json::object request = service;
  request["startedBy"] = primary.at("id");
  for (std::int64_t i = 0; i < missing; ++i) {
    const json::object task =
        start_task(context, request, *definition, last_part(text(service, "clusterArn")),
                   fmt::format("service:{}", name));
    note(context, service,
         fmt::format("(service {}) has started 1 tasks: (task {}).", name,
                     last_part(text(task, "taskArn"))));
  }
}

// As many as desired run, and none of an older deployment.
void complete(Context& context, json::object& service) {
  json::object& primary = primary_of(service);
  if (text(primary, "rolloutState") != "IN_PROGRESS") return;
  const std::string id = text(primary, "id");
  set_rollout(context, primary, "COMPLETED", fmt::format("ECS deployment {} completed.", id));
  json::array& all = service["deployments"].as_array();
  all.erase(all.begin() + 1, all.end());
  const std::string name = text(service, "serviceName");
  note(context, service,
       fmt::format("(service {}) (deployment {}) deployment completed.", name, id));
  note(context, service, fmt::format("(service {}) has reached a steady state.", name));
}

}  // namespace

void reconcile(Context& context, std::string_view cluster, std::string_view name) {
  const std::string key = service_key(context, cluster, name);
  auto service = get_json(context, key);
  if (!service || text(*service, "status") != "ACTIVE") return;
  const std::string primary = text(primary_of(*service), "id");
  const std::int64_t desired = number(*service, "desiredCount", 0);
  std::vector<json::object> current;
  std::vector<json::object> old;
  for (json::object& task : count_tasks(context, cluster, name).live)
    (text(task, "startedBy") == primary ? current : old).push_back(std::move(task));
  const auto running = std::ranges::count_if(
      current, [](const json::object& task) { return text(task, "lastStatus") == "RUNNING"; });
  const auto stop = [&](json::object& task) {
    request_stop(context, task, "ServiceSchedulerInitiated",
                 fmt::format("Scaling activity initiated by deployment {}", primary));
  };
  // Tasks of an older deployment go once their replacements run.
  if (running >= desired) std::ranges::for_each(old, stop);
  for (std::size_t i = static_cast<std::size_t>(desired); i < current.size(); ++i) stop(current[i]);
  start_missing(context, *service, desired - std::ssize(current));
  if (running >= desired) complete(context, *service);
  put_json(context, key, *service);
}

Result<json::object> create_service(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  const std::string name = text(input, "serviceName");
  if (load_service(context, cluster, name))
    return fail("InvalidParameterException", "Creation of service was not idempotent.");
  const auto definition = load_task_definition(context, text(input, "taskDefinition"));
  if (!definition) return fail("ClientException", "TaskDefinition not found.");
  const std::int64_t desired = number(input, "desiredCount", 1);
  KIBAN_TRY_VOID(check_count(desired));
  KIBAN_TRY_VOID(check_network(context, input));
  json::object service = input;
  for (const auto* gone : {"cluster", "clientToken", "tags"}) service.erase(gone);
  service["serviceArn"] = make_arn(context, "ecs", fmt::format("service/{}/{}", cluster, name));
  service["clusterArn"] = cluster_arn(context, cluster);
  service["taskDefinition"] = definition->at("taskDefinitionArn");
  service["desiredCount"] = desired;
  service["status"] = "ACTIVE";
  service["schedulingStrategy"] = "REPLICA";
  service["createdAt"] = epoch_seconds(context.now());
  service["events"] = json::array{};
  service["deployments"] = json::array{};
  begin_deployment(context, service);
  put_json(context, service_key(context, cluster, name), service);
  reconcile(context, cluster, name);
  KIBAN_TRY(service, load_service(context, cluster, name));
  return json::object{{"service", described(context, service)}};
}

Result<json::object> update_service(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  const std::string name = last_part(text(input, "service"));
  KIBAN_TRY(json::object service, load_service(context, cluster, name));
  KIBAN_TRY_VOID(check_network(context, input));
  const json::object before = service;
  for (const auto& member : input) {
    const std::string_view key = member.key();
    if (key != "cluster" && key != "service" && key != "forceNewDeployment")
      service[key] = member.value();
  }
  if (input.contains("taskDefinition")) {
    const auto definition = load_task_definition(context, text(input, "taskDefinition"));
    if (!definition) return fail("ClientException", "TaskDefinition not found.");
    service["taskDefinition"] = definition->at("taskDefinitionArn");
  }
  KIBAN_TRY_VOID(check_count(number(service, "desiredCount", 0)));
  const auto changed = [&](std::string_view member) {
    const json::value* was = find(before, member);
    const json::value* is = find(service, member);
    return is && (!was || *was != *is);
  };
  json::object& primary = primary_of(service);
  if (changed("taskDefinition") || changed("networkConfiguration") ||
      flag(input, "forceNewDeployment")) {
    begin_deployment(context, service);
  } else if (changed("desiredCount")) {
    primary["desiredCount"] = service.at("desiredCount");
    set_rollout(context, primary, "IN_PROGRESS",
                fmt::format("ECS deployment {} in progress.", text(primary, "id")));
  }
  put_json(context, service_key(context, cluster, name), service);
  reconcile(context, cluster, name);
  KIBAN_TRY(service, load_service(context, cluster, name));
  return json::object{{"service", described(context, service)}};
}

Result<json::object> delete_service(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  const std::string name = last_part(text(input, "service"));
  KIBAN_TRY(json::object service, load_service(context, cluster, name));
  if (number(service, "desiredCount", 0) > 0 && !flag(input, "force"))
    return fail("InvalidParameterException",
                "The service cannot be stopped while it is scaled above 0.");
  for (json::object& task : count_tasks(context, cluster, name).live)
    request_stop(context, task, "ServiceSchedulerInitiated", "The service was deleted");
  service["desiredCount"] = 0;
  service["status"] = "INACTIVE";
  json::object last = described(context, service);
  context.erase(service_key(context, cluster, name));
  return json::object{{"service", std::move(last)}};
}

Result<json::object> describe_services(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  json::array services;
  json::array failures;
  const json::array* names = find_array(input, "services");
  for (const json::value& value : names ? *names : json::array{}) {
    const std::string name = last_part(std::string_view(value.as_string()));
    const auto service = load_service(context, cluster, name);
    if (service)
      services.push_back(described(context, *service));
    else
      failures.push_back(
          {{"arn", make_arn(context, "ecs", fmt::format("service/{}/{}", cluster, name))},
           {"reason", "MISSING"}});
  }
  return json::object{{"services", std::move(services)}, {"failures", std::move(failures)}};
}

Result<json::object> list_services(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  json::array arns;
  for (const json::object& service :
       list_json(context, row_key(context, "service", fmt::format("{}/", cluster))))
    arns.push_back(service.at("serviceArn"));
  return arn_page(input, "serviceArns", arns);
}

void on_service_task_stopped(Context& context, const json::object& task) {
  const std::string group = text(task, "group");
  if (!group.starts_with("service:")) return;
  const std::string cluster = last_part(text(task, "clusterArn"));
  const std::string name = group.substr(8);
  const std::string key = service_key(context, cluster, name);
  auto service = get_json(context, key);
  if (!service) return;
  json::object* deployment = find_deployment(*service, text(task, "startedBy"));
  const bool asked = text(task, "stopCode") == "ServiceSchedulerInitiated" &&
                     text(task, "stoppedReason") != failed_health_checks;
  if (asked || !deployment) return reconcile(context, cluster, name);
  const json::value* started = find(task, "startedAt");
  if (started && epoch_seconds(context.now()) - started->to_number<double>() > stayed_up_seconds)
    (*deployment)["failedTasks"] = 0;
  const bool ended = count_failure(context, *service, *deployment);
  const std::int64_t failures = number(primary_of(*service), "failedTasks", 0);
  std::chrono::seconds delay{0};
  if (!ended && failures > 0)
    delay = std::min(
        restart_delay_max,
        restart_delay_first * (std::int64_t{1} << std::min<std::int64_t>(failures - 1, 8)));
  primary_of(*service)["kibanNotBefore"] = epoch_seconds(context.now() + delay);
  put_json(context, key, *service);
  context.set_timer("ecs", fmt::format("restart/{}/{}", cluster, name), context.now() + delay,
                    {{"Cluster", cluster},
                     {"Service", name},
                     {"Region", context.caller().region},
                     {"Account", context.caller().account}});
}

}  // namespace kiban::services::ecs
