#include "services/ecs/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/ecs/image.h"
#include "services/ecs/metadata.h"
#include "services/ecs/names.h"
#include "services/ecs/task_definition.h"

namespace kiban::services::ecs {
namespace {

constexpr std::int64_t stop_timeout_default = 30;  // Seconds between SIGTERM and SIGKILL.
// Where tasks reach this host: the bridge that the container driver makes.
constexpr std::string_view host_address = "169.254.170.2";

// Secrets of one container as environment: ARN, or ARN:KEY:STAGE:VERSION, read as the execution
// role.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
Result<std::string> read_secret(Context& context, const Caller& role, std::string_view value_from) {
  if (value_from.starts_with("arn:aws:ssm:") || !value_from.starts_with("arn:")) {
    const std::size_t at = value_from.find(":parameter");
    const std::string name(at == std::string_view::npos ? value_from : value_from.substr(at + 10));
    KIBAN_TRY(
        const json::object reply,
        context.call("ssm", "GetParameter", {{"Name", name}, {"WithDecryption", true}}, role));
    return text(*find_object(reply, "Parameter"), "Value");
  }
  std::vector<std::string> parts{""};
  for (const char c : value_from) {
    if (c == ':')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  std::string arn = parts[0];
  for (std::size_t i = 1; i < std::min<std::size_t>(parts.size(), 7); ++i) arn += ":" + parts[i];
  json::object request{{"SecretId", arn}};
  if (parts.size() > 8 && !parts[8].empty()) request["VersionStage"] = parts[8];
  if (parts.size() > 9 && !parts[9].empty()) request["VersionId"] = parts[9];
  KIBAN_TRY(const json::object reply,
            context.call("secretsmanager", "GetSecretValue", request, role));
  std::string secret = text(reply, "SecretString");
  if (parts.size() < 8 || parts[7].empty()) return secret;
  const auto fields = parse_json(secret);
  const json::value* value =
      fields && fields->is_object() ? find(fields->get_object(), parts[7]) : nullptr;
  if (!value)
    return fail(
        "ResourceInitializationError",
        fmt::format("retrieved secret from Secrets Manager did not contain json key {}", parts[7]));
  return value->is_string() ? to_string(value->get_string()) : print_json(*value);
}

Result<json::object> container_environment(Context& context, const json::object& container,
                                           const json::object& change, const Caller& role) {
  json::object environment;
  for (const json::object* source : {&container, &change}) {
    const json::array* list = find_array(*source, "environment");
    for (const json::value& one : list ? *list : json::array{})
      environment[text(one.as_object(), "name")] = text(one.as_object(), "value");
  }
  const json::array* secrets = find_array(container, "secrets");
  for (const json::value& one : secrets ? *secrets : json::array{}) {
    KIBAN_TRY(environment[text(one.as_object(), "name")],
              read_secret(context, role, text(one.as_object(), "valueFrom")));
  }
  return environment;
}

// What the performer of `task.run` needs for one container.
Result<json::object> container_plan(Context& context, const json::object& container,
                                    const json::object& change, const Caller& role) {
  KIBAN_TRY(json::object environment, container_environment(context, container, change, role));
  json::object plan{{"Name", container.at("name")},
                    {"Image", container.at("image")},
                    {"Environment", std::move(environment)},
                    {"Essential", flag(container, "essential", true)},
                    {"StopTimeout", number(container, "stopTimeout", stop_timeout_default)},
                    {"Log", log_plan(container)}};
  for (const auto& [member, name] :
       {std::pair("entryPoint", "EntryPoint"), std::pair("command", "Command"),
        std::pair("portMappings", "PortMappings"),
        std::pair("workingDirectory", "WorkingDirectory"), std::pair("user", "User"),
        std::pair("memory", "Memory"), std::pair("cpu", "Cpu"),
        std::pair("readonlyRootFilesystem", "ReadonlyRootFilesystem"),
        std::pair("mountPoints", "MountPoints"), std::pair("dependsOn", "DependsOn"),
        std::pair("healthCheck", "HealthCheck"), std::pair("ulimits", "Ulimits"),
        std::pair("linuxParameters", "LinuxParameters")}) {
    const json::value* value = find(change, member);
    if (!value) value = find(container, member);
    if (value) plan[name] = *value;
  }
  // A driver that needs no image need not care that there is none.
  const auto image = resolve_image(context, text(container, "image"), role);
  if (image) {
    plan["ImageManifest"] = image->manifest;
    plan["ImageDigest"] = image->digest;
  } else {
    plan["ImageError"] = image.error().cause;
  }
  return plan;
}

// Names that lead to databases of this host, for the tasks' /etc/hosts.
json::object database_hosts(Context& context) {
  json::object hosts;
  const auto add = [&hosts](std::string_view name) {
    if (!name.empty()) hosts[name] = host_address;
  };
  const Caller ecs = principal(context, "ecs-tasks.amazonaws.com");
  if (const auto reply = context.call("rds", "DescribeDBClusters", {}, ecs)) {
    const json::array* clusters = find_array(*reply, "DBClusters");
    for (const json::value& cluster : clusters ? *clusters : json::array{}) {
      add(text(cluster.as_object(), "Endpoint"));
      add(text(cluster.as_object(), "ReaderEndpoint"));
    }
  }
  if (const auto reply = context.call("rds", "DescribeDBInstances", {}, ecs)) {
    const json::array* instances = find_array(*reply, "DBInstances");
    for (const json::value& instance : instances ? *instances : json::array{}) {
      const json::object* endpoint = find_object(instance.as_object(), "Endpoint");
      if (endpoint) add(text(*endpoint, "Address"));
    }
  }
  return hosts;
}

}  // namespace

json::object container_override(const json::object& input, std::string_view name) {
  const json::object* overrides = find_object(input, "overrides");
  const json::array* list = overrides ? find_array(*overrides, "containerOverrides") : nullptr;
  for (const json::value& one : list ? *list : json::array{}) {
    if (text(one.as_object(), "name") == name) return one.as_object();
  }
  return {};
}

Result<json::object> task_plan(Context& context, const json::object& input,
                               const json::object& definition, const json::object& task) {
  const std::string role_arn = text(definition, "executionRoleArn");
  Caller role = principal(context, "ecs-tasks.amazonaws.com");
  if (!role_arn.empty()) {
    KIBAN_TRY(role, context.assume_role(role_arn, "ecs-tasks.amazonaws.com", "ecs-task"));
  }
  json::array plans;
  for (const json::value& value : definition.at("containerDefinitions").as_array()) {
    const json::object& container = value.as_object();
    KIBAN_TRY(json::object plan,
              container_plan(context, container, container_override(input, text(container, "name")),
                             role));
    plan["MetadataId"] = metadata_id(task, plans.size());
    plans.push_back(std::move(plan));
  }
  return json::object{{"TaskArn", task.at("taskArn")},
                      {"Cluster", last_part(text(task, "clusterArn"))},
                      {"Region", context.caller().region},
                      {"Account", context.caller().account},
                      {"Group", task.at("group")},
                      {"TaskRoleArn", text(definition, "taskRoleArn")},
                      {"Cpu", text(definition, "cpu")},
                      {"Memory", text(definition, "memory")},
                      {"StorageGiB", ephemeral_gib(definition)},
                      {"Endpoint", context.endpoint()},
                      {"Hosts", database_hosts(context)},
                      {"Containers", std::move(plans)}};
}

}  // namespace kiban::services::ecs
