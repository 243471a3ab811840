#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/arn.h"
#include "core/mail_address.h"
#include "services/sns/filter.h"
#include "services/sns/mail.h"
#include "services/sns/rows.h"

namespace kiban::services::sns {
namespace {

// "Confirmation tokens are valid for two days", API_Subscribe; the subscription goes with them.
constexpr std::chrono::hours confirmation_time_max{48};
constexpr std::string_view pending_arn = "PendingConfirmation";

const std::set<std::string_view> known_protocols = {
    "http", "https", "email", "email-json", "sms", "sqs", "application", "lambda", "firehose"};
const std::set<std::string_view> attributes_served = {"FilterPolicy", "FilterPolicyScope",
                                                      "RawMessageDelivery", "RedrivePolicy"};
const std::set<std::string_view> attributes_unserved = {"DeliveryPolicy", "SubscriptionRoleArn",
                                                        "ReplayPolicy"};

bool confirms_by_owner(std::string_view protocol) {
  return protocol != "sqs" && protocol != "lambda";
}

Result<void> check_endpoint(std::string_view protocol, std::string_view endpoint) {
  if (!known_protocols.contains(protocol))
    return invalid(fmt::format("Does not support this protocol string: {}", protocol));
  if (protocol == "sqs") {
    const auto arn = parse_arn(endpoint);
    if (!arn || arn->service != "sqs") return invalid("SQS endpoint ARN");
    return {};
  }
  if (protocol == "lambda") {
    const auto arn = parse_arn(endpoint);
    if (!arn || arn->service != "lambda" || !arn->resource.starts_with("function:"))
      return invalid("Lambda endpoint ARN");
    return {};
  }
  if (protocol == "http" || protocol == "https") {
    if (!endpoint.starts_with(fmt::format("{}://", protocol)))
      return invalid("Endpoint must match the specified protocol");
    const std::string_view rest = endpoint.substr(protocol.size() + 3);
    const std::string_view authority = rest.substr(0, rest.find_first_of("/?#"));
    // Behind a user and a password.
    const std::string_view host = authority.substr(authority.rfind('@') + 1);
    if (host.empty() || host.starts_with(':') || endpoint.contains(' ')) return invalid("Endpoint");
    return {};
  }
  if (is_mail(protocol)) {
    if (!is_mail_address(endpoint)) return invalid("Email address");
    return {};
  }
  return invalid(fmt::format(
      "kiban does not deliver by protocol '{}': use sqs, lambda, http, https, email or email-json",
      protocol));
}

Result<void> check_protocol_of_topic(const json::object& topic, const Subscription& subscription) {
  if (is_fifo(topic) && subscription.protocol != "sqs")
    return invalid(fmt::format("Invalid protocol type: {}", subscription.protocol));
  if (!is_fifo(topic) && subscription.protocol == "sqs" && subscription.endpoint.ends_with(".fifo"))
    return invalid(
        "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard "
        "SNS topics");
  return {};
}

// https://docs.aws.amazon.com/sns/latest/dg/sns-configure-dead-letter-queue.html
Result<void> check_redrive(const Subscription& subscription) {
  const std::string policy = text(subscription.attributes, "RedrivePolicy");
  if (policy.empty()) return {};
  const auto parsed = parse_json(policy);
  if (!parsed || !parsed->is_object()) return invalid("RedrivePolicy: failed to parse JSON");
  const std::string target = text(parsed->get_object(), "deadLetterTargetArn");
  const auto queue = parse_arn(target);
  if (!queue || queue->service != "sqs")
    return invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn");
  const auto topic = parse_arn(subscription.topic_arn);
  if (!topic || topic->region != queue->region || topic->account != queue->account)
    return invalid(
        "RedrivePolicy: the dead-letter queue must be in the topic's account and Region");
  return {};
}

Result<void> check_attribute(std::string_view name, std::string_view value,
                             const Subscription& subscription, std::string_view reason) {
  if (attributes_unserved.contains(name))
    return invalid(fmt::format("kiban does not honour the subscription attribute {}", name));
  if (!attributes_served.contains(name)) return invalid(reason);
  if (name != "RawMessageDelivery") return {};
  if (value != "true" && value != "false")
    return invalid(fmt::format(
        "Attributes Reason: RawMessageDelivery: Invalid value [{}]. Must be true or false.",
        value));
  if (value == "true" && (is_mail(subscription.protocol) || subscription.protocol == "lambda"))
    return invalid(
        fmt::format("Attributes Reason: Delivery protocol [{}] does not support raw "
                    "message delivery.",
                    subscription.protocol));
  return {};
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

Result<void> check_attributes(Subscription& subscription, const json::object& given) {
  for (const auto& member : given) {
    const std::string value = text(given, member.key());
    KIBAN_TRY_VOID(check_attribute(
        member.key(), value, subscription,
        fmt::format("Attributes Reason: Unknown attribute: {}", std::string_view(member.key()))));
  }
  KIBAN_TRY_VOID(check_filter(given));
  subscription.attributes = given;
  return check_redrive(subscription);
}

void ask_for_confirmation(Context& context, const json::object& topic,
                          const Subscription& subscription) {
  if (is_mail(subscription.protocol))
    mail_confirmation(context, subscription, topic.at("Attributes").as_object());
  else
    request_confirmation(context, subscription, signature_version(topic));
}

std::string shown_arn(const json::object& input, const Subscription& subscription) {
  const bool show = !subscription.pending || flag(input, "ReturnSubscriptionArn");
  return show ? subscription.arn : "pending confirmation";
}

Result<json::object> subscribe(Context& context, const json::object& input) {
  const std::string topic_arn = text(input, "TopicArn");
  KIBAN_TRY(const json::object topic, load_topic(context, topic_arn));
  Subscription subscription{.topic_arn = topic_arn,
                            .protocol = text(input, "Protocol"),
                            .endpoint = text(input, "Endpoint")};
  KIBAN_TRY_VOID(check_endpoint(subscription.protocol, subscription.endpoint));
  KIBAN_TRY_VOID(check_protocol_of_topic(topic, subscription));
  if (const json::object* attributes = find_object(input, "Attributes"))
    KIBAN_TRY_VOID(check_attributes(subscription, *attributes));
  for (const Subscription& other : subscriptions(context, topic_arn)) {
    if (other.protocol != subscription.protocol || other.endpoint != subscription.endpoint)
      continue;
    if (differs(subscription.attributes, other.attributes))
      return invalid("Attributes Reason: Subscription already exists with different attributes");
    // Whoever subscribes again is asked again.
    if (other.pending) ask_for_confirmation(context, topic, other);
    return json::object{{"SubscriptionArn", shown_arn(input, other)}};
  }
  subscription.arn = fmt::format("{}:{}", topic_arn, context.random().uuid());
  subscription.pending = confirms_by_owner(subscription.protocol);
  subscription.authenticated = !subscription.pending;
  subscription.principal = context.caller().arn;
  if (subscription.pending) {
    subscription.token = context.secrets().hex(64);
    ask_for_confirmation(context, topic, subscription);
    context.set_timer("sns", fmt::format("pending/{}", subscription.arn),
                      context.now() + confirmation_time_max, {{"Expire", subscription.arn}});
  }
  save(context, subscription);
  return json::object{{"SubscriptionArn", shown_arn(input, subscription)}};
}

// Without a signature: a link of a confirmation was followed.
bool is_signed(const Context& context) { return context.caller().arn != "anonymous"; }

Result<json::object> confirm_subscription(Context& context, const json::object& input) {
  const std::string token = text(input, "Token");
  const std::string topic_arn = text(input, "TopicArn");
  const std::string authenticate = text(input, "AuthenticateOnUnsubscribe", "false");
  if (authenticate != "true" && authenticate != "false")
    return invalid("AuthenticateOnUnsubscribe");
  if (authenticate == "true" && !is_signed(context))
    return fail("AuthorizationErrorException", "AuthenticateOnUnsubscribe needs a signed request");
  KIBAN_TRY_VOID(load_topic(context, topic_arn));
  for (Subscription& subscription : subscriptions(context, topic_arn)) {
    if (subscription.token.empty() || subscription.token != token) continue;
    if (subscription.pending) {
      subscription.pending = false;
      subscription.authenticated = authenticate == "true";
      context.cancel_timer("sns", fmt::format("pending/{}", subscription.arn));
      save(context, subscription);
    }
    return json::object{{"SubscriptionArn", subscription.arn}};
  }
  return invalid("Token");
}

// The link of a notification carries no signature: it ends subscriptions that were confirmed
// without AuthenticateOnUnsubscribe.
Result<json::object> unsubscribe(Context& context, const json::object& input) {
  const std::string arn = text(input, "SubscriptionArn");
  KIBAN_TRY_VOID(check_arn("SubscriptionArn", arn));
  const auto row = get_json(context, subscription_key(arn));
  if (!row) return json::object{};
  if (!is_signed(context) && subscription_from(*row).authenticated)
    return fail("AuthorizationErrorException",
                "This subscription can only be removed by a signed request");
  context.cancel_timer("sns", fmt::format("pending/{}", arn));
  context.erase(subscription_key(arn));
  return json::object{};
}

Result<json::object> list_page(const json::object& input, const Context& context,
                               std::string_view arn_prefix) {
  return page_of(
      context, subscription_key(arn_prefix), "Subscriptions", input,
      [&](const store::Row& row) -> std::optional<json::value> {
        const Subscription subscription = subscription_from(object_of(row.key, row.value));
        return json::object{
            {"SubscriptionArn", subscription.pending ? std::string(pending_arn) : subscription.arn},
            {"Owner", context.caller().account},
            {"Protocol", subscription.protocol},
            {"Endpoint", subscription.endpoint},
            {"TopicArn", subscription.topic_arn}};
      });
}

Result<json::object> list_subscriptions(Context& context, const json::object& input) {
  return list_page(input, context, make_arn(context, "sns", ""));
}

Result<json::object> list_subscriptions_by_topic(Context& context, const json::object& input) {
  KIBAN_TRY_VOID(load_topic(context, text(input, "TopicArn")));
  return list_page(input, context, text(input, "TopicArn") + ":");
}

Result<json::object> get_subscription_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(const Subscription subscription,
            load_subscription(context, text(input, "SubscriptionArn")));
  json::object attributes = subscription.attributes;
  attributes.emplace("RawMessageDelivery", "false");
  if (attributes.contains("FilterPolicy"))
    attributes.emplace("FilterPolicyScope", "MessageAttributes");
  attributes["SubscriptionArn"] = subscription.arn;
  attributes["TopicArn"] = subscription.topic_arn;
  attributes["Protocol"] = subscription.protocol;
  attributes["Endpoint"] = subscription.endpoint;
  attributes["Owner"] = context.caller().account;
  attributes["PendingConfirmation"] = subscription.pending ? "true" : "false";
  attributes["ConfirmationWasAuthenticated"] = subscription.authenticated ? "true" : "false";
  if (!subscription.principal.empty()) attributes["SubscriptionPrincipal"] = subscription.principal;
  return json::object{{"Attributes", std::move(attributes)}};
}

Result<json::object> set_subscription_attributes(Context& context, const json::object& input) {
  KIBAN_TRY(Subscription subscription, load_subscription(context, text(input, "SubscriptionArn")));
  const std::string name = text(input, "AttributeName");
  const std::string value = text(input, "AttributeValue");
  KIBAN_TRY_VOID(check_attribute(name, value, subscription, "AttributeName"));
  if (value.empty())
    subscription.attributes.erase(name);
  else
    subscription.attributes[name] = value;
  KIBAN_TRY_VOID(check_filter(subscription.attributes));
  KIBAN_TRY_VOID(check_redrive(subscription));
  save(context, subscription);
  return json::object{};
}

}  // namespace

void expire_subscription(Context& context, std::string_view arn) {
  const auto row = get_json(context, subscription_key(arn));
  if (row && subscription_from(*row).pending) context.erase(subscription_key(arn));
}

const OperationTable& subscription_operations() {
  static const OperationTable table = {
      {"ConfirmSubscription", confirm_subscription},
      {"GetSubscriptionAttributes", get_subscription_attributes},
      {"ListSubscriptions", list_subscriptions},
      {"ListSubscriptionsByTopic", list_subscriptions_by_topic},
      {"SetSubscriptionAttributes", set_subscription_attributes},
      {"Subscribe", subscribe},
      {"Unsubscribe", unsubscribe},
  };
  return table;
}

}  // namespace kiban::services::sns
