#include "services/lambda/mappings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/arn.h"
#include "patterns/pattern.h"
#include "services/base/rights.h"
#include "services/lambda/batches.h"
#include "services/lambda/credentials.h"
#include "services/lambda/names.h"

namespace kiban::services::lambda {
namespace {

// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
constexpr std::int64_t batch_size_default = 10;
constexpr std::int64_t fifo_batch_size_max = 10;
constexpr std::size_t filters_max = 5;

std::string queue_prefix(const Context& context, std::string_view queue) {
  return region_key(context, fmt::format("queue/{}/", queue));
}

std::string queue_of(const json::object& shown) {
  const std::string arn = text(shown, "EventSourceArn");
  return arn.substr(arn.rfind(':') + 1);
}

// What only other sources have.
constexpr std::array<std::string_view, 16> other_members{"ParallelizationFactor",
                                                         "StartingPosition",
                                                         "StartingPositionTimestamp",
                                                         "DestinationConfig",
                                                         "MaximumRecordAgeInSeconds",
                                                         "BisectBatchOnFunctionError",
                                                         "MaximumRetryAttempts",
                                                         "TumblingWindowInSeconds",
                                                         "Topics",
                                                         "Queues",
                                                         "SourceAccessConfigurations",
                                                         "SelfManagedEventSource",
                                                         "AmazonManagedKafkaEventSourceConfig",
                                                         "SelfManagedKafkaEventSourceConfig",
                                                         "DocumentDBEventSourceConfig",
                                                         "ProvisionedPollerConfig"};

Result<void> refuse_others(const json::object& input) {
  for (const std::string_view member : other_members)
    if (input.contains(member))
      return invalid(fmt::format("{} is not supported for an SQS event source.", member));
  for (const char* member : {"KMSKeyArn", "MetricsConfig", "LoggingConfig"})
    if (input.contains(member))
      return invalid(fmt::format("kiban does not support {} of event source mappings", member));
  return {};
}

// The function's role reads the queue.
// https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
Result<void> check_rights(Context& context, const std::string& url, const Caller& as) {
  // Of these inputs SQS receives nothing; whether the role may is decided before they are read.
  const std::pair<const char*, json::object> calls[] = {
      {"ReceiveMessage", {{"QueueUrl", url}, {"MaxNumberOfMessages", 0}}},
      {"DeleteMessage", {{"QueueUrl", url}, {"ReceiptHandle", "none"}}},
      {"GetQueueAttributes", {{"QueueUrl", url}}}};
  for (const auto& [operation, input] : calls) {
    const auto reply = context.call("sqs", operation, input, as);
    if (!reply && is_refusal(reply.error()))
      return invalid(fmt::format(
          "The provided execution role does not have permissions to call {} on SQS", operation));
  }
  return {};
}

// The queue must be there, and its messages invisible for as long as the function may run.
Result<void> check_queue(Context& context, const json::object& version, const std::string& source) {
  const auto arn = parse_arn(source);
  if (!arn || arn->service != "sqs")
    return invalid(
        fmt::format("kiban does not serve the event source {}: it serves SQS queues", source));
  const json::object& function = version.at("Shown").as_object();
  const auto as = caller_of(context, text(function, "FunctionName"), text(function, "Role"));
  if (!as) return invalid("The role defined for the function cannot be assumed by Lambda.");
  const std::string url = fmt::format("{}/{}/{}", context.endpoint(), arn->account, arn->resource);
  KIBAN_TRY_VOID(check_rights(context, url, *as));
  const auto reply =
      context.call("sqs", "GetQueueAttributes",
                   {{"QueueUrl", url}, {"AttributeNames", {"VisibilityTimeout"}}}, *as);
  if (!reply || arn->region != context.caller().region)
    return invalid(
        fmt::format("Error occurred while ReceiveMessage. SQS Error Code: "
                    "AWS.SimpleQueueService.NonExistentQueue. SQS Error Message: {}",
                    reply ? "The specified queue does not exist." : reply.error().cause));
  const std::int64_t visible = std::strtoll(
      text(reply->at("Attributes").as_object(), "VisibilityTimeout").c_str(), nullptr, 10);
  const std::int64_t timeout = number(function, "Timeout");
  if (visible >= timeout) return {};
  return invalid(
      fmt::format("Queue visibility timeout: {} seconds is less than Function timeout: "
                  "{} seconds",
                  visible, timeout));
}

Result<void> check_filters(const json::object& input) {
  const json::object* criteria = find_object(input, "FilterCriteria");
  const json::array* filters = criteria ? find_array(*criteria, "Filters") : nullptr;
  if (!filters) return {};
  if (filters->size() > filters_max)
    return invalid(fmt::format("A mapping has {} filters at most.", filters_max));
  for (const json::value& filter : *filters)
    if (!patterns::Pattern::parse(text(filter.as_object(), "Pattern")))
      return invalid("Invalid filter pattern definition.");
  return {};
}

Result<void> check_batching(const json::object& shown) {
  const std::int64_t size = number(shown, "BatchSize");
  const std::int64_t window = number(shown, "MaximumBatchingWindowInSeconds");
  const bool fifo = text(shown, "EventSourceArn").ends_with(".fifo");
  if (fifo && size > fifo_batch_size_max)
    return invalid("Batch size must be between 1 and 10 for FIFO queues.");
  if (fifo && window > 0) return invalid("Batching window is not supported for FIFO queues.");
  if (size > batch_size_default && window < 1)
    return invalid(
        "Maximum batch window in seconds must be greater than 0 if maximum batch size "
        "is greater than 10");
  return {};
}

// The members of a mapping that a request may set.
Result<void> apply(Context& context, json::object& row, const json::object& input) {
  KIBAN_TRY_VOID(check_filters(input));
  json::object& shown = row["Shown"].as_object();
  if (input.contains("FunctionName")) {
    KIBAN_TRY(const FunctionName function, read_name(context, input));
    KIBAN_TRY_VOID(load_function(context, function));
    row["Function"] = function.name;
    row["Qualifier"] = function.qualifier;
    shown["FunctionArn"] = arn_of(context, function);
  }
  KIBAN_TRY(
      const json::object version,
      load_version(context, {.name = text(row, "Function"), .qualifier = text(row, "Qualifier")}));
  for (const char* member : {"BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes",
                             "FilterCriteria", "ScalingConfig"})
    if (const json::value* given = find(input, member)) shown[member] = *given;
  for (const char* member : {"FilterCriteria", "ScalingConfig"})
    if (const json::object* given = find_object(shown, member); given && given->empty())
      shown.erase(member);
  if (input.contains("Enabled")) shown["State"] = flag(input, "Enabled") ? "Enabled" : "Disabled";
  shown["LastModified"] = epoch_seconds(context.now());
  // The source first: a stream has members and sizes that a queue has not.
  KIBAN_TRY_VOID(check_queue(context, version, text(shown, "EventSourceArn")));
  KIBAN_TRY_VOID(refuse_others(input));
  return check_batching(shown);
}

json::object in_state(json::object shown, std::string_view state) {
  shown["State"] = state;
  return shown;
}

Result<void> check_double(Context& context, const json::object& shown) {
  const std::string prefix = queue_prefix(context, queue_of(shown));
  for (const store::Row& index : context.scan(prefix)) {
    const std::string uuid = index.key.substr(prefix.size());
    const auto other = get_json(context, mapping_key(context, uuid));
    if (!other || other->at("Shown").at("FunctionArn") != shown.at("FunctionArn")) continue;
    return conflict(fmt::format(
        "An event source mapping with SQS arn (\" {} \") and function (\" {} \") already exists. "
        "Please update or delete the existing mapping with UUID {}",
        text(shown, "EventSourceArn"), text(shown, "FunctionArn"), uuid));
  }
  return {};
}

Result<json::object> create_mapping(Context& context, const json::object& input) {
  if (!input.contains("EventSourceArn"))
    return invalid("kiban does not serve event sources without EventSourceArn");
  const std::string uuid = context.random().uuid();
  json::object row{{"Shown",
                    {{"UUID", uuid},
                     {"EventSourceArn", input.at("EventSourceArn")},
                     {"EventSourceMappingArn",
                      make_arn(context, "lambda", fmt::format("event-source-mapping:{}", uuid))},
                     {"BatchSize", batch_size_default},
                     {"MaximumBatchingWindowInSeconds", 0},
                     {"FunctionResponseTypes", json::array{}},
                     {"State", "Enabled"},
                     {"StateTransitionReason", "USER_INITIATED"}}},
                   {"Running", 0},
                   {"Pending", json::array{}},
                   {"Tags", json::object{}}};
  if (const json::object* tags = find_object(input, "Tags")) row["Tags"] = *tags;
  KIBAN_TRY_VOID(apply(context, row, input));
  const json::object shown = row.at("Shown").as_object();
  KIBAN_TRY_VOID(check_double(context, shown));
  put_json(context, mapping_key(context, uuid), row);
  context.put(queue_prefix(context, queue_of(shown)) + uuid, uuid);
  KIBAN_TRY_VOID(context.call("sqs", "kiban:Watch",
                              {{"QueueName", queue_of(shown)}, {"Service", "lambda"}},
                              context.caller()));
  poll_soon(context, uuid);
  return in_state(shown, "Creating");
}

Result<json::object> load_mapping(Context& context, const json::object& input) {
  if (auto row = get_json(context, mapping_key(context, text(input, "UUID"))))
    return *std::move(row);
  return not_found("The resource you requested does not exist.");
}

Result<json::object> get_mapping(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_mapping(context, input));
  return row.at("Shown").as_object();
}

Result<json::object> update_mapping(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_mapping(context, input));
  KIBAN_TRY_VOID(apply(context, row, input));
  put_json(context, mapping_key(context, text(input, "UUID")), row);
  poll_soon(context, text(input, "UUID"));
  return in_state(row.at("Shown").as_object(), "Updating");
}

// Batches that run end as they are: their messages become visible again unless they were deleted.
Result<json::object> delete_mapping(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_mapping(context, input));
  const json::object& shown = row.at("Shown").as_object();
  const std::string uuid = text(input, "UUID");
  const std::string prefix = queue_prefix(context, queue_of(shown));
  context.erase(mapping_key(context, uuid));
  context.erase(prefix + uuid);
  context.cancel_timer("lambda", fmt::format("poll/{}", uuid));
  if (context.scan(prefix, {}, 1).empty())
    KIBAN_TRY_VOID(
        context.call("sqs", "kiban:Watch", {{"QueueName", queue_of(shown)}}, context.caller()));
  return in_state(shown, "Deleting");
}

Result<json::object> list_mappings(Context& context, const json::object& input) {
  std::string arn;
  if (input.contains("FunctionName")) {
    KIBAN_TRY(const FunctionName function, read_name(context, input));
    KIBAN_TRY_VOID(load_function(context, function));
    arn = arn_of(context, function);
  }
  const std::string source = text(input, "EventSourceArn");
  json::array all;
  for (const json::object& row : list_json(context, mapping_key(context, ""))) {
    const json::object& shown = row.at("Shown").as_object();
    if (!arn.empty() && text(shown, "FunctionArn") != arn) continue;
    if (!source.empty() && text(shown, "EventSourceArn") != source) continue;
    all.emplace_back(shown);
  }
  return reply_page(input, "EventSourceMappings", all);
}

// SQS tells that messages of a queue may be visible.
Result<json::object> messages_arrived(Context& context, const json::object& input) {
  const std::string arn = text(input, "QueueArn");
  const std::string prefix = queue_prefix(context, arn.substr(arn.rfind(':') + 1));
  for (const store::Row& index : context.scan(prefix))
    poll_soon(context, index.key.substr(prefix.size()));
  return json::object{};
}

}  // namespace

std::string mapping_key(const Context& context, std::string_view uuid) {
  return region_key(context, fmt::format("mapping/{}", uuid));
}

void room_came_back(Context& context, const std::string& function) {
  for (const store::Row& index : context.scan(starved_prefix(context, function))) {
    context.erase(index.key);
    poll_soon(context, index.value);
  }
}

OperationTable mapping_operations() {
  return {
      {"CreateEventSourceMapping", create_mapping}, {"DeleteEventSourceMapping", delete_mapping},
      {"GetEventSourceMapping", get_mapping},       {"ListEventSourceMappings", list_mappings},
      {"UpdateEventSourceMapping", update_mapping}, {"kiban:MessagesArrived", messages_arrived}};
}

}  // namespace kiban::services::lambda
