#include "cfn/buckets.h"

#include <span>
#include <utility>

namespace kiban::cfn {
namespace {

using Names = std::span<const std::pair<std::string_view, std::string_view>>;

json::object renamed(const json::object& source, Names names) {
  json::object out;
  for (const auto& [key, value] : source) {
    std::string_view name = key;
    for (const auto& [from, to] : names)
      if (name == from) name = to;
    out.emplace(name, value);
  }
  return out;
}

json::array each_renamed(const json::value& list, Names names) {
  json::array out;
  if (!list.is_array()) return out;
  for (const json::value& one : list.get_array())
    out.push_back(one.is_object() ? json::value(renamed(one.get_object(), names)) : one);
  return out;
}

json::value website(const json::object& source) {
  constexpr std::pair<std::string_view, std::string_view> rule[] = {
      {"RedirectRule", "Redirect"}, {"RoutingRuleCondition", "Condition"}};
  json::object out = source;
  if (const json::value* key = source.if_contains("ErrorDocument"))
    out["ErrorDocument"] = json::object{{"Key", *key}};
  if (const json::value* suffix = source.if_contains("IndexDocument"))
    out["IndexDocument"] = json::object{{"Suffix", *suffix}};
  if (const json::value* rules = source.if_contains("RoutingRules"))
    out["RoutingRules"] = each_renamed(*rules, rule);
  return out;
}

json::value logging(const json::object& source) {
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"DestinationBucketName", "TargetBucket"}, {"LogFilePrefix", "TargetPrefix"}};
  json::object out = renamed(source, names);
  if (!out.contains("TargetPrefix")) out["TargetPrefix"] = "";
  return out;
}

// {"Event", "Queue", "Filter": {"S3Key": {"Rules": […]}}} as S3 has it.
json::value destination(const json::value& value, std::string_view from, std::string_view to) {
  if (!value.is_object()) return value;
  const std::pair<std::string_view, std::string_view> names[] = {{from, to}};
  json::object out = renamed(value.get_object(), names);
  if (const json::value* event = out.if_contains("Event")) {
    json::array events{*event};
    out.erase("Event");
    out["Events"] = std::move(events);
  }
  const json::object* filter = find_object(out, "Filter");
  const json::object* key = filter ? find_object(*filter, "S3Key") : nullptr;
  if (const json::array* rules = key ? find_array(*key, "Rules") : nullptr) {
    json::array copy = *rules;
    out["Filter"] = json::object{{"Key", json::object{{"FilterRules", std::move(copy)}}}};
  }
  return out;
}

bool is_off(const json::value& value) {
  return (value.is_bool() && !value.get_bool()) || (value.is_string() && value == "false");
}

json::value notifications(const json::object& source) {
  struct List {
    std::string_view name{};
    std::string_view member{};
    std::string_view to{};
    std::string_view to_member{};
  };
  constexpr List lists[] = {
      {"QueueConfigurations", "Queue", "QueueConfigurations", "QueueArn"},
      {"TopicConfigurations", "Topic", "TopicConfigurations", "TopicArn"},
      {"LambdaConfigurations", "Function", "LambdaFunctionConfigurations", "LambdaFunctionArn"}};
  json::object out;
  for (const List& list : lists) {
    const json::array* entries = find_array(source, list.name);
    if (!entries || entries->empty()) continue;
    json::array all;
    for (const json::value& one : *entries)
      all.push_back(destination(one, list.member, list.to_member));
    out[list.to] = std::move(all);
  }
  if (const json::object* bridge = find_object(source, "EventBridgeConfiguration")) {
    const json::value* enabled = bridge->if_contains("EventBridgeEnabled");
    if (!enabled || !is_off(*enabled)) out["EventBridgeConfiguration"] = json::object{};
  }
  return out;
}

}  // namespace

std::optional<json::value> bucket_value(std::string_view how, const json::value& value) {
  constexpr std::pair<std::string_view, std::string_view> cors[] = {
      {"ExposedHeaders", "ExposeHeaders"}, {"Id", "ID"}, {"MaxAge", "MaxAgeSeconds"}};
  // S3 takes no constraint for us-east-1: API_CreateBucketConfiguration.html
  if (how == "location") return value == "us-east-1" ? json::value("") : value;
  if (how == "cors") return json::value(each_renamed(value, cors));
  if (!value.is_object()) return std::nullopt;
  if (how == "website") return website(value.get_object());
  if (how == "bucketlog") return logging(value.get_object());
  if (how == "notifications") return notifications(value.get_object());
  return std::nullopt;
}

}  // namespace kiban::cfn
