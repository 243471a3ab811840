// AWS IAM: users, groups, roles, their inline policies, access keys, managed policies, the policy
// simulator.
// https://docs.aws.amazon.com/IAM/latest/APIReference/welcome.html
//
// Documents are kept as given and returned percent-encoded (RFC 3986), as IAM does. AWS's own
// managed policies (arn:aws:iam::aws:policy/…) may be attached; their documents are not here.
// Requests are not decided by policies yet: see the kernel's authoriser. The simulator does decide,
// by engine/iam; an identity with a policy of AWS's attached is answered InvalidInputException.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::iam {

std::unique_ptr<Service> make_iam();

}  // namespace kiban::services::iam
