// Rows sns/topic/ARN {Attributes, Tags, Created, Published?} and sns/subscription/ARN
// (delivery.h), and what the operations on them have in common.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "services/base/table_service.h"
#include "services/sns/delivery.h"

namespace kiban::services::sns {

std::string topic_key(std::string_view arn);
std::string subscription_key(std::string_view arn);

// InvalidParameterException "Invalid parameter: WHY".
std::unexpected<Error> invalid(std::string_view why);
// InvalidParameterException for a text of the member `name` that has too few parts for an ARN.
Result<void> check_arn(std::string_view name, std::string_view arn);

// Errors: InvalidParameterException, NotFoundException.
Result<json::object> load_topic(const Context& context, std::string_view arn);
Result<Subscription> load_subscription(const Context& context, std::string_view arn);
void save(Context& context, const Subscription& subscription);

// Of a topic; and all whose ARN begins with `prefix`.
std::vector<Subscription> subscriptions(const Context& context, std::string_view topic_arn);
std::vector<Subscription> subscriptions_below(const Context& context, std::string_view prefix);

// What a topic has until its attribute Policy is set.
std::string default_policy(std::string_view topic_arn);

bool is_fifo(const json::object& topic);
// https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
std::string signature_version(const json::object& topic);

// A page of 100. Error InvalidParameterException for a token that is none.
Result<json::object> page_of(const json::array& all, std::string_view member,
                             const json::object& input);

const OperationTable& topic_operations();
const OperationTable& subscription_operations();
const OperationTable& publish_operations();
// 48 hours after Subscribe a subscription that was not confirmed is removed.
void expire_subscription(Context& context, std::string_view arn);

}  // namespace kiban::services::sns
