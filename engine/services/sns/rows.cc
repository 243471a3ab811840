#include "services/sns/rows.h"

#include <fmt/format.h>

#include <algorithm>

namespace kiban::services::sns {
namespace {

constexpr std::size_t page_size = 100;
constexpr std::ptrdiff_t arn_elements_min = 6;

}  // namespace

std::string topic_key(std::string_view arn) { return fmt::format("sns/topic/{}", arn); }

std::string subscription_key(std::string_view arn) {
  return fmt::format("sns/subscription/{}", arn);
}

std::unexpected<Error> invalid(std::string_view why) {
  return fail("InvalidParameterException", fmt::format("Invalid parameter: {}", why));
}

Result<void> check_arn(std::string_view name, std::string_view arn) {
  const std::ptrdiff_t elements = std::ranges::count(arn, ':') + 1;
  if (elements < arn_elements_min)
    return invalid(fmt::format("{} Reason: An ARN must have at least {} elements, not {}", name,
                               arn_elements_min, elements));
  if (!arn.starts_with("arn:aws:sns:")) return invalid(name);
  return {};
}

Result<json::object> load_topic(const Context& context, std::string_view arn) {
  KIBAN_TRY_VOID(check_arn("TopicArn", arn));
  auto topic = get_json(context, topic_key(arn));
  if (!topic) return fail("NotFoundException", "Topic does not exist");
  return *std::move(topic);
}

Result<Subscription> load_subscription(const Context& context, std::string_view arn) {
  KIBAN_TRY_VOID(check_arn("SubscriptionArn", arn));
  const auto row = get_json(context, subscription_key(arn));
  if (!row) return fail("NotFoundException", "Subscription does not exist");
  return subscription_from(*row);
}

void save(Context& context, const Subscription& subscription) {
  put_json(context, subscription_key(subscription.arn), to_json(subscription));
}

std::vector<Subscription> subscriptions(const Context& context, std::string_view topic_arn) {
  std::vector<Subscription> found;
  for (const json::object& row :
       list_json(context, subscription_key(fmt::format("{}:", topic_arn))))
    found.push_back(subscription_from(row));
  return found;
}

bool is_fifo(const json::object& topic) {
  return text(topic.at("Attributes").as_object(), "FifoTopic") == "true";
}

std::string signature_version(const json::object& topic) {
  return text(topic.at("Attributes").as_object(), "SignatureVersion", "1");
}

Result<json::object> page_of(const Context& context, std::string_view prefix,
                             std::string_view member, const json::object& input,
                             const EntryOf& entry) {
  auto page = page_of_rows(context, prefix, page_size, find_string(input, "NextToken"), entry);
  if (!page) return invalid("NextToken");
  json::object reply{{member, std::move(page->entries)}};
  if (page->next_token) reply["NextToken"] = *page->next_token;
  return reply;
}

}  // namespace kiban::services::sns
