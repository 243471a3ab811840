#include "services/ecs/task_definition.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "services/base/table_service.h"
#include "services/ecs/container_checks.h"
#include "services/ecs/definition_checks.h"
#include "services/ecs/names.h"
#include "services/ecs/tags.h"

namespace kiban::services::ecs {
namespace {

constexpr std::size_t deleted_max = 10;

std::string definition_key(const Context& context, std::string_view family, std::int64_t revision) {
  return row_key(context, "definition", fmt::format("{}/{:07}", family, revision));
}

std::unexpected<Error> refuse(std::string cause) {
  return fail("ClientException", std::move(cause));
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

// What DescribeTaskDefinition shows though nobody said it.
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
void fill_defaults(json::object& container, std::string_view network_mode) {
  const auto set = [](json::object& holder, std::string_view member, json::value value) {
    if (!holder.contains(member)) holder[member] = std::move(value);
  };
  set(container, "cpu", 0);
  set(container, "essential", true);
  for (const auto* list :
       {"portMappings", "environment", "mountPoints", "volumesFrom", "systemControls"})
    set(container, list, json::array{});
  for (json::value& value : container["portMappings"].as_array()) {
    json::object& mapping = value.as_object();
    set(mapping, "protocol", "tcp");
    set(mapping, "hostPort",
        network_mode == "bridge" ? json::value(0) : mapping.at("containerPort"));
  }
  if (json::value* check = container.if_contains("healthCheck")) {
    set(check->as_object(), "interval", 30);
    set(check->as_object(), "timeout", 5);
    set(check->as_object(), "retries", 3);
  }
}

// The launch types that the definition fits.
json::array compatibilities_of(const json::object& definition) {
  if (is_for_fargate(definition)) return {"EC2", "FARGATE"};
  if (text(definition, "networkMode") == "awsvpc") return {"EC2"};
  return {"EXTERNAL", "EC2"};
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
  KIBAN_TRY_VOID(check_definition(input));
  KIBAN_TRY_VOID(check_tags(input));
  const std::string family = text(input, "family");
  const std::string counter = row_key(context, "family", family);
  const auto last = context.get(counter);
  const std::int64_t revision = last ? std::stoll(*last) + 1 : 1;
  json::object definition = input;
  definition.erase("tags");
  for (json::value& container : definition["containerDefinitions"].as_array())
    fill_defaults(container.as_object(), text(definition, "networkMode", "bridge"));
  definition["taskDefinitionArn"] =
      make_arn(context, "ecs", fmt::format("task-definition/{}:{}", family, revision));
  definition["revision"] = revision;
  definition["status"] = "ACTIVE";
  if (!definition.contains("volumes")) definition["volumes"] = json::array{};
  if (!definition.contains("placementConstraints"))
    definition["placementConstraints"] = json::array{};
  definition["compatibilities"] = compatibilities_of(definition);
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
  const std::string name = text(input, "taskDefinition");
  if (last_part(name).find(':') == std::string::npos)
    return refuse("The task definition's revision is missing: specify FAMILY:REVISION or an ARN.");
  KIBAN_TRY(json::object row, load_task_definition(context, name));
  if (text(row, "status") != "ACTIVE")
    return refuse(
        "The specified task definition is inactive. Specify an active task definition and try "
        "again.");
  row["status"] = "INACTIVE";
  row["deregisteredAt"] = epoch_seconds(context.now());
  put_json(context, definition_key(context, text(row, "family"), number(row, "revision", 0)), row);
  return json::object{{"taskDefinition", std::move(row)}};
}

namespace {

bool is_in_use(const Context& context, const json::value& arn) {
  for (const json::object& service : list_json(context, row_key(context, "service", ""))) {
    if (text(service, "status") == "INACTIVE") continue;
    for (const json::value& deployment : service.at("deployments").as_array())
      if (deployment.at("taskDefinition") == arn) return true;
  }
  return std::ranges::any_of(
      list_json(context, row_key(context, "task", "")), [&](const json::object& task) {
        return text(task, "lastStatus") != "STOPPED" && task.at("taskDefinitionArn") == arn;
      });
}

}  // namespace

// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeleteTaskDefinitions.html
Result<json::object> delete_task_definitions(Context& context, const json::object& input) {
  const json::array& names = input.at("taskDefinitions").as_array();
  if (names.empty() || names.size() > deleted_max)
    return fail("InvalidParameterException", "Specify 1 to 10 task definitions.");
  json::array deleted;
  json::array failures;
  for (const json::value& value : names) {
    const std::string name = to_string(value.as_string());
    const std::string revision = last_part(name);
    if (revision.find(':') == std::string::npos)
      return fail("InvalidParameterException",
                  "Specify task definitions as FAMILY:REVISION or by their ARN.");
    auto row = load_task_definition(context, name);
    const std::string arn = make_arn(context, "ecs", "task-definition/" + revision);
    if (!row) {
      failures.push_back({{"arn", arn},
                          {"reason",
                           "The specified task definition does not exist. Specify a valid account, "
                           "family, revision and try again."}});
    } else if (text(*row, "status") == "ACTIVE") {
      failures.push_back({{"arn", arn},
                          {"reason",
                           "The specified task definition is still in ACTIVE status. Please "
                           "deregister the target and try again."}});
    } else {
      (*row)["status"] = "DELETE_IN_PROGRESS";
      (*row)["deleteRequestedAt"] = epoch_seconds(context.now());
      const std::string key =
          definition_key(context, text(*row, "family"), number(*row, "revision", 0));
      if (is_in_use(context, row->at("taskDefinitionArn"))) {
        put_json(context, key, *row);
      } else {
        context.erase(key);
        drop_tags(context, arn);
      }
      deleted.push_back(*std::move(row));
    }
  }
  return json::object{{"taskDefinitions", std::move(deleted)}, {"failures", std::move(failures)}};
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
  const std::string prefix = row_key(context, "definition", family.empty() ? "" : family + "/");
  const auto entry = [&](const store::Row& stored) -> std::optional<json::value> {
    const json::object row = object_of(stored.key, stored.value);
    if (text(row, "status") != status) return std::nullopt;
    return row.at("taskDefinitionArn");
  };
  if (text(input, "sort") != "DESC")
    return arn_page(context, input, "taskDefinitionArns", prefix, entry);
  // The store reads forward only: all of them are read for the last ones.
  json::array arns;
  for (const store::Row& row : context.scan(prefix))
    if (auto arn = entry(row)) arns.push_back(*std::move(arn));
  std::ranges::reverse(arns);
  return arn_page(input, "taskDefinitionArns", arns);
}

// "If this parameter is not used, both ACTIVE and INACTIVE families are listed": a family without
// an active revision is inactive.
Result<json::object> list_families(Context& context, const json::object& input) {
  const std::string status = text(input, "status", "ALL");
  const std::string base = row_key(context, "family", "");
  return arn_page(context, input, "families", base + text(input, "familyPrefix"),
                  [&](const store::Row& row) -> std::optional<json::value> {
                    const std::string family = row.key.substr(base.size());
                    const bool active = load_task_definition(context, family).has_value();
                    if (status != "ALL" && active != (status == "ACTIVE")) return std::nullopt;
                    return json::value(family);
                  });
}

}  // namespace kiban::services::ecs
