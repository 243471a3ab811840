#include "cfn/check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

#include "cfn/parameters.h"
#include "cfn/template.h"

namespace kiban::cfn {
namespace {

constexpr std::size_t description_bytes_max = 1'024;
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
constexpr std::size_t name_size_max = 255;

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationError", std::move(cause));
}

bool is_alphanumeric(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

bool is_scalar(const json::value& value) {
  return value.is_string() || value.is_number() || value.is_bool();
}

// A number or its text; `count`: whole and not negative.
bool is_number(const json::value& value, bool count) {
  const std::string text = value.is_string() ? to_string(value.get_string()) : print_json(value);
  const char* const end = text.data() + text.size();
  double number = 0;
  const auto [stop, code] = std::from_chars(text.data(), end, number);
  const bool good = code == std::errc() && stop == end && std::isfinite(number);
  return good && (!count || (number >= 0 && std::floor(number) == number));
}

// An object with one member that is a function; what it gives is known only when it is evaluated.
bool is_call(const json::value& value) { return !intrinsic_of(value).empty(); }

bool is_list_or_call(const json::value& value) { return value.is_array() || is_call(value); }
bool is_text_or_call(const json::value& value) { return is_scalar(value) || is_call(value); }

const json::object& section(const json::object& tree, std::string_view name) {
  static const json::object none;
  const json::object* found = find_object(tree, name);
  return found ? *found : none;
}

constexpr std::string_view known_functions[] = {
    "Fn::And",      "Fn::Base64",      "Fn::Cidr",
    "Fn::Contains", "Fn::Equals",      "Fn::FindInMap",
    "Fn::GetAZs",   "Fn::GetAtt",      "Fn::GetStackOutput",
    "Fn::If",       "Fn::ImportValue", "Fn::Join",
    "Fn::Not",      "Fn::Or",          "Fn::Select",
    "Fn::Split",    "Fn::Sub"};
constexpr std::string_view extended_functions[] = {"Fn::Length", "Fn::ToJsonString"};
// CloudFormation's, in Rules or with a transform; docs/limits.md lists them.
constexpr std::string_view unserved_functions[] = {"Fn::EachMemberEquals", "Fn::EachMemberIn",
                                                   "Fn::RefAll",           "Fn::Transform",
                                                   "Fn::ValueOf",          "Fn::ValueOfAll"};

class Functions {
 public:
  Functions(const json::object& tree, bool extended) : tree_(tree), extended_(extended) {}

  Result<void> visit(const json::value& value) const {
    if (value.is_array()) {
      for (const json::value& one : value.get_array()) KIBAN_TRY_VOID(visit(one));
    }
    if (!value.is_object()) return {};
    const std::string_view name = intrinsic_of(value);
    if (!name.empty() && name != "Condition")
      KIBAN_TRY_VOID(check(name, value.get_object().begin()->value()));
    for (const auto& member : value.get_object()) {
      if (member.key().starts_with("Fn::")) KIBAN_TRY_VOID(check_name(member.key()));
      KIBAN_TRY_VOID(visit(member.value()));
    }
    return {};
  }

 private:
  Result<void> check_name(std::string_view name) const {
    if (std::ranges::find(known_functions, name) != std::end(known_functions)) return {};
    if (name.starts_with("Fn::ForEach"))
      return invalid(fmt::format(
          "Template error: {} needs the transform AWS::LanguageExtensions, and is served in "
          "Conditions, Resources and Outputs",
          name));
    if (std::ranges::find(unserved_functions, name) != std::end(unserved_functions))
      return invalid(fmt::format("kiban does not honour the function {}", name));
    const bool more = std::ranges::find(extended_functions, name) != std::end(extended_functions);
    if (more && extended_) return {};
    if (more)
      return invalid(
          fmt::format("Template error: {} needs the transform AWS::LanguageExtensions", name));
    return invalid(fmt::format(
        "Template error: encountered unsupported function: {} Supported functions are: [{}, Ref, "
        "Condition]",
        name, fmt::join(known_functions, ", ")));
  }

  Result<void> check(std::string_view name, const json::value& argument) const {
    const json::array* list = argument.if_array();
    const std::size_t size = list ? list->size() : 0;
    if (name == "Ref") {
      if (argument.is_string() && !argument.get_string().empty()) return {};
      return invalid("Template format error: Every Ref object must have a single String value.");
    }
    if (name == "Fn::GetAtt") return check_attribute(argument);
    if (name == "Fn::Sub") return check_substitution(argument);
    if (name == "Fn::FindInMap") return check_mapping(list);
    if (name == "Fn::If") return check_if(list);
    if (name == "Fn::ImportValue") return check_import(argument);
    if (name == "Fn::Join" &&
        (size != 2 || !(*list)[0].is_string() || !is_list_or_call((*list)[1])))
      return invalid(
          "Template error: every Fn::Join object requires two parameters, (1) a string delimiter "
          "and (2) a list of strings to be joined or a function that returns a list of strings "
          "(such as Fn::GetAZs) to be joined.");
    if (name == "Fn::Split" &&
        (size != 2 || !(*list)[0].is_string() || !is_text_or_call((*list)[1])))
      return invalid(
          "Template error: every Fn::Split object requires two parameters, (1) a string delimiter "
          "and (2) a string to be split or a function that returns a string to be split.");
    if (name == "Fn::Select") return check_select(list);
    if (name == "Fn::Base64" && !is_text_or_call(argument))
      return invalid("Template error: every Fn::Base64 object must have a String-typed value.");
    if (name == "Fn::Equals" && size != 2)
      return invalid(
          "Template error: every Fn::Equals object requires a list of 2 string parameters.");
    if (name == "Fn::Not" && size != 1)
      return invalid("Template error: every Fn::Not object requires one boolean parameter.");
    if ((name == "Fn::And" || name == "Fn::Or") && (size < 2 || size > 10))
      return invalid(
          fmt::format("Template error: every {} object requires a list of at least 2 and "
                      "at most 10 boolean parameters.",
                      name));
    if (name == "Fn::Cidr" && (size < 2 || size > 3))
      return invalid("Template error: every Fn::Cidr object requires two parameters");
    return {};
  }

  static Result<void> check_attribute(const json::value& argument) {
    const json::array* list = argument.if_array();
    bool good = false;
    if (argument.is_string()) {
      const std::string_view text = argument.get_string();
      const std::size_t dot = text.find('.');
      good = dot != std::string_view::npos && dot > 0 && dot + 1 < text.size();
    } else if (list && list->size() == 2 && (*list)[0].is_string()) {
      const json::value& name = (*list)[1];
      good = !(*list)[0].get_string().empty() &&
             (name.is_string() ? !name.get_string().empty() : intrinsic_of(name) == "Ref");
    }
    if (good) return {};
    return invalid(
        "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource "
        "name and the resource attribute");
  }

  static Result<void> check_substitution(const json::value& argument) {
    const json::array* list = argument.if_array();
    const bool pair = list && list->size() == 2 && (*list)[0].is_string() && (*list)[1].is_object();
    if (!argument.is_string() && !pair) {
      return invalid(
          "Template error: One or more Fn::Sub intrinsic functions don't specify expected "
          "arguments. Specify a string as first argument, and an optional second argument to "
          "specify a mapping of values to replace in the string");
    }
    const std::string_view text = pair ? (*list)[0].get_string() : argument.get_string();
    for (std::size_t at = text.find("${"); at != std::string_view::npos; at = text.find("${", at)) {
      const std::size_t end = text.find('}', at);
      const bool closed = end != std::string_view::npos;
      const std::string_view name = closed ? text.substr(at + 2, end - at - 2) : std::string_view{};
      at = closed ? end : text.size();
      const bool good = !name.empty() && std::ranges::all_of(name, [](char c) {
        return is_alphanumeric({&c, 1}) || c == '_' || c == '.' || c == ':';
      });
      if (!good && !name.starts_with('!'))
        return invalid(
            "Template error: variable names in Fn::Sub syntax must contain only alphanumeric "
            "characters, underscores, periods, and colons");
    }
    return {};
  }

  Result<void> check_mapping(const json::array* list) const {
    const std::size_t size = list ? list->size() : 0;
    const bool fallback = size == 4 && (*list)[3].is_object();
    if (size != 3 && !fallback)
      return invalid(
          "Template error: every Fn::FindInMap object requires three parameters, the map name, map "
          "key and the attribute for return value");
    const json::value& name = (*list)[0];
    if (fallback || !name.is_string() || section(tree_, "Mappings").contains(name.get_string()))
      return {};
    return invalid(fmt::format(
        "Template error: Mapping named '{}' is not present in the 'Mappings' section of template.",
        std::string_view(name.get_string())));
  }

  Result<void> check_if(const json::array* list) const {
    if (!list || list->size() != 3 || !(*list)[0].is_string())
      return invalid(
          "Template error: Fn::If requires a list argument with the first element being a "
          "condition");
    const std::string_view name = (*list)[0].get_string();
    if (section(tree_, "Conditions").contains(name)) return {};
    return invalid(
        fmt::format("Template error: unresolved condition dependency {} in Fn::If", name));
  }

  static Result<void> check_select(const json::array* list) {
    if (!list || list->size() != 2 || !is_list_or_call((*list)[1]))
      return invalid(
          "Template error: Fn::Select requires a list argument with two elements: an integer index "
          "and a list");
    const json::value& index = (*list)[0];
    const bool digits = index.is_string() && std::ranges::all_of(index.get_string(), [](char c) {
                          return c >= '0' && c <= '9';
                        });
    const bool number = (index.is_int64() && index.get_int64() >= 0) || index.is_uint64() ||
                        (digits && !index.get_string().empty());
    if (number || is_call(index)) return {};
    return invalid("Template error: Fn::Select requires a list argument with a valid index");
  }

  Result<void> check_import(const json::value& argument) const {
    if (!is_text_or_call(argument))
      return invalid(
          "Template error: the attribute in Fn::ImportValue must be a string or a function that "
          "returns a string");
    if (!depends_on_what_is_made(argument)) return {};
    return invalid(
        "Template error: the attribute in Fn::ImportValue must not depend on any resources, "
        "imported values, or Fn::GetAZs");
  }

 public:
  // Resources, imported values and Fn::GetAZs.
  bool depends_on_what_is_made(const json::value& value) const {
    const json::object& resources = section(tree_, "Resources");
    return calls(value, "Fn::ImportValue") || calls(value, "Fn::GetAZs") ||
           std::ranges::any_of(references(value),
                               [&](const std::string& name) { return resources.contains(name); });
  }

 private:
  static bool calls(const json::value& value, std::string_view name) {
    if (value.is_array())
      return std::ranges::any_of(value.get_array(),
                                 [&](const json::value& one) { return calls(one, name); });
    return value.is_object() && std::ranges::any_of(value.get_object(), [&](const auto& member) {
             return member.key() == name || calls(member.value(), name);
           });
  }

  const json::object& tree_;
  bool extended_;
};

Result<void> check_nulls(const json::value& value, const std::string& path) {
  if (value.is_null())
    return invalid(fmt::format("[{}] 'null' values are not allowed in templates", path));
  if (value.is_array()) {
    std::size_t index = 0;
    for (const json::value& one : value.get_array())
      KIBAN_TRY_VOID(check_nulls(one, fmt::format("{}/{}", path, index++)));
  }
  if (!value.is_object()) return {};
  for (const auto& member : value.get_object())
    KIBAN_TRY_VOID(check_nulls(member.value(), path + "/" + std::string(member.key())));
  return {};
}

Result<void> check_header(const json::object& tree) {
  if (const json::value* text = find(tree, "Description")) {
    if (!text->is_string())
      return invalid("Template format error: Every Description member must be a string.");
    if (text->get_string().size() > description_bytes_max)
      return invalid("Template format error: 'Description' length is greater than 1024.");
  }
  const json::value* version = find(tree, "AWSTemplateFormatVersion");
  if (!version || *version == "2010-09-09") return {};
  return invalid(fmt::format(
      "Template format error: {} is not a supported value for AWSTemplateFormatVersion.",
      version->is_string() ? to_string(version->get_string()) : print_json(*version)));
}

Result<void> check_name(std::string_view kind, std::string_view name) {
  if (!is_alphanumeric(name))
    return invalid(
        fmt::format("Template format error: {} name {} is non alphanumeric.", kind, name));
  if (name.size() > name_size_max)
    return invalid(fmt::format("Template format error: {} name {} is longer than {} characters.",
                               kind, name, name_size_max));
  return {};
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
Result<void> check_parameters(const json::object& tree) {
  constexpr std::string_view known[] = {"AllowedPattern", "AllowedValues", "ConstraintDescription",
                                        "Default",        "Description",   "MaxLength",
                                        "MaxValue",       "MinLength",     "MinValue",
                                        "NoEcho",         "Type"};
  for (const auto& entry : section(tree, "Parameters")) {
    const std::string_view name = entry.key();
    KIBAN_TRY_VOID(check_name("Parameter", name));
    if (!entry.value().is_object())
      return invalid("Template format error: Any Parameters member must be an object.");
    const json::object& shape = entry.value().get_object();
    for (const auto& member : shape) {
      if (std::ranges::find(known, std::string_view(member.key())) == std::end(known))
        return invalid(fmt::format("Invalid template parameter property '{}'",
                                   std::string_view(member.key())));
    }
    const json::string* type = find_string(shape, "Type");
    if (!type)
      return invalid("Template format error: Every Parameters object must contain a Type member.");
    if (!is_parameter_type(*type))
      return invalid(fmt::format("Template format error: Unrecognized parameter type: {}",
                                 std::string_view(*type)));
    const json::value* fallback = find(shape, "Default");
    if (fallback && !is_scalar(*fallback))
      return invalid("Template format error: Every Default member must be a string.");
    for (const std::string_view bound : {"MinLength", "MaxLength", "MinValue", "MaxValue"}) {
      const json::value* value = find(shape, bound);
      if (value && !is_number(*value, bound.ends_with("Length")))
        return invalid(
            fmt::format("Template format error: Every {} member must be a number.", bound));
    }
    const json::value* allowed = find(shape, "AllowedValues");
    const bool list = !allowed || (allowed->is_array() && !allowed->get_array().empty() &&
                                   std::ranges::all_of(allowed->get_array(), is_scalar));
    if (!list)
      return invalid(
          "Template format error: Every AllowedValues member must be a list of strings.");
  }
  return {};
}

Result<void> check_unique_names(const json::object& tree) {
  std::vector<std::string> common;
  for (const auto& parameter : section(tree, "Parameters"))
    if (section(tree, "Resources").contains(parameter.key())) common.emplace_back(parameter.key());
  if (common.empty()) return {};
  return invalid(fmt::format(
      "Template error: all resources and parameters must have unique names. Common name(s):[{}]",
      fmt::join(common, ", ")));
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/mappings-section-structure.html
Result<void> check_mapping(std::string_view name, const json::value& mapping) {
  KIBAN_TRY_VOID(check_name("Mapping", name));
  if (!mapping.is_object())
    return invalid(
        fmt::format("Template format error: Every Mappings member {} must be a map", name));
  for (const auto& element : mapping.get_object()) {
    const std::string_view key = element.key();
    const bool good = !key.empty() && std::ranges::all_of(key, [](char c) {
      return is_alphanumeric({&c, 1}) || c == '-' || c == '.';
    });
    if (!good)
      return invalid(
          fmt::format("Template format error: Mappings element name '{}' must be "
                      "non-empty and can contain only alphanumerics, '-' or '.'",
                      key));
    if (!element.value().is_object())
      return invalid(
          fmt::format("Template format error: Every Mappings member {} must be a map", name));
    for (const auto& attribute : element.value().get_object()) {
      if (!is_alphanumeric(attribute.key()))
        return invalid(
            fmt::format("Template format error: Mappings attribute name '{}' must "
                        "contain only alphanumeric characters.",
                        std::string_view(attribute.key())));
      const json::value& value = attribute.value();
      if (!is_scalar(value) &&
          !(value.is_array() && std::ranges::all_of(value.get_array(), is_scalar)))
        return invalid(
            "Template format error: Every Mappings attribute must be a String or a List.");
    }
  }
  return {};
}

// Names that {"Condition": name} mentions.
void collect_conditions(const json::value& value, std::set<std::string>& out) {
  if (value.is_array())
    for (const json::value& one : value.get_array()) collect_conditions(one, out);
  if (!value.is_object()) return;
  if (intrinsic_of(value) == "Condition")
    out.emplace(value.get_object().begin()->value().get_string());
  for (const auto& member : value.get_object()) collect_conditions(member.value(), out);
}

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
Result<void> check_conditions(const json::object& tree) {
  const json::object& conditions = section(tree, "Conditions");
  const json::object& parameters = section(tree, "Parameters");
  constexpr std::string_view boolean[] = {"Fn::And", "Fn::Contains", "Fn::Equals",
                                          "Fn::Not", "Fn::Or",       "Condition"};
  std::set<std::string> unresolved;
  for (const auto& entry : conditions) {
    KIBAN_TRY_VOID(check_name("Condition", entry.key()));
    if (std::ranges::find(boolean, intrinsic_of(entry.value())) == std::end(boolean))
      return invalid(
          "Template format error: Conditions can only be boolean operations on parameters and "
          "other conditions");
    for (const std::string& name : references(entry.value()))
      if (!name.starts_with("AWS::") && !parameters.contains(name)) unresolved.insert(name);
    std::set<std::string> others;
    collect_conditions(entry.value(), others);
    for (const std::string& name : others) {
      if (!conditions.contains(name))
        return invalid(
            fmt::format("Template format error: Unresolved condition dependency {} in "
                        "the Conditions block of the template",
                        name));
    }
  }
  if (unresolved.empty()) return {};
  return invalid(
      fmt::format("Template format error: Unresolved dependencies [{}]. Cannot reference "
                  "resources in the Conditions block of the template",
                  fmt::join(unresolved, ", ")));
}

// What a resource's or an output's Condition names is declared.
Result<void> check_condition_members(const json::object& tree) {
  const json::object& conditions = section(tree, "Conditions");
  for (const std::string_view name : {"Resources", "Outputs"}) {
    for (const auto& entry : section(tree, name)) {
      const json::value* condition =
          entry.value().is_object() ? find(entry.value().get_object(), "Condition") : nullptr;
      if (!condition) continue;
      if (!condition->is_string())
        return invalid("Template format error: Every Condition member must be a string.");
      if (!conditions.contains(condition->get_string()))
        return invalid(
            fmt::format("Template format error: Unresolved condition dependency {} in "
                        "the {} block of the template",
                        std::string_view(condition->get_string()), name));
    }
  }
  return {};
}

Result<void> check_export(const std::string& id, const json::value& exported,
                          const Functions& functions) {
  const json::value* name = exported.is_object() ? find(exported.get_object(), "Name") : nullptr;
  if (!name || !is_text_or_call(*name)) return check_export_name(id, json::value());
  if (functions.depends_on_what_is_made(*name))
    return invalid(
        fmt::format("Template format error: Output {} is malformed.  The Name field of "
                    "Export must not depend on any resources, imported values, or "
                    "Fn::GetAZs.",
                    id));
  return is_call(*name) ? Result<void>{} : check_export_name(id, *name);
}

Result<void> check_outputs(const json::object& tree, const Functions& functions) {
  constexpr std::string_view known[] = {"Condition", "Description", "Export", "Value"};
  for (const auto& output : section(tree, "Outputs")) {
    const std::string id = output.key();
    KIBAN_TRY_VOID(check_name("Output", id));
    if (!output.value().is_object() || !output.value().get_object().contains("Value"))
      return invalid(fmt::format(
          "Template format error: [/Outputs/{}] Every Outputs member must contain a Value object",
          id));
    const json::object& body = output.value().get_object();
    for (const auto& member : body) {
      if (std::ranges::find(known, std::string_view(member.key())) == std::end(known))
        return invalid(
            fmt::format("Invalid template output property '{}'", std::string_view(member.key())));
    }
    if (!is_text_or_call(body.at("Value")))
      return invalid(
          "Template format error: The Value field of every Outputs member must evaluate to a "
          "String.");
    if (const json::value* text = find(body, "Description")) {
      if (!text->is_string())
        return invalid("Template format error: Every Description member must be a string.");
      if (text->get_string().size() > description_bytes_max)
        return invalid("Template format error: 'Description' length is greater than 1024.");
    }
    if (const json::value* exported = find(body, "Export"))
      KIBAN_TRY_VOID(check_export(id, *exported, functions));
  }
  return {};
}

}  // namespace

Result<void> check_nulls(const json::object& tree) {
  for (const auto& member : tree)
    KIBAN_TRY_VOID(check_nulls(member.value(), "/" + std::string(member.key())));
  return {};
}

Result<void> check_export_name(const std::string& output, const json::value& name) {
  const bool good = name.is_string() && !name.get_string().empty() &&
                    std::ranges::all_of(name.get_string(), [](char c) {
                      return is_alphanumeric({&c, 1}) || c == ':' || c == '-';
                    });
  if (good) return {};
  return invalid(
      fmt::format("Template format error: Output {} is malformed. The Name field of "
                  "every Export member must be specified and consist only of "
                  "alphanumeric characters, colons, or hyphens.",
                  output));
}

Result<void> check_template(const json::object& tree, bool extended) {
  const Functions functions(tree, extended);
  KIBAN_TRY_VOID(check_header(tree));
  KIBAN_TRY_VOID(check_parameters(tree));
  KIBAN_TRY_VOID(check_unique_names(tree));
  for (const auto& mapping : section(tree, "Mappings"))
    KIBAN_TRY_VOID(check_mapping(mapping.key(), mapping.value()));
  for (const auto& part : tree)
    if (part.key() != "Metadata") KIBAN_TRY_VOID(functions.visit(part.value()));
  KIBAN_TRY_VOID(check_conditions(tree));
  KIBAN_TRY_VOID(check_condition_members(tree));
  return check_outputs(tree, functions);
}

}  // namespace kiban::cfn
