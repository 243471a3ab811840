#include "services/events/permissions.h"

#include <fmt/format.h>

#include "services/base/table_service.h"
#include "services/events/names.h"

namespace kiban::services::events {
namespace {

constexpr std::size_t policy_bytes_max = 10'240;  // Quota of a bus's policy.

json::array statements_of(const json::object& bus) {
  const auto policy = parse_json(text(bus, "Policy"));
  const json::array* statements =
      policy && policy->is_object() ? find_array(policy->get_object(), "Statement") : nullptr;
  return statements ? *statements : json::array{};
}

bool has_id(const json::value& statement, std::string_view id) {
  return statement.is_object() && text(statement.get_object(), "Sid") == id;
}

Result<void> save(Context& context, std::string_view name, json::object bus,
                  const std::string& policy) {
  if (policy.size() > policy_bytes_max)
    return fail("PolicyLengthExceededException",
                fmt::format("The policy of the event bus exceeds {} bytes.", policy_bytes_max));
  bus["Policy"] = policy;
  put_json(context, bus_key(context, name), bus);
  return {};
}

Result<json::object> statement_of(const Context& context, const json::object& input,
                                  std::string_view bus) {
  for (const char* member : {"Action", "Principal", "StatementId"})
    if (!input.contains(member))
      return invalid(fmt::format("Parameter(s) {} must be specified.", member));
  if (text(input, "Action") != "events:PutEvents")
    return invalid("Provided value in parameter 'action' is not supported.");
  const std::string principal = text(input, "Principal");
  json::object statement{
      {"Sid", text(input, "StatementId")}, {"Effect", "Allow"}, {"Principal", "*"}};
  if (principal != "*")
    statement["Principal"] = json::object{{"AWS", fmt::format("arn:aws:iam::{}:root", principal)}};
  statement["Action"] = text(input, "Action");
  statement["Resource"] = bus_arn(context, bus);
  if (const json::object* condition = find_object(input, "Condition")) {
    // The only one there is.
    if (text(*condition, "Type") != "StringEquals" ||
        text(*condition, "Key") != "aws:PrincipalOrgID")
      return invalid("A Condition has the Type StringEquals and the Key aws:PrincipalOrgID.");
    statement["Condition"] = json::object{
        {"StringEquals", json::object{{"aws:PrincipalOrgID", text(*condition, "Value")}}}};
  }
  return statement;
}

// A whole statement, as CloudFormation's EventBusPolicy has it; the API has no such parameter.
Result<json::object> given_statement(const json::object& input) {
  const auto parsed = parse_json(text(input, "Statement"));
  if (!parsed || !parsed->is_object())
    return invalid("Parameter Statement is not valid. Reason: it is no policy statement.");
  json::object statement{{"Sid", text(input, "StatementId")}};
  for (const auto& [name, value] : parsed->get_object())
    if (name != "Sid") statement[name] = value;
  return statement;
}

}  // namespace

Result<json::object> put_permission(Context& context, const json::object& input) {
  const std::string name = bus_of(input);
  KIBAN_TRY(json::object bus, load_bus(context, name));
  if (const std::string policy = text(input, "Policy"); !policy.empty()) {
    // Policy stands "instead of" the other parameters: PutPermission.
    for (const char* member : {"Action", "Principal", "StatementId", "Condition"})
      if (input.contains(member))
        return invalid(
            fmt::format("Parameters Policy and {} cannot be specified together.", member));
    const auto parsed = parse_json(policy);
    if (!parsed || !parsed->is_object() || !parsed->get_object().contains("Statement"))
      return invalid("Parameter Policy is not valid. Reason: it is no policy document.");
    KIBAN_TRY_VOID(save(context, name, std::move(bus), policy));
    return json::object{};
  }
  KIBAN_TRY(const json::object statement, input.contains("Statement")
                                              ? given_statement(input)
                                              : statement_of(context, input, name));
  json::array statements;
  for (const json::value& old : statements_of(bus))
    if (!has_id(old, text(input, "StatementId"))) statements.push_back(old);
  statements.push_back(statement);
  KIBAN_TRY_VOID(save(
      context, name, std::move(bus),
      print_json(json::object{{"Version", "2012-10-17"}, {"Statement", std::move(statements)}})));
  return json::object{};
}

Result<json::object> remove_permission(Context& context, const json::object& input) {
  const std::string name = bus_of(input);
  KIBAN_TRY(json::object bus, load_bus(context, name));
  json::array left;
  if (!flag(input, "RemoveAllPermissions") && text(input, "StatementId").empty())
    return invalid("Parameter(s) StatementId or RemoveAllPermissions must be specified.");
  if (!flag(input, "RemoveAllPermissions")) {
    const std::string id = text(input, "StatementId");
    const json::array statements = statements_of(bus);
    for (const json::value& statement : statements)
      if (!has_id(statement, id)) left.push_back(statement);
    if (left.size() == statements.size())
      return fail("ResourceNotFoundException", "Statement with the provided id does not exist.");
  }
  if (left.empty()) {
    bus.erase("Policy");
    put_json(context, bus_key(context, name), bus);
    return json::object{};
  }
  KIBAN_TRY_VOID(
      save(context, name, std::move(bus),
           print_json(json::object{{"Version", "2012-10-17"}, {"Statement", std::move(left)}})));
  return json::object{};
}

}  // namespace kiban::services::events
