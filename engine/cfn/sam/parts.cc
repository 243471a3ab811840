#include "cfn/sam/parts.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

namespace kiban::cfn::sam {
namespace {

constexpr std::size_t hash_digits = 10;

bool contains(std::initializer_list<std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::vector<std::string> sorted_keys(const json::object& object) {
  std::vector<std::string> out;
  for (const auto& member : object) out.emplace_back(member.key());
  std::ranges::sort(out);
  return out;
}

// As Python's json.dumps prints: beyond ASCII as UTF-16 escapes.
std::string ascii_json(std::string_view text) {
  std::string quoted;
  append_json_string(quoted, text);
  std::string out;
  for (std::size_t at = 0; at < quoted.size();) {
    const auto byte = static_cast<unsigned char>(quoted[at]);
    if (byte < 0x80) {
      out += quoted[at++];
      continue;
    }
    const std::size_t length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
    std::uint32_t code = byte & (0xFFU >> (length + 1));
    for (std::size_t i = 1; i < length && at + i < quoted.size(); ++i)
      code = (code << 6U) | (static_cast<unsigned char>(quoted[at + i]) & 0x3FU);
    at += length;
    if (code < 0x10000) {
      out += fmt::format("\\u{:04x}", code);
    } else {
      code -= 0x10000;
      out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800U + (code >> 10U), 0xDC00U + (code & 0x3FFU));
    }
  }
  return out;
}

void append_canonical(std::string& out, const json::value& value) {
  if (value.is_object()) {
    out += '{';
    for (const std::string& key : sorted_keys(value.get_object())) {
      if (out.back() != '{') out += ',';
      out += ascii_json(key) + ":";
      append_canonical(out, value.get_object().at(key));
    }
    out += '}';
  } else if (value.is_array()) {
    out += '[';
    for (const json::value& one : value.get_array()) {
      if (&one != value.get_array().data()) out += ',';
      append_canonical(out, one);
    }
    out += ']';
  } else {
    out += value.is_string() ? ascii_json(value.get_string()) : print_json(value);
  }
}

void append_pretty(std::string& out, const json::value& value, std::size_t indent) {
  const std::string inner(indent + 4, ' ');
  const std::string outer(indent, ' ');
  if (value.is_object() && !value.get_object().empty()) {
    std::string_view separator = "{\n";
    for (const std::string& key : sorted_keys(value.get_object())) {
      out += fmt::format("{}{}{}: ", std::exchange(separator, ",\n"), inner, ascii_json(key));
      append_pretty(out, value.get_object().at(key), indent + 4);
    }
    out += "\n" + outer + "}";
  } else if (value.is_array() && !value.get_array().empty()) {
    std::string_view separator = "[\n";
    for (const json::value& one : value.get_array()) {
      out += fmt::format("{}{}", std::exchange(separator, ",\n"), inner);
      append_pretty(out, one, indent + 4);
    }
    out += "\n" + outer + "]";
  } else {
    out += value.is_string() ? ascii_json(value.get_string()) : print_json(value);
  }
}

// Names in ${…} that are known; the translator knows letters, digits, dots and AWS::Name.
std::string substituted(std::string_view text, const std::map<std::string, json::value>& values) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t open = text.find("${", at);
    const std::size_t end = open == std::string_view::npos ? open : text.find('}', open);
    if (end == std::string_view::npos) return out.append(text.substr(at));
    out.append(text.substr(at, open - at));
    const auto found = values.find(std::string(text.substr(open + 2, end - open - 2)));
    const bool known = found != values.end() && found->second.is_string();
    out.append(known ? std::string_view(found->second.get_string())
                     : text.substr(open, end + 1 - open));
    at = end + 1;
  }
}

}  // namespace

std::unexpected<Error> invalid(const std::string& id, const std::string& why) {
  return fail("ValidationError", fmt::format("Resource with id [{}] is invalid. {}", id, why));
}

std::unexpected<Error> invalid_event(const std::string& id, const std::string& event,
                                     const std::string& why) {
  return invalid(id, fmt::format("Event with id [{}] is invalid. {}", event, why));
}

Result<void> check_members(const std::string& id, std::string_view what, const json::object& given,
                           std::initializer_list<std::string_view> known,
                           std::initializer_list<std::string_view> refused) {
  for (const auto& member : given) {
    if (contains(known, member.key())) continue;
    const std::string name = member.key();
    if (contains(refused, name))
      return invalid(id, fmt::format("kiban does not honour the property {} of {}", name, what));
    return invalid(id, fmt::format("property {} not defined for resource of type {}", name, what));
  }
  return {};
}

Result<void> check_maps(const std::string& id, const json::object& given,
                        std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    const json::value* value = find(given, name);
    if (value && !value->is_object())
      return invalid(id, fmt::format("Type of property '{}' is invalid.", name));
  }
  return {};
}

json::object reference(std::string_view id) { return {{"Ref", id}}; }

json::object attribute(std::string_view id, std::string_view name) {
  return {{"Fn::GetAtt", json::array{id, name}}};
}

bool is_intrinsic(const json::value& value) {
  if (!value.is_object() || value.get_object().size() != 1) return false;
  const std::string_view key = value.get_object().begin()->key();
  return key == "Ref" || key == "Condition" || key.starts_with("Fn::");
}

bool is_no_value(const json::value& value) {
  return value.is_object() && value.get_object() == reference("AWS::NoValue");
}

const json::array* if_parts(const json::value& value) {
  if (!is_intrinsic(value)) return nullptr;
  const json::array* parts = find_array(value.get_object(), "Fn::If");
  return parts && parts->size() == 3 && (*parts)[0].is_string() ? parts : nullptr;
}

bool is_set(const json::value* value) {
  if (!value || value->is_null() || *value == false || *value == 0 || *value == "") return false;
  if (value->is_object()) return !value->get_object().empty();
  return !value->is_array() || !value->get_array().empty();
}

void copy_members(json::object& out, const json::object& from,
                  std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (const json::value* value = find(from, name)) out[name] = *value;
}

json::object passed_on(const json::object& resource) {
  json::object out;
  copy_members(out, resource, {"Condition", "DeletionPolicy", "UpdateReplacePolicy"});
  return out;
}

json::object own_attributes(const json::object& resource) {
  json::object out;
  copy_members(out, resource,
               {"DependsOn", "DeletionPolicy", "UpdatePolicy", "Condition", "UpdateReplacePolicy",
                "Metadata"});
  return out;
}

json::object body(std::string_view type, json::object properties, const json::object& attributes) {
  json::object out{{"Type", type}};
  for (const auto& one : attributes) out[one.key()] = one.value();
  out["Properties"] = std::move(properties);
  return out;
}

json::array tag_list(const json::object* tags) {
  json::array out;
  for (const auto& tag : tags ? *tags : json::object{})
    out.push_back(json::object{{"Key", tag.key()}, {"Value", tag.value()}});
  return out;
}

void tag_made(Scope& scope, std::size_t first, std::span<const std::string_view> types,
              const json::array& tags) {
  for (std::size_t i = first; i < scope.made.size(); ++i) {
    json::object& one = scope.made[i].body;
    if (std::ranges::find(types, text(one, "Type")) == types.end()) continue;
    one["Properties"].as_object()["Tags"] = tags;
  }
}

json::array tag_list_with(std::string_view created_by, const json::object* tags) {
  json::array out{json::object{{"Key", created_by}, {"Value", "SAM"}}};
  for (json::value& tag : tag_list(tags)) out.push_back(std::move(tag));
  return out;
}

json::value resolved(json::value value, const std::map<std::string, json::value>& values) {
  if (is_intrinsic(value)) {
    json::object& call = value.get_object();
    if (const json::string* name = find_string(call, "Ref")) {
      const auto found = values.find(to_string(*name));
      return found == values.end() ? value : found->second;
    }
    if (json::value* sub = call.if_contains("Fn::Sub")) {
      json::value* text = sub->is_array() && !sub->get_array().empty() ? &sub->get_array()[0] : sub;
      if (text->is_string()) *text = json::string(substituted(text->get_string(), values));
    }
  }
  if (value.is_array())
    for (json::value& one : value.get_array()) one = resolved(std::move(one), values);
  if (value.is_object())
    for (auto& member : value.get_object())
      member.value() = resolved(std::move(member.value()), values);
  return value;
}

std::string hash_of(const json::value& value) {
  std::string text;
  if (value.is_string()) {
    text = to_string(value.get_string());
  } else {
    append_canonical(text, value);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr);
  std::string out;
  for (std::size_t i = 0; i < hash_digits / 2; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

std::vector<std::string> pretty_lines(const json::value& value) {
  std::string text;
  append_pretty(text, value, 0);
  std::vector<std::string> out;
  for (std::size_t at = 0;;) {
    const std::size_t end = text.find('\n', at);
    out.push_back(text.substr(at, end - at));
    if (end == std::string::npos) return out;
    at = end + 1;
  }
}

Result<json::object> s3_location(const std::string& id, std::string_view property,
                                 const json::value& given) {
  json::object out;
  if (given.is_object()) {
    const json::object& place = given.get_object();
    if (!is_set(find(place, "Bucket")) || !is_set(find(place, "Key")))
      return invalid(
          id, fmt::format("'{}' requires Bucket and Key properties to be specified.", property));
    copy_members(out, place, {"Bucket", "Key", "Version", "StorageMode"});
    return out;
  }
  const auto malformed = [&] {
    return invalid(id, fmt::format("'{}' is not a valid S3 Uri of the form 's3://bucket/key' with "
                                   "optional versionId query parameter.",
                                   property));
  };
  if (!given.is_string())
    return invalid(id, fmt::format("'{}' must be of type dict or string.", property));
  std::string_view uri = given.get_string();
  constexpr std::string_view scheme = "s3://";
  if (!uri.starts_with(scheme)) return malformed();
  uri.remove_prefix(scheme.size());
  const std::string_view query = uri.substr(std::min(uri.find('?'), uri.size()));
  uri = uri.substr(0, uri.size() - query.size());
  const std::size_t slash = uri.find('/');
  if (slash == std::string_view::npos || slash == 0) return malformed();
  std::string_view key = uri.substr(slash);
  while (key.starts_with('/')) key.remove_prefix(1);
  out = {{"Bucket", uri.substr(0, slash)}, {"Key", key}};
  constexpr std::string_view version = "?versionId=";
  if (query.starts_with(version)) out["Version"] = query.substr(version.size());
  return out;
}

}  // namespace kiban::cfn::sam
