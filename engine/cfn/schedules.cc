#include "cfn/schedules.h"

#include <charconv>

#include "core/letters.h"
#include "core/time.h"

namespace kiban::cfn {
namespace {

// Numbers may be given as texts.
void make_number(json::object& in, std::string_view member) {
  json::value* value = in.if_contains(member);
  if (!value || !value->is_string()) return;
  const json::string& text = value->get_string();
  std::int64_t number = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code == std::errc() && stop == text.data() + text.size()) *value = number;
}

// The members of each entry of a list begin in lower case in the API.
void lower_members(json::value* list) {
  if (!list || !list->is_array()) return;
  for (json::value& entry : list->get_array()) {
    if (!entry.is_object()) continue;
    json::object lowered;
    for (const auto& [key, value] : entry.get_object()) {
      std::string name(key);
      if (!name.empty()) name[0] = lower_case(name[0]);
      lowered[name] = value;
    }
    for (const char* member : {"base", "weight"}) make_number(lowered, member);
    entry = std::move(lowered);
  }
}

json::value window(json::value value) {
  if (value.is_object()) make_number(value.get_object(), "MaximumWindowInMinutes");
  return value;
}

json::value target(json::value value) {
  if (!value.is_object()) return value;
  json::object& whole = value.get_object();
  if (json::value* policy = whole.if_contains("RetryPolicy"); policy && policy->is_object())
    for (const char* member : {"MaximumEventAgeInSeconds", "MaximumRetryAttempts"})
      make_number(policy->get_object(), member);
  json::value* parameters = whole.if_contains("EcsParameters");
  if (!parameters || !parameters->is_object()) return value;
  json::object& ecs = parameters->get_object();
  make_number(ecs, "TaskCount");
  for (const char* list : {"CapacityProviderStrategy", "PlacementConstraints", "PlacementStrategy"})
    lower_members(ecs.if_contains(list));
  json::value* network = ecs.if_contains("NetworkConfiguration");
  const json::value* vpc = network && network->is_object()
                               ? network->get_object().if_contains("AwsvpcConfiguration")
                               : nullptr;
  if (vpc) *network = json::object{{"awsvpcConfiguration", json::value(*vpc)}};
  return value;
}

}  // namespace

std::optional<json::value> schedule_value(std::string_view how, const json::value& value) {
  if (how == "window") return window(value);
  if (how == "scheduletarget") return target(value);
  if (how == "instant" && value.is_string()) {
    const auto time = parse_iso8601(std::string_view(value.get_string()));
    return time ? json::value(epoch_seconds(*time)) : value;
  }
  if (how == "instanttext" && value.is_number())
    return json::value(format_iso8601(from_epoch_seconds(value.to_number<double>())));
  return std::nullopt;
}

}  // namespace kiban::cfn
