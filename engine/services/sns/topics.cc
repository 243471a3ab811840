#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "services/base/tags.h"
#include "services/sns/rows.h"

namespace kiban::services::sns {
namespace {

constexpr std::size_t display_name_max = 100;

// What API_CreateTopic and API_SetTopicAttributes name and kiban does not honour.
const std::set<std::string_view> unserved_attributes = {"DeliveryPolicy", "ArchivePolicy",
                                                        "DataProtectionPolicy"};

bool is_feedback(std::string_view name) { return name.find("Feedback") != name.npos; }

struct Change {
  std::string_view name{};
  std::string_view value{};
  bool fifo{false};
  bool creating{false};
};

std::unexpected<Error> invalid_attribute(const Change& change, std::string_view why) {
  return invalid(
      fmt::format("{} Reason: {}", change.creating ? "Attributes" : "AttributeValue", why));
}

Result<void> check_policy(const Change& change) {
  if (change.value.empty()) return {};  // The default policy again.
  const auto policy = parse_json(change.value);
  if (!policy || !policy->is_object() || !policy->get_object().contains("Statement"))
    return invalid("Policy Error: null");
  return {};
}

Result<void> check_boolean(const Change& change) {
  if (change.value == "true" || change.value == "false") return {};
  return invalid_attribute(change, fmt::format("{} must be true or false", change.name));
}

Result<void> check_fifo_attribute(const Change& change) {
  if (!change.fifo)
    return invalid_attribute(change,
                             change.name == "ContentBasedDeduplication"
                                 ? "Content-based deduplication can only be set for FIFO topics"
                                 : fmt::format("{} can only be set for FIFO topics", change.name));
  if (change.name == "ContentBasedDeduplication") return check_boolean(change);
  if (change.value == "Topic" || change.value == "MessageGroup") return {};
  return invalid_attribute(change, "FifoThroughputScope must be Topic or MessageGroup");
}

Result<void> check_display_name(const Change& change) {
  const bool printable = std::ranges::all_of(
      change.value, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
  if (change.value.size() <= display_name_max && printable) return {};
  return invalid("DisplayName");
}

// https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html
Result<void> check_attribute(const Change& change) {
  const std::string_view name = change.name;
  if (name == "FifoTopic" && change.creating) return check_boolean(change);
  if (name == "ContentBasedDeduplication" || name == "FifoThroughputScope")
    return check_fifo_attribute(change);
  if (name == "DisplayName") return check_display_name(change);
  if (name == "Policy") return check_policy(change);
  if (name == "KmsMasterKeyId") return {};
  if (name == "SignatureVersion") {
    if (change.value == "1" || change.value == "2") return {};
    return invalid_attribute(change, "SignatureVersion must be 1 or 2");
  }
  if (name == "TracingConfig") {
    if (change.value == "PassThrough" || change.value == "Active") return {};
    return invalid_attribute(change, "TracingConfig must be PassThrough or Active");
  }
  if (unserved_attributes.contains(name) || is_feedback(name))
    return invalid(fmt::format("kiban does not honour the topic attribute {}", name));
  return change.creating ? invalid(fmt::format("Attributes Reason: Unknown attribute {}", name))
                         : invalid("AttributeName");
}

Result<json::object> tags_of(const json::object& input) {
  json::object tags;
  const json::array* list = find_array(input, "Tags");
  for (const json::value& tag : list ? *list : json::array{}) {
    const std::string key = text(tag.as_object(), "Key");
    if (tags.contains(key)) return invalid("Duplicated keys are not allowed.");
    tags[key] = text(tag.as_object(), "Value");
  }
  return tags;
}

Result<void> check_name(std::string_view name, bool fifo) {
  const bool ends_in_fifo = name.ends_with(".fifo");
  const std::string_view stem = name.substr(0, name.size() - (ends_in_fifo ? 5 : 0));
  const bool valid = !stem.empty() && name.size() <= 256 && std::ranges::all_of(stem, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
  if (fifo && !(valid && ends_in_fifo))
    return invalid(
        "Fifo Topic names must end with .fifo and must be made up of only uppercase and "
        "lowercase ASCII letters, numbers, underscores, and hyphens, and must be between "
        "1 and 256 characters long.");
  if (!valid || ends_in_fifo != fifo) return invalid("Topic Name");
  return {};
}

// An attribute that the request leaves out does not count; one with its default is as if it was.
bool differs(const json::object& given, const json::object& held) {
  return std::ranges::any_of(given, [&](const auto& member) {
    const json::value* old = held.if_contains(member.key());
    const bool is_default = member.value() == "" || member.value() == "false" ||
                            member.value() == "PassThrough" ||
                            (member.key() == "SignatureVersion" && member.value() == "1");
    return old ? *old != member.value() : !is_default;
  });
}

Result<json::object> create_topic(Context& context, const json::object& input) {
  const std::string name = text(input, "Name");
  if (input.contains("DataProtectionPolicy"))
    return invalid("kiban does not honour DataProtectionPolicy");
  const json::object* attributes = find_object(input, "Attributes");
  const json::object given = attributes ? *attributes : json::object{};
  const bool fifo = text(given, "FifoTopic") == "true";
  KIBAN_TRY_VOID(check_name(name, fifo));
  for (const auto& member : given) {
    const std::string value = text(given, member.key());
    KIBAN_TRY_VOID(
        check_attribute({.name = member.key(), .value = value, .fifo = fifo, .creating = true}));
  }
  KIBAN_TRY(const json::object tags, tags_of(input));
  const std::string arn = make_arn(context, "sns", name);
  if (const auto old = get_json(context, topic_key(arn))) {
    if (differs(given, old->at("Attributes").as_object()))
      return invalid("Attributes Reason: Topic already exists with different attributes");
    const json::object& held = old->at("Tags").as_object();
    if (std::ranges::any_of(tags, [&](const auto& tag) {
          const json::value* value = held.if_contains(tag.key());
          return value == nullptr || *value != tag.value();
        }))
      return invalid("Tags Reason: Topic already exists with different tags");
    return json::object{{"TopicArn", arn}};
  }
  put_json(context, topic_key(arn), {{"Attributes", given}, {"Tags", tags}});
  return json::object{{"TopicArn", arn}};
}

Result<json::object> delete_topic(Context& context, const json::object& input) {
  const std::string arn = text(input, "TopicArn");
  KIBAN_TRY_VOID(check_arn("TopicArn", arn));
  for (const Subscription& subscription : subscriptions(context, arn))
    context.erase(subscription_key(subscription.arn));
  context.erase(topic_key(arn));
  return json::object{};  // Deleting what is not there succeeds, as AWS documents.
}

std::string owner_of(std::string_view topic_arn) {
  const std::string_view before = topic_arn.substr(0, topic_arn.rfind(':'));
  return std::string(before.substr(before.rfind(':') + 1));
}

// https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html

// https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
constexpr std::string_view effective_delivery_policy =
    R"({"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,)"
    R"("numRetries":3,"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,)"
    R"("backoffFunction":"linear"},"disableSubscriptionOverrides":false,)"
    R"("defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}})";

Result<json::object> get_topic_attributes(Context& context, const json::object& input) {
  const std::string arn = text(input, "TopicArn");
  KIBAN_TRY(const json::object topic, load_topic(context, arn));
  json::object attributes = topic.at("Attributes").as_object();
  std::int64_t confirmed = 0;
  std::int64_t pending = 0;
  for (const Subscription& subscription : subscriptions(context, arn))
    ++(subscription.pending ? pending : confirmed);
  attributes["TopicArn"] = arn;
  attributes["Owner"] = owner_of(arn);
  attributes["SubscriptionsConfirmed"] = std::to_string(confirmed);
  attributes["SubscriptionsPending"] = std::to_string(pending);
  attributes["SubscriptionsDeleted"] = "0";
  attributes["EffectiveDeliveryPolicy"] = effective_delivery_policy;
  attributes.emplace("DisplayName", "");
  attributes.emplace("Policy", default_policy(arn));
  if (is_fifo(topic)) {
    attributes.emplace("ContentBasedDeduplication", "false");
    attributes.emplace("FifoThroughputScope", "Topic");
  } else {
    attributes.erase("FifoTopic");
  }
  return json::object{{"Attributes", std::move(attributes)}};
}

Result<json::object> set_topic_attributes(Context& context, const json::object& input) {
  const std::string arn = text(input, "TopicArn");
  KIBAN_TRY(json::object topic, load_topic(context, arn));
  const std::string name = text(input, "AttributeName");
  const std::string value = text(input, "AttributeValue");
  KIBAN_TRY_VOID(check_attribute({.name = name, .value = value, .fifo = is_fifo(topic)}));
  json::object& attributes = topic["Attributes"].as_object();
  if (value.empty() && name != "DisplayName")
    attributes.erase(name);
  else
    attributes[name] = value;
  put_json(context, topic_key(arn), topic);
  return json::object{};
}

Result<json::object> list_topics(Context& context, const json::object& input) {
  json::array all;
  for (const store::Row& row : context.scan(topic_key(make_arn(context, "sns", ""))))
    all.push_back({{"TopicArn", row.key.substr(topic_key("").size())}});
  return page_of(all, "Topics", input);
}

// Permissions: statements of the policy --------------------------------------------------------

json::object policy_of(const json::object& topic, std::string_view arn) {
  const std::string held = text(topic.at("Attributes").as_object(), "Policy", default_policy(arn));
  const auto parsed = parse_json(held);
  return parsed && parsed->is_object() ? parsed->get_object() : json::object{};
}

bool has_label(const json::value& statement, const json::value& label) {
  const json::object* fields = statement.if_object();
  const json::value* sid = fields ? fields->if_contains("Sid") : nullptr;
  return sid != nullptr && *sid == label;
}

Result<json::object> add_permission(Context& context, const json::object& input) {
  const std::string arn = text(input, "TopicArn");
  KIBAN_TRY(json::object topic, load_topic(context, arn));
  json::object policy = policy_of(topic, arn);
  json::array statements;
  if (const json::array* held = find_array(policy, "Statement")) statements = *held;
  const json::value& label = input.at("Label");
  if (std::ranges::any_of(statements, [&](const auto& each) { return has_label(each, label); }))
    return invalid("Statement already exists");
  json::array principals;
  for (const json::value& account : input.at("AWSAccountId").as_array())
    principals.emplace_back(
        fmt::format("arn:aws:iam::{}:root", std::string_view(account.as_string())));
  json::array actions;
  for (const json::value& action : input.at("ActionName").as_array())
    actions.emplace_back(fmt::format("SNS:{}", std::string_view(action.as_string())));
  statements.push_back(json::object{{"Sid", label},
                                    {"Effect", "Allow"},
                                    {"Principal", {{"AWS", std::move(principals)}}},
                                    {"Action", std::move(actions)},
                                    {"Resource", arn}});
  policy["Statement"] = std::move(statements);
  topic["Attributes"].as_object()["Policy"] = print_json(policy);
  put_json(context, topic_key(arn), topic);
  return json::object{};
}

Result<json::object> remove_permission(Context& context, const json::object& input) {
  const std::string arn = text(input, "TopicArn");
  KIBAN_TRY(json::object topic, load_topic(context, arn));
  json::object policy = policy_of(topic, arn);
  json::array kept;
  const json::array* held = find_array(policy, "Statement");
  for (const json::value& each : held ? *held : json::array{})
    if (!has_label(each, input.at("Label"))) kept.push_back(each);
  policy["Statement"] = std::move(kept);
  topic["Attributes"].as_object()["Policy"] = print_json(policy);
  put_json(context, topic_key(arn), topic);
  return json::object{};
}

// Tags -------------------------------------------------------------------------------------------

Result<json::object> load_tagged(const Context& context, std::string_view arn) {
  KIBAN_TRY_VOID(check_arn("ResourceArn", arn));
  auto topic = load_topic(context, arn);
  if (!topic && topic.error().name == "NotFoundException")
    return fail("ResourceNotFoundException", "Resource does not exist");
  return topic;
}

Result<json::object> tag_resource(Context& context, const json::object& input) {
  const std::string arn = text(input, "ResourceArn");
  KIBAN_TRY(json::object topic, load_tagged(context, arn));
  KIBAN_TRY(const json::object added, tags_of(input));
  json::object& tags = topic["Tags"].as_object();
  for (const auto& tag : added) tags[tag.key()] = tag.value();
  if (too_many_tags(tags))
    return fail("TagLimitExceededException",
                "Could not complete request: tag quota of per resource exceeded");
  put_json(context, topic_key(arn), topic);
  return json::object{};
}

Result<json::object> untag_resource(Context& context, const json::object& input) {
  const std::string arn = text(input, "ResourceArn");
  KIBAN_TRY(json::object topic, load_tagged(context, arn));
  if (const json::array* keys = find_array(input, "TagKeys")) {
    for (const json::value& key : *keys) topic["Tags"].as_object().erase(key.as_string());
  }
  put_json(context, topic_key(arn), topic);
  return json::object{};
}

Result<json::object> list_tags(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object topic, load_tagged(context, text(input, "ResourceArn")));
  json::array tags;
  for (const auto& tag : topic.at("Tags").as_object())
    tags.push_back({{"Key", tag.key()}, {"Value", tag.value()}});
  return json::object{{"Tags", std::move(tags)}};
}

// No topic has one: CreateTopic refuses it.
Result<json::object> get_data_protection_policy(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(load_tagged(context, text(input, "ResourceArn")));
  return json::object{};
}

}  // namespace

std::string default_policy(std::string_view topic_arn) {
  const auto action = [](std::string_view name) { return fmt::format("SNS:{}", name); };
  return print_json(json::object{
      {"Version", "2008-10-17"},
      {"Id", "__default_policy_ID"},
      {"Statement",
       json::array{json::object{
           {"Sid", "__default_statement_ID"},
           {"Effect", "Allow"},
           {"Principal", {{"AWS", "*"}}},
           {"Action",
            {action("GetTopicAttributes"), action("SetTopicAttributes"), action("AddPermission"),
             action("RemovePermission"), action("DeleteTopic"), action("Subscribe"),
             action("ListSubscriptionsByTopic"), action("Publish")}},
           {"Resource", topic_arn},
           {"Condition", {{"StringEquals", {{"AWS:SourceOwner", owner_of(topic_arn)}}}}}}}}});
}

const OperationTable& topic_operations() {
  static const OperationTable table = {
      {"AddPermission", add_permission},
      {"CreateTopic", create_topic},
      {"DeleteTopic", delete_topic},
      {"GetDataProtectionPolicy", get_data_protection_policy},
      {"GetTopicAttributes", get_topic_attributes},
      {"ListTagsForResource", list_tags},
      {"ListTopics", list_topics},
      {"RemovePermission", remove_permission},
      {"SetTopicAttributes", set_topic_attributes},
      {"TagResource", tag_resource},
      {"UntagResource", untag_resource},
  };
  return table;
}

}  // namespace kiban::services::sns
