// AWS::CloudFormation::WaitConditionHandle and AWS::CloudFormation::WaitCondition.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-waitcondition.html
#include <fmt/format.h>

#include "services/cloudformation/handler.h"
#include "services/cloudformation/signals.h"

namespace kiban::services::cloudformation {
namespace {

constexpr std::int64_t timeout_seconds_max = 43'200;

std::int64_t whole_number(const json::object& object, std::string_view key, std::int64_t fallback) {
  const json::value* value = find(object, key);
  if (!value) return fallback;
  if (value->is_number()) return value->to_number<std::int64_t>();
  const auto parsed = parse_json(text(object, key));
  return parsed && parsed->is_int64() ? parsed->get_int64() : -1;
}

class WaitHandle final : public Handler {
 public:
  Result<Progress> create(const HandlerScope& scope, Resource& resource,
                          const json::object&) const override {
    resource.physical_id = new_signal_url(scope.context, scope.stack.region, {}).url;
    return Progress::Done;
  }
  Result<Progress> update(const HandlerScope&, Resource&, const json::object&,
                          const json::object&) const override {
    return Progress::Done;
  }
  Result<Progress> settled(const HandlerScope&, Resource&) const override { return Progress::Done; }
  Result<Progress> remove(const HandlerScope& scope, Resource& resource,
                          const json::object&) const override {
    revoke_signal_url(scope.context, scope.stack.region, token_of(resource.physical_id));
    return Progress::Done;
  }
};

class WaitCondition final : public Handler {
 public:
  Result<Progress> create(const HandlerScope& scope, Resource& resource,
                          const json::object& properties) const override {
    if (token_of(text(properties, "Handle")).empty())
      return fail("ValidationError", "Property Handle must be the URL of a wait condition handle");
    const std::int64_t timeout = whole_number(properties, "Timeout", -1);
    if (timeout < 0 || timeout > timeout_seconds_max)
      return fail("ValidationError",
                  fmt::format("Property Timeout must be between 0 and {}", timeout_seconds_max));
    if (whole_number(properties, "Count", 1) < 1)
      return fail("ValidationError", "Property Count must be at least 1");
    resource.physical_id = fmt::format("{}/{}", scope.stack.id, resource.logical_id);
    resource.since = scope.context.now();
    return settled(scope, resource);
  }
  // Its properties do not change ("Updates are not supported").
  Result<Progress> update(const HandlerScope&, Resource&, const json::object&,
                          const json::object&) const override {
    return Progress::Done;
  }
  Result<Progress> settled(const HandlerScope& scope, Resource& resource) const override {
    const json::object& properties = resource.properties;
    const std::int64_t wanted = whole_number(properties, "Count", 1);
    std::int64_t received = 0;
    json::object data;
    for (const json::object& signal :
         signals_of(scope.context, scope.stack.region, token_of(text(properties, "Handle")))) {
      if (text(signal, "Status") == "FAILURE")
        return fail("ValidationError",
                    fmt::format("WaitCondition received failed message: '{}' for uniqueId: {}",
                                text(signal, "Reason"), text(signal, "UniqueId")));
      ++received;
      data[text(signal, "UniqueId")] = text(signal, "Data");
    }
    if (received >= wanted) {
      resource.attributes["Data"] = print_json(data);
      return Progress::Done;
    }
    const std::chrono::seconds timeout(whole_number(properties, "Timeout", 0));
    if (resource.since && scope.context.now() - *resource.since >= timeout)
      return fail("ValidationError",
                  fmt::format("WaitCondition timed out. Received {} conditions when expecting {}",
                              received, wanted));
    resource.reason = fmt::format("waits for signals: {} of {} came", received, wanted);
    return Progress::Waiting;
  }
  Result<Progress> remove(const HandlerScope&, Resource&, const json::object&) const override {
    return Progress::Done;
  }
};

}  // namespace

const Handler& wait_handle_handler() {
  static const WaitHandle handler;
  return handler;
}

const Handler& wait_condition_handler() {
  static const WaitCondition handler;
  return handler;
}

}  // namespace kiban::services::cloudformation
