// Event sources of functions and state machines.
// https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-eventsource.html
#include <fmt/format.h>

#include <algorithm>

#include "cfn/sam/parts.h"

namespace kiban::cfn::sam {
namespace {

constexpr std::size_t target_id_size_max = 64;

// One event of a resource.
struct Event {
  Scope& scope;
  const Target& target;
  std::string name{};  // As in the section Events.
  std::string type{};
  std::string id{};  // Of the first resource that is made.
  json::object properties{};
  json::object* role{nullptr};

  const json::value* at(std::string_view member) const { return find(properties, member); }
  void make(const std::string& made_id, std::string_view made_type, json::object made) const {
    scope.made.push_back(
        {.id = made_id, .body = body(made_type, std::move(made), target.attributes)});
  }
  std::unexpected<Error> refuse(const std::string& why) const {
    return invalid_event(target.id, name, why);
  }
  Result<void> require(std::string_view member) const {
    if (at(member)) return {};
    return refuse(fmt::format("Missing required property '{}'.", member));
  }
};

Result<void> check(const Event& event, std::initializer_list<std::string_view> known) {
  for (const auto& member : event.properties) {
    if (std::ranges::find(known, std::string_view(member.key())) != known.end()) continue;
    return event.refuse(fmt::format("property {} not defined for resource of type {}",
                                    std::string_view(member.key()), event.type));
  }
  return {};
}

// Name or ARN of the function to invoke, by AWS's service.
void permit(const Event& event, std::string_view principal, const json::value& source_arn,
            const json::value& source_account = {}) {
  json::object properties{{"Action", "lambda:InvokeFunction"},
                          {"FunctionName", event.target.name},
                          {"Principal", principal}};
  if (!source_account.is_null()) properties["SourceAccount"] = source_account;
  if (!source_arn.is_null()) properties["SourceArn"] = source_arn;
  event.make(event.id + "Permission", "AWS::Lambda::Permission", std::move(properties));
}

// A role that starts the state machine or invokes the function for `service`.
std::string make_role(const Event& event, std::string_view service, const std::string& policy_name,
                      const json::value& dead_letters = {},
                      const json::value* own_boundary = nullptr) {
  const std::string id = event.id + "Role";
  const bool function = event.target.is_function;
  json::array policies{policy(policy_name + (function ? "LambdaPolicy" : "StartExecutionPolicy"),
                              function ? "lambda:InvokeFunction" : "states:StartExecution",
                              event.target.arn)};
  if (!dead_letters.is_null())
    policies.push_back(policy(policy_name + "SQSPolicy", "sqs:SendMessage", dead_letters));
  json::object properties{{"AssumeRolePolicyDocument", trust_of(service)},
                          {"Policies", std::move(policies)}};
  const json::value* boundary = own_boundary ? own_boundary : &event.target.permissions_boundary;
  if (is_set(boundary)) properties["PermissionsBoundary"] = *boundary;
  event.make(id, "AWS::IAM::Role", std::move(properties));
  return id;
}

// The dead-letter queue of DeadLetterConfig: the one it names, or one that is made; null: none.
Result<json::value> dead_letter_queue(const Event& event, const json::value* rule_arn) {
  const json::value* given = event.at("DeadLetterConfig");
  if (!given) return json::value();
  if (!given->is_object()) return event.refuse("DeadLetterConfig must be a map.");
  const json::object& config = given->get_object();
  const json::value* arn = find(config, "Arn");
  const json::value* type = find(config, "Type");
  if (arn && type)
    return event.refuse("You can either define 'Arn' or 'Type' property of DeadLetterConfig.");
  if (type && *type != "SQS")
    return event.refuse("The only valid value for 'Type' property of DeadLetterConfig is 'SQS'.");
  if (!arn && !type)
    return event.refuse("No 'Arn' or 'Type' property provided for DeadLetterConfig.");
  if (arn) return *arn;
  const std::string queue = text(config, "QueueLogicalId", event.id + "Queue");
  event.make(queue, "AWS::SQS::Queue", {});
  json::value queue_arn = attribute(queue, "Arn");
  if (!rule_arn) return queue_arn;
  json::object statement{{"Action", "sqs:SendMessage"},
                         {"Effect", "Allow"},
                         {"Principal", {{"Service", "events.amazonaws.com"}}},
                         {"Resource", queue_arn},
                         {"Condition", {{"ArnEquals", {{"aws:SourceArn", *rule_arn}}}}}};
  event.make(event.id + "QueuePolicy", "AWS::SQS::QueuePolicy",
             {{"PolicyDocument",
               {{"Version", "2012-10-17"}, {"Statement", json::array{std::move(statement)}}}},
              {"Queues", json::array{reference(queue)}}});
  return queue_arn;
}

Result<void> set_state(const Event& event, json::object& rule) {
  const json::value* state = event.at("State");
  const json::value* enabled = event.at("Enabled");
  if (is_set(state) && enabled)
    return event.refuse("State and Enabled Properties cannot both be specified.");
  if (is_set(state)) rule["State"] = *state;
  if (enabled) rule["State"] = is_set(enabled) ? "ENABLED" : "DISABLED";
  return {};
}

json::object rule_target(const Event& event) {
  const std::string suffix = event.target.is_function ? "LambdaTarget" : "StepFunctionsTarget";
  const std::string id =
      event.id.substr(0, std::min(event.id.size(), target_id_size_max - suffix.size())) + suffix;
  json::object out{{"Arn", event.target.arn}, {"Id", id}};
  const json::value* given = event.at("Target");
  const json::value* own = given && given->is_object() ? find(given->get_object(), "Id") : nullptr;
  if (own) out["Id"] = *own;
  return out;
}

// Schedule, CloudWatchEvent and EventBridgeRule.
Result<void> add_rule(Event& event) {
  const bool schedule = event.type == "Schedule";
  if (schedule) {
    KIBAN_TRY_VOID(
        check(event, {"Schedule", "RuleName", "Input", "Enabled", "State", "Name", "Description",
                      "DeadLetterConfig", "RetryPolicy", "Target", "RoleArn"}));
    KIBAN_TRY_VOID(event.require("Schedule"));
  } else {
    KIBAN_TRY_VOID(
        check(event, {"EventBusName", "RuleName", "Pattern", "DeadLetterConfig", "RetryPolicy",
                      "Input", "InputPath", "Target", "Enabled", "State", "InputTransformer"}));
  }
  json::object rule;
  const auto copy_as = [&](std::string_view as, std::string_view member) {
    if (const json::value* value = event.at(member)) rule[as] = *value;
  };
  if (schedule) {
    copy_as("ScheduleExpression", "Schedule");
    copy_as("Name", "Name");
    copy_as("Description", "Description");
  } else {
    copy_as("EventBusName", "EventBusName");
    copy_as("EventPattern", "Pattern");
    copy_as("Name", "RuleName");
  }
  KIBAN_TRY_VOID(set_state(event, rule));
  const json::value rule_arn = attribute(event.id, "Arn");
  json::object target = rule_target(event);
  if (!event.target.is_function) {
    const json::value* own = event.at("RoleArn");
    target["RoleArn"] =
        own ? *own
            : json::value(
                  attribute(make_role(event, "events.amazonaws.com", event.id + "Role"), "Arn"));
  }
  KIBAN_TRY(const json::value dead_letters, dead_letter_queue(event, &rule_arn));
  copy_members(target, event.properties, {"Input", "InputPath", "RetryPolicy", "InputTransformer"});
  if (!dead_letters.is_null()) target["DeadLetterConfig"] = json::object{{"Arn", dead_letters}};
  rule["Targets"] = json::array{std::move(target)};
  event.make(event.id, "AWS::Events::Rule", std::move(rule));
  if (event.target.is_function) permit(event, "events.amazonaws.com", rule_arn);
  return {};
}

// ScheduleV2: EventBridge Scheduler.
Result<void> add_schedule(Event& event) {
  KIBAN_TRY_VOID(check(
      event, {"PermissionsBoundary", "ScheduleExpression", "FlexibleTimeWindow", "Name", "State",
              "Description", "StartDate", "EndDate", "ScheduleExpressionTimezone", "GroupName",
              "KmsKeyArn", "Input", "RoleArn", "DeadLetterConfig", "RetryPolicy", "OmitName"}));
  KIBAN_TRY_VOID(event.require("ScheduleExpression"));
  json::object schedule;
  copy_members(schedule, event.properties,
               {"ScheduleExpression", "Description", "StartDate", "EndDate",
                "ScheduleExpressionTimezone", "GroupName", "KmsKeyArn"});
  if (is_set(event.at("State"))) schedule["State"] = *event.at("State");
  if (is_set(event.at("OmitName"))) {
    if (event.at("Name")) return event.refuse("Name cannot be set when OmitName is True");
  } else {
    schedule["Name"] = is_set(event.at("Name")) ? *event.at("Name") : json::value(event.id);
  }
  const json::value* window = event.at("FlexibleTimeWindow");
  schedule["FlexibleTimeWindow"] =
      is_set(window) ? *window : json::value(json::object{{"Mode", "OFF"}});
  KIBAN_TRY(const json::value dead_letters, dead_letter_queue(event, nullptr));
  json::object target{{"Arn", event.target.arn}};
  const json::value* role = event.at("RoleArn");
  if (is_set(role)) {
    target["RoleArn"] = *role;
  } else {
    const json::value none;
    const json::value* boundary = event.at("PermissionsBoundary");
    target["RoleArn"] = attribute(make_role(event, "scheduler.amazonaws.com", event.id,
                                            dead_letters, boundary ? boundary : &none),
                                  "Arn");
  }
  copy_members(target, event.properties, {"Input", "RetryPolicy"});
  if (!dead_letters.is_null()) target["DeadLetterConfig"] = json::object{{"Arn", dead_letters}};
  schedule["Target"] = std::move(target);
  event.make(event.id, "AWS::Scheduler::Schedule", std::move(schedule));
  return {};
}

// Adds what the role lacks.
void extend_role(const Event& event, std::string_view managed) {
  if (!event.role) return;
  json::value& arns = (*event.role)["ManagedPolicyArns"];
  const json::value arn(json::string(managed_policy_arn(managed)));
  if (!arns.is_array()) arns.emplace_array();
  if (std::ranges::find(arns.get_array(), arn) == arns.get_array().end())
    arns.get_array().push_back(arn);
}

void map_queue(const Event& event, const std::string& id, json::object mapping) {
  mapping["FunctionName"] = event.target.name;
  event.make(id, "AWS::Lambda::EventSourceMapping", std::move(mapping));
  extend_role(event, "AWSLambdaSQSQueueExecutionRole");
}

Result<void> add_queue(Event& event) {
  KIBAN_TRY_VOID(
      check(event, {"Queue", "BatchSize", "Enabled", "MaximumBatchingWindowInSeconds",
                    "FunctionResponseTypes", "FilterCriteria", "KmsKeyArn", "ScalingConfig",
                    "ProvisionedPollerConfig", "MetricsConfig", "LoggingConfig"}));
  KIBAN_TRY_VOID(event.require("Queue"));
  json::object mapping;
  copy_members(mapping, event.properties,
               {"BatchSize", "Enabled", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes",
                "FilterCriteria", "KmsKeyArn", "ScalingConfig", "ProvisionedPollerConfig",
                "MetricsConfig", "LoggingConfig"});
  mapping["EventSourceArn"] = *event.at("Queue");
  map_queue(event, event.id, std::move(mapping));
  return {};
}

void subscribe(const Event& event, std::string_view protocol, const json::value& endpoint) {
  json::object subscription{
      {"Protocol", protocol}, {"Endpoint", endpoint}, {"TopicArn", *event.at("Topic")}};
  copy_members(subscription, event.properties,
               {"Region", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy"});
  event.make(event.id, "AWS::SNS::Subscription", std::move(subscription));
}

void let_topic_send(const Event& event, const std::string& policy_id, const json::value& queue_arn,
                    const json::value& queue_url) {
  json::object statement{{"Action", "sqs:SendMessage"},
                         {"Effect", "Allow"},
                         {"Principal", "*"},
                         {"Resource", queue_arn},
                         {"Condition", {{"ArnEquals", {{"aws:SourceArn", *event.at("Topic")}}}}}};
  event.make(policy_id, "AWS::SQS::QueuePolicy",
             {{"PolicyDocument",
               {{"Version", "2012-10-17"}, {"Statement", json::array{std::move(statement)}}}},
              {"Queues", json::array{queue_url}}});
}

// Whether the topic is one of the template with FifoTopic.
json::value is_fifo_topic(const Event& event) {
  const json::value& topic = *event.at("Topic");
  if (!is_intrinsic(topic)) return false;
  const json::object* resource =
      find_object(event.scope.resources, text(topic.get_object(), "Ref"));
  const json::object* properties = resource ? find_object(*resource, "Properties") : nullptr;
  const json::value* fifo = properties ? find(*properties, "FifoTopic") : nullptr;
  return fifo ? resolved(*fifo, event.scope.values) : json::value(false);
}

Result<void> add_topic(Event& event) {
  KIBAN_TRY_VOID(check(event, {"Topic", "Region", "FilterPolicy", "FilterPolicyScope",
                               "SqsSubscription", "RedrivePolicy"}));
  KIBAN_TRY_VOID(event.require("Topic"));
  const json::value* queued = event.at("SqsSubscription");
  if (!is_set(queued)) {
    permit(event, "sns.amazonaws.com", *event.at("Topic"));
    subscribe(event, "lambda", event.target.arn);
    return {};
  }
  json::object mapping{{"BatchSize", 10}, {"Enabled", true}};
  if (queued->is_bool()) {
    const std::string queue = event.id + "Queue";
    json::object properties;
    if (const json::value fifo = is_fifo_topic(event); is_set(&fifo))
      properties["FifoQueue"] = fifo;
    mapping["EventSourceArn"] = attribute(queue, "Arn");
    map_queue(event, event.id + "EventSourceMapping", std::move(mapping));
    event.make(queue, "AWS::SQS::Queue", std::move(properties));
    let_topic_send(event, event.id + "QueuePolicy", attribute(queue, "Arn"), reference(queue));
    subscribe(event, "sqs", attribute(queue, "Arn"));
    return {};
  }
  if (!queued->is_object()) return event.refuse("SqsSubscription must be a map.");
  const json::object& given = queued->get_object();
  if (!is_set(find(given, "QueueArn")) || !is_set(find(given, "QueueUrl")))
    return event.refuse("No QueueARN or QueueURL provided.");
  if (is_set(find(given, "BatchSize"))) mapping["BatchSize"] = given.at("BatchSize");
  mapping["EventSourceArn"] = given.at("QueueArn");
  map_queue(event, event.id + "EventSourceMapping", std::move(mapping));
  let_topic_send(event, text(given, "QueuePolicyLogicalId", event.id + "QueuePolicy"),
                 given.at("QueueArn"), given.at("QueueUrl"));
  subscribe(event, "sqs", given.at("QueueArn"));
  return {};
}

// The bucket waits for the permission: S3 checks it when it takes the configuration.
void let_bucket_wait(const Event& event, json::object& bucket, json::object& properties) {
  const std::string permission = event.id + "Permission";
  const json::value* condition = find(event.target.attributes, "Condition");
  if (!condition) {
    json::value& on = bucket["DependsOn"];
    if (on.is_string()) on = json::array{on};
    if (!on.is_array()) on.emplace_array();
    const json::value id(json::string{permission});
    if (std::ranges::find(on.get_array(), id) == on.get_array().end()) on.get_array().push_back(id);
    return;
  }
  json::value& tags = properties["Tags"];
  if (!tags.is_array()) tags.emplace_array();
  tags.get_array().push_back(json::object{
      {"Key", "sam:ConditionalDependsOn:" + permission},
      {"Value", {{"Fn::If", json::array{*condition, reference(permission), "no dependency"}}}}});
}

Result<void> add_bucket(Event& event) {
  KIBAN_TRY_VOID(check(event, {"Bucket", "Events", "Filter"}));
  KIBAN_TRY_VOID(event.require("Events"));
  const json::value* given = event.at("Bucket");
  const std::string id =
      given && is_intrinsic(*given) ? text(given->get_object(), "Ref") : std::string();
  json::value* found = id.empty() ? nullptr : event.scope.resources.if_contains(id);
  if (!found || !found->is_object())
    return event.refuse("S3 events must reference an S3 bucket in the same template.");
  json::object& bucket = found->get_object();
  permit(event, "s3.amazonaws.com", {}, reference("AWS::AccountId"));
  const json::object* own = find_object(bucket, "Properties");
  json::object properties = own ? *own : json::object{};
  let_bucket_wait(event, bucket, properties);
  KIBAN_TRY_VOID(check_maps(id, properties, {"NotificationConfiguration"}));
  const json::object* there = find_object(properties, "NotificationConfiguration");
  json::object notifications = there ? *there : json::object{};
  json::value& lambdas = notifications["LambdaConfigurations"];
  if (lambdas.is_null()) lambdas.emplace_array();
  if (!lambdas.is_array())
    return invalid(id, "Invalid type for LambdaConfigurations. Must be a list.");
  const json::value& events = *event.at("Events");
  for (const json::value& one : events.is_array() ? events.get_array() : json::array{events}) {
    json::value mapping = json::object{{"Function", event.target.arn}};
    if (const json::value* filter = event.at("Filter")) mapping.get_object()["Filter"] = *filter;
    mapping.get_object()["Event"] = one;
    if (const json::value* condition = find(event.target.attributes, "Condition"))
      mapping = json::object{
          {"Fn::If", json::array{*condition, std::move(mapping), reference("AWS::NoValue")}}};
    json::array& all = lambdas.get_array();
    if (std::ranges::find(all, mapping) == all.end()) all.push_back(std::move(mapping));
  }
  properties["NotificationConfiguration"] = std::move(notifications);
  bucket["Properties"] = std::move(properties);
  return {};
}

}  // namespace

Result<void> add_event(Scope& scope, const Target& target, const std::string& name,
                       const json::value& given, json::object* role) {
  if (!given.is_object() || !find_string(given.get_object(), "Type"))
    return invalid_event(target.id, name,
                         "Resource dict has missing or invalid value for key Type.");
  Event event{.scope = scope,
              .target = target,
              .name = name,
              .type = text(given.get_object(), "Type"),
              .id = target.id + name,
              .role = role};
  if (const json::value* properties = find(given.get_object(), "Properties")) {
    if (!properties->is_object())
      return event.refuse("Properties of a resource must be an object.");
    event.properties = properties->get_object();
  }
  if (event.type == "Schedule" || event.type == "CloudWatchEvent" ||
      event.type == "EventBridgeRule")
    return add_rule(event);
  if (event.type == "ScheduleV2") return add_schedule(event);
  if (target.is_function) {
    if (event.type == "SQS") return add_queue(event);
    if (event.type == "SNS") return add_topic(event);
    if (event.type == "S3") return add_bucket(event);
  }
  return event.refuse(fmt::format("kiban does not serve events of the type {}", event.type));
}

}  // namespace kiban::cfn::sam
