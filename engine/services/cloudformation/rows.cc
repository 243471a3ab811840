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

std::optional<Stack> get_stack(const Context& context, std::string_view region,
                               std::string_view uuid) {
  const std::string key = stack_key(region, uuid);
  const auto row = get_json(context, key);
  return row ? std::optional(read_stack(key, *row)) : std::nullopt;
}

std::vector<Stack> list_stacks(const Context& context) {
  const std::string prefix = stack_key(context.caller().region, "");
  std::vector<Stack> out;
  for (const json::object& row : list_json(context, prefix)) out.push_back(read_stack(prefix, row));
  return out;
}

Result<Stack> find_stack(const Context& context, const std::string& given) {
  const std::string& region = context.caller().region;
  std::optional<std::string> uuid;
  if (given.starts_with("arn:")) {
    uuid = given.substr(given.rfind('/') + 1);
  } else {
    uuid = context.get(row_key(region, "name", given));
  }
  auto stack = uuid ? get_stack(context, region, *uuid) : std::nullopt;
  if (stack && (!given.starts_with("arn:") || stack->id == given)) return *std::move(stack);
  return fail("ValidationError", fmt::format("Stack with id {} does not exist", given));
}

Stack new_stack(Context& context, const std::string& name) {
  const std::string uuid = context.random().uuid();
  const Caller& caller = context.caller();
  context.put(row_key(caller.region, "name", name), uuid);
  Stack stack;
  stack.uuid = uuid;
  stack.name = name;
  stack.id = make_arn(context, "cloudformation", fmt::format("stack/{}/{}", name, uuid));
  stack.account = caller.account;
  stack.region = caller.region;
  stack.creation_time = context.now();
  return stack;
}

void save_stack(Context& context, const Stack& stack) {
  put_json(context, stack_key(stack.region, stack.uuid), print_stack(stack));
}

Caller notifier(std::string_view account, std::string_view topic_arn) {
  const auto arn = parse_arn(topic_arn);
  return {.account = std::string(account),
          .region = arn ? std::string(arn->region) : std::string(),
          .arn = "cloudformation.amazonaws.com"};
}

namespace {

// The text that AWS sends: one member of the event a line.
void notify_topics(Context& context, const Stack& stack, const json::object& event) {
  if (stack.desired.notification_arns.empty()) return;
  std::string message;
  const auto line = [&](std::string_view name, const std::string& value) {
    message += fmt::format("{}='{}'\n", name, value);
  };
  line("StackId", text(event, "StackId"));
  line("Timestamp", format_iso8601(from_epoch_seconds(event.at("Timestamp").to_number<double>())));
  line("EventId", text(event, "EventId"));
  line("LogicalResourceId", text(event, "LogicalResourceId"));
  line("Namespace", stack.account);
  line("PhysicalResourceId", text(event, "PhysicalResourceId"));
  line("ResourceProperties", "null\n");
  line("ResourceStatus", text(event, "ResourceStatus"));
  line("ResourceStatusReason", text(event, "ResourceStatusReason"));
  line("ResourceType", text(event, "ResourceType"));
  line("StackName", text(event, "StackName"));
  line("ClientRequestToken", text(event, "ClientRequestToken", "null"));
  for (const json::value& arn : stack.desired.notification_arns) {
    // A topic that is gone does not stop the stack.
    (void)context.call(
        "sns", "Publish",
        {{"TopicArn", arn}, {"Subject", "AWS CloudFormation Notification"}, {"Message", message}},
        notifier(stack.account, arn.as_string()));
  }
}

}  // namespace

void add_event(Context& context, Stack& stack, const Resource* resource, const std::string& status,
               const std::string& reason) {
  ++stack.events;
  // Clients sort by time, the CDK CLI among them: no two of a stack happen in one millisecond.
  const Timestamp time = std::max(
      context.now(), stack.event_time.value_or(Timestamp{}) + std::chrono::milliseconds(1));
  stack.event_time = time;
  json::object event{{"EventId", resource ? fmt::format("{}-{}-{}", resource->logical_id, status,
                                                        context.random().uuid())
                                          : context.random().uuid()},
                     {"StackId", stack.id},
                     {"StackName", stack.name},
                     {"LogicalResourceId", resource ? resource->logical_id : stack.name},
                     {"PhysicalResourceId", resource ? resource->physical_id : stack.id},
                     {"ResourceType", resource ? resource->type : "AWS::CloudFormation::Stack"},
                     {"Timestamp", epoch_seconds(time)},
                     {"ResourceStatus", status}};
  if (!reason.empty()) event["ResourceStatusReason"] = reason;
  if (!stack.token.empty()) event["ClientRequestToken"] = stack.token;
  put_json(context,
           row_key(stack.region, "event", fmt::format("{}/{:08}", stack.uuid, stack.events)),
           event);
  notify_topics(context, stack, event);
}

void set_status(Context& context, Stack& stack, const std::string& status,
                const std::string& reason) {
  stack.status = status;
  stack.reason = reason;
  add_event(context, stack, nullptr, status, reason);
}

std::vector<std::string> exports_of(const Stack& stack) {
  std::vector<std::string> out;
  for (const json::value& output : stack.outputs) {
    const std::string name = text(output.as_object(), "ExportName");
    if (!name.empty()) out.push_back(name);
  }
  return out;
}

void index_exports(Context& context, const Stack& before, const Stack& after) {
  const std::string& region = after.region;
  for (const std::string& old : exports_of(before)) context.erase(row_key(region, "export", old));
  for (const std::string& old : before.imports)
    context.erase(row_key(region, "import", old + "/" + after.name));
  for (const json::value& output : after.outputs) {
    const std::string exported = text(output.as_object(), "ExportName");
    if (exported.empty()) continue;
    put_json(
        context, row_key(region, "export", exported),
        {{"Name", exported}, {"Value", output.at("OutputValue")}, {"ExportingStackId", after.id}});
  }
  for (const std::string& used : after.imports)
    context.put(row_key(region, "import", used + "/" + after.name), after.name);
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
