#include "services/sns/service.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/arn.h"
#include "services/base/table_service.h"
#include "services/sns/delivery.h"
#include "services/sns/filter.h"
#include "store/blobs.h"

namespace kiban::services::sns {
namespace {

constexpr std::size_t message_bytes_max = 262'144;  // Quota of Publish, attributes included.
constexpr std::size_t page_size = 100;
constexpr std::size_t batch_entries_max = 10;

const std::set<std::string_view> topic_attributes = {
    "DisplayName",   "Policy",    "KmsMasterKeyId",           "SignatureVersion",
    "TracingConfig", "FifoTopic", "ContentBasedDeduplication"};
constexpr std::chrono::minutes deduplication_interval{5};
constexpr std::size_t subject_characters_max = 99;
const std::set<std::string_view> subscription_attributes = {"FilterPolicy", "FilterPolicyScope",
                                                            "RawMessageDelivery"};

std::string topic_key(std::string_view arn) { return fmt::format("sns/topic/{}", arn); }
std::string topic_prefix(const Context& context) { return topic_key(make_arn(context, "sns", "")); }
std::string subscription_key(std::string_view arn) {
  return fmt::format("sns/subscription/{}", arn);
}

Result<json::object> load_topic(const Context& context, std::string_view arn) {
  auto topic = get_json(context, topic_key(arn));
  if (!topic) return fail("NotFoundException", "Topic does not exist");
  return *std::move(topic);
}

Result<Subscription> load_subscription(const Context& context, std::string_view arn) {
  const auto row = get_json(context, subscription_key(arn));
  if (!row) return fail("NotFoundException", "Subscription does not exist");
  return subscription_from(*row);
}

std::unexpected<Error> invalid(std::string_view why) {
  return fail("InvalidParameterException", fmt::format("Invalid parameter: {}", why));
}

json::object tags_of(const json::object& input) {
  json::object tags;
  if (const json::array* list = find_array(input, "Tags")) {
    for (const json::value& tag : *list)
      tags[text(tag.as_object(), "Key")] = text(tag.as_object(), "Value");
  }
  return tags;
}

// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
std::string signature_version(const json::object& topic) {
  return text(topic.at("Attributes").as_object(), "SignatureVersion", "1");
}

bool is_fifo(const json::object& topic) {
  return text(topic.at("Attributes").as_object(), "FifoTopic") == "true";
}

Result<void> check_topic_attribute(std::string_view name, std::string_view value) {
  if (!topic_attributes.contains(name)) return invalid(fmt::format("AttributeName {}", name));
  if (name == "SignatureVersion" && value != "1" && value != "2")
    return invalid("SignatureVersion must be 1 or 2");
  return {};
}

Result<json::object> create_topic(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  const bool ends_in_fifo = name.ends_with(".fifo");
  const std::string_view stem =
      std::string_view(name).substr(0, name.size() - (ends_in_fifo ? 5 : 0));
  const bool valid = !stem.empty() && name.size() <= 256 && std::ranges::all_of(stem, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
  const json::object* given = find_object(input, "Attributes");
  const bool fifo = given && text(*given, "FifoTopic") == "true";
  if (fifo && !(valid && ends_in_fifo))
    return invalid(
        "Fifo Topic names must end with .fifo and must be made up of only uppercase and "
        "lowercase ASCII letters, numbers, underscores, and hyphens, and must be between "
        "1 and 256 characters long.");
  if (!valid || ends_in_fifo != fifo) return invalid("Topic Name");
  for (const auto& member : given ? *given : json::object{})
    KIBAN_TRY_VOID(check_topic_attribute(member.key(), text(*given, member.key())));
  const std::string arn = make_arn(context, "sns", name);
  if (!context.get(topic_key(arn)))
    put_json(context, topic_key(arn),
             {{"Attributes", given ? *given : json::object{}}, {"Tags", tags_of(input)}});
  return json::object{{"TopicArn", arn}};
}

// `prefix`: of a subscription's ARN.
std::vector<Subscription> subscriptions_below(const Context& context, std::string_view prefix) {
  std::vector<Subscription> found;
  for (const json::object& row : list_json(context, subscription_key(prefix)))
    found.push_back(subscription_from(row));
  return found;
}

std::vector<Subscription> subscriptions(const Context& context, std::string_view topic_arn) {
  return subscriptions_below(context, fmt::format("{}:", topic_arn));
}

Result<json::object> delete_topic(Context& context, const json::object& input) {
  const std::string arn = text(input, "TopicArn");
  for (const Subscription& subscription : subscriptions(context, arn))
    context.erase(subscription_key(subscription.arn));
  context.erase(topic_key(arn));
  return json::object{};  // Deleting what is not there succeeds, as AWS documents.
}

Result<json::object> get_topic_attributes(Context& context, const json::object& input) {
  const std::string arn = text(input, "TopicArn");
  KIBAN_TRY(const json::object topic, load_topic(context, arn));
  json::object attributes = topic.at("Attributes").as_object();
  std::int64_t confirmed = 0;
  std::int64_t pending = 0;
  for (const Subscription& subscription : subscriptions(context, arn))
    ++(subscription.pending ? pending : confirmed);
  attributes["TopicArn"] = arn;
  attributes["Owner"] = context.caller().account;
  attributes["SubscriptionsConfirmed"] = std::to_string(confirmed);
  attributes["SubscriptionsPending"] = std::to_string(pending);
  attributes["SubscriptionsDeleted"] = "0";
  if (!attributes.contains("DisplayName")) attributes["DisplayName"] = "";
  return json::object{{"Attributes", std::move(attributes)}};
}

Result<json::object> set_topic_attributes(Context& context, const json::object& input) {
  const std::string arn = text(input, "TopicArn");
  KIBAN_TRY(json::object topic, load_topic(context, arn));
  const std::string name = text(input, "AttributeName");
  KIBAN_TRY_VOID(check_topic_attribute(name, text(input, "AttributeValue")));
  topic["Attributes"].as_object()[name] = text(input, "AttributeValue");
  put_json(context, topic_key(arn), topic);
  return json::object{};
}

Result<json::object> list_topics(Context& context, const json::object& input) {
  json::array all;
  for (const store::Row& row : context.scan(topic_prefix(context)))
    all.push_back({{"TopicArn", row.key.substr(topic_key("").size())}});
  KIBAN_TRY(Page page, paginate(all, page_size, find_string(input, "NextToken")));
  json::object reply{{"Topics", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

Result<void> check_subscription(std::string_view protocol, std::string_view endpoint) {
  if (protocol == "sqs") {
    const auto arn = parse_arn(endpoint);
    if (!arn || arn->service != "sqs") return invalid("SQS endpoint ARN");
    return {};
  }
  if (protocol == "http" || protocol == "https") {
    if (!endpoint.starts_with(fmt::format("{}://", protocol)))
      return invalid("Endpoint must match the specified protocol");
    return {};
  }
  return invalid(
      fmt::format("kiban does not deliver by protocol '{}': use sqs, http or https", protocol));
}

// Does the request give an attribute another value than the subscription has? Attributes that it
// leaves out don't count.
bool differs(const json::object& given, const json::object& held) {
  return std::ranges::any_of(given, [&](const auto& member) {
    const json::value* old = held.if_contains(member.key());
    const bool absent = member.key() == "RawMessageDelivery" && member.value() == "false";
    return old ? *old != member.value() : !absent;
  });
}

Result<json::object> subscribe(Context& context, const json::object& input) {
  const std::string topic_arn = text(input, "TopicArn");
  KIBAN_TRY(const json::object topic, load_topic(context, topic_arn));
  Subscription subscription{.topic_arn = topic_arn,
                            .protocol = text(input, "Protocol"),
                            .endpoint = text(input, "Endpoint")};
  KIBAN_TRY_VOID(check_subscription(subscription.protocol, subscription.endpoint));
  if (is_fifo(topic) && subscription.protocol != "sqs")
    return invalid(fmt::format("Invalid protocol type: {}", subscription.protocol));
  if (const json::object* attributes = find_object(input, "Attributes")) {
    for (const auto& member : *attributes) {
      if (!subscription_attributes.contains(member.key()))
        return invalid(fmt::format("kiban does not honour the subscription attribute {}",
                                   std::string_view(member.key())));
    }
    KIBAN_TRY_VOID(check_filter(*attributes));
    subscription.attributes = *attributes;
  }
  for (const Subscription& other : subscriptions(context, topic_arn)) {
    if (other.protocol != subscription.protocol || other.endpoint != subscription.endpoint)
      continue;
    if (differs(subscription.attributes, other.attributes))
      return invalid("Attributes Reason: Subscription already exists with different attributes");
    return json::object{{"SubscriptionArn", other.pending && !flag(input, "ReturnSubscriptionArn")
                                                ? "pending confirmation"
                                                : other.arn}};
  }
  subscription.arn = fmt::format("{}:{}", topic_arn, context.random().uuid());
  subscription.pending = subscription.protocol != "sqs";
  if (subscription.pending) {
    subscription.token = context.secrets().hex(64);
    request_confirmation(context, subscription, signature_version(topic));
  }
  put_json(context, subscription_key(subscription.arn), to_json(subscription));
  const bool show = !subscription.pending || flag(input, "ReturnSubscriptionArn");
  return json::object{{"SubscriptionArn", show ? subscription.arn : "pending confirmation"}};
}

Result<json::object> confirm_subscription(Context& context, const json::object& input) {
  const std::string token = text(input, "Token");
  KIBAN_TRY_VOID(load_topic(context, text(input, "TopicArn")));
  for (Subscription& subscription : subscriptions(context, text(input, "TopicArn"))) {
    if (subscription.token.empty() || subscription.token != token) continue;
    subscription.pending = false;
    put_json(context, subscription_key(subscription.arn), to_json(subscription));
    return json::object{{"SubscriptionArn", subscription.arn}};
  }
  return invalid("Token");
}

Result<json::object> unsubscribe(Context& context, const json::object& input) {
  context.erase(subscription_key(text(input, "SubscriptionArn")));
  return json::object{};
}

Result<json::object> list_page(const json::object& input, const Context& context,
                               const std::vector<Subscription>& found) {
  json::array all;
  for (const Subscription& subscription : found) {
    all.push_back(
        {{"SubscriptionArn", subscription.pending ? "PendingConfirmation" : subscription.arn},
         {"Owner", context.caller().account},
         {"Protocol", subscription.protocol},
         {"Endpoint", subscription.endpoint},
         {"TopicArn", subscription.topic_arn}});
  }
  KIBAN_TRY(Page page, paginate(all, page_size, find_string(input, "NextToken")));
  json::object reply{{"Subscriptions", std::move(page.entries)}};
  if (page.next_token) reply["NextToken"] = *page.next_token;
  return reply;
}

Result<json::object> list_subscriptions(Context& context, const json::object& input) {
  return list_page(input, context, subscriptions_below(context, make_arn(context, "sns", "")));
}

Result<json::object> list_subscriptions_by_topic(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(load_topic(context, text(input, "TopicArn")));
  return list_page(input, context, subscriptions(context, text(input, "TopicArn")));
}

Result<json::object> get_subscription_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(const Subscription subscription,
            load_subscription(context, text(input, "SubscriptionArn")));
  json::object attributes = subscription.attributes;
  if (!attributes.contains("RawMessageDelivery")) attributes["RawMessageDelivery"] = "false";
  if (attributes.contains("FilterPolicy") && !attributes.contains("FilterPolicyScope"))
    attributes["FilterPolicyScope"] = "MessageAttributes";
  attributes["SubscriptionArn"] = subscription.arn;
  attributes["TopicArn"] = subscription.topic_arn;
  attributes["Protocol"] = subscription.protocol;
  attributes["Endpoint"] = subscription.endpoint;
  attributes["Owner"] = context.caller().account;
  attributes["PendingConfirmation"] = subscription.pending ? "true" : "false";
  return json::object{{"Attributes", std::move(attributes)}};
}

Result<json::object> set_subscription_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(Subscription subscription, load_subscription(context, text(input, "SubscriptionArn")));
  const std::string name = text(input, "AttributeName");
  if (!subscription_attributes.contains(name))
    return invalid(fmt::format("kiban does not honour the subscription attribute {}", name));
  subscription.attributes[name] = text(input, "AttributeValue");
  KIBAN_TRY_VOID(check_filter(subscription.attributes));
  put_json(context, subscription_key(subscription.arn), to_json(subscription));
  return json::object{};
}

// MessageStructure "json": one text for each protocol, `default` for the others.
Result<std::string> text_for(const json::object& input, std::string_view protocol) {
  std::string message = text(input, "Message");
  if (text(input, "MessageStructure") != "json") return message;
  const auto structure = parse_json(message);
  if (!structure || !structure->is_object())
    return invalid("Message Structure - JSON message body failed to parse");
  const json::string* fallback = find_string(structure->get_object(), "default");
  if (!fallback) return invalid("Message Structure - No default entry in JSON message body");
  const json::string* chosen = find_string(structure->get_object(), protocol);
  return to_string(chosen ? *chosen : *fallback);
}

// What a FIFO topic asks of a message: its group, and by what it is known again.
// https://docs.aws.amazon.com/sns/latest/dg/fifo-message-dedup.html
Result<std::string> deduplication_of(const json::object& topic, const json::object& input) {
  std::string given = text(input, "MessageDeduplicationId");
  if (!is_fifo(topic)) {
    if (!given.empty())
      return invalid(
          "MessageDeduplicationId Reason: The request includes MessageDeduplicationId "
          "parameter that is not valid for this topic type");
    return given;
  }
  // Recorded by AWS: test_fifo_message_attribute.
  if (text(input, "MessageGroupId").empty())
    return invalid("The MessageGroupId parameter is required for FIFO topics");
  if (!given.empty()) return given;
  if (text(topic.at("Attributes").as_object(), "ContentBasedDeduplication") != "true")
    return invalid(
        "The topic should either have ContentBasedDeduplication enabled or "
        "MessageDeduplicationId provided explicitly");
  return store::sha256_hex(text(input, "Message"));
}

// "100 characters or fewer … no line breaks or control characters".
// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
Result<void> check_subject(const json::object& input) {
  const json::string* subject = find_string(input, "Subject");
  if (!subject) return {};
  const bool printable = std::ranges::all_of(
      *subject, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  if (subject->empty() || subject->size() > subject_characters_max || !printable)
    return invalid("Subject");
  return {};
}

Result<json::object> publish(Context& context, const json::object& input) {
  const std::string topic_arn = text(input, "TopicArn", text(input, "TargetArn"));
  if (topic_arn.empty())
    return invalid("kiban publishes to topics only: TopicArn or TargetArn is needed");
  KIBAN_TRY(const json::object topic, load_topic(context, topic_arn));
  KIBAN_TRY_VOID(context.authorise("sns:Publish", topic_arn));
  const std::string body = text(input, "Message");
  if (body.empty()) return invalid("Empty message");
  if (body.size() > message_bytes_max) return invalid("Message too long");
  const json::object* attributes = find_object(input, "MessageAttributes");
  Message message{.id = context.random().uuid(),
                  .topic_arn = topic_arn,
                  .subject = text(input, "Subject"),
                  .signature_version = signature_version(topic),
                  .attributes = attributes ? *attributes : json::object{}};
  KIBAN_TRY_VOID(text_for(input, "default"));
  KIBAN_TRY_VOID(check_subject(input));
  KIBAN_TRY(const std::string deduplication, deduplication_of(topic, input));
  json::object reply{{"MessageId", message.id}};
  if (is_fifo(topic)) {
    const std::string known = fmt::format("sns/published/{}/{}", topic_arn, deduplication);
    const auto before = get_json(context, known);
    if (before && context.now() < from_epoch_seconds(before->at("Until").to_number<double>()))
      return before->at("Reply").as_object();
    json::object counted = topic;
    const std::int64_t published = number(topic, "Published", 0) + 1;
    counted["Published"] = published;
    put_json(context, topic_key(topic_arn), counted);
    reply["SequenceNumber"] = fmt::format("1{:019}", published);
    const Timestamp until = context.now() + deduplication_interval;
    put_json(context, known, {{"Until", epoch_seconds(until)}, {"Reply", reply}});
    context.set_timer("sns", known, until, {{"Forget", known}});
  }
  for (const Subscription& subscription : subscriptions(context, topic_arn)) {
    KIBAN_TRY(message.text, text_for(input, subscription.protocol));
    if (wants(subscription.attributes, message.attributes, message.text))
      deliver(context, subscription, message);
  }
  return reply;
}

Result<json::object> publish_batch(Context& context, const json::object& input) {
  const json::array* entries = find_array(input, "PublishBatchRequestEntries");
  if (!entries || entries->empty())
    return fail("EmptyBatchRequestException", "The batch request doesn't contain any entries.");
  if (entries->size() > batch_entries_max)
    return fail("TooManyEntriesInBatchRequestException",
                "The batch request contains more entries than permissible.");
  json::array successful;
  json::array failed;
  for (const json::value& entry : *entries) {
    json::object one = entry.as_object();
    one["TopicArn"] = text(input, "TopicArn");
    auto reply = publish(context, one);
    if (reply) {
      (*reply)["Id"] = one.at("Id");
      successful.push_back(*std::move(reply));
    } else {
      failed.push_back({{"Id", one.at("Id")},
                        {"Code", reply.error().name},
                        {"Message", reply.error().cause},
                        {"SenderFault", true}});
    }
  }
  return json::object{{"Successful", std::move(successful)}, {"Failed", std::move(failed)}};
}

Result<json::object> tag_resource(Context& context, const json::object& input) {
  const std::string arn = text(input, "ResourceArn");
  KIBAN_TRY(json::object topic, load_topic(context, arn));
  for (const auto& tag : tags_of(input)) topic["Tags"].as_object()[tag.key()] = tag.value();
  put_json(context, topic_key(arn), topic);
  return json::object{};
}

Result<json::object> untag_resource(Context& context, const json::object& input) {
  const std::string arn = text(input, "ResourceArn");
  KIBAN_TRY(json::object topic, load_topic(context, arn));
  if (const json::array* keys = find_array(input, "TagKeys")) {
    for (const json::value& key : *keys) topic["Tags"].as_object().erase(key.as_string());
  }
  put_json(context, topic_key(arn), topic);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object topic, load_topic(context, text(input, "ResourceArn")));
  json::array tags;
  for (const auto& tag : topic.at("Tags").as_object())
    tags.push_back({{"Key", tag.key()}, {"Value", tag.value()}});
  return json::object{{"Tags", std::move(tags)}};
}

const OperationTable operations = {
    {"ConfirmSubscription", confirm_subscription},
    {"CreateTopic", create_topic},
    {"DeleteTopic", delete_topic},
    {"GetSubscriptionAttributes", get_subscription_attributes},
    {"GetTopicAttributes", get_topic_attributes},
    {"ListSubscriptions", list_subscriptions},
    {"ListSubscriptionsByTopic", list_subscriptions_by_topic},
    {"ListTagsForResource", list_tags},
    {"ListTopics", list_topics},
    {"Publish", publish},
    {"PublishBatch", publish_batch},
    {"SetSubscriptionAttributes", set_subscription_attributes},
    {"SetTopicAttributes", set_topic_attributes},
    {"Subscribe", subscribe},
    {"TagResource", tag_resource},
    {"Unsubscribe", unsubscribe},
    {"UntagResource", untag_resource},
};

class Sns : public TableService {
 public:
  Sns() : TableService("sns", operations) {}
  void on_timer(Context& context, const json::object& payload) override {
    if (const std::string known = text(payload, "Forget"); !known.empty())
      context.erase(known);
    else
      retry_post(context, payload);
  }
  void on_outcome(Context& context, std::string_view, const json::object& payload,
                  const Outcome& outcome) override {
    sns::on_outcome(context, payload, outcome);
  }
};

}  // namespace

std::unique_ptr<Service> make_sns() { return std::make_unique<Sns>(); }

}  // namespace kiban::services::sns
