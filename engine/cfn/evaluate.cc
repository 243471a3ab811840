#include "cfn/evaluate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "cfn/parameters.h"
#include "cfn/template.h"
#include "cfn/types.h"

namespace kiban::cfn {
namespace {

constexpr std::size_t read_steps = 250;  // What asking for another stack's value counts.

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationError", std::move(cause));
}

std::string scalar_text(const json::value& value) {
  if (value.is_string()) return to_string(value.get_string());
  return print_json(value);
}

std::string base64(std::string_view text) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t bits = 0;
    const std::size_t have = std::min<std::size_t>(3, text.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      bits = (bits << 8U) | (k < have ? static_cast<unsigned char>(text[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= have ? alphabet[(bits >> (18U - 6U * k)) & 63U] : '=';
    }
  }
  return out;
}

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<json::array> cidr(std::string_view block, std::uint64_t count, std::uint64_t bits) {
  const std::size_t slash = block.find('/');
  std::uint64_t base = 0;
  bool good =
      slash != std::string_view::npos && count >= 1 && count <= 256 && bits >= 1 && bits <= 31;
  std::string_view rest = block.substr(0, slash);
  for (int place = 0; good && place < 4; ++place) {
    const std::size_t dot = rest.find('.');
    const auto octet = number_in(rest.substr(0, dot));
    good = octet && *octet < 256 && (dot == std::string_view::npos) == (place == 3);
    base = base * 256 + octet.value_or(0);
    rest = place == 3 ? "" : rest.substr(std::min(dot, rest.size() - 1) + 1);
  }
  const auto prefix = good ? number_in(block.substr(slash + 1)) : std::nullopt;
  if (!prefix || *prefix > 32 || (count << bits) > (1ULL << (32 - *prefix))) {
    return invalid(fmt::format("Template error: Fn::Cidr can't cut {} blocks of {} bits from {}",
                               count, bits, block));
  }
  json::array out;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = base + (i << bits);
    out.push_back(json::string(fmt::format("{}.{}.{}.{}/{}", at >> 24U & 255U, at >> 16U & 255U,
                                           at >> 8U & 255U, at & 255U, 32 - bits)));
  }
  return out;
}

}  // namespace

Result<void> Evaluator::prepare(const std::map<std::string, std::string>& given) {
  const json::object none;
  const json::object* section = find_object(tree_, "Parameters");
  const json::object& declared = section ? *section : none;
  std::vector<std::string> unknown;
  for (const auto& entry : given)
    if (!declared.contains(entry.first)) unknown.push_back(entry.first);
  if (!unknown.empty()) {
    return invalid(
        fmt::format("Parameters: [{}] do not exist in the template", fmt::join(unknown, ", ")));
  }
  std::string missing;
  for (const auto& entry : declared) {
    const std::string name = entry.key();
    const json::object& shape = entry.value().as_object();
    Parameter parameter{.type = std::string(shape.at("Type").as_string())};
    const json::value* echo = find(shape, "NoEcho");
    parameter.no_echo = echo && scalar_text(*echo) == "true";
    if (const auto found = given.find(name); found != given.end()) {
      parameter.given = found->second;
    } else if (const json::value* fallback = find(shape, "Default")) {
      parameter.given = scalar_text(*fallback);
    } else {
      missing += (missing.empty() ? "" : ", ") + name;
      continue;
    }
    KIBAN_TRY_VOID(check_parameter(name, shape, parameter.given));
    parameter.resolved = parameter.given;
    if (parameter.type.starts_with(ssm_prefix)) {
      KIBAN_TRY(parameter.resolved, ports_.ssm_parameter(parameter.given));
    }
    parameters_.emplace(name, std::move(parameter));
  }
  if (!missing.empty()) return invalid(fmt::format("Parameters: [{}] must have values", missing));
  conditions_only_ = true;
  if (const json::object* conditions = find_object(tree_, "Conditions")) {
    for (const auto& entry : *conditions) {
      KIBAN_TRY([[maybe_unused]] const bool holds_now, named_condition(entry.key()));
    }
  }
  KIBAN_TRY_VOID(check_rules());
  conditions_only_ = false;
  return {};
}

Result<void> Evaluator::check_rules() {
  const json::object* rules = find_object(tree_, "Rules");
  for (const auto& rule : rules ? *rules : json::object{}) {
    if (!rule.value().is_object())
      return invalid("Template format error: Any Rules member must be an object.");
    const json::object& body = rule.value().get_object();
    if (const json::value* when = find(body, "RuleCondition")) {
      KIBAN_TRY(const bool applies, condition(*when));
      if (!applies) continue;
    }
    const json::array* assertions = find_array(body, "Assertions");
    for (const json::value& one : assertions ? *assertions : json::array{}) {
      const json::value* assertion = one.is_object() ? find(one.get_object(), "Assert") : nullptr;
      if (!assertion) return invalid("Template format error: every assertion needs Assert.");
      KIBAN_TRY(const bool good, condition(*assertion));
      if (good) continue;
      const json::string* why = find_string(one.get_object(), "AssertDescription");
      return invalid(fmt::format("Template validation error: Rule {} failed: {}",
                                 std::string(rule.key()),
                                 why ? to_string(*why) : print_json(*assertion)));
    }
  }
  return {};
}

std::set<std::string> Evaluator::imports() const { return imports_; }

bool Evaluator::holds(const json::object& entry) const {
  const json::string* name = find_string(entry, "Condition");
  if (!name) return true;
  const auto found = conditions_.find(to_string(*name));
  return found != conditions_.end() && found->second;
}

std::set<std::string> Evaluator::present() const {
  std::set<std::string> out;
  for (const auto& resource : *find_object(tree_, "Resources")) {
    if (holds(resource.value().get_object())) out.emplace(resource.key());
  }
  return out;
}

Result<bool> Evaluator::named_condition(const std::string& name) {
  if (const auto found = conditions_.find(name); found != conditions_.end()) return found->second;
  const json::object* section = find_object(tree_, "Conditions");
  const json::value* body = section ? find(*section, name) : nullptr;
  if (!body) {
    return invalid(fmt::format("Template format error: Unresolved condition dependency {}", name));
  }
  if (!evaluating_.insert(name).second) {
    return invalid(fmt::format("Template format error: Circular dependency at condition {}", name));
  }
  KIBAN_TRY(const bool holds_now, condition(*body));
  conditions_[name] = holds_now;
  return holds_now;
}

Result<bool> Evaluator::condition(const json::value& value) {
  KIBAN_TRY(const json::value result, required(value));
  if (result.is_bool()) return result.get_bool();
  if (result.is_string() && result.get_string() == "true") return true;
  if (result.is_string() && result.get_string() == "false") return false;
  return invalid(fmt::format("Template format error: {} is no condition", print_json(value)));
}

Result<json::value> Evaluator::required(const json::value& value) {
  KIBAN_TRY(std::optional<json::value> result, evaluate(value));
  if (!result) return invalid("Template error: AWS::NoValue can't stand here");
  return *std::move(result);
}

Result<std::string> Evaluator::text_of(const json::value& value) {
  KIBAN_TRY(const json::value result, required(value));
  if (result.is_object() || result.is_array()) {
    return invalid(fmt::format("Template error: a string is wanted, not {}", print_json(result)));
  }
  return scalar_text(result);
}

Result<void> Evaluator::spend(std::size_t steps, std::size_t bytes) {
  if (budget_.spend(steps, bytes)) return {};
  return invalid(fmt::format(
      "Template error: the template's functions take more than {} steps or make more than {} bytes",
      evaluation_steps_max, evaluation_bytes_max));
}

Evaluator::Value Evaluator::copied(const json::value& value) {
  KIBAN_TRY_VOID(spend(1, copy_bytes(value)));
  return json::value(value);
}

Evaluator::Value Evaluator::evaluate(const json::value& value) {
  if (depth_ >= evaluation_depth_max) {
    return invalid(
        fmt::format("Template error: values, functions and conditions are nested more than {} deep",
                    evaluation_depth_max));
  }
  ++depth_;
  Value result = evaluate_nested(value);
  --depth_;
  return result;
}

Evaluator::Value Evaluator::evaluate_nested(const json::value& value) {
  KIBAN_TRY_VOID(spend(1, value.is_string() ? value.get_string().size() : 0));
  const std::string_view name = intrinsic_of(value);
  // Outside of conditions a member "Condition" is what it says, such as a policy's.
  if (!name.empty() && (name != "Condition" || conditions_only_)) {
    return intrinsic(name, value.get_object().begin()->value());
  }
  if (value.is_string()) {
    return json::value(value);
  }
  if (value.is_array()) {
    json::array out;
    for (const json::value& entry : value.get_array()) {
      KIBAN_TRY(std::optional<json::value> one, evaluate(entry));
      if (one) out.push_back(*std::move(one));
    }
    return json::value(std::move(out));
  }
  if (value.is_object()) {
    json::object out;
    for (const auto& member : value.get_object()) {
      KIBAN_TRY(std::optional<json::value> one, evaluate(member.value()));
      if (one) out.emplace(member.key(), *std::move(one));
    }
    return json::value(std::move(out));
  }
  return json::value(value);
}

Evaluator::Value Evaluator::reference(const std::string& name) {
  if (name == "AWS::NoValue") return std::nullopt;
  const std::map<std::string, std::string> pseudo{
      {"AWS::AccountId", stack_.account}, {"AWS::Region", stack_.region},
      {"AWS::StackName", stack_.name},    {"AWS::StackId", stack_.id},
      {"AWS::Partition", "aws"},          {"AWS::URLSuffix", "amazonaws.com"}};
  if (const auto found = pseudo.find(name); found != pseudo.end()) {
    return json::value(json::string(found->second));
  }
  if (name == "AWS::NotificationARNs") return json::value(json::array{});
  if (const auto found = parameters_.find(name); found != parameters_.end()) {
    const Parameter& parameter = found->second;
    KIBAN_TRY_VOID(spend(1, parameter.resolved.size()));
    if (!is_list(parameter.type)) return json::value(json::string(parameter.resolved));
    if (parameter.resolved.empty()) return json::value(json::array{""});
    KIBAN_TRY_VOID(spend(1, parameter.resolved.size() * sizeof(json::value)));
    return json::value(list_members(parameter.resolved));
  }
  if (const auto found = made_.find(name); found != made_.end()) {
    return json::value(json::string(found->second.physical_id));
  }
  if (planning_ && find_object(tree_, "Resources")->contains(name)) {
    return json::value(json::string(known_after_apply));
  }
  return invalid(
      fmt::format("Template format error: Unresolved resource dependencies [{}] in the "
                  "Resources block of the template",
                  name));
}

Evaluator::Value Evaluator::attribute(const std::string& id, const std::string& name) {
  if (const auto found = made_.find(id); found != made_.end()) {
    const json::object& attributes = found->second.attributes;
    if (const json::value* value = find(attributes, name)) return copied(*value);
    if (planning_) return json::value(json::string(known_after_apply));
    const json::object& declared = find_object(tree_, "Resources")->at(id).as_object();
    const json::object* type = find_type(declared.at("Type").as_string());
    if (type && flag(*type, "Open"))
      return invalid(
          fmt::format("CustomResource attribute error: Vendor response doesn't contain "
                      "{} attribute in object {}",
                      name, id));
    return invalid(fmt::format("Requested attribute {} does not exist in schema for {}", name, id));
  }
  if (planning_ && find_object(tree_, "Resources")->contains(id)) {
    return json::value(json::string(known_after_apply));
  }
  return invalid(
      fmt::format("Template error: instance of Fn::GetAtt references undefined resource {}", id));
}

Evaluator::Value Evaluator::substitute(const json::value& argument) {
  json::object own;
  std::string text;
  if (argument.is_string()) {
    text = to_string(argument.get_string());
  } else if (argument.is_array() && argument.get_array().size() == 2 &&
             argument.get_array()[0].is_string() && argument.get_array()[1].is_object()) {
    text = to_string(argument.get_array()[0].get_string());
    KIBAN_TRY(const json::value variables, required(argument.get_array()[1]));
    own = variables.get_object();
  } else {
    return invalid(
        "Template error: One or more Fn::Sub intrinsic functions don't specify expected "
        "arguments. Specify a string as first argument, and an optional second argument to specify "
        "a mapping of values to replace in the string");
  }
  std::string out;
  for (std::size_t at = 0, spent = 0;;) {
    KIBAN_TRY_VOID(spend(1, out.size() - std::exchange(spent, out.size())));
    const std::size_t open = text.find("${", at);
    const std::size_t end = open == std::string::npos ? open : text.find('}', open);
    if (end == std::string::npos) {
      out += text.substr(at);
      return json::value(json::string(out));
    }
    out += text.substr(at, open - at);
    const std::string name = text.substr(open + 2, end - open - 2);
    at = end + 1;
    if (name.starts_with('!')) {
      out += "${" + name.substr(1) + "}";
    } else if (const json::value* value = find(own, name)) {
      out += scalar_text(*value);
    } else {
      const std::size_t dot = name.find('.');
      KIBAN_TRY(const std::optional<json::value> found,
                dot == std::string::npos ? reference(name)
                                         : attribute(name.substr(0, dot), name.substr(dot + 1)));
      out += found ? scalar_text(*found) : "";
    }
  }
}

Evaluator::Value Evaluator::select_or_split(std::string_view name, const json::array& arguments) {
  if (arguments.size() != 2) {
    return invalid(fmt::format("Template error: every {} object requires two parameters", name));
  }
  KIBAN_TRY(const json::value second, required(arguments[1]));
  KIBAN_TRY(const std::string first, text_of(arguments[0]));
  const bool unknown =
      second.is_string() && second.get_string().find(known_after_apply) != json::string::npos;
  if (unknown) return json::value(json::string(known_after_apply));
  if (name == "Fn::Split") {
    if (!second.is_string()) return invalid("Template error: Fn::Split wants a string to split");
    return split(second.get_string(), first);
  }
  if (!second.is_array()) return invalid("Template error: Fn::Select requires a list argument");
  const auto index = number_in(first);
  if (!index || *index >= second.get_array().size()) {
    return invalid("Template error: Fn::Select cannot select nonexistent value at index " + first);
  }
  return copied(second.get_array()[static_cast<std::size_t>(*index)]);
}

Evaluator::Value Evaluator::split(std::string_view text, std::string_view by) {
  json::array out;
  for (std::size_t at = 0;;) {
    const std::size_t end = by.empty() ? std::string_view::npos : text.find(by, at);
    const std::string_view part = text.substr(at, end - at);
    KIBAN_TRY_VOID(spend(1, sizeof(json::value) + part.size()));
    out.push_back(json::string(part));
    if (end == std::string_view::npos) return json::value(std::move(out));
    at = end + by.size();
  }
}

Evaluator::Value Evaluator::joined(std::string_view delimiter, const json::value& parts) {
  if (parts.is_string()) return copied(parts);  // A list not known yet.
  if (!parts.is_array()) return invalid("Template error: Fn::Join wants a list");
  std::string out;
  for (const json::value& part : parts.get_array()) {
    const std::size_t before = out.size();
    if (&part != parts.get_array().data()) out += delimiter;
    out += scalar_text(part);
    KIBAN_TRY_VOID(spend(1, out.size() - before));
  }
  return json::value(json::string(out));
}

Evaluator::Value Evaluator::mapped(const json::array& arguments) {
  if (arguments.size() < 3) {
    return invalid("Template error: every Fn::FindInMap object requires three parameters");
  }
  KIBAN_TRY(const std::string map, text_of(arguments[0]));
  KIBAN_TRY(const std::string top, text_of(arguments[1]));
  KIBAN_TRY(const std::string second, text_of(arguments[2]));
  const json::object* mappings = find_object(tree_, "Mappings");
  const json::object* level = mappings ? find_object(*mappings, map) : nullptr;
  level = level ? find_object(*level, top) : nullptr;
  const json::value* value = level ? find(*level, second) : nullptr;
  if (value) return copied(*value);
  if (arguments.size() == 4 && arguments[3].is_object()) {
    if (const json::value* fallback = find(arguments[3].get_object(), "DefaultValue")) {
      return evaluate(*fallback);
    }
  }
  return invalid(
      fmt::format("Template error: Unable to get mapping for {}::{}::{}", map, top, second));
}

namespace {
// The argument as a list; empty when it is not one.
const json::array& list_of(const json::value& argument) {
  static const json::array none;
  return argument.is_array() ? argument.get_array() : none;
}
}  // namespace

Evaluator::Value Evaluator::ref(std::string_view /*name*/, const json::value& argument) {
  if (!argument.is_string()) return invalid("Template format error: Ref must be a string");
  return reference(to_string(argument.get_string()));
}

Evaluator::Value Evaluator::get_att(std::string_view /*name*/, const json::value& argument) {
  const json::array& list = list_of(argument);
  std::string id;
  std::string attribute_name;
  if (argument.is_string()) {
    id = to_string(argument.get_string());
    const std::size_t dot = id.find('.');
    if (dot != std::string::npos) attribute_name = id.substr(dot + 1);
    id = id.substr(0, dot);
  } else if (list.size() == 2 && list[0].is_string()) {
    id = to_string(list[0].get_string());
    KIBAN_TRY(attribute_name, text_of(list[1]));
  }
  if (id.empty() || attribute_name.empty()) {
    return invalid(
        "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource "
        "name and the resource attribute");
  }
  return attribute(id, attribute_name);
}

Evaluator::Value Evaluator::sub(std::string_view /*name*/, const json::value& argument) {
  return substitute(argument);
}

Evaluator::Value Evaluator::pick(std::string_view name, const json::value& argument) {
  const json::array& list = list_of(argument);
  return select_or_split(name, list);
}

Evaluator::Value Evaluator::find_in_map(std::string_view /*name*/, const json::value& argument) {
  const json::array& list = list_of(argument);
  return mapped(list);
}

Evaluator::Value Evaluator::join(std::string_view /*name*/, const json::value& argument) {
  const json::array& list = list_of(argument);
  if (list.size() != 2 || !list[0].is_string()) {
    return invalid(
        "Template error: every Fn::Join object requires two parameters, (1) a string delimiter "
        "and (2) a list of strings to be joined or a function that returns a list of strings "
        "(such as Fn::GetAZs) to be joined.");
  }
  KIBAN_TRY(const json::value parts, required(list[1]));
  return joined(list[0].get_string(), parts);
}

Evaluator::Value Evaluator::choose(std::string_view /*name*/, const json::value& argument) {
  const json::array& list = list_of(argument);
  if (list.size() != 3 || !list[0].is_string()) {
    return invalid(
        "Template error: Fn::If requires a list argument with the first element being a "
        "condition");
  }
  KIBAN_TRY(const bool yes, named_condition(to_string(list[0].get_string())));
  return evaluate(list[yes ? 1 : 2]);
}

Evaluator::Value Evaluator::condition_value(std::string_view /*name*/,
                                            const json::value& argument) {
  KIBAN_TRY(const bool yes, named_condition(to_string(argument.get_string())));
  return json::value(yes);
}

Evaluator::Value Evaluator::equals(std::string_view /*name*/, const json::value& argument) {
  const json::array& list = list_of(argument);
  if (list.size() != 2)
    return invalid(
        "Template error: every Fn::Equals object requires a list of 2 string parameters.");
  KIBAN_TRY(const json::value left, required(list[0]));
  KIBAN_TRY(const json::value right, required(list[1]));
  return json::value(scalar_text(left) == scalar_text(right));
}

Evaluator::Value Evaluator::logical(std::string_view name, const json::value& argument) {
  const json::array& list = list_of(argument);
  if (list.empty())
    return invalid(fmt::format("Template error: {} needs a list of conditions", name));
  bool all = true;
  bool any = false;
  for (const json::value& one : list) {
    KIBAN_TRY(const bool holds_now, condition(one));
    all = all && holds_now;
    any = any || holds_now;
  }
  return json::value(name == "Fn::Not" ? !all : name == "Fn::And" ? all : any);
}

Evaluator::Value Evaluator::contains(std::string_view /*name*/, const json::value& argument) {
  const json::array& list = list_of(argument);
  if (list.size() != 2) return invalid("Template error: Fn::Contains requires two parameters");
  KIBAN_TRY(const json::value all, required(list[0]));
  KIBAN_TRY(const json::value one, required(list[1]));
  const bool in = all.is_array() && std::ranges::any_of(all.get_array(), [&](const json::value& x) {
                    return scalar_text(x) == scalar_text(one);
                  });
  return json::value(in);
}

Evaluator::Value Evaluator::import_value(std::string_view /*name*/, const json::value& argument) {
  KIBAN_TRY(const std::string key, text_of(argument));
  KIBAN_TRY_VOID(spend(read_steps, 0));
  imports_.insert(key);
  KIBAN_TRY(json::value value, ports_.import_value(key));
  return std::optional(std::move(value));
}

Evaluator::Value Evaluator::stack_output(std::string_view /*name*/, const json::value& argument) {
  KIBAN_TRY(const json::value spec, required(argument));
  KIBAN_TRY_VOID(spend(read_steps, 0));
  if (!spec.is_object()) return invalid("Template error: Fn::GetStackOutput requires an object");
  const auto member = [&](std::string_view key, const std::string& fallback) {
    const json::string* found = find_string(spec.get_object(), key);
    return found ? to_string(*found) : fallback;
  };
  KIBAN_TRY(json::value value,
            ports_.stack_output(member("StackName", ""), member("Region", stack_.region),
                                member("OutputName", "")));
  return std::optional(std::move(value));
}

Evaluator::Value Evaluator::zones(std::string_view /*name*/, const json::value& argument) {
  KIBAN_TRY(std::string region, text_of(argument));
  if (region.empty()) region = stack_.region;
  // Tokyo's zones that accounts see are a, c and d (EC2 User Guide, "Regions and Zones").
  const bool tokyo = region == "ap-northeast-1";
  json::array zones;
  for (const char zone : {'a', tokyo ? 'c' : 'b', tokyo ? 'd' : 'c'}) {
    zones.push_back(json::string(region + zone));
  }
  return json::value(std::move(zones));
}

Evaluator::Value Evaluator::base64_of(std::string_view /*name*/, const json::value& argument) {
  KIBAN_TRY(const std::string text, text_of(argument));
  KIBAN_TRY_VOID(spend(1, text.size() / 3 * 4));
  return json::value(json::string(base64(text)));
}

Evaluator::Value Evaluator::cidr_blocks(std::string_view /*name*/, const json::value& argument) {
  const json::array& list = list_of(argument);
  if (list.size() < 2)
    return invalid("Template error: every Fn::Cidr object requires two parameters");
  KIBAN_TRY(const std::string block, text_of(list[0]));
  KIBAN_TRY(const std::string count, text_of(list[1]));
  std::string bits = "8";
  if (list.size() > 2) {
    KIBAN_TRY(bits, text_of(list[2]));
  }
  if (block == known_after_apply) return json::value(json::string(block));
  KIBAN_TRY_VOID(
      spend(1, number_in(count).value_or(0) < 257 ? number_in(count).value_or(0) * 32 : 0));
  KIBAN_TRY(json::array blocks,
            cidr(block, number_in(count).value_or(0), number_in(bits).value_or(0)));
  return json::value(std::move(blocks));
}

Evaluator::Value Evaluator::length(std::string_view /*name*/, const json::value& argument) {
  KIBAN_TRY(const json::value all, required(argument));
  if (planning_ && all.is_string()) return json::value(all);  // A list not known yet.
  if (!all.is_array()) return invalid("Template error: Fn::Length requires a list");
  return json::value(static_cast<std::int64_t>(all.get_array().size()));
}

Evaluator::Value Evaluator::json_text(std::string_view /*name*/, const json::value& argument) {
  KIBAN_TRY(const json::value value, required(argument));
  const std::string text = print_json(value);
  KIBAN_TRY_VOID(spend(1, text.size()));
  return json::value(json::string(text));
}

Evaluator::Value Evaluator::intrinsic(std::string_view name, const json::value& argument) {
  using Function = Value (Evaluator::*)(std::string_view, const json::value&);
  static const std::map<std::string_view, Function> functions{
      {"Ref", &Evaluator::ref},
      {"Fn::GetAtt", &Evaluator::get_att},
      {"Fn::Sub", &Evaluator::sub},
      {"Fn::Select", &Evaluator::pick},
      {"Fn::Split", &Evaluator::pick},
      {"Fn::FindInMap", &Evaluator::find_in_map},
      {"Fn::Join", &Evaluator::join},
      {"Fn::If", &Evaluator::choose},
      {"Condition", &Evaluator::condition_value},
      {"Fn::Equals", &Evaluator::equals},
      {"Fn::Not", &Evaluator::logical},
      {"Fn::And", &Evaluator::logical},
      {"Fn::Or", &Evaluator::logical},
      {"Fn::Contains", &Evaluator::contains},
      {"Fn::ImportValue", &Evaluator::import_value},
      {"Fn::GetStackOutput", &Evaluator::stack_output},
      {"Fn::GetAZs", &Evaluator::zones},
      {"Fn::Base64", &Evaluator::base64_of},
      {"Fn::Cidr", &Evaluator::cidr_blocks},
      {"Fn::Length", &Evaluator::length},
      {"Fn::ToJsonString", &Evaluator::json_text},
  };
  const auto found = functions.find(name);
  if (found == functions.end())
    return invalid(fmt::format("Template error: kiban does not know the function {}", name));
  return (this->*found->second)(name, argument);
}

namespace {
Result<void> each_text(json::value& value,
                       const std::function<Result<std::string>(const std::string&)>& change) {
  if (value.is_string()) {
    KIBAN_TRY(const std::string text, change(to_string(value.get_string())));
    value = json::string(text);
  } else if (value.is_array()) {
    for (json::value& one : value.get_array()) KIBAN_TRY_VOID(each_text(one, change));
  } else if (value.is_object()) {
    for (auto& member : value.get_object()) KIBAN_TRY_VOID(each_text(member.value(), change));
  }
  return {};
}
}  // namespace

Result<std::string> Evaluator::policy(const json::object& declared, std::string_view attribute,
                                      std::string_view fallback) {
  const json::value* given = find(declared, attribute);
  if (!given) return std::string(fallback);
  KIBAN_TRY(const auto value, evaluate(*given));
  if (!value) return std::string(fallback);
  KIBAN_TRY(std::string policy, text_of(*value));
  if (is_policy(attribute, policy)) return policy;
  return invalid(
      fmt::format("Template format error: Unrecognized {} {}", attribute, print_json(*value)));
}

Result<json::object> Evaluator::properties(const std::string& logical_id) {
  const json::object& resource = find_object(tree_, "Resources")->at(logical_id).as_object();
  const json::value* declared = find(resource, "Properties");
  if (!declared) return json::object{};
  KIBAN_TRY(json::value value, required(*declared));
  if (!value.is_object()) return invalid("Template format error: Properties must be an object.");
  auto resolved = resolve_references(value.get_object(), ports_, References::Plain);
  // What a plan can't read yet may be made by the stack itself.
  if (!resolved && planning_) return std::move(value.get_object());
  return resolved;
}

Result<json::object> resolve_references(json::object properties, const Ports& ports,
                                        References which) {
  Budget budget{evaluation_steps_max, evaluation_bytes_max};
  const auto resolve = [&](const std::string& text) -> Result<std::string> {
    constexpr std::string_view open = "{{resolve:";
    std::string out;
    std::size_t done = 0;
    for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, done)) {
      const std::size_t end = text.find("}}", at);
      if (end == std::string::npos) break;
      const std::string reference = text.substr(at + open.size(), end - at - open.size());
      if (which == References::Plain && !reference.starts_with("ssm:")) {
        out.append(text, done, end + 2 - done);
        done = end + 2;
        continue;
      }
      KIBAN_TRY(const std::string value, ports.dynamic_reference(reference));
      if (!budget.spend(read_steps, value.size()))
        return invalid("Template error: too many dynamic references in one resource");
      out.append(text, done, at - done).append(value);
      done = end + 2;
    }
    return out.append(text, done);
  };
  json::value all(std::move(properties));
  KIBAN_TRY_VOID(each_text(all, resolve));
  return std::move(all.get_object());
}

}  // namespace kiban::cfn
