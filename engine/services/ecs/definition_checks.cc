#include "services/ecs/definition_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "core/letters.h"
#include "services/base/table_service.h"
#include "services/ecs/container_checks.h"
#include "services/ecs/names.h"
#include "services/ecs/task_definition.h"

namespace kiban::services::ecs {
namespace {

// docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html
constexpr std::size_t containers_max = 10;
constexpr std::size_t definition_bytes_max = 65'536;

std::unexpected<Error> refuse(std::string cause) {
  return fail("ClientException", std::move(cause));
}

json::array list_of(const json::object& object, std::string_view key) {
  const json::array* found = find_array(object, key);
  return found ? *found : json::array{};
}

bool requires_fargate(const json::object& input) {
  const json::array wanted = list_of(input, "requiresCompatibilities");
  return std::ranges::find(wanted, json::value("FARGATE")) != wanted.end();
}

// Volumes are folders of the task, as Fargate's bind mounts are.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
Result<void> check_volumes(const json::object& input) {
  std::set<std::string> names;
  for (const json::value& value : list_of(input, "volumes")) {
    const json::object& volume = value.as_object();
    const std::string name = text(volume, "name");
    if (!names.insert(name).second)
      return refuse(fmt::format("Volume.name '{}' is not unique.", name));
    const json::object* host = find_object(volume, "host");
    if (host && !text(*host, "sourcePath").empty() && requires_fargate(input))
      return refuse("Fargate compatible task definitions do not support sourcePath");
    for (const auto& member : volume) {
      if (member.key() != "name" && !asks_for_nothing(member.value()))
        return refuse(fmt::format("kiban does not honour {} of volume '{}'",
                                  std::string_view(member.key()), name));
    }
  }
  for (const json::value& container : list_of(input, "containerDefinitions")) {
    for (const json::value& mount : list_of(container.as_object(), "mountPoints")) {
      const std::string name = text(mount.as_object(), "sourceVolume");
      if (!names.contains(name)) return refuse(fmt::format("Unknown volume '{}'.", name));
      const std::string path = text(mount.as_object(), "containerPath");
      if (!is_mount_target(path))
        return refuse(
            fmt::format("kiban mounts volumes at absolute paths outside of /dev, /proc and "
                        "/sys only, not at '{}'",
                        path));
    }
  }
  return {};
}

const json::object* container_named(const json::array& containers, std::string_view name) {
  for (const json::value& container : containers) {
    if (text(container.as_object(), "name") == name) return &container.as_object();
  }
  return nullptr;
}

// Whether the condition can ever be met.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html
Result<void> check_condition(const json::object& container, const json::object& dependency,
                             const json::object* other) {
  const std::string name = text(container, "name");
  const std::string other_name = text(dependency, "containerName");
  const std::string condition = text(dependency, "condition");
  if (!other)
    return refuse(fmt::format(
        "Container '{}' depends on '{}', which is not in the task definition.", name, other_name));
  if (condition == "HEALTHY" && !other->contains("healthCheck"))
    return refuse(
        fmt::format("Container '{}' waits for '{}' to be HEALTHY, which has no health "
                    "check.",
                    name, other_name));
  if ((condition == "SUCCESS" || condition == "COMPLETE") && flag(*other, "essential", true))
    return refuse(
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential "
        "container");
  return {};
}

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html
bool is_fargate_size(std::int64_t cpu, std::int64_t memory) {
  struct Size {
    std::int64_t cpu;
    std::int64_t memory_min;
    std::int64_t memory_max;
    std::int64_t step;
  };
  constexpr Size sizes[] = {{512, 1024, 4096, 1024},    {1024, 2048, 8192, 1024},
                            {2048, 4096, 16384, 1024},  {4096, 8192, 30720, 1024},
                            {8192, 16384, 61440, 4096}, {16384, 32768, 122880, 8192}};
  if (cpu == 256) return memory == 512 || memory == 1024 || memory == 2048;
  return std::ranges::any_of(sizes, [&](const Size& size) {
    return size.cpu == cpu && memory >= size.memory_min && memory <= size.memory_max &&
           (memory - size.memory_min) % size.step == 0;
  });
}

// The execution role pulls from ECR and writes logs.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
Result<void> check_fargate_roles(const json::object& container, std::string_view execution_role) {
  const json::object* log = find_object(container, "logConfiguration");
  if (log && text(*log, "logDriver") == "awslogs") {
    if (execution_role.empty())
      return refuse(
          "Fargate requires task definition to have execution role ARN to support log driver "
          "awslogs.");
    const json::object* options = find_object(*log, "options");
    if (!options || text(*options, "awslogs-stream-prefix").empty())
      return refuse(
          "Fargate requires log configuration options to include awslogs-stream-prefix to "
          "support log driver awslogs.");
  }
  const std::string image = text(container, "image");
  const std::string registry = image.substr(0, image.find('/'));
  const bool ecr = registry.find(".dkr.ecr.") != std::string::npos &&
                   registry.find(".amazonaws.com") != std::string::npos;
  if (ecr && execution_role.empty())
    return refuse(
        "Fargate requires task definition to have execution role ARN to support ECR images.");
  return {};
}

Result<void> check_fargate(const json::object& input) {
  if (!requires_fargate(input)) return {};
  if (text(input, "networkMode") != "awsvpc")
    return refuse("Fargate only supports network mode 'awsvpc'.");
  for (const auto* member : {"cpu", "memory"}) {
    if (text(input, member).empty())
      return refuse(
          fmt::format("Fargate requires that '{}' be defined at the task level.", member));
  }
  if (!is_fargate_size(units_of(text(input, "cpu")), units_of(text(input, "memory"))))
    return refuse("No Fargate configuration exists for given values.");
  for (const json::value& container : list_of(input, "containerDefinitions"))
    KIBAN_TRY_VOID(check_fargate_roles(container.as_object(), text(input, "executionRoleArn")));
  return {};
}

// Takes away, again and again, the containers that wait for none of those left.
Result<void> check_dependencies(const json::array& containers) {
  std::set<std::string> left;
  for (const json::value& container : containers) left.insert(text(container.as_object(), "name"));
  const auto waits_for_left = [&left](const json::object& container) {
    return std::ranges::any_of(list_of(container, "dependsOn"), [&](const json::value& one) {
      return left.contains(text(one.as_object(), "containerName"));
    });
  };
  for (const json::value& container : containers) {
    for (const json::value& one : list_of(container.as_object(), "dependsOn")) {
      KIBAN_TRY_VOID(
          check_condition(container.as_object(), one.as_object(),
                          container_named(containers, text(one.as_object(), "containerName"))));
    }
  }
  for (std::size_t before = left.size() + 1; !left.empty() && left.size() < before;) {
    before = left.size();
    for (const json::value& container : containers) {
      if (!waits_for_left(container.as_object())) left.erase(text(container.as_object(), "name"));
    }
  }
  if (!left.empty()) return refuse("The dependencies of the containers are cyclic.");
  return {};
}

// Members that a task here obeys.
const std::set<std::string_view> honoured = {"family",
                                             "taskRoleArn",
                                             "executionRoleArn",
                                             "networkMode",
                                             "containerDefinitions",
                                             "volumes",
                                             "tags",
                                             "requiresCompatibilities",
                                             "cpu",
                                             "memory",
                                             "ephemeralStorage",
                                             "runtimePlatform"};

Result<void> check_members(const json::object& input) {
  if (requires_fargate(input) && !text(input, "ipcMode").empty())
    return refuse("Tasks using the Fargate launch type do not support ipcMode.");
  for (const auto& member : input) {
    if (!honoured.contains(member.key()) && !asks_for_nothing(member.value()))
      return refuse(fmt::format("kiban does not honour {} of a task definition",
                                std::string_view(member.key())));
  }
  const json::object* platform = find_object(input, "runtimePlatform");
  const std::string system = platform ? text(*platform, "operatingSystemFamily", "LINUX") : "LINUX";
  if (system != "LINUX")
    return refuse(fmt::format("kiban runs tasks on LINUX only, not on {}", system));
  for (const auto* member : {"cpu", "memory"})
    if (!text(input, member).empty() && units_of(text(input, member)) == 0)
      return refuse(fmt::format("Invalid '{}' setting for task.", member));
  return {};
}

// "The total amount of CPU reserved for all the containers that are within a task must be lower
// than the task-level cpu value", and likewise for memory.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
Result<void> check_sums(const json::object& input) {
  std::int64_t cpu = 0;
  std::int64_t memory = 0;
  for (const json::value& value : list_of(input, "containerDefinitions")) {
    const json::object& container = value.as_object();
    cpu += number(container, "cpu", 0);
    memory += number(container, "memoryReservation", number(container, "memory", 0));
  }
  for (const auto& [member, sum] : {std::pair("cpu", cpu), std::pair("memory", memory)}) {
    const std::int64_t most = units_of(text(input, member));
    if (most > 0 && sum > most)
      return refuse(fmt::format(
          "The sum of all container '{0}' values cannot be greater than the value of the task "
          "'{0}'.",
          member));
  }
  return {};
}

// Containers of one task share its network, or the host's.
Result<void> check_host_ports(const json::object& input) {
  const bool shared = text(input, "networkMode", "bridge") != "bridge";
  std::set<std::pair<std::int64_t, std::string>> taken;
  for (const json::value& container : list_of(input, "containerDefinitions")) {
    for (const json::value& value : list_of(container.as_object(), "portMappings")) {
      const json::object& mapping = value.as_object();
      const std::int64_t port =
          number(mapping, "hostPort", shared ? number(mapping, "containerPort", 0) : 0);
      const std::string protocol = text(mapping, "protocol", "tcp");
      if (port != 0 && !taken.emplace(port, protocol).second)
        return refuse(fmt::format("{} host port '{}' is mapped multiple times in task.",
                                  protocol == "udp" ? "UDP" : "TCP", port));
    }
  }
  return {};
}

Result<void> check_containers(const json::object& input) {
  const json::array containers = list_of(input, "containerDefinitions");
  if (containers.empty()) return refuse("Container list cannot be empty.");
  if (containers.size() > containers_max) return refuse("Too many containers.");
  const DefinitionFacts facts{.fargate = requires_fargate(input),
                              .execution_role = !text(input, "executionRoleArn").empty(),
                              .network_mode = text(input, "networkMode", "bridge"),
                              .memory = units_of(text(input, "memory"))};
  std::set<std::string> names;
  bool essential = false;
  for (const json::value& value : containers) {
    const json::object& container = value.as_object();
    KIBAN_TRY_VOID(check_container(container, facts));
    if (!names.insert(text(container, "name")).second)
      return refuse(fmt::format("Container.name '{}' is not unique.", text(container, "name")));
    essential = essential || flag(container, "essential", true);
  }
  if (!essential) return refuse("At least one container must be marked essential.");
  KIBAN_TRY_VOID(check_host_ports(input));
  KIBAN_TRY_VOID(check_volumes(input));
  return check_dependencies(containers);
}

}  // namespace

std::int64_t units_of(const std::string& given) {
  const char* const begin = given.c_str();
  char* stop = nullptr;
  const double value = std::strtod(begin, &stop);
  if (stop == begin || value < 0 || value > 1e6) return 0;
  while (*stop == ' ') ++stop;
  const std::string_view unit = stop;
  if (unit.empty()) return static_cast<std::int64_t>(value);
  const auto is = [unit](std::string_view other) {
    return std::ranges::equal(unit, other,
                              [](char a, char b) { return lower_case(a) == lower_case(b); });
  };
  return is("vcpu") || is("gb") ? static_cast<std::int64_t>(value * 1024) : 0;
}

bool is_for_fargate(const json::object& definition) {
  return text(definition, "networkMode") == "awsvpc" &&
         is_fargate_size(units_of(text(definition, "cpu")), units_of(text(definition, "memory")));
}

Result<void> check_definition(const json::object& input) {
  if (const std::size_t bytes = print_json(input).size(); bytes > definition_bytes_max)
    return refuse(fmt::format("Actual length: '{}'. Max allowed length is '{}' bytes.", bytes,
                              definition_bytes_max));
  KIBAN_TRY_VOID(check_members(input));
  KIBAN_TRY_VOID(check_containers(input));
  KIBAN_TRY_VOID(check_fargate(input));
  KIBAN_TRY_VOID(check_sums(input));
  return check_ephemeral_storage(input, "ClientException");
}

}  // namespace kiban::services::ecs
