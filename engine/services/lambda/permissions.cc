#include "services/lambda/permissions.h"

#include <fmt/format.h>

#include <algorithm>

#include "services/base/resource_access.h"
#include "services/lambda/names.h"

namespace kiban::services::lambda {
namespace {

// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
constexpr std::size_t policy_bytes_max = 20'480;

// $LATEST has the policy of the function itself.
std::string policy_key(const Context& context, const FunctionName& function) {
  return qualified_key(context, "policy", function.name,
                       function.qualifier == latest ? "" : function.qualifier);
}

// Service, account, role or everybody.
json::value principal_of(const std::string& given) {
  if (given == "*") return "*";
  if (given.ends_with(".amazonaws.com")) return {{"Service", given}};
  const bool account =
      given.size() == 12 && given.find_first_not_of("0123456789") == std::string::npos;
  return {{"AWS", account ? fmt::format("arn:aws:iam::{}:root", given) : given}};
}

// What a statement requires beside its principal.
// https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
json::object conditions_of(const json::object& input) {
  json::object out;
  const auto add = [&](const char* kind, const char* key, const json::value& value) {
    if (!out.contains(kind)) out[kind] = json::object{};
    out[kind].as_object()[key] = value;
  };
  if (input.contains("SourceArn")) add("ArnLike", "AWS:SourceArn", input.at("SourceArn"));
  if (input.contains("SourceAccount"))
    add("StringEquals", "AWS:SourceAccount", input.at("SourceAccount"));
  if (input.contains("PrincipalOrgID"))
    add("StringEquals", "aws:PrincipalOrgID", input.at("PrincipalOrgID"));
  if (input.contains("OrganizationId"))
    add("StringEquals", "aws:PrincipalOrgID", input.at("OrganizationId"));
  if (input.contains("EventSourceToken"))
    add("StringEquals", "lambda:EventSourceToken", input.at("EventSourceToken"));
  if (input.contains("FunctionUrlAuthType"))
    add("StringEquals", "lambda:FunctionUrlAuthType", input.at("FunctionUrlAuthType"));
  if (input.contains("InvokedViaFunctionUrl"))
    add("Bool", "lambda:InvokedViaFunctionUrl",
        flag(input, "InvokedViaFunctionUrl") ? "true" : "false");
  return out;
}

Result<void> check_revision(const json::object& row, const json::object& input) {
  const std::string given = text(input, "RevisionId");
  if (given.empty() || given == text(row, "RevisionId")) return {};
  return fail("PreconditionFailedException",
              "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy "
              "API to retrieve the latest Revision Id");
}

// The function, which must have the qualifier.
Result<FunctionName> load_subject(Context& context, const json::object& input) {
  KIBAN_TRY(FunctionName function, read_name(context, input));
  KIBAN_TRY_VOID(load_function(context, function));
  KIBAN_TRY_VOID(load_version(context, function));
  return function;
}

Result<json::object> add_permission(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, load_subject(context, input));
  if (function.qualifier == latest)
    return invalid("We currently do not support adding policies for $LATEST.");
  KIBAN_TRY(json::object reply, add_statement(context, policy_key(context, function),
                                              arn_of(context, function), input));
  reply.erase("RevisionId");
  return reply;
}

Result<json::object> remove_permission(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, load_subject(context, input));
  return remove_statement(context, policy_key(context, function), input);
}

Result<json::object> get_policy(Context& context, const json::object& input) {
  KIBAN_TRY(const FunctionName function, load_subject(context, input));
  const auto row = get_json(context, policy_key(context, function));
  if (!row) return not_found("The resource you requested does not exist.");
  return json::object{{"Policy", print_json(row->at("Policy"))},
                      {"RevisionId", row->at("RevisionId")}};
}

}  // namespace

ResourceAccess describe(const Context& context, std::string_view arn) {
  ResourceAccess out{.arn = std::string(arn)};
  std::string_view rest = resource_part(arn);
  const std::string_view kind = rest.substr(0, rest.find(':'));
  rest.remove_prefix(std::min(rest.size(), kind.size() + 1));
  const FunctionName named = split_qualifier(rest);
  std::optional<json::object> row;
  if (kind == "function") {
    row = get_json(context, policy_key(context, named));
    if (const auto function = get_json(context, function_key(context, named.name)))
      add_resource_tags(out, find(*function, "Tags"));
  } else if (kind == "layer") {
    const std::string version = fmt::format("{:0>10}", named.qualifier);
    row = get_json(context, qualified_key(context, "layer-policy", named.name, version));
  }
  if (row) out.policy = print_json(row->at("Policy"));
  return out;
}

Result<json::object> add_statement(Context& context, const std::string& key,
                                   const std::string& resource, const json::object& input) {
  const std::string sid = text(input, "StatementId");
  auto row = get_json(context, key);
  if (!row)
    row = {
        {"Policy", {{"Version", "2012-10-17"}, {"Id", "default"}, {"Statement", json::array{}}}}};
  KIBAN_TRY_VOID(check_revision(*row, input));
  json::array& statements = (*row)["Policy"].as_object()["Statement"].as_array();
  for (const json::value& each : statements)
    if (text(each.as_object(), "Sid") == sid)
      return conflict(
          fmt::format("The statement id ({}) provided already exists. Please provide a "
                      "new statement id, or remove the existing statement.",
                      sid));
  json::object statement{{"Sid", sid},
                         {"Effect", "Allow"},
                         {"Principal", principal_of(text(input, "Principal"))},
                         {"Action", input.at("Action")},
                         {"Resource", resource}};
  if (json::object conditions = conditions_of(input); !conditions.empty())
    statement["Condition"] = std::move(conditions);
  statements.emplace_back(statement);
  if (print_json((*row)["Policy"]).size() > policy_bytes_max)
    return fail("PolicyLengthExceededException",
                fmt::format("The final policy size ({}) is bigger than the limit ({}).",
                            print_json((*row)["Policy"]).size(), policy_bytes_max));
  (*row)["RevisionId"] = context.random().uuid();
  put_json(context, key, *row);
  return json::object{{"Statement", print_json(statement)}, {"RevisionId", row->at("RevisionId")}};
}

Result<json::object> remove_statement(Context& context, const std::string& key,
                                      const json::object& input) {
  const std::string sid = text(input, "StatementId");
  auto row = get_json(context, key);
  if (!row) return not_found("No policy is associated with the given resource.");
  KIBAN_TRY_VOID(check_revision(*row, input));
  json::array& statements = (*row)["Policy"].as_object()["Statement"].as_array();
  json::array kept;
  for (const json::value& each : statements)
    if (text(each.as_object(), "Sid") != sid) kept.push_back(each);
  if (kept.size() == statements.size())
    return not_found(fmt::format("Statement {} is not found in resource policy.", sid));
  if (kept.empty()) {
    context.erase(key);
    return json::object{};
  }
  statements = std::move(kept);
  (*row)["RevisionId"] = context.random().uuid();
  put_json(context, key, *row);
  return json::object{};
}

OperationTable permission_operations() {
  return {{"AddPermission", add_permission},
          {"GetPolicy", get_policy},
          {"RemovePermission", remove_permission}};
}

}  // namespace kiban::services::lambda
