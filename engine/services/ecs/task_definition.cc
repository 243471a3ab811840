#include "services/ecs/task_definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <ranges>
#include <set>

#include "core/letters.h"
#include "services/base/table_service.h"
#include "services/ecs/names.h"
#include "services/ecs/tags.h"

namespace kiban::services::ecs {
namespace {

// Members of ContainerDefinition that a task here obeys. Without effect on one machine:
// dockerLabels, memoryReservation, startTimeout.
const std::set<std::string_view> honoured = {
    "name",         "image",     "command",          "entryPoint",       "environment",
    "secrets",      "essential", "portMappings",     "logConfiguration", "cpu",
    "memory",       "user",      "workingDirectory", "stopTimeout",      "readonlyRootFilesystem",
    "mountPoints",  "dependsOn", "healthCheck",      "dockerLabels",     "memoryReservation",
    "startTimeout", "ulimits",   "linuxParameters"};

// What a container here can hold, of the capabilities that ECS knows by name. Default and NET_RAW,
// SYS_PTRACE; others would let a task change the host.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_KernelCapabilities.html
const std::set<std::string_view> grantable = {
    "AUDIT_WRITE", "CHOWN",  "DAC_OVERRIDE",     "FOWNER",     "FSETID",
    "KILL",        "MKNOD",  "NET_RAW",          "SETFCAP",    "SETGID",
    "SETPCAP",     "SETUID", "NET_BIND_SERVICE", "SYS_CHROOT", "SYS_PTRACE"};
const std::set<std::string_view> other_capabilities = {"ALL",
                                                       "AUDIT_CONTROL",
                                                       "BLOCK_SUSPEND",
                                                       "DAC_READ_SEARCH",
                                                       "IPC_LOCK",
                                                       "IPC_OWNER",
                                                       "LEASE",
                                                       "LINUX_IMMUTABLE",
                                                       "MAC_ADMIN",
                                                       "MAC_OVERRIDE",
                                                       "NET_ADMIN",
                                                       "NET_BROADCAST",
                                                       "SYS_ADMIN",
                                                       "SYS_BOOT",
                                                       "SYS_MODULE",
                                                       "SYS_NICE",
                                                       "SYS_PACCT",
                                                       "SYS_RAWIO",
                                                       "SYS_RESOURCE",
                                                       "SYS_TIME",
                                                       "SYS_TTY_CONFIG",
                                                       "SYSLOG",
                                                       "WAKE_ALARM"};

// Whether a value asks for nothing: [], {}, false, or objects of such.
bool asks_for_nothing(const json::value& value) {
  if (value.is_array()) return value.get_array().empty();
  if (value.is_bool()) return !value.get_bool();
  if (!value.is_object()) return false;
  return std::ranges::all_of(value.get_object(),
                             [](const auto& member) { return asks_for_nothing(member.value()); });
}

std::string definition_key(const Context& context, std::string_view family, std::int64_t revision) {
  return row_key(context, "definition", fmt::format("{}/{:07}", family, revision));
}

std::unexpected<Error> refuse(std::string cause) {
  return fail("ClientException", std::move(cause));
}

json::array list_of(const json::object& object, std::string_view key) {
  const json::array* found = find_array(object, key);
  return found ? *found : json::array{};
}

// Volumes are folders of the task, as Fargate's bind mounts are.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
Result<void> check_volumes(const json::object& input) {
  std::set<std::string> names;
  for (const json::value& value : list_of(input, "volumes")) {
    const json::object& volume = value.as_object();
    const std::string name = text(volume, "name");
    names.insert(name);
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
        fmt::format("Container '{}' waits for the {} of '{}', which can't be essential "
                    "then.",
                    name, condition, other_name));
  return {};
}

// Fargate lets a task set the number of open files only.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_definition_parameters.html
Result<void> check_ulimits(const json::object& container) {
  for (const json::value& value : list_of(container, "ulimits")) {
    const json::object& limit = value.as_object();
    if (text(limit, "name") != "nofile")
      return refuse(fmt::format("Fargate honours the ulimit nofile only, not {} of container '{}'",
                                text(limit, "name"), text(container, "name")));
    if (number(limit, "softLimit", 0) > number(limit, "hardLimit", 0))
      return refuse(fmt::format("The soft limit of nofile of container '{}' is above the hard one",
                                text(container, "name")));
  }
  return {};
}

Result<void> check_capabilities(const json::object& change, bool fargate) {
  for (const auto* list : {"add", "drop"}) {
    for (const json::value& value : list_of(change, list)) {
      const std::string name = to_string(value.as_string());
      if (!grantable.contains(name) && !other_capabilities.contains(name))
        return refuse(fmt::format("Invalid capability '{}' in linuxParameters.", name));
      if (list == std::string_view("drop")) continue;
      // "Tasks launched on Fargate only support adding the SYS_PTRACE kernel capability."
      if (fargate && name != "SYS_PTRACE")
        return refuse(
            fmt::format("Fargate supports adding the capability SYS_PTRACE only, not {}", name));
      if (!grantable.contains(name))
        return refuse(fmt::format("kiban does not honour adding the capability {}", name));
    }
  }
  return {};
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinuxParameters.html
Result<void> check_linux_parameters(const json::object& container, bool fargate) {
  const json::object* parameters = find_object(container, "linuxParameters");
  if (!parameters) return {};
  for (const auto& member : *parameters) {
    if (member.key() != "capabilities" && member.key() != "initProcessEnabled" &&
        !asks_for_nothing(member.value()))
      return refuse(fmt::format("kiban does not honour {} of linuxParameters of container '{}'",
                                std::string_view(member.key()), text(container, "name")));
  }
  const json::object* change = find_object(*parameters, "capabilities");
  return change ? check_capabilities(*change, fargate) : Result<void>{};
}

bool requires_fargate(const json::object& input) {
  const json::array wanted = list_of(input, "requiresCompatibilities");
  return std::ranges::find(wanted, json::value("FARGATE")) != wanted.end();
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

// "1 vCPU" and "2 GB" are 1024 and 2048; 0: no number.
std::int64_t units_of(const std::string& given) {
  const char* end = given.c_str();
  char* stop = nullptr;
  const double value = std::strtod(end, &stop);
  return static_cast<std::int64_t>(*stop == '\0' ? value : value * 1024);
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

// As Docker takes a size: a number, and perhaps b, k, m or g. nullopt: not a size.
std::optional<std::uint64_t> size_of(const std::string& given) {
  std::uint64_t number = 0;
  const char* const last = given.data() + given.size();
  const auto [stop, error] = std::from_chars(given.data(), last, number);
  if (error != std::errc{}) return std::nullopt;
  std::string unit(stop, last);
  if (unit.size() == 2 && lower_case(unit[1]) == 'b') unit.pop_back();
  if (unit.empty() || unit == "b" || unit == "B") return number;
  constexpr std::string_view units = "kmg";
  const std::size_t power = units.find(lower_case(unit[0]));
  if (unit.size() != 1 || power == units.npos) return std::nullopt;
  const std::uint64_t factor = 1ULL << (10 * (power + 1));
  return number > (1ULL << 40) / factor ? std::nullopt : std::optional{number * factor};
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html (mode,
// max-buffer-size). That a buffer needs the non-blocking mode is Docker's rule.
Result<void> check_log(const json::object& container) {
  const json::object* log = find_object(container, "logConfiguration");
  if (!log) return {};
  if (text(*log, "logDriver") != "awslogs")
    return refuse(
        fmt::format("kiban has the log driver awslogs only, not '{}'", text(*log, "logDriver")));
  const json::object* options = find_object(*log, "options");
  if (!options) return {};
  const std::string mode = text(*options, "mode", "non-blocking");
  if (mode != "blocking" && mode != "non-blocking")
    return refuse(fmt::format(
        "Log driver option mode must be 'blocking' or 'non-blocking', not '{}'.", mode));
  const std::string create = text(*options, "awslogs-create-group", "false");
  if (create != "true" && create != "false")
    return refuse(fmt::format(
        "Log driver option awslogs-create-group must be 'true' or 'false', not '{}'.", create));
  if (!options->contains("max-buffer-size")) return {};
  const std::string size = text(*options, "max-buffer-size");
  if (mode == "blocking")
    return refuse("Log driver option max-buffer-size is only supported with mode 'non-blocking'.");
  if (size_of(size).value_or(0) == 0)
    return refuse(fmt::format("Log driver option max-buffer-size '{}' is not a size.", size));
  return {};
}

// The options are a map of strings. A template may have them as YAML's booleans and numbers.
void make_options_text(json::object& container) {
  json::value* log = container.if_contains("logConfiguration");
  json::value* options =
      log && log->is_object() ? log->get_object().if_contains("options") : nullptr;
  if (!options || !options->is_object()) return;
  for (auto& option : options->get_object())
    if (option.value().is_bool() || option.value().is_number())
      option.value() = print_json(option.value());
}

// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
Result<void> check_secrets(const json::object& container, bool has_execution_role) {
  std::set<std::string> environment;
  std::set<std::string> secrets;
  for (const json::value& one : list_of(container, "environment"))
    environment.insert(text(one.as_object(), "name"));
  for (const json::value& one : list_of(container, "secrets")) {
    const std::string name = text(one.as_object(), "name");
    if (!has_execution_role)
      return refuse(
          "When you are specifying container secrets, you must also specify a value for "
          "'executionRoleArn'.");
    if (environment.contains(name))
      return refuse(fmt::format(
          "The secret name must be unique and not shared with any new or existing environment "
          "variables set on the container, such as '{}'.",
          name));
    if (!secrets.insert(name).second)
      return refuse(
          fmt::format("Duplicate secret names found: {}. Each secret name must be unique.", name));
  }
  return {};
}

Result<void> check_containers(const json::object& input) {
  const json::array* containers = find_array(input, "containerDefinitions");
  if (!containers || containers->empty()) return refuse("Container list cannot be empty.");
  std::set<std::string> names;
  bool essential = false;
  for (const json::value& value : *containers) {
    const json::object& container = value.as_object();
    const std::string name = text(container, "name");
    for (const auto& member : container) {
      if (!honoured.contains(member.key()) && !asks_for_nothing(member.value()))
        return refuse(fmt::format("kiban does not honour {} of container '{}'",
                                  std::string_view(member.key()), name));
    }
    if (name.empty()) return refuse("Container.name should not be null or empty.");
    KIBAN_TRY_VOID(check_secrets(container, !text(input, "executionRoleArn").empty()));
    if (text(container, "image").empty())
      return refuse("Container.image should not be null or empty.");
    if (!names.insert(name).second)
      return refuse(fmt::format("Container.name '{}' is not unique.", name));
    KIBAN_TRY_VOID(check_ulimits(container));
    KIBAN_TRY_VOID(check_linux_parameters(container, requires_fargate(input)));
    essential = essential || flag(container, "essential", true);
    KIBAN_TRY_VOID(check_log(container));
  }
  if (!essential) return refuse("At least one container must be marked essential.");
  KIBAN_TRY_VOID(check_volumes(input));
  return check_dependencies(*containers);
}

}  // namespace

Result<json::object> load_task_definition(const Context& context, std::string_view name) {
  const std::string short_name = last_part(name);
  const std::size_t colon = short_name.find(':');
  const std::string family = short_name.substr(0, colon);
  if (colon != std::string::npos) {
    const std::string digits = short_name.substr(colon + 1);
    const bool number = !digits.empty() && digits.size() < 8 &&
                        std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
    auto row = number ? get_json(context, definition_key(context, family, std::stoll(digits)))
                      : std::nullopt;
    if (row) return *std::move(row);
    return refuse("Unable to describe task definition.");
  }
  auto revisions = list_json(context, row_key(context, "definition", family + "/"));
  for (json::object& row : revisions | std::views::reverse) {
    if (text(row, "status") == "ACTIVE") return std::move(row);
  }
  return refuse("Unable to describe task definition.");
}

json::object log_plan(const json::object& container) {
  const json::object* log = find_object(container, "logConfiguration");
  const json::object* options = log ? find_object(*log, "options") : nullptr;
  // "Amazon ECS will default to the non-blocking mode", "Default value: 10m".
  json::object plan{{"Mode", options ? text(*options, "mode", "non-blocking") : "non-blocking"}};
  if (const auto size = options ? size_of(text(*options, "max-buffer-size")) : std::nullopt)
    plan["BufferBytes"] = *size;
  return plan;
}

Result<void> check_ephemeral_storage(const json::object& holder, const char* error) {
  const json::object* storage = find_object(holder, "ephemeralStorage");
  if (!storage) return {};
  const std::int64_t size = number(*storage, "sizeInGiB", 0);
  if (size >= ephemeral_gib_min && size <= ephemeral_gib_max) return {};
  return fail(error, fmt::format("Invalid ephemeralStorage: sizeInGiB must be between {} and {}.",
                                 ephemeral_gib_min, ephemeral_gib_max));
}

std::int64_t ephemeral_gib(const json::object& definition) {
  const json::object* storage = find_object(definition, "ephemeralStorage");
  return storage ? number(*storage, "sizeInGiB", ephemeral_gib_default) : ephemeral_gib_default;
}

Result<json::object> register_task_definition(Context& context, const json::object& given) {
  json::object input = given;
  if (json::value* containers = input.if_contains("containerDefinitions");
      containers && containers->is_array())
    for (json::value& container : containers->get_array())
      if (container.is_object()) make_options_text(container.get_object());
  KIBAN_TRY_VOID(check_containers(input));
  KIBAN_TRY_VOID(check_fargate(input));
  KIBAN_TRY_VOID(check_ephemeral_storage(input, "ClientException"));
  const std::string family = text(input, "family");
  const std::string counter = row_key(context, "family", family);
  const auto last = context.get(counter);
  const std::int64_t revision = last ? std::stoll(*last) + 1 : 1;
  json::object definition = input;
  definition.erase("tags");
  for (json::value& container : definition["containerDefinitions"].as_array()) {
    json::object& fields = container.as_object();
    if (!fields.contains("cpu")) fields["cpu"] = 0;
    if (!fields.contains("essential")) fields["essential"] = true;
    for (const auto* list : {"portMappings", "environment", "mountPoints", "volumesFrom"}) {
      if (!fields.contains(list)) fields[list] = json::array{};
    }
  }
  definition["taskDefinitionArn"] =
      make_arn(context, "ecs", fmt::format("task-definition/{}:{}", family, revision));
  definition["revision"] = revision;
  definition["status"] = "ACTIVE";
  if (!definition.contains("volumes")) definition["volumes"] = json::array{};
  if (!definition.contains("placementConstraints"))
    definition["placementConstraints"] = json::array{};
  definition["compatibilities"] = {"EC2", "FARGATE"};
  for (const auto* member : {"cpu", "memory"}) {
    if (definition.contains(member))
      definition[member] = std::to_string(units_of(text(definition, member)));
  }
  // "The short name or full Amazon Resource Name (ARN) of the IAM role":
  // docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
  for (const auto* member : {"taskRoleArn", "executionRoleArn"}) {
    const std::string role = text(definition, member);
    if (!role.empty() && !role.starts_with("arn:"))
      definition[member] = fmt::format("arn:aws:iam::{}:role/{}", context.caller().account, role);
  }
  definition["registeredAt"] = epoch_seconds(context.now());
  definition["registeredBy"] = context.caller().arn;
  context.put(counter, std::to_string(revision));
  put_json(context, definition_key(context, family, revision), definition);
  const std::string arn = text(definition, "taskDefinitionArn");
  put_tags(context, arn, input);
  return json::object{{"taskDefinition", std::move(definition)}, {"tags", tags_of(context, arn)}};
}

Result<json::object> deregister_task_definition(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_task_definition(context, text(input, "taskDefinition")));
  row["status"] = "INACTIVE";
  row["deregisteredAt"] = epoch_seconds(context.now());
  put_json(context, definition_key(context, text(row, "family"), number(row, "revision", 0)), row);
  return json::object{{"taskDefinition", std::move(row)}};
}

Result<json::object> describe_task_definition(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_task_definition(context, text(input, "taskDefinition")));
  json::object reply;
  if (wants_tags(input)) reply["tags"] = tags_of(context, text(row, "taskDefinitionArn"));
  reply["taskDefinition"] = std::move(row);
  return reply;
}

Result<json::object> list_task_definitions(Context& context, const json::object& input) {
  const std::string status = text(input, "status", "ACTIVE");
  const std::string family = text(input, "familyPrefix");
  json::array arns;
  for (const json::object& row :
       list_json(context, row_key(context, "definition", family.empty() ? "" : family + "/"))) {
    if (text(row, "status") == status) arns.push_back(row.at("taskDefinitionArn"));
  }
  if (text(input, "sort") == "DESC") std::ranges::reverse(arns);
  return arn_page(input, "taskDefinitionArns", arns);
}

Result<json::object> list_families(Context& context, const json::object& input) {
  const std::string base = row_key(context, "family", "");
  json::array families;
  for (const store::Row& row : context.scan(base + text(input, "familyPrefix")))
    families.push_back(json::value(row.key.substr(base.size())));
  return arn_page(input, "families", families);
}

}  // namespace kiban::services::ecs
