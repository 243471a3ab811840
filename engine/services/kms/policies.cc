#include <algorithm>
#include <array>

#include "core/arn.h"
#include "services/kms/rows.h"

namespace kiban::services::kms {
namespace {

json::array list_of(const json::object& statement, std::string_view member) {
  const json::value* found = find(statement, member);
  if (found == nullptr) return {};
  return found->is_array() ? found->get_array() : json::array{*found};
}

// Does the statement's principal include the caller, or its account?
bool names_caller(const Context& context, const json::object& statement) {
  const json::value* principal = find(statement, "Principal");
  if (principal == nullptr) return false;
  const json::object* kinds = principal->if_object();
  const json::array names = kinds ? list_of(*kinds, "AWS") : json::array{*principal};
  const Caller& caller = context.caller();
  const std::string root = fmt::format("arn:aws:iam::{}:root", caller.account);
  // A session acts by its role.
  const auto arn = parse_arn(caller.arn);
  std::string role;
  if (arn && arn->resource.starts_with("assumed-role/")) {
    const std::string rest = arn->resource.substr(std::string_view("assumed-role/").size());
    role = fmt::format("arn:aws:iam::{}:role/{}", caller.account, rest.substr(0, rest.find('/')));
  }
  return std::ranges::any_of(names, [&](const json::value& name) {
    return name == "*" || name == json::value(caller.account) || name == json::value(root) ||
           name == json::value(caller.arn) || (!role.empty() && name == json::value(role));
  });
}

bool allows_policy_change(const json::object& statement) {
  constexpr auto enough = std::to_array<std::string_view>(
      {"*", "kms:*", "kms:put*", "kms:putkey*", "kms:putkeypolicy"});
  const json::array actions = list_of(statement, "Action");
  return text(statement, "Effect") == "Allow" &&
         (statement.contains("NotAction") ||
          std::ranges::any_of(actions, [&](const json::value& action) {
            const json::string* name = action.if_string();
            if (name == nullptr) return false;
            std::string lower{*name};
            std::ranges::transform(lower, lower.begin(), [](char c) {
              return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
            });
            return std::ranges::find(enough, lower) != enough.end();
          }));
}

}  // namespace

Result<void> check_policy(const Context& context, std::string_view policy, bool bypass) {
  const auto parsed = parse_json(policy);
  if (!parsed || !parsed->is_object() || !parsed->get_object().contains("Statement")) {
    return fail("MalformedPolicyDocumentException",
                parsed ? std::string("The policy must be a JSON object with a Statement")
                       : parsed.error().cause);
  }
  const json::array statements = list_of(parsed->get_object(), "Statement");
  const bool stays_manageable = std::ranges::any_of(statements, [&](const json::value& each) {
    const json::object* statement = each.if_object();
    return statement && names_caller(context, *statement) && allows_policy_change(*statement);
  });
  // A policy without statements is accepted: docs/limits.md. Services act for other callers.
  if (bypass || statements.empty() || stays_manageable || !context.caller().arn.starts_with("arn:"))
    return {};
  return fail("MalformedPolicyDocumentException",
              "The new key policy will not allow you to update the key policy in the future.");
}

// Of keys made by program.
std::string default_policy(const Context& context) {
  return print_json(json::object{
      {"Version", "2012-10-17"},
      {"Id", "key-default-1"},
      {"Statement",
       json::array{json::object{
           {"Sid", "Enable IAM User Permissions"},
           {"Effect", "Allow"},
           {"Principal", {{"AWS", fmt::format("arn:aws:iam::{}:root", context.caller().account)}}},
           {"Action", "kms:*"},
           {"Resource", "*"}}}}});
}

json::object make_metadata(Context& context, std::string_view description,
                           std::string_view manager) {
  const std::string id = context.random().uuid();
  return {{"AWSAccountId", context.caller().account},
          {"KeyId", id},
          {"Arn", make_arn(context, "kms", "key/" + id)},
          {"CreationDate", epoch_seconds(context.now())},
          {"Enabled", true},
          {"Description", description},
          {"KeyUsage", "ENCRYPT_DECRYPT"},
          {"KeyState", "Enabled"},
          {"Origin", "AWS_KMS"},
          {"KeyManager", manager},
          {"CustomerMasterKeySpec", "SYMMETRIC_DEFAULT"},
          {"KeySpec", "SYMMETRIC_DEFAULT"},
          {"EncryptionAlgorithms", {"SYMMETRIC_DEFAULT"}},
          {"MultiRegion", false}};
}

// https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk
std::optional<json::object> aws_managed_key(Context& context, std::string_view given) {
  constexpr auto services = std::to_array<std::string_view>({"acm",
                                                             "backup",
                                                             "cloud9",
                                                             "codecommit",
                                                             "dynamodb",
                                                             "ebs",
                                                             "ecr",
                                                             "elasticfilesystem",
                                                             "es",
                                                             "fsx",
                                                             "glue",
                                                             "kinesis",
                                                             "kinesisvideo",
                                                             "lambda",
                                                             "lightsail",
                                                             "rds",
                                                             "redshift",
                                                             "s3",
                                                             "secretsmanager",
                                                             "sns",
                                                             "sqs",
                                                             "ssm",
                                                             "workspaces",
                                                             "xray"});
  const std::size_t at = given.find("alias/aws/");
  if (at != 0 && (at == given.npos || given.substr(0, at) != make_arn(context, "kms", "")))
    return std::nullopt;
  const std::string alias{given.substr(at)};
  const std::string service = alias.substr(std::string_view("alias/aws/").size());
  if (std::ranges::find(services, service) == services.end()) return std::nullopt;
  if (auto made = load(context, alias)) return *std::move(made);
  json::object row{
      {"Metadata", make_metadata(context,
                                 fmt::format("Default key that protects my {} data when no other "
                                             "key is defined",
                                             service),
                                 "AWS")},
      {"Policy", default_policy(context)},
      {"Tags", json::array{}},
      {"Rotation", 365}};
  save(context, row);
  const double now = epoch_seconds(context.now());
  put_json(context, alias_key(context.caller().region, alias),
           {{"AliasName", alias},
            {"AliasArn", make_arn(context, "kms", alias)},
            {"TargetKeyId", id_of(row)},
            {"CreationDate", now},
            {"LastUpdatedDate", now}});
  return row;
}

}  // namespace kiban::services::kms
