#include "cfn/functions.h"

#include <charconv>
#include <string>

namespace kiban::cfn {
namespace {

// The list of CloudFormation is a map of Lambda.
json::value weights(const json::value& value) {
  if (!value.is_object()) return value;
  json::object routing = value.get_object();
  const json::array* given = find_array(routing, "AdditionalVersionWeights");
  json::object map;
  for (const json::value& one : given ? *given : json::array{})
    if (one.is_object() && one.get_object().contains("FunctionWeight"))
      map[text(one.get_object(), "FunctionVersion")] = one.at("FunctionWeight");
  routing["AdditionalVersionWeights"] = std::move(map);
  return routing;
}

std::string_view last_part(std::string_view text) { return text.substr(text.rfind(':') + 1); }

// arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION
std::string_view without_last_part(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  return colon == std::string_view::npos ? text : text.substr(0, colon);
}

}  // namespace

std::optional<json::value> function_value(std::string_view how, const json::value& value) {
  if (how == "weights") return weights(value);
  if (!value.is_string()) return std::nullopt;
  const std::string_view text = value.get_string();
  if (how == "lastpart") return json::string(last_part(text));
  if (how == "layername") return json::string(last_part(without_last_part(text)));
  if (how != "layerversion") return std::nullopt;
  std::int64_t number = 0;
  const std::string_view digits = last_part(text);
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return json::value(number);
}

}  // namespace kiban::cfn
