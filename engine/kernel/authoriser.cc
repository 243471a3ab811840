#include "kernel/authoriser.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "core/arn.h"
#include "kernel/refusal.h"

namespace kiban::kernel {

namespace {

using services::AccessRequest;
using services::Caller;
using services::ConditionKey;
using services::Context;
using services::ResourceAccess;

constexpr std::size_t roles_seen_max = 1'000;
constexpr std::size_t documents_max = 2'000;

// How the service that keeps_policies() is asked for an identity; empty: it has no policies.
std::string identity_name(const iam::Requester& requester) {
  if (requester.type == iam::Requester::Type::Session ||
      requester.type == iam::Requester::Type::Role)
    return requester.role;
  if (requester.type != iam::Requester::Type::User) return {};
  return fmt::format("user/{}", requester.name.substr(requester.name.rfind('/') + 1));
}

std::string role_name(std::string_view arn) { return std::string(arn.substr(arn.rfind('/') + 1)); }

bool is_service(std::string_view arn) { return arn.ends_with(".amazonaws.com"); }

iam::Requester requester_of(const std::string& arn) {
  if (is_service(arn)) return {.type = iam::Requester::Type::Service, .name = arn};
  auto requester = iam::parse_requester(json::value(arn));
  if (requester) return *std::move(requester);
  return {.type = iam::Requester::Type::Anonymous, .name = arn};
}

std::string account_of(std::string_view arn) {
  const auto parsed = parse_arn(arn);
  return parsed ? parsed->account : std::string{};
}

// The root may change a bucket's policy whatever that says:
// docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html
bool is_way_out(std::string_view action) {
  return action == "s3:GetBucketPolicy" || action == "s3:PutBucketPolicy" ||
         action == "s3:DeleteBucketPolicy";
}

// Whose resource an ARN names: our folder of the service.
std::string_view folder_of(std::string_view arn_service) {
  if (arn_service == "elasticloadbalancing") return "elbv2";
  if (arn_service == "application-autoscaling") return "applicationautoscaling";
  return arn_service;
}

// Keys that follow from the caller and the time:
// docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
// aws:SourceIp and aws:MultiFactorAuthPresent are never there. Calls count as made by TLS, which
// AWS's endpoints always are.
std::vector<ConditionKey> caller_keys(const Caller& caller, const iam::Requester& requester) {
  std::vector<ConditionKey> keys;
  const auto add = [&](std::string name, std::string value) {
    if (!value.empty()) keys.push_back({.name = std::move(name), .values = {std::move(value)}});
  };
  // Only what a service calls has a source, not what a session does that a service assumed.
  const bool service = requester.type == iam::Requester::Type::Service;
  if (service) {
    add("aws:SourceArn", caller.source_arn);
    std::string owner = account_of(caller.source_arn);
    if (owner.size() != 12) owner = caller.account;  // An S3 bucket's ARN has none.
    add("aws:SourceAccount", owner);
  }
  if (service) add("aws:PrincipalServiceName", caller.arn);
  if (requester.type == iam::Requester::Type::User) add("aws:username", role_name(caller.arn));
  // Of SNS's default topic policy: alarms may publish to topics of their account.
  if (caller.arn == "cloudwatch.amazonaws.com") add("aws:SourceOwner", caller.account);
  return keys;
}

void set_constant_keys(iam::Context& into, const Context& context, const Caller& caller,
                       const iam::Requester& requester) {
  const bool service = requester.type == iam::Requester::Type::Service;
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(context.now().time_since_epoch()).count();
  into.set("aws:CurrentTime", {std::to_string(seconds)});
  into.set("aws:EpochTime", {std::to_string(seconds)});
  into.set("aws:SecureTransport", {"true"});
  into.set("aws:RequestedRegion", {caller.region});
  into.set("aws:PrincipalIsAWSService", {service ? "true" : "false"});
  into.set("aws:ViaAWSService", {"false"});
  if (service) return;
  into.set("aws:PrincipalAccount", {caller.account});
  const bool root = requester.type == iam::Requester::Type::Root;
  const bool user = requester.type == iam::Requester::Type::User;
  into.set("aws:PrincipalType", {root ? "Account" : user ? "User" : "AssumedRole"});
}

}  // namespace

// Policies that apply to one request, with their names.
struct Authoriser::Applied {
  std::vector<Named> identity{};
  std::vector<Named> boundaries{};
  std::vector<Named> session{};
  std::shared_ptr<const iam::Policy> resource{};
  std::string resource_name{};
  std::string who{};  // As the message names the caller.
};

std::shared_ptr<const iam::Policy> Authoriser::compiled(const std::string& document,
                                                        iam::PolicyKind kind) {
  if (document.empty()) return nullptr;
  const std::string key = fmt::format("{}{}", static_cast<int>(kind), document);
  if (const auto found = documents_.find(key); found != documents_.end()) return found->second;
  auto policy = iam::Policy::compile(document, kind);
  // A document that was stored before its grammar was checked allows nothing.
  auto shared = policy ? std::make_shared<const iam::Policy>(*std::move(policy)) : nullptr;
  if (documents_.size() >= documents_max) documents_.clear();
  documents_.emplace(key, shared);
  return shared;
}

Authoriser::Named Authoriser::named(const services::NamedPolicy& policy, iam::PolicyKind kind) {
  return {.name = policy.name, .policy = compiled(policy.document, kind)};
}

std::shared_ptr<const Authoriser::Role> Authoriser::role(const Context& context,
                                                         const std::string& name) {
  if (roles_ == nullptr) return nullptr;
  if (const auto found = roles_seen_.find(name); found != roles_seen_.end()) return found->second;
  std::shared_ptr<Role> made;
  if (auto source = roles_->policies_of(context, name)) {
    made = std::make_shared<Role>();
    made->source = *std::move(source);
    for (const services::NamedPolicy& each : made->source.identity)
      made->identity.push_back(named(each, iam::PolicyKind::Identity));
    for (const services::NamedPolicy& each : made->source.boundaries)
      made->boundaries.push_back(named(each, iam::PolicyKind::Identity));
  }
  if (roles_seen_.size() >= roles_seen_max) roles_seen_.clear();
  roles_seen_.emplace(name, made);
  return made;
}

ResourceAccess Authoriser::resource(const Context& context, std::string_view arn) {
  const auto parsed = arn == "*" ? Result<Arn>(fail("InvalidArn", "")) : parse_arn(arn);
  if (!parsed) return {.arn = std::string(arn)};
  const auto found = by_name_.find(folder_of(parsed->service));
  if (found == by_name_.end()) return {.arn = std::string(arn)};
  return found->second->describe_resource(context, arn);
}

DecisionRecord Authoriser::evaluate(iam::Request& request, const Applied& applied,
                                    DecisionRecord record) {
  iam::Policies policies{.resource = applied.resource.get()};
  // A position in `policies` is one in `applied` too: an unknown document allows nothing.
  static const iam::Policy nothing{};
  const auto fill = [](const std::vector<Named>& from, std::vector<const iam::Policy*>& into) {
    for (const Named& each : from) into.push_back(each.policy ? each.policy.get() : &nothing);
  };
  fill(applied.identity, policies.identity);
  fill(applied.boundaries, policies.boundaries);
  fill(applied.session, policies.session);
  const auto decided = iam::decide(request, policies, budget_);
  const iam::Decision decision = decided.value_or(iam::Decision{});
  record.verdict = decision.verdict;
  const auto name_of = [&](const iam::Match& match) -> std::string {
    switch (match.source) {
      case iam::Source::Resource:
        return "resource:" + applied.resource_name;
      case iam::Source::Boundary:
        return "boundary:" + applied.boundaries[match.policy].name;
      case iam::Source::Session:
        return "session";
      default:
        return applied.identity[match.policy].name;
    }
  };
  for (const iam::Match& match : decision.statements)
    record.statements.push_back({.policy = name_of(match),
                                 .index = match.statement,
                                 .sid = match.found->sid().value_or("")});
  if (record.verdict == iam::Verdict::ImplicitlyDenied) {
    if (decision.missing.identity) record.missing.emplace_back("identity");
    if (decision.missing.resource) record.missing.emplace_back("resource");
    if (decision.missing.boundary) record.missing.emplace_back("boundary");
    if (decision.missing.session) record.missing.emplace_back("session");
  }
  if (record.verdict == iam::Verdict::Allowed) return record;
  record.text = denial_text(applied.who, record, decision);
  if (!decided) record.text += ": " + decided.error().cause;
  if (record.verdict == iam::Verdict::ImplicitlyDenied)
    for (const std::vector<Named>* list :
         {&applied.identity, &applied.boundaries, &applied.session})
      for (const Named& each : *list)
        if (each.policy == nullptr)
          record.text +=
              fmt::format("; kiban does not have the document of {}, which is attached", each.name);
  return record;
}

void Authoriser::add_identity(const Role* identity, const Caller& caller, Applied& applied,
                              DecisionRecord& record) {
  if (identity != nullptr) {
    record.principal = identity->source.arn;
    applied.identity = identity->identity;
    applied.boundaries = identity->boundaries;
  }
  for (const std::string& document : caller.session_policies)
    applied.session.push_back(
        {.name = "session", .policy = compiled(document, iam::PolicyKind::Identity)});
}

std::optional<DecisionRecord> Authoriser::decide(const Context& context, const Caller& caller,
                                                 const AccessRequest& asked, bool strict) {
  iam::Request request{.requester = requester_of(caller.arn), .action = asked.action};
  const iam::Requester& requester = request.requester;
  Applied applied{.who = caller.arn};
  DecisionRecord record{.time = context.now(),
                        .principal = caller.arn,
                        .acts_for = caller.acts_for,
                        .access_key_id = caller.access_key_id,
                        .action = asked.action};
  std::shared_ptr<const Role> identity;
  if (const std::string name = identity_name(requester); !name.empty()) {
    identity = role(context, name);
    if (!identity && !strict) return std::nullopt;
    if (requester.type == iam::Requester::Type::Session) {
      record.session = caller.arn;
      record.principal = fmt::format("arn:aws:iam::{}:role/{}", requester.account, requester.role);
    }
    add_identity(identity.get(), caller, applied, record);
  }
  ResourceAccess target = resource(context, asked.resource);
  record.resource = request.resource = target.arn;
  request.resource_account = asked.resource_account;
  const std::string& document =
      asked.resource_policy.empty() ? target.policy : asked.resource_policy;
  applied.resource =
      compiled(document, asked.action.starts_with("ecr:") ? iam::PolicyKind::Repository
                                                          : iam::PolicyKind::Resource);
  applied.resource_name = target.arn;
  record.keys = asked.keys;
  for (ConditionKey& key : record.keys)  // ARNs in full: the task definition with its revision.
    for (std::string& value : key.values)
      if (value.starts_with("arn:") && !key.name.starts_with("aws:"))
        value = resource(context, value).arn;
  for (ConditionKey& key : caller_keys(caller, requester)) record.keys.push_back(std::move(key));
  for (const auto& [key, value] : target.tags)
    record.keys.push_back({.name = "aws:ResourceTag/" + key, .values = {value}});
  if (identity)
    for (const auto& [key, value] : identity->source.tags)
      record.keys.push_back({.name = "aws:PrincipalTag/" + key, .values = {value}});
  if (requester.type != iam::Requester::Type::Service)
    record.keys.push_back({.name = "aws:PrincipalArn", .values = {record.principal}});
  // Only a policy of the resource limits the root.
  if (requester.type == iam::Requester::Type::Root &&
      (!applied.resource || is_way_out(asked.action)))
    return record;
  set_constant_keys(request.context, context, caller, requester);
  if (target.arn != "*") {
    std::string owner =
        asked.resource_account.empty() ? account_of(target.arn) : asked.resource_account;
    if (owner.size() != 12) owner = caller.account;  // A bucket's ARN has none.
    request.context.set("aws:ResourceAccount", {std::move(owner)});
  }
  for (const ConditionKey& key : record.keys) request.context.set(key.name, key.values);
  return evaluate(request, applied, std::move(record));
}

DecisionRecord Authoriser::assume(const Context& context, const services::RoleRequest& asked) {
  const std::string name = role_name(asked.role_arn);
  iam::Request request{.requester = requester_of(asked.principal),
                       .action = "sts:AssumeRole",
                       .resource = asked.role_arn};
  Applied applied{.resource_name = asked.role_arn, .who = asked.principal};
  DecisionRecord record{.time = context.now(),
                        .principal = asked.principal,
                        .acts_for = asked.acts_for,
                        .action = "sts:AssumeRole",
                        .resource = asked.role_arn,
                        .keys = asked.keys};
  const std::shared_ptr<const Role> wanted = role(context, name);
  if (wanted && wanted->source.arn == asked.role_arn)
    applied.resource = compiled(wanted->source.trust.document, iam::PolicyKind::Trust);
  const Caller& caller = context.caller();
  Caller asking = caller;
  asking.arn = asked.principal;
  asking.source_arn = asked.source_arn;
  // A user or a session needs permission of its own, unless the trust policy names it itself.
  if (const std::string own = identity_name(request.requester); !own.empty()) {
    if (request.requester.type == iam::Requester::Type::Session) record.session = asked.principal;
    add_identity(role(context, own).get(), caller, applied, record);
  }
  for (ConditionKey& key : caller_keys(asking, request.requester))
    record.keys.push_back(std::move(key));
  if (request.requester.type != iam::Requester::Type::Service)
    record.keys.push_back({.name = "aws:PrincipalArn", .values = {record.principal}});
  record.keys.push_back({.name = "sts:RoleSessionName", .values = {asked.session_name}});
  if (wanted)
    for (const auto& [key, value] : wanted->source.tags)
      record.keys.push_back({.name = "aws:ResourceTag/" + key, .values = {value}});
  set_constant_keys(request.context, context, asking, request.requester);
  for (const ConditionKey& key : record.keys) request.context.set(key.name, key.values);
  return evaluate(request, applied, std::move(record));
}

}  // namespace kiban::kernel
