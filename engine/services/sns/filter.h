// Filter policies of subscriptions: which messages a subscriber wants.
// https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html
//
// The language is that of EventBridge's patterns (engine/patterns) with fewer operators: exact
// values, anything-but (values, or one prefix), prefix, suffix, equals-ignore-case, cidr, numeric,
// exists, $or. Any other is refused. Other than at AWS, `exists` takes a null or an empty text of a
// message's body for something that is there.
#pragma once

#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace kiban::services::sns {

// https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
constexpr std::size_t filter_bytes_max = 256 * 1024;
constexpr std::size_t filter_keys_max = 5;
constexpr std::size_t filter_combinations_max = 150;
constexpr double filter_number_max = 1e9;

// `attributes` of a subscription: FilterPolicy and FilterPolicyScope fit together and are within
// the limits. Error InvalidParameterException.
Result<void> check_filter(const json::object& attributes);

// Does the policy in a subscription's `attributes` want a message with these MessageAttributes and
// this text? Without a policy, or with {}, every message.
bool wants(const json::object& attributes, const json::object& message_attributes,
           std::string_view text);

}  // namespace kiban::services::sns
