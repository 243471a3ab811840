// AWS KMS: symmetric keys as records, their aliases, policies, tags and deletion (docs/records.md).
// A key has no material: Encrypt, Decrypt and GenerateDataKey are not served.
// https://docs.aws.amazon.com/kms/latest/APIReference/Welcome.html
#pragma once

#include <memory>

#include "services/base/service.h"

namespace kiban::services::kms {

std::unique_ptr<Service> make_kms();

}  // namespace kiban::services::kms
