#include "cfn/types.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "cfn/buckets.h"
#include "cfn/functions.h"
#include "cfn/schedules.h"
#include "cfn/type_lists.h"

namespace kiban::cfn {
namespace {

const std::map<std::string, json::object, std::less<>>& catalogue() {
  static const auto* const all = [] {
    auto* out = new std::map<std::string, json::object, std::less<>>;
    for (const std::string_view list : {network_types, compute_types, data_types, access_types,
                                        events_types, function_types, stack_types}) {
      const auto parsed = parse_json(list);
      KIBAN_CHECK(parsed, "a list of types is no JSON: " + (parsed ? "" : parsed.error().cause));
      for (const json::value& entry : parsed->as_array()) {
        out->emplace(std::string(entry.at("Type").as_string()), entry.as_object());
      }
    }
    return out;
  }();
  return *all;
}

const json::value* walk(const json::value* at, std::string_view path) {
  while (at && !path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string_view step = path.substr(0, dot);
    path = dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1);
    if (at->is_array()) {
      std::size_t index = 0;
      std::from_chars(step.data(), step.data() + step.size(), index);
      at = index < at->get_array().size() ? &at->get_array()[index] : nullptr;
    } else {
      at = at->is_object() ? find(at->get_object(), step) : nullptr;
    }
  }
  return at;
}

std::optional<json::value> look(std::string_view path, const Scope& scope) {
  const bool own = path.starts_with('@');
  if (own) path.remove_prefix(1);
  if (own && path == "all") return json::value(scope.properties);
  const std::size_t dot = path.find('.');
  const json::value* first = find(own ? scope.own : scope.properties, path.substr(0, dot));
  const json::value* found =
      walk(first, dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1));
  if (!found) return std::nullopt;
  return *found;
}

std::string plain(const json::value& value) {
  return value.is_string() ? to_string(value.get_string()) : print_json(value);
}

json::value lower(const json::value& value) {
  if (value.is_array()) {
    json::array out;
    for (const json::value& one : value.get_array()) out.push_back(lower(one));
    return out;
  }
  if (!value.is_object()) return value;
  json::object out;
  for (const auto& member : value.get_object()) {
    std::string key = member.key();
    if (!key.empty() && key[0] >= 'A' && key[0] <= 'Z') key[0] = static_cast<char>(key[0] + 32);
    // Keys of these are the user's own.
    const bool own = key == "options" || key == "dockerLabels";
    out.emplace(key, own ? member.value() : lower(member.value()));
  }
  return out;
}

// CloudFormation's flat rules as EC2's IpPermissions.
json::value permissions(const json::value& value) {
  if (value.is_object()) return permissions(json::array{value});
  json::array out;
  for (const json::value& one : value.is_array() ? value.get_array() : json::array{}) {
    if (!one.is_object()) continue;
    const json::object& rule = one.get_object();
    json::object permission;
    for (const std::string_view key : {"IpProtocol", "FromPort", "ToPort"}) {
      if (rule.contains(key)) permission.emplace(key, rule.at(key));
    }
    json::object range;
    if (rule.contains("Description")) range.emplace("Description", rule.at("Description"));
    if (rule.contains("CidrIp")) {
      range.emplace("CidrIp", rule.at("CidrIp"));
      permission.emplace("IpRanges", json::array{range});
    }
    if (rule.contains("CidrIpv6")) {
      json::object range6 = range;
      range6.emplace("CidrIpv6", rule.at("CidrIpv6"));
      permission.emplace("Ipv6Ranges", json::array{range6});
    }
    for (const std::string_view group : {"SourceSecurityGroupId", "DestinationSecurityGroupId"}) {
      if (!rule.contains(group)) continue;
      range.emplace("GroupId", rule.at(group));
      permission.emplace("UserIdGroupPairs", json::array{range});
    }
    out.push_back(permission);
  }
  return out;
}

// Members that S3 names otherwise than CloudFormation does.
json::value bucket_rules(const json::array& rules) {
  json::array out;
  for (const json::value& one : rules) {
    if (!one.is_object()) continue;
    json::object rule;
    for (const auto& member : one.get_object()) {
      const std::string_view key = member.key();
      if (key == "ServerSideEncryptionByDefault") {
        rule["ApplyServerSideEncryptionByDefault"] = member.value();
      } else if (key == "Id") {
        rule["ID"] = member.value();
      } else if (key == "ExpirationInDays") {
        rule["Expiration"] = json::object{{"Days", member.value()}};
      } else {
        rule[key] = member.value();
      }
    }
    if (rule.contains("Status") && !rule.contains("Filter") && !rule.contains("Prefix")) {
      rule["Filter"] = json::object{{"Prefix", ""}};
    }
    out.push_back(rule);
  }
  return out;
}

// CloudFormation lists dimensions as Key and Value; CloudWatch Logs has them as a map.
json::value transformations(const json::value& value) {
  json::value out = lower(value);
  for (json::value& one : out.is_array() ? out.get_array() : out.emplace_array()) {
    if (!one.is_object()) continue;
    json::object& transformation = one.get_object();
    if (json::value* metric_value = transformation.if_contains("metricValue"))
      *metric_value = json::string(plain(*metric_value));
    if (json::value* otherwise = transformation.if_contains("defaultValue");
        otherwise && otherwise->is_string())
      if (auto number = parse_json(std::string_view(otherwise->get_string()))) *otherwise = *number;
    json::value* dimensions = transformation.if_contains("dimensions");
    if (!dimensions || !dimensions->is_array()) continue;
    json::object map;
    for (const json::value& each : dimensions->get_array())
      if (each.is_object()) map[text(each.get_object(), "key")] = text(each.get_object(), "value");
    *dimensions = std::move(map);
  }
  return out;
}

json::value changed_list(std::string_view how, const json::value& value) {
  if (how == "encryption" || how == "lifecycle") return bucket_rules(value.get_array());
  if (how == "ids") {
    json::array out;
    for (const json::value& one : value.get_array()) {
      if (one.is_object() && one.get_object().contains("Id")) out.push_back(one.at("Id"));
    }
    return out;
  }
  if (how == "lowertags") return lower(value);
  if (how == "kmstags") {
    json::array out;
    for (const json::value& tag : value.get_array()) {
      json::object renamed;
      for (const auto& member : tag.is_object() ? tag.get_object() : json::object{}) {
        renamed.emplace("Tag" + std::string(member.key()), member.value());
      }
      out.push_back(std::move(renamed));
    }
    return out;
  }
  if (how == "tagmap") {
    json::object out;
    for (const json::value& tag : value.get_array()) {
      if (tag.is_object() && tag.get_object().contains("Key")) {
        const json::value* text = find(tag.get_object(), "Value");
        out[plain(tag.get_object().at("Key"))] = text ? json::string(plain(*text)) : json::string();
      }
    }
    return out;
  }
  return value;
}

json::value changed(std::string_view how, const json::value& value) {
  if (auto bucket = bucket_value(how, value)) return *std::move(bucket);
  if (auto schedule = schedule_value(how, value)) return *std::move(schedule);
  if (auto function = function_value(how, value)) return *std::move(function);
  if (how == "json" || how == "str") return json::string(plain(value));
  if (how == "lower") return lower(value);
  if (how == "transformations") return transformations(value);
  if (how == "bool" && value.is_string()) return value.get_string() == "true";
  if (how == "int" && value.is_string()) {
    std::int64_t number = 0;
    const json::string& text = value.get_string();
    const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    return code == std::errc() && stop == text.data() + text.size() ? json::value(number) : value;
  }
  if (how == "path" && value.is_string()) {
    return value.get_string().starts_with('/') ? value
                                               : json::value("/" + to_string(value.get_string()));
  }
  if (how == "one") return json::array{value};
  if (how.starts_with("spec-")) {
    return json::array{json::object{{"ResourceType", how.substr(5)}, {"Tags", value}}};
  }
  if (how.starts_with("bar") && value.is_string()) {  // Part N of what '|' separates.
    std::string_view text = value.get_string();
    for (char n = how[3]; n > '0' && text.find('|') != std::string_view::npos; --n) {
      text.remove_prefix(text.find('|') + 1);
    }
    return json::string(text.substr(0, text.find('|')));
  }
  if (how == "fullname" &&
      value.is_string()) {  // "app/NAME/ID" or "targetgroup/NAME/ID" of an ARN.
    std::string_view text = value.get_string();
    text.remove_prefix(text.rfind(':') + 1);
    constexpr std::string_view balancer = "loadbalancer/";
    if (text.starts_with(balancer)) text.remove_prefix(balancer.size());
    return json::string(text);
  }
  if (how == "permissions") return permissions(value);
  if (how == "taglist" && value.is_object()) {
    json::array out;
    for (const auto& tag : value.get_object()) {
      out.push_back(json::object{{"Key", tag.key()}, {"Value", plain(tag.value())}});
    }
    return out;
  }
  return value.is_array() ? changed_list(how, value) : value;
}

bool lists(const json::object& type, std::string_view list, std::string_view name) {
  const json::array* names = find_array(type, list);
  return names && std::ranges::any_of(*names, [&](const json::value& one) {
           return std::string_view(one.as_string()) == name;
         });
}

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationError", std::move(cause));
}

// Values other than those that mean what kiban does anyway are refused by name.
Result<void> check_value(const json::object& type, std::string_view property,
                         const json::value& value, std::string_view id) {
  const json::object* only = find_object(type, "Only");
  for (const auto& entry : only ? *only : json::object{}) {
    const std::string_view path = entry.key();
    const std::size_t dot = std::min(path.find('.'), path.size());
    if (path.substr(0, dot) != property) continue;
    const json::value* given = dot == path.size() ? &value : walk(&value, path.substr(dot + 1));
    if (!given || !(given->is_string() || given->is_bool() || given->is_number())) continue;
    const json::array& values = entry.value().as_array();
    const json::value shown(json::string(plain(*given)));
    if (std::ranges::find(values, shown) != values.end()) continue;
    return invalid(fmt::format("kiban does not honour {} {} (of {}, {}): only {}", path,
                               print_json(shown), id, std::string_view(type.at("Type").as_string()),
                               print_json(values)));
  }
  return {};
}

bool mentions(const json::value& value, std::string_view text) {
  if (value.is_string()) return value.get_string().find(text) != json::string::npos;
  if (value.is_array())
    return std::ranges::any_of(value.get_array(),
                               [&](const json::value& one) { return mentions(one, text); });
  return value.is_object() && std::ranges::any_of(value.get_object(), [&](const auto& member) {
           return mentions(member.value(), text);
         });
}

// "Resources that support dynamic parameter patterns for secure strings":
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-ssm-secure-strings.html
Result<void> check_secure_references(std::string_view type, std::string_view property,
                                     const json::value& value) {
  if (property == "MasterUserPassword" || !mentions(value, "{{resolve:ssm-secure:")) return {};
  return invalid(
      fmt::format("SSM Secure reference is not supported in: [{}/Properties/{}]", type, property));
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
Result<void> check_snapshot(const json::object& type, std::string_view id,
                            const json::object& body) {
  if (type.contains("Snapshot")) return {};
  for (const std::string_view name : {"DeletionPolicy", "UpdateReplacePolicy"}) {
    const json::string* policy = find_string(body, name);
    if (!policy || *policy != "Snapshot") continue;
    return invalid(fmt::format("Template error: resource type {} does not support {} Snapshot ({})",
                               std::string_view(type.at("Type").as_string()), name, id));
  }
  return {};
}

Result<void> check_attribute(const std::string& id, std::string_view name,
                             const json::object& resources) {
  const json::object* resource = find_object(resources, id);
  if (!resource) {
    return invalid(
        fmt::format("Template error: instance of Fn::GetAtt references undefined resource {}", id));
  }
  const json::object* type = find_type(resource->at("Type").as_string());
  if (type->at("Attributes").as_object().contains(name)) return {};
  const json::string* open = find_string(*type, "OpenAttributes");
  if (open && name.starts_with(std::string_view(*open)) && name.size() > open->size()) return {};
  return invalid(fmt::format(
      "Template error: resource {} does not support attribute type {} in Fn::GetAtt", id, name));
}

// ${Resource.Attribute}, unless `own` has a variable of that name.
Result<void> check_substitutions(std::string_view text, const json::object* own,
                                 const json::object& resources) {
  for (std::size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", at)) {
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos) return {};
    const std::string_view name = text.substr(at + 2, end - at - 2);
    at = end;
    const std::size_t dot = name.find('.');
    if (name.starts_with('!') || dot == std::string_view::npos || (own && own->contains(name))) {
      continue;
    }
    const std::string id(name.substr(0, dot));
    if (!resources.contains(id)) continue;  // make_graph tells.
    KIBAN_TRY_VOID(check_attribute(id, name.substr(dot + 1), resources));
  }
  return {};
}

// Every Fn::GetAtt, also one within Fn::Sub, names an attribute that the resource's type has.
Result<void> check_attributes(const json::value& value, const json::object& resources) {
  if (value.is_array()) {
    for (const json::value& one : value.get_array()) {
      KIBAN_TRY_VOID(check_attributes(one, resources));
    }
  }
  if (!value.is_object()) return {};
  for (const auto& member : value.get_object()) {
    const json::value& inner = member.value();
    const bool pair = inner.is_array() && inner.get_array().size() == 2 &&
                      inner.get_array()[0].is_string() && inner.get_array()[1].is_string();
    if (member.key() == "Fn::GetAtt" && pair && value.get_object().size() == 1) {
      KIBAN_TRY_VOID(check_attribute(to_string(inner.get_array()[0].get_string()),
                                     inner.get_array()[1].get_string(), resources));
    } else if (member.key() == "Fn::GetAtt" && inner.is_string()) {
      const std::string_view whole = inner.get_string();
      const std::size_t dot = whole.find('.');
      if (dot != std::string_view::npos) {
        KIBAN_TRY_VOID(
            check_attribute(std::string(whole.substr(0, dot)), whole.substr(dot + 1), resources));
      }
    } else if (member.key() == "Fn::Sub" && inner.is_string()) {
      KIBAN_TRY_VOID(check_substitutions(inner.get_string(), nullptr, resources));
    } else if (member.key() == "Fn::Sub" && inner.is_array() && inner.get_array().size() == 2 &&
               inner.get_array()[0].is_string() && inner.get_array()[1].is_object()) {
      KIBAN_TRY_VOID(check_substitutions(inner.get_array()[0].get_string(),
                                         &inner.get_array()[1].get_object(), resources));
    }
    KIBAN_TRY_VOID(check_attributes(inner, resources));
  }
  return {};
}

std::optional<json::value> value_of(std::string_view text, const Scope& scope) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return look(text, scope);
  const auto found = value_of(text.substr(colon + 1), scope);
  if (!found) return std::nullopt;
  return changed(text.substr(0, colon), *found);
}

}  // namespace

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html,
// "Specifying a custom resource type name".
bool is_custom_type(std::string_view name) {
  constexpr std::string_view prefix = "Custom::";
  constexpr std::size_t size_max = 60;
  return name.starts_with(prefix) && name.size() > prefix.size() && name.size() <= size_max &&
         std::ranges::all_of(name.substr(prefix.size()), [](char c) {
           return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '@' ||
                  c == '-';
         });
}

const json::object* find_type(std::string_view name) {
  const auto found =
      catalogue().find(is_custom_type(name) ? "AWS::CloudFormation::CustomResource" : name);
  return found == catalogue().end() ? nullptr : &found->second;
}

bool has_tags(const json::object& type) { return find_tag_steps(type) != nullptr; }

bool forces_replacement(const json::object& type, std::string_view property) {
  return lists(type, "Replace", property);
}

bool can_update(const json::object& type, std::string_view property) {
  return flag(type, "Open") || lists(type, "Updates", property) ||
         (property == "Tags" && has_tags(type));
}

const json::object* find_tag_steps(const json::object& type) {
  static const auto* const all =
      new json::object(parse_json(tag_operations).value().as_object());  // By service.
  return type.contains("TagId") ? find_object(*all, type.at("Service").as_string()) : nullptr;
}

bool has_system_tags(const json::object& type) {
  const json::object* steps = find_tag_steps(type);
  const json::value* system = steps ? find(*steps, "System") : nullptr;
  return steps && (!system || *system != false);
}

std::vector<std::string> type_names() {
  std::vector<std::string> out;
  for (const auto& entry : catalogue()) out.push_back(entry.first);
  return out;
}

Result<void> check_resources(const json::object& tree) {
  std::vector<std::string> unknown;  // One name may be empty.
  const json::object& resources = *find_object(tree, "Resources");
  for (const auto& resource : resources) {
    const std::string type(resource.value().at("Type").as_string());
    const json::object* entry = find_type(type);
    if (!entry) {
      unknown.push_back(type);
      continue;
    }
    KIBAN_TRY_VOID(check_snapshot(*entry, resource.key(), resource.value().as_object()));
    const json::object* properties = find_object(resource.value().as_object(), "Properties");
    for (const auto& property : properties ? *properties : json::object{}) {
      const std::string_view name = property.key();
      KIBAN_TRY_VOID(check_secure_references(type, name, property.value()));
      if (flag(*entry, "Open") || lists(*entry, "Known", name) ||
          (name == "Tags" && has_tags(*entry))) {
        KIBAN_TRY_VOID(check_value(*entry, name, property.value(), resource.key()));
        continue;
      }
      return invalid(fmt::format("Encountered unsupported property {} (of {}, {})", name,
                                 std::string(resource.key()), type));
    }
  }
  if (!unknown.empty()) {
    return invalid(fmt::format("Template format error: Unrecognized resource types: [{}]",
                               fmt::join(unknown, ", ")));
  }
  return check_attributes(json::value(tree), resources);
}

std::optional<json::value> fill(const json::value& shape, const Scope& scope) {
  if (shape.is_string()) {
    const std::string_view text = shape.get_string();
    if (text.starts_with('=')) return value_of(text.substr(1), scope);
    if (!text.starts_with('~')) return shape;
    std::string out;
    for (std::size_t at = 1; at < text.size();) {
      const std::size_t open = std::min(text.find('{', at), text.size());
      out += text.substr(at, open - at);
      if (open == text.size()) break;
      const std::size_t end = text.find('}', open);
      if (const auto found = value_of(text.substr(open + 1, end - open - 1), scope)) {
        out += plain(*found);
      }
      at = end + 1;
    }
    return json::value(json::string(out));
  }
  if (shape.is_array()) {
    json::array out;
    for (const json::value& one : shape.get_array()) {
      if (auto filled = fill(one, scope)) out.push_back(*std::move(filled));
    }
    return json::value(std::move(out));
  }
  if (!shape.is_object()) return shape;
  json::object out;
  for (const auto& member : shape.get_object()) {
    if (auto filled = fill(member.value(), scope)) out.emplace(member.key(), *std::move(filled));
  }
  return json::value(std::move(out));
}

}  // namespace kiban::cfn
