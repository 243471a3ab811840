#include "services/base/policy.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/letters.h"

namespace kiban::services {
namespace {

// Condition keys that, with a fixed value, keep a policy from being public.
bool binds(const json::object& statement) {
  constexpr std::array keys = {"aws:principalorgid",
                               "aws:principalorgpaths",
                               "aws:sourceaccount",
                               "aws:sourcearn",
                               "aws:sourceip",
                               "aws:sourceorgid",
                               "aws:sourceorgpaths",
                               "aws:sourcevpc",
                               "aws:sourcevpce",
                               "aws:sourceowner",
                               "aws:userid",
                               "aws:principalarn",
                               "aws:principalaccount",
                               "aws:calledvia",
                               "s3:x-amz-server-side-encryption-aws-kms-key-id",
                               "s3:dataaccesspointarn",
                               "s3:dataaccesspointaccount"};
  const json::object* conditions = find_object(statement, "Condition");
  if (!conditions) return false;
  for (const auto& [name, tests] : *conditions) {
    if (!tests.is_object() || lower_case(name).find("not") != std::string::npos) continue;
    for (const auto& [key, value] : tests.get_object()) {
      if (std::ranges::find(keys, lower_case(key)) == keys.end()) continue;
      const json::array values = listed(tests.get_object(), key);
      const bool fixed = std::ranges::none_of(values, [](const json::value& one) {
        const std::string shown = one.is_string() ? to_string(one.get_string()) : "";
        return shown == "*" || shown == "0.0.0.0/0" || shown == "::/0";
      });
      if (fixed && !values.empty()) return true;
    }
  }
  return false;
}

bool names_everyone(const json::object& statement) {
  if (statement.contains("NotPrincipal")) return true;
  const json::value* principal = statement.if_contains("Principal");
  if (!principal) return false;
  if (principal->is_string()) return *principal == "*";
  if (!principal->is_object()) return false;
  const json::array aws = listed(principal->get_object(), "AWS");
  return std::ranges::find(aws, json::value("*")) != aws.end();
}

}  // namespace

bool is_public(const json::object& policy) {
  return std::ranges::any_of(statements_of(policy), [](const json::value& value) {
    if (!value.is_object()) return false;
    const json::object& statement = value.get_object();
    return text(statement, "Effect") == "Allow" && names_everyone(statement) && !binds(statement);
  });
}

}  // namespace kiban::services
