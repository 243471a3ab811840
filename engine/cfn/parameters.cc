#include "cfn/parameters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include "core/regex_budget.h"

namespace kiban::cfn {
namespace {

constexpr std::uint32_t match_limit = 100'000;  // Our own bound against patterns that explode.

std::unexpected<Error> invalid(std::string cause) {
  return fail("ValidationError", std::move(cause));
}

std::string scalar_text(const json::value& value) {
  if (value.is_string()) return to_string(value.get_string());
  return print_json(value);
}

std::optional<double> number_in(std::string_view text) {
  double number = 0;
  const auto [stop, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

// Whether the whole text matches, and in few enough steps; nullopt: the pattern is not valid.
std::optional<bool> matches(std::string_view pattern, std::string_view text) {
  const auto regex =
      BudgetedRegex::compile(pattern, PCRE2_ANCHORED | PCRE2_ENDANCHORED, BudgetedRegex::Jit::No);
  if (!regex) return std::nullopt;
  return regex->matches(text, match_limit).value_or(false);
}

Result<void> check_bounds(const std::string& name, const json::object& declared,
                          const std::string& value, std::optional<double> number) {
  const auto limit = [&](std::string_view key) -> std::optional<double> {
    const json::value* found = find(declared, key);
    return found ? number_in(scalar_text(*found)) : std::nullopt;
  };
  const auto length = static_cast<double>(value.size());
  if (const auto least = limit("MinLength"); least && length < *least) {
    return invalid(fmt::format("Parameter '{}' must contain at least {} characters", name, *least));
  }
  if (const auto most = limit("MaxLength"); most && length > *most) {
    return invalid(fmt::format("Parameter '{}' must contain at most {} characters", name, *most));
  }
  if (const auto least = limit("MinValue"); least && number && *number < *least) {
    return invalid(fmt::format("Parameter '{}' must be a number not less than {}", name, *least));
  }
  if (const auto most = limit("MaxValue"); most && number && *number > *most) {
    return invalid(fmt::format("Parameter '{}' must be a number not greater than {}", name, *most));
  }
  return {};
}

}  // namespace

// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html
bool is_parameter_type(std::string_view type) {
  const auto inner = [&](std::string_view prefix) {
    const bool wraps = type.starts_with(prefix) && type.ends_with('>');
    return wraps ? type.substr(prefix.size(), type.size() - prefix.size() - 1) : std::string_view{};
  };
  if (type == "AWS::SSM::Parameter::Name") return true;
  if (const std::string_view value = inner(ssm_prefix); !value.empty()) {
    return !value.starts_with("AWS::SSM::") &&
           (value == "List<String>" || is_parameter_type(value));
  }
  if (const std::string_view member = inner("List<"); !member.empty()) {
    return member == "Number" || is_parameter_type(member);
  }
  return type == "String" || type == "Number" || type == "CommaDelimitedList" ||
         type.starts_with("AWS::EC2::") || type == "AWS::Route53::HostedZone::Id";
}

bool is_list(std::string_view type) {
  return type == "CommaDelimitedList" || type.starts_with("List<") ||
         type.find("<List<") != std::string_view::npos ||
         type.find("<CommaDelimitedList>") != std::string_view::npos;
}

json::array list_members(std::string_view value) {
  json::array out;
  for (std::size_t at = 0;;) {
    const std::size_t end = value.find(',', at);
    std::string_view member = value.substr(at, end - at);
    while (member.starts_with(' ')) member.remove_prefix(1);
    while (member.ends_with(' ')) member.remove_suffix(1);
    out.push_back(json::string(member));
    if (end == std::string_view::npos) return out;
    at = end + 1;
  }
}

Result<void> check_parameter(const std::string& name, const json::object& declared,
                             const std::string& value) {
  const json::string* type = find_string(declared, "Type");
  const std::string_view kind = type ? std::string_view(*type) : std::string_view{};
  std::vector<std::string> members{value};
  if (is_list(kind) && !kind.starts_with(ssm_prefix)) {
    members.clear();
    for (const json::value& one : list_members(value)) members.push_back(scalar_text(one));
  }
  for (const std::string& member : members) {
    const json::array* allowed = find_array(declared, "AllowedValues");
    if (allowed && std::ranges::none_of(*allowed, [&](const json::value& one) {
          return scalar_text(one) == member;
        })) {
      return invalid(fmt::format("Parameter '{}' must be one of AllowedValues", name));
    }
    if (const json::string* pattern = find_string(declared, "AllowedPattern")) {
      const auto good = matches(*pattern, member);
      if (!good) {
        return invalid(fmt::format(
            "Template format error: Parameter '{}' has an AllowedPattern that is no regular "
            "expression: {}",
            name, to_string(*pattern)));
      }
      if (!*good) {
        const json::string* why = find_string(declared, "ConstraintDescription");
        return invalid(why ? fmt::format("Parameter {} failed to satisfy constraint: {}", name,
                                         to_string(*why))
                           : fmt::format("Parameter {} failed to satisfy constraint: Parameter "
                                         "value must match pattern {}",
                                         name, to_string(*pattern)));
      }
    }
    std::optional<double> number;
    if (kind == "Number" || kind == "List<Number>") {
      number = number_in(member);
      if (!number) return invalid(fmt::format("Parameter '{}' must be a number.", name));
    }
    KIBAN_TRY_VOID(check_bounds(name, declared, member, number));
  }
  return {};
}

}  // namespace kiban::cfn
