#include "services/ecs/metadata.h"

#include <fmt/format.h>

#include <charconv>

#include "services/base/table_service.h"
#include "services/ecs/names.h"
#include "services/ecs/tags.h"
#include "services/ecs/task_definition.h"

namespace kiban::services::ecs {
namespace {

// Without a region: the one who asks shows the id only.
std::string key_of(std::string_view task_id) { return fmt::format("ecs/metadata/{}", task_id); }

// Copies members under their names there.
void copy_times(json::object& to, const json::object& from,
                std::initializer_list<std::pair<const char*, const char*>> names) {
  for (const auto& [name, member] : names) {
    if (const json::value* at = find(from, member))
      to[name] = format_iso8601(from_epoch_seconds(at->to_number<double>()));
  }
}

json::object subnet_of(Context& context, const json::object& interface) {
  const std::string id = text(interface, "SubnetId");
  if (id.empty()) return {};
  const auto reply = context.call("ec2", "DescribeSubnets", {{"SubnetIds", {id}}},
                                  principal(context, "ecs.amazonaws.com"));
  const json::array* subnets = reply ? find_array(*reply, "Subnets") : nullptr;
  return subnets && !subnets->empty() ? subnets->front().as_object() : json::object{};
}

// What one question is about.
struct Subject {
  json::object task{};
  json::object definition{};
  json::object interface{};
  json::object subnet{};
};

// Name servers and gateway are those of the host that runs it, which is not known here.
json::object network_of(const Subject& subject, const json::object& container) {
  const json::array* shown = find_array(container, "networkInterfaces");
  const std::string address = shown && !shown->empty()
                                  ? text(shown->front().as_object(), "privateIpv4Address")
                                  : text(subject.interface, "PrivateIpAddress");
  json::object network{{"NetworkMode", "awsvpc"}};
  if (!address.empty()) network["IPv4Addresses"] = json::array{address};
  network["AttachmentIndex"] = 0;
  for (const auto& [name, member] :
       {std::pair("MACAddress", "MacAddress"), std::pair("PrivateDNSName", "PrivateDnsName")}) {
    const std::string value = text(subject.interface, member);
    if (!value.empty()) network[name] = value;
  }
  if (const json::value* block = find(subject.subnet, "CidrBlock"))
    network["IPv4SubnetCIDRBlock"] = *block;
  return network;
}

json::object labels_of(const Subject& subject, const json::object& definition) {
  json::object labels{{"com.amazonaws.ecs.cluster", subject.task.at("clusterArn")},
                      {"com.amazonaws.ecs.container-name", definition.at("name")},
                      {"com.amazonaws.ecs.task-arn", subject.task.at("taskArn")},
                      {"com.amazonaws.ecs.task-definition-family", subject.definition.at("family")},
                      {"com.amazonaws.ecs.task-definition-version",
                       std::to_string(number(subject.definition, "revision", 0))}};
  if (const json::object* own = find_object(definition, "dockerLabels"))
    for (const auto& [name, value] : *own) labels[name] = value;
  return labels;
}

void add_log(json::object& shown, const Subject& subject, const json::object& definition) {
  const json::object* log = find_object(definition, "logConfiguration");
  if (!log) return;
  shown["LogDriver"] = text(*log, "logDriver");
  json::object options;
  if (const json::object* given = find_object(*log, "options")) options = *given;
  options["awslogs-stream"] =
      fmt::format("{}/{}/{}", text(options, "awslogs-stream-prefix"), text(definition, "name"),
                  last_part(text(subject.task, "taskArn")));
  options.erase("awslogs-stream-prefix");
  shown["LogOptions"] = std::move(options);
}

// Both lists are in the order of the definition.
json::object container_of(const Subject& subject, std::size_t index) {
  const json::object& container = subject.task.at("containers").at(index).as_object();
  const json::object& definition =
      subject.definition.at("containerDefinitions").at(index).as_object();
  // Linux takes no fewer shares than 2, and that is what AWS shows for a container without.
  json::object limits{{"CPU", std::max<std::int64_t>(number(definition, "cpu", 0), 2)}};
  if (const json::value* memory = find(definition, "memory")) limits["Memory"] = *memory;
  json::object shown{{"DockerId", metadata_id(subject.task, index)},
                     {"Name", container.at("name")},
                     {"DockerName", container.at("name")},
                     {"Image", container.at("image")},
                     {"ImageID", text(container, "imageDigest")},
                     {"Labels", labels_of(subject, definition)},
                     {"DesiredStatus", subject.task.at("desiredStatus")},
                     {"KnownStatus", container.at("lastStatus")},
                     {"Limits", std::move(limits)},
                     {"Type", "NORMAL"},
                     {"ContainerARN", container.at("containerArn")}};
  copy_times(shown, subject.task, {{"CreatedAt", "createdAt"}, {"StartedAt", "startedAt"}});
  if (const std::string health = text(container, "healthStatus"); !health.empty())
    shown["Health"] = {{"status", health}};
  if (text(subject.definition, "networkMode") == "awsvpc")
    shown["Networks"] = json::array{network_of(subject, container)};
  add_log(shown, subject, definition);
  return shown;
}

json::object task_of(const Subject& subject) {
  const json::object& task = subject.task;
  json::object shown{{"Cluster", task.at("clusterArn")},
                     {"TaskARN", task.at("taskArn")},
                     {"Family", subject.definition.at("family")},
                     {"Revision", std::to_string(number(subject.definition, "revision", 0))},
                     {"DesiredStatus", task.at("desiredStatus")},
                     {"KnownStatus", task.at("lastStatus")}};
  json::object limits;
  // In processors, unlike a container's.
  if (const std::string cpu = text(task, "cpu"); !cpu.empty())
    limits["CPU"] = static_cast<double>(std::strtoll(cpu.c_str(), nullptr, 10)) / 1024;
  if (const std::string memory = text(task, "memory"); !memory.empty())
    limits["Memory"] = std::strtoll(memory.c_str(), nullptr, 10);
  if (!limits.empty()) shown["Limits"] = std::move(limits);
  copy_times(shown, task,
             {{"PullStartedAt", "pullStartedAt"},
              {"PullStoppedAt", "pullStoppedAt"},
              {"ExecutionStoppedAt", "executionStoppedAt"}});
  shown["AvailabilityZone"] = task.at("availabilityZone");
  shown["LaunchType"] = "FARGATE";
  if (const std::string group = text(task, "group"); group.starts_with("service:"))
    shown["ServiceName"] = group.substr(8);
  if (const json::value* vpc = find(subject.subnet, "VpcId")) shown["VPCID"] = *vpc;
  json::array containers;
  for (std::size_t i = 0; i < task.at("containers").as_array().size(); ++i)
    containers.push_back(container_of(subject, i));
  shown["Containers"] = std::move(containers);
  return shown;
}

// A task in containers asks from its own address, which the route has resolved to "Task"; a process
// adds the secret of its environment.
bool may_read(const json::object& row, const json::object& input, const std::string& task_id,
              const std::string& secret) {
  if (const json::string* task = find_string(input, "Task")) return *task == task_id;
  return !secret.empty() && secret == text(row, "Secret");
}

}  // namespace

std::string metadata_id(const json::object& task, std::size_t index) {
  return fmt::format("{}-{}", last_part(text(task, "taskArn")), index);
}

std::string offer_metadata(Context& context, const json::object& task,
                           const json::object& interface) {
  const std::string secret = context.secrets().uuid();
  put_json(context, key_of(last_part(text(task, "taskArn"))),
           {{"Cluster", last_part(text(task, "clusterArn"))},
            {"Interface", interface},
            {"Secret", secret},
            {"Account", context.caller().account},
            {"Region", context.caller().region}});
  return secret;
}

void withdraw_metadata(Context& context, const json::object& task) {
  context.erase(key_of(last_part(text(task, "taskArn"))));
}

Result<json::object> task_metadata(Context& context, const json::object& input) {
  const std::string path = text(input, "Path");
  const std::string named = path.substr(0, path.find('/'));
  const std::string id = named.substr(0, named.find('.'));
  const std::string what = path.size() > named.size() ? path.substr(named.size() + 1) : "";
  const std::string task_id = id.substr(0, id.find('-'));
  const auto row = get_json(context, key_of(task_id));
  if (!row || !may_read(*row, input, task_id, named.substr(std::min(id.size() + 1, named.size()))))
    return fail("NotFound", "no container that runs has this id");
  if (text(*row, "Region") != context.caller().region)
    return context.call("ecs", "kiban:TaskMetadata", input,
                        {.account = text(*row, "Account"),
                         .region = text(*row, "Region"),
                         .arn = context.caller().arn});
  auto task = get_json(
      context, row_key(context, "task", fmt::format("{}/{}", text(*row, "Cluster"), task_id)));
  if (!task) return fail("NotFound", "no container that runs has this id");
  KIBAN_TRY(json::object definition,
            load_task_definition(context, text(*task, "taskDefinitionArn")));
  const json::object& interface = row->at("Interface").as_object();
  const Subject subject{.task = *std::move(task),
                        .definition = std::move(definition),
                        .interface = interface,
                        .subnet = subnet_of(context, interface)};
  const std::size_t count = subject.task.at("containers").as_array().size();
  std::size_t index = 0;
  while (index < count && metadata_id(subject.task, index) != id) ++index;
  if (index == count) return fail("NotFound", "no container that runs has this id");
  if (what.empty()) return container_of(subject, index);
  if (what == "stats" || what == "task/stats")
    return fail("NotServed", fmt::format("kiban does not serve {}", what));
  if (what != "task" && what != "taskWithTags")
    return fail("NotFound", fmt::format("there is no {} here", what));
  json::object shown = task_of(subject);
  if (what == "taskWithTags") {
    json::object tags;
    for (const json::value& tag : tags_of(context, text(subject.task, "taskArn")))
      tags[text(tag.as_object(), "key")] = tag.at("value");
    shown["TaskTags"] = std::move(tags);
  }
  return shown;
}

}  // namespace kiban::services::ecs
