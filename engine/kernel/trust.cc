#include "kernel/trust.h"

#include <algorithm>
#include <string>

#include "api/codec.h"
#include "core/arn.h"
#include "core/letters.h"

namespace kiban::kernel {

namespace {

// "Action" and its wildcards: * is any text, ? any character, and case does not matter:
// docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
bool matches_action(std::string_view pattern, std::string_view action) {
  std::size_t at = 0;
  std::size_t in = 0;
  std::size_t star = std::string_view::npos;
  std::size_t resume = 0;
  while (in < action.size()) {
    const char wanted = at < pattern.size() ? lower_case(pattern[at]) : '\0';
    if (wanted == '*') {
      star = at++;
      resume = in;
    } else if (at < pattern.size() && (wanted == '?' || wanted == lower_case(action[in]))) {
      ++at;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

// Whether the value is a text, or a list with a text, for which the predicate holds.
template <typename Predicate>
bool any_text(const json::value* value, Predicate predicate) {
  if (value == nullptr) return false;
  if (value->is_string()) return predicate(std::string_view(value->get_string()));
  if (!value->is_array()) return false;
  return std::ranges::any_of(value->get_array(), [&](const json::value& each) {
    return each.is_string() && predicate(std::string_view(each.get_string()));
  });
}

// Whether a policy's AWS principal means who asks. The id of an account, or its root, is everyone
// of the account; a role is each of its sessions:
// docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
bool means(std::string_view named, std::string_view principal) {
  const auto arn = parse_arn(principal);
  if (!arn) return false;
  if (named == "*" || named == principal || named == arn->account ||
      named == "arn:aws:iam::" + arn->account + ":root")
    return true;
  constexpr std::string_view session = "assumed-role/";
  const auto role = parse_arn(named);
  if (!arn->resource.starts_with(session) || !role || role->account != arn->account ||
      role->service != "iam" || !role->resource.starts_with("role/"))
    return false;
  // A role's path is not part of a session's ARN.
  const std::string_view name = std::string_view(arn->resource).substr(session.size());
  return role->resource.substr(role->resource.rfind('/') + 1) == name.substr(0, name.find('/'));
}

bool is_among(const json::value* who, std::string_view principal) {
  if (who == nullptr) return false;
  if (who->is_string()) return who->get_string() == "*";
  if (!who->is_object()) return false;
  return any_text(find(who->get_object(), "Service"),
                  [&](std::string_view named) { return named == principal; }) ||
         any_text(find(who->get_object(), "AWS"),
                  [&](std::string_view named) { return means(named, principal); });
}

// Whether the statement speaks of `principal` taking the role.
bool concerns(const json::object& statement, std::string_view principal) {
  const auto is_assume_role = [](std::string_view named) {
    return matches_action(named, "sts:AssumeRole");
  };
  const json::value* others = find(statement, "NotAction");
  const bool action = others != nullptr ? !any_text(others, is_assume_role)
                                        : any_text(find(statement, "Action"), is_assume_role);
  if (!action) return false;
  if (const json::value* excepted = find(statement, "NotPrincipal"))
    return !is_among(excepted, principal);
  return is_among(find(statement, "Principal"), principal);
}

}  // namespace

Result<void> trusts(const json::object& get_role_reply, std::string_view role_arn,
                    std::string_view principal) {
  const json::object* role = find_object(get_role_reply, "Role");
  const json::string* arn = role == nullptr ? nullptr : find_string(*role, "Arn");
  if (arn == nullptr || *arn != role_arn) return fail("AccessDenied", "no such role");
  const json::string* text = find_string(*role, "AssumeRolePolicyDocument");
  if (text == nullptr) return fail("AccessDenied", "the role has no trust policy");
  std::string document = to_string(*text);
  // IAM returns policy documents percent-encoded:
  // docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html
  if (document.starts_with('%')) document = api::decode_uri(document).value_or(document);
  const Result<json::value> policy = parse_json(document);
  if (!policy || !policy->is_object())
    return fail("AccessDenied", "the role's trust policy is not a JSON object");
  const json::value* found = find(policy->get_object(), "Statement");
  const json::array statements = found == nullptr    ? json::array{}
                                 : found->is_array() ? found->get_array()
                                                     : json::array{*found};
  bool allowed = false;
  for (const json::value& each : statements) {
    if (!each.is_object() || !concerns(each.get_object(), principal)) continue;
    const json::string* effect = find_string(each.get_object(), "Effect");
    // docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    if (effect != nullptr && *effect == "Deny")
      return fail("AccessDenied", "the role's trust policy denies " + std::string(principal));
    allowed = allowed || (effect != nullptr && *effect == "Allow");
  }
  if (allowed) return {};
  return fail("AccessDenied", "the role's trust policy does not allow " + std::string(principal));
}

}  // namespace kiban::kernel
