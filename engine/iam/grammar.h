// The grammar of policies, and what AWS's services refuse documents with.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
#pragma once

#include <cstdint>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace kiban::iam {

enum class PolicyKind : std::uint8_t {
  Identity,    // Of a user or a role, a boundary, of a session: no principal, resources required.
  Trust,       // A role's trust policy: principals, STS's AssumeRole actions, no resources.
  Bucket,      // Of a bucket: principals, actions of S3, resources.
  Resource,    // Of another resource: principals and resources.
  Repository,  // Of an ECR repository: principals; resources may be left out.
};

// The policy as a tree, or its fault in AWS's words; `error` is the service's name of the error:
// MalformedPolicyDocument, MalformedPolicy. Principals are checked for their form, not for their
// existence. A document without statements is accepted for Identity only.
Result<json::object> read_policy(std::string_view document, PolicyKind kind,
                                 std::string_view error);
// The same of a document that was parsed.
Result<void> check_policy(const json::object& policy, PolicyKind kind, std::string_view error);

// A member of a statement that may be one value or a list of them.
json::array listed(const json::object& statement, std::string_view member);
// The statements of a policy, which may be one.
json::array statements_of(const json::object& policy);

}  // namespace kiban::iam
