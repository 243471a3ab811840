#include "kernel/trust.h"

#include <string>

#include "api/codec.h"

namespace kiban::kernel {

namespace {

// A string, or an array with such a string, equal to one of the two.
bool holds(const json::value* value, std::string_view text, std::string_view or_text) {
  if (value == nullptr) return false;
  const auto equal = [&](const json::value& each) {
    if (!each.is_string()) return false;
    const std::string_view found{each.get_string().data(), each.get_string().size()};
    return found == text || found == or_text;
  };
  if (!value->is_array()) return equal(*value);
  for (const json::value& each : value->get_array())
    if (equal(each)) return true;
  return false;
}

// Whether the statement speaks of `principal` taking the role.
bool concerns(const json::object& statement, std::string_view principal) {
  if (!holds(find(statement, "Action"), "sts:AssumeRole", "sts:*") &&
      !holds(find(statement, "Action"), "*", "*"))
    return false;
  const json::value* who = find(statement, "Principal");
  if (who != nullptr && who->is_object()) who = find(who->get_object(), "Service");
  return holds(who, principal, "*");
}

}  // namespace

Result<void> trusts(const json::object& get_role_reply, std::string_view principal) {
  const json::object* role = find_object(get_role_reply, "Role");
  const json::string* text =
      role == nullptr ? nullptr : find_string(*role, "AssumeRolePolicyDocument");
  if (text == nullptr) return fail("AccessDenied", "the role has no trust policy");
  std::string document = to_string(*text);
  // IAM returns policy documents percent-encoded:
  // docs.aws.amazon.com/IAM/latest/APIReference/API_GetRole.html
  if (document.starts_with('%')) document = api::decode_uri(document).value_or(document);
  const Result<json::value> policy = parse_json(document);
  if (!policy || !policy->is_object())
    return fail("AccessDenied", "the role's trust policy is no JSON object");
  const json::value* found = find(policy->get_object(), "Statement");
  const json::array statements = found == nullptr    ? json::array{}
                                 : found->is_array() ? found->get_array()
                                                     : json::array{*found};
  bool allowed = false;
  for (const json::value& each : statements) {
    if (!each.is_object() || !concerns(each.get_object(), principal)) continue;
    const json::value* effect = find(each.get_object(), "Effect");
    // docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
    if (holds(effect, "Deny", "Deny"))
      return fail("AccessDenied", "the role's trust policy denies " + std::string(principal));
    allowed = allowed || holds(effect, "Allow", "Allow");
  }
  if (allowed) return {};
  return fail("AccessDenied", "the role's trust policy does not allow " + std::string(principal));
}

}  // namespace kiban::kernel
