// AWS IAM: roles, their inline policies, managed policies, the policy simulator.
// https://docs.aws.amazon.com/IAM/latest/APIReference/welcome.html
//
// Documents are kept as given and returned percent-encoded (RFC 3986), as IAM does. AWS's own
// managed policies (arn:aws:iam::aws:policy/…) may all be attached; managed_policies.h has the
// documents of those that templates commonly attach. A decision or a simulation that needs another
// one says that its document is not known. The kernel's authoriser decides requests by the policies
// of roles (policies_of), the simulator by engine/iam.
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::iam {

std::unique_ptr<Service> make_iam();

}  // namespace kiban::services::iam
