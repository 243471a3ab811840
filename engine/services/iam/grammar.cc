#include "services/iam/grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "core/arn.h"
#include "core/json.h"
#include "core/letters.h"

namespace kiban::services::iam {
namespace {

std::unexpected<Error> malformed(std::string cause) {
  return fail("MalformedPolicyDocumentException", std::move(cause));
}
std::unexpected<Error> syntax_error() { return malformed("Syntax errors in policy."); }

bool among(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

// A text or a list of texts; nullopt: anything else, or nothing.
std::optional<std::vector<std::string>> texts_of(const json::value* value) {
  if (!value) return std::nullopt;
  if (value->is_string()) return std::vector{to_string(value->get_string())};
  if (!value->is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const json::value& one : value->get_array()) {
    if (!one.is_string()) return std::nullopt;
    out.push_back(to_string(one.get_string()));
  }
  return out;
}

Result<json::array> statements_of(std::string_view document) {
  const auto parsed = parse_json(document);
  if (!parsed) return malformed("This policy contains invalid Json");
  if (!parsed->is_object()) return syntax_error();
  const json::object& policy = parsed->get_object();
  for (const auto& member : policy)
    if (!among(member.key(), {"Version", "Id", "Statement"})) return syntax_error();
  const json::value* version = find(policy, "Version");
  if (version && *version != "2012-10-17" && *version != "2008-10-17")
    return malformed("The policy must contain a valid version string");
  const json::value* statement = find(policy, "Statement");
  if (!statement) return syntax_error();
  if (statement->is_object()) return json::array{*statement};
  if (!statement->is_array()) return syntax_error();
  return statement->get_array();
}

// What statements of both kinds have in common. `ids` are those seen before.
Result<void> check_statement(const json::value& value, std::set<std::string>& ids) {
  if (!value.is_object()) return syntax_error();
  const json::object& statement = value.get_object();
  for (const auto& member : statement) {
    if (!among(member.key(), {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction",
                              "Resource", "NotResource", "Condition"}))
      return syntax_error();
  }
  const json::value* effect = find(statement, "Effect");
  if (!effect || (*effect != "Allow" && *effect != "Deny")) return syntax_error();
  if (const json::value* condition = find(statement, "Condition");
      condition && !condition->is_object())
    return syntax_error();
  for (const auto& [name, other] : {std::pair{"Action", "NotAction"},
                                    {"Resource", "NotResource"},
                                    {"Principal", "NotPrincipal"}})
    if (statement.contains(name) && statement.contains(other)) return syntax_error();
  if (const json::value* id = find(statement, "Sid")) {
    if (!id->is_string()) return syntax_error();
    const std::string text = to_string(id->get_string());
    const bool good = std::ranges::all_of(text, [](char c) {
      return (c >= '0' && c <= '9') || (lower_case(c) >= 'a' && lower_case(c) <= 'z');
    });
    if (!good)
      return malformed(
          "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular "
          "expression [0-9A-Za-z]*");
    if (!text.empty() && !ids.insert(text).second)
      return malformed("Statement IDs (SID) in a single policy must be unique.");
  }
  return {};
}

const json::value* either(const json::object& statement, std::string_view name,
                          std::string_view other) {
  const json::value* found = find(statement, name);
  return found ? found : find(statement, other);
}

Result<void> check_identity_statement(const json::object& statement) {
  if (either(statement, "Principal", "NotPrincipal"))
    return malformed("Policy document should not specify a principal.");
  const auto actions = texts_of(either(statement, "Action", "NotAction"));
  if (!actions || actions->empty()) return malformed("Policy statement must contain actions.");
  for (const std::string& action : *actions) {
    const std::size_t colon = action.find(':');
    if (action != "*" && (colon == std::string::npos || colon == 0 || colon + 1 == action.size()))
      return malformed(
          "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
  }
  const auto resources = texts_of(either(statement, "Resource", "NotResource"));
  if (!resources || resources->empty())
    return malformed("Policy statement must contain resources.");
  for (const std::string& resource : *resources) {
    if (resource != "*" && !resource.starts_with("arn:"))
      return malformed(fmt::format("Resource {} must be in ARN format or \"*\".", resource));
  }
  return {};
}

bool is_aws_principal(std::string_view name) {
  const bool account =
      name.size() == 12 && name.find_first_not_of("0123456789") == std::string_view::npos;
  const auto arn = parse_arn(name);
  const bool known = arn && (arn->service == "iam" || arn->service == "sts");
  return name == "*" || account || known;
}

Result<void> check_principal(const json::value& value) {
  if (value == "*") return {};
  if (!value.is_object()) return syntax_error();
  if (value.get_object().empty())
    return malformed("Missing required field Principal cannot be empty!");
  for (const auto& member : value.get_object()) {
    const std::string_view kind = member.key();
    if (!among(kind, {"AWS", "Service", "Federated", "CanonicalUser"})) return syntax_error();
    const auto names = texts_of(&member.value());
    if (!names || names->empty()) return syntax_error();
    for (const std::string& name : *names) {
      const bool service =
          name.find(".amazon") != std::string::npos || name.find(".aws") != std::string::npos;
      const bool good = kind == "Service" ? service : kind != "AWS" || is_aws_principal(name);
      if (good) continue;
      return malformed(fmt::format("Invalid principal in policy: \"{}\":\"{}\"",
                                   kind == "Service" ? "SERVICE" : "AWS", name));
    }
  }
  return {};
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-custom.html
bool is_trust_action(std::string_view action) {
  const std::string name = lower_case(action);
  return name.starts_with("sts:") &&
         (name.find('*') != std::string::npos ||
          among(name.substr(4), {"assumerole", "assumerolewithsaml", "assumerolewithwebidentity",
                                 "setcontext", "setsourceidentity", "tagsession"}));
}

Result<void> check_trust_statement(const json::object& statement) {
  if (either(statement, "Resource", "NotResource"))
    return malformed("Has prohibited field Resource");
  const json::value* principal = either(statement, "Principal", "NotPrincipal");
  if (!principal) return malformed("Missing required field Principal");
  KIBAN_TRY_VOID(check_principal(*principal));
  const auto actions = texts_of(either(statement, "Action", "NotAction"));
  if (!actions || actions->empty()) return malformed("Missing required field Action");
  if (!statement.contains("NotAction") && !std::ranges::all_of(*actions, is_trust_action))
    return malformed("AssumeRole policy may only specify STS AssumeRole actions.");
  return {};
}

Result<void> check(std::string_view document, Result<void> (*check_one)(const json::object&)) {
  KIBAN_TRY(const json::array statements, statements_of(document));
  std::set<std::string> ids;
  for (const json::value& statement : statements) {
    KIBAN_TRY_VOID(check_statement(statement, ids));
    KIBAN_TRY_VOID(check_one(statement.get_object()));
  }
  return {};
}

}  // namespace

Result<void> check_identity_policy(std::string_view document) {
  return check(document, check_identity_statement);
}

Result<void> check_trust_policy(std::string_view document) {
  return check(document, check_trust_statement);
}

}  // namespace kiban::services::iam
