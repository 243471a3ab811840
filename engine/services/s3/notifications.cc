#include "services/s3/notifications.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "api/codec.h"
#include "core/arn.h"
#include "core/letters.h"
#include "services/s3/configurations.h"
#include "services/s3/rows.h"

namespace kiban::services::s3 {
namespace {

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html
constexpr std::array event_types = {"s3:ReducedRedundancyLostObject",
                                    "s3:ObjectCreated:*",
                                    "s3:ObjectCreated:Put",
                                    "s3:ObjectCreated:Post",
                                    "s3:ObjectCreated:Copy",
                                    "s3:ObjectCreated:CompleteMultipartUpload",
                                    "s3:ObjectRemoved:*",
                                    "s3:ObjectRemoved:Delete",
                                    "s3:ObjectRemoved:DeleteMarkerCreated",
                                    "s3:ObjectRestore:*",
                                    "s3:ObjectRestore:Post",
                                    "s3:ObjectRestore:Completed",
                                    "s3:ObjectRestore:Delete",
                                    "s3:Replication:*",
                                    "s3:Replication:OperationFailedReplication",
                                    "s3:Replication:OperationNotTracked",
                                    "s3:Replication:OperationMissedThreshold",
                                    "s3:Replication:OperationReplicatedAfterThreshold",
                                    "s3:LifecycleTransition",
                                    "s3:IntelligentTiering",
                                    "s3:ObjectAcl:Put",
                                    "s3:LifecycleExpiration:*",
                                    "s3:LifecycleExpiration:Delete",
                                    "s3:LifecycleExpiration:DeleteMarkerCreated",
                                    "s3:ObjectTagging:*",
                                    "s3:ObjectTagging:Put",
                                    "s3:ObjectTagging:Delete"};
constexpr std::size_t filter_bytes_max = 1'024;
constexpr std::size_t configurations_max = 100;

struct Destination {
  std::string_view list{};     // Member of a NotificationConfiguration.
  std::string_view arn{};      // Member of its entries.
  std::string_view service{};  // Of the ARN.
  std::string_view fifo{};
};
constexpr std::array destinations = {
    Destination{"QueueConfigurations", "QueueArn", "sqs", "FIFO SQS queues are not supported"},
    Destination{"TopicConfigurations", "TopicArn", "sns", "FIFO SNS topics are not supported"},
    Destination{"LambdaFunctionConfigurations", "LambdaFunctionArn", "lambda", ""}};

std::unexpected<Error> invalid(std::string text) {
  return fail("InvalidArgument", std::move(text));
}

struct Filter {
  std::string prefix{};
  std::string suffix{};
};

Result<Filter> read_filter(json::object& entry) {
  Filter out;
  json::object* filter = entry.contains("Filter") && entry["Filter"].is_object()
                             ? &entry["Filter"].get_object()
                             : nullptr;
  json::object* key = filter && filter->contains("Key") && (*filter)["Key"].is_object()
                          ? &(*filter)["Key"].get_object()
                          : nullptr;
  if (!key || !key->contains("FilterRules") || !(*key)["FilterRules"].is_array()) return out;
  std::set<std::string> seen;
  for (json::value& value : (*key)["FilterRules"].get_array()) {
    json::object& rule = value.as_object();
    const std::string name = lower_case(text(rule, "Name"));
    if (name != "prefix" && name != "suffix")
      return invalid("filter rule name must be either prefix or suffix");
    if (!seen.insert(name).second)
      return invalid(fmt::format("Cannot specify more than one {} rule in a filter.", name));
    const std::string given = text(rule, "Value");
    if (given.size() > filter_bytes_max)
      return invalid("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation");
    (name == "prefix" ? out.prefix : out.suffix) = given;
    rule["Name"] = name == "prefix" ? "Prefix" : "Suffix";  // As AWS returns it.
  }
  return out;
}

// One entry of a list, as far as overlaps go.
struct Rule {
  std::set<std::string> events{};
  Filter filter{};
};

// "s3:ObjectCreated:*" stands for all that begin like it.
bool covers(std::string_view pattern, std::string_view event) {
  if (!pattern.ends_with('*')) return pattern == event;
  return event.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool share_event(const Rule& a, const Rule& b) {
  return std::ranges::any_of(a.events, [&](const std::string& one) {
    return std::ranges::any_of(b.events, [&](const std::string& other) {
      return covers(one, other) || covers(other, one);
    });
  });
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-filtering.html
Result<void> check_overlap(const Rule& a, const Rule& b) {
  if (!share_event(a, b)) return {};
  const auto& [prefix, suffix] = a.filter;
  const auto& [other_prefix, other_suffix] = b.filter;
  if (!prefix.starts_with(other_prefix) && !other_prefix.starts_with(prefix)) return {};
  if (!suffix.ends_with(other_suffix) && !other_suffix.ends_with(suffix)) return {};
  if (prefix.empty() && suffix.empty() && other_prefix.empty() && other_suffix.empty())
    return invalid(
        "Configurations overlap. Configurations on the same bucket cannot share a common event "
        "type.");
  return invalid(
      "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the "
      "prefixes are overlapping for the same event type.");
}

Result<Rule> read_entry(Context& context, const json::object& bucket,
                        const Destination& destination, json::object& entry) {
  const std::string given = text(entry, destination.arn);
  const json::array* events = find_array(entry, "Events");
  if (given.empty() || !events || events->empty()) return malformed_xml();
  const auto arn = parse_arn(given);
  if (!arn || arn->service != destination.service || arn->resource.empty())
    return invalid("The ARN is not well formed");
  if (arn->region != text(bucket, "Region"))
    return invalid(
        "The notification destination service region is not valid for the bucket location "
        "constraint");
  if (!destination.fifo.empty() && arn->resource.ends_with(".fifo"))
    return invalid(std::string(destination.fifo));
  Rule rule;
  for (const json::value& event : *events) {
    const std::string name = event.is_string() ? to_string(event.get_string()) : std::string();
    if (std::ranges::find(event_types, name) == event_types.end())
      return invalid("A specified event is not supported for notifications.");
    if (!rule.events.insert(name).second)
      return invalid(
          "Configurations overlap. Configurations on the same bucket cannot share a common event "
          "type.");
  }
  KIBAN_TRY(rule.filter, read_filter(entry));
  if (text(entry, "Id").empty()) entry["Id"] = context.random().uuid();
  return rule;
}

std::string address(const Context& context, const Arn& arn) {
  return fmt::format("{}/{}/{}", context.endpoint(), arn.account, arn.resource);
}

// A test sends no event to a function: it only checks whether the function may be invoked.
enum class Purpose : std::uint8_t { Event, Test };

// Into a queue or a topic, or to a function, as S3 on behalf of the bucket: the policy of the
// destination decides.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/grant-destinations-permissions-to-s3.html
Result<json::object> send(Context& context, std::string_view bucket, std::string_view destination,
                          std::string message, Purpose purpose) {
  const auto arn = parse_arn(destination);
  if (!arn) return std::unexpected(arn.error());
  // No other account's queues and topics are here.
  if (arn->account != context.caller().account)
    return fail("NotFound", fmt::format("{} does not exist.", destination));
  const std::string source = fmt::format("arn:aws:s3:::{}", bucket);
  const Caller s3{.account = arn->account,
                  .region = arn->region,
                  .arn = "s3.amazonaws.com",
                  .source_arn = source,
                  .acts_for = source};
  if (arn->service == "sqs")
    return context.call("sqs", "SendMessage",
                        {{"QueueUrl", address(context, *arn)}, {"MessageBody", std::move(message)}},
                        s3);
  if (arn->service == "lambda")
    return context.call("lambda", "Invoke",
                        {{"FunctionName", destination},
                         {"InvocationType", purpose == Purpose::Test ? "DryRun" : "Event"},
                         {"Payload", api::encode_base64(message)}},
                        s3);
  return context.call("sns", "Publish",
                      {{"TopicArn", destination},
                       {"Subject", "Amazon S3 Notification"},
                       {"Message", std::move(message)}},
                      s3);
}

// Names as a form has them: a space is '+', a slash stays.
std::string form_key(std::string_view key) {
  std::string out = api::encode_uri(key, "/*");
  for (std::size_t at = out.find("%20"); at != std::string::npos; at = out.find("%20", at))
    out.replace(at, 3, "+");
  return out;
}

struct Facts {
  std::string request_id{};
  std::string sequencer{};  // Compared as hex text, of one key: later is greater.
  std::string etag{};
  bool removed{false};
  bool marker{false};
};

Facts facts_of(Context& context, const Change& change, const json::object& row) {
  Facts out;
  out.request_id = upper_case(context.random().hex(16));
  out.sequencer = fmt::format("{:08X}{:010X}", static_cast<std::uint64_t>(now_seconds(context)),
                              next_sequence(context));
  out.removed = change.event.starts_with("ObjectRemoved:");
  out.marker = change.event == "ObjectRemoved:DeleteMarkerCreated";
  // A delete marker has no bytes.
  out.etag = out.marker ? "d41d8cd98f00b204e9800998ecf8427e" : text(row, "ETag");
  std::erase(out.etag, '"');
  return out;
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
std::string record(const Context& context, const json::object& bucket, const Change& change,
                   const json::object& row, const Facts& facts, std::string_view configuration) {
  const std::string name = text(bucket, "Name");
  json::object object{{"key", form_key(text(row, "Key"))}};
  if (!facts.removed) object["size"] = number(row, "Size", 0);
  if (!facts.removed || facts.marker) object["eTag"] = facts.etag;
  if (row.contains("VersionId")) object["versionId"] = row.at("VersionId");
  object["sequencer"] = facts.sequencer;
  const std::string principal = "AWS:" + context.caller().account;
  json::object s3{{"s3SchemaVersion", "1.0"},
                  {"configurationId", configuration},
                  {"bucket",
                   {{"name", name},
                    {"ownerIdentity", {{"principalId", context.caller().account}}},
                    {"arn", "arn:aws:s3:::" + name}}},
                  {"object", std::move(object)}};
  const bool newer =
      change.event.starts_with("ObjectTagging:") || change.event.starts_with("ObjectAcl:");
  json::object out{{"eventVersion", newer ? "2.3" : "2.1"},
                   {"eventSource", "aws:s3"},
                   {"awsRegion", bucket.at("Region")},
                   {"eventTime", format_iso8601(context.now())},
                   {"eventName", change.event},
                   {"userIdentity", {{"principalId", principal}}},
                   {"requestParameters", {{"sourceIPAddress", "127.0.0.1"}}},
                   {"responseElements",
                    {{"x-amz-request-id", facts.request_id},
                     {"x-amz-id-2", api::encode_base64(facts.request_id)}}},
                   {"s3", std::move(s3)}};
  return print_json(json::object{{"Records", json::array{std::move(out)}}});
}

bool wants(const json::object& entry, const Change& change, std::string_view key) {
  const json::array* events = find_array(entry, "Events");
  const std::string event = fmt::format("s3:{}", change.event);
  const bool named = events && std::ranges::any_of(*events, [&](const json::value& one) {
                       return one.is_string() && covers(one.get_string(), event);
                     });
  if (!named) return false;
  json::object copy = entry;
  const auto filter = read_filter(copy);
  return filter && key.starts_with(filter->prefix) && key.ends_with(filter->suffix);
}

std::string_view detail_type(std::string_view event) {
  if (event.starts_with("ObjectCreated:")) return "Object Created";
  if (event.starts_with("ObjectRemoved:")) return "Object Deleted";
  if (event == "ObjectTagging:Put") return "Object Tags Added";
  if (event == "ObjectTagging:Delete") return "Object Tags Deleted";
  return "Object ACL Updated";
}

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
void publish(Context& context, const json::object& bucket, const Change& change,
             const json::object& row, const Facts& facts) {
  const std::string name = text(bucket, "Name");
  json::object object{{"key", text(row, "Key")}};
  if (change.event.starts_with("ObjectCreated:")) object["size"] = number(row, "Size", 0);
  if (!facts.removed || facts.marker) object["etag"] = facts.etag;
  if (row.contains("VersionId")) object["version-id"] = row.at("VersionId");
  object["sequencer"] = facts.sequencer;
  const Caller& caller = context.caller();
  json::object detail{
      {"version", "0"},
      {"bucket", {{"name", name}}},
      {"object", std::move(object)},
      {"request-id", facts.request_id},
      {"requester",
       caller.arn.starts_with("arn:") || caller.arn.empty() ? caller.account : caller.arn},
      {"source-ip-address", "127.0.0.1"}};
  if (!change.reason.empty()) detail["reason"] = change.reason;
  if (facts.removed)
    detail["deletion-type"] = facts.marker ? "Delete Marker Created" : "Permanently Deleted";
  context.publish({.source = "aws.s3",
                   .detail_type = std::string(detail_type(change.event)),
                   .region = text(bucket, "Region"),
                   .account = caller.account,
                   .resources = {"arn:aws:s3:::" + name},
                   .detail = std::move(detail)});
}

Result<json::object> put_notifications(Context& context, const json::object& input) {
  KIBAN_TRY(json::object bucket, load_bucket(context, input));
  const json::object* given = find_object(input, "NotificationConfiguration");
  if (!given) return malformed_xml();
  KIBAN_TRY(json::object configuration, read_notifications(context, bucket, *given));
  if (!flag(input, "SkipDestinationValidation"))
    KIBAN_TRY_VOID(test_destinations(context, bucket, configuration));
  if (configuration.empty())
    bucket.erase("NotificationConfiguration");
  else
    bucket["NotificationConfiguration"] = std::move(configuration);
  put_json(context, bucket_key(text(bucket, "Name")), bucket);
  return json::object{};
}

Result<json::object> get_notifications(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object bucket, load_bucket(context, input));
  const json::object* configuration = find_object(bucket, "NotificationConfiguration");
  return configuration ? *configuration : json::object{};
}

}  // namespace

void announce(Context& context, const json::object& bucket, const Change& change,
              const json::object& row) {
  const json::object* configuration = find_object(bucket, "NotificationConfiguration");
  if (!configuration || configuration->empty()) return;
  const Facts facts = facts_of(context, change, row);
  for (const Destination& destination : destinations) {
    const json::array* entries = find_array(*configuration, destination.list);
    for (const json::value& value : entries ? *entries : json::array{}) {
      const json::object& entry = value.as_object();
      if (!wants(entry, change, text(row, "Key"))) continue;
      (void)send(context, text(bucket, "Name"), text(entry, destination.arn),
                 record(context, bucket, change, row, facts, text(entry, "Id")), Purpose::Event);
    }
  }
  if (configuration->contains("EventBridgeConfiguration"))
    publish(context, bucket, change, row, facts);
}

Result<json::object> read_notifications(Context& context, const json::object& bucket,
                                        const json::object& configuration) {
  json::object out = configuration;
  std::vector<Rule> rules;
  std::set<std::string> ids;
  for (const Destination& destination : destinations) {
    if (!out.contains(destination.list) || !out[destination.list].is_array()) continue;
    for (json::value& value : out[destination.list].get_array()) {
      KIBAN_TRY(Rule rule, read_entry(context, bucket, destination, value.as_object()));
      const std::string id = text(value.as_object(), "Id");
      if (id.size() > 255) return invalid("ID length should not exceed allowed limit of 255");
      if (!ids.insert(id).second)
        return invalid("Same ID used for multiple configurations. IDs must be unique");
      for (const Rule& other : rules) KIBAN_TRY_VOID(check_overlap(rule, other));
      rules.push_back(std::move(rule));
    }
  }
  if (rules.size() > configurations_max)
    return invalid("A bucket can have at most 100 notification configurations.");
  return out;
}

Result<void> test_destinations(Context& context, const json::object& bucket,
                               const json::object& configuration) {
  for (const Destination& destination : destinations) {
    const json::array* entries = find_array(configuration, destination.list);
    for (const json::value& value : entries ? *entries : json::array{}) {
      const std::string id = upper_case(context.random().hex(16));
      const json::object message{{"Service", "Amazon S3"},
                                 {"Event", "s3:TestEvent"},
                                 {"Time", format_iso8601(context.now())},
                                 {"Bucket", bucket.at("Name")},
                                 {"RequestId", id},
                                 {"HostId", api::encode_base64(id)}};
      if (!send(context, text(bucket, "Name"), text(value.as_object(), destination.arn),
                print_json(message), Purpose::Test))
        return invalid("Unable to validate the following destination configurations");
    }
  }
  return {};
}

const CheckedTable& notification_operations() {
  static const CheckedTable table = {
      {"GetBucketNotificationConfiguration", {get_notifications, "Bucket ExpectedBucketOwner"}},
      {"PutBucketNotificationConfiguration",
       {put_notifications,
        "Bucket NotificationConfiguration ExpectedBucketOwner SkipDestinationValidation"}},
  };
  return table;
}

}  // namespace kiban::services::s3
