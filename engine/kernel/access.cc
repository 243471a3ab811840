#include "kernel/access.h"

#include <fmt/format.h>

#include <algorithm>

#include "api/codec.h"
#include "core/arn.h"

namespace kiban::kernel {

namespace {

using services::AccessRequest;
using services::Caller;
using services::ConditionKey;

// Of one placeholder or tag list, so that no input makes a request of unbounded size. Lists of
// values hold at most one more, by which access_requests() knows that there are too many.
constexpr std::size_t values_max = 1'000;

// A scalar as the text that a condition compares.
std::string scalar_text(const json::value& value) {
  if (value.is_string()) return to_string(value.get_string());
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  if (value.is_number()) return print_json(value);
  return {};
}

// The scalars at MEMBER.MEMBER[].MEMBER.
void collect(const json::value& from, std::string_view path, std::vector<std::string>& into) {
  if (into.size() > values_max) return;
  if (path.empty()) {
    if (from.is_object() || from.is_array()) return;
    // Each once: repetitions must not displace what comes behind them.
    if (std::string value = scalar_text(from); std::ranges::find(into, value) == into.end())
      into.push_back(std::move(value));
    return;
  }
  if (!from.is_object()) return;
  const std::size_t dot = path.find('.');
  std::string_view name = path.substr(0, dot);
  const std::string_view rest = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  const bool each = name.ends_with("[]");
  if (each) name.remove_suffix(2);
  const json::value* found = from.get_object().if_contains(name);
  if (found == nullptr || found->is_null()) return;
  if (!each) return collect(*found, rest, into);
  if (!found->is_array()) return;
  for (const json::value& element : found->get_array()) collect(element, rest, into);
}

std::string part_of(const std::string& text, std::size_t place, bool alone) {
  std::size_t at = 0;
  for (std::size_t i = 0; i < place; ++i) {
    at = text.find(':', at);
    if (at == std::string::npos) return alone ? std::string{} : text;
    ++at;
  }
  return alone ? text.substr(at) : text.substr(0, at - 1);
}

// CopySource is BUCKET/KEY, percent-encoded, perhaps with a '/' in front and ?versionId=… behind.
std::string object_of_copy(std::string text) {
  if (text.starts_with('/')) text.erase(0, 1);
  text = text.substr(0, text.rfind("?versionId="));
  return api::decode_uri(text).value_or(text);
}

std::string bus_of(const std::string& bus) {
  const std::string name = bus.substr(bus.rfind('/') + 1);
  return name.empty() || name == "default" ? "" : name + "/";
}

// NAME, NAME:QUALIFIER, function:NAME, ACCOUNT:function:NAME or an ARN, also of a layer.
std::string function_of(std::string_view value) {
  if (value.starts_with("function:")) value.remove_prefix(9);
  for (const std::string_view mark : {":function:", ":layer:"})
    if (const std::size_t at = value.find(mark); at != std::string_view::npos)
      value.remove_prefix(at + mark.size());
  return std::string(value.substr(0, value.find(':')));
}

std::string typed_id(const std::string& id) {
  struct Type {
    std::string_view prefix;
    std::string_view type;
  };
  static constexpr Type types[] = {
      {"eipalloc-", "elastic-ip"},     {"eni-", "network-interface"}, {"igw-", "internet-gateway"},
      {"nat-", "natgateway"},          {"rtb-", "route-table"},       {"sg-", "security-group"},
      {"sgr-", "security-group-rule"}, {"subnet-", "subnet"},         {"vpc-", "vpc"},
      {"vpce-", "vpc-endpoint"},       {"acl-", "network-acl"},       {"i-", "instance"},
  };
  for (const Type& each : types)
    if (id.starts_with(each.prefix)) return fmt::format("{}/{}", each.type, id);
  return "*/" + id;
}

// The plain texts that an event pattern lists for a top-level field.
std::vector<std::string> pattern_values(const std::string& pattern, std::string_view field) {
  std::vector<std::string> values;
  const Result<json::value> parsed = parse_json(pattern);
  const json::value* listed =
      parsed && parsed->is_object() ? parsed->get_object().if_contains(field) : nullptr;
  if (listed == nullptr || !listed->is_array()) return values;
  for (const json::value& each : listed->get_array())
    if (each.is_string()) values.push_back(to_string(each.get_string()));
  return values;
}

std::vector<std::string> filtered(const std::string& value, std::string_view filter) {
  if (filter == "last") return {value.substr(value.rfind('/') + 1)};
  if (filter == "bare") return {value.starts_with('/') ? value.substr(1) : value};
  // arn:aws:states:REGION:ACCOUNT:stateMachine:NAME:QUALIFIER
  if (filter == "machine") {
    // Behind a '#' there may be a test case of --mock-config.
    return {part_of(value.substr(0, value.find('#')), 7, false)};
  }
  if (filter == "qualifier") {
    std::string qualifier = part_of(value, 7, true);
    if (qualifier.empty()) return {};
    return {std::move(qualifier)};
  }
  if (filter == "group") {
    // arn:aws:logs:REGION:ACCOUNT:log-group:NAME, perhaps with :* behind.
    if (!value.starts_with("arn:")) return {value};
    const std::string name = part_of(value, 6, true);
    return {name.substr(0, name.find(':'))};
  }
  if (filter == "bus") return {bus_of(value)};
  if (filter == "object") return {object_of_copy(value)};
  if (filter == "ec2") return {typed_id(value)};
  if (filter == "function") return {function_of(value)};
  if (filter == "sources") return pattern_values(value, "source");
  if (filter == "types") return pattern_values(value, "detail-type");
  return {value};
}

struct Placeholder {
  std::string_view names{};
  std::string_view fallback{};
  bool has_fallback{false};
  std::string_view filter{};
};

Placeholder parse_placeholder(std::string_view inside) {
  Placeholder found;
  const std::size_t colon = inside.find(':');
  if (colon != std::string_view::npos) found.filter = inside.substr(colon + 1);
  inside = inside.substr(0, colon);
  const std::size_t equals = inside.find('=');
  found.names = inside.substr(0, equals);
  found.has_fallback = equals != std::string_view::npos || found.filter == "bus";
  if (equals != std::string_view::npos) found.fallback = inside.substr(equals + 1);
  return found;
}

// Of a user; else empty.
std::string user_name(const Caller& caller) {
  if (caller.arn.find(":user/") == std::string::npos) return {};
  return caller.arn.substr(caller.arn.rfind('/') + 1);
}

std::vector<std::string> values_of(const Placeholder& placeholder, const json::object& input,
                                   const Caller& caller) {
  if (placeholder.names == "region") return {caller.region};
  if (placeholder.names == "account") return {caller.account};
  std::vector<std::string> values;
  std::string_view names = placeholder.names;
  while (values.empty() && !names.empty()) {
    const std::size_t bar = names.find('|');
    if (names.substr(0, bar) == "username")
      values.push_back(user_name(caller));
    else
      collect(input, names.substr(0, bar), values);
    std::erase(values, "");
    names = bar == std::string_view::npos ? "" : names.substr(bar + 1);
  }
  if (values.empty() && placeholder.has_fallback) values.emplace_back(placeholder.fallback);
  return values;
}

// Names of objects and alarms may look like ARNs.
bool names_may_be_arns(std::string_view service) {
  return service == "s3" || service == "cloudwatch";
}

// Whether `value` is the ARN of a resource that the template could name: of its service and type,
// in the caller's region. Everything else is a name, which the service reads by its own rules.
bool replaced_by_arn(const Placeholder& placeholder, const std::string& value,
                     std::string_view whole, std::string_view rest, const Caller& caller) {
  if (rest.find('{') != std::string_view::npos) return false;
  if (!placeholder.filter.empty() && placeholder.filter != "bare") return false;
  const Result<Arn> form = parse_arn(whole);
  const Result<Arn> arn = parse_arn(value);
  if (!form || !arn || names_may_be_arns(form->service)) return false;
  if (arn->partition != form->partition || arn->service != form->service) return false;
  if (form->region == "{region}" && arn->region != caller.region) return false;
  if (form->account == "{account}" && arn->account.size() != caller.account.size()) return false;
  const std::size_t type_end = form->resource.find_first_of(":/{");
  return type_end != 0 && type_end != std::string::npos && form->resource[type_end] != '{' &&
         arn->resource.starts_with(form->resource.substr(0, type_end + 1));
}

void add_tag_keys(const json::object& input, const api::AccessRule& rule,
                  std::vector<ConditionKey>& keys) {
  ConditionKey names{.name = "aws:TagKeys"};
  const auto add = [&](std::string key, std::string value) {
    if (names.values.size() >= values_max) return;
    keys.push_back({.name = "aws:RequestTag/" + key, .values = {std::move(value)}});
    names.values.push_back(std::move(key));
  };
  const auto add_list = [&](const json::array& list) {
    for (const json::value& each : list) {
      if (!each.is_object()) continue;
      for (const auto& [key, value] :
           {std::pair{"Key", "Value"}, std::pair{"key", "value"}, std::pair{"TagKey", "TagValue"}})
        if (const json::string* text = find_string(each.get_object(), key)) {
          const json::string* given = find_string(each.get_object(), value);
          add(to_string(*text), given == nullptr ? "" : to_string(*given));
        }
    }
  };
  const json::value* tags = input.if_contains(rule.tags);
  if (tags != nullptr && tags->is_object())
    for (const auto& [key, value] : tags->get_object()) add(std::string(key), scalar_text(value));
  if (tags != nullptr && tags->is_array()) {
    add_list(tags->get_array());
    for (const json::value& each : tags->get_array())  // EC2's TagSpecifications.
      if (each.is_object())
        if (const json::array* list = find_array(each.get_object(), "Tags")) add_list(*list);
  }
  const json::array* listed = find_array(input, rule.tag_keys);
  for (const json::value& each : listed == nullptr ? json::array{} : *listed)
    if (each.is_string() && names.values.size() < values_max)
      names.values.push_back(to_string(each.get_string()));
  if (!names.values.empty()) keys.push_back(std::move(names));
}

std::unexpected<Error> too_many() {
  return fail("ValidationException",
              fmt::format("A request may name at most {} resources", values_max));
}

}  // namespace

std::vector<std::string> expand_template(std::string_view text, const json::object& input,
                                         const Caller& caller) {
  std::vector<std::string> made{""};
  const std::string_view whole = text;
  std::vector<std::string> complete;
  while (!text.empty()) {
    const std::size_t open = text.find('{');
    for (std::string& each : made) each += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = text.find('}', open);
    const Placeholder placeholder = parse_placeholder(text.substr(open + 1, close - open - 1));
    text.remove_prefix(close + 1);
    std::vector<std::string> longer;
    for (const std::string& value : values_of(placeholder, input, caller)) {
      if (replaced_by_arn(placeholder, value, whole, text, caller)) {
        complete.push_back(value);
        continue;
      }
      for (const std::string& piece : filtered(value, placeholder.filter))
        for (const std::string& each : made)
          if (longer.size() <= values_max) longer.push_back(each + piece);
    }
    made = std::move(longer);
  }
  made.insert(made.end(), std::make_move_iterator(complete.begin()),
              std::make_move_iterator(complete.end()));
  return made;
}

Result<std::vector<AccessRequest>> access_requests(const api::AccessRule& rule,
                                                   const json::object& input,
                                                   const Caller& caller) {
  std::vector<std::string> resources;
  for (const std::string_view each : rule.resources)
    for (std::string& resource : expand_template(each, input, caller))
      if (std::ranges::find(resources, resource) == resources.end())
        resources.push_back(std::move(resource));
  if (resources.size() > values_max) return too_many();
  if (resources.empty()) {
    if (rule.passes) return std::vector<AccessRequest>{};
    resources.emplace_back("*");
  }
  std::vector<ConditionKey> keys;
  for (const api::AccessKey& each : rule.keys) {
    ConditionKey key{.name = std::string(each.name),
                     .values = expand_template(each.value, input, caller)};
    if (key.values.size() > values_max) return too_many();
    if (!key.values.empty()) keys.push_back(std::move(key));
  }
  if (!rule.tags.empty() || !rule.tag_keys.empty()) add_tag_keys(input, rule, keys);
  std::vector<AccessRequest> requests;
  for (std::string& resource : resources)
    requests.push_back(
        {.action = std::string(rule.action), .resource = std::move(resource), .keys = keys});
  return requests;
}

}  // namespace kiban::kernel
