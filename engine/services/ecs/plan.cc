#include "services/ecs/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/table_service.h"
#include "services/ecs/execution_role.h"
#include "services/ecs/image.h"
#include "services/ecs/metadata.h"
#include "services/ecs/names.h"
#include "services/ecs/task_definition.h"

namespace kiban::services::ecs {
namespace {

constexpr std::int64_t stop_timeout_default = 30;  // Seconds between SIGTERM and SIGKILL.
// Where tasks reach this host: the bridge that the container driver makes.
constexpr std::string_view host_address = "169.254.170.2";

std::unexpected<Error> not_retrieved(std::string_view what, const std::string& why) {
  return fail(
      "ResourceInitializationError",
      fmt::format("ResourceInitializationError: unable to pull secrets or registry auth: "
                  "execution resource retrieval failed: unable to retrieve {}: service call "
                  "has been retried 1 time(s): {}",
                  what, why));
}

Result<std::string> read_parameter(Context& context, const Caller& role,
                                   std::string_view value_from) {
  const std::size_t at = value_from.find(":parameter");
  const std::string name(at == std::string_view::npos ? value_from : value_from.substr(at + 10));
  const auto reply =
      context.call("ssm", "GetParameters", {{"Names", {name}}, {"WithDecryption", true}}, role);
  if (!reply) return not_retrieved("secrets from ssm", quoted_error(context, reply.error()));
  const json::array* found = find_array(*reply, "Parameters");
  if (!found || found->empty())
    return not_retrieved("secrets from ssm", fmt::format("invalid ssm parameters: {}", name));
  return text(found->front().as_object(), "Value");
}

// Secrets of one container as environment: ARN, or ARN:KEY:STAGE:VERSION, read as the execution
// role.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html
// The error's cause is a task's stoppedReason. Its texts: aws/copilot-cli#4504 (Parameter Store),
// aws-samples/dify-self-hosted-on-aws#35 (Secrets Manager).
Result<std::string> read_secret(Context& context, const Caller& role, std::string_view value_from) {
  if (value_from.starts_with("arn:aws:ssm:") || !value_from.starts_with("arn:"))
    return read_parameter(context, role, value_from);
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
  const auto reply = context.call("secretsmanager", "GetSecretValue", request, role);
  if (!reply)
    return not_retrieved("secret from asm",
                         fmt::format("failed to fetch secret {} from secrets manager: {}", arn,
                                     quoted_error(context, reply.error())));
  std::string secret = text(*reply, "SecretString");
  if (parts.size() < 8 || parts[7].empty()) return secret;
  const auto fields = parse_json(secret);
  const json::value* value =
      fields && fields->is_object() ? find(fields->get_object(), parts[7]) : nullptr;
  if (!value)
    return not_retrieved(
        "secret from asm",
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
  // A driver that needs no image need not care that there is none, but a refusal is one anyhow.
  const auto image = resolve_image(context, text(container, "image"), role);
  if (!image && image.error().name != "CannotPullContainerError")
    return std::unexpected(image.error());
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
  const std::string task_arn = text(task, "taskArn");
  KIBAN_TRY(const Caller role, assume_execution_role(context, definition, task_arn));
  json::array plans;
  for (const json::value& value : definition.at("containerDefinitions").as_array()) {
    const json::object& container = value.as_object();
    KIBAN_TRY(json::object plan,
              container_plan(context, container, container_override(input, text(container, "name")),
                             role));
    plan["MetadataId"] = metadata_id(task, plans.size());
    plans.push_back(std::move(plan));
  }
  KIBAN_TRY_VOID(check_log_streams(context, definition, task_arn, role));
  return json::object{{"TaskArn", task_arn},
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
