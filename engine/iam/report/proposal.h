// Policies as narrow as what was seen: the proposal of `kiban iam report`.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "iam/report/resources.h"
#include "iam/report/usage.h"

namespace kiban::iam::report {

// The proposed form of a statement.
struct Edit {
  std::size_t statement{0};
  bool dropped{false};
  std::vector<std::string> actions{};         // All that stay; where a wildcard was, those seen.
  std::vector<std::size_t> kept_resources{};  // Places in the list of the statement.
  std::vector<std::string> seen_resources{};  // Instead of what a wildcard stood for.
  bool changed{false};
};

struct Proposal {
  PolicyText policy{};               // As it is.
  std::vector<Edit> edits{};         // One for each statement.
  std::vector<std::string> words{};  // What changes; empty: nothing.
  // The proposed document; nullopt: nothing of the policy was used, so it goes.
  std::optional<json::object> document{};
};

// For each policy of the role that can be changed. Deny statements and those with NotAction or
// NotResource stay as they are.
std::vector<Proposal> propose(const RolePolicies& role, const RoleUse& use);

// The same edits on the document as a template writes it, with its intrinsic functions. nullopt:
// its statements are not those of the policy, one by one.
std::optional<json::object> edit_template(const Proposal& proposal, const json::object& document,
                                          const std::string& stack, const Resources& resources);

// The policy document of an AWS::IAM::Policy, or of a role's Policies, in a template: where it is
// and what it holds.
struct TemplatePolicy {
  std::string place{};  // "LOGICAL_ID.Properties.PolicyDocument"
  json::object document{};
};
std::optional<TemplatePolicy> find_in_template(const json::object& tree,
                                               const std::string& role_logical_id,
                                               const std::string& policy_name);

// The proposed policies as TypeScript of aws-cdk-lib.
std::string cdk_of(const Proposal& proposal, const std::string& role_place,
                   const Resources& resources);

}  // namespace kiban::iam::report
