#include "iam/report/explanation.h"

#include <fmt/format.h>

#include "core/arn.h"
#include "core/letters.h"
#include "iam/report/words.h"

namespace kiban::iam::report {

namespace {

// Keys that narrow what an action may do where its resource does not.
json::object condition_of(const Record& record) {
  if (const std::string service = record.key("iam:PassedToService");
      same_letters(record.action, "iam:PassRole") && !service.empty())
    return {{"StringEquals", {{"iam:PassedToService", service}}}};
  if (const std::string cluster = record.key("ecs:cluster");
      record.resource == "*" && !cluster.empty())
    return {{"ArnEquals", {{"ecs:cluster", cluster}}}};
  return {};
}

json::object statement_for(const Record& record) {
  json::object statement{{"Effect", "Allow"},
                         {"Action", record.action},
                         {"Resource", lasting_resource(record.resource)}};
  json::object condition = condition_of(record);
  if (!condition.empty()) statement["Condition"] = std::move(condition);
  return statement;
}

bool is_service(const std::string& principal) { return !principal.starts_with("arn:"); }

// A statement of the resource's policy, which says for whom it is; a service only on behalf of the
// resource that it served: docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
json::object resource_statement(const Record& record) {
  json::object statement = statement_for(record);
  statement["Resource"] = record.resource;
  statement["Principal"] =
      json::object{{is_service(record.principal) ? "Service" : "AWS", record.principal}};
  const std::string source = record.key("aws:SourceArn");
  if (is_service(record.principal) && !source.empty())
    statement["Condition"] = {{"ArnEquals", {{"aws:SourceArn", source}}}};
  if (same_letters(record.action, "sts:AssumeRole")) statement.erase("Resource");
  return statement;
}

std::string comment_of(const std::string& arn, const Resources& resources) {
  const Resource* resource = resources.find(arn);
  return resource == nullptr ? arn : fmt::format("{} ({})", resource->place(), resource->type);
}

std::string added(std::string_view variable, std::string_view method, const json::object& statement,
                  const std::string& of_what, const Resources& resources) {
  return fmt::format("// {}\n{}.{}({});", of_what, variable, method,
                     cdk_statement(statement, resources));
}

Fix identity_fix(const Record& record, const Resources& resources) {
  const bool user = record.principal.find(":user/") != std::string::npos;
  const json::object statement = statement_for(record);
  Fix fix{.where = fmt::format("a policy of {}", record.principal), .statement = statement};
  fix.cdk = added(user ? "user" : "role", "addToPrincipalPolicy", statement,
                  comment_of(record.principal, resources), resources);
  if (const std::string_view grant = grant_for(record.action); !grant.empty() && !user)
    fix.cdk += fmt::format("\n// A grant of the CDK holds it too: {}", grant);
  return fix;
}

Fix resource_fix(const Record& record, const Resources& resources) {
  const json::object statement = resource_statement(record);
  const bool trust = same_letters(record.action, "sts:AssumeRole");
  return {.where = trust ? fmt::format("the trust policy of {}", record.resource)
                         : fmt::format("the policy of the resource {}", record.resource),
          .statement = statement,
          .cdk = added(trust ? "role.assumeRolePolicy!" : "resource",
                       trust ? "addStatements" : "addToResourcePolicy", statement,
                       comment_of(record.resource, resources), resources)};
}

std::string named(const StatementRef& statement) {
  return fmt::format("statement {}{} of {}", statement.index,
                     statement.sid.empty() ? "" : fmt::format(" ({})", statement.sid),
                     statement.policy);
}

bool of_another_account(const Record& record) {
  const auto principal = parse_arn(record.principal);
  const auto resource = parse_arn(record.resource);
  return principal && resource && !resource->account.empty() &&
         principal->account != resource->account;
}

// Which of both policies gets the statement. Within an account one suffices, and that is the
// identity's; services have none, and for roles to assume and KMS keys the resource's policy rules.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
bool resource_rules(const Record& record) {
  return is_service(record.principal) || same_letters(record.action, "sts:AssumeRole") ||
         lower_case(record.action).starts_with("kms:");
}
bool needs_identity(const Record& record) {
  return record.lacks("identity") && (!resource_rules(record) || of_another_account(record));
}
bool needs_resource(const Record& record) {
  return record.lacks("resource") &&
         (resource_rules(record) || of_another_account(record) || !record.lacks("identity"));
}

void explain_implicit(const Record& record, const Resources& resources, Explanation& to) {
  if (record.lacks("boundary")) {
    to.reasons.push_back(
        fmt::format("No statement of the permissions boundary allows {}.", record.action));
    to.fixes.push_back({.where = "the permissions boundary of " + record.principal,
                        .statement = statement_for(record),
                        .cdk = added("boundary", "addStatements", statement_for(record),
                                     "The managed policy that bounds the role", resources)});
  }
  if (record.lacks("session")) {
    to.reasons.push_back(fmt::format("The session policy does not allow {}.", record.action));
    to.fixes.push_back({.where = "the policy given to AssumeRole for " + record.session,
                        .statement = statement_for(record)});
  }
  if (needs_identity(record)) {
    to.reasons.push_back(fmt::format("No policy of {} allows {} on {}.", record.principal,
                                     record.action, record.resource));
    to.fixes.push_back(identity_fix(record, resources));
  }
  if (needs_resource(record)) {
    to.reasons.push_back(fmt::format("The policy of {} does not allow {} to {}.", record.resource,
                                     record.action, record.principal));
    to.fixes.push_back(resource_fix(record, resources));
  }
  for (const StatementRef& statement : record.statements)
    to.reasons.push_back(fmt::format("It would be allowed by {}.", named(statement)));
}

}  // namespace

Explanation explain(const Record& record, const Resources& resources) {
  Explanation out;
  if (record.verdict == "ImplicitlyDenied") {
    explain_implicit(record, resources, out);
    return out;
  }
  for (const StatementRef& statement : record.statements)
    out.reasons.push_back(
        record.allowed() ? fmt::format("Allowed by {}.", named(statement))
                         : fmt::format("Denied by {}: no allow overrules it, so that statement "
                                       "must change.",
                                       named(statement)));
  if (record.allowed() && record.statements.empty())
    out.reasons.emplace_back("No policy was needed: the account's root, or kiban's own call.");
  return out;
}

}  // namespace kiban::iam::report
