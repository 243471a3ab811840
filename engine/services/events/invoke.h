// The call that a target stands for, as the target's role or as EventBridge itself.
#pragma once

#include <optional>
#include <string>

#include "services/base/service.h"

namespace kiban::services::events {

struct Invocation {
  std::string rule_name{};
  std::string rule_arn{};  // aws:SourceArn of the call.
  json::object target{};
  json::object event{};
  std::string input{};
  std::int64_t hops{0};
};

struct Failure {
  // As ERROR_CODE of a dead letter bears it:
  // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-event-delivery.html
  std::string code{};
  std::string message{};
  bool may_pass{true};     // Worth another try.
  Duration not_before{0};  // Which comes after so long at the earliest.
};

// The target's role, assumed on behalf of the rule, or EventBridge itself when it has none. Then
// the target's resource policy decides.
// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
Result<Caller> caller_for(Context& context, const Invocation& invocation);

// Nothing when the target took it.
std::optional<Failure> invoke(Context& context, const Invocation& invocation);

}  // namespace kiban::services::events
