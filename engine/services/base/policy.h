// The grammar of IAM policies, as services check it before they keep a policy.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
#pragma once

#include <cstdint>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace kiban::services {

enum class PolicyKind : std::uint8_t {
  Identity,  // Of a role: no principal, resources required.
  Trust,     // Of who may assume a role: principals, STS's AssumeRole actions, no resources.
  Resource,  // Of a bucket: principals and resources.
};

// The policy as a tree, or what is wrong with it in AWS's words; `error` is the service's name for
// that: MalformedPolicyDocument, MalformedPolicy. Principals are checked for their form, not for
// being there.
Result<json::object> read_policy(std::string_view document, PolicyKind kind,
                                 std::string_view error);

// A member of a statement that may be one value or a list of them.
json::array listed(const json::object& statement, std::string_view member);
// The statements of a policy, which may be one.
json::array statements_of(const json::object& policy);

// Whether a bucket's policy lets everyone in: a statement that allows every principal without a
// condition that binds it to fixed values.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
bool is_public(const json::object& policy);

}  // namespace kiban::services
