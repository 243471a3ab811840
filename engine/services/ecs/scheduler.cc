#include "services/ecs/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/ecs/deployment.h"
#include "services/ecs/launch.h"
#include "services/ecs/names.h"
#include "services/ecs/protection.h"
#include "services/ecs/service_row.h"
#include "services/ecs/tags.h"
#include "services/ecs/target_health.h"
#include "services/ecs/targets.h"
#include "services/ecs/task.h"
#include "services/ecs/task_definition.h"

namespace kiban::services::ecs {
namespace {

// Between starts of a service whose tasks do not stay up: doubled each time. Our own choice; AWS
// throttles without saying by how much. Of the host's time, as is the next one: a deployment ends
// though the clock that users see is frozen.
constexpr std::chrono::seconds restart_delay_first{2};
constexpr std::chrono::seconds restart_delay_max{300};
// A task without a health check counts as steady once it ran this long: one that starts and dies
// at once must not complete a deployment. Our own choice.
constexpr std::chrono::seconds settle_time{3};
// A task that was up this long did not fail to start. Our own choice too.
constexpr double stayed_up_seconds = 60;
// Failures in a row of which the service's events tell. Our own choice.
constexpr std::int64_t impaired_after = 3;

void pause(Context& context, std::string id, std::chrono::milliseconds length,
           json::object payload) {
  payload["Milliseconds"] = length.count();
  context.perform(
      {.service = "ecs", .kind = "host.pause", .id = std::move(id), .payload = std::move(payload)});
}

std::string settled_key(const Context& context, const json::object& task) {
  return row_key(
      context, "settled",
      fmt::format("{}/{}", last_part(text(task, "clusterArn")), last_part(text(task, "taskArn"))));
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

// Runs, and its health checks agree, its containers' or its target groups'; without any it ran for
// the settle time.
bool is_steady(const Context& context, const json::object& task) {
  if (text(task, "lastStatus") != "RUNNING") return false;
  const std::string health = text(task, "healthStatus");
  return health.empty() ? context.get(settled_key(context, task)).has_value() : health == "HEALTHY";
}

std::int64_t steady_of(const Context& context, const std::vector<json::object>& tasks) {
  return std::ranges::count_if(tasks,
                               [&](const json::object& task) { return is_steady(context, task); });
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
                      service_reference(context, last_part(text(service, "clusterArn")),
                                        text(service, "serviceName")));
    return false;
  }
  note(context, service,
       fmt::format("(service {}) (task {}) failed container health checks.",
                   text(service, "serviceName"), id));
  stop_task_of(context, service, task, failed_health_checks);
  return true;
}

// A task of the deployment ended that should run. True when the service may go on at once: the
// circuit breaker ended the deployment. Otherwise the next task waits for a pause.
bool take_failure(Context& context, json::object& service, json::object& deployment) {
  if (count_failure(context, service, deployment)) return true;
  const std::int64_t failures = number(deployment, "failedTasks", 0);
  if (failures == impaired_after) {
    note(context, service,
         fmt::format("(service {}) is unable to consistently start tasks successfully. For more "
                     "information, see the Troubleshooting section of the Amazon ECS Developer "
                     "Guide.",
                     text(service, "serviceName")));
    publish_action(context, service, "WARN", "SERVICE_TASK_START_IMPAIRED");
  }
  const auto delay =
      std::min(restart_delay_max,
               restart_delay_first * (std::int64_t{1} << std::min<std::int64_t>(failures - 1, 8)));
  const std::string id = "restart/" + context.random().hex(32);
  deployment["kibanPause"] = id;
  json::object payload = service_reference(context, last_part(text(service, "clusterArn")),
                                           text(service, "serviceName"));
  payload["Pause"] = id;
  pause(context, id, delay, std::move(payload));
  return false;
}

// Starts `count` tasks, unless tasks failed to stay up and it is too early to try again. True when
// one could not be started and reconcile() has to look again.
bool start_tasks(Context& context, json::object& service, std::int64_t count,
                 const std::vector<json::object>& current) {
  const json::object& primary = primary_of(service);
  if (count <= 0 || primary.contains("kibanPause")) return false;
  if (text(primary, "rolloutState") == "FAILED") return false;
  const std::string cluster = last_part(text(service, "clusterArn"));
  const auto definition = load_task_definition(context, text(service, "taskDefinition"));
  if (!definition) return false;
  const std::string name = text(service, "serviceName");
  std::map<std::string, std::int64_t> placed;
  for (const json::object& task : current) ++placed[text(task, "capacityProviderName")];
  const json::array* strategy = find_array(service, "capacityProviderStrategy");
  std::string started;
  bool failed = false;
  std::int64_t begun = 0;
  while (begun < count && !failed) {
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
    failed = text(task, "lastStatus") == "STOPPED";
    ++begun;
  }
  note(context, service,
       fmt::format("(service {}) has started {} tasks:{}.", name, begun, started));
  return failed && take_failure(context, service, primary_of(service));
}

// Takes those from `tasks` that may go: the ones that are not steady first, the others while more
// than `spare` steady ones would be missed. Who is protected stays.
void stop_spare(Context& context, json::object& service, std::vector<json::object>& tasks,
                std::int64_t count, std::int64_t spare) {
  const std::string reason =
      fmt::format("Scaling activity initiated by (deployment {})", text(primary_of(service), "id"));
  for (const bool pass : {false, true}) {
    std::erase_if(tasks, [&](json::object& task) {
      if (is_steady(context, task) != pass || count <= 0 || (pass && spare <= 0) ||
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
             steady_of(context, current) + steady_of(context, old));
  const std::int64_t steady = steady_of(context, current);
  const std::int64_t steady_old = steady_of(context, old);
  // Tasks of an older deployment go as their replacements become steady.
  stop_spare(context, *service, old, std::ssize(old),
             steady >= desired ? std::ssize(old) : steady + steady_old - bounds.healthy_min);
  const std::int64_t missing = desired - std::ssize(current);
  const std::int64_t room = bounds.tasks_max - std::ssize(current) - std::ssize(old);
  // A task that was lost is replaced in any case.
  const bool again =
      start_tasks(context, *service, old.empty() ? missing : std::min(missing, room), current);
  if (missing > 0 && room <= 0 && steady_of(context, old) == std::ssize(old) && !old.empty())
    tell_deadlock(context, *service);
  if (steady >= desired && old.empty()) complete(context, *service);
  put_json(context, key, *service);
  if (again) reconcile(context, cluster, name);
}

void on_service_task_running(Context& context, const json::object& task) {
  if (!text(task, "group").starts_with("service:")) return;
  const std::string cluster = last_part(text(task, "clusterArn"));
  const std::string name = text(task, "group").substr(8);
  const std::string key = service_key(context, cluster, name);
  auto service = get_json(context, key);
  if (service) {
    register_targets(context, *service, task);
    put_json(context, key, *service);
  }
  if (task.contains("healthStatus") || context.get(settled_key(context, task))) return;
  if (service && begin_target_checks(context, *service, task)) return;
  json::object payload = service_reference(context, cluster, name);
  payload["Task"] = last_part(text(task, "taskArn"));
  pause(context, "settle/" + text(task, "taskArn"), settle_time, std::move(payload));
}

void on_probe_answer(Context& context, const json::object& payload, const json::object& answer) {
  const std::string cluster = text(payload, "Cluster");
  const std::string key = service_key(context, cluster, text(payload, "Service"));
  auto service = get_json(context, key);
  auto task = get_json(
      context, row_key(context, "task", fmt::format("{}/{}", cluster, text(payload, "Task"))));
  if (!service || !task || text(*task, "lastStatus") != "RUNNING") return;
  const TargetHealth health = take_target_answer(context, *service, *task, payload, answer);
  if (health.state == TargetHealth::State::Checking) return;
  if (health.state == TargetHealth::State::Healthy) {
    put_json(context, settled_key(context, *task), {});
  } else {
    note(context, *service,
         fmt::format("(service {}) (port {}) is unhealthy in (target-group {}) due to (reason {}).",
                     text(*service, "serviceName"), health.port, health.target_group,
                     health.reason));
    stop_task_of(context, *service, *task,
                 fmt::format("{} (target-group {})", failed_target_checks, health.target_group));
    put_json(context, key, *service);
  }
  reconcile(context, cluster, text(payload, "Service"));
}

void on_pause_over(Context& context, const json::object& payload) {
  const std::string cluster = text(payload, "Cluster");
  const std::string name = text(payload, "Service");
  if (const std::string id = text(payload, "Task"); !id.empty()) {
    const auto task =
        get_json(context, row_key(context, "task", fmt::format("{}/{}", cluster, id)));
    if (!task || text(*task, "lastStatus") != "RUNNING") return;
    put_json(context, settled_key(context, *task), {});
    return reconcile(context, cluster, name);
  }
  const std::string key = service_key(context, cluster, name);
  auto service = get_json(context, key);
  if (!service) return;
  json::object& primary = primary_of(*service);
  if (text(primary, "kibanPause") != text(payload, "Pause")) return;
  primary.erase("kibanPause");
  put_json(context, key, *service);
  reconcile(context, cluster, name);
}

void on_service_task_stopped(Context& context, const json::object& task) {
  const std::string group = text(task, "group");
  if (!group.starts_with("service:")) return;
  context.erase(settled_key(context, task));
  const std::string cluster = last_part(text(task, "clusterArn"));
  const std::string name = group.substr(8);
  const std::string key = service_key(context, cluster, name);
  auto service = get_json(context, key);
  if (!service) return;
  deregister_targets(context, *service, task);
  put_json(context, key, *service);
  if (text(*service, "status") == "DRAINING") return end_if_drained(context, *std::move(service));
  json::object* deployment = find_deployment(*service, text(task, "startedBy"));
  const std::string code = text(task, "stopCode");
  const std::string reason = text(task, "stoppedReason");
  const bool sick = reason == failed_health_checks || reason.starts_with(failed_target_checks);
  const bool asked = code == "UserInitiated" || (code == "ServiceSchedulerInitiated" && !sick);
  if (asked || !deployment) return reconcile(context, cluster, name);
  const json::value* started = find(task, "startedAt");
  if (started && epoch_seconds(context.now()) - started->to_number<double>() > stayed_up_seconds)
    (*deployment)["failedTasks"] = 0;
  (void)take_failure(context, *service, *deployment);
  put_json(context, key, *service);
  // Goes on at once with what the pause does not concern: another deployment.
  reconcile(context, cluster, name);
}

void end_if_drained(Context& context, json::object service) {
  const std::string cluster = last_part(text(service, "clusterArn"));
  const std::string name = text(service, "serviceName");
  const Counted tasks = count_tasks(context, cluster, name);
  if (!tasks.live.empty() || tasks.stopping > 0) return;
  service["status"] = "INACTIVE";
  put_json(context, service_key(context, cluster, name), service);
  drop_tags(context, text(service, "serviceArn"));
  forget_later(context, "service", fmt::format("{}/{}", cluster, name));
}

}  // namespace kiban::services::ecs
