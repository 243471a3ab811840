#include "services/ecs/container_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "core/letters.h"
#include "services/base/table_service.h"

namespace kiban::services::ecs {
namespace {

constexpr std::int64_t container_memory_min = 4;  // MiB, of Docker.

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

std::unexpected<Error> refuse(std::string cause) {
  return fail("ClientException", std::move(cause));
}

json::array list_of(const json::object& object, std::string_view key) {
  const json::array* found = find_array(object, key);
  return found ? *found : json::array{};
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

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LogConfiguration.html (mode,
// max-buffer-size). That a buffer needs the non-blocking mode is Docker's rule.
Result<void> check_log_options(const json::object& options, const std::string& name) {
  constexpr std::array known{"awslogs-create-group", "awslogs-datetime-format",
                             "awslogs-group",        "awslogs-multiline-pattern",
                             "awslogs-region",       "awslogs-stream-prefix",
                             "max-buffer-size",      "mode"};
  std::vector<std::string> unknown;
  for (const auto& option : options)
    if (std::ranges::find(known, std::string_view(option.key())) == known.end())
      unknown.emplace_back(option.key());
  if (!unknown.empty())
    return refuse(
        fmt::format("Log driver awslogs disallows options: {}", fmt::join(unknown, ", ")));
  std::vector<std::string> missing;
  for (const auto* required : {"awslogs-region", "awslogs-group"})
    if (text(options, required).empty()) missing.emplace_back(required);
  if (!missing.empty())
    return refuse(fmt::format("Log driver awslogs requires options: {}", fmt::join(missing, ", ")));
  for (const auto* lines : {"awslogs-datetime-format", "awslogs-multiline-pattern"})
    if (options.contains(lines))
      return refuse(
          fmt::format("kiban does not honour the log option {} of container '{}'", lines, name));
  if (options.contains("awslogs-create-group") && text(options, "awslogs-create-group") != "true")
    return refuse(
        "Log driver awslogs option 'awslogs-create-group' should only be set to 'true', else omit "
        "option.");
  return {};
}

Result<void> check_log(const json::object& container, bool fargate) {
  const json::object* log = find_object(container, "logConfiguration");
  if (!log) return {};
  const std::string name = text(container, "name");
  const std::string driver = text(*log, "logDriver");
  if (fargate && driver != "awslogs" && driver != "splunk" && driver != "awsfirelens")
    return refuse(fmt::format(
        "{} is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens]", driver));
  if (driver != "awslogs")
    return refuse(fmt::format("kiban has the log driver awslogs only, not '{}'", driver));
  if (!list_of(*log, "secretOptions").empty())
    return refuse(fmt::format("kiban does not honour secretOptions of container '{}'", name));
  const json::object* given = find_object(*log, "options");
  const json::object none;
  const json::object* options = given ? given : &none;
  KIBAN_TRY_VOID(check_log_options(*options, name));
  const std::string mode = text(*options, "mode", "non-blocking");
  if (mode != "blocking" && mode != "non-blocking")
    return refuse(fmt::format(
        "Log driver option mode must be 'blocking' or 'non-blocking', not '{}'.", mode));
  if (!options->contains("max-buffer-size")) return {};
  const std::string size = text(*options, "max-buffer-size");
  if (mode == "blocking")
    return refuse("Log driver option max-buffer-size is only supported with mode 'non-blocking'.");
  if (size_of(size).value_or(0) == 0)
    return refuse(fmt::format("Log driver option max-buffer-size '{}' is not a size.", size));
  return {};
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

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html (memory)
Result<void> check_memory(const json::object& container, const DefinitionFacts& facts) {
  const std::string name = text(container, "name");
  const std::int64_t hard = number(container, "memory", 0);
  const std::int64_t soft = number(container, "memoryReservation", 0);
  if (facts.memory == 0 && hard == 0 && soft == 0)
    return refuse(
        fmt::format("Invalid setting for container '{}'. At least one of 'memory' or "
                    "'memoryReservation' must be specified.",
                    name));
  for (const auto& [member, value] :
       {std::pair("memory", hard), std::pair("memoryReservation", soft)})
    if (container.contains(member) && value < container_memory_min)
      return refuse(fmt::format("Invalid setting for container '{}'. '{}' must be at least {} MiB.",
                                name, member, container_memory_min));
  if (hard > 0 && soft > hard)
    return refuse(
        fmt::format("Invalid setting for container '{}'. 'memory' must be greater than "
                    "'memoryReservation'.",
                    name));
  for (const auto& [member, value] :
       {std::pair("memory", hard), std::pair("memoryReservation", soft)})
    if (facts.memory > 0 && value > facts.memory)
      return refuse(fmt::format("The '{}' setting for container '{}' is greater than for the task.",
                                member, name));
  if (number(container, "cpu", 0) < 0)
    return refuse(
        fmt::format("Invalid setting for container '{}'. 'cpu' cannot be negative.", name));
  return {};
}

bool is_port(std::int64_t port) { return port >= 0 && port <= 65'535; }

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html
Result<void> check_ports(const json::object& container, const DefinitionFacts& facts) {
  const std::string name = text(container, "name");
  for (const json::value& value : list_of(container, "portMappings")) {
    const json::object& mapping = value.as_object();
    if (mapping.contains("containerPortRange"))
      return refuse(
          fmt::format("kiban does not honour containerPortRange of container '{}'", name));
    const std::int64_t port = number(mapping, "containerPort", 0);
    const std::int64_t host = number(mapping, "hostPort", port);
    for (const auto& [member, wrong] : {std::pair("containerPort", !is_port(port) || port == 0),
                                        std::pair("hostPort", !is_port(host))})
      if (wrong)
        return refuse(fmt::format("Invalid '{}' setting for container '{}'.", member, name));
    if ((facts.network_mode == "awsvpc" || facts.network_mode == "host") && host != port)
      return refuse(
          fmt::format("When networkMode={}, the host ports and container ports in port "
                      "mappings must match.",
                      facts.network_mode));
  }
  return {};
}

Result<void> check_range(const json::object& holder, const char* member, std::int64_t least,
                         std::int64_t most, const std::string& name) {
  const std::int64_t value = number(holder, member, least);
  if (value >= least && value <= most) return {};
  return refuse(fmt::format("Invalid {} of container '{}': it must be between {} and {}.", member,
                            name, least, most));
}

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
Result<void> check_health_check(const json::object& container) {
  const json::object* check = find_object(container, "healthCheck");
  if (!check) return {};
  const std::string name = text(container, "name");
  const json::array command = list_of(*check, "command");
  if (command.empty())
    return refuse(fmt::format("The health check of container '{}' has no command.", name));
  KIBAN_TRY_VOID(check_range(*check, "interval", 5, 300, name));
  KIBAN_TRY_VOID(check_range(*check, "timeout", 2, 60, name));
  KIBAN_TRY_VOID(check_range(*check, "retries", 1, 10, name));
  return check_range(*check, "startPeriod", 0, 300, name);
}

// "The max timeout value is 120 seconds" on Fargate; "a minimum value of 2 seconds".
Result<void> check_timeouts(const json::object& container, const DefinitionFacts& facts) {
  constexpr std::int64_t unbounded = INT32_MAX;
  const std::string name = text(container, "name");
  for (const auto* member : {"startTimeout", "stopTimeout"})
    KIBAN_TRY_VOID(check_range(container, member, 2, facts.fargate ? 120 : unbounded, name));
  return {};
}

Result<void> check_mounts(const json::object& container) {
  std::set<std::string> paths;
  for (const json::value& mount : list_of(container, "mountPoints")) {
    const std::string path = text(mount.as_object(), "containerPath");
    if (!paths.insert(path).second)
      return refuse(fmt::format("Container '{}' mounts more than one volume at '{}'.",
                                text(container, "name"), path));
  }
  return {};
}

}  // namespace

// Whether a value asks for nothing: [], {}, false, or objects of such.
bool asks_for_nothing(const json::value& value) {
  if (value.is_array()) return value.get_array().empty();
  if (value.is_bool()) return !value.get_bool();
  if (!value.is_object()) return false;
  return std::ranges::all_of(value.get_object(),
                             [](const auto& member) { return asks_for_nothing(member.value()); });
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

Result<void> check_container(const json::object& container, const DefinitionFacts& facts) {
  const std::string name = text(container, "name");
  for (const auto& member : container) {
    if (!honoured.contains(member.key()) && !asks_for_nothing(member.value()))
      return refuse(fmt::format("kiban does not honour {} of container '{}'",
                                std::string_view(member.key()), name));
  }
  if (name.empty()) return refuse("Container.name should not be null or empty.");
  if (text(container, "image").empty())
    return refuse("Container.image should not be null or empty.");
  KIBAN_TRY_VOID(check_secrets(container, facts.execution_role));
  KIBAN_TRY_VOID(check_memory(container, facts));
  KIBAN_TRY_VOID(check_ports(container, facts));
  KIBAN_TRY_VOID(check_ulimits(container));
  KIBAN_TRY_VOID(check_linux_parameters(container, facts.fargate));
  KIBAN_TRY_VOID(check_health_check(container));
  KIBAN_TRY_VOID(check_timeouts(container, facts));
  KIBAN_TRY_VOID(check_mounts(container));
  return check_log(container, facts.fargate);
}

}  // namespace kiban::services::ecs
