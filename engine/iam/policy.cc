#include "iam/policy.h"

#include <algorithm>

#include "core/letters.h"

namespace kiban::iam {
namespace {

constexpr std::string_view malformed = "MalformedPolicyDocument";

std::vector<Pattern> patterns_of(const json::array& values, Variables variables) {
  std::vector<Pattern> patterns;
  patterns.reserve(values.size());
  for (const json::value& value : values)
    patterns.emplace_back(to_string(value.as_string()), Wildcards::Yes, variables);
  return patterns;
}

bool any_matches(const std::vector<Pattern>& patterns, std::string_view text, const Scope& scope) {
  return std::ranges::any_of(patterns,
                             [&](const Pattern& pattern) { return pattern.matches(text, scope); });
}

}  // namespace

Statement::Statement(const json::object& statement, Variables variables)
    : allows_(text(statement, "Effect") == "Allow") {
  if (const json::string* sid = find_string(statement, "Sid"); sid && !sid->empty())
    sid_ = to_string(*sid);
  other_actions_ = statement.contains("NotAction");
  // Only resources and conditions may contain variables.
  for (const json::value& action : listed(statement, other_actions_ ? "NotAction" : "Action"))
    actions_.emplace_back(lower_case(to_string(action.as_string())), Wildcards::Yes, Variables::No);
  other_resources_ = statement.contains("NotResource");
  any_resource_ = !other_resources_ && !statement.contains("Resource");
  resources_ =
      patterns_of(listed(statement, other_resources_ ? "NotResource" : "Resource"), variables);
  if (const json::value* principal = statement.if_contains("Principal"))
    principals_ = Principals(*principal, false);
  else if (const json::value* others = statement.if_contains("NotPrincipal"))
    principals_ = Principals(*others, true);
  const json::object* conditions = find_object(statement, "Condition");
  if (!conditions) return;
  for (const auto& [name, keys] : *conditions) {
    const auto found = parse_operator(name);
    KIBAN_CHECK(found, "the grammar knows the operator");
    for (const auto& [key, values] : keys.as_object())
      conditions_.emplace_back(*found, key, values, variables);
  }
}

bool Statement::applies(const Request& request, std::string_view action, Budget& budget) const {
  const Scope scope{.context = request.context, .budget = budget};
  if (any_matches(actions_, action, scope) == other_actions_) return false;
  // A variable without a value matches no resource.
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html#policy-vars-no-value
  if (!any_resource_ && any_matches(resources_, request.resource, scope) == other_resources_)
    return false;
  return std::ranges::all_of(conditions_,
                             [&](const Condition& condition) { return condition.holds(scope); });
}

std::vector<std::string> Statement::context_keys() const {
  std::vector<std::string> keys;
  const auto add = [&](std::vector<std::string> more) {
    std::ranges::move(more, std::back_inserter(keys));
  };
  for (const Pattern& resource : resources_) add(resource.variables());
  for (const Condition& condition : conditions_) add(condition.context_keys());
  return keys;
}

Result<Policy> Policy::compile(const json::object& document, PolicyKind kind) {
  KIBAN_TRY_VOID(check_policy(document, kind, malformed));
  // Without a version a policy is of 2008-10-17, which has no variables.
  // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
  const Variables variables =
      text(document, "Version") == "2012-10-17" ? Variables::Yes : Variables::No;
  Policy policy;
  for (const json::value& statement : statements_of(document))
    policy.statements_.emplace_back(statement.as_object(), variables);
  return policy;
}

Result<Policy> Policy::compile(std::string_view document, PolicyKind kind) {
  KIBAN_TRY(const json::object read, read_policy(document, kind, malformed));
  return compile(read, kind);
}

}  // namespace kiban::iam
