#include <algorithm>

#include "services/secretsmanager/rows.h"

namespace kiban::services::secretsmanager {
namespace {

Result<json::object> parse_policy(std::string_view policy) {
  const auto parsed = parse_json(policy);
  const json::object* fields = parsed ? parsed->if_object() : nullptr;
  const json::value* statements = fields ? fields->if_contains("Statement") : nullptr;
  if (statements && (statements->is_array() || statements->is_object())) return *fields;
  return fail("MalformedPolicyDocumentException", "This resource policy contains a syntax error.");
}

bool is_anybody(const json::value& principal) {
  if (principal == "*") return true;
  const json::object* kinds = principal.if_object();
  const json::value* accounts = kinds ? kinds->if_contains("AWS") : nullptr;
  if (!accounts) return false;
  const json::array* list = accounts->if_array();
  return *accounts == "*" || (list && std::ranges::find(*list, json::value("*")) != list->end());
}

// Does a statement allow it to everybody, without a condition?
bool is_public(const json::object& policy) {
  const json::value& statements = policy.at("Statement");
  const json::array all = statements.is_array() ? statements.get_array() : json::array{statements};
  return std::ranges::any_of(all, [](const json::value& each) {
    const json::object* statement = each.if_object();
    const json::value* principal = statement ? statement->if_contains("Principal") : nullptr;
    return principal && text(*statement, "Effect") == "Allow" &&
           !statement->contains("Condition") && is_anybody(*principal);
  });
}

Result<json::object> put_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_alive(context, input));
  KIBAN_TRY(const json::object policy, parse_policy(text(input, "ResourcePolicy")));
  if (flag(input, "BlockPublicPolicy") && is_public(policy))
    return fail("PublicPolicyException",
                "You can't attach a resource policy that allows broad access to the secret.");
  row["Policy"] = text(input, "ResourcePolicy");
  save(context, row);
  return named(row);
}

Result<json::object> get_policy(Context& context, const json::object& input) {
  KIBAN_TRY(const json::object row, load_alive(context, input));
  json::object out = named(row);
  if (row.contains("Policy")) out["ResourcePolicy"] = row.at("Policy");
  return out;
}

Result<json::object> delete_policy(Context& context, const json::object& input) {
  KIBAN_TRY(json::object row, load_alive(context, input));
  row.erase("Policy");
  save(context, row);
  return named(row);
}

Result<json::object> validate_policy(Context& context, const json::object& input) {
  if (input.contains("SecretId")) {
    KIBAN_TRY_VOID(load_alive(context, input));
  }
  KIBAN_TRY(const json::object policy, parse_policy(text(input, "ResourcePolicy")));
  json::array errors;
  if (is_public(policy))
    errors.push_back({{"CheckName", "BLOCK_PUBLIC_POLICY"},
                      {"ErrorMessage", "The resource policy allows broad access to the secret."}});
  return json::object{{"PolicyValidationPassed", errors.empty()},
                      {"ValidationErrors", std::move(errors)}};
}

}  // namespace

OperationTable policy_operations() {
  return {{"DeleteResourcePolicy", delete_policy},
          {"GetResourcePolicy", get_policy},
          {"PutResourcePolicy", put_policy},
          {"ValidateResourcePolicy", validate_policy}};
}

}  // namespace kiban::services::secretsmanager
