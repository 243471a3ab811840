#include "services/ecs/task.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "services/base/table_service.h"
#include "services/ecs/credentials.h"
#include "services/ecs/interface.h"
#include "services/ecs/launch.h"
#include "services/ecs/metadata.h"
#include "services/ecs/names.h"
#include "services/ecs/plan.h"
#include "services/ecs/tags.h"
#include "services/ecs/task_definition.h"
#include "store/blobs.h"

namespace kiban::services::ecs {
namespace {

constexpr std::int64_t tasks_per_run_max = 10;
constexpr std::size_t tasks_described_max = 100;
// "Stopped tasks appear for at least one hour":
// docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html
constexpr auto stopped_kept = std::chrono::hours{1};
// docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
constexpr auto token_kept = std::chrono::hours{24};
constexpr std::size_t forgotten_at_once = 20;

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

// A task that a health check watches over has a health from the start.
bool is_checked(const json::object& definition) {
  return std::ranges::any_of(
      definition.at("containerDefinitions").as_array(), [](const json::value& value) {
        const json::object& container = value.as_object();
        return container.contains("healthCheck") && flag(container, "essential", true);
      });
}

json::object overrides_of(const json::object& input, json::array containers) {
  json::object all{{"containerOverrides", std::move(containers)},
                   {"inferenceAcceleratorOverrides", json::array{}}};
  if (const json::object* given = find_object(input, "overrides")) {
    for (const auto* member :
         {"cpu", "memory", "taskRoleArn", "executionRoleArn", "ephemeralStorage"}) {
      if (const json::value* value = find(*given, member)) all[member] = *value;
    }
  }
  return all;
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
                    {"ephemeralStorage", {{"sizeInGiB", ephemeral_gib(definition)}}},
                    {"group", text(input, "group", group)},
                    {"lastStatus", "PROVISIONING"},
                    {"launchType", "FARGATE"},
                    {"overrides", overrides_of(input, std::move(overrides))},
                    {"platformVersion", platform_version(input)},
                    {"platformFamily", "Linux"},
                    {"tags", tags_of_new_task(context, input, text(definition, "taskDefinitionArn"),
                                              cluster, group)},
                    {"taskArn", arn},
                    {"taskDefinitionArn", definition.at("taskDefinitionArn")},
                    {"version", 0}};
  for (const auto* member : {"cpu", "memory"}) {
    if (const json::value* value = find(definition, member)) task[member] = *value;
  }
  for (const auto* member : {"startedBy", "capacityProviderName", "enableExecuteCommand"}) {
    if (const json::value* value = find(input, member)) task[member] = *value;
  }
  if (is_checked(definition)) task["healthStatus"] = "UNKNOWN";
  return task;
}

json::object* container_of(json::object& task, std::string_view name) {
  for (json::value& container : task["containers"].as_array()) {
    if (text(container.as_object(), "name") == name) return &container.as_object();
  }
  return nullptr;
}

// Erases the row `kind`/`name` some time after `at`.
void forget_at(Context& context, Timestamp at, std::string_view kind, std::string_view name) {
  put_json(context,
           row_key(context, "ended",
                   fmt::format("{:013}/{}/{}", at.time_since_epoch().count(), kind, name)),
           {});
}

void forget_old(Context& context) {
  const std::string prefix = row_key(context, "ended", "");
  for (const store::Row& row : context.scan(prefix, {}, forgotten_at_once)) {
    const std::string_view rest = std::string_view(row.key).substr(prefix.size());
    if (std::stoll(std::string(rest.substr(0, 13))) > context.now().time_since_epoch().count())
      return;
    const std::string_view what = rest.substr(14);
    const std::string name(what.substr(what.find('/') + 1));
    const std::string key = row_key(context, what.substr(0, what.find('/')), name);
    // A service of that name may have been made anew.
    const auto service = what.starts_with("service/") ? get_json(context, key) : std::nullopt;
    if (!service || text(*service, "status") == "INACTIVE") context.erase(key);
    if (what.starts_with("task/")) drop_tags(context, make_arn(context, "ecs", "task/" + name));
    context.erase(row.key);
  }
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
  const std::string name =
      fmt::format("{}/{}", last_part(text(task, "clusterArn")), last_part(text(task, "taskArn")));
  withdraw_metadata(context, task);
  context.erase(row_key(context, "protection", name));
  forget_later(context, "task", name);
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

// As PutLogEvents takes them: in order of time, at most 24 hours in one batch. The lines of two
// streams of a container are not in order where a long one has come in pieces, and those of a time
// in which the server did not run may span days.
// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutLogEvents.html
std::vector<json::array> batches_of(json::array events) {
  constexpr std::int64_t span_max = std::chrono::milliseconds{std::chrono::hours{24}}.count();
  std::multimap<std::int64_t, json::value> by_time;  // Equal times keep their order.
  for (json::value& event : events)
    by_time.emplace(number(event.as_object(), "timestamp", 0), std::move(event));
  std::vector<json::array> batches;
  std::int64_t first = 0;
  for (auto& [time, event] : by_time) {
    if (batches.empty() || time - first > span_max) {
      batches.emplace_back();
      first = time;
    }
    batches.back().push_back(std::move(event));
  }
  return batches;
}

void write_logs(Context& context, const json::object& task, const json::array& lines) {
  const auto definition = load_task_definition(context, text(task, "taskDefinitionArn"));
  if (!definition) return;
  Caller ecs = principal(context, "ecs-tasks.amazonaws.com");
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
    ecs.region = text(*options, "awslogs-region", context.caller().region);
    // https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
    const std::string stream = fmt::format("{}/{}/{}", text(*options, "awslogs-stream-prefix"),
                                           name, last_part(text(task, "taskArn")));
    if (text(*options, "awslogs-create-group") == "true")
      (void)context.call("logs", "CreateLogGroup", {{"logGroupName", group}}, ecs);
    (void)context.call("logs", "CreateLogStream",
                       {{"logGroupName", group}, {"logStreamName", stream}}, ecs);
    for (json::array& batch : batches_of(std::move(events)))
      (void)context.call(
          "logs", "PutLogEvents",
          {{"logGroupName", group}, {"logStreamName", stream}, {"logEvents", std::move(batch)}},
          ecs);
  }
}

}  // namespace

void forget_later(Context& context, std::string_view kind, std::string_view name) {
  forget_old(context);
  forget_at(context, context.now() + stopped_kept, kind, name);
}

json::object start_task(Context& context, const json::object& input, const json::object& registered,
                        std::string_view cluster, std::string_view group) {
  const json::object definition = with_overrides(input, registered);
  json::object task = new_task(context, input, definition, cluster, group);
  put_tags(context, text(task, "taskArn"), task);
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
  (*plan)["MetadataSecret"] = offer_metadata(context, task, *interface);
  (*plan)["Egress"] = has_egress(context, input, *interface);
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

namespace {

Result<void> check_run(Context& context, const json::object& input, const json::object& cluster,
                       const json::object& definition) {
  const std::string launch = text(input, "launchType");
  if (launch == "EC2" || launch == "EXTERNAL")
    return fail("InvalidParameterException", "No Container Instances were found in your cluster.");
  KIBAN_TRY_VOID(check_launch(input, cluster));
  KIBAN_TRY_VOID(check_default_strategy(input, cluster));
  KIBAN_TRY_VOID(check_placement(context, input, definition));
  if (flag(input, "enableExecuteCommand") && text(definition, "taskRoleArn").empty())
    return fail("InvalidParameterException",
                "The task couldn't be run because a valid taskRoleArn is not being used. Specify a "
                "valid task role in your task definition and try again.");
  if (text(input, "propagateTags") == "SERVICE")
    return fail("InvalidParameterException",
                "The propagateTags value SERVICE is for services; a task that is run alone can "
                "propagate TASK_DEFINITION only.");
  if (input.contains("volumeConfigurations"))
    return fail("InvalidParameterException", "kiban does not honour volumeConfigurations");
  const std::int64_t count = number(input, "count", 1);
  if (count < 1 || count > tasks_per_run_max)
    return fail("InvalidParameterException", "Tasks count must be between 1 and 10.");
  KIBAN_TRY_VOID(check_tags(input));
  return check_overrides(input, definition);
}

// What the same request began before, by its clientToken; nullopt: nothing did.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
Result<std::optional<json::object>> begun_before(Context& context, const std::string& token,
                                                 const std::string& digest) {
  const auto row =
      token.empty() ? std::nullopt : get_json(context, row_key(context, "token", token));
  if (!row || number(*row, "Until", 0) < context.now().time_since_epoch().count())
    return std::nullopt;
  if (text(*row, "Request") != digest)
    return fail("ConflictException",
                "The clientToken was used before, with other parameters. Use another token.");
  json::array tasks;
  for (const json::value& name : row->at("Tasks").as_array()) {
    if (auto task = get_json(context, row_key(context, "task", name.as_string())))
      tasks.push_back(*std::move(task));
  }
  return json::object{{"tasks", std::move(tasks)}, {"failures", json::array{}}};
}

}  // namespace

Result<json::object> run_task(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY(const json::object cluster_row, load_cluster(context, cluster));
  const auto definition = load_task_definition(context, text(input, "taskDefinition"));
  if (!definition) return fail("ClientException", "TaskDefinition not found.");
  if (text(*definition, "status") != "ACTIVE")
    return fail("InvalidParameterException", "TaskDefinition is inactive");
  KIBAN_TRY_VOID(check_run(context, input, cluster_row, *definition));
  const std::string given = text(input, "clientToken");
  const std::string token = given.empty() ? "" : fmt::format("{}/{}", cluster, given);
  const std::string digest = store::sha256_hex(print_json(input));
  KIBAN_TRY(auto before, begun_before(context, token, digest));
  if (before) return *std::move(before);
  const json::array strategy = strategy_of(input, cluster_row);
  std::map<std::string, std::int64_t> placed;
  json::array tasks;
  json::array names;
  for (std::int64_t i = 0; i < number(input, "count", 1); ++i) {
    json::object request = input;
    if (const std::string provider = next_provider(strategy, placed); !provider.empty()) {
      request["capacityProviderName"] = provider;
      ++placed[provider];
    }
    tasks.push_back(start_task(context, request, *definition, cluster,
                               fmt::format("family:{}", text(*definition, "family"))));
    names.push_back(json::value(
        fmt::format("{}/{}", cluster, last_part(text(tasks.back().as_object(), "taskArn")))));
  }
  if (!token.empty()) {
    const Timestamp until = context.now() + token_kept;
    put_json(context, row_key(context, "token", token),
             {{"Request", digest},
              {"Tasks", std::move(names)},
              {"Until", until.time_since_epoch().count()}});
    forget_at(context, until, "token", token);
  }
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
  KIBAN_TRY(const std::string id, task_id(text(input, "task"), cluster));
  auto task = get_json(context, row_key(context, "task", fmt::format("{}/{}", cluster, id)));
  if (!task) return fail("InvalidParameterException", "The referenced task was not found.");
  request_stop(context, *task, "UserInitiated", text(input, "reason", "Task stopped by user"));
  return json::object{{"task", *std::move(task)}};
}

Result<std::string> task_id(std::string_view arn_or_id, std::string_view cluster) {
  return name_in_cluster(arn_or_id, ":task/", cluster);
}

Result<json::object> describe_tasks(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  json::array tasks;
  json::array failures;
  const json::array* wanted = find_array(input, "tasks");
  if (!wanted || wanted->empty())
    return fail("InvalidParameterException", "Tasks cannot be empty.");
  if (wanted->size() > tasks_described_max)
    return fail("InvalidParameterException", "Tasks length should be at most 100.");
  for (const json::value& name : *wanted) {
    KIBAN_TRY(const std::string id, task_id(std::string_view(name.as_string()), cluster));
    const std::string key = fmt::format("{}/{}", cluster, id);
    auto task = get_json(context, row_key(context, "task", key));
    if (!task) {
      failures.push_back({{"arn", make_arn(context, "ecs", "task/" + key)}, {"reason", "MISSING"}});
      continue;
    }
    (*task)["tags"] = wants_tags(input) ? tags_of(context, text(*task, "taskArn")) : json::array{};
    (*task)["healthStatus"] = text(*task, "healthStatus", "UNKNOWN");
    for (json::value& container : (*task)["containers"].as_array())
      container.as_object()["healthStatus"] =
          text(container.as_object(), "healthStatus", "UNKNOWN");
    tasks.push_back(*std::move(task));
  }
  return json::object{{"tasks", std::move(tasks)}, {"failures", std::move(failures)}};
}

Result<json::object> list_tasks(Context& context, const json::object& input) {
  const std::string cluster = cluster_name(input);
  KIBAN_TRY_VOID(load_cluster(context, cluster));
  const std::string status = text(input, "desiredStatus", "RUNNING");
  const std::string family = text(input, "family");
  KIBAN_TRY(const std::string service,
            name_in_cluster(text(input, "serviceName"), ":service/", cluster));
  const std::string started_by = text(input, "startedBy");
  if (!service.empty() &&
      !context.get(row_key(context, "service", fmt::format("{}/{}", cluster, service))))
    return fail("ServiceNotFoundException", "Service not found.");
  json::array arns;
  // Nothing runs on container instances, or by another launch type.
  if (input.contains("containerInstance") || text(input, "launchType", "FARGATE") != "FARGATE")
    return arn_page(input, "taskArns", arns);
  for (const json::object& task : list_json(context, row_key(context, "task", cluster + "/"))) {
    const std::string definition = last_part(text(task, "taskDefinitionArn"));
    if (text(task, "desiredStatus") != status) continue;
    if (!family.empty() && definition.substr(0, definition.find(':')) != family) continue;
    if (!service.empty() && text(task, "group") != "service:" + service) continue;
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
  if (status == "RUNNING" && text(outcome.payload, "HealthChecks") == "none")
    task->erase("healthStatus");
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
