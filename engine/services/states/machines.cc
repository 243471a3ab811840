#include "services/states/machines.h"

#include <fmt/format.h>

#include "asl/interpreter.h"
#include "asl/validate.h"
#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/states/integrations.h"
#include "services/states/machine_role.h"
#include "services/states/names.h"
#include "services/states/variable_references.h"
#include "services/states/versions.h"

namespace kiban::services::states {
namespace {

std::unexpected<Error> no_machine(std::string_view arn) {
  return fail("StateMachineDoesNotExist", fmt::format("State Machine Does Not Exist: '{}'", arn));
}

asl::MachineType type_of(std::string_view type) {
  return type == "EXPRESS" ? asl::MachineType::Express : asl::MachineType::Standard;
}

Result<std::vector<asl::Diagnostic>> check_definition(std::string_view definition,
                                                      std::string_view type) {
  auto found = asl::validate(definition, type_of(type), answer_of);
  if (const auto refused = asl::refusal(found)) return fail("InvalidDefinition", *refused);
  return found;
}

// To the server's log: AWS takes the definition, so no reply can say it.
void tell_not_served(Context& context, const json::object& machine,
                     const std::vector<asl::Diagnostic>& found) {
  for (const asl::Diagnostic& one : found) {
    if (one.code != asl::not_served) continue;
    context.perform(
        {.service = "states",
         .kind = "server.log",
         .id = fmt::format("log/{}{}", text(machine, "currentRevision"), one.location),
         .payload = {{"Message", fmt::format("state machine {}: {}: {}", text(machine, "name"),
                                             one.location, one.message)}}});
  }
}

// The log group must be named when anything is to be logged.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_LoggingConfiguration.html
Result<json::object> logging_of(Context& context, const json::object& input) {
  const json::object* given = find_object(input, "loggingConfiguration");
  json::object logging = given ? *given : json::object{};
  if (!logging.contains("level")) logging["level"] = "OFF";
  if (!logging.contains("includeExecutionData")) logging["includeExecutionData"] = false;
  const json::array* destinations = find_array(logging, "destinations");
  const auto refuse = [](std::string_view why) {
    return fail("InvalidLoggingConfiguration",
                fmt::format("Invalid Logging Configuration: {}", why));
  };
  if (text(logging, "level") == "OFF") return logging;
  if (!destinations || destinations->size() != 1)
    return refuse("Must specify exactly one Log Destination.");
  // Measured: github.com/badmintoncryer/cdk-preflight, pf-sfn-logging-destination.
  const json::object* group = find_object((*destinations)[0].as_object(), "cloudWatchLogsLogGroup");
  const std::string arn = group ? text(*group, "logGroupArn") : std::string();
  if (!arn.starts_with("arn:")) return refuse("Must set valid CloudWatch Log Group ARN.");
  if (!arn.contains(":logs:") || !arn.contains(":log-group:"))
    return refuse("Provided ARN is not CloudWatch Logs Log Group ARN.");
  if (!arn.ends_with(":*")) return refuse("Log Group ARN must be provided with '*' qualifier.");
  // Recorded: test_deleted_log_group. The group is looked up in the machine's own Region.
  std::string name = arn.substr(arn.find(":log-group:") + std::string_view(":log-group:").size());
  name.resize(name.size() - 2);
  Caller states = context.caller();
  states.arn = "states.amazonaws.com";
  const auto found =
      context.call("logs", "DescribeLogGroups", {{"logGroupNamePrefix", name}}, states);
  const json::array* groups = found ? find_array(*found, "logGroups") : nullptr;
  const bool exists = groups && std::ranges::any_of(*groups, [&](const json::value& one) {
                        return text(one.as_object(), "logGroupName") == name;
                      });
  if (!exists) return refuse("Log Destination not found.");
  return logging;
}

// Executions go by their revision: it outlives the machine.
void save_revision(Context& context, json::object& machine) {
  const std::string id = context.random().uuid();
  machine["currentRevision"] = id;
  if (!machine.contains("firstRevision")) machine["firstRevision"] = id;
  json::object revision{{"id", id}, {"updateDate", epoch_seconds(context.now())}};
  for (const auto* member : {"stateMachineArn", "name", "firstRevision", "definition", "roleArn",
                             "type", "loggingConfiguration", "tracingConfiguration"})
    revision[member] = machine.at(member);
  put_json(context, row_key(context, "revision", text(machine, "name") + "/" + id), revision);
}

// A machine runs as a role of IAM; check_machine_role asks for the role itself.
Result<void> check_role(const json::object& input) {
  if (!input.contains("roleArn")) return {};
  const std::string arn = text(input, "roleArn");
  const auto parsed = parse_arn(arn);
  if (parsed && parsed->service == "iam" && parsed->resource.starts_with("role/")) return {};
  return fail("InvalidArn", fmt::format("Invalid Role Arn: '{}'", arn));
}

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
Result<void> check_publish(const json::object& input) {
  if (!input.contains("versionDescription") || flag(input, "publish")) return {};
  return fail("ValidationException", "Version description can only be set when publish is true");
}

// Publishes when the request says so, and tells the version.
Result<void> publish_if_asked(Context& context, const json::object& input, json::object& machine,
                              json::object& reply) {
  if (!flag(input, "publish")) return {};
  KIBAN_TRY(const json::object version,
            publish(context, machine, {}, text(input, "versionDescription")));
  reply["stateMachineVersionArn"] = version.at("stateMachineVersionArn");
  return {};
}

}  // namespace

json::object tags_of(const json::object& input) {
  json::object tags;
  if (const json::array* list = find_array(input, "tags")) {
    for (const json::value& tag : *list)
      tags[text(tag.as_object(), "key")] = text(tag.as_object(), "value");
  }
  return tags;
}

// Rows here are as safe as the disk they are on: a key of the customer's is not used.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_EncryptionConfiguration.html
Result<void> check_encryption(const json::object& input) {
  const json::object* given = find_object(input, "encryptionConfiguration");
  if (!given) return {};
  const bool owned = text(*given, "type") == "AWS_OWNED_KEY";
  if (owned && (given->contains("kmsKeyId") || given->contains("kmsDataKeyReusePeriodSeconds")))
    return fail("InvalidEncryptionConfiguration",
                "Invalid Encryption Configuration: kmsKeyId and kmsDataKeyReusePeriodSeconds need "
                "the type CUSTOMER_MANAGED_KMS_KEY");
  if (owned) return {};
  if (!given->contains("kmsKeyId"))
    return fail("InvalidEncryptionConfiguration",
                "Invalid Encryption Configuration: the type CUSTOMER_MANAGED_KMS_KEY needs a "
                "kmsKeyId");
  return fail("InvalidEncryptionConfiguration",
              "Invalid Encryption Configuration: kiban does not encrypt with a key of yours. Leave "
              "encryptionConfiguration out, or set its type to AWS_OWNED_KEY.");
}

Result<json::object> load_machine(const Context& context, std::string_view arn) {
  KIBAN_TRY(const std::string name, resource_of(arn, "stateMachine"));
  auto row = get_json(context, row_key(context, "machine", name));
  if (!row || text(*row, "stateMachineArn") != arn) return no_machine(arn);
  return *std::move(row);
}

std::optional<json::object> load_revision(const Context& context, std::string_view machine_name,
                                          std::string_view id) {
  return get_json(context, row_key(context, "revision", fmt::format("{}/{}", machine_name, id)));
}

Result<json::object> create_machine(Context& context, const json::object& input) {
  const std::string name = text(input, "name");
  KIBAN_TRY_VOID(check_name(name));
  KIBAN_TRY_VOID(check_publish(input));
  KIBAN_TRY_VOID(check_role(input));
  KIBAN_TRY_VOID(check_encryption(input));
  KIBAN_TRY(const auto found,
            check_definition(text(input, "definition"), text(input, "type", "STANDARD")));
  KIBAN_TRY(const json::object logging, logging_of(context, input));
  const json::object* tracing = find_object(input, "tracingConfiguration");
  json::object machine{
      {"stateMachineArn", make_arn(context, "states", "stateMachine:" + name)},
      {"name", name},
      {"status", "ACTIVE"},
      {"definition", text(input, "definition")},
      {"roleArn", text(input, "roleArn")},
      {"type", text(input, "type", "STANDARD")},
      {"creationDate", epoch_seconds(context.now())},
      {"loggingConfiguration", logging},
      {"tracingConfiguration", tracing ? *tracing : json::object{{"enabled", false}}},
      {"tags", tags_of(input)}};
  const std::string key = row_key(context, "machine", name);
  if (auto old = get_json(context, key)) {
    // Creating the same again is idempotent; a different role or other tags are not looked at.
    // https://docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html
    const bool same = old->at("definition") == machine.at("definition") &&
                      old->at("type") == machine.at("type") &&
                      old->at("loggingConfiguration") == machine.at("loggingConfiguration") &&
                      old->at("tracingConfiguration") == machine.at("tracingConfiguration");
    if (!same)
      return fail("StateMachineAlreadyExists",
                  fmt::format("State Machine Already Exists: '{}'", text(*old, "stateMachineArn")));
    json::object reply{{"stateMachineArn", old->at("stateMachineArn")},
                       {"creationDate", old->at("creationDate")}};
    KIBAN_TRY_VOID(publish_if_asked(context, input, *old, reply));
    return reply;
  }
  KIBAN_TRY_VOID(check_machine_role(context, machine));
  save_revision(context, machine);
  put_json(context, key, machine);
  tell_not_served(context, machine, found);
  json::object reply{{"stateMachineArn", machine.at("stateMachineArn")},
                     {"creationDate", machine.at("creationDate")}};
  KIBAN_TRY_VOID(publish_if_asked(context, input, machine, reply));
  return reply;
}

Result<json::object> describe_machine(Context& context, const json::object& input) {
  const std::string arn = text(input, "stateMachineArn");
  ParsedRows rows;
  KIBAN_TRY(const Target target, resolve(context, arn, rows));
  json::object machine = *target.machine;
  // The first revision's id is not told. Recorded by AWS.
  if (target.revision != text(machine, "firstRevision")) machine["revisionId"] = target.revision;
  if (!target.version_arn.empty()) {
    const auto version = find_version(context, target.version_arn);
    const auto revision = load_revision(context, text(machine, "name"), target.revision);
    if (!version || !revision) throw DamagedRow(target.version_arn, "its revision is not there");
    for (const auto* member : {"definition", "roleArn"}) machine[member] = revision->at(member);
    machine["stateMachineArn"] = arn;
    machine["creationDate"] = version->at("creationDate");
    if (!text(*version, "description").empty()) machine["description"] = version->at("description");
  }
  for (const auto* ours : {"tags", "currentRevision", "firstRevision", "lastVersion"})
    machine.erase(ours);
  if (json::object read = variable_references(text(machine, "definition")); !read.empty())
    machine["variableReferences"] = std::move(read);
  machine["encryptionConfiguration"] = {{"type", "AWS_OWNED_KEY"}};
  return machine;
}

Result<json::object> update_machine(Context& context, const json::object& input) {
  KIBAN_TRY(json::object machine, load_machine(context, text(input, "stateMachineArn")));
  if (!input.contains("definition") && !input.contains("roleArn") &&
      !input.contains("loggingConfiguration") && !input.contains("tracingConfiguration") &&
      !input.contains("encryptionConfiguration"))
    return fail("MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, or the "
                "TracingConfiguration must be specified");
  KIBAN_TRY_VOID(check_publish(input));
  KIBAN_TRY_VOID(check_role(input));
  KIBAN_TRY_VOID(check_encryption(input));
  std::vector<asl::Diagnostic> found;
  if (input.contains("definition")) {
    KIBAN_TRY(found, check_definition(text(input, "definition"), text(machine, "type")));
  }
  // Only another definition, role or logging makes another revision. Recorded:
  // test_update_logging_configuration.
  const json::object before = machine;
  if (input.contains("loggingConfiguration")) {
    KIBAN_TRY(machine["loggingConfiguration"], logging_of(context, input));
  }
  for (const auto* member : {"definition", "roleArn", "tracingConfiguration"}) {
    if (const json::value* value = find(input, member)) machine[member] = *value;
  }
  if (machine.at("definition") != before.at("definition") ||
      machine.at("roleArn") != before.at("roleArn") ||
      machine.at("loggingConfiguration") != before.at("loggingConfiguration")) {
    KIBAN_TRY_VOID(check_machine_role(context, machine));
    save_revision(context, machine);
    tell_not_served(context, machine, found);
  }
  put_json(context, row_key(context, "machine", text(machine, "name")), machine);
  json::object reply{{"updateDate", epoch_seconds(context.now())}};
  if (machine.at("currentRevision") != machine.at("firstRevision"))
    reply["revisionId"] = machine.at("currentRevision");
  KIBAN_TRY_VOID(publish_if_asked(context, input, machine, reply));
  return reply;
}

Result<json::object> delete_machine(Context& context, const json::object& input) {
  KIBAN_TRY(const std::string name, resource_of(text(input, "stateMachineArn"), "stateMachine"));
  // Running executions keep their revision and end by themselves; deleting twice succeeds.
  context.erase(row_key(context, "machine", name));
  erase_versions_and_aliases(context, name);
  return json::object{};
}

Result<json::object> validate_definition(Context&, const json::object& input) {
  const auto found =
      asl::validate(text(input, "definition"), type_of(text(input, "type", "STANDARD")), answer_of);
  const bool errors_only = text(input, "severity", "ERROR") == "ERROR";
  // "The default is 100"; a value of 0 means the default.
  const auto asked = static_cast<std::size_t>(number(input, "maxResults", 0));
  const std::size_t limit = asked == 0 ? 100 : asked;
  json::array diagnostics;
  bool good = true;
  bool truncated = false;
  for (const asl::Diagnostic& diagnostic : found) {
    const bool error = diagnostic.severity == asl::Severity::Error;
    good = good && !error;
    if (!error && errors_only) continue;
    if (diagnostics.size() == limit) {
      truncated = true;
      continue;
    }
    json::object entry{{"severity", error ? "ERROR" : "WARNING"},
                       {"code", diagnostic.code},
                       {"message", diagnostic.message}};
    if (!diagnostic.location.empty()) entry["location"] = diagnostic.location;
    diagnostics.push_back(std::move(entry));
  }
  return json::object{{"result", good ? "OK" : "FAIL"},
                      {"diagnostics", std::move(diagnostics)},
                      {"truncated", truncated}};
}

Result<json::object> list_machines(Context& context, const json::object& input) {
  return page_of_rows(
      context, input, "stateMachines", row_key(context, "machine", ""),
      [](const store::Row& row) -> std::optional<json::value> {
        const auto machine = parse_json(row.value);
        if (!machine) return std::nullopt;
        json::object entry;
        for (const auto* member : {"stateMachineArn", "name", "type", "creationDate"})
          entry[member] = machine->at(member);
        return entry;
      });
}

namespace {

// A state machine or an activity: its row and the row's key.
struct Tagged {
  std::string key{};
  json::object row{};
};

// The error is that of the operations on tags.
// https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListTagsForResource.html
Result<Tagged> load_tagged(const Context& context, const json::object& input) {
  const std::string arn = text(input, "resourceArn");
  std::string key;
  if (const auto activity = resource_of(arn, "activity")) {
    key = row_key(context, "activity", *activity);
  } else {
    KIBAN_TRY(const std::string machine, resource_of(arn, "stateMachine"));
    key = row_key(context, "machine", machine);
  }
  auto row = get_json(context, key);
  if (!row) return fail("ResourceNotFound", fmt::format("Resource not found: '{}'", arn));
  if (!row->contains("tags")) (*row)["tags"] = json::object{};
  return Tagged{.key = std::move(key), .row = *std::move(row)};
}

}  // namespace

Result<json::object> tag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(Tagged tagged, load_tagged(context, input));
  for (const auto& tag : tags_of(input)) tagged.row["tags"].as_object()[tag.key()] = tag.value();
  put_json(context, tagged.key, tagged.row);
  return json::object{};
}

Result<json::object> untag_resource(Context& context, const json::object& input) {
  KIBAN_TRY(Tagged tagged, load_tagged(context, input));
  if (const json::array* keys = find_array(input, "tagKeys")) {
    for (const json::value& key : *keys) tagged.row["tags"].as_object().erase(key.as_string());
  }
  put_json(context, tagged.key, tagged.row);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const Tagged tagged, load_tagged(context, input));
  json::array tags;
  for (const auto& tag : tagged.row.at("tags").as_object())
    tags.push_back({{"key", tag.key()}, {"value", tag.value()}});
  return json::object{{"tags", std::move(tags)}};
}

}  // namespace kiban::services::states
