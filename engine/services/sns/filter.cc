#include "services/sns/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "patterns/pattern.h"
#include "services/base/table_service.h"

namespace kiban::services::sns {
namespace {

constexpr std::string_view body_scope = "MessageBody";
constexpr std::string_view attributes_scope = "MessageAttributes";

std::unexpected<Error> invalid(std::string_view why) {
  return fail("InvalidParameterException", fmt::format("Invalid parameter: FilterPolicy: {}", why));
}

// What multiplies a policy's cost.
struct Size {
  std::size_t keys{0};
  std::size_t combinations{1};
};

class Checker {
 public:
  explicit Checker(bool nested_allowed) : nested_allowed_(nested_allowed) {}

  // `depth`: how many names lead to the values in `object`. A key with values at depth n counts
  // them n times:
  // https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
  Result<Size> object(const json::object& object, std::size_t depth) const {
    Size size;
    for (const auto& [name, value] : object) {
      Size part;
      if (value.is_array() && name == "$or") {
        KIBAN_TRY(part, alternation(value.get_array(), depth));
      } else if (value.is_array()) {
        KIBAN_TRY_VOID(values(value.get_array()));
        part = {.keys = 1, .combinations = value.get_array().size() * depth};
      } else if (value.is_object()) {
        if (!nested_allowed_)
          return invalid(
              "Filter policy scope MessageAttributes does not support nested filter policy");
        KIBAN_TRY(part, this->object(value.get_object(), depth + 1));
      }
      size.keys += part.keys;
      size.combinations = bounded(size.combinations * part.combinations);
    }
    return size;
  }

 private:
  // Only one of its objects is met at a time: their sum, and the keys of the largest.
  Result<Size> alternation(const json::array& objects, std::size_t depth) const {
    Size size{.combinations = 0};
    for (const json::value& each : objects) {
      if (!each.is_object()) continue;  // The pattern's parser refuses it.
      KIBAN_TRY(const Size part, object(each.get_object(), depth));
      size.keys = std::max(size.keys, part.keys);
      size.combinations = bounded(size.combinations + part.combinations);
    }
    return size;
  }

  static std::size_t bounded(std::size_t combinations) {
    return std::min(combinations, filter_combinations_max + 1);
  }

  Result<void> values(const json::array& all) const {
    for (const json::value& value : all) {
      KIBAN_TRY_VOID(number(value));
      if (!value.is_object()) continue;
      for (const auto& [name, operand] : value.get_object())
        KIBAN_TRY_VOID(expression(name, operand));
    }
    return {};
  }

  static Result<void> number(const json::value& value) {
    if (!value.is_number() || std::abs(value.to_number<double>()) <= filter_number_max) return {};
    return invalid("Numbers must lie between -10^9 and 10^9");
  }

  static Result<void> expression(std::string_view name, const json::value& operand) {
    static const std::set<std::string_view> known = {
        "anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix"};
    if (!known.contains(name)) return invalid(fmt::format("Unrecognized match type {}", name));
    if (const json::array* list = operand.if_array())
      for (const json::value& each : *list) KIBAN_TRY_VOID(number(each));
    const json::object* inner = operand.if_object();
    if (!inner) return number(operand);
    for (const auto& member : *inner) {
      const std::string_view key = member.key();
      if (name != "anything-but" || key != "prefix" || !member.value().is_string())
        return invalid(fmt::format("Unrecognized match type {} of {}", key, name));
    }
    return {};
  }

  bool nested_allowed_;
};

bool is_empty(std::string_view policy) {
  const auto parsed = parse_json(policy);
  return policy.empty() || (parsed && parsed->is_object() && parsed->get_object().empty());
}

// The values that a policy's names are compared with. Binary attributes are none of them:
// https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
json::object event_of(const json::object& attributes) {
  json::object event;
  for (const auto& member : attributes) {
    const json::object* attribute = member.value().if_object();
    if (!attribute) continue;
    const std::string type = text(*attribute, "DataType");
    const std::string value = text(*attribute, "StringValue");
    const bool list = type == "String.Array" || type == "Number.Array";
    if (!list && type.starts_with("String")) event[member.key()] = value;
    if (!list && !type.starts_with("Number")) continue;
    const auto parsed = parse_json(value);
    if (parsed && (list ? parsed->is_array() : parsed->is_number())) event[member.key()] = *parsed;
  }
  return event;
}

}  // namespace

Result<void> check_filter(const json::object& attributes) {
  const std::string scope = text(attributes, "FilterPolicyScope", attributes_scope);
  if (scope != body_scope && scope != attributes_scope)
    return fail("InvalidParameterException",
                fmt::format("Invalid parameter: FilterPolicyScope: Invalid value [{}]. Please use "
                            "either MessageBody or MessageAttributes",
                            scope));
  const std::string policy = text(attributes, "FilterPolicy");
  if (is_empty(policy)) return {};
  if (policy.size() > filter_bytes_max) return invalid("Filter policy is larger than 256 KB");
  const auto parsed = parse_json(policy);
  if (!parsed) return invalid(fmt::format("failed to parse JSON. {}", parsed.error().cause));
  if (!parsed->is_object()) return invalid("failed to parse JSON. It is no object");
  KIBAN_TRY(const Size size, Checker(scope == body_scope).object(parsed->get_object(), 1));
  if (size.keys > filter_keys_max)
    return invalid(fmt::format("Filter policy can not have more than {} keys", filter_keys_max));
  const auto pattern = patterns::Pattern::parse(policy);
  if (!pattern) {
    std::string_view why = pattern.error().cause;
    constexpr std::string_view lead = "Event pattern is not valid. Reason: ";
    if (why.starts_with(lead)) why.remove_prefix(lead.size());
    return invalid(why);
  }
  if (size.combinations > filter_combinations_max) return invalid("Filter policy is too complex");
  return {};
}

bool wants(const json::object& attributes, const json::object& message_attributes,
           std::string_view text_of_message) {
  const std::string policy = text(attributes, "FilterPolicy");
  if (is_empty(policy)) return true;
  const auto pattern = patterns::Pattern::parse(policy);
  if (!pattern) return false;
  if (text(attributes, "FilterPolicyScope") == body_scope) {
    const auto body = parse_json(text_of_message);
    return body && body->is_object() && pattern->matches(*body);
  }
  // "exists": false too needs a message with attributes:
  // https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html
  const json::object event = event_of(message_attributes);
  return !event.empty() && pattern->matches(json::value(event));
}

}  // namespace kiban::services::sns
