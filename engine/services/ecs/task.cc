#include "services/ecs/task.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/ecs/credentials.h"
#include "services/ecs/interface.h"
#include "services/ecs/names.h"
#include "services/ecs/plan.h"
#include "services/ecs/task_definition.h"

namespace kiban::services::ecs {
namespace {

constexpr std::int64_t tasks_per_run_max = 10;
constexpr std::size_t container_override_bytes_max = 8'192;

std::string task_key(const Context& context, const json::object& task) {
  return row_key(
      context, "task",
      fmt::format("{}/{}", last_part(text(task, "clusterArn")), last_part(text(task, "taskArn"))));
}

// Stores a change of the task and tells it to everybody: its version counts changes.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_task_events.html
void save(Context& context, json::object& task) {
  task["version"] = number(task, "version", 0) + 1;
  put_json(context, task_key(context, task), task);
  json::object detail = task;
  // The event's name for it, unlike the API's; recorded by AWS.
  for (json::value& attachment : detail["attachments"].as_array())
    attachment.as_object()["type"] = "eni";
  detail["updatedAt"] = format_iso8601(context.now());
  context.publish({.source = "aws.ecs",
                   .detail_type = "ECS Task State Change",
                   .region = context.caller().region,
                   .account = context.caller().account,
                   .resources = {text(task, "taskArn")},
                   .detail = std::move(detail)});
}

Result<void> check_overrides(const json::object& input, const json::object& definition) {
  const json::object* overrides = find_object(input, "overrides");
  if (!overrides) return {};
  if (print_json(*overrides).size() > container_override_bytes_max)
    return fail("InvalidParameterException", "Container Overrides length must be at most 8192");
  const json::array* list = find_array(*overrides, "containerOverrides");
  for (const json::value& one : list ? *list : json::array{}) {
    const std::string name = text(one.as_object(), "name");
    const auto& containers = definition.at("containerDefinitions").as_array();
    const bool known = std::ranges::any_of(containers, [&](const json::value& container) {
      return text(container.as_object(), "name") == name;
    });
    if (!known)
      return fail("InvalidParameterException",
                  fmt::format("Override for container named {} is not a container in the "
                              "TaskDefinition.",
                              name));
  }
  return {};
}

json::object new_task(Context& context, const json::object& input, const json::object& definition,
                      std::string_view cluster, std::string_view group) {
  const std::string id = context.random().hex(32);
  const std::string arn = make_arn(context, "ecs", fmt::format("task/{}/{}", cluster, id));
  json::array containers;
  json::array overrides;
  for (const json::value& value : definition.at("containerDefinitions").as_array()) {
    const json::object& container = value.as_object();
    const std::string name = text(container, "name");
    containers.push_back({{"containerArn", make_arn(context, "ecs",
                                                    fmt::format("container/{}/{}/{}", cluster, id,
                                                                context.random().uuid()))},
                          {"taskArn", arn},
                          {"name", name},
                          {"image", container.at("image")},
                          {"lastStatus", "PENDING"},
                          {"networkInterfaces", json::array{}},
                          {"cpu", std::to_string(number(container, "cpu", 0))}});
    json::object change = container_override(input, name);
    change["name"] = name;
    overrides.push_back(std::move(change));
  }
  json::object task{{"attachments", json::array{}},
                    {"attributes", {{{"name", "ecs.cpu-architecture"}, {"value", "x86_64"}}}},
                    {"availabilityZone", context.caller().region + "a"},
                    {"clusterArn", cluster_arn(context, cluster)},
                    {"containers", std::move(containers)},
                    {"createdAt", epoch_seconds(context.now())},
                    {"desiredStatus", "RUNNING"},
                    {"enableExecuteCommand", false},
                    {"group", text(input, "group", group)},
                    {"lastStatus", "PROVISIONING"},
                    {"launchType", "FARGATE"},
                    {"overrides",
                     {{"containerOverrides", std::move(overrides)},
                      {"inferenceAcceleratorOverrides", json::array{}}}},
                    {"platformVersion", "1.4.0"},
                    {"platformFamily", "Linux"},
                    {"tags", json::array{}},
                    {"taskArn", arn},
                    {"taskDefinitionArn", definition.at("taskDefinitionArn")},
                    {"ephemeralStorage", {{"sizeInGiB", 20}}},
                    {"version", 0}};
  for (const auto* member : {"cpu", "memory"}) {
    if (const json::value* value = find(definition, member)) task[member] = *value;
  }
  for (const auto* member : {"startedBy", "tags"}) {
    if (const json::value* value = find(input, member)) task[member] = *value;
  }
  return task;
}

json::object* container_of(json::object& task, std::string_view name) {
  for (json::value& container : task["containers"].as_array()) {
    if (text(container.as_object(), "name") == name) return &container.as_object();
  }
  return nullptr;
}

void stopped(Context& context, json::object& task, std::string_view code, std::string_view reason) {
  const double now = epoch_seconds(context.now());
  if (!task.contains("stopCode")) {
    task["stopCode"] = code;
    task["stoppedReason"] = reason;
  }
  if (!task.contains("stoppingAt")) task["stoppingAt"] = now;
  task["executionStoppedAt"] = now;
  task["stoppedAt"] = now;
  task["desiredStatus"] = "STOPPED";
  task["lastStatus"] = "STOPPED";
  for (json::value& container : task["containers"].as_array())
    container.as_object()["lastStatus"] = "STOPPED";
}

// Lines that were not written before: a performer that was restarted begins a little early.
json::array fresh_lines(Context& context, const json::object& task, const json::array& lines) {
  const std::string key = row_key(context, "logged", last_part(text(task, "taskArn")));
  json::object logged = get_json(context, key).value_or(json::object{});
  json::array fresh;
  for (const json::value& line : lines) {
    const std::int64_t position = number(line.as_object(), "Position", 0);
    const std::string container = text(line.as_object(), "Container");
    if (position > 0 && position <= number(logged, container, 0)) continue;
    if (position > 0) logged[container] = position;
    fresh.push_back(line);
  }
  if (!fresh.empty() && !logged.empty()) put_json(context, key, logged);
  return fresh;
}

void write_logs(Context& context, const json::object& task, const json::array& lines) {
  const auto definition = load_task_definition(context, text(task, "taskDefinitionArn"));
  if (!definition) return;
  const Caller ecs = principal(context, "ecs-tasks.amazonaws.com");
  for (const json::value& value : definition->at("containerDefinitions").as_array()) {
    const json::object& container = value.as_object();
    const std::string name = text(container, "name");
    const json::object* configuration = find_object(container, "logConfiguration");
    const json::object* options = configuration ? find_object(*configuration, "options") : nullptr;
    if (!options) continue;
    json::array events;
    for (const json::value& line : lines) {
      if (text(line.as_object(), "Container") == name)
        events.push_back({{"timestamp", line.at("Timestamp")}, {"message", line.at("Message")}});
    }
    if (events.empty()) continue;
    const std::string group = text(*options, "awslogs-group");
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    const std::string stream = fmt::format("{}/{}/{}", text(*options, "awslogs-stream-prefix"),
                                           name, last_part(text(task, "taskArn")));
    if (text(*options, "awslogs-create-group") == "true")
      (void)context.call("logs", "CreateLogGroup", {{"logGroupName", group}}, ecs);
    (void)context.call("logs", "CreateLogStream",
                       {{"logGroupName", group}, {"logStreamName", stream}}, ecs);
    (void)context.call(
        "logs", "PutLogEvents",
        {{"logGroupName", group}, {"logStreamName", stream}, {"logEvents", std::move(events)}},
        ecs);
  }
}

}  // namespace

json::object start_task(Context& context, const json::object& input, const json::object& definition,
                        std::string_view cluster, std::string_view group) {
  json::object task = new_task(context, input, definition, cluster, group);
  const auto not_started = [&](std::string_view reason) {
    stopped(context, task, "TaskFailedToStart", reason);
    save(context, task);
    return task;
  };
  auto plan = task_plan(context, input, definition, task);
  if (!plan)
    return not_started(
        fmt::format("ResourceInitializationError: unable to pull secrets or registry auth: "
                    "execution resource retrieval failed: {}: {}",
                    plan.error().name, plan.error().cause));
  auto interface = take_interface(context, input, task);
  if (!interface)
    return not_started(
        fmt::format("ResourceInitializationError: unable to attach a network "
                    "interface: {}: {}",
                    interface.error().name, interface.error().cause));
  if (!interface->empty()) (*plan)["Network"] = *std::move(interface);
  const std::string role = text(definition, "taskRoleArn");
  if (!role.empty()) (*plan)["CredentialsId"] = offer_credentials(context, task, role);
  save(context, task);
  context.perform({.service = "ecs",
                   .kind = "task.run",
                   .id = text(task, "taskArn"),
                   .payload = *std::move(plan)});
  return task;
}

Result<json::object> run_task(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  const std::string launch = text(input, "launchType", "FARGATE");
  if (launch != "FARGATE")
    return fail("InvalidParameterException",
                fmt::format("kiban runs the launch type FARGATE only, not '{}'", launch));
  const auto definition = load_task_definition(context, text(input, "taskDefinition"));
  if (!definition) return fail("ClientException", "TaskDefinition not found.");
  if (text(*definition, "status") != "ACTIVE")
    return fail("ClientException", "TaskDefinition is inactive");
  if (text(*definition, "networkMode") == "awsvpc" && !input.contains("networkConfiguration"))
    return fail("InvalidParameterException",
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.");
  KIBAN_TRY_VOID(check_overrides(input, *definition));
  KIBAN_TRY_VOID(check_network(context, input));
  KIBAN_TRY_VOID(context.authorise("ecs:RunTask", text(*definition, "taskDefinitionArn")));
  const std::int64_t count = number(input, "count", 1);
  if (count < 1 || count > tasks_per_run_max)
    return fail("InvalidParameterException", "Tasks count must be between 1 and 10.");
  json::array tasks;
  for (std::int64_t i = 0; i < count; ++i)
    tasks.push_back(start_task(context, input, *definition, cluster,
                               fmt::format("family:{}", text(*definition, "family"))));
  return json::object{{"tasks", std::move(tasks)}, {"failures", json::array{}}};
}

void request_stop(Context& context, json::object& task, std::string_view code,
                  std::string_view reason) {
  if (text(task, "desiredStatus") == "STOPPED") return;
  task["desiredStatus"] = "STOPPED";
  task["stopCode"] = code;
  task["stoppedReason"] = reason;
  task["stoppingAt"] = epoch_seconds(context.now());
  save(context, task);
  context.perform({.service = "ecs",
                   .kind = "task.stop",
                   .id = "stop/" + text(task, "taskArn"),
                   .payload = {{"TaskArn", task.at("taskArn")}}});
}

Result<json::object> stop_task(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  const std::string id = last_part(text(input, "task"));
  auto task = get_json(context, row_key(context, "task", fmt::format("{}/{}", cluster, id)));
  if (!task) return fail("InvalidParameterException", "The referenced task was not found.");
  request_stop(context, *task, "UserInitiated", text(input, "reason", "Task stopped by user"));
  return json::object{{"task", *std::move(task)}};
}

Result<json::object> describe_tasks(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  json::array tasks;
  json::array failures;
  const json::array* wanted = find_array(input, "tasks");
  for (const json::value& name : wanted ? *wanted : json::array{}) {
    const std::string id = last_part(std::string_view(name.as_string()));
    const std::string key = fmt::format("{}/{}", cluster, id);
    const auto task = get_json(context, row_key(context, "task", key));
    if (task)
      tasks.push_back(*task);
    else
      failures.push_back({{"arn", make_arn(context, "ecs", "task/" + key)}, {"reason", "MISSING"}});
  }
  return json::object{{"tasks", std::move(tasks)}, {"failures", std::move(failures)}};
}

Result<json::object> list_tasks(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  const std::string status = text(input, "desiredStatus", "RUNNING");
  const std::string family = text(input, "family");
  const std::string service = text(input, "serviceName");
  const std::string started_by = text(input, "startedBy");
  json::array arns;
  for (const json::object& task : list_json(context, row_key(context, "task", cluster + "/"))) {
    const std::string definition = last_part(text(task, "taskDefinitionArn"));
    if (text(task, "desiredStatus") != status) continue;
    if (!family.empty() && definition.substr(0, definition.find(':')) != family) continue;
    if (!service.empty() && text(task, "group") != "service:" + last_part(service)) continue;
    if (!started_by.empty() && text(task, "startedBy") != started_by) continue;
    arns.push_back(task.at("taskArn"));
  }
  return arn_page(input, "taskArns", arns);
}

namespace {

// A task is as healthy as those of its essential containers that have a health check.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html (healthStatus)
void take_health(Context& context, json::object& task, const json::array& told) {
  for (const json::value& one : told) {
    if (json::object* container = container_of(task, text(one.as_object(), "Name")))
      (*container)["healthStatus"] = one.at("Status");
  }
  const auto definition = load_task_definition(context, text(task, "taskDefinitionArn"));
  if (!definition) return;
  std::string health = "HEALTHY";
  for (const json::value& value : definition->at("containerDefinitions").as_array()) {
    const json::object& container = value.as_object();
    if (!container.contains("healthCheck") || !flag(container, "essential", true)) continue;
    const json::object* row = container_of(task, text(container, "name"));
    const std::string one = row ? text(*row, "healthStatus", "UNKNOWN") : std::string("UNKNOWN");
    if (one == "UNHEALTHY" || health == "UNHEALTHY")
      health = "UNHEALTHY";
    else if (one != "HEALTHY")
      health = one;
  }
  task["healthStatus"] = health;
  save(context, task);
  if (health == "UNHEALTHY" && text(task, "group").starts_with("service:"))
    request_stop(context, task, "ServiceSchedulerInitiated", failed_health_checks);
}

}  // namespace

std::optional<json::object> on_task_outcome(Context& context, const json::object& payload,
                                            const Outcome& outcome) {
  const std::string key =
      row_key(context, "task",
              fmt::format("{}/{}", text(payload, "Cluster"), last_part(text(payload, "TaskArn"))));
  auto task = get_json(context, key);
  if (!task) return std::nullopt;
  if (const json::array* lines = find_array(outcome.payload, "Logs"))
    write_logs(context, *task, fresh_lines(context, *task, *lines));
  if (const json::array* health = find_array(outcome.payload, "Health"))
    take_health(context, *task, *health);
  const std::string status = text(outcome.payload, "Status");
  const json::object* interface = find_object(payload, "Network");
  const json::object network = interface ? *interface : json::object{};
  const json::array* containers = find_array(outcome.payload, "Containers");
  for (const json::value& one : containers ? *containers : json::array{}) {
    json::object* container = container_of(*task, text(one.as_object(), "Name"));
    if (!container) continue;
    if (!status.empty()) (*container)["lastStatus"] = status;
    for (const auto& [from, to] :
         {std::pair("ExitCode", "exitCode"), std::pair("Reason", "reason"),
          std::pair("RuntimeId", "runtimeId"), std::pair("ImageDigest", "imageDigest")}) {
      if (const json::value* value = find(one.as_object(), from)) (*container)[to] = *value;
    }
  }
  if (status == "RUNNING" && text(*task, "lastStatus") != "RUNNING") {
    const double now = epoch_seconds(context.now());
    (*task)["lastStatus"] = "RUNNING";
    (*task)["connectivity"] = "CONNECTED";
    for (const auto* at : {"connectivityAt", "pullStartedAt", "pullStoppedAt", "startedAt"})
      (*task)[at] = now;
    show_interface(*task, network, text(outcome.payload, "Address"));
    save(context, *task);
  }
  if (status == "STOPPED") {
    const json::object* error = find_object(outcome.payload, "Error");
    stopped(context, *task,
            error ? text(*error, "StopCode") : std::string("EssentialContainerExited"),
            error ? text(*error, "Reason") : std::string("Essential container in task exited"));
    drop_interface(context, *task, network);
    withdraw_credentials(context, text(payload, "CredentialsId"));
    context.erase(row_key(context, "logged", last_part(text(*task, "taskArn"))));
    save(context, *task);
  }
  return task;
}

}  // namespace kiban::services::ecs
