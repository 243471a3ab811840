#include "services/ecs/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/ecs/deployment.h"
#include "services/ecs/interface.h"
#include "services/ecs/launch.h"
#include "services/ecs/names.h"
#include "services/ecs/protection.h"
#include "services/ecs/tags.h"
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
// Failures in a row of which the service's events tell. Our own choice.
constexpr std::int64_t impaired_after = 3;

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

json::object timer_payload(const Context& context, std::string_view cluster,
                           std::string_view service) {
  return {{"Cluster", cluster},
          {"Service", service},
          {"Region", context.caller().region},
          {"Account", context.caller().account}};
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

// What a deployment may do, in tasks.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
struct Bounds {
  std::int64_t healthy_min{};
  std::int64_t tasks_max{};
};

Bounds bounds_of(const json::object& service, std::int64_t desired) {
  const json::object* configuration = find_object(service, "deploymentConfiguration");
  const json::object given = configuration ? *configuration : json::object{};
  return {.healthy_min = (desired * number(given, "minimumHealthyPercent", 100) + 99) / 100,
          .tasks_max = desired * number(given, "maximumPercent", 200) / 100};
}

// Runs, and its health checks, if it has any, agree.
bool is_steady(const json::object& task) {
  return text(task, "lastStatus") == "RUNNING" &&
         text(task, "healthStatus", "HEALTHY") == "HEALTHY";
}

std::int64_t steady_of(const std::vector<json::object>& tasks) {
  return std::ranges::count_if(tasks, is_steady);
}

void stop_task_of(Context& context, json::object& service, json::object& task,
                  std::string_view reason) {
  request_stop(context, task, "ServiceSchedulerInitiated", reason);
  note(context, service,
       fmt::format("(service {}) has stopped 1 running tasks: (task {}).",
                   text(service, "serviceName"), last_part(text(task, "taskArn"))));
}

// A task whose health checks failed goes, once the grace period that follows its start is over.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateService.html
// (healthCheckGracePeriodSeconds)
bool stop_if_sick(Context& context, json::object& service, json::object& task) {
  if (text(task, "healthStatus") != "UNHEALTHY") return false;
  const json::value* started = find(task, "startedAt");
  const Timestamp until = from_epoch_seconds(started ? started->to_number<double>() : 0) +
                          std::chrono::seconds{number(service, "healthCheckGracePeriodSeconds", 0)};
  const std::string id = last_part(text(task, "taskArn"));
  if (context.now() < until) {
    context.set_timer("ecs", fmt::format("grace/{}", id), until,
                      timer_payload(context, last_part(text(service, "clusterArn")),
                                    text(service, "serviceName")));
    return false;
  }
  note(context, service,
       fmt::format("(service {}) (task {}) failed container health checks.",
                   text(service, "serviceName"), id));
  stop_task_of(context, service, task, failed_health_checks);
  return true;
}

// Starts `count` tasks, unless tasks failed to stay up and it is too early to try again.
void start_tasks(Context& context, json::object& service, std::int64_t count,
                 const std::vector<json::object>& current) {
  const json::object& primary = primary_of(service);
  const json::value* not_before = find(primary, "kibanNotBefore");
  if (count <= 0 || (not_before && epoch_seconds(context.now()) < not_before->to_number<double>()))
    return;
  if (text(primary, "rolloutState") == "FAILED") return;
  const std::string cluster = last_part(text(service, "clusterArn"));
  const auto definition = load_task_definition(context, text(service, "taskDefinition"));
  if (!definition) return;
  const std::string name = text(service, "serviceName");
  std::map<std::string, std::int64_t> placed;
  for (const json::object& task : current) ++placed[text(task, "capacityProviderName")];
  const json::array* strategy = find_array(service, "capacityProviderStrategy");
  std::string started;
  for (std::int64_t i = 0; i < count; ++i) {
    json::object request = service;
    request["startedBy"] = primary.at("id");
    if (strategy) {
      const std::string provider = next_provider(*strategy, placed);
      if (!provider.empty()) request["capacityProviderName"] = provider;
      ++placed[provider];
    }
    const json::object task =
        start_task(context, request, *definition, cluster, fmt::format("service:{}", name));
    started += fmt::format(" (task {})", last_part(text(task, "taskArn")));
  }
  note(context, service,
       fmt::format("(service {}) has started {} tasks:{}.", name, count, started));
}

// Takes those from `tasks` that may go: the ones that are not steady first, the others while more
// than `spare` steady ones would be missed. Who is protected stays.
void stop_spare(Context& context, json::object& service, std::vector<json::object>& tasks,
                std::int64_t count, std::int64_t spare) {
  const std::string reason =
      fmt::format("Scaling activity initiated by (deployment {})", text(primary_of(service), "id"));
  for (const bool pass : {false, true}) {
    std::erase_if(tasks, [&](json::object& task) {
      if (is_steady(task) != pass || count <= 0 || (pass && spare <= 0) ||
          is_protected(context, task))
        return false;
      --count;
      if (pass) --spare;
      stop_task_of(context, service, task, reason);
      return true;
    });
  }
}

// As many as desired are steady, and none of an older deployment is left.
void complete(Context& context, json::object& service) {
  json::object& primary = primary_of(service);
  const std::string name = text(service, "serviceName");
  const std::string steady = fmt::format("(service {}) has reached a steady state.", name);
  if (text(primary, "rolloutState") == "IN_PROGRESS") {
    const std::string id = text(primary, "id");
    set_rollout(context, service, primary, "COMPLETED",
                fmt::format("ECS deployment {} completed.", id));
    json::array& all = service["deployments"].as_array();
    all.erase(all.begin() + 1, all.end());
    note(context, service,
         fmt::format("(service {}) (deployment {}) deployment completed.", name, id));
  }
  const json::array& events = service.at("events").as_array();
  if (!events.empty() && text(events[0].as_object(), "message") == steady) return;
  note(context, service, steady);
  publish_action(context, service, "INFO", "SERVICE_STEADY_STATE");
}

// Told once: nothing may be started, nothing stopped, and nothing is under way.
void tell_deadlock(Context& context, json::object& service) {
  const std::string message = fmt::format(
      "(service {}) was unable to stop or start tasks during a deployment because of the service "
      "deployment configuration. Update the minimumHealthyPercent or maximumPercent value and try "
      "again.",
      text(service, "serviceName"));
  const json::array& events = service.at("events").as_array();
  if (events.empty() || text(events[0].as_object(), "message") != message)
    note(context, service, message);
}

}  // namespace

void reconcile(Context& context, std::string_view cluster, std::string_view name) {
  const std::string key = service_key(context, cluster, name);
  auto service = get_json(context, key);
  if (!service || text(*service, "status") != "ACTIVE") return;
  const std::string primary = text(primary_of(*service), "id");
  const std::int64_t desired = number(*service, "desiredCount", 0);
  const Bounds bounds = bounds_of(*service, desired);
  std::vector<json::object> current;
  std::vector<json::object> old;
  for (json::object& task : count_tasks(context, cluster, name).live) {
    if (stop_if_sick(context, *service, task)) continue;
    (text(task, "startedBy") == primary ? current : old).push_back(std::move(task));
  }
  stop_spare(context, *service, current, std::ssize(current) - desired,
             steady_of(current) + steady_of(old));
  const std::int64_t steady = steady_of(current);
  // Tasks of an older deployment go as their replacements become steady.
  stop_spare(context, *service, old, std::ssize(old),
             steady >= desired ? std::ssize(old) : steady + steady_of(old) - bounds.healthy_min);
  const std::int64_t missing = desired - std::ssize(current);
  const std::int64_t room = bounds.tasks_max - std::ssize(current) - std::ssize(old);
  // A task that was lost is replaced in any case.
  start_tasks(context, *service, old.empty() ? missing : std::min(missing, room), current);
  if (missing > 0 && room <= 0 && steady_of(old) == std::ssize(old) && !old.empty())
    tell_deadlock(context, *service);
  if (steady >= desired && old.empty()) complete(context, *service);
  put_json(context, key, *service);
}

namespace {

// What a service would have to obey, and nobody here does.
Result<void> check_service(const json::object& input) {
  for (const auto* member :
       {"volumeConfigurations", "serviceRegistries", "vpcLatticeConfigurations"}) {
    const json::array* list = find_array(input, member);
    if (list && !list->empty())
      return fail("InvalidParameterException", fmt::format("kiban does not honour {}", member));
  }
  const json::object* connect = find_object(input, "serviceConnectConfiguration");
  if (connect && flag(*connect, "enabled"))
    return fail("InvalidParameterException", "kiban does not honour serviceConnectConfiguration");
  const json::object* controller = find_object(input, "deploymentController");
  if (controller && text(*controller, "type", "ECS") != "ECS")
    return fail("InvalidParameterException",
                fmt::format("kiban has the deployment controller ECS only, not {}",
                            text(*controller, "type")));
  if (text(input, "schedulingStrategy", "REPLICA") != "REPLICA")
    return fail("InvalidParameterException",
                "The daemon scheduling strategy is not supported on Fargate.");
  return {};
}

}  // namespace

Result<json::object> create_service(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY(const json::object cluster_row, load_cluster(context, cluster));
  KIBAN_TRY_VOID(check_launch(input, cluster_row));
  KIBAN_TRY_VOID(check_service(input));
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
  if (json::array strategy = strategy_of(input, cluster_row); !strategy.empty())
    service["capacityProviderStrategy"] = std::move(strategy);
  else
    service["launchType"] = "FARGATE";
  service["status"] = "ACTIVE";
  service["schedulingStrategy"] = "REPLICA";
  service["createdAt"] = epoch_seconds(context.now());
  service["events"] = json::array{};
  service["deployments"] = json::array{};
  put_tags(context, text(service, "serviceArn"), input);
  begin_deployment(context, service);
  put_json(context, service_key(context, cluster, name), service);
  reconcile(context, cluster, name);
  KIBAN_TRY(service, load_service(context, cluster, name));
  return json::object{{"service", described(context, service)}};
}

Result<json::object> update_service(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY(const json::object cluster_row, load_cluster(context, cluster));
  KIBAN_TRY_VOID(check_launch(input, cluster_row));
  KIBAN_TRY_VOID(check_service(input));
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
  if (changed("capacityProviderStrategy")) service.erase("launchType");
  if (changed("taskDefinition") || changed("networkConfiguration") ||
      changed("capacityProviderStrategy") || flag(input, "forceNewDeployment")) {
    begin_deployment(context, service);
  } else if (changed("desiredCount")) {
    primary["desiredCount"] = service.at("desiredCount");
    set_rollout(context, service, primary, "IN_PROGRESS",
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
  drop_tags(context, text(service, "serviceArn"));
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
    if (!service) {
      failures.push_back(
          {{"arn", make_arn(context, "ecs", fmt::format("service/{}/{}", cluster, name))},
           {"reason", "MISSING"}});
      continue;
    }
    json::object shown = described(context, *service);
    if (wants_tags(input)) shown["tags"] = tags_of(context, text(*service, "serviceArn"));
    services.push_back(std::move(shown));
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
  const std::string code = text(task, "stopCode");
  const bool asked =
      code == "UserInitiated" ||
      (code == "ServiceSchedulerInitiated" && text(task, "stoppedReason") != failed_health_checks);
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
  if (failures == impaired_after) {
    note(context, *service,
         fmt::format("(service {}) is unable to consistently start tasks successfully. For more "
                     "information, see the Troubleshooting section of the Amazon ECS Developer "
                     "Guide.",
                     name));
    publish_action(context, *service, "WARN", "SERVICE_TASK_START_IMPAIRED");
  }
  primary_of(*service)["kibanNotBefore"] = epoch_seconds(context.now() + delay);
  put_json(context, key, *service);
  context.set_timer("ecs", fmt::format("restart/{}/{}", cluster, name), context.now() + delay,
                    timer_payload(context, cluster, name));
}

}  // namespace kiban::services::ecs
