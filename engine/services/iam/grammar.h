// The grammar of IAM's policies, as far as IAM refuses to store what breaks it.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
#pragma once

#include <string_view>

#include "core/result.h"

namespace kiban::services::iam {

// Of a role or a managed policy: what is allowed on what. Error MalformedPolicyDocumentException,
// with AWS's text. An empty list of statements passes, unlike there (docs/limits.md).
Result<void> check_identity_policy(std::string_view document);
// Who may assume a role. The same error.
Result<void> check_trust_policy(std::string_view document);

}  // namespace kiban::services::iam
