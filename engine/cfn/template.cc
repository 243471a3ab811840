#include "cfn/template.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>

#include "cfn/check.h"
#include "cfn/transform.h"
#include "core/exact_json.h"
#include "core/letters.h"

namespace kiban::cfn {
namespace {

constexpr std::size_t yaml_nodes_max = 200'000;  // Our own bound: aliases can multiply.
constexpr int yaml_depth_max = 100;
constexpr std::size_t account_digits = 12;

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationError", std::move(cause));
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// A plain scalar by YAML's core schema; digits that begin with 0 and account ids stay text.
json::value plain_scalar(const std::string& text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  if (text.empty() || text == "~" || text == "null" || text == "Null") return nullptr;
  const std::string_view digits = std::string_view(text).substr(text[0] == '-' ? 1 : 0);
  const char* const end = text.data() + text.size();
  if (all_digits(digits)) {
    if ((digits.size() > 1 && digits[0] == '0') || digits.size() == account_digits) {
      return json::string(text);
    }
    std::int64_t number = 0;
    const auto [stop, code] = std::from_chars(text.data(), end, number);
    if (code == std::errc() && stop == end) return number;
    return json::string(text);
  }
  const std::size_t dot = digits.find('.');
  if (dot != std::string_view::npos && all_digits(digits.substr(0, dot)) &&
      all_digits(digits.substr(dot + 1))) {
    double number = 0;
    const auto [stop, code] = std::from_chars(text.data(), end, number);
    const auto exact = parse_json_exactly(text);
    const bool longer = exact && is_exact_number(*exact);  // Than a double can hold.
    if (code == std::errc() && stop == end && !longer) return number;
  }
  return json::string(text);
}

// Numbers that JSON's 64 bits can't hold become their text, which a property of a string has
// anyway.
void keep_digits(json::value& value) {
  if (is_exact_number(value)) {
    value = json::string(exact_digits(value));
  } else if (value.is_array()) {
    for (json::value& one : value.get_array()) keep_digits(one);
  } else if (value.is_object()) {
    for (auto& member : value.get_object()) keep_digits(member.value());
  }
}

class YamlReader {
 public:
  Result<json::value> read(const YAML::Node& node, int depth = 0) {
    if (++nodes_ > yaml_nodes_max || depth > yaml_depth_max) {
      return invalid("Template format error: YAML not well-formed. (too many or too deep nodes)");
    }
    KIBAN_TRY(json::value inner, content(node, depth));
    const std::string& tag = node.Tag();
    if (tag.size() < 2 || tag[0] != '!') return inner;
    const std::string name = tag.substr(1);
    if (name == "Ref" || name == "Condition") return json::object{{name, std::move(inner)}};
    if (name == "GetAtt" && inner.is_string()) {
      const std::string_view text = inner.get_string();
      const std::size_t dot = text.find('.');
      if (dot == std::string_view::npos) {
        return invalid("Template error: every Fn::GetAtt object requires two non-empty parameters");
      }
      return json::object{{"Fn::GetAtt", json::array{text.substr(0, dot), text.substr(dot + 1)}}};
    }
    return json::object{{"Fn::" + name, std::move(inner)}};
  }

 private:
  Result<json::value> content(const YAML::Node& node, int depth) {
    switch (node.Type()) {
      case YAML::NodeType::Scalar: {
        const bool plain = node.Tag() == "?";
        return plain ? plain_scalar(node.Scalar()) : json::value(json::string(node.Scalar()));
      }
      case YAML::NodeType::Sequence: {
        json::array out;
        for (const YAML::Node& entry : node) {
          KIBAN_TRY(json::value value, read(entry, depth + 1));
          out.push_back(std::move(value));
        }
        return out;
      }
      case YAML::NodeType::Map: {
        json::object out;
        for (const auto& entry : node) {
          if (!entry.first.IsScalar()) {
            return invalid("Template format error: YAML not well-formed. (a key is no scalar)");
          }
          KIBAN_TRY(json::value value, read(entry.second, depth + 1));
          if (!out.emplace(entry.first.Scalar(), std::move(value)).second) {
            return invalid(
                fmt::format("Template format error: duplicate key {}", entry.first.Scalar()));
          }
        }
        return out;
      }
      case YAML::NodeType::Null:
      case YAML::NodeType::Undefined:
        break;
    }
    return nullptr;
  }
  std::size_t nodes_{0};
};

Result<json::value> read_yaml(std::string_view text) {
  try {
    return YamlReader().read(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {
    return invalid(fmt::format("Template format error: YAML not well-formed. (line {}, column {})",
                               error.mark.line + 1, error.mark.column + 1));
  }
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html
Result<void> check_policies(const std::string& id, const json::object& body, bool extended) {
  for (const std::string_view name : {"DeletionPolicy", "UpdateReplacePolicy"}) {
    const json::value* value = find(body, name);
    // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/transform-aws-languageextensions.html
    if (!value || (extended && !intrinsic_of(*value).empty())) continue;
    const std::string_view policy =
        value->is_string() ? std::string_view(value->get_string()) : std::string_view{};
    if (!is_policy(name, policy)) {
      return invalid(fmt::format("Template format error: Unrecognized {} {} for resource {}", name,
                                 print_json(*value), id));
    }
  }
  return {};
}

Result<void> check_resource(const std::string& id, const json::value& resource, bool extended) {
  const bool alphanumeric = !id.empty() && std::ranges::all_of(id, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0;
  });
  if (!alphanumeric) {
    return invalid(fmt::format("Template format error: Resource name {} is non alphanumeric.", id));
  }
  if (!resource.is_object()) {
    return invalid("Template format error: Any Resources member must be an object.");
  }
  const json::object& body = resource.get_object();
  if (!find_string(body, "Type")) {
    return invalid(fmt::format(
        "Template format error: [/Resources/{}] Every Resources object must contain a Type "
        "member.",
        id));
  }
  constexpr std::string_view known[] = {"Type",     "Properties",     "DependsOn",
                                        "Metadata", "DeletionPolicy", "UpdateReplacePolicy",
                                        "Condition"};
  for (const auto& member : body) {
    const std::string_view key = member.key();
    if (std::ranges::find(known, key) != std::end(known)) continue;
    if (key == "CreationPolicy" || key == "UpdatePolicy") {
      return invalid(fmt::format("kiban does not honour {} (of {})", key, id));
    }
    return invalid(fmt::format("Invalid template resource property '{}'", key));
  }
  const json::value* on = find(body, "DependsOn");
  const bool names = !on || on->is_string() ||
                     (on->is_array() && std::ranges::all_of(on->get_array(), [](const auto& one) {
                        return one.is_string();
                      }));
  if (!names)
    return invalid("Template format error: DependsOn must be a string or list of strings.");
  const json::value* properties = find(body, "Properties");
  if (properties && !properties->is_object()) {
    return invalid(
        fmt::format("Template format error: [/Resources/{}/Properties] must be an object.", id));
  }
  return check_policies(id, body, extended);
}

Result<void> check_sections(const json::object& tree, bool extended) {
  constexpr std::string_view known[] = {"AWSTemplateFormatVersion",
                                        "Description",
                                        "Metadata",
                                        "Parameters",
                                        "Rules",
                                        "Mappings",
                                        "Conditions",
                                        "Resources",
                                        "Outputs",
                                        "Transform"};
  for (const auto& section : tree) {
    if (std::ranges::find(known, std::string_view(section.key())) == std::end(known)) {
      return invalid(
          fmt::format("Invalid template property or properties [{}]", std::string(section.key())));
    }
    const bool text = section.key() == "AWSTemplateFormatVersion" || section.key() == "Description";
    if (!text && section.key() != "Transform" && !section.value().is_object()) {
      return invalid(
          fmt::format("Template format error: {} must be an object.", std::string(section.key())));
    }
  }
  const json::object* resources = find_object(tree, "Resources");
  if (!resources || resources->empty()) {
    return invalid("Template format error: At least one Resources member must be defined.");
  }
  // docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
  constexpr std::pair<std::string_view, std::size_t> most[] = {
      {"Resources", 500}, {"Parameters", 200}, {"Outputs", 200}, {"Mappings", 200}};
  for (const auto& [name, count] : most) {
    const json::object* section = find_object(tree, name);
    if (section && section->size() > count) {
      return invalid(fmt::format(
          "Template format error: Number of {}, {}, is greater than maximum allowed, {}",
          lower_case(name), section->size(), count));
    }
  }
  for (const auto& resource : *resources) {
    KIBAN_TRY_VOID(check_resource(resource.key(), resource.value(), extended));
  }
  return {};
}

void collect_sub(std::string_view text, const json::object* own, std::set<std::string>& out) {
  for (std::size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", at)) {
    const std::size_t end = text.find('}', at);
    if (end == std::string_view::npos) return;
    const std::string_view name = text.substr(at + 2, end - at - 2);
    at = end;
    if (name.starts_with('!') || (own && own->contains(name))) continue;
    out.emplace(name.substr(0, name.find('.')));
  }
}

using Condition = std::function<bool(const std::string&)>;

// The branch of an Fn::If that is taken; nullptr when it is none or malformed.
const json::value* branch_of(const json::value& argument, const Condition& condition) {
  const json::array* list = argument.if_array();
  if (!list || list->size() != 3 || !(*list)[0].is_string()) return nullptr;
  return &(*list)[condition(to_string((*list)[0].get_string())) ? 1 : 2];
}

// The names that the value refers to; with `condition` only those of branches that are taken.
void collect(const json::value& value, std::set<std::string>& out,
             const Condition& condition = {}) {
  if (value.is_array()) {
    for (const json::value& entry : value.get_array()) collect(entry, out, condition);
    return;
  }
  if (!value.is_object()) return;
  const json::object& object = value.get_object();
  const std::string_view intrinsic = intrinsic_of(value);
  if (intrinsic == "Fn::If" && condition) {
    if (const auto* taken = branch_of(object.begin()->value(), condition))
      collect(*taken, out, condition);
    return;
  }
  if (intrinsic == "Ref") {
    if (const json::string* name = find_string(object, "Ref")) out.insert(to_string(*name));
    return;
  }
  if (intrinsic == "Fn::GetAtt") {
    const json::value& target = object.begin()->value();
    if (target.is_string()) {
      const std::string_view name = target.get_string();
      out.emplace(name.substr(0, name.find('.')));
    } else if (target.is_array() && !target.get_array().empty() &&
               target.get_array()[0].is_string()) {
      out.emplace(target.get_array()[0].get_string());
    }
    return;
  }
  if (intrinsic == "Fn::Sub") {
    const json::value& target = object.begin()->value();
    if (target.is_string()) {
      collect_sub(target.get_string(), nullptr, out);
    } else if (target.is_array() && target.get_array().size() == 2 &&
               target.get_array()[0].is_string() && target.get_array()[1].is_object()) {
      collect_sub(target.get_array()[0].get_string(), &target.get_array()[1].get_object(), out);
      collect(target.get_array()[1], out, condition);
    }
    return;
  }
  for (const auto& member : object) collect(member.value(), out, condition);
}

std::set<std::string> needs_of(const json::object& resource) {
  std::set<std::string> out;
  if (const json::value* properties = find(resource, "Properties")) collect(*properties, out);
  if (const json::value* on = find(resource, "DependsOn")) {
    if (on->is_string()) out.emplace(std::string_view(on->get_string()));
    if (on->is_array()) {
      for (const json::value& id : on->get_array()) {
        if (id.is_string()) out.emplace(std::string_view(id.get_string()));
      }
    }
  }
  return out;
}

}  // namespace

std::string_view intrinsic_of(const json::value& value) {
  if (!value.is_object() || value.get_object().size() != 1) return {};
  const std::string_view key = value.get_object().begin()->key();
  if (key == "Ref" || key.starts_with("Fn::")) return key;
  if (key == "Condition" && value.get_object().begin()->value().is_string()) return key;
  return {};
}

bool is_policy(std::string_view attribute, std::string_view policy) {
  return policy == "Delete" || policy == "Retain" || policy == "Snapshot" ||
         (policy == "RetainExceptOnCreate" && attribute == "DeletionPolicy");
}

Result<json::object> read_template(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) {
    return invalid("Template format error: At least one Resources member must be defined.");
  }
  json::value value;
  if (text[first] == '{') {
    auto parsed = parse_json_exactly(text);
    if (parsed) keep_digits(*parsed);
    // A YAML flow mapping also begins with a brace.
    if (!parsed) {
      auto yaml = read_yaml(text);
      if (!yaml) {
        const std::string& why = parsed.error().cause;  // "... at line N, column N".
        return invalid(fmt::format("Template format error: JSON not well-formed. ({})",
                                   why.substr(std::min(why.rfind("line "), why.size()))));
      }
      parsed = std::move(yaml);
    }
    value = *std::move(parsed);
  } else {
    KIBAN_TRY(value, read_yaml(text));
  }
  if (!value.is_object()) return invalid("Template format error: unsupported structure.");
  KIBAN_TRY_VOID(check_nulls(value.get_object()));
  return std::move(value.get_object());
}

Result<void> check_tree(const json::object& tree) {
  const bool extended = has_transform(tree, "AWS::LanguageExtensions");
  KIBAN_TRY_VOID(check_sections(tree, extended));
  return check_template(tree, extended);
}

bool has_transform(const json::object& tree, std::string_view name) {
  const json::value* transform = find(tree, "Transform");
  if (!transform) return false;
  const json::value wanted(json::string{name});
  if (!transform->is_array()) return *transform == wanted;
  return std::ranges::find(transform->get_array(), wanted) != transform->get_array().end();
}

Result<json::object> parse_template(std::string_view text) {
  KIBAN_TRY(json::object tree, read_template(text));
  KIBAN_TRY_VOID(check_transforms(tree));
  KIBAN_TRY_VOID(check_tree(tree));
  return tree;
}

Result<json::value> parse_yaml(std::string_view text) { return read_yaml(text); }

std::set<std::string> references(const json::value& value) {
  std::set<std::string> out;
  collect(value, out);
  return out;
}

Result<Graph> make_graph(const json::object& tree, const std::set<std::string>& present) {
  const json::object& resources = *find_object(tree, "Resources");
  const json::object* parameters = find_object(tree, "Parameters");
  Graph graph;
  std::set<std::string> missing;
  for (const auto& resource : resources) {
    const std::string id = resource.key();
    for (const std::string& name : needs_of(resource.value().get_object())) {
      if (name.starts_with("AWS::") || (parameters && parameters->contains(name))) continue;
      if (!resources.contains(name)) missing.insert(name);
      if (present.contains(id) && present.contains(name)) graph.needs[id].insert(name);
    }
  }
  if (!missing.empty()) {
    return invalid(
        fmt::format("Template format error: Unresolved resource dependencies [{}] in "
                    "the Resources block of the template",
                    fmt::join(missing, ", ")));
  }
  const json::object* outputs = find_object(tree, "Outputs");
  for (const auto& output : outputs ? *outputs : json::object{}) {
    std::set<std::string> names;
    collect(output.value(), names);
    for (const std::string& name : names) {
      if (name.starts_with("AWS::") || (parameters && parameters->contains(name))) continue;
      if (!resources.contains(name)) missing.insert(name);
    }
  }
  if (!missing.empty()) {
    return invalid(
        fmt::format("Template format error: Unresolved resource dependencies [{}] in "
                    "the Outputs block of the template",
                    fmt::join(missing, ", ")));
  }
  std::set<std::string> done;
  while (done.size() < present.size()) {
    const std::size_t before = done.size();
    for (const auto& resource : resources) {
      const std::string id = resource.key();
      if (!present.contains(id) || done.contains(id)) continue;
      if (!std::ranges::all_of(graph.needs[id],
                               [&](const std::string& name) { return done.contains(name); }))
        continue;
      done.insert(id);
      graph.order.push_back(id);
    }
    if (done.size() > before) continue;
    std::vector<std::string> circle;
    std::ranges::set_difference(present, done, std::back_inserter(circle));
    return invalid(
        fmt::format("Circular dependency between resources: [{}]", fmt::join(circle, ", ")));
  }
  return graph;
}

Result<void> check_references(const json::object& tree, const std::set<std::string>& present,
                              const std::function<bool(const std::string&)>& condition) {
  const json::object& resources = *find_object(tree, "Resources");
  const auto refuse = [&](const std::set<std::string>& names, std::string_view block) {
    std::vector<std::string> absent;
    for (const std::string& name : names)
      if (resources.contains(name) && !present.contains(name)) absent.push_back(name);
    return absent.empty()
               ? Result<void>{}
               : invalid(fmt::format("Template format error: Unresolved resource dependencies [{}] "
                                     "in the {} block of the template",
                                     fmt::join(absent, ", "), block));
  };
  std::set<std::string> names;
  for (const auto& resource : resources) {
    const json::value* properties = find(resource.value().get_object(), "Properties");
    if (properties && present.contains(std::string(resource.key())))
      collect(*properties, names, condition);
  }
  KIBAN_TRY_VOID(refuse(names, "Resources"));
  names.clear();
  const json::object* outputs = find_object(tree, "Outputs");
  for (const auto& output : outputs ? *outputs : json::object{}) {
    const json::string* when = find_string(output.value().as_object(), "Condition");
    if (!when || condition(to_string(*when))) collect(output.value(), names, condition);
  }
  return refuse(names, "Outputs");
}

}  // namespace kiban::cfn
