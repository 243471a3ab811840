#include "services/base/rights.h"

#include <algorithm>
#include <array>

#include "services/base/table_service.h"
#include "store/blobs.h"

namespace kiban::services {

bool is_refusal(const Error& error) {
  static constexpr std::array<std::string_view, 4> names{"AccessDenied", "AuthorizationError",
                                                         "UnauthorizedOperation", "NotAuthorized"};
  return std::ranges::any_of(
      names, [&](std::string_view name) { return std::string_view(error.name).starts_with(name); });
}

Result<json::object> decide_given(Context& context, const json::object& input) {
  for (const json::value& value : input.at("Requests").as_array()) {
    const json::object& request = value.as_object();
    std::vector<ConditionKey> keys;
    for (const auto& [name, values] : request.at("Keys").as_object()) {
      ConditionKey key{.name = std::string(name)};
      for (const json::value& one : values.as_array())
        key.values.push_back(to_string(one.as_string()));
      keys.push_back(std::move(key));
    }
    KIBAN_TRY_VOID(context.decide({.action = text(request, "Action"),
                                   .resource = text(request, "Resource"),
                                   .keys = std::move(keys)}));
  }
  return json::object{};
}

Result<void> decide_as(Context& context, std::string_view service,
                       const std::vector<AccessRequest>& requests, const Caller& as) {
  json::array given;
  for (const AccessRequest& request : requests) {
    json::object keys;
    for (const ConditionKey& key : request.keys) {
      json::array values;
      for (const std::string& value : key.values) values.emplace_back(value);
      keys[key.name] = std::move(values);
    }
    given.push_back(
        {{"Action", request.action}, {"Resource", request.resource}, {"Keys", std::move(keys)}});
  }
  KIBAN_TRY_VOID(context.call(service, decide_operation, {{"Requests", std::move(given)}}, as));
  return {};
}

std::string session_name_of(std::string_view subject) {
  const std::string digest = store::sha256_hex(subject);
  std::string name;
  // Two hexadecimal digits make a letter of either case.
  for (std::size_t at = 0; at + 1 < digest.size(); at += 2) {
    const auto value = static_cast<unsigned>(std::stoi(digest.substr(at, 2), nullptr, 16)) % 52U;
    name += static_cast<char>(value < 26 ? 'A' + value : 'a' + (value - 26));
  }
  return name;
}

}  // namespace kiban::services
