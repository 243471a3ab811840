#include "services/cloudformation/rows.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/arn.h"
#include "services/base/table_service.h"

namespace kiban::services::cloudformation {

std::string row_key(std::string_view region, std::string_view kind, std::string_view rest) {
  return fmt::format("cloudformation/{}/{}/{}", region, kind, rest);
}

std::string stack_key(std::string_view region, std::string_view uuid) {
  return row_key(region, "stack", uuid);
}

Result<json::object> find_stack(const Context& context, const std::string& given) {
  const std::string& region = context.caller().region;
  std::optional<std::string> uuid;
  if (given.starts_with("arn:")) {
    uuid = given.substr(given.rfind('/') + 1);
  } else {
    uuid = context.get(row_key(region, "name", given));
  }
  auto stack = uuid ? get_json(context, stack_key(region, *uuid)) : std::nullopt;
  if (stack && (!given.starts_with("arn:") || text(*stack, "StackId") == given)) {
    return *std::move(stack);
  }
  return fail("ValidationError", fmt::format("Stack with id {} does not exist", given));
}

json::object new_stack(Context& context, const std::string& name) {
  const std::string uuid = context.random().uuid();
  const Caller& caller = context.caller();
  context.put(row_key(caller.region, "name", name), uuid);
  return {{"Uuid", uuid},
          {"StackName", name},
          {"StackId", make_arn(context, "cloudformation", fmt::format("stack/{}/{}", name, uuid))},
          {"Account", caller.account},
          {"Region", caller.region},
          {"CreationTime", epoch_seconds(context.now())},
          {"Status", ""},
          {"Reason", ""},
          {"Kind", ""},
          {"Template", ""},
          {"Given", json::object{}},
          {"Ssm", json::object{}},
          {"Parameters", json::array{}},
          {"Tags", json::array{}},
          {"RoleARN", ""},
          {"Resources", json::object{}},
          {"Outputs", json::array{}},
          {"Imports", json::array{}}};
}

void save_stack(Context& context, const json::object& stack) {
  put_json(context, stack_key(text(stack, "Region"), text(stack, "Uuid")), stack);
}

Caller notifier(std::string_view account, std::string_view topic_arn) {
  const auto arn = parse_arn(topic_arn);
  return {.account = std::string(account),
          .region = arn ? std::string(arn->region) : std::string(),
          .arn = "cloudformation.amazonaws.com"};
}

namespace {

// The text that AWS sends: one member of the event a line.
void notify_topics(Context& context, const json::object& stack, const json::object& event) {
  const json::array* topics = find_array(stack, "NotificationARNs");
  if (!topics || topics->empty()) return;
  std::string message;
  const auto line = [&](std::string_view name, const std::string& value) {
    message += fmt::format("{}='{}'\n", name, value);
  };
  line("StackId", text(event, "StackId"));
  line("Timestamp", format_iso8601(from_epoch_seconds(event.at("Timestamp").to_number<double>())));
  line("EventId", text(event, "EventId"));
  line("LogicalResourceId", text(event, "LogicalResourceId"));
  line("Namespace", text(stack, "Account"));
  line("PhysicalResourceId", text(event, "PhysicalResourceId"));
  line("ResourceProperties", "null\n");
  line("ResourceStatus", text(event, "ResourceStatus"));
  line("ResourceStatusReason", text(event, "ResourceStatusReason"));
  line("ResourceType", text(event, "ResourceType"));
  line("StackName", text(event, "StackName"));
  line("ClientRequestToken", text(event, "ClientRequestToken", "null"));
  for (const json::value& arn : *topics) {
    // A topic that is gone does not stop the stack.
    (void)context.call(
        "sns", "Publish",
        {{"TopicArn", arn}, {"Subject", "AWS CloudFormation Notification"}, {"Message", message}},
        notifier(text(stack, "Account"), arn.as_string()));
  }
}

}  // namespace

void add_event(Context& context, json::object& stack, const json::object* resource,
               const std::string& logical_id, const std::string& status,
               const std::string& reason) {
  const std::int64_t number_of = number(stack, "Events", 0) + 1;
  stack["Events"] = number_of;
  // Clients sort by time, the CDK CLI among them: no two of a stack happen in one millisecond.
  const double last = stack.contains("EventTime") ? stack.at("EventTime").to_number<double>() : 0;
  const Timestamp time =
      std::max(context.now(), from_epoch_seconds(last) + std::chrono::milliseconds(1));
  stack["EventTime"] = epoch_seconds(time);
  json::object event{
      {"EventId", resource ? fmt::format("{}-{}-{}", logical_id, status, context.random().uuid())
                           : context.random().uuid()},
      {"StackId", text(stack, "StackId")},
      {"StackName", text(stack, "StackName")},
      {"LogicalResourceId", resource ? logical_id : text(stack, "StackName")},
      {"PhysicalResourceId", resource ? text(*resource, "PhysicalId") : text(stack, "StackId")},
      {"ResourceType", resource ? text(*resource, "Type") : "AWS::CloudFormation::Stack"},
      {"Timestamp", epoch_seconds(time)},
      {"ResourceStatus", status}};
  if (!reason.empty()) event["ResourceStatusReason"] = reason;
  if (const std::string token = text(stack, "Token"); !token.empty()) {
    event["ClientRequestToken"] = token;
  }
  put_json(context,
           row_key(text(stack, "Region"), "event",
                   fmt::format("{}/{:08}", text(stack, "Uuid"), number_of)),
           event);
  notify_topics(context, stack, event);
}

void set_status(Context& context, json::object& stack, const std::string& status,
                const std::string& reason) {
  stack["Status"] = status;
  stack["Reason"] = reason;
  add_event(context, stack, nullptr, {}, status, reason);
}

std::vector<std::string> exports_of(const json::object& stack) {
  std::vector<std::string> out;
  for (const json::value& output : stack.at("Outputs").as_array()) {
    const std::string name = text(output.as_object(), "ExportName");
    if (!name.empty()) out.push_back(name);
  }
  return out;
}

void index_exports(Context& context, const json::object& before, const json::object& after) {
  const std::string region = text(after, "Region");
  const std::string name = text(after, "StackName");
  for (const std::string& old : exports_of(before)) context.erase(row_key(region, "export", old));
  for (const json::value& old : before.at("Imports").as_array()) {
    context.erase(row_key(region, "import", std::string(old.as_string()) + "/" + name));
  }
  for (const json::value& output : after.at("Outputs").as_array()) {
    const std::string exported = text(output.as_object(), "ExportName");
    if (exported.empty()) continue;
    put_json(context, row_key(region, "export", exported),
             {{"Name", exported},
              {"Value", output.at("OutputValue")},
              {"ExportingStackId", after.at("StackId")}});
  }
  for (const json::value& used : after.at("Imports").as_array()) {
    context.put(row_key(region, "import", std::string(used.as_string()) + "/" + name), name);
  }
}

std::vector<std::string> importers(const Context& context, std::string_view region,
                                   std::string_view export_name) {
  std::vector<std::string> out;
  const std::string prefix = row_key(region, "import", std::string(export_name) + "/");
  for (store::Row& row : context.scan(prefix)) {
    // Export names may hold no '/', but stack names never do: what is longer is another export.
    if (row.key.find('/', prefix.size()) == std::string::npos) out.push_back(std::move(row.value));
  }
  return out;
}

}  // namespace kiban::services::cloudformation
