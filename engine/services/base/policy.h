// Policies as services keep them: engine/iam reads and checks them.
#pragma once

#include "core/json.h"
#include "iam/grammar.h"

namespace kiban::services {

using kiban::iam::listed;
using kiban::iam::PolicyKind;
using kiban::iam::read_policy;
using kiban::iam::statements_of;

// Whether a bucket's policy lets everyone in: a statement that allows every principal without a
// condition that binds it to fixed values.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html#access-control-block-public-access-policy-status
bool is_public(const json::object& policy);

}  // namespace kiban::services
